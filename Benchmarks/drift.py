"""Drift beside speed on a real model: every runtime quantizes a DINOv2 of the Hub with that model's calibration images,
and is compared with fp32 on other photos. Started by `compare --drift MODEL`.

The drift of an image is the SQNR of its final tokens, as `vit-quant report` has it: 10 log10 of the sum of the squared
fp32 outputs over the sum of the squared differences. The table has its mean over the images."""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import numpy as np
from compare import Key, insert, measure
from contestants import (
    STEPS, Contestant, Folder, Integer, Measurement, NotHere, Peer, check_same_function, peers, processor,
)
from safetensors.numpy import load_file

# What vit-quant is asked for, by the name of the row.
VARIANTS = {
    "vit-quant int8, the default": [],
    "vit-quant int8, one softmax plane": ["--softmax-planes", "1"],
    "vit-quant int8, static": ["--activations", "static"],
    "vit-quant, --target-sqnr 42": ["--target-sqnr", "42"],
    "vit-quant, all layers at int16": ["--keep", "all"],
}
# Beside those of every model; --skip leaves out what a machine has no time for.
MORE_STEPS = {"litert-static": "litert-static.tflite"}


@dataclass(frozen=True)
class Backbone(Folder):
    model: Path = Path()
    photos: Path = Path()

    @property
    def checkpoint(self) -> Path:
        return self.model

    def checkpoint_step(self) -> list[str | Path]:
        return ["backbone", self.path, self.model, self.photos]

    def calibrate(self, program: str) -> None:
        """Each variant of vit-quant, anew: the program changes from run to run."""
        for number, (label, options) in enumerate(VARIANTS.items()):
            print(f"calibrating {label}", file=sys.stderr)
            if options == ["--keep", "all"]:
                options = [text for layer in self.layers(program) for text in ("--keep", f"{layer}=int16")]
            subprocess.run(
                [program, "calibrate", self.model, "--data", self.path / "calibration.safetensors", "--output",
                 self.path / f"vit-quant-{number}.gguf", "--quiet", *options], check=True, stdout=subprocess.DEVNULL)

    def layers(self, program: str) -> list[str]:
        """The linear layers and attentions that can be widened."""
        blocks = json.loads((self.path / "shape.json").read_text())["depth"]
        names = ("attn_qkv", "attn", "attn_out", "ffn_up", "ffn_down")
        return ["patch_embd", *(f"blk.{block}.{name}" for block in range(blocks) for name in names)]


class Variant(Integer):
    """One of vit-quant's models, on the fastest instruction set here."""

    def __init__(self, program: str, number: int, label: str) -> None:
        super().__init__(program, "auto", label, f"vit-quant-{number}.gguf")

    def outputs(self, folder: Folder) -> np.ndarray:
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch, "outputs.safetensors")
            subprocess.run(
                [self.program, "run", folder.path / self.model, folder.path / "images.safetensors", "--output", path,
                 "--quiet"], check=True, stdout=subprocess.DEVNULL)
            return load_file(path)["last_hidden_state"]


def contestants(program: str, torch: str | None) -> list[Contestant]:
    """All that are timed; those held to an instruction set compute what their free form does, up to float rounding."""
    return [
        *(Variant(program, number, label) for number, label in enumerate(VARIANTS)),
        *(peer for peer in peers() if "held to" not in peer.label),
        Peer("LiteRT int8, static", "litert", "litert-static.tflite", "litert-static"),
        Peer("PyTorch int8, dynamic", "torch-int8", "model.safetensors", interpreter=torch),
        Peer("PyTorch bf16, autocast", "torch-autocast", "model.safetensors", interpreter=torch),
        Peer("PyTorch bf16", "torch-bf16", "model.safetensors", interpreter=torch),
        Peer("PyTorch fp32", "torch-fp32", "model.safetensors", interpreter=torch),
    ]


def sqnr(reference: np.ndarray, outputs: np.ndarray) -> list[float]:
    """In dB, for each image; with a difference of nothing, that of one unit of float32's least digit."""
    found = []
    for exact, got in zip(reference.astype(np.float64), outputs.astype(np.float64)):
        noise = max(np.square(exact - got).sum(), np.square(exact).sum() * 1e-15)
        found.append(float(10 * np.log10(np.square(exact).sum() / noise)))
    return found


@dataclass
class Findings:
    """What is kept between runs, by the name of the row."""

    differences: dict[str, float]
    drift: dict[str, list[float]]
    timing: dict[Key, Measurement]
    absent: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> "Findings":
        earlier = json.loads(path.read_text())
        if earlier["machine"] != processor():
            raise SystemExit(f"error: measured on '{earlier['machine']}', {path}, this is '{processor()}'")
        timing = {
            (label, "backbone", int(threads)): Measurement(**found)
            for label, entry in earlier["rows"].items() for threads, found in entry["timing"].items()}
        drift = {label: entry["sqnr"] for label, entry in earlier["rows"].items()}
        return cls(earlier["fp32_difference"], drift, timing, earlier["missing"])

    def write(self, path: Path) -> None:
        def timing(label: str) -> dict:
            return {str(key[2]): asdict(found) for key, found in self.timing.items() if key[0] == label}

        path.write_text(json.dumps({
            "machine": processor(), "date": date.today().isoformat(), "fp32_difference": self.differences,
            "missing": self.absent, "rows": {
                label: {"sqnr": [round(value, 3) for value in decibels], "timing": timing(label)}
                for label, decibels in self.drift.items()},
        }, indent=1) + "\n")


def markdown(findings: Findings, thread_counts: list[int]) -> str:
    """The table by drift, the least first."""
    def cell(label: str, threads: int, value) -> str:
        found = findings.timing.get((label, "backbone", threads))
        return value(found) if found and found.medians else "–"

    titles = [f"ms, {threads} thread{'s' if threads > 1 else ''}" for threads in thread_counts]
    images = len(next(iter(findings.drift.values())))
    lines = [
        f"{date.today().isoformat()}, {processor()}.",
        f"{images} images that calibration never saw. Milliseconds are the fastest runs. Peak memory in MB, of the peers",
        "with Python and NumPy, or PyTorch.", "",
        f"| | token SQNR, mean | least | {' | '.join(titles)} | MB |", "|---|" + "---:|" * (3 + len(titles)),
    ]
    quantized = {label: decibels for label, decibels in findings.drift.items() if "fp32" not in label}
    for label, decibels in sorted(quantized.items(), key=lambda row: -statistics.mean(row[1])):
        times = [cell(label, threads, lambda found: f"{min(found.minima):.1f}") for threads in thread_counts]
        memory = cell(label, thread_counts[0], lambda found: f"{statistics.median(found.peak_rss) / 1e6:.0f}")
        found = [f"{statistics.mean(decibels):.1f} dB", f"{min(decibels):.1f} dB", *times, memory]
        lines.append(f"| {label} | {' | '.join(found)} |")
    exact = {label: statistics.mean(found) for label, found in findings.drift.items() if label not in quantized}
    if exact:
        values = ", ".join(f"{label} {decibels:.0f} dB" for label, decibels in exact.items())
        lines += ["", f"That all are one function shows in fp32: {values}."]
    if findings.absent:
        lines += ["", "Not measured:", "", *(f"- {label}: {reason}" for label, reason in findings.absent.items())]
    return "\n".join(lines)


def measure_drift(rows: list[Contestant], folder: Backbone, program: str) -> Findings:
    folder.prepare(program, STEPS | MORE_STEPS)
    findings = Findings(check_same_function(folder), {}, {}, {})
    reference = load_file(folder.path / "reference.safetensors")["last_hidden_state"]
    for row in rows:
        print(f"drift of {row.label}", file=sys.stderr)
        try:
            findings.drift[row.label] = sqnr(reference, row.outputs(folder))
        except NotHere as reason:
            findings.absent[row.label] = str(reason)
    return findings


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="Benchmarks/compare --drift", description=__doc__.split("\n\n")[0])
    parser.add_argument("--program", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--drift", type=Path, required=True, metavar="MODEL",
                        help="a DINOv2 of the Hub, with the folder `calibration` of photos in it")
    parser.add_argument("--images", type=Path, required=True, help="a folder of photos kept apart from calibration")
    parser.add_argument("--torch", metavar="PYTHON", help="an interpreter with PyTorch, NumPy and safetensors")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=3, help="of timing; 0 measures the drift alone")
    parser.add_argument("--seconds", type=float, default=2, help="for each measurement of each round")
    parser.add_argument("--skip", default="", metavar="TEXTS", help="leave out rows with one of these in their name")
    parser.add_argument("--json", type=Path, required=True, help="where all figures go")
    parser.add_argument("--append", action="store_true", help="keep what --json has, and add rounds of timing")
    parser.add_argument("--document", type=Path, help="a document to put the table into, between its markers")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    folder = Backbone(arguments.folder / "backbone", "backbone", arguments.drift, arguments.images)
    thread_counts = [int(count) for count in arguments.threads.split(",")]
    skipped = [text for text in arguments.skip.split(",") if text]
    rows = [
        row for row in contestants(arguments.program, arguments.torch)
        if not any(text in row.label for text in skipped)]
    if arguments.append:
        findings = Findings.read(arguments.json)
    else:
        findings = measure_drift(rows, folder, arguments.program)
    findings.write(arguments.json)
    timed = [row for row in rows if row.label in findings.drift]
    measure(
        timed, [folder], thread_counts, arguments.rounds, arguments.seconds, findings.timing, {},
        lambda: findings.write(arguments.json))
    text = markdown(findings, thread_counts)
    print(text)
    if arguments.document:
        insert(text, arguments.document)


if __name__ == "__main__":
    main()
