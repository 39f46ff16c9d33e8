#!/usr/bin/env python3
"""Reads lists, receipts, retired keys and logs as PROOF.md says, without PAXECT, and verifies them with minisign.

usage: check.py FOLDER    (ends with 77 where minisign is missing)
Written from the page alone, so that a reader of ours and this one that disagree show a fault in one of them or in the page.
"""
import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys

NUMBER = r"(?:0|[1-9][0-9]{0,18})"
NODE = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"
HEAD = rf"(?:0 -|[1-9][0-9]{{0,18}} [0-9a-f]{{64}})"

LIST = re.compile(
    rf"# paxect list 1\n# from (?P<node>{NODE})\n# to (?P<to>\*|{NODE}(?: {NODE})*)\n# stream (?P<stream>[0-9a-f]{{16}})\n"
    rf"(?:# continues (?P<continues>[0-9a-f]{{16}} {NUMBER})\n)?# number (?P<number>{NUMBER})\n"
    rf"# previous (?P<previous>-|[0-9a-f]{{64}})\n# first (?P<first>{NUMBER})\n# count (?P<count>{NUMBER})\n# made {TIME}\n"
    rf"# within (?P<within>{NUMBER})\n# log {HEAD}\n(?P<body>(?:.*\n)*)# end\n".encode())
RECEIPT = re.compile(
    rf"# paxect receipt 1\n# from (?P<node>{NODE})\n# to {NODE}\n# stream (?P<stream>[0-9a-f]{{16}})\n"
    rf"(?:# continues [0-9a-f]{{16}} {NUMBER}\n)?# number (?P<number>{NUMBER})\n# previous (?P<previous>-|[0-9a-f]{{64}})\n"
    rf"# about (?P<about>[0-9a-f]{{16}})\n(?P<lists>(?:# list {NUMBER} [0-9a-f]{{64}}\n)*)# through (?P<through>{NUMBER})\n"
    rf"# made {TIME}\n# log {HEAD}\n(?P<body>(?:.*\n)*)# end\n".encode())
ENTRY = re.compile(rb"(\\?)([0-9a-f]{64})  (.+)")
RANGE = re.compile(rf"(delivered|expected|missing|refused) ({NUMBER})-({NUMBER})( [a-z_]{{1,64}})?".encode())


def require(fact, what):
    if not fact:
        raise SystemExit(f"check.py: {what}")


def unescaped(text):
    require(re.fullmatch(rb"(?:[^\\]|\\[\\nr])*", text), f"an escape in {text!r}")
    return re.sub(rb"\\(.)", lambda found: {b"n": b"\n", b"r": b"\r", b"\\": b"\\"}[found[1]], text)


def read_signed(path, form):
    text = path.read_bytes()
    found = form.fullmatch(text)
    require(found, f"{path.name}: another form")
    node, stream, number = (found[name].decode() for name in ("node", "stream", "number"))
    kind = path.suffix
    require(path.name == f"{node}.{stream}.{number}{kind}", f"{path.name}: not the name of its head")
    require(int(number) > 0 and (found["previous"] == b"-") == (number == "1"), f"{path.name}: previous")
    trusted = (path.parent / (path.name + ".minisig")).read_bytes().split(b"\n")[2]
    require(trusted == f"trusted comment: file:{path.name}".encode(), f"{path.name}: signed as {trusted!r}")
    done = subprocess.run(["minisign", "-Vqm", path, "-p", path.parent / f"{node}.pub"], capture_output=True)
    require(done.returncode == 0, f"{path.name}: {done.stderr.decode()}")
    return found, hashlib.sha256(text).hexdigest()


def read_list(path):
    found, digest = read_signed(path, LIST)
    entries = []
    again = None
    for line in found["body"].split(b"\n")[:-1]:
        if line.startswith(b"# again "):
            require(again is None and re.fullmatch(rf"# again [0-9a-f]{{16}} [1-9][0-9]{{0,18}}".encode(), line), f"{path.name}: {line!r}")
            again = line[8:].decode()
            continue
        entry = ENTRY.fullmatch(line)
        require(entry, f"{path.name}: {line!r}")
        name = unescaped(entry[3]) if entry[1] else entry[3]
        require(bool(entry[1]) == any(c in name for c in b"\\\n\r"), f"{path.name}: {line!r} is not escaped as sha256sum does")
        require(not name.startswith(b"/") and all(part not in (b"", b".", b"..") for part in name.split(b"/")), f"{path.name}: {name!r}")
        entries.append((entry[2].decode(), name, again))
        again = None
    require(again is None and len(entries) == int(found["count"]), f"{path.name}: count")
    require(1 <= int(found["within"]) <= 31622400 and len(entries) <= 256, f"{path.name}: within, or too many entries")
    return (found["stream"].decode(), int(found["number"])), (found, digest, entries)


def check_lists(folder):
    lists = dict(read_list(path) for path in sorted(folder.glob("*.list")))
    first = {}
    for (stream, number), (found, _, entries) in sorted(lists.items()):
        if (stream, number - 1) in lists:
            before, digest, named = lists[stream, number - 1]
            require(found["previous"].decode() == digest, f"list {stream} {number}: previous")
            require(int(found["first"]) == int(before["first"]) + len(named), f"list {stream} {number}: first")
        require(number > 1 or found["first"] == b"1", f"list {stream} {number}: first")
        for i, (digest, name, _) in enumerate(entries):
            first[stream, int(found["first"]) + i] = (digest, name)
            path = folder / name.decode() if b"\n" not in name else None
            if path is not None and path.exists():
                require(hashlib.sha256(path.read_bytes()).hexdigest() == digest, f"{path}: digest")
    for (stream, number), (found, _, entries) in lists.items():
        for digest, name, again in entries:
            of, entry = again.split() if again is not None else (None, 0)
            if of in {known for known, _ in first}:
                require(first[of, int(entry)] == (digest, name), f"list {stream} {number}: again {again}")
        if found["continues"] is not None:
            before, last = found["continues"].decode().split()
            require((before, int(last)) in lists and (before, int(last) + 1) not in lists, f"list {stream} {number}: continues")
    return lists


def check_receipts(folder, lists):
    receipts = {}
    for path in sorted(folder.glob("*.receipt")):
        found, digest = read_signed(path, RECEIPT)
        receipts[found["stream"], int(found["number"])] = (found, digest)
        bound = [line.split()[2:] for line in found["lists"].decode().split("\n")[:-1]]
        numbers = [int(number) for number, _ in bound]
        require(numbers == sorted(set(numbers)), f"{path.name}: lists")
        about = found["about"].decode()
        for number, sha256 in bound:
            if (about, int(number)) in lists:
                require(lists[about, int(number)][1] == sha256, f"{path.name}: list {number}")
        next_entry, last = 1, None
        for line in found["body"].split(b"\n")[:-1]:
            outcome = RANGE.fullmatch(line)
            require(outcome and (outcome[1] == b"refused") == (outcome[4] is not None), f"{path.name}: {line!r}")
            require(int(outcome[2]) == next_entry <= int(outcome[3]), f"{path.name}: {line!r}")
            require((outcome[1], outcome[4]) != last, f"{path.name}: two lines of one outcome")
            next_entry, last = int(outcome[3]) + 1, (outcome[1], outcome[4])
        require(next_entry - 1 == int(found["through"]), f"{path.name}: through")
        require(bound or next_entry == 1, f"{path.name}: outcomes without a list")
    for (stream, number), (found, _) in receipts.items():
        if (stream, number - 1) in receipts:
            require(found["previous"].decode() == receipts[stream, number - 1][1], f"receipt {number}: previous")
    return receipts


def check_retired(path):
    lines = path.read_text().split("\n")
    require(lines[-1] == "" and lines[:2] == (path.parent / path.name.removesuffix(".retired")).read_text().split("\n")[:2],
            f"{path.name}: not the key")
    streams = [re.fullmatch(rf"retired ([0-9a-f]{{16}}) ([1-9][0-9]{{0,18}})", line) for line in lines[2:-1]]
    require(all(streams) and [each[1] for each in streams] == sorted({each[1] for each in streams}), f"{path.name}: lines")


def is_record(line):
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def check_log(paths):
    head = "0 -"
    for line in "".join(path.read_text() for path in paths).split("\n")[:-1]:
        if not is_record(line):
            require(line.startswith('{"datetime_utc": "') or '{"datetime_utc": "'.startswith(line), f"a line of nobody: {line!r}")
            continue
        text, _, stated = line.rpartition(', "chain": "')
        count = int(head.split()[0]) + 1
        head = f"{count} " + hashlib.sha256(f"{head}\n{text}}}\n".encode()).hexdigest()
        require(stated == head + '"}', f"line {count} of the log: chain")
    return head


def main():
    if shutil.which("minisign") is None:
        sys.exit(77)
    folder = pathlib.Path(sys.argv[1])
    lists = check_lists(folder)
    receipts = check_receipts(folder, lists)
    retired = list(folder.glob("*.pub.retired"))
    for path in retired:
        check_retired(path)
    logs = sorted(folder.glob("log.jsonl.*"), reverse=True) + [folder / "log.jsonl"]
    head = check_log(logs)
    require(len(lists) >= 4 and len(receipts) >= 2 and retired and head.startswith("5 "), "vectors are missing")


main()
