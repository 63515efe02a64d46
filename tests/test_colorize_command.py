"""`colorize`: every way in, every way out, and nothing lost on the way."""

import io
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import colorize_tf.apps.photos as photos_app
import colorize_tf.apps.work as work
from colorize_tf.__main__ import COMMANDS, main
from colorize_tf.colorspace import rgb_to_lab

MODEL = Path(__file__).parent / "golden" / "models" / "tiny.tflite"


def gray(seed=0, height=60, width=90):
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 7), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


@pytest.fixture
def album(tmp_path):
    """album/{a.jpg, b.png, notes.txt, .hidden.jpg, inner/c.tif}"""
    folder = tmp_path / "album"
    (folder / "inner").mkdir(parents=True)
    gray(0).save(folder / "a.jpg")
    gray(1).save(folder / "b.png")
    gray(2).save(folder / "inner" / "c.tif")
    gray(3).save(folder / ".hidden.jpg")
    (folder / "notes.txt").write_text("no photo")
    return folder


@pytest.fixture
def run(capsys):
    """Runs the command in this process; gives the exit code, stdout and stderr."""

    def call(*words, model=MODEL):
        code = main([*map(str, words), *(["--model", str(model)] if model else [])])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def start(*words, **options):
    """Starts the command in a process of its own."""
    command = [sys.executable, "-m", "colorize_tf", "--model", str(MODEL), *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def is_coloured(path):
    with Image.open(path) as image:
        return np.ptp(np.asarray(image.convert("RGB")).astype(int), axis=2).mean() > 3


def luma(path):
    with Image.open(path) as image:
        return rgb_to_lab(np.asarray(image.convert("RGB")).astype(np.float64) / 255)[..., 0]


# --- what goes where ---


def test_a_photo_gets_a_coloured_neighbour(album, run):
    before = (album / "a.jpg").read_bytes()
    code, out, err = run(album / "a.jpg")
    assert (code, out, err) == (0, f"{album / 'a.colorized.jpg'}\n", "")
    assert is_coloured(album / "a.colorized.jpg")
    assert (album / "a.jpg").read_bytes() == before


def test_the_first_word_may_be_the_command(album, run):
    assert run("photos", album / "a.jpg")[0] == 0
    assert set(COMMANDS) >= {"photos", "benchmark"}


def test_a_second_run_skips_what_is_done(album, run):
    run(album / "a.jpg")
    made = (album / "a.colorized.jpg").stat().st_mtime_ns
    code, out, err = run(album / "a.jpg")
    assert (code, out) == (0, "")
    assert "1 there already" in err
    assert (album / "a.colorized.jpg").stat().st_mtime_ns == made
    assert run(album / "a.jpg", model=album / "notes.txt")[0] == 0  # nothing to do needs no model
    assert run(album / "a.jpg", "--overwrite")[0] == 0
    assert (album / "a.colorized.jpg").stat().st_mtime_ns > made


def test_a_folder_without_its_inner_ones(album, run):
    assert run(album)[0] == 0
    made = [name for name in files(album) if "colorized" in name]
    assert made == ["a.colorized.jpg", "b.colorized.png"]


def test_a_folder_is_mirrored(album, tmp_path, run):
    out = tmp_path / "out"
    assert run(album, "--recursive", "-o", out)[0] == 0
    assert files(out) == ["a.jpg", "b.png", "inner/c.tif"]
    assert all(is_coloured(out / name) for name in files(out))


def test_results_are_no_photos(album, run):
    assert run(album, "-r")[0] == 0
    code, out, _ = run(album, "-r")
    assert (code, out) == (0, "")
    assert len(files(album)) == 8


def test_an_output_folder_inside_the_album_is_not_colorized_again(album, run):
    run(album, "-r", "-o", album / "coloured")
    code, out, _ = run(album, "-r", "-o", album / "coloured")
    assert (code, out) == (0, "")
    assert files(album / "coloured") == ["a.jpg", "b.png", "inner/c.tif"]


def test_patterns_that_the_shell_left_alone(album, run, monkeypatch):
    monkeypatch.chdir(album)
    assert run("*.jpg", "inner/*")[0] == 0
    assert (album / "a.colorized.jpg").is_file()
    assert (album / "inner" / "c.colorized.tif").is_file()
    code, out, _ = run("*.jpg")
    assert (code, out) == (0, "")  # the result matches the pattern, and is left out


def test_one_photo_to_one_file(album, tmp_path, run):
    assert run(album / "a.jpg", "-o", tmp_path / "new.png")[0] == 0
    with Image.open(tmp_path / "new.png") as image:
        assert image.format == "PNG"
    assert np.abs(luma(tmp_path / "new.png") - luma(album / "a.jpg")).max() <= 0.26


def test_another_format(album, tmp_path, run):
    assert run(album, "-o", tmp_path / "out", "--format", "webp", "--quality", "50")[0] == 0
    assert files(tmp_path / "out") == ["a.webp", "b.webp"]


def test_formats_that_are_only_read_become_png(tmp_path, run):
    gray().save(tmp_path / "old.bmp")
    assert run(tmp_path / "old.bmp")[0] == 0
    assert is_coloured(tmp_path / "old.colorized.png")


def test_two_photos_for_one_place_are_refused(album, tmp_path, run):
    gray(4).save(album / "a.png")
    code, _, err = run(album, "-o", tmp_path / "out", "--format", "jpg")
    assert code == 2
    assert "would both be written to" in err
    assert not (tmp_path / "out").exists()


def test_the_original_is_never_the_target(album, run):
    code, _, err = run(album / "a.jpg", "-o", album, "--overwrite")
    assert code == 2
    assert "originals stay as they are" in err
    os.link(album / "a.jpg", album / "linked.jpg")
    assert run(album / "a.jpg", "-o", album / "linked.jpg", "--overwrite")[0] == 2


def test_side_by_side(album, run):
    assert run(album / "b.png", "--side-by-side")[0] == 0
    with Image.open(album / "b.colorized.png") as image:
        pixels = np.asarray(image).astype(int)
    assert pixels.shape == (60, 180, 3)
    assert np.ptp(pixels[:, :90], axis=2).max() == 0
    assert np.ptp(pixels[:, 90:], axis=2).mean() > 3


def test_json_is_one_line_a_photo(album, run):
    (album / "bad.jpg").write_bytes(b"no photo")
    code, out, _ = run(album, "--json", "--workers", "1")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert [(Path(row["source"]).name, row["status"]) for row in rows] == [
        ("a.jpg", "done"),
        ("b.png", "done"),
        ("bad.jpg", "failed"),
    ]
    assert (rows[0]["width"], rows[0]["height"], rows[0]["pages"]) == (90, 60, 1)
    assert "must be a photo" in rows[2]["error"]


# --- options of colour ---


def test_options_reach_the_colour(album, run):
    def pixels(*words):
        run(album / "b.png", "--overwrite", *words)
        with Image.open(album / "b.colorized.png") as image:
            return np.asarray(image).astype(int)

    plain = pixels()
    for words in (
        ["--saturation", "0.3"],
        ["--chroma-cap", "5"],
        ["--vivid", "1"],
        ["--no-levels"],
        ["--fast"],
        ["--hint", "40,30,#ff0000"],
    ):
        assert np.abs(pixels(*words) - plain).max() > 2, words
    hinted = pixels("--hint", "40,30,#ff0000", "--hint", "80,50,#0000ff,5")
    assert np.abs(hinted - plain)[28:33, 38:43].mean() > np.abs(hinted - plain)[:, :10].mean()


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--hint", "900,30,#ff0000"], "must lie in the photo"),
        (["--hint", "red"], "--hint"),
        (["--vivid", "2"], "vivid: must be in 0..1"),
        (["--saturation", "-1"], "saturation"),
        (["--chroma-cap", "0.5"], "chroma_cap: must be in 1..200"),
        (["--chroma-cap", "nan"], "chroma_cap: must be in 1..200"),
        (["--quality", "0"], "--quality"),
        (["--threads", "0"], "threads"),
        (["--workers", "0"], "--workers"),
        (["--max-pixels", "0"], "--max-pixels"),
        (["--max-pixels", "99"], "--max-pixels"),
        (["-o", "out.xyz"], "--output"),
        (["-o", "out.png", "--format", "jpg"], "--format"),
        (["--watch", "nowhere"], "--watch"),
    ],
)
def test_words_that_make_no_sense_are_one_line(album, run, words, what):
    code, out, err = run(album / "a.jpg", *words)
    assert code in (1, 2)
    assert out == ""
    assert what in err
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert len(files(album)) == 5


def test_unknown_flags_and_abbreviations_are_refused(album, run):
    for words in (["--colour", "red"], ["--over"]):
        with pytest.raises(SystemExit) as caught:
            run(album / "a.jpg", *words)
        assert caught.value.code == 2


def test_hints_go_with_one_photo(album, run):
    code, _, err = run(album, "--hint", "1,1,#ff0000")
    assert code == 2
    assert "must go with one photo" in err


def test_without_a_photo_there_is_help(run, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    code, out, _ = run(model=None)
    assert code == 2
    assert "colorize photo.jpg" in out


# --- what goes wrong with some photos ---


def test_a_bad_file_is_reported_and_the_rest_goes_on(album, run):
    (album / "0.jpg").write_bytes((album / "a.jpg").read_bytes()[:300])
    code, out, err = run(album, "--workers", "1")
    assert code == 1
    assert len(out.splitlines()) == 2
    assert "0.jpg: must be a" in err
    assert "2 colorized, 1 failed" in err


def test_a_photo_that_is_not_there(album, run):
    code, out, err = run("nowhere.jpg")
    assert (code, out) == (2, "")
    assert err == "error: photo: no such file or folder. Received: nowhere.jpg.\n"
    code, out, err = run("nowhere.jpg", album / "a.jpg", "no*thing")
    assert (code, out) == (1, f"{album / 'a.colorized.jpg'}\n")
    assert "nowhere.jpg: must be a readable photo. Received: No such file or directory" in err
    assert "1 colorized, 2 failed" in err


def test_a_place_that_cannot_be_written(album, run, monkeypatch):
    def refused(path, **_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(work, "atomic_path", refused)
    code, _, err = run(album / "a.jpg")
    assert code == 1
    assert "a.colorized.jpg: could not be written: Permission denied" in err


def test_a_target_that_is_a_folder_or_under_a_file(album, tmp_path, run):
    (album / "a.colorized.jpg").mkdir()
    assert run(album / "a.jpg", "--overwrite")[0] == 1
    code, _, err = run(album / "b.png", "-o", f"{album}/notes.txt/new/")
    assert code == 1
    assert "could not be written" in err


def test_a_result_that_outgrows_what_there_is_leaves_nothing(album):
    # A limit on the size of files fails in the middle of writing, as a full disk does.
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))

    before = files(album)
    process = start(album / "b.png", preexec_fn=limit)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (1, b"")
    assert b"b.colorized.png: could not be written: File too large" in err
    assert b"Traceback" not in err
    assert files(album) == before


def test_a_full_disk_stops_the_run(album, run, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(work, "write_photos", full)
    code, _, err = run(album)
    assert code == 1
    assert err.count("\n") == 1
    assert "a.colorized.jpg: No space left" in err
    assert len(files(album)) == 5


def test_hostile_names(tmp_path, run):
    names = [
        "-rf.jpg",
        "new\nline.jpg",
        "\x1b[31mred.jpg",
        "naïve 写真.jpg",
        "a" * 244 + ".jpg",
        "..jpg",
        "%s{0}.jpg",
        "[x].jpg",
    ]
    for name in names:
        gray().save(tmp_path / name, "JPEG")
    (tmp_path / "..jpg").rename(os.fsdecode(os.fsencode(tmp_path) + b"/bytes-\xff.jpg"))
    code, out, err = run(tmp_path, "--json")
    rows = {Path(row["source"]).name: row for row in map(json.loads, out.splitlines())}
    assert len(rows) == 8
    assert "\x1b" not in out + err
    failed = [name for name, row in rows.items() if row["status"] == "failed"]
    assert failed == ["a" * 244 + ".jpg"]  # with .colorized it is longer than file systems allow
    assert code == 1
    assert is_coloured(tmp_path / "-rf.colorized.jpg")
    assert is_coloured(tmp_path / "[x].colorized.jpg")


@pytest.mark.parametrize(
    "content", [b"", b"TFL3", MODEL.read_bytes()[:2000], MODEL.read_bytes().replace(b"tiny", b"tony")]
)
def test_a_model_that_is_none(album, tmp_path, run, content):
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    code, out, err = run(album / "a.jpg", model=path)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "model.tflite" in err


# --- processes of their own ---


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


def test_ctrl_c_leaves_nothing_partial(tmp_path):
    for seed in range(24):
        gray(seed, 700, 900).save(tmp_path / f"{seed:02d}.png", compress_level=1)
    before = files(tmp_path)
    process = start(tmp_path, "--workers", "2", start_new_session=True)
    deadline = time.monotonic() + 120
    while not any("colorized" in name for name in files(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert err.decode().strip().endswith("what was already written is complete")
    assert b"Traceback" not in err
    made = [name for name in files(tmp_path) if name not in before]
    assert 0 < len(made) < 24
    for name in made:
        assert not name.startswith(".")
        assert is_coloured(tmp_path / name)


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
    deadline = time.monotonic() + 120
    while not (out / "a.jpg").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert b"Traceback" not in err
    assert is_coloured(out / "a.jpg")
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


# --- benchmark ---


def test_benchmark_measures_every_step(run):
    code, out, err = run("benchmark", "--megapixels", "0.02", "--repeat", "1", "--json")
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert set(report["milliseconds"]) >= {"decode", "network", "fusion", "encode", "whole", "whole, fast"}
    assert all(value >= 0 for value in report["milliseconds"].values())
    code, out, _ = run("benchmark", "--megapixels", "0.02", "--repeat", "1", "--gray")
    assert code == 0
    assert "Pillow decode + encode" in out


@pytest.mark.parametrize("words", [["--megapixels", "9999"], ["--repeat", "0"], ["--photo", "nowhere.jpg"]])
def test_benchmark_has_bounds(run, words):
    code, _, err = run("benchmark", *words)
    assert (code, err.count("\n")) == (2, 1)
