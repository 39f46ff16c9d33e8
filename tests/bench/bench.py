#!/usr/bin/env python3
"""Measures paxect-core against zstd and against bare libzstd, side by side, and prints one table of ratios.

usage: bench.py BUILD-DIRECTORY WORK-DIRECTORY [FILE]

Every command of a group is run in turn, round after round, so that what the machine does besides hits all of them;
the first round only warms up. A row gives medians over the rounds: wall time, CPU time (user and system), peak memory
of the process, and the median of the per-round ratios to the group's base. Outputs are removed before each run:
nobody pays for giving back an old file's pages.
"""
import os
import shutil
import statistics
import subprocess
import sys

ROUNDS = 5
MIB = 1 << 20


class Run:
    """One measured run: seconds of wall and CPU time, bytes of peak memory."""

    def __init__(self, wall, cpu, memory):
        self.wall, self.cpu, self.memory = wall, cpu, memory


def timed(argv):
    start = os.times().elapsed
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = os.times().elapsed - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"bench.py: {' '.join(argv)} ended with status {process.returncode}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def program(argv, output=None):
    def run():
        if output and os.path.exists(output):
            os.remove(output)
        return {None: timed(argv)}
    return run


def inner(argv):
    """A program that measures itself and prints NAME WALL CPU lines."""
    def run():
        lines = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines()
        return {name: Run(float(wall), float(cpu), None) for name, wall, cpu in map(str.split, lines)}
    return run


def measure(entries, base):
    """entries: {label: run}. Prints a row for each, with ratios to the row `base`."""
    results = {}
    for turn in range(ROUNDS + 1):
        for label, run in entries.items():
            for name, result in run().items():
                if turn:
                    results.setdefault(name or label, []).append(result)
    medians = {}
    for label, runs in results.items():
        wall = statistics.median(r.wall for r in runs)
        cpu = statistics.median(r.cpu for r in runs)
        ratio = statistics.median(r.wall / b.wall for r, b in zip(runs, results[base]))
        cpu_ratio = statistics.median(r.cpu / max(b.cpu, 1e-9) for r, b in zip(runs, results[base]))
        memory = statistics.median(r.memory for r in runs) if runs[0].memory else None
        medians[label] = (wall, cpu)
        shown = f"{memory / MIB:8.1f}" if memory else "       -"
        print(f"| {label:<34} | {wall:8.3f} | {cpu:8.3f} | {shown} | {ratio:6.2f} | {cpu_ratio:6.2f} |", flush=True)
    return medians


def heading(text):
    print(f"\n### {text}\n")
    print(f"| {'':<34} | wall, s  | CPU, s   | MiB      | × wall | × CPU  |")
    print(f"| {'-' * 34} | -------: | -------: | -------: | -----: | -----: |", flush=True)


class Bench:
    def __init__(self, build, work):
        self.tool = os.path.join(build, "bin/paxect-core")
        self.data = os.path.join(build, "tests/bench/bench_data")
        self.floor = os.path.join(build, "tests/bench/bench_floor")
        self.work = work
        self.cores = len(os.sched_getaffinity(0))

    def path(self, name):
        return os.path.join(self.work, name)

    def make(self, kind, size):
        path = self.path(f"{kind}.{size}")
        with open(path, "wb") as out:
            subprocess.run([self.data, kind, str(size)], stdout=out, check=True)
        return path

    def encode(self, source, *more):
        return program([self.tool, "encode", "-i", source, "-o", self.path("freq"), *more], self.path("freq"))

    def decode(self, source, *more):
        return program([self.tool, "decode", "-i", source, "-o", self.path("out"), *more], self.path("out"))

    def pair(self, title, source):
        """Encode and decode of one file beside zstd and the floor."""
        size = os.path.getsize(source)
        cores = str(self.cores)
        heading(f"{title}: encode {size // MIB} MiB (base: zstd -5 -T{cores})")
        zst, zst1 = self.path("zst"), self.path("zst1")
        measure({
            f"zstd -5 -T{cores}": program(["zstd", "-5", "-T" + cores, "-q", source, "-o", zst], zst),
            f"zstd -1 -T{cores}": program(["zstd", "-1", "-T" + cores, "-q", source, "-o", zst1], zst1),
            "paxect-core encode": self.encode(source),
            "paxect-core encode --threads 1": self.encode(source, "--threads", "1"),
            "floor: bare libzstd, all cores": inner([self.floor, "encode", "5", cores, source]),
        }, f"zstd -5 -T{cores}")
        heading(f"{title}: decode to {size // MIB} MiB, everything verified (base: zstd -d)")
        shutil.copy(self.path("freq"), self.path("in.freq"))
        plain = self.path("plain")
        measure({
            "zstd -d": program(["zstd", "-d", "-q", zst, "-o", plain], plain),
            "zstd -d of zstd -1": program(["zstd", "-d", "-q", zst1, "-o", plain], plain),
            "paxect-core decode": self.decode(self.path("in.freq")),
            "paxect-core decode --threads 1": self.decode(self.path("in.freq"), "--threads", "1"),
            "floor: bare libzstd, all cores": inner([self.floor, "decode", "5", cores, source]),
        }, "zstd -d")
        ratio = os.path.getsize(self.path("in.freq")) / size
        print(f"\ncontainer {ratio:.3f} of the data, zstd -5 {os.path.getsize(zst) / size:.3f}")

    def small(self, source):
        heading("1,000 pieces of 16 KiB through the library in one process (base: libzstd alone)")
        measure({"small": inner([self.floor, "small", "16384", "1000", source])}, "small-floor-encode")

    def growth(self):
        heading("as the data grows (base: 64 MiB; wall should grow with the size, memory not at all)")
        entries, sources = {}, {}
        for size in (64, 256, 1024):
            sources[size] = self.make("mixed", size * MIB)
            container = self.path(f"{size}.freq")
            subprocess.run([self.tool, "encode", "-i", sources[size], "-o", container], check=True)
            entries[f"encode {size} MiB"] = self.encode(sources[size])
            entries[f"decode {size} MiB"] = self.decode(container)
        measure(entries, "encode 64 MiB")


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        model = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), "unknown")
    zstd = subprocess.run(["zstd", "--version"], capture_output=True, text=True, check=True).stdout
    return f"{model}, {len(os.sched_getaffinity(0))} cores; {zstd.strip(' *').strip()}; {ROUNDS} rounds after one to warm up"


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    bench = Bench(sys.argv[1], sys.argv[2])
    print(machine())
    if len(sys.argv) == 4:
        bench.pair(os.path.basename(sys.argv[3]), sys.argv[3])
        return
    source = bench.make("mixed", 512 * MIB)
    bench.pair("compressible", source)
    bench.small(source)
    os.remove(source)
    bench.pair("incompressible", bench.make("noise", 512 * MIB))
    bench.growth()


if __name__ == "__main__":
    main()
