"""The lock on a run folder, which one training at a time holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from colorize_tf.errors import InputError

__all__ = ["LOCK", "alone", "check_free"]

LOCK = ".lock"


@contextmanager
def alone(run: Path) -> Iterator[None]:
    """Holds a lock on the folder; the system lets go of it when the process ends, however it ends."""
    with open(run / LOCK, "w", encoding="utf-8") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError("--out", "is in use by another training", str(run), "Wait for it, or stop it.") from None
        except (ImportError, OSError):  # a system or a file system without locks
            pass
        yield


def check_free(run: Path) -> None:
    """Refuses a run folder that a training is under way in."""
    if (run / LOCK).exists():
        with alone(run):
            pass
