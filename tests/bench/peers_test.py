#!/usr/bin/env python3
"""Tests of peers.py with few files: peers_test.py BUILD_DIR. Only common programs are measured, whatever else the machine
has."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

BUILD = os.path.abspath(sys.argv.pop(1))
PEERS = pathlib.Path(__file__).with_name("peers.py")
COMMON = ("bash", "sh", "tar", "zstd", "sha256sum", "mv", "cp", "rm", "rsync", "setsid", "sleep")


class Peers(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(dir=BUILD)
        self.programs, self.work = (pathlib.Path(self.directory.name) / name for name in ("bin", "work"))
        for each in (self.programs, self.work):
            each.mkdir()
        for name in COMMON:
            if shutil.which(name):
                (self.programs / name).symlink_to(shutil.which(name))
        self.environment = dict(os.environ, PATH=str(self.programs), ROUNDS="1")

    def tearDown(self):
        self.directory.cleanup()

    def replace_rsync(self, script):
        rsync = self.programs / "rsync"
        rsync.unlink(missing_ok=True)
        rsync.write_text("#!/bin/sh\n" + script)
        rsync.chmod(0o755)

    def start(self, *parts):
        return subprocess.Popen([sys.executable, PEERS, BUILD, self.work, *parts], env=self.environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def test_each_program_that_exists_is_measured_and_the_others_are_reported(self):
        peers = self.start("8x4096", "2x100000", "latency")
        out, error = peers.communicate()
        self.assertEqual((peers.returncode, error), (0, ""))
        for name in ("paxect link", "paxect link, `level = 1`", "`tar`, `zstd -5 -T0`", "loop: `sha256sum`, `zstd -5`"):
            self.assertRegex(out, rf"\n\| {name} +\| +\d+ \| +× \d+\.\d\d \| +× \d+\.\d\d \|")
        self.assertIn("8 files of 4 KiB", out)
        self.assertIn("2 files of 100000 bytes", out)
        self.assertRegex(out, r"\n\| paxect link +\| +\d+\.\d \| +\d+\.\d \| +40 \|")
        for name in ("rclone", "syncthing", "lsyncd"):
            self.assertRegex(out, rf"not measured: .*{name}.*: no {name}")
        self.assertEqual(os.listdir(self.work), [])

    def test_a_time_does_not_count_unless_the_files_arrived_unchanged(self):
        for damage, report in (('echo >>"$4/f1.bin"', "changed f1.bin"), ('rm "$4/f1.bin"', "made 1 of 2 files"),
                               ('echo >"$4/more"', "made 3 of 2 files"), ("exit 1", "ended with status 1")):
            with self.subTest(damage):
                self.replace_rsync(f'cp "$3"* "$4"\n{damage}\n')
                peers = self.start("2x4096")
                _, error = peers.communicate()
                self.assertNotEqual(peers.returncode, 0)
                self.assertIn(report, error)
                shutil.rmtree(self.work)
                self.work.mkdir()

    def test_a_signal_ends_what_was_started_in_other_sessions_too(self):
        fifo = pathlib.Path(self.directory.name) / "fifo"
        os.mkfifo(fifo)
        self.replace_rsync(f"setsid sleep 60 >'{os.devnull}' 2>&1 &\necho $! >'{fifo}'\nwait\n")
        peers = self.start("2x4096")
        process = os.pidfd_open(int(fifo.read_text()))
        self.addCleanup(os.close, process)
        peers.send_signal(signal.SIGTERM)
        peers.wait()  # and not for the end of its output, which a program that still runs would hold open
        self.addCleanup(peers.stdout.close)
        self.addCleanup(peers.stderr.close)
        self.assertEqual(peers.returncode, 128 + signal.SIGTERM)
        with self.assertRaises(ProcessLookupError):
            signal.pidfd_send_signal(process, signal.SIGKILL)


if __name__ == "__main__":
    unittest.main()
