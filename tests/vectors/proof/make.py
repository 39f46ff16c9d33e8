#!/usr/bin/env python3
"""Makes these vectors with minisign and hashlib alone, without PAXECT.

usage: make.py    (in this folder; makes new keys, and so new signatures, each time)
The signature of a list or a receipt is what `minisign -S` makes. Each container is a few bytes that stand for one.
"""
import hashlib
import pathlib
import subprocess

NORTH, SOUTH = "3f9a6c2e11d04b77", "a0b1c2d3e4f50617"
LOG = hashlib.sha256(b"log").hexdigest()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def minisign(*words):
    subprocess.run(["minisign", *words], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def sign(name, key):
    minisign("-Sm", name, "-s", f"{key}.key", "-t", f"file:{name}")


def entry(name):
    digest = sha256(name.encode() if "\n" in name else pathlib.Path(name).read_bytes())
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return ("\\" if escaped != name else "") + f"{digest}  {escaped}\n"


def make_list(number, first, names, previous):
    text = f"""# paxect list 1
# from north
# to south
# stream {NORTH}
# number {number}
# previous {previous}
# first {first}
# count {len(names)}
# made 2026-11-26T12:0{number}:00Z
# within 600
# log {10 * number} {LOG}
""" + "".join(entry(name) for name in names) + "# end\n"
    name = f"north.{NORTH}.{number}.list"
    pathlib.Path(name).write_text(text)
    sign(name, "north")
    return sha256(text.encode())


def make_receipt(list_digest):
    text = f"""# paxect receipt 1
# from south
# to north
# stream {SOUTH}
# continues 00112233445566aa 12
# number 1
# previous -
# about {NORTH}
# list 3 {list_digest}
# through 4
# made 2026-11-26T12:10:00Z
# log 0 -
delivered 1-2
refused 3-3 checksum_mismatch
missing 4-4
# end
"""
    name = f"south.{SOUTH}.1.receipt"
    pathlib.Path(name).write_text(text)
    sign(name, "south")


for node in ("north", "south"):
    minisign("-GWf", "-p", f"{node}.pub", "-s", f"{node}.key")
pathlib.Path("report.freq").write_text("report\n")
pathlib.Path("data 1.freq").write_text("data\n")
pathlib.Path("folder").mkdir(exist_ok=True)
pathlib.Path("folder/c\\d.freq").write_text("backslash\n")
first = make_list(1, 1, ["report.freq", "data 1.freq"], "-")
second = make_list(2, 3, ["folder/c\\d.freq", "new\nline\r.freq"], first)
make_receipt(make_list(3, 5, [], second))
# What a strict reader refuses although minisign accepts it.
minisign("-Slm", "report.freq", "-s", "north.key", "-x", "legacy.minisig", "-t", "file:report.freq")
minisign("-Sm", "report.freq", "-s", "north.key", "-x", "comment.minisig", "-c", "by hand", "-t", "file:report.freq")
