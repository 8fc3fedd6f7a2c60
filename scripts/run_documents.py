#!/usr/bin/env python3
"""Runs what the documents show: every fenced block whose language is followed by `run`.

    scripts/run_documents.py PROGRAM [DOCUMENT...]

`sh` blocks run with PROGRAM as `vit-quant`, `python` blocks where the packages that they import are installed, `swift` blocks
as programs of a package that depends on this one. A block `text output` that follows is what they must print. All run in
one temporary folder where `calibration` is the repository's, the README's blocks first.
"""

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(
    r"^```(?P<language>sh|python|swift) run\n(?P<code>.*?)^```\n(?:\n```text output\n(?P<output>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL)
SECONDS = 300


@dataclass
class Block:
    document: Path
    line: int
    language: str
    code: str
    output: str | None

    @property
    def place(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"

    @property
    def libraries(self) -> list[str]:
        """The products of this package that a Swift block imports."""
        return re.findall(r"^import (\w+)$", self.code, re.MULTILINE)

    @property
    def program(self) -> str:
        return re.sub(r"\W", "_", f"{self.document.stem}_{self.line}")


def blocks(document: Path) -> list[Block]:
    text = document.read_text()
    return [
        Block(document, text.count("\n", 0, match.start()) + 1, match["language"], match["code"], match["output"])
        for match in BLOCK.finditer(text)
    ]


def build(found: list[Block], folder: Path) -> tuple[Path, str | None]:
    """Builds all Swift blocks; gives the folder of the programs, and what the compiler says when it fails."""
    package = folder / "package"
    targets = []
    for block in found:
        source = package / "Sources" / block.program / "main.swift"
        source.parent.mkdir(parents=True)
        source.write_text(f'#sourceLocation(file: "{block.document}", line: {block.line + 1})\n{block.code}')
        products = [f'.product(name: "{name}", package: "vit-quant")' for name in block.libraries]
        targets.append(f'.executableTarget(name: "{block.program}", dependencies: [{", ".join(products)}])')
    (package / "Package.swift").write_text(
        "// swift-tools-version: 6.2\nimport PackageDescription\n"
        'let package = Package(name: "documents", platforms: [.macOS(.v26)], '
        f'dependencies: [.package(name: "vit-quant", path: "{ROOT}")],\n'
        f'targets: [{", ".join(targets)}], swiftLanguageModes: [.v6])\n')
    command = ["swift", "build", "-c", "release", "--package-path", package, "--scratch-path", ROOT / ".build-documents"]
    result = subprocess.run(command, capture_output=True, text=True)
    return ROOT / ".build-documents" / "release", None if result.returncode == 0 else result.stdout + result.stderr


def missing_packages(code: str) -> list[str]:
    names = re.findall(r"^(?:from|import) (\w+)", code, re.MULTILINE)
    return [name for name in names if importlib.util.find_spec(name) is None]


def links_toolkit(program: Path) -> bool:
    """Whether a program holds symbols of the module `Quant`."""
    symbols = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout
    if " $s7ViTLite" not in symbols:
        sys.exit(f"error: nm finds no symbol of ViTLite in {program}")
    return " $s5Quant" in symbols


def run(block: Block, programs: Path, folder: Path, environment: dict[str, str]) -> str | None:
    """What is wrong with the block; None when it does what the document says."""
    command = {
        "sh": ["bash", "-euo", "pipefail", "-c", block.code],
        "python": [sys.executable, "-c", block.code],
        "swift": [str(programs / block.program)],
    }[block.language]
    try:
        result = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS,
            stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return f"took more than {SECONDS} s"
    if result.returncode != 0:
        return f"exit status {result.returncode}\n{result.stdout}{result.stderr}"
    if block.language == "swift" and block.libraries == ["ViTLite"] and links_toolkit(programs / block.program):
        return "a program that imports the runtime alone links the toolkit"
    if block.output is not None and result.stdout != block.output:
        return f"printed\n{result.stdout}instead of\n{block.output}"
    return None


def main() -> int:
    if len(sys.argv) < 2:
        sys.exit("usage: scripts/run_documents.py PROGRAM [DOCUMENT...]")
    program = Path(sys.argv[1]).resolve()
    documents = [Path(name).resolve() for name in sys.argv[2:]]
    documents = documents or [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    found = [block for document in documents for block in blocks(document)]
    failures = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "calibration").symlink_to(ROOT / "calibration")
        (folder / "bin").mkdir()
        (folder / "bin" / "vit-quant").symlink_to(program)
        environment = os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
        swift = [block for block in found if block.language == "swift"]
        programs, error = build(swift, folder) if swift else (folder, None)
        if error:
            print(f"error: the Swift blocks do not compile\n{error}", file=sys.stderr)
            return 1
        for block in found:
            absent = missing_packages(block.code) if block.language == "python" else []
            if absent:
                print(f"skipped  {block.place}: Python has no {', '.join(absent)}")
                continue
            problem = run(block, programs, folder, environment)
            print(f"{'FAILED' if problem else 'ok':8} {block.place}")
            if problem:
                print(f"error: {block.place}: {problem}", file=sys.stderr)
                failures += 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
