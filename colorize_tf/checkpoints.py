"""Checkpoints of a run: everything needed to go on as if nothing had happened, each written whole or not at all.

RUN/checkpoints/step-00000123/   model.weights.h5   weights alone, for `keras.Model.load_weights`
                                 state.npz          optimizers, loss scale, seeds, running means, image pools
                                 progress.json      epoch, step, history so far
RUN/best/                        model.weights.h5   the best epoch by --best-metric
                                 metrics.json       its row of the history
"""

from __future__ import annotations

import io
import json
import re
import shutil
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import keras
import numpy as np

from colorize_tf.atomic import atomic_folder, clear_folders
from colorize_tf.errors import InputError, RunError, shorten
from colorize_tf.models.pool import ImagePool

__all__ = [
    "WEIGHTS",
    "Progress",
    "check_fresh",
    "clear_leftovers",
    "is_sound",
    "latest",
    "load_weights",
    "restore",
    "save",
    "save_best",
    "weights_of",
]

WEIGHTS = "model.weights.h5"
STATE = "state.npz"
PROGRESS = "progress.json"
_NAME = re.compile(r"step-\d+")


@dataclass
class Progress:
    """Where a run stands, apart from the values of variables."""

    epoch: int = 0  # complete epochs
    step: int = 0  # complete steps of the epoch under way
    total_steps: int = 0
    seconds: float = 0.0  # spent in the epoch under way
    rows: list[dict[str, Any]] = field(default_factory=list)  # one per complete epoch
    photos: str = ""  # fingerprint of the training photos and their order


def save(run: Path, model: keras.Model, progress: Progress, keep: int, *, chief: bool = True) -> Path:
    """Writes a checkpoint of `model` at `progress` and removes all but the newest `keep`; returns its folder.

    All workers must call it, for running means are summed over the workers when read; the chief alone writes.
    """
    folder = run / "checkpoints" / f"step-{progress.total_steps:08d}"
    state = {name: np.asarray(keras.ops.convert_to_numpy(variable)) for name, variable in _state(model).items()}
    if not chief:
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _room_for(model, folder, state=True), atomic_folder(folder) as temporary:
        _save_weights(model, temporary / WEIGHTS)
        np.savez(temporary / STATE, **state)
        (temporary / PROGRESS).write_text(json.dumps(asdict(progress)), encoding="utf-8")
    for older in _all(run)[:-keep]:
        shutil.rmtree(older, ignore_errors=True)  # where somebody reads it, it may not go before the next time
    return folder


def save_best(run: Path, model: keras.Model, row: dict[str, Any]) -> None:
    """Writes the weights and the history row of the best epoch so far."""
    folder = run / "best"
    with _room_for(model, folder, state=False), atomic_folder(folder) as temporary:
        _save_weights(model, temporary / WEIGHTS)
        (temporary / "metrics.json").write_text(json.dumps(row, indent=2) + "\n", encoding="utf-8")


def is_sound(model: keras.Model) -> bool:
    """Whether all weights, and all that its optimizers remember, are finite."""
    optimizers = _parts(model, keras.optimizers.Optimizer).values()
    variables = [*model.weights, *(variable for one in optimizers for variable in one.variables)]
    values = (keras.ops.convert_to_tensor(one) for one in variables if keras.backend.is_float_dtype(one.dtype))
    return all(bool(keras.ops.all(keras.ops.isfinite(value))) for value in values)


def latest(run: Path) -> Path | None:
    """The newest complete checkpoint of a run folder, or None."""
    return _all(run)[-1] if _all(run) else None


def restore(folder: Path, model: keras.Model) -> Progress:
    """Gives `model` (built and compiled) the exact state saved in `folder`; returns where the run stood."""
    wanted = _state(model)
    try:
        progress = json.loads((folder / PROGRESS).read_text(encoding="utf-8"))
        known = {item.name for item in fields(Progress)}
        progress = Progress(**{key: value for key, value in progress.items() if key in known})
        with open(folder / STATE, "rb") as file, np.load(file, allow_pickle=False) as saved:
            values = {name: saved[name] for name in saved.files}
    except (OSError, ValueError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        remedy = "Remove that folder to go on from the one before."
        raise InputError("checkpoint", "cannot be read", f"{folder} ({shorten(str(error), 80)})", remedy) from None
    for name, variable in wanted.items():
        if name not in values or values[name].shape != tuple(variable.shape):
            found = f"{name} {values[name].shape}" if name in values else f"no {name}"
            raise _other_architecture(folder, found)
    if extra := values.keys() - wanted.keys():
        raise _other_architecture(folder, sorted(extra)[0])
    load_weights(model, folder / WEIGHTS)
    for name, variable in wanted.items():
        variable.assign(values[name])
    return progress


def load_weights(model: keras.Model, path: Path) -> None:
    """Loads inference weights into a built `model`; a file of another architecture is one clear InputError."""
    if not path.is_file():
        raise InputError("checkpoint", "has no weights", str(path))
    if not path.name.endswith(".weights.h5"):  # by its name Keras tells the formats apart
        raise InputError("checkpoint", "must be a run folder, one of its checkpoints, or a .weights.h5 file", str(path))
    try:
        with warnings.catch_warnings():  # Keras warns of layers without weights before it raises; the error says it all
            warnings.filterwarnings("error", "Skipping nested container", UserWarning)
            keras.saving.load_weights(model, path, objects_to_skip=_not_weights(model))
    except OSError as error:
        remedy = "It was cut short, or Keras did not write it: take another checkpoint."
        raise InputError("checkpoint", "cannot be read", f"{path} ({shorten(str(error), 80)})", remedy) from None
    except (ValueError, KeyError, TypeError, UserWarning) as error:
        raise _other_architecture(path, " ".join(str(error).split())) from None


def weights_of(run: Path) -> Path:
    """The weights to start from: a file as it is, a checkpoint's own, or a run's best ones, else its newest."""
    for named in (run, run / WEIGHTS):
        if named.is_file():
            return named
    if (best := run / "best" / WEIGHTS).is_file():
        return best
    if not run.exists():
        raise InputError(
            "--init-from", "does not exist", str(run), "Name a run folder, a checkpoint or a weights file."
        )
    newest = latest(run)
    if newest is None:
        raise InputError("--init-from", "has no weights yet", str(run))
    return newest / WEIGHTS


def clear_leftovers(run: Path) -> None:
    """Removes what a killed process left half written; what it was about to replace stays."""
    clear_folders(run, "best")
    clear_folders(run / "checkpoints", "step-*")


def check_fresh(run: Path) -> None:
    """Refuses to begin anew, for want of a checkpoint, in a run that has learnt something.

    One that was killed before its first checkpoint has at most one epoch behind it, and the weights of that.
    """
    history = run / "history.csv"
    epochs = len(history.read_bytes().splitlines()) - 1 if history.is_file() else 0
    if epochs > 1 or (epochs < 1 and (run / "best" / WEIGHTS).is_file()):
        remedy = f"Start a new run with --init-from {run}."
        raise InputError("--resume", "finds a trained network and no checkpoint to go on from", str(run), remedy)


def _all(run: Path) -> list[Path]:
    """The checkpoints of a run, oldest first; what else somebody keeps beside them is not ours."""
    found = (run / "checkpoints").glob("step-*")
    return sorted((path for path in found if _NAME.fullmatch(path.name)), key=lambda path: int(path.name[5:]))


class _WeightsBuffer(io.BytesIO):
    """A file in memory that Keras takes for one with the right suffix."""

    def __str__(self) -> str:
        return WEIGHTS


def _save_weights(model: keras.Model, path: Path) -> None:
    # Through memory: HDF5 that fails to write to a full disk takes the whole process down with it.
    buffer = _WeightsBuffer()
    keras.saving.save_weights(model, buffer, objects_to_skip=_not_weights(model))
    with open(path, "wb") as file:
        file.write(buffer.getbuffer())


def _not_weights(model: keras.Model) -> list[Any]:
    """Keras would put these into the weights file too, where a model built for inference alone does not expect them."""
    return [*_parts(model, keras.optimizers.Optimizer).values(), *_parts(model, keras.metrics.Metric).values()]


def _parts(model: keras.Model, kind: type[Any]) -> dict[str, Any]:
    """The optimizers, metrics or pools of a model by attribute; `model.metrics` may list only those of its phase."""
    return {name: value for name, value in sorted(vars(model).items()) if isinstance(value, kind)}


def _state(model: keras.Model) -> dict[str, Any]:
    """All variables that are not inference weights, by a name that is the same in every process."""
    weights = {id(variable) for variable in model.weights}
    groups = {"seed": [variable for variable in model.variables if id(variable) not in weights]}
    for kind in (keras.metrics.Metric, keras.optimizers.Optimizer, ImagePool):
        groups |= {name: list(part.variables) for name, part in _parts(model, kind).items()}
    state: dict[str, Any] = {}
    seen: set[int] = set()
    for group, variables in groups.items():
        for index, variable in enumerate(variables):
            if id(variable) not in seen:
                seen.add(id(variable))
                state[f"{group}/{index:04d}"] = variable
    return state


@contextmanager
def _room_for(model: keras.Model, folder: Path, *, state: bool) -> Iterator[None]:
    """Turns a full or failing disk into one line, and sees most full disks coming before anything is written."""
    variables = [*model.weights, *(_state(model).values() if state else ())]
    needed = sum(int(np.prod(variable.shape)) * np.dtype(variable.dtype).itemsize for variable in variables)
    earlier = "What was saved earlier is intact; free some space, then continue with --resume."
    free = shutil.disk_usage(folder.parent).free
    if free < needed * 1.02:
        size = f"needs {needed / 1e6:.1f} MB, {free / 1e6:.1f} MB are free"
        raise RunError(f"checkpoint {folder}: not enough room on the disk ({size}). {earlier}")
    try:
        yield
    except OSError as error:
        raise RunError(f"checkpoint {folder}: could not be written ({shorten(str(error), 160)}). {earlier}") from error


def _other_architecture(path: Path, found: str) -> InputError:
    remedy = "Use the model options of the run that wrote it."
    return InputError("checkpoint", "is of another architecture than this model", f"{path}: {shorten(found)}", remedy)
