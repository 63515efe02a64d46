"""The run folder: what may become one, what lies in it from the start."""

from __future__ import annotations

import os
import shutil

from colorize_tf.atomic import write_text
from colorize_tf.checkpoints import clear_leftovers
from colorize_tf.config import save_config
from colorize_tf.errors import InputError
from colorize_tf.flags import Arguments

__all__ = ["check_out", "prepare"]


def check_out(arguments: Arguments) -> None:
    """Refuses to write over something that is there."""
    run = arguments.out
    nearest = next(path for path in (run, *run.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise InputError("--out", "must be a folder" if nearest == run else "must not lie below a file", str(run))
    if not os.access(nearest, os.W_OK):
        raise InputError("--out", "must be a folder that you may write to", str(run))
    if arguments.resume or not run.exists():
        return
    if not any(run.iterdir()):
        return
    if not (run / "config.json").is_file():
        raise InputError("--out", "is a folder with other things in it, not a run", str(run), "Choose a new folder.")
    if not arguments.overwrite:
        remedy = "Go on with it by --resume, replace it by --overwrite, or choose another folder."
        raise InputError("--out", "already holds a run", str(run), remedy)


def prepare(arguments: Arguments, command: str) -> None:
    """Writes what the run is; nothing of an earlier one is removed before all else has been found in order."""
    run = arguments.out
    if arguments.overwrite and run.exists():
        shutil.rmtree(run)
    run.mkdir(parents=True, exist_ok=True)
    clear_leftovers(run)
    save_config(arguments.config, run / "config.json")
    commands = run / "command.txt"
    before = commands.read_text(encoding="utf-8") if commands.is_file() else ""
    write_text(commands, f"{before}{command}\n")
