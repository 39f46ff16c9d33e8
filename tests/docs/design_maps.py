"""The table "Files" of each DESIGN.md names every source file of its component, and no other.

usage: design_maps.py SOURCE_DIR
A row is `| name, other_name | purpose |`; rows in bold are headings. NAME_command stands for every name of that form.
"""
import pathlib
import re
import sys


def in_table(design):
    files = design.read_text().split("\n## Files\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| (?!file \||---|\*\*)([^|]+) \|", files, re.M)
    return [name.strip().split("/")[-1] for row in rows for name in row.split(",")]


def in_tree(component, named):
    sources = [path for folder in ("src", "tool") for path in (component / folder).rglob("*.*")]
    names = {path.stem for path in sources if path.suffix in (".cc", ".h")}
    commands = {name for name in names if name.endswith("_command") and name not in named}
    return names - commands | ({"NAME_command"} if commands else set())


def faults(component):
    design = component / "DESIGN.md"
    named = set(in_table(design))
    there = in_tree(component, named)
    for name in sorted(there - named):
        yield f"{design}: {name} has no row"
    for name in sorted(named - there):
        yield f"{design}: {name} does not exist"


def main():
    components = sorted(path.parent for path in pathlib.Path(sys.argv[1]).glob("*/DESIGN.md"))
    found = [fault for component in components for fault in faults(component)]
    print("\n".join(found) if found else f"{len(components)} tables are complete")
    sys.exit(1 if found or not components else 0)


main()
