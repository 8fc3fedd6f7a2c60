"""A Vision Transformer as an ONNX graph."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from vit import Shape, Weights


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
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape.output)],
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def onnx_model(shape: Shape, tensors: Weights) -> onnx.ModelProto:
    """The graph that exporters write: a convolution for the patches, one matrix for queries, keys and values."""
    graph = Graph()
    width, heads, tokens = shape.width, shape.heads, shape.tokens

    def reshape(x: str, extents: list[int]) -> str:
        name = "extents_" + "_".join(str(extent) for extent in extents)
        return graph.add("Reshape", x, graph.constant(name, np.array(extents, np.int64)))

    def scaled(x: str, name: str) -> str:
        """LayerScale, where the model has it: a product of its own, as exporters leave it."""
        return graph.add("Mul", x, graph.constant(name, tensors[name])) if name in tensors else x

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
        x = graph.add("Add", x, scaled(graph.linear(merged, f"{block}.attn.proj", tensors), f"{block}.ls1.gamma"))
        hidden = graph.linear(graph.norm(x, f"{block}.norm2", tensors), f"{block}.mlp.fc1", tensors)
        down = graph.linear(graph.add("Gelu", hidden), f"{block}.mlp.fc2", tensors)
        x = graph.add("Add", x, scaled(down, f"{block}.ls2.gamma"))
    tokens_out = graph.norm(x, "norm", tensors)
    if not shape.classes:
        return graph.model(shape, tokens_out)
    return graph.model(shape, graph.linear(graph.add("Gather", tokens_out, indices[0], axis=1), "head", tensors))
