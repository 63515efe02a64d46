"""From a network that gives ab for luma to a `Colorizer`: everything around the network, for whatever runs it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np

from colorize_tf.edge import Hint
from colorize_tf.edge.card import Card
from colorize_tf.edge.fusion import GUIDE_PIXELS, Chroma, Fusion, pool
from colorize_tf.edge.prepare import paint_hints, prepare, tint
from colorize_tf.edge.raster import ArrayRaster, Raster
from colorize_tf.edge.space import SRGB, RgbSpace
from colorize_tf.errors import InputError, RunError

__all__ = ["NetworkColorizer", "Options"]

Array = np.ndarray[Any, Any]

AB_LIMIT = 128.0  # no colour of sRGB is further out
MOST_SIDE = 1024  # of what a file for any size is given: a network's memory grows with it, whatever a card may say
SEEN_PIXELS = 500_000  # of the small copy of a photo that nobody but the network looks at


@dataclass(frozen=True)
class Options:
    """How to colorize; the defaults suit photographs and scans alike."""

    vivid: float = 0.0  # 0..1, acts inside the network, if its card says so
    saturation: float = 1.0  # multiplies the chroma that the network gave
    chroma_cap: float = 80.0  # Lab units; where the 99th percentile of chroma exceeds it, all of it is scaled to that
    levels: bool = True  # stretch the luma that the network sees; the photo's own is never touched
    keep_tint: float = 0.0  # 0..1, the share of the photo's own tint, such as sepia, that stays under the new colour
    edges: bool = True  # stop colour at edges of luma while enlarging; False is faster

    def __post_init__(self) -> None:
        bounds = {"vivid": (0, 1), "saturation": (0, 10), "chroma_cap": (1, 200), "keep_tint": (0, 1)}
        for name, (low, high) in bounds.items():
            if not low <= getattr(self, name) <= high:
                raise InputError(name, f"must be in {low:g}..{high:g}", getattr(self, name))


class NetworkColorizer(ABC):
    """Prepares the photo, asks `predict`, and fuses the answer with the photo's own luma."""

    def __init__(self, card: Card, options: Options | None = None, threads: int | None = None) -> None:
        if card.kind != "colorize":
            raise InputError("model", "must be a colorizer", f"{card.title}, which is of kind {card.kind}")
        made_for = max(card.short_side, card.multiple)
        if card.height is None and made_for > MOST_SIDE:
            raise InputError("model", f"must be made for a short side of at most {MOST_SIDE}", made_for)
        if threads is not None and not 1 <= threads <= 256:
            raise InputError("threads", "must be in 1..256", threads)
        self.card = card
        self.threads = threads
        self.choose(options or Options())

    def choose(self, options: Options) -> None:
        """Sets the options, if the network can follow them."""
        if options.vivid and not self.card.vivid:
            raise InputError("vivid", f"{self.card.title} has no such input", options.vivid, "Try saturation")
        self.options = options

    @abstractmethod
    def predict(self, luma: Array, hints: Array | None, vivid: float) -> Array:
        """luma float32 [H,W] (CIE L), hints float32 [H,W,3] (a/110, b/110, mask) -> ab float32 [h,w,2] (Lab units)."""

    def __call__(self, image: Array, hints: Sequence[Hint] | None = None) -> Array:
        """uint8 (or uint16) [H,W] gray or [H,W,3] sRGB -> the same type [H,W,3] of the same CIE L."""
        raster = ArrayRaster(image)
        self.colorize(raster, hints)
        return raster.result

    def colorize(self, raster: Raster, hints: Sequence[Hint] | None = None, space: RgbSpace = SRGB) -> None:
        """Colours a picture in its place."""
        with pool(self.threads, raster) as executor:
            self._fusion(raster, hints, space, executor).run(executor)

    def fusion(self, raster: Raster, hints: Sequence[Hint] | None = None, space: RgbSpace = SRGB) -> Fusion:
        """A picture whose colour is known, and none of whose pixels has it yet."""
        with pool(self.threads, raster) as executor:
            return self._fusion(raster, hints, space, executor)

    def _fusion(
        self, raster: Raster, hints: Sequence[Hint] | None, space: RgbSpace, executor: Executor | None
    ) -> Fusion:
        edges = self.options.edges
        small = raster.reduced(GUIDE_PIXELS if edges else SEEN_PIXELS, executor)
        return Fusion(raster, self.chroma(raster, hints, space, small), edges, space, self.threads, executor, small)

    def chroma(
        self,
        raster: Raster,
        hints: Sequence[Hint] | None = None,
        space: RgbSpace = SRGB,
        small: Array | None = None,
    ) -> Chroma:
        """The network's answer for a picture, after all options on colour; `small` is a smaller copy of it."""
        if hints and not self.card.hints:
            raise InputError("hint", f"{self.card.title} has no such input", f"{len(hints)} hints")
        height, width = raster.height, raster.width
        small = raster.reduced(GUIDE_PIXELS) if small is None else small
        prepared = prepare(small, height, width, self.card, space.luma, self.options.levels)
        painted = paint_hints(hints, height, width, prepared) if hints else None
        ab = self._answer(prepared.luma, painted)
        scale = self.card.ab_scale
        covered = (prepared.height / scale, prepared.width / scale)
        ab = self._finished(ab, covered)
        if self.options.keep_tint and small.ndim == 3:
            ab += np.float32(self.options.keep_tint) * tint(small, space)
        return Chroma(np.clip(ab, -AB_LIMIT, AB_LIMIT, out=ab), *covered)

    def warm_up(self) -> None:
        """Runs the network once, so that it is ready for the first photo, and what is wrong with it is known before."""
        card = self.card
        self._answer(np.zeros((card.height or card.multiple, card.width or card.multiple), np.float32), None)

    def _answer(self, luma: Array, hints: Array | None) -> Array:
        ab = self.predict(luma, hints, self.options.vivid)
        wanted = (*(length // self.card.ab_scale for length in luma.shape), 2)
        if ab.shape != wanted:
            raise InputError("model", f"must give ab of {wanted}, as its card says", ab.shape)
        return ab

    def _finished(self, ab: Array, covered: tuple[float, float]) -> Array:
        a, b = ab[..., 0], ab[..., 1]
        with np.errstate(over="ignore"):
            squares = a * a + b * b
        strongest = float(squares.max()) ** 0.5
        if not np.isfinite(strongest):
            raise RunError(f"{self.card.title} gave numbers that are not finite for this photo; export the model again")
        scale, cap = self.options.saturation, self.options.chroma_cap
        if strongest * scale > cap:
            seen = squares[: -int(-covered[0] // 1), : -int(-covered[1] // 1)].ravel()
            rank = int(0.99 * (seen.size - 1))
            strong = float(np.partition(seen, rank)[rank]) ** 0.5
            scale = min(scale, cap / max(strong, 1e-9))
        return ab * np.float32(scale)
