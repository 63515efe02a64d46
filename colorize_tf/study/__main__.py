"""Trains networks alike, judges and exports them, and writes one page that puts them side by side.

    python -m colorize_tf.study --models all --data folder:photos --minutes 40 --out study

Each training, evaluation and export, and the page, is a child process. The same command again goes on where the last
one stopped; a row that fails says so and the others go on.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from colorize_tf.atomic import write_text
from colorize_tf.config import DataConfig
from colorize_tf.errors import InputError, RunError, command_line
from colorize_tf.flags import parse
from colorize_tf.quiet import load_tensorflow
from colorize_tf.study.plan import MODELS, VARIANTS, Entry, entries, train_command
from colorize_tf.study.results import RULE, best, record
from colorize_tf.study.steps import StepFailed, Steps
from colorize_tf.study.training import Budget, train, trained
from colorize_tf.summary import json_text

__all__ = ["main"]

RECIPE = "float16"  # of the exported files: every network allows it, and no photo changes visibly
EXPORT_PHOTOS = 8
SHEET_PHOTOS = 6


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m colorize_tf.study`."""
    variants = "\n".join(
        f"  {model}: {', '.join(shlex.quote(row) for row in rows)}" for model, rows in VARIANTS.items()
    )
    result = argparse.ArgumentParser(
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
    add("--test-share", type=float, default=0.1, help="share of the photos to judge on (%(default)s)")
    add("--val-share", type=float, default=0.02, help="share of the photos to choose the best weights by (%(default)s)")
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
    budget = Budget(given.minutes, given.passes)
    rows = entries(given.models, given.row, variants=given.variants, paper=given.paper)
    if not rows:
        raise InputError("--models, --row", "must name something to compare", "nothing")
    if given.data is None and not given.smoke and not all(entry.two_sets for entry in rows):
        raise InputError("--data", "names the photos and is required", "no --data", "Example: --data folder:photos")
    if given.sets is not None and not given.sets.startswith("unpaired:"):
        raise InputError("--sets", "must be two sources, unpaired:A|B", given.sets)
    shares = ["--test-share", str(given.test_share), "--val-share", str(given.val_share)]
    common = [*(["--smoke"] if given.smoke else []), *shares, *common]
    study = Study(given, rows, common, budget)
    study.check()
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        return study.run(shlex.join(argv))
    finally:
        signal.signal(signal.SIGTERM, before)


class Study:
    """The rows of a study in its folder: `runs/NAME` for trainings, `work/NAME` for what else belongs to a row."""

    def __init__(self, given: argparse.Namespace, rows: list[Entry], common: list[str], budget: Budget) -> None:
        self.given, self.rows, self.common, self.budget = given, rows, common, budget
        self.out: Path = given.out
        self.counts: dict[DataConfig, int] = {}  # photos to learn from, by where they come from
        self.size = 0

    def check(self) -> None:
        """Finds wrong options and missing photos before anything is trained."""
        for entry in self.rows:
            if self._absent(entry) is None:
                config = parse(self._command(entry)).config
                self._photos(config.data)
                if not entry.two_sets:
                    self.size = max(self.size, config.model.size)

    def run(self, command: str) -> int:
        """Trains, judges and exports row by row, then compares; 1 if no row could be judged."""
        self.out.mkdir(parents=True, exist_ok=True)
        for number, entry in enumerate(self.rows, start=1):
            self._say(f"{entry.name} ({number} of {len(self.rows)})")
            failure = self._absent(entry) or self._try(entry)
            if failure:
                print(f"{entry.name}: {failure}", file=sys.stderr)
            self._collect(command, {entry.name: failure})
        records = self._collect(command, {})
        self._sheet([one["name"] for one in records if "metrics" in one])
        steps = Steps(self.out / "work")
        try:
            steps.run("colorize_tf.report", [str(self.out)])
        except StepFailed as error:
            raise RunError(f"the page could not be written: {error}") from None
        print((self.out / "comparison.md").read_text(encoding="utf-8").rstrip())
        print(f"wrote {self.out / 'comparison.html'}", file=sys.stderr)
        return 0 if any("metrics" in one or "translations" in one for one in records) else 1

    def _try(self, entry: Entry) -> str | None:
        """All steps of a row -> why it failed, or None. An export that fails does not make the row fail."""
        steps, run = Steps(self._folder(entry)), self.out / "runs" / entry.name
        try:
            train(entry, steps, run, self._data(entry), self.common, self.budget)
            now = trained(run)
            if now is None:
                return "the training left no checkpoint"
            weights = now.checkpoint if self.given.weights == "last" else run
            steps.once("evaluate", "colorize_tf.evaluate", self._judging(entry, weights), of=now.steps)
        except StepFailed as error:
            return str(error)
        export = [
            "--recipe",
            RECIPE,
            "--photos",
            str(EXPORT_PHOTOS),
            "--out",
            str(self._folder(entry) / "model.tflite"),
        ]
        try:
            steps.once("export", "colorize_tf.export", [str(weights), *export, "--overwrite"], of=now.steps)
        except StepFailed as error:
            steps.note("export", steps.steps["export"]["command"], done=False, failure=str(error))
        return None

    def _judging(self, entry: Entry, weights: Path) -> list[str]:
        given = self.given
        found = [
            str(weights),
            "--names",
            entry.name,
            "--split",
            "test",
            "--out",
            str(self._folder(entry) / "evaluation"),
        ]
        found += [] if entry.two_sets else ["--size", str(self.size)]
        found += ["--features", given.features] if given.features else []
        found += ["--lpips", *given.lpips] if given.lpips and not entry.two_sets else []
        found += ["--limit", str(given.photos)] if given.photos else []
        return [*found, "--overwrite"]

    def _sheet(self, names: Sequence[str]) -> None:
        """The same few photos by all colorizers that could be judged."""
        if not names:
            return
        runs = [self.out / "runs" / name for name in names]
        found = [trained(run) for run in runs]
        weights = [
            str(now.checkpoint if self.given.weights == "last" and now else run)
            for now, run in zip(found, runs, strict=True)
        ]
        arguments = [
            *weights,
            "--names",
            *names,
            "--split",
            "test",
            "--limit",
            str(SHEET_PHOTOS),
            "--size",
            str(self.size),
        ]
        try:
            Steps(self.out / "work" / ".sheet").once(
                "sheet", "colorize_tf.evaluate", [*arguments, "--out", str(self.out / "sheet"), "--overwrite"],
                of=sum(now.steps for now in found if now),
            )  # fmt: skip
        except StepFailed as error:
            print(f"no contact sheet: {error}", file=sys.stderr)

    def _collect(self, command: str, failures: dict[str, str | None]) -> list[dict[str, Any]]:
        """Writes results.json from what lies in the folder; `failures` of this call replace those on record."""
        path = self.out / "results.json"
        before = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.is_file() else []
        known = {row["name"]: row["failure"] for row in before} | failures
        records = []
        for entry in self.rows:
            absent = self._absent(entry)
            config = parse(self._command(entry)).config if absent is None else entry.paper
            photos = self._photos(config.data) if absent is None else 1
            found = record(
                entry,
                self._folder(entry),
                self.out / "runs" / entry.name,
                photos,
                config.data.batch,
                known.get(entry.name, "not run yet"),
            )
            records.append(found | {"photos": None if absent else photos})
        content = {
            "command": f"python -m colorize_tf.study {command}", "minutes": self.budget.minutes,
            "passes": self.budget.passes, "weights": self.given.weights, "data": self.given.data,
            "cores": os.cpu_count(), "rule": RULE, "best": best(records), "rows": records,
        }  # fmt: skip
        write_text(path, json_text(content))
        return records

    def _photos(self, data: DataConfig) -> int:
        """How many photos a pass is over; opening them also shows whether they are there."""
        if data not in self.counts:
            load_tensorflow()  # which sources of photos need: quietly, and only when all options have been found right
            from colorize_tf.datasets import Unpaired
            from colorize_tf.splits import open_splits

            splits = open_splits(data)
            for split in ("train", "test"):
                part = splits[split]
                if min(part.a.count, part.b.count) == 0 if isinstance(part, Unpaired) else part.count == 0:
                    raise InputError("--test-share", f"leaves no photo of {data.data} for {split}", data.test_share)
            self.counts[data] = splits["train"].count
        return self.counts[data]

    def _command(self, entry: Entry) -> list[str]:
        return train_command(entry, self.out / "runs" / entry.name, self._data(entry), self.common)

    def _data(self, entry: Entry) -> str | None:
        return self.given.sets if entry.two_sets else self.given.data

    def _absent(self, entry: Entry) -> str | None:
        """Why a row cannot even begin."""
        if entry.two_sets and self.given.sets is None and not self.given.smoke:
            return "needs two sets of pictures: --sets 'unpaired:A|B'"
        return None

    def _folder(self, entry: Entry) -> Path:
        return self.out / "work" / entry.name

    def _say(self, text: str) -> None:
        if sys.stderr.isatty():
            print(text, file=sys.stderr)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    raise SystemExit(main())
