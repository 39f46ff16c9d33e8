"""The README says how much examples/quickstart.sh fetches on a minimal Debian 12: compares that with apt's own figures.

usage: weight.py SOURCE_DIR [--update]
Asks apt, with an empty package database, for what `minbase` and the packages of cmake/packages.txt need, and subtracts
what `minbase` alone needs. Nothing is installed or fetched. Figures may differ by TOLERANCE, since security updates
change them; --update writes the present ones. Status 77: this machine is not such a Debian, or has no package lists."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

TOLERANCE = 0.05
CLAIM = re.compile(r"fetches\s(\d+)\spackages,\s(\d+)\sMB")
SKIP = 77


class Unavailable(Exception):
    """Why the figures cannot be computed here."""


def output(*command):
    result = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ, LC_ALL="C"), check=False)
    if result.returncode != 0:
        raise Unavailable(f"{' '.join(command[:2])}: {result.stderr.strip().splitlines()[-1:]}")
    return result.stdout


def minimal_system():
    """The packages of debootstrap's variant minbase: those with priority `required` and those that apt needs."""
    packages = re.split(r"\n\n+", output("apt-cache", "dumpavail"))
    required = {re.match(r"Package: (\S+)", each).group(1) for each in packages if "\nPriority: required\n" in each}
    if not required:
        raise Unavailable("apt has no package lists: run apt-get update")
    return sorted(required | {"apt", "usr-is-merged"})


def build_packages(source):
    rows = (line.split() for line in (source / "cmake/packages.txt").read_text().splitlines())
    return [row[0] for row in rows if len(row) >= 2 and row[1] == "build" and row[0] != "#"]


def fetched(packages):
    """{file: bytes} of what an empty system fetches to have these packages."""
    with tempfile.NamedTemporaryFile() as status:
        uris = output("apt-get", "install", "--print-uris", "--yes", "--no-install-recommends",
                      "-o", f"Dir::State::status={status.name}", "-o", "Dir::Cache::archives=/nonexistent",
                      "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=",  # apt's own stay as they are
                      "-o", "Debug::NoLocking=true", *packages)
    return {name: int(size) for name, size in re.findall(r"^'[^']+' (\S+) (\d+)", uris, re.MULTILINE)}


def weight(source):
    minimal = minimal_system()
    base, full = fetched(minimal), fetched(minimal + build_packages(source))
    if not base or len(full) <= len(base):
        raise Unavailable("apt does not say what it would fetch")
    added = full.keys() - base.keys()
    return len(added), round(sum(full[name] for name in added) / 1e6)


def main():
    source = pathlib.Path(sys.argv[1])
    readme = source / "README.md"
    text = readme.read_text(encoding="utf-8")
    claim = CLAIM.search(text)
    try:
        if 'VERSION_CODENAME=bookworm\n' not in pathlib.Path("/etc/os-release").read_text():
            raise Unavailable("the README's figures are those of Debian 12")
        measured = weight(source)
    except Unavailable as why:
        print(f"weight.py: skipped: {why}")
        return SKIP
    print("the quickstart fetches {} packages, {} MB".format(*measured))
    if sys.argv[2:] == ["--update"]:
        readme.write_text(CLAIM.sub("fetches {} packages, {} MB".format(*measured), text), encoding="utf-8")
        return 0
    claimed = [int(number) for number in claim.groups()] if claim else []
    if not claimed or any(abs(a - b) > TOLERANCE * b for a, b in zip(claimed, measured)):
        print(f"README.md says {claimed}: run tests/docs/weight.py . --update", file=sys.stderr)
        return 1
    return 0


sys.exit(main())
