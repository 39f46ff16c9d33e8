#!/usr/bin/env python3
"""A core in Python with the command line of the Python tool, by the oracle: PAXECT_ORACLE is its folder."""
import argparse
import os
import sys

sys.path.insert(0, os.environ["PAXECT_ORACLE"])
import freq_oracle  # noqa: E402


def parse():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    encode, decode = commands.add_parser("encode"), commands.add_parser("decode")
    for command in (encode, decode):
        command.add_argument("-i", "--input", default="-")
        command.add_argument("-o", "--output", default="-")
        command.add_argument("--verify", action="store_true")
    encode.add_argument("--level", type=int, default=5)
    encode.add_argument("--channels", default="1")
    encode.add_argument("--frame", type=int, default=1 << 20)
    encode.add_argument("--mapping", choices=["virtual", "u16"], default="virtual")
    return parser.parse_args()


def convert(args, data):
    if args.command == "decode":
        return freq_oracle.decode(data)
    channels = 4 if args.channels == "auto" else int(args.channels)
    return freq_oracle.encode(data, args.level, args.frame, channels, int(args.mapping == "u16"), args.verify)


def main():
    args = parse()
    try:
        with open(0 if args.input == "-" else args.input, "rb") as file:
            data = convert(args, file.read())
        with open(1 if args.output == "-" else args.output, "wb") as file:
            file.write(data)
    except freq_oracle.Broken as why:
        print(f"error: {why}", file=sys.stderr)
        return why.code
    except OSError as why:
        print(f"error: {why}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
