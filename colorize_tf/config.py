"""What a run is made of, as frozen dataclasses, and `config.json`, which is a run written down.

A field is declared once, with its default, its help and its rule. The command line (`flags.py`), the check of a value
wherever it comes from, and the file in the run folder all follow from that declaration. Nothing here needs TensorFlow.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colorize_tf.atomic import write_text
from colorize_tf.errors import InputError, unknown_key
from colorize_tf.families import FAMILIES
from colorize_tf.family import Family
from colorize_tf.fields import Checked, option

__all__ = [
    "CONFIG",
    "CONFIG_VERSION",
    "DataConfig",
    "RunConfig",
    "TrainConfig",
    "is_config",
    "load_config",
    "run_of",
    "save_config",
    "with_values",
]

CONFIG = "config.json"  # its name in a run folder
CONFIG_VERSION = 1  # of config.json; a reader refuses a higher one
_GROUPS: dict[str, type] = {"preset": str, "model": dict, "data": dict, "train": dict}  # what it holds besides
PRECISIONS = ("float32", "bfloat16", "float16")
SCHEDULES = ("constant", "linear", "cosine")
SMOKE: dict[str, Any] = {"epochs": 2, "steps_per_epoch": 4, "decay_from": 1, "warmup_epochs": 0, "grid_rows": 2}
STRATEGIES = ("one", "mirrored", "multiworker", "tpu")


@dataclass(frozen=True)
class DataConfig(Checked):
    """Which photos, and how they are cut."""

    data: str = option(
        "synthetic:200", "photos: folder:PATH, tar:GLOB, tfrecord:GLOB, tfds:NAME, synthetic:COUNT, or unpaired:A|B"
    )
    batch: int = option(16, "photos per step, over all replicas together", low=1, high=1 << 16)
    limit: int | None = option(None, "use only this many training photos, drawn at random", low=1)
    subset: str | None = option(None, "exact split: 4000/1000 (training/validation), or 10000@80:20")
    val_share: float = option(0.05, "share of the photos kept for validation", low=0.0, high=0.9)
    test_share: float = option(
        0.05, "share of the photos kept for a last test, never seen in training", low=0.0, high=0.9
    )
    val_count: int = option(200, "validation photos measured after each epoch, at most", low=0, may_change=True)
    near_gray: float | None = option(None, "leave out photos whose mean chroma is below this; 5 is sensible", low=0.0)
    max_bad_share: float = option(0.5, "stop when more than this share of the photos cannot be read", low=0.0, high=1.0)
    augment: bool = option(True, "vary training photos as the next eleven say; else centre crops as they are")
    crop_min: float = option(256 / 286, "smallest random crop, as a share of the shorter side", low=0.05, high=1.0)
    crop_max: float = option(
        256 / 286, "largest random crop; more than the smallest varies the scale", low=0.05, high=1.0
    )
    flip: bool = option(True, "mirror every other photo")
    stretch: float = option(1.0, "crops up to so many times longer than wide are squashed", low=1.0, high=4.0)
    rotation: float = option(0.0, "largest random turn in degrees, either way", low=0.0, high=45.0)
    sharpen: float = option(
        0.0, "add a photo's fine detail up to so many times, as larger photos have it", low=0.0, high=9.0
    )
    grain: float = option(0.0, "add grain of up to so many units of L, mostly little", low=0.0, high=20.0)
    aging: float = option(0.0, "share of photos shown faded, blurred and with grain, as old prints", low=0.0, high=1.0)
    hintless: float = option(0.0, "share of photos without hints, or whose class is not told", low=0.0, high=1.0)
    striking: float = option(0.0, "share of hints that lie where colours are unusual", low=0.0, high=1.0)
    revealed: float = option(0.0, "share of photos of which all colours are given as hints", low=0.0, high=1.0)
    cache: bool = option(False, "decode all photos once onto the disk: pays from the second epoch on")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.crop_min > self.crop_max:
            raise InputError("--crop-min", f"must not exceed --crop-max, {self.crop_max:g}", self.crop_min)


@dataclass(frozen=True)
class TrainConfig(Checked):
    """How long, how precisely, on what, and what is kept."""

    epochs: int = option(100, "passes over the training photos", low=1, may_change=True)
    steps_per_epoch: int | None = option(None, "end an epoch after this many steps instead of after all photos", low=1)
    minutes: float | None = option(None, "save and stop after this long; --resume goes on", low=0.0, may_change=True)
    learning_rate: float = option(2e-4, "of every Adam optimizer", low=0.0)
    beta_1: float = option(0.5, "first moment decay of every Adam optimizer", low=0.0, high=0.999999)
    beta_2: float = option(0.999, "second moment decay of every Adam optimizer", low=0.0, high=0.999999)
    weight_decay: float = option(
        0.0, "share of the learning rate by which weights shrink at each step, slow layers as others", low=0.0
    )
    schedule: str = option("constant", "how the learning rate falls, towards 0 at the last epoch", choices=SCHEDULES)
    decay_from: int = option(1, "epoch (counted from 1) from which the learning rate falls", low=1)
    decay_until: int | None = option(None, "epoch at which it has fallen, if not the last; it stays there", low=1)
    pretrain_epochs: int = option(0, "first epochs, in the network's first phase: the L1 loss alone", low=0)
    warmup_epochs: int = option(0, "epochs after those, in which the discriminator alone learns", low=0)
    init_from: str | None = option(None, "run, checkpoint or weights to start from, or mobile: the model that ships")
    encoder_weights: str | None = option(None, "what an encoder starts from: imagenet where Keras has it, or a file")
    freeze: tuple[str, ...] = option((), "layers not to train, as path patterns such as 'generator/down*'")
    thaw_at: int | None = option(None, "epoch (counted from 1) at which frozen layers join in", low=1)
    slow: tuple[str, ...] = option(
        (), "layers that learn more slowly, as path patterns; a preset's, where something has taught them"
    )
    slow_rate: float = option(0.1, "share of the learning rate at which those learn", low=0.0, high=1.0)
    precision: str = option("float32", "of the arithmetic; weights stay float32", choices=PRECISIONS)
    strategy: str = option("one", "devices: one, all here, several machines (TF_CONFIG), a TPU", choices=STRATEGIES)
    replicas: int | None = option(None, "devices for --strategy mirrored; without a GPU, parts of the CPU", low=1)
    tpu: str = option("local", "name or grpc:// address of the TPU for --strategy tpu")
    seed: int = option(
        1, "of the initial weights, the order of the photos and every random choice", low=0, high=(1 << 32) - 1
    )
    deterministic: bool = option(False, "the same run twice gives the same weights, bit for bit; somewhat slower")
    checkpoint_minutes: float = option(10.0, "time between checkpoints; 0 for none", low=0.0, may_change=True)
    checkpoint_steps: int | None = option(None, "steps between checkpoints, too", low=1, may_change=True)
    keep: int = option(2, "checkpoints kept besides the best one", low=1, may_change=True)
    best_metric: str = option("val_psnr", "column of history.csv by which the best weights are chosen", may_change=True)
    grid_rows: int = option(6, "validation photos in each sample picture; 0 for none", low=0, may_change=True)
    tensorboard: bool = option(False, "also write events for TensorBoard", may_change=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        for flag, given, strategy in (
            ("--replicas", self.replicas, "mirrored"),
            ("--tpu", None if self.tpu == "local" else self.tpu, "tpu"),
        ):
            if given is not None and self.strategy != strategy:
                rule = f"goes with --strategy {strategy}, and the strategy is {self.strategy}"
                raise InputError(flag, rule, given, f"Add --strategy {strategy}, or leave {flag} out.")

    def optimizer(self) -> dict[str, float]:
        """The keyword arguments that a network's `compile` takes."""
        names = ("learning_rate", "beta_1", "beta_2", "weight_decay")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides a run; `config.json` in the run folder is this."""

    preset: str
    model: Family
    data: DataConfig = DataConfig()
    train: TrainConfig = TrainConfig()
    version: int = CONFIG_VERSION

    def parts(self) -> dict[str, Checked]:
        """The three groups of options by name."""
        return {"model": self.model, "data": self.data, "train": self.train}

    def smoke(self) -> RunConfig:
        """The same run shrunk to well under a minute on two cores, on generated pictures."""
        return RunConfig(
            preset=self.preset,
            model=dataclasses.replace(self.model, **self.model.SMOKE),
            data=dataclasses.replace(self.data, data=self.model.SCENES, batch=4, val_count=4, limit=None),
            train=dataclasses.replace(self.train, **SMOKE, pretrain_epochs=min(self.train.pretrain_epochs, 1)),
        )


def with_values(config: RunConfig, values: Mapping[str, Any]) -> RunConfig:
    """`config` with the fields named in `values` replaced, whichever group they belong to."""
    groups: dict[str, Any] = {
        name: dataclasses.replace(part, **{key: values[key] for key in _keys(part) if key in values})  # type: ignore[type-var]
        for name, part in config.parts().items()
    }
    if unknown := [key for key in values if not any(key in _keys(part) for part in config.parts().values())]:
        raise unknown_key("config", unknown[0], (key for part in config.parts().values() for key in _keys(part)))
    return dataclasses.replace(config, **groups)


def save_config(config: RunConfig, path: Path) -> None:
    """Writes `config` as JSON to `path`, whole or not at all."""
    write_text(path, json.dumps(dataclasses.asdict(config), indent=2) + "\n")


def is_config(path: Path) -> bool:
    """Whether a file is the `config.json` of a run, of this version or another: programs of all kinds use that name."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and content.keys() >= _GROUPS.keys()


def run_of(weights: Path) -> Path | None:
    """The run folder that a file of weights lies in, or up to two folders below; None if it lies in none."""
    return next((folder for folder in weights.absolute().parents[:3] if (folder / CONFIG).is_file()), None)


def load_config(path: Path) -> RunConfig:
    """Reads a `config.json`; one of a newer format, or with a key this version does not know, is refused."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError("run", "has no config.json, so it is not a run folder", str(path.parent)) from None
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, a number or a nesting beyond all measure
        raise InputError(str(path), "is not readable JSON", str(error)) from None
    if not isinstance(content, dict):
        raise InputError(str(path), "must hold a JSON object", content)
    version = content.pop("version", None)
    if type(version) is not int or version < 1:
        raise InputError(str(path), "needs a whole number as version", version)
    if version > CONFIG_VERSION:
        rule = f"was written by a newer colorize_tf; this one reads up to version {CONFIG_VERSION}"
        raise InputError(str(path), rule, f"version {version}", "Install the newer one: pip install -U colorize-tf")
    for key, value in content.items():
        if key not in _GROUPS:
            raise unknown_key(str(path), key, _GROUPS)
        if not isinstance(value, _GROUPS[key]):
            raise InputError(f"{path}: {key}", f"must be a JSON {_GROUPS[key].__name__}", value)
    if missing := _GROUPS.keys() - content.keys():
        raise InputError(str(path), f"lacks {', '.join(sorted(missing))}", sorted(content))
    name = content["model"].get("name")
    if not isinstance(name, str) or name not in FAMILIES:
        raise unknown_key(f"{path}: model name", name, FAMILIES)
    return RunConfig(
        preset=content["preset"],
        model=_read_group(FAMILIES[name], content["model"], path),
        data=_read_group(DataConfig, content["data"], path),
        train=_read_group(TrainConfig, content["train"], path),
    )


def _keys(part: Any) -> list[str]:
    return [item.name for item in dataclasses.fields(part)]


def _read_group(kind: type[Any], values: Mapping[str, Any], path: Path) -> Any:
    names = _keys(kind)
    for key in values:
        if key not in names:
            raise unknown_key(str(path), key, names)
    try:
        return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})
    except InputError as error:  # which names a flag, as if it had been given
        raise InputError(f"{path}: {error.argument}", error.rule, error.received, error.remedy) from None
