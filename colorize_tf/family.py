"""What the options of every family of networks have in common; `families.py` has the families."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from colorize_tf.errors import InputError
from colorize_tf.fields import Checked, option

__all__ = ["LARGEST", "Family", "PowerOfTwo"]

LARGEST = 4096  # side of a picture; larger ones take gigabytes each


@dataclass(frozen=True)
class Family(Checked):
    """What every network has; `models.build(name, ...)` takes the other fields by the same names."""

    name: str = option("", "network")
    size: int = option(256, "side of the square pictures it learns on")

    SMALL: ClassVar[Mapping[str, Any]] = {}  # enough for two cores to learn from within an hour
    SMOKE: ClassVar[Mapping[str, Any]] = {}  # enough to run
    MULTIPLE: ClassVar[int] = 1  # of the sides that the network takes
    SMALLEST: ClassVar[int] = 16  # side that it learns on; none below 11 has an SSIM
    SCENES: ClassVar[str] = "synthetic:24"  # photos of a smoke run

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size > LARGEST:
            raise InputError("--size", f"must be at most {LARGEST}", self.size)
        least = max(self.smallest(), self.MULTIPLE)
        if self.size < least or self.size % self.MULTIPLE:
            rule = f"must be a multiple of {self.MULTIPLE}" + (f", at least {least}" if least > self.MULTIPLE else "")
            near = max(least, round(self.size / self.MULTIPLE) * self.MULTIPLE)
            raise InputError("--size", rule, self.size, f"Try {near}.")

    def smallest(self) -> int:
        """The smallest side that a network of these options learns on."""
        return self.SMALLEST

    def check_batch(self, batch: int) -> None:
        """Raises an InputError if the network cannot learn from so many pictures at a time."""

    def options(self) -> dict[str, Any]:
        """The keyword arguments that `models.build(self.name, ...)` takes."""
        return {item.name: getattr(self, item.name) for item in dataclasses.fields(self) if item.name != "name"}


@dataclass(frozen=True)
class PowerOfTwo(Family):
    """A network that halves its pictures down to a few pixels."""

    size: int = option(256, "side of the square pictures it learns on, a power of two")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size < 32 or self.size & (self.size - 1):
            raise InputError("--size", "must be a power of two, at least 32", self.size, "Try 128 or 256.")
