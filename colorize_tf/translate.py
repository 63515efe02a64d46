"""A trained run that makes pictures of one set into those of another, such as photos into paintings.

python -m colorize_tf.predict runs/monet photo.jpg --translate --out painted        # --back: the other way
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from colorize_tf.edge.card import Card
from colorize_tf.edge.raster import Raster, resize
from colorize_tf.edge.space import SRGB, RgbSpace
from colorize_tf.errors import InputError

if TYPE_CHECKING:
    import keras

    from colorize_tf.predict import Run

__all__ = ["RunTranslator", "through"]

SEEN = 4_000_000  # pixels of the copy that is then brought to the network's size
SMALLEST = 32  # side of what a network is shown


class RunTranslator:
    """Picture -> its translation, uint8 RGB; `back` takes a picture of set B for one of set A.

    `domain` is the class of the picture, for a network that was told classes.

    The network sees the whole picture, its shorter side reduced to the size that it learnt on: it knows strokes and
    textures at that size alone. So the translation has that size too.
    """

    def __init__(self, run: Run, *, back: bool = False, domain: int | None = None) -> None:
        import tensorflow as tf

        self._translate = tf.function(
            through(run.model, run.config.model.name, back=back, domain=domain), reduce_retracing=True
        )
        self.size, self.multiple = int(run.model.size), int(run.model.multiple)
        self.card = Card(
            run.config.model.name, "float32", None, None, 1, kind="translate", multiple=self.multiple,
            short_side=self.size,
        )  # fmt: skip

    def paint(self, raster: Raster, space: RgbSpace = SRGB) -> np.ndarray[Any, Any]:  # noqa: ARG002
        """A picture, its numbers taken for sRGB -> the translation, uint8 RGB [h,w,3] in sRGB."""
        scale = min(1.0, self.size / min(raster.height, raster.width))
        height, width = (self._side(length * scale) for length in (raster.height, raster.width))
        seen = resize(raster.reduced(max(SEEN, 4 * height * width)), height, width)
        if seen.dtype == np.uint16:
            seen = (seen >> 8).astype(np.uint8)
        rgb = seen[..., :3] if seen.ndim == 3 else np.repeat(seen[..., None], 3, axis=-1)
        painted = self._translate((rgb.astype(np.float32) / 255)[None]).numpy()[0]
        return (painted * 255 + 0.5).astype(np.uint8)

    def _side(self, length: float) -> int:
        return max(SMALLEST, round(length / self.multiple) * self.multiple)


def through(model: keras.Model, name: str, *, back: bool = False, domain: int | None = None) -> Callable[[Any], Any]:
    """A network and its name -> its way from RGB [B,H,W,3] in 0..1 of one set to such of the other, of this class."""
    if not hasattr(model, "translate"):
        raise InputError("--translate", "needs a network that translates", f"{name}, which colorizes")
    if domain is None:
        return model.translate_back if back else model.translate
    if "domain" not in inspect.signature(model.translate).parameters:
        raise InputError("--domain", "needs a network that is told classes", name)
    model.colour_code(domain)  # refuses what is no class
    return functools.partial(model.translate, domain=domain)
