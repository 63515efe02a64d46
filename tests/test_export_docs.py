"""The pages on model files and on their export say what is so."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from colorize_tf.edge.card import CONTRACT, METADATA, Card
from colorize_tf.errors import InputError
from colorize_tf.export.__main__ import main, parser
from colorize_tf.export.recipes import RECIPES

DOCS = Path(__file__).resolve().parents[1] / "docs"


def table(page: str, heading: str) -> list[list[str]]:
    """The rows of the table whose first column has this heading."""
    lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {heading} |")) + 2
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def test_every_key_of_the_card_is_explained() -> None:
    rows = table("model-format.md", "key")
    explained = [name for row in rows for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(explained) == sorted(field.name for field in fields(Card))
    required = {name for row in rows if "required" in row[1] for name in re.findall(r"`(\w+)`", row[0])}
    card = json.loads(Card("n", "r", height=None, width=None, ab_scale=1).text())
    for name in card:
        without = json.dumps({key: value for key, value in card.items() if key != name})
        if name in required:
            with pytest.raises(InputError, match=name):
                Card.parse(without)
        else:
            Card.parse(without)
    defaults = {field.name: field.default for field in fields(Card)}
    for row in rows:
        if given := re.search(r", (\d+|false|\"\d+\")$", row[1]):
            names = re.findall(r"`(\w+)`", row[0])
            assert {str(defaults[name]).lower() for name in names} == {given[1].strip('"')}


def test_the_contract_has_the_version_that_the_page_describes() -> None:
    page = (DOCS / "model-format.md").read_text(encoding="utf-8")
    assert f"contract version {CONTRACT}" in page
    assert f"`{METADATA}`" in page


def test_the_recipes_of_the_page_are_those_of_the_table() -> None:
    rows = table("export.md", "recipe")
    said = {row[0].strip("`"): (row[1], row[2].replace("`", "")) for row in rows}
    assert said == {
        name: (f"{recipe.bounds.mean:g} / {recipe.bounds.worst:g}", recipe.hardware) for name, recipe in RECIPES.items()
    }


def test_the_options_of_the_page_are_those_of_the_command() -> None:
    known = {option for action in parser()._actions for option in action.option_strings}
    for row in table("export.md", "option"):
        assert set(re.findall(r"`(--[\w-]+)", row[0])) <= known


def test_the_installed_command_is_this_one() -> None:
    (command,) = entry_points(group="console_scripts", name="colorize-export")
    assert command.load() is main
