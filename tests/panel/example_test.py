#!/usr/bin/env python3
"""examples/panel.sh serves what it promises, and removes everything at its end."""
import http.client
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import unittest
import urllib.parse

import rig

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "examples/panel.sh"


class Example(unittest.TestCase):
    def test_the_example_shows_its_files_and_cleans_up(self):
        with tempfile.TemporaryDirectory() as place:
            environment = {**os.environ, "TMPDIR": place, "PAXECT_BIN": str(rig.PAXECT.parent)}
            with subprocess.Popen([SCRIPT, "0"], env=environment, stdout=subprocess.PIPE, text=True) as example:
                url = urllib.parse.urlsplit(example.stdout.readline().removeprefix("Open ").strip())
                client = http.client.HTTPConnection(url.netloc, timeout=rig.LIMIT)
                client.request("GET", f"{url.path}?{url.query}")
                reply = client.getresponse()
                reply.read()
                self.assertEqual(reply.status, 303)
                cookie = {"Cookie": reply.headers["Set-Cookie"].split(";")[0]}

                def report():
                    client.request("GET", "/api/state", headers=cookie)
                    return json.loads(client.getresponse().read())["sections"][0]["report"]

                rig.wait_for("the files", lambda: (found := report()) and found["backlog"]["blocked"] == 15 and
                             found["quarantine"] == 5 and found["backlog"]["files"] == 0)
                example.send_signal(signal.SIGTERM)
                self.assertEqual(example.wait(rig.LIMIT), 143)
            self.assertEqual(os.listdir(place), [])


if __name__ == "__main__":
    unittest.main()
