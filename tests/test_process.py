"""What the process of the command does for speed."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

LOOP = """
import resource, sys
import numpy as np
from colorize_tf.apps.process import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory() or sys.exit("not kept")
def photo():
    for array in [np.empty(3_000_000, np.uint8) for _ in range(8)]:
        array.fill(1)
photo()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    photo()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator can be told")
def test_freed_memory_is_used_again() -> None:
    faults = {
        how: int(subprocess.run([sys.executable, "-c", LOOP, how], check=True, capture_output=True, text=True).stdout)
        for how in ("kept", "as ever")
    }
    assert faults["kept"] < 0.1 * faults["as ever"], faults


def test_threads_take_turns_sooner() -> None:
    code = "; ".join(
        (
            "import sys",
            "from colorize_tf.apps.process import prepare_process",
            "before = sys.getswitchinterval()",
            "prepare_process()",
            "print(before, sys.getswitchinterval())",
        )
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    before, after = map(float, ran.stdout.split())
    assert after < 0.001 < before
