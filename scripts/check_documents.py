#!/usr/bin/env python3
"""Checks the repository's Markdown: every relative link leads to a file, every #fragment to a heading, every source file
that is named in code exists, docs/kernels.md names every instruction set, and each module has a README."""

import fnmatch
import os
import re
import sys
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
# A source file, by its name or its path; in capitals stands what a reader fills in.
SOURCE_FILE = re.compile(r"`((?:[\w+*.-]+/)*[\w+*-]+\.(?:swift|c|h|py))`")
PLACEHOLDER = re.compile(r"\b[A-Z]{4,}\b|_NAME\b")
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
# A row of the table of instruction sets, in either of its two forms.
INSTRUCTION_SET = re.compile(r"\bROW\((\w+), |\{\"(\w+)\", ")
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)


def repository() -> list[Path]:
    """All files outside hidden folders (build products and environments are hidden)."""
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(folder, name) for name in sorted(files)]
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


def missing_files(document: Path, paths: list[str]) -> list[str]:
    """Source files that a document names in code and that no folder has."""
    names = SOURCE_FILE.findall(FENCE.sub("", document.read_text()))
    return [
        f"{document.relative_to(ROOT)}: names `{name}`, and there is no such file"
        for name in names
        if not PLACEHOLDER.search(name) and not any(fnmatch.fnmatch(path, f"*/{name}") for path in paths)
    ]


def missing_readmes() -> list[str]:
    """Modules without a README; a system library's module map is none."""
    folders = [folder for folder in sorted((ROOT / "Sources").iterdir()) if folder.is_dir()]
    return [
        f"{folder.relative_to(ROOT)}: no README.md"
        for folder in folders
        if not (folder / "module.modulemap").exists() and not (folder / "README.md").exists()
    ]


def missing_instruction_sets() -> list[str]:
    table = ROOT / "Sources" / "CKernels" / "instruction_sets.c"
    document = ROOT / "docs" / "kernels.md"
    names = [first or second for first, second in INSTRUCTION_SET.findall(table.read_text())]
    if len(names) < 2:
        return [f"{table.relative_to(ROOT)}: no rows found, expected ROW(name, needs, peak)"]
    text = document.read_text()
    return [f"{document.relative_to(ROOT)}: no row for `{name}`" for name in names if f"| `{name}` |" not in text]


def main() -> int:
    files = repository()
    paths = [str(path) for path in files]
    checked = [path for path in files if path.suffix == ".md"]
    found = [problem for document in checked for problem in problems(document) + missing_files(document, paths)]
    found += missing_instruction_sets() + missing_readmes()
    for problem in found:
        print(f"error: {problem}", file=sys.stderr)
    print(f"{len(checked)} documents, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
