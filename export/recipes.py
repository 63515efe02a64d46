"""The recipes: what numbers a file computes with, why one would want that, and how exact it has to be.

The names are those of Google's quantizer: `wi8` are 8-bit integer weights, `ai8` and `ai16` integer activations,
`static` means that their ranges are measured beforehand on photos, `dynamic` that the runtime finds them as it goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from colorize_tf.errors import InputError

__all__ = ["CHROMA_TOLERANCE", "RECIPES", "Bounds", "Recipe", "find_recipe"]

CHROMA_TOLERANCE = 0.02  # mean chroma of a file's pictures against the network's: a pale file is a wrong file


@dataclass(frozen=True)
class Bounds:
    """PSNR in dB of the final RGB (uint8) against that of the network, over all photos and for the worst of them."""

    mean: float
    worst: float


@dataclass(frozen=True)
class Recipe:
    """How a file's numbers are stored and computed."""

    name: str
    weights: str  # float32, float16 or int8
    activations: str  # float32, int8 or int16
    bounds: Bounds
    hardware: str
    reason: str
    fine_tuned: bool = False

    @property
    def static(self) -> bool:
        """Whether the ranges of activations are measured on photos before conversion."""
        return self.activations != "float32"


RECIPES: Mapping[str, Recipe] = MappingProxyType({
    recipe.name: recipe
    for recipe in (
        Recipe(
            "float32", "float32", "float32", Bounds(60, 50), "any CPU; debugging",
            "the network as it was trained: the reference for all others, and the largest file",
        ),
        Recipe(
            "float16", "float16", "float32", Bounds(50, 44), "any CPU, GPUs",
            "half the size and no visible loss; a CPU unpacks the weights at load, a GPU computes in them",
        ),
        Recipe(
            "dynamic_wi8", "int8", "float32", Bounds(42, 36), "desktop and phone CPUs",
            "a quarter of the size without any photos at hand; fast where convolutions are large and dense",
        ),
        Recipe(
            "static_wi8_ai8", "int8", "int8", Bounds(38, 33), "phones, small boards, DSPs, NPUs",
            "a quarter of the size and the fastest on integer hardware; float32 at its edges, because browsers refuse "
            "int8 inputs and 8 bits are too few for colour arithmetic",
        ),
        Recipe(
            "static_wi8_ai16", "int8", "int16", Bounds(42, 36), "DSPs and NPUs with 16-bit units",
            "for networks that 8-bit activations hurt; slow on CPUs, which have no kernels for it",
        ),
        Recipe(
            "qat_wi8_ai8", "int8", "int8", Bounds(38, 33), "as static_wi8_ai8",
            "as static_wi8_ai8 after a short training with rounded numbers, for a network that fails its bounds",
            fine_tuned=True,
        ),
    )
})  # fmt: skip


def find_recipe(name: str) -> Recipe:
    """A name of `RECIPES` -> the recipe."""
    if name not in RECIPES:
        raise InputError("--recipe", "is not a known recipe", name, f"Valid: {', '.join(RECIPES)}.")
    return RECIPES[name]
