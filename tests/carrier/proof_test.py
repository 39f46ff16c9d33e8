#!/usr/bin/env python3
"""With signed lists, a receiver takes what its sender listed, once, and reports by number what did not come."""
import subprocess
import unittest

import rig


class Proof(unittest.TestCase):
    """north -> south, and with `back` the receipts on a subject of their own from south to north."""

    def pair(self, site, north_link="", receivers=1, back=False):
        server = site.server().start().ready()
        for name in ("north", "south"):
            self.key("new", site.place / f"{name}.key")
        receipts = site.place / "north" / "receipts"
        if back:
            north_link += f"\nkeep = receipt\nreceipts_in = {receipts}"
        north = site.node("north", "send", server.url,
                          link=f"sign_key = file:{site.place}/north.key\nto = south\nlist_ms = 50\nwithin = 2\n{north_link}")
        souths = []
        for i in range(receivers):
            south = site.node(f"south{i}", "receive", server.url)
            link = f"sign_key = file:{site.place}/south.key\nlate_after = 1\n"
            if back:
                link += f"receipts = {south.place}/receipts\n"
                (south.place / "receipts").mkdir()
                site.node("back", "send", server.url, carrier="subject = back", folder=south.place / "receipts").start()
                site.node("forth", "receive", server.url, carrier="subject = back", folder=receipts).start()
            (south.place / "link.conf").write_text(f"[link]\nmode = receive\ninbox = {south.folder}\noutbox = {south.outbox}\nnode = south\n"
                                                   f"log = link.jsonl\nsettle_ms = 0\npoll_sec = 0.2\n{link}")
            south.link = rig.Process([rig.PAXECT, "run", "-c", "link.conf"], south.place / "link.err", south.place)
            self.key("pin", "north", site.place / "north.key.pub", node=south)
            souths.append(south.start())
        self.key("pin", "south", site.place / "south.key.pub", node=north)
        north.start()
        return server, north, souths

    @staticmethod
    def key(*words, node=None):
        config = ["-c", "link.conf"] if node else []
        subprocess.run([rig.PAXECT, "link", "key", *words, *config], cwd=node.place if node else None, check=True, capture_output=True)

    @staticmethod
    def put(north, name, data):
        (north.place / name).write_bytes(data)
        (north.place / name).rename(north.inbox / name)

    def test_lists_travel_and_everything_they_name_is_delivered(self):
        with rig.Site() as site:
            _, north, (south,) = self.pair(site, back=True)
            for i in range(30):
                self.put(north, f"f{i}.txt", site.random.randbytes(1000 * i))
            rig.wait_for("30 files", lambda: len(rig.visible(south.outbox)) == 30)
            rig.wait_for("the receipts of south", lambda: not rig.visible(north.inbox))
            events = {entry["event"] for entry in south.log("link")}
            self.assertFalse(events & {"replayed", "forked", "quarantine"}, events)

    def test_a_forged_container_is_refused(self):
        with rig.Site() as site:
            server, north, (south,) = self.pair(site)
            evil = site.node("evil", "send", server.url).start()
            plain = site.place / "plain"
            plain.write_text("forged")
            subprocess.run([rig.CORE, "encode", "-i", plain, "-o", site.place / "forged.freq"], check=True)
            site.send(evil, "forged.freq", (site.place / "forged.freq").read_bytes())
            self.put(north, "good.txt", b"good")
            rig.wait_for("the refusal", lambda: [entry for entry in south.log("link") if entry["event"] == "unlisted"])
            rig.wait_for("the good file", lambda: rig.visible(south.outbox) == {"good"})

    def test_what_was_lost_on_the_way_is_missing_by_its_number(self):
        with rig.Site() as site:
            server, north, (south,) = self.pair(site)
            self.put(north, "first.txt", b"first")
            rig.wait_for("the first file", lambda: rig.visible(south.outbox) == {"first"})
            south.carrier.stop()
            self.put(north, "second.txt", b"second")
            rig.wait_for("the container", lambda: (north.folder / "second.freq").exists())
            north.carrier.stop()
            (north.folder / "second.freq").unlink()  # somebody, or a disk
            (north.folder / "second.freq.sha256").unlink()
            with server.client() as client:
                for name in client.streams():
                    if not name.endswith("_list"):
                        client.api(f"STREAM.PURGE.{name}")
            north.carrier.start()
            south.carrier.start()
            self.put(north, "third.txt", b"third")
            rig.wait_for("the third file", lambda: rig.visible(south.outbox) == {"first", "third"})

            def missing():
                report = south.command("missing", status=(0, 1), plugin="link")
                return [entry for stream in report["streams"] for entry in stream["entries"] if entry["state"] == "missing"]
            (entry,) = rig.wait_for("the report", missing)
            self.assertEqual((entry["name"], entry["first"]), ("second.freq", 2))

    def test_everything_is_killed_and_nothing_is_lost_unlisted_or_twice(self):
        with rig.Site() as site:
            server, north, (south,) = self.pair(site, back=True)
            sent = {}
            for turn in range(20 if rig.LONG else 4):
                for i in range(8):
                    name = f"t{turn}_{i}"
                    sent[name] = site.random.randbytes(site.random.choice([10, 5000, 600_000]))
                    self.put(north, name + ".txt", sent[name])
                rig.time.sleep(site.random.random() * 0.3)
                victims = site.random.sample([server, north.carrier, south.carrier, south.link, north.link], 2)
                for victim in victims:
                    victim.kill()
                for victim in victims:
                    victim.start()
            rig.wait_for(lambda: f"{len(sent)} files: {len(rig.visible(south.outbox))}", lambda: rig.visible(south.outbox) == set(sent))
            for name, data in sent.items():
                self.assertEqual((south.outbox / name).read_bytes(), data, name)
            rig.wait_for("the receipts of south", lambda: not rig.visible(north.inbox))
            # The last list may have come before its signature.
            rig.wait_for("a complete report", lambda: south.command("missing", plugin="link", status=(0, 1))["complete"])


if __name__ == "__main__":
    rig.main()
