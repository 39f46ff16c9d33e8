#!/usr/bin/env python3
"""Runs unchanged scripts for the Python tools with our programs in their place: drop_in_test.py SOURCES PREFIX

The scripts run in a folder with the shims paxect_core.py and paxect_link_plugin.py. They also run with a core in Python,
which shows that they expect nothing that only our core does. PREFIX has the installed programs."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCES, PREFIX = Path(sys.argv[1]), Path(sys.argv[2])
HERE = SOURCES / "tests/dropin"
SCRIPTS = HERE / "scripts"
PYTHON_CORE = HERE / "python_core/paxect_core.py"


class DropIn(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="paxect_test.")
        self.addCleanup(self.folder.cleanup)
        self.path = Path(self.folder.name)
        # The scripts call `python`, which Debian does not have. A virtual environment has it.
        self.bin = self.path / "venv/bin"
        self.bin.mkdir(parents=True)
        (self.bin / "python").symlink_to(sys.executable)
        self.work = self.path / "work"
        self.work.mkdir()
        self.environment = {"PATH": f"{self.bin}:{PREFIX}/bin:{os.environ['PATH']}", "LANG": "C.UTF-8",
                            "PAXECT_ORACLE": str(SOURCES / "tests/core/oracle"), "PYTHONDONTWRITEBYTECODE": "1"}

    def use_shims(self):
        for name in ("paxect_core.py", "paxect_link_plugin.py"):
            shutil.copy(SOURCES / "examples/drop_in" / name, self.work / name)

    def run_here(self, *command, status=0, **environment):
        result = subprocess.run(command, cwd=self.work, env={**self.environment, **environment}, timeout=120,
                                capture_output=True, text=True, check=False)
        details = f"{command} ended with {result.returncode}\n{result.stdout}{result.stderr}"
        self.assertEqual(result.returncode, status, details)
        return result

    def test_archive_by_the_python_core(self):
        shutil.copy(PYTHON_CORE, self.work / "paxect_core.py")
        self.run_here(SCRIPTS / "archive.sh")

    def test_archive_by_the_shim(self):
        self.use_shims()
        self.run_here(SCRIPTS / "archive.sh")

    def test_archive_by_the_command(self):
        self.run_here(SCRIPTS / "archive.sh", CORE="paxect-core")

    def test_a_relay_that_calls_cores_like_the_python_link_accepts_each_core(self):
        shutil.copytree(PYTHON_CORE.parent, self.work / "python")
        self.use_shims()
        for core in ("python3 python/paxect_core.py", "python paxect_core.py", "paxect-core"):
            with self.subTest(core=core):
                (self.work / "inbox").mkdir(exist_ok=True)
                (self.work / "inbox/example.txt").write_text("hello\n")
                (self.work / "inbox/empty.txt").write_text("")
                self.run_here(SCRIPTS / "mini_link.py", PAXECT_CORE=core)
                self.assertEqual((self.work / "outbox/example").read_text(), "hello\n")
                self.assertEqual((self.work / "outbox/empty").read_text(), "")
                self.assertEqual(list((self.work / "inbox").iterdir()), [])

    def test_each_relay_reads_what_the_other_wrote(self):
        inbox = self.work / "inbox"
        inbox.mkdir()
        (inbox / "to_ours.txt").write_text("to ours\n")
        self.run_here(SCRIPTS / "mini_link.py", "encode", PAXECT_CORE="paxect-core")
        self.assertEqual(sorted(p.name for p in inbox.iterdir()), ["to_ours.freq", "to_ours.freq.sha256"])
        self.run_here("paxect", "run", "--once")
        self.assertEqual((self.work / "outbox/to_ours").read_text(), "to ours\n")
        (inbox / "to_theirs.txt").write_text("to theirs\n")
        self.run_here("paxect", "run", "--once", PAXECT_LINK_MODE="send", PAXECT_LINK_OUTBOX="share")
        self.run_here(SCRIPTS / "mini_link.py", "decode", PAXECT_CORE="paxect-core", PAXECT_LINK_INBOX="share")
        self.assertEqual((self.work / "outbox/to_theirs").read_text(), "to theirs\n")

    def test_the_python_core_decodes_protected_containers(self):
        shutil.copytree(PYTHON_CORE.parent, self.work / "python")
        vectors = SOURCES / "tests/vectors/protect"
        index = json.loads((vectors / "index.json").read_text())
        for name in [vector["name"] for vector in index["protected"]]:
            with self.subTest(name=name):
                self.run_here("python", "python/paxect_core.py", "decode", "-i", vectors / f"{name}.freq", "-o", "data")
                self.assertEqual((self.work / "data").read_bytes(), (vectors / f"{name}.bin").read_bytes())
        # Redundancy does not make damage pass. In one of them, nothing but the redundancy is damaged.
        for vector in index["damaged"]:
            name, whole = vector["name"], vector["name"] == "records-lost"
            with self.subTest(name=name):
                self.run_here("python", "python/paxect_core.py", "decode", "-i", vectors / f"{name}.freq",
                              "-o", f"{name}.data", status=0 if whole else 4)
                self.assertEqual((self.work / f"{name}.data").exists(), whole)

    def check_relay(self, *command, **environment):
        self.use_shims()
        self.run_here(SCRIPTS / "relay_and_count.py", *command, **environment)

    def test_relay_by_the_shim(self):
        self.check_relay()

    def test_relay_by_the_command(self):
        self.check_relay("paxect", "run")

    def test_relay_with_our_core_as_a_command(self):
        self.check_relay(PAXECT_CORE="paxect-core")

    def test_relay_with_the_shim_as_core(self):
        self.check_relay(PAXECT_CORE="python paxect_core.py")

    def test_relay_with_a_core_in_python(self):
        shutil.copytree(PYTHON_CORE.parent, self.work / "python")
        # A core does not get the variables of the relay, PAXECT_*.
        oracle = self.environment["PAXECT_ORACLE"]
        self.check_relay(PAXECT_CORE=f"env 'PAXECT_ORACLE={oracle}' python3 python/paxect_core.py")

    def test_a_link_to_the_tool_beside_the_shim_needs_no_path(self):
        self.use_shims()
        for tool in ("paxect", "paxect-core"):
            (self.work / tool).symlink_to(PREFIX / "bin" / tool)
        self.environment.pop("PATH")
        self.run_here(sys.executable, "paxect_core.py", "-h")
        (self.work / "inbox").mkdir()
        (self.work / "inbox/a.txt").write_text("a")
        self.run_here(sys.executable, "paxect_link_plugin.py", "--once",
                      PAXECT_CORE=f"{sys.executable} paxect_core.py")
        self.assertEqual((self.work / "outbox/a").read_text(), "a")

    @unittest.skipIf(shutil.which("paxect", path="/usr/local/bin"), "paxect is installed in /usr/local/bin")
    def test_a_shim_without_its_tool_reports_it(self):
        self.use_shims()
        for script, tool in (("paxect_core.py", "paxect-core"), ("paxect_link_plugin.py", "paxect")):
            result = self.run_here(sys.executable, script, "-h", status=1, PATH=str(self.bin))
            self.assertIn(f"{script}: cannot find {tool}: install it", result.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
