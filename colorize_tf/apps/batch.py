"""Many photos: in this process or in several, in any order, each result as it comes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import resource_tracker

from colorize_tf.apps.process import prepare_process
from colorize_tf.apps.selection import Job
from colorize_tf.apps.work import Result, Settings, colorize_file, make_colorizer
from colorize_tf.edge.tflite import TfliteColorizer

__all__ = ["STOPPING", "run_jobs"]

AHEAD = 2  # jobs that wait at each worker, so that none is idle
# What ends a run: Ctrl-C, a polite `kill`, the end of the terminal (which Windows has not).
STOPPING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


def run_jobs(jobs: Iterable[Job], settings: Settings, workers: int) -> Iterator[Result]:
    """Colorizes jobs, with more than one worker in processes of their own."""
    colorizer = make_colorizer(settings)  # for workers too: what is wrong with the model is said once, and by us
    if workers < 2:
        for job in jobs:
            yield (result := colorize_file(job, colorizer, settings))
            if result.full:
                break
        return
    waiting = deque(jobs)
    begun = time.time()
    while waiting:
        suspects: list[Job] = []
        yield from _pool(waiting, settings, workers, suspects)
        # A worker died, by a defect in a decoder or for lack of memory. Each photo that was being worked on gets a
        # worker to itself: the one that dies again is to blame, and the rest goes on.
        for suspect in suspects:
            alone: list[Job] = []
            for result in _pool(deque([suspect]), settings, 1, alone):
                # What a worker had written before it could say so is done, not "there already".
                ours = result.status == "skipped" and suspect.target.stat().st_mtime >= begun
                yield replace(result, status="done") if ours else result
            for job in alone:
                error = f"{job.source.name}: the process that worked on it died, perhaps for lack of memory"
                yield Result(str(job.source), str(job.target), "failed", error=error)


def _pool(waiting: deque[Job], settings: Settings, workers: int, unfinished: list[Job]) -> Iterator[Result]:
    """Empties `waiting`, unless a worker dies: then what was under way is in `unfinished`."""
    running: dict[Future[Result], Job] = {}
    # Spawned, not forked: the interpreter's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with _starting_workers():  # and what goes with them
        pool = ProcessPoolExecutor(workers, context, initializer=_start, initargs=(settings,))
    try:
        while waiting or running:
            while waiting and len(running) < workers * AHEAD:
                with _starting_workers():
                    running[pool.submit(_work, waiting[0])] = waiting[0]
                waiting.popleft()  # not before: a broken pool takes no job
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                result = future.result()
                del running[future]
                if result.full:
                    waiting.clear()
                yield result
    except BrokenProcessPool:
        unfinished.extend(running.values())
    finally:
        # What is being worked on is finished, so that nothing partial stays behind; what waits is dropped.
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _starting_workers() -> Iterator[None]:
    """What ends the run waits meanwhile, and is heard afterwards; Ctrl-C a started process never hears."""
    if threading.current_thread() is not threading.main_thread():  # signals are somebody else's
        yield
        return
    heard: list[int] = []
    handlers = {
        number: signal.signal(number, lambda n, _: heard.append(n))
        for number in STOPPING
        if signal.getsignal(number) != signal.SIG_IGN
    }
    masked = hasattr(signal, "pthread_sigmask")  # not on Windows
    if masked:
        # The tracker of what processes share is to outlive them, but the end of a terminal would end it too. Whoever
        # needs it would start it, but that would lift the mask.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited, unlike handlers
    try:
        yield
    finally:
        if masked:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if heard:
            signal.raise_signal(heard[0])


_colorizer: TfliteColorizer
_settings: Settings
_working = threading.Lock()
_leaving = threading.Event()


def _start(settings: Settings) -> None:
    """Makes a worker ready; interrupting is for the main process to handle."""
    global _colorizer, _settings
    for number in STOPPING:  # `timeout`, and a terminal that closes, tell all processes
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else _leave)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    prepare_process()
    _settings, _colorizer = settings, make_colorizer(settings)


def _leave(*_: object) -> None:
    """Ends this worker, as soon as the photo that is under way is whole."""
    _leaving.set()
    if not _working.locked():
        os._exit(1)


def _leave_with_parent() -> None:
    """Where the main process is killed, nobody closes the pool, and workers would wait for work for ever."""
    if parent := multiprocessing.parent_process():
        parent.join()
        _leave()


def _work(job: Job) -> Result:
    with _working:
        result = colorize_file(job, _colorizer, _settings)
    if _leaving.is_set():
        os._exit(1)
    return result
