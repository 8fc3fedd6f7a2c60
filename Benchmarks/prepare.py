"""Makes one model and its int8 forms with the peers' own tools, on the same images: prepare.py STEP FOLDER SHAPE"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
from graph import onnx_model
from safetensors.numpy import load_file, save_file
from vit import SHAPES, Shape, Weights, images, weights

CALIBRATION_IMAGES = 4


class Reader:
    """ONNX Runtime's interface to calibration data."""

    def __init__(self, batch) -> None:
        self.rows = iter(batch)

    def get_next(self):
        row = next(self.rows, None)
        return None if row is None else {"pixel_values": row[None]}


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


def checkpoint(folder: Path, name: str) -> None:
    """The float model, as a checkpoint and as a graph with the same weights."""
    tensors = weights(SHAPES[name])
    write_checkpoint(SHAPES[name], tensors, folder)
    onnx.save(onnx_model(SHAPES[name], tensors), folder / "fp32.onnx")


def onnxruntime_static(folder: Path, batch, product: str, operators: list[str] | None) -> None:
    """QDQ, uint8 activations, int8 weights per channel."""
    from onnxruntime.quantization import QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = folder / f"prepared-{product}"
    quant_pre_process(str(folder / "fp32.onnx"), str(prepared), skip_symbolic_shape=True)
    quantize_static(
        str(prepared), str(folder / product), Reader(batch), op_types_to_quantize=operators, per_channel=True,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
    prepared.unlink()


def onnxruntime_static_all(folder: Path, batch) -> None:
    """Every operator that ONNX Runtime can quantize."""
    onnxruntime_static(folder, batch, "ort-static-all.onnx", None)


def onnxruntime_static_products(folder: Path, batch) -> None:
    """The products alone. The preparation makes `Gemm` of most `MatMul`: without it in the list, all linear layers
    would silently stay in float."""
    onnxruntime_static(folder, batch, "ort-static.onnx", ["Conv", "Gemm", "MatMul"])


def onnxruntime_dynamic(folder: Path, _) -> None:
    """Scales of activations found at run time, as vit-quant's are."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        str(folder / "fp32.onnx"), str(folder / "ort-dynamic.onnx"), op_types_to_quantize=["MatMul"],
        per_channel=True, weight_type=QuantType.QInt8)


def openvino(folder: Path, batch) -> None:
    """NNCF's post-training quantization with its settings for transformers."""
    import nncf
    import openvino as ov

    model = ov.Core().read_model(folder / "fp32.onnx")
    quantized = nncf.quantize(
        model, nncf.Dataset([row[None] for row in batch]), subset_size=len(batch),
        model_type=nncf.ModelType.TRANSFORMER)
    ov.save_model(quantized, folder / "openvino.xml", compress_to_fp16=False)


METHODS = {
    "ort-static": (onnxruntime_static_products, "ort-static.onnx"),
    "ort-static-all": (onnxruntime_static_all, "ort-static-all.onnx"),
    "ort-dynamic": (onnxruntime_dynamic, "ort-dynamic.onnx"),
    "openvino": (openvino, "openvino.bin"),
}


def check_is_int8(folder: Path, product: str) -> None:
    """A tool that finds nothing to quantize says nothing: the weights' size tells."""
    size, float_size = ((folder / name).stat().st_size for name in (product, "fp32.onnx"))
    if size > 0.45 * float_size:
        (folder / product).unlink()
        sys.exit(f"{product} has {size / float_size:.0%} of the float model's size: its weights are not int8")


def fp32_difference(folder: Path) -> float:
    """Between ONNX Runtime's logits and those in `logits.safetensors`, the largest, as a share of the largest logit."""
    import onnxruntime as ort

    session = ort.InferenceSession(str(folder / "fp32.onnx"), providers=["CPUExecutionProvider"])
    batch = load_file(folder / "images.safetensors")["pixel_values"]
    expected = np.concatenate([session.run(None, {"pixel_values": image[None]})[0] for image in batch])
    found = load_file(folder / "logits.safetensors")["logits"]
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def main() -> None:
    step, path, name = sys.argv[1:]
    folder = Path(path)
    if step == "checkpoint":
        checkpoint(folder, name)
    elif step == "fp32-difference":
        print(fp32_difference(folder))
    else:
        quantize, product = METHODS[step]
        quantize(folder, images(SHAPES[name], CALIBRATION_IMAGES))
        check_is_int8(folder, product)


if __name__ == "__main__":
    main()
