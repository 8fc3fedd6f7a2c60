"""Makes one model and its int8 forms with the peers' own tools, calibrated on the same images:

prepare.py random FOLDER SHAPE            a checkpoint of random weights, with random images
prepare.py backbone FOLDER MODEL IMAGES   a DINOv2 of the Hub, with its calibration images and others
prepare.py STEP FOLDER                    one of the int8 forms
"""

import json
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import asdict
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


def write(folder: Path, shape: Shape, tensors: Weights, batch: np.ndarray, calibration: np.ndarray) -> None:
    """The float model as a checkpoint and as a graph with the same weights, and the images that the peers read."""
    save_file(tensors, folder / "model.safetensors")
    onnx.save(onnx_model(shape, tensors), folder / "fp32.onnx")
    np.save(folder / "images.npy", batch)
    np.save(folder / "calibration.npy", calibration)
    (folder / "shape.json").write_text(json.dumps(asdict(shape)))


def random(folder: Path, name: str) -> None:
    shape = SHAPES[name]
    batch = images(shape, 8)
    save_file({"pixel_values": batch}, folder / "images.safetensors")
    configuration = {
        "model_type": "timm-vit", "hidden_size": shape.width, "num_hidden_layers": shape.depth,
        "num_attention_heads": shape.heads, "intermediate_size": 4 * shape.width, "image_size": shape.image,
        "patch_size": shape.patch, "num_channels": 3, "num_labels": shape.classes, "layer_norm_eps": 1e-6,
        "qkv_bias": True, "global_pool": "token", "reg_tokens": 0,
    }
    (folder / "config.json").write_text(json.dumps(configuration, indent=1))
    write(folder, shape, weights(shape), batch, images(shape, CALIBRATION_IMAGES))


def backbone(folder: Path, model: str, photos: str) -> None:
    """vit-quant reads MODEL itself, and the same 8-bit pixels."""
    import dinov2

    shape, tensors = dinov2.model(Path(model))
    batches = {"images": Path(photos), "calibration": Path(model) / "calibration"}
    batches = {name: dinov2.pixels(path, shape.image) for name, path in batches.items()}
    for name, batch in batches.items():
        save_file({"images": np.ascontiguousarray(batch)}, folder / f"{name}.safetensors")
    write(folder, shape, tensors, *(dinov2.normalised(batch, Path(model)) for batch in batches.values()))


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


def litert(folder: Path, _) -> None:
    """Dynamic int8, the usual one for transformers: weights per channel, scales of activations found at run time."""
    from ai_edge_quantizer import quantizer, recipe
    from litert import tflite_model

    shape = Shape(**json.loads((folder / "shape.json").read_text()))
    (folder / "litert-fp32.tflite").write_bytes(tflite_model(shape, load_file(folder / "model.safetensors")))
    tool = quantizer.Quantizer(str(folder / "litert-fp32.tflite"), recipe.dynamic_wi8_afp32())
    tool.quantize().export_model(str(folder / "litert-int8.tflite"), overwrite=True)


def litert_static(folder: Path, batch) -> None:
    """All scales from calibration."""
    from ai_edge_quantizer import quantizer, recipe

    tool = quantizer.Quantizer(str(folder / "litert-fp32.tflite"), recipe.static_wi8_ai8())
    found = tool.calibrate({"serving_default": [{"pixel_values": row[None]} for row in batch]})
    tool.quantize(found).export_model(str(folder / "litert-static.tflite"), overwrite=True)


def ncnn(folder: Path, _) -> None:
    """ncnn's converter, the program of the package pnnx, makes the float form of the ONNX graph."""
    import ncnn_int8

    converter = Path(sysconfig.get_path("purelib"), "pnnx", "pnnx")
    converter.chmod(0o755)
    scratch = folder / "pnnx"
    scratch.mkdir(exist_ok=True)
    products = [f"ncnn{kind}={folder.resolve() / 'ncnn-fp32'}.{kind}" for kind in ("param", "bin")]
    # Without fp16=0 it would round the weights of the float form, from which the int8 one is made.
    result = subprocess.run(
        [converter, shutil.copy(folder / "fp32.onnx", scratch), "fp16=0", *products], capture_output=True, text=True)
    shutil.rmtree(scratch)
    if result.returncode != 0:
        raise SystemExit(f"pnnx ended with status {result.returncode}")
    ncnn_int8.quantize(folder / "ncnn-fp32", folder / "ncnn-int8")


METHODS = {
    "ort-static": (onnxruntime_static_products, "ort-static.onnx"),
    "ort-static-all": (onnxruntime_static_all, "ort-static-all.onnx"),
    "ort-dynamic": (onnxruntime_dynamic, "ort-dynamic.onnx"),
    "openvino": (openvino, "openvino.bin"),
    "litert": (litert, "litert-int8.tflite"),
    "litert-static": (litert_static, "litert-static.tflite"),
    "ncnn": (ncnn, "ncnn-int8.bin"),
}


def check_is_int8(folder: Path, product: str) -> None:
    """A tool that finds nothing to quantize says nothing: the weights' size tells."""
    size, float_size = ((folder / name).stat().st_size for name in (product, "fp32.onnx"))
    if size > 0.45 * float_size:
        (folder / product).unlink()
        sys.exit(f"{product} has {size / float_size:.0%} of the float model's size: its weights are not int8")


def main() -> None:
    step, path, *rest = sys.argv[1:]
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    if step in ("random", "backbone"):
        {"random": random, "backbone": backbone}[step](folder, *rest)
    else:
        quantize, product = METHODS[step]
        quantize(folder, np.load(folder / "calibration.npy"))
        check_is_int8(folder, product)


if __name__ == "__main__":
    main()
