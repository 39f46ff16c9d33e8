#!/usr/bin/env python3
"""Everything is killed in turn while containers flow: PAXECT_TEST_SOAK=SECONDS, otherwise a few seconds."""
import os
import unittest

import network
import rig

SECONDS = float(os.environ.get("PAXECT_TEST_SOAK", "6"))
LIMIT = 2 * rig.LIMIT  # what every process was killed for takes longer


class Soak(unittest.TestCase):
    def test_everything_is_killed_in_turn(self):
        with rig.Site() as site:
            server = site.server(max_file="4GB").start().ready()
            proxy = self.enterContext(network.Proxy(server.address))
            for i in range(2):
                site.node(f"north{i}", "send", server.url if i else f"nats://{proxy.address}").start()
            for i in range(2):
                site.node(f"south{i}", "receive", server.url if i else f"nats://{proxy.address}").start()
            site.take()
            end, turn, done = rig.time.monotonic() + SECONDS, 0, {}
            while rig.time.monotonic() < end:
                for number, north in enumerate(site.senders()):
                    site.send_many(north, site.random.randrange(1, 20), prefix=f"t{turn}_{number}_")
                self.wait(site, site.random.random())
                what = site.random.choice(["server", "sender", "receiver", "receiver", "all", "cut", "stall", "stop"])
                done[what] = done.get(what, 0) + 1
                self.break_(site, server, proxy, what)
                assert not site.lost(), sorted(site.lost())
                turn += 1
                rig.wait_for(lambda: f"fewer containers under way: {len(set(site.sent) - set(site.taken))}",
                             lambda: site.arrived() or len(set(site.sent) - set(site.taken)) <= 200, LIMIT)
            site.await_arrival(LIMIT)
            print(f"{len(site.sent)} containers, {turn} turns: {done}")

    @staticmethod
    def wait(site, seconds):
        end = rig.time.monotonic() + seconds
        while rig.time.monotonic() < end:
            site.arrived()
            rig.time.sleep(0.02)

    def break_(self, site, server, proxy, what):
        if what == "server":
            server.kill()
            self.wait(site, site.random.random())
            server.start().ready()
        elif what in ("sender", "receiver"):
            node = site.random.choice(site.senders() if what == "sender" else site.receivers())
            node.kill()
            self.wait(site, site.random.random())
            node.start()
        elif what == "all":
            for process in site.random.sample([server, *site.nodes], len(site.nodes) + 1):
                process.kill()
            server.start().ready()
            for node in site.nodes:
                node.start()
        elif what == "cut":
            proxy.cut()
        elif what == "stall":
            proxy.stall()
            self.wait(site, site.random.random() * 4)
            proxy.resume()
        elif what == "stop":
            node = site.random.choice(site.nodes)
            node.carrier.signal(rig.signal.SIGSTOP)
            self.wait(site, site.random.random() * 3)
            node.carrier.signal(rig.signal.SIGCONT)


if __name__ == "__main__":
    rig.main()
