"""The table of MONITORING.md gives each metric its labels, their values and its kind, as a relay exports them.

usage: metrics_table.py MONITORING.md METRICS
"""
import pathlib
import re
import sys

page, metrics = (pathlib.Path(path).read_text() for path in sys.argv[1:3])
OF_THE_RELAY = {"relay"}  # told above the table, of all
OF_A_HISTOGRAM = {"le"}

kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", metrics, re.M))
exported = {name: {} for name in kinds}
for name, text in re.findall(r"^(\w+)\{(.*)\} ", metrics, re.M):
    name = name if name in kinds else re.sub(r"_(bucket|count|sum)$", "", name)
    for label, value in re.findall(r'(\w+)="([^"]*)"', text):
        if label not in OF_THE_RELAY | OF_A_HISTOGRAM:
            exported[name].setdefault(label, set()).add(value)

faults = []
rows = re.findall(r"^\| (`paxect_link_[^|]*) \|([^|]*)\| ?([^|]*)\|$", page, re.M)
for names, labels, what in rows:
    for name in re.findall(r"`(\w+)`", names):
        told = {label: set(filter(None, values.split(", "))) for label, values in re.findall(r"`(\w+)`(?: \(([^)]*)\))?", labels)}
        there = exported.get(name, {})
        if set(told) != set(there):
            faults.append(f"{name} has the labels {sorted(there)} and not {sorted(told)}")
        told.get("reason", set()).update(re.findall(r"`(\w+)`", what))
        for label, values in told.items():
            if values and values != there.get(label):
                faults.append(f"{name}: {label} is one of {sorted(there.get(label, ()))} and not of {sorted(values)}")
        if ("histogram" in what) != (kinds.get(name) == "histogram"):
            faults.append(f"{name} is a {kinds.get(name)}")
if len(rows) < 10:
    faults.append("no table found: has this test lost its source?")
print("\n".join(faults))
sys.exit(1 if faults else 0)
