"""vit.cpp as a contestant: only where its programs `vit` and `quantize` are there already; no registry has them."""

import os
import re
import shutil
import statistics
import struct
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from contestants import FRESH, Contestant, Folder, Measurement, NotHere
from PIL import Image
from safetensors.numpy import load_file

# The number of q8_0 among the types of vit.cpp's `quantize`.
Q8_0 = "8"


def write_float(folder: Folder, path: Path) -> None:
    """The file of vit.cpp's converter: half precision for matrices, the only one that it takes for the patches."""
    tensors = load_file(folder.path / "model.safetensors")
    head, patches = tensors["head.weight"], tensors["patch_embed.proj.weight"]
    depth = sum(name.endswith("norm1.bias") for name in tensors)
    with open(path, "wb") as file:
        file.write(struct.pack("i", 0x67676D6C))
        file.write(struct.pack("6i", head.shape[1], depth, head.shape[1] // 64, head.shape[0], patches.shape[2], 224))
        file.write(struct.pack("2i", 1, head.shape[0]))
        for index in range(head.shape[0]):
            label = f"class_{index}".encode()
            file.write(struct.pack("2i", index, len(label)) + label)
        for name, value in tensors.items():
            half = value.ndim != 1 and name not in ("pos_embed", "cls_token")
            value = value.reshape(1, -1, 1, 1) if name == "patch_embed.proj.bias" else value
            file.write(struct.pack("3i", value.ndim, len(name), half))
            file.write(struct.pack(f"{value.ndim}i", *reversed(value.shape)) + name.encode())
            file.write(value.astype(np.float16 if half else np.float32).tobytes())


class VitCpp(Contestant):
    """Each process runs one image. Its time is what the program calls processing time, decoding the image included."""

    def __init__(self, program: str | None) -> None:
        super().__init__("vit.cpp q8_0")
        found = program or shutil.which("vit")
        self.program = Path(found).resolve() if found else None
        self.prepared: set[str] = set()

    def prepare(self, folder: Folder) -> None:
        """The model and an image; the float form must name the class that vit-quant's reference names."""
        pixels = np.rint((np.load(folder.path / "images.npy")[0] * 0.5 + 0.5) * 255).astype(np.uint8)
        Image.fromarray(pixels.transpose(1, 2, 0)).save(folder.path / "vit-cpp.png")
        write_float(folder, folder.path / "vit-cpp-f16.bin")
        quantize = self.program.with_name("quantize")
        if not quantize.exists():
            raise NotHere(f"no program {quantize}, which makes the weights int8")
        subprocess.run(
            [quantize, folder.path / "vit-cpp-f16.bin", folder.path / "vit-cpp.bin", Q8_0], check=True,
            stdout=subprocess.DEVNULL)
        size, float_size = ((folder.path / name).stat().st_size for name in ("vit-cpp.bin", "vit-cpp-f16.bin"))
        if size > 0.65 * float_size:
            raise NotHere(f"its file has {size / float_size:.0%} of the half-precision size: weights are not int8")
        expected = f"class_{load_file(folder.path / 'reference.safetensors')['logits'][0].argmax()}"
        text, _ = self.run(folder, "vit-cpp-f16.bin", 1)
        named = re.search(r"class_\d+", text)
        if named is None or named[0] != expected:
            raise NotHere(f"names {named and named[0]}, the reference {expected}: not the same model")

    def run(self, folder: Folder, model: str, threads: int) -> tuple[str, int]:
        """What the program prints, and its peak of memory in bytes."""
        image = folder.path / "vit-cpp.png"
        command = [*FRESH, self.program, "-t", str(threads), "-m", folder.path / model, "-i", image]
        with tempfile.TemporaryFile("w+") as output:
            child = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            text = output.read()
        if child.returncode != 0:
            raise NotHere((text.strip().splitlines() or [f"ended with status {child.returncode}"])[-1])
        return text, usage.ru_maxrss * 1024

    def measure(self, folder: Folder, threads: int, seconds: float, into: Measurement) -> None:
        if self.program is None:
            raise NotHere("no program `vit` on PATH, and no --vit-cpp PROGRAM")
        if folder.name not in self.prepared:
            self.prepare(folder)
            self.prepared.add(folder.name)
        found, peak, end = [], 0, time.perf_counter() + seconds
        while len(found) < 3 or time.perf_counter() < end:
            text, peak = self.run(folder, "vit-cpp.bin", threads)
            match = re.search(r"processing time *= *([0-9.]+) ms", text)
            if match is None:
                raise NotHere("prints no processing time")
            found.append(float(match[1]))
        into.add(statistics.median(found), min(found), peak_rss=peak)
