"""A Vision Transformer of random weights, and images for it. Imports NumPy alone: the peers' memory is measured."""

from dataclasses import dataclass

import numpy as np

Weights = dict[str, np.ndarray]


@dataclass(frozen=True)
class Shape:
    """Dimensions of a ViT at 224 x 224 pixels with patches of 16 x 16."""

    width: int
    heads: int
    depth: int = 12
    image: int = 224
    patch: int = 16
    # 0 for a model without a head, which gives all tokens after the final norm.
    classes: int = 1000

    @property
    def tokens(self) -> int:
        return (self.image // self.patch) ** 2 + 1

    @property
    def output(self) -> list[int]:
        return [1, self.classes] if self.classes else [1, self.tokens, self.width]


SHAPES = {"tiny": Shape(192, 3), "small": Shape(384, 6), "base": Shape(768, 12)}


def weights(shape: Shape, seed: int = 0) -> Weights:
    """Tensors under timm's names; deviations keep activations near the size that trained models have."""
    generator = np.random.default_rng(seed)
    width = shape.width

    def random(*extents: int, deviation: float) -> np.ndarray:
        return (generator.standard_normal(extents) * deviation).astype(np.float32)

    tensors = {
        "cls_token": random(1, 1, width, deviation=0.5),
        "pos_embed": random(1, shape.tokens, width, deviation=0.5),
        "patch_embed.proj.weight": random(width, 3, shape.patch, shape.patch, deviation=(3 * shape.patch**2) ** -0.5),
        "patch_embed.proj.bias": random(width, deviation=0.02),
    }

    def linear(name: str, outputs: int, inputs: int) -> None:
        tensors[f"{name}.weight"] = random(outputs, inputs, deviation=inputs**-0.5)
        tensors[f"{name}.bias"] = random(outputs, deviation=0.02)

    def norm(name: str) -> None:
        tensors[f"{name}.weight"] = np.ones(width, np.float32)
        tensors[f"{name}.bias"] = np.zeros(width, np.float32)

    for index in range(shape.depth):
        block = f"blocks.{index}"
        norm(f"{block}.norm1")
        linear(f"{block}.attn.qkv", 3 * width, width)
        linear(f"{block}.attn.proj", width, width)
        norm(f"{block}.norm2")
        linear(f"{block}.mlp.fc1", 4 * width, width)
        linear(f"{block}.mlp.fc2", width, 4 * width)
    norm("norm")
    linear("head", shape.classes, width)
    return tensors


def images(shape: Shape, count: int, seed: int = 1) -> np.ndarray:
    """Random 8-bit pixels on the scale that the models read, N x 3 x H x W."""
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 3, shape.image, shape.image))
    return ((pixels / 255 - 0.5) / 0.5).astype(np.float32)
