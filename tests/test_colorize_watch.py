"""`colorize --watch`: what is taken from a folder, when, and what is left alone."""

import itertools
import os
from pathlib import Path

import pytest

import colorize_tf.apps.watch as watch
from colorize_tf.__main__ import main
from colorize_tf.apps.selection import Job
from colorize_tf.apps.work import Settings, colorize_file
from colorize_tf.errors import RunError

from .albums import MODEL, gray
from .photo_files import COLORIZER


@pytest.fixture
def inbox(tmp_path):
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def look(monkeypatch):
    """Watches a folder for some looks, doing `between[n]` after the nth; gives the jobs."""

    def call(inbox, looks, between=None, output=None, suffix=None, recursive=False, overwrite=False):
        count = itertools.count(1)

        def sleep(_):
            number = next(count)
            if number == looks:
                raise KeyboardInterrupt
            (between or {}).get(number, lambda: None)()

        monkeypatch.setattr(watch.time, "sleep", sleep)
        jobs = []
        try:
            for job in watch.arrivals(inbox, output and str(output), suffix, recursive, overwrite):
                jobs.append(job)
                if not job.problem:
                    job.target.parent.mkdir(exist_ok=True)
                    job.target.write_bytes(b"done")
        except KeyboardInterrupt:
            return jobs

    return call


def test_a_photo_is_taken_once_and_again_when_it_has_changed(inbox, tmp_path, look):
    (inbox / "a.jpg").write_bytes(b"half")
    grows = {1: lambda: (inbox / "a.jpg").write_bytes(b"whole photo"), 4: lambda: (inbox / "a.jpg").write_bytes(b"new")}
    job = Job(inbox / "a.jpg", tmp_path / "out" / "a.jpg")
    assert look(inbox, 2, grows, tmp_path / "out", overwrite=True) == []  # it was still growing
    assert look(inbox, 4, grows, tmp_path / "out", overwrite=True) == [job]
    (inbox / "a.jpg").write_bytes(b"half")
    assert look(inbox, 8, grows, tmp_path / "out", overwrite=True) == [job, job]
    assert look(inbox, 3, {}, tmp_path / "out") == []  # its result is there
    assert look(inbox, 8, grows, tmp_path / "out") == [job, job]  # which may be of another photo of that name


def test_what_was_deleted_is_forgotten(inbox, tmp_path, look):
    def put():
        (inbox / "a.jpg").write_bytes(b"photo")
        os.utime(inbox / "a.jpg", (1, 1))  # the very same file once more

    def take():
        (inbox / "a.jpg").unlink()
        (tmp_path / "out" / "a.jpg").unlink()

    put()
    assert len(look(inbox, 8, {3: take, 4: put}, tmp_path / "out")) == 2


def test_a_watched_folder_that_goes_is_not_taken_for_an_empty_one(inbox, look):
    with pytest.raises(RunError, match="inbox: the watched folder is gone"):
        look(inbox, 8, {2: inbox.rmdir})


def test_the_watched_folder_is_no_place_for_results(inbox, tmp_path, capsys):
    gray().save(inbox / "a.jpg")
    (tmp_path / "link").symlink_to(inbox)
    before = (inbox / "a.jpg").read_bytes()
    for place in (inbox, f"{inbox}/", tmp_path / "link"):
        code = main(["--watch", str(inbox), "-o", str(place), "--overwrite", "--model", str(MODEL)])
        err = capsys.readouterr().err
        assert (code, err.count("\n")) == (2, 1)
        assert "--output: must not be the watched folder: originals stay as they are" in err
    assert (inbox / "a.jpg").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--hint", "1,1,#ff0000"], "--hint: must go with one photo"),
        (["--workers", "2"], "--workers: does not go with --watch"),
        (["-o", "-"], "--output: must be a folder"),
    ],
)
def test_what_does_not_go_with_watching_is_refused(inbox, capsys, words, what):
    code = main(["--watch", str(inbox), *words, "--model", str(MODEL)])
    err = capsys.readouterr().err
    assert (code, err.count("\n")) == (2, 1)
    assert what in err


@pytest.mark.parametrize("overwrite", [False, True])
def test_two_photos_for_one_place_do_not_collide_in_silence(inbox, tmp_path, look, overwrite):
    for name in ("a.jpg", "a.png"):
        (inbox / name).write_bytes(b"photo")
    jobs = look(inbox, 6, output=tmp_path / "out", suffix=".jpg", overwrite=overwrite)
    assert [job.source.name for job in jobs] == ["a.jpg", "a.png"]
    assert not jobs[0].problem
    said = f"{inbox / 'a.png'}: its result would have the name of another's, that of {inbox / 'a.jpg'}"
    assert jobs[1].problem == said
    result = colorize_file(jobs[1], COLORIZER, Settings(overwrite=True))
    assert (result.status, result.error) == ("failed", jobs[1].problem)
    assert (tmp_path / "out" / "a.jpg").read_bytes() == b"done"


def test_the_place_of_a_photo_that_left_is_free(inbox, tmp_path, look):
    (inbox / "a.jpg").write_bytes(b"photo")

    def change():
        (inbox / "a.jpg").rename(inbox / "a.png")
        (tmp_path / "out" / "a.jpg").unlink()

    jobs = look(inbox, 6, {3: change}, tmp_path / "out", ".jpg")
    assert [(job.source.name, job.problem) for job in jobs] == [("a.jpg", ""), ("a.png", "")]


def test_a_folder_that_cannot_be_read_is_reported_once(inbox, look, monkeypatch):
    (inbox / "inner").mkdir()
    real = os.scandir

    def scandir(path):
        if Path(path).name == "inner":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    (job,) = look(inbox, 4, recursive=True)
    assert job.problem == f"{inbox / 'inner'}: must be a readable folder. Received: Permission denied"


def test_results_stay_out_of_the_watched_tree(inbox, look):
    # In a tree beside the watched one's, the result of inbox/inbox/a.jpg has the place of inbox/a.jpg.
    (inbox / "inbox").mkdir()
    for path in (inbox / "a.jpg", inbox / "inbox" / "a.jpg"):
        path.write_bytes(b"photo")
    jobs = look(inbox, 4, output=inbox.parent, recursive=True, overwrite=True)
    assert [bool(job.problem) for job in jobs] == [False, True]
    assert "would lie among the watched photos" in jobs[1].problem
    assert (inbox / "a.jpg").read_bytes() == b"photo"
    assert len(look(inbox, 8, output=inbox / "done", recursive=True)) == 2  # a folder that is not watched


def test_a_photo_never_becomes_its_own_result(inbox):
    gray().save(inbox / "a.jpg")
    os.link(inbox / "a.jpg", inbox / "b.jpg")
    before = (inbox / "a.jpg").read_bytes()
    for target in (inbox / "a.jpg", inbox / "b.jpg"):
        result = colorize_file(Job(inbox / "a.jpg", target), COLORIZER, Settings(overwrite=True))
        assert result.status == "failed"
        assert "originals stay as they are" in result.error
    assert (inbox / "a.jpg").read_bytes() == before
