#!/usr/bin/env python3
"""Runs what the documents show: every fenced block whose language is followed by `run`.

    scripts/run_documents.py PROGRAM [DOCUMENT...]

`sh` blocks run with PROGRAM as `vit-quant`, `python` blocks where the packages that they import are installed, `swift` blocks
as programs of a package that depends on this one and sees what is public. A block `swift run internal` also sees what
this package alone sees (`package` access). A block `text output` that follows is what they must print. All run in one
temporary folder where `calibration`, `scripts` and `Examples` are the repository's, the README's blocks first, then those
of docs, then those of the modules' READMEs. Blocks that call a C compiler are skipped where there is none.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(
    r"^```(?P<language>sh|python|swift) run(?P<internal> internal)?\n(?P<code>.*?)^```\n"
    r"(?:\n```text output\n(?P<output>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL)
SECONDS = 300
# Where Swift blocks are built: always the same place, so that only what has changed is compiled again.
SCRATCH = ROOT / ".build-documents"


@dataclass
class Block:
    document: Path
    line: int
    language: str
    is_internal: bool
    code: str
    output: str | None

    @property
    def place(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"

    @property
    def libraries(self) -> list[str]:
        """The products of this package that a Swift block is linked with: what it imports, or all for an internal one."""
        if self.is_internal:
            return re.findall(r'\.library\(name: "(\w+)"', (ROOT / "Package.swift").read_text())
        return re.findall(r"^import (\w+)$", self.code, re.MULTILINE)

    @property
    def program(self) -> str:
        return re.sub(r"\W", "_", f"{self.document.relative_to(ROOT).with_suffix('')}_{self.line}")


def blocks(document: Path) -> list[Block]:
    text = document.read_text()
    return [
        Block(
            document, text.count("\n", 0, match.start()) + 1, match["language"], match["internal"] is not None,
            match["code"], match["output"])
        for match in BLOCK.finditer(text)
    ]


def build(found: list[Block]) -> str | None:
    """Builds all Swift blocks; gives what the compiler says when one does not compile.

    Two packages: the compiler takes a package's name from its folder, with `_` for what is no letter or digit. To it, a
    program in `vit_quant` belongs to the same package as the modules in `vit-quant`, and one in `documents` does not.
    """
    packages = SCRATCH / "packages"
    shutil.rmtree(packages, ignore_errors=True)
    packages.mkdir(parents=True)
    (packages / "vit-quant").symlink_to(ROOT)
    for name, is_internal in [("documents", False), ("vit_quant", True)]:
        members = [block for block in found if block.is_internal == is_internal]
        if not members:
            continue
        write_package(packages / name, members)
        command = ["swift", "build", "-c", "release", "--package-path", packages / name, "--scratch-path", SCRATCH]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode != 0:
            return result.stdout + result.stderr
    return None


def write_package(folder: Path, members: list[Block]) -> None:
    """Writes a package with one program for each block."""
    targets = []
    for block in members:
        source = folder / "Sources" / block.program / "main.swift"
        source.parent.mkdir(parents=True)
        source.write_text(f'#sourceLocation(file: "{block.document}", line: {block.line + 1})\n{block.code}')
        products = [f'.product(name: "{name}", package: "vit-quant")' for name in block.libraries]
        targets.append(f'.executableTarget(name: "{block.program}", dependencies: [{", ".join(products)}])')
    (folder / "Package.swift").write_text(
        "// swift-tools-version: 6.2\nimport PackageDescription\n"
        'let package = Package(name: "documents", platforms: [.macOS(.v26)], '
        'dependencies: [.package(path: "../vit-quant")],\n'
        f'targets: [{", ".join(targets)}], swiftLanguageModes: [.v6])\n')


def missing_packages(code: str) -> list[str]:
    names = re.findall(r"^(?:from|import) (\w+)", code, re.MULTILINE)
    return [name for name in names if importlib.util.find_spec(name) is None]


def links_toolkit(program: Path) -> bool:
    """Whether a program holds symbols of the module `Quant`."""
    symbols = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout
    if " $s7ViTLite" not in symbols:
        sys.exit(f"error: nm finds no symbol of ViTLite in {program}")
    return " $s5Quant" in symbols


def run(block: Block, folder: Path, environment: dict[str, str]) -> str | None:
    """What is wrong with the block; None when it does what the document says."""
    program = SCRATCH / "release" / block.program
    command = {
        "sh": ["bash", "-euo", "pipefail", "-c", block.code],
        "python": [sys.executable, "-c", block.code],
        "swift": [str(program)],
    }[block.language]
    try:
        result = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS,
            stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return f"took more than {SECONDS} s"
    if result.returncode != 0:
        return f"exit status {result.returncode}\n{result.stdout}{result.stderr}"
    if block.language == "swift" and block.libraries == ["ViTLite"] and links_toolkit(program):
        return "a program that imports the runtime alone links the toolkit"
    if block.output is not None and result.stdout != block.output:
        return f"printed\n{result.stdout}instead of\n{block.output}"
    return None


def main() -> int:
    if len(sys.argv) < 2:
        sys.exit("usage: scripts/run_documents.py PROGRAM [DOCUMENT...]")
    program = Path(sys.argv[1]).resolve()
    documents = [Path(name).resolve() for name in sys.argv[2:]]
    documents = documents or [
        ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "Sources").glob("*/README.md")),
        *sorted((ROOT / "Tests").glob("*/README.md"))]
    found = [block for document in documents for block in blocks(document)]
    failures = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for shared in ("calibration", "scripts", "Examples"):
            (folder / shared).symlink_to(ROOT / shared)
        (folder / "bin").mkdir()
        (folder / "bin" / "vit-quant").symlink_to(program)
        environment = os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
        error = build([block for block in found if block.language == "swift"])
        if error:
            print(f"error: the Swift blocks do not compile\n{error}", file=sys.stderr)
            return 1
        for block in found:
            absent = missing_packages(block.code) if block.language == "python" else []
            if absent:
                print(f"skipped  {block.place}: Python has no {', '.join(absent)}")
                continue
            if block.language == "sh" and re.search(r"^cc ", block.code, re.MULTILINE) and shutil.which("cc") is None:
                print(f"skipped  {block.place}: no C compiler")
                continue
            problem = run(block, folder, environment)
            print(f"{'FAILED' if problem else 'ok':8} {block.place}")
            if problem:
                print(f"error: {block.place}: {problem}", file=sys.stderr)
                failures += 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
