"""`Photos`: a set of encoded colour photographs that can be read in any order, split and resumed exactly."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from PIL import Image

from colorize_tf.datasets.examine import Examined
from colorize_tf.errors import InputError

__all__ = ["FRACTIONS", "Photos", "Rejected", "Unpaired", "split_counts"]

FRACTIONS: Mapping[str, float] = {"train": 0.9, "val": 0.05, "test": 0.05}

# PIL's way to undo each EXIF orientation; 1 is upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Rejected:
    """A file or record that was left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Photos:
    """Where the encoded bytes of each photo lie (a byte range of a file), and what is known of it.

    Arrays have one entry per photo. `height` and `width` are those of the stored pixels, before `orientation` (EXIF
    1..8) is undone. `hashes` are sha256 of the photo's original bytes as hexadecimal; `chroma` is its mean CIE chroma.
    """

    source: str
    files: tuple[str, ...]
    file: np.ndarray  # int32, index into files
    offset: np.ndarray  # int64
    length: np.ndarray  # int64
    format: np.ndarray  # uint8, examine.JPEG or PNG
    height: np.ndarray  # int32
    width: np.ndarray  # int32
    orientation: np.ndarray  # uint8
    chroma: np.ndarray  # float32
    hashes: np.ndarray  # S64
    names: np.ndarray  # object (str)
    labels: np.ndarray | None = None  # int32, index into label_names; -1 of a photo without
    label_names: tuple[str, ...] = ()
    rejected: tuple[Rejected, ...] = field(default=(), repr=False)

    @property
    def count(self) -> int:
        return len(self.file)

    def __len__(self) -> int:
        return self.count

    def pick(self, which: np.ndarray) -> Photos:
        """The photos at these indices (or under this mask), in this order."""
        arrays = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{k: v[which] for k, v in arrays.items() if isinstance(v, np.ndarray)})

    def sample(self, count: int) -> Photos:
        """At most `count` of the photos, chosen at random but always the same, in their order."""
        return self.pick(np.sort(np.random.default_rng(0).permutation(self.count)[:count]))

    def classes(self, names: Sequence[str]) -> np.ndarray:
        """Each photo's class as its place among `names`, -1 where it has none of these: int32 [count]."""
        if self.labels is None:
            return np.full(self.count, -1, np.int32)
        places = {name: place for place, name in enumerate(names)}
        own = np.array([*(places.get(name, -1) for name in self.label_names), -1], np.int32)
        return own[self.labels]

    def label(self, index: int) -> str:
        """One photo's class by name, "" where it has none."""
        number = -1 if self.labels is None else int(self.labels[index])
        return self.label_names[number] if number >= 0 else ""

    def known(self, index: int) -> Examined:
        """What was found out about one photo."""
        measures = (self.format, self.height, self.width, self.orientation)
        format_, height, width, orientation = (int(values[index]) for values in measures)
        return Examined(self.hashes[index].decode(), format_, height, width, orientation, float(self.chroma[index]))

    def encoded(self, index: int) -> bytes:
        """The stored JPEG or PNG bytes of one photo."""
        with open(self.files[self.file[index]], "rb") as file:
            file.seek(self.offset[index])
            return file.read(int(self.length[index]))

    def image(self, index: int) -> np.ndarray:
        """One photo at full size, upright: uint8 RGB [H, W, 3]."""
        with Image.open(io.BytesIO(self.encoded(index))) as image:
            rgb = image.convert("RGB")
        turn = _UPRIGHT.get(int(self.orientation[index]))
        return np.array(rgb if turn is None else rgb.transpose(turn))

    def split(
        self,
        name: str,
        fractions: Mapping[str, float] = FRACTIONS,
        *,
        counts: Mapping[str, int] | None = None,
        seed: int = 0,
    ) -> Photos:
        """The photos of one named split.

        By `fractions` (the default): each photo's side depends on its content and `seed` alone, so adding or removing
        photos never moves another one, and copies of a photo stay together. By `counts`: exactly so many photos,
        chosen by the same hash among distinct photos (of copies, the first).
        """
        shares = fractions if counts is None else counts
        if name not in shares:
            raise InputError("split", f"must be one of {', '.join(shares)}", name)
        places = self._places(seed)
        if counts is None:
            if min(shares.values()) < 0 or sum(shares.values()) > 1 + 1e-9:
                raise InputError("fractions", "must be ≥ 0 and add up to at most 1", dict(shares))
            bounds = np.cumsum([0.0, *shares.values()])
            at = list(shares).index(name)
            return self.pick(np.flatnonzero((places >= bounds[at]) & (places < bounds[at + 1])))
        distinct = np.sort(np.unique(self.hashes, return_index=True)[1])
        if sum(counts.values()) > len(distinct):
            received = f"{dict(counts)} of {len(distinct)}"
            raise InputError("subset", "must not add up to more than the distinct photos", received, "Ask for fewer.")
        ranked = distinct[np.lexsort((self.hashes[distinct], places[distinct]))]
        start = sum(list(counts.values())[: list(counts).index(name)])
        return self.pick(np.sort(ranked[start : start + counts[name]]))

    def _places(self, seed: int) -> np.ndarray:
        """Each photo's place in 0..1, drawn from its content: float64 [count]."""
        key = b"colorize_tf split %d " % seed
        digests = b"".join(hashlib.sha256(key + content).digest()[:8] for content in self.hashes.tolist())
        # 53 bits, so that the result is exact in float64 and never rounds up to 1.
        return (np.frombuffer(digests, ">u8") >> np.uint64(11)) / float(1 << 53)


@dataclass(frozen=True)
class Unpaired:
    """Two sets without correspondence; their sizes may differ."""

    a: Photos
    b: Photos

    @property
    def count(self) -> int:
        return max(self.a.count, self.b.count)

    @property
    def label_names(self) -> tuple[str, ...]:
        """The classes of both, in alphabetical order."""
        return tuple(sorted({*self.a.label_names, *self.b.label_names}))

    def __len__(self) -> int:
        return self.count

    def sample(self, count: int) -> Unpaired:
        """At most `count` of each set's photos, as `Photos.sample` chooses them."""
        return Unpaired(self.a.sample(count), self.b.sample(count))

    def split(self, name: str, *args: Any, **kwargs: Any) -> Unpaired:
        return Unpaired(self.a.split(name, *args, **kwargs), self.b.split(name, *args, **kwargs))


def split_counts(text: str, names: Sequence[str] = ("train", "val", "test")) -> dict[str, int]:
    """`4000/1000` or `10000@80:20` -> {"train": 4000, "val": 1000} or {"train": 8000, "val": 2000}."""
    try:
        if "@" in text:
            total, shares = text.split("@")
            weights = [int(part) for part in shares.split(":")]
            numbers = [int(total) * weight // sum(weights) for weight in weights]
            numbers[0] += int(total) - sum(numbers)
        else:
            numbers = [int(part) for part in text.split("/")]
        if min(numbers) < 0 or sum(numbers) == 0 or len(numbers) > len(names):
            raise ValueError
    except (ValueError, ZeroDivisionError):
        rule = f"must be counts of {'/'.join(names)} such as 4000/1000, or a total and shares such as 10000@80:20"
        raise InputError("subset", rule, text) from None
    return dict(zip(names, numbers, strict=False))
