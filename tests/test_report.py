"""Results of a study as tables and as one page that needs nothing else."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colorize_tf.report import tables
from colorize_tf.report.__main__ import main, markdown
from colorize_tf.report.charts import curves
from colorize_tf.report.table import Table


def statistic(mean: float) -> dict[str, Any]:
    return {"mean": mean, "low": mean - 1, "high": mean + 1, "median": mean, "count": 9}


KEYS = ("psnr", "ssim", "colourfulness", "colourfulness_gap", "accuracy", "auc", "lpips")
ROW = {
    "name": "net", "model": "dcgan", "preset": "dcgan-small", "flags": [], "command": "python -m colorize_tf.train <x>",
    "commit": "abc", "failure": None, "export_failure": None, "minutes": 40.0, "steps": 900, "epochs": 19,
    "planned_epochs": 20, "passes": 3.25, "images_per_second": 12.5, "losses": {"g_loss": 7.0},
    "protocol": {"photos": 9, "size": 128, "lpips": "lpips-vgg", "frechet": "Fréchet some-net"},
    "parameters": 2_500_000, "macs": 1_250_000_000, "side": 128, "metrics": {key: statistic(20.0) for key in KEYS},
    "frechet": {"value": 12.0, "low": 11.0, "high": 13.0, "count": 900}, "gain": statistic(1.5),
    "true_colourfulness": 40.0,
    "gray": {"metrics": {key: statistic(18.0) for key in KEYS},
             "frechet": {"value": 30.0, "low": None, "high": None, "count": 900}},
    "export": {"bytes": 5_000_000, "latency_ms": {"1": 20.0, "2": 11.0}, "recipe": "float16", "machine": "a phone"},
}  # fmt: skip
FAILED = {"name": "bad|<net>", "model": "unet", "command": None, "commit": "abc", "failure": "no <memory> left"}
WAY = {"way": "A to B", "pictures": 15, "cycle": statistic(3.0), "diversity": 0.5,
       "frechet": ROW["frechet"], "untouched": ROW["frechet"]}  # fmt: skip
SWAP = {
    key: ROW[key] for key in ("commit", "command", "minutes", "epochs", "planned_epochs", "passes", "images_per_second")
}
SWAP |= {"name": "swap", "model": "cyclegan", "protocol": {"frechet": "Fréchet some-net"}, "translations": [WAY]}
STUDY = {"command": "", "minutes": 40.0, "passes": None, "weights": "best", "cores": 2, "rule": "A rule.",
         "best": "net", "rows": [ROW, FAILED, SWAP]}  # fmt: skip


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def quality(study: Mapping[str, Any]) -> Table:
    table = tables.quality(study)
    assert table is not None
    return table


def test_quality_has_gray_first_and_says_why_a_row_is_missing() -> None:
    heading, _, gray, net, failed = quality(STUDY).markdown().splitlines()[4:]
    assert cells(heading)[-3:] == ["lpips-vgg ↓", "Fréchet some-net ↓", "published, other data"]
    assert cells(gray)[:3] == ["gray", "18.00 [17.00, 19.00]", "–"] and cells(gray)[-2] == "30.00"
    assert cells(net)[:3] == ["**net**", "20.00 [19.00, 21.00]", "+1.50 [+0.50, +2.50]"]
    assert cells(net)[3] == "20.000 [19.000, 21.000]" and all("[19.0" in cell for cell in cells(net)[3:-2])
    assert cells(net)[-2:] == ["12.00 [11.00, 13.00]", "29.415 / 0.928 (DCGAN)"]
    assert cells(failed)[:3] == [r"bad\|<net>", "no result: no <memory> left", ""]
    assert len({len(cells(line)) for line in (heading, gray, net, failed)}) == 1


def test_a_study_without_any_result_has_tables_all_the_same() -> None:
    nothing = {**STUDY, "rows": [FAILED], "best": None}
    assert "no result" in quality(nothing).markdown() and "no result" in tables.cost(nothing).page()
    assert tables.translators(nothing) is None and tables.losses(nothing) is None


def test_cost_in_units_people_read() -> None:
    note, _, _, _, net = tables.cost(STUDY).markdown().splitlines()[2:7]
    assert note.startswith("Parameters and multiply-adds are those of colorizing one picture of 128×128.")
    assert cells(net)[1:] == ["2.50", "1.25", "5.00", "20.0 / 11.0", "12.5", "40.0", "3.25", "19 of 20"]


def test_translators_have_no_psnr() -> None:
    table = tables.translators(STUDY)
    assert table is not None and "PSNR" not in "".join(table.headings)
    assert list(table.rows[0][:3]) == ["swap", "A to B", "15"]
    gray = {**ROW, "exchange": {"val_cycle": 0.05, "val_diversity_ab": 0.9, "val_diversity_ba": 0.8}}
    table = tables.translators({**STUDY, "rows": [gray]})
    assert table is not None
    assert list(table.rows[0]) == ["net", "gray to colour", "9", "12.00 [11.00, 13.00]", "30.00", "0.0500", "0.90"]


def test_translators_alone_are_not_ranked() -> None:
    alone = {**STUDY, "rows": [SWAP, {**SWAP, "name": "other"}], "best": None}
    assert tables.quality(alone) is None
    text = markdown(alone)
    assert "There is no best" in text and "None qualifies" not in text and "PSNR dB ↑" not in text
    assert "None qualifies" in markdown({**alone, "rows": [SWAP, FAILED]})


def test_distances_of_few_pictures_are_marked() -> None:
    few = {**ROW["frechet"], "count": 15}
    swap = {**SWAP, "translations": [{**WAY, "frechet": few}]}
    table = tables.translators({**STUDY, "rows": [swap]})
    assert table is not None and list(table.rows[0][3:5]) == ["12.00 [11.00, 13.00] (N 15)", "12.00 [11.00, 13.00]"]
    assert table.note.endswith("(N …): a distance of fewer than 300 pictures, which is large for that alone.")
    assert "(N 15)</small>" in table.page()
    enough = tables.translators(STUDY)
    assert enough is not None and "(N" not in enough.markdown()
    assert "(N" not in quality(STUDY).markdown()
    net = quality({**STUDY, "rows": [{**ROW, "frechet": few}]})
    assert net.rows[1][-2] == "12.00 [11.00, 13.00] (N 15)" and "(N …)" in net.note


def test_losses_stand_beside_the_published_ones() -> None:
    losses = {"g_loss": 111.0, "g_l1": 110.0, "g_gan": 1.0, "d_loss": 0.5}
    row = {**ROW, "model": "pix2pix-lab", "losses": losses, "l1_weight": 1000.0}  # 12, 11 in the study's unit
    table = tables.losses({**STUDY, "rows": [row]})
    assert table is not None
    assert list(table.rows[0]) == ["published: baseline", "7.655", "6.427", "1.228", "0.555"]
    assert list(table.rows[1]) == ["net", "12.000", "11.000", "1.000", "0.500"]


def test_losses_in_which_l1_had_no_part_are_not_made_up() -> None:
    losses = {"g_loss": 1.0, "g_l1": 0.0, "g_gan": 1.0, "d_loss": 0.5}
    table = tables.losses({**STUDY, "rows": [{**ROW, "model": "unet", "losses": losses, "l1_weight": 0.0}]})
    assert table is not None and list(table.rows[1]) == ["net", "–", "–", "1.000", "0.500"]


def test_what_was_not_finite_is_a_dash() -> None:
    lost = {"mean": None, "low": None, "high": None, "median": None, "count": 0}
    swap = {**SWAP, "translations": [{**WAY, "cycle": lost, "diversity": None}]}
    gray = {**ROW, "exchange": {"val_cycle": None, "val_diversity_ab": None, "val_diversity_ba": 0.8}}
    table = tables.translators({**STUDY, "rows": [swap, gray]})
    assert table is not None and [list(row[-2:]) for row in table.rows] == [["–", "–"], ["–", "–"]]


def test_one_photo_has_no_interval() -> None:
    one = {"mean": 20.0, "low": None, "high": None, "median": 20.0, "count": 1}
    row = {**ROW, "metrics": dict.fromkeys(KEYS, one), "gain": {**one, "mean": 1.5}}
    assert quality({**STUDY, "rows": [row]}).rows[1][1:4] == ["20.00", "+1.50", "20.000"]


def test_curves_begin_where_training_began() -> None:
    history = [
        {"seconds": 60.0, "val_psnr": 20.0},
        {"seconds": 60.0},
        {"seconds": 60.0, "val_psnr": 21.0},
    ]
    svg = curves({"net": history, "new": []}, "val_psnr", "PSNR")
    assert svg is not None and svg.startswith("<svg") and svg == curves({"net": history}, "val_psnr", "PSNR")
    assert curves({"net": history}, "val_cycle", "cycle") is None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "results.json").write_text(json.dumps(STUDY))
    (tmp_path / "sheet").mkdir()
    (tmp_path / "runs" / "net").mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    for place in (tmp_path / "sheet" / "sheet.png", tmp_path / "runs" / "net" / "curves.png"):
        Image.fromarray(noise).save(place)
    (tmp_path / "runs" / "net" / "history.csv").write_text(
        "phase,seconds,val_psnr,val_psnr_gray\nl1,60,20,19\nl1,60,,\n"
    )
    return tmp_path


def test_the_page_needs_nothing_else(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder)]) == 0
    assert capsys.readouterr().err == f"wrote {folder / 'comparison.html'}\n"
    page = (folder / "comparison.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 1 and page.count("data:image/png;base64,") == 1
    assert page.count("<svg") == 1
    # Namespaces are names, not places; everything else that could be fetched would show here.
    outside = re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?(?!data:|#)([^"\')\s>]+)', page)
    assert outside == [] and "<script" not in page and "@import" not in page
    assert "no &lt;memory&gt; left" in page and "<memory>" not in page and "&lt;x&gt;" in page
    assert "class=best" in page and "Best: net. A rule." in page
    assert "**net**" in (folder / "comparison.md").read_text()


def test_the_page_shows_the_last_translations(folder: Path) -> None:
    (folder / "runs" / "swap" / "samples").mkdir(parents=True)
    for epoch, shade in (("0009", 0), ("0010", 255)):
        Image.new("RGB", (48, 8), (shade,) * 3).save(folder / "runs" / "swap" / "samples" / f"exchange-{epoch}.png")
    assert main([str(folder)]) == 0
    found = re.search(r'alt="translations by swap" width="48" height="8" src="data:image/jpeg;base64,([^"]+)"',
                      (folder / "comparison.html").read_text())  # fmt: skip
    assert found is not None
    with Image.open(io.BytesIO(base64.b64decode(found[1]))) as shown:
        assert shown.getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("content", [
    "{", "[]", '{"rows": 3}', "\x00\xff", '{"rows": [{"name": "a"}]}', '{"rows": [], "minutes": 1}', '{"rows": [1]}',
    json.dumps({**STUDY, "rows": [{**ROW, "gain": {**statistic(1.5), "mean": "a"}}]}),
])  # fmt: skip
def test_damaged_results_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str) -> None:
    (tmp_path / "results.json").write_text(content, encoding="latin-1")
    assert main([str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {tmp_path / 'results.json'}: ") and error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


@pytest.mark.parametrize(("name", "content"), [
    ("runs/net/history.csv", b"seconds,val_psnr\n60,20\n60,2x\n"), ("runs/net/history.csv", b"seconds\n\xff\n"),
    ("runs/net/history.csv", b"epoch,val_psnr\n1,20\n"), ("runs/net/history.csv", b"seconds\n60,20\n"),
    ("sheet/sheet.png", b"junk"), ("sheet/sheet.png", None), ("runs/net/curves.png", b""),
])  # fmt: skip
def test_a_damaged_file_is_named_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes | None
) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:200] if content is None else content)  # half a picture
    assert main([str(folder)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {path}: must be ") and error.count("\n") == 1
    assert not (folder / "comparison.html").exists()


@pytest.mark.parametrize(
    ("budget", "told"),
    [({"minutes": 40.0}, "40 minutes of"), ({"minutes": None, "passes": 1}, "1 pass for"),
     ({"minutes": None, "passes": 3}, "3 passes for")],
)  # fmt: skip
def test_the_page_begins_with_the_budget(folder: Path, budget: dict[str, Any], told: str) -> None:
    (folder / "results.json").write_text(json.dumps({**STUDY, **budget}))
    assert main([str(folder)]) == 0
    assert (folder / "comparison.md").read_text().startswith(told)


def test_a_folder_without_results_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert "study: must be the folder of a study" in capsys.readouterr().err
