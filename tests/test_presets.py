"""What the documentation says of the presets is what they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from colorize_tf.presets import PRESETS

SMALLER = {"batch", "cache"}  # of all small presets, beside what a network's SMALL says


def documented() -> dict[str, dict[str, str]]:
    """The table of docs/networks.md: preset -> options that it has and the large one has not."""
    text = (Path(__file__).parents[1] / "docs" / "networks.md").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = {}
    for names, settings, *_ in re.findall(r"^\| (`[^|]*-small`[^|]*) \| ([^|]*) \| ([^|]*) \|", text, re.MULTILINE):
        given = dict(re.findall(r"--([a-z0-9-]+) ([^`\s]+)", settings))
        for name in re.findall(r"`([^`]+)`", names):
            found.setdefault(name, {}).update(given)
    return found


def changed(name: str) -> dict[str, Any]:
    """The options of a small preset that are others than those of the large one, but for its size."""
    small, large = PRESETS[name].config, PRESETS[name.removesuffix("-small")].config
    left = SMALLER | set(type(small.model).SMALL)
    return {
        key.replace("_", "-"): value
        for part, other in zip(small.parts().values(), large.parts().values(), strict=True)
        for key, value in vars(part).items()
        if value != getattr(other, key) and key not in left
    }


@pytest.mark.parametrize("name", [name for name in PRESETS if name.endswith("-small")])
def test_what_a_small_preset_changes_is_documented(name: str) -> None:
    told = documented().get(name, {})
    found = changed(name)
    assert told.keys() == found.keys()
    for option, value in found.items():
        assert told[option] == value if isinstance(value, str) else float(told[option]) == value
