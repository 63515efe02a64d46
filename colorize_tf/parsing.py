"""Command lines that are answered in one line: what argparse would print with its usage is an InputError here."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from colorize_tf.errors import InputError, unknown_key

__all__ = ["Parser"]

WRONG_TYPE = re.compile(r"invalid (\w+) value: '(.*)'", re.DOTALL)
WRONG_CHOICE = re.compile(r"invalid choice: (.*) \(choose from (.*)\)", re.DOTALL)
KINDS = {"int": "a whole number", "float": "a number"}


class Parser(argparse.ArgumentParser):
    """An ArgumentParser without abbreviations, which tomorrow's flags would make ambiguous, and without usage."""

    def __init__(self, prog: str | None = None, **options: Any) -> None:
        super().__init__(prog, **{"allow_abbrev": False, **options})

    def parse_args(  # type: ignore[override]  # whose overloads tell apart what nobody here does
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> Any:
        """Words -> their values; an unknown flag is answered with the closest valid one."""
        given, rest = self.parse_known_args(args, namespace)
        if rest:
            flag = next((word for word in rest if word.startswith("-")), None)
            if flag is None:
                raise InputError("command line", "has a word too many", rest[0], "See --help.")
            raise unknown_key("command line", flag.partition("=")[0], self._flags(given))
        return given

    def error(self, message: str) -> NoReturn:
        """Raises what argparse has to say."""
        argument, _, rule = message.removeprefix("argument ").partition(": ")
        if not message.startswith("argument "):
            if argument.endswith("are required"):
                raise InputError(rule, "must be given", "nothing", "See --help.")
            raise InputError("command line", message, "this one", "See --help.")
        if found := WRONG_TYPE.fullmatch(rule):
            kind, value = found.groups()
            raise InputError(argument, f"must be {KINDS.get(kind, kind)}", value)
        if found := WRONG_CHOICE.fullmatch(rule):
            value, choices = found.groups()
            raise InputError(argument, f"must be one of {choices.replace(chr(39), '')}", value.strip("'"))
        raise InputError(argument, rule, "both" if rule.startswith("not allowed with") else "none", "See --help.")

    def _flags(self, given: Any) -> Iterator[str]:
        """The long flags, those of the chosen subcommand too."""
        for action in self._actions:
            yield from (name for name in action.option_strings if name.startswith("--"))
            if isinstance(action, argparse._SubParsersAction):
                yield from action.choices[getattr(given, action.dest)]._flags(given)
