#!/usr/bin/env python3
"""Makes the protection of containers again, from FORMAT.md alone, and compares it with what they have.

usage: protection.py CONTAINER...
Checks all records and lists of each container, and the parity of its first and last code words. The oracle decodes it."""
import hashlib
import struct
import sys
import zlib

from freq_oracle import decode

PREFIX = bytes.fromhex("28b52ffd2000010000") + struct.pack("<I", 0x184D2A56)
MAGIC = b"\xd1PXheal\x1a"
POWER, LOG = [0] * 510, [0] * 256
value = 1
for exponent in range(255):
    POWER[exponent] = POWER[exponent + 255] = value
    LOG[value] = exponent
    value = value << 1 ^ (0x11D if value & 0x80 else 0)
WORDS = 4  # whose parity is checked, since this is slow


def ceil(a, b):
    return -(-a // b)


class Window:
    def __init__(self, number, offset, data, percent, last):
        self.number, self.offset, self.length, self.percent, self.last = number, offset, len(data), percent, last
        only = last and number == 0
        self.bits = 12
        if only:
            self.bits = min(12, max(6, (len(data) // 128).bit_length() - 1))
        size = 1 << self.bits
        self.data = [data[at:at + size].ljust(size, b"\0") for at in range(0, len(data), size)]
        cells = len(self.data)
        self.words = ceil(cells, 128) if only else min(cells, max(32, ceil(cells, 128)))
        lost = ceil((cells if only else max(cells, 4096)) * percent, 100) + 1
        spread = self.words if only else max(32, ceil(cells, 128))
        self.rows = min(ceil(lost, spread), ceil(cells, self.words) + 2)
        self.parity_cells = self.words * self.rows

    def parity(self, word):
        """The parity cells of a code word, by the definition."""
        cells = self.data[word::self.words]
        for row in range(self.rows):
            total = 0
            for column, cell in enumerate(cells):
                factor = 255 - LOG[(128 + row) ^ column]
                product = bytes([0] + [POWER[factor + LOG[b]] for b in range(1, 256)])
                total ^= int.from_bytes(cell.translate(product), "big")
            yield row, total.to_bytes(1 << self.bits, "big")


def record(kind, window, copy, tag, offset, rest):
    body = struct.pack("<BBBB8sQ", kind, window.percent, window.bits, copy, tag, offset) + rest
    return MAGIC + struct.pack("<I", zlib.crc32(body)) + body


def pad(blob, unit):
    return blob.ljust(ceil(len(blob), unit) * unit, b"\0")


def listed(window, entries, copy, tag, offset):
    out = b""
    for first in range(0, len(entries) // 4, 1008):
        piece = entries[4 * first:4 * (first + 1008)]
        rest = struct.pack("<IQQIBBHI", window.number, window.offset, window.length, window.words, window.rows,
                           window.last, len(piece) // 4, first)
        out += pad(record(1, window, copy, tag, offset + len(out), rest) + piece, 1 << window.bits)
    return out


def frames(blob):
    at = 24
    while at < len(blob) - 44:
        clen, ulen = struct.unpack_from("<II", blob, at + 2)
        yield at, at + 14 + clen, ulen
        at += 14 + clen


def check(blob):
    windows, extensions, begin = [], [], 0
    for at, end, ulen in frames(blob):
        if ulen or blob[at + 14:at + 27] != PREFIX:
            continue
        if at > begin:
            windows.append((begin, blob[begin:at]))
        extensions.append((at, end))
        begin = end
    percent = blob[blob.index(MAGIC) + 13]
    windows = [Window(n, at, data, percent, n == len(windows) - 1) for n, (at, data) in enumerate(windows)]
    assert len(extensions) == len(windows) + 1
    tag, entries = None, {}
    for n, (at, end) in enumerate(extensions):
        own = windows[n] if n < len(windows) else None
        earlier = windows[n - 1] if n else None
        unit = 1 << (own or earlier).bits
        trailers = n >= len(windows) - 1

        def trailer(copy, offset):
            rest = struct.pack("<IQ", len(windows), len(blob)) + blob[:24] + blob[-44:]
            return record(2, windows[-1], copy, tag, offset, rest)

        # The lists, of which the parity part is that of the parity that is stored: whether that is right comes below.
        made = blob[at:at + 14] + PREFIX + struct.pack("<I", end - at - 31)
        assert made[:14] == struct.pack("<HIII", 0, end - at - 14, 0, 0)
        if own:
            head = b"".join(struct.pack("<I", zlib.crc32(cell)) for cell in own.data)
            tag = tag or hashlib.sha256(head).digest()[:8]
            start = blob.index(listed(own, head, 0, tag, 0)[64:64 + min(len(head), 4032)], at)
            stored = b""
            for first in range(0, len(own.data) + own.parity_cells, 1008):
                count = min(1008, len(own.data) + own.parity_cells - first)
                stored += blob[start:start + 4 * count]
                start += ceil(64 + 4 * count, unit) * unit
            assert stored.startswith(head)
            entries[n] = stored
        if trailers:
            made += trailer(0 if own else 2, at + len(made))
        made += bytes(-(at + len(made)) % unit)
        if own:
            made += listed(own, entries[n], 0, tag, at + len(made))
        if earlier:
            made += listed(earlier, entries[n - 1], 1, tag, at + len(made))
            size = earlier.parity_cells * unit
            parity = blob[at + len(made):at + len(made) + size]
            made += parity
            for copy in range(2, 3 + percent // 10):
                made += listed(earlier, entries[n - 1], copy, tag, at + len(made))
            cells = [parity[i:i + unit] for i in range(0, size, unit)]
            sums = b"".join(struct.pack("<I", zlib.crc32(cell)) for cell in cells)
            assert entries[n - 1][4 * len(earlier.data):] == sums
            for word in sorted({*range(min(WORDS, earlier.words)), earlier.words - 1}):
                for row, cell in earlier.parity(word):
                    assert cells[row * earlier.words + word] == cell, f"parity {row} of code word {word}"
        if trailers:
            made += trailer(1 if own else 3, at + len(made))
        if own:
            made += bytes(-(at + len(made)) % unit)
        assert made == blob[at:end], f"extension frame {n}"
    assert begin == len(blob) - 44


for name in sys.argv[1:]:
    with open(name, "rb") as file:
        container = file.read()
    decode(container)
    check(container)
    print(f"{name}: as specified")
