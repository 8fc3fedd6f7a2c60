"""Makes Fixtures/images: small files in every variant that the decoders read, beside what Pillow makes of them.

Needs Pillow and NumPy (made with Pillow 13.0.0). Each `NAME.png`, `NAME.jpg` or `NAME.webp` has a `NAME.ppm` or
`NAME.pgm`: the pixels that Pillow gives, upright and converted to RGB (`.ppm`) or left gray (`.pgm`).
`resize/FILTER-WxH.ppm` is `source.ppm` resized by Pillow.
"""

import io
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

HERE = pathlib.Path(__file__).parent
OUTPUT = HERE / "images"
SOURCE = Image.open(HERE / "preprocess" / "photo.png").convert("RGB")
# Its color profile would be written into every file.
SOURCE.info.clear()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, color, rows, before_data=b""):
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before_data + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def write(name, data, gray=False):
    (OUTPUT / name).write_bytes(data)
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    expected = OUTPUT / (name.rsplit(".", 1)[0] + (".pgm" if gray else ".ppm"))
    image.convert("L" if gray else "RGB").save(expected)


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def make_pngs(small):
    write("palette.png", encoded(small.quantize(16), "PNG"))
    write("palette-transparent.png", encoded(small.quantize(16), "PNG", transparency=3))
    write("rgb-color-key.png", encoded(small, "PNG", transparency=small.getpixel((0, 0))))
    alpha = Image.fromarray(np.arange(small.width * small.height, dtype=np.uint8).reshape(small.height, small.width))
    rgba = small.copy()
    rgba.putalpha(alpha)
    write("rgba.png", encoded(rgba, "PNG"))
    gray = small.convert("L")
    write("gray.png", encoded(gray, "PNG"), gray=True)
    write("gray-alpha.png", encoded(Image.merge("LA", (gray, alpha)), "PNG"), gray=True)
    write("gamma.png", encoded_with_gamma(small))
    write("gray-1-bit.png", encoded(gray.convert("1"), "PNG"), gray=True)
    for depth in (2, 4):
        samples = np.asarray(gray) >> (8 - depth)
        rows = []
        for row in samples:
            text = "".join(format(sample, f"0{depth}b") for sample in row)
            text += "0" * (-len(text) % 8)
            rows.append(int(text, 2).to_bytes(len(text) // 8, "big"))
        write(f"gray-{depth}-bit.png", png(gray.width, gray.height, depth, 0, rows), gray=True)
    wide = np.asarray(small).astype(np.uint16) * 256 + 77
    rows = [row.astype(">u2").tobytes() for row in wide]
    write("rgb-16-bit.png", png(small.width, small.height, 16, 2, rows))
    write("rgb-interlaced.png", interlaced(small))


def encoded_with_gamma(image):
    rows = [row.tobytes() for row in np.asarray(image)]
    return png(image.width, image.height, 8, 2, rows, chunk(b"gAMA", struct.pack(">I", 100000)))


def interlaced(image):
    """Adam7, which Pillow reads but does not write."""
    samples = np.asarray(image)
    data = b""
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    for left, top, right, down in passes:
        for row in samples[top::down, left::right]:
            data += b"\0" + row.tobytes() if row.size else b""
    header = struct.pack(">IIBBBBB", image.width, image.height, 8, 2, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def make_jpegs(small):
    write("gray-jpeg.jpg", encoded(small.convert("L"), "JPEG"), gray=True)
    write("progressive.jpg", encoded(small, "JPEG", progressive=True))
    write("subsampling-444.jpg", encoded(small, "JPEG", subsampling=0))
    write("cmyk.jpg", encoded(small.convert("CMYK"), "JPEG"))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x010F] = "camera"
        exif[0x0112] = orientation
        write(f"orientation-{orientation}.jpg", encoded(small, "JPEG", exif=exif, quality=60))


def make_webps(small):
    write("lossy.webp", encoded(small, "WEBP", quality=80))
    write("lossless.webp", encoded(small, "WEBP", lossless=True))
    alpha = Image.fromarray(np.arange(small.width * small.height, dtype=np.uint8).reshape(small.height, small.width))
    rgba = small.copy()
    rgba.putalpha(alpha)
    write("lossy-alpha.webp", encoded(rgba, "WEBP", quality=60))
    # The colors of transparent pixels are kept.
    write("lossless-alpha.webp", encoded(rgba, "WEBP", lossless=True, exact=True))
    for orientation in (3, 6):
        exif = Image.Exif()
        exif[0x010F] = "camera"
        exif[0x0112] = orientation
        write(f"webp-orientation-{orientation}.webp", encoded(small, "WEBP", exif=exif, lossless=True))
    # Refused, so that there are no pixels to compare with.
    frames = [small, ImageOps.mirror(small)]
    (OUTPUT / "animated.webp").write_bytes(encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:]))


def make_resized():
    (OUTPUT / "resize").mkdir(exist_ok=True)
    source = SOURCE.crop((100, 60, 147, 91))
    source.save(OUTPUT / "resize" / "source.ppm")
    for name in ("NEAREST", "BOX", "BILINEAR", "HAMMING", "BICUBIC", "LANCZOS"):
        for size in ((16, 9), (60, 50), (47, 20), (13, 31), (64, 7), (1, 1)):
            resized = source.resize(size, getattr(Image.Resampling, name))
            resized.save(OUTPUT / "resize" / f"{name.lower()}-{size[0]}x{size[1]}.ppm")


def main():
    OUTPUT.mkdir(exist_ok=True)
    # Steep edges and saturated colors, odd sides: 23 x 17.
    small = SOURCE.crop((120, 40, 212, 108)).resize((23, 17))
    make_pngs(small)
    make_jpegs(small)
    make_webps(small)
    make_resized()


if __name__ == "__main__":
    main()
