"""Copies the bundled models into the app's assets: copy_models.py REPOSITORY TARGET.

They live in colorize_tf/edge. A float16 twin, which stands in where a runtime is slow on int8, stays behind: phones are
not, and it would make the app too large. While there is no model, the tests' tiny network stands in, so that all can be
built.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path


def main() -> int:
    repository, target = (Path(word) for word in sys.argv[1:3])
    models = sorted((repository / "colorize_tf/edge").glob("*.tflite"))
    cards = [model.with_suffix(".json") for model in models]
    twins = {json.loads(card.read_text()).get("twin") for card in cards if card.is_file()}
    models = [model for model in models if model.name not in twins]
    if not models:
        models = [repository / "tests/golden/models/tiny.tflite"]
        print("copy_models: no bundled model yet; the tests' own stands in", file=sys.stderr)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for model in models:
        shutil.copyfile(model, target / model.name)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
