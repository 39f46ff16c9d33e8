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
received before a failure is to be discarded.

The library is the one named by PAXECT_CORE_LIBRARY, or else libpaxect_core.so.1 beside this file, in a lib folder above
it, beside the paxect-core command of PATH, or where the dynamic linker finds it.
"""
import argparse
import contextlib
import ctypes
import functools
import os
import shutil
import stat
import sys
import tempfile
import threading
from ctypes import POINTER, byref, c_char_p, c_int32, c_int64, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p

__all__ = ["Error", "FileError", "ContainerError", "TruncatedError", "DigestError", "ParameterError", "OutOfMemoryError",
           "parse_args", "encode", "decode", "main", "version"]

SONAME = "libpaxect_core.so.1"

# The values of paxect/core.h that are used here.
_REFUSED = range(10, 13)  # ARGUMENT, PARAMETER, SEQUENCE
_MEMORY = 14
_FILES = range(30, 34)  # OPEN, READ, WRITE, SAME_FILE
_STRUCTURE = range(50, 70)
_TRUNCATED, _COUNTS, _DIGEST = 53, 58, 70
_PARAMETERS = {"level": 100, "frame": 101, "channels": 102, "mapping": 103, "verify": 104}
_MAPPINGS = {"virtual": 0, "u16": 1}
_CHANNELS_AUTO = 0
_SINK_TYPE = ctypes.CFUNCTYPE(c_int32, c_void_p, c_void_p, c_size_t)
_SOURCE_TYPE = ctypes.CFUNCTYPE(c_int32, c_void_p, c_void_p, c_size_t, POINTER(c_size_t))
_PROGRESS_TYPE = ctypes.CFUNCTYPE(c_int32)  # without its arguments, which are not used: see _Job._watch


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

class _Job:
    """One encoder or decoder with its callbacks, which keep an exception until the library has returned."""

    def __init__(self, kind, parameters):
        self._kind = kind
        self._failure = None
        self._source = self._sink = None
        self._callbacks = (_SINK_TYPE(self._put), _PROGRESS_TYPE(self._watch().__next__), _SOURCE_TYPE(self._get))
        self._handle = c_void_p()
        self._call("create", None, byref(self._handle))
        try:
            for name, value in parameters.items():
                self._call("set_parameter", self._handle, _PARAMETERS[name], value)
            self._call("set_sink", self._handle, self._callbacks[0], None)
            self._call("set_progress", self._handle, self._callbacks[1], None)
        except BaseException:
            self.close()
            raise

    def close(self):
        self._function("free")(self._handle)
        self._handle = c_void_p()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def run(self, source, sink):
        self._source, self._sink = source, sink
        self._call("run", self._handle, self._callbacks[2], None)
        flush = getattr(sink, "flush", None)
        if flush:
            flush()

    def run_path(self, source, target):
        os.stat(source)  # raises FileNotFoundError, as the Python core does
        verb = "encode" if self._kind == "encoder" else "decode"
        self._call(f"{verb}_path", self._handle, os.fsencode(source), os.fsencode(target))

    def _function(self, name):
        return getattr(_library(), f"paxect_{self._kind}_{name}")

    def _call(self, name, *arguments):
        with self._collecting():
            status = self._function(name)(*arguments)
        if self._failure is not None:
            raise self._failure
        if status == 0:
            return
        message = (self._function("error_message")(self._handle) or b"").decode("utf-8", "replace")
        raise _class_of(status)(
            message or f"{self._kind}: status {status}", status, _library().paxect_status_exit_code(status),
            self._function("error_offset")(self._handle), self._function("error_frame")(self._handle))

    @contextlib.contextmanager
    def _collecting(self):
        """Python may raise KeyboardInterrupt at the start of a callback, before its `try`. ctypes then returns 0 to the
        library and passes the exception to sys.unraisablehook. Only the main thread runs signal handlers."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = sys.unraisablehook

        def collect(unraisable):
            if "ctypes callback" in (unraisable.err_msg or ""):
                self._failure = self._failure or unraisable.exc_value
            else:
                previous(unraisable)

        sys.unraisablehook = collect
        try:
            yield
        finally:
            sys.unraisablehook = previous

    def _guarded(self, action):
        """0 when the action succeeds. After a failure, the library is asked to stop."""
        if self._failure is not None:
            return 1
        try:
            action()
        except BaseException as failure:  # pylint: disable=broad-except
            self._failure = failure
        return int(self._failure is not None)

    def _put(self, _, data, size):
        return self._guarded(lambda: _write_all(self._sink, ctypes.string_at(data, size)))

    def _get(self, _, buffer, capacity, size):
        def fill():
            data = self._source.read(capacity)
            if data is None:
                raise BlockingIOError("input is a non-blocking stream without data")
            if len(data) > capacity:
                raise ValueError(f"input: read({capacity}) returned {len(data)} bytes")
            ctypes.memmove(buffer, bytes(data), len(data))
            size[0] = len(data)
        return self._guarded(fill)

    def _watch(self):
        """The progress callback, which lets Python run its signal handlers. A generator resumes inside its `try`, so that
        the library stops at once when one raises."""
        while True:
            try:
                while self._failure is None:
                    yield 0
                yield 1
            except GeneratorExit:
                return
            except BaseException as failure:  # pylint: disable=broad-except
                self._failure = self._failure or failure


def _write_all(sink, data):
    """Raw streams may take a part."""
    rest = memoryview(data)
    while rest:
        taken = sink.write(rest)
        if taken is None and not hasattr(sink, "raw"):
            return  # a stream that does not count takes everything
        rest = rest[len(rest) if taken is None else taken:]


# ---- Files and streams ---------------------------------------------------------------------------------------------

def _is_path(end):
    return isinstance(end, (str, bytes, os.PathLike)) and end not in ("-", b"-")


@contextlib.contextmanager
def _opened_input(end):
    if _is_path(end):
        with open(end, "rb") as file:
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
        with _replaced_file(end) as file:
            yield file
    elif hasattr(end, "write"):
        yield end
    elif sys.stdout is None:
        raise OSError("standard output is closed")
    else:
        yield sys.stdout.buffer


@contextlib.contextmanager
def _replaced_file(path):
    """A file that gets its name at the end; what exists and is not a regular file is written as it is."""
    path = os.path.realpath(os.fsdecode(path))
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        umask = os.umask(0o077)
        os.umask(umask)
        mode = stat.S_IFREG | (0o666 & ~umask)
    if not stat.S_ISREG(mode):
        with open(path, "wb") as file:
            yield file
        return
    with tempfile.NamedTemporaryFile(dir=os.path.dirname(path), prefix=".paxect-", delete=False) as file:
        try:
            yield file
            file.flush()
            os.fchmod(file.fileno(), stat.S_IMODE(mode) & 0o777)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def _run(kind, args, parameters):
    source, target = getattr(args, "input", None), getattr(args, "output", None)
    with _Job(kind, parameters) as job:
        if _is_path(source) and _is_path(target):
            job.run_path(source, target)
            return
        with _opened_input(source) as reading, _opened_output(target) as writing:
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
