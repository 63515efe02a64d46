"""Trains networks alike, judges and exports them, and writes one page that puts them side by side.

    python -m colorize_tf.study --models all --data folder:photos --minutes 40 --out study

Each training, evaluation and export, and the page, is a child process. The same command again goes on where the last
one stopped; a row that fails says so and the others go on.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from colorize_tf.errors import InputError, command_line
from colorize_tf.parsing import Parser
from colorize_tf.study.plan import MODELS, VARIANTS, check_options, entries
from colorize_tf.study.study import Settings, Study
from colorize_tf.study.training import Budget

__all__ = ["main"]

ARRAYS = (".safetensors", ".npz", ".pth", ".pt")  # files of weights; that of Keras's InceptionV3 is an .h5
# Of the photos: as a rule, and of the two dozen of a smoke run, which are too few for those.
SHARES = {"test": (0.1, 0.4), "val": (0.02, 0.2)}


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m colorize_tf.study`."""
    variants = "\n".join(
        f"  {model}: {', '.join(shlex.quote(row) for row in rows)}" for model, rows in VARIANTS.items()
    )
    result = Parser(
        prog="python -m colorize_tf.study",
        usage="%(prog)s --data SOURCE (--minutes N | --passes N) --out DIR [options] [-- options of train]",
        description="Trains networks alike, judges and exports them, and writes one page that compares them.",
        epilog=f"rows that --variants adds:\n{variants}\n\nexamples:\n"
        "  python -m colorize_tf.study --models all --data folder:photos --minutes 40 --out study\n"
        "  python -m colorize_tf.study --models unet --variants --data folder:photos --passes 5 --out phases\n"
        "  python -m colorize_tf.study --models --row 'untaught=unet --encoder-width 64' \\\n"
        "    --row 'taught=unet --encoder-width 64 --encoder-weights resnet18-f37072fd.pth' \\\n"
        "    --data folder:photos --minutes 40 --out pretraining\n"
        "  python -m colorize_tf.study ... --out study -- --precision bfloat16        # for every training\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add("--models", nargs="*", default=["all"], metavar="NAME", help=f"all, or some of {', '.join(MODELS)} (all)")
    add("--variants", action="store_true", help="also the variants of these models that are listed below")
    add(
        "--row", action="append", default=[], metavar="'NAME=MODEL OPTIONS'", help="one more row, with options of train"
    )
    add("--data", metavar="SOURCE", help="photos, such as folder:PATH")
    add("--sets", metavar="SOURCE", help="two sets of pictures for translators, such as 'unpaired:folder:A|folder:B'")
    add("--minutes", type=float, metavar="N", help="minutes of training steps for each row")
    add("--passes", type=int, metavar="N", help="instead: passes over the photos for each row")
    for name, what in (("test", "to judge on"), ("val", "to choose the best weights by")):
        usual, tried = SHARES[name]
        add(f"--{name}-share", type=float, help=f"share of the photos {what} ({usual}; with --smoke {tried})")
    add(
        "--weights",
        choices=("best", "last"),
        default="best",
        help="of each training, to judge and export (%(default)s)",
    )
    add("--photos", type=int, metavar="N", help="judge on N of the photos only")
    add("--features", metavar="FILE", help="as for evaluate: Fréchet distance")
    add("--lpips", nargs=2, metavar=("VGG", "LINEAR"), help="as for evaluate")
    add("--paper", action="store_true", help="the presets with the settings of the papers, not those for two cores")
    add("--smoke", action="store_true", help="tiny networks on generated pictures, to try everything out")
    add("--out", type=Path, required=True, metavar="DIR", help="folder of the study")
    return result


@command_line
def main(argv: Sequence[str] | None = None) -> int:
    """Command line -> a folder with trainings, results and the page; returns the exit code."""
    argv = sys.argv[1:] if argv is None else list(argv)
    cut = argv.index("--") if "--" in argv else len(argv)
    given, common = parser().parse_args(argv[:cut]), argv[cut + 1 :]
    check_options("options after --", common, ("--data",))
    budget = Budget(given.minutes, given.passes)
    rows = entries(given.models, given.row, variants=given.variants, paper=given.paper)
    if not rows:
        raise InputError("--models, --row", "must name something to compare", "nothing")
    if given.data is None and not given.smoke and not all(entry.two_sets or entry.own_data for entry in rows):
        raise InputError("--data", "names the photos and is required", "no --data", "Example: --data folder:photos")
    if given.photos is not None and given.photos < 1:
        raise InputError("--photos", "must be at least 1", given.photos)
    for flag, path in (("--features", given.features), *(("--lpips", path) for path in given.lpips or ())):
        if path is not None and not Path(path).is_file():
            raise InputError(flag, "must be a file of weights that exists", path)
        kinds = (*ARRAYS, ".h5") if flag == "--features" else ARRAYS
        if path is not None and Path(path).suffix not in kinds:  # evaluate would say so, but after the first training
            raise InputError(flag, f"must be a file of {', '.join(kinds)}", path)
    if given.sets is not None and not given.sets.startswith("unpaired:"):
        raise InputError("--sets", "must be two sources, unpaired:A|B", given.sets)
    chosen = {"test": given.test_share, "val": given.val_share}
    shares = {name: SHARES[name][given.smoke] if share is None else share for name, share in chosen.items()}
    asked = [word for name, share in shares.items() for word in (f"--{name}-share", str(share))]
    common = [*(["--smoke"] if given.smoke else []), *asked, *common]
    judging = ["--features", given.features] if given.features else []
    judging += ["--limit", str(given.photos)] if given.photos else []
    study = Study(
        rows,
        Settings(given.out, given.data, given.sets, common, budget, given.weights, judging, given.lpips, given.smoke),
    )
    study.check()
    with _stopped_by_signals():
        return study.run(shlex.join(argv))


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Within it SIGTERM, and a terminal that closes, stop the study as Ctrl-C does."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    heard = [number for number in numbers if before[number] != signal.SIG_IGN]  # `nohup` has it ignore one
    for number in heard:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])


if __name__ == "__main__":
    raise SystemExit(main())
