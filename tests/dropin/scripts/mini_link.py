#!/usr/bin/env python3
"""One pass over an inbox, calling the core as the Python Link does: PAXECT_CORE is split at blanks and run as
`CMD encode -i A -o B`. Plain files become containers with a sidecar beside them, containers files in the outbox."""
import hashlib
import os
import subprocess
import sys
from pathlib import Path

CORE = os.environ.get("PAXECT_CORE", "python3 paxect_core.py").split()
INBOX = Path(os.environ.get("PAXECT_LINK_INBOX", "inbox"))
OUTBOX = Path(os.environ.get("PAXECT_LINK_OUTBOX", "outbox"))


def core(command, source, target):
    subprocess.run(CORE + [command, "-i", str(source), "-o", str(target)], check=True, capture_output=True)


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main(commands):
    OUTBOX.mkdir(exist_ok=True)
    for path in sorted(INBOX.iterdir()):
        if "encode" in commands and path.suffix == ".txt":
            container = path.with_suffix(".freq")
            core("encode", path, container)
            Path(f"{container}.sha256").write_text(digest(container) + "\n", encoding="ascii")
            path.unlink()
    for path in sorted(INBOX.glob("*.freq")):
        if "decode" in commands:
            sidecar = Path(f"{path}.sha256")
            if sidecar.read_text(encoding="ascii").strip() != digest(path):
                return f"{path}: sidecar sha256 mismatch"
            core("decode", path, OUTBOX / path.stem)
            path.unlink()
            sidecar.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["encode", "decode"]))
