"""The card of a model file: what it is, what it takes and gives, and how it was checked; one place reads and writes it.

The card is JSON inside the `.tflite` file, as TFLite metadata named `colorize_tf.card`, and the same text beside it as
`.json`. Its `sha256` is that of the file with these 64 digits replaced by zeros, so one number covers network and card.
The schema is described in docs/model-format.md.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from colorize_tf.atomic import write_bytes, write_text
from colorize_tf.edge import flatbuffer
from colorize_tf.errors import InputError, shorten

__all__ = ["CONTRACT", "LONGEST", "METADATA", "Card", "read_model", "sidecar", "write_model"]

CONTRACT = 1  # of the model file: DESIGN of inputs, outputs and card together
METADATA = "colorize_tf.card"
KINDS = ("colorize", "translate")
FITS = ("pad", "squash", "letterbox")
LONGEST = 8192  # side of an input
MOST_BYTES = 1 << 31  # a flatbuffer ends there
UNSIGNED = "0" * 64


@dataclass(frozen=True)
class Card:
    """All that a host must know to run the file, and all that a person should know before using it."""

    name: str
    recipe: str  # of export: float32, float16, static_wi8_ai8 …
    height: int | None  # of the input; None: any multiple of `multiple`
    width: int | None
    ab_scale: int  # input size ÷ size of the ab that come out
    version: str = "1"
    kind: str = "colorize"  # or translate: RGB 0..1 in and out
    fit: str = "pad"  # how a photo of another shape gets in: pad (dynamic files), squash, letterbox
    multiple: int = 32
    short_side: int = 256  # the size a dynamic file was made for
    hints: bool = False
    vivid: bool = False
    twin: str | None = None  # file name of the same network in float16, for runtimes that are slow on int8
    licence: str = ""
    training_data: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    verification: Mapping[str, Any] = field(default_factory=dict)
    runtimes: tuple[str, ...] = ()  # those in which the file was run and compared
    contract: int = CONTRACT
    sha256: str = UNSIGNED

    def __post_init__(self) -> None:
        for name, allowed in TYPES.items():
            value = getattr(self, name)
            if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
                kinds = " or ".join("null" if kind is type(None) else kind.__name__ for kind in allowed)
                raise _bad(name, f"must be {kinds}", value)
        if self.kind not in KINDS:
            raise _bad("kind", f"must be one of {', '.join(KINDS)}", self.kind)
        if self.fit not in FITS:
            raise _bad("fit", f"must be one of {', '.join(FITS)}", self.fit)
        if (self.height is None) != (self.width is None) or (self.height is None) != (self.fit == "pad"):
            shape = f"{self.height}, {self.width}, {self.fit}"
            raise _bad("height, width, fit", "must be null, null, pad or two sizes with squash or letterbox", shape)
        for name in ("height", "width", "ab_scale", "multiple", "short_side"):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= LONGEST:
                raise _bad(name, f"must be in 1..{LONGEST}", value)
        if any(size is not None and size % self.ab_scale for size in (self.height, self.width)):
            raise _bad("ab_scale", "must divide height and width", self.ab_scale)
        if self.height is None and self.multiple % self.ab_scale:
            raise _bad("ab_scale", "must divide multiple", self.ab_scale)
        if self.twin is not None and (not self.twin or Path(self.twin).name != self.twin):
            raise _bad("twin", "must be the name of a file in the same folder", self.twin)

    @property
    def title(self) -> str:
        """The name, fit to stand in a line of text whatever it is."""
        return shorten(self.name, 60)

    @classmethod
    def parse(cls, text: str | bytes, where: str = "card") -> Card:
        """JSON -> card; keys that this version does not know are ignored."""
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            raise InputError(where, "the card must be JSON", shorten(str(text), 60)) from None
        if not isinstance(values, dict):
            raise InputError(where, "the card must be a JSON object", type(values).__name__)
        contract = values.get("contract")
        if type(contract) is not int or contract < 1:
            raise InputError(where, "the card must name its contract version", contract)
        if contract > CONTRACT:
            raise InputError(
                where,
                f"this colorize_tf reads model files up to contract {CONTRACT}",
                f"contract {contract}",
                "Install a newer colorize_tf: pip install -U colorize-tf",
            )
        known = {f.name for f in fields(cls)}
        required = {"name", "recipe", "height", "width", "ab_scale", "sha256"}
        if missing := sorted(required - set(values)):
            raise InputError(where, "the card must have " + ", ".join(missing), ", ".join(sorted(values)))
        chosen = {name: value for name, value in values.items() if name in known}
        if isinstance(chosen.get("runtimes"), list):
            chosen["runtimes"] = tuple(chosen["runtimes"])
        try:
            return cls(**chosen)
        except InputError as error:
            raise InputError(where, f"{error.argument} {error.rule}", error.received) from None

    def text(self) -> str:
        """The card as JSON, one key a line."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"


TYPES: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "recipe": (str,),
    "height": (int, type(None)),
    "width": (int, type(None)),
    "ab_scale": (int,),
    "version": (str,),
    "kind": (str,),
    "fit": (str,),
    "multiple": (int,),
    "short_side": (int,),
    "hints": (bool,),
    "vivid": (bool,),
    "twin": (str, type(None)),
    "licence": (str,),
    "training_data": (str,),
    "metrics": (dict,),
    "verification": (dict,),
    "runtimes": (tuple,),
    "contract": (int,),
    "sha256": (str,),
}


def read_model(path: str | os.PathLike[str]) -> tuple[bytes, Card]:
    """A model file -> its bytes, checked against the checksum, and its card."""
    where = shorten(str(path))
    try:
        status = Path(path).stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
            raise InputError(where, "must be a TFLite file of at most 2 GB", "something else")
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(where, "must be a readable model file", error.strerror or error) from None
    try:
        found = flatbuffer.metadata(content, METADATA)
    except flatbuffer.Malformed as error:
        raise InputError(where, "must be a whole TFLite file", str(error), "Copy or export it again") from None
    if found is None:
        rule, remedy = "must be a model exported by colorize_tf", "See docs/model-format.md"
        raise InputError(where, rule, "a TFLite file without its card", remedy)
    card = Card.parse(content[found], where)
    if checksum(content, found, card.sha256) != card.sha256:
        raise InputError(where, "must match the checksum in its card", "a changed or damaged file", "Copy it again")
    return content, card


def write_model(path: str | os.PathLike[str], content: bytes, card: Card) -> Card:
    """Writes the TFLite file `content` with the card inside to `path`, and the sidecar; returns the signed card."""
    unsigned = replace(card, sha256=UNSIGNED)
    try:
        whole = flatbuffer.with_metadata(content, METADATA, unsigned.text().encode())
    except flatbuffer.Malformed as error:
        raise InputError("model", "must be a TFLite file", str(error)) from None
    signed = replace(card, sha256=hashlib.sha256(whole).hexdigest())
    write_bytes(path, flatbuffer.with_metadata(content, METADATA, signed.text().encode()))
    write_text(sidecar(path), signed.text())
    return signed


def sidecar(path: str | os.PathLike[str]) -> Path:
    """The place of the card beside the model file."""
    return Path(path).with_suffix(".json")


def checksum(content: bytes, card: slice, stated: str) -> str:
    """SHA-256 of the file with the digits of `stated`, where the card names them, replaced by zeros."""
    text = content[card]
    start = text.find(f'"sha256": "{stated}"'.encode())
    if len(stated) != len(UNSIGNED) or start < 0:
        return ""
    start += card.start + len('"sha256": "')
    digest = hashlib.sha256(memoryview(content)[:start])
    digest.update(UNSIGNED.encode())
    digest.update(memoryview(content)[start + len(stated) :])
    return digest.hexdigest()


def _bad(name: str, rule: str, value: object) -> InputError:
    return InputError(f"card: {name}", rule, value)
