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

BUILD, WORK = sys.argv[1], sys.argv[2]
PAXECT = os.path.abspath(f"{BUILD}/bin/paxect")
CORE = os.path.abspath(f"{BUILD}/bin/paxect-core")
FLOOR = os.path.abspath(f"{BUILD}/tests/bench/bench_relay_floor")
CODEC = os.path.abspath(f"{BUILD}/tests/bench/bench_floor")
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


def make_sample(size):
    """A file of that size; a large one repeats 8 MiB, far enough apart for level 5 not to notice."""
    path = f"{WORK}/sample"
    block = half_text(min(size, 8 << 20), 1)
    with open(path, "wb") as file:
        for _ in range(size // len(block)):
            file.write(block)
    return path


def settle_disk():
    os.sync()
    time.sleep(1)


def children_cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Relay:
    """A place for one relay."""

    def __init__(self, name, **settings):
        self.place = f"{WORK}/{name}"
        os.makedirs(f"{self.place}/inbox")
        os.makedirs(f"{self.place}/outbox")
        os.makedirs(f"{self.place}/making")
        settings.setdefault("settle_ms", "0")
        self.argv = [PAXECT, "run"]
        for key, value in settings.items():
            self.argv += ["--set", f"link.{key}={value}"]

    def run_once(self):
        cpu, start = children_cpu(), time.monotonic()
        process = subprocess.Popen(self.argv + ["--once"], cwd=self.place)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"relay.py: the relay ended with status {process.returncode}")
        return wall, children_cpu() - cpu, usage.ru_maxrss / 1024

    def remove(self):
        shutil.rmtree(self.place)


def container_size(path):
    subprocess.run([CORE, "encode", "-i", path, "-o", path + ".freq"], check=True)
    size = os.path.getsize(path + ".freq")
    os.remove(path + ".freq")
    return size


def codec_floor(size):
    """Seconds that bare libzstd takes for a byte there and back, on all cores, in memory."""
    sample = make_sample(max(size, 64 << 20))
    seconds = 0
    for way in ("encode", "decode"):
        argv = [CODEC, way, "5", str(len(os.sched_getaffinity(0))), sample]
        seconds += min(float(subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()[1])
                       for _ in range(3))
    return seconds / os.path.getsize(sample)


def disk_floor(count, container, data, strategy):
    place = f"{WORK}/floor"
    os.makedirs(place)
    settle_disk()
    out = subprocess.run([FLOOR, place, str(count), str(container), str(data), strategy], check=True, capture_output=True,
                         text=True).stdout.split()
    shutil.rmtree(place)
    return float(out[0]), float(out[1])


def throughput(label, count, size):
    """Small files cost system calls, so their floor is the disk's; large ones cost libzstd's time too."""
    codec = codec_floor(size) * count * size if size >= 1 << 20 else 0
    sample = make_sample(size)
    container = container_size(sample)
    empty = Relay("empty")
    start = min(empty.run_once()[0] for _ in range(3))  # what a run takes that relays nothing
    empty.remove()
    floors, relays = [], []
    for turn in range(3):
        relay = Relay(f"relay{turn}")
        for i in range(count):
            path = f"{relay.place}/inbox/f{i}.bin"
            shutil.copyfile(sample, path)
            with open(path, "r+b") as file:
                file.write(i.to_bytes(8, "little"))
        settle_disk()
        relays.append(relay.run_once())
        left = os.listdir(f"{relay.place}/inbox")
        made = len(os.listdir(f"{relay.place}/outbox"))
        if left or made != count:
            sys.exit(f"relay.py: {len(left)} files left, {made} of {count} delivered")
        relay.remove()
        floors += [disk_floor(count, container, size, strategy) for strategy in ("fsync", "syncfs")]
    os.remove(sample)
    wall, cpu, memory = min(relays)
    wall -= start
    floor_wall, floor_cpu = min(floors)
    print(f"{label:>8} | {count / wall:7.1f} files/s {count * size / wall / 1e6:6.1f} MB/s  cpu {cpu:5.2f} s"
          f"  {memory:3.0f} MiB | disk floor {count / floor_wall:7.1f} files/s {count * size / floor_wall / 1e6:6.1f} MB/s"
          f"  cpu {floor_cpu:5.2f} s: {floor_wall / wall:.2f}", end="")
    if codec:
        print(f" | bare libzstd {count * size / codec / 1e6:6.1f} MB/s: {codec / wall:.2f}", end="")
    print(flush=True)


def wait_for(path, limit=30):
    end = time.monotonic() + limit
    while not os.path.exists(path):
        if time.monotonic() > end:
            sys.exit(f"relay.py: no {path} after {limit} s")
        time.sleep(0.0002)


def latency_and_idle():
    relay = Relay("latency", settle_ms="500")
    process = subprocess.Popen(relay.argv, cwd=relay.place)
    try:
        wait_for(f"{relay.place}/paxect_link_log.jsonl")
        time.sleep(1)
        times = []
        for i in range(200 // QUICK):
            made = f"{relay.place}/making/f{i}.bin"
            with open(made, "wb") as file:
                file.write(half_text(4096, i))
            start = time.monotonic()
            os.rename(made, f"{relay.place}/inbox/f{i}.bin")
            wait_for(f"{relay.place}/outbox/f{i}")
            times.append((time.monotonic() - start) * 1000)
            time.sleep(0.02)
        ordered = sorted(times)
        print(f"latency: median {statistics.median(times):.1f} ms, 95 of 100 within {ordered[len(times) * 95 // 100]:.1f} ms")

        def ticks():
            with open(f"/proc/{process.pid}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

        before = ticks()
        period = 60 // QUICK
        time.sleep(period)
        print(f"idle: {(ticks() - before) / period * 100:.2f} % of one processor")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
    relay.remove()


def backlog(count):
    relay = Relay("backlog")
    data = half_text(100, 1)
    for i in range(count):
        with open(f"{relay.place}/inbox/f{i}.bin", "wb") as file:
            file.write(data)
    settle_disk()
    wall, cpu, memory = relay.run_once()
    print(f"backlog of {count:6}: {wall / count * 1e6:7.1f} us a file, cpu {cpu / count * 1e6:6.1f} us a file, {memory:.0f} MiB",
          flush=True)
    relay.remove()


print("relay: inbox -> container + sidecar -> outbox, sources removed, all durable; last in a column: the floor's time\n"
      "as a part of the relay's. Disk floor: the same bytes written durably, nothing else. Bare libzstd: there and back,\n"
      "all cores, in memory.")
throughput("4 KiB", 5000 // QUICK, 4096)
throughput("1 MiB", 200 // QUICK, 1 << 20)
throughput("256 MiB", max(1, 4 // QUICK), 256 << 20)
latency_and_idle()
backlog(1000)
backlog(100000 // QUICK)
