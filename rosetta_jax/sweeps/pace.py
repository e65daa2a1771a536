"""How fast a sweep goes: a bar in a terminal, a line from time to time in a log."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from rosetta_jax.results import progress

Shown = bool | Literal["log"]
# Seconds between two lines of a log.
_EVERY = 30.0


class Pace:
    """Members and seconds so far, in words: per second, bytes written and what is left."""

    def __init__(self, total: int, done: int, seconds_each: float):
        self.total, self.done, self.begun = total, done, time.perf_counter()
        self._before, self._seconds_each, self._failed, self._bytes = done, seconds_each, 0, 0

    def add(self, members: int, failed: int, written: int) -> None:
        """So many members more, of which some failed, of so many bytes."""
        self.done += members
        self._failed += failed
        self._bytes += written

    @property
    def rate(self) -> float:
        """Members per second."""
        return (self.done - self._before) / max(time.perf_counter() - self.begun, 1e-9)

    @property
    def note(self) -> str:
        """The pace in words."""
        simulated = (
            f", {self.rate * self._seconds_each:.3g} brain-s/s" if self._seconds_each else ""
        )
        failed = f", {self._failed} failed" if self._failed else ""
        return f"{self.rate:.3g} members/s{simulated}, {_size(self._bytes)} written{failed}"

    @property
    def line(self) -> str:
        """All of it in words, for a log."""
        left = (self.total - self.done) / max(self.rate, 1e-9)
        return f"{self.done} of {self.total} members, {self.note}, {_duration(left)} left"


@contextmanager
def paced(pace: Pace, shown: Shown) -> Iterator["_Shower"]:
    """What shows the pace: nothing, lines ("log"), or a bar; `update` it after each block."""
    if shown == "log":
        yield _Lines(pace)
        return
    with progress(bool(shown)) as bar:
        task = bar.add_task("sweep", total=pace.total, completed=pace.done, note="compiling")
        yield _Bar(pace, lambda: bar.update(task, completed=pace.done, note=pace.note))


class _Shower:
    def __init__(self, pace: Pace):
        self.pace = pace

    def update(self, members: int, failed: int, written: int) -> None:
        """So many members more, of which some failed, of so many bytes."""
        self.pace.add(members, failed, written)
        self._show()

    def _show(self) -> None:
        raise NotImplementedError


class _Bar(_Shower):
    def __init__(self, pace: Pace, show):
        super().__init__(pace)
        self._show = show


class _Lines(_Shower):
    def __init__(self, pace: Pace):
        super().__init__(pace)
        self._due = 0.0

    def _show(self) -> None:
        now = time.monotonic()
        if now >= self._due or self.pace.done == self.pace.total:
            self._due = now + _EVERY
            print(self.pace.line, file=sys.stderr, flush=True)


def _size(written: int) -> str:
    number = float(written)
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} TB"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
