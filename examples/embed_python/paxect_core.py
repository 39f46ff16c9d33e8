#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Encodes and decodes .freq containers with libpaxect_core, through ctypes. Needs Python 3.9 and nothing else.

A program, with the options of the Python core:

    python3 paxect_core.py encode -i data.txt -o data.freq --level 9
    python3 paxect_core.py decode <data.freq >data.txt

A module, with its names: parse_args, encode, decode and main. `args.input` and `args.output` are paths, "-" or None for
standard input and output, or binary streams; attributes that are missing have their defaults.

    paxect_core.encode(paxect_core.parse_args(["encode", "-i", "data.txt", "-o", "data.freq"]))
    paxect_core.decode(types.SimpleNamespace(input=io.BytesIO(container), output=sock.makefile("wb")))

A failure raises Error, with `status` (PAXECT_ERROR_*), `offset`, `frame` and `exit_status` (of the paxect-core command),
or the exception that a stream raised. Its subclasses are also those that the Python core raises: ValueError for a damaged
container, EOFError for one that ends too early, OSError for a file. As there, `decode` returns 2 when the SHA-256 of the
data differs and 4 when the footer's totals do. A regular output file appears complete or not at all; what a stream
received before a failure is to be discarded. A non-blocking stream that is not ready raises BlockingIOError.

The library works on a thread of its own; the streams are used by the calling thread. An exception of a signal handler,
such as KeyboardInterrupt, stops the job, and arrives when the job has ended. Exceptions of further handlers that run
meanwhile are dropped, or replace it with it as their context. Signal handlers are not changed.

The library is the one named by PAXECT_CORE_LIBRARY, or else libpaxect_core.so.1 beside this file, in a lib folder above
it, beside the paxect-core command of PATH, or where the dynamic linker finds it.
"""
import argparse
import contextlib
import ctypes
import errno
import functools
import io
import os
import queue
import re
import shutil
import signal
import stat
import sys
import tempfile
import _thread
from ctypes import POINTER, byref, c_char_p, c_int32, c_int64, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p, py_object

__all__ = ["Error", "FileError", "ContainerError", "TruncatedError", "DigestError", "ParameterError", "OutOfMemoryError",
           "parse_args", "encode", "decode", "main", "version"]

SONAME = "libpaxect_core.so.1"

# The values of paxect/core.h that are used here.
_REFUSED = range(10, 13)  # ARGUMENT, PARAMETER, SEQUENCE
_MEMORY = 14
_INTERNAL = 19
_FILES = range(30, 34)  # OPEN, READ, WRITE, SAME_FILE
_STRUCTURE = range(50, 70)
_TRUNCATED, _COUNTS, _DIGEST = 53, 58, 70
_PARAMETERS = {"level": 100, "frame": 101, "channels": 102, "mapping": 103, "verify": 104}
_MAPPINGS = {"virtual": 0, "u16": 1}
_CHANNELS_AUTO = 0
_SINK_TYPE = ctypes.CFUNCTYPE(c_int32, c_void_p, c_void_p, c_size_t)
_SOURCE_TYPE = ctypes.CFUNCTYPE(c_int32, c_void_p, c_void_p, c_size_t, POINTER(c_size_t))
_PROGRESS_TYPE = ctypes.CFUNCTYPE(c_int32, c_void_p, c_uint64, c_uint64)


class _ContainerInfo(ctypes.Structure):
    """paxect_container_info."""
    _fields_ = [("struct_size", c_size_t), ("version", c_uint32), ("flags", c_uint32), ("mapping", c_uint32),
                ("level", c_int32), ("frame_size", c_uint32), ("channels", c_uint32), ("total_size", c_uint64),
                ("total_frames", c_uint64), ("sha256", c_uint8 * 32), ("container_size", c_uint64)]


class Error(Exception):
    """A failure of the library. Its text is one line."""

    def __init__(self, message, status, exit_status, offset=0, frame=0):
        super().__init__(message)
        self.status = status
        self.exit_status = exit_status
        self.offset = offset
        self.frame = frame


class ParameterError(Error, ValueError):
    """An option that the library refuses."""


class FileError(Error, OSError):
    """A file that cannot be opened, read or written, or that is both input and output."""


class ContainerError(Error, ValueError):
    """A file that is no container, or a damaged one."""


class TruncatedError(ContainerError, EOFError):
    """A container that ends too early."""


class DigestError(Error):
    """Data whose SHA-256 is not the footer's."""


class OutOfMemoryError(Error, MemoryError):
    """No memory for a frame."""


def _class_of(status):
    if status in _REFUSED:
        return ParameterError
    if status == _MEMORY:
        return OutOfMemoryError
    if status in _FILES:
        return FileError
    if status == _TRUNCATED:
        return TruncatedError
    if status in _STRUCTURE:
        return ContainerError
    return DigestError if status == _DIGEST else Error


# ---- The library ---------------------------------------------------------------------------------------------------

def _candidates():
    """Where the library may be, the most particular place first."""
    named = os.environ.get("PAXECT_CORE_LIBRARY")
    if named:
        return [named]
    here = os.path.dirname(os.path.abspath(__file__))
    folders = [here]
    while os.path.dirname(here) != here:
        here = os.path.dirname(here)
        folders.append(os.path.join(here, "lib"))
    command = shutil.which("paxect-core")
    if command:
        folders.append(os.path.join(os.path.dirname(os.path.realpath(command)), "..", "lib"))
    found = [os.path.join(folder, SONAME) for folder in folders]
    return [path for path in found if os.path.exists(path)] + [SONAME]


def _declare(library):
    """The functions that are used here; `handle` of each pair is an encoder or a decoder."""
    signatures = {
        "create": (c_int32, [c_void_p, POINTER(c_void_p)]),
        "free": (None, [c_void_p]),
        "set_parameter": (c_int32, [c_void_p, c_int32, c_int64]),
        "set_sink": (c_int32, [c_void_p, _SINK_TYPE, c_void_p]),
        "set_progress": (c_int32, [c_void_p, _PROGRESS_TYPE, c_void_p]),
        "run": (c_int32, [c_void_p, _SOURCE_TYPE, c_void_p]),
        "{}_path": (c_int32, [c_void_p, c_char_p, c_char_p]),
        "info": (c_int32, [c_void_p, POINTER(_ContainerInfo)]),
        "error_message": (c_char_p, [c_void_p]),
        "error_offset": (c_uint64, [c_void_p]),
        "error_frame": (c_uint64, [c_void_p]),
    }
    for kind, verb in (("encoder", "encode"), ("decoder", "decode")):
        for name, (result, arguments) in signatures.items():
            function = getattr(library, f"paxect_{kind}_{name.format(verb)}")
            function.restype, function.argtypes = result, arguments
    for name in ("paxect_core_version_string", "paxect_core_zstd_version_string"):
        getattr(library, name).restype = c_char_p
    library.paxect_core_version_number.restype = c_uint32
    library.paxect_status_exit_code.restype = c_int32
    library.paxect_status_exit_code.argtypes = [c_int32]
    return library


@functools.lru_cache(maxsize=None)
def _library():
    why = None
    for path in _candidates():
        try:
            library = ctypes.CDLL(path)
        except OSError as error:
            why = error
            continue
        if library.paxect_core_version_number() // 10000 != 1:
            raise ImportError(f"{path}: not version 1 of libpaxect_core")
        return _declare(library)
    raise ImportError(f"cannot load {SONAME}: install PAXECT, or set PAXECT_CORE_LIBRARY to its path: {why}") from why


def version():
    """The versions of the library and of its libzstd, which determines the bytes of a container."""
    library = _library()
    return (library.paxect_core_version_string().decode(), library.paxect_core_zstd_version_string().decode())


# ---- Jobs ----------------------------------------------------------------------------------------------------------

class _AtExit(functools.partial):
    """Calls a function when a with statement ends, with its arguments and the three of __exit__.

    Requires: a function in C. Python runs no signal handler between an exception and the call of such an __exit__, whereas a
    handler can raise in a `finally` clause before its first call has begun."""
    __exit__ = functools.partial.__call__

    def __enter__(self):
        return self


class _Mutex:
    """A lock whose acquisition no signal handler can interrupt, unlike that of a lock of Python. Handlers run afterwards."""
    _libc = ctypes.CDLL(None)
    _init = ctypes.CFUNCTYPE(c_int32, c_void_p, c_void_p)(("pthread_mutex_init", _libc))
    _try = ctypes.CFUNCTYPE(c_int32, c_void_p)(("pthread_mutex_trylock", _libc))
    _unlock = ctypes.CFUNCTYPE(c_int32, c_void_p)(("pthread_mutex_unlock", _libc))
    # C functions ignore excess arguments. Without a result, the with statement does not suppress the exception.
    _exit = ctypes.CFUNCTYPE(None, c_void_p, *3 * [py_object])(("pthread_mutex_lock", _libc))

    def __init__(self):
        self._memory = (c_uint64 * 16)()  # more than any pthread_mutex_t
        if self._init(self._memory, None):
            raise MemoryError("cannot create a mutex")

    def acquired_at_exit(self):
        return _AtExit(self._exit, self._memory)

    def try_acquire(self):
        return self._try(self._memory) == 0

    def release(self):
        self._unlock(self._memory)


# The kernel may deliver a signal to any thread. One that a worker receives does not interrupt a read of the main thread.
_ASYNCHRONOUS = signal.valid_signals() - {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT}


class _Worker:
    """A thread that runs one function, and the calling thread, which meanwhile does what the function asks for.

    Python runs signal handlers between any two instructions of the main thread, at the start of a callback too, where no
    `try` catches what they raise: ctypes then ignores the exception and returns 0 to the library. No other thread runs
    them, so the callbacks of the library are called on this one."""

    def __init__(self, function):
        self._function = function
        self._requests = queue.SimpleQueue()  # functions for the calling thread; None at the end
        self._answers = queue.SimpleQueue()  # what they returned, each in a list; anything else to stop
        self._stop = queue.SimpleQueue()  # anything to stop
        self._running = _Mutex()  # held by the thread; the calling thread acquires it last, and keeps it
        self._busy = _thread.allocate_lock()  # held by the thread too; signal handlers run while the caller waits for it
        self._failure = None  # of the function

    @property
    def stopped(self):
        return not self._stop.empty()

    def ask(self, request):
        """On the thread: what `request` returns on the calling thread, or None when the job is to stop."""
        if self.stopped:
            return None
        self._requests.put(request)
        answer = self._answers.get()
        return answer[0] if isinstance(answer, list) else None

    def run(self):
        """Returns when the function has ended, and raises its exception, or the first one of the calling thread, which stops
        the function. When several signals are pending, their handlers raise one right after the other, also in an except
        clause or on the way back to the start of a loop. The with statements stop the function and wait for its end
        nevertheless."""
        failure = None
        try:
            with self._running.acquired_at_exit():
                try:
                    # Each twice, since a signal handler can make Python before 3.11 skip the exit of one.
                    with _AtExit(self._answers.put), _AtExit(self._stop.put), \
                            _AtExit(self._answers.put), _AtExit(self._stop.put):
                        self._start()
                        for request in iter(self._requests.get, None):
                            self._answers.put([request()])
                except BaseException as error:  # pylint: disable=broad-except
                    failure = error
                    try:
                        self._wait()
                    except BaseException:  # pylint: disable=broad-except
                        try:
                            self._wait()
                        except BaseException:  # pylint: disable=broad-except
                            raise failure  # pylint: disable=raise-missing-from
            if failure or self._failure:
                raise failure or self._failure
        finally:
            failure = self._failure = None  # an exception refers to this frame

    def _start(self):
        try:
            _thread.start_new_thread(self._work, ())  # threading.Thread.start does not survive an interrupt
        except RuntimeError as error:
            raise OSError(f"cannot start a thread: {error}") from error

    def _wait(self):
        """For the end of the function, which it stops. Drops what the handlers of further signals raise, except an exception
        at the start of this method or of an iteration."""
        while True:
            try:
                self._stop.put(None)
                self._answers.put(None)
                with self._busy:
                    return
            except BaseException:  # pylint: disable=broad-except
                continue

    def _work(self):
        if not self._running.try_acquire():
            return  # the calling thread has left
        try:
            signal.pthread_sigmask(signal.SIG_BLOCK, _ASYNCHRONOUS)
            with self._busy:
                if not self.stopped:
                    self._function()
        except BaseException as failure:  # pylint: disable=broad-except
            self._failure = failure
        finally:
            self._requests.put(None)
            self._running.release()


class _Job:
    """One encoder or decoder with its callbacks, all on a thread of its own."""

    def __init__(self, kind, parameters):
        self._kind = kind
        self._parameters = parameters
        self._handle = c_void_p()
        self._worker = None
        self._failure = None  # of a callback
        self._source = self._write = None  # `_write` returns true, or None to stop
        self._bytes_in = self._bytes_out = 0

    def run(self, source, sink):
        self._source = source
        self._write = lambda data: self._worker.ask(lambda: _write_all(sink, data) or True)
        self._perform(self._run_streams)
        flush = getattr(sink, "flush", None)
        if flush:
            flush()

    def run_to_file(self, source, target):
        """To a regular file, which the thread writes: an exception that arrives at any moment leaves nothing behind."""
        def replace():
            with _replaced_file(target) as file:
                self._write = lambda data: file.write(data) or True
                self._run_streams()
        self._source = source
        self._perform(replace)

    def run_path(self, source, target):
        """Requires: both are regular files, or the target does not exist: nothing that the library could wait for."""
        verb = "encode" if self._kind == "encoder" else "decode"
        self._perform(lambda: self._call(f"{verb}_path", self._handle, os.fsencode(source), os.fsencode(target)))

    def _perform(self, work):
        self._worker = _Worker(lambda: self._with_handle(work))
        self._worker.run()

    def _with_handle(self, work):
        progress = _PROGRESS_TYPE(lambda *_: int(self._worker.stopped))
        self._call("create", None, byref(self._handle))
        try:
            for name, value in self._parameters.items():
                self._call("set_parameter", self._handle, _PARAMETERS[name], value)
            self._call("set_progress", self._handle, progress, None)
            work()
        finally:
            self._function("free")(self._handle)

    def _run_streams(self):
        sink, source = _SINK_TYPE(self._put), _SOURCE_TYPE(self._get)
        self._call("set_sink", self._handle, sink, None)
        self._call("run", self._handle, source, None)
        info = _ContainerInfo(struct_size=ctypes.sizeof(_ContainerInfo))
        self._call("info", self._handle, byref(info))
        sizes = (info.total_size, info.container_size)
        if (self._bytes_in, self._bytes_out) != (sizes if self._kind == "encoder" else sizes[::-1]):
            raise Error("a callback failed without notice: discard the output", _INTERNAL,
                        _library().paxect_status_exit_code(_INTERNAL))

    def _function(self, name):
        return getattr(_library(), f"paxect_{self._kind}_{name}")

    def _call(self, name, *arguments):
        status = self._function(name)(*arguments)
        if self._failure is not None:
            raise self._failure
        if status == 0:
            return
        message = (self._function("error_message")(self._handle) or b"").decode("utf-8", "replace")
        raise _class_of(status)(
            message or f"{self._kind}: status {status}", status, _library().paxect_status_exit_code(status),
            self._function("error_offset")(self._handle), self._function("error_frame")(self._handle))

    def _guarded(self, action):
        """0 when the action succeeds. After a failure, the library is asked to stop."""
        try:
            return int(not action())
        except BaseException as failure:  # pylint: disable=broad-except
            self._failure = failure
            return 1

    def _put(self, _, data, size):
        self._bytes_out += size
        return self._guarded(lambda: self._write(ctypes.string_at(data, size)))

    def _get(self, _, buffer, capacity, size):
        def fill():
            data = self._worker.ask(lambda: _read_some(self._source, capacity))
            if data is None:
                return False
            ctypes.memmove(buffer, data, len(data))
            size[0] = len(data)
            self._bytes_in += len(data)
            return True
        return self._guarded(fill)


def _read_some(source, capacity):
    data = source.read(capacity)
    if data is None:
        raise BlockingIOError("input is a non-blocking stream without data")
    if len(data) > capacity:
        raise ValueError(f"input: read({capacity}) returned {len(data)} bytes")
    return bytes(data)


def _write_all(sink, data):
    """A raw stream may take a part, or nothing and return None. Other streams that return None take everything."""
    rest = memoryview(data)
    while rest:
        taken = sink.write(rest)
        if taken is None and not _is_raw(sink):
            return
        if not taken:
            raise BlockingIOError("output is a non-blocking stream that takes no data at the moment")
        if not 0 < taken <= len(rest):
            raise ValueError(f"output: write returned {taken} for {len(rest)} bytes")
        rest = rest[taken:]


def _is_raw(sink):
    """tempfile wraps its streams: these have `file`."""
    return isinstance(getattr(sink, "file", sink), io.RawIOBase) or isinstance(sink, io.RawIOBase)


# ---- Files and streams ---------------------------------------------------------------------------------------------

def _is_path(end):
    return isinstance(end, (str, bytes, os.PathLike)) and end not in ("-", b"-")


def _may_wait(path):
    """Whether the file can make its reader or writer wait: then Python opens it, which a signal can interrupt."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)


def _descriptor_of(path):
    """The descriptor of this process that a path such as /dev/stdout names, also by symbolic links, or None."""
    path = os.fsdecode(path)
    for _ in range(40):  # as many links as the kernel follows
        folder, name = os.path.split(path)
        folder = os.path.realpath(folder)
        if name.isdecimal() and re.fullmatch(rf"/proc/({os.getpid()}|self)(/task/\d+)?/fd", folder):
            return int(name)
        try:
            path = os.path.join(folder, os.readlink(path))
        except OSError:
            return None
    return None


def _open_as_it_is(path, mode):
    """Without truncation. A descriptor keeps its file offset and its flags, such as O_APPEND."""
    descriptor = _descriptor_of(path)
    if descriptor is not None:
        return open(os.dup(descriptor), mode)
    return open(path, mode, opener=lambda name, flags: os.open(name, flags & ~(os.O_CREAT | os.O_TRUNC) | os.O_NOCTTY))


def _is_replaced(end):
    return _is_path(end) and _descriptor_of(end) is None and (not os.path.exists(end) or os.path.isfile(end))


@contextlib.contextmanager
def _opened_input(end):
    if _is_path(end):
        with _open_as_it_is(end, "rb") as file:
            yield file
    elif hasattr(end, "read"):
        yield end
    elif sys.stdin is None:
        raise OSError("standard input is closed")
    else:
        yield sys.stdin.buffer


@contextlib.contextmanager
def _opened_output(end):
    if _is_path(end):
        with _open_as_it_is(end, "wb") as file:
            yield file
    elif hasattr(end, "write"):
        yield end
    elif sys.stdout is None:
        raise OSError("standard output is closed")
    else:
        yield sys.stdout.buffer


@contextlib.contextmanager
def _replaced_file(path):
    """A regular file that gets its name at the end. Nobody else can read it before. Requires: not the main thread, where an
    interrupt could leave the temporary file behind."""
    path = os.path.realpath(os.fsdecode(path))
    old = os.stat(path) if os.path.exists(path) else None
    if old and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    with tempfile.NamedTemporaryFile(dir=os.path.dirname(path), prefix=".paxect-", delete=False) as file:
        try:
            yield file
            file.flush()
            _set_permissions(file.fileno(), path, old)
            os.replace(file.name, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(file.name)
            raise


def _set_permissions(file, path, old):
    """Those of any new file there, or those of the file to replace with its owner, group and access control list. What
    cannot be kept narrows the permissions, so that nobody gains access."""
    if not old:
        os.fchmod(file, _usual_mode(os.path.dirname(path)))
        return
    for owner in (old.st_uid, -1):
        with contextlib.suppress(OSError):
            os.fchown(file, owner, old.st_gid)
            break
    new = os.fstat(file)
    user, group, other = (old.st_mode >> 6 & 7, old.st_mode >> 3 & 7, old.st_mode & 7)
    if new.st_uid != old.st_uid:  # the old owner is in the group, or another user, now
        group, other = group & user, other & user
    if new.st_gid != old.st_gid:
        group = other = group & other
    same = (new.st_uid, new.st_gid) == (old.st_uid, old.st_gid)
    os.fchmod(file, (user << 6 | group << 3 | other) if _copy_access_list(path, file, same) else user << 6)


def _usual_mode(folder):
    """What the umask, or the default access control list of the folder, leaves of 0666. A sample file shows it: os.umask
    would change the umask of all threads for a moment."""
    try:
        sample = os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o666)
    except OSError:  # the file system has no unnamed files
        name = tempfile.mktemp(prefix=".paxect-", dir=folder)
        sample = os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        os.unlink(name)
    try:
        return stat.S_IMODE(os.fstat(sample).st_mode) & 0o777
    finally:
        os.close(sample)


def _copy_access_list(path, file, same_owners):
    """Whether permission bits alone say who has access, or the list of `path` says it for `file` too."""
    name = "system.posix_acl_access"
    none = (errno.ENODATA, errno.EOPNOTSUPP)
    try:
        access_list = os.getxattr(path, name)
    except OSError as error:
        if error.errno not in none:
            return False
        access_list = None
    try:
        if access_list is None:
            os.removexattr(file, name)  # a folder can give a list to its new files
        elif same_owners:
            os.setxattr(file, name, access_list)
        return access_list is None or same_owners
    except OSError as error:
        return access_list is None and error.errno in none


def _run(kind, args, parameters):
    source, target = getattr(args, "input", None), getattr(args, "output", None)
    job = _Job(kind, parameters)
    if _is_path(source) and _is_path(target):
        os.stat(source)  # raises FileNotFoundError, as the Python core does
        if not _may_wait(source) and not _may_wait(target):
            job.run_path(source, target)
            return
    with _opened_input(source) as reading:
        if _is_replaced(target):
            job.run_to_file(reading, target)
            return
        with _opened_output(target) as writing:
            job.run(reading, writing)


def _encode(args):
    channels = getattr(args, "channels", 1)
    _run("encoder", args, {
        "level": int(getattr(args, "level", 5)),
        "frame": int(getattr(args, "frame", 1 << 20)),
        "channels": _CHANNELS_AUTO if channels == "auto" else int(channels),
        "mapping": _MAPPINGS[getattr(args, "mapping", "virtual")],
        "verify": int(bool(getattr(args, "verify", False))),
    })


def _decode(args):
    _run("decoder", args, {})


# ---- The names of the Python core ----------------------------------------------------------------------------------

def encode(args):
    """Makes a container of args.input in args.output. Returns 0."""
    _encode(args)
    return 0


def decode(args):
    """Restores the data of the container args.input in args.output; the SHA-256 is always verified."""
    try:
        _decode(args)
    except Error as error:
        if error.status not in (_DIGEST, _COUNTS):
            raise
        return error.exit_status
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(64, f"{self.prog}: {message}\n")


def _channels(text):
    return text if text == "auto" else str(int(text))


def parse_args(argv=None):
    parser = _Parser(prog="paxect_core.py", description="Encodes and decodes .freq containers.")
    commands = parser.add_subparsers(dest="cmd", required=True)
    encoding = commands.add_parser("encode", help="make a container")
    decoding = commands.add_parser("decode", help="restore the data of a container")
    for command in (encoding, decoding):
        command.add_argument("-i", "--input", default="-", help="file to read; - is standard input")
        command.add_argument("-o", "--output", default="-", help="file to write; - is standard output")
    encoding.add_argument("--level", type=int, default=5, help="zstd level, -7 to 22 (default: 5)")
    encoding.add_argument("--channels", type=_channels, default="1", help="1 to 8, or auto (default: 1)")
    encoding.add_argument("--frame", type=int, default=1 << 20, help="bytes per frame (default: 1048576)")
    encoding.add_argument("--mapping", choices=list(_MAPPINGS), default="virtual", help="metadata (default: virtual)")
    encoding.add_argument("--verify", action="store_true", help="set the VERIFY flag, which is metadata")
    decoding.add_argument("--verify", action="store_true", help="accepted: the SHA-256 is always verified")
    return parser.parse_args(argv)


def main(argv=None):
    """The exit status: 0, 2 (SHA-256 differs), 3 (files, interrupted), 4 (structure), 64 (usage) or 70 (internal)."""
    args = parse_args(argv)
    try:
        (_encode if args.cmd == "encode" else _decode)(args)
        return 0
    except Error as error:
        of_input = isinstance(error, (ContainerError, DigestError))
        message, status = f"{args.input}: {error}" if of_input else error, error.exit_status
    except (OSError, ImportError) as error:
        message, status = error, 3
    except KeyboardInterrupt:
        message, status = "interrupted", 3
    print(f"paxect_core.py: {message}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
