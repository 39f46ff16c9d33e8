#!/usr/bin/env python3
"""Makes these vectors with minisign and hashlib alone, without PAXECT.

usage: make.py    (in this folder; a key that is there stays, and so do the signatures, which are deterministic)
The signature of a list or a receipt is what `minisign -S` makes. Each container is a few bytes that stand for one.
"""
import hashlib
import pathlib
import subprocess

NORTH, SOUTH = "3f9a6c2e11d04b77", "a0b1c2d3e4f50617"
NEXT = "5b8c0d1e2f304152"  # the stream of north after NORTH
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


def make_next_list():
    """For whoever has it, in a stream that goes on from another one, with a container that was listed there."""
    text = f"""# paxect list 1
# from north
# to *
# stream {NEXT}
# continues {NORTH} 3
# number 1
# previous -
# first 1
# count 3
# made 2026-11-27T12:00:00Z
# within 600
# log 0 -
# again {NORTH} 1
{entry("report.freq")}{entry("new.freq")}# again {NORTH} 3
{entry("folder/c" + chr(92) + "d.freq")}# end
"""
    name = f"north.{NEXT}.1.list"
    pathlib.Path(name).write_text(text)
    sign(name, "north")


def make_gap_receipt(first, third, previous):
    """List 2 never came: 3 and 4 are missing by it. Nothing is known of the entries of list 3, which has none."""
    text = f"""# paxect receipt 1
# from south
# to north
# stream {SOUTH}
# continues 00112233445566aa 12
# number 2
# previous {previous}
# about {NORTH}
# list 1 {first}
# list 3 {third}
# through 4
# made 2026-11-26T12:12:00Z
# log 0 -
delivered 1-1
expected 2-2
missing 3-4
# end
"""
    name = f"south.{SOUTH}.2.receipt"
    pathlib.Path(name).write_text(text)
    sign(name, "south")


def make_log():
    """A log with its rotated part: the chain goes on in the second file, after the rest of a line."""
    head = "0 -"
    parts = []
    for number in range(1, 6):
        line = '{"datetime_utc": "2026-11-26T12:00:0%dZ", "event": "decode", "message": "line %d, \\"chain\\": "}' % (number, number)
        count = int(head.split()[0]) + 1
        head = f"{count} " + sha256(f"{head}\n{line}\n".encode())
        parts.append(line[:-1] + f', "chain": "{head}"' + "}\n")
    pathlib.Path("log.jsonl.1").write_text("".join(parts[:3]))
    pathlib.Path("log.jsonl").write_text('{"datetime_utc": "2026-11-2\n' + "".join(parts[3:]))


def make_retired():
    text = pathlib.Path("north.pub").read_text() + f"retired {NORTH} 3\nretired {NEXT} 1\n"
    pathlib.Path("north.pub.retired").write_text(text)


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
    return sha256(text.encode())


for node in ("north", "south"):
    if not pathlib.Path(f"{node}.key").exists():
        minisign("-GWf", "-p", f"{node}.pub", "-s", f"{node}.key")
pathlib.Path("report.freq").write_text("report\n")
pathlib.Path("data 1.freq").write_text("data\n")
pathlib.Path("new.freq").write_text("new\n")
pathlib.Path("folder").mkdir(exist_ok=True)
pathlib.Path("folder/c\\d.freq").write_text("backslash\n")
first = make_list(1, 1, ["report.freq", "data 1.freq"], "-")
second = make_list(2, 3, ["folder/c\\d.freq", "new\nline\r.freq"], first)
third = make_list(3, 5, [], second)
make_gap_receipt(first, third, make_receipt(third))
make_next_list()
make_log()
make_retired()
# What a strict reader refuses although minisign accepts it.
minisign("-Slm", "report.freq", "-s", "north.key", "-x", "legacy.minisig", "-t", "file:report.freq")
minisign("-Sm", "report.freq", "-s", "north.key", "-x", "comment.minisig", "-c", "by hand", "-t", "file:report.freq")
