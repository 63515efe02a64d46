"""What papers say of these networks, measured on other photos: to be shown beside our figures, never among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["IMAGENET", "LAB_STUDY", "PUBLISHED", "Published", "ours"]


@dataclass(frozen=True)
class Published:
    """PSNR and SSIM that a paper reports."""

    who: str
    psnr: float
    ssim: float
    source: str
    model: str | None = None  # of ours that is after it


# Each on its own data. Quoted at second hand: the figures were not looked up in the papers named.
PUBLISHED: Sequence[Published] = (
    Published("Wan", 26.18, 0.83, "paper not identified"),
    Published("MC-GAN, radar pictures", 14.066, 0.117, "Ji et al. 2021, IEEE GRSL", "mcgan"),
    Published("Kong", 31.359, 0.972, "paper not identified"),
    Published("SCGAN", 23.80, 0.9473, "Zhao et al. 2021, arXiv:2011.11377", "scgan"),
    Published("Iizuka", 29.851, 0.955, "Iizuka et al. 2016, SIGGRAPH", "autoencoder"),
    Published("DCGAN", 29.415, 0.928, "Nazeri et al. 2018, arXiv:1803.05400", "dcgan"),
)

# 50,000 validation photos of ImageNet: FID, PSNR, colourfulness, as DDColor's paper (arXiv:2212.11613) has them.
IMAGENET: Mapping[str, tuple[float, float, float]] = {
    "DDColor-tiny": (1.23, 23.63, 37.7),
    "BigColor": (1.24, 21.24, 40.0),
    "ColTran": (6.14, 22.30, 35.5),
}

# Losses that a study of the conditional GAN in Lab prints at the end of its trainings; L1 is times λ = 100.
LAB_STUDY: Mapping[str, Mapping[str, float]] = {
    "baseline": {"g_loss": 7.655, "g_l1": 6.427, "g_gan": 1.228, "d_loss": 0.555},
    "pretrained encoder, two phases": {"g_loss": 6.784, "g_l1": 5.887, "g_gan": 0.897, "d_loss": 0.640},
}
# Ours that are after them.
LAB_MODELS = {"pix2pix-lab": "baseline", "unet": "pretrained encoder, two phases"}


def ours(model: str) -> Published | None:
    """What is published of the network that `model` is after."""
    return next((one for one in PUBLISHED if one.model == model), None)
