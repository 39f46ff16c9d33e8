"""Two nodes that prove their transfers to each other: signed lists one way, signed receipts the other."""
import subprocess

import rig


class Pair:
    """A sender with a page, and a receiver that runs when it is asked to."""

    def __init__(self, tcp=False):
        self.panel = rig.Panel(tcp=tcp, panel="actions = true\n", link="node = north\nmode = send\nsign_key = file:WORK/key\noutbox = WORK/share\n"
                               "receipts_in = WORK/share/paxect.proof\nto = south\nkeep = receipt\nsettle_ms = 0\n", before=self.prepare)

    def prepare(self, panel):
        self.south = panel.work / "south"
        self.share = panel.work / "share"
        for folder in (self.south, self.share / "paxect.proof"):
            folder.mkdir(parents=True)
        (self.south / "paxect.conf").write_text(f"[link]\nnode = south\nmode = receive\nsign_key = file:{self.south}/key\ninbox = {self.share}\n"
                                                "late_after = 0\nlog = log.jsonl\n")
        for folder in (panel.work, self.south):
            self.run(folder, "key", "new", str(folder / "key"))
        self.run(panel.work, "key", "pin", "south", str(self.south / "key.pub"), config="paxect.conf")
        self.run(self.south, "key", "pin", "north", str(panel.work / "key.pub"), config="paxect.conf")

    def run(self, folder, *words, config=None):
        options = ["-c", config] if config and (folder / config).exists() else []
        result = subprocess.run([rig.PAXECT, "link", *options, *words], cwd=folder, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr

    def put(self, *names):
        for name in names:
            (self.panel.inbox / name).write_text(name)

    def counts(self):
        report = self.panel.section()["report"]
        return report["proof"] if report else {"unconfirmed": 0}

    def receivers(self):
        return self.panel.request("/api/link/sent").json()["rest"]["receivers"]

    def receive_until(self, what, condition):
        def once():
            subprocess.run([rig.PAXECT, "run", "--once"], cwd=self.south, capture_output=True, check=False)
            return condition()
        return rig.wait_for(what, once)

    def __enter__(self):
        self.panel.__enter__()
        return self

    def __exit__(self, *error):
        self.panel.__exit__(*error)
