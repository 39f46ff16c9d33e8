"""Called by repair_disk.sh: repair_disk.py PAXECT_CORE DIRECTORY DEVICE MIB_PER_SECOND..."""
import contextlib, os, subprocess, sys, time

core, disk, device, rates = sys.argv[1], sys.argv[2], os.path.basename(sys.argv[3]), sys.argv[4:]
ROUNDS, LITTLE_MEMORY = 3, 96 << 20
os.chdir(disk)
number = open(f"/sys/block/{device}/dev").read().strip()

@contextlib.contextmanager
def group(controller):
    path = f"/sys/fs/cgroup/{controller}/paxect_bench"
    try:
        os.mkdir(path)
    except OSError as error:
        sys.exit(f"repair_disk.sh: cannot create {path}: {error.strerror}: it needs the controller of cgroup version 1")
    try:
        yield path
    finally:
        os.rmdir(path)

def seconds(groups, *command):
    """Of a command in these groups that reads the container from the disk."""
    with open("damaged.freq", "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    join = "".join(f"echo $$ >{path}/cgroup.procs; " for path in groups)
    begin = time.monotonic()
    subprocess.run(["sh", "-ec", join + 'exec "$@"', "sh", *command], check=True)
    return time.monotonic() - begin

def pair(groups):
    """Seconds of dd and of repair."""
    result = (seconds(groups, "dd", "status=none", "if=damaged.freq", "of=copied", "bs=1M", "conv=fsync"),
              seconds(groups, core, "repair", "--sync", "--quiet", "damaged.freq", "-o", "repaired"))
    os.unlink("copied")
    os.unlink("repaired")
    return result

with open("data", "wb") as file:
    for number_of_piece in range(256):
        text = b"".join(b"%d,%d\n" % (n * 7919 % 100003, n) for n in range(60000))
        file.write(os.urandom(1 << 19) + text[:1 << 19])
subprocess.run([core, "encode", "-i", "data", "-o", "damaged.freq", "--protect", "6", "--sync"], check=True)
with open("damaged.freq", "r+b") as file:
    file.seek(50 << 20)
    file.write(bytes(900_000))
    os.fsync(file.fileno())
print(f"{os.path.getsize('damaged.freq') >> 20} MiB stored, load average {os.getloadavg()[0]:.0f}")
with group("blkio") as limited, group("memory") as little:
    with open(f"{little}/memory.limit_in_bytes", "w") as file:
        file.write(str(LITTLE_MEMORY))
    for rate in rates:
        for way in ("read", "write"):
            with open(f"{limited}/blkio.throttle.{way}_bps_device", "w") as file:
                file.write(f"{number} {int(rate) << 20}")
        for groups, memory in ([limited], ""), ([limited, little], f", {LITTLE_MEMORY >> 20} MiB of memory"):
            pairs = sorted((pair(groups) for _ in range(ROUNDS)), key=lambda of: of[1] / of[0])
            dd, repair = pairs[ROUNDS // 2]
            ratios = " ".join(f"{b / a:.2f}" for a, b in pairs)
            print(f"{rate} MiB/s{memory}: dd {dd:.2f} s, repair {repair:.2f} s, repair / dd {ratios}", flush=True)
