"""How strong reds are rounded: a step of their red changes luminance more than one of their green does.

Were green to make up for red there, it would jump by several codes where red changes by one, so that hosts whose ab
differ in the last digits would no longer agree. Red is rounded alone, and green makes up for nearly half of a code.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from colorize_tf.edge.space import CODE_AT, CUT_AT, MOST, Tables

__all__ = ["REDDISH", "round_reds"]

Array = np.ndarray[Any, Any]

REDDISH = 15.0  # of a, below which there are none: in sRGB the faintest, nearly black, has 16
TIMES = 7  # that red's light is at least green's, where there are some: in sRGB 8


def round_reds(tables: Tables, red: Array, green: Array, blue: Array) -> tuple[Array, Array, Array, Array] | None:
    """Linear light in steps, int32 [n] each -> which pixels are such reds, and their codes as `encode` has them.

    The codes are those that `Cut.encode` writes: red, green << 8 and blue << 16, with other bits beside them.
    """
    where = np.flatnonzero(green * TIMES < red)
    if not where.size:
        return None
    red, green, blue = red[where], green[where] + MOST, blue[where]
    packed = tables.red[red].astype(np.int64)
    step, code, lack = packed & (1 << CODE_AT) - 1, packed >> CODE_AT & 0xFF, (packed >> CUT_AT) - MOST
    room = tables.green_step[tables.green[green] >> 8 & 0xFF]
    chosen = np.flatnonzero(step > room)
    up = 2 * lack > step
    green = green + np.clip(lack - up * step, -(room * 7 // 16), room * 7 // 16)
    code_of_green = tables.green[green]
    code_of_blue = tables.blue[blue] + (code_of_green >> 16)
    return where[chosen], (code + up)[chosen], code_of_green[chosen], code_of_blue[chosen]
