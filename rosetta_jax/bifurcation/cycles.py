r"""Branches of cycles: from a Hopf point along the parameter, stable or not, to where they end.

The cycles are solutions of `rosetta_jax.bifurcation.collocation`, followed by pseudo-arclength through the folds
in which a stable and an unstable cycle meet. A branch ends at another Hopf point, or its period grows without
bound: by one over the root of the distance where it lies down on a fold of equilibria (a SNIC), by the logarithm
where it touches a saddle (homoclinic). Cycles are those of networks without delays.
"""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Complex, Float, Scalar
from rosetta_jax.bifurcation.collocation import (
    DEGREE,
    Orbit,
    between,
    fine,
    gauss_points,
    slopes_of,
    uniform,
    whole,
)
from rosetta_jax.bifurcation.equilibria import Branch, Hopf
from rosetta_jax.bifurcation.family import Family, label
from rosetta_jax.bifurcation.portions import in_portions
from rosetta_jax.bifurcation.pseudo_arclength import (
    CLOSED,
    ENDED,
    FULL,
    LIMIT,
    LOST,
    Curve,
    Unknowns,
    follow,
    turn,
)

# Of the range passed: so near its beginning or its end a branch does not move along the parameter.
_AT_END = 1e-6
# Of the largest component of a state: what is no more than this is rounding.
_NOTHING = 1e-9
# How many cycles are looked at together.
_PORTION = 100


@dataclasses.dataclass(frozen=True, eq=False)
class FoldOfCycles:
    """Where a stable and an unstable cycle meet: parameter `value`, `period` (s), lowest and highest signal."""

    value: float
    period: float
    low: np.ndarray
    high: np.ndarray

    @property
    def label(self) -> str:
        """How it is marked."""
        return "SNLC"


@dataclasses.dataclass(frozen=True, eq=False)
class CycleBranch:
    """Cycles along a parameter, in the order of the branch.

    `values` (points,) of the parameter, `periods` (s), `low` and `high` (points, nodes) of the signal,
    `multipliers` (points, n) of Floquet, the largest first, `folds`, `ending` in words with its kind ("Hopf",
    "SNIC", "homoclinic", "limit", "lost"), and where it is (`end`, None at a limit).
    """

    family: Family
    hopf: Hopf
    values: Float[np.ndarray, " points"]
    periods: Float[np.ndarray, " points"]
    low: Float[np.ndarray, "points nodes"]
    high: Float[np.ndarray, "points nodes"]
    multipliers: Complex[np.ndarray, "points n"]
    folds: tuple[FoldOfCycles, ...]
    kind: str
    end: float | None
    ending: str
    curve: Curve

    @property
    def frequencies(self) -> np.ndarray:
        """Turns a second (Hz)."""
        return 1 / self.periods

    @property
    def stable(self) -> np.ndarray:
        """Where all multipliers but the trivial one lie within the unit circle."""
        return np.abs(others(self.multipliers)).max(axis=1, initial=0.0) < 1

    @property
    def parameter(self) -> str:
        """The parameter, in words."""
        return label(self.family)

    def orbit(self, point: int, samples: int = 400) -> tuple[np.ndarray, np.ndarray]:
        """Times (s) and flat states of one cycle."""
        problem = _problem(self.family, self.curve.notes[point], np.inf)
        z = jnp.asarray(self.curve.points[point])
        shares = jnp.linspace(0.0, 1.0, samples, dtype=z.dtype)
        states = between(problem.mesh, whole(problem.places(z)), shares)
        return np.asarray(shares) * self.periods[point], np.asarray(states)


def others(multipliers: np.ndarray) -> np.ndarray:
    """All multipliers but the one nearest to one."""
    trivial = np.argmin(np.abs(multipliers - 1), axis=-1)
    kept = np.arange(multipliers.shape[-1]) != trivial[..., None]
    return multipliers[kept].reshape(*multipliers.shape[:-1], -1)


def cycles(
    branch: Branch,
    hopf: Hopf | int = 0,
    *,
    limits: tuple[float, float] | None = None,
    intervals: int = 40,
    longest: float = 0.02,
    most: int = 500,
    longest_period: float | None = None,
) -> CycleBranch:
    """The branch of cycles that is born at a Hopf point of a branch of equilibria.

    `hopf` is the point or its number; `limits` those of the parameter, by default the branch's; `intervals` how
    many polynomials make a cycle; `longest_period` (s) ends the branch, by default at 100 periods of the Hopf
    point. Raises `ValueError` where there is no such Hopf point, where it is degenerate, and for networks with
    delays, whose cycles a simulation finds.
    """
    of = branch.family
    if of.delayed:
        raise ValueError(
            "`branch` is of a network with delays, whose cycles are not followed: simulate it, or leave "
            "`lengths` out of its connectome."
        )
    born = _chosen(branch, hopf)
    if born.degenerate:
        raise ValueError(
            f"`hopf` at {label(of)} = {born.value:g} is degenerate: its first Lyapunov coefficient vanishes, and "
            "no branch of cycles along the parameter is born there (a linear system has cycles of every size at "
            "this one value). Choose another Hopf point, or a nonlinear system."
        )
    ends = limits or (float(branch.values.min()), float(branch.values.max()))
    last_period = longest_period or 100 / born.frequency
    problem, z, tangent, sizes = _begin(of, born, intervals, ends, last_period)
    curve = follow(problem, z, tangent, ends, longest=longest, most=most, sizes=sizes)
    shrunk = curve.reason == ENDED and bool(curve.points[-1, -2] <= last_period)
    if shrunk:
        # The last point is the cycle before it, reversed.
        curve = curve._replace(
            points=curve.points[:-1], tangents=curve.tangents[:-1], notes=curve.notes[:-1]
        )
    return _described(branch, born, curve, shrunk)


def _chosen(branch: Branch, hopf: Hopf | int) -> Hopf:
    if isinstance(hopf, Hopf):
        return hopf
    if not -len(branch.hopfs) <= hopf < len(branch.hopfs):
        raise ValueError(
            f"`hopf` must be one of the {len(branch.hopfs)} Hopf points of the branch, got {hopf}: without one no "
            "cycle is born."
        )
    return branch.hopfs[hopf]


def _begin(
    of: Family, hopf: Hopf, intervals: int, ends: tuple[float, float], longest: float
) -> tuple[Orbit, Unknowns, Unknowns, Unknowns]:
    """The Hopf point as a cycle without size, the direction in which it grows, and how large it may become."""
    x, mode = np.asarray(hopf.x), np.asarray(hopf.normal_form.right)
    crossing, cubic = (
        complex(each) for each in (hopf.normal_form.crossing, hopf.normal_form.cubic)
    )
    mesh = np.full(intervals, 1.0 / intervals)
    # The mode turns as 2 Re q e^{i angle}; its derivative, a period, is wanted at the Gauss points.
    starts = np.arange(intervals)[:, None, None] / intervals
    places, gauss = (
        np.exp(2j * np.pi * (starts + each[:, None] / intervals))
        for each in (uniform()[:-1], gauss_points())
    )
    swing, before = 2 * np.real(places * mode), 2 * np.real(2j * np.pi * gauss * mode)
    room = abs(crossing.real) * (ends[1] - ends[0]) / abs(cubic.real)
    amplitude = room**0.5 * np.abs(mode)
    # Rates of change vanish at the point, to rounding: how fast they become says the mode alone.
    there = np.abs(x) > _NOTHING * np.abs(x).max()
    share = np.min(np.abs(x[there]) / amplitude[there], initial=1.0)
    largest = np.maximum(np.abs(x), share * amplitude)
    period = 1 / hopf.frequency
    still, most = (np.broadcast_to(each, swing.shape) for each in (x, largest))
    problem = Orbit(of, *(jnp.array(each, x.dtype) for each in (mesh, before, longest)))
    rows = (still, period, hopf.value), (swing, 0.0, 0.0), (most, period, ends[1] - ends[0])
    z, tangent, sizes = (jnp.array(np.append(places, rest), x.dtype) for places, *rest in rows)
    return problem, z, tangent, sizes


def _problem(of: Family, mesh: Any, longest: float) -> Orbit:
    """The problem in which points are read that were noted with a mesh."""
    lengths = jnp.asarray(mesh)
    before = jnp.zeros((lengths.size, DEGREE, of.size), lengths.dtype)
    return Orbit(of, lengths, before, jnp.asarray(longest, lengths.dtype))


def _described(branch: Branch, hopf: Hopf, curve: Curve, shrunk: bool) -> CycleBranch:
    """What a curve is in the field's words."""
    of, count = branch.family, len(curve.points)
    turns = _folds(branch, curve)
    low, high, monodromy = in_portions(
        lambda *rows: _looked_at(of, *rows),
        _PORTION,
        np.concatenate([curve.points, *(z[None] for z, _ in turns)]),
        np.concatenate([curve.notes, *(mesh[None] for _, mesh in turns)]),
    )
    folds = [
        FoldOfCycles(float(z[-1]), float(z[-2]), low[place], high[place])
        for place, (z, _) in enumerate(turns, start=count)
    ]
    multipliers = np.linalg.eigvals(monodromy[:count]).astype(complex)
    order = np.argsort(-np.abs(multipliers), axis=1, kind="stable")
    multipliers = np.take_along_axis(multipliers, order, axis=1)
    # At the Hopf point there is no cycle yet.
    multipliers[0] = 1.0
    kind, end, ending = _ending(branch, curve, shrunk)
    return CycleBranch(
        of,
        hopf,
        curve.values,
        curve.points[:, -2],
        low[:count],
        high[:count],
        multipliers,
        tuple(folds),
        kind,
        end,
        ending,
        curve,
    )


@eqx.filter_jit
@full_precision
def _looked_at(of: Family, points: Array, meshes: Array) -> tuple[Array, Array, Array]:
    """Lowest and highest signal of each cycle, and the monodromy matrix."""

    def one(at: tuple[Array, Array]) -> tuple[Array, Array, Array]:
        problem = _problem(of, at[1], np.inf)
        return *extremes(problem, at[0]), problem.monodromy(at[0])

    return jax.lax.map(one, (points, meshes))


def extremes(problem: Orbit, z: Unknowns) -> tuple[Float[Array, " nodes"], Float[Array, " nodes"]]:
    """The lowest and the highest signal of each node: that of the cycle itself where a parabola turns."""
    places, times = whole(problem.places(z)), fine(problem.mesh)

    def seen(at: Array) -> Array:
        states = between(problem.mesh, places, at)
        return jax.vmap(lambda x: problem.family.signal(x, z[-1:]))(states)

    series = seen(times)
    nodes = series.shape[1]
    turned = seen(jnp.concatenate([_turn_of(times, -series), _turn_of(times, series)]))
    low, high = jnp.diagonal(turned[:nodes]), jnp.diagonal(turned[nodes:])
    return jnp.minimum(low, jnp.min(series, axis=0)), jnp.maximum(high, jnp.max(series, axis=0))


def _turn_of(times: Array, series: Array) -> Array:
    """When each column of a closed series is highest: the top of the parabola through the samples about it."""
    top, here = jnp.argmax(series, axis=0), jnp.max(series, axis=0)
    columns = jnp.arange(series.shape[1])
    rises = [here - series[(top + step) % times.size, columns] for step in (-1, 1)]
    # The period is one, and after its end comes its beginning.
    since = jnp.mod(times[top] - times[top - 1], 1.0)
    until = jnp.mod(times[(top + 1) % times.size] - times[top], 1.0)
    rising, falling = rises[0] / since, -rises[1] / until
    bend = (falling - rising) / (since + until)
    slope = rising + bend * since
    shift = jnp.where(bend < 0, -slope / jnp.where(bend < 0, 2 * bend, 1.0), 0.0)
    return jnp.mod(times[top] + shift, 1.0)


def _folds(branch: Branch, curve: Curve) -> list[tuple[np.ndarray, np.ndarray]]:
    """Where the tangent turns back along the parameter.

    At a Hopf point itself that says nothing, nor at a saddle, where the parameter has long been at its end.
    """
    found = []
    of, extent = branch.family, np.ptp(curve.values)
    born = np.array([hopf.value for hopf in branch.hopfs])
    for place in np.flatnonzero(np.diff(np.sign(curve.tangents[1:, -1])) != 0) + 1:
        if np.ptp(curve.values[place:]) < _AT_END * extent:
            break
        mesh, z, tangent = (each[place] for each in (curve.notes, curve.points, curve.tangents))
        z, mesh, turned = jax.device_get(_turned(of, mesh, z, tangent, extent))
        if turned and np.abs(born - z[-1]).min() > _AT_END * extent:
            found.append((z, mesh))
    return found


@eqx.filter_jit
@full_precision
def _turned(
    of: Family, mesh: Array, z: Unknowns, tangent: Unknowns, extent: Scalar
) -> tuple[Unknowns, Array, Array]:
    """The cycle at which the tangent turns, its mesh, and whether there is one."""
    places = whole(z[:-2].reshape(mesh.size, DEGREE, -1))
    noted = Orbit(of, mesh, slopes_of(mesh, places), z[-2])
    problem, z, tangent = noted.adapted(z, tangent)
    found, good = turn(problem, z, tangent, extent)
    return found, problem.mesh, good


def _ending(branch: Branch, curve: Curve, shrunk: bool) -> tuple[str, float | None, str]:
    """How a branch of cycles ends: kind, where, and in words."""
    last, name = float(curve.values[-1]), label(branch.family)
    if curve.reason == LIMIT:
        return "limit", None, f"the branch reached the limit {name} = {last:g}"
    if curve.reason == FULL:
        return "limit", None, f"the branch was cut off at {name} = {last:g}, at the most points"
    if curve.reason == CLOSED:
        return "closed", None, "the branch closed upon itself"
    if curve.reason == LOST:
        return "lost", last, f"the branch was lost at {name} = {last:g}: take more `intervals`"
    if shrunk:
        near = min(branch.hopfs, key=lambda hopf: abs(hopf.value - last))
        return "Hopf", near.value, f"the cycle shrinks to the Hopf point at {name} = {near.value:g}"
    fold = min(branch.folds, key=lambda fold: abs(fold.value - last), default=None)
    if fold is not None and abs(fold.value - last) < abs(_at_half_the_period(curve) - last):
        at = f"{name} = {fold.value:g}"
        return "SNIC", fold.value, f"the period grows without bound at the fold {at} (SNIC)"
    return "homoclinic", last, f"the period grows without bound at {name} = {last:g} (homoclinic)"


def _at_half_the_period(curve: Curve) -> float:
    """The parameter where the period was half the last one.

    As one over its square the period would reach the fold a third of that distance further on; at a saddle, where
    it grows by a logarithm, the parameter has long been at its end.
    """
    squares = 1 / curve.points[:, -2] ** 2
    shorter = np.flatnonzero(squares > 4 * squares[-1])
    if not shorter.size:
        return float(curve.values[0])
    place = int(shorter[-1])
    share = (squares[place] - 4 * squares[-1]) / (squares[place] - squares[place + 1])
    return float(curve.values[place] + share * (curve.values[place + 1] - curve.values[place]))
