#!/usr/bin/env python3
"""Consumers that somebody else changes or removes while receivers run."""
import json
import unittest

import rig


def consumer(server, stream, name):
    with server.client() as client:
        return client.api(f"CONSUMER.INFO.{stream}.{name}")


def change(server, stream, name, **changed):
    with server.client() as client:
        config = client.api(f"CONSUMER.INFO.{stream}.{name}")["config"]
        client.api(f"CONSUMER.DURABLE.CREATE.{stream}.{name}", {"stream_name": stream, "config": config | changed})


def identity(node):
    return node.command("status", status=range(100))["report"]["id"]


def reports(node, words):
    return [text for text in rig.problems(node) if words in text]


class Calls:
    """The calls of JetStream's API about consumers, as the server announces them."""

    def __init__(self, test, server):
        self.client = test.enterContext(server.client(limit=rig.LIMIT))
        self.client.subscribe("$JS.EVENT.ADVISORY.API")
        self.client.flush()
        self.seen = []

    def until(self, condition):
        while not condition():
            self.seen.append(json.loads(self.client.next()[3])["subject"].removeprefix("$JS.API.CONSUMER."))
        return self

    def count(self, subject):
        return sum(seen == subject for seen in self.seen)


class Consumers(unittest.TestCase):
    def working_pair(self, site, server):
        """A sender and a receiver that has delivered something and has no problem."""
        north, south = site.pair(server)
        site.send_many(north, 3)
        site.await_arrival()
        self.settled(south)
        return north, south

    def settled(self, *receivers):
        for node in receivers:
            rig.wait_for("the receiver", lambda node=node: (node.command("status", status=range(100))["report"] or {}).get("connected"))
            rig.wait_for(lambda node=node: f"no problem: {rig.problems(node)}", lambda node=node: not rig.problems(node))

    def test_what_was_changed_is_reported_and_restored_once_for_all_receivers(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north, south = site.pair(server)
            east = site.node("east", "receive", server.url).start()
            site.send_many(north, 3)
            site.await_arrival()
            self.settled(south, east)
            calls = Calls(self, server)
            before = consumer(server, "test_job", "receivers")
            change(server, "test_job", "receivers", max_deliver=3, max_ack_pending=1, description="of an administrator")
            words = "the consumer receivers of the stream test_job at "
            for node in (south, east):
                found = rig.wait_for(lambda node=node: f"a report: {rig.problems(node)}", lambda node=node: reports(node, words))
                self.assertIn("(max_ack_pending is 1 instead of 10000, max_deliver is 3 instead of -1)", found[0])
                self.assertIn("the receiver restores it", found[0])

            def restored():
                now = consumer(server, "test_job", "receivers")
                return now if now["config"]["max_deliver"] == -1 else None
            now = rig.wait_for("the old configuration", restored)
            self.assertEqual(now["created"], before["created"])
            self.assertEqual(now["config"], before["config"] | {"description": "of an administrator"})
            # Both look again, and change nothing more.
            asked = len(calls.seen)
            calls.until(lambda: sum(seen == "INFO.test_job.receivers" for seen in calls.seen[asked:]) >= 10)
            self.assertLessEqual(calls.count("DURABLE.CREATE.test_job.receivers"), 3, calls.seen)
            self.assertEqual(consumer(server, "test_job", "receivers")["config"], now["config"])
            self.assertEqual(calls.count("DELETE.test_job.receivers"), 0)
            for node in (south, east):
                self.assertEqual(node.carrier.text().count("was changed by somebody else"), 1, node.carrier.text())
            site.send_many(north, 6, prefix="later")
            site.await_arrival()

    def test_a_changed_consumer_of_lists_is_restored(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north, south = site.pair(server)
            self.settled(south)
            name = identity(south)
            change(server, "test_list", name, max_deliver=1, headers_only=True)
            found = rig.wait_for(lambda: f"a report: {rig.problems(south)}", lambda: reports(south, f"the consumer {name} of the stream test_list"))
            self.assertIn("headers_only is true instead of not set", found[0])
            rig.wait_for("the old configuration", lambda: not consumer(server, "test_list", name)["config"].get("headers_only"))
            (north.folder / "north.1.list").write_text("a list")
            rig.wait_for("the list", lambda: "north.1.list" in rig.visible(south.folder))

    def test_a_limit_of_the_server_is_no_change(self):
        with rig.Site() as site:
            server = site.server(max_file="8GB, limits { max_request_batch: 700 }").start().ready()
            north, south = self.working_pair(site, server)
            self.assertEqual(consumer(server, "test_job", "receivers")["config"]["max_batch"], 700)
            east = site.node("east", "receive", server.url).start()
            calls = Calls(self, server)
            calls.until(lambda: calls.count("INFO.test_job.receivers") >= 8)
            for node in (south, east):
                self.assertNotIn("was changed by somebody else", node.carrier.text())
            self.assertEqual(calls.count("DURABLE.CREATE.test_job.receivers"), 0)

    def test_one_that_was_removed_is_made_again_and_reported(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north, south = self.working_pair(site, server)
            for stream, name in (("test_job", "receivers"), ("test_list", identity(south))):
                with server.client() as client:
                    client.api(f"CONSUMER.DELETE.{stream}.{name}")
                found = rig.wait_for(lambda: f"a report: {rig.problems(south)}",
                                     lambda stream=stream, name=name: reports(south, f"the consumer {name} of the stream {stream}"))
                self.assertIn("was removed by somebody else", found[0])
            site.send_many(north, 3, prefix="later")
            (north.folder / "north.1.list").write_text("a list")
            site.await_arrival()
            rig.wait_for("the list", lambda: "north.1.list" in rig.visible(south.folder))

    def test_a_server_that_has_lost_its_store_has_removed_nothing(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north, south = self.working_pair(site, server)
            server.kill()
            server.put_back_store(None)
            server.start().ready()
            site.send_many(north, 3, prefix="later")
            site.await_arrival()
            self.settled(south)
            self.assertNotIn("somebody else", south.carrier.text())

    def test_what_only_another_consumer_can_have_is_reported_with_the_command(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north, south = self.working_pair(site, server)
            south.carrier.signal(rig.signal.SIGSTOP)
            config = consumer(server, "test_job", "receivers")["config"]
            with server.client() as client:
                client.api("CONSUMER.DELETE.test_job.receivers")
                client.api("CONSUMER.DURABLE.CREATE.test_job.receivers", {
                    "stream_name": "test_job", "config": config | {"ack_policy": "none", "max_ack_pending": 0}})
            south.carrier.signal(rig.signal.SIGCONT)
            found = rig.wait_for(lambda: f"a report: {rig.problems(south)}", lambda: reports(south, 'ack_policy is "none" instead of "explicit"'))
            self.assertIn("run: nats consumer rm test_job receivers, and the receiver makes it again", found[0])
            with server.client() as client:
                client.api("CONSUMER.DELETE.test_job.receivers")
            rig.wait_for("a consumer of the carrier", lambda: [
                one for one in [server_consumer(server)] if one and one["config"]["ack_policy"] == "explicit"])
            # Whoever runs the command of the message is not blamed for it.
            before = len(south.carrier.text())
            self.settled(south)
            self.assertNotIn("was removed by somebody else", south.carrier.text()[before:])
            site.send_many(north, 3, prefix="later")
            site.await_arrival()


def server_consumer(server):
    try:
        return consumer(server, "test_job", "receivers")
    except rig.NatsError:
        return None


if __name__ == "__main__":
    rig.main()
