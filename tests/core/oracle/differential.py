#!/usr/bin/env python3
"""paxect-core beside the oracle on generated inputs: differential.py TOOL [SECONDS [SEED]]

Encoding must give the same bytes (with PAXECT_OTHER_LIBZSTD set, for a tool whose libzstd may choose other ones: a
container that the oracle decodes), decoding a damaged container the same exit status and, when it is 0, the same data.
Seeds are fixed, so a failure comes back; the time bounds how many of the cases run, 10 seconds unless told.
"""
import os
import random
import subprocess
import sys
import tempfile
import time

import freq_oracle

WORDS = b"file frame channel footer inbox outbox relay policy durable whole once node peer audit-7".split()


def make_data(rng):
    size = rng.choice([0, 1, 2, 3, 255, 256, 1000, 4095, 4096, 4097, 20000, rng.randrange(60000)])
    kind = rng.randrange(4)
    if kind == 0:
        return bytes(size)
    if kind == 1:
        return rng.randbytes(size)
    text = b" ".join(rng.choices(WORDS, k=size // 3 + 1))[:size]
    return text if kind == 2 else text[:size // 2] + rng.randbytes(size - size // 2)


def make_options(rng):
    return {
        "level": rng.choice([-7, -5, -1, 0, 1, 3, 5, 5, 5, 9, 12, 19, 22]),
        "frame": rng.choice([1 << 20, 1 << 16, 4096, 4096, 1000, 257, rng.randrange(100, 5000)]),
        "channels": rng.randrange(1, 9),
        "mapping": rng.randrange(2),
        "verify": rng.random() < 0.5,
    }


def damage(rng, blob):
    """A container changed in one of the ways that happen, or that somebody might try."""
    blob = bytearray(blob)
    kind = rng.randrange(9)
    at = rng.randrange(len(blob))
    if kind == 0:
        del blob[at:]
    elif kind == 1:
        blob[at] ^= 1 << rng.randrange(8)
    elif kind == 2:  # where the fields are
        at = rng.randrange(min(len(blob), 24 + 14 + 12))
        blob[at] = rng.randrange(256)
    elif kind == 3:
        at = len(blob) - 1 - rng.randrange(min(len(blob), 44))
        blob[at] = rng.randrange(256)
    elif kind == 4:
        for _ in range(max(1, len(blob) // 100)):
            blob[rng.randrange(len(blob))] = rng.randrange(256)
    elif kind == 5:
        del blob[at:at + rng.randrange(1, 100)]
    elif kind == 6:
        blob[at:at] = rng.randbytes(rng.randrange(1, 100))
    elif kind == 7:
        blob += bytes(blob) if rng.random() < 0.5 else rng.randbytes(rng.randrange(1, 60))
    else:
        blob[24:24] = make_extension(rng.choice([0, 0, 0, 1]), b"note", rng.choice([0, 4, 4, 5]))
        if rng.random() < 0.7:
            count = int.from_bytes(blob[-36:-32], "little") + 1
            blob[-36:-32] = count.to_bytes(4, "little")
    return bytes(blob)


def make_liberal(rng, data, options):
    """A container that no encoder writes and every decoder takes: frames of any size on any channel, zstd checksums,
    unknown flags, reserved bytes, extension frames."""
    header = bytearray(freq_oracle.encode(b"", **options)[:freq_oracle.HEADER_SIZE])
    header[6:10] = rng.randbytes(4)
    header[18:24] = rng.randbytes(6)
    out, frames, at = bytes(header), 0, 0
    while at < len(data):
        size = rng.randrange(1, min(options["frame"], len(data) - at) + 1) if frames < 50 else options["frame"]
        raw = data[at:at + size]
        compress = rng.choice([freq_oracle._compress, freq_oracle.compress_with_checksum])
        framed = freq_oracle.frame_bytes(raw, rng.randrange(options["channels"]), options["level"], compress)
        clen = len(framed) - freq_oracle.FRAME_SIZE
        if clen <= freq_oracle._Z.ZSTD_compressBound(len(raw)):  # a checksum may not fit
            out += framed
        else:
            out += freq_oracle.frame_bytes(raw, 0, options["level"])
        at, frames = at + len(raw), frames + 1
        if rng.randrange(8) == 0:
            out, frames = out + make_extension(0, b"note" * rng.randrange(4)), frames + 1
    return out + freq_oracle.struct.pack(freq_oracle.FOOTER, len(data), frames, freq_oracle.hashlib.sha256(data).digest())


def make_extension(channel, note, length=None):
    length = len(note) if length is None else length
    payload = freq_oracle.EMPTY_ZSTD_FRAME + b"\x50\x2a\x4d\x18" + length.to_bytes(4, "little") + note
    return channel.to_bytes(2, "little") + len(payload).to_bytes(4, "little") + bytes(8) + payload


def run(tool, *arguments):
    return subprocess.run([tool, *arguments], capture_output=True, check=False)


def check_encode(tool, folder, data, options):
    """The tool's container, which must be the oracle's."""
    source = os.path.join(folder, "in")
    with open(source, "wb") as file:
        file.write(data)
    flags = ["--level", str(options["level"]), "--frame", str(options["frame"]), "--channels", str(options["channels"])]
    flags += ["--mapping", ["virtual", "u16"][options["mapping"]]] + (["--verify"] if options["verify"] else [])
    result = run(tool, "encode", "-i", source, *flags)
    assert result.returncode == 0, result.stderr
    if "PAXECT_OTHER_LIBZSTD" in os.environ:
        assert freq_oracle.decode(result.stdout) == data, "other data for the oracle"
    else:
        assert result.stdout == freq_oracle.encode(data, **options), "other bytes than the oracle's"
    return result.stdout


def check_decode(tool, folder, blob):
    """The exit status, which must be the oracle's."""
    source = os.path.join(folder, "container")
    with open(source, "wb") as file:
        file.write(blob)
    try:
        expected, data = 0, freq_oracle.decode(blob)
    except freq_oracle.Broken as why:
        expected, data = why.code, None
    result = run(tool, "decode", "-i", source)
    assert result.returncode == expected, f"status {result.returncode}, the oracle's is {expected}: {result.stderr}"
    assert expected != 0 or result.stdout == data, "other data than the oracle's"
    return expected


def main():
    tool = sys.argv[1]
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 10
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    end = time.monotonic() + seconds
    encoded, decoded = 0, {0: 0, 2: 0, 4: 0}
    with tempfile.TemporaryDirectory() as folder:
        while encoded < 20 or time.monotonic() < end:
            rng = random.Random(seed)
            data, options = make_data(rng), make_options(rng)
            try:
                blob = check_encode(tool, folder, data, options)
                encoded += 1
                liberal = make_liberal(rng, data, options)
                assert check_decode(tool, folder, liberal) == 0, "a container that decoders take was refused"
                for one in [blob, damage(rng, liberal)] + [damage(rng, blob) for _ in range(6)]:
                    decoded[check_decode(tool, folder, one)] += 1
            except AssertionError as why:
                print(f"differential.py: seed {seed}: {options}, {len(data)} bytes: {why}", file=sys.stderr)
                return 1
            seed += 1
    print(f"{encoded} encoded, decoded with status {decoded}: all as the oracle has it")
    return 0 if decoded[2] > 0 and decoded[4] > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
