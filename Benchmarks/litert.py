"""A Vision Transformer as a TFLite file, in the operators to which PyTorch's exporter to LiteRT takes it apart."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as tflite
from vit import Shape, Weights

TYPES = {np.dtype(np.float32): tflite.TensorType.FLOAT32, np.dtype(np.int32): tflite.TensorType.INT32}


class Graph:
    """Collects the tensors and operators of a TFLite file."""

    def __init__(self) -> None:
        self.model = tflite.ModelT(version=3, operatorCodes=[], buffers=[tflite.BufferT()], signatureDefs=[])
        self.graph = tflite.SubGraphT(tensors=[], operators=[], name="main")
        self.codes: dict[int, int] = {}
        self.constants: dict[bytes, int] = {}

    def tensor(self, name: str, shape: list[int], kind=tflite.TensorType.FLOAT32, buffer: int = 0) -> int:
        self.graph.tensors.append(tflite.TensorT(shape=shape, type=kind, buffer=buffer, name=name, hasRank=True))
        return len(self.graph.tensors) - 1

    def constant(self, name: str, value: np.ndarray) -> int:
        value = np.ascontiguousarray(value)
        self.model.buffers.append(tflite.BufferT(data=np.frombuffer(value.tobytes(), np.uint8)))
        return self.tensor(name, list(value.shape), TYPES[value.dtype], len(self.model.buffers) - 1)

    def integers(self, values: list[int]) -> int:
        """An operand such as the axes of a sum; equal ones are one tensor."""
        value = np.array(values, np.int32)
        if value.tobytes() not in self.constants:
            self.constants[value.tobytes()] = self.constant(f"integers_{len(self.constants)}", value)
        return self.constants[value.tobytes()]

    def shape(self, tensor: int) -> list[int]:
        return self.graph.tensors[tensor].shape

    def add(self, operator: str, inputs: list[int], shapes: list[list[int]], options=None) -> list[int]:
        code = getattr(tflite.BuiltinOperator, operator)
        if code not in self.codes:
            self.codes[code] = len(self.model.operatorCodes)
            # The old field has 8 bits: 127 there says that the code is in the new one.
            self.model.operatorCodes.append(
                tflite.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=min(code, 127), version=1))
        outputs = [self.tensor(f"{operator.lower()}_{len(self.graph.tensors)}", shape) for shape in shapes]
        entry = tflite.OperatorT(opcodeIndex=self.codes[code], inputs=inputs, outputs=outputs)
        if options is not None:
            entry.builtinOptions = options
            entry.builtinOptionsType = getattr(tflite.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self.graph.operators.append(entry)
        return outputs

    def one(self, operator: str, inputs: list[int], shape: list[int], options=None) -> int:
        return self.add(operator, inputs, [shape], options)[0]

    def binary(self, operator: str, a: int, b: int) -> int:
        kinds = {"ADD": tflite.AddOptionsT, "SUB": tflite.SubOptionsT, "MUL": tflite.MulOptionsT}
        return self.one(operator, [a, b], self.shape(a), kinds[operator]())

    def reshape(self, x: int, shape: list[int]) -> int:
        return self.one("RESHAPE", [x, self.integers(shape)], shape, tflite.ReshapeOptionsT(newShape=shape))

    def transpose(self, x: int, order: list[int]) -> int:
        shape = [self.shape(x)[axis] for axis in order]
        return self.one("TRANSPOSE", [x, self.integers(order)], shape, tflite.TransposeOptionsT())

    def mean(self, x: int) -> int:
        shape = [*self.shape(x)[:-1], 1]
        options = tflite.ReducerOptionsT(keepDims=True)
        return self.one("MEAN", [x, self.integers([len(shape) - 1])], shape, options)

    def norm(self, x: int, name: str, tensors: Weights) -> int:
        centred = self.binary("SUB", x, self.mean(x))
        variance = self.mean(self.binary("MUL", centred, centred))
        epsilon = self.constant(f"{name}.epsilon", np.array([1e-6], np.float32))
        inverse = self.one("RSQRT", [self.binary("ADD", variance, epsilon)], self.shape(variance))
        gain = self.constant(f"{name}.weight", tensors[f"{name}.weight"])
        bias = self.constant(f"{name}.bias", tensors[f"{name}.bias"])
        return self.binary("ADD", self.binary("MUL", self.binary("MUL", centred, inverse), gain), bias)

    def linear(self, x: int, name: str, tensors: Weights) -> int:
        weight = tensors[f"{name}.weight"]
        operands = [x, self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", tensors[f"{name}.bias"])]
        options = tflite.FullyConnectedOptionsT(keepNumDims=True)
        return self.one("FULLY_CONNECTED", operands, [*self.shape(x)[:-1], weight.shape[0]], options)

    def bytes(self, source: int, result: int) -> bytes:
        """The file; its signature names what the quantizer feeds when it calibrates."""
        self.graph.inputs, self.graph.outputs = [source], [result]
        self.model.subgraphs = [self.graph]
        self.model.signatureDefs = [tflite.SignatureDefT(
            signatureKey="serving_default", subgraphIndex=0,
            inputs=[tflite.TensorMapT(name="pixel_values", tensorIndex=source)],
            outputs=[tflite.TensorMapT(name="output", tensorIndex=result)])]
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def tflite_model(shape: Shape, tensors: Weights) -> bytes:
    graph = Graph()
    width, heads, tokens = shape.width, shape.heads, shape.tokens
    side = shape.image // shape.patch

    def scaled(x: int, name: str) -> int:
        """LayerScale, where the model has it."""
        return graph.binary("MUL", x, graph.constant(name, tensors[name])) if name in tensors else x

    def separate(x: int) -> int:
        return graph.transpose(graph.reshape(x, [1, tokens, heads, width // heads]), [0, 2, 1, 3])

    source = graph.tensor("pixel_values", [1, 3, shape.image, shape.image])
    kernel = graph.constant("patch.weight", tensors["patch_embed.proj.weight"].transpose(0, 2, 3, 1))
    patches = graph.one(
        "CONV_2D",
        [graph.transpose(source, [0, 2, 3, 1]), kernel, graph.constant("patch.bias", tensors["patch_embed.proj.bias"])],
        [1, side, side, width],
        tflite.Conv2DOptionsT(padding=tflite.Padding.VALID, strideW=shape.patch, strideH=shape.patch))
    x = graph.one(
        "CONCATENATION",
        [graph.constant("cls_token", tensors["cls_token"]), graph.reshape(patches, [1, tokens - 1, width])],
        [1, tokens, width], tflite.ConcatenationOptionsT(axis=1))
    x = graph.binary("ADD", x, graph.constant("pos_embed", tensors["pos_embed"]))
    scale = graph.constant("attention.scale", np.array([(width // heads) ** -0.5], np.float32))
    scores_shape, heads_shape = [1, heads, tokens, tokens], [1, heads, tokens, width // heads]
    for index in range(shape.depth):
        block = f"blocks.{index}"
        qkv = graph.linear(graph.norm(x, f"{block}.norm1", tensors), f"{block}.attn.qkv", tensors)
        parts = graph.add(
            "SPLIT", [graph.integers([2]), qkv], [[1, tokens, width]] * 3, tflite.SplitOptionsT(numSplits=3))
        query, key, value = (separate(part) for part in parts)
        scores = graph.one(
            "BATCH_MATMUL", [graph.binary("MUL", query, scale), key], scores_shape,
            tflite.BatchMatMulOptionsT(adjY=True))
        softmax = graph.one("SOFTMAX", [scores], scores_shape, tflite.SoftmaxOptionsT(beta=1))
        mixed = graph.one("BATCH_MATMUL", [softmax, value], heads_shape, tflite.BatchMatMulOptionsT())
        merged = graph.reshape(graph.transpose(mixed, [0, 2, 1, 3]), [1, tokens, width])
        x = graph.binary("ADD", x, scaled(graph.linear(merged, f"{block}.attn.proj", tensors), f"{block}.ls1.gamma"))
        hidden = graph.linear(graph.norm(x, f"{block}.norm2", tensors), f"{block}.mlp.fc1", tensors)
        active = graph.one("GELU", [hidden], graph.shape(hidden), tflite.GeluOptionsT(approximate=False))
        x = graph.binary("ADD", x, scaled(graph.linear(active, f"{block}.mlp.fc2", tensors), f"{block}.ls2.gamma"))
    x = graph.norm(x, "norm", tensors)
    if shape.classes:
        begin, size = graph.integers([0, 0, 0]), graph.integers([1, 1, width])
        token = graph.one("SLICE", [x, begin, size], [1, 1, width], tflite.SliceOptionsT())
        x = graph.linear(graph.reshape(token, [1, width]), "head", tensors)
    return graph.bytes(source, x)
