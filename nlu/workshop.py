"""The processes models are trained in, and how far they are."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Callable


class TrainingFailed(RuntimeError):
    """A model could not be trained; the message holds what Rasa said, with file and line where it named them."""


class Workshop:
    """Up to two processes, each training one model after another: Rasa and TensorFlow take seconds to import.

    A job is the name of a model file; a process is told it on a line of its own and answers with lines `@progress
    share`, where it knows how far it is, and `@done`.
    """

    def __init__(self, command: list[str], folder: Path, jobs: int, languages: int) -> None:
        self._command, self._folder = command, folder
        cores = os.cpu_count() or 1
        self._places = max(1, min(2, cores))
        # Several languages are trained side by side, one core each; one alone uses all.
        threads = 1 if languages > 1 else cores
        self._environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": str(threads)}
        self._workers: list[_Worker] = []
        self.progress = Progress(jobs)

    def __enter__(self) -> Workshop:
        self.progress.begin()
        return self

    def __exit__(self, *exc: object) -> None:
        self.progress.end()
        for worker in self._workers:
            worker.close()

    def run(self, jobs: list[str], done: Callable[[str, float], None]) -> None:
        """Do `jobs`, in this order as places get free; calls `done(job, seconds)` after each, one at a time."""
        queue, lock = SimpleQueue(), threading.Lock()
        for job in jobs:
            queue.put(job)
        places = min(self._places, len(jobs))
        while len(self._workers) < places:
            self._workers.append(_Worker(self._command, self._folder, self._environment, self.progress))

        def work(worker: _Worker) -> None:
            while True:
                try:
                    job = queue.get_nowait()
                except Empty:
                    return
                try:
                    seconds = worker.do(job)
                except TrainingFailed:
                    _empty(queue)  # the others finish what they are at, and begin nothing more
                    raise
                with lock:
                    done(job, seconds)

        with ThreadPoolExecutor(max(places, 1)) as pool:
            for finished in [pool.submit(work, worker) for worker in self._workers[:places]]:
                finished.result()


class Progress:
    """A bar where a person looks, a line a model when piped."""

    def __init__(self, total: int) -> None:
        self._lock, self._total, self._done, self._doing = threading.Lock(), total, 0, {}
        self._bar = None

    def begin(self) -> None:
        """Show the bar."""
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                total=100 * self._total, bar_format="Training {l_bar}{bar}| {elapsed} {postfix}", disable=False
            )

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()

    def update(self, job: str, share: float) -> None:
        """`share` of this job is done, 0..1."""
        with self._lock:
            before = self._doing.get(job, 0.0)
            self._doing[job] = share
            if self._bar is not None:
                self._bar.set_postfix_str(_named(job))
                self._bar.update(100 * (share - before))
            if share >= 1:
                self._done += 1
                if self._bar is None:
                    print(f"trained {_named(job)} ({self._done} of {self._total})", file=sys.stderr, flush=True)


class _Worker:
    def __init__(self, command: list[str], folder: Path, environment: dict, progress: Progress) -> None:
        self._progress = progress
        self._errors = tempfile.TemporaryFile("w+")
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=pipe, stdout=pipe, stderr=self._errors, text=True
        )

    def do(self, job: str) -> float:
        """Do one job, return its seconds; raises TrainingFailed with the last the process said."""
        started = time.monotonic()
        self._progress.update(job, 0.0)
        try:
            print(job, file=self._process.stdin, flush=True)
            for line in self._process.stdout:
                word, *rest = line.split() or [""]
                if word == "@progress":
                    self._progress.update(job, min(float(rest[0]), 0.99))
                elif word == "@done":
                    self._progress.update(job, 1.0)
                    return round(time.monotonic() - started, 1)
        except BrokenPipeError:
            pass
        self._process.wait()
        self._errors.seek(0)
        said = "\n".join(self._errors.read().strip().splitlines()[-15:])
        raise TrainingFailed(f"training {_named(job)} failed:\n{said}")

    def close(self) -> None:
        """End the process; it has nothing to lose."""
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()
        self._errors.close()


def _empty(queue: SimpleQueue) -> None:
    with contextlib.suppress(Empty):
        while True:
            queue.get_nowait()


def _named(job: str) -> str:
    return Path(job).name.split(".")[0]
