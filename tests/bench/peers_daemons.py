"""The programs of peers.py that run in the background and copy what appears in a directory."""
import contextlib
import os
import re
import socket
import subprocess
import urllib.request

# What a node of syncthing needs in order to speak with the other one over the loopback interface and with nobody else. All
# other settings keep their defaults.
SYNCTHING_CONFIG = """\
<configuration version="36">
  <folder id="bench" path="{folder}" fsWatcherEnabled="true" fsWatcherDelayS="{delay}" rescanIntervalS="3600">
    <device id="{own}"/><device id="{peer}"/>
  </folder>
  <device id="{own}" name="own"><address>dynamic</address></device>
  <device id="{peer}" name="peer"><address>tcp://127.0.0.1:{peer_port}</address></device>
  <gui enabled="true" tls="false"><address>127.0.0.1:{api_port}</address><apikey>bench</apikey></gui>
  <options>
    <listenAddress>tcp://127.0.0.1:{port}</listenAddress>
    <globalAnnounceEnabled>false</globalAnnounceEnabled>
    <localAnnounceEnabled>false</localAnnounceEnabled>
    <relaysEnabled>false</relaysEnabled>
    <natEnabled>false</natEnabled>
    <stunServer></stunServer>
    <startBrowser>false</startBrowser>
    <urAccepted>-1</urAccepted>
    <autoUpgradeIntervalH>0</autoUpgradeIntervalH>
    <crashReportingEnabled>false</crashReportingEnabled>
  </options>
</configuration>
"""
LSYNCD_CONFIG = """\
settings {{ nodaemon = true }}
sync {{ default.rsync, source = "{source}", target = "{target}"{delay} }}
"""


def end(process):
    process.terminate()
    process.wait()


def free_ports(count):
    with contextlib.ExitStack() as sockets:
        made = [sockets.enter_context(socket.socket()) for _ in range(count)]
        for each in made:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in made]


class SyncthingNode:
    """One instance with one shared folder."""

    def __init__(self, home, folder):
        self.home, self.folder, self.process = home, folder, None
        made = subprocess.run(["syncthing", "generate", f"--home={home}", "--no-default-folder", "--skip-port-probing"],
                              check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.device = re.search(r"Device ID: (\S+)", made.stdout).group(1)
        self.port, self.api_port = free_ports(2)

    def start(self, peer, delay):
        with open(f"{self.home}/config.xml", "w", encoding="utf-8") as config:
            config.write(SYNCTHING_CONFIG.format(folder=self.folder, delay=delay, own=self.device, peer=peer.device,
                                                 port=self.port, peer_port=peer.port, api_port=self.api_port))
        self.process = subprocess.Popen(
            ["syncthing", "serve", f"--home={self.home}", "--no-browser", "--no-restart", "--no-upgrade"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def wait_for_log(self, *texts):
        """Reads what the instance reports until each of `texts` was in a line."""
        seen, missing = [], set(texts)
        for line in self.process.stdout:
            seen.append(line)
            missing = {text for text in missing if text not in line}
            if not missing:
                return
        raise RuntimeError("syncthing ended:\n" + "".join(seen))

    def scan(self):
        """Looks for new files at once instead of after the delay of its watcher."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.api_port}/rest/db/scan?folder=bench", method="POST",
                                         headers={"X-API-Key": "bench"})
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=120).close()


@contextlib.contextmanager
def syncthing(place, delay=10):
    """Two connected instances; yields the one with the inbox. The default of `delay`, in seconds, is syncthing's."""
    nodes = [SyncthingNode(f"{place}/{name}.home", f"{place}/{name}") for name in ("inbox", "outbox")]
    with contextlib.ExitStack() as running:
        for node, peer in zip(nodes, reversed(nodes)):
            os.makedirs(f"{node.folder}/.stfolder")
            node.start(peer, delay)
            running.callback(end, node.process)
        for node in nodes:
            node.wait_for_log("GUI and API listening", "Completed initial scan", "Established secure connection")
        yield nodes[0]


@contextlib.contextmanager
def lsyncd(place, delay=None):
    """An instance that has been started and that first copies what the inbox has. `delay` in seconds; None: lsyncd's
    default."""
    with open(f"{place}/lsyncd.conf", "w", encoding="utf-8") as config:
        config.write(LSYNCD_CONFIG.format(source=f"{place}/inbox", target=f"{place}/outbox",
                                          delay="" if delay is None else f", delay = {delay}"))
    process = subprocess.Popen(["lsyncd", "-nodaemon", f"{place}/lsyncd.conf"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        end(process)
