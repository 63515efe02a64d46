"""A place for results that cannot become a folder is refused by every command, before any work."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from colorize_tf.errors import InputError
from colorize_tf.out_folder import check_out_folder, made

# None of the things they are to work on exists: who complains of --out has looked at nothing else.
COMMANDS = {
    "average": "nowhere nowhere",
    "datasets": "pack folder:nowhere",
    "evaluate": "nowhere",
    "guided": "nowhere.tflite --data folder:nowhere",
    "import_weights": "nowhere.pth",
    "predict": "nowhere nowhere.jpg",
    "study": "--models unet --data folder:nowhere --passes 1",
    "train": "--data folder:nowhere",
    "transfer": "nowhere --data folder:nowhere",
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("place", "message"), [("file", "must be a folder"), ("file/below", "must not lie below a file")]
)
def test_every_command_refuses_it_in_one_line(
    command: str, place: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("kept")
    package = command in ("datasets", "study")
    main = importlib.import_module(f"colorize_tf.{command}{'.__main__' if package else ''}").main
    assert main([*COMMANDS[command].split(), "--out", str(tmp_path / place)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: --out: {message}") and error.count("\n") == 1
    assert (tmp_path / "file").read_text() == "kept"


def test_an_earlier_result_is_replaced_only_if_told(tmp_path: Path) -> None:
    check_out_folder(tmp_path / "new" / "deep", "result.json")
    check_out_folder(tmp_path, "result.json")
    (tmp_path / "result.json").touch()
    check_out_folder(tmp_path)
    check_out_folder(tmp_path, "result.json", overwrite=True)
    with pytest.raises(InputError, match="--out: holds a result already"):
        check_out_folder(tmp_path, "result.json")


def test_what_says_that_all_is_there_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = ("done.json", "a.csv")
    for name in (*results, "mine.txt"):
        (tmp_path / name).touch()
    assert made(tmp_path, results, overwrite=False) == tmp_path and len(list(tmp_path.iterdir())) == 3
    gone: list[str] = []
    monkeypatch.setattr(Path, "unlink", lambda path, **_: gone.append(path.name))
    made(tmp_path, results, overwrite=True)
    assert gone == list(results)
