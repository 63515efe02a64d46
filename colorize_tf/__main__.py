"""The command `colorize`: a first word that is a command is the command; anything else is a photo."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from colorize_tf.errors import command_line

__all__ = ["COMMANDS", "main"]

COMMANDS = {"benchmark": "colorize_tf.apps.benchmark"}
PHOTOS = "colorize_tf.apps.photos"


@command_line
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command that the first word is; without one, all words are about photos."""
    words = list(sys.argv[1:] if argv is None else argv)
    module = COMMANDS[words.pop(0)] if words and words[0] in COMMANDS else PHOTOS
    return int(import_module(module).run(words))


if __name__ == "__main__":
    raise SystemExit(main())
