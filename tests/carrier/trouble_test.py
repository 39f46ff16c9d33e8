#!/usr/bin/env python3
"""Folders that cannot be read, and servers that store nothing."""
import contextlib
import json
import os
import socket
import stat
import subprocess
import threading
import unittest

import network
import rig


def descriptors(node):
    return len(os.listdir(f"/proc/{node.carrier.process.pid}/fd"))


class Folders(unittest.TestCase):
    def test_a_folder_below_that_cannot_be_read_holds_up_nothing_else(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url, wrap=rig.without_privileges())
            site.node("south", "receive", server.url).start()
            site.take()
            site.send_many(north, 20, sizes=(100,), prefix="a")
            for name in ("lost+found", "shut", "sub/shut"):
                (north.folder / name).mkdir(parents=True)
                (north.folder / name).chmod(0)
            site.send_many(north, 20, sizes=(100,), prefix="b")
            site.send_many(north, 20, sizes=(100,), prefix="sub/c")
            self.assertNotEqual(rig.run_once(north, rig.without_privileges()), 0)
            rig.wait_for("all that can be read", lambda: set(site.taken) >= set(site.sent))
            north.start()
            site.send_many(north, 3, sizes=(100,), prefix="later")
            site.await_arrival()
            rig.wait_for("a report", lambda: [text for text in rig.problems(north) if "shut" in text and "1 others" in text])
            self.assertNotIn("lost+found", north.carrier.text())
            self.assertNotIn("the container of this sidecar is missing", north.carrier.text())
            for name in ("sub/shut", "shut"):
                (north.folder / name).chmod(0o755)
            rig.wait_for("the end of the report", lambda: not rig.problems(north))


class Disks(unittest.TestCase):
    @rig.needs("strace")
    def test_a_disk_that_fails_at_the_start_is_no_fault_of_the_settings_and_is_tried_again(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            for mode, records in (("send", "sender.records"), ("receive", "receiver.records")):
                node = site.node(mode, mode, server.url, carrier="sandbox = off")
                self.assertEqual(rig.run_once(node), 0)  # makes the directories
                part = node.place / ".paxect_carrier_folder" / f"{records}.part"

                def faulty(call, error, when, part=part, node=node):
                    return ["strace", "-f", "-q", "-o", node.place / "trace", "-P", part, "-e", f"trace={call}",
                            "-e", f"inject={call}:error={error}:when={when}"]
                for call, error in (("fsync", "ENOSPC"), ("fsync", "EIO"), ("openat", "EDQUOT")):
                    self.assertEqual(rig.run_once(node, faulty(call, error, "1+")), 1, (mode, call, error))
                node.carrier.start(faulty("fsync", "ENOSPC", "1..2"))
                rig.wait_for("the report of a failure", lambda node=node: "No space left" in node.carrier.text())
                rig.wait_for("the start", lambda node=node: "start: over" in node.carrier.text())
                rig.wait_for("a connection", lambda node=node: (node.command("status", status=range(100))["report"] or {}).get("connected"))
                node.stop()
                node.carrier.start(faulty("fsync", "ENOSPC", "1+"))
                found = rig.wait_for("a status without the report of the process before", lambda node=node: [
                    one for one in [node.command("status", status=range(100))] if one["running"] and one["report"] is None])
                self.assertIn("cannot write to", found[0]["problem"])
                node.stop()

    @rig.needs("strace")
    def test_the_folder_that_cannot_be_flushed_is_named(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            south = site.node("south", "receive", server.url, carrier="sandbox = off")
            self.assertEqual(rig.run_once(south), 0)
            site.send(site.node("north", "send", server.url).start(), "x.freq", b"data")
            south.carrier.start(["strace", "-f", "-q", "-o", south.place / "trace", "-P", south.folder, "-e", "trace=fsync",
                                 "-e", "inject=fsync:error=ENOSPC:when=1+"])
            rig.wait_for("a message", lambda: f"cannot flush {south.folder}: No space left" in south.carrier.text())
            south.stop()


def server_with_replica_behind(test, site, messages):
    """A server at which a client answers in place of a replica of a stream: that it has none of the MESSAGES."""
    server = site.server(settings=f'mappings = {{ "$JS.API.DIRECT.GET.{messages}.*": "behind.$1" }}\n').start().ready()
    client = test.enterContext(server.client(limit=10 * rig.LIMIT))
    client.subscribe("behind.*")
    client.flush()

    def answer():
        with contextlib.suppress(OSError, rig.NatsError):
            while True:
                client.publish(client.next()[1], status="404 Message Not Found")
    threading.Thread(target=answer, daemon=True).start()
    return server


class Names(unittest.TestCase):
    @rig.needs("strace")
    def test_a_name_that_fails_once_and_succeeds_in_the_next_round_is_one_delivery(self):
        """Two containers of one name need the second round, in which the third one gets the name that it did not get before."""
        with rig.Site() as site:
            server = site.server().start().ready()
            south = site.node("south", "receive", server.url)
            (south.folder / "sub").mkdir()
            north = [site.node(f"north{i}", "send", server.url).start() for i in range(2)]
            for i, node in enumerate(north):
                site.send(node, "y.freq", b"data" + bytes([i]))
            site.send(north[0], "sub/x.freq", b"more")

            def published():
                with server.client() as client:
                    return len(list(client.messages("test_job"))) if "test_job" in client.streams() else 0
            rig.wait_for("the jobs", lambda: published() == 3)
            south.carrier.start(["strace", "-f", "-q", "-o", south.place / "trace", "-P", south.folder / "sub", "-e", "trace=renameat2",
                                 "-e", "inject=renameat2:error=EACCES:when=1"])
            rig.wait_for("the receipts", lambda: not any(rig.visible(node.folder) for node in north), 2 * rig.LIMIT)
            south.stop()
            self.assertIn("EACCES", (south.place / "trace").read_text())
            delivered = [entry["id"] for entry in south.log() if entry["event"] == "delivered"]
            self.assertEqual((len(delivered), len(set(delivered))), (3, 3), delivered)
            names = [name for name in rig.visible(south.folder) if name.endswith(".freq")]
            self.assertEqual(len(names), 3, names)
            self.assertTrue({"y.freq", "sub/x.freq"} <= set(names), names)

    @rig.needs("strace")
    def test_a_claim_that_a_replica_does_not_have_yet_is_not_left_when_its_name_cannot_be_had(self):
        """Who took the answer of the replica for the claim's removal would leave a claim that holds up the job."""
        with rig.Site() as site:
            server = server_with_replica_behind(self, site, "test_claim.test.claim")
            south = site.node("south", "receive", server.url)
            (south.folder / "sub").mkdir()
            south.carrier.start(["strace", "-f", "-q", "-o", south.place / "trace", "-P", south.folder / "sub", "-e", "trace=renameat2",
                                 "-e", "inject=renameat2:error=EACCES:when=1+"])
            site.send(site.node("north", "send", server.url).start(), "sub/x.freq", b"data")

            def failures():
                trace = south.place / "trace"
                return trace.read_text().count("EACCES") if trace.exists() else 0
            rig.wait_for("another try", lambda: failures() >= 3)

            def claims():
                with server.client() as other:
                    return list(other.messages("test_claim"))
            self.assertTrue(claims())
            server.settings = ""
            server.reload()
            rig.wait_for("the removal of the claim", lambda: not claims())
            south.stop()
            south.start()
            site.take()
            site.await_arrival(2 * rig.LIMIT)


class Stores(unittest.TestCase):
    def test_chunks_of_a_file_that_is_gone_when_its_sender_comes_back_are_removed(self):
        """The sender is killed when it has published a part of the file."""
        with rig.Site() as site:
            server = site.server().start().ready()
            proxy = self.enterContext(network.Proxy(server.address))
            north = site.node("north", "send", f"nats://{proxy.address}").start()
            rig.wait_for("the streams", lambda: (north.command("status", status=range(100))["report"] or {}).get("connected"))
            site.send(north, "first.freq", b"data")
            rig.wait_for("the first job", lambda: rig.jobs(server))
            proxy.cut_after = 3_000_000  # of the next connection
            proxy.cut()

            def chunks():
                with server.client() as client:
                    return client.streams()["test_data"]["state"]["messages"]
            large = site.random.randbytes(20 << 20)
            rig.wait_for("a connection", lambda: proxy.subscribed >= 2)
            proxy.refuse()  # further ones
            site.send(north, "large.freq", large)
            rig.wait_for("a part of it", lambda: proxy.ended and chunks() > 2)
            north.kill()
            self.assertEqual(list(rig.jobs(server)), ["first.freq"])
            for name in ("large.freq", "large.freq.sha256"):
                (north.folder / name).unlink()
            proxy.cut_after = None
            proxy.resume()
            north.start()
            rig.wait_for(lambda: f"the chunk of the first file alone: {chunks()}", lambda: chunks() == 1)
            del site.sent["large.freq"]
            site.node("south", "receive", server.url).start()
            site.take()
            site.await_arrival()
            north.stop()
            records = (north.place / ".paxect_carrier_folder" / "sender.records").read_text()
            self.assertIn("withdrawn", records)

    def test_a_replica_that_is_behind_does_not_cost_the_chunks_of_a_job(self):
        """The sender lost its record of the job with the power, and its file is gone."""
        with rig.Site() as site:
            server = server_with_replica_behind(self, site, "test_job.test.job")
            north = site.node("north", "send", server.url).start()
            site.send(north, "x.freq", b"data")
            rig.wait_for("the job", lambda: rig.jobs(server))
            north.kill()
            records = north.place / ".paxect_carrier_folder" / "sender.records"
            left = [line for line in records.read_text().splitlines(keepends=True) if '"published"' not in line]
            self.assertTrue([line for line in left if '"begun"' in line])
            records.write_text("".join(left))
            for name in ("x.freq", "x.freq.sha256"):
                (north.folder / name).unlink()
            north.start()
            rig.wait_for("a decision", lambda: '"withdrawn"' in records.read_text())
            with server.client() as other:
                self.assertEqual(other.streams()["test_data"]["state"]["messages"], 1)
            site.node("south", "receive", server.url).start()
            site.take()
            rig.wait_for("the container", lambda: "x.freq" in site.taken)

    def test_a_file_whose_messages_the_server_does_not_take_holds_up_nothing_else(self):
        with rig.Site() as site:
            server = site.server(settings="max_payload: 200KB\n").start().ready()
            north = site.node("north", "send", server.url).start()
            site.node("south", "receive", server.url).start()
            site.take()
            site.send(north, "a.freq", site.random.randbytes(300_000))
            rig.wait_for(lambda: f"a report: {rig.problems(north)}", lambda: [
                text for text in rig.problems(north) if "a.freq is not delivered" in text and "set its max_payload" in text])
            site.send_many(north, 3, sizes=(100, 150_000))
            rig.wait_for("the others", lambda: set(site.taken) >= set(site.sent) - {"a.freq"})
            north.stop()
            server.stop()
            server.settings = ""
            server.start().ready()
            north.start()
            site.await_arrival()
            rig.wait_for("the end of the report", lambda: not rig.problems(north))

    def test_a_batch_does_not_use_up_the_descriptors_of_the_process(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            site.send_many(north, 300, sizes=(100,))

            def stored():
                with server.client() as client:
                    return client.streams().get("test_job", {"state": {"messages": 0}})["state"]["messages"]
            rig.wait_for("the jobs", lambda: stored() == 300)
            south = site.node("south", "receive", server.url, wrap=["prlimit", "--nofile=128:128"]).start()
            site.take()
            site.await_arrival()
            self.assertNotIn("Too many open files", south.carrier.text())

    def test_a_server_without_room_for_a_job_or_list_is_reported_until_it_has_some(self):
        with rig.Site() as site:
            server = site.server(max_file="8MB").start().ready()
            north = site.node("north", "send", server.url, carrier="max_stream_mb = 2").start()
            rig.wait_for("the streams", lambda: (north.command("status", status=range(100))["report"] or {}).get("connected"))
            with server.client() as client:
                client.api("STREAM.CREATE.filler", {"name": "filler", "subjects": ["filler.*"], "storage": "file"})
                number = 0
                for size in (200_000, 2_000, 100):
                    with self.assertRaises(rig.NatsError):
                        while True:
                            client.store(f"filler.{number}", site.random.randbytes(size))
                            number += 1
            (north.folder / "north.1.list").write_text("a list")
            site.send(north, "x.freq", b"data" * 1000)
            words = ("does not store", "has no room for the stream")
            rig.wait_for(lambda: f"a report: {rig.problems(north)}",
                         lambda: [text for text in rig.problems(north) if any(one in text for one in words)])
            with server.client() as client:
                client.api("STREAM.DELETE.filler")
            site.node("south", "receive", server.url).start()
            site.take()
            site.await_arrival()
            rig.wait_for(lambda: f"the end of the report: {rig.problems(north)}", lambda: not rig.problems(north))

    def test_chunks_that_count_as_stored_and_cannot_be_got_back_are_removed_before_the_next_try(self):
        """The server puts the chunk into another stream, which has it at the second try: to its sender it is stored."""
        with rig.Site() as site:
            server = site.server(settings='mappings = { "test.data.*.0": "elsewhere.$1" }\n').start().ready()
            with server.client() as client:
                client.api("STREAM.CREATE.elsewhere", {"name": "elsewhere", "subjects": ["elsewhere.*"], "storage": "file", "discard": "new",
                                                       "max_msgs_per_subject": 1, "discard_new_per_subject": True})
            north = site.node("north", "send", server.url, carrier="max_attempts = 100").start()
            south = site.node("south", "receive", server.url).start()
            for node in (north, south):
                rig.wait_for("the streams", lambda node=node: (node.command("status", status=range(100))["report"] or {}).get("connected"))
            with server.client(limit=rig.LIMIT) as client:
                client.subscribe("$JS.EVENT.ADVISORY.API")
                site.take()
                site.send(north, "x.freq", b"data")
                while True:
                    call = json.loads(client.next()[3])
                    if call["subject"] == "$JS.API.STREAM.PURGE.test_data":
                        break
                self.assertRegex(json.loads(call["request"])["filter"], r"^test\.data\.[0-9a-f]{32}\.\*$")
                self.assertEqual(client.streams()["elsewhere"]["state"]["messages"], 1)
            server.kill()
            server.settings = ""
            server.start().ready()
            site.await_arrival()

    def test_files_that_wait_for_room_are_not_kept_open(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url, carrier="max_stream_mb = 2").start()
            for i in range(128):
                site.send(north, f"f{i}.freq", site.random.randbytes(40_000))
            rig.wait_for("a full stream", lambda: [text for text in rig.problems(north) if "is full" in text])

            self.assertLess(descriptors(north), 60)
            site.node("south", "receive", server.url).start()
            site.take()
            site.await_arrival()

    def test_files_that_wait_for_a_server_that_does_not_reply_are_not_kept_open(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            site.node("south", "receive", server.url).start()
            site.take()
            site.send(north, "first.freq", b"data")
            site.await_arrival()
            server.signal(rig.signal.SIGSTOP)
            for i in range(300):
                site.send(north, f"f{i}.freq", site.random.randbytes(40_000))

            def in_hand():
                report = north.command("status", status=range(100))["report"]
                # A machine that is so slow that the connection ends first shows nothing, and is no reason to fail.
                return sum(file["state"] == "sending" for file in report["files"]) >= 128 or not report["connected"]
            rig.wait_for("128 files in hand", in_hand)
            self.assertLess(descriptors(north), 60)
            server.signal(rig.signal.SIGCONT)
            site.await_arrival()


class Metrics(unittest.TestCase):
    def test_nothing_but_a_regular_file_is_replaced_by_the_metrics(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            node = site.node("north", "send", server.url)

            def listening(path):
                with socket.socket(socket.AF_UNIX) as one:
                    one.bind(str(path))
            makers = {"fifo": os.mkfifo, "socket": listening, "directory": os.mkdir,
                      "link": lambda path: os.symlink(node.place / "target", path),
                      "dangling": lambda path: os.symlink(node.place / "nowhere", path)}
            (node.place / "target").write_text("mine")
            for name, make in makers.items():
                path = node.place / name
                make(path)
                before = os.lstat(path)
                node.write(metrics_file=path)
                for words in (["check"], ["run", "--once"]):
                    done = subprocess.run([rig.PAXECT, *words, "-c", "carrier.conf"], cwd=node.place, capture_output=True,
                                          text=True, check=False, timeout=rig.LIMIT)
                    self.assertEqual(done.returncode, 78, (name, words, done.stderr))
                    self.assertIn("metrics_file must be a regular file or not exist", done.stderr)
                self.assertEqual((os.lstat(path).st_ino, os.lstat(path).st_mode), (before.st_ino, before.st_mode))
            self.assertEqual((node.place / "target").read_text(), "mine")

    def test_what_takes_the_path_of_the_metrics_later_stays_and_is_reported_once(self):
        with rig.Site() as site:
            node = site.node("north", "send", site.server().start().ready().url).start()
            path = node.place / "carrier.prom"
            rig.wait_for("the metrics", path.exists)
            os.mkfifo(node.place / "fifo")
            os.rename(node.place / "fifo", path)
            rig.wait_for("the report", lambda: "carrier.prom: it is no regular file, and stays" in node.carrier.text())
            path.rename(node.place / "fifo")
            rig.wait_for("the metrics again", path.exists)
            self.assertTrue(stat.S_ISFIFO(os.lstat(node.place / "fifo").st_mode))
            self.assertEqual(node.carrier.text().count("no regular file"), 1)


if __name__ == "__main__":
    rig.main()
