#!/usr/bin/env python3
"""The rig itself: what the other tests take for granted about servers, logins and bad networks."""
import contextlib
import pathlib
import ssl
import tempfile
import time
import unittest

import keys
import network
import rig
from nats_client import Client, NatsError

STREAM = {"name": "s", "subjects": ["s.>"], "storage": "file"}


class Rig(unittest.TestCase):
    def test_a_stored_message_outlives_a_kill_of_the_server(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            with server.client() as client:
                client.api("STREAM.CREATE.s", STREAM)
                client.store("s.1", b"one\r\ntwo", {"A": "b"})
                with self.assertRaises(NatsError):
                    client.store("other", b"no stream takes it")
            server.kill()
            server.start().ready()
            with server.client() as client:
                (message,) = client.messages("s")
                self.assertEqual((message[1], message[3]), ("s.1", b"one\r\ntwo"))
                self.assertIn(b"A: b", message[2])

    def test_a_store_can_be_put_back(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            with server.client() as client:
                client.api("STREAM.CREATE.s", STREAM)
                client.store("s.1", b"old")
            server.stop()
            server.copy_store(site.place / "backup")
            server.start().ready()
            with server.client() as client:
                client.store("s.2", b"new")
            server.kill()
            server.put_back_store(site.place / "backup")
            server.start().ready()
            with server.client() as client:
                self.assertEqual([message[3] for message in client.messages("s")], [b"old"])
            server.kill()
            server.put_back_store(None)
            server.start().ready()
            with server.client() as client:
                self.assertEqual(client.streams(), {})

    def test_a_cluster_stores_with_one_server_killed(self):
        with rig.Site() as site:
            cluster = site.cluster().start()

            def create():
                with contextlib.suppress(NatsError, OSError), cluster.servers[0].client(limit=1) as client:
                    return client.api("STREAM.CREATE.s", {**STREAM, "num_replicas": 3})
                return None
            rig.wait_for("the stream", create)
            leader = rig.wait_for("a leader", lambda: cluster.leader("s"))
            leader.kill()
            rest = [server for server in cluster.servers if server is not leader]

            def store():
                with contextlib.suppress(NatsError, OSError), rest[0].client(limit=1) as client:
                    return client.store("s.1", b"one")
                return None
            rig.wait_for("an acknowledgement", store)

    def test_logins_by_seed_and_by_credentials_end_with_their_revocation(self):
        with rig.Site() as site:
            user, operator = keys.Key("user"), keys.Operator()
            server = site.server(settings=f"authorization {{ users: [{{ nkey: {user.public} }}] }}\n")
            server.login = {"key": user}
            server.start().ready()
            with self.assertRaises(NatsError):
                Client(server.address)
            other = keys.Key("user")
            server.settings = f"authorization {{ users: [{{ nkey: {other.public} }}] }}\n"
            server.reload()
            with self.assertRaises(NatsError):
                server.client()
            server.stop()

            server.settings, server.login = operator.configuration(), {"key": user, "jwt": operator.user(user)}
            server.start().ready()
            operator.revoke(user)
            server.settings = operator.configuration()
            server.reload()
            with self.assertRaises(NatsError):
                server.client()
            server.login = {"key": other, "jwt": operator.user(other)}
            with server.client() as client:
                client.api("INFO")

    def test_certificates_of_a_stranger_are_refused(self):
        with rig.Site() as site:
            keys.certificates(site.place)
            server = site.server(tls=f"tls {{ cert_file: {site.place}/server.pem, key_file: {site.place}/server.key, "
                                     f"ca_file: {site.place}/ca.pem, verify: true }}\n")

            def context(name):
                made = ssl.create_default_context(cafile=site.place / "ca.pem")
                made.load_cert_chain(site.place / f"{name}.pem", site.place / f"{name}.key")
                return made
            server.login = {"tls": context("client")}
            server.start().ready()
            with self.assertRaises((OSError, NatsError)), Client(server.address, tls=context("other")) as client:
                client.api("INFO")

    def test_a_proxy_stalls_cuts_and_refuses(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            with network.Proxy(server.address) as proxy:
                with Client(proxy.address, limit=0.5) as client:
                    client.api("INFO")
                    proxy.stall()
                    with self.assertRaises(TimeoutError):
                        client.api("INFO")
                proxy.resume()
                with Client(proxy.address) as client:
                    client.api("INFO")
                    proxy.cut()
                    with self.assertRaises((OSError, NatsError)):
                        client.api("INFO")
                    proxy.refuse()
                    with self.assertRaises(OSError):
                        Client(proxy.address)
                proxy.resume()
                with Client(proxy.address) as client:
                    client.api("INFO")

    def test_a_wire_drops_and_partitions(self):
        reason = network.why_no_wire()
        if reason:
            rig.skip(self, reason)
        with rig.Site() as site, network.Wire(seed=rig.SEED, drop=0.05, duplicate=0.1, delay=0.01) as wire:
            server = site.server(host="0.0.0.0").start().ready()
            script = ("import sys; sys.path.insert(0, sys.argv[1]); from nats_client import Client\n"
                      "print(len(Client(sys.argv[2], limit=float(sys.argv[3])).request('echo', b'x' * 500000)[1]))")
            with server.client() as echo, tempfile.TemporaryFile() as out:
                echo.subscribe("echo")
                words = [*wire.wrap(), rig.sys.executable, "-c", script, pathlib.Path(__file__).parent, f"{wire.near}:{server.port}"]
                client = rig.subprocess.Popen([*words, "20"], stdout=out)
                _, reply, _, data = echo.next()
                echo.publish(reply, data)
                self.assertEqual(client.wait(rig.LIMIT), 0)
                out.seek(0)
                self.assertEqual(out.read(), b"500000\n")
                self.assertGreater(wire.dropped, 0)
                wire.cut = True
                begin = time.monotonic()
                self.assertNotEqual(rig.subprocess.run([*words, "1"], stderr=rig.subprocess.DEVNULL, check=False).returncode, 0)
                self.assertGreater(time.monotonic() - begin, 0.9)


if __name__ == "__main__":
    rig.main()
