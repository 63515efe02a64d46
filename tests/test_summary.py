"""Rows become the numbers and the files that people read."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace

import numpy as np
import pytest

from colorize_tf.frechet import Distance
from colorize_tf.summary import COLUMNS, Row, csv_text, json_text, markdown_table, statistic, summarize

ROW = Row(
    photo="a.jpg", colorizer="mine", psnr=20.0, ssim=0.9, colourfulness=30.0, true_colourfulness=40.0,
    colourfulness_gap=10.0, ab_error=12.5, accuracy=45.0, auc=91.0, false_colour=1.25, edge_error=15.0,
    milliseconds=7.0,
)  # fmt: skip


def test_mean_and_median() -> None:
    result = statistic([1.0, 2.0, 9.0])
    assert (result.mean, result.median, result.count) == (4.0, 2.0, 3)


def test_bootstrap_interval_equals_scipy() -> None:
    from scipy.stats import bootstrap

    values = np.random.default_rng(3).normal(20, 4, 60)
    theirs = bootstrap((values,), np.mean, n_resamples=9999, method="percentile", rng=1).confidence_interval
    ours = statistic(values.tolist())
    # Both ends are estimates: two seeds differ by some hundredths here.
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.08)


def test_interval_is_repeatable() -> None:
    assert statistic([1.0, 5.0, 7.0]) == statistic([1.0, 5.0, 7.0])


def test_infinite_and_undefined_values_enter_no_mean() -> None:
    result = statistic([20.0, math.inf, 30.0, math.nan])
    assert (result.mean, result.count) == (25.0, 2)


def test_nothing_finite_is_shown_as_a_dash() -> None:
    table = markdown_table(summarize([replace(ROW, psnr=math.inf)]))
    assert table.splitlines()[-1].startswith("| mine | – |")


def test_one_summary_for_each_colorizer_in_order() -> None:
    summaries = summarize([ROW, replace(ROW, colorizer="gray"), replace(ROW, photo="b.jpg", psnr=math.inf)])
    assert [(s.colorizer, s.photos, s.identical) for s in summaries] == [("mine", 2, 1), ("gray", 1, 0)]


def test_table_row() -> None:
    row = markdown_table(summarize([ROW, ROW])).splitlines()[-1]
    cells = "20.00 [20.00, 20.00] | 0.900 | 30.0 | 10.0 | 12.50 [12.50, 12.50] | 45.0 | 91.00 | 15.00 | 1.25 | 7.0"
    assert row == f"| mine | {cells} |"


def test_one_photo_has_no_interval() -> None:
    result = statistic([3.0, math.inf])
    assert (result.mean, result.median, result.count) == (3.0, 3.0, 1)
    assert math.isnan(result.low) and math.isnan(result.high)
    summaries = summarize([ROW])
    assert "| 20.00 | 0.900 |" in markdown_table(summaries)
    read = json.loads(json_text({"summaries": summaries}))["summaries"][0]["statistics"]["psnr"]
    assert (read["mean"], read["low"], read["high"]) == (20.0, None, None)


def test_what_a_network_judged_has_a_column_of_its_own_name() -> None:
    judged = replace(ROW, lpips=0.25)
    distances = {"mine": Distance(12.0, 10.0, 14.0, 400), "gray": Distance(30.0, math.nan, math.nan, 4)}
    summaries = summarize([judged, judged, replace(judged, colorizer="gray")], distances)
    heading, _, mine, gray = markdown_table(summaries, {"frechet": "Fréchet some-net ↓"}).splitlines()
    assert heading.split(" | ")[-3:] == ["LPIPS ↓", "ms", "Fréchet some-net ↓ |"]
    assert mine.endswith("| 0.2500 [0.2500, 0.2500] | 7.0 | 12.00 [10.00, 14.00] |")
    assert gray.endswith("| 30.00 (N 4) |")
    assert not {"LPIPS", "Fréchet"} & set(markdown_table(summarize([ROW])).replace("|", " ").split())


def test_a_name_cannot_break_the_table() -> None:
    table = markdown_table(summarize([replace(ROW, colorizer="a|b\nc")]))
    assert r"| a\|b c |" in table


def test_csv_reads_back() -> None:
    rows = [replace(ROW, photo='quoted "name", with comma.jpg', psnr=math.inf, edge_error=math.nan)]
    (read,) = csv.DictReader(io.StringIO(csv_text(rows)))
    assert read["photo"] == rows[0].photo
    assert float(read["psnr"]) == math.inf
    assert math.isnan(float(read["edge_error"]))
    assert float(read["false_colour"]) == 1.25


def test_json_is_strict_and_complete() -> None:
    rows = [replace(ROW, psnr=math.inf, edge_error=math.nan)]
    text = json_text({"rows": rows, "summaries": summarize(rows)})
    read = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert read["rows"][0]["psnr"] is None
    assert read["rows"][0]["edge_error"] is None
    assert read["summaries"][0]["statistics"].keys() == COLUMNS.keys()
    assert read["summaries"][0]["statistics"]["ab_error"]["mean"] == 12.5
