#!/usr/bin/env python3
"""Who may deliver after the server has started again: claims, the answers of senders, and what a restart of anybody changes."""
import json
import os
import shutil
import unittest

import rig

A, B = "a" * 16, "b" * 16  # two receivers that only the test plays


def job_of(server, name):
    return rig.wait_for(f"the job of {name}", lambda: rig.jobs(server).get(name))


def claim(server, job, receiver):
    """Claims the job; False when another one has."""
    with server.client() as client:
        try:
            client.store(f"test.claim.{job['id']}", json.dumps({"v": 1, "id": job["id"], "receiver": receiver}).encode())
        except rig.NatsError:
            return False
    return True


def answer(server, job, receiver=A):
    """What the senders answer to a receiver that asks about the job."""
    with server.client(limit=2) as client:
        question = {"v": 1, "id": job["id"], "sender": job["sender"], "receiver": receiver, "epoch": epoch(client)}
        return json.loads(client.request("test.ask", json.dumps(question).encode())[1])


def epoch(client):
    return client.request("$JS.API.DIRECT.GET.test_epoch.test.epoch.now")[1].decode()


def report(node):
    return node.command("status", status=range(100))["report"] or {}


def problems(node):
    return {problem["what"] for problem in report(node)["problems"]} if report(node) else set()


class Claims(unittest.TestCase):
    def held(self, site):
        """A sender whose file A has claimed, and no receiver."""
        server = site.server().start().ready()
        north = site.node("north", "send", server.url).start()
        site.send(north, "held.freq", b"data")
        job = job_of(server, "held.freq")
        self.assertTrue(claim(server, job, A))
        rig.wait_for("the holder", lambda: answer(server, job, B)["holder"] == A)
        return server, north, job

    def test_a_refused_claim_changes_nothing_after_a_restart_of_the_sender(self):
        with rig.Site() as site:
            server, north, job = self.held(site)
            north.kill()
            north.start()
            rig.wait_for("the sender", lambda: answer_or_none(server, job, B))
            self.assertFalse(claim(server, job, B))
            with server.client() as client:  # seen by the sender, taken by nobody
                client.publish(f"test.claim.{job['id']}", json.dumps({"v": 1, "id": job["id"], "receiver": B}).encode())
                client.flush()
            self.assertEqual(answer(server, job, B)["holder"], A)
            server.kill()
            server.start().ready()
            rig.wait_for("the sender", lambda: answer_or_none(server, job, B))
            self.assertEqual(answer(server, job, B)["holder"], A)

    def test_a_claim_that_was_made_while_the_sender_was_away_is_known_after_the_next_restart(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            site.send(north, "held.freq", b"data")
            job = job_of(server, "held.freq")
            north.stop()
            self.assertTrue(claim(server, job, A))
            north.start()
            rig.wait_for("the holder", lambda: (answer_or_none(server, job, B) or {}).get("holder") == A)

    def test_a_claim_that_the_operator_removes_frees_the_file(self):
        with rig.Site() as site:
            server, north, job = self.held(site)
            south = site.node("south", "receive", server.url).start()
            site.take()
            rig.wait_for("the receiver to leave it", lambda: report(south).get("left"))
            with server.client() as client:
                client.api("STREAM.PURGE.test_claim", {"filter": f"test.claim.{job['id']}"})
            site.await_arrival()


def clone(site, node, name):
    """A node with a copy of the folder and of the state of another one, which runs or not."""
    copy = site.node(name, node.mode, node.settings["servers"])
    shutil.rmtree(copy.folder)
    shutil.copytree(node.folder, copy.folder, symlinks=True)
    shutil.copytree(node.place / ".paxect_carrier_folder", copy.place / ".paxect_carrier_folder")
    return copy


class Clones(unittest.TestCase):
    def test_two_receivers_with_one_identity_report_it_and_deliver_everything_once(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            south = site.node("south", "receive", server.url).start()
            rig.wait_for("the receiver", lambda: report(south).get("connected"))
            site.take()
            copy = clone(site, south, "copy").start()
            for turn in range(4):
                site.send_many(north, 12, prefix=f"t{turn}_")
            for node in (south, copy):
                rig.wait_for(f"a report of {node.name}", lambda node=node: "the identity is used twice" in problems(node))
            site.await_arrival()
            # One of them waits. It takes over when the other one is gone.
            south.stop()
            site.send_many(north, 12, prefix="after")
            site.await_arrival()
            rig.wait_for("the end of the report", lambda: not problems(copy))

    @unittest.skipUnless(shutil.which("strace"), "there is no strace: apt-get install strace")
    def test_a_copy_that_delivered_what_a_crash_interrupted_is_noticed(self):
        """The receiver is killed between its claim and the rename. A copy of it delivers, and the original comes back before
        the sender has removed anything."""
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            south = site.node("south", "receive", server.url).start()
            rig.wait_for("the receiver", lambda: report(south).get("connected"))
            south.stop()
            south.carrier.traced("renameat2", "signal=KILL:when=1+", south.place / "trace")
            site.send(north, "once.freq", b"data")
            rig.wait_for("the crash", lambda: not south.carrier.running())
            north.stop()  # it would remove the job
            site.take()
            copy = clone(site, south, "copy").start()
            rig.wait_for("the delivery", lambda: "once.freq" in site.taken)
            rig.wait_for("the receipt", lambda: not report(copy)["unconfirmed"] and report(copy)["delivered"] == 1)
            copy.stop()
            south.start()
            rig.wait_for("a report", lambda: "another one delivered it" in south.carrier.text())
            north.start()
            site.await_arrival()


def answer_or_none(server, job, receiver):
    try:
        return answer(server, job, receiver)
    except (OSError, rig.NatsError):
        return None


class Senders(unittest.TestCase):
    def test_a_sender_that_does_not_answer_holds_up_nobody_else(self):
        """Two senders, and jobs of both in a store that is another one since: one sender is away."""
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            away = site.node("away", "send", server.url).start()
            site.send_many(away, 20, sizes=(100,), prefix="away")
            rig.wait_for("20 jobs", lambda: len(rig.jobs(server)) == 20)
            away.kill()
            server.kill()
            server.start().ready()
            south = site.node("south", "receive", server.url).start()
            rig.wait_for("a report", lambda: "jobs wait for their sender" in problems(south))
            site.take()
            for i in range(3):
                site.send(north, f"north{i}.freq", b"data")
                rig.wait_for("the file of the sender that is there", lambda name=f"north{i}.freq": name in site.taken)
            away.start()
            site.await_arrival()
            rig.wait_for("the end of the report", lambda: not problems(south))


@unittest.skipUnless(shutil.which("strace"), "there is no strace: apt-get install strace")
class Folders(unittest.TestCase):
    def test_a_folder_that_is_empty_after_a_crash_has_delivered_nothing(self):
        """The receiver is killed before it gives a container its name. Then its folder is not mounted, and no link has
        made a marker in it."""
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            south = site.node("south", "receive", server.url).start()
            rig.wait_for("the receiver", lambda: report(south).get("connected"))
            south.stop()
            south.carrier.traced("renameat2", "signal=KILL:when=1+", south.place / "trace")
            site.send(north, "kept.freq", b"data")
            rig.wait_for("the crash", lambda: not south.carrier.running())
            self.assertTrue([name for name in os.listdir(south.folder) if name.endswith(".part")], os.listdir(south.folder))
            away = south.place / "away"
            south.folder.rename(away)
            south.folder.mkdir()
            south.start()
            rig.wait_for("a report", lambda: "is it mounted?" in south.carrier.text())
            self.assertEqual(os.listdir(south.folder), [])
            self.assertFalse(site.lost())
            south.folder.rmdir()
            away.rename(south.folder)
            site.take()
            site.await_arrival()


if __name__ == "__main__":
    rig.main()
