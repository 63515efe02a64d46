"""The run folder: what may become one, what lies in it from the start."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from colorize_tf.atomic import write_bytes
from colorize_tf.checkpoints import clear_leftovers
from colorize_tf.config import CONFIG, is_config, save_config
from colorize_tf.errors import InputError
from colorize_tf.flags import Arguments
from colorize_tf.out_folder import check_out_folder
from colorize_tf.run_lock import LOCK, alone, check_free

__all__ = ["check_out", "opened"]

_LEFT_OVER = re.compile(r"\.lock|\..+\.[0-9a-f]{12}(\..+)?")  # of a process killed before there was a config.json


def check_out(arguments: Arguments) -> None:
    """Refuses to write over something that is there, and to go on with what another training is still changing."""
    run = arguments.out
    check_out_folder(run)
    if arguments.resume:
        check_free(run)  # already here: a checkpoint that is restored now would not be the last one
    if arguments.resume or not run.exists():
        return
    if not any(not _LEFT_OVER.fullmatch(path.name) for path in run.iterdir()):
        return
    if not is_config(run / "config.json"):
        raise InputError("--out", "is a folder with other things in it, not a run", str(run), "Choose a new folder.")
    if not arguments.overwrite:
        remedy = "Go on with it by --resume, replace it by --overwrite, or choose another folder."
        raise InputError("--out", "already holds a run", str(run), remedy)


@contextmanager
def opened(arguments: Arguments, command: str) -> Iterator[None]:
    """Writes what the run is, and keeps other trainings out of the folder within the block.

    Enter it when all else has been found in order: with `--overwrite` it removes the earlier run.
    """
    run = arguments.out
    run.mkdir(parents=True, exist_ok=True)
    with alone(run):
        if arguments.overwrite:
            _empty(run)
        clear_leftovers(run)
        _write(arguments, command)
        yield


def _empty(run: Path) -> None:
    """Removes what is in the folder, not the folder: it may be a link to another disk, or where we are."""
    # What tells that it is a run goes last: if this is cut short, it can be begun again.
    for path in sorted(run.iterdir(), key=lambda path: path.name == CONFIG):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != LOCK:
            path.unlink()


def _write(arguments: Arguments, command: str) -> None:
    run = arguments.out
    save_config(arguments.config, run / "config.json")
    commands = run / "command.txt"
    before = commands.read_bytes() if commands.is_file() else b""
    write_bytes(commands, before + os.fsencode(f"{command}\n"))  # paths need not be Unicode
