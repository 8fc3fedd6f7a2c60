#!/usr/bin/env python3
"""Makes the bundled calibration set, test set and sample images from Fashion-MNIST.

    apt-get install dataset-fashion-mnist
    python3 calibration/prepare_fashion_mnist.py [--data DIR] [--output DIR]

Needs NumPy. The same data give the same bytes, whatever the versions of Python and NumPy.
"""

import argparse
import csv
import hashlib
import struct
import zlib
from pathlib import Path

import numpy as np

import fashion_mnist
import safetensors_file

CALIBRATION_IMAGES = 512
SEED = 0

# Beside the first test image of each class: one more of the class that the model knows least (7, a shirt), and one
# that it gets wrong (23, an ankle boot that it takes for a sandal).
MORE_SAMPLES = [7, 23]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=fashion_mnist.DIRECTORY, help="folder of the IDX files")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "fashion-mnist")
    arguments = parser.parse_args()
    prepare(arguments.data, arguments.output)


def prepare(data: Path, output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)

    images, labels = fashion_mnist.load("train", data)
    chosen = balanced_subset(labels, CALIBRATION_IMAGES, SEED)
    write_set(output / "calibration.safetensors", images[chosen], labels[chosen])

    images, labels = fashion_mnist.load("t10k", data)
    write_set(output / "test.safetensors", images, labels)
    write_samples(output / "samples", images, labels)


def balanced_subset(labels: np.ndarray, count: int, seed: int) -> list[int]:
    """Indices of `count` images, one class after the other in turn, so that every prefix is balanced too.

    Within a class the order is that of a hash of the index: random generators change between versions, SHA-256 won't.
    """

    def rank(index: int) -> bytes:
        return hashlib.sha256(f"{seed}:{index}".encode()).digest()

    classes = len(fashion_mnist.CLASSES)
    shuffled = [sorted(np.flatnonzero(labels == label).tolist(), key=rank) for label in range(classes)]
    return [shuffled[position % classes][position // classes] for position in range(count)]


def write_set(path: Path, images: np.ndarray, labels: np.ndarray) -> None:
    safetensors_file.write(path, {"images": images, "labels": labels.astype(np.int64)})


def write_samples(directory: Path, images: np.ndarray, labels: np.ndarray) -> None:
    """One PNG per sample, named after its place in the test set and its class, and `labels.csv`."""
    directory.mkdir(exist_ok=True)
    first_of_each_class = [int(np.argmax(labels == label)) for label in range(len(fashion_mnist.CLASSES))]
    rows = []
    for index in sorted(first_of_each_class + MORE_SAMPLES):
        name = fashion_mnist.CLASSES[labels[index]]
        slug = name.lower().replace(" ", "-").replace("/", "-")
        file_name = f"{index:02}-{slug}.png"
        (directory / file_name).write_bytes(grayscale_png(images[index, 0]))
        rows.append((file_name, name))
    with open(directory / "labels.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("file", "label"))
        writer.writerows(rows)


def grayscale_png(pixels: np.ndarray) -> bytes:
    """An 8-bit grayscale PNG. Stored rather than deflated: compressed bytes differ between versions of zlib."""
    height, width = pixels.shape
    scanlines = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(scanlines, 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, content) for kind, content in chunks)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


if __name__ == "__main__":
    main()
