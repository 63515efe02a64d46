"""What setup.cfg installs is what is there."""

from __future__ import annotations

import configparser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_every_package_is_listed() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    listed = set(setup["options"]["packages"].split())
    folders = [path.parent.relative_to(ROOT) for path in (ROOT / "colorize_tf").rglob("__init__.py")]
    assert listed == {".".join(folder.parts) for folder in folders} | {"colorize_tf.export"}


def test_export_is_one_package_under_two_names() -> None:
    from colorize_tf.export import recipes

    assert Path(recipes.__file__) == ROOT / "export" / "recipes.py"
