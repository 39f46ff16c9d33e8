#!/usr/bin/env python3
"""Folders that are more or less than a directory of one's own: FUSE, no rename without replacing, read-only, another user's,
and a limit to the size of files."""
import contextlib
import os
import subprocess
import tempfile
import unittest

import rig


@contextlib.contextmanager
def bindfs(test, directory):
    """Mounts the directory over itself, by FUSE."""
    mounted = subprocess.run(["bindfs", directory, directory], capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        rig.skip(test, f"bindfs cannot mount here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["fusermount", "-u", "-z", directory], check=False)


def hidden(node):
    return sorted(path.name for path in node.folder.iterdir() if path.name.startswith(".paxect-") and
                  not path.name.endswith("place"))


def is_quiet(node):
    rig.wait_for(lambda: f"the end of {rig.problems(node)}", lambda: node.command("status", status=(0, 1))["state"] == "running" and
                 not rig.problems(node))


def explained(node, name, state, *words):
    """Waits until explain has the state, and all of the words in its reason."""
    return rig.wait_for(lambda: f"{state} of {name}: {node.command('explain', name, status=(0, 1))}", lambda: [
        found for found in [node.command("explain", name, status=(0, 1))] if found["state"] == state and all(word in found["reason"] for word in words)])[0]


class Kinds(unittest.TestCase):
    def exchange(self, site, before=()):
        """Containers, a list, and a name that is taken, while each end is killed once."""
        server = site.server().start().ready()
        north = site.node("north", "send", server.url)
        south = site.node("south", "receive", server.url)
        with contextlib.ExitStack() as stack:
            for node in (north, south):
                if not before:
                    stack.enter_context(bindfs(self, node.folder))
                node.carrier.start(before)
            (south.folder / "taken.freq").write_bytes(b"another file")
            site.send(north, "taken.freq", b"data")
            site.send_many(north, 6)
            (north.folder / "north.1.list").write_text("a list")
            rig.wait_for("the list", lambda: (south.folder / "north.1.list").exists() and not (north.folder / "north.1.list").exists())
            rig.wait_for("the receipts", lambda: not rig.visible(north.folder))
            names = {name for name in rig.visible(south.folder) if name.endswith(".freq")}
            (other,) = names - {"taken.freq"} - set(site.sent)
            self.assertEqual(((south.folder / "taken.freq").read_bytes(), (south.folder / other).read_bytes()), (b"another file", b"data"))
            (south.folder / "taken.freq").unlink()
            del site.sent["taken.freq"]
            for name in (other, other + ".sha256"):
                (south.folder / name).unlink()
            site.take()
            for node in (north, south):
                site.send_many(north, 6, prefix=f"{node.name}_")
                node.kill()
                node.carrier.start(before)
            site.await_arrival()
            for node in (north, south):
                is_quiet(node)
                rig.wait_for(lambda node=node: f"no hidden files: {hidden(node)}", lambda node=node: not hidden(node))
                node.stop()

    @rig.needs("bindfs")
    def test_fuse(self):
        with rig.Site() as site:
            self.exchange(site)

    @rig.needs("strace")
    def test_no_rename_without_replacing(self):
        """Hard links take its place."""
        with rig.Site() as site, tempfile.NamedTemporaryFile() as trace:
            self.exchange(site, ["strace", "-f", "-q", "-o", trace.name, "-e", "trace=renameat2", "-e", "inject=renameat2:error=EINVAL"])

    @rig.needs("strace")
    def test_neither_rename_without_replacing_nor_hard_links(self):
        """As exFAT: names are compared."""
        with rig.Site() as site, tempfile.NamedTemporaryFile() as trace:
            self.exchange(site, ["strace", "-f", "-q", "-o", trace.name, "-e", "trace=renameat2,linkat", "-e",
                                 "inject=renameat2:error=EINVAL", "-e", "inject=linkat:error=EPERM"])


class Rights(unittest.TestCase):
    def test_a_receiver_whose_folder_is_read_only_leaves_the_work_and_reports_why(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            south = site.node("south", "receive", server.url, wrap=rig.without_privileges()).start()
            is_quiet(south)
            south.folder.chmod(0o555)
            site.take()
            site.send_many(north, 3)
            found = rig.wait_for("a report", lambda: [text for text in rig.problems(south) if str(south.folder) in text])[0]
            self.assertIn("Permission denied", found)
            self.assertEqual(south.command("status", status=(1,))["report"]["delivered"], 0)
            self.assertEqual(set(site.sent) - rig.visible(north.folder), set())
            south.folder.chmod(0o755)
            site.await_arrival()
            is_quiet(south)

    def stays(self, site, north, lock, unlock):
        """Delivered files that cannot be removed are reported as that, by the next process too, and go once they can."""
        site.send_many(north, 3)
        lock()
        north.start()
        site.take()
        for turn in range(2):
            for name in site.sent:
                explained(north, name, "delivered", "cannot rename")
            rig.wait_for("all", lambda: north.command("status", status=(1,))["report"]["unremoved"] == 3)
            status = north.command("status", status=(1,))
            self.assertEqual((status["state"], status["report"]["waiting"], status["report"]["unconfirmed"]), ("running", 0, 0))
            self.assertIn("is delivered and stays in the folder: cannot rename", "".join(status["trouble"].values()))
            self.assertIn("(others too)", "".join(status["trouble"].values()))
            if turn == 0:
                before = len(north.carrier.text())
                north.stop()
                written = status["report"]["written_ns"]
                north.start()
                rig.wait_for("a report of the next process", lambda written=written: north.command("status", status=(0, 1))["report"]["written_ns"] > written + 10**9)
        self.assertNotIn("is removed", north.carrier.text()[before:])
        self.assertEqual(set(site.sent), {name for name in rig.visible(north.folder) if name.endswith(".freq")})
        self.assertFalse([entry for entry in north.log() if entry["event"] == "sent"])
        unlock()
        site.await_arrival()
        is_quiet(north)
        self.assertEqual(sorted(entry["name"] for entry in north.log() if entry["event"] == "sent"), sorted(site.sent))
        for name in site.sent:
            explained(north, name, "delivered")

    def test_a_sender_whose_folder_is_read_only_reports_what_it_cannot_remove(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            site.node("south", "receive", server.url).start()
            north = site.node("north", "send", server.url, wrap=rig.without_privileges())
            self.assertEqual(rig.run_once(north), 0)  # marks the folder
            self.stays(site, north, lambda: north.folder.chmod(0o555), lambda: north.folder.chmod(0o755))

    def test_a_sender_reports_what_it_cannot_remove_of_another_user_in_a_sticky_directory(self):
        if os.geteuid() != 0:
            rig.skip(self, "files of another user need root")
        drop = "-dac_override,-dac_read_search,-fowner"
        with rig.Site() as site:
            server = site.server().start().ready()
            site.node("south", "receive", server.url).start()
            north = site.node("north", "send", server.url, wrap=["setpriv", f"--inh-caps={drop}", f"--bounding-set={drop}"])
            self.assertEqual(rig.run_once(north), 0)

            def give(user):
                for path in (north.folder, *north.folder.iterdir()):
                    os.chown(path, user, -1)

            def lock():
                north.folder.chmod(0o1777)
                give(65534)
            self.stays(site, north, lock, lambda: give(0))

    def test_a_limit_to_the_size_of_files_holds_up_only_what_is_larger(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            south = site.node("south", "receive", server.url, wrap=["prlimit", "--fsize=200000"]).start()
            site.take()
            large = site.random.randbytes(300_000)
            site.send(north, "large.freq", large)
            rig.wait_for("a report", lambda: [text for text in rig.problems(south) if "File too large" in text and str(south.folder) in text])
            site.send_many(north, 6, sizes=(700, 100_000))
            rig.wait_for("the others", lambda: set(site.taken) >= set(site.sent) - {"large.freq"})
            self.assertTrue((north.folder / "large.freq").exists())
            self.assertTrue(south.carrier.running())
            south.stop()
            site.node("west", "receive", server.url).start()
            site.await_arrival()


if __name__ == "__main__":
    rig.main()
