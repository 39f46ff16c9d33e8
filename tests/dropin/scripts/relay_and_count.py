#!/usr/bin/env python3
"""A script for the Python Link: starts it without arguments, with environment variables and relative paths, a strict
policy and two peers; waits for the files, stops it, and evaluates its log."""
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

KEY = "the key of both nodes"
LINK = sys.argv[1:] or ["python", "paxect_link_plugin.py"]


def sign(payload):
    body = json.dumps(payload, sort_keys=True, separators=(",", ":")).encode()
    return hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()


def write_peer(name, payload, signature):
    Path(name).write_text(json.dumps({"payload": payload, "hmac_sha256": signature}, indent=2))


def wait_for(what, condition):
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"relay_and_count.py: {what}: not seen within a minute")
        time.sleep(0.02)


def events():
    return [json.loads(line) for line in Path("logs/link.jsonl").read_text(encoding="utf-8").splitlines()]


def named(name):
    return [event for event in events() if event["event"] == name]


def main():
    for folder in ("in", "out", "logs"):
        Path(folder).mkdir()
    Path("rules.json").write_text(json.dumps({
        "version": "1.2.0", "trusted_nodes": [socket.gethostname(), "localhost", "node2"],
        "allowed_suffixes": ["txt", ".csv", ".freq"], "max_file_mb": 2, "require_sig": True, "auto_delete": True,
        "log_level": "info"}))
    peer = {"node": "node2", "platform": "Linux", "version": "1.2.0", "place": "Gro\u00dfe Stra\u00dfe \U0001f600"}
    write_peer("link_manifest_node2.json", peer, sign(peer))
    write_peer("link_manifest_evil.json", {"node": "evil"}, "")
    Path("in/one.txt").write_text("one\n")
    Path("in/two.csv").write_text("x,y\n1,2\n")
    Path("in/blocked.exe").write_text("MZ")
    Path("in/large.txt").write_bytes(bytes(3 << 20))
    Path("in/.hidden.txt").write_text("hidden")
    Path("in/half.txt.part").write_text("half")
    Path("in/bad.freq").write_bytes(b"no container")
    Path("in/bad.freq.sha256").write_text("deadbeef" * 8)
    environment = dict(os.environ, PAXECT_LINK_INBOX="in", PAXECT_LINK_OUTBOX="out", PAXECT_LINK_POLICY="rules.json",
                       PAXECT_LINK_LOG="logs/link.jsonl", PAXECT_LINK_MANIFEST="link_manifest.json",
                       PAXECT_LINK_HMAC_KEY=KEY, PAXECT_LINK_LOCK="link.lock", PAXECT_LINK_POLL_SEC="0.1",
                       PAXECT_LINK_BACKOFF_SEC="0.2")
    link = subprocess.Popen(LINK, env=environment)
    out = Path("out")
    wait_for("delivery", lambda: out.exists() and {p.name for p in out.iterdir()} >= {"one", "two"})
    wait_for("log", lambda: len(named("decode")) == 2 and len(named("policy_block")) == 3)
    assert Path("link.lock").read_text().split()[0] == str(link.pid)
    Path("in/three.txt").write_text("three\n")
    wait_for("a later file", lambda: (out / "three").exists() and len(named("decode")) == 3)
    link.send_signal(signal.SIGINT)
    assert link.wait(timeout=30) == 0
    assert not Path("link.lock").exists()

    assert sorted(p.name for p in out.iterdir() if not p.name.startswith(".")) == ["one", "three", "two"]
    assert (out / "two").read_text() == "x,y\n1,2\n"
    assert Path("in/blocked.exe").exists() and Path("in/.hidden.txt").exists() and Path("in/half.txt.part").exists()
    assert not Path("in/one.txt").exists() and not list(Path("in").glob("one*"))
    assert list(events()[0])[:8] == ["datetime_utc", "level", "event", "src", "dst", "status", "message", "version"]
    assert [e["event"] for e in events()][0] == "startup" and events()[-1]["event"] == "shutdown"
    assert sorted(e["message"] for e in named("policy_block")) == [
        "disallowed_suffix:.exe", "disallowed_suffix:.sha256", f"file_too_large:{3 << 20}B"]
    assert [e["message"] for e in named("handshake")] == ["peer=node2"]
    assert [e["message"] for e in named("handshake_reject")] == ["bad_sig"]
    assert [(e["level"], e["message"]) for e in named("checksum_mismatch")] == [("error", "sidecar sha256 mismatch")]
    one = [e for e in named("decode") if e["dst"].endswith("/one")]
    assert one[0]["message"] == "sha256=" + hashlib.sha256(b"one\n").hexdigest()
    counted = subprocess.run(["grep", "-c", '"event": "encode"', "logs/link.jsonl"], capture_output=True, text=True)
    assert counted.stdout == "3\n", counted
    own = json.loads(Path("link_manifest.json").read_text(encoding="utf-8"))
    assert own["hmac_sha256"] == sign(own["payload"]) and own["payload"]["node"] == socket.gethostname()


if __name__ == "__main__":
    main()
