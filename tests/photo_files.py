"""Photo files for tests, and what a small model makes of them."""

import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image

from colorize_tf.colorspace import rgb_to_lab
from colorize_tf.edge import TfliteColorizer
from colorize_tf.edge.photo import open_photo
from colorize_tf.edge.write import DEEP, FORMATS, picture, write_photos

MODEL = Path(__file__).parent / "golden" / "models" / "tiny.tflite"
COLORIZER = TfliteColorizer(MODEL, threads=1)


def gray(seed=0, height=60, width=90):
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 7), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def rgb(seed=0, height=60, width=90):
    return Image.merge("RGB", [gray(seed + offset, height, width) for offset in (0, 50, 100)])


def saved(image, format="PNG", **options):
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def colorized(content, format=None, quality=None, notes=None, threads=1):
    """The bytes of a photo -> those of its colorized version."""
    out = io.BytesIO()
    with open_photo(content) as reader:
        format = format or (reader.format if reader.format in FORMATS.values() else "PNG")

        def pictures():
            for photo in reader.photos(keep_deep=format in DEEP):
                yield picture(photo, fusion=COLORIZER.fusion(photo.raster, space=photo.space))
                if notes is not None:
                    notes.extend(photo.notes)

        write_photos(pictures(), out, format, COLORIZER.card, quality, threads)
    return out.getvalue()


def opened(content):
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def luma(image):
    return rgb_to_lab(np.asarray(image.convert("RGB")).astype(np.float64) / 255)[..., 0]


def xmp(image):
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    return packet if isinstance(packet, str) else packet.decode()


KINDS = {
    "L": gray(),
    "RGB": rgb(),
    "1": gray().convert("1"),
    "P": rgb().quantize(40),
    "LA": Image.merge("LA", (gray(), gray(9))),
    "RGBA": Image.merge("RGBA", (*rgb().split(), gray(9))),
    "CMYK": rgb().convert("CMYK"),
    "YCbCr": rgb().convert("YCbCr"),
    "I;16": Image.fromarray(np.asarray(gray()).astype(np.uint16) * 257),
}


def camera_exif(order="<"):
    """EXIF as a camera writes it: directories, a maker note with an offset of its own, a thumbnail."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    note, thumbnail = b"MAKER NOTE" * 4, b"\xff\xd8thumb\xff\xd9"
    exif_at, make_at = 8 + 2 + 12 * 3 + 4, 200
    note_at, next_at, thumb_at = 220, 300, 400
    body = bytearray(mark + struct.pack(order + "I", 8) + bytes(500))
    first = struct.pack(order + "H", 3)
    first += struct.pack(order + "HHII", 0x010F, 2, 12, make_at)
    first += struct.pack(order + "HHIHH", 0x0112, 3, 1, 6, 0)
    first += struct.pack(order + "HHII", 0x8769, 4, 1, exif_at)
    first += struct.pack(order + "I", next_at)
    inner = struct.pack(order + "H", 3)
    inner += struct.pack(order + "HHII", 0x927C, 7, len(note), note_at)
    inner += struct.pack(order + "HHII", 0xA002, 4, 1, 90)
    inner += struct.pack(order + "HHIHH", 0xA003, 3, 1, 60, 0) + bytes(4)
    second = struct.pack(order + "H", 2)
    second += struct.pack(order + "HHII", 0x0201, 4, 1, thumb_at)
    second += struct.pack(order + "HHII", 0x0202, 4, 1, len(thumbnail)) + bytes(4)
    for at, block in (
        (8, first),
        (exif_at, inner),
        (make_at, b"Camera Inc.\0"),
        (note_at, note),
        (next_at, second),
        (thumb_at, thumbnail),
    ):
        body[at : at + len(block)] = block
    return b"Exif\0\0" + bytes(body)
