#!/usr/bin/env python3
"""Consumers and epochs that stand still, and runs that end before all is done."""
import contextlib
import json
import threading
import time
import unittest

import rig


class Consumers(unittest.TestCase):
    @staticmethod
    @contextlib.contextmanager
    def held_job(server):
        """A job in the hand of nobody: it was given out and is not given to others."""
        done = threading.Event()
        with server.client() as client:
            _, ack, _, text = client.fetch("test_job", "receivers")

            def hold():
                while not done.wait(0.2):
                    client.publish(ack, b"+WPI")
            holder = threading.Thread(target=hold)
            holder.start()
            try:
                yield json.loads(text)["name"]
            finally:
                done.set()
                holder.join()

    def test_a_consumer_that_gives_out_nothing_is_made_again_and_nothing_arrives_twice(self):
        """What another receiver has delivered comes again too, while its sender is away."""
        with rig.Site() as site:
            server = site.server().start().ready()
            south = site.node("south", "receive", server.url).start()
            rig.wait_for("the consumer", lambda: (south.command("status", status=range(100))["report"] or {}).get("connected")
                         and south.command("peers", status=range(100)).get("peers"))
            south.stop()
            north = site.node("north", "send", server.url).start()
            site.send_many(north, 4)
            rig.wait_for("the jobs", lambda: len(rig.jobs(server)) == 4)
            north.stop()
            site.take()
            with self.held_job(server) as held:
                south.start()
                rig.wait_for("the others", lambda: set(site.taken) == set(site.sent) - {held})
                south.stop()
                west = site.node("west", "receive", server.url).start()
                rig.wait_for("the last one", lambda: held in site.taken, 3 * rig.LIMIT)
            self.assertIn("gives out none of 1 jobs", west.carrier.text())
            rig.wait_for("the end of the report", lambda: not rig.problems(west))
            report = rig.wait_for("all to come again", lambda: [report for report in [west.command("status", status=range(100))["report"]]
                                                               if report["repeated"] >= 3])[0]
            self.assertEqual((report["delivered"], report["damaged"]), (1, 0))
            north.start()
            site.await_arrival()


class Epochs(unittest.TestCase):
    def test_a_receiver_that_has_no_folder_asks_for_the_epoch_and_takes_nothing_for_silence(self):
        """It would connect again after 15 seconds without an answer, and remove the epoch of everybody after 15 more."""
        with rig.Site() as site:
            server = site.server().start().ready()
            south = site.node("south", "receive", server.url)
            self.assertEqual(rig.run_once(south), 0)  # makes the marker
            south.folder.rename(south.place / "away")

            def epoch():
                with server.client() as client:
                    return [message[3] for message in client.messages("test_epoch")]
            before = epoch()
            self.assertEqual(len(before), 1)
            with server.client(limit=rig.LIMIT) as other:
                other.subscribe("$JS.API.DIRECT.GET.test_epoch.>")
                other.flush()
                south.start()
                for _ in range(35):  # one a second, so that it takes more than 30 seconds
                    other.next()
            self.assertEqual(epoch(), before)
            self.assertNotIn("does not reply", south.carrier.text())
            (south.place / "away").rename(south.folder)
            site.send(site.node("north", "send", server.url).start(), "x.freq", b"data")
            site.take()
            site.await_arrival()


class Once(unittest.TestCase):
    def test_a_run_once_that_leaves_jobs_which_nobody_has_in_hand_is_incomplete(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            south = site.node("south", "receive", server.url, carrier="ack_wait_ms = 600000")
            self.assertEqual(rig.run_once(south), 0)  # makes the consumer
            site.send(site.node("north", "send", server.url).start(), "x.freq", b"data")
            rig.wait_for("the job", lambda: rig.jobs(server))
            with server.client() as client:
                _, ack, _, _ = client.fetch("test_job", "receivers")
                self.assertEqual(rig.run_once(south), 1)
                client.publish(ack, b"-NAK")
                client.flush()
            self.assertEqual(rig.run_once(south), 0)
            self.assertTrue((south.folder / "x.freq").exists())

    def pass_over(self, server, north, name):
        """Has the consumer take a job for delivered that is not, as one of a restarted server may; its sender is away."""
        site = north.site
        site.send(north, name, b"data")
        self.assertEqual(rig.run_once(north), 1)
        with server.client() as client:
            _, ack, _, text = client.fetch("test_job", "receivers")
            self.assertEqual(json.loads(text)["name"], name)
            client.publish(ack, b"+ACK")
            client.flush()

            def consumer():
                info = client.api("CONSUMER.INFO.test_job.receivers")
                return info["num_pending"] == 0 and info["num_ack_pending"] == 0
            rig.wait_for("the acknowledgement", consumer)

    def test_a_run_once_is_incomplete_where_a_job_was_passed_over_and_the_next_one_delivers_it(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url)
            south = site.node("south", "receive", server.url)
            self.assertEqual(rig.run_once(south), 0)  # makes the consumer
            self.pass_over(server, north, "x.freq")
            status, text = rig.run_once_with_text(south)
            self.assertEqual(status, 1, text)
            self.assertIn("has passed over x.freq (message 1), which has no receipt", text)
            self.assertEqual(rig.run_once(south), 0)
            self.assertIn("x.freq", rig.visible(south.folder))
            # The job stays until its sender comes, and has its receipt now.
            self.assertEqual(set(rig.jobs(server)), {"x.freq"})
            for receiver in (south, site.node("west", "receive", server.url)):
                status, text = rig.run_once_with_text(receiver)
                self.assertEqual(status, 0, text)
                self.assertNotIn("passed over", text)

    def test_a_receiver_reports_a_job_that_was_passed_over_and_delivers_it(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url)
            south = site.node("south", "receive", server.url)
            self.assertEqual(rig.run_once(south), 0)
            self.pass_over(server, north, "x.freq")
            south.start()
            rig.wait_for("the delivery", lambda: "x.freq" in rig.visible(south.folder))
            self.assertIn("has passed over x.freq (message 1)", south.carrier.text())
            rig.wait_for("the end of the report", lambda: not rig.problems(south))
            self.assertEqual(rig.run_once(north), 0)
            self.assertEqual(rig.visible(north.folder), set())

    def test_a_sender_that_runs_once_answers_its_receivers_after_a_restart_of_the_server(self):
        """A receiver that runs, and then one that runs with --once beside it."""
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url)
            south = site.node("south", "receive", server.url).start()
            rig.wait_for("the receiver", lambda: (south.command("status", status=range(100))["report"] or {}).get("connected"))
            south.stop()
            for runs in ("always", "once"):
                site.send(north, f"{runs}.freq", b"data")
                status, text = rig.run_once_with_text(north)
                self.assertEqual(status, 1)
                self.assertIn(f"1 files of {north.folder} are on the server and have no receipt yet, such as {runs}.freq", text)
                server.kill()
                server.start().ready()
                if runs == "always":
                    south.start()
                    rig.wait_for("the receiver to have asked in vain", lambda: "does not answer" in south.carrier.text())
                    status, text = rig.run_once_with_text(north)
                    south.stop()
                else:
                    sender = rig.Process([*north.carrier.argv, "--once"], north.place / "once.err", north.place).start()
                    rig.wait_for("the end of the sender", lambda: not sender.running() or rig.run_once(south) == 99)
                    status, text = sender.process.wait(), sender.text()
                self.assertEqual(status, 0, text)
                self.assertEqual(rig.visible(north.folder), set())
            self.assertEqual({"always.freq", "once.freq"} - rig.visible(south.folder), set())

    def test_a_sender_that_runs_once_ends_where_no_receiver_asks(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url)
            site.send(north, "x.freq", b"data")
            self.assertEqual(rig.run_once(north), 1)
            server.kill()
            server.start().ready()
            begin = time.monotonic()
            status, text = rig.run_once_with_text(north)
            self.assertEqual(status, 1)
            self.assertGreaterEqual(time.monotonic() - begin, 5)
            self.assertIn("their receivers must ask this sender first: run it while the receivers run", text)

    def test_a_run_once_ends_where_nothing_can_be_stored(self):
        with rig.Site() as site:
            server = site.server()
            server.write()
            server.config.write_text(f'listen: "127.0.0.1:{server.port}"\n')  # without JetStream
            rig.Process.start(server)
            rig.wait_for("the server", lambda: "Server is ready" in server.text())
            for mode in ("send", "receive"):
                node = site.node(mode, mode, server.url)
                site.send(node, "x.freq", b"data")
                self.assertNotEqual(rig.run_once(node), 0, mode)

    def test_a_run_once_ends_when_the_folder_is_away(self):
        with rig.Site() as site:
            server = site.server().start().ready()
            for mode in ("send", "receive"):
                node = site.node(mode, mode, server.url)
                rig.run_once(node)  # makes the marker
                node.folder.rename(node.place / "away")
                self.assertNotEqual(rig.run_once(node), 0, mode)


    @rig.needs("strace")
    def test_a_run_once_does_not_wait_for_a_sender_that_is_away_after_a_loss_of_the_store(self):
        """Of what the receiver has fetched and claimed when it is killed, and of what it would fetch."""
        with rig.Site() as site:
            server = site.server().start().ready()
            north = site.node("north", "send", server.url).start()
            south = site.node("south", "receive", server.url).start()
            rig.wait_for("the receiver", lambda: (south.command("status", status=range(100))["report"] or {}).get("connected"))
            south.stop()
            south.carrier.traced("renameat2", "signal=KILL:when=1+", south.place / "trace")
            site.send(north, "claimed.freq", b"data")
            rig.wait_for("the crash", lambda: not south.carrier.running())
            north.stop()
            server.kill()
            server.put_back_store(None)
            server.start().ready()
            self.assertEqual(rig.run_once(south), 1)
            north.start()
            rig.wait_for("the job", lambda: rig.jobs(server))
            north.stop()
            server.kill()
            server.start().ready()
            self.assertEqual(rig.run_once(south), 1)
            self.assertFalse(rig.visible(south.folder))
            site.take()
            north.start()
            south.start()
            site.await_arrival()


if __name__ == "__main__":
    rig.main()
