#!/usr/bin/env python3
"""What the page gets is what the commands of the relay print; actions do what they say and are recorded."""
import json
import os
import unittest
import urllib.parse

import rig

HOSTILE = [b"<img src=x onerror=alert(1)>.exe", b"line\nbreak.exe", "\u202egnp.exe".encode(), b"not \xff utf-8.exe", b"quote\"'`$(id).exe",
           b"-rf.exe", b"--json.exe", b"%2e%2e%00.exe", ("\u00e4" * 124 + ".exe").encode(), b"{\"a\": 1}.exe"]


def blocked(panel, count):
    rig.wait_for(f"{count} blocked files", lambda: panel.section()["report"] and
                 panel.section()["report"]["backlog"]["blocked"] == count)


class Site(unittest.TestCase):
    def test_the_reports_are_those_of_the_commands(self):
        with rig.Panel() as panel:
            (panel.inbox / "a.exe").write_text("MZ")
            (panel.inbox / "damaged.freq").write_text("x")
            blocked(panel, 1)
            rig.wait_for("the quarantine", lambda: panel.section()["report"]["quarantine"] == 1)
            told, report = panel.command("status", "--json"), panel.section()["report"]
            for key in ("state", "node", "mode", "inbox", "outbox", "backlog", "quarantine", "pid"):
                if key == "backlog":
                    told[key].pop("oldest_seconds"), report[key].pop("oldest_seconds")
                self.assertEqual(report[key], told[key], key)
            for name, words in (("peers", ["peers"]), ("place", ["place"]), ("explain?file=a.exe", ["explain", "a.exe"])):
                self.assertEqual(panel.request(f"/api/link/{name}").json()["result"], panel.command(*words, "--json"))
            self.assertEqual(panel.request("/api/link/quarantine").json()["items"], panel.command("quarantine", "list", "--json")["items"])
            self.assertEqual(panel.request("/api/link/waiting").json()["items"], panel.command("waiting", "--json")["items"])
            self.assertIn("allowed_suffixes", panel.request("/api/link/waiting").json()["items"][0]["advice"])
            self.assertEqual(panel.request("/metrics").status, 404)
            self.assertEqual(panel.request("/api/link/audit").json()["result"]["state"], "intact")
            history = panel.request("/api/link/history").json()
            self.assertGreater(len(history["hour"]), 0)
            self.assertEqual(len(history["day"][0]), 6)

    def test_hostile_names_arrive_as_text(self):
        with rig.Panel() as panel:
            for name in HOSTILE:
                with open(os.fsencode(panel.inbox) + b"/" + name, "wb") as file:
                    file.write(b"MZ")
            blocked(panel, len(HOSTILE))
            for name in HOSTILE:
                reply = panel.request("/api/link/explain?file=" + urllib.parse.quote(name))
                self.assertEqual(reply.status, 200, name)
                self.assertEqual(reply.headers["Content-Type"], "application/json")
                self.assertEqual(reply.json()["result"]["state"], "blocked", name)
            for bad in ("", "?file=", "?file=a%00b", "?file=" + "a" * 5000):
                self.assertEqual(panel.request("/api/link/explain" + bad).status, 400)
            self.assertEqual(panel.request("/api/link/explain?file=--junit=/tmp/x").json()["result"]["state"], "unknown")

    def test_hostile_names_in_quarantine_can_be_retried_and_dropped(self):
        names = [name.replace(b".exe", b".freq") for name in HOSTILE]
        with rig.Panel(panel="actions = true\n") as panel:
            for name in names:
                with open(os.fsencode(panel.inbox) + b"/" + name, "wb") as file:
                    file.write(b"damaged")
            rig.wait_for("the quarantine", lambda: panel.section()["report"] and panel.section()["report"]["quarantine"] == len(names))
            shown = [item["name"] for item in panel.request("/api/link/quarantine").json()["items"]]
            self.assertEqual(len(shown), len(names))
            first = shown[0]
            reply = panel.act("retry", [first])
            self.assertEqual((reply.status, reply.json()["status"]), (200, 0), reply.body)
            self.assertEqual(panel.act("drop", shown[1:]).json()["status"], 0)
            self.assertEqual(panel.act("drop", ["nothing.freq"]).json()["status"], 1)
            log = [json.loads(line) for line in (panel.work / "paxect_panel_log.jsonl").read_text().splitlines()]
            self.assertEqual([(entry["action"], entry["outcome"]) for entry in log],
                             [("retry", "requested"), ("retry", "exit status 0"), ("drop", "requested"), ("drop", "exit status 0"),
                              ("drop", "requested"), ("drop", "exit status 1")])
            self.assertEqual(log[0]["about"], [first])
            self.assertTrue(all(entry["who"].startswith(f"uid {os.getuid()} (") for entry in log))

    def test_the_record_of_actions_has_an_outcome_for_each_and_follows_a_rotation(self):
        with rig.Panel(panel="actions = true\n") as panel:
            rig.wait_for("a report", lambda: panel.section()["report"])
            log = panel.work / "paxect_panel_log.jsonl"
            panel.act("drop", ["\u202eevil\u200b.freq"])
            self.assertNotIn("\u202e", log.read_text())
            self.assertEqual(json.loads(log.read_text().splitlines()[0])["about"], ["\u202eevil\u200b.freq"])
            with log.open("a") as torn:
                torn.write('{"datetime_utc": "20')  # what a full disk leaves
            panel.act("drop", ["x"])
            self.assertEqual(log.read_text().splitlines()[2], '{"datetime_utc": "20')
            self.assertEqual(len(log.read_text().splitlines()), 5)
            log.unlink()
            panel.process.send_signal(rig.signal.SIGHUP)
            rig.wait_for("the new file", lambda: panel.act("drop", ["x"]) and log.exists())
            before = len(log.read_text().splitlines())  # an action may have begun in the old file
            panel.act("drop", ["x"])
            outcomes = [json.loads(line)["outcome"] for line in log.read_text().splitlines()[before:]]
            self.assertEqual((len(outcomes), outcomes[0]), (2, "requested"))

    def test_an_action_that_a_stop_interrupts_has_an_outcome(self):
        with rig.Panel(panel="actions = true\n") as panel:
            rig.wait_for("a report", lambda: panel.section()["report"])
            log = panel.work / "paxect_panel_log.jsonl"
            panel.act("drop", ["x"])
            before = len(log.read_text().splitlines())
            with panel.connect() as client:  # a stop in the middle of an action; whether it comes that early is a matter of chance
                csrf = panel.request("/api/session").json()["csrf"]
                body = b'{"names": ["inbox"]}'
                client.sendall(f"POST /api/link/doctor HTTP/1.1\r\nHost: localhost\r\nX-Paxect-Csrf: {csrf}\r\nContent-Type: application/json\r\n"
                               f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
                rig.wait_for("its beginning", lambda: '"doctor"' in log.read_text())
                panel.process.send_signal(rig.signal.SIGTERM)
                panel.process.wait(rig.LIMIT)
            outcomes = [json.loads(line)["outcome"] for line in log.read_text().splitlines()[before:]]
            self.assertEqual(len(outcomes) % 2, 0)
            self.assertEqual(outcomes[-2], "requested")
            self.assertIn(outcomes[-1], ("ended: the panel stopped", "exit status 0", "exit status 1"))

    def test_without_actions_nothing_can_be_changed(self):
        with rig.Panel() as panel:
            for action in ("retry", "drop", "adopt", "doctor", "reload"):
                self.assertEqual(panel.act(action, ["x"]).status, 403)
            self.assertFalse(panel.request("/api/session").json()["actions"])
            self.assertFalse((panel.work / "paxect_panel_log.jsonl").exists())

    def test_doctor_adopt_and_reload_work_in_the_sandbox(self):
        with rig.Panel(panel="actions = true\n", separate=True) as panel:
            rig.wait_for("a report", lambda: panel.section()["report"])
            self.assertIn("findings", panel.act("doctor", ["inbox"]).json()["result"])
            self.assertEqual(panel.act("adopt", ["outbox"]).json()["status"], 0)
            (panel.inbox / "a.exe").write_text("MZ")
            blocked(panel, 1)
            policy = panel.work / "link_policy.json"
            policy.write_text(policy.read_text().replace('".txt"', '".txt", ".exe"'))
            self.assertEqual(panel.act("reload", ["link"]).json()["status"], 0)
            rig.wait_for("the delivery", lambda: (panel.work / "outbox/a").exists())

    def test_metrics_are_those_of_the_file(self):
        with rig.Panel(link="metrics_file = metrics.prom\n") as panel:
            reply = rig.wait_for("metrics", lambda: next(
                (r for r in [panel.request("/metrics")] if r.status == 200 and panel.section()["report"]), None))
            self.assertIn(b"paxect_link_running 1", reply.body)
            self.assertTrue(reply.headers["Content-Type"].startswith("text/plain; version=0.0.4"))
            self.assertEqual(panel.request("/metrics?section=link").status, 200)
            self.assertEqual(panel.request("/metrics?section=other").status, 404)

    def test_lists_come_in_pages(self):
        with rig.Panel() as panel:
            for i in range(30):
                (panel.inbox / f"{i:03}.freq").write_text("damaged")
            rig.wait_for("the quarantine", lambda: panel.section()["report"] and panel.section()["report"]["quarantine"] == 30)
            page = panel.request("/api/link/quarantine?offset=10&limit=7").json()
            everything = panel.command("quarantine", "list", "--json")["items"]
            self.assertEqual((page["total"], page["offset"], page["items"]), (30, 10, everything[10:17]))
            self.assertEqual(panel.request("/api/link/quarantine?offset=99").json()["items"], [])
            self.assertEqual(panel.request("/api/link/quarantine?filter=029").json()["total"], 1)
            self.assertEqual(len(panel.request("/api/link/quarantine?limit=-1&offset=x").json()["items"]), 30)

    def test_a_relay_that_dies_is_reported_within_seconds_and_so_is_its_return(self):
        with rig.Panel(separate=True) as panel:
            rig.wait_for("running", lambda: panel.request("/healthz").status == 200)
            with panel.connect() as viewer:
                viewer.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
                stream = viewer.makefile("rb")
                self.next_state(stream, "running")
                panel.relay.kill()
                panel.relay.wait()
                begin = rig.time.monotonic()
                section = self.next_state(stream, "stopped")
                self.assertLess(rig.time.monotonic() - begin, 5)
                self.assertFalse(section["since_start"])
                self.assertEqual(panel.request("/healthz").status, 503)
                panel.start("relay.conf", "startup")
                self.next_state(stream, "running")
            self.assertEqual(panel.request("/healthz").status, 200)

    def test_the_end_of_a_relay_is_noticed_at_once_also_while_nobody_looks(self):
        with rig.Panel(separate=True) as panel:
            rig.wait_for("running", lambda: panel.request("/healthz").status == 200)
            panel.relay.kill()
            panel.relay.wait()
            begin = rig.time.monotonic()
            rig.wait_for("its end", lambda: panel.request("/healthz").status == 503)
            self.assertLess(rig.time.monotonic() - begin, 5)  # without viewers it asks every 10 s

    def test_a_relay_that_gives_no_sign_of_life_is_not_healthy(self):
        with rig.Panel(separate=True) as panel:
            rig.wait_for("running", lambda: panel.request("/healthz").status == 200)
            panel.relay.send_signal(rig.signal.SIGSTOP)
            rig.wait_for("the silence", lambda: panel.request("/healthz").status == 503)
            self.assertEqual(panel.section()["report"]["state"], "unresponsive")
            panel.relay.send_signal(rig.signal.SIGCONT)
            rig.wait_for("its return", lambda: panel.request("/healthz").status == 200)

    def next_state(self, stream, state):
        for line in stream:
            if not line.startswith(b"data: "):
                continue
            section = json.loads(line[6:])["sections"][0]
            if section["report"] and section["report"]["state"] == state:
                return section
        raise AssertionError(f"the stream ended without {state}")


if __name__ == "__main__":
    unittest.main()
