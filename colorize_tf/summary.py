"""Rows of an evaluation -> means with bootstrap intervals, a Markdown table, CSV and JSON.

A row is one photo seen by one colorizer. Two values need care: PSNR is infinite where the prediction equals the truth,
and `edge_error` is NaN where the truth has no coloured edge. Neither enters a mean; both are counted out loud.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from colorize_tf.errors import InputError, shorten
from colorize_tf.frechet import Distance, of_few

__all__ = [
    "COLUMNS",
    "Column",
    "Row",
    "Statistic",
    "Summary",
    "csv_text",
    "json_text",
    "markdown_table",
    "read_json",
    "statistic",
    "summarize",
]

RESAMPLES = 2000  # enough that the ends of a 95 % interval move by less than a tenth of its width (Efron 1993, §19.3)
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Row:
    """One photo, one colorizer: the measures of `metrics.measure`, and how long the call took."""

    photo: str
    colorizer: str
    psnr: float  # dB, inf if identical
    ssim: float
    colourfulness: float  # Hasler & Süsstrunk
    true_colourfulness: float
    colourfulness_gap: float  # |difference of the two|
    ab_error: float  # Lab units
    accuracy: float  # % of pixels
    auc: float  # %
    false_colour: float  # % of pixels
    edge_error: float  # Lab units, NaN without edges
    milliseconds: float
    lpips: float = math.nan  # or the part of it that the networks at hand give


@dataclass(frozen=True)
class Column:
    """How one measure is shown."""

    title: str
    digits: int
    interval: bool = False  # show the bootstrap interval of the mean


COLUMNS: Mapping[str, Column] = {
    "psnr": Column("PSNR dB ↑", 2, interval=True),
    "ssim": Column("SSIM ↑", 3),
    "colourfulness": Column("colourfulness", 1),
    "colourfulness_gap": Column("its gap to truth ↓", 1),
    "ab_error": Column("ab error ↓", 2, interval=True),
    "accuracy": Column("within 10 % ↑", 1),
    "auc": Column("AuC % ↑", 2),
    "edge_error": Column("at edges ↓", 2),
    "false_colour": Column("false colour % ↓", 2),
    "lpips": Column("LPIPS ↓", 4, interval=True),
    "milliseconds": Column("ms", 1),
}


@dataclass(frozen=True)
class Statistic:
    """Mean with its bootstrap interval, NaN for fewer than two, and median, of the `count` finite values."""

    mean: float
    low: float
    high: float
    median: float
    count: int


@dataclass(frozen=True)
class Summary:
    """All photos, one colorizer."""

    colorizer: str
    photos: int
    identical: int  # predictions equal to the truth: their PSNR is infinite and in no mean
    true_colourfulness: float
    statistics: Mapping[str, Statistic]
    frechet: Distance | None = None  # of its pictures as a set from the true ones, where features were at hand


def summarize(rows: Iterable[Row], distances: Mapping[str, Distance] | None = None, *, seed: int = 0) -> list[Summary]:
    """Rows, and Fréchet distances by colorizer -> one summary per colorizer, in the order of their first rows.

    Every colorizer is resampled with the same seed, so intervals over the same photos can be compared.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.colorizer, []).append(row)
    return [
        Summary(
            colorizer=name,
            photos=len(group),
            identical=sum(row.psnr == math.inf for row in group),
            true_colourfulness=float(np.mean([row.true_colourfulness for row in group])),
            statistics={key: statistic([getattr(row, key) for row in group], seed=seed) for key in COLUMNS},
            frechet=(distances or {}).get(name),
        )
        for name, group in groups.items()
    ]


def statistic(values: Sequence[float], *, seed: int = 0) -> Statistic:
    """Values -> mean with the percentile bootstrap interval (Efron 1979), and median, of the finite ones."""
    finite = np.array([value for value in values if math.isfinite(value)], np.float64)
    if finite.size == 0:
        return Statistic(math.nan, math.nan, math.nan, math.nan, 0)
    if finite.size == 1:  # all resamples are the same: how far others would be from it, it cannot tell
        return Statistic(float(finite[0]), math.nan, math.nan, float(finite[0]), 1)
    random = np.random.default_rng(seed)
    means = [finite[random.integers(0, finite.size, finite.size)].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Statistic(float(finite.mean()), float(low), float(high), float(np.median(finite)), finite.size)


def markdown_table(summaries: Sequence[Summary], titles: Mapping[str, str] | None = None) -> str:
    """Summaries over the same photos -> a Markdown table of means, 95 % intervals in brackets.

    `titles` name columns anew, by their keys in `COLUMNS` or "frechet". LPIPS and Fréchet distance have a column only
    where they were measured.
    """
    extra = {"frechet": Column("Fréchet ↓", 2, interval=True)} if any(s.frechet for s in summaries) else {}
    measured = {key for s in summaries for key in COLUMNS if s.statistics[key].count}
    columns = {key: column for key, column in COLUMNS.items() if key in measured or key != "lpips"} | extra
    headings = [(titles or {}).get(key, column.title) for key, column in columns.items()]
    lines = ["| colorizer | " + " | ".join(headings) + " |", "|---|" + "---:|" * len(columns)]
    for summary in summaries:
        found = {**summary.statistics, "frechet": summary.frechet}
        cells = [_cell(found[key], column) for key, column in columns.items()]
        name = shorten(summary.colorizer).replace("|", r"\|")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def csv_text(rows: Iterable[Row]) -> str:
    """Rows -> CSV with a header line; `inf` and `nan` as Python, NumPy and pandas read them."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Row)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {key: f"{value:.6g}" if isinstance(value, float) else value for key, value in asdict(row).items()}
        for row in rows
    )
    return text.getvalue()


def json_text(report: Mapping[str, Any]) -> str:
    """Nested mappings, sequences and dataclasses of this module -> strict JSON; what is not finite becomes null."""
    return json.dumps(_plain(report), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read_json(path: Path) -> Any:
    """A file of JSON -> what it holds; one that cannot be read is an InputError."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # of JSON, or of UTF-8
        raise InputError(str(path), "is not readable JSON", str(error)) from None


def _cell(found: Statistic | Distance | None, column: Column) -> str:
    if found is None or found.count == 0:
        return "–"
    text = f"{found.mean if isinstance(found, Statistic) else found.value:.{column.digits}f}"
    if column.interval and not math.isnan(found.low):
        text += f" [{found.low:.{column.digits}f}, {found.high:.{column.digits}f}]"
    return text + of_few(found.count) if isinstance(found, Distance) else text


def _plain(value: Any) -> Any:
    if isinstance(value, (Row, Summary, Statistic, Distance)):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
