#!/usr/bin/env python3
"""Foreign and damaged messages, a full stream, a receiver that is away, and clocks that jump."""
import json
import re
import threading
import unittest

import network
import rig
from nats_client import NatsError


def subjects(server):
    with server.client() as client:
        return {name: stream["config"]["subjects"] for name, stream in client.streams().items()}


def stream_of(server, part):
    """The name of the stream that takes test.PART.*, once it exists."""
    def find():
        for name, taken in subjects(server).items():
            if any(subject.startswith(f"test.{part}.") for subject in taken):
                return name
        return None
    return rig.wait_for(f"the stream of {part}", find)


class Messages(unittest.TestCase):
    def test_foreign_messages_hold_up_nothing(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north, _ = site.pair(server)
            site.send_many(north, 3)
            site.await_arrival()
            zero = "0" * 64
            payloads = [b"", b"x", b"{}", b"[]", b"null", b"\0" * 1000, b"{\"digest\": 1}", b"\xff\xfe{}", b"[" * 100_000, b"{\"a\":" * 10_000,
                        site.random.randbytes(500_000), json.dumps({"name": "../../../../tmp/paxect_escape.freq"}).encode()]
            names = ["test.job.x", f"test.job.{zero}", f"test.job.{zero}.1", "test.job." + "a." * 50 + "b", f"test.receipt.{zero}",
                     "test.receipt.x.y.z", f"test.data.{zero}.0", "test.data.x.0", f"test.data.{zero}.x", f"test.data.{zero}.4294967296"]
            with server.client() as client:
                for name in names:
                    for payload in payloads:
                        try:
                            client.store(name, payload, {"Nats-Msg-Id": f"{name}{len(payload)}", "X-Foreign": "yes"})
                        except NatsError as error:
                            self.assertNotIn("no responders", str(error))
                        client.publish(name, payload)  # without a reply: nobody can acknowledge it
                site.send_many(north, 6, prefix="after")
                site.await_arrival()
            self.assertFalse(rig.pathlib.Path("/tmp/paxect_escape.freq").exists())

    def test_foreign_claims_and_receipts_keep_nobody_from_delivering(self):
        """Whatever their headers say: a message that somebody has read and publishes again has those of another one. Nor does
        a receipt that no sender accepts, and nothing else is removed for them."""
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            site.send_many(north, 9)
            rig.wait_for("all jobs", lambda: len(rig.jobs(server)) == 9)
            found = rig.jobs(server)
            *victims, held = (found[f"f{i}.freq"] for i in range(9))
            holder = {"v": 1, "id": held["id"], "receiver": "f" * 16, "run": "e" * 16}
            receipt = {"v": 1, "receiver": "f" * 16, "at": "x.freq"}
            receipts = [receipt | {key: job[key] for key in ("id", "name", "digest", "size")} for job in victims]
            with server.client() as client:
                number = str(client.store(f"test.claim.{held['id']}", json.dumps(holder).encode())["seq"])
                for i, (kind, payload, headers) in enumerate([
                        ("claim", b"x", {"Nats-Sequence": number, "Nats-Stream": "test_claim"}), ("claim", b"x", {"Nats-Sequence": "0"}),
                        ("claim", b"", {"Status": "404", "Nats-Sequence": "0"}), ("claim", b"x", {" blank": "first"}),
                        ("receipt", json.dumps(receipts[4] | {"id": "1" * 32}).encode(), None),
                        ("receipt", json.dumps(receipts[5] | {"name": "other.freq"}).encode(), None),
                        ("receipt", json.dumps(receipts[6] | {"size": 7}).encode(), {"Nats-Sequence": number}),
                        ("receipt", b"", {"Status": "503"})]):
                    client.store(f"test.{kind}.{victims[i]['id']}", payload, headers)
                south = site.node("south", "receive", server.url).start()
                expected = {job["name"] for job in victims}
                rig.wait_for(lambda: f"all but the claimed one: {sorted(rig.visible(south.folder))}\n{south.carrier.text()[-3000:]}",
                             lambda: expected <= rig.visible(south.folder))
                rig.wait_for(lambda: f"their receipts: {sorted(rig.visible(north.folder))}\n{north.carrier.text()[-3000:]}",
                             lambda: rig.visible(north.folder) == {held["name"], held["name"] + ".sha256"})
                self.assertNotIn(held["name"], rig.visible(south.folder))
                self.assertEqual(json.loads(client.message("test_claim", int(number))[2]), holder)

    def test_foreign_messages_that_a_sender_ignores_are_reported_once_for_each_subject(self):
        """Also one that is well-formed and of another ID than its subject."""
        with rig.Site() as site:
            server = site.server().start().ready()
            north, _ = site.pair(server)
            site.send_many(north, 3)
            site.await_arrival()
            one, other = "1" * 32, "2" * 32
            claim = {"v": 1, "id": other, "receiver": "a" * 16}
            texts = {f"test.claim.{one}": json.dumps(claim), "test.claim.x": "", f"test.receipt.{one}": "{}", "test.ask": "no question",
                     f"test.report.{one}": json.dumps(claim | {"reason": "r", "again": True}), "test.peers": "\0", "test.claim.y": "\n"}
            metric = lambda: int(float((re.findall(r"^paxect_carrier_foreign_total\{.*\} (\S+)$", (north.place / "carrier.prom").read_text(),
                                                   re.MULTILINE) or ["0"])[0]))
            self.assertEqual(metric(), 0)
            with server.client() as client:
                for _ in range(3):
                    for subject, text in texts.items():
                        client.publish(subject, text.encode())
                client.flush()
            rig.wait_for(lambda: f"the count: {metric()}", lambda: metric() == 3 * len(texts))
            for subject in texts:
                self.assertEqual(north.carrier.text().count(f"on the subject {subject} at {server.url} is not "), 1, north.carrier.text())
            report = north.command("status", status=(1,))["report"]
            self.assertIn("messages of others come", [problem["what"] for problem in report["problems"]])
            self.assertEqual(report["foreign"], 3 * len(texts))
            site.send_many(north, 3, prefix="after")
            site.await_arrival()

    def test_messages_of_the_carrier_that_were_changed_deliver_nothing_wrong(self):
        """Each message that a carrier stored is published again with flipped bits, cut off and extended."""
        with rig.Site() as site:
            server = site.server().start().ready()
            north, south = site.pair(server)
            site.send_many(north, 3)
            site.await_arrival()
            south.stop()
            site.send_many(north, 3, sizes=(600_000,), prefix="held")
            stored = []
            with server.client() as client:
                job = stream_of(server, "job")
                rig.wait_for("three jobs", lambda: sum(1 for _ in client.messages(job)) >= 3)
                for name in client.streams():
                    stored += [(name, *message[1:]) for message in client.messages(name)]
                for _, subject, _, payload in stored:
                    for changed in self.changes(site, payload):
                        try:
                            client.store(subject, changed)
                        except NatsError:
                            pass  # the stream keeps one message for each subject
                        client.publish(subject.rsplit(".", 1)[0] + f".{site.random.randrange(100)}", changed)
            south.start()
            site.send_many(north, 6, prefix="after")
            site.await_arrival()

    @staticmethod
    def changes(site, payload):
        changed = [payload[:len(payload) // 2], payload + b"x", b""]
        for _ in range(6):
            if payload:
                at, data = site.random.randrange(len(payload)), bytearray(payload)
                data[at] ^= 1 << site.random.randrange(8)
                changed.append(bytes(data))
        return changed

    def test_data_that_somebody_replaced_is_not_delivered_and_sent_again(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north, south = site.pair(server)
            site.send_many(north, 1)
            site.await_arrival()
            south.stop()
            site.send(north, "target.freq", site.random.randbytes(700_000))
            data, job = stream_of(server, "data"), stream_of(server, "job")
            with server.client() as client:
                before = client.api(f"STREAM.INFO.{job}")["state"]["last_seq"]
                rig.wait_for("the job", lambda: client.api(f"STREAM.INFO.{job}")["state"]["messages"] > 0 and before is not None)
                rig.wait_for("the chunks", lambda: sum(1 for _ in client.messages(data)) >= 2)
                sequence, subject, _, payload = next(iter(client.messages(data)))
                client.api(f"STREAM.MSG.DELETE.{data}", {"seq": sequence})
                client.store(subject, payload[:-1] + bytes([payload[-1] ^ 1]))
            south.start()
            site.await_arrival()

    def test_a_job_of_a_foreign_size_or_sidecar_delivers_nothing_and_harms_nobody(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north, south = site.pair(server)
            site.send_many(north, 1)
            site.await_arrival()
            south.stop()
            site.send(north, "target.freq", b"data")
            job = stream_of(server, "job")
            with server.client() as client:
                rig.wait_for("the job", lambda: client.api(f"STREAM.INFO.{job}")["state"]["messages"] > 0)
                sequence, subject, _, payload = next(iter(client.messages(job)))
                client.api(f"STREAM.MSG.DELETE.{job}", {"seq": sequence})
                client.store(subject, json.dumps(json.loads(payload) | {"sidecar": "0" * 64}).encode())
                huge = json.loads(payload) | {"name": "huge.freq", "size": 1 << 55}
                text = "".join(f"{huge[key]}\n" for key in ("name", "size", "digest", "mtime_ns"))
                huge["id"] = rig.digest(text.encode())[:32]
                client.store(f"test.job.{huge['id']}", json.dumps(huge).encode())
            south.start()
            site.await_arrival()
            self.assertEqual(south.carrier.process.poll(), None)

    def test_a_deleted_chunk_is_sent_again(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north, south = site.pair(server)
            site.send_many(north, 1)
            site.await_arrival()
            south.stop()
            site.send(north, "target.freq", site.random.randbytes(1_700_000))
            data, job = stream_of(server, "data"), stream_of(server, "job")
            with server.client() as client:
                rig.wait_for("the job", lambda: client.api(f"STREAM.INFO.{job}")["state"]["messages"] > 0)
                rig.wait_for("the chunks", lambda: sum(1 for _ in client.messages(data)) >= 4)
                sequence = [message[0] for message in client.messages(data)][1]
                client.api(f"STREAM.MSG.DELETE.{data}", {"seq": sequence})
            south.start()
            site.await_arrival()


class Space(unittest.TestCase):
    def test_a_first_chunk_that_is_missing_does_not_bring_the_container_into_memory(self):
        mebibytes = 128
        with rig.Site() as site:
            server = site.server().start().ready()
            north, south = site.pair(server)
            site.send_many(north, 1)
            site.await_arrival()
            south.stop()
            site.send(north, "large.freq", site.random.randbytes(1 << 20) * mebibytes)
            job = rig.wait_for("the job", lambda: rig.jobs(server).get("large.freq"))
            north.stop()
            with server.client() as client:
                client.api("STREAM.PURGE.test_data", {"filter": f"test.data.{job['id']}.0"})
            south.start()
            rig.wait_for("a report of the chunk", lambda: "chunk 0 is missing in the stream" in south.carrier.text())
            status = rig.pathlib.Path(f"/proc/{south.carrier.process.pid}/status").read_text(encoding="ascii")
            peak = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) // 1024
            self.assertLess(peak, mebibytes * 3 // 4)
            north.start()
            site.await_arrival()

    def test_a_full_stream_makes_the_sender_wait(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url, carrier="max_stream_mb = 4").start()
            south = site.node("south", "receive", server.url, carrier="max_stream_mb = 4")
            site.send_many(north, 20, sizes=(1_000_000,))

            rig.wait_for("a report that the stream is full", lambda: "full" in north.carrier.text())
            data = stream_of(server, "data")
            with server.client() as client:
                self.assertLessEqual(client.api(f"STREAM.INFO.{data}")["state"]["bytes"], 4 << 20)
            self.assertEqual(len([name for name in rig.visible(north.folder) if name.endswith(".freq")]), 20)
            south.start()
            site.take()
            site.await_arrival()

    def test_a_full_stream_that_somebody_made_smaller_or_removed_is_mended(self):
        for change in ("smaller", "removed"):
            with self.subTest(change), rig.Site() as site:
                server = site.server().start().ready()
                north = site.node("north", "send", server.url, carrier="max_stream_mb = 4").start()
                data = stream_of(server, "data")
                with server.client() as client:
                    if change == "smaller":
                        client.api(f"STREAM.UPDATE.{data}", client.api(f"STREAM.INFO.{data}")["config"] | {"max_bytes": 2000})
                    site.send_many(north, 3 if change == "smaller" else 20, sizes=(1_000_000,))
                    rig.wait_for("a report that the stream is full", lambda: "full" in north.carrier.text())
                    if change == "removed":
                        client.api(f"STREAM.DELETE.{data}")
                    rig.wait_for("chunks in the stream", lambda: client.streams().get(data, {"state": {"messages": 0}})["state"]["messages"] > 0)
                site.node("south", "receive", server.url, carrier="max_stream_mb = 4").start()
                site.take()
                site.await_arrival()

    def test_a_container_larger_than_the_stream_is_reported_and_holds_up_nothing(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url, carrier="max_stream_mb = 4").start()
            site.node("south", "receive", server.url, carrier="max_stream_mb = 4").start()
            site.take()
            site.send(north, "huge.freq", site.random.randbytes(6 << 20))
            huge = site.sent.pop("huge.freq")
            site.send_many(north, 4, sizes=(1_000_000,))
            rig.wait_for("the others", lambda: set(site.taken) >= set(site.sent))
            if "huge.freq" not in site.taken:  # a carrier may send it in parts
                rig.wait_for("a report", lambda: "huge.freq" in north.carrier.text())
                self.assertTrue((north.folder / "huge.freq").exists())
            else:
                self.assertEqual(site.taken["huge.freq"][0][1], huge)

    def test_a_server_without_space_makes_the_sender_wait(self):
        with rig.Site() as site:
            server = site.server(max_file="3MB").start().ready()
            north = site.node("north", "send", server.url, carrier="max_stream_mb = 2").start()
            site.node("south", "receive", server.url, carrier="max_stream_mb = 2")
            site.send_many(north, 6, sizes=(900_000,))
            rig.wait_for("a report", lambda: rig.re.search("full|space|storage|resources", north.carrier.text()))
            self.assertFalse(site.lost())
            server.stop()
            server.max_file = "8GB"
            server.start().ready()
            site.receivers()[0].start()
            site.take()
            site.await_arrival()

    def test_a_receiver_that_was_away_gets_everything(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north, south = site.pair(server)
            site.send_many(north, 6)
            site.await_arrival()
            south.stop()
            for day in range(3):
                site.send_many(north, 6, prefix=f"d{day}_")
                stream_of(server, "job")
                server.stop()
                north.stop()
                server.start().ready()
                north.start()
            south.start()
            site.await_arrival()


class Clocks(unittest.TestCase):
    """The wall clocks of sender and receiver jump while they run; those of the server and the monotonic ones do not. Without
    the sandbox, in which libfaketime cannot read its file."""

    LIBRARY = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"

    def setUp(self):
        if rig.SANITIZED or not rig.pathlib.Path(self.LIBRARY).exists():
            rig.skip(self, "no faketime for this build: apt-get install faketime")

    def follow(self, node, clock, **more):
        """The next start of the node's carrier follows this file, which has the difference to the machine's clocks."""
        clock.write_text("+0")
        node.carrier.env |= {"LD_PRELOAD": self.LIBRARY, "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
                             "NO_FAKE_STAT": "1"} | more

    def test_clocks_that_jump(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url, carrier="sandbox = off")
            south = site.node("south", "receive", server.url, carrier="sandbox = off")
            for node in (north, south):
                node.clock = site.place / f"{node.name}.clock"
                self.follow(node, node.clock, FAKETIME_DONT_FAKE_MONOTONIC="1", DONT_FAKE_MONOTONIC="1")
                node.start()
            site.take()
            for i, offset in enumerate(("+0", "-3650d", "+3650d", "-40d", "+36d", "+0")):
                for node in ((north,), (south,), (north, south))[i % 3]:
                    node.clock.write_text(offset)
                site.send_many(north, 6, prefix=f"c{i}_")
                site.await_arrival()
                if i % 2:
                    south.kill()
                    south.start()

    def test_a_job_that_nobody_claims_is_published_again_at_its_age(self):
        """Its consumer has passed it over, and has another job in hand, so that it does not look idle. The clock of the sender jumps
        in place of ten minutes."""
        with rig.Site() as site:
            server = site.server().start().ready()
            south = site.node("south", "receive", server.url).start()
            rig.wait_for("the consumer", lambda: (south.command("status", status=range(100))["report"] or {}).get("connected"))
            rig.wait_for("no problem", lambda: not rig.problems(south))
            south.stop()
            north = site.node("north", "send", server.url, carrier="sandbox = off")
            clock = site.place / "north.clock"
            self.follow(north, clock)
            north.start()

            def passed(name):
                site.send(north, name, name.encode())
                rig.wait_for(f"the job of {name}", lambda: name in rig.jobs(server))
                subject, acknowledgement, _, payload = worker.fetch("test_job", "receivers")
                self.assertEqual(json.loads(payload)["name"], name)
                return acknowledgement

            def sequence():
                with server.client() as other:
                    return next((one[0] for one in other.messages("test_job") if json.loads(one[3])["name"] == "x.freq"), None)
            with server.client(limit=rig.LIMIT) as worker, server.client(limit=rig.LIMIT) as calls:
                worker.publish(passed("x.freq"), b"+ACK")
                held = passed("held.freq")
                first = sequence()
                calls.subscribe("$JS.EVENT.ADVISORY.API")
                calls.flush()
                ended = threading.Event()

                def keep():
                    """A receiver that fetches, and has one job in hand."""
                    while not ended.wait(0.2):
                        worker.publish(held, b"+WPI")
                        worker.publish("$JS.API.CONSUMER.MSG.NEXT.test_job.receivers", b'{"batch":1,"expires":5000000000}', reply=f"{worker.inbox}.next")
                keeper = threading.Thread(target=keep)
                keeper.start()
                try:
                    def observed(times):
                        """The sender looks at the consumer, so many times."""
                        while times:
                            times -= json.loads(calls.next()[3])["subject"] == "$JS.API.CONSUMER.INFO.test_job.receivers"
                    observed(2)
                    clock.write_text("+5m")
                    observed(2)
                    self.assertNotIn("nobody has claimed it", north.carrier.text())
                    self.assertEqual(sequence(), first)
                    clock.write_text("+11m")
                    rig.wait_for(lambda: f"a report: {north.carrier.text()[-1000:]}", lambda: rig.re.search(
                        r"x\.freq was published 1[0-9] minutes ago and nobody has claimed it: it is published again", north.carrier.text()))
                    rig.wait_for("the job under another number", lambda: (sequence() or 0) > first)
                finally:
                    ended.set()
                    keeper.join()
            south.start()
            site.take()
            site.await_arrival()

    def test_nothing_stays_in_the_stores(self):
        """Not after deliveries with kills, not of a container that was given up in the middle, and not of one whose sender was
        killed and came back without it, and without its records, which would name it; nor what a replica does not have yet."""
        with rig.Site() as site, network.Proxy(None) as proxy:
            server = site.server().start().ready()
            proxy.target = server.address
            north = site.node("north", "send", f"nats://{proxy.address}", carrier="max_stream_mb = 4\nsandbox = off")
            south = site.node("south", "receive", server.url, carrier="max_stream_mb = 4")
            clock = site.place / "clock"
            self.follow(north, clock)
            north.start()
            for i in range(3):
                site.send(north, f"big{i}.freq", site.random.randbytes(3_000_000))
            rig.wait_for("a full stream and a job", lambda: "full" in north.carrier.text() and rig.jobs(server))
            north.kill()  # with a job, and chunks without one
            (north.place / ".paxect_carrier_folder" / "sender.records").unlink()
            for name in set(site.sent) - set(rig.jobs(server)):
                del site.sent[name]
                for path in (north.folder / name, north.folder / f"{name}.sha256"):
                    path.unlink(missing_ok=True)
            south.start()

            def consumers():
                with server.client() as client:
                    return client.api("CONSUMER.NAMES.test_job", {"offset": 0})["consumers"]
            rig.wait_for("the receiver", consumers)
            north.start()
            site.take()
            for turn in range(3):
                site.send_many(north, 6, sizes=(700, 600_000, 1_200_000), prefix=f"t{turn}_")
                (south if turn % 2 else north).kill()
                (south if turn % 2 else north).start()
            site.await_arrival()
            north.stop()
            clock.write_text("+2d")
            north.start()
            rig.wait_for("the chunks without a job", lambda: "without a job, a day old" in north.carrier.text())
            proxy.behind = ("test_claim", "test_receipt", "test_job")
            clock.write_text("+3d")  # ten minutes after its receipts, by its clock

            def left():
                with server.client() as client:
                    return {name: stream["state"]["messages"] for name, stream in client.streams().items()
                            if name in ("test_data", "test_job", "test_claim", "test_receipt")}
            rig.wait_for(lambda: f"empty stores: {left()}", lambda: left() and not any(left().values()))

    def test_a_receiver_that_is_away_for_a_week_gets_everything(self):
        """A week passes by the clocks of the carriers. The server's own clock cannot be moved: the ages that it keeps
        messages for are compared instead."""
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url, carrier="sandbox = off")
            south = site.node("south", "receive", server.url, carrier="sandbox = off")
            clock = site.place / "clock"
            for node in (north, south):
                self.follow(node, clock)
                node.start()
            site.take()
            site.send_many(north, 3)
            site.await_arrival()
            south.stop()
            site.send_many(north, 6, prefix="away")
            (north.folder / "north.1.list").write_text("a list")
            rig.wait_for("the jobs", lambda: north.command("status", status=range(100))["report"]["unconfirmed"] == 7)
            north.stop()
            clock.write_text("+7d")
            north.start()
            south.start()
            site.await_arrival()
            rig.wait_for("the list", lambda: (south.folder / "north.1.list").exists())
            week = 7 * 86_400 * 10**9
            with server.client() as client:
                for name, stream in client.streams().items():
                    age = stream["config"].get("max_age", 0)
                    self.assertTrue(age == 0 or age >= week, f"{name}: {age}")


if __name__ == "__main__":
    rig.main()
