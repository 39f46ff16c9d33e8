"""Times the relay end to end beside its floor; see relay.sh."""

import os
import random
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import time

from arrivals import Arrivals
from children import killed_at_the_end

QUICK = 10 if os.environ.get("QUICK") else 1
WORDS = [b"file ", b"frame ", b"inbox ", b"outbox ", b"relay ", b"policy ", b"durable ", b"whole, once.\n"]


def half_text(size, seed):
    """Data of which about half compresses well: words and noise in turns of 4 KiB, or of half a small file."""
    rng = random.Random(seed)
    turn = min(4096, max(1, size // 2))
    pieces = []
    for _ in range(0, size, 2 * turn):
        words = b"".join(rng.choices(WORDS, k=turn // 4))[:turn]
        pieces.append(words + rng.randbytes(turn))
    return b"".join(pieces)[:size]


def write_sample(path, size, seed):
    """A file of that size; a large one repeats 8 MiB, far enough apart for level 5 not to notice."""
    block = half_text(min(size, 8 << 20), seed)
    with open(path, "wb") as file:
        for _ in range(size // len(block)):
            file.write(block)


def settle_disk():
    os.sync()
    time.sleep(1)


def children_cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def visible(directory):
    """The names in a directory without the hidden ones, such as those that the relay makes for itself."""
    return sorted(name for name in os.listdir(directory) if not name.startswith("."))


class Relay:
    """A directory `place` for one relay, which the program `paxect` runs with `settings` of link."""

    def __init__(self, paxect, place, **settings):
        self.place = place
        self.inbox, self.outbox = f"{place}/inbox", f"{place}/outbox"
        os.makedirs(self.inbox, exist_ok=True)
        os.makedirs(self.outbox, exist_ok=True)
        self.argv = [paxect, "run"]
        for key, value in settings.items():
            self.argv += ["--set", f"link.{key}={value}"]

    def run_once(self):
        """Seconds of wall and of CPU time, and MiB of peak memory."""
        cpu, start = children_cpu(), time.monotonic()
        process = subprocess.Popen(self.argv + ["--once"], cwd=self.place)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"relay.py: the relay ended with status {process.returncode}")
        return wall, children_cpu() - cpu, usage.ru_maxrss / 1024

    def start(self):
        return subprocess.Popen(self.argv, cwd=self.place)

    def remove(self):
        shutil.rmtree(self.place)


def rename_latencies(arrivals, making, inbox, count, name):
    """Renames `count` files, one at a time, from the directory `making` into `inbox`; returns the milliseconds from each
    rename until the file was renamed into the directory of `arrivals`. name(i): its name there."""
    times = []
    for i in range(count):
        data = half_text(4096, i)
        with open(f"{making}/f{i}.bin", "wb") as file:
            file.write(data)
        start = time.monotonic()
        os.rename(f"{making}/f{i}.bin", f"{inbox}/f{i}.bin")
        arrivals.wait_for([name(i)])
        times.append((time.monotonic() - start) * 1000)
        with open(f"{arrivals.directory}/{name(i)}", "rb") as file:
            if file.read() != data:
                sys.exit(f"relay.py: {name(i)} arrived with other content")
        time.sleep(0.02)  # the files come at most 50 times a second
    return times


class Bench:
    """The benchmarks that relay.sh prints. The programs are in `build`, the files in `work`."""

    def __init__(self, build, work):
        build = os.path.abspath(build)
        self.work = work
        self.paxect, self.core = f"{build}/bin/paxect", f"{build}/bin/paxect-core"
        self.floor, self.codec = f"{build}/tests/bench/bench_relay_floor", f"{build}/tests/bench/bench_floor"

    def relay(self, name, settle_ms=0):
        return Relay(self.paxect, f"{self.work}/{name}", settle_ms=settle_ms)

    def make_sample(self, size):
        path = f"{self.work}/sample"
        write_sample(path, size, 1)
        return path

    def container_size(self, path):
        subprocess.run([self.core, "encode", "-i", path, "-o", path + ".freq"], check=True)
        size = os.path.getsize(path + ".freq")
        os.remove(path + ".freq")
        return size

    def codec_floor(self, size):
        """Seconds that bare libzstd takes for a byte there and back, on all cores, in memory."""
        sample = self.make_sample(max(size, 64 << 20))
        seconds = 0
        for way in ("encode", "decode"):
            argv = [self.codec, way, "5", str(len(os.sched_getaffinity(0))), sample]
            seconds += min(float(subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()[1])
                           for _ in range(3))
        return seconds / os.path.getsize(sample)

    def disk_floor(self, count, container, data, strategy):
        place = f"{self.work}/floor"
        os.makedirs(place)
        settle_disk()
        out = subprocess.run([self.floor, place, str(count), str(container), str(data), strategy], check=True,
                             capture_output=True, text=True).stdout.split()
        shutil.rmtree(place)
        return float(out[0]), float(out[1])

    def throughput(self, label, count, size):
        """Small files cost system calls, so their floor is the disk's; large ones cost libzstd's time too."""
        codec = self.codec_floor(size) * count * size if size >= 1 << 20 else 0
        sample = self.make_sample(size)
        container = self.container_size(sample)
        empty = self.relay("empty")
        start = min(empty.run_once()[0] for _ in range(3))  # what a run takes that relays nothing
        empty.remove()
        floors, relays = [], []
        for turn in range(3):
            relay = self.relay(f"relay{turn}")
            for i in range(count):
                path = f"{relay.inbox}/f{i}.bin"
                shutil.copyfile(sample, path)
                with open(path, "r+b") as file:
                    file.write(i.to_bytes(8, "little"))
            settle_disk()
            relays.append(relay.run_once())
            left, made = len(visible(relay.inbox)), len(visible(relay.outbox))
            if left or made != count:
                sys.exit(f"relay.py: {left} files left, {made} of {count} delivered")
            relay.remove()
            floors += [self.disk_floor(count, container, size, strategy) for strategy in ("fsync", "syncfs")]
        os.remove(sample)
        wall, cpu, memory = min(relays)
        wall -= start
        floor_wall, floor_cpu = min(floors)
        print(f"{label:>8} | {count / wall:7.1f} files/s {count * size / wall / 1e6:6.1f} MB/s  cpu {cpu:5.2f} s"
              f"  {memory:3.0f} MiB | disk floor {count / floor_wall:7.1f} files/s"
              f" {count * size / floor_wall / 1e6:6.1f} MB/s  cpu {floor_cpu:5.2f} s: {floor_wall / wall:.2f}", end="")
        if codec:
            print(f" | bare libzstd {count * size / codec / 1e6:6.1f} MB/s: {codec / wall:.2f}", end="")
        print(flush=True)

    def send_run(self, name, sample, count, **settings):
        """Wall and CPU seconds of `count` copies of `sample` in mode send, and how many of them the signed lists name."""
        relay = Relay(self.paxect, f"{self.work}/{name}", settle_ms=0, mode="send", **settings)
        for i in range(count):
            shutil.copyfile(sample, f"{relay.inbox}/f{i}.bin")
        settle_disk()
        wall, cpu, _ = relay.run_once()
        listed = 0
        lists = f"{relay.outbox}/paxect.proof"
        for name in os.listdir(lists) if os.path.isdir(lists) else []:
            if name.endswith(".list"):
                with open(f"{lists}/{name}", encoding="ascii") as file:
                    listed += sum(not line.startswith("#") for line in file)
        if visible(relay.inbox):
            sys.exit(f"relay.py: {len(visible(relay.inbox))} files left")
        relay.remove()
        return wall, cpu, listed

    def proof(self, count, size, pairs=5):
        """Mode send with signed lists beside mode send without: pairs of runs, the order within a pair alternates."""
        key = f"{self.work}/key"
        subprocess.run([self.paxect, "link", "key", "new", key], check=True, capture_output=True)
        sample = self.make_sample(size)
        ratios, signed_runs, plain_runs = [], [], []
        for pair in range(pairs):
            for signed in (True, False) if pair % 2 == 0 else (False, True):
                settings = {"sign_key": f"file:{key}", "node": "bench"} if signed else {}
                wall, cpu, listed = self.send_run(f"proof{pair}", sample, count, **settings)
                if listed != (count if signed else 0):
                    sys.exit(f"relay.py: the lists name {listed} of {count} files")
                (signed_runs if signed else plain_runs).append((wall, cpu))
            ratios.append(plain_runs[-1][0] / signed_runs[-1][0])
        os.remove(sample)
        os.remove(key)
        os.remove(key + ".pub")
        signed, plain = (statistics.median(wall for wall, _ in runs) for runs in (signed_runs, plain_runs))
        signed_cpu, plain_cpu = (statistics.median(cpu for _, cpu in runs) for runs in (signed_runs, plain_runs))
        print(f"   proof | {count / signed:7.1f} files/s  cpu {signed_cpu:5.2f} s | without {count / plain:7.1f} files/s"
              f"  cpu {plain_cpu:5.2f} s: {statistics.median(ratios):.2f}, pairs {min(ratios):.2f} to {max(ratios):.2f}",
              flush=True)

    def latency_and_idle(self):
        relay = self.relay("latency", settle_ms=500)
        making = f"{relay.place}/making"
        os.mkdir(making)
        with open(f"{relay.inbox}/first.bin", "wb") as file:
            file.write(b"it arrives as soon as the relay is ready")
        with Arrivals(relay.outbox) as arrivals:
            process = relay.start()
            try:
                arrivals.wait_for(["first"])
                times = sorted(rename_latencies(arrivals, making, relay.inbox, 200 // QUICK, lambda i: f"f{i}"))
                print(f"latency: median {statistics.median(times):.1f} ms, 95 of 100 within "
                      f"{times[len(times) * 95 // 100]:.1f} ms")
                self.idle(process)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait()
        relay.remove()

    def idle(self, process):
        def ticks():
            with open(f"/proc/{process.pid}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

        before = ticks()
        period = 60 // QUICK
        time.sleep(period)
        print(f"idle: {(ticks() - before) / period * 100:.2f} % of one processor")

    def backlog(self, count):
        relay = self.relay("backlog")
        data = half_text(100, 1)
        for i in range(count):
            with open(f"{relay.inbox}/f{i}.bin", "wb") as file:
                file.write(data)
        settle_disk()
        wall, cpu, memory = relay.run_once()
        print(f"backlog of {count:6}: {wall / count * 1e6:7.1f} us a file, cpu {cpu / count * 1e6:6.1f} us a file,"
              f" {memory:.0f} MiB", flush=True)
        relay.remove()


def main():
    bench = Bench(sys.argv[1], sys.argv[2])
    print("relay: inbox -> container + sidecar -> outbox, sources removed, all durable; last in a column: the floor's\n"
          "time as a part of the relay's. Disk floor: the same bytes written durably, nothing else. Bare libzstd: there\n"
          "and back, all cores, in memory.", flush=True)
    bench.throughput("4 KiB", 5000 // QUICK, 4096)
    bench.proof(5000 // QUICK, 4096)
    bench.throughput("1 MiB", 200 // QUICK, 1 << 20)
    bench.throughput("256 MiB", max(1, 4 // QUICK), 256 << 20)
    bench.latency_and_idle()
    bench.backlog(1000)
    bench.backlog(100000 // QUICK)


if __name__ == "__main__":
    with killed_at_the_end():
        main()
