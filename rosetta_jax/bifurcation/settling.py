"""What a run ends on: rest, a cycle, an orbit that never closes, or nothing finite."""

import enum
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Float, Scalar
from rosetta_jax.bifurcation.family import Family

# A state has come back where it differs by no more than this, of the range of each component.
_RETURNED = 0.03
# A swing of no more than this of its size is none.
_STILL = 1e-4
# A swing that falls to less than this within half of what is looked at fades away.
_FADING = 0.5
# Passes of the middle that a period may have.
_PASSES = 24


class Ending(enum.Enum):
    """What a run ends on; `open` orbits are quasi-periodic, chaotic, or not yet settled."""

    cycle = "on a cycle"
    rest = "at rest"
    open = "on no closed orbit"
    unbounded = "beyond all bounds"


class LastTurn(NamedTuple):
    """When a run last turned, from `begin` to `end` in samples, each of `dt` seconds."""

    begin: float
    end: float
    dt: float

    @property
    def period(self) -> float:
        """Of the turn (s)."""
        return (self.end - self.begin) * self.dt

    def places(
        self, states: Float[np.ndarray, "times n"], count: int
    ) -> Float[np.ndarray, "count n"]:
        """States of the turn, evenly spaced in time."""
        at, number = (
            np.linspace(self.begin, self.end, count, endpoint=False),
            np.arange(len(states)),
        )
        return np.stack([np.interp(at, number, each) for each in states.T], axis=1)


def run_of(
    of: Family, starts: Float[Array, "starts n"], settle: float, dt: float
) -> Float[Array, "starts times n"]:
    """The second half of runs of `settle` seconds in steps of `dt`."""
    steps = round(settle / dt)
    return _run(of, starts, jnp.asarray(dt, starts.dtype), steps - steps // 2, steps // 2)


def ended(
    of: Family, states: Float[np.ndarray, "times n"], dt: float
) -> tuple[Ending, LastTurn | None]:
    """What a run ends on, and on a cycle the two last passes of the middle with the same components."""
    if not np.isfinite(states).all():
        return Ending.unbounded, None
    signals = np.asarray(_signals(of, jnp.asarray(states)))
    signal = signals[:, np.argmax(np.ptp(signals, axis=0))]
    middle, swing = (signal.max() + signal.min()) / 2, np.ptp(signal)
    earlier, later = (np.ptp(half) for half in np.array_split(signal, 2))
    if swing <= _STILL * np.abs(signal).max() or later < _FADING * earlier:
        return Ending.rest, None
    up = np.flatnonzero((signal[:-1] < middle) & (signal[1:] >= middle))[-_PASSES:]
    share = (middle - signal[up]) / (signal[up + 1] - signal[up])
    there = states[up] + share[:, None] * (states[up + 1] - states[up])
    size = np.where(np.ptp(states, axis=0) > 0, np.ptp(states, axis=0), 1.0)
    for before in range(len(up) - 2, -1, -1):
        if np.abs((there[before] - there[-1]) / size).max() < _RETURNED:
            return Ending.cycle, LastTurn(up[before] + share[before], up[-1] + share[-1], dt)
    return Ending.open, None


@eqx.filter_jit
def _signals(of: Family, states: Float[Array, "times n"]) -> Float[Array, "times nodes"]:
    return jax.vmap(lambda x: of.signal(x, jnp.zeros(1, x.dtype)))(states)


@eqx.filter_jit
@full_precision
def _run(
    of: Family, starts: Array, dt: Scalar, dropped: int, kept: int
) -> Float[Array, "starts times n"]:
    """The states at the end of runs, by classical Runge-Kutta steps."""
    places = jnp.asarray([0.0, 0.5, 0.5, 1.0], starts.dtype)
    weights = jnp.asarray([1 / 6, 1 / 3, 1 / 3, 1 / 6], starts.dtype)
    drift = jax.vmap(lambda x: of.drift(x, jnp.zeros(1, x.dtype)))

    def step(x: Array, _: None) -> tuple[Array, Array]:
        def stage(carry: tuple[Array, Array], at: tuple[Scalar, Scalar]) -> tuple[Any, None]:
            slope, total = carry
            slope = drift(x + at[0] * dt * slope)
            return (slope, total + at[1] * slope), None

        still = jnp.zeros_like(x)
        (_, total), _ = jax.lax.scan(stage, (still, still), (places, weights))
        return x + dt * total, x

    x = jax.lax.fori_loop(0, dropped, lambda _, x: step(x, None)[0], starts)
    return jnp.moveaxis(jax.lax.scan(step, x, None, length=kept)[1], 0, 1)
