"""A table as text: cells in rows, as Markdown and as HTML."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Table"]


@dataclass(frozen=True)
class Table:
    """Cells as text; a row that is shorter than the headings ends in a cell that says why. `marked` rows stand out."""

    title: str
    note: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    marked: frozenset[str] = frozenset()

    def markdown(self) -> str:
        """Markdown, the title included."""
        lines = [f"## {self.title}", "", self.note, ""] if self.note else [f"## {self.title}", ""]
        lines.append(f"| {' | '.join(self.headings)} |")
        lines.append("|---|" + "---:|" * (len(self.headings) - 1))
        for row in self.rows:
            cells = [cell.replace("|", "\\|") for cell in row]
            cells[0] = f"**{cells[0]}**" if row[0] in self.marked else cells[0]
            lines.append(f"| {' | '.join([*cells, *[''] * (len(self.headings) - len(cells))])} |")
        return "\n".join(lines)

    def page(self) -> str:
        """HTML, the title included."""
        note = f"<p>{html.escape(self.note)}</p>" if self.note else ""
        head = "".join(f"<th>{html.escape(heading)}</th>" for heading in self.headings)
        body = "".join(self._row(row) for row in self.rows)
        table = f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        return f"<h2>{html.escape(self.title)}</h2>{note}{table}"

    def _row(self, row: Sequence[str]) -> str:
        cells = [f"<th>{html.escape(row[0])}</th>", *(f"<td>{_interval(cell)}</td>" for cell in row[1:])]
        if len(row) < len(self.headings):
            span = len(self.headings) - len(row) + 1
            cells[-1] = f'<td class="why" colspan="{span}">{html.escape(row[-1])}</td>'
        return f"<tr{' class=best' if row[0] in self.marked else ''}>{''.join(cells)}</tr>"


def _interval(cell: str) -> str:
    """A cell as HTML, its interval in a line of its own."""
    value, bracket, rest = html.escape(cell).partition(" [")
    return f"{value}<small>[{rest}</small>" if bracket else value
