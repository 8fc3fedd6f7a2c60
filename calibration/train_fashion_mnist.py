#!/usr/bin/env python3
"""Trains a small Vision Transformer on Fashion-MNIST and saves it in the `seed-vit` layout.

    apt-get install dataset-fashion-mnist python3-torch libopenblas0-pthread
    python3 calibration/train_fashion_mnist.py --output DIR [--epochs 24 10] [--threads 2]

Needs PyTorch (1.13 or newer; no GPU) and NumPy. The model trains with standard attention; `fold` then moves the two
scales of attention into the weights, which is exact but for rounding. The last lines printed are the test accuracy of
the trained model and of the saved file, the latter computed with NumPy alone.
"""

import argparse
import copy
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import fashion_mnist
import safetensors_file
from evaluate_fashion_mnist import logits_of

WIDTH, DEPTH, HEADS, MLP_WIDTH, PATCH = 128, 6, 4, 512, 4
TOKENS = 1 + (fashion_mnist.SIDE // PATCH) ** 2


class Attention(nn.Module):
    """Standard attention whose `qkv` rows are ordered (head, dimension, q/k/v) from the start."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.projection = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        count, tokens, _ = x.shape
        split = self.qkv(x).reshape(count, tokens, HEADS, WIDTH // HEADS, 3)
        query, key, value = split.permute(4, 0, 2, 1, 3)
        scores = query @ key.transpose(-2, -1) / math.sqrt(WIDTH // HEADS)
        mixed = (scores.softmax(dim=-1) @ value).transpose(1, 2)
        return self.projection(mixed.reshape(count, tokens, WIDTH))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.attention = Attention()
        self.norm2 = nn.LayerNorm(WIDTH)
        self.fc1 = nn.Linear(WIDTH, MLP_WIDTH)
        self.fc2 = nn.Linear(MLP_WIDTH, WIDTH)

    def forward(self, x: Tensor, drop_rate: float) -> Tensor:
        x = x + self.drop_path(self.attention(self.norm1(x)), drop_rate)
        return x + self.drop_path(self.fc2(F.gelu(self.fc1(self.norm2(x)))), drop_rate)

    def drop_path(self, branch: Tensor, rate: float) -> Tensor:
        """Stochastic depth: leaves the branch out for a share of the images and scales up the others."""
        if not self.training or rate == 0:
            return branch
        kept = torch.rand(len(branch), 1, 1) >= rate
        return branch * kept / (1 - rate)


class VisionTransformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Conv2d(1, WIDTH, PATCH, PATCH)
        self.class_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.positions = nn.Parameter(torch.zeros(TOKENS, WIDTH))
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, len(fashion_mnist.CLASSES))
        for parameter in (self.class_token, self.positions, *self.matrices()):
            nn.init.trunc_normal_(parameter, std=0.02)
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Conv2d)):
                nn.init.zeros_(module.bias)

    def matrices(self) -> list[nn.Parameter]:
        return [module.weight for module in self.modules() if isinstance(module, (nn.Linear, nn.Conv2d))]

    def forward(self, images: Tensor, max_drop_rate: float = 0) -> Tensor:
        patches = self.embedding(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(len(images), -1, -1), patches], dim=1) + self.positions
        for index, block in enumerate(self.blocks):
            x = block(x, max_drop_rate * index / (DEPTH - 1))
        return self.head(self.norm(x.mean(dim=1)))


@dataclass(frozen=True)
class Round:
    """What differs between the two rounds of training."""

    learning_rate: float
    warm_up_steps: int
    max_drop_rate: float
    erasing_probability: float
    label_smoothing: float


# The second round starts from the averaged weights of the first and regularises less.
ROUNDS = [
    Round(1e-3, 500, max_drop_rate=0.1, erasing_probability=0.5, label_smoothing=0.05),
    Round(4e-4, 150, max_drop_rate=0.02, erasing_probability=0.1, label_smoothing=0.03),
]

BATCH = 256
WEIGHT_DECAY = 0.05
GRADIENT_NORM = 1.0
AVERAGE_DECAY = 0.999


def augment(images: Tensor, erasing_probability: float) -> Tensor:
    """Flips and shifts (up to two pixels) each normalised image; sometimes erases one rectangle in the whole batch."""
    count, _, side, _ = images.shape
    flipped = torch.where(torch.rand(count, 1, 1, 1) < 0.5, images.flip(-1), images)
    background = (0 - fashion_mnist.MEAN) / fashion_mnist.STANDARD_DEVIATION
    padded = F.pad(flipped, (2, 2, 2, 2), value=background).squeeze(1)
    rows = torch.randint(0, 5, (count, 1)) + torch.arange(side)
    columns = torch.randint(0, 5, (count, 1)) + torch.arange(side)
    shifted = padded[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]].unsqueeze(1)
    if torch.rand(()) < erasing_probability:
        height, width = (int(torch.randint(4, 13, ())) for _ in range(2))
        top, left = (int(torch.randint(0, side - length + 1, ())) for length in (height, width))
        shifted[:, :, top : top + height, left : left + width] = 0  # the mean
    return shifted


def train(model: VisionTransformer, images: Tensor, labels: Tensor, recipe: Round, epochs: int) -> VisionTransformer:
    """Trains for some epochs and gives the exponential moving average of the weights."""
    decayed = model.matrices()
    decayed_ids = {id(parameter) for parameter in decayed}
    others = [parameter for parameter in model.parameters() if id(parameter) not in decayed_ids]
    groups = [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate)

    steps_per_epoch = math.ceil(len(images) / BATCH)
    steps = epochs * steps_per_epoch

    def learning_rate_factor(step: int) -> float:
        warm_up = min(1.0, (step + 1) / recipe.warm_up_steps)
        return warm_up * 0.5 * (1 + math.cos(math.pi * step / steps))

    average = copy.deepcopy(model).eval()
    model.train()
    step = 0
    for epoch in range(epochs):
        start, total_loss = time.monotonic(), 0.0
        for batch in torch.randperm(len(images)).split(BATCH):
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * learning_rate_factor(step)
            logits = model(augment(images[batch], recipe.erasing_probability), recipe.max_drop_rate)
            loss = F.cross_entropy(logits, labels[batch], label_smoothing=recipe.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_NORM)
            optimizer.step()
            step += 1
            total_loss += loss.item()
            update_average(average, model, min(AVERAGE_DECAY, step / (step + 10)))
        seconds = time.monotonic() - start
        print(f"epoch {epoch + 1}/{epochs}  loss {total_loss / steps_per_epoch:.4f}  {seconds:.0f} s", flush=True)
    return average


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    for averaged, current in zip(average.parameters(), model.parameters()):
        averaged.lerp_(current, 1 - decay)


def fold(model: VisionTransformer) -> dict[str, np.ndarray]:
    """The weights by the seed layout's names, with attention's scales moved into the rows of `qkv`.

    The layout has no factor on the scores, so the query rows take 1/sqrt(head width); it divides the probabilities
    by sqrt(width), so the value rows take sqrt(width).
    """
    weights = {"0.cls_token": model.class_token, "0.positions": model.positions}

    def add(name: str, module: nn.Module) -> None:
        weights[f"{name}.weight"], weights[f"{name}.bias"] = module.weight, module.bias

    add("0.projection.0", model.embedding)
    for index, block in enumerate(model.blocks):
        add(f"1.{index}.0.fn.0", block.norm1)
        add(f"1.{index}.0.fn.1.qkv", block.attention.qkv)
        add(f"1.{index}.0.fn.1.projection", block.attention.projection)
        add(f"1.{index}.1.fn.0", block.norm2)
        add(f"1.{index}.1.fn.1.0", block.fc1)
        add(f"1.{index}.1.fn.1.3", block.fc2)
    add("2.1", model.norm)
    add("2.2", model.head)

    factors = np.array([1 / math.sqrt(WIDTH // HEADS), 1, math.sqrt(WIDTH)])
    row_factors = np.tile(factors, WIDTH)  # rows are ordered (head, dimension, q/k/v)
    folded = {}
    for name, tensor in weights.items():
        values = tensor.detach().numpy()
        if ".qkv." in name:
            values = (values.T * row_factors).T.astype(np.float32)
        folded[name] = values
    return folded


def save(directory: Path, weights: dict[str, np.ndarray]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    safetensors_file.write(directory / "model.safetensors", weights, {"format": "pt"})
    configuration = {
        "model_type": "seed-vit",
        "hidden_size": WIDTH,
        "num_hidden_layers": DEPTH,
        "num_attention_heads": HEADS,
        "intermediate_size": MLP_WIDTH,
        "image_size": fashion_mnist.SIDE,
        "patch_size": PATCH,
        "num_channels": 1,
        "num_labels": len(fashion_mnist.CLASSES),
        "layer_norm_eps": 1e-5,
        "hidden_act": "gelu",
        "id2label": {str(index): name for index, name in enumerate(fashion_mnist.CLASSES)},
        "label2id": {name: index for index, name in enumerate(fashion_mnist.CLASSES)},
    }
    preprocessing = {
        "do_resize": True,
        "size": {"height": fashion_mnist.SIDE, "width": fashion_mnist.SIDE},
        "resample": 3,  # bicubic, by Pillow's number
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [fashion_mnist.MEAN],
        "image_std": [fashion_mnist.STANDARD_DEVIATION],
    }
    for name, content in (("config.json", configuration), ("preprocessor_config.json", preprocessing)):
        (directory / name).write_text(json.dumps(content, indent=2) + "\n")


@torch.no_grad()
def evaluate(model: VisionTransformer, saved: Path, images: np.ndarray, labels: np.ndarray) -> None:
    model.eval()
    pixel_values = fashion_mnist.normalise(images)
    trained = torch.cat([model(batch) for batch in torch.from_numpy(pixel_values).split(BATCH)]).numpy()
    folded = logits_of(safetensors_file.read(saved / "model.safetensors"), pixel_values, HEADS)
    difference = np.abs(folded - trained).max() / np.abs(trained).max()
    print(f"trained model  {np.mean(trained.argmax(axis=1) == labels):.2%} top-1 of {len(labels):,} test images")
    print(f"saved file     {np.mean(folded.argmax(axis=1) == labels):.2%} top-1")
    print(f"difference     {difference:.1e} of the largest logit at most")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="folder for the weights and configuration")
    parser.add_argument("--data", type=Path, default=fashion_mnist.DIRECTORY, help="folder of the IDX files")
    parser.add_argument("--epochs", type=int, nargs=len(ROUNDS), default=[24, 10], help="of each round; 0 skips it")
    parser.add_argument("--samples", type=int, help="only the first N images of either set, to try the script out")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    train_images, train_labels = fashion_mnist.load("train", arguments.data)
    images = torch.from_numpy(fashion_mnist.normalise(train_images[: arguments.samples]))
    labels = torch.from_numpy(train_labels[: arguments.samples].astype(np.int64))

    model = VisionTransformer()
    for recipe, epochs in zip(ROUNDS, arguments.epochs):
        if epochs > 0:
            model = train(model, images, labels, recipe, epochs)
    save(arguments.output, fold(model))
    test_images, test_labels = fashion_mnist.load("t10k", arguments.data)
    evaluate(model, arguments.output, test_images[: arguments.samples], test_labels[: arguments.samples])


if __name__ == "__main__":
    main()
