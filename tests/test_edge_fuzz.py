"""Two thousand damaged files: each gives a photo or one clear line, soon, in bounded memory, and never a traceback."""

import io
import resource
import struct
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorize_tf.apps.work import Settings, colorize_bytes, make_colorizer
from colorize_tf.edge.photo import open_photo
from colorize_tf.errors import ColorizeError, InputError

MODEL = Path(__file__).parent / "golden" / "models" / "tiny-fixed.tflite"
SETTINGS = Settings(str(MODEL), threads=1, max_pixels=1_000_000)
FILES = 2000
SECONDS = 5.0  # for one file, on a busy machine
MEMORY = 250e6  # bytes above what was used before: a million pixels need far less

MAKERS = {
    "jpeg": ("JPEG", "L", {"quality": 85}),
    "jpeg-rgb": ("JPEG", "RGB", {"exif": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"}),
    "jpeg-cmyk": ("JPEG", "CMYK", {}),
    "png": ("PNG", "L", {}),
    "png-palette": ("PNG", "P", {"transparency": 1}),
    "png-16": ("PNG", "I;16", {}),
    "webp": ("WEBP", "RGB", {}),
    "webp-alpha": ("WEBP", "RGBA", {"lossless": True}),
    "tiff": ("TIFF", "RGB", {}),
    "tiff-lzw": ("TIFF", "L", {"compression": "tiff_lzw"}),
    "tiff-16": ("TIFF", "I;16", {}),
    "gif": ("GIF", "P", {}),
    "bmp": ("BMP", "RGB", {}),
    "ppm": ("PPM", "RGB", {}),
    "avif": ("AVIF", "RGB", {"speed": 10}),
    "jp2": ("JPEG2000", "L", {}),
}


def seeds():
    coarse = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    colour = Image.fromarray(coarse).resize((48, 36), Image.Resampling.BICUBIC)
    for name, (format, mode, options) in MAKERS.items():
        if mode == "I;16":
            image = Image.fromarray(np.asarray(colour.convert("L")).astype(np.uint16) * 257)
        else:
            image = colour.quantize(20) if mode == "P" else colour.convert(mode)
        out = io.BytesIO()
        image.save(out, format, **options)
        yield name, out.getvalue()
    imagecodecs = pytest.importorskip("imagecodecs", reason="pip install 'colorize-tf[photo16]' runs it")
    deep = np.asarray(colour).astype(np.uint16) * 257
    yield "png-48", bytes(imagecodecs.png_encode(deep))
    import tifffile

    out = io.BytesIO()
    tifffile.imwrite(out, deep, photometric="rgb", compression="adobe_deflate")
    yield "tiff-48", out.getvalue()


def damaged(content, random):
    """One of the ways in which files go bad."""
    data = bytearray(content)
    kind = random.integers(6)
    if kind == 0:  # bits flip
        for place in random.integers(0, len(data), random.integers(1, 9)):
            data[place] ^= 1 << random.integers(8)
    elif kind == 1:  # the end is missing
        del data[random.integers(0, len(data)) :]
    elif kind == 2:  # a block was never written
        start = random.integers(0, len(data))
        stop = min(len(data), start + random.integers(1, 200))
        data[start:stop] = bytes(stop - start)
    elif kind == 3:  # numbers near the beginning lie: sizes, counts, offsets
        place = int(random.integers(0, min(len(data) - 4, 80)))
        form = random.choice([">I", "<I", ">H", "<H"])
        value = (
            int(random.choice([0, 1, 0x7FFF, 0xFFFF]))
            if form[1] == "H"
            else int(random.choice([0, 1, 1 << 16, 0xFFFFFFFF]))
        )
        struct.pack_into(form, data, place, value)
    elif kind == 4:  # something was repeated or put in between
        start = random.integers(0, len(data))
        piece = data[start : start + random.integers(1, 60)]
        place = random.integers(0, len(data))
        data[place:place] = piece * int(random.integers(1, 4))
    else:  # checksums that fit a changed PNG chunk, random bytes elsewhere
        place = random.integers(8, len(data))
        data[place] = random.integers(256)
        if data[:4] == b"\x89PNG":
            data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    return bytes(data)


def test_damaged_files_end_well(capfd):
    random = np.random.default_rng(1)
    originals = list(seeds())
    colorizer = make_colorizer(SETTINGS)
    for _, content in originals:
        colorize_bytes(content, colorizer, SETTINGS, None, [])  # each is whole before it is damaged
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes = {"a photo": 0, "a line": 0}
    slowest = 0.0
    for number in range(FILES):
        name, content = originals[number % len(originals)]
        content = damaged(content, random)
        start = time.perf_counter()
        try:
            colorize_bytes(content, colorizer, SETTINGS, None if number % 3 else "JPEG", [])
            outcomes["a photo"] += 1
        except ColorizeError as error:
            assert str(error)
            assert "\n" not in str(error)
            assert len(str(error)) < 600
            outcomes["a line"] += 1
        except Exception as error:
            raise AssertionError(f"file {number}, from {name}: {error!r}") from error
        slowest = max(slowest, time.perf_counter() - start)
    unit = 1 if sys.platform == "darwin" else 1024
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit
    assert min(outcomes.values()) > FILES / 10, outcomes
    assert slowest < SECONDS
    assert grown < MEMORY
    assert capfd.readouterr() == ("", "")


def test_bombs_are_not_opened():
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(30_001 * 1000), 9)
    bombs = {
        "many pixels": b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b""),
        "text": b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0))
        + chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(200_000_000), 9))
        + chunk(b"IDAT", zlib.compress(bytes(20)))
        + chunk(b"IEND", b""),
        "gif": b"GIF89a"
        + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0)
        + b",\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x4c\x01\0;",
    }
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, content in bombs.items():
        start = time.perf_counter()
        with pytest.raises(InputError), open_photo(content, name) as reader:
            next(reader.photos())
        assert time.perf_counter() - start < SECONDS
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 150e6
