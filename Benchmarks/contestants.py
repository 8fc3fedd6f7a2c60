"""Models and contestants of `compare`: what is made of a model for each runtime, and how each is run and timed."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

HERE = Path(__file__).resolve().parent

# Linux hands a parent's peak of resident memory on to the program that its child becomes; one fork of a small shell
# later it is gone. Without this, every contestant would seem to need at least as much as this process.
FRESH = ["/bin/sh", "-c", '"$@"; exit $?', "sh"]


class NotHere(Exception):
    """Why something cannot run on this machine."""


def flags() -> set[str]:
    """The processor's flags, as Linux names them."""
    if sys.platform != "linux":
        return set()
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    found = [line.split(":")[1].split() for line in lines if line.lower().startswith(("flags", "features"))]
    return set(found[0]) if found else set()


def processor() -> str:
    """What lscpu calls it, the cores that this process may use, and the extensions that int8 kernels use."""
    name = "unknown processor"
    for line in subprocess.run(["lscpu"], capture_output=True, text=True).stdout.splitlines():
        if line.startswith("Model name:"):
            name = line.split(":")[1].strip()
    interesting = ["avx2", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "asimddp", "i8mm"]
    here = ", ".join(flag for flag in interesting if flag in flags())
    return f"{name}, {len(os.sched_getaffinity(0))} cores, {here or 'no int8 extensions'}"


@dataclass
class Measurement:
    """What the rounds of one contestant on one model with one number of threads gave."""

    medians: list[float] = field(default_factory=list)
    minima: list[float] = field(default_factory=list)
    # The latency that 95% of the runs do not exceed.
    p95: list[float] = field(default_factory=list)
    peak_rss: list[int] = field(default_factory=list)
    load: list[float] = field(default_factory=list)

    def add(
        self, median: float, minimum: float, p95: float | None = None, peak_rss: int | None = None,
        load: float | None = None,
    ) -> None:
        self.medians.append(median)
        self.minima.append(minimum)
        if p95 is not None:
            self.p95.append(p95)
        if peak_rss is not None:
            self.peak_rss.append(peak_rss)
        if load is not None:
            self.load.append(load)


@dataclass(frozen=True)
class Folder:
    """The files of one model of random weights."""

    path: Path
    name: str

    @property
    def checkpoint(self) -> Path:
        """What vit-quant reads."""
        return self.path

    def checkpoint_step(self) -> list[str | Path]:
        return ["random", self.path, self.name]

    def calibrate(self, program: str) -> None:
        """Smoothing would take time, and changes none at run time."""
        subprocess.run(
            [program, "calibrate", self.path, "--data", self.path / "images.safetensors", "--samples", "4",
             "--no-smoothing", "--output", self.path / "vit-quant.gguf", "--quiet"],
            check=True, stdout=subprocess.DEVNULL)

    def prepare(self, program: str, steps: dict[str, str]) -> None:
        """Makes what is not there yet: checkpoint, ONNX graph and the quantized forms, each step with its product."""
        self.path.mkdir(parents=True, exist_ok=True)
        if not (self.path / "shape.json").exists():
            print(f"{self.name}: making the checkpoint", file=sys.stderr)
            subprocess.run([sys.executable, HERE / "prepare.py", *self.checkpoint_step()], check=True)
        for step, product in steps.items():
            if not (self.path / product).exists():
                print(f"{self.name}: making {product}", file=sys.stderr)
                self.make(step)
        # The program takes no file of the model's folder for its output, and this is that folder.
        reference = self.path / "reference.safetensors"
        reference.unlink(missing_ok=True)
        subprocess.run(
            [program, "run", self.checkpoint, self.path / "images.safetensors", "--output", reference, "--quiet"],
            check=True, stdout=subprocess.DEVNULL)
        # The program changes from run to run: its model is always made again.
        self.calibrate(program)

    def make(self, step: str) -> None:
        """A failure is kept beside the model, so that the table can say why."""
        result = subprocess.run(
            [sys.executable, HERE / "prepare.py", step, self.path], capture_output=True, text=True)
        reason = self.path / f"{step}.failed"
        reason.unlink(missing_ok=True)
        if result.returncode != 0:
            reason.write_text((result.stderr.strip().splitlines() or [f"ended with status {result.returncode}"])[-1])

    def product(self, name: str, step: str | None = None) -> Path:
        """A file of the model; refused where its step failed, or where its fp32 form is another function."""
        path = self.path / name
        for reason in (self.path / f"{step}.failed", self.path / f"{step}.differs"):
            if reason.exists():
                raise NotHere(reason.read_text())
        if not path.exists():
            raise NotHere(f"{name} was not made")
        return path


class Contestant:
    """A row of the table."""

    def __init__(self, label: str) -> None:
        self.label = label

    def measure(self, folder: Folder, threads: int, seconds: float, into: Measurement) -> None:
        raise NotImplementedError


class Peer(Contestant):
    """A runtime of `peer.py`, in a process of the interpreter that has it."""

    def __init__(
        self, label: str, runtime: str, product: str, step: str | None = None, needs: set[str] | None = None,
        environment: dict[str, str] | None = None, interpreter: str | None = sys.executable,
    ) -> None:
        super().__init__(label)
        self.runtime, self.model, self.step = runtime, product, step
        self.needs, self.environment, self.interpreter = needs, environment or {}, interpreter

    def run(self, folder: Folder, threads: int, seconds: float, *output: Path) -> str:
        if self.interpreter is None:
            raise NotHere("needs --torch PYTHON, an interpreter that has PyTorch")
        if self.needs and not self.needs & flags():
            raise NotHere(f"the processor has none of {', '.join(sorted(self.needs))}")
        path = folder.product(self.model, self.step)
        result = subprocess.run(
            [*FRESH, self.interpreter, HERE / "peer.py", self.runtime, path, folder.path / "images.npy", str(threads),
             str(seconds), *output],
            capture_output=True, text=True, env=os.environ | self.environment)
        if result.returncode > 128:  # as the shell says it
            raise NotHere(f"ended by signal {result.returncode - 128}")
        if result.returncode != 0:
            raise NotHere((result.stderr.strip().splitlines() or ["no message"])[-1])
        return result.stdout

    def measure(self, folder: Folder, threads: int, seconds: float, into: Measurement) -> None:
        found = json.loads(self.run(folder, threads, seconds).splitlines()[-1])
        into.add(found["median"], found["min"], found["p95"], found["peak_rss_bytes"], found["load_ms"])

    def outputs(self, folder: Folder) -> np.ndarray:
        """For all images of the folder; on one thread, which beside other work is the surest to end soon."""
        with tempfile.TemporaryDirectory() as scratch:
            self.run(folder, 1, 0, Path(scratch, "outputs.npy"))
            return np.load(Path(scratch, "outputs.npy"))


class Interpreter(Peer):
    """The peers' process without a peer, for its memory."""


class Integer(Contestant):
    """`vit-quant bench`"""

    def __init__(
        self, program: str, instruction_set: str, label: str | None = None, model: str = "vit-quant.gguf",
    ) -> None:
        super().__init__(label or f"vit-quant int8, {instruction_set}")
        self.program, self.instruction_set, self.model = program, instruction_set, model
        self.expected: dict[tuple[str, int], float] = {}

    def measure(self, folder: Folder, threads: int, seconds: float, into: Measurement) -> None:
        runs = max(3, int(seconds * 1000 / self.expected.get((folder.name, threads), seconds * 100)))
        result = subprocess.run(
            [*FRESH, self.program, "bench", folder.path / self.model, "--isa", self.instruction_set, "--threads",
             str(threads), "--runs", str(runs), "--warmup", "1", "--json"], capture_output=True, text=True)
        result.check_returncode()
        found = json.loads(result.stdout)
        self.expected[(folder.name, threads)] = found["latency_ms"]["median"]
        latency = found["latency_ms"]
        into.add(latency["median"], latency["min"], latency["p95"], found["peak_rss_bytes"], found["load_ms"])


class Reference(Contestant):
    """`vit-quant run` on the float model: eight images, one after the other."""

    def __init__(self, program: str) -> None:
        super().__init__("vit-quant fp32 reference")
        self.program = program

    def measure(self, folder: Folder, threads: int, seconds: float, into: Measurement) -> None:
        if threads != 1:
            raise NotHere("one image is one thread's work")
        result = subprocess.run(
            [self.program, "run", folder.checkpoint, folder.path / "images.safetensors", "--threads", "1", "--json",
             "--quiet"], capture_output=True, text=True, check=True)
        latencies = [json.loads(line)["latency_ms"] for line in result.stdout.splitlines()]
        into.add(statistics.median(latencies), min(latencies))


def instruction_sets(program: str) -> list[str]:
    """Those that this machine has, the slowest first. The program compares their kernels before it lists them."""
    result = subprocess.run([program, "selftest", "--json", "--quiet"], stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line)["isa"] for line in result.stdout.splitlines()]


HELD_TO_AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2"}
HELD_TO_VNNI = {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI"}

# What prepare.py makes of every model, by its step.
STEPS = {
    "ort-static": "ort-static.onnx", "ort-static-all": "ort-static-all.onnx", "ort-dynamic": "ort-dynamic.onnx",
    "openvino": "openvino.xml", "litert": "litert-int8.tflite", "ncnn": "ncnn-int8.bin",
}


def peers() -> list[Peer]:
    return [
        Peer("OpenVINO int8 (NNCF)", "openvino", "openvino.xml", "openvino"),
        # It would still choose bf16 for what is not int8, which oneDNN then emulates: so f32 there.
        Peer("OpenVINO int8, held to AVX-512 VNNI", "openvino-f32", "openvino.xml", "openvino", needs={"avx512_vnni"},
             environment=HELD_TO_VNNI),
        Peer("OpenVINO int8, held to AVX2", "openvino-f32", "openvino.xml", "openvino", needs={"avx2"},
             environment=HELD_TO_AVX2),
        Peer("OpenVINO bf16", "openvino-bf16", "fp32.onnx", needs={"avx512_bf16", "amx_bf16"}),
        Peer("OpenVINO fp32", "openvino-f32", "fp32.onnx"),
        Peer("ONNX Runtime int8, static QDQ, products", "onnxruntime", "ort-static.onnx", "ort-static"),
        Peer("ONNX Runtime int8, static QDQ, all operators", "onnxruntime", "ort-static-all.onnx", "ort-static-all"),
        Peer("ONNX Runtime int8, dynamic", "onnxruntime", "ort-dynamic.onnx", "ort-dynamic"),
        Peer("ONNX Runtime fp32", "onnxruntime", "fp32.onnx"),
        Peer("LiteRT int8, dynamic", "litert", "litert-int8.tflite", "litert"),
        Peer("ncnn int8", "ncnn", "ncnn-int8.bin", "ncnn"),
    ]


# The float form of each runtime, by the step that makes it: all must be the function that vit-quant's reference is.
FLOAT_FORMS = {
    None: Peer("ONNX Runtime", "onnxruntime", "fp32.onnx"),
    "litert": Peer("LiteRT", "litert", "litert-fp32.tflite"),
    "ncnn": Peer("ncnn", "ncnn", "ncnn-fp32.bin"),
}
LARGEST_DIFFERENCE = 1e-3


def check_same_function(folder: Folder) -> dict[str, float]:
    """The largest difference from our float reference, as a share of the largest output, for each runtime. A runtime
    that computes something else is refused; for ONNX Runtime, from whose graph most are made, nothing is measured."""
    reference = load_file(folder.path / "reference.safetensors")
    expected = reference.get("logits", reference.get("last_hidden_state"))
    differences = {}
    for step, peer in FLOAT_FORMS.items():
        refusal = folder.path / f"{step}.differs"
        refusal.unlink(missing_ok=True)
        try:
            found = peer.outputs(folder)
        except NotHere as reason:
            if step is None:
                raise SystemExit(f"error: ONNX Runtime: {reason}") from None
            refusal.write_text(f"its fp32 form could not be compared: {reason}")
            continue
        difference = float(np.abs(found - expected).max() / np.abs(expected).max())
        differences[peer.label] = difference
        # A difference that is not a number is refused as well.
        if difference <= LARGEST_DIFFERENCE:
            continue
        if step is None:
            raise SystemExit(
                f"error: {folder.name} differs from ONNX Runtime by {difference:.1e}: not the same model")
        refusal.write_text(f"its fp32 outputs differ from vit-quant's by {difference:.1e}: not the same model")
    return differences
