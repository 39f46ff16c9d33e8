#!/usr/bin/env python3
"""A core in Python with the command line and the names of the Python tool, by the oracle: PAXECT_ORACLE is its folder."""
import argparse
import os
import sys

sys.path.insert(0, os.environ["PAXECT_ORACLE"])
import freq_oracle  # noqa: E402


def parse_args(argv=None):
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="cmd", required=True)
    encoding, decoding = commands.add_parser("encode"), commands.add_parser("decode")
    for command in (encoding, decoding):
        command.add_argument("-i", "--input", default="-")
        command.add_argument("-o", "--output", default="-")
        command.add_argument("--verify", action="store_true")
    encoding.add_argument("--level", type=int, default=5)
    encoding.add_argument("--channels", default="1")
    encoding.add_argument("--frame", type=int, default=1 << 20)
    encoding.add_argument("--mapping", choices=["virtual", "u16"], default="virtual")
    return parser.parse_args(argv)


def convert(args, function):
    source, target = sys.stdin.buffer, sys.stdout.buffer
    if args.input not in (None, "-"):
        source = open(args.input, "rb")  # pylint: disable=consider-using-with
    data = function(source.read())
    if args.output not in (None, "-"):
        target = open(args.output, "wb")  # pylint: disable=consider-using-with
    target.write(data)
    target.flush()


def encode(args):
    channels = 4 if args.channels == "auto" else int(args.channels)
    convert(args, lambda data: freq_oracle.encode(
        data, args.level, args.frame, channels, int(args.mapping == "u16"), args.verify))
    return 0


def decode(args):
    try:
        convert(args, freq_oracle.decode)
    except freq_oracle.Broken as why:
        if why.code == 2:
            return why.code
        raise ValueError(str(why)) from why
    return 0


def main(argv=None):
    args = parse_args(argv)
    try:
        return encode(args) if args.cmd == "encode" else decode(args)
    except ValueError as why:
        print(f"error: {why}", file=sys.stderr)
        return 4
    except OSError as why:
        print(f"error: {why}", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
