"""Waits, by inotify, for files to be renamed into a directory."""
import ctypes
import os
import select
import struct
import time

IN_MOVED_TO = 0x80
IN_Q_OVERFLOW = 0x4000
EVENT = struct.Struct("iIII")  # struct inotify_event; a name of `len` bytes follows, padded with zeros


class Arrivals:
    """Watches one directory from its construction on, so that no later rename into it is missed."""

    def __init__(self, directory):
        self.directory = directory
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_CLOEXEC)
        if self.fd < 0 or libc.inotify_add_watch(self.fd, os.fsencode(directory), IN_MOVED_TO) < 0:
            raise OSError(ctypes.get_errno(), "cannot watch", directory)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)

    def _read(self):
        data = os.read(self.fd, 1 << 16)
        while data:
            _, mask, _, length = EVENT.unpack_from(data)
            if mask & IN_Q_OVERFLOW:
                raise OSError("too many events at once in " + self.directory)
            yield os.fsdecode(data[EVENT.size:EVENT.size + length].rstrip(b"\0"))
            data = data[EVENT.size + length:]

    def wait_for(self, names, limit=120):
        """Returns when each of `names` was renamed into the directory; TimeoutError after `limit` seconds."""
        missing = set(names)
        end = time.monotonic() + limit
        while missing:
            if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError(f"{len(missing)} files, {min(missing)} among them, are not in {self.directory} "
                                   f"after {limit} s")
            missing.difference_update(self._read())
