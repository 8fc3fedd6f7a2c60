#!/usr/bin/env python3
"""Checks the repository's Markdown: every relative link leads to a file, every #fragment to a heading, and
docs/kernels.md names every instruction set."""

import os
import re
import sys
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
# A row of the table of instruction sets, in either of its two forms.
INSTRUCTION_SET = re.compile(r"\bROW\((\w+), |\{\"(\w+)\", ")
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)


def documents() -> list[Path]:
    """All Markdown outside hidden folders (build products and environments are hidden)."""
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(folder, name) for name in sorted(files) if name.endswith(".md")]
    return found


def fragments(document: Path) -> set[str]:
    """The anchors that GitHub gives to the headings: lower case, punctuation dropped, spaces to hyphens."""
    anchors: set[str] = set()
    for heading in HEADING.findall(FENCE.sub("", document.read_text())):
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        repeats = sum(1 for known in anchors if re.fullmatch(re.escape(anchor) + r"(-\d+)?", known))
        anchors.add(f"{anchor}-{repeats}" if repeats else anchor)
    return anchors


def problems(document: Path) -> list[str]:
    found = []
    for target in LINK.findall(CODE.sub("", FENCE.sub("", document.read_text()))):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        path, _, fragment = unquote(target).partition("#")
        destination = (document.parent / path).resolve() if path else document
        if not destination.exists():
            found.append(f"{document.relative_to(ROOT)}: link to '{target}', which does not exist")
        elif fragment and destination.suffix == ".md" and fragment not in fragments(destination):
            found.append(f"{document.relative_to(ROOT)}: link to '{target}', which has no such heading")
    return found


def missing_instruction_sets() -> list[str]:
    table = ROOT / "Sources" / "CKernels" / "instruction_sets.c"
    document = ROOT / "docs" / "kernels.md"
    names = [first or second for first, second in INSTRUCTION_SET.findall(table.read_text())]
    if len(names) < 2:
        return [f"{table.relative_to(ROOT)}: no rows found, expected ROW(name, needs, peak)"]
    text = document.read_text()
    return [f"{document.relative_to(ROOT)}: no row for `{name}`" for name in names if f"| `{name}` |" not in text]


def main() -> int:
    checked = documents()
    found = [problem for document in checked for problem in problems(document)] + missing_instruction_sets()
    for problem in found:
        print(f"error: {problem}", file=sys.stderr)
    print(f"{len(checked)} documents, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
