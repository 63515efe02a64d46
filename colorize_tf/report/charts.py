"""Curves of a study as SVG, for a page."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path

from colorize_tf.errors import InputError

__all__ = ["curves", "read_history"]

Rows = Sequence[Mapping[str, float]]
WORDS = ("phase",)  # columns that are no numbers


def read_history(run: Path) -> list[dict[str, float]]:
    """A run folder -> the numbers in the rows of its history, no rows where there is none."""
    path = run / "history.csv"
    if not path.is_file():
        return []
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = [{key: text for key, text in row.items() if key not in WORDS} for row in csv.DictReader(file)]
        found = [{key: float(text) for key, text in row.items() if text} for row in rows]
    except (ValueError, TypeError, csv.Error) as error:  # no number, no UTF-8, more cells than columns
        raise InputError(str(path), "must be the history of a training", str(error)) from None
    if not all("seconds" in row for row in found):
        raise InputError(str(path), "must be the history of a training", "a row without its seconds")
    return found


def curves(histories: Mapping[str, Rows], column: str, title: str, baseline: str | None = None) -> str | None:
    """Histories by row, and the column to show over minutes of training -> an SVG element, None without values."""
    lines = {}
    for name, rows in histories.items():
        minutes = list(accumulate(row["seconds"] / 60 for row in rows))
        points = [(x, row[column]) for x, row in zip(minutes, rows, strict=True) if column in row]
        if points:
            lines[name] = points
    if not lines:
        return None
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    axes = figure.add_subplot()
    colours = mpl.colormaps["tab20"]
    for number, (name, points) in enumerate(lines.items()):
        axes.plot(*zip(*points, strict=True), color=colours((2 * number + number // 10) % 20), label=name, marker=".")
    gray = [row[baseline] for rows in histories.values() for row in rows if baseline in row] if baseline else []
    if gray:
        axes.axhline(sum(gray) / len(gray), color="0.5", linestyle="--", linewidth=1, label="gray")
    axes.set(xlabel="minutes of training steps", ylabel=title)
    axes.grid(color="0.92")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False, fontsize="small")
    text = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": title}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return text.getvalue()[text.getvalue().index("<svg") :]
