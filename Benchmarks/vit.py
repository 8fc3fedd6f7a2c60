"""A Vision Transformer of random weights, as a checkpoint that vit-quant reads and as an ONNX graph."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

Weights = dict[str, np.ndarray]


@dataclass(frozen=True)
class Shape:
    """Dimensions of a ViT at 224 x 224 pixels with patches of 16 x 16."""

    width: int
    heads: int
    depth: int = 12
    image: int = 224
    patch: int = 16
    classes: int = 1000

    @property
    def tokens(self) -> int:
        return (self.image // self.patch) ** 2 + 1


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


def write_checkpoint(shape: Shape, tensors: Weights, folder: Path) -> None:
    """`model.safetensors`, `config.json`, and `images.safetensors` to calibrate and run on."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "model.safetensors")
    save_file({"pixel_values": images(shape, 8)}, folder / "images.safetensors")
    configuration = {
        "model_type": "timm-vit", "hidden_size": shape.width, "num_hidden_layers": shape.depth,
        "num_attention_heads": shape.heads, "intermediate_size": 4 * shape.width, "image_size": shape.image,
        "patch_size": shape.patch, "num_channels": 3, "num_labels": shape.classes, "layer_norm_eps": 1e-6,
        "qkv_bias": True, "global_pool": "token", "reg_tokens": 0,
    }
    (folder / "config.json").write_text(json.dumps(configuration, indent=1))


class Graph:
    """Collects the nodes and constants of an ONNX graph."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants[name] = value
        return name

    def add(self, operator: str, *inputs: str, **attributes) -> str:
        output = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def linear(self, x: str, name: str, tensors: Weights) -> str:
        weight = self.constant(f"{name}.weight", np.ascontiguousarray(tensors[f"{name}.weight"].T))
        return self.add("Add", self.add("MatMul", x, weight), self.constant(f"{name}.bias", tensors[f"{name}.bias"]))

    def norm(self, x: str, name: str, tensors: Weights) -> str:
        gain = self.constant(f"{name}.weight", tensors[f"{name}.weight"])
        bias = self.constant(f"{name}.bias", tensors[f"{name}.bias"])
        return self.add("LayerNormalization", x, gain, bias, axis=-1, epsilon=1e-6)

    def model(self, shape: Shape, output: str) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes, "vit",
            [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, [1, 3, shape.image, shape.image])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, [1, shape.classes])],
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def onnx_model(shape: Shape, tensors: Weights) -> onnx.ModelProto:
    """The graph that exporters write: a convolution for the patches, one matrix for queries, keys and values."""
    graph = Graph()
    width, heads, tokens = shape.width, shape.heads, shape.tokens

    def reshape(x: str, extents: list[int]) -> str:
        name = "extents_" + "_".join(str(extent) for extent in extents)
        return graph.add("Reshape", x, graph.constant(name, np.array(extents, np.int64)))

    patches = graph.add(
        "Conv", "pixel_values", graph.constant("patch.weight", tensors["patch_embed.proj.weight"]),
        graph.constant("patch.bias", tensors["patch_embed.proj.bias"]), kernel_shape=[shape.patch] * 2,
        strides=[shape.patch] * 2)
    rows = graph.add("Transpose", reshape(patches, [1, width, tokens - 1]), perm=[0, 2, 1])
    x = graph.add("Concat", graph.constant("cls_token", tensors["cls_token"]), rows, axis=1)
    x = graph.add("Add", x, graph.constant("pos_embed", tensors["pos_embed"]))
    scale = graph.constant("attention.scale", np.array((width // heads) ** -0.5, np.float32))
    indices = [graph.constant(f"index_{part}", np.array(part, np.int64)) for part in range(3)]
    for index in range(shape.depth):
        block = f"blocks.{index}"
        qkv = graph.linear(graph.norm(x, f"{block}.norm1", tensors), f"{block}.attn.qkv", tensors)
        parts = graph.add("Transpose", reshape(qkv, [1, tokens, 3, heads, width // heads]), perm=[2, 0, 3, 1, 4])
        query, key, value = (graph.add("Gather", parts, part, axis=0) for part in indices)
        scores = graph.add("MatMul", graph.add("Mul", query, scale), graph.add("Transpose", key, perm=[0, 1, 3, 2]))
        mixed = graph.add("MatMul", graph.add("Softmax", scores, axis=-1), value)
        merged = reshape(graph.add("Transpose", mixed, perm=[0, 2, 1, 3]), [1, tokens, width])
        x = graph.add("Add", x, graph.linear(merged, f"{block}.attn.proj", tensors))
        hidden = graph.linear(graph.norm(x, f"{block}.norm2", tensors), f"{block}.mlp.fc1", tensors)
        x = graph.add("Add", x, graph.linear(graph.add("Gelu", hidden), f"{block}.mlp.fc2", tensors))
    token = graph.add("Gather", graph.norm(x, "norm", tensors), indices[0], axis=1)
    return graph.model(shape, graph.linear(token, "head", tensors))
