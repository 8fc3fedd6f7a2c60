#!/usr/bin/env python3
"""Classifies a binary PPM (or PGM, for a model of gray images) that has the model's size already.

    scripts/build-library --output vitquant
    python3 Examples/classify.py vitquant/lib/libvitquant.so model.gguf image.ppm
"""

import ctypes
import re
import sys
from ctypes import POINTER, byref, c_char, c_char_p, c_float, c_int32, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p
from pathlib import Path

ABI_VERSION = 1
ALIGNMENT = 64


class Error(ctypes.Structure):
    _fields_ = [("status", c_int32), ("message", c_char * 508)]


class ModelInfo(ctypes.Structure):
    _fields_ = [(name, c_uint32) for name in (
        "channels", "height", "width", "pixel_count", "class_count", "embedding_count", "token_count", "token_width",
    )] + [("file_size", c_uint64)]


# What each function takes; the last argument of those that can fail is an error, which `call` adds.
FUNCTIONS = {
    "model_open_file": [c_char_p, POINTER(c_void_p)],
    "model_get_info": [c_void_p, POINTER(ModelInfo), c_size_t],
    "model_label": [c_void_p, c_uint32, c_char_p, c_size_t],
    "arena_size": [c_void_p, c_void_p, POINTER(c_size_t)],
    "session_create": [c_void_p, c_void_p, c_void_p, c_size_t, POINTER(c_void_p)],
    "session_run": [c_void_p, POINTER(c_uint8), c_size_t],
    "session_probabilities": [c_void_p, POINTER(c_float), c_size_t],
    "session_crc32": [c_void_p, POINTER(c_uint32)],
}


class Library:
    def __init__(self, path: str):
        self.library = ctypes.CDLL(path)
        for name, arguments in FUNCTIONS.items():
            getattr(self.library, f"vitquant_{name}").argtypes = [*arguments, POINTER(Error)]
        for name in ("model_close", "session_close"):
            function = getattr(self.library, f"vitquant_{name}")
            function.argtypes, function.restype = [c_void_p], None
        if self.library.vitquant_abi_version() != ABI_VERSION:
            sys.exit(f"classify: error: the library's version is not {ABI_VERSION}")

    def call(self, name: str, *arguments) -> None:
        error = Error()
        if getattr(self.library, f"vitquant_{name}")(*arguments, byref(error)) != 0:
            sys.exit(f"classify: error: {error.message.decode()}")


def read_image(path: str, info: ModelInfo) -> bytes:
    """The image's pixels, plane by plane."""
    data = Path(path).read_bytes()
    space = rb"(?:\s|#[^\n]*\n)+"
    header = re.match(rb"P([56])" + space + rb"(\d+)" + space + rb"(\d+)" + space + rb"(\d+)\s", data)
    expected = (6 if info.channels == 3 else 5, info.width, info.height, 255)
    if header is None or tuple(int(group) for group in header.groups()) != expected:
        sys.exit("classify: error: expected P%d, %d x %d, maximum %d" % expected)
    pixels = data[header.end():header.end() + info.pixel_count]
    if len(pixels) < info.pixel_count:
        sys.exit("classify: error: the image ends early")
    return b"".join(pixels[channel::info.channels] for channel in range(info.channels))


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit("usage: classify.py LIBRARY.so MODEL.gguf IMAGE.ppm")
    vitquant = Library(sys.argv[1])
    model, session, info = c_void_p(), c_void_p(), ModelInfo()
    vitquant.call("model_open_file", sys.argv[2].encode(), byref(model))
    vitquant.call("model_get_info", model, byref(info), ctypes.sizeof(info))

    # The session runs in memory that this program owns; from 64 bytes more than needed, the part that is aligned.
    size = c_size_t()
    vitquant.call("arena_size", model, None, byref(size))
    memory = ctypes.create_string_buffer(size.value + ALIGNMENT)
    arena = (ctypes.addressof(memory) + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
    vitquant.call("session_create", model, None, arena, size, byref(session))

    pixels = read_image(sys.argv[3], info)
    vitquant.call("session_run", session, (c_uint8 * len(pixels)).from_buffer_copy(pixels), len(pixels))

    probabilities = (c_float * info.class_count)()
    vitquant.call("session_probabilities", session, probabilities, info.class_count)
    best = max(range(info.class_count), key=lambda index: probabilities[index])
    label = ctypes.create_string_buffer(256)
    vitquant.call("model_label", model, best, label, len(label))
    crc = c_uint32()
    vitquant.call("session_crc32", session, byref(crc))
    print(f"index {best}\nlabel {label.value.decode()}\nprobability {probabilities[best]:.4f}\ncrc32 {crc.value}")

    vitquant.library.vitquant_session_close(session)
    vitquant.library.vitquant_model_close(model)


if __name__ == "__main__":
    main()
