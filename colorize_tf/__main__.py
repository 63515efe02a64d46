"""The command `colorize`: a first word that is a command is the command; anything else is a photo."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from colorize_tf.errors import command_line

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "photos": "colorize_tf.apps.photos",
    "benchmark": "colorize_tf.apps.benchmark",
}


@command_line
def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; `colorize photo.jpg` is short for `colorize photos photo.jpg`."""
    words = list(sys.argv[1:] if argv is None else argv)
    name = words.pop(0) if words and words[0] in COMMANDS else "photos"
    return int(import_module(COMMANDS[name]).run(words))


if __name__ == "__main__":
    raise SystemExit(main())
