#!/usr/bin/env python3
"""Gives the program damaged files: `scripts/damage.py PROGRAM [COPIES] [SEED]`, 1,000 copies of each kind by default.

Copies of models, checkpoints, configurations, images and data are damaged by flipping bits, cutting, splicing with
another file and lying in the headers. Whatever the bytes: exit status 0 to 4, one line on standard error with any but
0, no signal, at most 10 seconds of the processor and 1 GB. Prints a line for each kind and ends with 1 when something else was seen; what
it was given is then kept in the folder that it names.
"""

import collections
import glob
import json
import os
import pathlib
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "Tests/Golden"
IMAGES = ROOT / "Tests/ViTImagesTests/Fixtures/images"
SECONDS, MEGABYTES = 10, 1000
NUMBERS = [0, 1, 2, 3, 7, 8, 16, 17, 63, 64, 127, 128, 255, 256, 1024, 1025, 4096, 65535, 65536, 1 << 20, 1 << 24,
           (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 62, (1 << 63) - 1, (1 << 64) - 1]


def flip(data, pick):
    for _ in range(pick.choice([1, 1, 2, 8, 64])):
        data[place(data, pick)] ^= 1 << pick.randrange(8)
    return data


def overwrite(data, pick):
    first = place(data, pick)
    for index in range(first, min(first + pick.choice([1, 4, 8, 64]), len(data))):
        data[index] = pick.choice([0, 1, 0x7F, 0x80, 0xFF, pick.randrange(256)])
    return data


def cut(data, pick):
    first = pick.randrange(len(data))
    if pick.random() < 0.5:
        return data[:first]
    return data[:first] + data[first + pick.choice([1, 2, 3, 4, 8, 64, 1000]):]


def repeat(data, pick):
    first = place(data, pick)
    part = data[first:first + pick.choice([1, 4, 8, 64, 1000])]
    return data[:first] + part * pick.choice([1, 2, 100]) + data[first:]


def lie(data, pick):
    """A little-endian integer of 4 or 8 bytes, or a number in a text, becomes another."""
    numbers = list(re.finditer(rb"-?\d+(\.\d+)?", bytes(data[:200_000])))
    if numbers and pick.random() < (0.9 if is_text(data) else 0.2):
        number = pick.choice(numbers)
        other = pick.choice([str(pick.choice(NUMBERS)), str(-pick.choice(NUMBERS)), "1e308", "-1e-320", "0.1", "null",
                             "[]", "{}", '"x"', "true", "NaN"]).encode()
        return data[:number.start()] + other + data[number.end():]
    size = pick.choice([4, 8])
    if len(data) < size:
        return data
    first = min(place(data, pick), len(data) - size)
    data[first:first + size] = struct.pack("<Q", pick.choice(NUMBERS))[:size]
    return data


def lie_in_header(data, pick):
    """The header of a safetensors file is another JSON text of the right length."""
    length = struct.unpack("<Q", data[:8])[0] if len(data) > 8 else 0
    if not 0 < length < len(data):
        return lie(data, pick)
    header = lie(bytearray(data[8:8 + length]), pick)
    return bytearray(struct.pack("<Q", len(header))) + header + data[8 + length:]


def is_text(data):
    return all(byte >= 9 for byte in data[:200])


def place(data, pick):
    """Mostly near the beginning, where headers are."""
    end = len(data) if pick.random() < 0.4 else min(len(data), 4096)
    return pick.randrange(max(end, 1))


def damaged(data, others, pick):
    for _ in range(pick.choice([1, 1, 1, 2, 3])):
        if not data:
            return data
        kind = pick.choice([flip, overwrite, cut, repeat, lie, lie, lie_in_header, None])
        if kind is None:
            other = pick.choice(others)
            first, second = pick.randrange(len(data)), pick.randrange(max(len(other), 1))
            data = data[:first] + bytearray(other[second:])
        else:
            data = kind(bytearray(data), pick)
    return data


class Kind:
    """Files of one kind, and the command lines that read one of them, damaged."""

    def __init__(self, name, files, commands, suffix=None, beside=None):
        self.name, self.commands, self.suffix, self.beside = name, commands, suffix, beside
        self.contents = [pathlib.Path(file).read_bytes() for file in sorted(files)]
        assert self.contents, f"no files for {name}"
        self.files = sorted(files)


def kinds(program, work):
    model = work / "model.gguf"
    small = work / "small.gguf"
    fashion = ROOT / "calibration/fashion-mnist"
    run = lambda *arguments: subprocess.run([program, *map(str, arguments)], check=True, capture_output=True)
    run("calibrate", fashion, "--data", fashion / "calibration.safetensors", "--samples", 8, "--output", model)
    golden = GOLDEN / "hf-vit"
    run("calibrate", golden, "--data", golden / "io.safetensors", "--output", small)
    run("calibrate", golden, "--data", golden / "io.safetensors", "--activations", "static", "--output",
        work / "static.gguf")
    photo = next(iter(sorted(glob.glob(str(fashion / "samples/*.png")))))
    images = lambda suffix: glob.glob(f"{IMAGES}/*.{suffix}")
    golden_models = glob.glob(f"{GOLDEN}/*/model.safetensors")
    configurations = glob.glob(f"{GOLDEN}/*/config.json")
    return [
        Kind("int8 models", [small, work / "static.gguf"], [
            ["verify", "DAMAGED"], ["run", "DAMAGED", golden / "io.safetensors"], ["inspect", "DAMAGED"],
            ["run", "--no-verify", "DAMAGED", golden / "io.safetensors"],
            ["bench", "DAMAGED", "--runs", "1", "--warmup", "1"]], ".gguf"),
        Kind("checkpoints", golden_models, [["inspect", "FOLDER"], ["run", "FOLDER", "IO"]], "model.safetensors", True),
        Kind("configurations", configurations, [["inspect", "FOLDER"], ["run", "FOLDER", "IO"]], "config.json", True),
        Kind("preprocessing", [fashion / "preprocessor_config.json"], [["run", "FOLDER", photo]],
             "preprocessor_config.json", fashion),
        Kind("data", glob.glob(f"{GOLDEN}/*/io.safetensors"), [
            ["run", small, "DAMAGED"],
            ["calibrate", golden, "--data", "DAMAGED", "--output", work / "out.gguf"],
            ["report", golden, small, "--data", "DAMAGED"]], ".safetensors"),
        Kind("PNG", images("png"), [["run", model, "DAMAGED"]], ".png"),
        Kind("JPEG", images("jpg"), [["run", model, "DAMAGED"]], ".jpg"),
        Kind("WebP", images("webp"), [["run", model, "DAMAGED"]], ".webp"),
        Kind("PPM and PGM", images("p[gp]m") + glob.glob(f"{IMAGES}/resize/*.ppm")[:5], [["run", model, "DAMAGED"]],
             ".ppm"),
        Kind("baselines", [baseline(run, golden, small, work)], [
            ["report", golden, small, "--data", golden / "io.safetensors", "--baseline", "DAMAGED"]], ".json"),
    ]


def baseline(run, golden, small, work):
    path = work / "baseline.json"
    run("report", golden, small, "--data", golden / "io.safetensors", "--json", path)
    return path


def execute(command, log):
    """Exit status, seconds of the processor, megabytes and standard error's text."""
    start = time.monotonic()
    with open(log, "wb") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=errors, stdin=subprocess.DEVNULL,
            env={**os.environ, "SWIFT_BACKTRACE": "enable=no"})
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        # Wall-clock time says more of other programs on this machine.
        if time.monotonic() - start > 6 * SECONDS:
            process.kill()
        time.sleep(0.001)
    process.returncode = os.waitstatus_to_exitcode(status)
    return (process.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000,
            pathlib.Path(log).read_text(errors="replace"))


def problem(outcome):
    status, seconds, megabytes, errors = outcome
    lines = [line for line in errors.splitlines() if "error:" in line]
    if not 0 <= status <= 4:
        return f"exit status {status}"
    if status and len(lines) != 1:
        return f"exit status {status} with {len(lines)} lines of errors"
    if len(errors) > 4000:
        return f"{len(errors)} characters of errors"
    if seconds > SECONDS:
        return f"{seconds:.1f} s"
    return f"{megabytes:.0f} MB" if megabytes > MEGABYTES else None


def main():
    program = os.path.abspath(sys.argv[1])
    copies = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    pick = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    work = pathlib.Path(tempfile.mkdtemp(prefix="vit-quant-damage-"))
    found = 0
    for kind in kinds(program, work):
        statuses = collections.Counter()
        slowest, largest = 0.0, 0.0
        for index in range(copies):
            which = pick.randrange(len(kind.files))
            data = damaged(bytearray(kind.contents[which]), kind.contents, pick)
            folder, path, io = work / "folder", work / f"damaged{kind.suffix}", GOLDEN / "hf-vit/io.safetensors"
            if kind.beside:
                source = kind.beside if isinstance(kind.beside, pathlib.Path) else pathlib.Path(kind.files[which]).parent
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                for file in ("model.safetensors", "config.json", "preprocessor_config.json"):
                    if (source / file).exists():
                        os.symlink(source / file, folder / file)
                path = folder / kind.suffix
                path.unlink(missing_ok=True)
                io = source / "io.safetensors"
            path.write_bytes(data)
            command = [{"DAMAGED": path, "FOLDER": folder, "IO": io}.get(word, word)
                       for word in kind.commands[index % len(kind.commands)]]
            outcome = execute([program, *map(str, command)], work / "errors")
            statuses[outcome[0]] += 1
            slowest, largest = max(slowest, outcome[1]), max(largest, outcome[2])
            if what := problem(outcome):
                found += 1
                kept = work / f"found-{found}"
                kept.mkdir()
                shutil.copy(path, kept / path.name)
                (kept / "what").write_text(f"{what}\n{' '.join(map(str, command))}\n{outcome[3][:4000]}")
                print(f"{kind.name}: {what}: {' '.join(map(str, command))}, kept in {kept}", flush=True)
        counts = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))
        print(f"{kind.name}: {copies} copies, exit {counts}; at most {slowest:.1f} s, {largest:.0f} MB", flush=True)
    if not found:
        shutil.rmtree(work)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
