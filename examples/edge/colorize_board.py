#!/usr/bin/env python3
"""Colorizes a photo on a small board: one file, which needs only numpy, Pillow and tflite-runtime (or ai-edge-litert).

    pip install tflite-runtime "numpy<2" Pillow
    python colorize_board.py mobile.tflite photo.jpg coloured.jpg

It follows docs/model-format.md as plainly as possible: no tables, no threads, no edge-aware step, sRGB only. What it
writes differs from `colorize --fast --no-levels` in how codes are rounded. For metadata, profiles and large
photos, use that.
"""

import hashlib
import json
import struct
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, PngImagePlugin

# sRGB to XYZ, each row divided by its sum: white is 1, 1, 1 (D65).
TO_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
TO_XYZ /= TO_XYZ.sum(1, keepdims=True)
FROM_XYZ = np.linalg.inv(TO_XYZ)
# What the card says where a key is absent.
DEFAULTS = {"version": "1", "kind": "colorize", "fit": "pad", "multiple": 32, "short_side": 256}
IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
MARKED = (".jpg", ".jpeg", ".png", ".webp", ".avif")  # into others Pillow does not write `xmp`
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    f'Iptc4xmpExt:DigitalSourceType="{IPTC}"/></rdf:RDF></x:xmpmeta>'
)


def main(model, source, target):
    """Reads a photo, asks the network for its colours, and writes them over the photo's own luma."""
    if Path(target).exists():
        sys.exit(f"{target}: is there already, and might be an original")
    if Path(target).suffix.lower() not in MARKED:
        sys.exit(f"{target}: must end in one of {', '.join(MARKED)}, in which it can say that its colour was added")
    interpreter, card = load(model)
    image = ImageOps.exif_transpose(Image.open(source))
    if image.mode == "F" or (image.mode == "I" and image.getextrema()[1] > 65535):
        sys.exit(f"{source}: has tones of 32 bits, of which nobody says what is white; make them 8 or 16")
    if image.mode.startswith("I"):  # 16 bits, which Pillow would cut off at 255
        image = Image.fromarray((np.asarray(image) // 257).astype(np.uint8))
    image = image.convert("RGB")
    light = decode(np.asarray(image)) @ TO_XYZ[1]  # luminance 0..1, [H,W]
    luma, covered = prepare(image, card)
    ab = run(interpreter, card, luma)
    scale = card["ab_scale"]
    rgb = fuse(light, ab, (covered[0] / scale, covered[1] / scale))
    exif = Image.Exif()
    exif[0x0131] = f"colorize_tf example ({card['name']} {card['version']})"
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", XMP)
    Image.fromarray(rgb).save(target, quality=92, exif=exif, xmp=XMP.encode(), pnginfo=text)


def load(path):
    """A model file -> interpreter and card."""
    try:
        from tflite_runtime.interpreter import Interpreter
    except ImportError:
        from ai_edge_litert.interpreter import Interpreter
    with open(path, "rb") as file:
        content = file.read()
    # The card stands in the head that colorize_tf puts before a network (docs/model-format.md).
    if content[8:16] != b"colorize" or len(content) < 20:
        sys.exit(f"{path}: not a model exported by colorize_tf")
    head = content[: struct.unpack_from("<I", content, 16)[0]]
    card, _ = json.JSONDecoder().raw_decode(head[head.index(b'{\n "name"') :].decode(errors="replace"))
    card = {**DEFAULTS, **card}
    if card["contract"] != 1 or card["kind"] != "colorize":
        sys.exit(f"{path}: contract {card['contract']}, kind {card['kind']}: this script knows 1, colorize")
    # Of a file that is not whole, some interpreters do not complain, but crash.
    digits = content.index(b'"sha256": "' + card["sha256"].encode()) + len(b'"sha256": "')
    blank = content[:digits] + b"0" * 64 + content[digits + 64 :]
    if hashlib.sha256(blank).hexdigest() != card["sha256"]:
        sys.exit(f"{path}: does not match the checksum in its card; copy it again")
    return Interpreter(model_content=content), card


def prepare(image, card):
    """The photo -> luma [H,W] of the size the network takes, and how many of its rows and columns are photo."""
    width, height = image.size
    if card["height"]:
        outer = card["height"], card["width"]
        scale = min(outer[0] / height, outer[1] / width)
        squash = card["fit"] == "squash"
        inner = outer if squash else tuple(max(1, int(side * scale + 0.5)) for side in (height, width))
    else:
        scale = min(card["short_side"] / min(height, width), 4 * card["short_side"] / max(height, width))
        inner = tuple(max(1, int(side * scale + 0.5)) for side in (height, width))
        outer = tuple(-(-side // card["multiple"]) * card["multiple"] for side in inner)
    small = image.reduce(max(1, int((width * height / 5e5) ** 0.5 + 0.5)))
    small = small.reduce(max(1, min(small.height // inner[0], small.width // inner[1]) // 2))
    for size in ((inner[1], small.height), inner[::-1]):  # rows before columns, whatever Pillow would do
        small = small.resize(size, Image.Resampling.BICUBIC)
    luma = 116 * root(decode(np.asarray(small)) @ TO_XYZ[1]) - 16
    padding = [(0, outer[axis] - inner[axis]) for axis in (0, 1)]
    return np.pad(luma, padding, mode="reflect").astype(np.float32), inner


def run(interpreter, card, luma):
    """luma [H,W] -> ab [h,w,2]."""
    values = {"luma": luma[None, :, :, None]}
    if card.get("hints"):
        values["hints"] = np.zeros((1, *luma.shape, 3), np.float32)
    if card.get("vivid"):
        values["vivid"] = np.zeros(1, np.float32)
    inputs = {
        detail["name"].split(":")[0].replace("serving_default_", ""): detail["index"]
        for detail in interpreter.get_input_details()
    }
    for name, value in values.items():
        interpreter.resize_tensor_input(inputs[name], value.shape)
    interpreter.allocate_tensors()
    for name, value in values.items():
        interpreter.set_tensor(inputs[name], value)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]


def fuse(light, ab, covered):
    """Luminance [H,W] and ab [h,w,2], of which `covered` rows and columns are photo -> uint8 RGB [H,W,3]."""
    out = np.empty((*light.shape, 3), np.uint8)
    columns = blend(light.shape[1], covered[1], ab.shape[1])
    rows = blend(light.shape[0], covered[0], ab.shape[0])
    for y in range(len(out)):  # row by row, so that memory stays small
        top, share = rows[0][y], rows[1][y]
        pair = ab[[top, min(top + 1, len(ab) - 1)]]
        line = pair[0] * (1 - share) + pair[1] * share
        left, share = columns
        right = np.minimum(left + 1, len(line) - 1)
        colour = line[left] * (1 - share[:, None]) + line[right] * share[:, None]
        neutral = light[y][:, None]
        f = root(neutral[:, 0])
        xyz = np.stack([unroot(f + colour[:, 0] / 500), neutral[:, 0], unroot(f - colour[:, 1] / 200)], -1)
        away = xyz @ FROM_XYZ.T - neutral
        # Colours outside sRGB move towards the neutral of the same luminance.
        tiny = 1e-20
        room = np.minimum((1 - neutral) / np.maximum(away, tiny), neutral / np.maximum(-away, tiny)).min(
            1, keepdims=True
        )
        out[y] = encode(neutral + away * np.minimum(room, 1))
    return out


def blend(length, covered, samples):
    """For each of `length` pixels the sample on its left, and the share of the one on its right."""
    at = np.clip((np.arange(length) + 0.5) * covered / length - 0.5, 0, samples - 1)
    return at.astype(int), at - at.astype(int)


def decode(codes):
    """sRGB codes 0..255 -> linear light 0..1."""
    values = codes / 255.0
    return np.where(values > 0.04045, ((values + 0.055) / 1.055) ** 2.4, values / 12.92)


def encode(linear):
    """Linear light 0..1 -> sRGB codes 0..255."""
    linear = np.clip(linear, 0, 1)
    values = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, linear * 12.92)
    return (values * 255 + 0.5).astype(np.uint8)


def root(light):
    """Light relative to white -> CIE Lab's f."""
    return np.where(light > 0.008856, np.cbrt(light), 7.787 * light + 16 / 116)


def unroot(f):
    """CIE Lab's f -> light relative to white."""
    return np.where(f > 0.2068966, f**3, (f - 16 / 116) / 7.787)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except Exception as error:  # photos and cards may hold anything, and what reads them raises whatever it likes
        sys.exit(f"error: {type(error).__name__}: {' '.join(str(error).split())}")
