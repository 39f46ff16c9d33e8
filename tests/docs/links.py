"""Every relative link of every page leads to an existing file and heading, and the README links to every page.

usage: links.py SOURCE_DIR
The pages below tests/ and cmake/ are for contributors: there a link from CONTRIBUTING.md is enough."""
import pathlib
import re
import sys

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
SKIPPED = {"build", ".git"}


def text_of(page):
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page):
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def targets(page):
    """(link as written, file, anchor) of each relative link."""
    for link in LINK.findall(text_of(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        yield link, (page.parent / path).resolve() if path else page.resolve(), anchor


def faults(root):
    pages = sorted(page.resolve() for page in root.rglob("*.md") if page.relative_to(root).parts[0] not in SKIPPED)
    for page in pages:
        for link, target, anchor in targets(page):
            if not target.exists():
                yield f"{page.relative_to(root)}: {link} leads to no file"
            elif anchor and (target.suffix != ".md" or anchor not in anchors(target)):
                yield f"{page.relative_to(root)}: {link} leads to no heading"
    linked = {target for _, target, _ in targets(root / "README.md")}
    for_contributors = linked | {target for _, target, _ in targets(root / "CONTRIBUTING.md")}
    for page in pages:
        folder = page.relative_to(root).parts[0]
        if page != root / "README.md" and page not in (for_contributors if folder in ("tests", "cmake") else linked):
            yield f"README.md: no link to {page.relative_to(root)}"


def main():
    found = list(faults(pathlib.Path(sys.argv[1]).resolve()))
    print("\n".join(found) if found else "every link leads somewhere, and every page is linked")
    sys.exit(1 if found else 0)


main()
