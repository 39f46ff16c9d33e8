#!/usr/bin/env python3
"""Messages that the server does not store, and consumers that give out nothing: each is one line of the status and the log, from
its begin to its end, and nothing is lost."""
import time
import unittest

import keys
import monitoring_test
import rig


def refused(node):
    return monitoring_test.values(monitoring_test.metrics(node)).get("paxect_carrier_refused_total", 0)


def lines(node, words):
    return [line for line in node.carrier.text().splitlines() if words in line]


def connected(*nodes):
    for node in nodes:
        rig.wait_for(f"{node.name} to be connected", lambda node=node: (node.command("status", status=range(100))["report"] or {}).get("connected"))


def update(server, stream, **changed):
    with server.client() as client:
        config = client.streams()[stream]["config"]
        client.api(f"STREAM.UPDATE.{stream}", config | changed)


class Full(unittest.TestCase):
    def refuse(self, publisher, what):
        with rig.Site() as site:
            server = site.server().start().ready()
            nodes = {name: site.node(name, mode, server.url).start() for name, mode in (("north", "send"), ("south", "receive"))}
            connected(*nodes.values())
            node = nodes[publisher]
            rig.wait_for("the streams", lambda: not rig.problems(node))
            update(server, f"test_{what}", max_bytes=1)
            site.send(nodes["north"], "x.freq", b"data")
            (nodes["north"].folder / "north.1.list").write_text("a list")
            words = (f"the server {server.url} does not store messages in the stream test_{what} (maximum bytes exceeded), "
                     f"the first one on the subject test.{what}.")
            found = rig.wait_for(lambda: f"a report: {rig.problems(node)}",
                                 lambda: [text for text in rig.problems(node) if text.startswith(words)])
            self.assertIn(f"run: nats stream edit test_{what} --max-bytes=-1", found[0])
            before = refused(node)
            rig.wait_for("further tries", lambda: refused(node) > before + 2)
            self.assertEqual(len(lines(node, words)), 1, node.carrier.text())
            self.assertFalse(site.lost())
            update(server, f"test_{what}", max_bytes=-1)
            site.take()
            site.await_arrival()
            rig.wait_for("the list", lambda: "north.1.list" in rig.visible(nodes["south"].folder) and not rig.visible(nodes["north"].folder))
            rig.wait_for(lambda: f"the end of the report: {rig.problems(node)}", lambda: not rig.problems(node))
            self.assertEqual(len(lines(node, words)), 1, node.carrier.text())
            self.assertEqual(len(lines(node, f"the server refuses messages to the stream test_{what}: over")), 1, node.carrier.text())

    @unittest.skipUnless(rig.LONG, "PAXECT_TEST_LONG=1 takes some minutes")
    def test_a_full_stream_is_reported_for_as_long_as_it_is_full(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url, carrier="max_stream_mb = 2").start()
            connected(north)
            for name in ("a.freq", "b.freq"):
                site.send(north, name, site.random.randbytes(1_300_000))
            rig.wait_for("a full stream", lambda: [text for text in rig.problems(north) if "it is full" in text])
            end = time.monotonic() + 130  # longer than a refusal that nobody tries again
            while time.monotonic() < end:
                self.assertTrue([text for text in rig.problems(north) if "it is full" in text], north.carrier.text())
                time.sleep(1)
            site.node("south", "receive", server.url).start()
            site.take()
            site.await_arrival()
            rig.wait_for("the end of the report", lambda: not rig.problems(north))

    def test_of_jobs(self):
        self.refuse("north", "job")

    def test_of_lists(self):
        self.refuse("north", "list")

    def test_of_claims(self):
        self.refuse("south", "claim")

    def test_of_receipts(self):
        self.refuse("south", "receipt")


class Permissions(unittest.TestCase):
    def test_what_a_receiver_may_not_publish_is_reported_and_published_later(self):
        with rig.Site() as site:
            user, other = keys.Key("user"), keys.Key("user")

            def users(*deny):
                denied = ", ".join(f'"test.{what}.>"' for what in deny or ("nothing",))
                return (f"authorization {{ users: [{{ nkey: {user.public}, permissions: {{ publish: {{ deny: [{denied}] }} }} }}, "
                        f"{{ nkey: {other.public} }}] }}\n")
            seed = site.place / "seed"
            seed.write_text(user.seed + "\n")
            seed.chmod(0o600)
            for name, key in (("south", user), ("north", other)):
                (site.place / f"{name}.seed").write_text(key.seed + "\n")
                (site.place / f"{name}.seed").chmod(0o600)
            server = site.server(settings=users())
            server.login = {"key": other}
            server.start().ready()
            north = site.node("north", "send", server.url, carrier=f"nkey = {site.place}/north.seed").start()
            south = site.node("south", "receive", server.url, carrier=f"nkey = {site.place}/south.seed").start()
            connected(north, south)
            rig.wait_for("the streams", lambda: not rig.problems(south))
            denied = ("claim", "report", "poison")
            server.settings = users(*denied)
            server.reload()
            (south.folder / "north.1.list").write_text("another text")
            (north.folder / "north.1.list").write_text("a list")
            site.send(north, "x.freq", b"data")
            with server.client() as client:
                client.store("test.job.00000000000000000000000000000000", b"no job")
            for what in denied:
                words = f"does not store messages in the stream test_{what} "
                found = rig.wait_for(lambda: f"a report: {rig.problems(south)}", lambda words=words: [
                    text for text in rig.problems(south) if words in text])
                self.assertIn(f"on the subject test.{what}.", found[0])
                self.assertIn("ermissions", found[0])
                self.assertIn("man paxect-carrier, SECURITY", found[0])
            before = refused(south)
            rig.wait_for("further tries", lambda: refused(south) > before + 5)

            def aside():
                with server.client() as client:
                    stored = client.streams()["test_poison"]["state"]["messages"]
                return stored, south.command("status", status=range(100))["report"]["poison"], len(lines(south, "is set aside: "))
            self.assertEqual(aside(), (0, 0, 0), south.carrier.text())
            for what in denied:
                self.assertEqual(len(lines(south, f"does not store messages in the stream test_{what} ")), 1, south.carrier.text())
            server.settings = users()
            server.reload()
            site.take()
            site.await_arrival()
            rig.wait_for("the report", lambda: [entry for entry in north.log() if entry["event"] == "reported"])
            rig.wait_for(lambda: f"the message that was set aside: {aside()}", lambda: aside() == (1, 1, 1))
            rig.wait_for(lambda: f"the end of the reports: {rig.problems(south)}", lambda: not [
                text for text in rig.problems(south) if "does not store" in text])


class Reports(unittest.TestCase):
    def refused_name(self, site, north, south):
        """A container that the receiver cannot deliver: a file is where its folder is needed."""
        (south.folder / "sub").write_text("a file")
        (north.folder / "sub").mkdir()
        site.send(north, "sub/x.freq", b"data")
        rig.wait_for("a refused name", lambda: [text for text in rig.problems(south) if "cannot be delivered here" in text])

    def test_reports_that_have_no_reply_hold_up_nothing(self):
        with rig.Site() as site:
            server = site.server(settings='mappings = { "test.report.*": "silent.$1", "test.poison.*": "silent.$1" }\n').start().ready()
            north, south = site.pair(server)
            connected(north, south)
            with server.client(limit=10 * rig.LIMIT) as client:
                client.subscribe("silent.*")
                client.flush()
                self.refused_name(site, north, south)
                client.store("test.job.00000000000000000000000000000000", b"no job")
                begin = time.monotonic()
                for i in range(5):
                    site.send(north, f"f{i}.freq", b"data")
                    rig.wait_for("the container", lambda i=i: f"f{i}.freq" in site.taken)
                self.assertLess(time.monotonic() - begin, 20, south.carrier.text())  # 10 s each, if each waits for a reply
            server.settings = ""
            server.reload()
            rig.wait_for("the report", lambda: [entry for entry in north.log() if entry["event"] == "reported"])
            (south.folder / "sub").unlink()
            site.await_arrival(limit=2 * rig.LIMIT)

    def test_a_report_that_the_stream_refuses_is_published_again_and_is_one_at_the_sender(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north, south = site.pair(server)
            connected(north, south)
            rig.wait_for("the streams", lambda: not rig.problems(south))
            update(server, "test_report", max_bytes=1, discard="new")
            self.refused_name(site, north, south)
            rig.wait_for("further tries", lambda: refused(south) > 2)
            self.assertEqual(len(lines(north, "sub/x.freq: the receiver ")), 1, north.carrier.text())
            self.assertEqual(len([entry for entry in north.log() if entry["event"] == "reported"]), 1)
            update(server, "test_report", max_bytes=-1, discard="old")

            def stored():
                with server.client() as client:
                    return client.streams()["test_report"]["state"]["messages"]
            rig.wait_for("the report in its stream", lambda: stored() == 1)
            rig.wait_for("the end of the refusal", lambda: not [text for text in rig.problems(south) if "test_report" in text])
            (south.folder / "sub").unlink()
            site.await_arrival(limit=2 * rig.LIMIT)


class Consumers(unittest.TestCase):
    def test_one_that_does_not_answer_is_reported_until_it_does(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north, south = site.pair(server)
            site.send_many(north, 3)
            site.await_arrival()
            self.assertFalse(rig.problems(south))
            with server.client(limit=10 * rig.LIMIT) as client:
                client.subscribe("silent.*")
                client.flush()
                server.settings = ('mappings = { "$JS.API.CONSUMER.MSG.NEXT.test_list.*": "silent.$1", '
                                   '"$JS.API.CONSUMER.MSG.NEXT.test_job.*": "silent.$1" }\n')
                server.reload()
                for what, stream in (("lists", "test_list"), ("jobs", "test_job")):
                    found = rig.wait_for(lambda: f"a report: {rig.problems(south)}", lambda what=what: [
                        text for text in rig.problems(south) if f"gives out no {what}" in text])
                    for words in (server.url, stream, "no reply", f"nats consumer info {stream}"):
                        self.assertIn(words, found[0])
            server.settings = ""
            server.reload()
            rig.wait_for(lambda: f"the end of the reports: {rig.problems(south)}", lambda: not rig.problems(south))
            self.assertEqual(len(lines(south, f"the server {server.url} gives out no ")), 2, south.carrier.text())
            site.send_many(north, 3, prefix="later")
            site.await_arrival()


if __name__ == "__main__":
    rig.main()
