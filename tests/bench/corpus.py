"""Makes the corpus of real files for the benchmark: one tar of what this machine has installed.

usage: corpus.py TAR BYTES BENCH-DATA-PROGRAM

Half of it are programs and shared libraries, a quarter is text, a quarter is generated event logs. Two machines have
different files installed, so their figures can be compared by ratio only.
"""
import io
import os
import subprocess
import sys
import tarfile

# Formats that are compressed already: the row of noise stands for them.
COMPRESSED = (".gz", ".xz", ".bz2", ".zst", ".zip", ".jar", ".png", ".jpg", ".woff", ".woff2", ".whl", ".gresource")
LARGEST = 32 << 20


def is_program(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def is_text(path):
    if path.endswith(COMPRESSED):
        return False
    with open(path, "rb") as file:
        begin = file.read(4096)
    return bool(begin) and b"\0" not in begin


def add_installed(tar, folders, wanted, size):
    """Adds regular files for which wanted(path) is true, in the order of their names, until they make `size` bytes."""
    for folder in folders:
        for place, subfolders, names in os.walk(folder):
            subfolders.sort()
            for name in sorted(names):
                path = os.path.join(place, name)
                if os.path.islink(path) or not os.path.isfile(path) or not os.access(path, os.R_OK):
                    continue
                if not 0 < os.path.getsize(path) <= LARGEST or not wanted(path):
                    continue
                tar.add(path, recursive=False)
                size -= os.path.getsize(path)
                if size <= 0:
                    return


def make_corpus(path, size, data_program):
    with tarfile.open(path, "w") as tar:
        add_installed(tar, ["/usr/lib"], is_program, size // 2)
        add_installed(tar, ["/usr/share", "/usr/include"], is_text, size // 4)
        logs = subprocess.run([data_program, "logs", str(size // 4)], stdout=subprocess.PIPE, check=True).stdout
        member = tarfile.TarInfo("events.log")
        member.size = len(logs)
        tar.addfile(member, io.BytesIO(logs))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    make_corpus(sys.argv[1], int(sys.argv[2]), sys.argv[3])
