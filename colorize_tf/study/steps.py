"""Child processes that are run once: what was done is on record, what was not is done when the study goes on."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from colorize_tf.atomic import write_text
from colorize_tf.errors import InputError, shorten
from colorize_tf.summary import read_json

__all__ = ["StepFailed", "Steps", "commit"]


class StepFailed(Exception):
    """A child process ended badly; the message is what it said last."""


class Steps:
    """The steps of one row of a study, in a folder of its own: `steps.json`, and `log.txt` with all that was said."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.record, self.log = folder / "steps.json", folder / "log.txt"
        self.steps: dict[str, Any] = read_json(self.record) if self.record.is_file() else {}
        if not isinstance(self.steps, dict) or not all(map(_is_step, self.steps.values())):
            raise InputError(str(self.record), "must hold the steps of a row", self.steps, "Remove it.")

    def done(self, name: str, command: Sequence[str], of: int = 0) -> bool:
        """Whether this step was done by this very command, with what `of` (a number of training steps) says."""
        step = self.steps.get(name, {})
        return bool(step.get("done")) and (step["command"], step.get("of", 0)) == (list(command), of)

    def once(self, name: str, module: str, arguments: Sequence[str], of: int = 0) -> None:
        """Runs `python -m module arguments`, unless the same was done before; StepFailed if it fails."""
        command = ["python", "-m", module, *arguments]
        if not self.done(name, command, of):
            self.note(name, command, done=False, of=of)
            seconds = self.run(module, arguments)
            self.note(name, command, done=True, of=of, seconds=round(seconds, 1))

    def note(self, name: str, command: Sequence[str], **facts: Any) -> None:
        """Puts a step on record."""
        self.steps[name] = {"command": list(command), **facts}
        write_text(self.record, json.dumps(self.steps, indent=1) + "\n")

    def run(self, module: str, arguments: Sequence[str]) -> float:
        """Runs `python -m module arguments` -> the seconds that it took."""
        tied = [sys.executable, "-m", "colorize_tf.study.tied", module, *arguments]
        with open(self.log, "a", encoding="utf-8") as log:
            log.write(f"$ python {shlex.join(['-m', module, *arguments])}\n")
            log.flush()
            start, began = log.tell(), time.monotonic()
            # In a group of its own: Ctrl-C and `timeout` signal whole groups, and a training saves what it has at the
            # first signal but not at a second one.
            with subprocess.Popen(tied, stdin=subprocess.PIPE, stdout=log, stderr=log, process_group=0) as child:
                try:
                    code = child.wait()
                except KeyboardInterrupt:
                    child.communicate()  # which closes its standard input: see `tied`
                    raise
        if code:
            raise StepFailed(_reason(self.log.read_bytes()[start:].decode("utf-8", "replace"), code))
        return time.monotonic() - began


def _is_step(step: object) -> bool:
    return isinstance(step, dict) and "command" in step


def commit() -> str | None:
    """The commit of the code, with a plus where it was changed since; None outside a checkout."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*", "--abbrev=10"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() or None


def _reason(said: str, code: int) -> str:
    """What a process said, and its exit code -> why it failed, on one line."""
    lines = [line.strip() for line in said.replace("\r", "\n").splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    reason = (errors or lines or ["it said nothing"])[-1]
    return shorten(f"{reason} (exit code {code})" if code > 0 else f"killed by signal {-code}; {reason}", 300)
