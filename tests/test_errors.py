"""Bad input ends in one line and an exit code."""

import errno
import subprocess
import sys

import pytest

from colorize_tf.errors import InputError, RunError, command_line, shorten


def raising(error):
    @command_line
    def main(argv=None):
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (
            InputError("--size", "must be a power of two", 100, "Try 128."),
            2,
            "must be a power of two. Received: 100. Try 128.",
        ),
        (RunError("the loss became NaN"), 1, "error: the loss became NaN"),
        (
            OSError(errno.ENOSPC, "No space left on device", "photo.jpg"),
            1,
            "error: photo.jpg: No space left on device.",
        ),
        (
            OSError(errno.ENAMETOOLONG, "File name too long", "long"),
            1,
            "error: long: File name too long. Choose another place\n",
        ),
        (
            BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"),  # no process more
            1,
            "error: this machine: Resource temporarily unavailable. Ask for less at the same time, or",
        ),
        (KeyboardInterrupt(), 130, "error: interrupted"),
    ],
)
def test_expected_failures_are_one_line_and_a_code(error, code, line, capsys):
    assert raising(error)([]) == code
    captured = capsys.readouterr()
    assert line in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_a_defect_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        raising(ZeroDivisionError())([])


def test_what_was_received_cannot_garble_the_terminal():
    assert shorten("a\nb\x1b[31mc") == "a b [31mc"
    assert len(shorten("x" * 10_000)) == 200


def test_success_passes_through():
    assert command_line(lambda argv: len(argv))(["a", "b"]) == 2


CLOSED = """
import os, sys
from colorize_tf.errors import command_line
from colorize_tf.quiet import hushed

@command_line
def main(argv=None):
    with hushed():
        print("out", file=sys.stdout)
        print("err", file=sys.stderr)
    return len(sys.stdin.read())

code = main([])
os.write(9, b"%d" % code)
"""


def test_streams_may_be_closed():
    closing = '"$@" 9>&1 <&- >&- 2>&-'
    command = ["sh", "-c", closing, "sh", sys.executable, "-c", CLOSED]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "0")


def test_what_stdout_cannot_encode_is_escaped():
    code = "from colorize_tf.errors import command_line; command_line(lambda argv: print('写真.jpg') or 0)([])"
    command = [sys.executable, "-X", "utf8=0", "-c", code]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60, env={"PYTHONIOENCODING": "cp1252"})
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, rb"\u5199\u771f.jpg", b"")
