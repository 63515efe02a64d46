"""The presets of `train`: each network with the settings of its paper, and as `NAME-small` at a size for two cores."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from colorize_tf.config import DataConfig, RunConfig, TrainConfig
from colorize_tf.families import FAMILIES

__all__ = ["PRESETS", "Preset"]

PLAIN_ADAM = {"learning_rate": 1e-3, "beta_1": 0.9}  # of networks without an adversary
# Whole photos squashed to squares, as networks are asked about them; most without hints; some as scans of old prints.
AS_USED = {
    "batch": 32, "crop_min": 0.6, "crop_max": 1.0, "stretch": 1.6, "aging": 0.25, "hintless": 0.6, "striking": 0.5,
    "cache": True,  # its steps are so short that decoding would be felt
}  # fmt: skip
# The encoder knows pictures already: at the rate of the rest it would forget them for the few that it sees here.
LONG_CLASSES = {
    "learning_rate": 1e-3, "beta_1": 0.9, "weight_decay": 1e-4, "schedule": "cosine", "pretrain_epochs": 100,
    "slow": ("generator/conv*",), "slow_rate": 0.2,
}  # fmt: skip
ZHANG = {"learning_rate": 3e-5, "beta_1": 0.9, "beta_2": 0.99, "weight_decay": 1e-3}
CLASSES = {"hintless": 0.5}  # some are coloured without being told what they show
TWO_SETS = {"data": "unpaired:synthetic:200|synthetic:200,seed=2", "batch": 1}
FALLING = {"epochs": 200, "schedule": "linear", "decay_from": 101}
CYCLES = {**FALLING, "best_metric": "val_cycle"}
MANY_CLASSES = {**CYCLES, "learning_rate": 1e-4}
TWO_PHASES = {"epochs": 40, "pretrain_epochs": 20, "warmup_epochs": 1}
# An hour is some thousand steps, of which a network makes nothing at the rates that papers give it for weeks.
HURRIED = {"learning_rate": 1e-3}
# The usual λ is for RGB. Differences of ab are a fraction of those, so that a discriminator that has hardly begun to
# learn outweighs them: within minutes the colours are worse than none.
FAITHFUL = {"l1_weight": 1000.0}


@dataclass(frozen=True)
class Expected:
    """What a training takes and gives, as measured; docs/results.md has the runs behind it."""

    machine: str = "not measured yet"
    hours: str = "not measured yet"
    score: str = "not measured yet"


# From 8,310 photos (cyclegan: two sets of 150): the time of a step times their number, see docs/results.md; the score
# of the run that went furthest.
TWO_CORES = "2 cores of an AMD EPYC, no GPU"
UNTRAINED = "too long to be trained to the end here"
EXPECTED = {
    "pix2pix-rgb": Expected(TWO_CORES, "about 102 (58 in bfloat16)", UNTRAINED),
    "pix2pix-lab": Expected(TWO_CORES, "102 (58 in bfloat16)", UNTRAINED),
    "pix2pix-rgb-small": Expected(
        TWO_CORES, "4.4 in bfloat16",
        "after 12 of 100 epochs 21.4 dB on 917 photos held out (gray 21.8), colourfulness 37 (truth 43)",
    ),
    "pix2pix-lab-small": Expected(
        TWO_CORES, "4.1 in bfloat16",
        "after 13 of 100 epochs 22.9 dB on 917 photos held out (gray 21.8), colourfulness 26 (truth 43)",
    ),
    "mobile": Expected(
        TWO_CORES, "7.3",
        "after 9 epochs at 192² and 7 at 256² 24.0 dB on Kodak24 and CBSD68 (gray 22.5), colourfulness 25 (truth 38)",
    ),
    "autoencoder": Expected(TWO_CORES, "67", UNTRAINED),
    "unet": Expected(TWO_CORES, "30", UNTRAINED),
    "dcgan": Expected(TWO_CORES, "146", UNTRAINED),
    "scgan": Expected(TWO_CORES, "308 with --gan-loss lsgan, more with critics", UNTRAINED),
    "eccv16": Expected(TWO_CORES, "312", UNTRAINED),
    "siggraph17": Expected(TWO_CORES, "600", UNTRAINED),
    "cyclegan": Expected(TWO_CORES, "102", UNTRAINED),
    "cyclegan-gray": Expected(TWO_CORES, "5124", UNTRAINED),
    "mcgan": Expected(TWO_CORES, "3061", UNTRAINED),
    "mobile-small": Expected(
        TWO_CORES, "2.0",
        "with an encoder taught by ImageNet (--encoder-weights FILE), after 13 of 100 epochs 24.0 dB on 917 photos "
        "held out (gray 21.8), colourfulness 25 (truth 43)",
    ),
    "autoencoder-small": Expected(
        TWO_CORES, "4.2",
        "after 19 of 100 epochs 23.3 dB on 917 photos held out (gray 21.8), colourfulness 18 (truth 43)",
    ),
    "unet-small": Expected(
        TWO_CORES, "3.5",
        "with an encoder taught by ImageNet (--backbone mobilenetv1-0.75 --encoder-weights FILE), after 5.6 of 40 "
        "epochs 23.8 dB on 917 photos held out (gray 21.8), colourfulness 21 (truth 43)",
    ),
    "dcgan-small": Expected(
        TWO_CORES, "8.5",
        "after 12 of 100 epochs 21.5 dB on 917 photos held out (gray 21.8), colourfulness 32 (truth 43)",
    ),
    "cyclegan-small": Expected(
        TWO_CORES, "4.4",
        "after 56 of 200 passes over 96 paintings and 85 photos cycle error 0.095; Fréchet distances of 131 and 112, "
        "further from the other set than untouched pictures (87)",
    ),
    "cyclegan-gray-small": Expected(
        TWO_CORES, "253",
        "after 0.6 of 200 epochs 21.2 dB on 917 photos held out (gray 21.8), colourfulness 27 (truth 43)",
    ),
    "mcgan-small": Expected(
        TWO_CORES, "144",
        "after 1.2 of 200 epochs 20.4 dB on 917 photos held out (gray 21.8), colourfulness 33 (truth 43)",
    ),
    "scgan-small": Expected(
        TWO_CORES, "6.7",
        "after 9.5 of 60 epochs 23.1 dB on 917 photos held out (gray 21.8), colourfulness 20 (truth 43)",
    ),
    "eccv16-small": Expected(
        TWO_CORES, "19",
        "after 5.3 of 100 epochs 21.2 dB on 917 photos held out (gray 21.8), colourfulness 37 (truth 43)",
    ),
    "siggraph17-small": Expected(
        TWO_CORES, "34",
        "after 2.6 of 100 epochs 22.6 dB on 917 photos held out (gray 21.8), colourfulness 14 "
        "(truth 43), without hints",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Preset:
    """A named starting point together with what to expect of it."""

    name: str
    summary: str
    config: RunConfig

    @property
    def expected(self) -> Expected:
        """What it takes and gives, as far as that was measured."""
        return EXPECTED.get(self.name, Expected())

    @property
    def command(self) -> str:
        """The exact command, with photos of your own."""
        source = "'unpaired:folder:a|folder:b'" if self.config.data.data.startswith("unpaired:") else "folder:photos"
        return f"python -m colorize_tf.train --preset {self.name} --data {source} --out runs/{self.name}"


def _presets(
    network: str,
    summary: str,
    *,
    data: Mapping[str, Any] | None = None,
    train: Mapping[str, Any] | None = None,
    small: Mapping[str, Mapping[str, Any]] | None = None,
) -> Iterator[Preset]:
    """The two presets of a network; `data` and `train` are the settings that its paper has and others have not.

    `small` has what differs where there is but an hour of two cores: settings of the model, the data and the training.
    """
    given = small or {}
    model = FAMILIES[network](name=network)
    paper = RunConfig(network, model, DataConfig(**(data or {})), TrainConfig(**(train or {})))
    yield Preset(network, summary, paper)
    hurried = dataclasses.replace(
        paper,
        preset=f"{network}-small",
        model=dataclasses.replace(model, **model.SMALL, **given.get("model", {})),
        # Two cores decode and learn by turns: photos decoded once leave them to the learning.
        data=dataclasses.replace(
            paper.data, **{"batch": 4 if paper.data.batch == 1 else 16, "cache": True, **given.get("data", {})}
        ),
        train=dataclasses.replace(paper.train, **given.get("train", {})),
    )
    yield Preset(hurried.preset, f"{network} of {hurried.model.size}x{hurried.model.size}, for two cores", hurried)


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for presets in (
        _presets("pix2pix-rgb", "pix2pix, gray replicated to RGB in, RGB out"),
        _presets(
            "pix2pix-lab",
            "conditional GAN in Lab: L in, ab out",
            small={"model": FAITHFUL, "train": {"pretrain_epochs": 50, "warmup_epochs": 5}},
        ),
        _presets("autoencoder", "convolutional autoencoder, L in, ab out", train=PLAIN_ADAM),
        _presets("mobile", "the network that ships: small, fast, takes hints", data=AS_USED, train=LONG_CLASSES),
        _presets(
            "unet", "U-Net on an ImageNet encoder: L1, then adversarial", train=TWO_PHASES, small={"model": FAITHFUL}
        ),
        _presets("dcgan", "conditional DCGAN with smoothed labels"),
        _presets("cyclegan", "two sets of pictures into each other", data=TWO_SETS, train=CYCLES),
        _presets("cyclegan-gray", "photos without colour into photos, unpaired", data={"batch": 1}, train=FALLING),
        _presets(
            "mcgan",
            "radar pictures or gray photos into colour, by class",
            data=CLASSES,
            train=MANY_CLASSES,
            small={"data": {"batch": 4}, "train": {"learning_rate": 2e-4}},
        ),
        _presets(
            "scgan",
            "colour and saliency together",
            train={"pretrain_epochs": 40, "epochs": 60},
            small={"model": {"gan_weight": 0.005, "gan_loss": "lsgan"}},
        ),
        _presets(
            "eccv16",
            "a distribution over 313 colours, rare ones favoured",
            train=ZHANG,
            # PSNR would choose the palest epoch of a network that is made to dare.
            small={"train": {**HURRIED, "schedule": "cosine", "best_metric": "g_loss"}},
        ),
        _presets(
            "siggraph17",
            "L and hints in, ab out",
            data={"revealed": 0.01},
            train={"learning_rate": 1e-4, "beta_1": 0.9, "pretrain_epochs": 50},
            small={"data": {"hintless": 0.5, "revealed": 0.0}, "train": {**HURRIED, "pretrain_epochs": 0}},
        ),
    )
    for preset in presets
}
