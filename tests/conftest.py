"""What all tests share: small generated photographs, and the rules for skipping.

A test marked `shared_data`, `gpu` or `tpu` is skipped where that thing is missing. With CI=true no other test may be
skipped: such a skip is turned into a failure.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np
import pytest
from PIL import Image

from .albums import MODEL, make_album

# A shell that starts the tests in the background has them ignore Ctrl-C, and what they start with them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

MAY_BE_MISSING = ("shared_data", "gpu", "tpu")
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips what this machine cannot run, and says what would make it run."""
    if not SHARED_DATA.is_dir():
        for item in items:
            if item.get_closest_marker("shared_data"):
                item.add_marker(pytest.mark.skip(reason=f"needs the photographs of {SHARED_DATA}"))
    marked = {name: [item for item in items if item.get_closest_marker(name)] for name in ("gpu", "tpu")}
    if any(marked.values()):
        import tensorflow as tf

        for name, those in marked.items():
            if not tf.config.list_physical_devices(name.upper()):
                for item in those:
                    item.add_marker(pytest.mark.skip(reason=f"needs a {name.upper()} that TensorFlow can use"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    outcome = yield
    report = outcome.get_result()
    allowed = any(item.get_closest_marker(name) for name in MAY_BE_MISSING)
    if report.skipped and not hasattr(report, "wasxfail") and not allowed and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, which CI does not allow: {report.longrepr}"


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where tests keep generated scenes, indexes and pixels: never the user's own cache folder."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("COLORIZE_TF_CACHE", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def own_dtype_policy() -> Iterator[None]:
    """Gives back Keras's global policy, which a training in the test's process sets."""
    yield
    if keras := sys.modules.get("keras"):
        keras.config.set_dtype_policy("float32")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real photographs; only for tests marked `shared_data`."""
    return SHARED_DATA


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 24 different 64×48 JPEGs in two class folders; read it, do not change it."""
    folder = tmp_path_factory.mktemp("photos")
    for index in range(24):
        path = folder / ("meadow" if index % 2 else "shore") / f"{index:02d}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(colourful(index)).save(path, quality=92)
    return folder


def colourful(seed: int, height: int = 48, width: int = 64) -> np.ndarray:
    """A smooth, colourful picture uint8 [height, width, 3], different for every seed."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A folder of photos as `make_album` describes it."""
    return make_album(tmp_path)


@pytest.fixture
def colorize(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs the command in this process; gives the exit code, stdout and stderr."""
    from colorize_tf.__main__ import main

    def call(*words: object, model: Path | None = MODEL) -> tuple[int, str, str]:
        code = main([*map(str, words), *(["--model", str(model)] if model else [])])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call
