"""Every command answers what it does not understand in one line, the closest flag first."""

from importlib import import_module

import pytest

from colorize_tf.errors import command_line
from colorize_tf.parsing import Parser

COMMANDS = {
    "colorize": ("colorize_tf.__main__", ["photo.jpg"], "--overwrite"),
    "colorize benchmark": ("colorize_tf.__main__", ["benchmark"], "--repeat"),
    "train": ("colorize_tf.train", ["--out", "runs/a"], "--preset"),
    "evaluate": ("colorize_tf.evaluate", ["runs/a", "--out", "results"], "--split"),
    "predict": ("colorize_tf.predict", ["runs/a", "photo.jpg", "--out", "results"], "--samples"),
    "guided": ("colorize_tf.guided", ["model.tflite", "--data", "folder:photos"], "--counts"),
    "average": ("colorize_tf.average", ["runs/a", "runs/b", "--out", "runs/ab"], "--shares"),
    "study": ("colorize_tf.study.__main__", ["--out", "study"], "--minutes"),
    "report": ("colorize_tf.report.__main__", ["study"], "--help"),
    "transfer": ("colorize_tf.transfer", ["runs/a", "--data", "folder:photos", "--out", "results"], "--imagenet"),
    "import": ("colorize_tf.import_weights", ["weights.npz", "--out", "runs/a"], "--sha256"),
    "datasets": ("colorize_tf.datasets.__main__", ["info", "folder:photos"], "--rejected"),
    "pipeline": ("colorize_tf.pipeline", ["bench", "folder:photos"], "--rounds"),
    "export": ("export.__main__", ["runs/a", "--recipe", "float16", "--out", "a.tflite"], "--photos"),
    "compare": ("export.compare", ["a.tflite"], "--photos"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_answers_a_misspelt_flag_in_one_line(name, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    module, words, flag = COMMANDS[name]
    main = import_module(module).main
    for wrong in (flag[:-1], flag[:-1] + "x"):  # an abbreviation, and a slip
        assert main([*words, wrong]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert err.startswith(f"error: command line: unknown name. Received: {wrong}. Did you mean {flag}? Valid: ")
    assert list(tmp_path.iterdir()) == []


@command_line
def main(argv=None):
    parser = Parser("try")
    parser.add_argument("photo")
    parser.add_argument("--size", type=int)
    parser.add_argument("--share", type=float)
    parser.add_argument("--split", choices=("train", "test"))
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--a", action="store_true")
    group.add_argument("--b", action="store_true")
    return parser.parse_args(argv).size or 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "photo: must be given. Received: nothing. See --help."),
        (["x", "y"], "command line: has a word too many. Received: y. See --help."),
        (["x", "--size", "big\nger"], "--size: must be a whole number. Received: big\\nger."),
        (["x", "--share", "half"], "--share: must be a number. Received: half."),
        (["x", "--split", "val"], "--split: must be one of train, test. Received: val."),
        (["x", "--size"], "--size: expected one argument. Received: none. See --help."),
        (["x", "--a", "--b"], "--b: not allowed with argument --a. Received: both. See --help."),
    ],
)
def test_what_argparse_has_to_say_is_one_line(words, said, capsys):
    assert main(words) == 2
    assert capsys.readouterr() == ("", f"error: {said}\n")


def test_what_is_right_is_parsed():
    assert main(["photo.jpg", "--size=7", "--a"]) == 7
