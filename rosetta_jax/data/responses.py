"""Evoked responses: the mean over trials of what follows a stimulus at time zero."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Float
from rosetta_jax.data.arrays import (
    ARCHIVES,
    in_file,
    named_arrays,
    numbers,
    recognised,
    require,
    texts,
    vector,
)
from rosetta_jax.data.series import positions
from rosetta_jax.data.tables import read_table

NAMES: dict[str, tuple[str, ...]] = {
    "times": ("time", "t"),
    "potential": ("evoked", "erp", "tep", "response", "data", "eeg", "meg"),
    "labels": ("names", "channels", "channelnames", "chnames", "regionlabels"),
}
# Seconds in the unit of a file's times.
_UNITS = {"s": 1.0, "ms": 1e-3}
# Nothing evoked is sampled more slowly (s).
_SLOWEST = 0.1


class Response(eqx.Module):
    """An evoked response, ready for a loss of evoked time courses:

        response = rj.data.Response.load("tep.npz", time_unit="ms").less_baseline(-0.1, -0.01).within(0.001, 0.3)
        rj.inference.EvokedLoss(response.times, response.potential, lead_field)

    `times` (time,) s from the stimulus, increasing; `potential` (time, channels) in `unit`; `labels`, one a
    channel, or None; `baseline`, the span of time (s) whose mean has been taken off, or None. Raises `ValueError`
    for shapes that do not agree, entries that are not finite, and times that can only be milliseconds.
    """

    times: Float[np.ndarray, " time"]
    potential: Float[np.ndarray, "time channels"]
    labels: tuple[str, ...] | None = eqx.field(static=True)
    unit: str = eqx.field(static=True)
    baseline: tuple[float, float] | None = eqx.field(static=True)

    def __init__(
        self,
        times: Any,
        potential: Any,
        labels: Sequence[str] | None = None,
        unit: str = "1",
        baseline: tuple[float, float] | None = None,
    ):
        self.times = np.asarray(times, dtype=float)
        self.potential = np.asarray(potential, dtype=float)
        self.labels = None if labels is None else tuple(str(label) for label in labels)
        self.unit = unit
        self.baseline = None if baseline is None else (float(baseline[0]), float(baseline[1]))

    def __check_init__(self):
        if self.times.ndim != 1 or len(self.times) < 2 or not (np.diff(self.times) > 0).all():
            raise ValueError(
                f"`times` must be a list of two or more that increase, s, got shape {self.times.shape}."
            )
        if np.median(np.diff(self.times)) > _SLOWEST:
            raise ValueError(
                f"`times` are {np.median(np.diff(self.times)):g} s apart, as if in milliseconds: divide them by "
                "1000 (`Response.load(..., time_unit='ms')`)."
            )
        if self.potential.ndim != 2 or len(self.potential) != len(self.times):
            raise ValueError(
                f"`potential` must be ({len(self.times)}, channels), time first, got {self.potential.shape}."
            )
        if not np.isfinite(self.potential).all():
            at = int(np.flatnonzero(~np.isfinite(self.potential).all(axis=0))[0])
            name = at if self.labels is None else repr(self.labels[at])
            raise ValueError(f"`potential` is not finite in channel {name}: leave it out.")
        if self.labels is not None and len(self.labels) != self.potential.shape[1]:
            raise ValueError(
                f"`labels` has {len(self.labels)} names for {self.potential.shape[1]} channels: give one "
                "a channel."
            )

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        keys: Mapping[str, str | None] | None = None,
        time_unit: str = "s",
        unit: str = "1",
    ) -> "Response":
        """The response of a file.

        `.npz`, `.mat` or `.h5` with `times`, `potential` and if there are `labels` (or common other names; `keys`
        says what they are called, as in `rj.data.load_connectome`), or a table whose first column are the times
        and whose others are channels. `time_unit` of the file, "s" or "ms"; `unit` of the potential in words.
        Where the file has channels first, (channels, time), as their number tells, it is transposed. Raises
        `FileNotFoundError`, and `ValueError` naming file, key and shape.
        """
        _checks.one_of("time_unit", time_unit, _UNITS)
        path = Path(path)
        with in_file(path):
            if path.suffix.lower() in ARCHIVES:
                times, potential, labels = _of_archive(path, keys)
            else:
                table = read_table(path)
                times, potential = table.numbers[:, 0], table.numbers[:, 1:]
                labels = None if table.columns is None else table.columns[1:]
            return cls(times * _UNITS[time_unit], potential, labels, unit)

    def within(self, start: float, stop: float) -> "Response":
        """The samples from `start` to `stop` (s, ends included). Raises where fewer than two are left."""
        inside = self._inside(start, stop)
        if inside.sum() < 2:
            raise ValueError(f"{self._span(start, stop, inside)}: at least 2 are needed.")
        return Response(
            self.times[inside], self.potential[inside], self.labels, self.unit, self.baseline
        )

    def less_baseline(self, start: float, stop: float) -> "Response":
        """The response less its mean from `start` to `stop` (s), such as before the stimulus, in each channel."""
        inside = self._inside(start, stop)
        if not inside.any():
            raise ValueError(
                f"{self._span(start, stop, inside)}: choose a span before the stimulus."
            )
        mean = self.potential[inside].mean(axis=0, keepdims=True)
        return Response(self.times, self.potential - mean, self.labels, self.unit, (start, stop))

    def choose(self, labels: Sequence[str]) -> "Response":
        """The channels of these names in this order, such as those of a lead field."""
        if self.labels is None:
            raise ValueError(
                "`labels` are missing, by which channels are found: give them to `Response`."
            )
        index = positions(labels, self.labels)
        return Response(self.times, self.potential[:, index], labels, self.unit, self.baseline)

    def _inside(self, start: float, stop: float) -> np.ndarray:
        room = 1e-6 * float(np.median(np.diff(self.times)))
        return (self.times >= start - room) & (self.times <= stop + room)

    def _span(self, start: float, stop: float, inside: np.ndarray) -> str:
        return (
            f"`start` {start:g} to `stop` {stop:g} s holds {inside.sum()} samples of {self.times[0]:g} to "
            f"{self.times[-1]:g} s"
        )


def _of_archive(
    path: Path, keys: Mapping[str, str | None] | None
) -> tuple[np.ndarray, np.ndarray, list[str] | None]:
    arrays = named_arrays(path)
    found = recognised(arrays, NAMES, keys)
    require(arrays, found, "times", "potential")
    times = vector(found["times"], arrays[found["times"]])
    potential = numbers(found["potential"], arrays[found["potential"]])
    if potential.ndim == 2 and potential.shape[0] != len(times) == potential.shape[1]:
        potential = potential.T
    labels = texts(found["labels"], arrays[found["labels"]]) if "labels" in found else None
    return times, potential, labels
