"""ncnn's int8 weights, as its program ncnn2int8 writes them without a table. PyPI has ncnn and pnnx, but not that one.

Attention and matrix products become int8, with scales of the activations found at run time; the convolution, and the
head as an InnerProduct, would need a table of calibrated scales, and stay in float."""

from pathlib import Path

import numpy as np

FLOAT32, INT8 = 0, 0x000D4B38


class Reader:
    """The tensors of a .bin file, one after the other."""

    def __init__(self, content: bytes) -> None:
        self.content, self.position = content, 0

    def raw(self, count: int) -> np.ndarray:
        values = np.frombuffer(self.content, np.float32, count, self.position)
        self.position += 4 * count
        return values

    def tagged(self, count: int) -> np.ndarray:
        tag = int(np.frombuffer(self.content, np.uint32, 1, self.position)[0])
        self.position += 4
        if tag != FLOAT32:
            raise ValueError(f"weights of kind {tag:#x} at byte {self.position - 4}, expected float32")
        return self.raw(count)


def floats(values: np.ndarray) -> bytes:
    return FLOAT32.to_bytes(4, "little") + values.tobytes()


def int8(weights: np.ndarray) -> tuple[bytes, np.ndarray]:
    """Rows of weights with a scale for each row, and the scales by which they were multiplied."""
    largest = np.abs(weights).max(axis=1, keepdims=True)
    scales = np.where(largest == 0, 1, 127 / largest).astype(np.float32)
    # Half away from zero, as C's round().
    scaled = weights * scales
    values = np.clip(np.trunc(scaled + np.copysign(0.5, scaled)), -127, 127).astype(np.int8).tobytes()
    return INT8.to_bytes(4, "little") + values + bytes(-len(values) % 4), scales


def attention(source: Reader, settings: dict[int, str]) -> bytes:
    """A scale for each output of queries, keys and values, one for the whole projection."""
    width = int(settings[0])
    content, scales = b"", b""
    for part in range(4):
        rows = width if part < 3 else 1
        weights, scale = int8(source.tagged(width * width).reshape(rows, -1))
        content += weights + source.raw(width).tobytes()
        scales += scale.tobytes()
    return content + scales


def gemm(source: Reader, settings: dict[int, str]) -> bytes:
    """One scale for the whole matrix. The format has the matrix as N x K."""
    if (settings.get(3), settings.get(5), settings.get(6), settings.get(10)) != ("1", "1", "1", "4"):
        raise ValueError("a Gemm that is not a linear layer with a bias")
    outputs, inputs = int(settings[8]), int(settings[9])
    weights, scale = int8(source.tagged(outputs * inputs).reshape(1, -1))
    return weights + floats(source.tagged(outputs)) + scale.tobytes()


def copy(source: Reader, kind: str, settings: dict[int, str]) -> bytes:
    """What stays in float."""
    if kind in ("Convolution", "InnerProduct"):
        size = int(settings[6 if kind == "Convolution" else 2])
        return floats(source.tagged(size)) + source.raw(int(settings[0])).tobytes()
    if kind == "LayerNorm":
        return source.raw(2 * int(settings[0])).tobytes()
    if kind == "MemoryData":
        return source.raw(int(np.prod([int(settings[axis]) for axis in (0, 1, 2) if axis in settings]))).tobytes()
    return b""


def quantize(model: Path, product: Path) -> None:
    """Reads MODEL.param and MODEL.bin, writes PRODUCT.param and PRODUCT.bin."""
    source = Reader(model.with_suffix(".bin").read_bytes())
    lines, content = [], []
    header, layers = (text := model.with_suffix(".param").read_text().splitlines())[:2], text[2:]
    for line in layers:
        kind, _, inputs, outputs, *rest = line.split()
        pairs = [entry.split("=") for entry in rest[int(inputs) + int(outputs):]]
        settings = {int(key): value for key, value in pairs}
        if kind in ("MultiHeadAttention", "Gemm"):
            content.append((attention if kind == "MultiHeadAttention" else gemm)(source, settings))
            line += " 18=2"
        else:
            content.append(copy(source, kind, settings))
        lines.append(line)
    if source.position != len(source.content):
        raise ValueError(f"{len(source.content) - source.position} bytes are left over, {model}.bin")
    product.with_suffix(".param").write_text("\n".join([*header, *lines]) + "\n")
    product.with_suffix(".bin").write_bytes(b"".join(content))
