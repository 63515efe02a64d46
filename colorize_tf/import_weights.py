"""Published weights of ECCV16 or SIGGRAPH17 become a run folder, to be used like one of our own trainings.

python -m colorize_tf.import_weights colorization_release_v2-9b330a0b.pth --out runs/eccv16
python -m colorize_tf.predict runs/eccv16 photo.jpg --out coloured
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from colorize_tf.config import RunConfig, save_config
from colorize_tf.errors import InputError, command_line
from colorize_tf.families import FAMILIES
from colorize_tf.out_folder import check_out_folder
from colorize_tf.parsing import Parser
from colorize_tf.quiet import load_tensorflow

__all__ = ["main"]


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m colorize_tf.import_weights`."""
    result = Parser(
        prog="python -m colorize_tf.import_weights",
        description="Makes a run of published weights of ECCV16 or SIGGRAPH17 (BSD-2-Clause, Zhang, Isola, Efros).",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  python -m colorize_tf.import_weights siggraph17-df00044c.pth --out runs/siggraph17",
    )
    result.add_argument("weights", type=Path, metavar="FILE", help=".pth, .pt, .safetensors, .npz or .caffemodel")
    result.add_argument("--out", type=Path, required=True, metavar="DIR", help="run folder to make")
    result.add_argument("--sha256", metavar="HEX", help="what the file must have (else the digits in its name, if any)")
    return result


@command_line
def main(argv: Sequence[str] | None = None) -> int:
    """Command line -> run folder; returns the exit code."""
    given = parser().parse_args(argv)
    check_out_folder(given.out)
    if given.out.exists() and any(given.out.iterdir()):
        raise InputError("--out", "must be a folder that does not exist or is empty", str(given.out))
    load_tensorflow()
    from colorize_tf.checkpoints import save_best
    from colorize_tf.models.zhang import import_weights

    model = import_weights(given.weights, given.sha256)
    name = type(model).__name__.lower()
    family = FAMILIES[name]
    config = model.get_config()
    options = {key: config[key] for key in family(name=name).options()}
    given.out.mkdir(parents=True, exist_ok=True)
    save_best(given.out, model, {"imported": given.weights.name})
    save_config(RunConfig(name, family(name=name, **options)), given.out / "config.json")
    print(f"{given.out}: {name}, {model.count_params():,} parameters", file=sys.stdout)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
