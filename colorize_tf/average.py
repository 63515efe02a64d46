"""The mean of the weights of runs of one network, of which one began where another ended: a run that often is better.

    python -m colorize_tf.average runs/a runs/b --out runs/ab

Networks trained apart have their features in another order each, and their mean knows nothing; those of one training
lie in one valley, and the mean lies lower in it (Wortsman et al. 2022, arXiv:2203.05482).
"""

from __future__ import annotations

import argparse
import math
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from colorize_tf.atomic import write_text
from colorize_tf.config import save_config
from colorize_tf.errors import InputError, command_line
from colorize_tf.out_folder import check_out_folder
from colorize_tf.parsing import Parser
from colorize_tf.predict import Run, load_run

__all__ = ["main", "mean_weights"]


def mean_weights(runs: Sequence[Run], shares: Sequence[float]) -> list[np.ndarray]:
    """Runs of one architecture and their shares, which sum to 1 -> the mean of their weights, in Keras's order."""
    first, *others = (run.model.weights for run in runs)
    for run, weights in zip(runs[1:], others, strict=True):
        if [tuple(one.shape) for one in weights] != [tuple(one.shape) for one in first]:
            raise InputError("RUN", f"all must be of the architecture of {runs[0].folder}", str(run.folder))
    stacks = zip(first, *others, strict=True)
    return [sum(share * one.numpy() for share, one in zip(shares, stack, strict=True)) for stack in stacks]


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m colorize_tf.average`."""
    result = Parser(
        prog="python -m colorize_tf.average",
        description="Averages the weights of runs that began where another one ended. The settings are the last one's.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  python -m colorize_tf.average runs/a runs/b --shares 1 2 --out runs/ab",
    )
    add = result.add_argument
    add("runs", nargs="+", metavar="RUN", help="run folder, or one of its checkpoints; at least two")
    add("--shares", nargs="+", type=float, metavar="N", help="how much each of them counts (default: all alike)")
    add("--out", type=Path, required=True, metavar="DIR", help="run folder to write")
    return result


@command_line
def main(argv: Sequence[str] | None = None) -> int:
    """Command line -> a run folder; returns the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    given = parser().parse_args(argv)
    out: Path = given.out
    shares = given.shares or [1.0] * len(given.runs)
    if len(given.runs) < 2:
        raise InputError("RUN", "must be at least two to average", given.runs)
    if len(shares) != len(given.runs) or not all(0 <= one < math.inf for one in shares) or not sum(shares):
        raise InputError("--shares", "must be one for each run, none below 0, not all 0", shares)
    check_out_folder(out)
    if out.exists() and any(out.iterdir()):
        raise InputError("--out", "must be a new or empty folder", str(out))
    runs = [load_run(run) for run in given.runs]
    last = runs[-1]
    means = mean_weights(runs, [share / sum(shares) for share in shares])

    from colorize_tf.checkpoints import save_best

    for weight, mean in zip(last.model.weights, means, strict=True):
        weight.assign(mean)
    out.mkdir(parents=True, exist_ok=True)
    save_config(last.config, out / "config.json")
    write_text(out / "command.txt", f"python -m colorize_tf.average {shlex.join(argv)}\n")
    save_best(out, last.model, {"average_of": [str(run.checkpoint) for run in runs], "shares": shares})
    print(f"wrote {out}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
