"""pix2pix on two replicas does what it does on one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def runs() -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.two_replicas"]
    result = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_two_replicas_learn_what_one_device_learns(runs):
    assert runs["one"]["moved"] > 1e-5
    assert runs["difference"] < 1e-5
    assert runs["two"]["apart"] == 0


def test_two_replicas_report_the_losses_of_the_whole_batch(runs):
    assert runs["two"]["losses"] == pytest.approx(runs["one"]["losses"], rel=1e-5)


def test_an_overflow_on_the_second_replica_alone_skips_that_step(runs):
    assert runs["overflow"]["finite"]
    assert runs["overflow"]["steps"] == [2, 2]
    assert runs["overflow"]["scales"] == [2.0**14, 2.0**14]
    assert runs["overflow"]["moved"] > 1e-5  # by the other two steps
