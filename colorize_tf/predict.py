"""A trained run as a colorizer: run folder -> network with its weights -> colour for photos.

    python -m colorize_tf.predict runs/a photo.jpg --out coloured

The network sees the whole photo once, squashed to its own size; the ab it gives is enlarged and joined to the photo's
own L, which is never replaced.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from colorize_tf.colorspace import gamut_clip, lab_to_rgb, rgb_to_lab
from colorize_tf.config import RunConfig, load_config
from colorize_tf.errors import InputError
from colorize_tf.quiet import load_tensorflow

if TYPE_CHECKING:
    import keras

__all__ = ["Run", "RunColorizer", "load_run"]

Image8: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float32]

CONFIG = "config.json"


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


class RunColorizer:
    """`Colorizer` of a run: photo uint8 [H,W] or [H,W,3] -> uint8 RGB [H,W,3] with the photo's own L.

    Gives the same picture for the same photo and `seed`, also where the network paints with noise
    (`stochastic`): there another `seed` gives another picture.
    """

    def __init__(self, run: Run, *, seed: int = 0) -> None:
        import tensorflow as tf

        from colorize_tf.models.blocks import NoiseDropout

        self.run = run
        self.seed = seed
        self.size: int = run.model.size
        self.noise = [layer for layer in _layers(run.model) if isinstance(layer, NoiseDropout)]
        luma = [tf.TensorSpec((1, self.size, self.size, 1), tf.float32)]
        self._colorize = tf.function(run.model.colorize, input_signature=luma)
        self._paint = tf.function(run.model.paint, input_signature=luma)

    @property
    def stochastic(self) -> bool:
        """Whether another seed gives another picture."""
        return bool(self.noise)

    @property
    def paints(self) -> bool:
        """Whether the network gives RGB of its own, which `raw` shows; others give ab alone."""
        return self.run.model.view == "rgb"

    def __call__(self, image: Image8, hints: Any = None) -> Image8:
        if hints is not None:
            raise InputError("hints", f"{self.run.config.model.name} takes none", hints)
        luma = rgb_to_lab(_floating(image))[..., 0]
        return _fuse(luma, self._ask(self._colorize, luma))

    def raw(self, image: Image8) -> Image8:
        """Photo uint8 [H,W] or [H,W,3] -> the network's own RGB uint8 [H,W,3], its lightness included."""
        if not self.paints:
            raise InputError("--raw", "needs a network that gives RGB", f"{self.run.config.model.name}, which gives ab")
        luma = rgb_to_lab(_floating(image))[..., 0]
        return _to_uint8(_resized(self._ask(self._paint, luma), luma.shape, Image.Resampling.BILINEAR))

    def _ask(self, network: Any, luma: Floats) -> Floats:
        """CIE L [H,W] -> what the network gives for the photo squashed to its size, float32 [S,S,channels]."""
        for index, layer in enumerate(self.noise):
            layer.seed_generator.state.assign(np.array([self.seed, index << 16], np.uint32))
        small = _resized(luma[..., None], (self.size, self.size), Image.Resampling.BICUBIC)
        answer: Floats = network(np.clip(small, 0, 100)[None]).numpy()[0]
        return answer


def _locate(path: Path) -> tuple[Path, Path]:
    """What the user named -> run folder, weights file."""
    from colorize_tf.checkpoints import WEIGHTS, weights_of

    if path.is_file() and not path.name.endswith(".weights.h5"):
        raise InputError("RUN", "must be a run folder, one of its checkpoints, or a .weights.h5 file", str(path))
    weights = path if path.is_file() else path / WEIGHTS
    if weights.is_file():
        for folder in weights.absolute().parents[:3]:
            if (folder / CONFIG).is_file():
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


def _floating(image: Image8) -> Floats:
    rgb = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=-1)
    return rgb.astype(np.float32) / np.float32(255)


def _fuse(luma: Floats, ab: Floats) -> Image8:
    """CIE L [H,W] and ab [h,w,2] -> uint8 RGB [H,W,3] of this L; colours outside sRGB lose chroma."""
    lab = np.concatenate([luma[..., None], _resized(ab, luma.shape, Image.Resampling.BILINEAR)], axis=-1)
    return _to_uint8(lab_to_rgb(gamut_clip(lab)))


def _resized(planes: Floats, shape: tuple[int, ...], resampling: Image.Resampling) -> Floats:
    """float32 [h,w,C] -> float32 [H,W,C]; the same array where nothing changes."""
    if planes.shape[:2] == tuple(shape[:2]):
        return planes
    channels = [Image.fromarray(planes[..., index]) for index in range(planes.shape[-1])]
    return np.stack([np.asarray(one.resize((shape[1], shape[0]), resampling)) for one in channels], axis=-1)


def _to_uint8(rgb: Floats) -> Image8:
    return (rgb.clip(0, 1) * 255 + 0.5).astype(np.uint8)
