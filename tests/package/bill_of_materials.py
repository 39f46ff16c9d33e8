#!/usr/bin/env python3
"""The bill of materials of unpacked packages is a sound CycloneDX 1.4 document and lists what the binaries need.

usage: bill_of_materials.py ROOT
"""
import json
import pathlib
import re
import subprocess
import sys

root = pathlib.Path(sys.argv[1])
bom = json.loads((root / "usr/share/doc/paxect/paxect.cdx.json").read_text())
failures = []


def expect(condition, message):
    if not condition:
        failures.append(message)


# What the specification requires of the parts that we use, and the forms that it gives them.
expect(bom["bomFormat"] == "CycloneDX" and bom["specVersion"] == "1.4" and bom["version"] == 1, "format or version")
expect(re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", bom["serialNumber"]), "serial number")
expect(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", bom["metadata"]["timestamp"]), "timestamp")
expect(set(bom) <= {"bomFormat", "specVersion", "serialNumber", "version", "metadata", "components", "dependencies"},
       "a field that is not of the specification")
components = [bom["metadata"]["component"], *bom["components"]]
for component in components:
    expect(component["type"] in ("application", "library"), f"type of {component['name']}")
    expect(component["name"] and component["version"], "a component without name or version")
    expect(re.fullmatch(r"pkg:deb/[\w.%+~-]+(/[\w.%+~-]+)?@[\w.%+~-]+(\?arch=\w+)?", component["purl"]), component["purl"])
references = [component["bom-ref"] for component in components]
expect(len(set(references)) == len(references), "a reference stands for two components")
for dependency in bom["dependencies"]:
    expect(set([dependency["ref"], *dependency["dependsOn"]]) <= set(references), "a dependency on nothing listed")

# What it says is true of the binaries.
listed = {item["value"] for component in bom["components"] for item in component["properties"]
          if item["name"] == "linked"}
own = {path.name for path in root.glob("usr/lib/*/lib*.so.*")}
for binary in [path for path in root.rglob("*") if path.is_file() and path.open("rb").read(4) == b"\x7fELF"]:
    dynamic = subprocess.run(["readelf", "-d", binary], check=True, capture_output=True, text=True).stdout
    for needed in re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic):
        expect(needed in listed | own, f"{binary.name} needs {needed}, which is not listed")
expect({"libzstd.so.1", "libcrypto.so.3", "libsodium.so.23"} <= listed, f"what was listed: {sorted(listed)}")
expect(any(component["name"] == "rapidjson-dev" for component in bom["components"]), "RapidJSON is compiled in")

for failure in failures:
    print(f"bill_of_materials.py: {failure}", file=sys.stderr)
sys.exit(1 if failures else 0)
