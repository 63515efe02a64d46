"""Writing files so that a reader, a full disk or a power cut never meets half of one."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["atomic_folder", "atomic_path", "clear_folders", "write_bytes", "write_text"]

_ASIDE = ".aside"  # ends the name of a folder that stands aside for a new one


@contextmanager
def atomic_path(final: str | os.PathLike[str], *, settled: bool = True) -> Iterator[Path]:
    """Gives a temporary path beside `final`; it becomes `final` when the block ends well, and vanishes when not.

    With `settled` False nobody waits for the disk to note the new name: after a power cut what was there before, or
    nothing, may be back. Either way no half of a file is.
    """
    final = Path(final)
    temporary = _beside(final)
    temporary.touch(exist_ok=False)
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(final)
        if settled:
            _sync(final.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(final: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a temporary folder beside `final`; it takes the place of `final` when the block ends well.

    A process that is killed in between may leave no `final`, but the old one beside it: see `clear_folders`.
    """
    final = Path(final)
    temporary = _beside(final)
    temporary.mkdir()
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                _sync(file)
        if final.exists():
            # A folder cannot be swapped in one step everywhere; the old one steps aside first and is removed last.
            aside = final.with_name(f".{final.name}.{secrets.token_hex(6)}{_ASIDE}")
            final.replace(aside)
            try:
                temporary.replace(final)
            except BaseException:
                aside.replace(final)
                raise
            shutil.rmtree(aside, ignore_errors=True)  # the new one is there; what stays is for `clear_folders`
        else:
            temporary.replace(final)
        _sync(final.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def clear_folders(parent: str | os.PathLike[str], name: str) -> None:
    """Removes what killed writers of folders `name` (a pattern) left in `parent`; puts back what only stood aside."""
    for leftover in Path(parent).glob(f".{name}.*"):
        final = leftover.with_name(leftover.name[1:].rsplit(".", 2)[0])
        if leftover.suffix == _ASIDE and not final.exists():
            leftover.replace(final)
        else:
            shutil.rmtree(leftover, ignore_errors=True)


def write_bytes(final: str | os.PathLike[str], content: bytes) -> None:
    """Writes `content` to `final`, whole or not at all."""
    with atomic_path(final) as temporary:
        temporary.write_bytes(content)


def write_text(final: str | os.PathLike[str], content: str) -> None:
    """Writes `content` as UTF-8 to `final`, whole or not at all; what is no Unicode in a file's name, as `\\udcff`."""
    write_bytes(final, content.encode(errors="backslashreplace"))


def _beside(final: Path) -> Path:
    # Hidden; in the same folder, so that the last step is a rename; with the suffix by which writers choose a format.
    # File systems count a name's bytes, so the stem is cut by them, and what is left of a cut character goes.
    stem = os.fsencode(final.stem)[:80].decode(errors="ignore")
    return final.with_name(f".{stem}.{secrets.token_hex(6)}{final.suffix}")


def _sync(path: Path) -> None:
    if os.name != "posix" and path.is_dir():  # Windows cannot open a folder to flush it
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
