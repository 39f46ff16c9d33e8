#!/bin/sh
# Measures protection beside par2 on the same data and percentage: tests/bench/protect.sh [PERCENT] [MIB]
# Encodes data of which half is noise, with and without protection in turn; repairs a container that lost a burst of
# the percentage of one window, from memory, and from the disk beside a copy of the file. Needs par2 (apt-get install
# par2). Prints medians of five rounds, and the memory.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
percent=${1:-6} mib=${2:-256}
command -v par2 >/dev/null || { echo "protect.sh: par2 is missing: apt-get install par2" >&2; exit 69; }
work=$(mktemp -d "$root/build/bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work"
exec "${PYTHON:-python3}" - "$root/build/release/bin/paxect-core" "$percent" "$mib" <<'PYTHON'
import os, shutil, statistics, subprocess, sys, time
core, percent, mib = sys.argv[1], sys.argv[2], int(sys.argv[3])

def run(*command):
    """Seconds, MiB and CPU seconds of a command."""
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status: sys.exit(f"{command}: status {status}")
    return time.monotonic() - begin, used.ru_maxrss / 1024, used.ru_utime + used.ru_stime

def evict(name):
    """The next command reads the file from the disk."""
    with open(name, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

def piece(number):
    if number % 2: return os.urandom(1 << 20)
    return b"".join(b"%d,%d,%s\n" % (n * 7919 % 100003, n, os.urandom(8).hex().encode()) for n in range(38000))[:1 << 20]

with open("data", "wb") as file:
    for number in range(mib): file.write(piece(number))
rows = {}
for round_ in range(6):
    results = {
        "encode": run(core, "encode", "-i", "data", "-o", "plain.freq"),
        "encode --protect": run(core, "encode", "-i", "data", "-o", "protected.freq", "--protect", percent),
    }
    shutil.copyfile("protected.freq", "damaged.freq")
    with open("damaged.freq", "r+b") as damaged:
        damaged.seek(5 << 20)
        damaged.write(bytes((16 << 20) * int(percent) // 100))
    results["repair"] = run(core, "repair", "damaged.freq", "-o", "repaired.freq")
    evict("damaged.freq")
    results["repair --sync, from the disk"] = run(core, "repair", "--sync", "damaged.freq", "-o", "repaired.freq")
    evict("damaged.freq")
    results["dd conv=fsync, from the disk"] = run("dd", "status=none", "if=damaged.freq", "of=copied.freq", "bs=1M", "conv=fsync")
    results["decode (for comparison)"] = run(core, "decode", "-i", "protected.freq", "-o", "decoded")
    if round_ in (1, 2):
        for name in os.listdir("."):
            if ".par2" in name: os.remove(name)
        results["par2 create"] = run("par2", "create", "-qq", f"-r{percent}", "-n1", "plain.par2", "plain.freq")
    if round_:
        for name, result in results.items(): rows.setdefault(name, []).append(result)
print(f"{mib} MiB of data, {os.path.getsize('plain.freq') >> 20} MiB stored, {percent} %, {os.cpu_count()} processors")
for name, results in rows.items():
    wall, cpu = (statistics.median(r[i] for r in results) for i in (0, 2))
    print(f"{name:30}{wall:8.2f} s{cpu:8.2f} s CPU{max(r[1] for r in results):8.0f} MiB")
pairs = list(zip(rows["encode --protect"], rows["encode"]))
print(f"encode with / without: {statistics.median(a[0] / b[0] for a, b in pairs):.3f}")
# By CPU time: what protection adds is less than the wall times of two encodes differ by.
extra = max(0.01, statistics.median(a[2] - b[2] for a, b in pairs))
print(f"CPU time with / without: {statistics.median(a[2] / b[2] for a, b in pairs):.3f}")
disk = zip(rows["repair --sync, from the disk"], rows["dd conv=fsync, from the disk"])
print(f"repair / dd, from disk to disk: {statistics.median(a[0] / b[0] for a, b in disk):.2f}")
print(f"CPU time of protection: {extra:.2f} s; par2 create / that: {rows['par2 create'][0][2] / extra:.0f}")
PYTHON
