"""Tests of the bundled data and of the NumPy forward pass that vouches for the bundled weights."""

import csv
import json
import struct
import tempfile
import unittest
import zlib
from pathlib import Path

import numpy as np

import fashion_mnist
import prepare_fashion_mnist
import safetensors_file
import seed_vit
from evaluate_fashion_mnist import BUNDLED


class BundledDataTests(unittest.TestCase):
    def test_every_prefix_of_the_calibration_set_is_balanced(self):
        labels = safetensors_file.read(BUNDLED / "calibration.safetensors")["labels"]
        self.assertEqual(len(labels), 512)
        for count in range(10, len(labels) + 1):
            share = np.bincount(labels[:count], minlength=10)
            self.assertLessEqual(share.max() - share.min(), 1)

    def test_test_set_is_complete(self):
        test = safetensors_file.read(BUNDLED / "test.safetensors")
        self.assertEqual(test["images"].shape, (10_000, 1, 28, 28))
        self.assertEqual(test["images"].dtype, np.uint8)
        self.assertEqual(np.bincount(test["labels"]).tolist(), [1_000] * 10)

    def test_samples_are_images_of_the_test_set_with_their_labels(self):
        test = safetensors_file.read(BUNDLED / "test.safetensors")
        with open(BUNDLED / "samples" / "labels.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        files = sorted(path.name for path in (BUNDLED / "samples").glob("*.png"))
        self.assertEqual([row["file"] for row in rows], files)
        self.assertEqual({row["label"] for row in rows}, set(fashion_mnist.CLASSES))
        for row in rows:
            index = int(row["file"].split("-")[0])
            self.assertEqual(fashion_mnist.CLASSES[test["labels"][index]], row["label"])
            pixels = read_grayscale_png((BUNDLED / "samples" / row["file"]).read_bytes())
            np.testing.assert_array_equal(pixels, test["images"][index, 0])

    def test_configuration_names_the_classes_in_order(self):
        configuration = json.loads((BUNDLED / "config.json").read_text())
        names = [configuration["id2label"][str(index)] for index in range(10)]
        self.assertEqual(names, fashion_mnist.CLASSES)

    @unittest.skipUnless(fashion_mnist.DIRECTORY.exists(), "the package dataset-fashion-mnist is not installed")
    def test_preparing_again_gives_the_same_bytes(self):
        with tempfile.TemporaryDirectory() as directory:
            prepare_fashion_mnist.prepare(fashion_mnist.DIRECTORY, Path(directory))
            made = sorted(path.relative_to(directory) for path in Path(directory).rglob("*") if path.is_file())
            self.assertEqual(len(made), 15)
            for path in made:
                self.assertEqual((Path(directory) / path).read_bytes(), (BUNDLED / path).read_bytes(), path)


class ForwardPassTests(unittest.TestCase):
    def test_logits_agree_with_the_seed_implementation(self):
        weights = safetensors_file.read(BUNDLED / "model.safetensors")
        reference = safetensors_file.read(BUNDLED / "reference.safetensors")
        logits = seed_vit.forward(weights, reference["pixel_values"], heads=4)
        tolerance = 1e-5 * np.abs(reference["logits"]).max()
        np.testing.assert_allclose(logits, reference["logits"], rtol=0, atol=tolerance)

    def test_normalised_pixels_are_those_of_the_reference(self):
        test = safetensors_file.read(BUNDLED / "test.safetensors")
        reference = safetensors_file.read(BUNDLED / "reference.safetensors")
        np.testing.assert_array_equal(fashion_mnist.normalise(test["images"][:32]), reference["pixel_values"])


class SafetensorsFileTests(unittest.TestCase):
    def test_tensors_survive_writing_and_reading(self):
        tensors = {
            "bytes": np.arange(6, dtype=np.uint8).reshape(2, 3),
            "integers": np.array([-1, 2**62]),
            "reals": np.float32([[0.5], [-3]]),
        }
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "tensors.safetensors"
            safetensors_file.write(path, tensors)
            read = safetensors_file.read(path)
        self.assertEqual(list(read), ["integers", "reals", "bytes"])
        for name, tensor in tensors.items():
            self.assertEqual(read[name].dtype, tensor.dtype)
            np.testing.assert_array_equal(read[name], tensor)


def read_grayscale_png(content: bytes) -> np.ndarray:
    """The pixels of an unfiltered 8-bit grayscale PNG; every checksum must hold."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    offset, chunks = 8, {}
    while offset < len(content):
        (length,) = struct.unpack_from(">I", content, offset)
        kind, body = content[offset + 4 : offset + 8], content[offset + 8 : offset + 8 + length]
        (checksum,) = struct.unpack_from(">I", content, offset + 8 + length)
        assert checksum == zlib.crc32(kind + body)
        chunks[kind] = body
        offset += 12 + length
    width, height, depth, color = struct.unpack_from(">IIBB", chunks[b"IHDR"])
    assert (depth, color) == (8, 0)
    scanlines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + width)
    assert not scanlines[:, 0].any()
    return scanlines[:, 1:]


if __name__ == "__main__":
    unittest.main()
