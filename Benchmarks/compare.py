"""Interleaves vit-quant with its peers and writes medians and ratios as Markdown and JSON. Started by `compare`."""

import argparse
import json
import statistics
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path

from contestants import (
    STEPS, Contestant, Folder, Integer, Interpreter, Measurement, NotHere, Reference, check_same_function,
    instruction_sets, peers, processor,
)
from vit_cpp import VitCpp

INTERPRETER = "Python and NumPy alone"
MARKERS = ("<!-- compare: begin -->", "<!-- compare: end -->")


def contestants(program: str, vit_cpp: str | None) -> list[Contestant]:
    return [
        *(Integer(program, name) for name in reversed(instruction_sets(program))), *peers(), VitCpp(vit_cpp),
        Reference(program), Interpreter(INTERPRETER, "nothing", "fp32.onnx"),
    ]


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
    agreement: dict[str, float] = {}
    for found in differences.values():
        for runtime, difference in found.items():
            agreement[runtime] = max(difference, agreement.get(runtime, 0))
    agreement_text = ", ".join(f"{runtime} {difference:.0e}" for runtime, difference in agreement.items())
    beside = f", beside {arguments.busy} processes that compute all the time" if arguments.busy else ""
    rounds = max(len(found.medians) for found in results.values())
    lines = [
        f"{date.today().isoformat()}, {processor()}. Batch 1, 224 x 224 pixels, random weights, the same for all; "
        f"{rounds} rounds, {arguments.seconds:g} s for each in each{beside}. Largest difference of fp32 logits from "
        f"vit-quant's, as a share of the largest logit: {agreement_text}.",
        "", "Latency in milliseconds, the median of the rounds' medians:", "", *table(timed, columns, latency),
        "", "The fastest single run of all, in milliseconds, which other work on the machine disturbs least:", "",
        *table(timed, columns, fastest_run),
        "", "What 95% of the runs do not exceed, in milliseconds, the median of the rounds:", "",
        *table(timed, columns, slow_runs),
        "", "The fastest vit-quant int8 over each peer in the same round: the median of the rounds, and the extremes",
        "(below 1: vit-quant is faster):", "",
        *table(peers, columns, ratio), "",
        *side_by_side(columns, fastest_run), "",
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
    return "\n".join(lines)


# Of each runtime the row that keeps to AVX2, if there is one, and the row that takes all that the machine has.
HELD = {
    "vit-quant int8": ("vit-quant int8, avx2", "vit-quant int8, avx512vnni"),
    "OpenVINO int8": ("OpenVINO int8, held to AVX2", "OpenVINO int8 (NNCF)"),
    "ONNX Runtime int8, dynamic": (None, "ONNX Runtime int8, dynamic"),
    "LiteRT int8, dynamic": (None, "LiteRT int8, dynamic"),
    "ncnn int8": (None, "ncnn int8"),
}


def side_by_side(columns: list[tuple[str, int]], cell) -> list[str]:
    """AVX2 beside AVX-512, for machines with AVX-512 VNNI: in each cell one, a slash, and the other."""
    lines = [
        "The fastest runs with AVX2 alone / with all that the machine has. Of the peers only OpenVINO, by oneDNN, can be",
        "held to AVX2; the others choose for themselves, by what the processor has:", "",
    ]
    titles = [f"{name.capitalize()}, {threads} thread{'s' if threads > 1 else ''}" for name, threads in columns]
    lines += ["| | " + " | ".join(titles) + " |", "|---|" + "---:|" * len(columns)]
    for runtime, (held, free) in HELD.items():
        cells = [f"{cell(held, *key) or '–'} / {cell(free, *key) or '–'}" for key in columns]
        lines.append(f"| {runtime} | " + " | ".join(cells) + " |")
    return lines


def summary(rows, folders, thread_counts, results) -> str:
    """The fastest of each kind, and the memory of the largest model."""
    kinds = {
        "vit-quant int8": [row.label for row in rows if isinstance(row, Integer)],
        "OpenVINO int8": ["OpenVINO int8 (NNCF)"],
        "ONNX Runtime int8, the fastest of three": [
            row.label for row in rows if row.label.startswith("ONNX Runtime int8")],
        "LiteRT int8": ["LiteRT int8, dynamic"],
        "ncnn int8": ["ncnn int8"],
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
        keys = [(label, largest, thread_counts[0]) for label in labels]
        runs = [results[key] for key in keys if key in results]
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


def save(
    path: Path, results: dict[Key, Measurement], absent: dict[Key, str], differences: dict[str, dict[str, float]],
) -> None:
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
        "--busy", type=int, default=0, metavar="N",
        help="processes that compute beside every measurement; 0 by default")
    parser.add_argument("--document", type=Path, help="a document to put the table into, between its markers")
    parser.add_argument("--summary", type=Path, help="a document for a short table, likewise")
    parser.add_argument("--json", type=Path, help="where all figures go")
    parser.add_argument("--skip", default="", metavar="TEXTS", help="leave out rows with one of these in their name")
    parser.add_argument("--vit-cpp", metavar="PROGRAM", help="the program `vit` of vit.cpp, with `quantize` beside it")
    parser.add_argument("--append", action="store_true", help="add to the rounds that --json names")
    arguments = parser.parse_args()
    if arguments.rounds < (0 if arguments.append else 1):
        parser.error(f"--rounds {arguments.rounds}, expected at least 1, or 0 with --append for the table alone")
    if arguments.append and not arguments.json:
        parser.error("--append without --json, which names the rounds to add to")

    folders = [Folder(arguments.folder / name, name) for name in arguments.models.split(",")]
    thread_counts = [int(count) for count in arguments.threads.split(",")]
    for folder in folders:
        folder.prepare(arguments.program, STEPS)
    differences = {folder.name: check_same_function(folder) for folder in folders}
    left_out = [text for text in arguments.skip.split(",") if text]
    rows = [
        row for row in contestants(arguments.program, arguments.vit_cpp)
        if not any(text in row.label for text in left_out)]
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
