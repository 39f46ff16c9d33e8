#!/usr/bin/env python3
"""Fifty viewers: the panel stays small, asks the relay once for all of them, and drops who does not read."""
import os
import resource
import time
import unittest

import rig

VIEWERS = 50


def memory_kib(pid, field="VmRSS"):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field))


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return sum(map(int, stat.read().rsplit(")")[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")


def open_stream(panel):
    client = panel.connect()
    client.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return client


class Viewers(unittest.TestCase):
    def test_fifty_viewers_see_the_same_and_cost_little(self):
        with rig.Panel(separate=True) as panel:
            viewers = [open_stream(panel) for _ in range(VIEWERS)]
            streams = [viewer.makefile("rb") for viewer in viewers]
            begin = time.monotonic()
            counts = [0] * VIEWERS
            while time.monotonic() - begin < 5:
                for i, stream in enumerate(streams):
                    while not stream.readline().startswith(b"data: "):
                        pass
                    counts[i] += 1
            took = time.monotonic() - begin
            # The first comes at once; a report that was on its way may follow it.
            self.assertLessEqual(max(counts), took + 3, "more than one report each second")
            self.assertGreaterEqual(min(counts), 2)
            if not rig.SANITIZED:
                print(f"memory with {VIEWERS} viewers: {memory_kib(panel.process.pid)} KiB, "
                      f"threads: {memory_kib(panel.process.pid, 'Threads')}")
                self.assertLess(memory_kib(panel.process.pid), 30 * 1024)
            for each in streams + viewers:
                each.close()
            rig.wait_for("their ends", lambda: len(os.listdir(f"/proc/{panel.process.pid}/fd")) < VIEWERS)

    @unittest.skipIf(rig.SANITIZED, "the run-time of the sanitizer needs descriptors of its own")
    def test_without_a_descriptor_for_the_next_connection_it_rests(self):
        with rig.Panel(separate=True, limits=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))) as panel:
            viewers = [open_stream(panel) for _ in range(60)]
            rig.wait_for("the last descriptor", lambda: len(os.listdir(f"/proc/{panel.process.pid}/fd")) >= 39)
            begin, used = time.monotonic(), processor_seconds(panel.process.pid)
            rig.wait_for("three seconds", lambda: time.monotonic() - begin > 3)
            self.assertLess(processor_seconds(panel.process.pid) - used, 0.6)
            for viewer in viewers:
                viewer.close()
            rig.wait_for("room", lambda: panel.request("/").status == 200)

    def test_more_viewers_than_there_is_room_for_are_refused(self):
        with rig.Panel() as panel:
            viewers = [open_stream(panel) for _ in range(100)]
            for viewer in viewers:
                self.assertTrue(viewer.recv(20).startswith(b"HTTP/1.1 200"))
            self.assertEqual(panel.request("/events").status, 503)
            self.assertEqual(panel.request("/").status, 200)
            viewers.pop().close()
            rig.wait_for("room", lambda: self.is_admitted(panel))
            for viewer in viewers:
                viewer.close()

    def is_admitted(self, panel):
        with open_stream(panel) as viewer:
            return viewer.recv(20).startswith(b"HTTP/1.1 200")


if __name__ == "__main__":
    unittest.main()
