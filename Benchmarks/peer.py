"""Times one peer on one model in a process of its own, and prints JSON: peer.py RUNTIME MODEL IMAGES THREADS SECONDS
With a sixth argument it runs all images instead, and writes what the model gives for them: a .npy like IMAGES."""

import json
import math
import resource
import statistics
import sys
import time

import numpy as np


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


def litert(path: str, threads: int):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path, num_threads=threads)
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def run(image: np.ndarray) -> np.ndarray:
        """A static int8 model reads and gives int8, with a scale and a zero point each."""
        if source["dtype"] == np.int8:
            scale, zero = source["quantization"]
            image = np.clip(np.rint(image / scale + zero), -128, 127).astype(np.int8)
        interpreter.set_tensor(source["index"], image)
        interpreter.invoke()
        found = interpreter.get_tensor(result["index"])
        if result["dtype"] == np.int8:
            scale, zero = result["quantization"]
            found = (found.astype(np.float32) - zero) * np.float32(scale)
        return found

    return run


def ncnn(path: str, threads: int):
    import ncnn

    net = ncnn.Net()
    net.opt.num_threads = threads
    net.load_param(path.removesuffix(".bin") + ".param")
    net.load_model(path)

    def run(image: np.ndarray) -> np.ndarray:
        extractor = net.create_extractor()
        extractor.input("in0", ncnn.Mat(image[0]))
        return np.array(extractor.extract("out0")[1])[None]

    return run


def nothing(_path: str, _threads: int):
    """What the interpreter and NumPy need by themselves."""
    return lambda image: image[:, 0, 0]


def pytorch(path: str, threads: int, kind: str):
    from torch_vit import runner

    return runner(path, threads, kind)


RUNTIMES = {
    "nothing": nothing,
    "onnxruntime": onnxruntime,
    "litert": litert,
    "ncnn": ncnn,
    "openvino": openvino,
    "openvino-f32": lambda path, threads: openvino(path, threads, "f32"),
    "openvino-bf16": lambda path, threads: openvino(path, threads, "bf16"),
    "torch-fp32": lambda path, threads: pytorch(path, threads, "fp32"),
    "torch-bf16": lambda path, threads: pytorch(path, threads, "bf16"),
    "torch-autocast": lambda path, threads: pytorch(path, threads, "autocast"),
    "torch-int8": lambda path, threads: pytorch(path, threads, "int8"),
}


# So that the list of latencies does not count as the memory of a contestant that is very fast.
MOST_RUNS = 1000


def outputs(run, batch: np.ndarray) -> np.ndarray:
    return np.concatenate([run(np.array(image[None])) for image in batch])


def latencies(run, image: np.ndarray, seconds: float) -> list[float]:
    """In milliseconds, after three runs that do not count."""
    for _ in range(3):
        run(image)
    found = []
    end = time.perf_counter() + seconds
    while len(found) < 5 or (time.perf_counter() < end and len(found) < MOST_RUNS):
        start = time.perf_counter()
        run(image)
        found.append((time.perf_counter() - start) * 1000)
    return found


def main() -> None:
    runtime, path, images, threads, seconds, *product = sys.argv[1:]
    batch = np.load(images, mmap_mode="r")
    start = time.perf_counter()
    run = RUNTIMES[runtime](path, int(threads))
    load = time.perf_counter() - start
    if product:
        np.save(product[0], outputs(run, batch))
        return
    found = latencies(run, np.array(batch[:1]), float(seconds))
    print(json.dumps({
        "median": statistics.median(found), "min": min(found),
        "p95": sorted(found)[math.ceil(0.95 * (len(found) - 1))], "load_ms": load * 1000,
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }))


if __name__ == "__main__":
    main()
