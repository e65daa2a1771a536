r"""Branches of cycles: from a Hopf point along the parameter, stable or not, to where they end.

The cycles are solutions of `rosetta_jax.bifurcation.collocation`, followed by pseudo-arclength through the folds
in which a stable and an unstable cycle meet. A branch ends at another Hopf point, or its period grows without
bound: by one over the root of the distance where it lies down on a fold of equilibria (a SNIC), by the logarithm
where it touches a saddle (homoclinic). Cycles are those of networks without delays.
"""

import dataclasses

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
    slopes_of,
    unknowns,
    whole,
)
from rosetta_jax.bifurcation.equilibria import Branch, Hopf
from rosetta_jax.bifurcation.family import Family, label
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

# Of the range of the parameter: so near a fold a period without bound is that fold's.
_NEAR = 0.02
# Of the range passed: so near a Hopf point the parameter has not moved yet.
_AT_HOPF = 1e-7
# Of the largest component of a state: what is no more than this is rounding.
_NOTHING = 1e-9


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
    point. Raises `ValueError` where there is no such Hopf point and for networks with delays, whose cycles a
    simulation finds.
    """
    of = branch.family
    if of.delayed:
        raise ValueError(
            "`branch` is of a network with delays, whose cycles are not followed: simulate it, or leave "
            "`lengths` out of its connectome."
        )
    born = _chosen(branch, hopf)
    ends = limits or (float(branch.values.min()), float(branch.values.max()))
    period = 1 / born.frequency
    problem, z, tangent, sizes = _begin(of, born, intervals, ends)
    problem = eqx.tree_at(
        lambda each: each.longest, problem, jnp.asarray(longest_period or 100 * period, z.dtype)
    )
    curve = follow(problem, z, tangent, ends, longest=longest, most=most, sizes=sizes)
    shrunk = curve.reason == ENDED and bool(curve.points[-1, -2] <= float(problem.longest))
    if shrunk:
        # The last point is the cycle before it, reversed.
        curve = curve._replace(
            points=curve.points[:-1], tangents=curve.tangents[:-1], notes=curve.notes[:-1]
        )
    return _branch(branch, born, curve, shrunk)


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
    of: Family, hopf: Hopf, intervals: int, ends: tuple[float, float]
) -> tuple[Orbit, Unknowns, Unknowns, Unknowns]:
    """The Hopf point as a cycle without size, the direction in which it grows, and how large it may become."""
    form, x = hopf.normal_form, jnp.asarray(hopf.x)
    mesh = jnp.full(intervals, 1.0 / intervals, x.dtype)
    angles = 2 * jnp.pi * jnp.arange(intervals * DEGREE, dtype=x.dtype) / (intervals * DEGREE)
    turns = jnp.outer(jnp.cos(angles), form.right.real) - jnp.outer(
        jnp.sin(angles), form.right.imag
    )
    swing = 2 * turns.reshape(intervals, DEGREE, -1)
    still = jnp.broadcast_to(x, swing.shape)
    room = float(np.abs(form.crossing.real) * (ends[1] - ends[0]) / np.abs(form.gamma)) ** 0.5
    amplitude = jnp.asarray(room, x.dtype) * jnp.abs(form.right)
    # Rates of change vanish at the point, to rounding: how fast they become says the mode alone.
    vanishing = jnp.abs(x) <= _NOTHING * jnp.max(jnp.abs(x))
    share = jnp.min(jnp.where(vanishing, 1.0, jnp.minimum(1.0, jnp.abs(x) / amplitude)))
    largest = jnp.maximum(jnp.abs(x), share * amplitude)
    period = 1 / hopf.frequency
    sizes = unknowns(jnp.broadcast_to(largest, swing.shape), period, ends[1] - ends[0])
    before = slopes_of(mesh, whole(swing))
    problem = Orbit(of, mesh, before, jnp.asarray(jnp.inf, x.dtype))
    return problem, unknowns(still, period, hopf.value), unknowns(swing, 0.0, 0.0), sizes


def _problem(of: Family, mesh: np.ndarray, longest: float) -> Orbit:
    """The problem in which points are read that were noted with a mesh."""
    lengths = jnp.asarray(mesh)
    before = jnp.zeros((lengths.size, DEGREE, of.size), lengths.dtype)
    return Orbit(of, lengths, before, jnp.asarray(longest, lengths.dtype))


def _branch(branch: Branch, hopf: Hopf, curve: Curve, shrunk: bool) -> CycleBranch:
    of = branch.family
    points, meshes = jnp.asarray(curve.points), jnp.asarray(curve.notes)
    low, high, monodromy = (np.asarray(each) for each in _seen(of, points, meshes))
    multipliers = np.linalg.eigvals(monodromy).astype(complex)
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
        low,
        high,
        multipliers,
        tuple(_folds(branch, curve)),
        kind,
        end,
        ending,
        curve,
    )


@eqx.filter_jit
@full_precision
def _seen(of: Family, points: Array, meshes: Array) -> tuple[Array, Array, Array]:
    """Lowest and highest signal of each cycle, and the monodromy matrix."""

    def one(at: tuple[Array, Array]) -> tuple[Array, Array, Array]:
        z, mesh = at
        before = jnp.zeros((mesh.size, DEGREE, of.size), z.dtype)
        problem = Orbit(of, mesh, before, jnp.asarray(jnp.inf, z.dtype))
        states = between(mesh, whole(problem.places(z)), fine(mesh))
        signal = jax.vmap(lambda x: of.signal(x, z[-1:]))(states)
        return -highest(-signal), highest(signal), problem.monodromy(z)

    return jax.lax.map(one, (points, meshes))


def highest(series: Float[Array, "times nodes"]) -> Float[Array, " nodes"]:
    """The highest value of each column of a closed series, on the parabola through the samples about it."""
    place = jnp.argmax(series, axis=0)
    columns = jnp.arange(series.shape[1])
    before, top, after = (series[(place + step) % series.shape[0], columns] for step in (-1, 0, 1))
    bend = before - 2 * top + after
    rise = (before - after) ** 2 / jnp.where(bend < 0, -8 * bend, 1.0)
    return top + jnp.where(bend < 0, rise, 0.0)


def _folds(branch: Branch, curve: Curve) -> list[FoldOfCycles]:
    """Where the tangent turns back along the parameter; at a Hopf point itself that says nothing."""
    found = []
    of, extent = branch.family, jnp.asarray(np.ptp(curve.values))
    for place in np.flatnonzero(np.diff(np.sign(curve.tangents[1:, -1])) != 0) + 1:
        here = [jnp.asarray(each[place]) for each in (curve.notes, curve.points, curve.tangents)]
        z, mesh, turned = _turned(of, here[0], here[1], here[2], extent)
        apart = [abs(hopf.value - float(z[-1])) for hopf in branch.hopfs]
        if turned and min(apart) > _AT_HOPF * float(extent):
            low, high, _ = (np.asarray(each)[0] for each in _seen(of, z[None], mesh[None]))
            found.append(FoldOfCycles(float(z[-1]), float(z[-2]), low, high))
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
    size = float(np.ptp(branch.values))
    near_folds = [fold for fold in branch.folds if abs(fold.value - last) < _NEAR * size]
    if near_folds:
        fold = min(near_folds, key=lambda fold: abs(fold.value - last))
        at = f"{name} = {fold.value:g}"
        return "SNIC", fold.value, f"the period grows without bound at the fold {at} (SNIC)"
    return "homoclinic", last, f"the period grows without bound at {name} = {last:g} (homoclinic)"
