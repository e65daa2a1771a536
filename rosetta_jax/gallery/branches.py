r"""Branches as a page shows them: equilibria and cycles as any readout sees them, and cycles between their points.

`rosetta_jax.bifurcation` knows the signal of a rung; a figure may show something else. Rungs are elementwise, so
that all points of a branch, or all moments of all its cycles, are the nodes of one rung whose parameter varies.
Between the points of a branch of cycles whatever is asked for is a cubic spline along the branch, which turns back
with it; near a Hopf point, where size grows as a root of the parameter, it is as smooth there as anywhere.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from scipy.interpolate import CubicSpline

from rosetta_jax._types import Array
from rosetta_jax.bifurcation import Branch, CycleBranch, Fold, Hopf
from rosetta_jax.bifurcation.collocation import DEGREE
from rosetta_jax.bifurcation.family import Family
from rosetta_jax.parameters import replace
from rosetta_jax.plot._branches import Envelope
from rosetta_jax.plot.bifurcation import closed, cycle_envelope, stability
from rosetta_jax.system import Rung, unstack_state

# What of a rung and its state is looked at.
Readout = Callable[[Any, Any], Array]
# Moments in each interval of a cycle.
_MOMENTS = 8
_PORTION = 8192
# Of the length of a branch.
_ROUNDING = 1e-6


def signal(rung: Rung, state: Any) -> Array:
    """The signal of a rung, what is usually looked at."""
    return rung.signal(state, rung.Inputs())


def unstacked(rung: Rung, flat: np.ndarray) -> Any:
    """The state of one node from its components in order."""
    return unstack_state(rung, jnp.asarray(flat)[:, None])


def observed(of: Family, states: np.ndarray, values: np.ndarray, observe: Readout) -> np.ndarray:
    """A readout of states (points, components) of one node, each at its own value of the parameter."""
    count = len(states)
    # In portions of one size: what has a size of its own is compiled for it.
    more = -count % _PORTION
    states = np.pad(states, ((0, more), (0, 0)), mode="edge").reshape(-1, _PORTION, states.shape[1])
    values = np.pad(values, (0, more), mode="edge").reshape(-1, _PORTION)

    def portion(x: np.ndarray, value: np.ndarray) -> np.ndarray:
        moved = {path.removeprefix("rung."): jnp.asarray(value) for path in of.paths[0]}
        rung = replace(of.network.rung, moved)
        return np.asarray(observe(rung, unstack_state(rung, jnp.asarray(x.T))))

    return np.concatenate([portion(*each) for each in zip(states, values, strict=True)])[:count]


def levels(branch: Branch, observe: Readout = signal) -> np.ndarray:
    """A readout of all equilibria of a branch."""
    if observe is signal:
        return branch.signals[:, 0]
    return observed(branch.family, branch.states, branch.values, observe)


def level_at(point: Fold | Hopf, observe: Readout = signal) -> float:
    """A readout of a fold or a Hopf point."""
    if observe is signal:
        return float(point.signal[0])
    return float(observed(point.family, point.x[None], np.array([point.value]), observe)[0])


class Cycles(NamedTuple):
    """Cycles in the order of their branch: parameter, lowest and highest level, period (s), which are stable."""

    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    periods: np.ndarray
    stable: np.ndarray

    def at(self, value: float, stable: bool = True) -> tuple[float, float, float]:
        """Lowest and highest level and frequency (Hz) of the stable (or unstable) cycle at a value.

        NaN where there is none.
        """
        length, along = self._spline
        # Beyond the ends by rounding only: a branch that ends at a limit has its last point there.
        places = along[0].solve(value)
        for place in places[(places > -_ROUNDING) & (places < length[-1] + _ROUNDING)]:
            if self.stable[np.argmin(np.abs(length - place))] == stable:
                low, high, period = (float(each(place)) for each in along[1:])
                return low, high, 1 / period
        return np.nan, np.nan, np.nan

    def highest(self, ends: tuple[float, float] = (-np.inf, np.inf)) -> tuple[float, float]:
        """Where, between two values, the highest level of the stable cycles is highest, and that level."""
        return self._top(self.high, ends)

    def lowest(self, ends: tuple[float, float] = (-np.inf, np.inf)) -> tuple[float, float]:
        """The same of the lowest level."""
        value, level = self._top(-self.low, ends)
        return value, -level

    def _top(self, heights: np.ndarray, ends: tuple[float, float]) -> tuple[float, float]:
        """The highest turn of some heights along the branch."""
        length, along = self._spline
        curve = CubicSpline(length, heights)
        turns = curve.derivative().roots(extrapolate=False)
        inside = [each for each in turns if ends[0] <= along[0](each) <= ends[1]]
        best = max(inside, key=curve, default=np.nan)
        return float(along[0](best)), float(curve(best))

    @property
    def _spline(self) -> tuple[np.ndarray, list[CubicSpline]]:
        """The length along the branch, and the parameter, both levels and the period as functions of it."""
        columns = [self.values, self.low, self.high, self.periods]
        scaled = np.stack([*columns[:3], np.log(self.periods)])
        # What is the same all along, to rounding, does not count.
        least = 1e-6 * np.append(np.abs(scaled[:3]).max(axis=1), 1.0)
        size = np.where(np.ptp(scaled, axis=1) > least, np.ptp(scaled, axis=1), np.inf)[:, None]
        steps = np.linalg.norm(np.diff(scaled / size), axis=0)
        length = np.append(0.0, np.cumsum(steps))
        return length, [CubicSpline(length, each) for each in columns]


@cache
def seen(found: CycleBranch, observe: Readout = signal) -> Cycles:
    """The cycles of a branch of one node as a readout shows them."""
    if observe is signal:
        low, high = found.low[:, 0], found.high[:, 0]
        return Cycles(found.values, low, high, found.periods, stability(found))
    points, lengths = found.curve.points, found.curve.notes
    count, intervals = lengths.shape
    places = points[:, :-2].reshape(count, intervals, DEGREE, -1)
    # The last place of an interval is the first of the next.
    whole = np.concatenate([places, np.roll(places[:, :, :1], -1, axis=1)], axis=2)
    states = np.einsum("mi,pkin->pkmn", _between(), whole)
    states = states.reshape(count * intervals * _MOMENTS, -1)
    values = np.repeat(found.values, intervals * _MOMENTS)
    series = observed(found.family, states, values, observe).reshape(count, -1)
    moments = np.arange(_MOMENTS) / _MOMENTS
    times = np.cumsum(lengths, axis=1) - lengths
    times = (times[:, :, None] + lengths[:, :, None] * moments).reshape(count, -1)
    low, high = -_highest(times, -series), _highest(times, series)
    return Cycles(found.values, low, high, found.periods, stability(found))


@cache
def _between() -> np.ndarray:
    """Lagrange's polynomials of the places of an interval at its moments, (moments, places)."""
    places, moments = np.linspace(0, 1, DEGREE + 1), np.arange(_MOMENTS) / _MOMENTS
    found = np.ones((_MOMENTS, DEGREE + 1))
    for place in range(DEGREE + 1):
        for other in np.delete(places, place):
            found[:, place] *= (moments - other) / (places[place] - other)
    return found


def _highest(times: np.ndarray, series: np.ndarray) -> np.ndarray:
    """The highest level of each closed row, on the parabola through the samples about it, evenly spaced or not."""
    last = series.shape[1] - 1
    top = series.argmax(axis=1)[:, None]
    around = [np.where(top == 0, last, top - 1), top, np.where(top == last, 0, top + 1)]
    before, here, after = (np.take_along_axis(series, each, axis=1)[:, 0] for each in around)
    early, at, late = (np.take_along_axis(times, each, axis=1)[:, 0] for each in around)
    early, late = early - (top[:, 0] == 0), late + (top[:, 0] == last)
    rising, falling = (here - before) / (at - early), (after - here) / (late - at)
    bend = (falling - rising) / (late - early)
    slope = rising + bend * (at - early)
    return here - np.where(bend < 0, slope**2 / (4 * np.where(bend < 0, bend, 1.0)), 0.0)


def envelope(branch: Branch, found: CycleBranch, observe: Readout = signal) -> Envelope:
    """Cycles as they are drawn, into the points where they end."""
    if observe is signal:
        return cycle_envelope(branch, found)
    of = seen(found, observe)
    drawn = Envelope(of.values, of.low, of.high, 1 / of.periods, of.stable)
    return closed(drawn, branch, found, lambda end: level_at(end, observe))
