#!/usr/bin/env python3
"""Ends that are stopped, stand still or are started twice in the middle of their work; and in which order a receiver makes
what it delivers durable."""
import json
import os
import re
import shutil
import signal
import time
import unittest

import claims_test
import hostile_test
import network
import rig

RECEIVER = "a" * 16  # one that only the test plays


@unittest.skipUnless(shutil.which("strace"), "there is no strace: apt-get install strace")
class Flushes(unittest.TestCase):
    """What has a name, or is said to others, was durable before."""

    def traced(self, site):
        server = site.server().start().ready()
        north = site.node("north", "send", server.url).start()
        south = site.node("south", "receive", server.url)
        trace = south.place / "trace"
        # Each line when the call ends, and enough of a message to show its subject.
        south.carrier.start(["strace", "-f", "-q", "-y", "-s", "400", "-o", trace, "-e",
                             "trace=fsync,fdatasync,syncfs,renameat2,renameat,rename,sendto,send,sendmsg,writev"])
        return north, south, trace

    @staticmethod
    def calls(trace):
        """The calls that succeeded, a line each: flushes where they end, others where they begin. strace breaks off a call
        when another thread makes one."""
        lines, begun = [], {}
        for line in trace.read_text(errors="replace").splitlines():
            pid, _, call = line.partition(" ")
            if call.endswith("<unfinished ...>"):
                begun[pid] = len(lines)
                lines.append(call.removesuffix("<unfinished ...>"))
            elif "resumed>" in call and pid in begun:
                at = begun.pop(pid)
                whole = lines[at] + call.partition("resumed>")[2]
                lines[at] = ""
                if "sync" in whole.partition("(")[0]:
                    lines.append(whole)
                else:
                    lines[at] = whole
            else:
                lines.append(call)
        return [line for line in lines if "= -1" not in line]

    def in_order(self, trace, steps):
        """Each of the patterns is in a line behind that of the one before."""
        lines = self.calls(trace)
        at = -1
        for step in steps:
            found = next((i for i in range(at + 1, len(lines)) if re.search(step, lines[i])), None)
            self.assertIsNotNone(found, f"{step} does not follow {lines[at] if at >= 0 else 'the start'}:\n" + "\n".join(lines[-60:]))
            at = found

    def first(self, trace, pattern):
        lines = self.calls(trace)
        return next(i for i, line in enumerate(lines) if re.search(pattern, line))

    def test_a_container_has_its_name_and_its_receipt_after_its_flushes(self):
        with rig.Site() as site:
            north, south, trace = self.traced(site)
            site.send(north, "one.freq", site.random.randbytes(700_000))
            rig.wait_for("the receipt", lambda: not rig.visible(north.folder))
            folder = re.escape(str(south.folder))
            contents = r"f(data)?sync\(\d+<%s/\.paxect-carrier-[0-9a-f]+\.part>\)|syncfs\(\d+<%s" % (folder, folder)
            records = r"fdatasync\(\d+<.*receiver\.records>\)"
            container = r"rename\w*\(.*\.paxect-carrier-[0-9a-f]+\.part\".*\"one\.freq\""
            sidecar = r"rename\w*\(.*-s\.part\".*\"one\.freq\.sha256\""
            names = r"f(data)?sync\(\d+<%s>\)" % folder
            self.in_order(trace, [contents, records, r"PUB test\.claim\.", records, sidecar, container, names, r"PUB test\.receipt\."])
            self.assertLess(self.first(trace, contents), self.first(trace, container))
            self.assertLess(self.first(trace, sidecar), self.first(trace, container))
            self.assertLess(self.first(trace, container), self.first(trace, r"PUB test\.receipt\."))

    def test_a_list_has_its_name_and_its_receipt_after_its_flushes(self):
        with rig.Site() as site:
            north, south, trace = self.traced(site)
            (north.folder / "n.1.list").write_text("a list\n")
            rig.wait_for("the receipt", lambda: not rig.visible(north.folder))
            folder = re.escape(str(south.folder))
            renamed = r"rename\w*\(.*\.part\".*\"n\.1\.list\""
            self.in_order(trace, [r"fsync\(\d+<%s/\.paxect-carrier-[0-9a-f]+\.part>\)" % folder, renamed,
                                  r"fsync\(\d+<%s>\)" % folder, r"PUB test\.receipt\."])
            self.assertLess(self.first(trace, renamed), self.first(trace, r"PUB test\.receipt\."))


class Work(unittest.TestCase):
    def test_a_container_that_no_try_delivers_is_held_and_sent_by_the_next_process(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url, carrier="max_attempts = 2").start()
            site.send(north, "never.freq", b"data")
            for attempt in (1, 2):
                job = rig.wait_for(f"the job, {attempt}", lambda: rig.jobs(server).get("never.freq"))
                report = {"v": 1, "id": job["id"], "receiver": RECEIVER, "reason": f"damaged, {attempt}", "again": True}
                with server.client() as client:
                    client.api("STREAM.PURGE.test_job", {"filter": f"test.job.{job['id']}"})
                    client.store(f"test.report.{job['id']}", json.dumps(report).encode())
                rig.wait_for(f"report {attempt} at the sender", lambda attempt=attempt: f"damaged, {attempt}" in north.carrier.text())
            rig.wait_for("the end of the tries", lambda: "never.freq was sent 2 times and not delivered; it is sent again in an hour"
                         in north.carrier.text())

            def explained():
                found = north.command("explain", "never.freq", status=range(100))
                return found["state"] == "held" and "damaged, 2" in found["reason"]
            rig.wait_for("the state", explained)
            self.assertTrue((north.folder / "never.freq").exists())
            self.assertEqual(rig.jobs(server), {})
            north.stop()
            north.start()
            site.node("south", "receive", server.url).start()
            site.take()
            site.await_arrival()

    def test_a_receiver_whose_link_stands_still_leaves_a_backlog_to_others(self):
        """Both were away for long, and everything came in that time."""
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            site.send_many(north, 30, sizes=(5, 900))
            rig.wait_for("the jobs", lambda: len(rig.jobs(server)) == 30)
            begin = time.monotonic()
            slow = site.node("slow", "receive", server.url, carrier="backlog = 2").start()
            containers = lambda node: [name for name in rig.visible(node.folder) if name.endswith(".freq")]
            rig.wait_for("its share", lambda: len(containers(slow)) == 2)
            quick = site.node("quick", "receive", server.url).start()
            rig.wait_for("all of them", lambda: len(containers(slow)) + len(containers(quick)) == 30 and not containers(north))
            minutes = int((time.monotonic() - begin) // 60)
            self.assertLessEqual(len(containers(slow)), 2 * (minutes + 1))
            self.assertFalse(set(containers(slow)) & set(containers(quick)))

    def test_two_senders_with_one_identity_report_it_and_send_everything_once(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            site.node("south", "receive", server.url).start()
            site.take()
            site.send_many(north, 3)
            site.await_arrival()
            copy = claims_test.clone(site, north, "copy").start()
            for node in (north, copy):
                rig.wait_for(f"a report of {node.name}", lambda node=node: "the identity is used twice" in claims_test.problems(node))
                self.assertEqual(node.command("status", status=range(100))["report"]["mode"], "send")
            for turn in range(3):
                site.send_many(north, 4, prefix=f"n{turn}_")
                site.send_many(copy, 4, prefix=f"c{turn}_")
            site.await_arrival()
            copy.stop()
            site.send_many(north, 4, prefix="after")
            site.await_arrival()
            rig.wait_for("the end of the report", lambda: not claims_test.problems(north))

    def test_the_end_of_a_process_in_long_work_loses_nothing(self):
        """SIGTERM in the middle of the chunks of a large container, in the sender and in the receiver."""
        with rig.Site() as site:
            server = site.server().start().ready()
            proxies = [self.enterContext(network.Proxy(server.address)) for _ in range(2)]
            north = site.node("north", "send", f"nats://{proxies[0].address}").start()
            south = site.node("south", "receive", f"nats://{proxies[1].address}").start()
            site.take()
            for number, (node, proxy, step) in enumerate(((north, proxies[0], b".20 "), (south, proxies[1], b".20 "))):
                reached = []
                def stall(proxy=proxy, reached=reached):
                    proxy.stall()
                    reached.append(True)
                proxy.set_trap(step, stall, True)
                site.send(north, f"long{number}.freq", site.random.randbytes(1 << 20) * 100)
                rig.wait_for("the middle of it", lambda reached=reached: reached)
                node.carrier.signal(signal.SIGTERM)
                self.assertEqual(node.carrier.process.wait(rig.LIMIT), 0, node.carrier.text()[-2000:])
                self.assertFalse(site.lost())
                self.assertNotIn(f"long{number}.freq", site.taken)
                proxy.cut()
                proxy.resume()
                node.start()
                site.await_arrival(2 * rig.LIMIT)

    def test_a_receiver_that_stands_still_for_longer_than_ack_wait_delivers_nothing_twice(self):
        """Another one has taken and delivered its job when it goes on."""
        with rig.Site() as site:
            server = site.server().start().ready()
            proxy = self.enterContext(network.Proxy(server.address))
            north = site.node("north", "send", server.url).start()
            south = site.node("south", "receive", f"nats://{proxy.address}").start()
            site.take()
            site.send_many(north, 2)
            site.await_arrival()
            for turn, step in enumerate((b"DIRECT.GET.test_data", b"DIRECT.GET.test_epoch")):
                stopped = []

                def stop():
                    south.carrier.signal(signal.SIGSTOP)
                    stopped.append(True)
                proxy.set_trap(step, stop, True)
                site.send_many(north, 1, sizes=(700_000,), prefix=f"s{turn}_")
                rig.wait_for("the receiver to stand still", lambda stopped=stopped: stopped)
                west = site.node(f"west{turn}", "receive", server.url).start()
                site.await_arrival()
                west.stop()
                south.carrier.signal(signal.SIGCONT)
                site.send_many(north, 2, prefix=f"after{turn}_")
                site.await_arrival()

    def test_a_sandbox_that_is_required_is_entered_or_the_start_fails(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url, carrier="sandbox = require").start()
            south = site.node("south", "receive", server.url, carrier="sandbox = require").start()
            rig.wait_for("a connection or a refusal", lambda: not north.carrier.running() or claims_test.report(north).get("connected"))
            if not north.carrier.running():
                self.assertIn("sandbox = require, but", north.carrier.text())
                self.assertGreater(north.carrier.process.returncode, 0)
                self.assertGreater(south.carrier.process.wait(rig.LIMIT), 0)
                north.carrier.process = south.carrier.process = None
                return
            site.take()
            site.send_many(north, 6)
            site.await_arrival()


class LateClaims(unittest.TestCase):
    LIBRARY = hostile_test.Clocks.LIBRARY

    @unittest.skipIf(rig.SANITIZED or not os.path.exists(hostile_test.Clocks.LIBRARY), "no faketime for this build: apt-get install faketime")
    def test_a_claim_that_comes_too_late_is_removed_and_made_again(self):
        """The receiver stands still between its last look at the job and its claim; its clock says for how long."""
        with rig.Site() as site:
            server = site.server().start().ready()
            proxy = self.enterContext(network.Proxy(server.address))
            north = site.node("north", "send", server.url).start()
            south = site.node("south", "receive", f"nats://{proxy.address}", carrier="sandbox = off")
            clock = site.place / "clock"
            hostile_test.Clocks.follow(self, south, clock)
            south.start()
            site.take()
            site.send_many(north, 2)
            site.await_arrival()
            proxy.set_trap(b"PUB test.claim.", lambda: clock.write_text("+400"), True)
            site.send(north, "late.freq", b"data")
            site.await_arrival()
            with server.client() as client:  # the third one was removed
                self.assertEqual([message[0] for message in client.messages("test_claim")], [1, 2, 4])


class ListSteps(unittest.TestCase):
    """What the ends send in the course of a list, in this order."""
    SENDER = (b"PUB test.list.",)
    RECEIVER = (b"MSG.NEXT.test_list", b"PUB test.receipt.", b"+ACK")

    def test_a_server_that_is_killed_at_any_step_of_a_list_loses_none(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            proxies = [self.enterContext(network.Proxy(server.address)) for _ in range(2)]
            north = site.node("north", "send", f"nats://{proxies[0].address}").start()
            south = site.node("south", "receive", f"nats://{proxies[1].address}").start()
            killed = rig.threading.Event()

            def kill():
                server.kill()
                killed.set()

            def arrived(name):
                return (south.folder / name).exists() and not rig.visible(north.folder)
            (north.folder / "n.0.list").write_text("0\n")
            rig.wait_for("the first list", lambda: arrived("n.0.list"))
            number = 0
            for proxy, steps in zip(proxies, (self.SENDER, self.RECEIVER)):
                for step in steps:
                    for before in (True, False):
                        number += 1
                        killed.clear()
                        name = f"n.{number}.list"
                        proxy.set_trap(step, kill, before)
                        (north.folder / name).write_text(f"{number}\n")
                        rig.wait_for(lambda step=step: f"{step}", killed.is_set)
                        server.start().ready()
                        rig.wait_for(lambda name=name, step=step, before=before: f"{name} after {step}, {before}", lambda name=name: arrived(name))
                        self.assertEqual((south.folder / name).read_text(), f"{number}\n")


if __name__ == "__main__":
    rig.main()
