"""The options of each family of networks, one frozen dataclass each, and the table from a network's name to its family.

A new family is a dataclass here, a row in `FAMILIES`, a row in `models.MODELS` and one in `presets.PRESETS`. Flags,
`--help`, checks and `config.json` follow from the dataclass. What options cannot go together is said here, before
anything is built, so that a study finds it in any of its rows before it trains the first. Nothing here needs
TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from colorize_tf.errors import InputError
from colorize_tf.family import Family, PowerOfTwo
from colorize_tf.fields import option

__all__ = [
    "FAMILIES",
    "AutoencoderConfig",
    "CycleGANConfig",
    "CycleGANGrayConfig",
    "DCGANConfig",
    "ECCV16Config",
    "Family",
    "MCGANConfig",
    "MobileConfig",
    "Pix2PixConfig",
    "SCGANConfig",
    "SIGGRAPH17Config",
    "UNetConfig",
]

GAN_LOSSES = ("vanilla", "lsgan", "hinge")
BACKBONES = (
    "resnet18",
    "resnet50",
    "inceptionv3",
    "mobilenetv1",
    "mobilenetv1-0.75",
    "mobilenetv2",
    "mobilenetv3",
    "efficientnetb0",
)


@dataclass(frozen=True)
class Pix2PixConfig(PowerOfTwo):
    """pix2pix (Isola 2017): U-Net generator, 70x70 PatchGAN discriminator."""

    name: str = option("pix2pix-rgb", "network", choices=("pix2pix-rgb", "pix2pix-lab"))
    base_width: int = option(64, "channels of the outermost layers; deeper ones have up to 8 times as many", low=1)
    norm: str = option("batch", "normalisation", choices=("batch", "instance"))
    upsampling: str = option("transposed", "how the decoder grows", choices=("transposed", "bilinear"))
    gan_loss: str = option("vanilla", "adversarial loss", choices=GAN_LOSSES)
    l1_weight: float = option(100.0, "weight of the L1 loss beside the adversarial one", low=0.0)
    label_smoothing: float = option(0.0, "take the discriminator's real label as 1 minus this", low=0.0, high=0.49)
    dropout: float = option(0.5, "rate in the three innermost up blocks", low=0.0, high=0.99)
    noise: str = option("train", "dropout in training only, or dropout at inference too", choices=("train", "dropout"))
    architecture: str = option("unet", "generator: U-Net, or the residual one of CycleGAN", choices=("unet", "resnet"))
    residual_blocks: int = option(9, "how many a residual generator has", low=1)
    spectral_norm: bool = option(False, "divide the discriminator's kernels by their norm")
    scales: int = option(1, "discriminators, each for pictures of half the size of the one before", low=1, high=4)

    SMALL: ClassVar[Mapping[str, Any]] = {"size": 128, "base_width": 32}
    SMOKE: ClassVar[Mapping[str, Any]] = {"size": 32, "base_width": 4}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size >> (self.scales - 1) < 32:
            raise InputError("--scales", "must leave the smallest 32 pixels wide", f"{self.scales} of {self.size}")
        if self.noise == "dropout" and (self.architecture == "resnet" or not self.dropout):
            given = "--dropout 0" if self.architecture == "unet" else "--architecture resnet"
            raise InputError("--noise", "needs a network with dropout", f"dropout with {given}")


@dataclass(frozen=True)
class AutoencoderConfig(Family):
    """Convolutional autoencoder (Iizuka 2016): the plain baseline, with or without features of the whole picture."""

    name: str = option("autoencoder", "network", choices=("autoencoder",))
    base_width: int = option(64, "channels of the first convolution; deeper ones have up to 8 times as many", low=1)
    global_features: bool = option(False, "a second path that sums up the whole picture for every pixel")
    norm: str = option("batch", "normalisation", choices=("batch", "instance"))
    distance: str = option("l2", "loss: mean squared or mean absolute difference", choices=("l2", "l1"))

    SMALL: ClassVar[Mapping[str, Any]] = {"size": 128, "base_width": 32}
    SMOKE: ClassVar[Mapping[str, Any]] = {"size": 32, "base_width": 4}
    MULTIPLE: ClassVar[int] = 8


@dataclass(frozen=True)
class UNetConfig(Family):
    """U-Net on an encoder that ImageNet has taught; L1 first, then against a 70x70 PatchGAN."""

    name: str = option("unet", "network", choices=("unet",))
    backbone: str = option("resnet18", "encoder; --encoder-weights gives it weights", choices=BACKBONES)
    encoder_width: int = option(64, "channels of the first stage of resnet18; ImageNet teaches one of 64", low=1)
    decoder_width: int = option(
        64, "channels of the decoder's outer levels; inner ones have up to 4 times as many", low=1
    )
    base_width: int = option(64, "channels of the discriminator's first convolution", low=1)
    gan_loss: str = option("vanilla", "adversarial loss", choices=GAN_LOSSES)
    l1_weight: float = option(100.0, "weight of the L1 loss beside the adversarial one", low=0.0)
    label_smoothing: float = option(0.0, "take the discriminator's real label as 1 minus this", low=0.0, high=0.49)

    SMALL: ClassVar[Mapping[str, Any]] = {"size": 128, "encoder_width": 32, "decoder_width": 32, "base_width": 32}
    SMOKE: ClassVar[Mapping[str, Any]] = {"size": 32, "encoder_width": 4, "decoder_width": 4, "base_width": 4}
    MULTIPLE: ClassVar[int] = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.backbone != "resnet18" and self.encoder_width != 64:
            given = f"{self.encoder_width} for {self.backbone}"
            raise InputError("--encoder-width", "must be 64 but for resnet18", given, "Add --encoder-width 64.")

    def smallest(self) -> int:
        """The smallest side that the encoder takes."""
        return 96 if self.backbone == "inceptionv3" else self.MULTIPLE


@dataclass(frozen=True)
class MobileConfig(Family):
    """The network that ships: MobileNetV1 encoder, 313 bins of colour, ab at half the size; takes hints."""

    name: str = option("mobile", "network", choices=("mobile",))
    alpha: float = option(0.75, "width of the encoder, as MobileNetV1 counts it", low=1 / 32)  # of its 32 channels
    width: int = option(192, "channels of the decoder", low=1)
    # At 0 colours that no photo has would weigh infinitely much.
    balance: float = option(0.5, "how much rare colours weigh in the loss: near 0 most, 1 not", low=0.01, high=1.0)
    share: float = option(0.6, "how much of that weight is taken back in the answer", low=0.0, high=1.0)
    lively_share: float = option(-0.8, "the same where the input vivid is 1", low=-1.0, high=1.0)
    temperature: float = option(1.0, "of the distribution over the bins; below 1 the likeliest counts more", low=0.05)
    lively_temperature: float = option(0.8, "the same where the input vivid is 1", low=0.05)
    colour_weight: float = option(20.0, "weight of the squared error of the mean colour", low=0.0)
    picture_weight: float = option(1.0, "weight of what evaluate measures, at both ends of vivid", low=0.0)
    colourful: float = option(0.02, "what a unit of lacking colourfulness costs in it", low=0.0)
    lively_colourful: float = option(0.08, "the same where the input vivid is 1", low=0.0)
    gan_weight: float = option(0.05, "weight of the adversarial loss, in the phase that has one", low=0.0)
    gan_loss: str = option("hinge", "adversarial loss", choices=GAN_LOSSES)
    dropout: float = option(0.1, "share of the features that training hides", low=0.0, high=0.9)
    base_width: int = option(32, "channels of the discriminator's first convolution", low=1)
    average: float = option(0.999, "share of the averaged weights that one step keeps", low=0.0, high=1.0)

    SMALL: ClassVar[Mapping[str, Any]] = {"size": 128}
    SMOKE: ClassVar[Mapping[str, Any]] = {"size": 64, "alpha": 0.25, "width": 32, "base_width": 4}
    MULTIPLE: ClassVar[int] = 32
    SMALLEST: ClassVar[int] = 64


@dataclass(frozen=True)
class DCGANConfig(PowerOfTwo):
    """Conditional DCGAN (Nazeri 2018): U-Net down to 2x2, PatchGAN, labels smoothed."""

    name: str = option("dcgan", "network", choices=("dcgan",))
    base_width: int = option(64, "channels of the outermost layers; deeper ones have up to 8 times as many", low=1)
    gan_loss: str = option("vanilla", "adversarial loss", choices=GAN_LOSSES)
    l1_weight: float = option(100.0, "weight of the L1 loss beside the adversarial one", low=0.0)
    label_smoothing: float = option(0.1, "take the discriminator's real label as 1 minus this", low=0.0, high=0.49)
    dropout: float = option(0.5, "rate in the three innermost up blocks", low=0.0, high=0.99)

    SMALL: ClassVar[Mapping[str, Any]] = {"size": 128, "base_width": 32}
    SMOKE: ClassVar[Mapping[str, Any]] = {"size": 32, "base_width": 4}


@dataclass(frozen=True)
class ECCV16Config(Family):
    """Colorful Image Colorization (Zhang 2016): a distribution over 313 bins of colour for each pixel."""

    name: str = option("eccv16", "network", choices=("eccv16",))
    base_width: int = option(64, "channels of the first block; deeper ones have up to 8 times as many", low=1)
    balance: float = option(0.5, "how much rare colours weigh in the loss: near 0 most, 1 not", low=0.01, high=1.0)
    temperature: float = option(0.38, "of the distribution; below 1 the likeliest colour counts more", low=0.01)

    SMALL: ClassVar[Mapping[str, Any]] = {"size": 128, "base_width": 32}
    SMOKE: ClassVar[Mapping[str, Any]] = {"size": 32, "base_width": 4}
    MULTIPLE: ClassVar[int] = 8


@dataclass(frozen=True)
class SIGGRAPH17Config(Family):
    """Real-Time User-Guided colorization (Zhang 2017): L and hints in, ab out; a distribution of colours beside."""

    name: str = option("siggraph17", "network", choices=("siggraph17",))
    base_width: int = option(64, "channels of the first block; deeper ones have up to 8 times as many", low=1)
    class_weight: float = option(1.0, "weight of the cross entropy beside the Huber loss of the colours", low=0.0)

    SMALL: ClassVar[Mapping[str, Any]] = {"size": 128, "base_width": 32}
    SMOKE: ClassVar[Mapping[str, Any]] = {"size": 32, "base_width": 4}
    MULTIPLE: ClassVar[int] = 8


@dataclass(frozen=True)
class CycleGANConfig(Family):
    """CycleGAN (Zhu 2017): two sets of pictures without pairs, each turned into the other and back."""

    name: str = option("cyclegan", "network", choices=("cyclegan",))
    base_width: int = option(64, "channels of the outermost layers of all four networks", low=1)
    residual_blocks: int = option(9, "of each generator; the paper has 6 for 128x128", low=1)
    norm: str = option("instance", "normalisation", choices=("batch", "instance"))
    gan_loss: str = option("lsgan", "adversarial loss", choices=GAN_LOSSES)
    cycle_weight: float = option(10.0, "weight of the way there and back again", low=0.0)
    identity_weight: float = option(0.5, "weight of leaving alone what is right already, times the one before", low=0.0)
    pool: int = option(50, "pictures that a discriminator is shown again; 0 for none", low=0)
    diversity_weight: float = option(0.0, "weight of a penalty on outputs more alike than their inputs", low=0.0)

    SMALL: ClassVar[Mapping[str, Any]] = {"size": 128, "base_width": 32, "residual_blocks": 6}
    SMOKE: ClassVar[Mapping[str, Any]] = {"size": 32, "base_width": 4, "residual_blocks": 1, "pool": 6}
    MULTIPLE: ClassVar[int] = 4
    SMALLEST: ClassVar[int] = 32
    SCENES: ClassVar[str] = "unpaired:synthetic:24|synthetic:24,seed=2"

    def check_batch(self, batch: int) -> None:
        """Raises an InputError if pool or diversity cannot be had of so many pictures at a time."""
        if 0 < self.pool < batch:
            raise InputError("--batch", f"must not exceed the pool of {self.pool} pictures", batch)
        if self.diversity_weight and batch < 2:
            raise InputError("--diversity-weight", "needs a batch of two pictures or more", f"--batch {batch}")


@dataclass(frozen=True)
class CycleGANGrayConfig(CycleGANConfig):
    """CycleGAN (Zhu 2017) from photos without their colour to photos; one source is enough, without pairs."""

    name: str = option("cyclegan-gray", "network", choices=("cyclegan-gray",))

    SCENES: ClassVar[str] = "synthetic:24"


@dataclass(frozen=True)
class MCGANConfig(Family):
    """MC-GAN (Ji 2021): radar pictures, or photos without colour, into colour by one network for all classes."""

    name: str = option("mcgan", "network", choices=("mcgan",))
    base_width: int = option(64, "channels of the outermost layers of both networks", low=1)
    residual_blocks: int = option(6, "of the generator", low=1)
    gan_loss: str = option("lsgan", "adversarial loss", choices=GAN_LOSSES)
    domains: int = option(1, "classes of photos that it is told of: as many as the data has, or 1 for none", low=1)
    paired: bool = option(False, "learn from photos beside their own gray, not from two sets without pairs")
    cycle_weight: float = option(10.0, "weight of the way there and back again", low=0.0)
    class_weight: float = option(1.0, "weight of being taken for what was asked for", low=0.0)
    l1_weight: float = option(100.0, "weight of the L1 loss, with --paired", low=0.0)
    looks: int = option(0, "learn under speckle, as in radar pictures of so many looks; 0 for none", low=0)

    SMALL: ClassVar[Mapping[str, Any]] = {"size": 128, "base_width": 32, "residual_blocks": 4}
    SMOKE: ClassVar[Mapping[str, Any]] = {"size": 32, "base_width": 4, "residual_blocks": 1}
    MULTIPLE: ClassVar[int] = 4
    SMALLEST: ClassVar[int] = 32


@dataclass(frozen=True)
class SCGANConfig(PowerOfTwo):
    """SCGAN (Zhao 2021): colour and saliency together, two judges, features of the whole picture."""

    name: str = option("scgan", "network", choices=("scgan",))
    base_width: int = option(64, "channels of the outermost layers; deeper ones have up to 8 times as many", low=1)
    gan_loss: str = option("wgan-gp", "adversarial loss", choices=("wgan-gp", *GAN_LOSSES))
    l1_weight: float = option(1.0, "weight of the L1 loss of the colours", low=0.0)
    attention_weight: float = option(0.5, "weight of that of salient colours, and of saliency itself", low=0.0)
    gan_weight: float = option(0.05, "weight of the adversarial loss", low=0.0)

    SMALL: ClassVar[Mapping[str, Any]] = {"size": 128, "base_width": 16}
    SMOKE: ClassVar[Mapping[str, Any]] = {"size": 32, "base_width": 4}


FAMILIES: dict[str, type[Family]] = {
    "pix2pix-rgb": Pix2PixConfig,
    "pix2pix-lab": Pix2PixConfig,
    "autoencoder": AutoencoderConfig,
    "unet": UNetConfig,
    "dcgan": DCGANConfig,
    "cyclegan": CycleGANConfig,
    "cyclegan-gray": CycleGANGrayConfig,
    "mcgan": MCGANConfig,
    "scgan": SCGANConfig,
    "eccv16": ECCV16Config,
    "siggraph17": SIGGRAPH17Config,
    "mobile": MobileConfig,
}
