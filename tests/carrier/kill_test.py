#!/usr/bin/env python3
"""Sender, receiver and server are killed at many moments, and the store of the server is put back to an older state: nothing
is lost, nothing arrives twice, and no sender's copy goes before the other end has the container."""
import threading
import unittest

import network
import rig

TURNS = 40 if rig.LONG else 4


def site_of(site, receivers=1, **settings):
    server = site.server().start().ready()
    north = site.node("north", "send", server.url, **settings).start()
    for i in range(receivers):
        site.node(f"south{i}", "receive", server.url, **settings).start()
    site.take()
    return server, north


def kill_while_sending(site, north, kill, restart, turns=TURNS, count=12, longest=0.25):
    """In each turn: sends some containers, kills after a random while, looks for lost ones, starts again."""
    for turn in range(turns):
        site.send_many(north, count, prefix=f"t{turn}_")
        rig.time.sleep(site.random.random() * longest)
        kill()
        assert not site.lost(), sorted(site.lost())
        restart()
    site.await_arrival()


class Kill(unittest.TestCase):
    def test_a_killed_sender_sends_everything_once(self):
        with rig.Site() as site:
            _, north = site_of(site)
            kill_while_sending(site, north, north.kill, north.start)

    def test_a_killed_receiver_receives_everything_once(self):
        with rig.Site() as site:
            _, north = site_of(site)
            (south,) = site.receivers()
            kill_while_sending(site, north, south.kill, south.start)

    def test_one_of_two_receivers_is_killed(self):
        with rig.Site() as site:
            _, north = site_of(site, receivers=2)
            south = site.receivers()[0]
            kill_while_sending(site, north, south.kill, south.start)

    def test_a_killed_server_loses_nothing(self):
        with rig.Site() as site:
            server, north = site_of(site)
            kill_while_sending(site, north, server.kill, lambda: server.start().ready())

    def test_everything_is_killed_at_once(self):
        with rig.Site() as site:
            server, north = site_of(site)
            (south,) = site.receivers()

            def kill():
                for process in site.random.sample([server, north, south], 3):
                    process.kill()

            def restart():
                server.start().ready()
                north.start()
                south.start()
            kill_while_sending(site, north, kill, restart)

    def test_a_receiver_that_is_killed_for_good_leaves_to_others_what_it_has_not_claimed(self):
        with rig.Site() as site:
            _, north = site_of(site, receivers=2)
            dead = site.receivers()[0]
            site.send_many(north, 60)
            rig.wait_for("the first containers", lambda: len(site.taken) > 3)
            dead.kill()
            site.send_many(north, 20, prefix="later")

            def all_but_held():
                site.arrived()
                left = set(site.sent) - set(site.taken)
                return not any(name.startswith("later") for name in left)
            rig.wait_for("everything that was not claimed", all_but_held)
            dead.start()
            site.await_arrival()


class Steps(unittest.TestCase):
    """What the ends send in the course of a delivery, in this order."""
    SENDER = (b"PUB test.data.", b"PUB test.job.", b"DELETE.test_job")
    RECEIVER = (b"MSG.NEXT.test_job", b"DIRECT.GET.test_data", b"PUB test.claim.", b"PUB test.receipt.", b"+ACK", b"DELETE.test_data")

    def test_a_server_that_is_killed_at_any_step_loses_and_doubles_nothing(self):
        """Right before it gets the message, and right after it: perhaps it was stored, and the reply was lost."""
        with rig.Site() as site:
            server = site.server().start().ready()
            proxies = [self.enterContext(network.Proxy(server.address)) for _ in range(2)]
            north = site.node("north", "send", f"nats://{proxies[0].address}").start()
            site.node("south", "receive", f"nats://{proxies[1].address}").start()
            site.take()
            site.send_many(north, 2)
            site.await_arrival()
            killed = threading.Event()

            def kill():
                server.kill()
                killed.set()
            number = 0
            for proxy, steps in zip(proxies, (self.SENDER, self.RECEIVER)):
                for step in steps:
                    for before in (True, False):
                        number += 1
                        killed.clear()
                        proxy.set_trap(step, kill, before)
                        site.send_many(north, 2, prefix=f"s{number}_", sizes=(5, 700_000))
                        rig.wait_for(lambda step=step: f"{step}", killed.is_set)
                        server.start().ready()
                        site.await_arrival()


class Store(unittest.TestCase):
    def test_a_store_that_is_put_back_to_an_older_state_loses_nothing(self):
        with rig.Site() as site:
            server, north = site_of(site)
            site.send_many(north, 12, prefix="before")
            site.await_arrival()
            for turn in range(TURNS // 2):
                server.stop()
                server.copy_store(site.place / "backup")
                server.start().ready()
                site.send_many(north, 12, prefix=f"t{turn}_")
                rig.time.sleep(site.random.random() * 0.3)
                server.kill()
                server.put_back_store(site.place / "backup")
                server.start().ready()
                self.assertFalse(site.lost())
            site.await_arrival()

    def test_a_backup_of_a_running_server_is_put_back(self):
        with rig.Site() as site:
            server, north = site_of(site)
            for turn in range(TURNS // 2):
                site.send_many(north, 12, prefix=f"a{turn}_")
                rig.time.sleep(site.random.random() * 0.1)
                server.copy_store(site.place / "backup")
                site.send_many(north, 12, prefix=f"b{turn}_")
                rig.time.sleep(site.random.random() * 0.2)
                server.kill()
                server.put_back_store(site.place / "backup")
                server.start().ready()
            site.await_arrival()

    def test_an_emptied_store_loses_nothing(self):
        with rig.Site() as site:
            server, north = site_of(site)
            for turn in range(TURNS // 2):
                site.send_many(north, 12, prefix=f"t{turn}_")
                rig.time.sleep(site.random.random() * 0.2)
                server.kill()
                server.put_back_store(None)
                server.start().ready()
                self.assertFalse(site.lost())
            site.await_arrival()

    def remove(self, call, again, names=None):
        """Every stream in turn loses its messages while the receiver stands still; again() lets the sender look."""
        with rig.Site() as site:
            server, north = site_of(site)
            (south,) = site.receivers()
            site.send_many(north, 3)
            site.await_arrival()
            if names is None:
                with server.client() as client:
                    names = sorted(client.streams())
            for name in names:
                south.carrier.signal(rig.signal.SIGSTOP)
                site.send_many(north, 6, prefix=name)
                rig.time.sleep(0.1)
                with server.client() as client:
                    client.api(f"STREAM.{call}.{name}")
                south.carrier.signal(rig.signal.SIGCONT)
                again(north)
                site.await_arrival(150)

    def test_a_stream_of_data_that_is_deleted_under_jobs_is_made_again(self):
        self.remove("DELETE", lambda _: None, ["test_data"])

    @unittest.skipUnless(rig.LONG, "PAXECT_TEST_LONG=1 takes some minutes")
    def test_streams_that_somebody_deletes_are_made_again(self):
        def restart(north):
            north.kill()
            north.start()
        self.remove("DELETE", restart)

    @unittest.skipUnless(rig.LONG, "PAXECT_TEST_LONG=1 takes some minutes")
    def test_streams_that_are_deleted_or_purged_are_found_out_without_a_restart(self):
        for call in ("DELETE", "PURGE"):
            self.remove(call, lambda _: None)


if __name__ == "__main__":
    rig.main()
