"""A training step on real photos beside the same step on one repeated in-memory batch, for every preset.

    python benchmarks/real_data_step.py                                   # 640x480 JPEGs, the presets for two cores
    python benchmarks/real_data_step.py --presets unet eccv16 --rounds 1  # others; a step of these takes half a minute
    python benchmarks/real_data_step.py --presets unet-small --phase gan  # a later phase of its training
    python benchmarks/real_data_step.py --size 128 --batch 4 --base-width 32 --rounds 5     # a look in a minute

Both use the training loop's own compiled step, as the first epoch of the preset or of `--phase` has it, and its own
stream of batches. They take turns round after round, so that whatever else the machine does meets both. At each change
some steps go untimed: after them the stream has used up what it had prepared while it was idle, and an idle stream has
filled its buffer and taken no more time from the step. The figures are medians over the rounds; what is asked for is a
ratio of at most 1.05.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from turns import load

from colorize_tf.config import RunConfig, TrainConfig, with_values
from colorize_tf.errors import InputError, command_line, unknown_key
from colorize_tf.presets import PRESETS
from colorize_tf.quiet import load_tensorflow

if TYPE_CHECKING:
    import keras

UNTIMED = 6  # steps after a change, fewer where steps are long; the stream prepares four batches ahead


class Times(NamedTuple):
    """Seconds by the clock, and of all processor cores together: these hardly depend on what else the machine does."""

    wall: float
    cpu: float


def time_in_turns(
    config: RunConfig, rounds: int, seconds: float, phase: str | None = None
) -> tuple[dict[str, Times], int]:
    """A configuration -> median times per step in "memory" and on "photos", and how many steps a turn had."""
    import keras

    from colorize_tf.models import build
    from colorize_tf.pipeline import training_batches
    from colorize_tf.splits import open_splits
    from colorize_tf.steps import Stepper
    from colorize_tf.strategies import open_devices
    from colorize_tf.train import photos_for, variation_of

    keras.config.set_dtype_policy(
        "float32" if config.train.precision == "float32" else f"mixed_{config.train.precision}"
    )
    devices = open_devices(config.train)
    model = build(config.model.name, **config.model.options())
    model.compile()
    enter(model, config.train, phase)
    photos = photos_for(open_splits(config.data)["train"], model, config.data)
    step = Stepper(devices, model).prepared("only")
    data, size = config.data, config.model.size
    stream = devices.batches(
        lambda worker, _: training_batches(
            photos,
            view=model.view,
            size=size,
            batch=data.batch,
            seed=1,
            worker=worker,
            augment=variation_of(data),
            cache=data.cache,
        )
    )
    same = next(stream)
    sources: dict[str, Callable[[], Any]] = {"memory": lambda: same, "photos": lambda: next(stream)}
    _run(step, sources["photos"], 2)  # traced, and its buffers allocated
    steps = max(1, round(seconds / _run(step, sources["memory"], 1).wall))
    times: dict[str, list[Times]] = {name: [] for name in sources}
    for name in _turns(rounds):
        _run(step, sources[name], min(UNTIMED, steps))
        times[name].append(_run(step, sources[name], steps))
    medians = {
        name: Times(*(statistics.median(kind) / steps for kind in zip(*turns, strict=True)))
        for name, turns in times.items()
    }
    return medians, steps


def enter(model: keras.Model, train: TrainConfig, phase: str | None) -> None:
    """Sets a compiled model for the first epoch of a phase, None for that of the whole training."""
    from colorize_tf.phases import Phases

    phases = Phases(model, train)
    if phase is not None and phase not in model.phases:
        raise unknown_key("--phase", phase, model.phases)
    phases.enter(next((epoch for epoch in range(train.epochs) if phase in (None, phases.name(epoch))), train.epochs))
    model.phase = phase or model.phase  # which a preset need not reach


def _turns(rounds: int) -> Iterator[str]:
    for turn in range(rounds):
        yield from ("memory", "photos") if turn % 2 else ("photos", "memory")


def _run(step: Callable[[Any], Any], batches: Callable[[], Any], count: int) -> Times:
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(count):
        _, finite = step(batches())
    bool(finite)  # waits for an accelerator, too
    return Times(time.perf_counter() - wall, time.process_time() - cpu)


@command_line
def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0],
        epilog="example: python benchmarks/real_data_step.py --data folder:photos --size 128 --precision bfloat16",
    )
    parser.add_argument("--data", default="synthetic:200,size=480x640", help="photos (default %(default)s)")
    quick = [name for name in PRESETS if name.endswith("-small") or name == "mobile"]
    parser.add_argument("--presets", nargs="+", default=quick, help="which (default all small ones, and mobile)")
    parser.add_argument(
        "--phase", metavar="NAME", help="of their training, such as gan (default that of the first epoch)"
    )
    parser.add_argument("--size", type=int, help="side of the pictures (default the preset's)")
    parser.add_argument("--batch", type=int, help="photos per step (default the preset's)")
    parser.add_argument("--base-width", type=int, help="filters of the outermost layer (default the preset's)")
    parser.add_argument("--precision", help="float32, bfloat16 or float16 (default the preset's)")
    parser.add_argument("--cache", action="store_true", help="decode all photos once beforehand")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (default 5)")
    parser.add_argument("--seconds", type=float, default=5.0, help="about how long a turn takes (default 5)")
    args = parser.parse_args(argv)
    if args.rounds < 1:
        raise InputError("--rounds", "must be at least 1", args.rounds)
    for name in args.presets:
        if name not in PRESETS:
            raise unknown_key("--presets", name, PRESETS)

    load_tensorflow()
    import keras

    given = {name: getattr(args, name) for name in ("size", "batch", "base_width", "precision") if getattr(args, name)}
    command = "python benchmarks/real_data_step.py " + " ".join(sys.argv[1:] if argv is None else argv)
    before, rows = load(), []
    for name in args.presets:
        # Without --cache as the preset has it: the small ones decode all photos beforehand.
        cache = {"cache": True} if args.cache else {}
        config = PRESETS[name].config
        twice = config.data.data.startswith("unpaired:")
        data = f"unpaired:{args.data}|{args.data}" if twice else args.data
        config = with_values(config, {**given, **cache, "data": data})
        times, steps = time_in_turns(config, args.rounds, args.seconds, args.phase)
        memory, photos = times["memory"], times["photos"]
        shape = f"{config.model.size}², batch {config.data.batch}, {config.train.precision}"
        ratios = f"{photos.wall / memory.wall:.3f} | {photos.cpu / memory.cpu:.3f}"
        rows.append(f"| {name} | {shape} | {memory.wall:.3f} | {photos.wall:.3f} | {ratios} | {steps} |")
        print(rows[-1], file=sys.stderr)
        keras.utils.clear_session(free_memory=True)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"{args.data}, {args.rounds} turns each; {cores} cores of {platform.processor() or platform.machine()}; "
          f"load {before} before, {load()} after. `{command.strip()}`\n")  # fmt: skip
    print("| preset | step | in memory, s | on photos, s | ratio | ratio of CPU time | steps a turn |")
    print("|---|---|---|---|---|---|---|")
    print(*rows, sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
