#!/usr/bin/env python3
"""What the commands report, and what they leave as it is."""
import contextlib
import json
import socket
import stat
import threading
import unittest

import network
import rig


def state_of(node):
    return node.place / ".paxect_carrier_folder"


def configurations(server):
    """The streams and their consumers, without what flows through them."""
    with server.client() as client:
        return {name: stream["config"] for name, stream in client.streams().items()}


def connected(node):
    rig.wait_for(f"{node.name} to be connected",
                 lambda: (node.command("status", status=range(100))["report"] or {}).get("connected"))


class Doctor(unittest.TestCase):
    def test_before_the_first_start_it_makes_neither_state_nor_streams(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            for mode in ("send", "receive"):
                node = site.node(mode, mode, server.url)
                (node.folder / ".paxect-place").write_text("token of link\n")
                checks = node.command("doctor")["checks"]
                self.assertEqual({one["state"] for one in checks if one["check"] in ("state", "folder")}, {"ok"})
                self.assertTrue([one for one in checks if one["check"] == "streams" and one["state"] == "warning"], checks)
                self.assertFalse(state_of(node).exists())
                self.assertEqual([path.name for path in node.folder.iterdir()], [".paxect-place"])
            self.assertEqual(configurations(server), {})

    def test_it_reads_each_stream_once(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            connected(north)
            north.stop()
            with server.client(limit=rig.LIMIT) as client:
                client.subscribe("$JS.EVENT.ADVISORY.API")
                client.flush()
                self.assertTrue(north.command("doctor")["ok"])
                client.publish("$JS.EVENT.ADVISORY.API", b"{}")
                read = []
                while call := json.loads(client.next()[3]):
                    read.append(call["subject"].removeprefix("$JS.API.STREAM.INFO."))
            read = [subject for subject in read if not subject.startswith("$JS.")]
            self.assertEqual(sorted(read), sorted(configurations(server)), read)

    def test_what_the_account_does_not_allow_has_failed(self):
        for limits, words in (("max_streams: 5, max_store: 1GB", ("5 streams", "max_streams")), ("max_streams: 50, max_store: 50MB", ("max_store", "max_stream_mb"))):
            with self.subTest(limits), rig.Site() as site:
                account = f"accounts {{ X: {{ jetstream: {{ {limits}, max_mem: 10MB, max_consumers: 50 }}, users: [{{ user: u, password: p }}] }} }}"
                server = site.server(settings=f"{account}\nno_auth_user: u").start().ready()
                north = site.node("north", "send", server.url, carrier="max_stream_mb = 64")
                checks = north.command("doctor", status=(1,))["checks"]
                failed = [one["text"] for one in checks if one["state"] == "failed"]
                self.assertTrue([text for text in failed if all(word in text for word in words)], checks)

    def test_an_account_or_a_server_without_jetstream_is_named(self):
        words = ("either JetStream is not enabled", "jetstream: enabled", "jetstream { }", "leaf node that does not reach its hub")
        with self.subTest("account"), rig.Site() as site:
            server = site.server(settings="accounts { X: { users: [{ user: u, password: p }] }, Y: { jetstream: enabled, users: [{ user: y, "
                                          "password: p }] } }\nno_auth_user: u\n")
            server.login = {"user": "y", "password": "p"}
            server.start().ready()
            north = site.node("north", "send", server.url)
            checks = north.command("doctor", status=(1,))["checks"]
            failed = [one["text"] for one in checks if one["state"] == "failed"]
            self.assertTrue([text for text in failed if all(word in text for word in words)], checks)
            north.start()
            rig.wait_for(lambda: f"the same of the instance: {rig.problems(north)}", lambda: [
                text for text in rig.problems(north) if all(word in text for word in words)])
        with self.subTest("server"), rig.Site() as site:
            server = site.server()
            server.write = lambda: server.config.write_text(f"listen: \"{server.address}\"\nmax_payload: 2MB\n")
            server.start()
            north = site.node("north", "send", server.url)
            rig.wait_for("the server", lambda: [one for one in north.command("doctor", status=(1,))["checks"]
                                                if one["check"] == "connection" and one["state"] == "ok"])
            checks = north.command("doctor", status=(1,))["checks"]
            self.assertTrue([one for one in checks if one["state"] == "failed" and all(word in one["text"] for word in words)], checks)

    def test_a_leaf_node_without_its_hub_is_named(self):
        with rig.Site() as site:
            server = site.server()
            server.write = lambda: server.config.write_text(
                f'server_name: site7\nlisten: "{server.address}"\nmax_payload: 2MB\n'
                f'leafnodes {{ remotes: [ {{ url: "nats-leaf://x:y@127.0.0.1:{rig.free_port()}" }} ] }}\n'
                'mappings { "$JS.API.>": "$JS.hub.API.>" }\n')
            server.start()
            north = site.node("north", "send", server.url).start()
            rig.wait_for(lambda: f"both reasons: {rig.problems(north)}", lambda: [
                text for text in rig.problems(north) if "JetStream is not enabled" in text and "look at its leaf connection" in text])

    def test_a_limit_of_a_stream_that_has_none_by_default_is_found(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            connected(north)
            with server.client() as client:
                rig.wait_for("the streams", lambda: "test_receipt" in client.streams())
                client.api("STREAM.UPDATE.test_receipt", configurations(server)["test_receipt"] | {"max_bytes": 1000})
            checks = north.command("doctor", status=(1,))["checks"]
            self.assertTrue([one for one in checks if one["state"] == "warning" and "has a limit of 1000 bytes" in one["text"]], checks)
            self.assertTrue([one for one in checks if one["state"] == "failed" and one["check"] == "stream test_receipt"], checks)

    def test_what_is_no_server_or_takes_too_small_messages_has_failed(self):
        with rig.Site() as site, socket.create_server(("127.0.0.1", 0)) as other:
            def serve():
                with contextlib.suppress(OSError):  # until the socket is closed
                    while True:
                        with other.accept()[0] as connection:
                            connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            threading.Thread(target=serve, daemon=True).start()
            address = f"nats://127.0.0.1:{other.getsockname()[1]}"
            failed = {one["check"]: one["text"] for one in site.node("one", "send", address).command("doctor", status=(1,))["checks"]
                      if one["state"] == "failed"}
            self.assertEqual(failed[f"server {address}"], f"{address} is no NATS server")
            server = site.server(settings="max_payload: 512KB").start().ready()
            failed = {one["check"]: one["text"] for one in site.node("two", "send", server.url).command("doctor", status=(1,))["checks"]
                      if one["state"] == "failed"}
            self.assertEqual(failed[f"server {server.url}"], "max_payload is 524288: it must be at least 1MB")

    def test_neither_doctor_nor_a_second_sender_changes_a_stream_but_to_enlarge_it(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url, carrier="max_stream_mb = 20").start()
            connected(north)
            with server.client() as client:
                config = {**configurations(server)["test_data"], "description": "of an administrator"}
                client.api("STREAM.UPDATE.test_data", config)
            before = configurations(server)
            other = site.node("other", "send", server.url, carrier="max_stream_mb = 10\nreplicas = 3")
            texts = [one["text"] for one in other.command("doctor")["checks"] if one["state"] == "warning"]
            for words in ("max_stream_mb is 10", "the setting is 3"):
                self.assertTrue([text for text in texts if words in text], texts)
            self.assertEqual(configurations(server), before)
            other.start()
            connected(other)
            self.assertEqual(configurations(server), before)
            large = site.node("large", "send", server.url, carrier="max_stream_mb = 30").start()
            connected(large)
            rig.wait_for("a larger stream", lambda: configurations(server)["test_data"]["max_bytes"] == 30 << 20)
            self.assertEqual(configurations(server)["test_data"]["description"], "of an administrator")

    def test_the_directory_of_a_share_that_is_not_mounted_is_not_the_folder(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            connected(north)
            north.stop()
            north.folder.rename(north.place / "away")
            north.folder.mkdir()
            checks = north.command("doctor", status=range(1, 100))["checks"]
            self.assertEqual([one["state"] for one in checks if one["check"] == "folder"], ["failed"])
            north.folder.rmdir()
            (north.place / "away").rename(north.folder)
            self.assertTrue(north.command("doctor")["ok"])


    def test_a_server_that_does_not_answer_has_an_address(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", f"{server.url}, nats://127.0.0.1:{rig.free_port()}")

            def text(number):
                checks = north.command("doctor", status=(0, 1))["checks"]
                return [one["text"] for one in checks if one["check"].startswith("server ")][number]
            self.assertIn("up to a minute is lost", text(0))
            self.assertIn("Connection refused", text(1))
            server.signal(rig.signal.SIGSTOP)
            self.assertIn(f"{server.url} takes the connection and sends nothing within 3 s", text(0))
            server.signal(rig.signal.SIGCONT)


class Status(unittest.TestCase):
    def test_who_may_read_the_report_sees_whether_the_instance_runs(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            connected(north)
            for name in ("lock", "status.json"):
                self.assertEqual(stat.S_IMODE((state_of(north) / name).stat().st_mode), 0o640, name)
            lock = state_of(north) / "lock"
            lock.chmod(0)
            result = rig.subprocess.run([*rig.without_privileges(), rig.PAXECT, "carrier", "status", "-c", "carrier.conf"],
                                        cwd=north.place, capture_output=True, text=True, check=False)
            self.assertIn("cannot open the lock", result.stderr)
            self.assertNotIn("not running", result.stdout)
            self.assertNotEqual(result.returncode, 0)

    def test_the_state_of_an_instance_has_the_words_of_link(self):
        """The page of the operator judges all plugins by `state` and `trouble`."""
        with rig.Site() as site:
            server = site.server()
            north = site.node("north", "send", server.url)

            def now():
                return north.command("status", status=range(100))
            self.assertEqual([now()[key] for key in ("state", "waiting_for", "trouble")], ["stopped", None, {}])
            north.start()
            found = rig.wait_for("a report", lambda: now()["report"] and now())
            self.assertEqual((found["state"], found["trouble"]), ("waiting", {}))
            self.assertIn("no connection to", found["waiting_for"])
            server.start().ready()
            rig.wait_for(lambda: f"all to be well: {now()}", lambda: [now()[key] for key in ("state", "waiting_for", "trouble")] == ["running", None, {}])
            (north.folder / "bare.freq").write_text("no sidecar")
            rig.wait_for("the trouble", lambda: "bare.freq is not sent: no sidecar" in now()["trouble"].values())
            self.assertEqual(now()["state"], "running")
            north.folder.rename(north.place / "away")
            rig.wait_for(lambda: f"the folder to be waited for: {now()}", lambda: now()["state"] == "waiting" and str(north.folder) in now()["waiting_for"])
            (north.place / "away").rename(north.folder)
            (north.folder / "bare.freq").unlink()
            rig.wait_for("all to be well again", lambda: north.command("status", status=(0, 1))["trouble"] == {})
            north.carrier.signal(rig.signal.SIGSTOP)
            found = rig.wait_for("it to be silent", lambda: now()["state"] == "unresponsive" and now(), 2 * rig.LIMIT)
            self.assertIn("has reported nothing for", found["trouble"]["report"])
            north.carrier.signal(rig.signal.SIGCONT)
            rig.wait_for("it to go on", lambda: now()["state"] == "running")
            north.stop()
            found = now()
            self.assertEqual((found["state"], found["trouble"], found["running"]), ("stopped", {}, False))

    def test_a_long_download_is_reported_while_it_lasts(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            proxy = self.enterContext(network.Proxy(server.address))
            proxy.rate = 1_500_000
            north = site.node("north", "send", server.url).start()
            south = site.node("south", "receive", f"nats://{proxy.address}").start()
            connected(south)
            site.send(north, "large.freq", site.random.randbytes(24 << 20))

            def hidden():
                return [path for path in south.folder.iterdir() if path.name.endswith(".part")]

            def fetched():
                files = south.command("status", status=range(100))["report"]["files"]
                return next((file["bytes"] for file in files if file["state"] == "fetching"), None)
            first = rig.wait_for("some bytes", fetched)
            rig.wait_for("more of them", lambda: (fetched() or 0) > first)
            self.assertTrue(hidden())
            self.assertEqual(south.command("explain", "large.freq")["state"], "fetching")
            shown = rig.subprocess.run([rig.PAXECT, "carrier", "status", "-c", "carrier.conf"], cwd=south.place, capture_output=True,
                                       text=True, check=True).stdout
            self.assertRegex(shown, r"fetching +1 file, [0-9]+ of 25165824 bytes")


class Peers(unittest.TestCase):
    def test_without_a_server_nobody_answers(self):
        with rig.Site() as site:
            node = site.node("north", "send", site.server().url)
            result = rig.subprocess.run([rig.PAXECT, "carrier", "peers", "-c", "carrier.conf"], cwd=node.place,
                                        capture_output=True, text=True, check=False, timeout=rig.LIMIT)
            self.assertEqual(result.returncode, 1, result)
            self.assertIn("no connection to", result.stderr)
            report = node.command("peers", status=(1,))
            self.assertEqual((report["subject"], report["peers"]), ("test", []))
            self.assertIn("no connection to", report["problem"])


class Explain(unittest.TestCase):
    def test_the_name_that_a_container_got_is_reported_with_and_without_a_log(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            south = site.node("south", "receive", server.url)
            (south.folder / "same.freq").write_bytes(b"another file")
            south.start()
            site.send(north, "same.freq", b"data")
            rig.wait_for("the receipt", lambda: not rig.visible(north.folder))
            (other,) = [name for name in rig.visible(south.folder) if name.endswith(".freq") and name != "same.freq"]
            for log in ("carrier.jsonl", None):
                south.write(log=log)
                found = south.command("explain", "same.freq")
                self.assertEqual((found["state"], found["at"]), ("delivered", other), log)


    def test_a_file_that_the_report_does_not_name_has_the_true_reason(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url)
            site.send(north, "first.freq", b"data")
            self.assertIn("no instance has reported", north.command("explain", "first.freq")["reason"])
            north.start()
            rig.wait_for("the first one on the server", lambda: north.command("explain", "first.freq")["state"] == "sent")
            found = north.command("explain", "first.freq.sha256")
            self.assertEqual(found["state"], "sent")
            self.assertIn("it goes with its container, first.freq", found["reason"])
            (north.folder / ".hidden").mkdir()
            for name in (".hidden.freq", ".hidden/y.freq"):
                (north.folder / name).write_bytes(b"data")
                found = north.command("explain", name)
                self.assertEqual(found["state"], "hidden", name)
                self.assertIn("begins with a dot", found["reason"])
            server.kill()
            rig.wait_for("the end of the connection", lambda: [one for one in north.command("status", status=range(100))["report"]["problems"]
                                                               if one["what"] == "no connection"])
            site.send(north, "later.freq", b"data")
            found = north.command("explain", "later.freq")
            self.assertEqual(found["state"], "waiting")
            self.assertIn("no connection to", found["reason"])


class Consumers(unittest.TestCase):
    def test_the_largest_ack_wait_of_the_receivers_holds(self):
        with rig.Site() as site:
            server = site.server().start().ready()

            def ack_wait_ms():
                with server.client() as client:
                    return client.api("CONSUMER.INFO.test_job.receivers")["config"]["ack_wait"] // 1_000_000
            for name, value, expected in (("a", 5000, 5000), ("b", 1000, 5000), ("c", 9000, 9000)):
                node = site.node(name, "receive", server.url, carrier=f"ack_wait_ms = {value}").start()
                connected(node)
                # The streams and consumers of an instance are there when it answers.
                rig.wait_for("it to be among the peers", lambda node=node: len(node.command("peers")["peers"]) == len(site.nodes))
                self.assertEqual(ack_wait_ms(), expected, name)


if __name__ == "__main__":
    rig.main()
