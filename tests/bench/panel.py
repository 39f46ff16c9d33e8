"""Times a relay beside an open page and without one; see panel.sh."""

import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time

from children import killed_at_the_end

ROUNDS = int(os.environ.get("ROUNDS", "15"))
FILES = int(os.environ.get("FILES", "3000"))
SIZE = 4096
VIEWERS = 50
LIMIT = 120  # seconds to wait for an event


def wait_for(what, condition):
    end = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"panel.py: not seen within {LIMIT} s: {what}")
        time.sleep(0.005)


def connect(path):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(LIMIT)
    client.connect(path)
    return client


def is_served(path):
    try:
        with connect(path) as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return b" 200 " in client.recv(64)
    except OSError:
        return False


class Viewer:
    """What a page asks: the stream of reports, and the history for the charts every 10 seconds."""

    def __init__(self, path):
        self.path = path
        self.stream = connect(path)
        self.stream.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self.drain), threading.Thread(target=self.ask)]
        for thread in self.threads:
            thread.start()

    def drain(self):
        try:
            while self.stream.recv(65536):
                pass
        except OSError:
            pass

    def ask(self):
        while True:
            with connect(self.path) as client:
                client.sendall(b"GET /api/link/history HTTP/1.1\r\nHost: localhost\r\n\r\n")
                while client.recv(65536):
                    pass
            if self.ended.wait(10):
                return

    def close(self):
        self.ended.set()
        self.stream.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        self.stream.close()


class Run:
    """A relay in `place`, with a panel in a process of its own if asked for."""

    def __init__(self, paxect, place, with_panel):
        shutil.rmtree(place, ignore_errors=True)
        for folder in ("inbox", "stage"):
            os.makedirs(f"{place}/{folder}")
        self.place, self.socket = place, f"{place}/p.sock"
        with open(f"{place}/relay.conf", "w", encoding="utf-8") as config:
            config.write("[link]\nlog = log.jsonl\nmode = send\nsettle_ms = 0\n")
        with open(f"{place}/panel.conf", "w", encoding="utf-8") as config:
            config.write(f"[panel]\nlisten = unix:{self.socket}\nconfig = {place}/relay.conf\n")
        self.processes = [self.start(paxect, "relay.conf")]
        wait_for("the relay", lambda: os.path.exists(f"{place}/log.jsonl"))
        if with_panel:
            self.processes.append(self.start(paxect, "panel.conf"))
            wait_for("the panel", lambda: is_served(self.socket))

    def start(self, paxect, config):
        return subprocess.Popen([paxect, "run", "-c", config], cwd=self.place, stderr=subprocess.DEVNULL)

    def relay(self):
        """Seconds from the first file's arrival to the end of the last one's delivery."""
        stage, inbox = f"{self.place}/stage", f"{self.place}/inbox"
        for i in range(FILES):
            with open(f"{stage}/{i}.txt", "wb") as file:
                file.write(os.urandom(SIZE))
        os.sync()
        begin = time.monotonic()
        for i in range(FILES):
            os.rename(f"{stage}/{i}.txt", f"{inbox}/{i}.txt")
        wait_for("the deliveries", lambda: not any(not name.startswith(".") for name in os.listdir(inbox)))
        return time.monotonic() - begin

    def memory_kib(self):
        with open(f"/proc/{self.processes[-1].pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

    def stop(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
            process.wait(LIMIT)
        shutil.rmtree(self.place)


def timed(paxect, place, with_panel):
    run = Run(paxect, place, with_panel)
    viewer = Viewer(run.socket) if with_panel else None
    seconds = run.relay()
    if viewer:
        viewer.close()
    run.stop()
    return seconds


def main(prefix, disk):
    paxect = f"{os.path.abspath(prefix)}/bin/paxect"
    place = f"{os.path.abspath(disk)}/panel"
    timed(paxect, place, True)  # to warm up
    pairs = []
    for i in range(ROUNDS):
        # In turn first and second: what is written first is flushed while the second one runs.
        order = [False, True] if i % 2 == 0 else [True, False]
        times = {with_panel: timed(paxect, place, with_panel) for with_panel in order}
        pairs.append((times[False], times[True]))
    alone, beside = (statistics.median(each) for each in zip(*pairs))
    ratios = sorted(with_panel / without for without, with_panel in pairs)
    print(f"{FILES} files of {SIZE // 1024} KiB, {ROUNDS} pairs of runs in turn, medians")
    print(f"  relay alone            {FILES / alone:8.0f} files/s")
    print(f"  beside an open page    {FILES / beside:8.0f} files/s")
    print(f"  time beside / alone    {statistics.median(ratios):8.3f}  (quartiles {ratios[len(ratios) // 4]:.3f} to {ratios[-1 - len(ratios) // 4]:.3f})")
    run = Run(paxect, place, True)
    viewers = [Viewer(run.socket) for _ in range(VIEWERS)]
    run.relay()
    print(f"  memory of the panel with {VIEWERS} viewers: {run.memory_kib() / 1024:.1f} MiB at most")
    for viewer in viewers:
        viewer.close()
    run.stop()


with killed_at_the_end():
    main(*sys.argv[1:])
