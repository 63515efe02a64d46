"""Makes the goldens of the bundled models: python tests/golden/make_bundled.py, whenever a model was replaced.

What Python gives by the models in colorize_tf/edge, as they are now. bundled.json names them by their checksums, so
that pictures of another model are told from mistakes of a host.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import make_goldens as goldens

from colorize_tf.edge.card import read_model

EDGE = Path(__file__).parents[2] / "colorize_tf/edge"
ASKED = {
    "gray": {"photo": "gray.png", "options": {}, "hints": []},
    "guided": {"photo": "colour.png", "options": {"vivid": 0.7, "saturation": 1.3}, "hints": goldens.HINTS},
}


def main() -> int:
    for stale in goldens.FOLDER.glob("bundled-*.png"):
        stale.unlink()
    found = cases()
    for name, case in found.items():
        goldens.save(f"bundled-{name}.png", goldens.whole(case, folder=EDGE))
    goldens.write("bundled.json", {"cases": found})
    return 0


def cases() -> dict[str, dict[str, Any]]:
    """Every bundled model with every question; hints and vivid only where the model's card knows them."""
    found = {}
    for path in sorted(EDGE.glob("*.tflite")):
        card = read_model(path)[1]
        for name, asked in ASKED.items():
            options = {key: value for key, value in asked["options"].items() if key != "vivid" or card.vivid}
            hints = asked["hints"] if card.hints else []
            case = {"model": path.stem, "sha256": card.sha256, **asked, "options": options, "hints": hints}
            found[f"{path.stem}-{name}"] = case
    return found


if __name__ == "__main__":
    sys.exit(main())
