#!/usr/bin/env python3
"""The page in a real browser: Chromium, driven by chromedriver.

PAXECT_TEST_SCREENSHOT=FILE also stores a picture of the page.
"""
import base64
import json
import os
import pathlib
import subprocess
import sys
import time
import unittest
import urllib.request

import rig

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

    def see(self, text):
        rig.wait_for(f"'{text}' on the page", lambda: text in self.text())


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
        self.browser.open("about:blank")
        self.browser.findings()

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
            if picture := os.environ.get("PAXECT_TEST_SCREENSHOT"):
                pathlib.Path(picture).write_bytes(base64.b64decode(self.browser.call("GET", "/screenshot")))

    def test_a_file_is_blocked_explained_allowed_and_delivered_while_the_operator_looks(self):
        with rig.Panel(tcp=True, panel="actions = true\n") as panel:
            self.visit(panel)
            (panel.inbox / "tool.exe").write_text("MZ")
            rig.wait_for("the block", lambda: self.browser.fact("Blocked") == "1")
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
            self.browser.click("Explain")
            self.browser.see("delivered")
            self.assertEqual(self.browser.findings(), [])

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
                 b"<script>alert(1)<", ("\u00e4" * 124 + ".exe").encode()]
        with rig.Panel(tcp=True) as panel:
            for name in names:
                with open(os.fsencode(panel.inbox) + b"/" + name, "wb") as file:
                    file.write(b"MZ")
            self.visit(panel)
            rig.wait_for("the counts", lambda: self.browser.fact("Blocked") == str(len(names)))
            self.browser.open_part("Files with a problem")
            for text in ("<img src=x onerror=document.title='taken'>.exe", "line\\u{a}break.exe", "\\u{202e}gnp.exe", "not \\xff utf-8.exe"):
                self.browser.see(text)
            self.assertEqual(self.browser.run("return document.querySelectorAll('main img, main script').length"), 0)
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

    def test_it_fits_a_phone_and_a_wall_in_both_schemes_and_has_names_for_all_controls(self):
        with rig.Panel(tcp=True, panel="actions = true\n") as panel:
            (panel.inbox / ("long-name-" * 20 + ".exe")).write_text("MZ")
            self.visit(panel)
            self.browser.run("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
            self.browser.see("long-name-")
            for width in (360, 1280, 3840):
                for scheme in ("light", "dark"):
                    self.browser.command("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
                    self.browser.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
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
            print(f"first paint after {paint:.0f} ms", file=sys.stderr)
            self.assertLess(paint, 1000)
            self.browser.open_part("Quarantine")
            self.browser.see("1 to 50 of 10000")
            self.browser.click("Next")
            self.browser.see("51 to 100 of 10000")
            self.assertLessEqual(self.browser.run("return document.querySelectorAll('.items li').length"), 60)


if __name__ == "__main__":
    unittest.main()
