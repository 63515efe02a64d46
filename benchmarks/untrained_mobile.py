"""Writes the network that ships, before it has learnt anything: as fast as the real one, and as large.

python benchmarks/untrained_mobile.py model.tflite
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from colorize_tf.errors import command_line
from colorize_tf.quiet import hushed, load_tensorflow


@command_line
def main(argv: Sequence[str] | None = None) -> int:
    """Builds, converts and writes it; prints where."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="FILE", help="the .tflite file to write, for photos of any size")
    out = parser.parse_args(argv).out
    load_tensorflow()
    from colorize_tf.edge.card import Card, write_model
    from colorize_tf.export.convert import convert
    from colorize_tf.export.recipes import find_recipe
    from colorize_tf.export.source import open_source_graph
    from colorize_tf.models import build
    from colorize_tf.predict import Run
    from colorize_tf.presets import PRESETS

    config, recipe = PRESETS["mobile"].config, find_recipe("float16")
    run = Run(Path(), Path("untrained"), config, build("mobile", **config.model.options()))
    with hushed():
        source = open_source_graph(run, None, free=True)
        content = convert(source, recipe)
    size, taken = run.model.size, source.intake.inputs
    luma = np.zeros((1, size, size, 1), np.float32)
    card = Card(
        name="untrained mobile",
        recipe=recipe.name,
        height=None,
        width=None,
        ab_scale=size // int(run.model.colorize(luma).shape[1]),
        multiple=source.intake.multiple,
        short_side=source.intake.short_side,
        hints="hints" in taken,
        vivid="vivid" in taken,
        training_data="none: for measuring time and memory only",
    )
    write_model(out, content, card)
    print(out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
