#!/usr/bin/env python3
"""Three servers that replicate: one is killed, the leader is killed, all are killed, one loses its disk."""
import unittest

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


if __name__ == "__main__":
    rig.main()
