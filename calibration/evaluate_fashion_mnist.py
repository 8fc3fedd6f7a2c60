#!/usr/bin/env python3
"""Top-1 accuracy of a float `seed-vit` checkpoint on the bundled test set, computed with NumPy.

    python3 calibration/evaluate_fashion_mnist.py [MODEL_DIR] [--samples N]

Also compares with `reference.safetensors` where the model's folder has one.
"""

import argparse
import json
from pathlib import Path

import numpy as np

import fashion_mnist
import safetensors_file
import seed_vit

BUNDLED = Path(__file__).parent / "fashion-mnist"
BATCH = 50  # small enough for the activations to stay in cache


def logits_of(weights: dict[str, np.ndarray], pixel_values: np.ndarray, heads: int) -> np.ndarray:
    batches = (pixel_values[start : start + BATCH] for start in range(0, len(pixel_values), BATCH))
    return np.concatenate([seed_vit.forward(weights, batch, heads) for batch in batches])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", type=Path, default=BUNDLED, help="folder of the checkpoint")
    parser.add_argument("--samples", type=int, help="only the first N test images")
    arguments = parser.parse_args()

    weights = safetensors_file.read(arguments.model / "model.safetensors")
    heads = json.loads((arguments.model / "config.json").read_text())["num_attention_heads"]
    print(f"parameters  {sum(tensor.size for tensor in weights.values()):,}")

    reference_path = arguments.model / "reference.safetensors"
    if reference_path.exists():
        reference = safetensors_file.read(reference_path)
        difference = np.abs(logits_of(weights, reference["pixel_values"], heads) - reference["logits"]).max()
        print(f"reference   {difference / np.abs(reference['logits']).max():.1e} of the largest logit at most off")

    test = safetensors_file.read(BUNDLED / "test.safetensors")
    images, labels = test["images"][: arguments.samples], test["labels"][: arguments.samples]
    correct = logits_of(weights, fashion_mnist.normalise(images), heads).argmax(axis=1) == labels
    print(f"top-1       {correct.mean():.2%} of {len(labels):,} test images")


if __name__ == "__main__":
    main()
