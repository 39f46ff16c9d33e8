#!/usr/bin/env python3
"""Records that are lost or put back, folders that are away, and disks that are full."""
import contextlib
import os
import shutil
import subprocess
import unittest

import rig

TURNS = 12 if rig.LONG else 3


def state_of(node):
    return node.place / ".paxect_carrier_folder"


def site_of(site, receivers=1):
    server = site.server().start().ready()
    north = site.node("north", "send", server.url).start()
    for i in range(receivers):
        site.node(f"south{i}", "receive", server.url).start()
    site.take()
    site.send_many(north, 3)
    site.await_arrival()
    return server, north


def operator_and_arrival(site, server):
    """Waits for what arrives. What a receiver has claimed and its records have lost waits for the operator, who follows the
    message: looks whether it was delivered, and removes the claim if it was not, otherwise the file at the sender."""
    names = {f"test.claim.{job['id']}": job["name"] for job in rig.jobs(server).values()}
    (south,) = site.receivers()
    if "whose records do not have it" in south.carrier.text():
        with server.client() as client:
            claimed = [message[1] for message in client.messages("test_claim")]
            for subject in claimed:
                if subject not in names:
                    continue
                if names[subject] not in set(site.taken) | rig.visible(south.folder):
                    client.api("STREAM.PURGE.test_claim", {"filter": subject})
                elif names[subject] in site.taken:  # killed before the receipt, which the records would have made again
                    for sender in site.senders():
                        for name in (names[subject], names[subject] + ".sha256"):
                            (sender.folder / name).unlink(missing_ok=True)
    return site.arrived()


def digest(folder, name):
    return rig.digest((folder / name).read_bytes())


class Records(unittest.TestCase):
    def test_lost_records_of_a_sender_cost_nothing(self):
        with rig.Site() as site:
            _, north = site_of(site)
            for turn in range(TURNS):
                site.send_many(north, 12, prefix=f"t{turn}_")
                rig.time.sleep(site.random.random() * 0.3)
                north.kill()
                shutil.rmtree(state_of(north))
                north.start()
            site.await_arrival()

    def test_old_records_of_a_sender_cost_nothing(self):
        with rig.Site() as site:
            _, north = site_of(site)
            north.stop()
            shutil.copytree(state_of(north), site.place / "backup")
            north.start()
            for turn in range(TURNS):
                site.send_many(north, 12, prefix=f"t{turn}_")
                rig.time.sleep(site.random.random() * 0.3)
                north.kill()
                shutil.rmtree(state_of(north))
                shutil.copytree(site.place / "backup", state_of(north))
                north.start()
            site.await_arrival()

    def test_old_records_of_a_receiver_double_nothing(self):
        with rig.Site() as site:
            server, north = site_of(site)
            (south,) = site.receivers()
            south.stop()
            shutil.copytree(state_of(south), site.place / "backup")
            south.start()
            for turn in range(TURNS):
                site.send_many(north, 12, prefix=f"t{turn}_")
                rig.time.sleep(site.random.random() * 0.3)
                south.kill()
                shutil.rmtree(state_of(south))
                shutil.copytree(site.place / "backup", state_of(south))
                south.start()
            rig.wait_for("everything", lambda: operator_and_arrival(site, server))

    def test_damaged_records_lose_nothing(self):
        """A byte of each file of its own is flipped, or the file cut off."""
        for mode in ("send", "receive"):
            with rig.Site() as site:
                server, north = site_of(site)
                node = next(node for node in site.nodes if node.mode == mode)
                for turn in range(TURNS):
                    site.send_many(north, 6, prefix=f"t{turn}_")
                    rig.time.sleep(site.random.random() * 0.2)
                    node.kill()
                    for path in state_of(node).iterdir():
                        data = bytearray(path.read_bytes())
                        if data and path.name != "id":
                            at = site.random.randrange(len(data))
                            data[at] ^= 4
                            path.write_bytes(data if turn % 2 else data[:at])
                    node.start()
                    rig.wait_for("nothing lost", lambda: not site.lost())
                rig.wait_for("everything", lambda server=server: operator_and_arrival(site, server))


class Folders(unittest.TestCase):
    def test_a_folder_that_is_away_is_waited_for(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url, link="").start()
            south = site.node("south", "receive", server.url, link="").start()

            def put(*names):
                for name in names:
                    (north.place / name).write_text(name)
                    (north.place / name).rename(north.inbox / name)

            def arrived(*names):
                rig.wait_for(f"{names}", lambda: rig.visible(south.outbox) >= {name.removesuffix('.txt') for name in names})
            put("first.txt")
            arrived("first.txt")
            for node in (south, north):
                away = node.place / "away"
                node.folder.rename(away)
                node.folder.mkdir()  # what is left of a share that is not mounted
                put(f"during_{node.name}.txt")
                rig.wait_for(f"{node.name} to report its folder", lambda node=node: str(node.folder) in node.carrier.text())
                rig.time.sleep(0.3)
                self.assertEqual(os.listdir(node.folder), [])
                shutil.rmtree(node.folder)
                away.rename(node.folder)
                arrived(f"during_{node.name}.txt")
            self.assertEqual(len(rig.visible(south.outbox)), 3)

    def test_a_name_that_is_taken_is_not_replaced(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            south = site.node("south", "receive", server.url)
            (south.folder / "taken.freq").write_text("another file")
            (south.folder / "taken.freq.sha256").write_text("its sidecar")
            south.start()
            site.send(north, "taken.freq", b"data")
            rig.wait_for("the receipt", lambda: not rig.visible(north.folder))
            names = rig.visible(south.folder)
            (other,) = [name for name in names if name.endswith(".freq") and name != "taken.freq"]
            self.assertEqual((south.folder / other).read_bytes(), b"data")
            self.assertEqual((south.folder / (other + ".sha256")).read_text().strip(), rig.digest(b"data"))
            self.assertEqual((south.folder / "taken.freq").read_text(), "another file")
            self.assertEqual((south.folder / "taken.freq.sha256").read_text(), "its sidecar")

    def test_a_batch_in_which_one_name_cannot_be_had_and_two_are_the_same_is_delivered(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north, other = (site.node(name, "send", server.url).start() for name in ("north", "other"))
            site.send(north, "same.freq", b"one")
            site.send(other, "same.freq", b"two")
            site.send(north, "taken.freq", b"three")
            with server.client() as client:
                rig.wait_for("three jobs", lambda: "test_job" in client.streams() and sum(1 for _ in client.messages("test_job")) == 3)
            south = site.node("south", "receive", server.url)
            job = rig.jobs(server)["taken.freq"]["id"]
            for name in ("taken.freq", *(f"taken.{job[:digits]}.freq" for digits in (8, 16, 32))):
                (south.folder / name).write_bytes(b"another")
            south.start()
            rig.wait_for("a report", lambda: "all names for taken.freq are taken" in str(south.command("status", status=range(100))))
            rig.wait_for("both", lambda: {digest(south.folder, name) for name in rig.visible(south.folder) if name.endswith(".freq")}
                         >= {rig.digest(b"one"), rig.digest(b"two")})
            self.assertTrue(south.carrier.running(), south.carrier.text())
            self.assertEqual((north.folder / "taken.freq").read_bytes(), b"three")

    def test_a_name_that_cannot_be_had_holds_up_nothing_and_is_reported_at_both_ends(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            south = site.node("south", "receive", server.url)
            (south.folder / "sub").write_text("a file where a folder is needed")
            south.start()
            site.take()
            for i in range(5):
                site.send(north, f"sub/{i}.freq", b"data")
            refused = {name: site.sent.pop(name) for name in list(site.sent)}
            site.send_many(north, 60, sizes=(700,))
            rig.wait_for("the others", lambda: set(site.taken) >= set(site.sent))
            for name in refused:
                for node in (north, south):
                    rig.wait_for(f"the reason at {node.name}", lambda name=name, node=node: "Not a directory" in
                                 node.command("explain", name, status=(0, 1))["reason"])
            self.assertEqual(rig.visible(north.folder), {f"{name}{suffix}" for name in refused for suffix in ("", ".sha256")})
            for node in (north, south):
                rig.wait_for("a problem", lambda node=node: node.command("status", status=range(100))["report"]["problems"])

    @rig.needs("strace")
    def test_a_delivered_file_whose_removal_fails_is_removed_at_a_later_try(self):
        """It has its hidden name then, and its sidecar is one without a container."""
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url)
            site.node("south", "receive", server.url).start()
            site.take()
            for i in range(3):
                site.send(north, f"f{i}.freq", b"data")
            hidden = [".paxect-leaving.f0.freq", ".paxect-leaving.f1.freq.sha256"]
            north.carrier.start(["strace", "-f", "-q", "-o", north.place / "trace", "-P", hidden[0], "-P", hidden[1],
                                 "-e", "trace=unlinkat", "-e", "inject=unlinkat:error=EIO:when=1..4"])
            for i in range(2):
                found = rig.wait_for("a report", lambda i=i: [found for found in [north.command("explain", f"f{i}.freq")] if found["state"] == "delivered" and found["reason"]])[0]
                self.assertIn("Input/output error", found["reason"])
            rig.wait_for("both", lambda: north.command("status", status=(1,))["report"]["unremoved"] == 2)
            rig.wait_for("the third one to go", lambda: not (north.folder / "f2.freq").exists())
            self.assertEqual(sorted(path.name for path in north.folder.iterdir() if "f" in path.name and path.name.startswith(".paxect-leaving")), hidden)
            site.await_arrival()
            rig.wait_for("the end of the report", lambda: not rig.problems(north))
            self.assertEqual([path.name for path in north.folder.iterdir() if path.name.startswith(".paxect-leaving.") or
                              path.name.endswith(".sha256")], [])
            self.assertNotIn("the container of this sidecar", north.carrier.text())
            self.assertEqual(north.command("status")["report"]["delivered"], 3)
            self.assertEqual([entry["event"] for entry in north.log()], ["sent"] * 3)

    def test_what_is_no_container_is_reported_and_stays(self):
        """A file without a sidecar may be half written, whatever its times are."""
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            site.node("south", "receive", server.url).start()
            site.take()
            (north.folder / "half.txt").write_text("half of it")
            (north.folder / "link.freq").symlink_to("/etc/passwd")
            site.send_many(north, 3)
            site.sent.pop("half.txt", None)
            for name in ("half.txt", "link.freq"):
                rig.wait_for(f"a report of {name}", lambda name=name: f"{name} is not sent" in north.carrier.text())
            rig.wait_for("the others", lambda: set(site.taken) >= set(site.sent))
            self.assertEqual(north.command("explain", "half.txt")["state"], "held")
            self.assertTrue((north.folder / "half.txt").exists())

    def test_hidden_names_are_counted_and_named_once_and_are_no_problem(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url)
            for name in (".a.freq", "sub/.b.LIST", "sub/.c/d.freq", ".e.freq.part", ".f.txt", ".paxect-g/h.freq", "..i.freq"):
                (north.folder / name).parent.mkdir(parents=True, exist_ok=True)
                (north.folder / name).write_bytes(b"data")
            north.start()
            site.node("south", "receive", server.url).start()
            site.take()
            passed = (".a.freq", "sub/.b.LIST", "sub/.c", "..i.freq")
            rig.wait_for("the names", lambda: all(f"{north.folder}/{name} is passed over" in north.carrier.text() for name in passed))
            for i in range(2):
                site.send_many(north, 2, prefix=f"{i}_")
                site.await_arrival()
            found = rig.wait_for("the count", lambda: [one for one in [north.command("status", status=range(100))["report"]]
                                                       if one and one["hidden"] == len(passed) and not one["problems"]])
            self.assertEqual(found[0]["held"], 0)
            self.assertEqual(north.carrier.text().count("is passed over"), len(passed))
            self.assertEqual(north.command("explain", "sub/.c/d.freq")["state"], "hidden")

    def test_a_list_that_is_still_being_written_is_not_sent(self):
        """Receivers keep the first text of a name: half of a list would keep out the whole one."""
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            south = site.node("south", "receive", server.url).start()
            with (north.folder / "north.1.list").open("w", encoding="ascii") as slow:
                slow.write("half of ")
                slow.flush()
                (north.folder / "north.2.list").write_text("whole", encoding="ascii")
                rig.wait_for("the list that is whole", lambda: (south.folder / "north.2.list").exists())
                self.assertFalse((south.folder / "north.1.list").exists())
                slow.write("a list")
            rig.wait_for("the other one", lambda: (south.folder / "north.1.list").exists())
            self.assertEqual((south.folder / "north.1.list").read_text(encoding="ascii"), "half of a list")

    def test_a_container_that_does_not_fit_its_sidecar_is_reported_and_stays(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            site.node("south", "receive", server.url).start()
            site.take()
            (north.folder / "bad.freq.sha256").write_text("0" * 64 + "\n")
            (north.folder / "bad.freq").write_text("data")
            site.send_many(north, 3)
            rig.wait_for("a report", lambda: "bad.freq" in north.carrier.text())
            rig.wait_for("the others", lambda: set(site.taken) >= set(site.sent))
            self.assertTrue((north.folder / "bad.freq").exists())
            self.assertNotIn("bad.freq", site.taken)

    def test_a_file_that_changes_while_it_is_sent_arrives_whole(self):
        """A producer that replaces its file: what is removed at the end is what was delivered."""
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            site.node("south", "receive", server.url).start()
            site.take()
            versions = [bytes([i]) * (700_000 + i) for i in range(20)]
            for data in versions:
                site.send(north, "changing.freq", data)
                rig.time.sleep(site.random.random() * 0.05)
            last = rig.digest(versions[-1])

            def digests_taken():  # one that came before the last one was taken has digits in its name
                with site.lock:
                    return [got[1] for all_got in site.taken.values() for got in all_got]
            rig.wait_for("the last version", lambda: last in digests_taken())
            rig.wait_for("the receipts", lambda: not rig.visible(north.folder))
            digests = digests_taken()
            self.assertLessEqual(set(digests), {rig.digest(data) for data in versions})
            self.assertEqual(len(digests), len(set(digests)))

    def test_a_full_disk_of_the_receiver_is_waited_for(self):
        if os.geteuid() != 0:
            rig.skip(self, "mounts need root")
        with rig.Site() as site, contextlib.ExitStack() as undo:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            south = site.node("south", "receive", server.url)
            mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", south.folder], capture_output=True, text=True, check=False)
            if mounted.returncode != 0:
                rig.skip(self, f"no tmpfs here: {mounted.stderr.strip()}")
            undo.callback(lambda: (south.kill(), subprocess.run(["umount", "-l", south.folder], check=False)))
            south.start()
            site.send_many(north, 6, sizes=(900_000,))
            rig.wait_for("a report", lambda: rig.re.search("No space|space", south.carrier.text()))
            self.assertFalse(site.lost())
            for name in rig.visible(south.folder):
                data = (south.folder / name).read_bytes()
                self.assertTrue(name.endswith(".sha256") or rig.digest(data) == site.sent[name], name)
            site.take()
            site.await_arrival()
            site.end_taking()
            south.stop()


if __name__ == "__main__":
    rig.main()
