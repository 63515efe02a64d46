"""The folder of a study -> comparison.html, one page that needs nothing else, and comparison.md.

python -m colorize_tf.report study
"""

from __future__ import annotations

import base64
import html
import io
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from colorize_tf.atomic import write_text
from colorize_tf.errors import InputError, command_line
from colorize_tf.parsing import Parser
from colorize_tf.report import tables
from colorize_tf.report.charts import curves, read_history
from colorize_tf.report.table import Table
from colorize_tf.summary import read_json

__all__ = ["main", "markdown", "page"]

STYLE = """
:root { color-scheme: light; --ink: #1c1e21; --faint: #666b73; --line: #e2e4e8; --best: #fff6d6; }
body { margin: 2.5rem auto; max-width: 76rem; padding: 0 1.25rem; color: var(--ink); background: #fff;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .4rem; } h2 { font-size: 1.2rem; margin: 2.4rem 0 .3rem; }
p { max-width: 60rem; margin: .3rem 0 .8rem; } .faint, h2 + p { color: var(--faint); font-size: .9rem; }
.verdict { background: var(--best); padding: .7rem 1rem; border-radius: .4rem; max-width: 58rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .84rem; font-variant-numeric: tabular-nums; }
th, td { padding: .32rem .6rem; text-align: right; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { vertical-align: bottom; font-weight: 600; max-width: 8.5rem; } th:first-child { text-align: left; }
tbody th { font-weight: 500; white-space: nowrap; position: sticky; left: 0; background: #fff; }
tr.best th, tr.best td { background: var(--best); }
td small { display: block; color: var(--faint); white-space: nowrap; }
td.why { text-align: left; color: #a33; } img, svg { max-width: 100%; height: auto; }
.sheet img { max-width: none; }
details { border-top: 1px solid var(--line); padding: .4rem 0; } summary { cursor: pointer; }
code { font: .8rem/1.4 ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
"""
SHEET_QUALITY = 88


def page(folder: Path, study: Mapping[str, Any]) -> str:
    """A study's folder and its results -> HTML with everything inside."""
    histories = {row["name"]: read_history(folder / "runs" / row["name"]) for row in study["rows"]}
    parts = [f"<h1>Colorization networks, trained alike</h1><p>{html.escape(_budget(study))}</p>"]
    parts.append(f'<p class="verdict">{html.escape(_verdict(study))}</p>')
    parts += [table.page() for table in _tables(study, tables.quality, tables.translators, tables.cost)]
    if svg := curves(histories, "val_psnr", "PSNR on validation photos, dB", "val_psnr_gray"):
        parts.append(f"<h2>Learning</h2>{svg}")
    if svg := curves(histories, "val_cycle", "cycle error on validation pictures"):
        parts.append(f"<h2>Learning without pairs</h2>{svg}")
    sheet = folder / "sheet" / "sheet.png"
    if sheet.is_file():
        shown = _picture(sheet, "JPEG", "photos coloured by each network")
        parts.append(f'<h2>The same photos</h2><div class="wide sheet">{shown}</div>')
    parts += [table.page() for table in _tables(study, tables.losses)]
    parts += [tables.published().page(), tables.imagenet().page()]
    parts.append("<h2>Each training</h2>")
    parts += [_training(folder, row) for row in study["rows"]]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
    title = "<title>Colorization networks, trained alike</title>"
    return f'<!doctype html><html lang="en"><head>{head}{title}</head><body>{"".join(parts)}</body></html>\n'


def _tables(study: Mapping[str, Any], *makers: Callable[[Mapping[str, Any]], Table | None]) -> list[Table]:
    """The tables that there is something to put into."""
    return [table for make in makers if (table := make(study)) is not None]


def _budget(study: Mapping[str, Any]) -> str:
    minutes, passes = study["minutes"], study["passes"]
    budget = f"{minutes:g} minutes of training steps" if minutes else f"{passes} pass{'es' if passes > 1 else ''}"
    commits = dict.fromkeys(name for row in study["rows"] for name in (row.get("commit") or "").split(", ") if name)
    told = f", code {', '.join(commits)}" if commits else ""
    return f"{budget} for each, on {study['cores']} cores; the {study['weights']} weights of each training{told}."


def _verdict(study: Mapping[str, Any]) -> str:
    if all(tables.translates(row) for row in study["rows"]):
        return "There is no best of networks that translate: what their pictures should be nobody knows."
    named = f"Best: {study['best']}." if study["best"] else "None qualifies as best."
    return f"{named} {study['rule']}"


def _training(folder: Path, row: Mapping[str, Any]) -> str:
    curve = folder / "runs" / row["name"] / "curves.png"
    inside = [f"<p><code>{html.escape(row['command'] or 'not trained')}</code></p>"]
    failures = {"": row.get("failure"), "export: ": row.get("export_failure")}
    inside += [f'<p class="faint">{html.escape(what + why)}</p>' for what, why in failures.items() if why]
    if curve.is_file():
        inside.append(_picture(curve, "PNG", f"losses of {row['name']}"))
    if exchanged := sorted((folder / "runs" / row["name"] / "samples").glob("exchange-*.png")):
        inside.append(
            "<p>A picture of the first set, what was made of it, and back | the same from the second set.</p>"
        )
        inside.append(_picture(exchanged[-1], "JPEG", f"translations by {row['name']}"))
    return f"<details><summary>{html.escape(row['name'])}</summary>{''.join(inside)}</details>"


def _picture(path: Path, kind: str, text: str) -> str:
    """A picture file as an element with its bytes inside."""
    buffer = io.BytesIO()
    try:
        with Image.open(path) as image:
            image.convert("RGB").save(buffer, kind, quality=SHEET_QUALITY, optimize=True)
            width, height = image.size
    except (OSError, SyntaxError, ValueError) as error:  # as Pillow has them for junk, and for half a file
        raise InputError(str(path), "must be a picture", str(error), "Remove it.") from None
    data = base64.b64encode(buffer.getvalue()).decode()
    source = f"data:image/{kind.lower()};base64,{data}"
    return f'<img alt="{html.escape(text)}" width="{width}" height="{height}" src="{source}">'


def markdown(study: Mapping[str, Any]) -> str:
    """Results of a study -> Markdown."""
    made = _tables(study, tables.quality, tables.translators, tables.cost, tables.losses)
    made += [tables.published(), tables.imagenet()]
    return "\n\n".join([_budget(study), _verdict(study), *(table.markdown() for table in made)]) + "\n"


@command_line
def main(argv: Sequence[str] | None = None) -> int:
    """Command line -> the page and the tables, in the study's folder; returns the exit code."""
    parser = Parser(
        prog="python -m colorize_tf.report",
        description="Writes comparison.html and comparison.md from the results of a study.",
        epilog="example: python -m colorize_tf.report study",
    )
    parser.add_argument("study", type=Path, help="folder that `python -m colorize_tf.study` wrote")
    folder: Path = parser.parse_args(argv).study
    results = folder / "results.json"
    if not results.is_file():
        raise InputError("study", "must be the folder of a study, with its results.json", str(folder))
    study = read_json(results)
    if not isinstance(study, dict) or not isinstance(study.get("rows"), list):
        raise InputError(str(results), "must hold the results of a study", study)
    try:
        written = {"comparison.md": markdown(study), "comparison.html": page(folder, study)}
    except (KeyError, TypeError, AttributeError, ValueError) as error:  # of another version, or changed by hand
        rule = "must hold the results of a study, all of them"
        raise InputError(str(results), rule, f"{type(error).__name__} {error}") from None
    for name, text in written.items():
        write_text(folder / name, text)
    print(f"wrote {folder / 'comparison.html'}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
