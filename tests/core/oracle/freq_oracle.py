#!/usr/bin/env python3
"""An independent reading of the .freq v42 container, for differential tests.

Slow and plain on purpose: standard library plus libzstd through ctypes, no threads, whole file in memory.

  freq_oracle.py encode IN OUT [--level 5] [--frame 1048576] [--channels 1] [--mapping virtual|u16] [--verify]
  freq_oracle.py decode IN OUT     exit 0 ok, 2 footer digest differs, 3 I/O, 4 structure

It decodes by the strict rules of libpaxect_core/FORMAT.md and shares nothing with the library but libzstd.
"""
import argparse
import ctypes
import ctypes.util
import hashlib
import struct
import sys
import zlib

_Z = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
_Z.ZSTD_compressBound.restype = ctypes.c_size_t
_Z.ZSTD_compressBound.argtypes = [ctypes.c_size_t]
_Z.ZSTD_compress.restype = ctypes.c_size_t
_Z.ZSTD_compress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
_Z.ZSTD_decompress.restype = ctypes.c_size_t
_Z.ZSTD_decompress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
_Z.ZSTD_isError.restype = ctypes.c_uint
_Z.ZSTD_isError.argtypes = [ctypes.c_size_t]
_Z.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong
_Z.ZSTD_getFrameContentSize.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
_Z.ZSTD_findFrameCompressedSize.restype = ctypes.c_size_t
_Z.ZSTD_findFrameCompressedSize.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
_Z.ZSTD_versionNumber.restype = ctypes.c_uint
_Z.ZSTD_createCCtx.restype = ctypes.c_void_p
_Z.ZSTD_freeCCtx.argtypes = [ctypes.c_void_p]
_Z.ZSTD_CCtx_setParameter.restype = ctypes.c_size_t
_Z.ZSTD_CCtx_setParameter.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
_Z.ZSTD_compress2.restype = ctypes.c_size_t
_Z.ZSTD_compress2.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]

HEADER, FRAME, FOOTER = "<4sHIBbIH6x", "<HIII", "<QI32s"
HEADER_SIZE, FRAME_SIZE, FOOTER_SIZE = (struct.calcsize(f) for f in (HEADER, FRAME, FOOTER))
ZSTD_MAGIC = bytes.fromhex("28b52ffd")
MAGIC, VERSION, FLAG_VERIFY, FLAG_MULTICHANNEL = b"PXC1", 42, 1, 2


class Broken(Exception):
    """A container that does not follow the format; the exit status is `code`."""

    def __init__(self, code, why):
        super().__init__(why)
        self.code = code


def zstd_version():
    return _Z.ZSTD_versionNumber()


def _compress(raw, level):
    bound = _Z.ZSTD_compressBound(len(raw))
    out = ctypes.create_string_buffer(bound)
    n = _Z.ZSTD_compress(out, bound, raw, len(raw), level)
    assert not _Z.ZSTD_isError(n)
    return out.raw[:n]


def compress_with_checksum(raw, level):
    """A payload that a decoder takes and no encoder writes."""
    context = _Z.ZSTD_createCCtx()
    _Z.ZSTD_CCtx_setParameter(context, 100, level)  # ZSTD_c_compressionLevel
    _Z.ZSTD_CCtx_setParameter(context, 201, 1)  # ZSTD_c_checksumFlag
    bound = _Z.ZSTD_compressBound(len(raw))
    out = ctypes.create_string_buffer(bound)
    n = _Z.ZSTD_compress2(context, out, bound, raw, len(raw))
    _Z.ZSTD_freeCCtx(context)
    assert not _Z.ZSTD_isError(n)
    return out.raw[:n]


def frame_bytes(raw, channel, level, compress=_compress):
    payload = compress(raw, level)
    return struct.pack(FRAME, channel, len(payload), len(raw), zlib.crc32(raw)) + payload


def encode(data, level=5, frame=1 << 20, channels=1, mapping=0, verify=False):
    flags = (FLAG_VERIFY if verify else 0) | (FLAG_MULTICHANNEL if channels > 1 else 0)
    out = [struct.pack(HEADER, MAGIC, VERSION, flags, mapping, level, frame, channels)]
    frames = 0
    for at in range(0, len(data), frame):
        out.append(frame_bytes(data[at:at + frame], frames % channels, level))
        frames += 1
    out.append(struct.pack(FOOTER, len(data), frames, hashlib.sha256(data).digest()))
    return b"".join(out)


EMPTY_ZSTD_FRAME = bytes.fromhex("28b52ffd2000010000")


def _extension(payload, channel, crc):
    """Checks an extension frame: an empty zstd frame, then one skippable frame that ends where the payload ends."""
    at = len(EMPTY_ZSTD_FRAME)
    if channel != 0 or crc != 0 or payload[:at] != EMPTY_ZSTD_FRAME or len(payload) < at + 8:
        raise Broken(4, "empty frame that is no extension")
    magic, size = struct.unpack_from("<II", payload, at)
    if not 0x184D2A50 <= magic <= 0x184D2A5F or at + 8 + size != len(payload):
        raise Broken(4, "malformed extension frame")


def decode(blob):
    """The original bytes, or Broken with the exit status a strict decoder gives."""
    if len(blob) < HEADER_SIZE:
        raise Broken(4, "truncated header")
    magic, version, flags, mapping, _level, frame_size, channels = struct.unpack_from(HEADER, blob)
    if magic != MAGIC:
        raise Broken(4, "bad magic")
    if version != VERSION:
        raise Broken(4, f"unsupported version {version}")
    if not 1 <= channels <= 8 or mapping > 1 or frame_size == 0:
        raise Broken(4, "header field out of range")
    if len(blob) < HEADER_SIZE + FOOTER_SIZE:
        raise Broken(4, "truncated footer")
    end = len(blob) - FOOTER_SIZE
    at, out, frames = HEADER_SIZE, [], 0
    while at < end:
        if at + FRAME_SIZE > end:
            raise Broken(4, "truncated frame header")
        channel, clen, ulen, crc = struct.unpack_from(FRAME, blob, at)
        at += FRAME_SIZE
        if at + clen > end:
            raise Broken(4, "truncated frame payload")
        payload = blob[at:at + clen]
        at += clen
        frames += 1
        if ulen == 0:
            _extension(payload, channel, crc)
            continue
        if channel >= channels:
            raise Broken(4, "channel out of range")
        if ulen > frame_size:
            raise Broken(4, "frame larger than the header allows")
        if clen > _Z.ZSTD_compressBound(ulen):
            raise Broken(4, "payload longer than its data can give")
        if payload[:4] != ZSTD_MAGIC:
            raise Broken(4, "payload is no zstd frame")
        whole = _Z.ZSTD_findFrameCompressedSize(payload, clen)
        if _Z.ZSTD_isError(whole) or whole != clen:
            raise Broken(4, "payload is not exactly one zstd frame")
        if _Z.ZSTD_getFrameContentSize(payload, clen) != ulen:
            raise Broken(4, "declared length differs from the frame's")
        raw = ctypes.create_string_buffer(ulen)
        n = _Z.ZSTD_decompress(raw, ulen, payload, clen)
        if _Z.ZSTD_isError(n) or n != ulen:
            raise Broken(4, "frame does not decompress")
        if zlib.crc32(raw.raw[:ulen]) != crc:
            raise Broken(4, "CRC-32 differs")
        out.append(raw.raw[:ulen])
    data = b"".join(out)
    total, count, digest = struct.unpack_from(FOOTER, blob, end)
    if hashlib.sha256(data).digest() != digest:
        raise Broken(2, "SHA-256 differs")
    if total != len(data) or count != frames:
        raise Broken(4, "footer counts differ")
    return data


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = parser.add_subparsers(dest="what", required=True)
    enc = sub.add_parser("encode")
    enc.add_argument("input")
    enc.add_argument("output")
    enc.add_argument("--level", type=int, default=5)
    enc.add_argument("--frame", type=int, default=1 << 20)
    enc.add_argument("--channels", type=int, default=1)
    enc.add_argument("--mapping", choices=["virtual", "u16"], default="virtual")
    enc.add_argument("--verify", action="store_true")
    dec = sub.add_parser("decode")
    dec.add_argument("input")
    dec.add_argument("output")
    args = parser.parse_args()
    try:
        blob = open(args.input, "rb").read()
        if args.what == "encode":
            result = encode(blob, args.level, args.frame, args.channels, ["virtual", "u16"].index(args.mapping), args.verify)
        else:
            result = decode(blob)
        open(args.output, "wb").write(result)
    except Broken as why:
        print(f"freq_oracle: {why}", file=sys.stderr)
        return why.code
    except OSError as why:
        print(f"freq_oracle: {why}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
