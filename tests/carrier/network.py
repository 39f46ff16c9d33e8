"""Bad networks: a proxy for connections, and a wire for packets."""
import contextlib
import fcntl
import os
import random
import re
import select
import socket
import struct
import subprocess
import threading
import time


class Proxy:
    """Forwards connections to `target` (HOST:PORT). stall() lets nothing through and closes nothing, cut() closes all
    connections, refuse() accepts no new ones, resume() ends both. With `cut_after`, a connection ends after so many bytes
    towards the target, with `cut_back_after` after so many from it: in the middle of a message. With `rate`, each direction of
    a connection lets through so many bytes a second. The first `deaf` connections lose their subscriptions on the way,
    all of them or, with `deaf_once`, the first one. set_trap() has a function called at a certain message. Direct gets from
    the streams in `behind` find nothing, as those that a replica answers which does not have the message yet."""

    def __init__(self, target):
        self.target = target
        self.open = threading.Event()
        self.open.set()
        self.cut_after = self.cut_back_after = self.rate = None
        self.deaf = 0
        self.deaf_once = False
        self.behind = ()
        self.not_found = 0  # direct gets that came to nothing by `behind`
        self.trap = None
        self.ended = 0  # connections that such a limit has ended
        self.links = set()
        self.connections = 0
        self.subscribed = 0  # connections that the server has greeted: the client subscribes
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.closed = False
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed = True
        self.refuse()
        self.open.set()
        self.cut()

    def _accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                host, port = self.target.split(":")
                far = socket.create_connection((host, int(port)), 5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            with self.lock:
                self.links |= {near, far}
                self.connections += 1
                is_deaf = self.connections <= self.deaf
            if self.rate:
                for one in (near, far):  # or the kernel takes what the line cannot carry
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
            threading.Thread(target=self._pump, args=(near, far, self.cut_after, is_deaf, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(far, near, self.cut_back_after), daemon=True).start()

    def _pump(self, source, target, limit, is_deaf=False, is_near=False):
        passed = 0
        is_outward = is_near
        head = b""  # of a connection that has not subscribed
        tail = b""  # the last bytes that have passed: the pattern of a trap may come in two parts
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 14 if self.rate else 1 << 16):
                self.open.wait()
                if is_near:
                    head += data
                    if b"\nSUB " in head:
                        is_near, head = False, b""
                        with self.lock:
                            self.subscribed += 1
                if is_deaf:
                    data, removed = re.subn(rb"(?m)^SUB [^\r]*\r\n", b"", data, count=1 if self.deaf_once else 0)
                    is_deaf = not (self.deaf_once and removed)
                if is_outward and self.behind:
                    streams = "|".join(self.behind)
                    data, missed = re.subn(rb"(DIRECT\.GET\.(?:%s)\.test\.\w+\.)[0-9a-f]{32}" % streams.encode(), rb"\1" + b"f" * 32, data)
                    with self.lock:
                        self.not_found += missed
                if limit is not None and passed + len(data) >= limit:
                    target.sendall(data[:limit - passed])
                    with self.lock:
                        self.ended += 1
                    break
                if is_outward:
                    self._spring(tail, data, True)
                target.sendall(data)
                if is_outward:
                    self._spring(tail, data, False)
                    tail = (tail + data)[-256:]
                if self.rate:
                    time.sleep(len(data) / self.rate)
                passed += len(data)
        self._close(source, target)

    def _close(self, *sockets):
        with self.lock:
            self.links -= set(sockets)
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def set_trap(self, pattern, function, before):
        """Calls the function once, when bytes with the pattern come on their way to the target: before they go on, or after."""
        self.trap = (pattern, function, before)

    def _spring(self, tail, data, before):
        with self.lock:
            trap = self.trap
            if trap is None or trap[2] != before:
                return
            begun = len(trap[0]) - 1  # bytes of it that may have come before
            if trap[0] not in (tail[-begun:] if begun else b"") + data:
                return
            self.trap = None
        trap[1]()

    def stall(self):
        self.open.clear()

    def cut(self):
        with self.lock:
            links = list(self.links)
        self._close(*links)

    def refuse(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def resume(self):
        self.open.set()
        if self.listener.fileno() < 0 and not self.closed:
            self.listener = socket.create_server(("127.0.0.1", self.port))
            threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()


def why_no_wire():
    """Why this machine cannot have a Wire, or None."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "there is no /dev/net/tun"
    name = f"paxect-probe-{os.getpid()}"
    probe = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        return f"no network namespaces: {probe.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", name], check=False)
    return None


TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 1, 0x1000


class Wire:
    """A network namespace for some processes, and a wire from it to this one that drops, duplicates and delays packets:
    each with its probability, delays up to `delay` seconds, so that packets also overtake one another. `near` is this
    end's address and `far` that of the namespace. cut = True drops everything: a partition. `cut_ports` are TCP ports from and
    to which everything is dropped."""

    def __init__(self, seed=1, drop=0.0, duplicate=0.0, delay=0.0):
        self.drop, self.duplicate, self.delay, self.cut = drop, duplicate, delay, False
        self.cut_ports = frozenset()
        self.random = random.Random(seed)
        self.name = f"paxect-{os.getpid()}-{id(self) % 100000}"
        number = os.getpid() % 16000 * 4
        self.near, self.far = (f"10.{200 + number // 65536}.{number // 256 % 256}.{number % 256 + host}" for host in (1, 2))
        self.packets = self.dropped = 0
        self.running = True
        self._ip("netns", "add", self.name)
        self.ends = [self._tun(f"pxn{os.getpid()}"), self._tun(f"pxf{os.getpid()}")]
        self._ip("addr", "add", f"{self.near}/30", "dev", f"pxn{os.getpid()}")
        self._ip("link", "set", f"pxn{os.getpid()}", "up")
        self._ip("link", "set", f"pxf{os.getpid()}", "netns", self.name)
        self._ip("-n", self.name, "addr", "add", f"{self.far}/30", "dev", f"pxf{os.getpid()}")
        self._ip("-n", self.name, "link", "set", f"pxf{os.getpid()}", "up")
        self._ip("-n", self.name, "link", "set", "lo", "up")
        self.thread = threading.Thread(target=self._forward, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.running = False
        self.thread.join()
        for end in self.ends:
            os.close(end)
        self._ip("netns", "del", self.name)

    @staticmethod
    def _ip(*words):
        subprocess.run(["ip", *words], check=True)

    @staticmethod
    def _tun(name):
        end = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
        return end

    def wrap(self):
        """The words before a command that run it at the far end."""
        return ["nsenter", f"--net=/run/netns/{self.name}"]

    def _forward(self):
        near, far = self.ends
        waiting = []  # (when, end, packet)
        while self.running:
            timeout = min((when for when, _, _ in waiting), default=time.monotonic() + 0.1) - time.monotonic()
            ready = select.select([near, far], [], [], max(0, timeout))[0]
            for end in ready:
                with contextlib.suppress(BlockingIOError):
                    for _ in range(64):
                        packet = os.read(end, 1 << 16)
                        self._pass(waiting, far if end == near else near, packet)
            now = time.monotonic()
            due = [entry for entry in waiting if entry[0] <= now]
            waiting = [entry for entry in waiting if entry[0] > now]
            for _, end, packet in due:
                with contextlib.suppress(OSError):
                    os.write(end, packet)

    def _pass(self, waiting, end, packet):
        self.packets += 1
        if self.cut_ports and packet[9:10] == b"\x06":  # TCP
            begin = packet[0] % 16 * 4
            if self.cut_ports & set(struct.unpack_from("!HH", packet, begin)):
                self.dropped += 1
                return
        for _ in range(2 if self.random.random() < self.duplicate else 1):
            if self.cut or self.random.random() < self.drop:
                self.dropped += 1
                continue
            waiting.append((time.monotonic() + self.random.random() * self.delay, end, packet))
