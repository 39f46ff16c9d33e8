#!/usr/bin/env python3
"""The bill of materials of unpacked packages is valid CycloneDX 1.4 and matches the binaries.

usage: bill_of_materials.py ROOT
Valid is what the specification's own schema says, in cyclonedx/.
"""
import copy
import hashlib
import json
import pathlib
import re
import subprocess
import sys

import jsonschema

root = pathlib.Path(sys.argv[1])
bom = json.loads((root / "usr/share/doc/paxect/paxect.cdx.json").read_text())
schemas = pathlib.Path(__file__).parent / "cyclonedx"
licence_ids = json.loads((schemas / "spdx.schema.json").read_text())
failures = []


def expect(condition, message):
    if not condition:
        failures.append(message)


def with_references(rule):
    """The schema in one document. We sign nothing, so a signature is not allowed."""
    if isinstance(rule, list):
        return [with_references(each) for each in rule]
    if not isinstance(rule, dict):
        return rule
    if rule.get("$ref", "").startswith("spdx."):
        return licence_ids
    if rule.get("$ref", "").startswith("jsf-"):
        return False
    return {key: with_references(value) for key, value in rule.items()}


def faults_of(document):
    return [f"{'/'.join(map(str, fault.absolute_path))}: {fault.message[:200]}" for fault in validator.iter_errors(document)]


schema = with_references(json.loads((schemas / "bom-1.4.schema.json").read_text()))
schema.pop("$id")
validator = jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker())
for fault in faults_of(bom):
    failures.append(f"not as the schema of CycloneDX says: {fault}")
for key, value in {"name": None, "licenses": [{"license": {"id": "no-such-licence"}}], "hashes": [{"alg": "SHA-256"}]}.items():
    wrong = copy.deepcopy(bom)
    wrong["components"][0][key] = value
    expect(faults_of(wrong), f"the schema does not see a wrong '{key}'")
expect(bom["specVersion"] == "1.4", "another version than that of the schema")

# Each component is described completely.
components = [bom["metadata"]["component"], *bom["components"]]
references = [component["bom-ref"] for component in components]
expect(len(set(references)) == len(references), "a reference stands for two components")
own = {}
linked = {}
for component in components:
    name = component["name"]
    expect(component.get("version") and component.get("supplier", {}).get("name"), f"{name}: no version or supplier")
    expect(len(component.get("licenses", [])) == 1, f"{name}: not one licence")
    for part in re.split(r" (?:OR|AND|WITH) ", component["licenses"][0].get("expression", "MIT")):
        expect(part in licence_ids["enum"], f"{name}: licence {part}")
    for item in component.get("properties", []):
        if item["name"] == "linked":
            linked[item["value"]] = component["bom-ref"]
        if item["name"] == "file":
            own[item["value"]] = component
    if "purl" in component:
        form = r"pkg:generic/paxect@[\d.-]+|pkg:deb/[a-z]+/[\w.%~-]+@[\w.%~-]+\?arch=\w+&distro=[a-z]+-[\w.]+"
        expect(re.fullmatch(form, component["purl"]), component["purl"])
    else:
        expect(component in own.values(), f"{name}: no purl")

# The dependencies.
edges = {each["ref"]: set(each["dependsOn"]) for each in bom["dependencies"]}
expect(set(edges) == set(references), "a component without its dependencies, or the reverse")
expect(set().union(*edges.values()) <= set(references), "a dependency on nothing listed")
reached, ahead = set(), [bom["metadata"]["component"]["bom-ref"]]
while ahead:
    reference = ahead.pop()
    if reference not in reached:
        reached.add(reference)
        ahead.extend(edges.get(reference, ()))
expect(reached == set(references), f"nothing depends on {sorted(set(references) - reached)}")

# It matches every binary.
binaries = {path for path in root.rglob("*") if path.is_file() and not path.is_symlink() and path.open("rb").read(4) == b"\x7fELF"}
expect({"/" + str(path.relative_to(root)) for path in binaries} == set(own), f"binaries listed: {sorted(own)}")
names = {component["name"]: component["bom-ref"] for component in own.values()}
for path in binaries:
    component = own.get("/" + str(path.relative_to(root)))
    if component is None:
        continue
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    expect(component["hashes"] == [{"alg": "SHA-256", "content": digest}], f"{path.name} has another digest")
    dynamic = subprocess.run(["readelf", "-d", path], check=True, capture_output=True, text=True).stdout
    for needed in re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic):
        target = linked.get(needed) or names.get(needed)
        expect(target in edges[component["bom-ref"]], f"{path.name} needs {needed}, which is not told of it")
for needed in ("libzstd.so.1", "libcrypto.so.3", "libsodium.so.23"):
    expect(needed in linked, f"{needed} is not listed")
headers = {component["name"] for component in bom["components"]
           if {"name": "linked", "value": "headers, compiled in"} in component["properties"]}
expect(headers == {"rapidjson-dev"}, f"compiled in from headers: {sorted(headers)}")

for failure in failures:
    print(f"bill_of_materials.py: {failure}", file=sys.stderr)
sys.exit(1 if failures else 0)
