#!/usr/bin/env python3
"""Sender and receiver are killed at their system calls, counted by strace, and started again. PAXECT_TEST_LONG=1 takes every
call; otherwise they are sampled."""
import os
import shutil
import sys
import unittest

import rig

# Calls that change something on disk or on the network, and the step between the points that the short run takes. strace
# counts those of each thread by themselves.
SENDS = "sendto,send,sendmsg,writev"
CALLS = [("renameat2,renameat,rename", 2), ("unlinkat,unlink", 3), ("fsync,fdatasync,syncfs", 7), ("write,pwrite64", 40), ("openat,open", 50),
         (SENDS, 20), ("mkdir,mkdirat,flock,ftruncate", 3)]
ERRORS = ("EIO", "ENOSPC")


class Crash(unittest.TestCase):
    def site(self, site):
        server = site.server().start().ready()
        north = site.node("north", "send", server.url, carrier="scan_ms = 20").start()
        south = site.node("south", "receive", server.url, carrier="scan_ms = 20").start()
        site.take()
        site.send_many(north, 2)
        site.await_arrival()
        return north, south

    def at_every_call(self, choose, fault, while_running, groups=CALLS):
        with rig.Site() as site:
            north, south = self.site(site)
            victim = choose(north, south)
            points = 0
            for calls, step in groups:
                if fault.startswith("error"):
                    calls = calls.removeprefix("write,")  # an eventfd is written by write, and never fails
                for when in range(1, 2000, 1 if rig.LONG else step):
                    victim.kill()
                    trace = victim.place / "trace"
                    trace.unlink(missing_ok=True)
                    victim.carrier.traced(calls, f"{fault}:when={when}", trace)
                    site.send_many(north, 3, prefix=f"{calls[:5]}{when}_", sizes=(5, 700_000, 100))
                    done = rig.wait_for(lambda: f"{fault} at call {when} of {calls}", lambda: while_running(site, victim, trace))
                    victim.kill()
                    victim.carrier.start()
                    site.await_arrival()
                    if done == "no such call":
                        break
                    points += 1
            self.assertGreater(points, 10 * len(groups) / len(CALLS))
            return victim.carrier.text()

    @staticmethod
    def killed(site, victim, _):
        if not victim.carrier.running():
            return "killed"
        return "no such call" if site.arrived() else None

    @staticmethod
    def failed(site, victim, trace):
        if not victim.carrier.running():
            return "ended"
        if site.arrived():
            return "failed" if "(INJECTED)" in trace.read_text(errors="replace") else "no such call"
        return None

    def test_a_sender_that_is_killed_at_any_call(self):
        self.at_every_call(lambda north, _: north, "signal=KILL", self.killed)

    def test_a_receiver_that_is_killed_at_any_call(self):
        self.at_every_call(lambda _, south: south, "signal=KILL", self.killed)

    @staticmethod
    def removed(site, sender):
        if not sender.carrier.running():
            return "killed"
        left = [name for name in os.listdir(sender.folder) if not name.startswith(".paxect-carrier-")]
        return "no such call" if site.arrived() and not left else None

    def test_a_sender_that_is_killed_while_it_removes_leaves_nothing(self):
        """At each removal of a name: also between the hidden name of a sidecar and its end."""
        with rig.Site() as site:
            north, _ = self.site(site)
            for when in range(1, 100):
                north.kill()
                trace = north.place / "trace"
                trace.unlink(missing_ok=True)
                north.carrier.traced("unlinkat,unlink", f"signal=KILL:when={when}", trace)
                site.send_many(north, 1, prefix=f"r{when}_", sizes=(5,))
                done = rig.wait_for(f"a kill at removal {when}", lambda: self.removed(site, north))
                north.kill()
                north.carrier.start()
                site.await_arrival()
                rig.wait_for(lambda: f"an empty folder after removal {when}: {rig.visible(north.folder)}", lambda: not rig.visible(north.folder))
                if done == "no such call":
                    break
            self.assertGreater(when, 2)

    def test_a_write_to_the_server_that_fails(self):
        """What the server knows is not known any more: a subscription may be lost, or half a message be there."""
        for number in range(2):
            text = self.at_every_call(lambda *nodes, number=number: nodes[number], "error=EIO", self.failed, [(SENDS, 4)])
            self.assertRegex(text, "sending to the server [^ ]* failed: connecting again")

    @unittest.skipUnless(rig.LONG, "PAXECT_TEST_LONG=1 takes some minutes")
    def test_a_sender_whose_calls_fail(self):
        for error in ERRORS:
            self.at_every_call(lambda north, _: north, f"error={error}", self.failed)

    @unittest.skipUnless(rig.LONG, "PAXECT_TEST_LONG=1 takes some minutes")
    def test_a_receiver_whose_calls_fail(self):
        for error in ERRORS:
            self.at_every_call(lambda _, south: south, f"error={error}", self.failed)

    def test_a_thread_that_cannot_be_had(self):
        """Of each start one attempt to make a thread fails. It ends with a status, or goes on by itself."""
        with rig.Site() as site:
            north, south = self.site(site)
            for victim in (north, south):
                for when in range(1, 100, 1 if rig.LONG else 2):
                    victim.kill()
                    trace = victim.place / "trace"
                    trace.unlink(missing_ok=True)
                    victim.carrier.traced("clone3,clone", f"error=EAGAIN:when={when}", trace)
                    site.send_many(north, 2, prefix=f"{victim.name}{when}_", sizes=(5, 700_000))
                    done = rig.wait_for(f"thread {when} of {victim.name}", lambda victim=victim, trace=trace: self.failed(site, victim, trace))
                    if done == "ended":
                        self.assertGreater(victim.carrier.process.returncode, 0, victim.carrier.text()[-2000:])
                        victim.carrier.start()
                        site.await_arrival()
                    if done == "no such call":
                        break
                self.assertGreater(when, 3)

    def test_memory_that_runs_out(self):
        """With an address space that is too small, it ends with a status or reports; with more it goes on."""
        with rig.Site() as site:
            north, south = self.site(site)
            for victim in (north, south):
                reached = False
                for limit in range(16, 1200, 8 if rig.LONG else 32):
                    victim.kill()
                    before = len(victim.carrier.text())
                    victim.carrier.start(["prlimit", f"--as={limit << 20}"])
                    site.send_many(north, 2, prefix=f"{victim.name}{limit}_", sizes=(5, 2_000_000))

                    def seen(victim=victim, before=before):
                        if not victim.carrier.running():
                            return "ended"
                        if site.arrived():
                            return "arrived"
                        return "reported" if "cannot" in victim.carrier.text()[before:] or "no connection" in victim.carrier.text()[before:] else None
                    done = rig.wait_for(f"{victim.name} with {limit} MiB", seen)
                    if done == "ended":
                        self.assertGreater(victim.carrier.process.returncode, 0, victim.carrier.text()[-2000:])
                    reached = done == "arrived"
                    if reached:
                        break
                    victim.kill()
                    victim.carrier.start()
                    site.await_arrival()
                self.assertTrue(reached)


if __name__ == "__main__":
    if not shutil.which("strace"):
        print("skipped: there is no strace: apt-get install strace")
        sys.exit(1 if rig.REQUIRED else rig.SKIPPED)
    rig.main()
