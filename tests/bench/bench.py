#!/usr/bin/env python3
"""Measures paxect-core beside zstd and beside the libraries it is made of, and prints tables of medians and ratios.

usage: bench.py BUILD-DIRECTORY WORK-DIRECTORY [PART | FILE]...

Parts, all of them by default: generated, real, noise, processes, small, growth. With a FILE: the same tables for it as
for generated data.

The commands of one table run in turn, round after round, so that other load on the machine affects all of them; the
first round only warms up. Before each command, its output is removed (or made and flushed, where the command
overwrites it) and as many pages as it may fill are touched: the first use of a page that a virtual machine gave back
to its host takes several times as long. A row has medians over the rounds: wall time, CPU time (user and system), peak
memory of the process, and the ratios to the table's base in the same round.
"""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 5
PROCESSES = 100  # a round of the table of small processes runs each command so many times
MIB = 1 << 20
SIZE = 256 * MIB
PARTS = ("generated", "real", "noise", "processes", "small", "growth")


class Run:
    """One measured run: seconds of wall and CPU time, bytes of peak memory (None: not measured)."""

    def __init__(self, wall, cpu, memory=None):
        self.wall, self.cpu, self.memory = wall, cpu, memory


def timed(argv):
    start = time.monotonic()
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"bench.py: {' '.join(argv)} ended with status {process.returncode}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def warm(directory, size):
    """Has the host back that much of this machine's free memory, by a file in `directory` of that size that is removed
    before it reaches the disk. The page cache of the next output then takes the same pages."""
    block = bytes(1 << 20)
    with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        for _ in range(0, size, len(block)):
            file.write(block)


def remove(path):
    if os.path.exists(path):
        os.remove(path)


def flush(path):
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def creating(argv, output, size):
    """Runs a command that makes `output`, of about `size` bytes."""
    def run():
        remove(output)
        warm(os.path.dirname(output), 3 * size)
        return {None: timed(argv)}
    return run


def overwriting(argv, output, size):
    """Runs a command that replaces `output`, which an earlier run made and which is on the disk."""
    def run():
        if not os.path.exists(output):
            timed(argv)
        flush(output)
        warm(os.path.dirname(output), 3 * size)
        return {None: timed(argv)}
    return run


def inner(argv):
    """Runs a program that measures itself and prints NAME WALL CPU lines."""
    def run():
        lines = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines()
        return {name: Run(float(wall), float(cpu)) for name, wall, cpu in map(str.split, lines)}
    return run


def median_ratio(runs, bases, value=lambda run: run.wall):
    return statistics.median(value(run) / max(value(base), 1e-9) for run, base in zip(runs, bases))


def heading(text):
    print(f"\n### {text}\n")
    print(f"| {'':<34} | wall, ms | CPU, ms  | MiB      | × wall | × CPU  |")
    print(f"| {'-' * 34} | -------: | -------: | -------: | -----: | -----: |", flush=True)


def run_rounds(entries, rounds=ROUNDS):
    """Runs each of entries, {label: run}, in turn, round after round; {label: its runs}, without the first round."""
    results = {}
    for turn in range(rounds + 1):
        for label, run in entries.items():
            for name, result in run().items():
                if turn:
                    results.setdefault(name or label, []).append(result)
    return results


def measure(title, entries, base):
    """Prints a table with a row for each of entries, {label: run}, and ratios to the row `base`; returns its runs."""
    heading(f"{title} (base: {base})")
    results = run_rounds(entries)
    for label, runs in results.items():
        wall = statistics.median(r.wall for r in runs) * 1000
        cpu = statistics.median(r.cpu for r in runs) * 1000
        ratio = median_ratio(runs, results[base])
        cpu_ratio = median_ratio(runs, results[base], lambda run: run.cpu)
        shown = f"{statistics.median(r.memory for r in runs) / MIB:8.1f}" if runs[0].memory else "       -"
        print(f"| {label:<34} | {wall:8.2f} | {cpu:8.2f} | {shown} | {ratio:6.2f} | {cpu_ratio:6.2f} |", flush=True)
    return results


class Bench:
    def __init__(self, build, work):
        self.build, self.work = build, work
        self.tool = os.path.join(build, "bin/paxect-core")
        self.cores = len(os.sched_getaffinity(0))
        self.targets = []  # rows of the last table: what, ratio, target (None: none is set)

    def path(self, name):
        return os.path.join(self.work, name)

    def program(self, name):
        return os.path.join(self.build, "tests/bench", name)

    def floor(self, *argv):
        return inner([self.program("bench_floor"), *argv])

    def add_target(self, what, ratio, target=None):
        self.targets.append((what, ratio, target))

    def make(self, kind, size):
        path = self.path(f"{kind}.{size}")
        with open(path, "wb") as out:
            subprocess.run([self.program("bench_data"), kind, str(size)], stdout=out, check=True)
        return path

    def files(self, title, source, noise=False):
        """Encodes and decodes one file, beside zstd and the libraries."""
        self.encode_file(title, source, noise)
        self.decode_file(title, source, noise)
        self.overwrite_file(title, source)
        size = os.path.getsize(source)
        container, zst = os.path.getsize(self.path("in.freq")), os.path.getsize(self.path("in.zst"))
        print(f"\n{title}: container {container / size:.3f} of the data, zstd -5 {zst / size:.3f}")

    def encode_file(self, title, source, noise):
        size, cores = os.path.getsize(source), str(self.cores)
        zst, freq = self.path("in.zst"), self.path("in.freq")
        zstd, encode, floor = f"zstd -5 -T{cores}", "paxect-core encode", "floor-encode"
        results = measure(f"{title}: encode {size // MIB} MiB", {
            zstd: creating(["zstd", "-5", "-T" + cores, "-q", source, "-o", zst], zst, size),
            encode: creating([self.tool, "encode", "-i", source, "-o", freq], freq, size),
            encode + " --threads 1": creating([self.tool, "encode", "--threads", "1", "-i", source, "-o", freq], freq, size),
            floor: self.floor("encode", "5", cores, source),
        }, floor)
        self.add_target(f"{title}: encode, × libzstd on the same frames", median_ratio(results[encode], results[floor]),
                 None if noise else 1.18)

    def decode_file(self, title, source, noise):
        size, cores = os.path.getsize(source), self.cores
        zst, freq, out = self.path("in.zst"), self.path("in.freq"), self.path("out")
        zstd, decode, sha = "zstd -d", "paxect-core decode", "floor-sha256"
        results = measure(f"{title}: decode to {size // MIB} MiB, a new file", {
            zstd: creating(["zstd", "-d", "-q", zst, "-o", out], out, size),
            decode: creating([self.tool, "decode", "-i", freq, "-o", out], out, size),
            decode + " --threads 1": creating([self.tool, "decode", "--threads", "1", "-i", freq, "-o", out], out, size),
            "floor-decode": self.floor("decode", "5", str(cores), source),
            sha: self.floor("sha256", source),
        }, zstd)
        ratio = statistics.median(run.wall / max(floor.wall, run.cpu / cores)
                                  for run, floor in zip(results[decode], results[sha]))
        to_zstd = median_ratio(results[decode], results[zstd])
        self.add_target(f"{title}: decode, × max(SHA-256, CPU time / cores)", ratio, None if noise else 1.10)
        self.add_target(f"{title}: decode, × zstd -d", to_zstd, 1.20 if noise else None)

    def overwrite_file(self, title, source):
        size = os.path.getsize(source)
        zst, freq = self.path("in.zst"), self.path("in.freq")
        zstd, decode = "zstd -d -f", "paxect-core decode"
        zstd_out, freq_out = self.path("out.zstd"), self.path("out.freq")
        results = measure(f"{title}: decode to {size // MIB} MiB, over a file that exists", {
            zstd: overwriting(["zstd", "-d", "-f", "-q", zst, "-o", zstd_out], zstd_out, size),
            decode: overwriting([self.tool, "decode", "-i", freq, "-o", freq_out], freq_out, size),
        }, zstd)
        self.add_target(f"{title}: decode over a file, × zstd -d -f", median_ratio(results[decode], results[zstd]), 1.10)
        remove(zstd_out)
        remove(freq_out)

    def processes(self):
        source = self.make("mixed", 16384)
        zst, freq, out = self.path("small.zst"), self.path("small.freq"), self.path("small.out")
        subprocess.run(["zstd", "-q", "-f", source, "-o", zst], check=True)
        subprocess.run([self.tool, "encode", "-i", source, "-o", freq], check=True)
        commands = {
            "encode": (["zstd", "-q", source, "-o", out], [self.tool, "encode", "-i", source, "-o", out]),
            "decode": (["zstd", "-q", "-d", zst, "-o", out], [self.tool, "decode", "-i", freq, "-o", out]),
        }

        def run(argv):
            argv = [self.program("bench_processes"), str(PROCESSES), out, *argv]
            wall, cpu = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()
            return {None: Run(float(wall), float(cpu))}

        for name, (zstd, core) in commands.items():
            base, label = " ".join(zstd[:2 + (name == "decode")]), f"paxect-core {name}"
            results = measure(f"{name} 16 KiB, a process for each file",
                              {base: lambda argv=zstd: run(argv), label: lambda argv=core: run(argv)}, base)
            self.add_target(f"16 KiB: {name} in a process of its own, × zstd", median_ratio(results[label], results[base]), 2.0)

    def small(self):
        source = self.make("mixed", 16 * MIB)
        results = measure("1,000 pieces of 16 KiB, one process",
                          {"small": self.floor("small", "16384", "1000", source)}, "small-floor-encode")
        for name in ("encode", "decode"):
            self.add_target(f"1,000 x 16 KiB: {name} in one process, × libzstd",
                     median_ratio(results[f"small-{name}"], results[f"small-floor-{name}"]))

    def growth(self):
        entries = {}
        for mib in (64, 256, 1024):
            source, container = self.make("mixed", mib * MIB), self.path(f"{mib}.freq")
            subprocess.run([self.tool, "encode", "-i", source, "-o", container], check=True)
            made = self.path("made")
            entries[f"encode {mib} MiB"] = creating([self.tool, "encode", "-i", source, "-o", made], made, mib * MIB)
            entries[f"decode {mib} MiB"] = creating([self.tool, "decode", "-i", container, "-o", made], made, mib * MIB)
        measure("wall time grows with the data, memory does not", entries, "encode 64 MiB")

    def real(self):
        source = self.path("real.tar")
        corpus = os.path.join(os.path.dirname(__file__), "corpus.py")
        subprocess.run([sys.executable, corpus, source, str(SIZE), self.program("bench_data")], check=True)
        return source

    def run(self, part):
        if part == "generated":
            self.files("generated", self.make("mixed", SIZE))
        elif part == "real":
            self.files("real files", self.real())
        elif part == "noise":
            self.files("noise", self.make("noise", SIZE), noise=True)
        elif part in PARTS:
            getattr(self, part)()
        else:
            self.files(os.path.basename(part), part)
        for name in os.listdir(self.work):
            os.remove(self.path(name))

    def print_targets(self):
        print(f"\n### Ratios and their targets\n\n| {'':<55} | ratio | at most |\n| {'-' * 55} | ----: | ------: |")
        for what, ratio, target in self.targets:
            verdict = f"{target:7.2f}" if target else "      -"
            print(f"| {what:<55} | {ratio:5.2f} | {verdict} |{' above' if target and ratio > target else ''}")


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        names = [line.split(":", 1)[1].strip() for line in info if line.startswith(("model name", "CPU part"))]
    return names[0] if names else os.uname().machine


def load():
    with open("/proc/loadavg", encoding="utf-8") as averages:
        return averages.read().split()[0]


def machine(bench):
    """What a reader needs to know to compare the figures with others."""
    zstd = subprocess.run(["zstd", "--version"], capture_output=True, text=True, check=True).stdout
    source = bench.make("noise", SIZE)
    speeds = [SIZE / bench.floor("sha256", source)()["floor-sha256"].wall for _ in range(ROUNDS)]
    os.remove(source)
    zstd = zstd.strip("* \n")
    print(f"{processor()}, {bench.cores} cores, load {load()}; {zstd}; "
          f"SHA-256 {statistics.median(speeds) / 1e9:.2f} GB/s; {ROUNDS} rounds after one to warm up")


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    bench = Bench(sys.argv[1], sys.argv[2])
    machine(bench)
    for part in sys.argv[3:] or PARTS:
        bench.run(part)
    bench.print_targets()


if __name__ == "__main__":
    main()
