"""Reads DINOv2 as the Hugging Face Hub has it, under timm's names, and photos as that model takes them."""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import load_file
from vit import Shape, Weights

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def cubic(offsets: np.ndarray) -> np.ndarray:
    """The kernel of PyTorch's bicubic interpolation, a = -0.75."""
    x, a = np.abs(offsets), -0.75
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = a * (((x - 5) * x + 8) * x - 4)
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


def resampling(source: int, target: int) -> np.ndarray:
    """The matrix, target x source, that resamples one axis; beyond an edge, the edge."""
    matrix = np.zeros((target, source))
    for row, position in enumerate((np.arange(target) + 0.5) * source / target - 0.5):
        for index in range(int(np.floor(position)) - 1, int(np.floor(position)) + 3):
            matrix[row, min(max(index, 0), source - 1)] += cubic(np.array(position - index))
    return matrix


def model(folder: Path) -> tuple[Shape, Weights]:
    """Dimensions and tensors for the image size of the preprocessor."""
    configuration = json.loads((folder / "config.json").read_text())
    if configuration["model_type"] != "dinov2" or configuration.get("use_swiglu_ffn"):
        raise SystemExit(f"model_type is '{configuration['model_type']}', expected 'dinov2' without SwiGLU, {folder}")
    found = {name: value.astype(np.float32) for name, value in load_file(folder / "model.safetensors").items()}
    size = json.loads((folder / "preprocessor_config.json").read_text())["crop_size"]["height"]
    shape = Shape(
        configuration["hidden_size"], configuration["num_attention_heads"], configuration["num_hidden_layers"], size,
        configuration["patch_size"], classes=0)
    side, target = configuration["image_size"] // shape.patch, size // shape.patch
    positions = found["embeddings.position_embeddings"]
    grid = positions[0, 1:].reshape(side, side, shape.width)
    matrix = resampling(side, target)
    grid = np.einsum("ar,bc,rcw->abw", matrix, matrix, grid).reshape(1, target**2, shape.width).astype(np.float32)
    tensors = {
        "cls_token": found["embeddings.cls_token"], "pos_embed": np.concatenate([positions[:, :1], grid], axis=1),
        "norm.weight": found["layernorm.weight"], "norm.bias": found["layernorm.bias"],
    }
    for part in ("weight", "bias"):
        tensors[f"patch_embed.proj.{part}"] = found[f"embeddings.patch_embeddings.projection.{part}"]
    for index in range(shape.depth):
        layer, block = f"encoder.layer.{index}", f"blocks.{index}"
        for part in ("weight", "bias"):
            heads = [found[f"{layer}.attention.attention.{name}.{part}"] for name in ("query", "key", "value")]
            tensors[f"{block}.attn.qkv.{part}"] = np.concatenate(heads)
            tensors[f"{block}.attn.proj.{part}"] = found[f"{layer}.attention.output.dense.{part}"]
            for name in ("norm1", "norm2", "mlp.fc1", "mlp.fc2"):
                tensors[f"{block}.{name}.{part}"] = found[f"{layer}.{name}.{part}"]
        for number in (1, 2):
            tensors[f"{block}.ls{number}.gamma"] = found[f"{layer}.layer_scale{number}.lambda1"]
    return shape, tensors


def pixels(photos: Path, size: int) -> np.ndarray:
    """All photos of a folder, N x 3 x size x size, uint8: shorter edge to size, then the middle."""
    rows = []
    for path in sorted(path for path in photos.iterdir() if path.suffix.lower() in SUFFIXES):
        image = Image.open(path).convert("RGB")
        scale = size / min(image.size)
        if scale != 1:
            image = image.resize([max(size, int(extent * scale)) for extent in image.size], Image.Resampling.BICUBIC)
        left, top = ((extent - size) // 2 for extent in image.size)
        rows.append(np.asarray(image.crop((left, top, left + size, top + size))).transpose(2, 0, 1))
    if not rows:
        raise SystemExit(f"no photos ({', '.join(sorted(SUFFIXES))}), {photos}")
    return np.stack(rows)


def normalised(images: np.ndarray, folder: Path) -> np.ndarray:
    """Pixels on the scale that the model reads."""
    preprocessor = json.loads((folder / "preprocessor_config.json").read_text())
    mean, deviation = (np.array(preprocessor[name]).reshape(3, 1, 1) for name in ("image_mean", "image_std"))
    return ((images / 255 - mean) / deviation).astype(np.float32)
