#!/usr/bin/env python3
"""The page in a real browser: Chromium, driven by chromedriver.

PAXECT_TEST_SCREENSHOT=FILE also stores a picture of the page.
"""
import base64
import contextlib
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
import urllib.request

import pair
import rig

AXE = os.environ.get("PAXECT_TEST_AXE")  # axe.min.js
SCREENSHOT = os.environ.get("PAXECT_TEST_SCREENSHOT")
ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,1100",
             "--force-prefers-reduced-motion"]


class Browser:
    """A session of chromedriver, by the WebDriver protocol."""

    def __init__(self):
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
        for line in self.driver.stdout:
            if "on port" in line and "started" in line:
                self.base = f"http://127.0.0.1:{line.rstrip().rstrip('.').split()[-1]}"
                break
        options = {"browserName": "chrome", "goog:loggingPrefs": {"browser": "ALL"}, "goog:chromeOptions": {"args": ARGUMENTS}}
        self.session = ""
        self.session = "/session/" + self.call("POST", "/session", {"capabilities": {"alwaysMatch": options}})["sessionId"]

    def call(self, method, path, body=None):
        request = urllib.request.Request(self.base + self.session + path, method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=rig.LIMIT) as reply:
            return json.load(reply)["value"]

    def close(self):
        self.call("DELETE", "")
        self.driver.terminate()
        self.driver.wait()
        self.driver.stdout.close()

    def open(self, url):
        self.call("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def run_async(self, script, *arguments):
        """The last argument of the script is the function that takes its result."""
        return self.call("POST", "/execute/async", {"script": script, "args": list(arguments)})

    def command(self, name, **parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def findings(self):
        """What the console has: errors of scripts and violations of the Content-Security-Policy."""
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"})]

    def text(self):
        return self.run("return document.body.innerText")

    def fact(self, label):
        return self.run("const dt = [...document.querySelectorAll('dt')].find((each) => each.textContent === arguments[0]);"
                        "return dt && dt.nextSibling.textContent", label)

    def open_part(self, title):
        self.run("[...document.querySelectorAll('summary')].find((each) => each.textContent === arguments[0]).click()", title)

    def click(self, label):
        """The first button with this text that can be seen."""
        return rig.wait_for(f"a button {label}", lambda: self.run(
            "const button = [...document.querySelectorAll('button')].find((each) => each.textContent === arguments[0] &&"
            " each.checkVisibility() && !each.disabled); if (button) button.click(); return Boolean(button)", label))

    def nodes(self):
        return self.run("return document.querySelectorAll('*').length")

    def heap(self):
        """Bytes of JavaScript that are in use."""
        self.command("HeapProfiler.collectGarbage")
        return self.command("Runtime.getHeapUsage")["usedSize"]

    def screenshot(self, path):
        pathlib.Path(path).write_bytes(base64.b64decode(self.call("GET", "/screenshot")))

    def see(self, text):
        rig.wait_for(f"'{text}' on the page", lambda: text in self.text())


class Proxy(http.server.BaseHTTPRequestHandler):
    """Passes what is below /relays/ on to a panel."""
    panel = None

    def do_GET(self):
        head = f"GET {self.path.removeprefix('/relays')} HTTP/1.1\r\nHost: localhost\r\nCookie: {self.headers.get('Cookie', '')}\r\n\r\n"
        with self.panel.connect() as panel:
            panel.sendall(head.encode("latin-1"))
            with contextlib.suppress(OSError):  # the browser leaves
                while data := panel.recv(65536):
                    self.wfile.write(data)
        self.close_connection = True

    def log_message(self, *_):
        pass


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()

    def visit(self, panel, badge="link"):
        self.browser.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
        self.browser.open(f"{panel.address}login?token={rig.TOKEN}")
        self.browser.see(badge)
        rig.wait_for("the numbers", lambda: self.browser.fact("Waiting") is not None)

    def tearDown(self):
        findings = self.browser.findings()
        self.browser.open("about:blank")
        # A panel that is gone is a finding of the console, and the end of each test.
        ends = ("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED", "ERR_EMPTY_RESPONSE")
        self.assertEqual([each for each in findings if not any(end in each for end in ends)], [])

    def open_all(self):
        self.browser.run("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        rig.wait_for("all lists", lambda: "Loading" not in self.browser.text())

    def resize(self, width, scheme):
        self.browser.command("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.browser.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def test_the_page_shows_what_the_command_prints(self):
        with rig.Panel(tcp=True) as panel:
            for i in range(3):
                (panel.inbox / f"{i}.exe").write_text("MZ")
            (panel.inbox / "damaged.freq").write_text("x")
            self.visit(panel)
            rig.wait_for("the counts", lambda: (self.browser.fact("Blocked"), self.browser.fact("In quarantine")) == ("3", "1"))
            report = panel.command("status", "--json")
            for label, value in (("Waiting", report["backlog"]["files"]), ("Blocked", report["backlog"]["blocked"]),
                                 ("Held", report["backlog"]["held"]), ("In flight", report["in_flight"]),
                                 ("In quarantine", report["quarantine"])):
                self.assertEqual(self.browser.fact(label), str(value), label)
            self.browser.see("1 of 1 need attention")
            self.browser.see("blocked: 3, in quarantine: 1")
            self.assertNotIn(rig.TOKEN, self.browser.call("GET", "/url"))
            self.assertEqual(self.browser.findings(), [])

    def test_a_file_is_blocked_explained_allowed_and_delivered_while_the_operator_looks(self):
        with rig.Panel(tcp=True, panel="actions = true\n") as panel:
            self.visit(panel)
            self.browser.open_part("Files with a problem")
            self.browser.see("None.")
            (panel.inbox / "tool.exe").write_text("MZ")
            rig.wait_for("the block", lambda: self.browser.fact("Blocked") == "1")
            self.browser.see("1 to 1 of 1")  # the open list follows
            self.browser.open_part("Search a file")
            self.browser.run("document.querySelector('form.bar input').value = 'tool.exe'")
            self.browser.click("Explain")
            self.browser.see("disallowed_suffix:.exe")
            self.browser.see('add ".exe" to allowed_suffixes')
            policy = panel.work / "link_policy.json"
            policy.write_text(policy.read_text().replace('".txt"', '".txt", ".exe"'))
            self.browser.open_part("Checks")
            self.browser.click("Reload")
            self.assertEqual(self.browser.run("return document.activeElement.value"), "no", "the safe answer has the focus")
            self.browser.run("document.getElementById('confirm-yes').click()")
            rig.wait_for("the delivery", lambda: self.browser.fact("Blocked") == "0" and (panel.work / "outbox/tool").exists())
            self.browser.see("All is well")
            self.browser.see("None.")
            self.browser.click("Explain")
            self.browser.see("delivered")
            self.assertEqual(self.browser.findings(), [])

    def test_a_proxy_may_add_a_folder_in_front(self):
        with rig.Panel(tcp=True) as panel:
            (panel.inbox / "tool.exe").write_text("MZ")
            with http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Relays", (Proxy,), {"panel": panel})) as proxy:
                threading.Thread(target=proxy.serve_forever, daemon=True).start()
                self.browser.open(f"http://127.0.0.1:{proxy.server_port}/relays/login?token={rig.TOKEN}")
                rig.wait_for("the block", lambda: self.browser.fact("Blocked") == "1")
                self.assertTrue(self.browser.call("GET", "/url").endswith("/relays/"))
                self.browser.open_part("Files with a problem")
                self.browser.see("disallowed_suffix:.exe")
                self.browser.open("about:blank")
                proxy.shutdown()

    def test_quarantine_is_retried_only_after_a_question(self):
        with rig.Panel(tcp=True, panel="actions = true\n") as panel:
            (panel.inbox / "damaged.freq").write_text("x")
            self.visit(panel)
            rig.wait_for("the quarantine", lambda: self.browser.fact("In quarantine") == "1")
            self.browser.open_part("Quarantine")
            self.browser.click("Drop")
            self.browser.click("Cancel")
            self.assertEqual(len(panel.command("quarantine", "list", "--json")["items"]), 1)
            self.browser.click("Drop")
            self.browser.see("These files are removed for good:")
            self.browser.run("document.getElementById('confirm-yes').click()")
            rig.wait_for("the removal", lambda: self.browser.fact("In quarantine") == "0")
            self.assertEqual(panel.command("quarantine", "list", "--json")["items"], [])
            self.assertEqual(self.browser.findings(), [])

    def test_names_of_files_are_text(self):
        names = [b"<img src=x onerror=document.title='taken'>.exe", b"line\nbreak.exe", "\u202egnp.exe".encode(), b"not \xff utf-8.exe",
                 b"<script>alert(1)<", "\u200e\u200f\u2066\u2069.exe".encode(), ("\u00e4" * 125 + "x.exe").encode(), b"{{7*7}}${7*7}.exe"]
        self.assertEqual(max(map(len, names)), 255)
        with rig.Panel(tcp=True, panel="actions = true\n") as panel:
            for name in names:
                with open(os.fsencode(panel.inbox) + b"/" + name, "wb") as file:
                    file.write(b"MZ")
            damaged = "<img src=x onerror=document.title='taken'>\u202e.freq"
            (panel.inbox / damaged).write_text("damaged")
            self.visit(panel)
            rig.wait_for("the counts", lambda: self.browser.fact("Blocked") == str(len(names)))
            self.browser.open_part("Files with a problem")
            for text in ("<img src=x onerror=document.title='taken'>.exe", "line\\u{a}break.exe", "\\u{202e}gnp.exe", "not \\xff utf-8.exe",
                         "\\u{200e}\\u{200f}\\u{2066}\\u{2069}.exe", "\u00e4" * 125, "{{7*7}}${7*7}.exe"):
                self.browser.see(text)
            self.browser.open_part("Quarantine")
            self.browser.click("Drop")
            self.browser.see("These files are removed for good:")
            self.assertIn("<img src=x onerror=document.title='taken'>\\u{202e}.freq",
                          self.browser.run("return document.getElementById('confirm-names').innerText"))
            self.browser.click("Cancel")
            self.browser.open_part("Search a file")
            self.browser.run("document.querySelector('form.bar input').value = arguments[0]", names[0].decode())
            self.browser.click("Explain")
            self.browser.see("disallowed_suffix:.exe")
            self.assertEqual(self.browser.run("return document.querySelectorAll('main img, main script, dialog img').length"), 0)
            self.assertNotIn("taken", self.browser.run("return document.title"))
            self.assertEqual(self.browser.findings(), [])

    def test_a_relay_that_ends_and_a_lost_connection_are_said_at_once(self):
        with rig.Panel(tcp=True, separate=True) as panel:
            self.visit(panel)
            self.browser.see("All is well")
            panel.relay.kill()
            panel.relay.wait()
            begin = time.monotonic()
            self.browser.see("Not running")
            self.assertLess(time.monotonic() - begin, 5)
            self.assertIn("since", self.browser.text())
            panel.start("relay.conf", "startup")
            self.browser.see("All is well")
            panel.process.kill()
            panel.process.wait()
            begin = time.monotonic()
            self.browser.see("No connection to the panel")
            self.assertLess(time.monotonic() - begin, 12)
            self.browser.see("What follows is from")

    def test_a_carrier_that_is_stopped_disconnected_or_silent_is_not_green(self):
        """It is judged by the rule for link."""
        server = shutil.which("nats-server", path=os.environ.get("PATH", "") + ":/usr/sbin")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]

        def badge(kind, text):
            def found():
                return self.browser.run("const relay = [...document.querySelectorAll('section.relay')].find((each) => each.querySelector('h2').textContent"
                                        " === 'carrier'); const badge = relay && relay.querySelector('.badge');"
                                        " return badge && [badge.classList.contains(arguments[0]), badge.innerText]", kind)
            rig.wait_for(f"{kind} {text}: {found()}", lambda: found() == [True, text])
        more = f"[carrier]\nmode = send\nfolder = WORK/sent\nservers = nats://127.0.0.1:{port}\nsubject = test\n"
        with rig.Panel(tcp=True, separate=True, panel="sections = link, carrier\n", more=more, before=lambda panel: (panel.work / "sent").mkdir()) as panel:
            self.visit(panel)
            badge("warn", "Waiting")
            self.browser.see("no connection to nats://127.0.0.1")
            if server:
                nats = subprocess.Popen([server, "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", panel.work / "store"], stderr=subprocess.DEVNULL)
                try:
                    badge("good", "Running")
                    panel.relay.send_signal(signal.SIGSTOP)
                    badge("bad", "Not responding")
                    panel.relay.send_signal(signal.SIGCONT)
                    badge("good", "Running")
                finally:
                    nats.kill()
                    nats.wait()
                badge("warn", "Waiting")
            panel.relay.terminate()
            panel.relay.wait()
            badge("bad", "Not running")

    def test_it_fits_a_phone_and_a_wall_in_both_schemes_and_has_names_for_all_controls(self):
        with rig.Panel(tcp=True, panel="actions = true\n") as panel:
            (panel.inbox / ("long-name-" * 20 + ".exe")).write_text("MZ")
            self.visit(panel)
            rig.wait_for("the block", lambda: self.browser.fact("Blocked") == "1")
            self.open_all()
            self.browser.see("long-name-")
            for width in (360, 1280, 3840):
                for scheme in ("light", "dark"):
                    self.resize(width, scheme)
                    self.assertLessEqual(self.browser.run("return document.documentElement.scrollWidth - innerWidth"), 0, width)
                    self.check_contrast(scheme)
            self.browser.command("Emulation.clearDeviceMetricsOverride")
            controls = {"button", "textbox", "searchbox", "combobox", "DisclosureTriangle", "img", "image", "dialog", "region"}
            nameless = [node["role"]["value"] for node in self.browser.command("Accessibility.getFullAXTree")["nodes"]
                        if not node["ignored"] and node["role"]["value"] in controls and not node.get("name", {}).get("value")]
            self.assertEqual(nameless, [])
            self.assertEqual(self.browser.findings(), [])

    def check_contrast(self, scheme):
        """At least 4.5 to 1 between each text and what is behind it (WCAG AA)."""
        poor = self.browser.run("""
            const parts = (color) => color.match(/[\\d.]+/g).map(Number);
            const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
              .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
            const behind = (each) => {
              for (; each; each = each.parentElement) {
                const color = parts(getComputedStyle(each).backgroundColor);
                if (color.length < 4 || color[3] > 0) return color;
              }
              return [255, 255, 255];
            };
            return [...document.querySelectorAll('body *')].filter((each) => !each.disabled && each.checkVisibility() &&
                [...each.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())).map((each) => {
              const [a, b] = [light(parts(getComputedStyle(each).color)), light(behind(each))];
              return [each.tagName, each.className, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
            }).filter(([, , ratio]) => ratio < 4.5);""")
        self.assertEqual(poor, [], scheme)

    def test_ten_thousand_files_in_quarantine_come_in_pages(self):
        with rig.Panel(tcp=True) as panel:
            quarantine = panel.inbox / ".quarantine"
            quarantine.mkdir(exist_ok=True)
            for i in range(10000):
                (quarantine / f"{i:05}.freq").write_text("x")
            self.visit(panel)
            rig.wait_for("the count", lambda: self.browser.fact("In quarantine") == "10,000")
            paint = self.browser.run("return performance.getEntriesByName('first-contentful-paint')[0].startTime")
            print(f"first paint with 10,000 files in quarantine: {paint:.0f} ms", file=sys.stderr)
            self.browser.open_part("Quarantine")
            self.browser.see("1 to 50 of 10000")
            self.browser.click("Next")
            self.browser.see("51 to 100 of 10000")
            self.assertLessEqual(self.browser.run("return document.querySelectorAll('.items li').length"), 60)

    def test_a_hundred_thousand_waiting_files_come_in_pages(self):
        def fill(panel):
            folder = os.open(panel.inbox, os.O_DIRECTORY)
            for i in range(100000):
                os.close(os.open(f"{i:06}.exe", os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=folder))
            os.close(folder)

        with rig.Panel(tcp=True, separate=True, link="mode = send\n", before=fill) as panel:
            self.visit(panel)
            rig.wait_for("the count", lambda: self.browser.fact("Blocked") == "100,000")
            self.browser.call("POST", "/refresh", {})
            rig.wait_for("the numbers", lambda: self.browser.fact("Blocked") == "100,000")
            paint = self.browser.run("return performance.getEntriesByName('first-contentful-paint')[0].startTime")
            print(f"first paint with 100,000 waiting files: {paint:.0f} ms", file=sys.stderr)
            self.browser.open_part("Files with a problem")
            # While the relay looks at them, a thousand of them are listed and the number of the others grows.
            refresh = "[...document.querySelectorAll('details[open] button')].find((each) => each.textContent === 'Refresh').click()"
            rig.wait_for("the first page", lambda: self.browser.run(refresh) or re.search(
                r"1 to 50 of 1000, and \d+ that are not listed", self.browser.text()))
            self.browser.click("Next")
            self.browser.see("51 to 100 of 1000")
            self.assertLess(self.browser.nodes(), 2000)

    @unittest.skipUnless(AXE, "axe-core is not here: see tests/ci/browser.sh")
    def test_axe_finds_nothing_in_both_schemes(self):
        with rig.Panel(tcp=True, panel="actions = true\n") as panel:
            for name in ("tool.exe", "damaged.freq", "fine.txt"):
                (panel.inbox / name).write_text("x")
            self.browser.open(f"{panel.address}login")
            self.check_axe("the login page")
            self.visit(panel)
            rig.wait_for("the quarantine", lambda: self.browser.fact("In quarantine") == "1")
            self.open_all()
            self.browser.run("document.querySelector('form.bar input').value = 'fine.txt'")
            self.browser.click("Explain")
            self.browser.see("SHA-256")
            self.browser.click("Check the audit log")
            self.browser.see("all is as it should be")
            for width in (360, 1280):
                for scheme in ("light", "dark"):
                    self.resize(width, scheme)
                    self.check_axe(f"{width} {scheme}")
            self.browser.click("Drop")
            self.check_axe("the question")
            self.browser.click("Cancel")
            self.browser.command("Emulation.clearDeviceMetricsOverride")

    def check_axe(self, what):
        found = self.browser.run_async(
            pathlib.Path(AXE).read_text(encoding="utf-8") + ";\n"
            "axe.run(document, {resultTypes: ['violations']}).then((all) => arguments[0](all.violations.map("
            "(each) => `${each.id}: ${each.nodes.map((node) => node.html.slice(0, 200)).join('; ')}`)), (error) => arguments[0]([String(error)]))")
        self.assertEqual(found, [], what)

    def test_fifty_viewers_see_what_the_browser_sees(self):
        with rig.Panel(tcp=True) as panel:
            cookie = panel.request(f"/login?token={rig.TOKEN}").headers["Set-Cookie"].split(";")[0]
            viewers = [panel.connect() for _ in range(49)]
            for viewer in viewers:
                viewer.sendall(f"GET /events HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n".encode())
            streams = [viewer.makefile("rb") for viewer in viewers]
            self.visit(panel)
            (panel.inbox / "tool.exe").write_text("MZ")
            rig.wait_for("the block", lambda: self.browser.fact("Blocked") == "1")
            for stream in streams:
                while not ((line := stream.readline()).startswith(b"data: ") and self.blocked_in(line) == 1):
                    self.assertTrue(line, "the stream has ended")
            for each in streams + viewers:
                each.close()

    def blocked_in(self, line):
        report = json.loads(line[6:])["sections"][0]["report"]
        return report and report["backlog"]["blocked"]

    def test_a_page_that_is_open_for_days_stays_small(self):
        """The real page with 50,000 reports, as many as of 14 hours, each unlike the one before it."""
        hook = self.browser.command("Page.addScriptToEvaluateOnNewDocument", source=(
            "window.EventSource = class extends EventSource { constructor(url) { super(url); window.stream = this; } };"))
        with rig.Panel(tcp=True) as panel:
            self.visit(panel)
            self.browser.run("""
                window.report = (i) => {
                  const file = (n) => ({path: `in/${i}-${n}.txt`, bytes: 1e9 + i, bytes_read: i, seconds: i % 90});
                  const section = {name: "link", asked: true, silent: i % 97 === 0, error: i % 101 === 0 ? `error ${i}` : "", commands: {},
                    since_ms: i * 1000, since_start: false, reported_ms: i * 1000, report: {
                      state: i % 7 === 0 ? "stopped" : i % 11 === 0 ? "waiting" : "running", waiting_for: `the disk ${i}`, node: "n", mode: "relay",
                      backlog: {files: i, bytes: i * 7, oldest_seconds: i % 100, pending: i % 3, blocked: i % 5, held: 0, kept: 0, ignored: 0},
                      in_flight: i % 4, in_hand: Array.from({length: i % 20}, (_, n) => file(n)), quarantine: i % 2,
                      last_minute: {files: i, bytes: i, files_per_second: i / 60, bytes_per_second: i}, last_delivery: null,
                      latency: i % 2 ? {files: i + 1, median_seconds: i / 1e4, p95_seconds: i / 1e3} : null,
                      trouble: i % 13 === 0 ? {[`disk ${i % 50}`]: `full ${i}`} : {}}};
                  window.stream.dispatchEvent(new MessageEvent("state", {data: JSON.stringify({now_ms: i * 1000, sections: [section]})}));
                };
                window.reports = (from, to) => { for (let i = from; i < to; ++i) window.report(i); };""")
            self.browser.run("window.reports(1, 2000)")
            nodes, heap = self.browser.nodes(), self.browser.heap()
            counts = {each["name"]: each["value"] for each in self.metrics()}
            for begin in range(2000, 50000, 6000):
                self.browser.run("window.reports(arguments[0], arguments[0] + 6000)", begin)
            grown = self.browser.heap() - heap
            later = {each["name"]: each["value"] for each in self.metrics()}
            print(f"after 48,000 further reports: {self.browser.nodes() - nodes} more elements, {grown / 1024:.0f} KiB more heap", file=sys.stderr)
            self.assertLess(abs(self.browser.nodes() - nodes), 60)  # the list of files in hand has 0 to 10
            self.assertLess(grown, 1024 * 1024)
            self.assertLess(later["JSEventListeners"] - counts["JSEventListeners"], 20)
        self.browser.command("Page.removeScriptToEvaluateOnNewDocument", identifier=hook["identifier"])

    def metrics(self):
        self.browser.command("Performance.enable")
        return self.browser.command("Performance.getMetrics")["metrics"]

    def test_latency_and_digests_of_delivered_files_are_shown(self):
        with rig.Panel(tcp=True) as panel:
            (panel.inbox / "a.txt").write_text("a")
            rig.wait_for("the delivery", (panel.work / "outbox/a").exists)
            self.visit(panel)
            rig.wait_for("the latency", lambda: (self.browser.fact("Median latency") or "").endswith(" ms") or
                         (self.browser.fact("Median latency") or "").endswith(" s"))
            rig.wait_for("its chart", lambda: "Median latency, last" in self.browser.text())
            self.browser.open_part("Search a file")
            self.browser.run("document.querySelector('form.bar input').value = 'a.txt'")
            self.browser.click("Explain")
            self.browser.see("ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb")
            steps = self.browser.run("return [...document.querySelectorAll('.timeline li')].map((each) => each.innerText)")
            self.assertEqual([step.split("UTC ")[1].split()[0] for step in steps], ["encode", "decode"])

    def test_what_a_receiver_misses_is_resent_after_a_question(self):
        with pair.Pair(tcp=True) as nodes:
            nodes.put("a.txt")
            self.visit(nodes.panel)
            rig.wait_for("the list", lambda: self.browser.fact("Unconfirmed") == "1")
            (nodes.share / "a.freq").unlink()
            nodes.receive_until("a receipt", lambda: self.browser.fact("Missing at receivers") == "1")
            self.browser.open_part("Sent and confirmed")
            self.browser.see("south has 0 of 1, misses 1")
            self.browser.click("Resend")
            self.browser.see("What this receiver misses of this stream is sent again:")
            self.browser.run("document.getElementById('confirm-yes').click()")
            rig.wait_for("the container", (nodes.share / "a.freq").exists)
            nodes.receive_until("its receipt", lambda: self.browser.fact("Unconfirmed") == "0")
            self.browser.see("All is well")

    @unittest.skipUnless(SCREENSHOT, "PAXECT_TEST_SCREENSHOT=FILE stores a picture of the page")
    def test_picture(self):
        with rig.Panel(tcp=True, separate=True, panel="actions = true\n", link="node = north\nsettle_ms = 0\n") as panel:
            self.visit(panel)
            for name in ("setup.exe", "driver.exe"):
                (panel.inbox / name).write_text("MZ")
            (panel.inbox / "from_the_stick.freq").write_text("damaged")
            begin, number = time.monotonic(), 0
            while (elapsed := time.monotonic() - begin) < 150:
                for _ in range(int(3 + 3 * abs((elapsed % 60) - 30) / 10)):
                    (panel.inbox / f"report_{number}.txt").write_bytes(os.urandom(4096))
                    number += 1
                time.sleep(0.5)
            self.browser.open_part("Files with a problem")
            self.browser.see("driver.exe")
            self.browser.command("Emulation.setDeviceMetricsOverride", width=1000, height=900, deviceScaleFactor=1, mobile=False)
            self.browser.screenshot(SCREENSHOT)
            self.browser.command("Emulation.clearDeviceMetricsOverride")


if __name__ == "__main__":
    unittest.main()
