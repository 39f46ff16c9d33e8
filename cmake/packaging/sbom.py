#!/usr/bin/env python3
"""Prints the bill of materials of the packaged programs as CycloneDX 1.4 JSON.

usage: sbom.py STAGED CHANGELOG BUILD
STAGED contains the files of the components, among them our binaries. readelf and ldd find the libraries that a binary
loads, directly or not; the dependencies that ninja recorded in BUILD show which headers are compiled in. dpkg names the
Debian packages of both. The same packages give the same bytes: the time is SOURCE_DATE_EPOCH, and the serial number is
a hash of the content.
"""
import datetime
import hashlib
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import urllib.parse
import uuid

# Objects below a folder belong to its binary. The first match counts.
BINARIES = [("libpaxect_core/tool/", "paxect-core"), ("libpaxect_core/", "libpaxect_core.so.1"), ("host/", "paxect"),
            ("link_plugin/", "link.so"), ("panel_plugin/", "panel.so"),
            ("carrier_plugin/", "carrier.so")]
# The licences of the libraries, by source package. Debian's copyright files cover the whole source and have no form that
# a program can read. A package that is missing here fails the build, so that somebody checks its licence.
LICENCES = {
    r"boost[\d.]+": "BSL-1.0", r"gcc-\d+": "GPL-3.0-or-later WITH GCC-exception-3.1", "glibc": "LGPL-2.1-or-later", "libisal": "BSD-3-Clause",
    "libcap2": "BSD-3-Clause OR GPL-2.0-only", "libdeflate": "MIT", "nats.c": "Apache-2.0", "protobuf-c": "BSD-2-Clause", "libgcrypt20": "LGPL-2.1-or-later",
    "libgpg-error": "LGPL-2.1-or-later", "libsodium": "ISC", "libzstd": "BSD-3-Clause OR GPL-2.0-only",
    "lz4": "BSD-2-Clause", "openssl": "Apache-2.0", "prometheus-cpp": "MIT", "cpp-httplib": "MIT", "brotli": "MIT", "rapidjson": "MIT",
    "systemd": "LGPL-2.1-or-later", "xz-utils": None,  # liblzma: in the public domain
    "zlib": "Zlib",
}
KERNEL = "linux"  # its headers define numbers and layouts; no code of them is compiled in


def output(*command):
    return subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout


def is_elf(path):
    return path.is_file() and not path.is_symlink() and path.open("rb").read(4) == b"\x7fELF"


def own_name(path):
    """The name that other binaries use: for a library, the name without the minor version."""
    return re.sub(r"(\.so\.\d+)\..*", r"\1", path.name)


def needed_by(path):
    return re.findall(r"\(NEEDED\).*\[(.*)\]", output("readelf", "-d", path))


def loaded_by(path):
    """{name: path} of each library that the dynamic linker loads for this file."""
    found = re.findall(r"^\s*(?:(\S+) => )?(/\S+) \(0x", output("ldd", path), re.M)
    return {name or os.path.basename(path): path for name, path in found}


def owners_of(paths):
    """{path: package}. On a merged system dpkg may list a file below / or below /usr."""
    names = {path: {path, os.path.realpath(path), os.path.realpath(path).removeprefix("/usr")} for path in paths}
    asked = sorted(set().union(*names.values()))
    found = subprocess.run(["dpkg-query", "-S", *asked], capture_output=True, text=True).stdout
    listed = re.findall(r"^(?!diversion by )(.+): (/.+)$", found, re.M)
    owners = {path: packages.split(",")[0] for packages, path in listed}
    result = {path: next((owners[name] for name in sorted(names[path]) if name in owners), None) for path in paths}
    for path, owner in result.items():
        if owner is None:
            sys.exit(f"sbom.py: {path} belongs to no Debian package")
    return result


def headers_by_binary(build):
    """{binary: paths of the system headers that its objects include}."""
    found = {name: set() for _, name in BINARIES}
    for entry in output("ninja", "-C", build, "-t", "deps").split("\n\n"):
        target, _, rest = entry.lstrip().partition(": #deps")
        name = next((name for folder, name in BINARIES if target.startswith(folder)), None)
        if name is not None:
            found[name] |= {line.strip() for line in rest.splitlines()[1:] if line.strip().startswith("/usr/")}
    return found


class Package:
    """A Debian package as a component."""

    def __init__(self, name, vendor):
        shown = output("dpkg-query", "-W", "-f", "${Package}\t${Version}\t${Architecture}\t${source:Package}", name)
        self.name, self.version, self.architecture, self.source = shown.split("\t")
        self.vendor = vendor
        self.linked = set()
        quote = urllib.parse.quote
        self.ref = (f"pkg:deb/{vendor['ID']}/{quote(self.name, safe='')}@{quote(self.version, safe='')}"
                    f"?arch={self.architecture}&distro={vendor['ID']}-{vendor.get('VERSION_ID', 'sid')}")

    def licences(self):
        for source, licence in LICENCES.items():
            if re.fullmatch(source, self.source):
                if licence is None:
                    return [{"license": {"name": "public domain"}}]
                return [{"expression": licence} if " " in licence else {"license": {"id": licence}}]
        sys.exit(f"sbom.py: {self.source} has no licence in LICENCES: see /usr/share/doc/{self.name}/copyright")

    def component(self):
        linked = sorted(self.linked) or ["headers, compiled in"]
        return {"type": "library", "bom-ref": self.ref, "supplier": {"name": self.vendor["NAME"]}, "name": self.name,
                "version": self.version, "licenses": self.licences(), "purl": self.ref,
                "properties": [{"name": "debian:source", "value": self.source}] +
                              [{"name": "linked", "value": each} for each in linked]}


def own_component(path, staged, version):
    # STAGED/COMPONENT/usr/bin/paxect
    place = "/" + "/".join(path.relative_to(staged).parts[1:])
    kind = "application" if "/bin/" in place else "library"
    return {"type": kind, "bom-ref": own_ref(path), "supplier": {"name": "PAXECT authors"}, "name": own_name(path),
            "version": version, "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}],
            "licenses": [{"license": {"id": "Apache-2.0"}}], "properties": [{"name": "file", "value": place}]}


def own_ref(path):
    return f"paxect/{own_name(path)}"


class Graph:
    """The packages, and the dependencies between components by reference."""

    def __init__(self, binaries):
        self.vendor = platform.freedesktop_os_release()
        self.own = {own_name(path): own_ref(path) for path in binaries}
        self.packages = {}
        self.edges = {}

    def package(self, name):
        if name not in self.packages:
            self.packages[name] = Package(name, self.vendor)
            self.edges[self.packages[name].ref] = set()
        return self.packages[name]

    def add_links(self, ref, path, loaded, owners):
        """Adds the libraries that the file needs, directly or not."""
        known = self.edges.setdefault(ref, set())
        for name in needed_by(path):
            if name in self.own:
                known.add(self.own[name])
                continue
            package = self.package(owners[loaded[name]])
            known.add(package.ref)
            if name not in package.linked:
                package.linked.add(name)
                self.add_links(package.ref, loaded[name], loaded, owners)
        known.discard(ref)  # the libraries of one package may need each other

    def add_headers(self, ref, headers, owners):
        """Adds the packages whose headers are included and whose libraries are not linked."""
        linked = {package.source for package in self.packages.values() if package.linked} | {KERNEL}
        for name in sorted({owners[header] for header in headers}):
            package = Package(name, self.vendor)
            if package.source not in linked:
                self.edges[ref].add(self.package(name).ref)


def main():
    staged, changelog, build = map(pathlib.Path, sys.argv[1:4])
    version = re.match(r"paxect \(([^)]+)\)", changelog.read_text()).group(1)
    binaries = sorted(path for path in staged.rglob("*") if is_elf(path))
    if sorted(map(own_name, binaries)) != sorted(name for _, name in BINARIES):
        sys.exit(f"sbom.py: BINARIES in this script does not list {', '.join(map(own_name, binaries))}")
    graph = Graph(binaries)
    loaded = {}
    for path in binaries:
        loaded |= {name: place for name, place in loaded_by(path).items() if name not in graph.own}
    headers = headers_by_binary(build)
    owners = owners_of(set(loaded.values()) | set().union(*headers.values()))
    for path in binaries:
        graph.add_links(own_ref(path), path, loaded, owners)
    for path in binaries:
        graph.add_headers(own_ref(path), headers[own_name(path)], owners)

    packages = sorted(graph.packages.values(), key=lambda each: each.ref)
    components = [own_component(path, staged, version) for path in binaries]
    components += [package.component() for package in packages]
    root = f"pkg:generic/paxect@{urllib.parse.quote(version, safe='')}"
    graph.edges[root] = set(graph.own.values())
    dependencies = [{"ref": ref, "dependsOn": sorted(edges)} for ref, edges in sorted(graph.edges.items())]
    when = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.4",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, root + json.dumps([components, dependencies]))}",
        "version": 1,
        "metadata": {
            "timestamp": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tools": [{"vendor": "PAXECT authors", "name": "cmake/packaging/sbom.py", "version": version}],
            "component": {"type": "application", "bom-ref": root, "supplier": {"name": "PAXECT authors"},
                          "name": "paxect", "version": version, "licenses": [{"license": {"id": "Apache-2.0"}}],
                          "purl": root},
        },
        "components": components,
        "dependencies": dependencies,
    }
    print(json.dumps(bom, indent=2))


main()
