"""Makes all goldens: python tests/golden/make_goldens.py [--runtime NAME]; see README.md here.

With --runtime nothing is made anew: the runtime's whole pictures are compared with those that are here, and its
distances noted in whole.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from colorize_tf.colorspace import rgb_to_lab
from colorize_tf.edge import Hint
from colorize_tf.edge.card import Card
from colorize_tf.edge.enlarge import joint_bilateral, positions, widen
from colorize_tf.edge.fusion import fuse
from colorize_tf.edge.network import Options
from colorize_tf.edge.prepare import paint_hints, prepare
from colorize_tf.edge.space import SRGB
from colorize_tf.edge.tflite import TfliteColorizer

FOLDER = Path(__file__).parent

# Bruce Lindbloom's CIE colour calculator, sRGB with D65, no adaptation.
PUBLISHED = [
    [[255, 255, 255], [100.0, 0.0, 0.0]],
    [[0, 0, 0], [0.0, 0.0, 0.0]],
    [[255, 0, 0], [53.2408, 80.0925, 67.2032]],
    [[0, 255, 0], [87.7347, -86.1827, 83.1793]],
    [[0, 0, 255], [32.2970, 79.1875, -107.8602]],
    [[255, 255, 0], [97.1393, -21.5537, 94.4780]],
    [[0, 255, 255], [91.1132, -48.0875, -14.1312]],
    [[255, 0, 255], [60.3242, 98.2343, -60.8249]],
    [[128, 128, 128], [53.5850, 0.0, 0.0]],
]
PREPARE = {
    "dynamic": {"photo": "gray.png", "card": {"height": None, "width": None, "short_side": 64}, "levels": True},
    "colour, as it is": {
        "photo": "colour.png",
        "card": {"height": None, "width": None, "short_side": 64},
        "levels": False,
    },
    "tall": {
        "photo": "tall.png",
        "card": {"height": None, "width": None, "short_side": 32},
        "levels": False,
    },
    "halved first": {"photo": "colour.png", "card": {"height": 16, "width": 16, "fit": "squash"}, "levels": True},
    "squash": {"photo": "gray.png", "card": {"height": 64, "width": 64, "fit": "squash"}, "levels": True},
    "letterbox": {"photo": "colour.png", "card": {"height": 64, "width": 64, "fit": "letterbox"}, "levels": True},
}
HINTS = [
    {"x": 20, "y": 30, "colour": [200, 40, 30], "radius": None},
    {"x": 99, "y": 74, "colour": [30, 90, 220], "radius": 6},
]
WHOLE = {
    "dynamic": {"model": "tiny", "photo": "gray.png", "options": {}, "hints": []},
    "guided": {
        "model": "tiny",
        "photo": "colour.png",
        "options": {"vivid": 0.7, "saturation": 1.3, "levels": False},
        "hints": HINTS,
    },
    "fast": {"model": "tiny-fixed", "photo": "gray.png", "options": {"edges": False}, "hints": []},
    "int8": {"model": "tiny-fixed-int8", "photo": "gray.png", "options": {}, "hints": []},
    "pix2pix": {"model": "pix2pix", "photo": "gray.png", "options": {}, "hints": []},
    "pix2pix-int8": {"model": "pix2pix-int8", "photo": "gray.png", "options": {}, "hints": []},
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runtime", help="only measure this runtime")
    runtime = parser.parse_args().runtime
    if runtime:
        measure(runtime)
        return 0
    gray, colour = photos()
    save("gray.png", gray)
    save("colour.png", colour)
    save("tall.png", tall())
    metadata(gray)
    write("lab.json", lab())
    write("prepare.json", {name: prepared(case) for name, case in PREPARE.items()})
    write("enlarge.json", enlarged())
    write("fusion.json", fused(gray, colour))
    for name, case in WHOLE.items():
        save(f"whole-{name}.png", whole(case))
    write("whole.json", {"cases": WHOLE, "runtimes": {}})
    measure("ai-edge-litert")
    import make_bundled  # which is made of this module's parts

    return make_bundled.main()


def photos() -> tuple[np.ndarray, np.ndarray]:
    """A gray photo uint8 [75,100] and one in colour [75,100,3]."""
    random = np.random.default_rng(7)
    planes = []
    for _ in range(3):
        coarse = random.uniform(-60, 300, (5, 6)).astype(np.float32)
        planes.append(np.asarray(Image.fromarray(coarse).resize((100, 75), Image.Resampling.BICUBIC)))
    noise = random.normal(0, 5, (75, 100))
    edge = np.where(np.add.outer(np.arange(75), np.arange(100)) % 61 < 30, -25, 25)
    colour = np.stack([0.7 * planes[0] + 0.3 * plane + noise + edge for plane in planes], -1)
    return clipped(planes[0] + noise + edge), clipped(colour)


def tall() -> np.ndarray:
    """A gray photo uint8 [300,100] of hard noise, by which the order shows that rows and columns are resized in."""
    return np.random.default_rng(9).integers(0, 256, (300, 100), dtype=np.uint8)


def metadata(photo: np.ndarray) -> None:
    """A HEIC and an AVIF with EXIF and XMP, which lie in boxes there."""
    import pillow_heif  # which a board, where --runtime measures, need not have

    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif[0x0112] = 6
    packet = b'<rdf:RDF xmlns:rdf="r"><rdf:Description title="Harbour"/></rdf:RDF>'
    for kind in ("heic", "avif"):
        Image.fromarray(photo[:16, :16]).convert("RGB").save(FOLDER / f"metadata.{kind}", exif=exif, xmp=packet)


def clipped(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def chroma(rows: int, columns: int, strength: float) -> np.ndarray:
    """Smooth ab [rows,columns,2], some of it outside sRGB."""
    coarse = np.random.default_rng(8).uniform(-strength, strength, (2, 4, 5)).astype(np.float32)
    planes = [Image.fromarray(plane).resize((columns, rows), Image.Resampling.BICUBIC) for plane in coarse]
    return np.round(np.stack([np.asarray(plane) for plane in planes], -1), 2)


def lab() -> dict[str, Any]:
    grid = np.stack(np.meshgrid(*[np.array([0, 3, 40, 128, 200, 255])] * 3), -1).reshape(-1, 3)
    found = rgb_to_lab(grid / 255.0)
    return {
        "published": PUBLISHED,
        "grid": [[rgb, rounded(value)] for rgb, value in zip(grid.tolist(), found, strict=True)],
    }


def card(values: dict[str, Any]) -> Card:
    return Card("golden", "none", ab_scale=2, **values)


def prepared(case: dict[str, Any]) -> dict[str, Any]:
    photo = load(case["photo"])
    height, width = photo.shape[:2]
    found = prepare(photo, height, width, card(case["card"]), SRGB.luma, case["levels"])
    painted = paint_hints(hints(HINTS), height, width, found)
    lit = [[int(y), int(x), *rounded(painted[y, x])] for y, x in zip(*np.nonzero(painted[..., 2]), strict=True)]
    return {
        **case,
        "covers": [found.height, found.width],
        "luma": rounded(found.luma, 3),
        "hints": HINTS,
        "painted": lit,
    }


def enlarged() -> dict[str, Any]:
    ab = chroma(5, 6, 60)
    luma = SRGB.luma(load("gray.png")[:15, :18])
    planes = np.moveaxis(ab, -1, 0).astype(np.float32)
    line = ab[0, :, 0].astype(np.float32)
    return {
        "ab": rounded(ab),
        "factor": 3,
        "luma": rounded(luma),
        "joint_bilateral": rounded(np.moveaxis(joint_bilateral(planes, luma, 3), 0, -1)),
        "line": rounded(line),
        "line_widened_to_17": rounded(widen(line, *positions(0, 17, 6 / 17, 6))),
    }


def fused(gray: np.ndarray, colour: np.ndarray) -> dict[str, Any]:
    ab = chroma(15, 20, 110)
    cases = {}
    for name, photo in (("gray", gray), ("colour", colour)):
        for edges in (True, False):
            key = f"fusion-{name}{'' if edges else '-fast'}"
            save(f"{key}.png", fuse(photo, ab.astype(np.float32), edges=edges))
            cases[key] = {"photo": f"{name}.png", "edges": edges}
    return {"ab": rounded(ab), "cases": cases}


def hints(values: list[dict[str, Any]]) -> list[Hint]:
    return [Hint(value["x"], value["y"], tuple(value["colour"]), value["radius"]) for value in values]


def whole(case: dict[str, Any], runtime: str | None = None, folder: Path = FOLDER / "models") -> np.ndarray:
    path = folder / f"{case['model']}.tflite"
    colorizer = TfliteColorizer(path, threads=1, options=Options(**case["options"]), runtime=runtime, twin=False)
    return colorizer(load(case["photo"]), hints(case["hints"]))


def measure(runtime: str) -> None:
    """Notes how far a runtime's pictures are from the goldens, in 1/255."""
    path = FOLDER / "whole.json"
    stored = json.loads(path.read_text())
    version = TfliteColorizer(FOLDER / "models" / "tiny.tflite", runtime=runtime).runtime.version
    stored["runtimes"][f"{runtime} {version}"] = {name: distance(case, name, runtime) for name, case in WHOLE.items()}
    write("whole.json", stored)


def distance(case: dict[str, Any], name: str, runtime: str) -> dict[str, float]:
    """Mean, 99.9 % point and worst difference to the golden, in 1/255."""
    off = np.abs(whole(case, runtime).astype(int) - load(f"whole-{name}.png"))
    return {"mean": round(float(off.mean()), 4), "p99.9": float(np.percentile(off, 99.9)), "worst": int(off.max())}


def rounded(values: np.ndarray, digits: int = 4) -> Any:
    return np.round(np.asarray(values, np.float64), digits).tolist()


def load(name: str) -> np.ndarray:
    with Image.open(FOLDER / name) as image:
        return np.asarray(image)


def save(name: str, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(FOLDER / name, optimize=True)


def write(name: str, value: Any) -> None:
    (FOLDER / name).write_text(
        json.dumps(value, indent=None, separators=(", ", ": ")).replace("]], [[", "]],\n[[") + "\n"
    )


if __name__ == "__main__":
    sys.exit(main())
