#!/usr/bin/env python3
"""Who may deliver after the server has started again: claims, the answers of senders, and what a restart of anybody changes."""
import contextlib
import json
import os
import shutil
import unittest

import network
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

    def test_a_replica_that_does_not_have_the_claim_yet_does_not_end_it(self):
        with rig.Site() as site, contextlib.ExitStack() as stack:
            server = site.server().start().ready()
            proxy = stack.enter_context(network.Proxy(server.address))
            north = site.node("north", "send", f"nats://{proxy.address}").start()
            site.send(north, "held.freq", b"data")
            job = job_of(server, "held.freq")
            self.assertTrue(claim(server, job, A))
            rig.wait_for("the holder", lambda: answer(server, job, B)["holder"] == A)
            trace = []
            proxy.set_trap(b"DIRECT.GET.test_claim", lambda: trace.append(True), False)

            def read_again():  # by a claim that is refused
                with server.client() as client:
                    client.publish(f"test.claim.{job['id']}", json.dumps({"v": 1, "id": job["id"], "receiver": B}).encode())
                    client.flush()
            read_again()
            rig.wait_for("the claim to be read", lambda: trace)
            proxy.behind = ("test_claim",)
            for _ in range(5):
                before = proxy.not_found
                read_again()
                rig.wait_for("a direct get", lambda before=before: proxy.not_found > before)
            self.assertEqual(answer(server, job, B)["holder"], A)
            with server.client() as client:  # an operator's removal ends it
                client.api("STREAM.PURGE.test_claim", {"filter": f"test.claim.{job['id']}"})
            rig.wait_for("the end of the claim", lambda: answer(server, job, B)["state"] == "open")

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

    @rig.needs("strace")
    def test_what_a_sender_hears_of_a_claim_becomes_durable_without_a_receipt(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url)
            trace = north.place / "trace"
            north.carrier.start(["strace", "-f", "-q", "-y", "-o", trace, "-e", "trace=fdatasync"])
            site.send(north, "held.freq", b"data")
            job = job_of(server, "held.freq")
            flushes = lambda: trace.read_text(errors="replace").count("sender.records")
            before = flushes()
            self.assertTrue(claim(server, job, A))
            rig.wait_for("the holder", lambda: answer(server, job, B)["holder"] == A)
            rig.wait_for("a flush of the records", lambda: flushes() > before)

    def test_a_receipt_in_another_store_removes_the_job_of_nobody_else(self):
        """The job of north had the number that a job of another sender has in the new store."""
        with rig.Site() as site, contextlib.ExitStack() as stack:
            server = site.server().start().ready()
            proxy = stack.enter_context(network.Proxy(server.address))
            north = site.node("north", "send", f"nats://{proxy.address}").start()
            site.send(north, "ours.freq", b"data")
            ours = job_of(server, "ours.freq")
            rig.wait_for("the sender to wait", lambda: north.command("explain", "ours.freq")["state"] != "sending")
            proxy.refuse()
            proxy.cut()
            server.kill()
            server.put_back_store(None)
            server.start().ready()
            other = site.node("other", "send", server.url).start()
            site.send(other, "theirs.freq", b"data")
            job_of(server, "theirs.freq")
            with server.client() as client:
                client.store(f"test.receipt.{ours['id']}", receipt_of(ours))
                (theirs,) = [message[0] for message in client.messages("test_job")]
            proxy.resume()
            rig.wait_for("the end of ours.freq", lambda: not rig.visible(north.folder))
            site.send(north, "next.freq", b"data")  # published after what the removal asks of the server
            job_of(server, "next.freq")
            with server.client() as client:
                self.assertIn(theirs, [message[0] for message in client.messages("test_job")])

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
    def delivered_by_copy(self, site):
        """A receiver that was killed between its claim and the rename. A copy of it has delivered once.freq, and is stopped, as
        its sender is."""
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
        return server, north, south

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

    @rig.needs("strace")
    def test_a_copy_that_delivered_what_a_crash_interrupted_is_noticed(self):
        """The receiver is killed between its claim and the rename. A copy of it delivers, and the original comes back before
        the sender has removed anything."""
        with rig.Site() as site:
            _, north, south = self.delivered_by_copy(site)
            south.start()
            rig.wait_for("a report", lambda: "another one delivered it" in south.carrier.text())
            north.start()
            site.await_arrival()

    @rig.needs("strace")
    def test_a_receipt_that_a_replica_does_not_have_yet_counts(self):
        """As above, when the claim is gone too: the receipt alone shows that a copy has delivered, and a client answers in place of
        a replica that does not have it."""
        with rig.Site() as site:
            server, north, south = self.delivered_by_copy(site)
            with server.client() as client:
                client.api("STREAM.PURGE.test_claim")
            server.settings = 'mappings = { "$JS.API.DIRECT.GET.test_receipt.test.receipt.*": "behind.$1" }\n'
            server.reload()
            with server.client(limit=rig.LIMIT) as client:
                client.subscribe("behind.*")
                client.flush()
                south.start()
                for _ in range(3):  # it asks again, and delivers nothing
                    client.publish(client.next()[1], status="404 Message Not Found")
            self.assertNotIn("another one delivered it", south.carrier.text())
            server.settings = ""
            server.reload()
            rig.wait_for("a report", lambda: "another one delivered it" in south.carrier.text())
            north.start()
            site.await_arrival()


def answer_or_none(server, job, receiver):
    try:
        return answer(server, job, receiver)
    except (OSError, rig.NatsError):
        return None


def in_another_store(site, server, north, name):
    """The job of the file after the store was lost: its sender has published it again."""
    before = job_of(server, name)
    server.kill()
    server.put_back_store(None)
    server.start().ready()

    def again():
        with contextlib.suppress(OSError, rig.NatsError):
            job = rig.jobs(server).get(name)
            return job if job and job["epoch"] != before["epoch"] else None
        return None
    return rig.wait_for(lambda: f"the job in the new store: {north.carrier.text()[-1000:]}", again)


def receipt_of(job):
    """A receipt by A."""
    return json.dumps({key: job[key] for key in ("v", "id", "name", "digest", "size")} | {"receiver": A, "at": job["name"]}).encode()


class Stores(unittest.TestCase):
    """The store is lost, and with it what others have claimed and delivered."""

    def test_a_holder_that_the_sender_knows_stays_the_holder(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            site.send(north, "held.freq", b"data")
            self.assertTrue(claim(server, job_of(server, "held.freq"), A))
            rig.wait_for("the holder", lambda: answer(server, job_of(server, "held.freq"), B)["holder"] == A)
            job = in_another_store(site, server, north, "held.freq")
            south = site.node("south", "receive", server.url).start()
            site.send(north, "other.freq", b"data")
            rig.wait_for("the receipt of the other one", lambda: "other.freq" not in rig.visible(north.folder))
            self.assertNotIn("held.freq", rig.visible(south.folder))
            with server.client() as client:
                client.store(f"test.receipt.{job['id']}", receipt_of(job))
            rig.wait_for("the end of held.freq", lambda: not rig.visible(north.folder))
            self.assertNotIn("held.freq", rig.visible(south.folder))

    def test_what_is_published_again_is_asked_about(self):
        """A has delivered one of two files; nobody but its receipt in the new store knows. The sender is away."""
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            for name in ("delivered.freq", "open.freq"):
                site.send(north, name, name.encode())
                job_of(server, name)
            job = in_another_store(site, server, north, "delivered.freq")
            job_of(server, "open.freq")
            north.kill()
            with server.client() as client:
                client.store(f"test.receipt.{job['id']}", receipt_of(job))
            south = site.node("south", "receive", server.url).start()
            rig.wait_for("the receipt to be seen", lambda: report(south).get("repeated"))
            rig.wait_for("a report", lambda: "jobs wait for their sender" in problems(south))
            self.assertEqual(rig.visible(south.folder), set())
            north.start()
            rig.wait_for("the end of both", lambda: not rig.visible(north.folder))
            self.assertEqual(rig.visible(south.folder), {"open.freq", "open.freq.sha256"})

    def test_all_receipts_come_before_anything_is_delivered(self):
        count = 1000
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            site.send(north, "first.freq", b"data")
            job_of(server, "first.freq")
            south = site.node("south", "receive", server.url)
            state = south.place / ".paxect_carrier_folder"
            state.mkdir()
            with (state / "receiver.records").open("w", encoding="ascii") as records:
                for i in range(count):
                    digest = rig.digest(b"%d" % i)
                    done = {"id": digest[:32], "name": f"{i}.freq", "digest": digest, "size": 1, "at": f"{i}.freq",
                            "time_ns": rig.time.time_ns()}
                    for record in (f"delivered {json.dumps(done)}", f"receipted {digest[:32]}"):
                        records.write(f"{record} {rig.digest(record.encode())[:8]}\n")
            south.start()
            rig.wait_for("the container", lambda: "first.freq" in rig.visible(south.folder))
            with server.client() as client:
                self.assertGreaterEqual(client.api("STREAM.INFO.test_receipt")["state"]["messages"], count)
            # The next start finds the same store, which has them.
            rig.wait_for("the last receipt", lambda: report(south).get("delivered") == 1 and not report(south)["unconfirmed"])
            south.stop()
            with server.client(limit=rig.LIMIT) as client:
                client.subscribe("test.receipt.*")
                client.flush()
                south.start()
                site.send(north, "second.freq", b"data")
                self.assertEqual(json.loads(client.next()[3])["name"], "second.freq")


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


@rig.needs("strace")
class Folders(unittest.TestCase):
    def killed(self, site, fault):
        """A sender and a receiver that fails at the name of a container."""
        server = site.server().start().ready()
        north = site.node("north", "send", server.url).start()
        south = site.node("south", "receive", server.url).start()
        rig.wait_for("the receiver", lambda: report(south).get("connected"))
        south.stop()
        south.carrier.traced("renameat2", fault, south.place / "trace")
        site.send(north, "kept.freq", b"data")
        return server, south

    def remove_hidden(self, south):
        hidden = [name for name in os.listdir(south.folder) if name.endswith(".part")]
        self.assertTrue(hidden, os.listdir(south.folder))
        for name in hidden:
            (south.folder / name).unlink(missing_ok=True)

    def release(self, site, server, south):
        """The receiver reports the container, and the operator, who does not find it, removes the claim."""
        job = rig.jobs(server)["kept.freq"]
        rig.wait_for("a report", lambda: any("kept.freq is claimed by this receiver" in problem["text"]
                                             for problem in report(south).get("problems", ())))
        self.assertFalse(site.lost())
        with server.client() as client:
            client.api("STREAM.PURGE.test_claim", {"filter": f"test.claim.{job['id']}"})
        site.take()
        site.await_arrival()

    def test_hidden_files_that_a_cleaner_removes_after_a_crash_are_not_delivered(self):
        with rig.Site() as site:
            server, south = self.killed(site, "signal=KILL:when=2+")  # the first call is that of the sidecar
            rig.wait_for("the crash", lambda: not south.carrier.running())
            self.remove_hidden(south)
            south.carrier.start()
            self.release(site, server, south)

    def test_hidden_files_that_are_removed_from_a_full_disk_are_not_delivered(self):
        with rig.Site() as site:
            server, south = self.killed(site, "error=ENOSPC:when=1+")
            rig.wait_for("a report", lambda: "deliveries fail" in problems(south))
            self.remove_hidden(south)
            rig.wait_for("a report", lambda: "whether it is delivered is not known" in south.carrier.text())
            south.kill()
            south.carrier.start()
            self.release(site, server, south)

    def test_one_receiver_at_a_time_works_in_a_folder(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            first = site.node("first", "receive", server.url).start()
            rig.wait_for("the first one", lambda: report(first).get("connected"))
            second = site.node("second", "receive", server.url, carrier=f"state = {site.place}/second/state", folder=first.folder).start()
            rig.wait_for("a report", lambda: "another receiver works in the folder" in second.carrier.text())
            site.take()
            site.send_many(north, 3)
            site.await_arrival()
            first.stop()
            site.send_many(north, 3, prefix="second")
            site.await_arrival()

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
