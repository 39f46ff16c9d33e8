#!/usr/bin/env python3
"""Networks that stall, cut, refuse, drop, duplicate, reorder and partition."""
import unittest

import network
import rig

TURNS = 21 if rig.LONG else 3


class Connections(unittest.TestCase):
    """Sender and receiver each reach the server through a proxy of their own."""

    def site(self, site):
        server = site.server().start().ready()
        proxies = [self.enterContext(network.Proxy(server.address)) for _ in range(2)]
        north = site.node("north", "send", f"nats://{proxies[0].address}").start()
        site.node("south", "receive", f"nats://{proxies[1].address}").start()
        site.take()
        return proxies, north

    def during(self, bad, good):
        """Sends while one of the proxies is bad, or both are, for some tenths of a second each."""
        with rig.Site() as site:
            proxies, north = self.site(site)
            for turn in range(TURNS):
                chosen = [proxies[:1], proxies[1:], proxies][turn % 3]
                site.send_many(north, 9, prefix=f"t{turn}_")
                rig.time.sleep(site.random.random() * 0.2)
                for proxy in chosen:
                    bad(proxy)
                site.send_many(north, 3, prefix=f"u{turn}_")
                rig.time.sleep(site.random.random())
                self.assertFalse(site.lost())
                for proxy in chosen:
                    good(proxy)
                site.await_arrival()

    def test_cut_connections_are_made_again(self):
        self.during(lambda proxy: proxy.cut(), lambda _: None)

    def test_stalled_connections_go_on(self):
        self.during(lambda proxy: proxy.stall(), lambda proxy: proxy.resume())

    def test_a_server_out_of_reach_is_waited_for(self):
        def bad(proxy):
            proxy.refuse()
            proxy.cut()
        self.during(bad, lambda proxy: proxy.resume())

    def test_a_start_without_a_server_waits_for_it(self):
        with rig.Site() as site:
            server = site.server()
            north = site.node("north", "send", server.url).start()
            south = site.node("south", "receive", server.url).start()
            site.take()
            site.send_many(north, 6)
            rig.wait_for("a report of the missing server", lambda: str(server.port) in north.carrier.text() and
                         str(server.port) in south.carrier.text())
            server.start().ready()
            site.await_arrival()

    def test_a_connection_that_lost_its_subscriptions_is_made_again(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            proxy = self.enterContext(network.Proxy(server.address))
            proxy.deaf = 1
            north = site.node("north", "send", server.url).start()
            south = site.node("south", "receive", f"nats://{proxy.address}").start()
            site.take()
            site.send_many(north, 3)
            site.await_arrival()
            self.assertIn("does not reply to requests to JetStream", south.carrier.text())

    def test_a_connection_that_lost_the_subscription_of_its_replies_alone_is_made_again(self):
        """The library has replies by another one, so that streams and server look well."""
        with rig.Site() as site:
            server = site.server().start().ready()
            proxy = self.enterContext(network.Proxy(server.address))
            proxy.deaf, proxy.deaf_once = 1, True
            north = site.node("north", "send", f"nats://{proxy.address}").start()
            site.node("south", "receive", server.url).start()
            site.take()
            site.send_many(north, 3)
            site.await_arrival(2 * rig.LIMIT)
            self.assertIn("does not reply to requests to JetStream", north.carrier.text())

    def test_connections_that_end_in_the_middle_of_a_message(self):
        with rig.Site() as site:
            proxies, north = self.site(site)
            for proxy in proxies:
                proxy.cut_after = 900_000
                proxy.cut()
            site.send_many(north, 9)
            rig.wait_for("some connections", lambda: proxies[0].connections > 4)
            for proxy in proxies:
                proxy.cut_after = None
            site.await_arrival()

    def test_a_large_container_arrives_over_a_line_that_never_lasts_for_all_of_it(self):
        """Each connection of the receiver ends after 10 MiB."""
        with rig.Site() as site:
            proxies, north = self.site(site)
            proxies[1].cut_back_after = 10 << 20
            proxies[1].cut()
            site.send(north, "large.freq", site.random.randbytes(25 << 20))
            site.await_arrival()
            self.assertGreaterEqual(proxies[1].ended, 2)

    def test_a_sender_that_is_killed_again_and_again_comes_to_the_end_of_a_large_container(self):
        """Each connection of the sender ends after 10 MiB, and the sender with it."""
        with rig.Site() as site:
            proxies, north = self.site(site)
            proxies[0].cut_after = 10 << 20
            proxies[0].cut()
            site.send(north, "large.freq", site.random.randbytes(25 << 20))
            killed = 0

            def arrived():
                nonlocal killed
                if proxies[0].ended > killed:
                    killed = proxies[0].ended
                    north.kill()
                    north.start()
                return site.arrived()
            rig.wait_for(lambda: f"the container, after {killed} kills", arrived)
            self.assertGreaterEqual(killed, 2)

    @unittest.skipUnless(rig.LONG, "PAXECT_TEST_LONG=1 takes half a minute")
    def test_a_slow_line_gets_no_more_than_it_can_carry(self):
        """250 kB a second: 8 MiB at once would take longer than the server waits."""
        for i in range(2):
            with rig.Site() as site:
                proxies, north = self.site(site)
                site.send_many(north, 1)
                site.await_arrival()
                proxies[i].rate = 250_000
                proxies[i].cut()
                site.send(north, "large.freq", site.random.randbytes(10 << 20))
                site.await_arrival(200)

    def test_a_connection_that_stalls_for_good_is_given_up(self):
        with rig.Site() as site:
            proxies, north = self.site(site)
            site.send_many(north, 3)
            site.await_arrival()
            before = proxies[0].connections
            proxies[0].stall()
            site.send_many(north, 3, prefix="later")
            # A new connection would pass, because only what is stalled stays stalled.
            rig.wait_for("another connection", lambda: proxies[0].connections > before, limit=90)
            proxies[0].resume()
            site.await_arrival()


class Packets(unittest.TestCase):
    """The sender, or the receiver, is at the far end of a wire."""

    def setUp(self):
        reason = network.why_no_wire()
        if reason:
            rig.skip(self, reason)

    def sites(self, site, wire, far):
        server = site.server(host="0.0.0.0").start().ready()
        url = f"nats://{wire.near}:{server.port}"
        north = site.node("north", "send", url if far == "north" else server.url, wrap=wire.wrap() if far == "north" else ()).start()
        site.node("south", "receive", url if far == "south" else server.url, wrap=wire.wrap() if far == "south" else ()).start()
        site.take()
        return north

    def test_packets_that_are_dropped_doubled_and_reordered(self):
        for far in ("north", "south"):
            with rig.Site() as site, network.Wire(seed=rig.SEED, drop=0.02, duplicate=0.05, delay=0.005) as wire:
                north = self.sites(site, wire, far)
                site.send_many(north, 18)
                site.await_arrival()
                self.assertGreater(wire.dropped, 0)

    def test_a_partition_ends(self):
        for far in ("north", "south"):
            with rig.Site() as site, network.Wire(seed=rig.SEED) as wire:
                north = self.sites(site, wire, far)
                for turn in range(TURNS - 1):
                    site.send_many(north, 6, prefix=f"t{turn}_")
                    rig.time.sleep(site.random.random() * 0.1)
                    wire.cut = True
                    site.send_many(north, 3, prefix=f"u{turn}_")
                    rig.time.sleep(0.5 + site.random.random())
                    self.assertFalse(site.lost())
                    wire.cut = False
                    site.await_arrival()


if __name__ == "__main__":
    rig.main()
