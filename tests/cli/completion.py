#!/usr/bin/env python3
"""The completions of bash and zsh, each asked as the shell asks them, offer what the programs' --help lists.

usage: completion.py SOURCE_DIR BUILD_DIR
"""
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

source, build = map(pathlib.Path, sys.argv[1:3])
BASH_COMPLETION = pathlib.Path("/usr/share/bash-completion/bash_completion")
READING = "\x1b[?2004h"  # what zsh sends when it begins to edit a line; a Tab before that is no Tab to it
failures = []
checks = 0


def help_of(*command):
    result = subprocess.run(list(command), capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr
    return result.stdout


def options_of(*command):
    return set(re.findall(r"^  (?:-\w \[ )?(--[a-z-]+)", help_of(*command), re.M))


def in_bash(*words):
    """What bash offers for the last of the words."""
    script = """
      . "$1"; . "$2"; shift 2
      COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9
      compopt() { :; }  # works inside of a completion only
      $(complete -p "$1" | sed 's/.*-F \\([^ ]*\\) .*/\\1/') "$1" "${@: -1}" "${@: -2:1}"
      printf '%s\\n' "${COMPREPLY[@]}"
    """
    folder = "libpaxect_core" if words[0] == "paxect-core" else "host"
    completion = source / folder / "completion" / f"{words[0]}.bash"
    result = subprocess.run(["bash", "--norc", "-c", script, "bash", str(BASH_COMPLETION), str(completion), *words],
                            capture_output=True, text=True, env=environment, cwd=place)
    if result.stderr:
        failures.append(f"bash: {' '.join(words)}: {result.stderr.strip()}")
    return set(result.stdout.split())


class Zsh:
    """An interactive zsh on a terminal of its own; the line is asked back after a Tab."""

    def __init__(self):
        pid, self.terminal = pty.fork()
        if pid == 0:
            os.chdir(place)
            os.execvpe("zsh", ["zsh", "-f", "-i"], {**environment, "TERM": "dumb", "PS1": ""})
        folders = " ".join(str(source / folder / "completion") for folder in ("host", "libpaxect_core"))
        self.send(f"fpath=({folders} $fpath); autoload -Uz compinit; "
                  f"compinit -D -u; LISTMAX=10000; zstyle ':completion:*' list-prompt ''; stty cols 500 rows 500; "
                  "PS1= PROMPT_EOL_MARK=; echo do''ne\n")
        self.read_until("\ndone", READING)

    def send(self, text):
        os.write(self.terminal, text.encode())

    def read_until(self, *marks):
        """What is shown up to the marks, one after the other."""
        seen, end = "", time.monotonic() + 60
        while not re.search(".*".join(map(re.escape, marks)), seen.replace("\r", ""), re.S):
            if not select.select([self.terminal], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError(f"zsh: no {marks!r}, but {seen!r}")
            seen += os.read(self.terminal, 65536).decode(errors="replace")
        return seen

    def offers(self, line):
        """The words shown after a Tab twice, and then the line is thrown away."""
        self.send(line + "\t\t")
        self.send("\x15echo do''ne\n")  # kill the line
        return set(re.findall(r"[\w.-]+", self.read_until("\ndone", READING)))


def expect(what, there, offered, exactly=True):
    global checks
    checks += 1
    missing = sorted(there - offered)
    extra = sorted(offered - there) if exactly else []
    if missing or extra or not there:
        failures.append(f"{what}: not offered: {missing}; offered but not there: {extra}")


def check(offers, shell, exactly):
    tool = help_of("paxect-core", "-h")
    commands = set(re.findall(r"^  ([a-z]+) ", tool, re.M))
    expect(f"{shell}: paxect-core", commands, offers("paxect-core", "") - {"--help", "--version"}, exactly)
    for command in sorted(commands):
        expect(f"{shell}: paxect-core {command}", options_of("paxect-core", command, "-h"),
               offers("paxect-core", command, "--"), exactly)
    expect(f"{shell}: values of --fill", {"zero", "skip"}, offers("paxect-core", "salvage", "--fill", ""), exactly)

    common = {"--config", "--plugin-dir", "--help"}
    instance = {"--set", "--verbose"}
    assert common | instance | {"--once"} == options_of("paxect", "--help"), "paxect has other options than this test"
    expect(f"{shell}: paxect", {"run", "check", "plugins", "link", "spare"},
           offers("paxect", "") - {"--help", "--version"}, exactly)
    expect(f"{shell}: paxect run", common | instance | {"--once"}, offers("paxect", "run", "--"), exactly)
    expect(f"{shell}: paxect check", common | instance, offers("paxect", "check", "--"), exactly)
    expect(f"{shell}: paxect plugins", common, offers("paxect", "plugins", "--"), exactly)
    there = set(re.findall(r"^  ([a-z_]+) ", help_of("paxect", "link", "-h"), re.M))
    expect(f"{shell}: paxect link", there, offers("paxect", "link", ""), exactly)


with tempfile.TemporaryDirectory() as place:
    pathlib.Path(place, "paxect.conf").write_text("[host]\n[link]\n[spare]\n# another\nplugin = link\n")
    environment = {"PATH": f"{build / 'bin'}:{os.environ['PATH']}", "HOME": place, "LC_ALL": "C.UTF-8"}
    if BASH_COMPLETION.exists():
        check(in_bash, "bash", exactly=True)
    if shutil.which("zsh"):
        zsh = Zsh()
        # A terminal shows descriptions too, so only what is missing can be told.
        check(lambda *words: zsh.offers(" ".join(words)), "zsh", exactly=False)
        zsh.send("exit\n")

for failure in failures:
    print(f"completion.py: {failure}", file=sys.stderr)
if checks == 0:
    print("completion.py: skipped: neither bash-completion nor zsh is installed")
    sys.exit(77)
sys.exit(1 if failures else 0)
