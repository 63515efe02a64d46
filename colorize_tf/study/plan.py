"""What a study compares: its rows, and how each one's training fits the budget that all of them have."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from colorize_tf.config import RunConfig
from colorize_tf.errors import InputError, unknown_key
from colorize_tf.flags import parse
from colorize_tf.parsing import Parser
from colorize_tf.presets import PRESETS

__all__ = [
    "EPOCHS",
    "MODELS",
    "VARIANTS",
    "Entry",
    "check_options",
    "entries",
    "left_out",
    "phases",
    "train_command",
]

SMALL = "-small"
MODELS = tuple(name.removesuffix(SMALL) for name in PRESETS if name.endswith(SMALL))
EPOCHS = 20  # into which a budget of minutes is divided: as many points has a curve, as many steps a schedule
NEVER = 1_000_000  # epochs: longer than any training

# A row's name is that of folders, of a column and of a curve; the baseline of every table has one already.
NAME = re.compile(r"(?!gray$)[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")

# Options of `train` that the study itself gives: where a run lies, what it is of, and how long it takes.
OWN = {"--preset", "--out", "--resume", "--overwrite", "--epochs", "--minutes", "--help", "-h"}

# Further rows that --variants adds beside a model, each as `--row` takes it; one that is the preset itself is left out.
VARIANTS: Mapping[str, Sequence[str]] = {
    "autoencoder": ("autoencoder-global=autoencoder --global-features",),
    "unet": (f"unet-l1=unet --pretrain-epochs {NEVER}", "unet-gan=unet --pretrain-epochs 0 --warmup-epochs 0"),
    "cyclegan": (
        *(f"cyclegan-{blocks}=cyclegan --residual-blocks {blocks}" for blocks in (3, 6, 9)),
        "cyclegan-diverse=cyclegan --diversity-weight 1 --batch 4",  # one picture at a time has no diversity
    ),
}


@dataclass(frozen=True)
class Entry:
    """One row: a preset, and options of `train` in which it differs from it."""

    name: str
    model: str
    preset: str
    flags: tuple[str, ...] = ()

    @property
    def paper(self) -> RunConfig:
        """The preset as it stands."""
        return PRESETS[self.preset].config

    @property
    def own_data(self) -> str | None:
        """The pictures that its options name, None if it learns from those of the study."""
        parser = Parser(add_help=False)
        parser.add_argument("--data")
        named: str | None = parser.parse_known_args(list(self.flags))[0].data
        return named

    @property
    def two_sets(self) -> bool:
        """Whether it learns from two sets of pictures that do not correspond."""
        return (self.own_data or self.paper.data.data).startswith("unpaired:")


def entries(models: Iterable[str], rows: Iterable[str], *, variants: bool = False, paper: bool = False) -> list[Entry]:
    """Names of models ("all" for every one) and rows as `NAME=MODEL OPTIONS` -> the rows of a study, in their order."""
    names = [name for model in models for name in (MODELS if model == "all" else (model,))]
    further = {text for name in names for text in VARIANTS.get(name, ())} if variants else set()
    texts = [text for name in names for text in (f"{name}={name}", *(VARIANTS.get(name, ()) if variants else ()))]
    found: dict[str, Entry] = {}
    for text in (*texts, *rows):
        name, equals, rest = text.partition("=")
        try:
            words = shlex.split(rest)
        except ValueError as error:  # a quotation without its end
            raise InputError("--row", "must look like NAME=MODEL OPTIONS", f"{text} ({error})") from None
        if not equals or not words:
            raise InputError("--row", "must look like NAME=MODEL OPTIONS", text)
        if not NAME.fullmatch(name.strip()):
            raise InputError("--row", "must be named by at most 100 letters, digits and . _ + -, and not gray", name)
        if words[0] not in MODELS:
            raise unknown_key("--models" if text in texts else "--row", words[0], MODELS)
        check_options("--row", words[1:])
        entry = Entry(name.strip(), words[0], words[0] + ("" if paper else SMALL), tuple(words[1:]))
        if text in further and parse(["--preset", entry.preset, "--out", ".", *entry.flags]).config == entry.paper:
            continue
        if found.setdefault(entry.name, entry) != entry:
            raise InputError("--row", "needs a name that no other row has", entry.name)
    return list(found.values())


def check_options(argument: str, words: Iterable[str], own: Iterable[str] = ()) -> None:
    """Raises an InputError if options of `train` hold one that the study gives: `OWN`, and those of `own`."""
    for word in words:
        if (flag := word.partition("=")[0]) in OWN | set(own):
            raise InputError(argument, f"must leave {flag} to the study", word)


def phases(entry: Entry, epochs: int) -> list[str]:
    """The options that divide `epochs` into phases as the preset divides its own."""
    train = entry.paper.train
    flags = [word for flag, length in _divided(entry, epochs).items() for word in (flag, str(length))]
    if train.schedule != "constant":
        begins = 1 + round((train.decay_from - 1) * epochs / train.epochs)
        flags += ["--decay-from", str(begins), "--decay-until", str(epochs)]
    return flags


def left_out(entry: Entry, epochs: int) -> str | None:
    """What phases of its preset a training of so many epochs lacks, in one line; None if it has them all."""
    chosen = {word.partition("=")[0] for word in entry.flags}
    missing = [flag for flag, length in _divided(entry, epochs).items() if not length and flag not in chosen]
    return f"--passes {epochs} leaves no epoch for {' and '.join(missing)}" if missing else None


def _divided(entry: Entry, epochs: int) -> dict[str, int]:
    """How many of `epochs` each phase before the last has, by its option: as the preset, but the last has one or more.

    Where there are fewer epochs than phases, the last goes before the first, and that before the second.
    """
    train = entry.paper.train
    if train.pretrain_epochs >= train.epochs:  # the one phase it knows, however long it goes on
        return {"--pretrain-epochs": NEVER}
    given = {"--pretrain-epochs": train.pretrain_epochs, "--warmup-epochs": train.warmup_epochs}
    lengths = {flag: length for flag, length in given.items() if length}
    divided, room = {}, epochs - 1
    for later, (flag, length) in zip(reversed(range(len(lengths))), lengths.items(), strict=True):
        most = min(room, max(1, room - later))  # one for each that follows, if there are so many
        divided[flag] = min(most, max(1, round(length * epochs / train.epochs)))
        room -= divided[flag]
    return divided


def train_command(entry: Entry, out: Path, data: str | None, common: Sequence[str]) -> list[str]:
    """The arguments of `train` for a row: those of all rows, then its own. Wrong ones are an InputError here."""
    source = [] if data is None else ["--data", data]
    arguments = ["--preset", entry.preset, *source, "--out", str(out), *common, *entry.flags]
    parse(arguments)
    return arguments
