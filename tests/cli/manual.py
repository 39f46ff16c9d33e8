#!/usr/bin/env python3
"""The man pages tell all there is, and nothing that is not: options, settings, functions, statuses, events.

usage: manual.py SOURCE_DIR BUILD_DIR
What there is comes from the programs' own --help, the header, the policy's schema and the table of settings, and from
these the defaults too. The pages themselves must be sound for man and mandoc.
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

source, build = map(pathlib.Path, sys.argv[1:3])
PAGES = {
    "paxect.1": "host", "paxect.conf.5": "host", "paxect-link.7": "link_plugin", "paxect-panel.7": "panel_plugin",
    "paxect-carrier.7": "carrier_plugin",
    "paxect-core.1": "libpaxect_core", "paxect_core.3": "libpaxect_core",
}
failures = []


def expect_same(what, there, told):
    for name in sorted(set(there) - set(told)):
        failures.append(f"{what}: '{name}' is not in the manual")
    for name in sorted(set(told) - set(there)):
        failures.append(f"{what}: the manual tells of '{name}', which does not exist")
    if not there:
        failures.append(f"{what}: nothing found: has this test lost its source?")


def run(*command, **more):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, **more)


def help_of(*command, **more):
    result = run(*command, **more)
    assert result.returncode == 0, result.stderr
    return result.stdout


def options_in(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def section(page, title):
    """The lines of '# TITLE', escapes resolved."""
    text = (source / PAGES[page] / "man" / f"{page}.scd").read_text()
    match = re.search(rf"^# {re.escape(title)}\n(.*?)(?=^# |\Z)", text, re.M | re.S)
    assert match, f"{page} has no section {title}"
    return re.sub(r"\\(.)", r"\1", match.group(1))


def entries(page, title):
    """(head, body) of each entry: a line that is not indented, and the indented ones below it."""
    found = []
    for line in section(page, title).splitlines():
        if line.startswith("\t"):
            found[-1][1].append(line.strip())
        elif line.strip():
            found.append((line, []))
    return [(head, " ".join(body)) for head, body in found]


def heads(page, title):
    return [name for head, _ in entries(page, title) for name in re.findall(r"^\*([\w.$]+)\*", head)]


def expect_default(what, default, body, is_choice):
    """The default stands in the entry; once more, where it is among the values that are listed there."""
    named = re.findall(rf"(?<![\w.])[*_]*{re.escape(default)}[*_]*(?![\w.]*\w)", body)
    if len(named) < (2 if is_choice else 1):
        failures.append(f"{what}: the manual does not say that its default is '{default}'")


def check_host():
    paxect = build / "bin/paxect"
    text = help_of(paxect, "--help")
    told = {option for head, _ in entries("paxect.1", "OPTIONS") for option in options_in(head)}
    expect_same("option of paxect", options_in(text), told)
    expect_same("command of paxect", re.findall(r"^  ([a-z]+)  ", text, re.M), heads("paxect.1", "COMMANDS"))
    statuses = re.findall(r"(?:^|; |: )(\d+) ", text[text.index("Exit status"):], re.M)
    expect_same("exit status of paxect", statuses, heads("paxect.1", "EXIT STATUS"))


def check_tool():
    tool = build / "bin/paxect-core"
    text = help_of(tool, "-h")
    commands = re.findall(r"^  ([a-z]+) ", text, re.M)
    expect_same("command of paxect-core", commands, heads("paxect-core.1", "COMMANDS"))
    told = {command: {"--help"} for command in commands}
    for head, body in entries("paxect-core.1", "OPTIONS"):
        if not head.startswith("*-"):
            continue
        takers = re.search(r"\(([^()]*)\)$", body)
        if takers is None:
            assert options_in(head) <= {"--help", "--version"}, f"who takes {head}?"
            continue
        named = set(re.findall(r"\*([a-z]+)\*", takers.group(1)))
        if takers.group(1).startswith("all"):
            named = set(commands) - named
        for command in named:
            told[command] |= options_in(head)
    for command in commands:
        there = set(re.findall(r"^  .*?(--[a-z-]+)", help_of(tool, command, "-h"), re.M))
        expect_same(f"option of paxect-core {command}", there, told[command])
    statuses = re.findall(r"(?:: |, |\n)(\d+) ", text[text.index("exit status"):])
    expect_same("exit status of paxect-core", statuses, heads("paxect-core.1", "EXIT STATUS"))


def check_link():
    sources = {path: path.read_text() for path in (source / "link_plugin/src").rglob("*.*")}
    settings = sources[source / "link_plugin/src/settings/link_config.cc"]
    table = re.search(r"kKeys = \{(.*?)\}", settings, re.S)
    expect_same("setting of link", re.findall(r'"(\w+)"', table.group(1)), heads("paxect-link.7", "SETTINGS"))
    bodies = {head.strip("*"): body for head, body in entries("paxect-link.7", "SETTINGS")}
    defaults = re.findall(r'reader\.(choice|path|number|seconds|boolean)\("(\w+)", \{?"?([\w.]+)[",)}]', settings)
    if len(defaults) < 15:
        failures.append(f"only {len(defaults)} defaults of settings found: has this test lost its source?")
    for kind, name, default in defaults:
        expect_default(f"setting '{name}' of link", default, bodies.get(name, ""), kind in ("choice", "boolean"))
    check_policy()
    with tempfile.TemporaryDirectory() as place:
        listing = help_of(build / "bin/paxect", "link", "-h", cwd=place)
    expect_same("command of link", re.findall(r"^  ([a-z_]+) ", listing, re.M), heads("paxect-link.7", "COMMANDS"))
    expect_same("option of link's commands", options_in(listing), options_in(section("paxect-link.7", "COMMANDS")))
    everything = "\n".join(sources.values())
    for head, _ in entries("paxect-link.7", "THE AUDIT LOG"):
        for event in re.findall(r"\*([a-z_]+)\*(?=,|$)", head) if head.startswith("*") else []:
            if f'"{event}"' not in everything:
                failures.append(f"event: the manual tells of '{event}', which link never logs")


def check_panel():
    settings = (source / "panel_plugin/src/settings.cc").read_text()
    table = re.search(r"kKeys = \{(.*?)\}", settings, re.S)
    expect_same("setting of panel", re.findall(r'"(\w+)"', table.group(1)), heads("paxect-panel.7", "SETTINGS"))


def check_carrier():
    settings = (source / "carrier_plugin/src/settings.cc").read_text()
    table = re.search(r"kKeys = \{(.*?)\}", settings, re.S)
    expect_same("setting of carrier", re.findall(r'"(\w+)"', table.group(1)), heads("paxect-carrier.7", "SETTINGS"))
    commands = (source / "carrier_plugin/src/commands/command.cc").read_text()
    there = re.findall(r'sizeof\(paxect_command\), "(\w+)"', commands)
    expect_same("command of carrier", there, heads("paxect-carrier.7", "COMMANDS"))


def check_policy():
    schema = json.loads((source / "link_plugin/schemas/policy.schema.json").read_text())
    expect_same("key of the policy", schema["properties"], heads("paxect-link.7", "POLICY"))
    bodies = {head.strip("*"): body for head, body in entries("paxect-link.7", "POLICY") if head.startswith("*")}
    for name, rule in schema["properties"].items():
        body = bodies.get(name, "")
        if "default" in rule:
            default = rule["default"]
            shown = "none" if default == [] else default if isinstance(default, str) else json.dumps(default)
            expect_default(f"key '{name}' of the policy", shown, body, "pattern" in rule)
        if body.startswith("Whether") != (rule["type"] == "boolean"):
            failures.append(f"key '{name}' of the policy: the manual gives it another type than {rule['type']}")


def check_library():
    header = (source / "libpaxect_core/include/paxect/core.h").read_text()
    page = re.sub(r"\\(.)", r"\1", (source / "libpaxect_core/man/paxect_core.3.scd").read_text())
    functions = re.findall(r"^(?!typedef)\w[^;(#]*?\b(paxect_\w+)\(", header, re.M)
    expect_same("function", functions, re.findall(r"\*(paxect_\w+)\*\(\)", page))
    statuses = re.findall(r"^  (PAXECT_OK|PAXECT_ERROR_\w+) =", header, re.M)
    expect_same("status", statuses, re.findall(r"^\*(PAXECT_OK|PAXECT_ERROR_\w+)\*$", page, re.M))
    parameters = re.findall(r"^  (PAXECT_PARAM_\w+) =", header, re.M)
    told = [name for head, _ in entries("paxect_core.3", "PARAMETERS")
            for name in re.findall(r"\*(PAXECT_PARAM_\w+)\*", head)]
    expect_same("parameter", parameters, told)


def check_sound():
    if not (build / "man/paxect.1").exists():
        print("manual.py: the pages were not built, since there is no scdoc: their form is not checked")
        return
    for page in PAGES:
        path = build / "man" / page
        # scdoc prints an underscore that follows a bold word instead of underlining what is after it.
        if marks := re.findall(r"\S*\\fR_\S*", path.read_text()):
            failures.append(f"{page}: shown with a literal underscore: {' '.join(marks)}")
        if shutil.which("mandoc"):
            lint = run("mandoc", "-T", "lint", "-W", "error", path)  # scdoc's own empty paragraphs are warnings
            if lint.returncode != 0:
                failures.append(f"mandoc: {lint.stdout.strip()}")
        if shutil.which("man"):
            shown = run("man", "--warnings", "-E", "UTF-8", "-l", path)
            if shown.returncode != 0 or shown.stderr.strip():
                failures.append(f"man {page}: {shown.stderr.strip()}")


for check in (check_host, check_tool, check_link, check_panel, check_carrier, check_library, check_sound):
    check()
for failure in failures:
    print(f"manual.py: {failure}", file=sys.stderr)
sys.exit(1 if failures else 0)
