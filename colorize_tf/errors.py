"""One clear line for bad input: the exceptions every command turns into a message and an exit code.

ColorizeError            exit code 1
├── InputError           exit code 2: an argument or a file the user can change
└── RunError             exit code 1: something failed while working, what was saved is safe
"""

from __future__ import annotations

import difflib
import errno
import functools
import io
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from unicodedata import category

__all__ = ["ColorizeError", "InputError", "RunError", "command_line", "shorten", "unknown_key"]

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)
_NO_MORE = (errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_NO_PLACE = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ENOENT)


class ColorizeError(Exception):
    """Base of all errors that are meant for a person to read."""

    exit_code = 1


class InputError(ColorizeError):
    """`argument` broke `rule`; says what was received and, where there is one, the remedy."""

    exit_code = 2

    def __init__(self, argument: str, rule: str, received: object, remedy: str = "") -> None:
        self.argument, self.rule, self.received, self.remedy = argument, rule, received, remedy
        super().__init__(f"{argument}: {rule}. Received: {shorten(received)}. {remedy}".rstrip())


class RunError(ColorizeError):
    """Work stopped for a reason outside the arguments: a full disk, a loss that became NaN."""


def unknown_key(argument: str, key: object, valid: Iterable[str]) -> InputError:
    """The error for a key that does not exist: the closest valid one first, then all of them."""
    names = sorted(valid)
    close = difflib.get_close_matches(str(key), names, n=1)
    guess = f"Did you mean {close[0]}? " if close else ""
    return InputError(argument, "unknown name", str(key), f"{guess}Valid: {', '.join(names)}")


def shorten(value: object, limit: int = 200) -> str:
    """Any value as one printable line of at most `limit` characters, so that no input can garble a terminal."""
    text = value if isinstance(value, str) else repr(value)
    # Spaces of other widths do no harm, and are part of file names.
    line = "".join(char if char.isprintable() or category(char) == "Zs" else " " for char in text)
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def command_line(main: Callable[..., int]) -> Callable[..., int]:
    """Wraps `main(argv) -> int` so that expected failures end in one line on stderr and an exit code."""

    @functools.wraps(main)
    def guarded(argv: Sequence[str] | None = None, **kwargs: Any) -> int:
        _mend_streams()
        try:
            return main(argv, **kwargs)
        except ColorizeError as error:
            print(f"error: {error}", file=sys.stderr)
            return error.exit_code
        except KeyboardInterrupt:
            print("error: interrupted; what was already written is complete", file=sys.stderr)
            return 130
        except BrokenPipeError:
            # The reader of our stdout has gone; leave quietly, and do not let the interpreter flush into the void.
            sys.stdout = None
            return 1
        except OSError as error:
            # Each of these names a path and a reason; they are the machine's state, not a defect to trace.
            if error.errno not in (*_NO_ROOM, *_NO_MORE, *_NO_PLACE):
                raise
            where = shorten(str(error.filename or ("this machine" if error.errno in _NO_MORE else "output")))
            remedy = "Free it or choose another place" if error.errno in _NO_ROOM else "Choose another place"
            if error.errno in _NO_MORE:
                remedy = "Ask for less at the same time, or raise the limit"
            print(f"error: {where}: {error.strerror}. {remedy}", file=sys.stderr)
            return 1

    return guarded


def _mend_streams() -> None:
    """Streams that were closed become empty ones; and a name that stdout cannot encode is escaped, not the end."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):  # by their numbers, the lowest that are free
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
