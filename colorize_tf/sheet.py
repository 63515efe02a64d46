"""Pictures with captions in rows and columns -> one contact sheet, RGB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = ["Cell", "Strip", "contact_sheet"]

SIDE = 256  # of a cell, px
GAP = 6
BREAK = 14  # after a strip, px
TEXT = 13  # font size, px
LINE = 18
PAPER, INK, FAINT = (255, 255, 255), (30, 30, 30), (120, 120, 120)


@dataclass(frozen=True)
class Cell:
    """A picture, uint8 [H,W] or [H,W,3], and the line under it."""

    picture: NDArray[np.uint8]
    caption: str = ""


@dataclass(frozen=True)
class Strip:
    """One photo: a line above, and its cells from left to right."""

    title: str
    cells: Sequence[Cell]


def contact_sheet(headings: Sequence[str], strips: Sequence[Strip], side: int = SIDE) -> Image.Image:
    """Column headings and strips -> the sheet; pictures are fitted into squares of `side` px, never cropped."""
    font = ImageFont.load_default(TEXT)
    columns = max([len(headings), *(len(strip.cells) for strip in strips)])
    width = columns * (side + GAP) + GAP
    heights = [
        LINE + max(_fitted(cell.picture, side).height for cell in strip.cells) + LINE + BREAK for strip in strips
    ]
    sheet = Image.new("RGB", (width, LINE + GAP + sum(heights)), PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, heading in enumerate(headings):
        draw.text((_left(column, side), GAP), _short(heading, font, side), INK, font)
    top = LINE + GAP
    for strip, height in zip(strips, heights, strict=True):
        draw.text((GAP, top), _short(strip.title, font, width - 2 * GAP), INK, font)
        for column, cell in enumerate(strip.cells):
            picture = _fitted(cell.picture, side)
            sheet.paste(picture, (_left(column, side), top + LINE))
            caption = _short(cell.caption, font, side)
            draw.text((_left(column, side), top + LINE + picture.height + 1), caption, FAINT, font)
        top += height
    return sheet


def _left(column: int, side: int) -> int:
    return GAP + column * (side + GAP)


def _fitted(picture: NDArray[np.uint8], side: int) -> Image.Image:
    image = Image.fromarray(picture).convert("RGB")
    whole = side // max(image.size)
    if whole >= 1:  # small pictures grow by whole pixels, so that what the network made stays visible
        return image.resize((image.width * whole, image.height * whole), Image.Resampling.NEAREST)
    scale = side / max(image.size)
    width, height = (max(1, round(edge * scale)) for edge in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def _short(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """The text with its middle left out where it is wider than `width` px: both ends of a file name tell it apart."""
    text = "".join(char if char.isprintable() else " " for char in text)
    if font.getlength(text) <= width:
        return text
    for keep in range(len(text) - 1, 0, -1):
        candidate = f"{text[: (keep + 1) // 2]}…{text[len(text) - keep // 2 :]}"
        if font.getlength(candidate) <= width:
            return candidate
    return ""
