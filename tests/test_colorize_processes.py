"""`colorize` as processes: pipes, workers, a watched folder, Ctrl-C."""

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import colorize_tf.apps.photos as photos_app

from .albums import MODEL, files, gray, is_coloured, start


def test_a_pipe(album):
    process = start("-", stdin=subprocess.PIPE)
    out, err = process.communicate((album / "b.png").read_bytes(), timeout=120)
    assert (process.returncode, err) == (0, b"")
    with Image.open(io.BytesIO(out)) as image:
        assert image.format == "PNG"
        assert np.ptp(np.asarray(image).astype(int), axis=2).mean() > 3


def test_a_pipe_into_another_format_and_from_a_file(album):
    process = start(album / "b.png", "-o", "-", "--format", "jpg", stdin=subprocess.DEVNULL)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, b"")
    assert out[:3] == b"\xff\xd8\xff"


def test_what_there_is_to_say_about_a_piped_photo_is_said():
    animation = io.BytesIO()
    gray().save(animation, "GIF", save_all=True, append_images=[gray(1), gray(2)])
    process = start("-", stdin=subprocess.PIPE)
    out, err = process.communicate(animation.getvalue(), timeout=120)
    assert (process.returncode, out[:4]) == (0, b"\x89PNG")
    assert err == b"note: only the first of its 3 frames was colorized\n"


def test_a_pipe_that_never_ends_is_given_up():
    with Path("/dev/zero").open("rb") as endless:
        process = start("-", "--max-pixels", "1000000", stdin=endless)
        out, err = process.communicate(timeout=120)
    assert (process.returncode, out, err.count(b"\n")) == (2, b"", 1)
    assert b"standard input: may have at most 75,108,864 bytes" in err


def test_nothing_in_the_pipe_is_one_line():
    process = start("-", stdin=subprocess.DEVNULL)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (2, b"")
    assert err.startswith(b"error: standard input: must be a photo")


def test_workers_do_a_folder(tmp_path):
    for seed in range(8):
        gray(seed).save(tmp_path / f"{seed}.jpg")
    (tmp_path / "bad.jpg").write_bytes(b"no photo")
    process = start(tmp_path, "--workers", "2", "--json")
    out, err = process.communicate(timeout=180)
    rows = [json.loads(line) for line in out.splitlines()]
    assert process.returncode == 1
    assert sorted(row["status"] for row in rows) == ["done"] * 8 + ["failed"]
    assert b"8 colorized, 1 failed" in err
    assert b"XNNPACK" not in err


def test_as_many_workers_as_pay(monkeypatch):
    monkeypatch.setattr(photos_app, "available_threads", lambda: 8)
    found = {jobs: photos_app._workers(None, jobs) for jobs in (0, 1, 3, 4, 20, 500)}
    assert found == {0: 1, 1: 1, 3: 1, 4: 4, 20: 8, 500: 8}
    assert [photos_app._workers(3, jobs) for jobs in (0, 2, 500)] == [1, 2, 3]


def test_workers_with_a_model_that_is_none_say_so_once(album):
    process = start(album, "--workers", "2", "--model", album / "notes.txt")
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (2, b"")
    assert err.count(b"\n") == 1
    assert b"notes.txt" in err


@pytest.fixture
def busy(tmp_path):
    """A folder, its files, and the command at work on it with two workers in a process group of its own."""
    gray(0, 600, 800).save(tmp_path / "00.png", compress_level=1)
    for number in range(1, 40):  # so many that it is never done before the test goes on
        shutil.copyfile(tmp_path / "00.png", tmp_path / f"{number:02d}.png")
    before = files(tmp_path)
    # Under `nohup` it would not end with the terminal, and rightly.
    options = {"preexec_fn": lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL)}
    process = start(tmp_path, "--workers", "2", start_new_session=True, **options)
    deadline = time.monotonic() + 120
    while not any("colorized" in name for name in files(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return tmp_path, before, process


def assert_nothing_is_partial(folder, before):
    made = [name for name in files(folder) if name not in before]
    assert 0 < len(made) < len(before)
    for name in made:
        assert not name.startswith(".")
        assert is_coloured(folder / name)


# Ctrl-C, `timeout` and the end of a terminal tell all processes.
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_ends_a_run_leaves_nothing_partial(busy, number):
    folder, before, process = busy
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert err.decode().strip().endswith("what was already written is complete")
    assert b"Traceback" not in err
    assert_nothing_is_partial(folder, before)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes by /proc")
def test_workers_do_not_outlive_a_killed_command(busy):
    def left():
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                state, _, group, *_ = stat.read_text().rpartition(")")[2].split()
                if int(group) == process.pid and state != "Z":
                    yield stat

    folder, before, process = busy
    assert len(list(left())) >= 3
    process.kill()
    process.communicate(timeout=60)
    deadline = time.monotonic() + 60
    while list(left()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert list(left()) == []
    assert_nothing_is_partial(folder, before)


def test_a_worker_that_dies_is_not_the_end(tmp_path, monkeypatch):
    # The third photo kills its worker, as a defect in a decoder would.
    trap = tmp_path / "sitecustomize.py"
    trap.write_text(
        "import os, PIL.Image as I\n"
        "real = I.open\n"
        "def opened(fp, *a, **k):\n"
        "    if os.environ.get('TRAP') and str(getattr(fp, 'name', '')).endswith('2.jpg'): os._exit(9)\n"
        "    return real(fp, *a, **k)\n"
        "I.open = opened\n"
    )
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(5):
        gray(seed).save(folder / f"{seed}.jpg")
    environment = {
        **os.environ,
        "TRAP": "1",
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(photos_app.__file__).parents[2]}",
    }
    process = start(folder, "--workers", "2", "--json", env=environment)
    out, err = process.communicate(timeout=300)
    rows = {Path(row["source"]).name: row["status"] for row in map(json.loads, out.splitlines())}
    assert rows == {"0.jpg": "done", "1.jpg": "done", "2.jpg": "failed", "3.jpg": "done", "4.jpg": "done"}, err
    assert process.returncode == 1


def test_a_watched_folder(tmp_path):
    inbox, out = tmp_path / "inbox", tmp_path / "out"
    inbox.mkdir()
    process = start("--watch", inbox, "-o", out)
    assert b"watching" in process.stderr.readline()
    gray().save(inbox / "a.jpg")
    (inbox / "bad.jpg").write_bytes(b"no photo")
    assert b"bad.jpg: must be a photo" in process.stderr.readline()
    assert is_coloured(out / "a.jpg")
    gray(7).save(inbox / "a.jpg")  # another photo of the same name
    assert b"a.jpg is there already (--overwrite makes it again)" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1  # as of any other run with a failure
    assert err == b"1 colorized, 1 there already (--overwrite makes them again), 1 failed\n"
    assert files(inbox) == ["a.jpg", "bad.jpg"]


def test_the_command_is_light_and_needs_no_tensorflow(album):
    code = f"""
import sys
for name in ("tensorflow", "keras", "tensorflow_datasets", "skimage", "scipy"):
    sys.modules[name] = None
from colorize_tf.__main__ import main
assert "numpy" not in sys.modules
sys.exit(main([{str(album / "a.jpg")!r}, "--model", {str(MODEL)!r}]))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stderr) == (0, "")
    assert is_coloured(album / "a.colorized.jpg")
