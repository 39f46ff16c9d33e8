#!/usr/bin/env python3
"""Files travel from inbox to outbox through two links, two carriers and a server, and every container arrives once."""
import os
import unittest

import rig

ODD = ["with blank.freq", "ümläut.freq", "-rf.freq", "quote\"'.freq", "a.b.freq", "line\nbreak.freq", "sub/folder/deep.freq",
       "x" * 243 + ".freq", "star*.freq", "wild > card.freq", "%2e%2e.freq", "tab\there.freq"]


class Relay(unittest.TestCase):
    def test_a_hundred_files_pass_two_links(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url, link="").start()
            south = site.node("south", "receive", server.url, link="").start()
            files = {f"file{i}.txt": site.random.randbytes(site.random.choice([0, 10, 4096, 700_000])) for i in range(100)}
            for name, data in files.items():
                (north.place / name).write_bytes(data)
                (north.place / name).rename(north.inbox / name)
            rig.wait_for(lambda: f"100 files: {len(rig.visible(south.outbox))}", lambda: len(rig.visible(south.outbox)) == 100)
            for name, data in files.items():
                self.assertEqual((south.outbox / name.removesuffix(".txt")).read_bytes(), data, name)
            rig.wait_for("the sender's receipts", lambda: not rig.visible(north.folder))
            decoded = [entry["src"] for entry in south.log("link") if entry["event"] == "decode"]
            self.assertEqual(len(decoded), len(set(decoded)))
            self.assertEqual(len(decoded), 100)
            self.assertFalse(rig.visible(north.inbox))

    def test_a_stop_right_after_the_start_ends_cleanly(self):
        """Before the program has installed its handler the signal ends it, which service managers take for a clean end."""
        with rig.Site() as site:
            server = site.server().start().ready()
            nodes = [site.node("north", "send", server.url), site.node("south", "receive", server.url)]
            for node in nodes:
                for step in range(20):
                    node.start()
                    rig.time.sleep(step * 0.005)
                    node.stop()
                self.assertNotIn("damaged", node.carrier.text())
                node.start()
            site.take()
            site.send_many(nodes[0], 3)
            site.await_arrival()

    def test_the_stores_are_empty_at_the_end(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            site.node("south", "receive", server.url).start()
            site.take()
            site.send_many(north, 20)
            site.await_arrival()

            def data_left():
                with server.client() as client:
                    return {name: stream["state"]["messages"] for name, stream in client.streams().items()
                            if any(".data" in subject for subject in stream["config"]["subjects"])}
            rig.wait_for(lambda: f"an empty stream of data: {data_left()}", lambda: data_left() and not any(data_left().values()))

    def test_odd_names_arrive_as_they_are(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            south = site.node("south", "receive", server.url).start()
            site.take()
            names = [*ODD, os.fsdecode(b"not \xff utf-8.freq")]
            for name in names:
                site.send(north, name, name.encode("utf-8", "surrogateescape"))
            site.await_arrival()
            self.assertFalse([name for name in rig.visible(south.folder) if name.endswith(".freq")])

    def test_several_receivers_share_the_work(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            for i in range(3):
                site.node(f"south{i}", "receive", server.url).start()

            def receivers():
                return [peer for peer in north.command("peers", status=(0, 1))["peers"] if peer["mode"] == "receive"]
            rig.wait_for(lambda: f"three receivers: {receivers()}", lambda: len(receivers()) == 3)
            site.take()
            # Who gets which is the server's choice; one that is slow for a moment gets none of a few.
            for round_ in range(20):
                site.send_many(north, 30, sizes=(4096, 100_000, 600_000), prefix=f"r{round_}_")
                site.await_arrival()
                shares = {node.name: sum(got[0][0] == node.name for got in site.taken.values()) for node in site.receivers()}
                if all(shares.values()):
                    return
            self.fail(f"a receiver got nothing of {len(site.taken)} containers: {shares}")

    def test_several_senders_share_a_subject(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            site.node("south", "receive", server.url).start()
            site.take()
            for i in range(3):
                north = site.node(f"north{i}", "send", server.url).start()
                site.send_many(north, 20, prefix=f"n{i}_")
            site.await_arrival()

    def test_equal_contents_under_two_names_arrive_under_both(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            site.node("south", "receive", server.url).start()
            site.take()
            for name in ("a.freq", "b.freq", "sub/a.freq"):
                site.send(north, name, b"the same bytes" * 60_000)
            site.await_arrival()
            self.assertEqual(len(site.taken), 3)

    def test_the_same_file_can_be_sent_again_later(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            site.node("south", "receive", server.url).start()
            site.take()
            for round_ in range(3):
                site.send(north, "again.freq", b"the same bytes")
                rig.wait_for("the receipt", lambda: not rig.visible(north.folder))
                rig.wait_for(f"arrival {round_ + 1}", lambda: len(site.taken.get("again.freq", [])) >= round_ + 1)
            self.assertEqual(len(site.taken["again.freq"]), 3)


if __name__ == "__main__":
    rig.main()
