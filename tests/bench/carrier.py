"""Times the carrier beside its floors; see carrier.sh."""
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

from arrivals import Arrivals
from children import killed_at_the_end
from relay import QUICK, half_text, settle_disk, visible, write_sample

ROUNDS = 3
LOADS = {"small": ("4 KiB", 2000, 4096), "medium": ("1 MiB", 100, 1 << 20), "large": ("256 MiB", 2, 256 << 20)}
DELAY = 0.5  # seconds that the core of the receivers sleeps for each file, in the part `receivers`


class Chain:
    """north: inbox -> link -> folder -> carrier -> server -> carrier -> folder -> link -> outbox of south0, south1, ... With
    links = False the files go from folder to folder."""

    def __init__(self, bench, receivers=1, links=True, core="", backlog=64):
        self.place = bench.work / "chain"
        self.server = rig.Server(bench.work, "server", max_file="12GB")
        self.site = rig.Site.__new__(rig.Site)  # its nodes alone: a site would take the containers away
        self.site.place, self.site.nodes = self.place, []
        self.place.mkdir()
        self.server.start().ready()
        settings = "scan_ms = 1000\nack_wait_ms = 30000\nmax_stream_mb = 4096"
        self.north = self.site.node("north", "send", self.server.url, carrier=settings, link="policy = p.json" if links else None)
        self.souths = [self.site.node(f"south{i}", "receive", self.server.url, carrier=f"{settings}\nbacklog = {backlog}",
                                      link=f"policy = p.json\n{core}" if links else None) for i in range(receivers)]
        self.source = self.north.inbox if links else self.north.folder
        self.targets = [south.outbox if links else south.folder for south in self.souths]
        for target in self.targets:
            target.mkdir(exist_ok=True)

    def __enter__(self):
        for node in [self.north, *self.souths]:
            node.start()
        # Everything is connected when a file has passed, and each of several receivers reports a server.
        self.put(self.place / "ready", "ready.txt", b"ready")
        rig.wait_for("the first file", lambda: any(self.arrived("ready.txt") in visible(target) for target in self.targets))
        rig.wait_for("its receipt", lambda: not [name for name in visible(self.north.folder) if name.endswith(".freq")])
        return self

    def __exit__(self, *_):
        for node in [self.north, *self.souths]:
            node.kill()
        self.server.kill()
        shutil.rmtree(self.place)
        shutil.rmtree(self.server.place)

    def cpu(self):
        """Seconds of CPU that each kind of process has taken."""
        taken = {}
        for kind, processes in (("server", [self.server]), ("sender", [self.north.carrier]),
                                ("receiver", [south.carrier for south in self.souths]),
                                ("links", [node.link for node in [self.north, *self.souths] if node.link])):
            taken[kind] = 0
            for process in processes:
                fields = pathlib.Path(f"/proc/{process.process.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
                taken[kind] += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return taken

    def arrived(self, name):
        return name.removesuffix(".txt") if self.source == self.north.inbox else name.removesuffix(".txt") + ".freq"

    def put(self, making, name, data):
        making.write_bytes(data)
        self.rename(making, name)

    def rename(self, path, name):
        """The file into the inbox, or with its sidecar into the folder."""
        if self.source == self.north.folder:
            sidecar = path.with_name(".sidecar")
            name = self.arrived(name)
            if not path.with_name(path.name + ".sha256").exists():
                sidecar.write_text(rig.digest(path.read_bytes()) + "\n")
            else:
                path.with_name(path.name + ".sha256").rename(sidecar)
            sidecar.rename(self.source / (name + ".sha256"))
        path.rename(self.source / name)

    def run(self, files):
        """Seconds from the first rename to the last arrival, anywhere, those from there to the last receipt, how many files
        each receiver got, and the seconds of CPU."""
        names = {self.arrived(path.name) for path in files}
        before = self.cpu()
        start = time.monotonic()
        for path in files:
            self.rename(path, path.name)
        seen = {}
        while len(seen) < len(names):
            for target in self.targets:
                for name in visible(target):
                    if name in names:
                        seen[name] = target
            if time.monotonic() - start > 600:
                sys.exit(f"carrier.py: {len(names) - len(seen)} of {len(names)} files did not arrive in 600 s")
            time.sleep(0.002 if len(names) < 500 else 0.01)
        wall = time.monotonic() - start
        rig.wait_for("the receipts", lambda: not [name for name in visible(self.north.folder) if name.endswith(".freq")], 120)
        tail = time.monotonic() - start - wall
        cpu = {kind: seconds - before[kind] for kind, seconds in self.cpu().items()}
        return wall, tail, [sum(1 for at in seen.values() if at == target) for target in self.targets], cpu


class Bench:
    def __init__(self, build, work):
        self.build, self.work = pathlib.Path(build).resolve(), pathlib.Path(work).resolve()
        self.costs = {}  # of each load: files, bytes, and seconds of CPU for each kind of process
        self.floor_program = self.build / "tests/bench/bench_carrier_floor"

    def make_files(self, count, size, links):
        """The files of a round, on the disk and in the page cache. They are distinct."""
        place = self.work / "files"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        sample = self.work / "sample"
        write_sample(sample, size, 1)
        files = []
        for i in range(count):
            path = place / f"f{i}.txt"
            shutil.copyfile(sample, path)
            with open(path, "r+b") as file:
                file.write(i.to_bytes(8, "little"))
            if not links:
                with open(path, "rb") as file:
                    path.with_name(path.name + ".sha256").write_text(rig.hashlib.file_digest(file, "sha256").hexdigest() + "\n")
            files.append(path)
        sample.unlink()
        settle_disk()
        return files

    def chain(self, count, size, links):
        with Chain(self, links=links, backlog=64 if links else 1000000) as chain:
            return chain.run(self.make_files(count, size, links))

    def links_alone(self, count, size):
        """The two links with one folder between them: what the chain would take with a carrier that takes no time."""
        place = self.work / "links"
        (place / "inbox").mkdir(parents=True)
        (place / "outbox").mkdir()
        processes = []
        for mode, inbox, outbox in (("send", "inbox", "folder"), ("receive", "folder", "outbox")):
            (place / f"{mode}.conf").write_text(f"[link]\nmode = {mode}\ninbox = {inbox}\noutbox = {outbox}\nlock = {mode}.lock\n"
                                                f"policy = {mode}.json\nmanifest = {mode}_manifest.json\nlog = {mode}.jsonl\nsettle_ms = 0\n")
            processes.append(rig.Process([rig.PAXECT, "run", "-c", f"{mode}.conf"], place / f"{mode}.err", place).start())
        files = self.make_files(count, size, True)
        with Arrivals(str(place / "outbox")) as arrivals:
            (place / "ready").write_bytes(b"ready")
            (place / "ready").rename(place / "inbox/ready.txt")
            arrivals.wait_for(["ready"])
            start = time.monotonic()
            for path in files:
                path.rename(place / "inbox" / path.name)
            arrivals.wait_for([path.name.removesuffix(".txt") for path in files], 600)
            wall = time.monotonic() - start
        for process in processes:
            process.kill()
        shutil.rmtree(place)
        return wall

    def library(self, count, size, how):
        server = rig.Server(self.work, "floor", max_file="12GB").start().ready()
        try:
            settle_disk()
            out = subprocess.run([self.floor_program, server.url, str(count), str(size), how], check=True, capture_output=True,
                                 text=True).stdout.split()
        finally:
            server.kill()
            shutil.rmtree(server.place)
        return float(out[0])

    def files_alone(self, count, size):
        """The durable work on files that two carriers have to do, without server, digests and records."""
        place = self.work / "files_alone"
        place.mkdir()
        settle_disk()
        out = subprocess.run([self.build / "tests/bench/bench_carrier_files", place, str(count), str(size)], check=True,
                             capture_output=True, text=True).stdout.split()
        shutil.rmtree(place)
        return float(out[0])

    def rsync(self, count, size):
        """An rsync daemon on the loopback interface, and a client that flushes what it received is not to be had: the daemon
        flushes, by its setting."""
        if not shutil.which("rsync"):
            return None
        place = self.work / "rsync"
        (place / "outbox").mkdir(parents=True)
        port = rig.free_port()
        (place / "conf").write_text(f"use chroot = no\naddress = 127.0.0.1\n[outbox]\npath = {place}/outbox\nread only = no\n"
                                    f"uid = {os.getuid()}\ngid = {os.getgid()}\n")
        daemon = rig.Process(["rsync", "--daemon", "--no-detach", "--port", str(port), "--config", place / "conf"], place / "log").start()
        self.make_files(count, size, True)

        def answers():
            return subprocess.run(["rsync", f"rsync://127.0.0.1:{port}/"], capture_output=True, check=False).returncode == 0
        rig.wait_for("the rsync daemon", answers)
        start = time.monotonic()
        subprocess.run(["rsync", "-a", "--fsync", f"{self.work}/files/", f"rsync://127.0.0.1:{port}/outbox/"], check=True)
        wall = time.monotonic() - start
        daemon.kill()
        shutil.rmtree(place)
        return wall

    def throughput(self, label, count, size):
        count = max(1, count // QUICK)
        rows = {"inbox to outbox": [], "folder to folder": [], "the links alone": [], "the files alone": [], "libnats: publish": [],
                "libnats: publish, receive, acknowledge": [], "rsync --fsync to a daemon": []}
        tails, cpus = [], []
        for _ in range(ROUNDS):
            wall, tail, _, cpu = self.chain(count, size, True)
            tails.append(tail)
            cpus.append(cpu)
            rows["inbox to outbox"].append(wall)
            rows["folder to folder"].append(self.chain(count, size, False)[0])
            rows["the links alone"].append(self.links_alone(count, size))
            rows["the files alone"].append(self.files_alone(count, size))
            rows["libnats: publish"].append(self.library(count, size, "publish"))
            rows["libnats: publish, receive, acknowledge"].append(self.library(count, size, "through"))
            rows["rsync --fsync to a daemon"].append(self.rsync(count, size))
        print(f"\n{count} files of {label} (after the last arrival {statistics.median(tails):.2f} s to the last receipt)\n"
              f"| | files/s | MB/s | inbox to outbox takes | folder to folder takes |\n| --- | ---: | ---: | ---: | ---: |")
        for name, walls in rows.items():
            if None in walls:
                print(f"| {name} | not installed | | | |")
                continue
            wall = statistics.median(walls)
            chain, carrier = (statistics.median(own / wall for own, wall in zip(rows[row], walls))
                              for row in ("inbox to outbox", "folder to folder"))
            print(f"| {name} | {count / wall:.1f} | {count * size / wall / 1e6:.1f} | x {chain:.2f} | x {carrier:.2f} |", flush=True)

        cost = {kind: statistics.median(cpu[kind] for cpu in cpus) for kind in cpus[0]}
        self.costs[label] = (count, count * size, cost)
        print("CPU of inbox to outbox, s: " + ", ".join(f"{kind} {seconds:.2f}" for kind, seconds in cost.items()), flush=True)

    def model(self):
        """Two constants for each kind of process, CPU for a file and CPU for a byte, from the smallest and the largest files;
        what they predict for those in between, beside what these took."""
        (few, few_bytes, small), (many, many_bytes, large), (count, size, medium) = (self.costs[LOADS[name][0]] for name in
                                                                                  ("small", "large", "medium"))
        print("\n| | ms of CPU for a file | s of CPU for a GB | 1 MiB predicts, s | took, s |\n| --- | ---: | ---: | ---: | ---: |")
        for kind in small:
            # small = few * a + few_bytes * b, large = many * a + many_bytes * b
            determinant = few * many_bytes - many * few_bytes
            a = (small[kind] * many_bytes - large[kind] * few_bytes) / determinant
            b = (few * large[kind] - many * small[kind]) / determinant
            print(f"| {kind} | {a * 1e3:.2f} | {b * 1e9:.2f} | {count * a + size * b:.2f} | {medium[kind]:.2f} |", flush=True)

    def receivers(self):
        """Links whose core sleeps DELAY seconds for each file, and one, two and three of them."""
        count = 480 // (4 if QUICK > 1 else 1)
        script = self.work / "core"
        script.write_text(f"#!/bin/sh\nsleep {DELAY}\nexec {rig.CORE} \"$@\"\n")
        script.chmod(0o755)
        print(f"\n{count} files of 4 KiB, the core of each receiver takes {DELAY} s more for a file\n"
              f"| receivers | files/s | part of n times one | shares |\n| ---: | ---: | ---: | --- |")
        one = None
        for receivers in (1, 2, 3):
            walls = []
            for _ in range(1 if QUICK > 1 else ROUNDS):
                place = self.work / "files"
                shutil.rmtree(place, ignore_errors=True)
                place.mkdir()
                files = [place / f"f{i}.txt" for i in range(count)]
                for i, path in enumerate(files):
                    path.write_bytes(half_text(4096, i))
                settle_disk()
                with Chain(self, receivers=receivers, core=f"core = {script}", backlog=16) as chain:
                    wall, _, shares, _ = chain.run(files)
                walls.append(wall)
            wall = statistics.median(walls)
            one = one or wall
            print(f"| {receivers} | {count / wall:.1f} | {one / wall / receivers:.2f} | {shares} |", flush=True)


def main():
    bench = Bench(sys.argv[1], sys.argv[2])
    parts = sys.argv[3:] or [*LOADS, "receivers"]
    version = subprocess.run([rig.server_program(), "--version"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"{version}, one server on the loopback interface, medians of {ROUNDS} rounds, each command once in a round.")
    for part in parts:
        if part == "receivers":
            bench.receivers()
        else:
            bench.throughput(*LOADS[part])
    if len(bench.costs) == len(LOADS):
        bench.model()


if __name__ == "__main__":
    os.environ.setdefault("PAXECT_TEST_BIN", os.path.abspath(f"{sys.argv[1]}/bin"))
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "carrier"))
    import rig
    with killed_at_the_end():
        main()
