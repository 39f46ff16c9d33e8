"""A relay with a panel, and clients for it. PAXECT_TEST_BIN and PAXECT_TEST_SANITIZER come from ctest."""
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PAXECT = pathlib.Path(os.environ["PAXECT_TEST_BIN"]) / "paxect"
SANITIZED = bool(os.environ.get("PAXECT_TEST_SANITIZER"))
TOKEN = "0123456789abcdef-0123456789"
LIMIT = 60  # seconds to wait for an event: a loaded machine is slow


def wait_for(what, condition):
    """The first true value of condition(), which is asked again and again."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not seen within {LIMIT} s: {what}")


class Reply:
    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1]) if lines[0] else 0
        self.headers = http.client.parse_headers(__import__("io").BytesIO(b"\r\n".join(
            line.encode("latin-1") for line in lines[1:]) + b"\r\n\r\n"))

    def json(self):
        return json.loads(self.body)


class Panel:
    """`paxect run` with [link] and [panel] in a directory of its own."""

    def __init__(self, panel="", link="", tcp=False, separate=False, more="", before=None, limits=None):
        """`more`: further sections. `before(panel)` runs before the start. `limits()` runs in each process of it."""
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="paxect_panel."))
        self.inbox = self.work / "inbox"
        self.inbox.mkdir()
        self.socket = self.work / "panel.sock"
        self.tcp = tcp
        token = self.work / "token"
        token.write_text(TOKEN + "\n")
        token.chmod(0o600)
        listen = f"listen = 127.0.0.1:0\ntoken = file:{token}\n" if tcp else f"listen = unix:{self.socket}\n"
        section = f"[link]\nlog = log.jsonl\n{link}\n".replace("WORK", str(self.work))
        own = f"[panel]\n{listen}{panel}\n"
        section += more.replace("WORK", str(self.work))
        self.environment = dict(os.environ)
        self.limits = limits
        if before:
            before(self)
        self.processes = []
        if separate:  # the panel in a process of its own, as its unit runs it
            self.write("relay.conf", section)
            self.write("panel.conf", own + f"config = {self.work}/relay.conf\n")
            self.relay = self.start("relay.conf", "startup")
            self.process = self.start("panel.conf", "the page is at")
        else:
            self.write("paxect.conf", section + own)
            self.process = self.relay = self.start("paxect.conf", "the page is at")
        text = (self.work / ("panel.conf.err" if separate else "paxect.conf.err")).read_text()
        self.address = text.split("the page is at ")[1].split("\n")[0]

    def write(self, name, text):
        (self.work / name).write_text(text)

    def start(self, config, line):
        log = self.work / f"{config}.err"
        with log.open("w") as error:
            process = subprocess.Popen([PAXECT, "run", "-c", config, "--verbose"], cwd=self.work, stderr=error, env=self.environment, preexec_fn=self.limits)
        self.processes.append(process)
        wait_for(line, lambda: process.poll() is not None or line in log.read_text())
        assert process.poll() is None, log.read_text()
        return process

    def __enter__(self):
        return self

    def __exit__(self, *_):
        statuses = []
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                statuses.append(process.wait(LIMIT))
        errors = "".join(log.read_text() for log in self.work.glob("*.err"))
        shutil.rmtree(self.work)
        assert not any(statuses), f"{statuses}\n{errors}"
        assert "Sanitizer" not in errors, errors

    def connect(self):
        if self.tcp:
            host, port = self.address.removeprefix("http://").rstrip("/").split(":")
            return socket.create_connection((host, int(port)), LIMIT)
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(self.socket))  # without a timeout: with one it fails while the queue is full
        client.settimeout(LIMIT)
        return client

    def raw(self, data):
        """The response to these bytes, until the panel closes the connection."""
        with self.connect() as client:
            client.sendall(data)
            return Reply(read_all(client))

    def request(self, path, method="GET", body=None, **headers):
        lines = {"Host": "localhost", **{name.replace("_", "-"): value for name, value in headers.items()}}
        if body is not None:
            body = body if isinstance(body, bytes) else body.encode()
            lines["Content-Length"] = len(body)
        text = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return self.raw(text.encode("latin-1") + b"\r\n" + (body or b""))

    def act(self, action, names, section="link", **headers):
        csrf = self.request("/api/session").json()["csrf"]
        headers = {"X_Paxect_Csrf": csrf, "Content_Type": "application/json", **headers}
        return self.request(f"/api/{section}/{action}", "POST", json.dumps({"names": names}), **headers)

    def sections(self):
        return {section["name"]: section for section in self.request("/api/state").json()["sections"]}

    def section(self, name="link"):
        return self.sections()[name]

    def command(self, *words):
        """What a command of the relay prints as JSON."""
        config = "relay.conf" if (self.work / "relay.conf").exists() else "paxect.conf"
        result = subprocess.run([PAXECT, "link", "-c", config, *words], cwd=self.work, capture_output=True, check=False)
        return json.loads(result.stdout)


def read_all(client):
    data = b""
    try:
        while part := client.recv(65536):
            data += part
    except ConnectionResetError:
        pass
    return data
