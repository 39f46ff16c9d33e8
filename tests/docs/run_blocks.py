#!/usr/bin/env python3
"""Runs every command block of a document as its reader would: run_blocks.py SOURCES BUILD DOCUMENT...

  ```sh     runs and must exit with 0. All blocks of a document share one session, with its own home and checkout.
  ```text   is the output of the sh block before it; "..." matches anything
  ```c      is stored as main.c, which a later sh block must name
  ```cmake  is stored as CMakeLists.txt, which a later sh block must build
  ```python is stored as main.py, which a later sh block must name
  ```ini    is a configuration that `paxect check` must accept
  ```       without a word is a drawing

Any other block is a failure, because a block that no test runs becomes wrong. A comment before a block, which readers
do not see, can
  <!-- test: skip: REASON, and what runs it instead -->  leave the block out
  <!-- test: before: COMMANDS -->                        prepare what the block expects"""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BLOCK = re.compile(r"^(?:<!-- test: (skip|before):\s(.+?)\s-->\n+)?```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS = 120


# Language: file, and how a later block uses it.
SOURCES = {"c": ("main.c", "main.c"), "cmake": ("CMakeLists.txt", "cmake --build"), "python": ("main.py", "main.py")}


class Wrong(Exception):
    """A fault of a document."""


class Session:
    """A sequence of shells; each starts with the directory and the variables of the one before it."""

    def __init__(self, folder, sources, build):
        self.home = Path(folder) / "home"
        checkout = self.home / "paxect"
        (checkout / "build").mkdir(parents=True)
        for entry in sources.iterdir():
            if entry.name not in ("build", ".git"):
                (checkout / entry.name).symlink_to(entry)
        (checkout / "build/release").symlink_to(build)
        self.state = Path(folder) / "state"
        self.state.write_text(f"cd '{checkout}'\n")
        keep = ("PATH", "CC", "CXX", "TMPDIR")
        self.environment = {name: os.environ[name] for name in keep if name in os.environ}
        self.environment.update(HOME=str(self.home), LANG="C.UTF-8")

    def run(self, commands):
        script = f". '{self.state}'\nset -e\n{commands}\nexec >'{self.state}'\nexport -p\necho \"cd '$PWD'\"\n"
        try:
            result = subprocess.run(["sh", "-c", script], env=self.environment, stdin=subprocess.DEVNULL, text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired as late:
            raise Wrong(f"still running after {SECONDS} seconds:\n{late.stdout}") from late
        if result.returncode != 0:
            raise Wrong(f"status {result.returncode}:\n{commands}{result.stdout}")
        return result.stdout

    def write(self, name, text):
        # The name may be a link into the sources, which must not be written through.
        self.run(f"rm -f {name}; cat >{name} <<'END_OF_BLOCK'\n{text}END_OF_BLOCK")


def is_output(expected, got):
    parts = [re.escape(part) for part in re.split(r"(?:^|(?<=\n))\.\.\.\n", expected)]
    pattern = "(?:.*\n)*?".join(part.replace(re.escape("..."), ".*") for part in parts)
    return re.fullmatch(pattern, got) is not None


class Document:
    def __init__(self, session):
        self.session = session
        self.output = None  # of the last sh block
        self.unused = {}  # the line with which a block uses a stored file: the file
        self.ran = 0

    def block(self, directive, argument, language, text):
        if directive == "skip":
            return
        if directive == "before":
            self.session.run(argument)
        if language == "sh":
            self.output = self.session.run(text)
            self.unused = {use: name for use, name in self.unused.items() if use not in text}
        elif language == "text":
            if self.output is None or not is_output(text, self.output):
                raise Wrong(f"the document shows\n{text}where the commands print\n{self.output}")
            self.output = None
        elif language in SOURCES:
            name, use = SOURCES[language]
            self.session.write(name, text)
            self.unused[use] = name
        elif language == "ini":
            self.session.write("block.conf", text)
            self.session.run("paxect check -c block.conf")
        elif language:
            raise Wrong(f"nothing runs blocks of '{language}': use a language that {Path(__file__).name} lists")
        self.ran += 1

    def check(self, text):
        found = list(BLOCK.finditer(text))
        if len(found) * 2 != len(re.findall("^```", text, re.MULTILINE)):
            raise Wrong("a block has no end, or a comment before a block is neither skip nor before")
        for match in found:
            try:
                self.block(*match.groups())
            except Wrong as why:
                raise Wrong(f"line {text.count(chr(10), 0, match.start(3)) + 1}: {why}") from why
        for name in self.unused.values():
            raise Wrong(f"no later block uses {name}")
        if self.ran == 0:
            raise Wrong("there is no block to run")


def check(text, sources, build):
    with tempfile.TemporaryDirectory(prefix="paxect_test.") as folder:
        document = Document(Session(folder, sources, build))
        document.check(text)
        return document.ran


def check_that_it_can_fail(sources, build):
    for text in ("```sh\nfalse\ntrue\n```\n", "```sh\necho a\n```\n```text\nb\n```\n", "```console\n$ true\n```\n", "",
                 "```c\nint main(void) { return 0; }\n```\n", "```cmake\nproject(none)\n```\n```sh\ntrue\n```\n", "```text\nfrom nothing\n```\n", "```sh\ntrue\n",
                 "<!-- test: before: false -->\n```sh\ntrue\n```\n", "```sh\ncd /none\n```\n"):
        try:
            check(text, sources, build)
        except Wrong:
            continue
        raise Wrong(f"this fault was not found: {text!r}")
    check("```sh\ncd /\nexport A=b\n```\n```sh\npwd; echo is $A; echo c; echo d\n```\n"
          "```text\n/\nis ...\n...\nd\n```\n", sources, build)


def main():
    sources, build = Path(sys.argv[1]), Path(sys.argv[2])
    name = "this test"
    try:
        check_that_it_can_fail(sources, build)
        for name in sys.argv[3:]:
            ran = check((sources / name).read_text(encoding="utf-8"), sources, build)
            print(f"{name}: {ran} blocks pass")
    except Wrong as why:
        print(f"{name}: {why}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
