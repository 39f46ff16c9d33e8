#!/usr/bin/env python3
"""Lists go to every receiver of the subject: a sender keeps one until each receiver that it knows has it, whatever the server
loses while one of them is away."""
import json
import signal
import threading
import unittest

import rig


def put(north, name, text=None, folder="paxect.proof"):
    """Puts a list into the outbox of a sender and returns its path below it."""
    path = north.folder / folder / name
    path.parent.mkdir(exist_ok=True)
    hidden = path.with_name(".writing.part")
    hidden.write_text(text if text is not None else f"the text of {name}\n")
    hidden.rename(path)
    return f"{folder}/{name}"


def has(node, name):
    return name in rig.visible(node.folder)


def token_of(node):
    return (node.place / ".paxect_carrier_folder" / "id").read_text().strip()


def reason(node, path):
    """Why a file is still in the folder of a sender."""
    return node.command("explain", path, status=range(100)).get("reason", "")


def stored(server, name):
    """(sequence, subject, payload) of a list in its stream, or None."""
    with server.client() as client:
        for sequence, subject, _, payload in client.messages("test_list"):
            if f"/{name}\"".encode() in payload.split(b"\n")[0]:
                return sequence, subject, payload
    return None


class Lists(unittest.TestCase):
    def three(self, site, **settings):
        """A sender and two receivers that it knows; the second one is stopped after the first list."""
        server = site.server().start().ready()
        north = site.node("north", "send", server.url, **settings).start()
        south, west = (site.node(name, "receive", server.url).start() for name in ("south", "west"))
        first = put(north, "n.1.list")
        rig.wait_for("the first list", lambda: has(south, first) and has(west, first) and not rig.visible(north.folder))
        west.stop()
        return server, north, south, west

    def sent_to_one(self, north, south, name):
        path = put(north, name)
        rig.wait_for(f"{name} at the first receiver", lambda: has(south, path))
        rig.wait_for(f"the receipt of {name}", lambda: [entry for entry in south.log() if entry["name"] == path])
        return path

    def arrives(self, north, west, path):
        rig.wait_for(lambda: f"{path} at the second receiver: {north.carrier.text()[-2000:]}", lambda: has(west, path))
        self.assertEqual((west.folder / path).read_text(), f"the text of {path.rsplit('/', 1)[1]}\n")
        rig.wait_for(f"an empty outbox: {rig.visible(north.folder)}", lambda: not rig.visible(north.folder))

    def test_a_list_that_the_server_loses_or_damages_reaches_a_receiver_that_was_away(self):
        with rig.Site() as site:
            server, north, south, west = self.three(site)
            lost = self.sent_to_one(north, south, "n.2.list")
            damaged = self.sent_to_one(north, south, "n.3.list")
            with server.client() as client:
                client.api("STREAM.MSG.DELETE.test_list", {"seq": stored(server, "n.2.list")[0]})
                sequence, subject, payload = stored(server, "n.3.list")
                client.api("STREAM.MSG.DELETE.test_list", {"seq": sequence})
                client.store(subject, payload[:-2] + bytes([payload[-2] ^ 1]) + payload[-1:])
            west.start()
            self.arrives(north, west, lost)
            self.arrives(north, west, damaged)

    def test_a_list_reaches_a_receiver_that_was_away_from_a_store_that_was_put_back(self):
        with rig.Site() as site:
            server, north, south, west = self.three(site)
            for i, restart in enumerate((False, True)):
                server.stop()
                server.copy_store(site.place / "backup")
                server.start().ready()
                path = self.sent_to_one(north, south, f"n.{2 + i}.list")
                if restart:
                    north.kill()
                server.kill()
                server.put_back_store(site.place / "backup" if i == 0 else None)
                server.start().ready()
                north.start()
                west.start()
                self.arrives(north, west, path)
                west.stop()

    def test_a_receiver_that_is_gone_for_good_keeps_nothing_when_its_consumer_is_removed(self):
        with rig.Site() as site:
            server, north, south, west = self.three(site)
            path = self.sent_to_one(north, south, "n.2.list")
            token = token_of(west)
            rig.wait_for(lambda: f"what it waits for: {reason(north, path)}", lambda: token in reason(north, path))
            self.assertTrue(has(north, path))
            with server.client() as client:
                client.api(f"CONSUMER.DELETE.test_list.{token}")
            rig.wait_for("an empty outbox", lambda: not rig.visible(north.folder))

    def away(self, north, node):
        """What the sender says of a receiver when it counts as away."""
        def found():
            receivers = (north.command("status", status=range(100))["report"] or {}).get("receivers", ())
            return [one for one in receivers if one["id"] == token_of(node) and not one["connected"]]
        return rig.wait_for("the receiver to count as away", found)[0]

    def test_an_operator_gives_up_a_receiver_that_the_store_has_lost(self):
        with rig.Site() as site:
            server, north, south, west = self.three(site)
            path = self.sent_to_one(north, south, "n.2.list")
            server.kill()
            server.put_back_store(None)
            server.start().ready()
            connected = north.command("forget", token_of(south), status=(1,))
            self.assertEqual((connected["state"], connected["connected"]), ("connected", True), connected)
            rig.wait_for(lambda: f"what it waits for: {reason(north, path)}", lambda: token_of(west) in reason(north, path))
            seen = self.away(north, west)
            rig.wait_for(lambda: f"the remedy: {reason(north, path)}",
                         lambda: f"{token_of(west)} is away: if it is gone for good, run: paxect carrier forget {token_of(west)}" in reason(north, path))
            rig.wait_for("the list to be counted", lambda: self.away(north, west)["lists"] == 1)
            self.assertTrue(has(north, path))
            gone = north.command("forget", token_of(west))
            self.assertEqual((gone["receiver"], gone["state"], gone["lists"], gone["last_seen_utc"], gone["problem"]),
                             (token_of(west), "forgotten", 1, seen["last_seen_utc"], ""))
            self.assertTrue(gone["place"].endswith(" [carrier]"), gone)
            rig.wait_for("an empty outbox", lambda: not rig.visible(north.folder))
            rig.wait_for("the report of that", lambda: token_of(west) not in [
                one["id"] for one in north.command("status", status=range(100))["report"]["receivers"]])
            self.assertEqual(north.command("forget", token_of(west), status=(1,))["state"], "unknown")
            # It is known again when it comes back after all.
            west.start()
            rig.wait_for("the receiver", lambda: [one for one in north.command("status", status=range(100))["report"]["receivers"]
                                                  if one["id"] == token_of(west) and one["connected"]])
            later = put(north, "n.3.list")
            self.arrives(north, west, later)

    def test_a_receiver_with_a_consumer_is_given_up_by_one_sender_alone_also_while_it_does_not_run(self):
        with rig.Site() as site:
            server, north, south, west = self.three(site)
            other = site.node("other", "send", server.url).start()
            path = self.sent_to_one(north, south, "n.2.list")
            kept = put(other, "o.2.list")
            rig.wait_for("the list of the other sender at one receiver", lambda: has(south, kept))
            north.stop()
            asked = north.command("forget", token_of(west))
            self.assertEqual((asked["state"], asked["connected"]), ("requested", False), asked)
            self.assertTrue(asked["last_seen_utc"])
            north.start()
            rig.wait_for("an empty outbox", lambda: not rig.visible(north.folder))

            def consumers():
                with server.client() as client:
                    return client.api("CONSUMER.NAMES.test_list", {"offset": 0})["consumers"]
            self.assertEqual(sorted(consumers()), sorted([token_of(south), token_of(west)]))
            self.assertFalse([path for path in (north.place / ".paxect_carrier_folder").iterdir() if path.name.startswith("forget-")])
            self.assertFalse(has(north, path))
            self.assertTrue(has(other, kept))
            west.start()
            rig.wait_for("the list of the other sender", lambda: has(west, kept) and not rig.visible(other.folder))

    def test_a_run_with_once_decides_about_a_request(self):
        with rig.Site() as site:
            _, north, south, west = self.three(site)
            path = self.sent_to_one(north, south, "n.2.list")
            north.stop()
            self.assertEqual(north.command("forget", token_of(west))["state"], "requested")
            rig.run_once(north)
            self.assertFalse([one for one in (north.place / ".paxect_carrier_folder").iterdir() if one.name.startswith("forget-")])
            self.assertFalse(has(north, path))

    def test_a_receiver_that_is_there_is_not_given_up_by_a_sender_that_has_not_heard_of_it_yet(self):
        with rig.Site() as site:
            server, north, south, west = self.three(site)
            path = self.sent_to_one(north, south, "n.2.list")
            north.stop()
            west.start()
            self.assertEqual(north.command("forget", token_of(west))["state"], "requested")
            north.start()
            rig.wait_for("the decision", lambda: f"the receiver {token_of(west)} is not forgotten" in north.carrier.text())
            rig.wait_for("the list", lambda: has(west, path) and not rig.visible(north.folder))
            # A sender that is not connected hears of nobody.
            server.stop()
            self.away(north, west)
            refused = north.command("forget", token_of(west), status=(1,))
            self.assertEqual((refused["state"], refused["connected"]), ("refused", False), refused)
            self.assertIn("the sender is not connected", refused["problem"])
            self.assertFalse([one for one in (north.place / ".paxect_carrier_folder").iterdir() if one.name.startswith("forget-")])

    def test_a_sender_that_hears_of_the_receiver_after_the_command_has_asked_refuses(self):
        with rig.Site() as site:
            server, north, south, west = self.three(site)
            self.sent_to_one(north, south, "n.2.list")
            self.away(north, west)
            north.carrier.signal(signal.SIGSTOP)
            west.start()
            rig.wait_for("the receiver", lambda: (west.command("status", status=range(100))["report"] or {}).get("connected"))
            answers = []
            command = threading.Thread(target=lambda: answers.append(north.command("forget", token_of(west), status=(1,))))
            command.start()
            rig.wait_for("the request", lambda: [one for one in (north.place / ".paxect_carrier_folder").iterdir() if one.name.startswith("forget-")])
            north.carrier.signal(signal.SIGCONT)
            command.join(rig.LIMIT)
            self.assertEqual([answer["state"] for answer in answers], ["connected"], answers)
            self.assertIn("has not forgotten the receiver", answers[0]["problem"])

    def test_ten_thousand_receivers_mean_few_questions_at_once(self):
        """Nobody answers the questions, so that all that were asked are open."""
        with rig.Site() as site:
            server = site.server(settings='mappings = { "$JS.API.DIRECT.GET.test_receipt.test.receipt.*": "open.$1" }\n').start().ready()
            north, south = (site.node(name, mode, server.url).start() for name, mode in (("north", "send"), ("south", "receive")))
            rig.wait_for("the receiver", lambda: [one for one in (north.command("status", status=range(100))["report"] or {}).get("receivers", ())
                                                  if one["connected"]])
            with server.client(limit=rig.LIMIT) as client:
                client.subscribe("open.*")
                client.flush()
                for i in range(10_000):
                    client.publish("test.peers", json.dumps({"v": 1, "id": f"{i:016x}", "mode": "receive", "host": "h", "section": "s", "version": "1",
                                                             "waiting": 0, "in_hand": 0}).encode())
                path = put(north, "n.1.list")
                while "-" not in client.next()[0]:
                    pass
                rig.wait_for("the list", lambda: has(south, path))
                self.assertEqual(north.carrier.stop(), 0)
                client.publish("open.end")
                asked = 1
                while (subject := client.next()[0]) != "open.end":
                    asked += "-" in subject
            self.assertGreater(asked, 1)
            self.assertLessEqual(asked, 256)

    def test_a_receiver_that_comes_while_the_first_one_has_the_list_is_waited_for(self):
        """Its consumer shows it, also to a sender that has never been connected together with it."""
        with rig.Site() as site:
            server = site.server().start().ready()
            south, west = (site.node(name, "receive", server.url).start() for name in ("south", "west"))

            def consumers():
                with server.client() as client:
                    return "test_list" in client.streams() and len(client.api("CONSUMER.NAMES.test_list", {"offset": 0})["consumers"] or ()) == 2
            rig.wait_for("both consumers", consumers)
            west.stop()
            north = site.node("north", "send", server.url).start()
            path = self.sent_to_one(north, south, "n.1.list")
            with server.client() as client:
                client.api("STREAM.PURGE.test_list")
            west.start()
            self.arrives(north, west, path)

    def test_an_old_receipt_brings_back_no_receiver_that_was_removed(self):
        with rig.Site() as site:
            server, north, south, west = self.three(site)
            gone = site.node("gone", "receive", server.url).start()
            rig.wait_for("its first list", lambda: has(gone, "paxect.proof/n.1.list"))
            south.stop()
            path = put(north, "n.2.list")
            rig.wait_for("the list there", lambda: has(gone, path))
            rig.wait_for(lambda: f"its receipt: {reason(north, path)}", lambda: "delivered to 1" in reason(north, path))
            gone.stop()
            with server.client() as client:
                client.api(f"CONSUMER.DELETE.test_list.{token_of(gone)}")
            rig.wait_for("that it is gone", lambda: f'"no receiver","id":"{token_of(gone)}"' in
                         (north.place / ".paxect_carrier_folder" / "sender.records").read_text())
            north.stop()
            north.start()
            rig.wait_for(lambda: f"the old receipt: {reason(north, path)}", lambda: "delivered to 1" in reason(north, path))
            south.start()
            path = self.sent_to_one(north, south, "n.3.list")
            rig.wait_for(lambda: f"what it waits for: {reason(north, path)}", lambda: token_of(west) in reason(north, path))
            self.assertNotIn(token_of(gone), reason(north, path))

    def test_what_is_no_receipt_at_the_subject_of_one_keeps_no_list(self):
        with rig.Site() as site:
            server, north, south, west = self.three(site)
            path = self.sent_to_one(north, south, "n.2.list")
            list_id = stored(server, "n.2.list")[1].rsplit(".", 1)[1]
            with server.client() as client:
                client.store(f"test.receipt.{list_id}-{token_of(west)}", b"no receipt")
            west.start()
            self.arrives(north, west, path)

    def test_a_list_that_a_receiver_refuses_is_reported_and_comes_when_its_name_is_free(self):
        with rig.Site() as site:
            _, north, south, west = self.three(site)
            other = west.folder / "paxect.proof" / "n.2.list"
            other.write_text("another text\n")
            path = self.sent_to_one(north, south, "n.2.list")
            west.start()
            rig.wait_for(lambda: f"the refusal at the sender: {reason(north, path)}", lambda: "two texts with one name" in reason(north, path))
            self.assertIn(token_of(west), reason(north, path))
            rig.wait_for(lambda: f"the refusal here: {rig.problems(west)}",
                         lambda: any("two texts with one name" in text for text in rig.problems(west)))
            self.assertEqual(other.read_text(), "another text\n")
            later = put(north, "n.3.list")
            self.assertTrue(rig.wait_for("the next list", lambda: has(west, later)))
            other.unlink()
            self.arrives(north, west, path)
            rig.wait_for(lambda: f"no problem: {rig.problems(west)}", lambda: not rig.problems(west))

    def test_a_list_whose_name_cannot_be_had_holds_up_no_other(self):
        with rig.Site() as site:
            _, north, south, west = self.three(site)
            blocked = put(north, "n.2.list", folder="sub")
            (west.folder / "sub").write_text("a file where a folder is needed\n")
            rig.wait_for("the list at the first receiver", lambda: has(south, blocked))
            west.start()
            rig.wait_for(lambda: f"the report at the sender: {reason(north, blocked)}", lambda: "Not a directory" in reason(north, blocked))
            path = put(north, "n.3.list")
            rig.wait_for("the next list", lambda: has(west, path) and path not in rig.visible(north.folder))
            (west.folder / "sub").unlink()
            self.arrives(north, west, blocked)

    def test_a_name_that_another_program_has_for_a_moment_loses_no_list(self):
        """The rename fails because the name is taken, and then it is free."""
        rig.needs("strace")
        with rig.Site() as site:
            _, north, south, west = self.three(site)
            south.stop()
            west.carrier.traced("renameat2", "error=EEXIST:when=1", west.place / "trace")
            path = put(north, "n.2.list")
            rig.wait_for("the list", lambda: has(west, path))
            self.assertIn("(INJECTED)", (west.place / "trace").read_text())
            south.start()
            self.arrives(north, south, path)

    def test_a_list_that_its_consumer_passes_over_is_published_again(self):
        """Somebody else has acknowledged it, as it is with a consumer that a crash has left ahead of its stream."""
        with rig.Site() as site:
            server, north, south, west = self.three(site)
            path = self.sent_to_one(north, south, "n.2.list")
            with server.client() as client:
                subject, acknowledgement, *_ = client.fetch("test_list", token_of(west))
                self.assertEqual(subject, stored(server, "n.2.list")[1])
                client.publish(acknowledgement, b"+ACK")
                client.flush()
            west.start()
            rig.wait_for(lambda: f"{path} at the second receiver: {north.carrier.text()[-2000:]}", lambda: has(west, path), limit=4 * rig.LIMIT)
            self.assertIn("has not reported", north.carrier.text())
            self.arrives(north, west, path)


if __name__ == "__main__":
    rig.main()
