"""The Fashion-MNIST data set as Debian's package `dataset-fashion-mnist` installs it: gzipped IDX files."""

import gzip
import math
import struct
from pathlib import Path

import numpy as np

DIRECTORY = Path("/usr/share/datasets/fashion-mnist")

CLASSES = [
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
]  # fmt: skip

SIDE = 28

# Of the training set's pixels as fractions of 255.
MEAN = 0.286
STANDARD_DEVIATION = 0.353


def load(split: str, directory: Path = DIRECTORY) -> tuple[np.ndarray, np.ndarray]:
    """Images (U8, N x 1 x 28 x 28) and labels (U8, N) of the split `train` or `t10k`."""
    images = read_idx(directory / f"{split}-images-idx3-ubyte.gz")
    labels = read_idx(directory / f"{split}-labels-idx1-ubyte.gz")
    return images.reshape(-1, 1, SIDE, SIDE), labels


def read_idx(path: Path) -> np.ndarray:
    """An IDX file of unsigned bytes: two zero bytes, the type 8, the rank, big-endian U32 sizes, then the data."""
    with gzip.open(path) as file:
        content = file.read()
    zero, element_type, rank = struct.unpack_from(">HBB", content)
    if (zero, element_type) != (0, 8):
        raise ValueError(f"{path}: not an IDX file of unsigned bytes (starts with {content[:4].hex()})")
    shape = struct.unpack_from(f">{rank}I", content, 4)
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * rank)
    if values.size != math.prod(shape):
        raise ValueError(f"{path}: {values.size} elements for the shape {shape}")
    return values.reshape(shape)


def normalise(images: np.ndarray) -> np.ndarray:
    """U8 pixels to the F32 values that the model was trained on."""
    return ((images.astype(np.float32) / 255 - MEAN) / STANDARD_DEVIATION).astype(np.float32)
