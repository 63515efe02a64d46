"""Results of a study -> its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from colorize_tf.frechet import FEW, of_few
from colorize_tf.report.published import IMAGENET, LAB_MODELS, LAB_STUDY, PUBLISHED, ours
from colorize_tf.report.table import Table

__all__ = ["cost", "imagenet", "losses", "published", "quality", "translates", "translators"]

Record = Mapping[str, Any]
NONE = "–"


def quality(study: Mapping[str, Any]) -> Table | None:
    """The networks that colorize, gray first; None where all translate."""
    rows = [row for row in study["rows"] if not translates(row)]
    if not rows:
        return None
    judged = next((row for row in rows if "metrics" in row), None)
    protocol = judged["protocol"] if judged else {}
    lpips, frechet = (protocol.get(key) for key in ("lpips", "frechet"))
    headings = [
        "network",
        "PSNR dB ↑",
        "over gray, dB",
        "SSIM ↑",
        "colourfulness",
        "its gap to truth ↓",
        "within 10 ab, % ↑",
        "AuC, % ↑",
    ]
    headings += [f"{lpips} ↓"] if lpips else []
    headings += [f"{frechet} ↓"] if frechet else []
    cells = [_quality(row, bool(lpips), bool(frechet)) for row in rows]
    if judged:
        gray = _measures(judged["gray"], None, bool(lpips), bool(frechet))
        cells.insert(0, ["gray", *gray, NONE])
    note = ""
    if judged:
        note = (
            f"{protocol['photos']} photos that no network learnt from, at {protocol['size']}×{protocol['size']}; "
            f"colourfulness of the truth {judged['true_colourfulness']:.1f}. Brackets: 95 % intervals, by bootstrap "
            "over photos; of the Fréchet distance by jackknife. Within 10: share of the pixels whose ab is at most 10 "
            "Lab units from the true one; AuC: the area under that share over distances from 0 to 150. The last column "
            "is what a paper says of the network that ours is after, PSNR and SSIM, on other data: it cannot be "
            "compared."
        )
    note += _note_of_few(cells)
    return Table("Quality", note, [*headings, "published, other data"], cells, _marked(study))


def _quality(row: Record, lpips: bool, frechet: bool) -> list[str]:
    if "metrics" not in row:
        return [row["name"], f"no result: {row['failure'] or 'not judged yet'}"]
    known = ours(row["model"])
    told = f"{known.psnr:g} / {known.ssim:g} ({known.who})" if known else NONE
    return [row["name"], *_measures(row, row["gain"], lpips, frechet), told]


def _measures(row: Record, gain: Record | None, lpips: bool, frechet: bool) -> list[str]:
    found = row["metrics"]
    cells = [_mean(found["psnr"], 2, interval=True), NONE if gain is None else _mean(gain, 2, interval=True, sign=True)]
    digits = {"ssim": 3, "colourfulness": 1, "colourfulness_gap": 1, "accuracy": 1, "auc": 2}
    digits |= {"lpips": 4} if lpips else {}
    cells += [_mean(found[key], places, interval=True) for key, places in digits.items()]
    cells += [_distance(row["frechet"])] if frechet else []
    return cells


def translators(study: Mapping[str, Any]) -> Table | None:
    """The networks that translate between two sets, both ways."""
    rows = [row for row in study["rows"] if translates(row)]
    heading = next(
        (row["protocol"]["frechet"] for row in study["rows"] if "frechet" in row.get("protocol", {})), "Fréchet"
    )
    cells = []
    for row in rows:
        if "translations" not in row:
            cells.append([row["name"], f"no result: {row['failure'] or 'not judged yet'}"])
        for one in row.get("translations", []):
            distances = [_distance(one["frechet"]), _distance(one["untouched"])]
            cycle = _mean(one["cycle"], 4, interval=True)
            cells.append(
                [row["name"], one["way"], str(one["pictures"]), *distances, cycle, _scaled(one["diversity"], 1, 2)]
            )
    for row in study["rows"]:
        if row.get("exchange") and "metrics" in row:
            ends = row["exchange"]
            distances = [_distance(row["frechet"]), _distance(row["gray"]["frechet"])]
            measures = [_scaled(ends["val_cycle"], 1, 4), _scaled(ends["val_diversity_ab"], 1, 2)]
            cells.append([row["name"], "gray to colour", str(row["protocol"]["photos"]), *distances, *measures])
    if not cells:
        return None
    note = (
        "There is no true translation to compare with. The distance is that of the translations from the set that "
        "they should look like; untouched pictures have the next one. Cycle error: mean absolute difference after "
        "there and back again, pictures in 0 to 1. Diversity: how far outputs are apart by how far inputs are; near 0 "
        "is collapse. Of networks that learn colours without pairs, the last two are those of their validation photos."
    )
    note += _note_of_few(cells)
    headings = ["network", "way", "pictures", f"{heading} ↓", "untouched", "cycle error ↓", "diversity"]
    return Table("Two sets without pairs", note, headings, cells)


def cost(study: Mapping[str, Any]) -> Table:
    """What each row weighs, computes and took."""
    cells = []
    for row in study["rows"]:
        if "minutes" not in row:
            cells.append([row["name"], f"no result: {row['failure'] or 'not trained yet'}"])
            continue
        file, latency = row.get("export"), {}
        if file:
            latency = file["latency_ms"]
        exported = f"{file['bytes'] / 1e6:.2f}" if file else NONE
        cells.append([
            row["name"], _scaled(row.get("parameters"), 1e6, 2), _scaled(row.get("macs"), 1e9, 2), exported,
            " / ".join(f"{latency[threads]:.1f}" for threads in sorted(latency)) or NONE,
            _scaled(row["images_per_second"], 1, 1),
            f"{row['minutes']:.1f}", f"{row['passes']:.2f}", f"{row['epochs']} of {row['planned_epochs']}",
        ])  # fmt: skip
    machine = next((row["export"]["machine"] for row in study["rows"] if row.get("export")), "")
    threads = "one and two threads" + (f" of {machine}" if machine else "")
    recipes = {row["export"]["recipe"] for row in study["rows"] if row.get("export")}
    sides = sorted({row["side"] for row in study["rows"] if "side" in row})
    size = f" of {', '.join(f'{side}×{side}' for side in sides)}" if sides else ""
    note = (
        f"Parameters and multiply-adds are those of colorizing one picture{size}. Files are TFLite, "
        f"{', '.join(recipes) or NONE}; latency is the shortest run on {threads}. Minutes are those of training steps "
        "alone; a network that came to fewer epochs than planned has not seen its last phases."
    )
    headings = [
        "network",
        "parameters, M",
        "multiply-adds, G",
        "file, MB",
        "latency, ms",
        "photos/s in training",
        "minutes",
        "passes",
        "epochs",
    ]
    return Table("Cost", note, headings, cells, _marked(study))


def losses(study: Mapping[str, Any]) -> Table | None:
    """The published losses of the Lab study beside ours."""
    keys = ("g_loss", "g_l1", "g_gan", "d_loss")
    cells = []
    for model, theirs in LAB_MODELS.items():
        rows = [row for row in study["rows"] if row["model"] == model and row.get("losses")]
        if rows:
            cells.append([f"published: {theirs}", *(f"{LAB_STUDY[theirs][key]:.3f}" for key in keys)])
        for row in rows:
            found = _with_weight_100(row["losses"], row.get("l1_weight"))
            cells.append([row["name"], *(f"{found[key]:.3f}" if found.get(key) is not None else NONE for key in keys)])
    if not cells:
        return None
    note = (
        "Means over the last whole epoch of training. L1 is the mean absolute difference of ab/110 times 100, GAN the "
        "cross entropy, in both, and G their sum, whatever weight L1 had in training; photos, sizes and lengths of "
        "training differ."
    )
    return Table("Losses of the conditional GAN in Lab", note, ["training", "G", "L1 × 100", "GAN", "D"], cells)


def _with_weight_100(losses: Mapping[str, float | None], weight: float | None) -> dict[str, float | None]:
    """Losses of a training in which L1 had this weight -> what they would have been called had it had 100."""
    l1 = losses.get("g_l1")
    if weight == 0:  # nobody can tell what it would have been
        return {**losses, "g_l1": None, "g_loss": None}
    if weight is None or l1 is None:
        return dict(losses)
    l1, gan = l1 * 100 / weight, losses.get("g_gan")
    return {**losses, "g_l1": l1, "g_loss": l1 + (gan or 0.0)}


def published() -> Table:
    """Figures of papers, on other data."""
    cells = [[one.who, f"{one.psnr:g}", f"{one.ssim:g}", one.model or NONE, one.source] for one in PUBLISHED]
    note = (
        "Each measured on photos, sizes and protocols of its own, and quoted at second hand: for orientation, not for "
        "comparison. The study of the conditional GAN in Lab also reports a colour accuracy of 65 %, with a pretrained "
        "encoder 78 %; within what distance is not known here."
    )
    return Table("Published figures, other data", note, ["method", "PSNR dB", "SSIM", "ours after it", "source"], cells)


def imagenet() -> Table:
    """FID, PSNR and colourfulness of large networks."""
    cells = [[name, *(f"{value:g}" for value in values)] for name, values in IMAGENET.items()]
    note = "50,000 validation photos of ImageNet, as in arXiv:2212.11613. FID is another distance than ours."
    return Table("Published on ImageNet, other data", note, ["method", "FID", "PSNR dB", "colourfulness"], cells)


def translates(row: Record) -> bool:
    """Whether it is a row of a network between two sets, of whose pictures nobody knows how they should be."""
    return "translations" in row or row["model"] == "cyclegan"


def _marked(study: Mapping[str, Any]) -> frozenset[str]:
    return frozenset([study["best"]] if study["best"] else [])


def _mean(found: Record, digits: int, *, interval: bool = False, sign: bool = False) -> str:
    if not found["count"]:
        return NONE
    plus = "+" if sign else ""
    text = f"{found['mean']:{plus}.{digits}f}"
    if not interval or found["low"] is None:  # of one photo
        return text
    return f"{text} [{found['low']:{plus}.{digits}f}, {found['high']:{plus}.{digits}f}]"


def _distance(found: Record | None) -> str:
    if found is None:
        return NONE
    interval = "" if found["low"] is None else f" [{found['low']:.2f}, {found['high']:.2f}]"
    return f"{found['value']:.2f}{interval}{of_few(found['count'])}"


def _note_of_few(cells: Sequence[Sequence[str]]) -> str:
    """What `of_few` has marked, if it has."""
    if not any("(N " in cell for row in cells for cell in row[1:]):
        return ""
    return f" (N …): a distance of fewer than {FEW} pictures, which is large for that alone."


def _scaled(value: float | None, unit: float, digits: int) -> str:
    return NONE if value is None else f"{value / unit:.{digits}f}"
