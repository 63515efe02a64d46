"""Contact sheets show what they are given, where it belongs."""

from __future__ import annotations

import numpy as np

from colorize_tf.sheet import BREAK, GAP, LINE, Cell, Strip, contact_sheet


def solid(colour: tuple[int, int, int], height: int = 32, width: int = 32) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def test_columns_and_rows_hold_their_pictures() -> None:
    red, blue = solid((200, 0, 0)), solid((0, 0, 200))
    sheet = np.asarray(contact_sheet(["one", "two"], [Strip("a", [Cell(red), Cell(blue)])], side=64))
    top = LINE + GAP + LINE
    assert tuple(sheet[top + 32, GAP + 32]) == (200, 0, 0)
    assert tuple(sheet[top + 32, GAP + 64 + GAP + 32]) == (0, 0, 200)


def test_small_pictures_grow_by_whole_pixels() -> None:
    random = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    sheet = np.asarray(contact_sheet(["one"], [Strip("a", [Cell(random)])], side=64))
    top = LINE + GAP + LINE
    assert np.array_equal(sheet[top : top + 64, GAP : GAP + 64], random.repeat(4, axis=0).repeat(4, axis=1))


def test_large_and_oblong_pictures_are_fitted_whole() -> None:
    picture = solid((0, 160, 0), height=100, width=200)
    sheet = np.asarray(contact_sheet(["one"], [Strip("a", [Cell(picture)])], side=64))
    assert (sheet == (0, 160, 0)).all(-1).sum() == 64 * 32


def test_captions_leave_ink_and_long_ones_stay_in_their_column() -> None:
    cells = [Cell(solid((255, 255, 255)), "x" * 400), Cell(solid((255, 255, 255)))]
    sheet = np.asarray(contact_sheet(["", ""], [Strip("", cells)], side=64))
    captions = (sheet < 200).any(-1)[-LINE - BREAK :]
    assert captions[:, : GAP + 64].any()
    assert not captions[:, GAP + 64 :].any()


def test_gray_pictures_are_accepted() -> None:
    sheet = contact_sheet([""], [Strip("", [Cell(np.full((32, 32), 77, np.uint8))])], side=32)
    assert sheet.getpixel((GAP + 16, LINE + GAP + LINE + 16)) == (77, 77, 77)
