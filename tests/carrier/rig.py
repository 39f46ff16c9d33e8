"""Real servers, links and carriers in a directory of their own. PAXECT_TEST_BIN and PAXECT_TEST_SANITIZER come from ctest."""
import contextlib
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from nats_client import Client, NatsError

BIN = pathlib.Path(os.environ["PAXECT_TEST_BIN"])
PAXECT, CORE = BIN / "paxect", BIN / "paxect-core"
SANITIZED = bool(os.environ.get("PAXECT_TEST_SANITIZER"))
LONG = bool(os.environ.get("PAXECT_TEST_LONG"))
SEED = int(os.environ.get("PAXECT_TEST_SEED", "1"))
LIMIT = int(os.environ.get("PAXECT_TEST_LIMIT", "60"))  # seconds to wait for an event: a loaded machine is slow
REQUIRED = bool(os.environ.get("PAXECT_TEST_REQUIRED"))  # what a test needs must be there: it is not skipped
SKIPPED = 77


def wait_for(what, condition, limit=LIMIT):
    """The first true value of condition(), which is asked again and again."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not seen within {limit} s: {what() if callable(what) else what}")


def server_program():
    """The path of nats-server, or None. Debian puts it where ordinary users do not look."""
    return shutil.which("nats-server", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def without_privileges():
    """The beginning of a command line whose program is bound by the modes of files, also as root."""
    if os.geteuid() != 0:
        return []
    drop = "-dac_override,-dac_read_search"
    return ["setpriv", f"--inh-caps={drop}", f"--bounding-set={drop}"]


def skip(test, reason):
    """Skips a test for want of something, which is a failure where everything has to be there."""
    if REQUIRED:
        test.fail(f"PAXECT_TEST_REQUIRED is set, and {reason}")
    test.skipTest(reason)


def needs(program, package=None):
    """A test that needs a program."""
    return unittest.skipUnless(REQUIRED or shutil.which(program), f"there is no {program}: apt-get install {package or program}")


def environment(before, env=None):
    """That of a program that `before` starts. LeakSanitizer does not work under strace and would end it with a failure."""
    if not SANITIZED or list(before[:1]) != ["strace"]:
        return env
    env = dict(os.environ if env is None else env)
    return env | {"ASAN_OPTIONS": ":".join(filter(None, (env.get("ASAN_OPTIONS"), "detect_leaks=0")))}


def main():
    """Runs the tests of the script. Without a server it exits with the status that ctest takes for skipped."""
    if not server_program():
        print("skipped: there is no nats-server: apt-get install nats-server")
        sys.exit(1 if REQUIRED else SKIPPED)
    unittest.main(verbosity=2)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Process:
    """A program that is started, killed and started again. Its messages are appended to one file."""

    def __init__(self, argv, log, cwd=None, env=None):
        self.argv, self.log, self.cwd, self.env = [str(word) for word in argv], pathlib.Path(log), cwd, env
        self.process = None

    def start(self, before=()):
        assert not self.running(), self.argv
        with self.log.open("ab") as error:
            self.process = subprocess.Popen([*before, *self.argv], cwd=self.cwd, env=environment(before, self.env),
                                            stdin=subprocess.DEVNULL, stdout=error, stderr=error)
        return self

    def traced(self, calls, fault, trace):
        """Starts it under strace, which injects the fault and ends when it ends."""
        return self.start(["strace", "-f", "-q", "-o", trace, "-e", f"trace={calls}", "-e", f"inject={calls}:{fault}"])

    def running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        """Signals the program itself, also where strace has started it; one that has ended gets nothing."""
        pid = self.process.pid
        if self.process.args[0] == "strace":
            pid = wait_for("the program below strace", lambda: self._traced_pid() or not self.running())
        if pid is not True:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _traced_pid(self):
        pid = self.process.pid
        with contextlib.suppress(OSError, IndexError):
            child = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()[0]
            if os.readlink(f"/proc/{child}/exe") != os.readlink(f"/proc/{pid}/exe"):
                return int(child)
        return None

    def kill(self):
        if self.running():
            self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait(LIMIT)

    def stop(self):
        """Stops it with SIGTERM and returns its exit status."""
        if self.process is None:
            return 0
        if self.running():
            self.signal(signal.SIGTERM)
        return self.process.wait(LIMIT)

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class Server(Process):
    """A nats-server with JetStream in `place`/store, or one of a cluster. `settings` is added to its configuration."""

    def __init__(self, place, name="server", settings="", host="127.0.0.1", cluster=None, tls="", max_file="8GB", wrap=()):
        self.place = pathlib.Path(place) / name
        self.place.mkdir()
        self.store = self.place / "store"
        self.name, self.settings, self.host, self.tls, self.cluster, self.max_file = name, settings, host, tls, cluster, max_file
        self.port = free_port()
        self.config = self.place / "server.conf"
        super().__init__([*wrap, server_program(), "-c", self.config], self.place / "log")
        self.login = {}  # what client() needs to be let in

    @property
    def address(self):
        return f"{'127.0.0.1' if self.host == '0.0.0.0' else self.host}:{self.port}"

    @property
    def url(self):
        return f"nats://{self.address}"

    def write(self):
        cluster = ""
        if self.cluster:
            addresses = [f"{host}:{port}" for host, port in zip(self.cluster.hosts, self.cluster.ports, strict=True)]
            routes = ", ".join(f"nats://{address}" for address in addresses)
            cluster = (f"cluster {{ name: test, listen: \"{addresses[self.cluster.names.index(self.name)]}\", "
                       f"routes: [{routes}] }}\n")
        self.config.write_text(f"server_name: {self.name}\nlisten: \"{self.host}:{self.port}\"\nmax_payload: 2MB\n"
                               f"write_deadline: \"10s\"\n"
                               f"jetstream {{ store_dir: \"{self.store}\", max_file: {self.max_file}, max_mem: 64MB }}\n"
                               f"{cluster}{self.tls}{self.settings}\n")

    def start(self, before=()):
        self.write()
        super().start(before)
        return self

    def ready(self):
        """Waits until JetStream answers."""
        def answers():
            if not self.running():
                raise AssertionError(self.text()[-2000:])
            with contextlib.suppress(OSError, NatsError, ValueError):
                with self.client(limit=1) as client:  # a server of a cluster without a leader does not answer
                    return client.api("INFO")
            return None
        wait_for(lambda: f"{self.name} to be ready: {self.text()[-1000:]}", answers)
        return self

    def client(self, limit=10):
        return Client(self.address, **self.login, limit=limit)

    def reload(self):
        """Applies a changed `settings`."""
        lines = self.text().count("Reloaded")
        self.write()
        self.signal(signal.SIGHUP)
        wait_for("the configuration to be read again", lambda: self.text().count("Reloaded") > lines)

    def copy_store(self, to):
        """A copy of the store of a running server, as a backup takes it; what vanishes in the meantime is left out."""
        shutil.rmtree(to, ignore_errors=True)
        subprocess.run(["cp", "-a", str(self.store), str(to)], stderr=subprocess.DEVNULL, check=False)

    def put_back_store(self, copy):
        assert not self.running()
        shutil.rmtree(self.store, ignore_errors=True)
        if copy is not None:
            shutil.copytree(copy, self.store)


class Cluster:
    """Three servers that replicate, on `hosts`. The last one runs with the words `wrap` before its command."""

    def __init__(self, place, hosts=("127.0.0.1",) * 3, wrap=()):
        self.names, self.hosts = ["one", "two", "three"], hosts
        self.ports = [free_port() for _ in self.names]
        self.servers = [Server(place, name, cluster=self, host=host, wrap=wrap if name == self.names[-1] else ())
                        for name, host in zip(self.names, hosts, strict=True)]

    @property
    def urls(self):
        return ", ".join(server.url for server in self.servers)

    def start(self):
        for server in self.servers:
            server.start()
        return self.ready()

    def ready(self):
        for server in self.servers:
            server.ready()
        return self

    def kill(self):
        for server in self.servers:
            server.kill()

    def leader(self, stream):
        """The server that leads the stream, or None while there is none."""
        for server in self.servers:
            if server.running():
                with contextlib.suppress(OSError, NatsError):
                    with server.client(limit=1) as client:
                        name = client.api(f"STREAM.INFO.{stream}")["cluster"].get("leader")
                        return next((one for one in self.servers if one.name == name), None)
        return None


def jobs(server):
    """The jobs that senders have published, by name."""
    with server.client() as client:
        messages = client.messages("test_job") if "test_job" in client.streams() else ()
        return {job["name"]: job for job in (json.loads(message[3]) for message in messages)}


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Node:
    """A directory with a folder, a carrier that sends from it or receives into it, and with `link` settings a link too:
    inbox -> link -> folder -> carrier, or carrier -> folder -> link -> outbox."""

    def __init__(self, site, name, mode, servers, carrier="", link=None, wrap=(), folder=None):
        self.site, self.name, self.mode, self.wrap = site, name, mode, list(wrap)
        self.place = site.place / name
        self.place.mkdir()
        self.folder = folder or self.place / "folder"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.inbox, self.outbox = self.place / "inbox", self.place / "outbox"
        self.settings = {"mode": mode, "folder": self.folder, "servers": servers, "subject": "test", "log": "carrier.jsonl",
                         "metrics_file": "carrier.prom", "scan_ms": 50, "ack_wait_ms": 1000}
        for line in filter(None, carrier.splitlines()):
            key, _, value = line.partition("=")
            self.settings[key.strip()] = value.strip()
        self.write()
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PAXECT_CARRIER_")}
        self.carrier = Process([*self.wrap, PAXECT, "run", "-c", "carrier.conf"], self.place / "carrier.err", self.place, environment)
        self.link = None
        if link is not None:
            own, other = (self.inbox, self.folder) if mode == "send" else (self.folder, self.outbox)
            own.mkdir(exist_ok=True)
            (self.place / "link.conf").write_text(f"[link]\nmode = {mode}\ninbox = {own}\noutbox = {other}\nnode = {name}\n"
                                                  f"log = link.jsonl\nsettle_ms = 0\npoll_sec = 0.2\n{link}\n")
            self.link = Process([PAXECT, "run", "-c", "link.conf"], self.place / "link.err", self.place)

    def write(self, **changed):
        self.settings.update(changed)
        text = "".join(f"{key} = {value}\n" for key, value in self.settings.items() if value is not None)
        (self.place / "carrier.conf").write_text(f"[carrier]\n{text}")

    def start(self):
        for process in (self.link, self.carrier):
            if process is not None and not process.running():
                process.start()
        return self

    def stop(self):
        """Stops both; each must end with 0, or by the signal if it was only starting."""
        for process in (self.carrier, self.link):
            if process is not None and process.process is not None:
                status = process.stop()
                assert status in (0, -signal.SIGTERM), f"{process.argv} ended with {status}\n{process.text()[-4000:]}"

    def kill(self):
        for process in (self.carrier, self.link):
            if process is not None:
                process.kill()

    def command(self, *words, status=(0,), plugin="carrier"):
        """What a command prints as JSON."""
        result = subprocess.run([PAXECT, plugin, *words, "--json", "-c", f"{plugin}.conf"], cwd=self.place,
                                capture_output=True, text=True, check=False, timeout=LIMIT)
        assert result.returncode in status, f"{words}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        return json.loads(result.stdout)

    def log(self, plugin="carrier"):
        """The entries of the audit log; a line that a crash broke off is passed over."""
        entries = []
        path = self.place / f"{plugin}.jsonl"
        for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
            with contextlib.suppress(ValueError):
                entries.append(json.loads(line))
        return entries


def problems(node):
    report = node.command("status", status=range(100))["report"] or {}
    return [problem["text"] for problem in report.get("problems", [])]


def run_once(node, before=()):
    """The exit status of a run with --once."""
    return run_once_with_text(node, before)[0]


def run_once_with_text(node, before=()):
    """Likewise, and what it says on standard error."""
    done = subprocess.run([*before, PAXECT, "run", "--once", "-c", "carrier.conf"], cwd=node.place,
                          env=environment(before), stdin=subprocess.DEVNULL, capture_output=True, check=False,
                          timeout=3 * LIMIT)
    return done.returncode, done.stderr.decode(errors="replace")


def visible(folder):
    """The names of the files below a folder, without hidden ones; one that vanishes in the meantime may be missing."""
    names = set()
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        names |= {os.path.relpath(os.path.join(place, name), folder) for name in files if not name.startswith(".")}
    return names


class Site:
    """Nodes and servers in a temporary directory, and what was sent. The receivers' containers are taken away as soon as they
    are there, as a link does, so that a second delivery cannot hide behind the first one."""

    def __init__(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="paxect_carrier."))
        self.nodes, self.servers, self.sent, self.taken = [], [], {}, {}
        self.taking = self.takers = None
        self.lock = threading.Lock()
        self.problems = []
        self.random = random.Random(SEED)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.end_taking()
        problems = []
        if kind is not None:
            self.print_streams()
        for node in self.nodes:
            if kind is None:
                try:
                    node.stop()
                except (AssertionError, subprocess.TimeoutExpired) as error:
                    problems.append(str(error))
            node.kill()
            for process in filter(None, (node.carrier, node.link)):
                if "Sanitizer" in process.text():
                    problems.append(process.text())
        for server in self.servers:
            server.kill()
        if kind is not None:
            for node in self.nodes:
                print(f"--- {node.name}\n{node.carrier.text()[-3000:]}{node.link.text()[-2000:] if node.link else ''}", file=sys.stderr)
            for server in self.servers:
                print(f"--- {server.name}\n{server.text()[-1000:]}", file=sys.stderr)
        if kind is None or not os.environ.get("PAXECT_TEST_KEEP"):
            shutil.rmtree(self.place)
        assert not problems + self.problems, problems + self.problems

    def print_streams(self):
        """What a failed test leaves in the first server that answers."""
        for server in self.servers:
            if server.running():
                with contextlib.suppress(OSError, NatsError, KeyError), server.client(limit=2) as client:
                    for name, stream in client.streams().items():
                        print(f"{name}: {stream['state']}", file=sys.stderr)
                        for consumer in client.api(f"CONSUMER.LIST.{name}", {"offset": 0})["consumers"] or []:
                            shown = {key: consumer[key] for key in ("name", "delivered", "ack_floor", "num_ack_pending", "num_redelivered",
                                                                    "num_waiting", "num_pending")}
                            print(f"    {shown}", file=sys.stderr)
                        if name.endswith(("_job", "_claim")):
                            for sequence, subject, _, payload in list(client.messages(name))[:5]:
                                print(f"    {sequence} {subject} {payload[:400]}", file=sys.stderr)
                    return

    def server(self, **settings):
        self.servers.append(Server(self.place, **{"name": f"server{len(self.servers)}", **settings}))
        return self.servers[-1]

    def cluster(self, **settings):
        cluster = Cluster(self.place, **settings)
        self.servers += cluster.servers
        return cluster

    def node(self, name, mode, servers, **settings):
        self.nodes.append(Node(self, name, mode, servers, **settings))
        return self.nodes[-1]

    def senders(self):
        return [node for node in self.nodes if node.mode == "send"]

    def receivers(self):
        return [node for node in self.nodes if node.mode == "receive"]

    def pair(self, server, **settings):
        """A sender and a receiver that run, with something that takes what arrives as link does."""
        north = self.node("north", "send", server.url, **settings).start()
        south = self.node("south", "receive", server.url, **settings).start()
        self.take()
        return north, south

    # Containers, for nodes without a link.

    def send(self, node, name, data, sidecar=True):
        """Puts data into the folder of a sender as link does: hidden first, the sidecar before the container. `data` need
        not be a container: a carrier does not look into it."""
        path = node.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with self.lock:
            self.sent[name] = digest(data)
        for target, text in ([(path.with_name(path.name + ".sha256"), digest(data).encode() + b"\n")] if sidecar else []) + [(path, data)]:
            hidden = target.with_name(".writing.part")
            hidden.write_bytes(text)
            hidden.rename(target)

    def send_many(self, node, count, sizes=(0, 1, 700, 4096, 300_000, 524_287, 524_288, 524_289, 1_600_000), prefix="f"):
        for i in range(count):
            self.send(node, f"{prefix}{i}.freq", self.random.randbytes(sizes[i % len(sizes)]) + f"{prefix}{i}".encode())

    def take(self, every=0.004):
        """Begins to take away what the receivers get."""
        self.taking = threading.Event()
        self.takers = threading.Thread(target=self._take, args=(every,), daemon=True)
        self.takers.start()

    def end_taking(self):
        if self.taking is not None:
            self.taking.set()
            self.takers.join()
            self.taking = None

    def _take(self, every):
        number = 0
        while not self.taking.wait(every):
            for node in self.receivers():
                for name in sorted(visible(node.folder)):
                    if not name.endswith(".freq"):
                        continue
                    path = node.folder / name
                    sidecar = path.with_name(path.name + ".sha256")
                    number += 1
                    data = path.read_bytes()
                    with self.lock:
                        self.taken.setdefault(name, []).append((node.name, digest(data), sidecar.exists()))
                    path.unlink()
                    sidecar.unlink(missing_ok=True)

    def lost(self):
        """What is neither with its sender nor with a receiver. A carrier that removes its copy before the other end is durable
        has such files, if only for a moment."""
        with self.lock:
            names = set(self.sent)
        for node in self.senders():
            names -= visible(node.folder)
        for node in self.receivers():
            names -= visible(node.folder)
        with self.lock:
            return names - set(self.taken)

    def arrived(self):
        """True when every container has arrived and the senders have none any more; fails as soon as one is lost or doubled."""
        lost = self.lost()
        assert not lost, f"lost: {sorted(lost)[:10]}"
        with self.lock:
            twice = {name: got for name, got in self.taken.items() if len(got) > 1}
            assert not twice, f"delivered twice: {twice}"
            wrong = {name: got for name, got in self.taken.items() if self.sent.get(name) != got[0][1]}
            assert not wrong, f"other bytes: {wrong}"
            bare = [name for name, got in self.taken.items() if not got[0][2]]
            assert not bare, f"without sidecar: {bare}"
            done = set(self.taken) >= set(self.sent)
        return done and not any(name.endswith(".freq") for node in self.senders() for name in visible(node.folder))

    def await_arrival(self, limit=LIMIT):
        def state():
            with self.lock:
                missing = sorted(set(self.sent) - set(self.taken))
            return f"{len(missing)} containers did not arrive: {missing[:5]}, left with senders: " \
                   f"{[sorted(visible(node.folder))[:5] for node in self.senders()]}"
        wait_for(lambda: state(), self.arrived, limit)
