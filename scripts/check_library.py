#!/usr/bin/env python3
"""Builds the C library and tests it.

    scripts/check_library.py PROGRAM

Compiles the header as C89, C99 and C++, the tests in Tests/CInterface and the example in C with both libraries, and
runs them and the example in Python; what they compute must be what PROGRAM, the built `vit-quant`, computes. Skipped
where there is no C compiler, and on systems other than Linux.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "Tests" / "Golden"
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def run(*command: object, **options) -> str:
    """What a command prints; ends the check where it fails."""
    words = [str(word) for word in command]
    result = subprocess.run(words, capture_output=True, text=True, timeout=900, **options)
    if result.returncode != 0:
        sys.exit(f"error: {' '.join(words)}: exit status {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


@dataclass
class Case:
    """An int8 model, and an image of its size."""

    name: str
    model: Path
    channels: int
    height: int
    width: int
    pixels: bytes
    # What PROGRAM says of the image.
    expected: dict

    @property
    def is_classifier(self) -> bool:
        return bool(self.expected.get("top"))

    def netpbm(self) -> bytes:
        """The image as a binary PPM or PGM."""
        plane = self.height * self.width
        interleaved = bytes(
            self.pixels[channel * plane + position] for position in range(plane) for channel in range(self.channels))
        kind = {1: "P5", 3: "P6"}[self.channels]
        return f"{kind}\n# an image\n{self.width} {self.height}\n255\n".encode() + interleaved


def safetensors(shape: list[int], pixels: bytes) -> bytes:
    """A file with one image of raw pixels."""
    header = json.dumps({"images": {"dtype": "U8", "shape": shape, "data_offsets": [0, len(pixels)]}}).encode()
    return len(header).to_bytes(8, "little") + header + pixels


def make_case(name: str, source: Path, data: Path, size: tuple[int, int, int], program: Path, folder: Path) -> Case:
    model = folder / f"{name}.gguf"
    run(program, "calibrate", source, "--data", data, "--samples", "16", "--output", model, "--quiet")
    channels, height, width = size
    pixels = random.Random(name).randbytes(channels * height * width)
    image = folder / f"{name}.safetensors"
    image.write_bytes(safetensors([1, *size], pixels))
    expected = json.loads(run(program, "run", model, image, "--json", "--quiet"))
    return Case(name, model, channels, height, width, pixels, expected)


def check_header(library: Path, compiler: str) -> None:
    source = '#include "vitquant.h"\n'
    include = f"-I{library / 'include'}"
    standards = [(compiler, "c", "c89"), (compiler, "c", "c99"), (shutil.which("c++"), "c++", "c++11")]
    for tool, language, standard in standards:
        if tool is None:
            print("skipped  the header as C++: no c++")
            continue
        run(tool, f"-std={standard}", *WARNINGS, include, "-fsyntax-only", "-x", language, "-", input=source)


def check_symbols(library: Path) -> None:
    """The shared library needs no Swift, and neither shows anything but the interface."""
    needed = run("readelf", "--dynamic", library / "lib" / "libvitquant.so")
    if "swift" in needed.lower() or "libstdc++" in needed:
        sys.exit(f"error: the shared library needs more than the C library\n{needed}")
    for options, name in [(["--dynamic"], "libvitquant.so"), ([], "libvitquant.a")]:
        symbols = run("nm", "--extern-only", "--defined-only", *options, library / "lib" / name)
        names = [line.split()[-1] for line in symbols.splitlines() if len(line.split()) == 3]
        others = [name for name in names if not name.startswith("vitquant_")]
        if not names or others:
            sys.exit(f"error: {name} shows {others or 'nothing'}, expected vitquant_* alone")


def check_examples(case: Case, programs: dict[str, list], folder: Path) -> None:
    image = folder / f"{case.name}.ppm"
    image.write_bytes(case.netpbm())
    best = case.expected["top"][0]
    expected = [
        f"index {best['index']}", f"label {best['label']}", f"probability {best['score']:.4f}",
        f"crc32 {case.expected['logits_crc32']}"]
    for name, command in programs.items():
        printed = run(*command, case.model, image).splitlines()
        if printed != expected:
            sys.exit(f"error: {name}, {case.name}: printed {printed}, expected {expected}")
        refused = subprocess.run([*command, case.model, case.model], capture_output=True, text=True)
        if refused.returncode == 0 or "error: " not in refused.stderr:
            sys.exit(f"error: {name}, {case.name}: takes a file that is no image")
        print(f"ok       {name}, {case.name}")


def main() -> int:
    if len(sys.argv) != 2:
        sys.exit("usage: scripts/check_library.py PROGRAM")
    program = Path(sys.argv[1]).resolve()
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        print("skipped  the C library: " + ("no C compiler" if compiler is None else "not on Linux"))
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        library = folder / "vitquant"
        run(ROOT / "scripts" / "build-library", "--output", library)
        check_header(library, compiler)
        check_symbols(library)

        fashion = ROOT / "calibration" / "fashion-mnist"
        cases = [make_case("fashion", fashion, fashion / "calibration.safetensors", (1, 28, 28), program, folder)]
        for golden, size in [("hf-vit", (3, 32, 32)), ("hf-dinov2", (3, 42, 42))]:
            cases.append(
                make_case(golden, GOLDEN / golden, GOLDEN / golden / "io.safetensors", size, program, folder))

        include = [f"-I{library / 'include'}"]
        links = {
            "static": [library / "lib" / "libvitquant.a", "-lstdc++", "-lm", "-lpthread", "-ldl"],
            "shared": [f"-L{library / 'lib'}", "-lvitquant", f"-Wl,-rpath,{library / 'lib'}", "-lm", "-lpthread"],
        }
        examples = {"classify.py": [sys.executable, ROOT / "Examples" / "classify.py", library / "lib/libvitquant.so"]}
        for kind, link in links.items():
            tests, example = folder / f"tests-{kind}", folder / f"classify-{kind}"
            sources = sorted((ROOT / "Tests" / "CInterface").glob("*.c"))
            run(compiler, "-std=c99", "-O1", "-g", *WARNINGS, *include, "-o", tests, *sources, *link)
            run(compiler, "-std=c99", *WARNINGS, *include, "-o", example, ROOT / "Examples" / "classify.c", *link)
            examples[f"classify.c, {kind}"] = [example]
            for case in cases:
                pixels = folder / f"{case.name}.pixels"
                pixels.write_bytes(case.pixels)
                run(tests, case.model, pixels, case.expected["logits_crc32"], env=os.environ | {"LC_ALL": "C"})
                print(f"ok       tests in C, {kind}, {case.name}")
        for case in cases:
            if case.is_classifier:
                check_examples(case, examples, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
