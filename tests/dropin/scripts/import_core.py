#!/usr/bin/env python3
"""As somebody wrote it for the Python core: imports it, calls it in every way that it offers, and catches its exceptions."""
import contextlib
import io
import sys
import types
from pathlib import Path

import paxect_core
from paxect_core import decode, encode, main, parse_args

DATA = b"a line of text\n" * 5000


class Standard:
    """A standard stream over memory."""

    def __init__(self, data=b""):
        self.buffer = io.BytesIO(data)


def pipe(data, call):
    """What call makes of the data as standard input."""
    before, sys.stdin, sys.stdout = (sys.stdin, sys.stdout), Standard(data), Standard()
    try:
        assert call() == 0
        return sys.stdout.buffer.getvalue()
    finally:
        sys.stdin, sys.stdout = before


def check_arguments():
    args = parse_args(["encode", "-i", "data", "-o", "data.freq", "--level", "9"])
    assert (args.cmd, args.input, args.output, args.level) == ("encode", "data", "data.freq", 9), args
    args = parse_args(["encode"])
    assert vars(args) == {"cmd": "encode", "input": "-", "output": "-", "level": 5, "channels": "1", "frame": 1 << 20,
                          "mapping": "virtual", "verify": False}, args
    assert vars(parse_args(["decode"])) == {"cmd": "decode", "input": "-", "output": "-", "verify": False}
    with contextlib.redirect_stderr(io.StringIO()) as said:
        try:
            parse_args(["encode", "--mapping", "u8"])
        except SystemExit as stop:
            assert stop.code not in (0, None) and "u8" in said.getvalue()
        else:
            raise AssertionError("a wrong mapping was taken")


def check_functions():
    Path("data").write_bytes(DATA)
    assert encode(parse_args(["encode", "-i", "data", "-o", "data.freq"])) == 0
    assert decode(parse_args(["decode", "-i", "data.freq", "-o", "back", "--verify"])) == 0
    assert Path("back").read_bytes() == DATA
    ours = types.SimpleNamespace(input="data", output="ours.freq", level=1, channels="auto", frame=4096, mapping="u16",
                                 verify=True)
    assert encode(ours) == 0
    assert decode(types.SimpleNamespace(input=Path("ours.freq"), output=Path("back"), verify=False)) == 0
    assert Path("back").read_bytes() == DATA
    assert main(["encode", "-i", "data", "-o", "main.freq"]) == 0
    assert Path("main.freq").read_bytes() == Path("data.freq").read_bytes()


def check_standard_streams():
    container = pipe(DATA, lambda: main(["encode"]))
    assert container == Path("data.freq").read_bytes()
    assert pipe(container, lambda: decode(parse_args(["decode"]))) == DATA
    assert pipe(container, lambda: decode(types.SimpleNamespace(input=None, output=None, verify=True))) == DATA


def check_failures():
    container = bytearray(Path("data.freq").read_bytes())
    container[-1] ^= 1
    Path("digest.freq").write_bytes(container)
    assert decode(parse_args(["decode", "-i", "digest.freq", "-o", "x", "--verify"])) == 2
    Path("short.freq").write_bytes(container[:-60])
    for wrong in ("data", "short.freq"):
        try:
            decode(parse_args(["decode", "-i", wrong, "-o", "x"]))
        except (ValueError, EOFError):
            pass
        else:
            raise AssertionError(f"{wrong} was decoded")
    try:
        encode(parse_args(["encode", "-i", "missing", "-o", "x"]))
    except FileNotFoundError:
        pass
    else:
        raise AssertionError("a missing file was encoded")
    with contextlib.redirect_stderr(io.StringIO()) as said:
        assert main(["decode", "-i", "data", "-o", "x"]) == 4
        assert main(["decode", "-i", "missing", "-o", "x"]) == 3
        assert main(["encode", "-i", "data", "-o", "missing/x"]) == 3
    assert said.getvalue().count("\n") == 3, said.getvalue()


if __name__ == "__main__":
    check_arguments()
    check_functions()
    check_standard_streams()
    check_failures()
    assert callable(paxect_core.main)
