"""The rows of a study: which there are, what they train, and what of it is refused."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from colorize_tf.errors import InputError
from colorize_tf.flags import parse
from colorize_tf.study.__main__ import parser
from colorize_tf.study.plan import EPOCHS, MODELS, NEVER, entries, left_out, phases, train_command


def test_all_means_every_small_preset() -> None:
    rows = entries(["all"], [])
    assert [row.name for row in rows] == list(MODELS)
    assert {"autoencoder", "unet", "eccv16", "siggraph17", "cyclegan", "mobile"} <= set(MODELS)
    assert all(row.preset == f"{row.name}-small" for row in rows)
    assert [row.name for row in rows if row.two_sets] == ["cyclegan"]


def test_variants_and_rows_of_ones_own() -> None:
    rows = entries(["unet"], ["taught=unet --encoder-weights 'my file.pth'"], variants=True, paper=True)
    assert [row.name for row in rows] == ["unet", "unet-l1", "unet-gan", "taught"]
    assert rows[1].flags == ("--pretrain-epochs", str(NEVER))
    assert rows[3].flags == ("--encoder-weights", "my file.pth") and rows[3].preset == "unet"


def test_a_row_may_bring_pictures_of_its_own(tmp_path: Path) -> None:
    rows = entries([], ["own=unet --data folder:x", "radar=mcgan --data=unpaired:folder:a|folder:b", "plain=mcgan",
                        "sets=cyclegan"])  # fmt: skip
    assert [row.own_data for row in rows] == ["folder:x", "unpaired:folder:a|folder:b", None, None]
    assert [row.two_sets for row in rows] == [False, True, False, True]
    for row in rows[:2]:
        assert parse(train_command(row, tmp_path, "folder:photos", [])).config.data.data == row.own_data


def test_options_of_all_rows_may_complete_those_of_one(tmp_path: Path) -> None:
    (row,) = entries([], ["a=unet --backbone resnet50"])
    assert not row.two_sets
    config = parse(train_command(row, tmp_path, "folder:photos", ["--encoder-width", "64"])).config
    assert config.model.options()["backbone"] == "resnet50"


@pytest.mark.parametrize("paper", [False, True])
def test_residual_blocks_are_compared_with_those_of_the_preset(paper: bool) -> None:
    rows = entries(["cyclegan"], [], variants=True, paper=paper)
    blocks = [parse(["--preset", row.preset, "--out", "x", *row.flags]).config.model for row in rows[:-1]]
    assert sorted(model.options()["residual_blocks"] for model in blocks) == [3, 6, 9]
    assert rows[0].flags == () and rows[-1].name == "cyclegan-diverse"


@pytest.mark.parametrize("paper", [False, True])
def test_every_variant_is_a_command_that_train_takes(tmp_path: Path, paper: bool) -> None:
    for entry in entries(["all"], [], variants=True, paper=paper):
        config = parse(train_command(entry, tmp_path, None, phases(entry, EPOCHS))).config
        assert config.train.pretrain_epochs <= NEVER


def documented() -> list[list[str]]:
    """The commands of docs/comparison.md, as `main` takes them."""
    text = (Path(__file__).parents[1] / "docs" / "comparison.md").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for block in text.split("```")[1::2] for line in block.splitlines()]
    return [shlex.split(line)[3:] for line in lines if line.startswith("python -m colorize_tf.study ")]


def test_the_rows_of_the_documentation_can_be_trained(tmp_path: Path) -> None:
    commands = [parser().parse_args(words) for words in documented()]
    assert len(commands) >= 4
    rows = [row for given in commands for row in entries(given.models, given.row, variants=given.variants)]
    assert {"unet-l1", "unet-gan", "untaught", "taught", "autoencoder-global", "cyclegan-3"} <= {
        row.name for row in rows
    }
    for entry in rows:
        assert parse(train_command(entry, tmp_path, "folder:photos", phases(entry, EPOCHS))).config.data.data


@pytest.mark.parametrize(
    ("models", "row", "message"),
    [
        (["unett"], [], "--models: unknown name.*Did you mean unet"),
        ([], ["a=nothing"], "--row: unknown name"),
        ([], ["unet"], "--row: must look like NAME=MODEL OPTIONS"),
        ([], ["a='unet"], "--row: must look like NAME=MODEL OPTIONS.*No closing quotation"),
        ([], ["a/b=unet"], "--row: must be named by at most 100 letters, digits"),
        ([], ["..=unet"], "--row: must be named by"),  # would be the study's own folder
        ([], [".sheet=unet"], "--row: must be named by"),
        ([], ["-a=unet"], "--row: must be named by"),  # would be an option of evaluate
        ([], ["$a=unet"], "--row: must be named by"),  # would be a formula of matplotlib
        ([], ["gray=unet"], "--row: must be named by"),  # is the baseline
        ([], [f"{'a' * 101}=unet"], "--row: must be named by"),  # no file system has room for 300
        (["unet"], ["unet=dcgan"], "--row: needs a name that no other row has"),
        ([], ["a=unet --out runs/b --overwrite"], "--row: must leave --out to the study"),  # would replace that run
        ([], ["a=unet --preset=dcgan"], "--row: must leave --preset to the study. Received: --preset=dcgan"),
        ([], ["a=unet --epochs 9"], "--row: must leave --epochs to the study"),  # would not be heard
        ([], ["a=unet --help"], "--row: must leave --help to the study"),
    ],
)
def test_wrong_rows_are_refused(models: list[str], row: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        entries(models, row)


@pytest.mark.parametrize(
    ("model", "flags"),
    [
        ("unet", ["--pretrain-epochs", "10", "--warmup-epochs", "1"]),  # 20 and 1 of 40
        ("scgan", ["--pretrain-epochs", "13"]),  # 40 of 60
        ("mobile", ["--pretrain-epochs", str(NEVER), "--decay-from", "1", "--decay-until", "20"]),  # it has no other
        ("cyclegan", ["--decay-from", "11", "--decay-until", "20"]),  # 101 of 200
        ("autoencoder", []),
    ],
)
def test_phases_keep_their_shares(model: str, flags: list[str]) -> None:
    (entry,) = entries([model], [])
    assert phases(entry, 20) == flags


@pytest.mark.parametrize(
    ("row", "epochs", "lengths", "told"),
    [
        ("unet", 1, ("0", "0"), "--passes 1 leaves no epoch for --pretrain-epochs and --warmup-epochs"),
        ("unet", 2, ("1", "0"), "--passes 2 leaves no epoch for --warmup-epochs"),
        ("unet", 3, ("1", "1"), None),  # a half of three is two: the last would have none
        ("unet --pretrain-epochs=0 --warmup-epochs 0", 1, ("0", "0"), None),  # as it was asked for
        ("pix2pix-lab", 40, ("20", "2"), None),
    ],
)
def test_the_last_phase_is_reached(row: str, epochs: int, lengths: tuple[str, str], told: str | None) -> None:
    (entry,) = entries([], [f"row={row}"])
    flags = phases(entry, epochs)
    asked = dict(zip(flags[::2], flags[1::2], strict=True))
    assert (asked["--pretrain-epochs"], asked["--warmup-epochs"]) == lengths
    assert left_out(entry, epochs) == told
