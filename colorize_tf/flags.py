"""The command line of training: one flag per field of `config.py`, in groups, with presets as starting points.

Nothing here needs TensorFlow, so `--help` and a wrong flag answer at once.
"""

from __future__ import annotations

import argparse
import dataclasses
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colorize_tf.config import RunConfig, load_config, with_values
from colorize_tf.errors import InputError, unknown_key
from colorize_tf.fields import Checked, flag_of
from colorize_tf.parsing import Parser
from colorize_tf.presets import PRESETS

__all__ = ["Arguments", "parse"]

DEFAULT_PRESET = "pix2pix-rgb"


@dataclass(frozen=True)
class Arguments:
    """A command line resolved: `config` is complete, `resume` continues the run that lies in `out`."""

    config: RunConfig
    out: Path
    resume: bool
    overwrite: bool


def parse(argv: Sequence[str]) -> Arguments:
    """Resolves a command line into a complete configuration, or raises an InputError that says what to change."""
    parser = _parser(_preset_named_in(argv))
    known = parser.parse_args(list(argv))
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in vars(known).items()
    }
    preset, out = values.pop("preset", None), values.pop("out", None)
    resume, overwrite, smoke = (values.pop(key, False) for key in ("resume", "overwrite", "smoke"))
    if out is None:
        raise InputError("--out", "names the run folder and is required", "no --out", "Example: --out runs/a")
    out = Path(out)
    if resume:
        if overwrite:
            raise InputError("--resume", "continues a run, so it does not go with --overwrite", "both")
        return Arguments(_resumed(out, preset, smoke, values), out, resume=True, overwrite=False)
    config = PRESETS[preset or DEFAULT_PRESET].config
    if smoke:
        config = config.smoke()
    config = with_values(config, values)
    config.model.check_batch(config.data.batch)
    start, encoder = config.train.init_from, config.train.encoder_weights
    if start and encoder:
        raise InputError("--encoder-weights", "does not go with --init-from, whose weights would replace it", encoder)
    if config.train.slow and not (start or encoder) and "slow" not in values:
        config = with_values(config, {"slow": ()})  # of a preset, for an encoder that has something to forget
    for name in ("val_share", "test_share"):
        if config.data.subset is not None and name in values:
            rule = f"does not go with --subset {config.data.subset}, which counts the photos of each split"
            raise InputError(flag_of(name), rule, values[name])
    return Arguments(config, out, resume=False, overwrite=overwrite)


def _resumed(out: Path, preset: str | None, smoke: bool, values: dict[str, Any]) -> RunConfig:
    """The configuration in `out`; values given again must be the same unless a run may change them on the way."""
    if not out.is_dir():
        raise InputError("--resume", "needs the folder of an earlier run", str(out), "Leave --resume out to start one.")
    saved = load_config(out / "config.json")
    if preset not in (None, saved.preset):
        raise InputError("--preset", f"cannot change on --resume; the run is {saved.preset}", preset)
    if smoke:
        values = {**_smoke_values(saved), **values}
    wanted = with_values(saved, values)
    for group, part in wanted.parts().items():
        for item in dataclasses.fields(part):  # type: ignore[arg-type]
            before, now = getattr(saved.parts()[group], item.name), getattr(part, item.name)
            if before != now and not item.metadata["may_change"]:
                remedy = "Leave it out, or start a new run with --init-from."
                rule = f"cannot change on --resume; the run has {_given(before)}"
                raise InputError(flag_of(item.name), rule, _given(now), remedy)
    return wanted


def _given(value: Any) -> str:
    """A value as it is written on the command line."""
    return " ".join(value) if isinstance(value, tuple) and value else _show(value)


def _smoke_values(saved: RunConfig) -> dict[str, Any]:
    """What --smoke sets, so that repeating the whole command with --resume added is accepted."""
    if saved.preset not in PRESETS:  # of another version: the run is as small as it is
        return {}
    whole = PRESETS[saved.preset].config
    return {
        item.name: getattr(part, item.name)
        for name, part in whole.smoke().parts().items()
        for item in dataclasses.fields(part)  # type: ignore[arg-type]
        if getattr(part, item.name) != getattr(whole.parts()[name], item.name)
    }


def _preset_named_in(argv: Sequence[str]) -> str:
    """The preset decides which network's flags exist, so it is read before the other flags."""
    first = Parser(add_help=False)
    first.add_argument("--preset", default=DEFAULT_PRESET)
    name = str(first.parse_known_args(list(argv))[0].preset)
    if name not in PRESETS:
        raise unknown_key("--preset", name, PRESETS)
    return name


def _parser(preset: str) -> Parser:
    listing = "\n".join(
        f"  {item.name:<14} {item.summary}\n{'':<17}{item.command}\n"
        f"{'':<17}hours: {item.expected.hours}; machine: {item.expected.machine}; score: {item.expected.score}"
        for item in PRESETS.values()
    )
    parser = Parser(
        prog="python -m colorize_tf.train",
        usage="%(prog)s --preset NAME --data SOURCE --out FOLDER [options]",
        description="Trains a network that colours gray photos; everything it learns lands in a run folder.",
        epilog=f"presets:\n{listing}\n\nexample:\n  python -m colorize_tf.train --smoke --out runs/try\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,  # only what was given shows up, so a preset's value can stand
    )
    run = parser.add_argument_group("run")
    run.add_argument(
        "--preset", metavar="NAME", help=f"starting point of all other options: {', '.join(PRESETS)} ({DEFAULT_PRESET})"
    )
    run.add_argument("--out", metavar="FOLDER", help="run folder to write")
    run.add_argument("--resume", action="store_true", help="continue the run in --out where its last checkpoint stands")
    run.add_argument("--overwrite", action="store_true", help="replace an earlier run in --out")
    run.add_argument("--smoke", action="store_true", help="shrink everything to under a minute, on generated pictures")
    for name, part in PRESETS[preset].config.parts().items():
        title = f"model ({preset})" if name == "model" else name
        _add_group(parser.add_argument_group(title, type(part).__doc__), part)
    return parser


def _add_group(group: Any, part: Checked) -> None:
    hints = typing.get_type_hints(type(part))
    for item in dataclasses.fields(part):  # type: ignore[arg-type]
        if item.name == "name":  # the preset decides it
            continue
        flag, hint, default = flag_of(item.name), hints[item.name], getattr(part, item.name)
        text = f"{item.metadata['help']} ({_show(default)})".replace("%", "%%")
        if hint is bool:
            group.add_argument(flag, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=text)
        elif typing.get_origin(hint) is tuple:
            group.add_argument(flag, nargs="+", metavar="PATTERN", help=text)
        else:
            choices = item.metadata["choices"]
            metavar = "{" + ",".join(choices) + "}" if choices else _metavar(hint)
            group.add_argument(flag, type=_reader(flag, hint), metavar=metavar, help=text)


def _reader(flag: str, hint: Any) -> Callable[[str], Any]:
    """Text of the command line -> value of the field's type; `none` is None where the field allows it."""
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)

    def read(text: str) -> Any:
        if type(None) in kinds and text.lower() == "none":
            return None
        if str in kinds:
            return text
        whole = int in kinds
        try:
            return int(text) if whole else float(text)
        except ValueError:
            raise InputError(flag, f"must be a {'whole ' if whole else ''}number", text) from None

    return read


def _metavar(hint: Any) -> str:
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return "N" if int in kinds else "X" if float in kinds else "TEXT"


def _show(value: Any) -> str:
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
