r"""The cycle on which a network settles, to rounding, and how its phase answers to a push.

A simulation finds about where the cycle lies; collocation (`rosetta_jax.bifurcation.collocation`) finds it. Its
phase $\varphi = 2\pi s$ runs evenly; a push $\delta x$ at phase $\varphi$ advances it by $Z(\varphi)\cdot\delta
x$, where the response $Z$ is the periodic solution of the adjoint equation $\dot Z = -(\partial_x f)^T Z$ with
$Z\cdot f = 2\pi/T$ (Malkin 1949; Ermentrout and Terman, Mathematical Foundations of Neuroscience, chapter 8).
"""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Bool, Complex, Float, Scalar
from rosetta_jax.bifurcation.collocation import (
    DEGREE,
    Orbit,
    Places,
    between,
    slopes_of,
    unknowns,
    whole,
)
from rosetta_jax.bifurcation.cycles import extremes, others
from rosetta_jax.bifurcation.family import Family, family
from rosetta_jax.bifurcation.pseudo_arclength import Unknowns, corrected
from rosetta_jax.bifurcation.settling import Ending, ended, run_of
from rosetta_jax.network import Network
from rosetta_jax.system import Rung

# Rounds of Newton's method, each on a better mesh.
_ROUNDS = 4
# A multiplier beyond which a run would have left the cycle; symmetries and rounding bring some beside 1.
_REPELS = 1.01
_OPEN = (
    "let it `settle` longer; if that does not help the orbit is quasi-periodic or chaotic (rj.lyapunov_exponent "
    "tells) and has no period."
)
_NO_CYCLE = {
    Ending.unbounded: "`system` left all bounds while it settled: take a smaller `dt`.",
    Ending.rest: "`system` settles at rest and has no cycle there: move a parameter beyond its Hopf point "
    "(rj.bifurcation.continuation finds it), or give another `start`.",
    Ending.open: f"`system` does not come back to where it was: {_OPEN}",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Cycle:
    """A periodic orbit: `period` (s), lowest and highest signal (nodes,), Floquet `multipliers` (n,).

    `mesh` and `places` hold it as a piecewise polynomial.
    """

    family: Family
    period: float
    low: Float[np.ndarray, " nodes"]
    high: Float[np.ndarray, " nodes"]
    multipliers: Complex[np.ndarray, " n"]
    mesh: Float[Array, " intervals"]
    places: Places

    @property
    def frequency(self) -> float:
        """Turns a second (Hz)."""
        return 1 / self.period

    @property
    def largest(self) -> float:
        """The largest multiplier but the trivial one, its size."""
        return float(np.abs(others(self.multipliers)).max(initial=0.0))

    @property
    def stable(self) -> bool:
        """Whether all multipliers but the trivial one lie within the unit circle."""
        return self.largest < 1

    @property
    def repelling(self) -> bool:
        """Whether perturbations grow clearly, so that no run settles on it."""
        return self.largest > _REPELS

    @property
    def attraction(self) -> float:
        """How fast perturbations decay onto the cycle (1/s), below zero where they grow."""
        return float(-np.log(self.largest) / self.period)

    @property
    def guess(self) -> Float[np.ndarray, "intervals degree n"]:
        """Its places, evenly spaced in time: from where a cycle near it is found."""
        shape = self.places.shape
        count = shape[0] * shape[1]
        return self.states(2 * np.pi * np.arange(count) / count).reshape(shape)

    def states(self, phases: Any) -> Float[np.ndarray, "phases n"]:
        """The flat states at phases (rad)."""
        shares = jnp.mod(jnp.asarray(phases, self.mesh.dtype) / (2 * jnp.pi), 1.0)
        return np.asarray(between(self.mesh, whole(self.places), shares))


def limit_cycle(
    system: Network | Rung,
    *,
    inputs: Any = None,
    start: Any = None,
    settle: float = 20.0,
    dt: float = 1e-4,
    intervals: int = 60,
) -> Cycle:
    """The cycle on which `system` settles, without drive, field and noise.

    `inputs` are constant inputs at the rung's ports; `start` a state to begin from; the first `settle` seconds, in
    steps of `dt` (s), only say about where the cycle is. Raises `ValueError` where the run ends at rest, where it
    never comes back (a chaotic or quasi-periodic orbit), and for networks with delays.
    """
    of = family(system, ((),), inputs)
    if of.delayed:
        raise ValueError("`system` has delays: its cycles are not followed, simulate it instead.")
    cycle = cycle_near(of, *settled(of, start, settle, dt, intervals))
    if cycle.repelling:
        raise ValueError(
            f"`system` does not settle on the cycle of {cycle.period:g} s that it passed by, which repels "
            f"(multiplier {cycle.largest:.3g}): {_OPEN}"
        )
    return cycle


def settled(
    of: Family, start: Any, settle: float, dt: float, intervals: int
) -> tuple[np.ndarray, float]:
    """About where the cycle lies on which a family settles: its places, evenly spaced in time, and its period (s).

    Raises `ValueError` where there is none.
    """
    settle, dt = _checks.known("settle", settle, "s"), _checks.known("dt", dt, "s")
    x = of.flat(of.network.start() if start is None else start)
    states = np.asarray(run_of(of, x[None], settle, dt)[0])
    ending, turn = ended(of, states, dt)
    if turn is None:
        raise ValueError(_NO_CYCLE[ending])
    return turn.places(states, intervals * DEGREE).reshape(intervals, DEGREE, -1), turn.period


def cycle_near(of: Family, places: Any, period: float, value: float = 0.0) -> Cycle:
    """The cycle near a guess of its places, at one value of the parameter. Raises `ValueError` without one."""
    guess = jnp.asarray(places, of.network.connectome.weights.dtype)
    found, mesh, good = collocated(of, guess, jnp.asarray(period), jnp.asarray(value))
    if not good:
        raise ValueError(
            f"no cycle was found near one of a period of {period:g} s: it may be coming to rest; let it settle "
            "for longer, or take more `intervals`."
        )
    low, high, monodromy = (np.asarray(each) for each in looked_at(of, mesh, found))
    return Cycle(
        of,
        float(found[-2]),
        low,
        high,
        np.linalg.eigvals(monodromy).astype(complex),
        mesh,
        found[:-2].reshape(mesh.size, DEGREE, -1),
    )


@eqx.filter_jit
@full_precision
def phase_response(cycle_of: Family, mesh: Array, places: Places, period: Scalar) -> Places:
    r"""How much a push of each component advances the phase (rad), at the places of a cycle."""
    z = unknowns(places, period, jnp.zeros_like(period))
    problem = Orbit(cycle_of, mesh, slopes_of(mesh, whole(places)), period)
    return 2 * jnp.pi / period * problem.adjoint(z)


@eqx.filter_jit
@full_precision
def collocated(
    of: Family, places: Places, period: Scalar, value: Scalar
) -> tuple[Unknowns, Array, Bool[Array, ""]]:
    """The cycle near a guess, on a mesh that suits it."""
    dtype = places.dtype
    period, value = period.astype(dtype), value.astype(dtype)
    mesh = jnp.full(places.shape[0], 1.0 / places.shape[0], dtype)

    def again(carry: Any, _: None) -> tuple[Any, None]:
        z, mesh, _ = carry
        here = Orbit(of, mesh, slopes_of(mesh, whole(z[:-2].reshape(places.shape))), z[-2])
        problem, z = here.adapted(z, jnp.zeros_like(z))[:2]
        z, good = corrected(problem, z)
        return (z, problem.mesh, good), None

    start = unknowns(places, period, value), mesh, jnp.zeros((), bool)
    (z, mesh, good), _ = jax.lax.scan(again, start, None, length=_ROUNDS)
    return z, mesh, good & (z[-2] > 0)


@eqx.filter_jit
@full_precision
def looked_at(of: Family, mesh: Array, z: Unknowns) -> tuple[Array, Array, Array]:
    """Lowest and highest signal of a cycle (nodes,), and its monodromy matrix."""
    problem = Orbit(of, mesh, slopes_of(mesh, whole(z[:-2].reshape(mesh.size, DEGREE, -1))), z[-2])
    return *extremes(problem, z), problem.monodromy(z)
