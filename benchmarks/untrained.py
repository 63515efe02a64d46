"""Writes a network before it has learnt anything: as fast as a trained one, and as large.

python benchmarks/untrained.py model.tflite                                             # mobile, float16
python benchmarks/untrained.py unet.tflite --preset pix2pix-lab --recipe float32
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from colorize_tf.errors import command_line
from colorize_tf.presets import PRESETS
from colorize_tf.quiet import hushed, load_tensorflow

RECIPES = "float32", "float16", "dynamic_wi8"  # those that measure no photos


@command_line
def main(argv: Sequence[str] | None = None) -> int:
    """Builds, converts and writes it; prints where."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("out", type=Path, metavar="FILE", help="the .tflite file to write, for photos of any size if the network is")
    add("--preset", default="mobile", choices=PRESETS, metavar="NAME", help="of `train`, if it gives ab for L (mobile)")
    add("--recipe", default="float16", choices=RECIPES, help="of `export` (float16)")
    given = parser.parse_args(argv)
    load_tensorflow()
    from colorize_tf.edge.card import Card, write_model
    from colorize_tf.export.convert import convert
    from colorize_tf.export.recipes import find_recipe
    from colorize_tf.export.source import open_source_graph
    from colorize_tf.models import build
    from colorize_tf.predict import Run

    config, recipe = PRESETS[given.preset].config, find_recipe(given.recipe)
    run = Run(Path(), Path("untrained"), config, build(config.model.name, **config.model.options()))
    free = hasattr(run.model, "multiple")
    with hushed():
        source = open_source_graph(run, None, free=free)
        content = convert(source, recipe)
    size, taken = run.model.size, source.intake.inputs
    luma = np.zeros((1, size, size, 1), np.float32)
    card = Card(
        name=f"untrained {given.preset}",
        recipe=recipe.name,
        height=None if free else size,
        width=None if free else size,
        fit="pad" if free else "squash",
        ab_scale=size // int(run.model.colorize(luma).shape[1]),
        multiple=source.intake.multiple,
        short_side=source.intake.short_side,
        hints="hints" in taken,
        vivid="vivid" in taken,
        training_data="none: for measuring time and memory only",
    )
    write_model(given.out, content, card)
    print(given.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
