#!/usr/bin/env python3
"""The metrics of a real sender and receiver, the page about them, and the alert rules: at one with each other, and right by
promtool."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import unittest

import rig

SOURCE = pathlib.Path(__file__).resolve().parents[2]
MONITORING = SOURCE / "carrier_plugin" / "monitoring"
PAGE = (MONITORING / "MONITORING.md").read_text()
RULES = MONITORING / "paxect-carrier-alerts.yml"
DASHBOARD = MONITORING / "paxect-carrier-dashboard.json"
RULES_TEST = pathlib.Path(__file__).with_name("alerts_test.yml")


def metrics(node):
    path = node.place / "carrier.prom"
    return path.read_text() if path.exists() else ""


def exported(text):
    return set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))


def values(text):
    return {name: float(value) for name, value in re.findall(r'^(\w+)\{carrier="carrier"\} (\S+)$', text, re.MULTILINE)}


def named(text):
    return set(re.findall(r"paxect_carrier_[a-z_]*[a-z]", text))


class Monitoring(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """A run with files that were sent, held and set aside."""
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            south = site.node("south", "receive", server.url)
            # The collector is another user, and the umask of the service is narrow.
            south.carrier.argv = ["sh", "-c", 'umask 077; exec "$@"', "sh", *south.carrier.argv]
            south.start()
            site.send_many(north, 3)
            site.send(north, "bare.freq", b"no sidecar", sidecar=False)
            with server.client() as client:
                def stored():  # a stream is listed before it takes messages
                    with contextlib.suppress(rig.NatsError):
                        return client.store("test.job.00000000000000000000000000000000", b"no job")
                    return None
                rig.wait_for("the stream", stored)
            rig.wait_for("three deliveries", lambda: values(metrics(south)).get("paxect_carrier_delivered_total") == 3)
            rig.wait_for("three receipts and a held file", lambda: [
                values(metrics(north)).get(f"paxect_carrier_{name}") for name in ("sent_total", "held")] == [3, 1])
            rig.wait_for("a foreign message", lambda: values(metrics(south)).get("paxect_carrier_poison_total") == 1)
            cls.running = {node.name: values(metrics(node)) for node in (north, south)}
            first = cls.running["south"]["paxect_carrier_written_timestamp_seconds"]
            rig.wait_for("an idle carrier to write again",
                         lambda: values(metrics(south))["paxect_carrier_written_timestamp_seconds"] > first)
            cls.mode = (south.place / "carrier.prom").stat().st_mode & 0o777
            for node in (north, south):
                node.stop()
            cls.text = {node.name: metrics(node) for node in (north, south)}

    def test_the_metrics_of_a_run_are_right(self):
        for name in ("north", "south"):
            self.assertEqual(self.running[name]["paxect_carrier_running"], 1)
            self.assertEqual(self.running[name]["paxect_carrier_connected"], 1)
            self.assertEqual(values(self.text[name])["paxect_carrier_running"], 0)
            self.assertNotRegex(self.text[name], r"\.freq")
        self.assertEqual(self.mode, 0o644)
        south = self.running["south"]
        self.assertGreater(south["paxect_carrier_delivered_bytes_total"], 0)
        self.assertGreaterEqual(south["paxect_carrier_fetched_bytes_total"], south["paxect_carrier_delivered_bytes_total"])

    def test_every_metric_is_on_the_page_and_every_named_one_exists(self):
        there = exported(self.text["north"]) | exported(self.text["south"])
        self.assertEqual(named(PAGE), there)
        self.assertLessEqual(named(RULES.read_text()) | named(RULES_TEST.read_text()), there)
        drawn = [target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel["targets"]]
        self.assertLessEqual(named("\n".join(drawn)), there)
        self.assertTrue(all('{carrier=~"$carrier"}' in expression for expression in drawn), drawn)
        for name, text in self.text.items():
            mode = {"north": "send", "south": "receive"}[name]
            rows = re.findall(r"^\| (`paxect_[^|]*) \| (\w+) \|", PAGE, re.MULTILINE)
            self.assertEqual(set().union(*(named(row) for row, modes in rows if modes in ("both", mode))), exported(text))

    def test_every_alert_is_tested_and_on_the_page(self):
        alerts = set(re.findall(r"- alert: (\w+)", RULES.read_text()))
        self.assertEqual(set(re.findall(r"^\| `(PaxectCarrier\w+)` \|", PAGE, re.MULTILINE)), alerts)
        self.assertEqual(set(re.findall(r"alertname: (\w+)", RULES_TEST.read_text())), alerts)

    def test_promtool_finds_no_fault(self):
        found = subprocess.run([SOURCE / "tests" / "support" / "promtool.sh", os.environ["PAXECT_TEST_BUILD"]],
                               stdout=subprocess.PIPE, text=True, check=False)
        if found.returncode == rig.SKIPPED:
            self.skipTest("no promtool")
        self.assertEqual(found.returncode, 0)
        promtool = found.stdout.strip()
        for text in self.text.values():
            checked = subprocess.run([promtool, "check", "metrics"], input=text, text=True, capture_output=True, check=False)
            self.assertEqual(checked.returncode, 0, checked.stderr)
        with rig.Site() as site:
            for path in (RULES, RULES_TEST):
                shutil.copy(path, site.place)

            def passes():
                return subprocess.run([promtool, "test", "rules", RULES_TEST.name], cwd=site.place, check=False).returncode == 0
            self.assertTrue(passes())
            rules = site.place / RULES.name
            rules.write_text(rules.read_text().replace("paxect_carrier_held > 0", "paxect_carrier_held > 2"))
            self.assertFalse(passes(), "a wrong rule passes")


if __name__ == "__main__":
    rig.main()
