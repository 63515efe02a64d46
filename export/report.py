"""What verification found out about a file, as a person and as a card read it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from .drift import Drift
from .recipes import RECIPES

__all__ = ["Report", "Verdict", "listing", "milliseconds"]


@dataclass(frozen=True)
class Verdict:
    """What came of trying a file in one runtime: "passed", "failed" or "not tried", and why."""

    runtime: str
    version: str
    result: str
    reason: str = ""

    def __str__(self) -> str:
        said = f"{self.runtime} {self.version}".strip() + f" {self.result}"
        return f"{said} ({self.reason})" if self.reason else said


@dataclass(frozen=True)
class Report:
    """What was measured of one file. `failures` says which rules it breaks, one line each."""

    recipe: str
    size_bytes: int
    machine: str
    failures: tuple[str, ...]
    runtimes: tuple[Verdict, ...]
    drift: Drift | None = None
    quality: dict[str, float] | None = None
    latency_ms: dict[str, dict[str, float]] | None = None  # by the number of threads
    first_ms: float = 0.0  # from opening the file to its first answer
    peak_bytes: int = 0  # what loading and running the file adds to a process
    operators: int = 0
    undelegated: int = 0
    partitions: int = 0

    @property
    def passed(self) -> bool:
        return not self.failures

    @property
    def fit_for(self) -> tuple[str, ...]:
        """The runtimes that give the network's colours: of a file that breaks a rule, on whatever photos, none."""
        passed = tuple(f"{v.runtime} {v.version}" for v in self.runtimes if v.result == "passed")
        return passed if self.passed else ()

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON can hold it, numbers with five digits: more of them would not come again."""
        rounded: dict[str, Any] = _rounded({**asdict(self), "passed": self.passed})
        return rounded


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_rounded(inner) for inner in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def listing(report: Report) -> str:
    """Report -> a table of two columns for the screen."""
    rows = [("recipe", report.recipe), ("size", f"{report.size_bytes / 1e6:.2f} MB")]
    if drift := report.drift:
        bounds = RECIPES[report.recipe].bounds
        photos = f"{drift.photos} photos"
        rows += [
            (
                "RGB drift",
                f"{drift.rgb_mean:.1f} dB mean, {drift.rgb_worst:.1f} worst of {photos} "
                f"(asked for: {bounds.mean:g}, {bounds.worst:g})",
            ),
            ("ab drift", f"{drift.ab_mean:.1f} dB mean, {drift.ab_worst:.1f} worst"),
            ("chroma", f"{drift.chroma_ratio:.1%} of the network's {drift.chroma:.1f}"),
        ]
    if quality := report.quality:
        figures = ", ".join(f"{name} {quality[name]:.3g}" for name in ("psnr", "ssim", "colourfulness"))
        rows.append(("quality", f"{figures} of {quality['photos']:.0f} photos"))
    elif report.drift:
        rows.append(("quality", "not measured: no photo here has a truth that the network has not learnt from"))
    if report.latency_ms:
        each = [f"{milliseconds(times['min'])} on {threads}" for threads, times in report.latency_ms.items()]
        taken = report.operators - report.undelegated
        rows += [
            ("latency", f"{', '.join(each)} threads; {milliseconds(report.first_ms)} to the first answer"),
            ("memory", f"{report.peak_bytes / 1e6:.1f} MB"),
        ]
        if report.operators:
            rows.append(("delegate", f"takes {taken} of {report.operators} operators, in {report.partitions} parts"))
    rows += [("runtime", str(verdict)) for verdict in report.runtimes]
    rows += [("FAILS", failure) for failure in report.failures]
    return "\n".join(f"{name:<10} {text}" for name, text in rows)


def milliseconds(value: float) -> str:
    """A time in ms with three digits."""
    return f"{value:.3g} ms" if value < 1000 else f"{value:.0f} ms"
