"""Branches of equilibria along a parameter, through folds, with their stability and what happens on them.

The branch is followed by pseudo-arclength (`rosetta_jax.bifurcation.pseudo_arclength`). Where its tangent turns
back is a fold, where a pair of characteristic roots crosses the imaginary axis a Hopf point; both are then solved
for exactly (`rosetta_jax.bifurcation.points`), and a Hopf point is super- or subcritical by the sign of the cubic
coefficient of its normal form (`rosetta_jax.bifurcation.normal_form`).
"""

import dataclasses
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Bool, Complex, Float
from rosetta_jax.bifurcation.family import Family, Parameter, family, label
from rosetta_jax.bifurcation.normal_form import NormalForm, normal_form
from rosetta_jax.bifurcation.points import (
    Fold,
    FoldSolution,
    HopfSolution,
    mode_at,
    solve_fold,
    solve_hopf,
)
from rosetta_jax.bifurcation.portions import looked_at
from rosetta_jax.bifurcation.pseudo_arclength import (
    CLOSED,
    FULL,
    LIMIT,
    LOST,
    Curve,
    Problem,
    Unknowns,
    begun,
    follow,
)
from rosetta_jax.bifurcation.roots import characteristic_roots
from rosetta_jax.linear import fixed_point
from rosetta_jax.network import Network
from rosetta_jax.results import Status
from rosetta_jax.system import Rung

# A Hopf point between two points of a branch is at most so many times their distance from both.
_BESIDE = 3.0
# A root of so small an imaginary part, of its size, does not turn.
_STRAIGHT = 1e-6
_REASONS = {
    LOST: "the branch was lost: no further point was found however short the step",
    LIMIT: "the branch reached a limit of the parameter",
    CLOSED: "the branch closed upon itself",
    FULL: "the branch was cut off at the most points",
}


class Equilibria(Problem):
    """The equilibria of a family of one parameter: states and parameter."""

    family: Family

    def residual(self, z: Unknowns) -> Array:
        return self.family.drift(z[:-1], z[-1:])


@dataclasses.dataclass(frozen=True, eq=False)
class Hopf:
    """Where a pair of characteristic roots crosses the imaginary axis: a cycle is born.

    `value` of the parameter, `frequency` (Hz), whether the cycle is born stable (`supercritical`), the `state`,
    the `normal_form`, the `signal` (nodes,) and the flat state `x`.
    """

    value: float
    frequency: float
    supercritical: bool
    state: Any
    x: np.ndarray
    signal: np.ndarray
    normal_form: NormalForm
    solution: HopfSolution
    family: Family

    @property
    def label(self) -> str:
        """HB+ or HB−, as the paper marks them; HB where it is degenerate and neither."""
        return "HB" if self.degenerate else "HB+" if self.supercritical else "HB−"

    @property
    def degenerate(self) -> bool:
        """Whether the first Lyapunov coefficient vanishes to rounding, as that of every linear system does."""
        cubic = complex(self.normal_form.cubic)
        rounding = float(jnp.finfo(self.normal_form.cubic.dtype).eps) ** 0.5
        return abs(cubic.real) <= rounding * abs(cubic)


@dataclasses.dataclass(frozen=True, eq=False)
class Branch:
    """Equilibria along a parameter.

    `values` (points,) of the parameter, `states` (points, components * nodes) flat, `signals` (points, nodes),
    `roots` (points, roots) the rightmost characteristic roots (1/s), `folds` and `hopfs` in the order of the
    branch, `ending` in words, `complete` where it ends at a limit or closes.
    """

    family: Family
    values: Float[np.ndarray, " points"]
    states: Float[np.ndarray, "points n"]
    signals: Float[np.ndarray, "points nodes"]
    roots: Complex[np.ndarray, "points roots"]
    folds: tuple[Fold, ...]
    hopfs: tuple[Hopf, ...]
    ending: str
    complete: bool

    @property
    def stable(self) -> np.ndarray:
        """Where all characteristic roots lie left of the axis."""
        return np.real(self.roots).max(axis=1) < 0

    @property
    def unstable_modes(self) -> np.ndarray:
        """How many characteristic roots lie right of the axis."""
        return (np.real(self.roots) > 0).sum(axis=1)

    @property
    def parameter(self) -> str:
        """The parameter, in words."""
        return label(self.family)

    def state(self, point: int) -> Any:
        """The rung's state at one point."""
        return self.family.state(jnp.asarray(self.states[point]))

    def at(self, value: float) -> list[np.ndarray]:
        """The flat states of all equilibria of the branch at one value, between its points by straight lines."""
        below, above = self.values[:-1], self.values[1:]
        inside = ((below - value) * (above - value) <= 0) & (below != above)
        share = (value - below[inside]) / (above[inside] - below[inside])
        first, second = self.states[:-1][inside], self.states[1:][inside]
        return list(first + share[:, None] * (second - first))


def continuation(
    system: Network | Rung,
    parameter: Parameter,
    limits: tuple[float, float],
    *,
    inputs: Any = None,
    start: Any = None,
    longest: float = 0.02,
    most: int = 1000,
) -> Branch:
    """The branch of equilibria that begins at the lower limit of a parameter.

    `parameter` is a path, `"bias"` of a rung or `"rung.bias"` of a network, or several paths that are moved
    together; where it varies by region all regions take the one value. `inputs` are constant inputs at the rung's
    ports, `start` a state to begin the search from; `longest` is the longest step, of the range of the parameter
    and of the sizes of the state, `most` the most points. Drive, field and noise are left out. float64 is
    recommended.

    Raises `KeyError` for a path that is not there, `ValueError` for limits that are no range and where there is no
    equilibrium at the lower limit.
    """
    of = family(system, (parameter,), inputs)
    low, high = _range(limits)
    z, ahead = _begin(of, low, start)
    curve = follow(Equilibria(of), z, ahead, (low, high), longest=longest, most=most)
    return _branch(of, curve)


def equilibrium_near(of: Family, x: Array, values: Array) -> tuple[Array, Array]:
    """The equilibrium nearest to a state by Newton's method, stable or not, and whether there is one."""
    z, _, good = _begun(of, x, values)
    return z[:-1], good


@eqx.filter_jit
@full_precision
def _begun(of: Family, x: Array, values: Array) -> tuple[Unknowns, Unknowns, Bool[Array, ""]]:
    return begun(Equilibria(of), jnp.append(x, values))


def _range(limits: Any) -> tuple[float, float]:
    low, high = (float(each) for each in limits)
    if not (np.isfinite([low, high]).all() and low < high):
        raise ValueError(f"`limits` must be two numbers, the lower first, got {limits!r}.")
    return low, high


def _begin(of: Family, value: float, start: Any) -> tuple[Unknowns, Unknowns]:
    """The first point, and the direction in which the branch leads."""
    values = jnp.asarray([value], of.network.connectome.weights.dtype)
    network = of.at(values)
    guess = network.rung.guess(network.nodes) if start is None else start
    z, ahead, good = _begun(of, of.flat(guess), values)
    if not good:
        found = fixed_point(network, inputs=of.inputs, start=start)
        z, ahead, good = _begun(of, of.flat(found.state), values)
        if int(found.status) != Status.ok or not good:
            raise ValueError(_nothing(of, value))
    return z, ahead


def _nothing(of: Family, value: float) -> str:
    return (
        f"no equilibrium was found at {label(of)} = {value:g}: give `start`, a state nearer to one, or "
        "begin elsewhere."
    )


def _branch(of: Family, curve: Curve) -> Branch:
    states, values = curve.points[:, :-1], curve.values
    signals, jacobians = looked_at(of, states, values[:, None])
    roots = _roots(of, states, values, jacobians)
    return Branch(
        of,
        values,
        states,
        signals,
        roots,
        tuple(_folds(of, curve)),
        tuple(_hopfs(of, states, values, roots)),
        _REASONS[curve.reason],
        curve.reason in (LIMIT, CLOSED),
    )


def _roots(of: Family, states: np.ndarray, values: np.ndarray, jacobians: np.ndarray) -> np.ndarray:
    """The rightmost characteristic roots at each point, as many everywhere."""
    if not of.delayed:
        found = np.linalg.eigvals(jacobians).astype(complex)
        order = np.argsort(-np.real(found), axis=1, kind="stable")
        return np.take_along_axis(found, order, axis=1)
    each = [
        characteristic_roots(of, jnp.asarray(x), jnp.asarray([value]))
        for x, value in zip(states, values, strict=True)
    ]
    fewest = min(map(len, each))
    return np.array([roots[:fewest] for roots in each])


def _folds(of: Family, curve: Curve) -> list[Fold]:
    """Where the tangent turns back along the parameter."""
    found = []
    for place in np.flatnonzero(np.diff(np.sign(curve.tangents[:, -1])) != 0):
        near = place + int(np.argmin(np.abs(curve.tangents[place : place + 2, -1])))
        point = curve.points[near]
        shape = curve.tangents[near, :-1]
        solved = solve_fold(
            of,
            jnp.asarray(point[:-1]),
            jnp.asarray(shape / np.abs(shape).max()),
            jnp.asarray(point[-1]),
        )
        if solved.found:
            found.append(_fold(of, solved))
    return found


def _fold(of: Family, solved: FoldSolution) -> Fold:
    x, shape, value = (np.asarray(each) for each in (solved.x, solved.shape, solved.value))
    signal = looked_at(of, x[None], value[None, None])[0][0]
    return Fold(float(value), of.state(solved.x), x, shape, signal, of)


def _hopfs(of: Family, states: np.ndarray, values: np.ndarray, roots: np.ndarray) -> list[Hopf]:
    """Where a pair of roots crosses the axis between two points."""
    found: list[Hopf] = []
    turning = (np.imag(roots) > _STRAIGHT * np.abs(roots)) & (np.real(roots) > 0)
    counts = turning.sum(axis=1)
    points = np.column_stack([states, values])
    sizes = np.maximum(np.ptp(points, axis=0), 1e-12)
    for place in np.flatnonzero(np.diff(counts) != 0):
        here: list[Hopf] = []
        for guess, near in _crossings(roots[place], roots[place + 1]):
            hopf = hopf_near(of, states[place + near], float(values[place + near]), guess)
            if hopf is None or not _beside(hopf, points[place : place + 2] / sizes, sizes):
                continue
            if not _known(hopf, found + here):
                here.append(hopf)
        onward = values[place + 1] >= values[place]
        found += sorted(here, key=lambda hopf: hopf.value if onward else -hopf.value)
    return found


def _crossings(first: np.ndarray, second: np.ndarray) -> list[tuple[complex, int]]:
    """Pairs that may have crossed the axis between two points, the nearest to it first, and at which end."""
    ends = [(root, end) for end, roots in enumerate((first, second)) for root in roots]
    ends = [each for each in ends if each[0].imag > _STRAIGHT * abs(each[0])]
    return sorted(ends, key=lambda each: abs(each[0].real) / abs(each[0]))[:4]


def _beside(hopf: Hopf, ends: np.ndarray, sizes: np.ndarray) -> bool:
    """Whether a point that Newton's method found belongs between the two it was sought from."""
    far = np.linalg.norm(np.append(hopf.x, hopf.value) / sizes - ends, axis=1)
    return bool(far.max() <= _BESIDE * np.linalg.norm(ends[1] - ends[0]))


def _known(hopf: Hopf, others: list[Hopf]) -> bool:
    return any(
        abs(hopf.value - other.value) < 1e-6 * (1 + abs(hopf.value))
        and abs(hopf.frequency - other.frequency) < 1e-6 * other.frequency
        and np.allclose(hopf.x, other.x, rtol=1e-5, atol=1e-8)
        for other in others
    )


def hopf_near(of: Family, x: np.ndarray, value: float, root: complex) -> Hopf | None:
    """The Hopf point near an equilibrium with a characteristic root near the axis, None where there is none."""
    shape = mode_at(of, x, value, root)
    solved = solve_hopf(
        of, jnp.asarray(x), jnp.asarray(shape), jnp.asarray(root.imag), jnp.asarray(value)
    )
    if not (solved.found and solved.omega > _STRAIGHT * abs(root)):
        return None
    at, place = np.asarray(solved.x), np.asarray(solved.value)
    signal = looked_at(of, at[None], place[None, None])[0][0]
    return hopf_of(of, solved, normal_form(of, solved), signal)


def hopf_of(of: Family, solved: HopfSolution, form: NormalForm, signal: np.ndarray) -> Hopf:
    """A Hopf point from its solution, its normal form and the signal there."""
    return Hopf(
        float(solved.value),
        float(solved.omega) / (2 * np.pi),
        float(form.cubic.real) < 0,
        of.state(solved.x),
        np.asarray(solved.x),
        signal,
        form,
        solved,
        of,
    )
