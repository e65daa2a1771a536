"""What a network does in the end, from many places: on which cycles it settles, at rest, or on none.

Runs from starts that fill a box evenly (a low-discrepancy sequence). What each of them ends on is counted, so that
several cycles side by side, or an orbit that never closes, are seen. That is no proof: a basin too small for all
starts is missed, and more `starts` find more.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Float
from rosetta_jax.bifurcation.collocation import DEGREE
from rosetta_jax.bifurcation.family import Family, family
from rosetta_jax.bifurcation.fixed_points import starts_in
from rosetta_jax.bifurcation.limit_cycle import Cycle, cycle_near
from rosetta_jax.bifurcation.settling import Ending, ended, run_of
from rosetta_jax.network import Network
from rosetta_jax.system import Rung

# Turns are of one cycle where period and swing differ by no more than this share.
_ALIKE = 0.03


@dataclasses.dataclass(frozen=True, eq=False)
class Attractors:
    """Where runs from many `starts` end: on one of `cycles`, by `shares` of the starts, or elsewhere.

    `at_rest`, `open` (quasi-periodic, chaotic, or not settled yet) and `unbounded` are the shares of the other
    starts; `cycles` are in the order of their shares, the largest first.
    """

    cycles: tuple[Cycle, ...]
    shares: tuple[float, ...]
    at_rest: float
    open: float
    unbounded: float
    starts: int

    def __str__(self) -> str:
        each = [
            f"{share:.0%} on a cycle of {cycle.frequency:.4g} Hz"
            for cycle, share in zip(self.cycles, self.shares, strict=True)
        ]
        others = {
            "at rest": self.at_rest,
            "on no closed orbit": self.open,
            "unbounded": self.unbounded,
        }
        each += [f"{share:.0%} {name}" for name, share in others.items() if share]
        return f"of {self.starts} starts: " + ", ".join(each)


def attractors(
    system: Network | Rung,
    box: Mapping[str, tuple[float, float]],
    *,
    inputs: Any = None,
    starts: int = 32,
    settle: float = 20.0,
    dt: float = 1e-4,
    intervals: int = 60,
) -> Attractors:
    """On what `system` settles, without drive, field and noise, from `starts` places in a box.

    `box` gives the lowest and the highest value of components of the state by name, as in
    `rosetta_jax.bifurcation.fixed_points`; the other arguments are those of `rosetta_jax.bifurcation.limit_cycle`.
    Raises `ValueError` for a component that is not there and for networks with delays.
    """
    of = family(system, ((),), inputs)
    if of.delayed:
        raise ValueError("`system` has delays: simulate it from several `past` instead.")
    settle, dt = _checks.known("settle", settle, "s"), _checks.known("dt", dt, "s")
    begun = starts_in(of, box, _checks.whole("starts", starts))
    return attracted(of, begun, settle, dt, intervals)


def attracted(
    of: Family, begun: Float[np.ndarray, "starts n"], settle: float, dt: float, intervals: int
) -> Attractors:
    """On what runs of a family end that begin at flat states."""
    ends, turns = dict.fromkeys(Ending, 0), []
    for states in np.asarray(run_of(of, jnp.asarray(begun), settle, dt)):
        ending, turn = ended(of, states, dt)
        ends[ending] += 1
        if turn is not None:
            places = turn.places(states, intervals * DEGREE).reshape(intervals, DEGREE, -1)
            turns.append((places, turn.period))
    counted = _counted(of, turns)
    total = len(begun)
    return Attractors(
        tuple(cycle for cycle, _ in counted),
        tuple(count / total for _, count in counted),
        ends[Ending.rest] / total,
        (len(turns) - sum(count for _, count in counted) + ends[Ending.open]) / total,
        ends[Ending.unbounded] / total,
        total,
    )


def _counted(of: Family, turns: list[tuple[np.ndarray, float]]) -> list[tuple[Cycle, int]]:
    """The cycles near last turns, once each, and how many turns are of each.

    Turns near no cycle, or near one that repels (an orbit that never closes passes by such ones), are left out.
    """
    found: list[tuple[Cycle, int]] = []
    for places, period in turns:
        swing = np.ptp(places, axis=(0, 1))
        for number, (cycle, count) in enumerate(found):
            if _close(period, cycle.period) and _close(swing, np.ptp(cycle.guess, axis=(0, 1))):
                found[number] = cycle, count + 1
                break
        else:
            cycle = _near(of, places, period)
            if cycle is not None:
                found.append((cycle, 1))
    return sorted(found, key=lambda each: -each[1])


def _close(one: Any, other: Any) -> bool:
    size = np.abs(np.asarray(other)).max()
    return bool((np.abs(np.asarray(one) - np.asarray(other)) <= _ALIKE * size).all())


def _near(of: Family, places: np.ndarray, period: float) -> Cycle | None:
    try:
        cycle = cycle_near(of, places, period)
    except ValueError:
        return None
    return None if cycle.repelling else cycle
