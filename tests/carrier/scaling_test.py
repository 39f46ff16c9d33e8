#!/usr/bin/env python3
"""The configurations of carrier_plugin/SCALING.md start and relay, with only ports, names and directories replaced."""
import pathlib
import re
import unittest

import keys
import rig

PAGE = pathlib.Path(__file__).resolve().parents[2] / "carrier_plugin/SCALING.md"


def blocks():
    """The configurations of the page, by the names in the comments before them."""
    return dict(re.findall(r"<!-- file: (\S+) -->\n```conf\n(.*?)```", PAGE.read_text(), re.DOTALL))


class Documented(rig.Server):
    """A server with a configuration of the page, and more text behind it."""

    def __init__(self, place, name, text, replacements, more=""):
        super().__init__(place, name)
        for old, new in [("/var/lib/nats", str(self.store)), ("/etc/nats", str(place)), ("0.0.0.0:4222", self.address),
                         ("127.0.0.1:4222", self.address), *replacements]:
            text = text.replace(old, new)
            more = more.replace(old, new)
        self.text_of_page = text + more

    def write(self):
        self.config.write_text(self.text_of_page)


class Scaling(unittest.TestCase):
    @staticmethod
    def relay(site, north):
        site.take()
        site.send_many(north, 18)
        site.await_arrival()

    def carrier(self, site, name, mode, text, **replaced):
        """A node with a section of the page."""
        settings = dict(line.split(" = ", 1) for line in text.splitlines()[1:])
        for key in ("mode", "folder"):
            del settings[key]
        settings |= replaced
        lines = "\n".join(f"{key} = {value}" for key, value in settings.items())
        return site.node(name, mode, replaced["servers"], carrier=lines).start()

    def test_one_server_with_roles(self):
        with rig.Site() as site:
            keys.certificates(site.place)
            (site.place / "client.key").chmod(0o600)
            pairs = {"sender": keys.Key("user"), "receiver": keys.Key("user")}
            for name, key in pairs.items():
                (site.place / f"{name}.seed").write_text(key.seed + "\n")
                (site.place / f"{name}.seed").chmod(0o600)
            page = blocks()
            server = Documented(site.place, "nats1", page["one.conf"],
                                [("SENDER_PUBLIC_KEY", pairs["sender"].public), ("RECEIVER_PUBLIC_KEY", pairs["receiver"].public)])
            site.servers.append(server)
            context = rig.ssl.create_default_context(cafile=site.place / "ca.pem")
            context.load_cert_chain(site.place / "client.pem", site.place / "client.key")
            server.login = {"key": pairs["sender"], "tls": context}
            server.start().ready()
            made = []
            for name, role in (("send", "sender"), ("receive", "receiver")):
                text = page[f"{name}.conf"].replace("/etc/nats", str(site.place)).replace("/etc/paxect", str(site.place))
                made.append(self.carrier(site, role, name, text, servers=server.url))
            self.relay(site, made[0])

    def test_three_servers(self):
        with rig.Site() as site:
            names = ["nats1", "nats2", "nats3"]
            routes = {name: f"127.0.0.1:{rig.free_port()}" for name in names}
            for name in names:
                text = blocks()["three.conf"].replace("server_name: nats1", f"server_name: {name}").replace("0.0.0.0:6222", routes[name])
                site.servers.append(Documented(site.place, name, text, [(f"{other}.example.org:6222", at) for other, at in routes.items()]))
            for server in site.servers:
                server.start()
            for server in site.servers:
                server.ready()
            urls = ", ".join(server.url for server in site.servers)
            north = site.node("north", "send", urls).start()
            site.node("south", "receive", urls).start()
            self.relay(site, north)

    def test_a_leaf_node(self):
        with rig.Site() as site:
            page, gate = blocks(), f"127.0.0.1:{rig.free_port()}"
            hub = Documented(site.place, "hub", "server_name: nats1\nlisten: \"0.0.0.0:4222\"\nmax_payload: 2MB\n",
                             [("0.0.0.0:7422", gate)], page["hub.conf"])
            leaf = Documented(site.place, "site7", page["leaf.conf"], [("nats1.example.org:7422", gate)])
            site.servers += [hub, leaf]
            hub.start().ready()
            leaf.start().ready()
            north = site.node("north", "send", leaf.url).start()
            site.node("south", "receive", hub.url).start()
            self.relay(site, north)
            # The way out is closed, and opened again.
            leaf.kill()
            site.send_many(north, 6, prefix="later")
            leaf.start().ready()
            site.await_arrival()


if __name__ == "__main__":
    rig.main()
