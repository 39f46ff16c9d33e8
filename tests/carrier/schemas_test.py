#!/usr/bin/env python3
"""What every command of the carrier prints with --json, and what it logs, is as the installed schemas say."""
import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

import rig

try:
    import jsonschema
except ImportError:
    print("skipped: there is no module jsonschema: apt-get install python3-jsonschema")
    sys.exit(1 if rig.REQUIRED else rig.SKIPPED)

SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "carrier_plugin" / "schemas"
ODD = b"odd \xff\n\\name.freq"


def schema(name):
    return json.loads((SCHEMAS / f"carrier_{name}.schema.json").read_text())


def check(name, value):
    jsonschema.Draft7Validator(schema(name)).validate(value)
    return value


def fits(name, value):
    return jsonschema.Draft7Validator(schema(name)).is_valid(value)


def output(node, *words, status=(0, 1)):
    """What a command prints, which must be as its schema says."""
    return check(words[0], node.command(*words, status=status))


def states(node, *names):
    return [output(node, "explain", name)["state"] for name in names]


class Schemas(unittest.TestCase):
    def test_every_command_with_json_has_a_schema_and_every_schema_a_row(self):
        with rig.Site() as site:
            node = site.node("north", "send", "nats://127.0.0.1:1")
            listing = subprocess.run([rig.PAXECT, "carrier", "--help", "-c", "carrier.conf"], cwd=node.place, check=True,
                                     capture_output=True, text=True).stdout
        commands = re.findall(r"^  ([a-z]+) .*--json", listing, re.MULTILINE)
        self.assertEqual(len(commands), 5, listing)
        stored = {path.name.split(".")[0] for path in SCHEMAS.glob("*.schema.json")}
        self.assertEqual(stored, {f"carrier_{name}" for name in [*commands, "log"]})
        rows = re.findall(r"^\| `(\w+)` \|", (SCHEMAS / "README.md").read_text(), re.MULTILINE)
        self.assertEqual(sorted(rows), sorted(stored))
        for name in stored:
            jsonschema.Draft7Validator.check_schema(schema(name.removeprefix("carrier_")))

    def test_without_a_server_and_before_the_first_start(self):
        with rig.Site() as site:
            for mode in ("send", "receive"):
                node = site.node(mode, mode, "nats://127.0.0.1:1")
                self.assertIsNone(output(node, "status")["report"])
                self.assertEqual(states(node, "none.freq"), ["unknown"])
                self.assertFalse(output(node, "doctor")["ok"])
                self.assertEqual(output(node, "peers")["peers"], [])
                if mode == "send":
                    self.assertEqual(output(node, "forget", "0123456789abcdef")["state"], "unknown")
                node.start()
                rig.wait_for("a problem", lambda: (output(node, "status")["report"] or {}).get("problems"))

    def test_files_in_every_state(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url, carrier="max_stream_mb = 2").start()
            site.send(north, "bare.freq", b"no sidecar", sidecar=False)
            site.send(north, "large.freq", bytes(3 << 20))
            site.send(north, "plain.freq", b"plain")
            site.send(north, os.fsdecode(ODD), b"odd")
            site.send(north, "damaged.freq", site.random.randbytes(700_000))
            rig.wait_for("what is sent and what is held", lambda: states(
                north, "bare.freq", "large.freq", "plain.freq", ODD, "damaged.freq") == ["held", "held", "sent", "sent", "sent"])
            files = output(north, "status")["report"]["files"]
            self.assertIn(ODD.hex(), [file.get("name_hex") for file in files])
            with server.client() as client:
                sequence, subject, _, payload = next(message for message in client.messages("test_data") if len(message[3]) > 1000)
                client.api("STREAM.MSG.DELETE.test_data", {"seq": sequence})
                client.store(subject, payload[:-1] + bytes([payload[-1] ^ 1]))
                client.store("test.job.00000000000000000000000000000000", b"no job")
            south = site.node("south", "receive", server.url).start()
            rig.wait_for("the deliveries", lambda: states(south, "plain.freq", ODD, "damaged.freq") == ["delivered"] * 3)
            rig.wait_for("the receipts", lambda: states(north, "plain.freq", ODD, "damaged.freq") == ["delivered"] * 3)
            for node in (north, south):
                rig.wait_for("two peers", lambda node=node: len(output(node, "peers")["peers"]) == 2)
                self.assertTrue(output(node, "doctor")["ok"])
                self.assertTrue(output(node, "status")["running"])
            warned = [one for one in output(south, "doctor")["checks"] if one["state"] == "warning" and "poison" in one["check"]]
            self.assertTrue(warned)
            events = {check("log", entry)["event"] for node in (north, south) for entry in node.log()}
            self.assertEqual(events, {"sent", "reported", "delivered", "damaged"})
            server.kill()
            rig.wait_for("the loss of the server", lambda: not output(north, "status")["report"]["connected"])

    def test_the_schemas_refuse_what_is_none_of_theirs(self):
        self.assertFalse(fits("status", {"running": True}))
        self.assertFalse(fits("explain", {"name": "a", "state": "odd", "peer": "", "reason": "", "at": "", "datetime_utc": ""}))
        self.assertTrue(fits("explain", {"name": "a", "state": "sent", "peer": "", "reason": "", "at": "", "datetime_utc": ""}))
        self.assertFalse(fits("explain", {"state": "sent", "peer": "", "reason": "", "at": "", "datetime_utc": ""}))
        self.assertFalse(fits("doctor", {"ok": True, "checks": []}))
        self.assertFalse(fits("peers", {"subject": "a", "peers": [{"id": "b"}], "problem": ""}))
        self.assertFalse(fits("peers", {"subject": "a", "peers": []}))
        self.assertFalse(fits("log", {"event": "sent"}))


if __name__ == "__main__":
    rig.main()
