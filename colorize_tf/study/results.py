"""What the files of a study say -> one record for each row, as `results.json` has it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from colorize_tf.study.plan import Entry
from colorize_tf.study.training import planned, trained
from colorize_tf.summary import read_json, statistic

__all__ = ["COLOURFUL", "RULE", "best", "record"]

COLOURFUL = 10.0  # below this a viewer sees next to no colour (Hasler and Süsstrunk 2003: 15 is "slightly")

RULE = (
    "Of the networks whose PSNR is above gray (95 % interval of the difference per photo) and whose colourfulness is "
    f"at least {COLOURFUL:g}, the one with the smallest Fréchet distance; where no features were at hand, the one "
    "whose colourfulness is nearest to the truth's."
)


def record(entry: Entry, folder: Path, run: Path, photos: int, batch: int, failure: str | None) -> dict[str, Any]:
    """A row's folders, and how many photos it learns from -> all that is known of it, failed steps included."""
    steps = _json(folder / "steps.json") or {}
    command = shlex.join(steps["train"]["command"]) if "train" in steps else None
    now = trained(run)
    found: dict[str, Any] = {
        "name": entry.name, "model": entry.model, "preset": entry.preset, "flags": list(entry.flags),
        "command": command, "commit": steps.get("train", {}).get("commit"), "failure": failure,
    }  # fmt: skip
    if now is not None:
        seen = now.steps * batch
        found |= {"minutes": now.seconds / 60, "steps": now.steps, "epochs": now.epochs, "passes": seen / photos}
        plan = planned(folder)
        ahead = max(plan.epochs, int(plan.least) if plan.by_passes else 0) if plan else 0
        found |= {"planned_epochs": max(ahead, now.epochs)}  # minutes left over become epochs beyond the plan
        found |= {"images_per_second": seen / now.seconds if now.seconds else None}
        rows = _json(now.checkpoint / "progress.json")["rows"]
        ends = rows[-1] if rows else {}
        found["losses"] = {k: v for k, v in ends.items() if k.startswith(("g_", "d_"))}
        found["l1_weight"] = ((_json(run / "config.json") or {}).get("model") or {}).get("l1_weight")
        found["exchange"] = {k: v for k, v in ends.items() if k == "val_cycle" or k.startswith("val_diversity")}
    made = now.steps if now else 0
    if (judged := _json(folder / "evaluation" / "evaluation.json")) and _current(steps, "evaluate", made):
        found |= {"protocol": judged["protocol"], **next(iter(judged["networks"].values()))}
        found |= _translations(judged) if "translations" in judged else _colours(judged)
    if (card := _json(folder / "model.json")) and _current(steps, "export", made):
        measured = card["verification"]
        latency = {threads: times["min"] for threads, times in (measured.get("latency_ms") or {}).items()}
        size = (folder / "model.tflite").stat().st_size
        found["export"] = {"bytes": size, "latency_ms": latency, "recipe": card["recipe"]}
        found["export"]["machine"] = measured.get("machine", "")
    found["export_failure"] = steps.get("export", {}).get("failure")
    return found


def best(records: Sequence[Mapping[str, Any]]) -> str | None:
    """The name of the best row by `RULE`, None if none qualifies."""
    fit = [
        one
        for one in records
        # Of one photo there is no interval: NaN, or None where it was read from a file.
        if "metrics" in one and (one["gain"]["low"] or 0) > 0 and one["metrics"]["colourfulness"]["mean"] >= COLOURFUL
    ]
    if not fit:
        return None
    by_set = all(one["frechet"] is not None for one in fit)
    chosen = min(
        fit, key=lambda one: one["frechet"]["value"] if by_set else one["metrics"]["colourfulness_gap"]["mean"]
    )
    return str(chosen["name"])


def _colours(judged: Mapping[str, Any]) -> dict[str, Any]:
    """An evaluation of one colorizer -> its summary, gray's, and its gain over gray per photo."""
    (name,) = judged["colorizers"]
    by_name = {summary["colorizer"]: summary for summary in judged["summaries"]}
    gray, own = ([row["psnr"] for row in judged["rows"] if row["colorizer"] == which] for which in ("gray", name))
    gains = [b - a for a, b in zip(gray, own, strict=True) if a is not None and b is not None]
    return {
        "metrics": by_name[name]["statistics"],
        "frechet": by_name[name]["frechet"],
        "gain": asdict(statistic(gains)),
        "true_colourfulness": by_name[name]["true_colourfulness"],
        "gray": {"metrics": by_name["gray"]["statistics"], "frechet": by_name["gray"]["frechet"]},
    }


def _translations(judged: Mapping[str, Any]) -> dict[str, Any]:
    (ways,) = judged["translations"].values()
    return {"translations": ways}


def _current(steps: Mapping[str, Any], name: str, made: int) -> bool:
    """Whether a step was done, and with the weights that the training has come to since."""
    step = steps.get(name, {})
    return bool(step.get("done")) and step.get("of") == made


def _json(path: Path) -> Any:
    return read_json(path) if path.is_file() else None
