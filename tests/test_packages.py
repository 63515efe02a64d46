"""What setup.cfg installs is what is there."""

from __future__ import annotations

import configparser
import re
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


def test_nothing_but_a_command_line_depends_on_export() -> None:
    """Exporting is the last step; what trains, paints or serves must not need the converter."""
    sources = [path for path in (ROOT / "colorize_tf").rglob("*.py") if "export" in path.read_text(encoding="utf-8")]
    imports = re.compile(r"^\s*(from|import) +(colorize_tf\.)?export\b|import export\b", re.MULTILINE)
    assert [path for path in sources if imports.search(path.read_text(encoding="utf-8"))] == []
