#!/usr/bin/env python3
"""Logins, certificates and permissions that end while everything runs, and come back."""
import re
import unittest

import keys
import network
import rig


class Logins(unittest.TestCase):
    def with_login(self, make_login, revoke, restore):
        with rig.Site() as site:
            server = site.server()
            line = make_login(site, server)
            server.start().ready()
            north, south = site.pair(server, carrier=line)
            site.send_many(north, 6)
            site.await_arrival()
            revoke(site, server)
            server.reload()
            site.send_many(north, 3, prefix="revoked")
            rig.wait_for("a report of the refused login", lambda: rig.re.search(
                "uthori|uthenti|login|credential|permission", north.carrier.text() + south.carrier.text()))
            self.assertTrue(north.carrier.running() and south.carrier.running(), north.carrier.text())
            self.assertFalse(site.lost())
            self.assertEqual(len(site.taken), 6)
            restore(site, server)
            server.reload()
            site.await_arrival()

    def test_an_nkey_that_is_revoked_and_comes_back(self):
        user, other = keys.Key("user"), keys.Key("user")

        def make(site, server):
            seed = site.place / "seed"
            seed.write_text(user.seed + "\n")
            seed.chmod(0o600)
            server.login = {"key": other}
            let_in(site, server)
            return f"nkey = {seed}"

        def let_in(_, server):
            server.settings = f"authorization {{ users: [{{ nkey: {user.public} }}, {{ nkey: {other.public} }}] }}\n"

        def revoke(_, server):
            server.settings = f"authorization {{ users: [{{ nkey: {other.public} }}] }}\n"
        self.with_login(make, revoke, let_in)

    def test_credentials_that_are_revoked_and_come_back(self):
        operator, user, other = keys.Operator(), keys.Key("user"), keys.Key("user")

        def make(site, server):
            file = site.place / "user.creds"
            file.write_text(operator.credentials(user))
            file.chmod(0o600)
            server.login = {"key": other, "jwt": operator.user(other)}
            server.settings = operator.configuration()
            return f"credentials = {file}"

        def revoke(_, server):
            operator.revoke(user)
            server.settings = operator.configuration()

        def restore(_, server):
            operator.revoked.clear()
            server.settings = operator.configuration()
        self.with_login(make, revoke, restore)

    def test_certificates_of_both_sides(self):
        with rig.Site() as site:
            keys.certificates(site.place)
            for name in ("client", "other", "expired"):
                (site.place / f"{name}.key").chmod(0o600)
            server = site.server(tls=f"tls {{ cert_file: {site.place}/server.pem, key_file: {site.place}/server.key, "
                                     f"ca_file: {site.place}/ca.pem, verify: true }}\n")
            context = rig.ssl.create_default_context(cafile=site.place / "ca.pem")
            context.load_cert_chain(site.place / "client.pem", site.place / "client.key")
            server.login = {"tls": context}
            server.start().ready()
            tls = "tls = on\ntls_ca = {0}/{2}.pem\ntls_cert = {0}/{1}.pem\ntls_key = {0}/{1}.key"
            none = tls.format(site.place, "client", "ca").splitlines()[:2]
            refused = {"stranger": (tls.format(site.place, "other", "ca"), "refuses the client certificate .*other.pem .*issued by /CN=stranger"),
                       "expired": (tls.format(site.place, "expired", "ca"), "client certificate .*expired.pem expired on .*: replace it"),
                       "without": ("\n".join(none), "requires a client certificate, set tls_cert and tls_key"),
                       "trusts": (tls.format(site.place, "client", "stranger"), "certificate of the server is not accepted .*tls_ca must"),
                       "key": (tls.format(site.place, "client", "ca").replace("client.key", "other.key"), "other.key is not the key of .*client.pem"),
                       "plain": ("", "certificate of the server is not accepted")}
            for name, (settings, message) in refused.items():
                node = site.node(name, "receive", server.url, carrier=settings).start()
                refused[name] = node
                rig.wait_for(lambda node=node: f"{node.name}: what is wrong: {node.carrier.text()}",
                             lambda node=node, message=message: rig.re.search(message, node.carrier.text()))
            checks = {check["check"]: check for check in refused["expired"].command("doctor", status=(1,))["checks"]}
            self.assertEqual(checks["certificate"]["state"], "failed", checks)
            north, _ = site.pair(server, carrier=tls.format(site.place, "client", "ca"))
            site.send_many(north, 6)
            site.await_arrival()
            self.assertFalse([name for name, got in site.taken.items() if got[0][0] != "south"])
            for node in refused.values():
                self.assertTrue(node.carrier.running(), node.carrier.text())

    def test_a_subscription_that_was_refused_for_a_while_is_made_again(self):
        with rig.Site() as site:
            user, other = keys.Key("user"), keys.Key("user")

            def users(deny):
                return (f"authorization {{ users: [{{ nkey: {user.public}, permissions: {{ subscribe: {{ deny: [{deny}] }} }} }}, "
                        f"{{ nkey: {other.public} }}] }}\n")
            seed = site.place / "seed"
            seed.write_text(user.seed + "\n")
            seed.chmod(0o600)
            server = site.server(settings=users('"nothing"'))
            server.login = {"key": other}
            server.start().ready()
            north, _ = site.pair(server, carrier=f"nkey = {seed}")
            site.send_many(north, 3)
            site.await_arrival()
            for turn in range(2):
                server.settings = users('"test.receipt.*", "test.claim.*"')
                server.reload()
                rig.wait_for("a report", lambda: [text for text in rig.problems(north) if "for Subscription" in text])
                server.settings = users('"nothing"')
                server.reload()
                rig.wait_for(lambda: f"the end of the report: {rig.problems(north)}", lambda: not rig.problems(north))

                def heard():  # the server knows the subscriptions of each client
                    with server.client() as client:
                        client.publish("test.receipt.x", b"no receipt")
                        client.flush()
                    return north.command("status", status=range(100))["report"]["foreign"]
                rig.wait_for("a message on the subject", heard)
                site.send_many(north, 3, prefix=f"again{turn}_")
                site.await_arrival()
                north.stop()
                north.start()
                rig.wait_for("the sender", lambda: (north.command("status", status=range(100))["report"] or {}).get("connected"))

    def test_permissions_that_end_are_reported_and_waited_for(self):
        with rig.Site() as site:
            user, other = keys.Key("user"), keys.Key("user")

            def users(deny):
                return (f"authorization {{ users: [{{ nkey: {user.public}, permissions: {{ publish: {{ deny: [{deny}] }} }} }}, "
                        f"{{ nkey: {other.public} }}] }}\n")
            seed = site.place / "seed"
            seed.write_text(user.seed + "\n")
            seed.chmod(0o600)
            server = site.server(settings=users('"nothing"'))
            server.login = {"key": other}
            server.start().ready()
            north, _ = site.pair(server, carrier=f"nkey = {seed}")
            site.send_many(north, 3)
            site.await_arrival()
            for number, deny in enumerate(('"test.>"', '"test.data.>"')):
                server.settings = users(deny)
                server.reload()
                site.send_many(north, 3, prefix=f"denied{number}_")
                rig.wait_for("a report", lambda number=number: north.carrier.text().lower().count("permissions violation") > number
                             and "the server refuses" in str(north.command("status", status=range(100))))
                self.assertFalse(site.lost())
                server.settings = users('"nothing"')
                server.reload()
                site.await_arrival()
                # Not a minute after the last refusal: the server has taken what it had refused.
                rig.wait_for("the end of the report", lambda: "the server refuses" not in str(
                    north.command("status", status=range(100))), rig.LIMIT / 2)


if __name__ == "__main__":
    rig.main()
