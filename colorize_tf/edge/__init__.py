"""What colorizes photographs without TensorFlow: the protocol, and the names most callers need.

>>> from colorize_tf.edge import TfliteColorizer
>>> rgb = TfliteColorizer()(gray)        # uint8 [H,W] or [H,W,3] -> uint8 [H,W,3]

Everything that colorizes (a TFLite file, a run folder, a fake in a test) is a `Colorizer`, and what only needs colour
asks for nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from colorize_tf.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from colorize_tf.edge.fusion import Chroma, fuse
    from colorize_tf.edge.tflite import TfliteColorizer

__all__ = ["Chroma", "Colorizer", "Hint", "TfliteColorizer", "fuse"]


@dataclass(frozen=True)
class Hint:
    """A colour the user wants at (`x`, `y`), in pixels of the photo; `radius` None leaves the size to the model."""

    x: float
    y: float
    colour: tuple[int, int, int]  # sRGB, 0..255
    radius: float | None = None

    @classmethod
    def parse(cls, text: str) -> Hint:
        """`X,Y,#RRGGBB` or `X,Y,#RRGGBB,RADIUS` -> a hint."""
        parts = [part.strip() for part in text.split(",")]
        try:
            if len(parts) not in (3, 4) or len(parts[2]) != 7 or parts[2][0] != "#":
                raise ValueError
            x, y, *rest = (float(part) for part in (*parts[:2], *parts[3:]))
            red, green, blue = bytes.fromhex(parts[2][1:])
            if not all(abs(value) < 1e9 for value in (x, y, *rest)) or any(value <= 0 for value in rest):
                raise ValueError
        except ValueError:
            raise InputError("--hint", "must look like X,Y,#RRGGBB or X,Y,#RRGGBB,RADIUS", text) from None
        return cls(x, y, (red, green, blue), rest[0] if rest else None)


@runtime_checkable
class Colorizer(Protocol):
    """Gives a photograph colour and leaves its luma alone."""

    def __call__(self, image: np.ndarray, hints: Sequence[Hint] | None = None) -> np.ndarray:
        """uint8 [H,W] gray or [H,W,3] sRGB -> uint8 [H,W,3] sRGB of the same size and CIE L."""
        ...


def __getattr__(name: str) -> Any:
    # Imported on demand, so that a program that only names the protocol pays for neither NumPy tables nor a runtime.
    if name in ("Chroma", "fuse"):
        from colorize_tf.edge import fusion

        return getattr(fusion, name)
    if name == "TfliteColorizer":
        from colorize_tf.edge.tflite import TfliteColorizer

        return TfliteColorizer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
