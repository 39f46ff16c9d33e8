#!/usr/bin/env python3
"""Three servers that replicate: one is killed, the leader is killed, all are killed, one loses its disk, one is cut off."""
import unittest

import network
import rig

STREAMS = ("test_data", "test_job", "test_claim", "test_receipt")


class Cluster(unittest.TestCase):
    def site(self, site, receivers=2):
        cluster = site.cluster().start()
        north = site.node("north", "send", cluster.urls).start()
        for i in range(receivers):
            site.node(f"south{i}", "receive", cluster.urls).start()
        site.take()
        site.send_many(north, 6)
        site.await_arrival()
        return cluster, north

    def test_a_server_that_is_killed_costs_nothing_but_time(self):
        with rig.Site() as site:
            cluster, north = self.site(site)
            with cluster.servers[0].client() as client:
                for name, stream in client.streams().items():
                    self.assertEqual(stream["config"]["num_replicas"], 3, name)
            for i, stream in enumerate(STREAMS if rig.LONG else STREAMS[1:2]):
                leader = rig.wait_for("a leader", lambda stream=stream: cluster.leader(stream))
                site.send_many(north, 12, prefix=f"a{i}_")
                rig.time.sleep(site.random.random() * 0.2)
                leader.kill()
                site.send_many(north, 6, prefix=f"b{i}_")
                site.await_arrival()  # by the two that are left
                leader.start().ready()

    def test_one_replica_in_a_cluster_is_reported(self):
        with rig.Site() as site:
            cluster = site.cluster().start()
            north = site.node("north", "send", cluster.urls, carrier="replicas = 1").start()
            rig.wait_for("a warning in the log", lambda: "is on one server of the cluster test" in north.carrier.text())
            texts = [one["text"] for one in north.command("doctor")["checks"] if one["state"] == "warning"]
            self.assertTrue([text for text in texts if "set replicas to 3" in text], texts)

    def test_streams_with_fewer_replicas_than_new_ones_get_are_reported(self):
        with rig.Site() as site:
            cluster, north = self.site(site, receivers=1)
            with cluster.servers[0].client() as client:
                for name in ("test_job", "test_receipt"):
                    config = client.streams()[name]["config"]
                    client.api(f"STREAM.UPDATE.{name}", {**config, "num_replicas": 1})

            def warnings():
                return [one["text"] for one in north.command("doctor")["checks"] if one["state"] == "warning" and "replicas" in one["text"]]
            found = rig.wait_for("a warning", warnings)
            self.assertEqual(len(found), 1, found)
            self.assertIn("test_job (1), test_receipt (1)", found[0])
            self.assertIn("nats stream edit NAME --replicas 3", found[0])
            with cluster.servers[0].client() as client:
                for name in ("test_job", "test_receipt"):
                    client.api(f"STREAM.UPDATE.{name}", {**client.streams()[name]["config"], "num_replicas": 3})
            rig.wait_for("the end of it", lambda: not warnings())

    def test_a_server_that_hangs_for_a_while_loses_and_doubles_nothing(self):
        """Connections to it stay open, it leads a stream, and the two others choose another leader."""
        with rig.Site() as site:
            cluster, north = self.site(site)
            leader = rig.wait_for("a leader", lambda: cluster.leader("test_job"))
            site.send_many(north, 12, prefix="a")
            leader.signal(rig.signal.SIGSTOP)
            site.send_many(north, 6, prefix="b")
            rig.wait_for("deliveries by the two others",
                         lambda: not site.lost() and [name for name in list(site.taken) if name.startswith("b")], 2 * rig.LIMIT)
            leader.signal(rig.signal.SIGCONT)
            site.send_many(north, 6, prefix="c")
            site.await_arrival(2 * rig.LIMIT)

    def test_all_servers_killed_at_once_lose_nothing(self):
        with rig.Site() as site:
            cluster, north = self.site(site)
            site.send_many(north, 20, prefix="k")
            rig.time.sleep(site.random.random() * 0.2)
            cluster.kill()
            self.assertFalse(site.lost())
            cluster.start()
            site.await_arrival()

    @unittest.skipUnless(rig.LONG, "PAXECT_TEST_LONG=1 takes half a minute more")
    def test_a_server_that_lost_its_disk_comes_back(self):
        with rig.Site() as site:
            cluster, north = self.site(site)
            site.send_many(north, 12, prefix="k")
            cluster.servers[1].kill()
            cluster.servers[1].put_back_store(None)
            cluster.servers[1].start().ready()
            site.send_many(north, 6, prefix="after")
            site.await_arrival()


class Partitions(unittest.TestCase):
    """One server and one of each kind of carrier are at the far end of a wire."""

    def setUp(self):
        reason = network.why_no_wire()
        if reason:
            rig.skip(self, reason)

    def test_the_side_without_a_majority_waits_and_reports_it_and_nothing_is_lost_or_doubled(self):
        with network.Wire(seed=rig.SEED) as wire, rig.Site() as site:
            cluster = site.cluster(hosts=(wire.near, wire.near, wire.far), wrap=wire.wrap()).start()
            near = ", ".join(server.url for server in cluster.servers[:2])
            far = cluster.servers[2].url
            north = site.node("north", "send", near).start()
            site.node("south", "receive", near).start()
            away = site.node("away", "send", far, wrap=wire.wrap()).start()
            site.node("west", "receive", far, wrap=wire.wrap()).start()
            site.take()
            for node in site.senders():
                site.send_many(node, 6, prefix=f"{node.name}0_")
            site.await_arrival()
            for turn in range(1, 4 if rig.LONG else 2):
                for node in site.senders():
                    site.send_many(node, 9, prefix=f"{node.name}{turn}_")
                rig.time.sleep(site.random.random() * 0.2)
                wire.cut = True
                waiting = [f"cut{turn}_{i}.freq" for i in range(3)]
                for name in waiting:
                    site.send(away, name, b"of the side without a majority")
                rig.wait_for(lambda: f"a report: {rig.problems(away)}", lambda: rig.problems(away), 2 * rig.LIMIT)
                site.send_many(north, 3, prefix=f"majority{turn}_")
                rig.wait_for("deliveries on the side with the majority", lambda turn=turn: not site.lost() and
                             {f"majority{turn}_{i}.freq" for i in range(3)} <= set(site.taken), 3 * rig.LIMIT)
                self.assertLessEqual(set(waiting), rig.visible(away.folder))
                self.assertFalse(set(waiting) & set(site.taken))
                wire.cut = False
                site.await_arrival(4 * rig.LIMIT)
                for node in site.nodes:
                    rig.wait_for(lambda node=node: f"the end of {rig.problems(node)}", lambda node=node: not rig.problems(node), 2 * rig.LIMIT)

    def test_a_sender_leaves_a_server_that_its_cluster_does_not_reach(self):
        """All carriers reach that server."""
        with network.Wire(seed=rig.SEED) as wire, rig.Site() as site:
            cluster = site.cluster(hosts=(wire.near, wire.near, wire.far), wrap=wire.wrap()).start()
            one, two, three = cluster.servers
            north = site.node("north", "send", f"{three.url}, {one.url}").start()
            site.node("south", "receive", f"{two.url}, {one.url}").start()
            site.take()
            site.send_many(north, 3)
            site.await_arrival()
            rig.wait_for("a quiet start", lambda: north.command("status", status=(0, 1))["report"]["server"] == three.url and not rig.problems(north))
            wire.cut_ports = frozenset(cluster.ports)
            site.send_many(north, 3, prefix="cut_")
            alone = site.node("alone", "send", three.url).start()
            site.send(alone, "alone.freq", b"data")
            for node in (north, alone):
                rig.wait_for(lambda node=node: f"a report: {node.carrier.text()}", lambda node=node: "its leader does not answer" in node.carrier.text(), 2 * rig.LIMIT)
            found = rig.wait_for("a problem in status", lambda: [text for text in rig.problems(alone) if f"the server {three.url} has the stream test_job" in text])
            self.assertTrue(found)
            self.assertEqual(alone.command("status", status=(1,))["state"], "running")
            failed = [one for one in alone.command("doctor", status=(1,))["checks"] if one["state"] == "failed"]
            self.assertIn("is the server cut off from its cluster", str(failed))
            rig.wait_for("what the cluster can deliver", lambda: set(site.taken) >= set(site.sent) - {"alone.freq"}, 3 * rig.LIMIT)
            rig.wait_for("its end", lambda: north.command("status", status=(0, 1))["report"]["server"] == one.url and not rig.problems(north))
            self.assertNotIn("alone.freq", site.taken)
            wire.cut_ports = frozenset()
            site.await_arrival(4 * rig.LIMIT)


if __name__ == "__main__":
    rig.main()
