#!/usr/bin/env python3
"""Sections of other plugins, several of one plugin, and two relays that prove their transfers to each other."""
import json
import os
import pathlib
import shutil
import unittest

import pair
import rig

STATION = pathlib.Path(os.environ["PAXECT_TEST_STATION"])


def with_station(panel):
    """A plugin must be a regular file: copies of the three modules, which find the core library elsewhere."""
    plugins = panel.work / "plugins"
    plugins.mkdir()
    libraries = rig.PAXECT.parents[1] / "lib"
    for module in (STATION, libraries / "paxect/plugins/link.so", libraries / "paxect/plugins/panel.so"):
        shutil.copy(module, plugins)
    panel.environment["LD_LIBRARY_PATH"] = str(libraries)
    panel.environment["PAXECT_PLUGIN_DIR"] = str(plugins)


def station(panel, **answers):
    folder = panel.work / "answers"
    if not folder.exists():
        with_station(panel)
        folder.mkdir()
    for command, report in answers.items():
        (folder / f"{command}.json").write_text(report if isinstance(report, str) else json.dumps(report))


class Sections(unittest.TestCase):
    def test_a_third_plugin_has_its_place_by_offering_the_same_commands(self):
        report = {"state": "running", "sent": 12, "streams": {"waiting": 3}, "server": "nats://a"}
        peers = {"peers": [{"name": "south", "seen": None, "late": True}]}
        with rig.Panel(panel="actions = true\n", more="[station]\nanswers = WORK/answers\n",
                       before=lambda panel: station(panel, status=report, peers=peers, explain={"file": "a"}, doctor={"holds": 1})) as panel:
            found = rig.wait_for("a report", lambda: panel.section("station")["report"] and panel.section("station"))
            self.assertEqual(found["report"], report)
            self.assertEqual(found["commands"], {"status": "[--json]", "explain": "NAME [--json]", "peers": "[--json]", "doctor": "[--json]"})
            self.assertEqual(panel.section("link")["commands"]["doctor"], "DIR [--json]")
            self.assertEqual(panel.request("/api/station/peers").json()["result"], peers)
            self.assertEqual(panel.request("/api/station/explain?file=x").json()["result"], {"file": "a"})
            self.assertEqual(panel.act("doctor", ["station"], "station").json()["result"], {"holds": 1})
            for name in ("audit", "waiting", "sent", "missing", "quarantine", "place"):
                reply = panel.request(f"/api/station/{name}")
                self.assertEqual((reply.status, reply.body), (404, f"the section station has no command {name}\n".encode()))
            for name in ("retry", "adopt", "resend"):
                self.assertEqual(panel.act(name, ["a", "b"], "station").status, 404)
            rig.wait_for("health", lambda: panel.request("/healthz").status == 200)

    def test_a_carrier_reports_its_state_as_link_does(self):
        """Without a server it waits, and is not well; nor is one that has ended."""
        more = "[carrier]\nmode = send\nfolder = WORK/sent\nservers = nats://127.0.0.1:1\nsubject = test\n"
        with rig.Panel(separate=True, panel="sections = link, carrier\n", more=more, before=lambda panel: (panel.work / "sent").mkdir()) as panel:
            report = rig.wait_for("a report", lambda: (panel.section("carrier")["report"] or {}).get("state") == "waiting" and panel.section("carrier")["report"])
            self.assertIn("no connection to", report["waiting_for"])
            self.assertEqual(panel.request("/healthz").status, 503)
            panel.relay.terminate()
            panel.relay.wait()
            rig.wait_for("its end", lambda: panel.section("carrier")["report"]["state"] == "stopped")

    def test_a_report_that_is_none_is_an_error_of_its_section_alone(self):
        with rig.Panel(more="[station]\nanswers = WORK/answers\n",
                       before=lambda panel: station(panel, status={"state": "running"})) as panel:
            rig.wait_for("health", lambda: panel.request("/healthz").status == 200)
            for bad in ("", "\"running\"", "\udcff" * 3, "[" * 100000):
                (panel.work / "answers/status.json").write_bytes(bad.encode("utf-8", "surrogateescape"))
                rig.wait_for(f"the error of {bad[:9]!r}", lambda: panel.section("station")["error"])
                self.assertEqual(panel.request("/healthz").status, 503)
                self.assertEqual(panel.section("link")["error"], "")
                station(panel, status={"no_state": 1})
                rig.wait_for("its return", lambda: not panel.section("station")["error"])
                self.assertEqual(panel.request("/healthz").status, 200)

    def test_a_section_that_does_not_exist_is_not_well_and_one_without_commands_is_no_matter(self):
        with rig.Panel(separate=True, panel="sections = link, linc\n") as panel:
            found = rig.wait_for("the error", lambda: panel.sections()["linc"]["error"])
            self.assertIn("unknown command 'linc'", found)
            rig.wait_for("link", lambda: panel.section()["report"])
            self.assertEqual(panel.request("/healthz").status, 503)
            with (panel.work / "relay.conf").open("a") as config:
                config.write("[linc]\nplugin = panel\nlisten = unix:/nowhere\n")
            rig.wait_for("health", lambda: panel.request("/healthz").status == 200)
            self.assertTrue(panel.section("linc")["silent"])

    def test_two_sections_of_one_plugin_are_two_relays(self):
        with rig.Panel(panel="actions = true\n", more="[north]\nplugin = link\ninbox = north/in\noutbox = north/out\nlog = north/log.jsonl\nlock = north/lock\n"
                       "policy = north/policy.json\n", before=lambda panel: (panel.work / "north/in").mkdir(parents=True)) as panel:
            (panel.work / "north/in/damaged.freq").write_text("x")
            rig.wait_for("the quarantine of north", lambda: panel.section("north")["report"] and panel.section("north")["report"]["quarantine"] == 1)
            self.assertEqual(panel.section("link")["report"]["quarantine"], 0)
            self.assertEqual(panel.request("/api/link/quarantine").json()["total"], 0)
            self.assertEqual(panel.request("/api/north/quarantine").json()["items"][0]["name"], "damaged.freq")
            self.assertEqual(panel.act("drop", ["damaged.freq"], "link").json()["status"], 1)
            self.assertEqual(panel.act("drop", ["damaged.freq"], "north").json()["status"], 0)
            self.assertFalse((panel.work / "north/in/.quarantine/damaged.freq").exists())

    def test_what_a_receiver_misses_is_resent_by_its_newest_receipt(self):
        with pair.Pair() as nodes:
            nodes.put("a.txt", "b.txt")
            panel = nodes.panel
            self.assertEqual(rig.wait_for("both", lambda: nodes.counts()["unconfirmed"] == 2 and nodes.counts()), nodes.counts())
            (nodes.share / "b.freq").unlink()
            nodes.receive_until("a receipt with a missing entry", lambda: nodes.receivers() and nodes.receivers()[0]["missing"] == 1)
            receiver = nodes.receivers()[0]
            self.assertEqual((receiver["node"], receiver["delivered"], receiver["sent"]), ("south", 1, 2))
            self.assertEqual(panel.request("/api/link/sent").json()["rest"]["receivers"], panel.command("sent", "--json")["receivers"])
            self.assertEqual(panel.act("resend", ["south", "0123456789abcdef"]).status, 404)
            self.assertEqual(panel.act("resend", ["../../etc/passwd", receiver["stream"]]).status, 404)
            self.assertEqual(panel.act("resend", ["south"]).status, 400)
            reply = panel.act("resend", ["south", receiver["stream"]])
            self.assertEqual((reply.status, reply.json()["status"]), (200, 0), reply.body)
            rig.wait_for("the container", (nodes.share / "b.freq").exists)
            nodes.receive_until("the delivery", (nodes.south / "outbox/b").exists)
            log = [json.loads(line) for line in (panel.work / "paxect_panel_log.jsonl").read_text().splitlines()]
            self.assertEqual([(entry["action"], entry["about"], entry["outcome"]) for entry in log[-2:]],
                             [("resend", ["south", receiver["stream"]], "requested"), ("resend", ["south", receiver["stream"]], "exit status 0")])


if __name__ == "__main__":
    unittest.main()
