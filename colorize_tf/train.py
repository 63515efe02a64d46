"""Trains a network: photos in, a run folder out.

    python -m colorize_tf.train --preset pix2pix-rgb --data folder:photos --out runs/a
    python -m colorize_tf.train --resume --out runs/a          # goes on where the last checkpoint stands

    runs/a/config.json     every option, resolved        runs/a/history.csv, curves.png   figures of each epoch
    runs/a/command.txt     the commands that made it     runs/a/samples/                  gray | predicted | truth
    runs/a/checkpoints/    to go on from                 runs/a/best/                     weights of the best epoch

The loop is our own, around `strategy.run(model.train_step)`: Keras's `fit` cannot go on in the middle of an epoch
and does not run on several workers.
"""

from __future__ import annotations

import hashlib
import logging
import shlex
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

from colorize_tf.config import DataConfig
from colorize_tf.errors import InputError, command_line
from colorize_tf.flags import Arguments, parse
from colorize_tf.quiet import load_tensorflow

if TYPE_CHECKING:
    import keras

    from colorize_tf.config import RunConfig
    from colorize_tf.datasets import Photos, Unpaired
    from colorize_tf.pipeline import Augment

__all__ = ["main", "photos_for", "train", "variation_of"]

_log = logging.getLogger("colorize_tf.train")


@command_line
def main(argv: Sequence[str] | None = None) -> int:
    """Command line -> run folder; returns the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    arguments = parse(argv)
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    logging.getLogger("colorize_tf").setLevel(logging.INFO)
    load_tensorflow()
    return train(arguments, command=f"python -m colorize_tf.train {shlex.join(argv)}")


def train(arguments: Arguments, command: str = "") -> int:
    """Runs the training that `arguments` describe; returns 0, or 128 + the signal that ended it early."""
    # TensorFlow takes seconds to import: a wrong flag has been answered before.
    import keras
    import tensorflow as tf

    from colorize_tf import checkpoints, run_folder
    from colorize_tf.callbacks import attending
    from colorize_tf.epochs import attendants, best_row, check_best_metric
    from colorize_tf.models import build
    from colorize_tf.phases import Phases
    from colorize_tf.pipeline import steps_per_epoch, training_batches
    from colorize_tf.splits import open_splits
    from colorize_tf.start import begin
    from colorize_tf.steps import Clock, NanGuard, Stepper, StopSignals, failures_in_one_line, next_batch
    from colorize_tf.strategies import open_devices

    config, run = arguments.config, arguments.out
    options = config.train

    # === Devices and arithmetic ===
    devices = open_devices(options)
    share = devices.share_of(config.data.batch)
    keras.utils.set_random_seed(options.seed)
    if options.deterministic:
        tf.config.experimental.enable_op_determinism()
    keras.config.set_dtype_policy("float32" if options.precision == "float32" else f"mixed_{options.precision}")
    if devices.chief:
        run_folder.check_out(arguments)

    # === Photos ===
    splits = open_splits(config.data)
    photos, held_out = splits["train"], splits["val"].sample(config.data.val_count)
    steps = options.steps_per_epoch or steps_per_epoch(photos, config.data.batch)

    # === Model ===
    with devices.strategy.scope(), failures_in_one_line(devices):
        model = build(config.model.name, **config.model.options())
        model.compile(**options.optimizer())
    photos = photos_for(photos, model, config.data)
    check_variation(config, model)
    phases = Phases(model, options)

    # === Start: from a checkpoint of this run, from another run's weights, or from nothing ===
    progress = checkpoints.Progress(photos=_fingerprint(photos))
    if arguments.resume and (newest := checkpoints.latest(run)):
        progress = checkpoints.restore(newest, model)
        if progress.photos != _fingerprint(photos):
            remedy = "Give back the same photos, or start a new run with --init-from."
            raise InputError("--data", "is not what the checkpoint was trained on", config.data.data, remedy)
    else:
        if arguments.resume:
            checkpoints.check_fresh(run)
        begin(model, photos, config)

    # === Batches: step k of the stream depends on the seed and k alone ===
    def stream(worker: tuple[int, int], per_step: int) -> tf.data.Dataset:
        return training_batches(
            photos,
            view=model.view,
            size=config.model.size,
            batch=share,
            seed=options.seed,
            start_step=progress.total_steps * per_step,
            worker=worker,
            augment=variation_of(config.data),
            cache=config.data.cache,
        )

    batches = devices.batches(stream)

    # === What happens beside the steps; the chief alone measures and writes ===
    callbacks: list[keras.callbacks.Callback] = []
    if devices.chief:
        check_best_metric(options.best_metric, model, held_out)
        callbacks = attendants(config, run, model, progress, held_out, steps)
        _log.info("%s photos to learn from, %s to measure on; %s steps an epoch", len(photos), len(held_out), steps)
    guard, clock, signals = NanGuard(run, devices, model), Clock(options), StopSignals()
    stepper, vote = Stepper(devices, model), devices.voter()

    def save() -> None:
        guard.settle()  # no checkpoint holds a NaN
        checkpoints.save(run, model, progress, options.keep, chief=devices.chief)
        clock.saved()

    # === Steps ===
    stop = False
    folder = run_folder.opened(arguments, command) if devices.chief else nullcontext()
    with folder, signals, failures_in_one_line(devices), attending(callbacks, model):
        while progress.epoch < options.epochs and not stop:
            step = stepper.prepared(phases.enter(progress.epoch))
            if progress.step == 0:
                model.reset_metrics()
            for callback in callbacks:
                callback.on_epoch_begin(progress.epoch, {"step": progress.step})
            started = time.monotonic() - progress.seconds
            while progress.step < steps and not stop:
                batch = next_batch(batches)
                logs, finite = step(batch)
                progress.step += 1
                progress.total_steps += 1
                progress.seconds = time.monotonic() - started
                guard.look(progress.epoch, progress.total_steps, batch, logs, finite)
                for callback in callbacks:
                    callback.on_train_batch_end(progress.step - 1, logs)
                due, stop = vote(clock.save_due(progress.total_steps), clock.time_is_up or bool(signals.received))
                if progress.step < steps and (due or stop):
                    before = time.monotonic()
                    save()
                    started += time.monotonic() - before

            # === End of an epoch: measure, record, keep the best, save ===
            if progress.step == steps:
                guard.settle()
                row = {
                    "step": progress.total_steps,
                    "phase": phases.name(progress.epoch),
                    "seconds": round(progress.seconds, 2),
                    "images_per_second": round(steps * config.data.batch / progress.seconds, 2),
                    **{name: float(value) for name, value in logs.items()},
                }
                for callback in callbacks:
                    callback.on_epoch_end(progress.epoch, row)
                if devices.chief and best_row(options.best_metric, progress.rows) is progress.rows[-1]:
                    checkpoints.save_best(run, model, progress.rows[-1])
                progress.epoch, progress.step, progress.seconds = progress.epoch + 1, 0, 0.0
                save()
    guard.settle()
    if devices.chief:
        found = best_row(options.best_metric, progress.rows)
        best = f"; best {options.best_metric} {found[options.best_metric]:.4g}" if found else ""
        print(f"{run}: {progress.epoch} of {options.epochs} epochs, {progress.total_steps} steps{best}")
        if progress.epoch < options.epochs:
            print(f"go on with: python -m colorize_tf.train --resume --out {shlex.quote(str(run))}")
    return signals.exit_code


def photos_for(photos: Photos | Unpaired, model: keras.Model, data: DataConfig) -> Photos | Unpaired:
    """The photos as this network learns from them: one set, or two that do not correspond."""
    from colorize_tf.datasets import Unpaired

    classes, told = photos.label_names, getattr(model, "domains", 1)
    if told not in (1, len(classes)):
        some = f"{told}; the photos have {len(classes)}" + (f": {', '.join(classes)}" if classes else "")
        raise InputError("--domains", "must be as many as the photos have classes, or 1", some)
    if isinstance(photos, Unpaired) == model.unpaired:
        return photos
    if not model.unpaired:
        raise InputError("--data", "must be one source for a network that learns from pairs", data.data)
    if hasattr(model, "colorize"):  # photos and the same without their colour, each in an order of its own
        return Unpaired(photos, photos)
    raise InputError("--data", "must be two sets for a network that translates", data.data, "Write unpaired:A|B.")


def check_variation(config: RunConfig, model: keras.Model) -> None:
    """Refuses variations of what this network is not shown: lightness alone, hints, classes."""
    lightness = not model.unpaired and model.view in ("lab", "hinted")
    takes_hints, told = model.view == "hinted", model.view in ("hinted", "labelled")
    needs = {
        **dict.fromkeys(("sharpen", "grain", "aging"), (lightness, "is shown L alone")),
        **dict.fromkeys(("striking", "revealed"), (takes_hints, "takes hints")),
        "hintless": (told, "takes hints or is told classes"),
    }
    for name, (shown, what) in needs.items():
        if config.data.augment and not shown and (value := getattr(config.data, name)):
            raise InputError(f"--{name}", f"needs a network that {what}, not {config.model.name}", value)


def variation_of(data: DataConfig) -> Augment:
    """What a run's settings say of crops, flips and old prints, as the stream of batches takes it."""
    from colorize_tf.pipeline import PLAIN, Augment

    if not data.augment:
        return PLAIN
    crop = (data.crop_min, data.crop_max)
    hints = (data.hintless, data.striking, data.revealed)
    return Augment(crop, data.flip, data.stretch, data.rotation, data.sharpen, data.grain, data.aging, *hints)


def _fingerprint(photos: Photos | Unpaired) -> str:
    """The photos and their order, as one hexadecimal number."""
    sets = [photos] if hasattr(photos, "hashes") else [photos.a, photos.b]
    return hashlib.sha256(b"".join(content for one in sets for content in one.hashes.tolist())).hexdigest()


if __name__ == "__main__":
    raise SystemExit(main())
