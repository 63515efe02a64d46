"""Translators are judged without a truth: by what they do to pictures on their way there and back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from colorize_tf.checkpoints import save_best
from colorize_tf.config import DataConfig, RunConfig, save_config
from colorize_tf.datasets import Unpaired, open_source
from colorize_tf.errors import InputError, RunError
from colorize_tf.evaluate import main
from colorize_tf.families import FAMILIES
from colorize_tf.models import build
from colorize_tf.unpaired import judge_translator

from .conftest import colourful


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    found = {}
    for number, name in enumerate("ab"):
        found[name] = tmp_path_factory.mktemp(name)
        for index in range(9 + number):  # sets need not have one size
            Image.fromarray(colourful(100 * number + index)).save(found[name] / f"{index}.png")
    return found


def translator(there: Any, back: Any) -> Any:
    return SimpleNamespace(model=SimpleNamespace(of_a=lambda x: x, there=there, back=back))


def both(folders: dict[str, Path]) -> Unpaired:
    return Unpaired(*(open_source(f"folder:{folder}") for folder in folders.values()))


def test_the_way_back_undoes_the_way_there(folders: dict[str, Path]) -> None:
    there, back = judge_translator(translator(lambda x: -x, lambda x: -x), both(folders), 32)
    assert (there.way, there.pictures, back.pictures) == ("A to B", 9, 10)
    assert there.cycle.mean == pytest.approx(0, abs=1e-6) and back.cycle.count == 10
    assert there.diversity == pytest.approx(1, abs=1e-3)  # negatives are as different as the pictures are
    assert there.frechet is None


def test_a_way_back_that_leads_elsewhere(folders: dict[str, Path]) -> None:
    there, _ = judge_translator(translator(lambda x: x, lambda x: x + 0.2), both(folders), 32)
    assert there.cycle.mean == pytest.approx(0.1, abs=1e-5)  # 0.2 of -1..1 is a tenth of 0..1


def test_a_collapsed_translator_has_no_diversity(folders: dict[str, Path]) -> None:
    there, _ = judge_translator(translator(lambda x: 0 * x + 0.3, lambda x: x), both(folders), 32)
    assert there.diversity == 0


def test_distances_are_those_of_the_set_to_look_like(folders: dict[str, Path]) -> None:
    def features(pictures: np.ndarray) -> np.ndarray:
        return pictures.mean((1, 2))

    still = translator(lambda x: x, lambda x: x)
    there, back = judge_translator(still, both(folders), 32, features)  # type: ignore[arg-type]
    assert there.frechet is not None and there.untouched is not None and back.frechet is not None
    assert there.frechet.value == pytest.approx(there.untouched.value, rel=0.01) and there.frechet.value > 1
    assert back.frechet.value == pytest.approx(there.frechet.value, rel=0.01)
    dark, _ = judge_translator(translator(lambda x: 0.5 * x - 0.5, lambda x: x), both(folders), 32, features)  # type: ignore[arg-type]
    assert dark.frechet is not None and dark.frechet.value > there.frechet.value


def test_one_picture_is_no_set(folders: dict[str, Path]) -> None:
    sets = both(folders)
    with pytest.raises(InputError, match="at least two pictures in each set"):
        judge_translator(translator(lambda x: x, lambda x: x), Unpaired(sets.a.sample(1), sets.b), 32)


def test_a_picture_that_becomes_unreadable_is_named(folders: dict[str, Path], tmp_path: Path) -> None:
    a = open_source(f"folder:{shutil.copytree(folders['a'], tmp_path / 'a')}")
    (tmp_path / "a" / "3.png").unlink()
    with pytest.raises(RunError, match=r"--data: 3\.png could not be read any more"):
        judge_translator(translator(lambda x: x, lambda x: x), Unpaired(a, a), 32)


def test_evaluate_judges_a_translator(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keras.utils.set_random_seed(1)
    family = FAMILIES["cyclegan"](name="cyclegan", size=32, base_width=4, residual_blocks=1)
    data = DataConfig(data=f"unpaired:folder:{folders['a']}|folder:{folders['b']}", test_share=0.5, val_share=0.1)
    run = tmp_path / "run"
    run.mkdir()
    save_config(RunConfig(preset="cyclegan", model=family, data=data), run / "config.json")
    model = build("cyclegan", **family.options())
    save_best(run, model, {})
    (tmp_path / "out").mkdir()
    for name in ("evaluation.json", "rows.csv", "sheet.png", "mine.txt"):  # the first three of a colorizer
        (tmp_path / "out" / name).touch()
    assert main([str(run), "--out", str(tmp_path / "out"), "--overwrite"]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"evaluation.json", "table.md", "mine.txt"}
    assert "| run | A to B |" in capsys.readouterr().out
    result = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert [way["way"] for way in result["translations"]["run"]] == ["A to B", "B to A"]
    assert 0 < result["translations"]["run"][0]["cycle"]["mean"] < 1
    weights = sum(int(np.prod(weight.shape)) for weight in model.generator.weights)
    assert result["networks"]["run"]["parameters"] == weights

    def features(pictures: np.ndarray) -> np.ndarray:
        return pictures.mean((1, 2))

    features.name = "some-net"  # type: ignore[attr-defined]
    monkeypatch.setattr("colorize_tf.unpaired.open_features", lambda _: features)
    assert main([str(run), "--features", "some.npz"]) == 0
    shown, said = capsys.readouterr()
    count = min(way["pictures"] for way in result["translations"]["run"])
    assert f"(N {count})" in shown and f"Fréchet distance: {count} pictures are few (below 300)" in said

    assert main([str(run), "--size", "34"]) == 2
    assert "--size: must be a multiple of 4 from 32 for run. Received: 34." in capsys.readouterr().err
    for words in (["--lpips", "a", "b"], ["--vivid", "1"], ["--scans", "folder:x"], ["--levels"]):
        assert main([str(run), *words]) == 2
        assert "--levels: are for runs that colorize" in capsys.readouterr().err
