"""A trained run as a colorizer: run folder -> network with its weights -> colour for photos.

    python -m colorize_tf.predict runs/a photo.jpg --out coloured      # coloured/photo.colorized.jpg

What surrounds the network, from reading a photo to joining the network's ab to the photo's own L, is that of every
other host (`edge/`), so a run and the file exported from it can be compared.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorize_tf.config import CONFIG, RunConfig, load_config, run_of
from colorize_tf.edge.card import Card
from colorize_tf.edge.fusion import GUIDE_PIXELS
from colorize_tf.edge.network import NetworkColorizer, Options
from colorize_tf.edge.prepare import prepare
from colorize_tf.edge.raster import ArrayRaster, Raster, resize
from colorize_tf.edge.space import SRGB, RgbSpace
from colorize_tf.errors import InputError, command_line
from colorize_tf.footprint import Footprint, footprint
from colorize_tf.quiet import load_tensorflow

if TYPE_CHECKING:
    import keras

__all__ = ["PLAIN", "Run", "RunColorizer", "load_run", "main"]

Image8: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float32]

PLAIN = Options(levels=False, chroma_cap=200.0)  # what the network says, nothing put right before or after


@dataclass(frozen=True)
class Run:
    """A trained network, how it was made, and the checkpoint its weights are from."""

    folder: Path
    checkpoint: Path
    config: RunConfig
    model: keras.Model


def load_run(path: str | Path) -> Run:
    """A run folder (its best checkpoint, else its last), a checkpoint folder or a `.weights.h5` file -> the run.

    The network is rebuilt in float32 whatever precision it was trained in: its weights are stored so.
    """
    path = Path(path)
    if not path.exists():
        raise InputError("RUN", "does not exist", str(path))
    # TensorFlow takes seconds to import: a wrong path has been answered before.
    load_tensorflow()
    from colorize_tf.checkpoints import load_weights
    from colorize_tf.models import build

    folder, weights = _locate(path)
    config = load_config(folder / CONFIG)
    model = build(config.model.name, **config.model.options(), dtype="float32")
    load_weights(model, weights)
    return Run(folder, weights.parent, config, model)


class RunColorizer(NetworkColorizer):
    """`Colorizer` of a run: photo uint8 [H,W] or [H,W,3] -> uint8 RGB [H,W,3] of the same CIE L.

    The network sees the whole photo, squashed to its size; one with a `short_side` sees it unsquashed at that size. The
    same photo and `seed` give the same picture, also where the network paints with noise (`stochastic`): there another
    `seed` gives another picture.
    """

    def __init__(self, run: Run, *, seed: int = 0, options: Options = PLAIN, threads: int | None = None) -> None:
        import tensorflow as tf

        from colorize_tf.models.blocks import NoiseDropout

        if not hasattr(run.model, "colorize"):
            given = f"{run.config.model.name}, which translates"
            raise InputError(
                "RUN", "must hold a network that colorizes", given, "python -m colorize_tf.predict --translate"
            )
        self.run = run
        self.seed = seed
        self.size: int = run.model.size
        free = getattr(run.model, "short_side", None)
        side = None if free else self.size
        luma = tf.TensorSpec((1, side, side, 1), tf.float32)
        guides = {"hints": tf.TensorSpec((1, side, side, 3), tf.float32), "vivid": tf.TensorSpec((1,), tf.float32)}
        takes = inspect.signature(run.model.colorize).parameters
        self._guides = [name for name in guides if name in takes]
        self._colorize = tf.function(
            run.model.colorize, input_signature=[luma, *(guides[name] for name in self._guides)]
        )
        self._paint = tf.function(run.model.paint, input_signature=[luma])
        self._noise = [layer for layer in _layers(run.model) if isinstance(layer, NoiseDropout)]
        length = free or self.size
        small = run.model.colorize(np.zeros((1, length, length, 1), np.float32)).shape[1]
        card = Card(
            run.config.model.name, "float32", side, side, length // small,
            fit="pad" if free else "squash", short_side=length, multiple=getattr(run.model, "multiple", length),
            hints="hints" in self._guides, vivid="vivid" in self._guides,
        )  # fmt: skip
        super().__init__(card, options, threads)

    @property
    def stochastic(self) -> bool:
        """Whether another seed gives another picture."""
        return bool(self._noise)

    @property
    def paints(self) -> bool:
        """Whether the network gives RGB of its own, which `raw` shows; others give ab alone."""
        return self.run.model.view in ("rgb", "labelled")

    def footprint(self) -> Footprint:
        """What the network weighs and computes, for one picture of the size it learnt on."""
        side = self.card.height or self.card.short_side
        shapes = {"luma": (1, side, side, 1), "hints": (1, side, side, 3), "vivid": (1,)}
        return footprint(self.run.model.colorize, *(shapes[name] for name in ("luma", *self._guides)), side=side)

    def predict(self, luma: Floats, hints: Floats | None = None, vivid: float = 0.0) -> Floats:
        """CIE L float32 [H,W], hints [H,W,3] (a/110, b/110, mask) -> ab float32 [h,w,2] in Lab units."""
        shown = np.zeros((*luma.shape, 3), np.float32) if hints is None else hints
        given = {"hints": shown[None], "vivid": np.array([vivid], np.float32)}
        return self._ask(self._colorize, luma, *(given[name] for name in self._guides))

    def raw(self, image: Image8) -> Image8:
        """Photo uint8 [H,W] or [H,W,3] -> the network's own RGB uint8 [H,W,3], its lightness included."""
        return self.paint(ArrayRaster(image))

    def paint(self, raster: Raster, space: RgbSpace = SRGB) -> Image8:
        """A picture -> the network's own RGB uint8 [H,W,3] in sRGB, its lightness included."""
        if not self.paints:
            raise InputError("--raw", "needs a network that gives RGB", f"{self.card.name}, which gives ab")
        small = raster.reduced(GUIDE_PIXELS)
        seen = prepare(small, raster.height, raster.width, self.card, space.luma, self.options.levels)
        painted = (self._ask(self._paint, seen.luma) * 255 + 0.5).astype(np.uint8)
        return resize(painted, raster.height, raster.width, Image.Resampling.BILINEAR)

    def _ask(self, network: Any, luma: Floats, *guides: Floats) -> Floats:
        for index, layer in enumerate(self._noise):
            layer.seed_generator.state.assign(np.array([self.seed, index << 16], np.uint32))
        answer: Floats = network(luma[None, ..., None], *guides).numpy()[0]
        return answer


def _locate(path: Path) -> tuple[Path, Path]:
    """What the user named -> run folder, weights file."""
    from colorize_tf.checkpoints import WEIGHTS, weights_of

    if path.is_file() and not path.name.endswith(".weights.h5"):
        raise InputError("RUN", "must be a run folder, one of its checkpoints, or a .weights.h5 file", str(path))
    weights = path if path.is_file() else path / WEIGHTS
    if weights.is_file():
        if folder := run_of(weights):
            return folder, weights
        raise InputError("RUN", f"has no {CONFIG} beside the weights or in the two folders above", str(path))
    if not (path / CONFIG).is_file():
        raise InputError("RUN", f"holds neither {CONFIG} nor weights, so it is not a run", str(path))
    return path, weights_of(path)


def _layers(model: keras.Model) -> Iterator[keras.Layer]:
    """All layers of a model, those of the models in it included."""
    for layer in model.layers:
        yield layer
        if hasattr(layer, "layers"):
            yield from _layers(layer)


@command_line
def main(argv: Sequence[str] | None = None) -> int:
    """Command line -> colorized photos in a folder; returns the exit code."""
    from colorize_tf.painting import run

    return run(argv)


if __name__ == "__main__":
    raise SystemExit(main())
