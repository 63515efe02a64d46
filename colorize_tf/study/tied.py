"""Runs a module as `python -m` does, and tells it to stop, once, when who started it lets go of its standard input.

    python -m colorize_tf.study.tied MODULE ARGUMENTS

The system lets go for a process that is killed, too. Being told by the parent's death (Linux's PR_SET_PDEATHSIG) is no
way: that signal comes once for each thread that the parent had, and a training saves what it has at the first alone.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading

__all__ = ["main"]


def main(module: str) -> None:
    """Runs the module with what `sys.argv` has by then."""
    threading.Thread(target=_stop_at_the_end, daemon=True).start()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _stop_at_the_end() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(sys.argv.pop(1))
