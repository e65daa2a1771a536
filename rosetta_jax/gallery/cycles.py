"""Stable cycles along a parameter: many values side by side until they have settled; their range and frequency."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax._types import Array, Scalar
from rosetta_jax.gallery.equilibria import Readout, signal
from rosetta_jax.system import Rung


class Cycles(NamedTuple):
    """What is left of runs at `values` of a parameter: lowest and highest level, frequency (Hz; NaN at rest)."""

    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    frequency: np.ndarray

    @property
    def moving(self) -> np.ndarray:
        """Where there is a cycle."""
        return np.isfinite(self.frequency)

    def at(self, value: float) -> tuple[float, float, float]:
        """Lowest and highest level and frequency at one of the values."""
        place = int(np.argmin(np.abs(self.values - value)))
        return float(self.low[place]), float(self.high[place]), float(self.frequency[place])


def cycles(
    build: Callable[[Any], Rung],
    values: Any,
    dt: float,
    transient: float,
    duration: float,
    state: Any = None,
    observe: Readout = signal,
) -> Cycles:
    """The cycles that rungs at `values` settle on, from `state` (nodes are values) or where the rung starts.

    Classical Runge-Kutta steps of `dt`; `transient` and `duration` in s. Only `observe` of the last stretch is
    kept, so that a long transient costs no memory.
    """
    return several(build, values, dt, transient, duration, state, (observe,))[0]


def several(
    build: Callable[[Any], Rung],
    values: Any,
    dt: float,
    transient: float,
    duration: float,
    state: Any,
    observe: Sequence[Readout],
) -> list[Cycles]:
    """The same cycles as several readouts show them."""
    values = np.sort(np.asarray(values, float))
    rung = build(jnp.asarray(values))
    state = rung.start(len(values)) if state is None else state
    steps = round(transient / dt), round(duration / dt)
    return [
        _summary(values, np.asarray(series), dt)
        for series in _settled(rung, state, dt, *steps, tuple(observe))
    ]


def _summary(values: np.ndarray, series: np.ndarray, dt: float) -> Cycles:
    low, high = -_highest(-series), _highest(series)
    frequency = np.array([_frequency(each, dt) for each in series.T])
    # What still decays onto a fixed point is no cycle.
    swing = high - low
    return Cycles(values, low, high, np.where(swing > 1e-3 * np.max(swing), frequency, np.nan))


@eqx.filter_jit
def _settled(
    rung: Rung,
    state: Any,
    dt: float,
    dropped: int,
    kept: int,
    observe: tuple[Readout, ...],
) -> list[Array]:
    """What is observed in the last `kept` of all steps."""
    room = [jnp.zeros((kept, *each(rung, state).shape)) for each in observe]

    # One loop for both stretches compiles half as long as two; the transient keeps to the first row.
    def step(number: Any, carry: tuple[Any, list[Array]]) -> tuple[Any, list[Array]]:
        state, seen = carry
        row = jnp.maximum(number - dropped, 0)
        seen = [
            series.at[row].set(each(rung, state))
            for series, each in zip(seen, observe, strict=True)
        ]
        return runge_kutta(rung, state, dt), seen

    return jax.lax.fori_loop(0, dropped + kept, step, (state, room))[1]


def runge_kutta(rung: Rung, state: Any, dt: float | Scalar) -> Any:
    """One classical step of fourth order of nodes alone."""

    def moved(by: Any, share: Any) -> Any:
        return jax.tree.map(lambda x, k: x + share * dt * k, state, by)

    def stage(carry: tuple[Any, Any], numbers: Any) -> tuple[Any, None]:
        slope, total = carry
        share, weight = numbers
        slope = rung.vector_field(jnp.zeros(()), moved(slope, share), rung.Inputs())
        return (slope, jax.tree.map(lambda sum, k: sum + weight * k, total, slope)), None

    still = jax.tree.map(jnp.zeros_like, state)
    # Shares of the step and weights of the four stages, in a loop: written out they compile four times as long.
    stages = jnp.array([0.0, 0.5, 0.5, 1.0]), jnp.array([1.0, 2.0, 2.0, 1.0]) / 6
    return moved(jax.lax.scan(stage, (still, still), stages)[0][1], 1.0)


def _highest(series: np.ndarray) -> np.ndarray:
    """The highest level of each column, on the parabola through the samples about it."""
    place = np.clip(series.argmax(axis=0), 1, len(series) - 2)
    columns = np.arange(series.shape[1])
    before, top, after = (series[place + k, columns] for k in (-1, 0, 1))
    bend = before - 2 * top + after
    rise = np.where(bend < 0, (before - after) ** 2 / np.where(bend < 0, -8 * bend, 1.0), 0.0)
    return top + rise


def _frequency(series: np.ndarray, dt: float) -> float:
    """From upward crossings of the middle, interpolated; NaN below two of them."""
    centred = series - (series.max() + series.min()) / 2
    up = np.flatnonzero((centred[:-1] < 0) & (centred[1:] >= 0))
    crossings = up + centred[up] / (centred[up] - centred[up + 1])
    return (
        (len(crossings) - 1) / (dt * (crossings[-1] - crossings[0]))
        if len(crossings) > 1
        else np.nan
    )
