"""Times the relay beside the programs that a user might take instead; see peers.sh.

usage: peers.py PREFIX WORK-DIRECTORY [PART]...

PREFIX/bin has paxect. Parts, all of them by default: small (2,000 files of 4 KiB), medium (100 of 1 MiB), large (2 of 256
MiB), latency. COUNTxBYTES is a part too. Environment: ROUNDS, how often each command is timed, after one round to warm up,
and how many files the latency is taken of, times 40 for the relay (default: 5).

Each command brings the files of the directory `inbox` to the directory `outbox`, both on the file system of WORK-DIRECTORY.
Before it starts, the files were copied to the inbox and flushed, so that they are in the page cache and on the disk. Its
time counts when the outbox has the same names with the same content. Ratios are taken within a round.
"""
import contextlib
import filecmp
import os
import shutil
import statistics
import sys
import time

import bench
import peers_daemons
from arrivals import Arrivals
from children import killed_at_the_end
from relay import Relay, rename_latencies, visible, write_sample

PARTS = {"small": "2000x4096", "medium": f"100x{1 << 20}", "large": f"2x{256 << 20}", "latency": None}

# For each file a digest beside the container, and the decompressed file compared with it before it takes its name.
LOOP = """\
cd "$1/inbox"
for name in *; do
  sha256sum "$name" >"$1/containers/$name.sha256"
  zstd -q -5 "$name" -o "$1/containers/$name.zst"
  zstd -q -d "$1/containers/$name.zst" -o "$1/outbox/.$name"
  sha256sum <"$1/outbox/.$name" | { read -r got _; read -r wanted _ <"$1/containers/$name.sha256"; [ "$got" = "$wanted" ]; }
  mv "$1/outbox/.$name" "$1/outbox/$name"
done
"""
TAR = """\
tar -c -C "$1/inbox" . | zstd -q "$2" -T0 -o "$1/containers/all.tar.zst"
zstd -q -d -c "$1/containers/all.tar.zst" | tar -x -C "$1/outbox"
"""
RSYNC_CHECK = 'test -z "$(rsync -a -c -n -i "$1/inbox/" "$1/outbox/")"'  # prints what differs


class Peer:
    """A row of the tables. ready(place) is a context manager around a function that copies from `place`/inbox to
    `place`/outbox and returns when everything has arrived."""

    def __init__(self, name, programs, guarantees, ready):
        self.name, self.programs, self.guarantees, self.ready = name, programs, guarantees, ready

    def missing(self):
        return [program for program in self.programs if shutil.which(program) is None]


def commands(make_argvs):
    """Runs the commands that make_argvs(place) returns, one after another."""
    @contextlib.contextmanager
    def ready(place):
        def run():
            for argv in make_argvs(place):
                bench.timed(argv)
        yield run
    return ready


def shell(script, *arguments):
    return commands(lambda place: [["bash", "-o", "pipefail", "-ec", script, "bash", place, *arguments]])


def rsync(place):
    return ["rsync", "-a", "--fsync", f"{place}/inbox/", f"{place}/outbox/"]


def rclone(place, command):
    return ["rclone", "--config", "", "-q", command, f"{place}/inbox", f"{place}/outbox"]


def relay(prefix, **settings):
    @contextlib.contextmanager
    def ready(place):
        made = Relay(f"{prefix}/bin/paxect", place, names="full", **settings)

        def run():
            made.run_once()
            if visible(made.inbox):
                sys.exit(f"peers.py: the relay left files in {made.inbox}")
        yield run
    return ready


@contextlib.contextmanager
def syncthing(place):
    """Its watcher waits 10 seconds before it reports new files, so it is asked to scan."""
    with peers_daemons.syncthing(place) as sender, Arrivals(f"{place}/outbox") as arrivals:
        def run():
            names = visible(f"{place}/inbox")
            sender.scan()
            arrivals.wait_for(names)
        yield run


@contextlib.contextmanager
def lsyncd(place):
    """It waits 15 seconds before it copies what it saw appear, but not before it copies what it finds at its start."""
    with contextlib.ExitStack() as running, Arrivals(f"{place}/outbox") as arrivals:
        def run():
            running.enter_context(peers_daemons.lsyncd(place))
            arrivals.wait_for(visible(f"{place}/inbox"))
        yield run


LEVEL_5, LEVEL_1 = "paxect link", "paxect link, `level = 1`"
HEADINGS = ("verified", "durable", "never partial", "audit")
IN_TRANSIT = ("in transit", "no", "yes", "log, if asked for")


def peers(prefix):
    link = ("SHA-256", "yes", "yes", "each file")
    archive = ("container only", "no", "no", "no")
    return [
        Peer(LEVEL_5, [], link, relay(prefix)),
        Peer(LEVEL_1, [], link, relay(prefix, level=1)),
        Peer("`rsync -a --fsync`", ["rsync"], ("in transit", "not the names", "yes", "log, if asked for"),
             commands(lambda place: [rsync(place)])),
        Peer("the same, and `rsync -a -c -n`", ["rsync"], ("128-bit hash", "not the names", "yes", "log, if asked for"),
             commands(lambda place: [rsync(place), ["sh", "-c", RSYNC_CHECK, "sh", place]])),
        Peer("`rclone copy`, `rclone check`", ["rclone"], ("MD5", "no", "no", "log, if asked for"),
             commands(lambda place: [rclone(place, "copy"), rclone(place, "check")])),
        Peer("`tar`, `zstd -5 -T0`", ["tar", "zstd"], archive, shell(TAR, "-5")),
        Peer("`tar`, `zstd -1 -T0`", ["tar", "zstd"], archive, shell(TAR, "-1")),
        Peer("loop: `sha256sum`, `zstd -5`", ["sha256sum", "zstd"], ("SHA-256", "no", "yes", "digests"), shell(LOOP)),
        Peer("syncthing", ["syncthing"], ("SHA-256", "yes", "yes", "log, if asked for"), syncthing),
        Peer("lsyncd", ["lsyncd", "rsync"], IN_TRANSIT, lsyncd),
    ]


class Load:
    """Files of one size, and the runs that copy them."""

    def __init__(self, work, count, size):
        self.master, self.place, self.bytes = f"{work}/master", f"{work}/place", count * size
        os.mkdir(self.master)
        for i in range(count):
            write_sample(f"{self.master}/f{i}.bin", size, i)
        self.names = visible(self.master)

    def remove(self):
        shutil.rmtree(self.master)

    def run(self, peer):
        for name in ("inbox", "outbox", "containers"):
            os.makedirs(f"{self.place}/{name}")
        with peer.ready(self.place) as copy:
            for name in self.names:
                shutil.copyfile(f"{self.master}/{name}", f"{self.place}/inbox/{name}")
            os.sync()
            bench.warm(self.place, 3 * self.bytes)
            start = time.monotonic()
            copy()
            wall = time.monotonic() - start
        self.compare(peer)
        shutil.rmtree(self.place)
        return {None: bench.Run(wall, 0)}

    def compare(self, peer):
        outbox = f"{self.place}/outbox"
        if visible(outbox) != self.names:
            sys.exit(f"peers.py: {peer.name} made {len(visible(outbox))} of {len(self.names)} files, or others")
        _, differ, failed = filecmp.cmpfiles(self.master, outbox, self.names, shallow=False)
        if differ or failed:
            sys.exit(f"peers.py: {peer.name} changed {(differ + failed)[0]}")


def row(cells, widths):
    print("| " + " | ".join(f"{cell:{width}}" for cell, width in zip(cells, widths)) + " |", flush=True)


def heading(title, cells, widths):
    print(f"\n### {title}\n")
    row(cells, widths)
    lines = ["-" * int(width[1:]) for width in widths]
    row([line[1:] + ":" if width[0] == ">" else line for line, width in zip(lines, widths)], widths)


def readable(size):
    for shift, unit in ((20, "MiB"), (10, "KiB")):
        if size % (1 << shift) == 0:
            return f"{size >> shift} {unit}"
    return f"{size} bytes"


def present(entries):
    """Those of the peers whose programs this machine has; reports the others."""
    for peer in entries:
        if peer.missing():
            print(f"not measured: {peer.name}: no {' '.join(peer.missing())} on this machine")
    return [peer for peer in entries if not peer.missing()]


def throughput(work, entries, count, size, rounds):
    load = Load(work, count, size)
    results = bench.run_rounds({peer.name: lambda peer=peer: load.run(peer) for peer in entries}, rounds)
    load.remove()
    widths = ("<32", ">8", ">10", ">10", "<14", "<13", "<13", "<17")
    heading(f"{count:,} files of {readable(size)}, medians of {rounds} rounds, load average {bench.load()}",
            ("", "ms", "link takes", "at level 1", *HEADINGS), widths)
    for peer in entries:
        runs = results[peer.name]
        ratios = [f"× {bench.median_ratio(results[link], runs):.2f}" for link in (LEVEL_5, LEVEL_1)]
        row((peer.name, f"{statistics.median(run.wall for run in runs) * 1000:.0f}", *ratios, *peer.guarantees), widths)


@contextlib.contextmanager
def started_relay(prefix, place):
    process = Relay(f"{prefix}/bin/paxect", place, names="full").start()
    try:
        yield
    finally:
        peers_daemons.end(process)


def latency_of(work, daemon, count):
    """Milliseconds from a rename into the inbox to the rename into the outbox, one file at a time. `daemon` is ready when
    the first file has arrived, which was there before it was started."""
    place = f"{work}/place"
    for name in ("inbox", "outbox", "making"):
        os.makedirs(f"{place}/{name}")
    write_sample(f"{place}/inbox/first.bin", 4096, 0)
    with Arrivals(f"{place}/outbox") as arrivals, daemon(place):
        arrivals.wait_for(["first.bin"])
        times = rename_latencies(arrivals, f"{place}/making", f"{place}/inbox", count, lambda i: f"f{i}.bin")
    shutil.rmtree(place)
    return times


def latency(prefix, work, rounds):
    link = Peer("paxect link", [], None, lambda place: started_relay(prefix, place))
    entries = [
        link,
        Peer("syncthing", ["syncthing"], None, peers_daemons.syncthing),
        Peer("syncthing, fsWatcherDelayS = 1", ["syncthing"], None, lambda place: peers_daemons.syncthing(place, 1)),
        Peer("lsyncd", ["lsyncd", "rsync"], None, peers_daemons.lsyncd),
        Peer("lsyncd, delay = 1", ["lsyncd", "rsync"], None, lambda place: peers_daemons.lsyncd(place, 1)),
    ]
    widths = ("<32", ">10", ">10", ">6")
    heading("from a rename into the inbox to the arrival", ("", "median, ms", "worst, ms", "files"), widths)
    for peer in present(entries):
        times = latency_of(work, peer.ready, 40 * rounds if peer is link else rounds)
        row((peer.name, f"{statistics.median(times):.1f}", f"{max(times):.1f}", str(len(times))), widths)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    prefix, work = (os.path.abspath(argument) for argument in sys.argv[1:3])
    rounds = int(os.environ.get("ROUNDS", bench.ROUNDS))
    print(f"{bench.processor()}, {len(os.sched_getaffinity(0))} cores, load average {bench.load()}")
    entries = present(peers(prefix))
    for part in sys.argv[3:] or PARTS:
        if part == "latency":
            latency(prefix, work, rounds)
        else:
            count, size = map(int, PARTS.get(part, part).split("x"))
            throughput(work, entries, count, size, rounds)


if __name__ == "__main__":
    with killed_at_the_end():
        main()
