#!/usr/bin/env python3
"""The Python module of examples/embed_python with the installed library: embed_python_test.py SOURCES PREFIX

It runs as a copy in a folder of its own and finds the library by the paxect-core command in PATH."""
import ctypes
import errno
import fcntl
import importlib.util
import io
import json
import os
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import types
import unittest
from pathlib import Path

SOURCES, PREFIX = Path(sys.argv[1]), Path(sys.argv[2])
VECTORS = SOURCES / "tests/vectors"
MODULE = SOURCES / "examples/embed_python/paxect_core.py"
TOOL = PREFIX / "bin/paxect-core"
DATA = b"a line of text\n" * 100_000


def load(path):
    spec = importlib.util.spec_from_file_location("paxect_core", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the condition did not hold within a minute")
        time.sleep(0.002)


def unread(pipe):
    """Bytes in a pipe."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]


def state_of(pid):
    """S when the main thread of the process waits."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]


def job(source, target, **options):
    return types.SimpleNamespace(input=source, output=target, **options)


class Module(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="paxect_test.")
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name)
        self.script = Path(shutil.copy(MODULE, self.path / "paxect_core.py"))
        os.environ["PATH"] = f"{PREFIX}/bin:{os.defpath}"
        os.environ.pop("PAXECT_CORE_LIBRARY", None)
        self.core = load(self.script)

    def encoded(self, data, **options):
        out = io.BytesIO()
        self.assertEqual(self.core.encode(job(io.BytesIO(data), out, **options)), 0)
        return out.getvalue()

    def program(self, *arguments, **options):
        return subprocess.run([sys.executable, self.script, *arguments], capture_output=True, timeout=120, check=False,
                              cwd=self.path, **options)


class Bytes(Module):
    def test_options_give_the_same_bytes_as_those_of_the_command(self):
        (self.path / "data").write_bytes(DATA)
        for options in ({}, {"level": -3}, {"frame": 4096, "channels": 8}, {"channels": "auto", "mapping": "u16"},
                        {"verify": True}):
            with self.subTest(options=options):
                flags = [part for name, value in options.items()
                         for part in ([f"--{name}"] if value is True else [f"--{name}", str(value)])]
                expected = subprocess.run([TOOL, "encode", "-i", self.path / "data", *flags], capture_output=True,
                                          check=True).stdout
                self.core.encode(job(self.path / "data", self.path / "out", **options))
                self.assertEqual((self.path / "out").read_bytes(), expected)
                self.assertEqual(self.encoded(DATA, **options), expected)

    def test_every_vector_has_its_exit_status_and_its_data(self):
        for vector in json.loads((VECTORS / "index.json").read_text())["vectors"]:
            name = vector["name"]
            with self.subTest(name=name):
                container, out = VECTORS / f"{name}.freq", self.path / "out"
                self.assertEqual(self.core.main(["decode", "-i", str(container), "-o", str(out)]), vector["exit"])
                self.assertEqual(out.exists(), vector["exit"] == 0)
                if vector["exit"] == 0:
                    self.assertEqual(out.read_bytes(), (VECTORS / f"{name}.bin").read_bytes())
                    out.unlink()

    def test_no_data_and_several_threads_at_once(self):
        self.assertEqual(self.core.decode(job(io.BytesIO(self.encoded(b"")), io.BytesIO())), 0)
        results = {}
        threads = [threading.Thread(target=lambda n=n: results.update({n: self.encoded(DATA * n)})) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, {n: self.encoded(DATA * n) for n in range(4)})


class Streams(Module):
    def test_a_socket_carries_a_container(self):
        near, far = socket.socketpair()
        received = io.BytesIO()

        def receive():
            with far, far.makefile("rb") as stream:
                self.core.decode(job(stream, received))
        thread = threading.Thread(target=receive)
        thread.start()
        with near, near.makefile("wb") as stream:
            self.core.encode(job(io.BytesIO(DATA), stream))
        thread.join()
        self.assertEqual(received.getvalue(), DATA)

    def test_a_raw_stream_that_takes_and_gives_a_part_at_a_time_is_served(self):
        class Slow(io.RawIOBase):
            def __init__(self, data=b""):
                self.data = bytearray(data)

            def read(self, size=-1):
                part, self.data = bytes(self.data[:min(size, 1000)]), self.data[min(size, 1000):]
                return part

            def write(self, data):
                self.data += data[:1000]
                return min(len(data), 1000)

        out = Slow()
        self.core.encode(job(Slow(DATA), out))
        self.assertEqual(bytes(out.data), self.encoded(DATA))

    def test_a_stream_and_a_path_in_either_order(self):
        (self.path / "data").write_bytes(DATA)
        out = io.BytesIO()
        self.core.encode(job(self.path / "data", out))
        os.umask(0o027)
        self.addCleanup(os.umask, 0o022)
        self.core.decode(job(io.BytesIO(out.getvalue()), self.path / "new"))
        self.assertEqual((self.path / "new").read_bytes(), DATA)
        self.assertEqual(stat.S_IMODE((self.path / "new").stat().st_mode), 0o640)
        (self.path / "new").chmod(0o600)
        (self.path / "link").symlink_to("new")
        self.core.encode(job(io.BytesIO(DATA), self.path / "link"))
        self.assertTrue((self.path / "link").is_symlink())
        self.assertEqual((self.path / "new").read_bytes(), out.getvalue())
        self.assertEqual(stat.S_IMODE((self.path / "new").stat().st_mode), 0o600)
        self.core.encode(job(io.BytesIO(DATA), "/dev/null"))

    def test_a_failure_leaves_the_output_as_it_was(self):
        (self.path / "old").write_bytes(b"old")
        before = sorted(self.path.iterdir())
        for container in (b"no container", self.encoded(DATA)[:-10]):
            (self.path / "old.freq").write_bytes(container)
            for source in (io.BytesIO(container), self.path / "old.freq"):
                for target in ("old", "new"):
                    with self.assertRaises(ValueError):
                        self.core.decode(job(source, self.path / target))
            (self.path / "old.freq").unlink()
        self.assertEqual(sorted(self.path.iterdir()), before)
        self.assertEqual((self.path / "old").read_bytes(), b"old")


class Outputs(Module):
    """Of a stream, where Python writes the file."""

    def test_a_non_blocking_raw_stream_that_takes_nothing_is_an_error(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        os.set_blocking(writer, False)
        with open(writer, "wb", buffering=0) as sink, self.assertRaises(BlockingIOError):
            self.core.encode(job(io.BytesIO(os.urandom(1 << 20)), sink))

    def test_a_stream_that_does_not_count_takes_everything(self):
        parts = []
        self.core.encode(job(io.BytesIO(DATA), types.SimpleNamespace(write=lambda data: parts.append(bytes(data)))))
        self.assertEqual(b"".join(parts), self.encoded(DATA))

    def test_a_wrong_count_of_a_stream_is_refused(self):
        for count in (0, -1, 1 << 30):
            with self.assertRaises((BlockingIOError, ValueError)):
                self.core.encode(job(io.BytesIO(DATA), types.SimpleNamespace(write=lambda _, count=count: count)))

    def test_standard_output_is_written_as_it_is(self):
        (self.path / "data").write_bytes(DATA)
        (self.path / "link").symlink_to("/dev/stdout")
        expected = self.encoded(DATA)
        for source in ("-", "data"):
            for target in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"):
                with self.subTest(source=source, target=target):
                    arguments = ("encode", "-i", source, "-o", target)
                    result = self.program(*arguments, input=DATA)
                    self.assertEqual((result.returncode, result.stdout, result.stderr), (0, expected, b""))
                    with open(self.path / "log", "wb") as log:
                        log.write(b"before\n")
                        log.flush()
                        subprocess.run([sys.executable, self.script, *arguments], cwd=self.path, input=DATA, check=True,
                                       stdout=log)
                        self.assertEqual((self.path / "log").read_bytes(), b"before\n" + expected)

    def replace(self, mode):
        """The permissions of a file with this mode after it was replaced."""
        (self.path / "out").write_bytes(b"old")
        (self.path / "out").chmod(mode)
        self.core.encode(job(io.BytesIO(DATA), self.path / "out"))
        return stat.S_IMODE((self.path / "out").stat().st_mode)

    def test_a_replaced_file_gives_its_permissions_but_no_set_id_bits(self):
        self.assertEqual(self.replace(0o640), 0o640)
        self.assertEqual(self.replace(0o6755), 0o755)

    def test_a_replaced_file_gives_its_access_control_list(self):
        (self.path / "out").write_bytes(b"old")
        # user::rw- user:12345:rw- group::--- mask::rw- other::---
        entries = ((1, 6, 0xFFFFFFFF), (2, 6, 12345), (4, 0, 0xFFFFFFFF), (16, 6, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF))
        access_list = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
        try:
            os.setxattr(self.path / "out", "system.posix_acl_access", access_list)
        except OSError as error:
            self.skipTest(f"the file system has no access control lists: {error}")
        self.core.encode(job(io.BytesIO(DATA), self.path / "out"))
        self.assertEqual(os.getxattr(self.path / "out", "system.posix_acl_access"), access_list)

    def test_jobs_of_several_threads_leave_the_umask(self):
        self.addCleanup(os.umask, os.umask(0o027))
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(1e-6)

        def work(name):
            for number in range(100):
                self.core.encode(job(io.BytesIO(b"data"), self.path / f"{name}.{number}.freq"))
        threads = [threading.Thread(target=work, args=[name]) for name in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(os.umask(0o027), 0o027)
        modes = [stat.S_IMODE(path.stat().st_mode) for path in self.path.glob("*.freq")]
        self.assertEqual(modes, [0o640] * 600)

    def test_a_new_file_gets_what_the_default_access_control_list_of_its_folder_gives(self):
        # user::rwx user:12345:rw- group::r-x mask::rwx other::---
        entries = ((1, 7, 0xFFFFFFFF), (2, 6, 12345), (4, 5, 0xFFFFFFFF), (16, 7, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF))
        access_list = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
        try:
            os.setxattr(self.path, "system.posix_acl_default", access_list)
        except OSError as error:
            self.skipTest(f"the file system has no access control lists: {error}")
        (self.path / "usual").write_bytes(b"")
        self.core.encode(job(io.BytesIO(DATA), self.path / "out"))
        for name in ("usual", "out"):
            self.assertEqual(stat.S_IMODE((self.path / name).stat().st_mode), 0o660, name)
        self.assertEqual(*(os.getxattr(self.path / name, "system.posix_acl_access") for name in ("usual", "out")))

    def test_a_file_system_without_unnamed_files_gives_the_same_permissions(self):
        opened = os.open
        self.addCleanup(setattr, os, "open", opened)

        def refuse(path, flags, *rest, **options):
            if flags & os.O_TMPFILE == os.O_TMPFILE:
                raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
            return opened(path, flags, *rest, **options)
        os.open = refuse
        self.addCleanup(os.umask, os.umask(0o027))
        self.core.encode(job(io.BytesIO(DATA), self.path / "out"))
        self.assertEqual(stat.S_IMODE((self.path / "out").stat().st_mode), 0o640)
        self.assertEqual({path.name for path in self.path.iterdir()}, {"out", "paxect_core.py"})

    def test_a_new_owner_gives_nobody_access(self):
        if os.geteuid() != 0:
            self.skipTest("only root can run a program as another user")
        nobody = {"user": 65534, "group": 65534, "extra_groups": [], "cwd": self.path, "env": {"PATH": f"{TOOL.parent}"}}
        self.path.chmod(0o777)
        command = ["/usr/bin/python3", self.script]
        if subprocess.run([*command, "encode"], capture_output=True, stdin=subprocess.DEVNULL, check=False,
                          **nobody).returncode != 0:
            self.skipTest("another user cannot run Python with the installed library")
        (self.path / "out").write_bytes(b"old")
        (self.path / "out").chmod(0o662)  # the group of the new file belonged to "others", who could not read
        result = subprocess.run([*command, "encode", "-o", "out"], input=DATA, capture_output=True, check=False, **nobody)
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        new = (self.path / "out").stat()
        self.assertEqual((new.st_uid, new.st_gid, stat.S_IMODE(new.st_mode)), (65534, 65534, 0o622))

    def test_a_read_only_file_is_not_replaced(self):
        (self.path / "out").write_bytes(b"old")
        (self.path / "out").chmod(0o444)
        if os.access(self.path / "out", os.W_OK):
            self.skipTest("this user may write everywhere")
        with self.assertRaises(PermissionError):
            self.core.encode(job(io.BytesIO(DATA), self.path / "out"))
        self.assertEqual((self.path / "out").read_bytes(), b"old")


class Failures(Module):
    def test_an_exception_of_a_stream_arrives_as_itself(self):
        class Broken(Exception):
            pass

        failure = Broken("of the stream")

        def fail(*_):
            raise failure
        container = self.encoded(DATA)
        for call, good in ((self.core.encode, DATA), (self.core.decode, container)):
            for ends in ((types.SimpleNamespace(read=fail), io.BytesIO()),
                         (io.BytesIO(good), types.SimpleNamespace(write=fail))):
                with self.assertRaises(Broken) as caught:
                    call(job(*ends))
                self.assertIs(caught.exception, failure)

    def test_wrong_streams_are_refused(self):
        for source, expected in ((io.StringIO("text"), TypeError), (types.SimpleNamespace(read=lambda _: None), BlockingIOError),
                                 (types.SimpleNamespace(read=lambda n: bytes(n + 1)), ValueError)):
            with self.assertRaises(expected):
                self.core.encode(job(source, io.BytesIO()))
        with self.assertRaises(TypeError):
            self.core.encode(job(io.BytesIO(DATA), io.StringIO()))

    def test_an_error_tells_status_offset_frame_and_exit_status(self):
        container = bytearray(self.encoded(DATA, frame=65536))
        container[24 + 10] ^= 1  # the CRC-32 of frame 0
        with self.assertRaises(self.core.ContainerError) as caught:
            self.core.decode(job(io.BytesIO(container), io.BytesIO()))
        error = caught.exception
        self.assertEqual((error.status, error.offset, error.frame, error.exit_status), (57, 24, 0, 4))
        with self.assertRaises(EOFError) as caught:
            self.core.decode(job(io.BytesIO(container[:20]), io.BytesIO()))
        self.assertEqual((caught.exception.status, caught.exception.offset), (53, 20))
        with self.assertRaises(self.core.ParameterError) as caught:
            self.encoded(DATA, level=23)
        self.assertEqual((caught.exception.status, caught.exception.exit_status), (11, 64))
        with self.assertRaises(self.core.FileError) as caught:
            self.core.encode(job(str(self.script), str(self.script)))
        self.assertEqual((caught.exception.status, caught.exception.exit_status), (33, 3))

    def test_digest_and_counts_are_returned(self):
        for name, status in (("digest-flip", 2), ("count-wrong", 4), ("total-wrong", 4)):
            self.assertEqual(self.core.decode(job(VECTORS / f"{name}.freq", io.BytesIO())), status, name)

    def test_one_line_names_the_file(self):
        result = self.program("decode", "-i", VECTORS / "crc-flip.freq", "-o", "x")
        self.assertEqual(result.returncode, 4)
        self.assertEqual(result.stderr.count(b"\n"), 1)
        self.assertIn(b"crc-flip.freq: ", result.stderr)

    def test_a_missing_library_is_reported_with_the_remedy(self):
        result = self.program("encode", "-i", self.script, env={"PATH": "/nowhere", "LD_LIBRARY_PATH": ""})
        if result.returncode == 0:
            self.skipTest("the library is installed where the dynamic linker finds it")
        self.assertEqual(result.returncode, 3)
        self.assertEqual(result.stderr.count(b"\n"), 1)
        self.assertIn(b"install PAXECT, or set PAXECT_CORE_LIBRARY", result.stderr)

    def test_the_library_is_the_named_one(self):
        named = PREFIX / "lib/libpaxect_core.so.1"
        for library, status in ((named, 0), ("/nowhere/library.so", 3)):
            result = self.program("encode", "-i", self.script, env={"PATH": "/nowhere", "PAXECT_CORE_LIBRARY": str(library)})
            self.assertEqual(result.returncode, status, result.stderr)
        shutil.copy(named, self.path / "libpaxect_core.so.1")
        self.assertEqual(self.program("encode", "-i", self.script, env={"PATH": "/nowhere"}).returncode, 0)


INTERRUPTED = """
import signal, sys, types
import paxect_core
handlers = [signal.getsignal(number) for number in signal.valid_signals()]
try:
    print("started", flush=True)
    source = open(sys.argv[2], "rb", buffering=0) if sys.argv[1] == "stream" else sys.argv[2]
    paxect_core.encode(types.SimpleNamespace(input=source, output=sys.argv[3]))
except KeyboardInterrupt:
    print("interrupted")
assert handlers == [signal.getsignal(number) for number in signal.valid_signals()]
"""


SEVERAL = """
import signal, sys, types
import paxect_core
def end(number, _):
    raise SystemExit(number)
signal.signal(signal.SIGUSR1, end)
signal.signal(signal.SIGTERM, end)
try:
    try:
        print("started", flush=True)
        paxect_core.encode(types.SimpleNamespace(input=sys.argv[1], output=sys.argv[2]))
    finally:
        for number in (signal.SIGUSR1, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
except KeyboardInterrupt:
    print("interrupted")
"""


class Alarm(Exception):
    pass


# Before 3.11, Python itself fails when a handler raises while the exception of another one is on its way.
ALARMS = (Alarm,) if sys.version_info >= (3, 11) else (Alarm, SystemError)


class Pending:
    """Handlers of several signals. Each raises Alarm with its number while a job of the module runs."""
    SIGNALS = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM)  # Python runs the handlers in this order

    def __init__(self, test):
        self.count = 0
        for number in self.SIGNALS:
            test.addCleanup(signal.signal, number, signal.signal(number, self.handle))
        test.addCleanup(signal.signal, signal.SIGALRM, signal.signal(signal.SIGALRM, self.send))

    @staticmethod
    def handle(number, frame):
        while frame and frame.f_code.co_name != "_run":
            frame = frame.f_back
        if frame:
            raise Alarm(number)

    def send(self, *_):
        """All in one call, within which Python runs no handler. Each one runs when the interpreter next looks for signals."""
        list(map(ctypes.CDLL(None)["raise"], self.SIGNALS[:self.count]))


class Interrupts(Module):
    def interrupt(self, how, source, target, until):
        """SIGINT to a job that waits, when the condition holds."""
        with subprocess.Popen([sys.executable, "-c", INTERRUPTED, how, source, target], cwd=self.path,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            self.assertEqual(child.stdout.readline(), b"started\n")
            with until(child) or io.BytesIO():
                wait_for(lambda: state_of(child.pid) == "S")
                for _ in range(60):  # one that arrives just before a blocking call is noticed with the next one
                    child.send_signal(signal.SIGINT)
                    try:
                        out, err = child.communicate(timeout=1)
                        break
                    except subprocess.TimeoutExpired:
                        continue
        self.assertEqual((out, err, child.returncode), (b"interrupted\n", b"", 0))

    def feed(self, _):
        """Data that is less than a frame. The caller closes the FIFO."""
        fifo = open(self.path / "fifo", "wb", buffering=0)  # waits until the child opens it
        fifo.write(DATA[:1000])
        wait_for(lambda: unread(fifo) == 0)
        return fifo

    def test_an_interrupt_of_a_file_job_arrives_as_itself(self):
        os.mkfifo(self.path / "fifo")
        self.interrupt("path", "fifo", "out", self.feed)
        self.assertFalse((self.path / "out").exists())

    def test_an_interrupt_of_a_stream_arrives_as_itself(self):
        os.mkfifo(self.path / "fifo")
        self.interrupt("stream", "fifo", "out", self.feed)
        self.assertFalse((self.path / "out").exists())

    def test_an_interrupt_of_the_opening_of_a_fifo_arrives_as_itself(self):
        os.mkfifo(self.path / "fifo")
        (self.path / "data").write_bytes(DATA)
        for source, target in (("fifo", "out"), ("data", "fifo")):
            with self.subTest(source=source):
                self.interrupt("path", source, target, lambda _: None)
        self.assertFalse((self.path / "out").exists())

    def test_an_exception_of_a_signal_handler_at_any_moment_ends_the_job_or_finds_it_complete(self):
        def ring(*_):
            raise Alarm
        self.addCleanup(signal.signal, signal.SIGALRM, signal.signal(signal.SIGALRM, ring))
        expected = self.encoded(DATA, frame=4096)
        (self.path / "data").write_bytes(DATA)
        (self.path / "expected").write_bytes(expected)
        out, ends = self.path / "out", {"data": 0, "alarm": 0}
        for number in range(200):
            for source in (self.path / "data", io.BytesIO(DATA)):
                try:
                    try:
                        signal.setitimer(signal.ITIMER_REAL, 0.0001 + number % 100 * 0.0002)
                        self.core.encode(job(source, out, frame=4096))
                    finally:
                        signal.setitimer(signal.ITIMER_REAL, 0)
                    ends["data"] += 1
                    self.assertEqual(out.read_bytes(), expected)
                except Alarm:
                    ends["alarm"] += 1
                wait_for(lambda: len(os.listdir("/proc/self/task")) == 1)
                if out.exists():
                    self.assertEqual(out.read_bytes(), expected)
                    out.unlink()
                self.assertEqual({path.name for path in self.path.iterdir()}, {"data", "expected", "paxect_core.py"})
        self.assertTrue(all(ends.values()), ends)

    def assert_nothing_is_left(self, *files):
        """The files are gone when the exception arrives. A thread that has released its lock needs a moment to end."""
        self.assertEqual({path.name for path in self.path.iterdir()}, {*files, "paxect_core.py"})
        wait_for(lambda: len(os.listdir("/proc/self/task")) == 1)

    def test_the_first_of_several_exceptions_of_signal_handlers_arrives(self):
        pending = Pending(self)
        for pending.count in (1, 2, 3):
            for ends in ((types.SimpleNamespace(read=pending.send), self.path / "out"),
                         (io.BytesIO(DATA), types.SimpleNamespace(write=pending.send))):
                with self.subTest(count=pending.count), self.assertRaises(Alarm) as caught:
                    self.core.encode(job(*ends))
                failure = caught.exception
                while sys.version_info < (3, 11) and failure.__context__:
                    failure = failure.__context__
                self.assertEqual(failure.args, (signal.SIGHUP,))
                self.assert_nothing_is_left()

    def test_more_exceptions_of_signal_handlers_leave_nothing_behind(self):
        pending = Pending(self)
        pending.count = len(pending.SIGNALS)
        for _ in range(20):
            with self.assertRaises(Alarm):
                self.core.encode(job(types.SimpleNamespace(read=pending.send), self.path / "out"))
            self.assert_nothing_is_left()

    def test_several_signals_at_any_moment_end_the_job_or_find_it_complete(self):
        pending = Pending(self)
        expected = self.encoded(DATA, frame=4096)
        (self.path / "data").write_bytes(DATA)
        out, ends = self.path / "out", {"data": 0, "alarm": 0}
        for number in range(100):
            pending.count = 2 + number % 3
            for source in (self.path / "data", io.BytesIO(DATA)):
                try:
                    try:
                        signal.setitimer(signal.ITIMER_REAL, 0.0001 + number % 50 * 0.0004)
                        self.core.encode(job(source, out, frame=4096))
                    finally:
                        signal.setitimer(signal.ITIMER_REAL, 0)
                    ends["data"] += 1
                    self.assertEqual(out.read_bytes(), expected)
                except ALARMS:
                    ends["alarm"] += 1
                if out.exists():
                    self.assertEqual(out.read_bytes(), expected)
                    out.unlink()
                self.assert_nothing_is_left("data")
        self.assertTrue(all(ends.values()), ends)

    def test_a_program_that_gets_several_signals_at_once_ends(self):
        os.mkfifo(self.path / "fifo")
        for signals in ((signal.SIGINT, signal.SIGTERM), (signal.SIGINT, signal.SIGUSR1, signal.SIGTERM)) * 3:
            with subprocess.Popen([sys.executable, "-c", SEVERAL, "fifo", "out"], cwd=self.path, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE) as child:
                self.addCleanup(child.kill)
                self.assertEqual(child.stdout.readline(), b"started\n")
                with self.feed(None):
                    wait_for(lambda child=child: state_of(child.pid) == "S")
                    child.send_signal(signal.SIGSTOP)
                    wait_for(lambda child=child: state_of(child.pid) == "T")
                    for number in signals:
                        child.send_signal(number)
                    child.send_signal(signal.SIGCONT)
                    try:
                        out, err = child.communicate(timeout=20)
                    except subprocess.TimeoutExpired:
                        child.kill()
                        raise
            ends = [(b"interrupted\n", b"", 0)]  # before Python 3.11, the exception of a later handler can arrive
            ends += [(b"", b"", int(number)) for number in signals[1:] if sys.version_info < (3, 11)]
            self.assertIn((out, err, child.returncode), ends)
            self.assertEqual({path.name for path in self.path.iterdir()} - {"__pycache__"}, {"fifo", "paxect_core.py"})

    def test_the_threads_of_a_job_leave_signals_to_the_others(self):
        blocked = []

        def read(_):
            for task in Path("/proc/self/task").iterdir():
                if int(task.name) != threading.get_native_id():
                    status = (task / "status").read_text(encoding="ascii")
                    blocked.append(int(status.partition("SigBlk:")[2].split()[0], 16))
            return b""
        self.core.encode(job(types.SimpleNamespace(read=read), io.BytesIO()))
        self.assertTrue(blocked)
        for mask in blocked:
            self.assertTrue(mask >> (signal.SIGINT - 1) & mask >> (signal.SIGTERM - 1) & 1)
            self.assertFalse(mask >> (signal.SIGSEGV - 1) & 1)

    def test_a_job_of_another_thread_goes_on_when_the_main_thread_is_interrupted(self):
        os.mkfifo(self.path / "fifo")
        thread = threading.Thread(target=self.core.encode, args=[job(self.path / "fifo", self.path / "out")])
        thread.start()
        with self.feed(None) as fifo:
            with self.assertRaises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
            fifo.write(DATA[1000:])
        thread.join()
        self.assertEqual((self.path / "out").read_bytes(), self.encoded(DATA))

    def test_an_exception_at_the_start_of_a_callback_is_not_a_success(self):
        ignored = []
        self.addCleanup(setattr, sys, "unraisablehook", sys.unraisablehook)
        sys.unraisablehook = ignored.append
        begin = self.core._Worker._work
        for name in ("_put", "_get"):
            def fail(frame, event, _, name=name):
                if event == "call" and frame.f_code.co_name == name:
                    raise MemoryError
            self.core._Worker._work = lambda worker, fail=fail: sys.setprofile(fail) or begin(worker)
            with self.assertRaises(self.core.Error):
                self.encoded(DATA)
        self.assertTrue(ignored)

    def test_a_thread_that_cannot_be_started_is_reported(self):
        def refuse(*_):
            raise RuntimeError("can't start new thread")
        self.core._thread = types.SimpleNamespace(allocate_lock=threading.Lock, start_new_thread=refuse)
        with self.assertRaisesRegex(OSError, "cannot start a thread"):
            self.encoded(DATA)


class Scripts(Module):
    def test_archive_by_the_module_as_a_program(self):
        result = subprocess.run(SOURCES / "tests/dropin/scripts/archive.sh", cwd=self.path, capture_output=True, text=True,
                                check=False, env={**os.environ, "CORE": f"{sys.executable} paxect_core.py"})
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_a_relay_calls_it_as_its_core(self):
        (self.path / "inbox").mkdir()
        (self.path / "inbox/example.txt").write_bytes(DATA)
        os.environ["PAXECT_CORE"] = f"{sys.executable} paxect_core.py"
        self.addCleanup(os.environ.pop, "PAXECT_CORE")
        subprocess.run([PREFIX / "bin/paxect", "run", "--once"], cwd=self.path, check=True, capture_output=True, timeout=120)
        self.assertEqual((self.path / "outbox/example").read_bytes(), DATA)

    def test_a_script_that_imports_the_python_core_runs_unchanged(self):
        script = shutil.copy(SOURCES / "tests/dropin/scripts/import_core.py", self.path)
        for core in (SOURCES / "tests/dropin/python_core/paxect_core.py", MODULE):
            shutil.copy(core, self.script)
            result = subprocess.run([sys.executable, script], cwd=self.path, capture_output=True, text=True, check=False,
                                    env={**os.environ, "PAXECT_ORACLE": str(SOURCES / "tests/core/oracle")})
            self.assertEqual(result.returncode, 0, f"{core}: {result.stderr}")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
