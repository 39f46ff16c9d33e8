#!/usr/bin/env python3
"""Lists what the packaged programs are linked to, as CycloneDX 1.4 JSON on stdout.

usage: sbom.py STAGED CHANGELOG
STAGED holds the components' files. Libraries are found by ldd, the Debian packages that they come from by dpkg; the
headers that are compiled in are those of the packages in HEADER_ONLY. The same packages give the same bytes: the time
is SOURCE_DATE_EPOCH, the serial number is made from the content.
"""
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import urllib.parse
import uuid

HEADER_ONLY = ["rapidjson-dev"]
OURS = "libpaxect_core.so.1"


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def is_elf(path):
    return path.is_file() and not path.is_symlink() and path.open("rb").read(4) == b"\x7fELF"


def libraries_of(binary):
    """(name, path) of each library that the dynamic linker loads for it, ours left out."""
    for line in output("ldd", str(binary)).splitlines():
        match = re.match(r"\s*(\S+) => (/\S+)", line)
        if match and match.group(1) != OURS:
            yield match.groups()


def package_of(path):
    # A library may be listed below / or /usr, which are the same where the two are merged.
    for name in (os.path.realpath(path), path, os.path.realpath(path).removeprefix("/usr")):
        found = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True)
        if found.returncode == 0:
            return found.stdout.splitlines()[0].rsplit(": ", 1)[0].split(",")[0]
    sys.exit(f"sbom.py: {path} belongs to no Debian package")


def component_of(package, libraries):
    shown = output("dpkg-query", "-W", "-f", "${Package}\t${Version}\t${Architecture}\t${source:Package}", package)
    name, version, architecture, source = shown.split("\t")
    quote = urllib.parse.quote
    purl = f"pkg:deb/debian/{quote(name, safe='')}@{quote(version, safe='')}?arch={architecture}"
    properties = [{"name": "debian:source", "value": source}]
    properties += [{"name": "linked", "value": library} for library in sorted(libraries)]
    if not libraries:
        properties.append({"name": "linked", "value": "headers, compiled in"})
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl,
            "properties": properties}


def main():
    staged, changelog = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    version = re.match(r"paxect \(([^)]+)\)", changelog.read_text()).group(1)
    own = f"pkg:deb/paxect@{version}"
    binaries = sorted(path for path in staged.rglob("*") if is_elf(path))
    packages = {name: set() for name in HEADER_ONLY}
    for binary in binaries:
        for library, path in libraries_of(binary):
            packages.setdefault(package_of(path), set()).add(library)
    components = sorted((component_of(*item) for item in packages.items()), key=lambda each: each["bom-ref"])
    when = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.4",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, own + json.dumps(components))}",
        "version": 1,
        "metadata": {
            "timestamp": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {"type": "application", "bom-ref": own, "name": "paxect", "version": version, "purl": own,
                          "licenses": [{"license": {"id": "Apache-2.0"}}]},
        },
        "components": components,
        "dependencies": [{"ref": own, "dependsOn": [each["bom-ref"] for each in components]}],
    }
    print(json.dumps(bom, indent=2))


main()
