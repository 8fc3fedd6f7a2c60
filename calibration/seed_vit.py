"""The forward pass of a `seed-vit` checkpoint in NumPy.

Written from the layout's description, apart from both PyTorch and the Swift runtime, so that it can check either.
Three things set this layout apart from a standard ViT: the rows of `qkv` are ordered (head, dimension, q/k/v); the
softmax takes the unscaled scores and its result is divided by sqrt(width); the head averages all tokens, then norms.
"""

import numpy as np

EPSILON = np.float32(1e-5)


def forward(weights: dict[str, np.ndarray], pixel_values: np.ndarray, heads: int) -> np.ndarray:
    """Logits (N x classes) of normalised images (N x channels x height x width)."""
    x = embed(weights, pixel_values)
    block = 0
    while f"1.{block}.0.fn.0.weight" in weights:
        attention, mlp = f"1.{block}.0.fn", f"1.{block}.1.fn"
        x = x + attend(weights, f"{attention}.1", layer_norm(weights, f"{attention}.0", x), heads)
        hidden = gelu(linear(weights, f"{mlp}.1.0", layer_norm(weights, f"{mlp}.0", x)))
        x = x + linear(weights, f"{mlp}.1.3", hidden)
        block += 1
    return linear(weights, "2.2", layer_norm(weights, "2.1", x.mean(axis=1)))


def embed(weights: dict[str, np.ndarray], pixel_values: np.ndarray) -> np.ndarray:
    """The class token, then one token per patch, plus positions: N x tokens x width."""
    kernel = weights["0.projection.0.weight"]
    width, channels, patch, _ = kernel.shape
    count, _, height, image_width = pixel_values.shape
    rows, columns = height // patch, image_width // patch
    patches = pixel_values.reshape(count, channels, rows, patch, columns, patch)
    patches = patches.transpose(0, 2, 4, 1, 3, 5).reshape(count, rows * columns, -1)
    tokens = patches @ kernel.reshape(width, -1).T + weights["0.projection.0.bias"]
    class_token = np.broadcast_to(weights["0.cls_token"], (count, 1, width))
    return np.concatenate([class_token, tokens], axis=1) + weights["0.positions"]


def attend(weights: dict[str, np.ndarray], name: str, x: np.ndarray, heads: int) -> np.ndarray:
    count, tokens, width = x.shape
    split = linear(weights, f"{name}.qkv", x).reshape(count, tokens, heads, width // heads, 3)
    query, key, value = split.transpose(4, 0, 2, 1, 3)
    scores = query @ key.transpose(0, 1, 3, 2)
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    scores /= scores.sum(axis=-1, keepdims=True) * np.float32(np.sqrt(width))
    mixed = (scores @ value).transpose(0, 2, 1, 3).reshape(count, tokens, width)
    return linear(weights, f"{name}.projection", mixed)


def linear(weights: dict[str, np.ndarray], name: str, x: np.ndarray) -> np.ndarray:
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def layer_norm(weights: dict[str, np.ndarray], name: str, x: np.ndarray) -> np.ndarray:
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = np.square(centred).mean(axis=-1, keepdims=True)
    return centred / np.sqrt(variance + EPSILON) * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def gelu(x: np.ndarray) -> np.ndarray:
    """`x * normal_cdf(x)` with the error function of Abramowitz and Stegun 7.1.26 (off by at most 1.5e-7)."""
    z = np.abs(x) * np.float32(np.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * z)
    polynomial = np.float32(1.061405429)
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        polynomial = polynomial * t + np.float32(coefficient)
    # erfc(|x| / sqrt 2) / 2 is the tail beyond |x|, the cdf itself on the negative side.
    tail = polynomial * t * np.exp(-z * z) / 2
    return x * np.where(x < 0, tail, 1 - tail)
