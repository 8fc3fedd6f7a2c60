"""Interleaves vit-quant with its peers and writes medians and ratios as Markdown and JSON. Started by `compare`."""

import argparse
import json
import os
import statistics
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path

HERE = Path(__file__).resolve().parent
INTERPRETER = "Python and NumPy alone"
MARKERS = ("<!-- compare: begin -->", "<!-- compare: end -->")


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
    """The files of one model."""

    path: Path
    name: str

    def prepare(self, program: str) -> None:
        """Makes what is not there yet: checkpoint, ONNX graph and every quantized form."""
        products = {
            "checkpoint": "fp32.onnx", "ort-static": "ort-static.onnx", "ort-static-all": "ort-static-all.onnx",
            "ort-dynamic": "ort-dynamic.onnx", "openvino": "openvino.xml",
        }
        for step, product in products.items():
            if not (self.path / product).exists():
                print(f"vit-{self.name}: making {product}", file=sys.stderr)
                self.make(step)
        # The program changes from run to run: its model is always made again.
        subprocess.run(
            [program, "calibrate", self.path, "--data", self.path / "images.safetensors", "--samples", "4",
             "--no-smoothing", "--output", self.path / "vit-quant.gguf", "--quiet"],
            check=True, stdout=subprocess.DEVNULL)

    def make(self, method: str) -> None:
        """A failure is kept beside the model, so that the table can say why."""
        self.path.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, HERE / "prepare.py", method, self.path, self.name]
        result = subprocess.run(command, capture_output=True, text=True)
        reason = self.path / f"{method}.failed"
        reason.unlink(missing_ok=True)
        if result.returncode != 0:
            reason.write_text((result.stderr.strip().splitlines() or ["no message"])[-1])

    def product(self, name: str, method: str | None = None) -> Path:
        path = self.path / name
        if not path.exists():
            reason = self.path / f"{method}.failed"
            raise NotHere(reason.read_text() if reason.exists() else f"{name} was not made")
        return path


class Contestant:
    """A row of the table."""

    def __init__(self, label: str) -> None:
        self.label = label

    def measure(self, folder: Folder, threads: int, seconds: float, into: Measurement) -> None:
        raise NotImplementedError


class Peer(Contestant):
    def __init__(
        self, label: str, runtime: str, product: str, method: str | None = None, needs: set[str] | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        super().__init__(label)
        self.runtime, self.model, self.method = runtime, product, method
        self.needs, self.environment = needs, environment or {}

    def measure(self, folder: Folder, threads: int, seconds: float, into: Measurement) -> None:
        if self.needs and not self.needs & flags():
            raise NotHere(f"the processor has none of {', '.join(sorted(self.needs))}")
        path = folder.product(self.model, self.method)
        result = subprocess.run(
            [*FRESH, sys.executable, HERE / "peer.py", self.runtime, path, folder.name, str(threads), str(seconds)],
            capture_output=True, text=True, env=os.environ | self.environment)
        if result.returncode > 128:  # as the shell says it
            raise NotHere(f"ended by signal {result.returncode - 128}")
        if result.returncode != 0:
            raise NotHere((result.stderr.strip().splitlines() or ["no message"])[-1])
        found = json.loads(result.stdout.splitlines()[-1])
        into.add(found["median"], found["min"], found["p95"], found["peak_rss_bytes"], found["load_ms"])


class Interpreter(Peer):
    """The peers' process without a peer, for its memory."""


class Integer(Contestant):
    """`vit-quant bench`"""

    def __init__(self, program: str, instruction_set: str) -> None:
        super().__init__(f"vit-quant int8, {instruction_set}")
        self.program, self.instruction_set = program, instruction_set
        self.expected: dict[tuple[str, int], float] = {}

    def measure(self, folder: Folder, threads: int, seconds: float, into: Measurement) -> None:
        runs = max(3, int(seconds * 1000 / self.expected.get((folder.name, threads), seconds * 100)))
        result = subprocess.run(
            [*FRESH, self.program, "bench", folder.path / "vit-quant.gguf", "--isa", self.instruction_set, "--threads",
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
            [self.program, "run", folder.path, folder.path / "images.safetensors", "--threads", "1", "--json",
             "--quiet"], capture_output=True, text=True, check=True)
        latencies = [json.loads(line)["latency_ms"] for line in result.stdout.splitlines()]
        into.add(statistics.median(latencies), min(latencies))


def instruction_sets(program: str) -> list[str]:
    """Those that this machine has, the slowest first. The program compares their kernels before it lists them."""
    result = subprocess.run([program, "selftest", "--json", "--quiet"], stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line)["isa"] for line in result.stdout.splitlines()]


def contestants(program: str) -> list[Contestant]:
    rows: list[Contestant] = [Integer(program, name) for name in reversed(instruction_sets(program))]
    rows += [
        Peer("OpenVINO int8 (NNCF)", "openvino", "openvino.xml", "openvino"),
        # It would still choose bf16 for what is not int8, which oneDNN then emulates: so f32 there.
        Peer("OpenVINO int8, held to AVX-512 VNNI", "openvino-f32", "openvino.xml", "openvino", needs={"avx512_vnni"},
             environment={"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI"}),
        Peer("OpenVINO bf16", "openvino-bf16", "fp32.onnx", needs={"avx512_bf16", "amx_bf16"}),
        Peer("OpenVINO fp32", "openvino-f32", "fp32.onnx"),
        Peer("ONNX Runtime int8, static QDQ, products", "onnxruntime", "ort-static.onnx", "ort-static"),
        Peer("ONNX Runtime int8, static QDQ, all operators", "onnxruntime", "ort-static-all.onnx", "ort-static-all"),
        Peer("ONNX Runtime int8, dynamic", "onnxruntime", "ort-dynamic.onnx", "ort-dynamic"),
        Peer("ONNX Runtime fp32", "onnxruntime", "fp32.onnx"),
        Reference(program),
        Interpreter(INTERPRETER, "nothing", "fp32.onnx"),
    ]
    return rows


def check_same_function(program: str, folder: Folder) -> float:
    """The largest difference between the logits of ONNX Runtime and our reference, as a share of the largest logit."""
    output = folder.path / "logits.safetensors"
    subprocess.run(
        [program, "run", folder.path, folder.path / "images.safetensors", "--output", output, "--quiet"], check=True,
        stdout=subprocess.DEVNULL)
    found = subprocess.run(
        [sys.executable, HERE / "prepare.py", "fp32-difference", folder.path, folder.name], check=True,
        capture_output=True, text=True)
    difference = float(found.stdout)
    if difference > 1e-3:
        raise SystemExit(f"error: vit-{folder.name} differs from ONNX Runtime by {difference:.1e}: not the same model")
    return difference


Key = tuple[str, str, int]


@contextmanager
def busy(count: int):
    """So many other processes that compute without a pause, for as long as the block runs."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def measure(
    rows: list[Contestant], folders: list[Folder], thread_counts: list[int], rounds: int, seconds: float,
    results: dict[Key, Measurement], absent: dict[Key, str], finish_round,
) -> None:
    """Every round takes each contestant in turn, so that whatever else the machine does touches all alike."""
    for number in range(rounds):
        for folder in folders:
            for threads in thread_counts:
                for row in rows:
                    key = (row.label, folder.name, threads)
                    if key in absent:
                        continue
                    print(f"\rround {number + 1} of {rounds}: {' '.join(map(str, key)):60}", end="", file=sys.stderr)
                    try:
                        row.measure(folder, threads, seconds, results.setdefault(key, Measurement()))
                    except NotHere as reason:
                        absent[key] = str(reason)
                        del results[key]
        finish_round()
    print(file=sys.stderr)


def table(rows: list[Contestant], columns: list[tuple[str, int]], cell) -> list[str]:
    titles = [f"{name.capitalize()}, {threads} thread{'s' if threads > 1 else ''}" for name, threads in columns]
    lines = ["| | " + " | ".join(titles) + " |", "|---|" + "---:|" * len(columns)]
    for row in rows:
        cells = [cell(row.label, name, threads) for name, threads in columns]
        if any(cells):
            lines.append(f"| {row.label} | " + " | ".join(text or "–" for text in cells) + " |")
    return lines


def markdown(rows, folders, thread_counts, results, absent, differences, arguments) -> str:
    columns = [(folder.name, threads) for folder in folders for threads in thread_counts]

    ours = [row for row in rows if isinstance(row, Integer)]
    peers = [row for row in rows if not isinstance(row, (Integer, Interpreter))]
    timed = [*ours, *peers]

    def median(label: str, name: str, threads: int) -> float | None:
        found = results.get((label, name, threads))
        return statistics.median(found.medians) if found else None

    def latency(label, name, threads):
        value = median(label, name, threads)
        return f"{value:.1f}" if value is not None else None

    def ratio(label, name, threads):
        """Of the two in the same round; the median of the rounds, and the extremes."""
        own = [results[key] for row in ours if (key := (row.label, name, threads)) in results]
        peer = results.get((label, name, threads))
        if not own or not peer:
            return None
        fastest = min(own, key=lambda found: statistics.median(found.medians))
        ratios = sorted(mine / theirs for mine, theirs in zip(fastest.medians, peer.medians))
        return f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f})"

    def fastest_run(label, name, threads):
        found = results.get((label, name, threads))
        return f"{min(found.minima):.1f}" if found else None

    def slow_runs(label, name, threads):
        found = results.get((label, name, threads))
        return f"{statistics.median(found.p95):.1f}" if found and found.p95 else None

    def memory(label, name, threads):
        found = results.get((label, name, threads))
        return f"{statistics.median(found.peak_rss) / 1e6:.0f}" if found and found.peak_rss else None

    first = [(folder.name, thread_counts[0]) for folder in folders]
    agreement = max(differences.values())
    beside = f", beside {arguments.busy} processes that compute all the time" if arguments.busy else ""
    rounds = max(len(found.medians) for found in results.values())
    lines = [
        f"{date.today().isoformat()}, {processor()}. Batch 1, 224 x 224 pixels, random weights, the same for all; "
        f"{rounds} rounds, {arguments.seconds:g} s for each in each{beside}. In fp32 vit-quant and ONNX Runtime differ by at "
        f"most {agreement:.0e} of the largest logit.",
        "", "Latency in milliseconds, the median of the rounds' medians:", "", *table(timed, columns, latency),
        "", "The fastest single run of all, in milliseconds, which other work on the machine disturbs least:", "",
        *table(timed, columns, fastest_run),
        "", "What 95% of the runs do not exceed, in milliseconds, the median of the rounds:", "",
        *table(timed, columns, slow_runs),
        "", "The fastest vit-quant int8 over each peer in the same round: the median of the rounds, and the extremes",
        "(below 1: vit-quant is faster):", "",
        *table(peers, columns, ratio), "",
        "Peak resident memory in MB; the peers' is with Python and NumPy, which alone need what the last row says:", "",
        *table(rows, first, memory),
    ]
    fractions = [
        f"{folder.name.capitalize()} {statistics.median(a / b for a, b in zip(own.medians, theirs.medians)):.2f}"
        for folder in folders
        if (own := results.get(("vit-quant fp32 reference", folder.name, 1)))
        and (theirs := results.get(("ONNX Runtime fp32", folder.name, 1)))
    ]
    if fractions:
        lines += ["", "The fp32 reference over ONNX Runtime fp32, one thread: " + ", ".join(fractions) + "."]
    reasons: dict[str, set[str]] = {}
    for (label, name, threads), reason in absent.items():
        reasons.setdefault(f"{label}: {reason}", set()).add(f"{name.capitalize()}, {threads}")
    lines += ["", "Not measured here:", ""]
    lines += [
        f"- {reason}" + ("" if len(where) == len(columns) else f" ({'; '.join(sorted(where))} threads)")
        for reason, where in reasons.items()
    ]
    lines.append("- vit.cpp: not on PyPI, and nothing else is fetched")
    return "\n".join(lines)


def summary(rows, folders, thread_counts, results) -> str:
    """The fastest of each kind, and the memory of the largest model."""
    kinds = {
        "vit-quant int8": [row.label for row in rows if isinstance(row, Integer)],
        "OpenVINO int8": ["OpenVINO int8 (NNCF)"],
        "ONNX Runtime int8, the fastest of three": [row.label for row in rows if row.label.startswith("ONNX Runtime int8")],
        "OpenVINO fp32": ["OpenVINO fp32"],
        "ONNX Runtime fp32": ["ONNX Runtime fp32"],
    }
    columns = [(folder.name, threads) for folder in folders for threads in thread_counts]
    titles = [f"{name.capitalize()}, {threads} thread{'s' if threads > 1 else ''}" for name, threads in columns]
    largest = folders[-1].name
    lines = [
        f"Milliseconds for an image of 224 x 224 pixels, medians; {processor()}:", "",
        "| | " + " | ".join(titles) + f" | Memory, {largest.capitalize()} |", "|---|" + "---:|" * (len(columns) + 1),
    ]
    for kind, labels in kinds.items():
        cells = []
        for key in columns:
            medians = [statistics.median(results[label, *key].medians) for label in labels if (label, *key) in results]
            cells.append(f"{min(medians):.1f}" if medians else "–")
        runs = [results[label, largest, thread_counts[0]] for label in labels if (label, largest, thread_counts[0]) in results]
        fastest = min(runs, key=lambda run: statistics.median(run.medians), default=None)
        memory = f"{statistics.median(fastest.peak_rss) / 1e6:.0f} MB" if fastest and fastest.peak_rss else "–"
        lines.append(f"| {kind} | " + " | ".join(cells) + f" | {memory} |")
    alone = results.get((INTERPRETER, largest, thread_counts[0]))
    if alone and alone.peak_rss:
        share = statistics.median(alone.peak_rss) / 1e6
        lines += ["", f"The peers' memory includes {share:.0f} MB of Python and NumPy."]
    return "\n".join(lines)


def insert(text: str, document: Path) -> None:
    content = document.read_text()
    begin, end = (content.find(marker) for marker in MARKERS)
    if begin < 0 or end < begin:
        raise SystemExit(f"error: no lines '{MARKERS[0]}' and '{MARKERS[1]}', {document}")
    document.write_text(content[: begin + len(MARKERS[0])] + f"\n{text}\n" + content[end:])


def save(path: Path, results: dict[Key, Measurement], absent: dict[Key, str], differences: dict[str, float]) -> None:
    def named(key: Key) -> dict:
        return dict(zip(("name", "model", "threads"), key))

    path.write_text(json.dumps({
        "machine": processor(), "date": date.today().isoformat(), "fp32_difference": differences,
        "results": [named(key) | asdict(found) for key, found in results.items()],
        "missing": [named(key) | {"reason": reason} for key, reason in absent.items()],
    }, indent=1) + "\n")


def restore(path: Path, results: dict[Key, Measurement], absent: dict[Key, str]) -> None:
    """The rounds of an earlier run on the same machine."""
    earlier = json.loads(path.read_text())
    if earlier["machine"] != processor():
        raise SystemExit(f"error: measured on '{earlier['machine']}', {path}, this is '{processor()}'")
    for entry in earlier["results"]:
        key = (entry.pop("name"), entry.pop("model"), entry.pop("threads"))
        results[key] = Measurement(**entry)
    for entry in earlier["missing"]:
        absent[(entry["name"], entry["model"], entry["threads"])] = entry["reason"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="Benchmarks/compare", description=__doc__)
    parser.add_argument("--program", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--models", default="tiny,small,base", help="of tiny, small, base")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2, help="for each measurement of each round")
    parser.add_argument(
        "--busy", type=int, default=0, metavar="N", help="processes that compute beside every measurement; 0 by default")
    parser.add_argument("--document", type=Path, help="a document to put the table into, between its markers")
    parser.add_argument("--summary", type=Path, help="a document for a short table, likewise")
    parser.add_argument("--json", type=Path, help="where all figures go")
    parser.add_argument("--append", action="store_true", help="add to the rounds that --json names")
    arguments = parser.parse_args()
    if arguments.rounds < (0 if arguments.append else 1):
        parser.error(f"--rounds {arguments.rounds}, expected at least 1, or 0 with --append for the table alone")
    if arguments.append and not arguments.json:
        parser.error("--append without --json, which names the rounds to add to")

    folders = [Folder(arguments.folder / name, name) for name in arguments.models.split(",")]
    thread_counts = [int(count) for count in arguments.threads.split(",")]
    for folder in folders:
        folder.prepare(arguments.program)
    differences = {folder.name: check_same_function(arguments.program, folder) for folder in folders}
    rows = contestants(arguments.program)
    results: dict[Key, Measurement] = {}
    absent: dict[Key, str] = {}
    if arguments.append:
        restore(arguments.json, results, absent)

    def finish_round() -> None:
        if arguments.json:
            save(arguments.json, results, absent, differences)

    with busy(arguments.busy):
        measure(
            rows, folders, thread_counts, arguments.rounds, arguments.seconds, results, absent, finish_round)
    text = markdown(rows, folders, thread_counts, results, absent, differences, arguments)
    print(text)
    if arguments.document:
        insert(text, arguments.document)
    if arguments.summary:
        insert(summary(rows, folders, thread_counts, results), arguments.summary)


if __name__ == "__main__":
    main()
