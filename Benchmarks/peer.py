"""Times one peer on one model in a process of its own, and prints JSON: peer.py RUNTIME MODEL SHAPE THREADS SECONDS"""

import json
import math
import resource
import statistics
import sys
import time

from vit import SHAPES, images


def onnxruntime(path: str, threads: int):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda image: session.run(None, {"pixel_values": image})[0]


def openvino(path: str, threads: int, precision: str | None = None):
    import openvino as ov

    properties = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}
    if precision:
        properties["INFERENCE_PRECISION_HINT"] = precision
    request = ov.Core().compile_model(path, "CPU", properties).create_infer_request()
    return lambda image: request.infer([image])[0]


def nothing(_path: str, _threads: int):
    """What the interpreter and NumPy need by themselves."""
    return lambda image: image[:, 0, 0]


RUNTIMES = {
    "nothing": nothing,
    "onnxruntime": onnxruntime,
    "openvino": openvino,
    "openvino-f32": lambda path, threads: openvino(path, threads, "f32"),
    "openvino-bf16": lambda path, threads: openvino(path, threads, "bf16"),
}


# So that the list of latencies does not count as the memory of a contestant that is very fast.
MOST_RUNS = 1000


def main() -> None:
    runtime, path, name, threads, seconds = sys.argv[1:]
    image = images(SHAPES[name], 1)
    start = time.perf_counter()
    run = RUNTIMES[runtime](path, int(threads))
    load = time.perf_counter() - start
    for _ in range(3):
        run(image)
    latencies = []
    end = time.perf_counter() + float(seconds)
    while len(latencies) < 5 or (time.perf_counter() < end and len(latencies) < MOST_RUNS):
        start = time.perf_counter()
        run(image)
        latencies.append((time.perf_counter() - start) * 1000)
    print(json.dumps({
        "median": statistics.median(latencies), "min": min(latencies),
        "p95": sorted(latencies)[math.ceil(0.95 * (len(latencies) - 1))], "load_ms": load * 1000,
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }))


if __name__ == "__main__":
    main()
