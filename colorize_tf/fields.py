"""Dataclass fields that carry the help text and the rule of their command-line flag.

    @dataclass(frozen=True)
    class Oven(Checked):
        heat: int = option(180, "degrees Celsius", low=30, high=300)

`Oven(heat=900)` raises an InputError naming `--heat`, and the same rule guards the flag and the file it is saved in.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any

from colorize_tf.errors import InputError

__all__ = ["Checked", "flag_of", "option"]

_WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
    type(None): "none",
}


def option(
    default: Any,
    help: str,
    *,
    choices: tuple[str, ...] | None = None,
    low: float | None = None,
    high: float | None = None,
    may_change: bool = False,
) -> Any:
    """A dataclass field with the help text and the rule of its flag; `may_change` lets `--resume` give a new value."""
    rule = {"help": help, "choices": choices, "low": low, "high": high, "may_change": may_change}
    return dataclasses.field(default=default, metadata=rule)


class Checked:
    """Checks every field of a dataclass made of `option`s: type, choices, bounds."""

    def __post_init__(self) -> None:
        hints = typing.get_type_hints(type(self))
        for item in dataclasses.fields(self):  # type: ignore[arg-type]
            _check(flag_of(item.name), hints[item.name], item.metadata, getattr(self, item.name))


def flag_of(name: str) -> str:
    """`val_share` -> `--val-share`."""
    return "--" + name.replace("_", "-")


def _check(argument: str, hint: Any, rule: Mapping[str, Any], value: Any) -> None:
    kinds = set(typing.get_args(hint)) if isinstance(hint, types.UnionType) else {hint}
    if value is None and type(None) in kinds:
        return
    if typing.get_origin(hint) is tuple:
        fits = isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    elif isinstance(value, bool):  # a bool is an int to Python, never to a reader
        fits = bool in kinds
    else:
        fits = type(value) in kinds or (float in kinds and isinstance(value, int))
    if not fits:
        words = sorted(_WORDS.get(kind, "a list of texts") for kind in kinds)
        raise InputError(argument, f"must be {' or '.join(words)}", value)
    if rule["choices"] is not None and value not in rule["choices"]:
        raise InputError(argument, f"must be one of {', '.join(rule['choices'])}", value)
    low, high = rule["low"], rule["high"]
    # Written so that NaN, which compares false with everything, is refused too.
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        bounds = f"at least {_shown(low)}" if high is None else f"from {_shown(low)} to {_shown(high)}"
        raise InputError(argument, f"must be {bounds}", value)


def _shown(bound: float | None) -> str:
    return f"{bound:g}" if isinstance(bound, float) else str(bound)  # whole numbers to the last digit
