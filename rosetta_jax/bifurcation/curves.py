r"""Curves of folds and Hopf points in the plane of two parameters, with their Bogdanov-Takens points and cusps.

A curve is followed as its points are solved for (`rosetta_jax.bifurcation.points`), with the second parameter
among the unknowns. With null vectors $q$, $w$ of the Jacobian a fold curve has a Bogdanov-Takens point, where it
meets a curve of Hopf points of vanishing frequency, at $w\cdot q = 0$, and a cusp, where two curves of folds meet,
at $w\cdot B(q, q) = 0$ (Kuznetsov, Elements of Applied Bifurcation Theory, chapter 8). Both vectors come from a
bordered system, which is regular at all of these points,

.. math::
    \begin{pmatrix} J & b \\ c^T & 0 \end{pmatrix} \begin{pmatrix} q \\ g \end{pmatrix} =
    \begin{pmatrix} 0 \\ 1 \end{pmatrix}

and $g$ vanishes where $J$ is singular.
"""

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Bool, Float
from rosetta_jax.bifurcation.equilibria import Branch, Hopf
from rosetta_jax.bifurcation.family import Family, Flat, Parameter, Values, label, within
from rosetta_jax.bifurcation.newton import root
from rosetta_jax.bifurcation.points import Fold, fold_equations, hopf_equations
from rosetta_jax.bifurcation.pseudo_arclength import (
    Curve,
    Problem,
    Unknowns,
    along_parameter,
    follow,
)


class SpecialPoint(NamedTuple):
    """A point of codimension two: its kind, "BT" or "cusp", both parameters and the flat state."""

    kind: str
    values: tuple[float, float]
    x: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class PlaneCurve:
    """Folds or Hopf points in a plane: `first` and `second` (points,) parameters, `states` (points, n) flat.

    `kind` is "fold" or "Hopf", `frequencies` (points,) in Hz of Hopf points, `special` the points of codimension
    two in the order of the curve.
    """

    family: Family
    kind: str
    first: Float[np.ndarray, " points"]
    second: Float[np.ndarray, " points"]
    states: Float[np.ndarray, "points n"]
    frequencies: Float[np.ndarray, " points"]
    special: tuple[SpecialPoint, ...]

    @property
    def parameters(self) -> tuple[str, str]:
        """Both parameters, in words."""
        return label(self.family), label(self.family, 1)


class _Folds(Problem):
    """State, null vector and both parameters; `anchor` is the row by which the vector has length one."""

    family: Family
    anchor: Flat
    limits: Float[Array, " two"]

    def residual(self, z: Unknowns) -> Array:
        x, u = jnp.split(z[:-2], 2)
        return fold_equations(self.family, self.anchor, x, u, z[-2:])

    def adapted(self, z: Unknowns, tangent: Unknowns) -> tuple["_Folds", Unknowns, Unknowns]:
        u = jnp.split(z[:-2], 2)[1]
        return _Folds(self.family, u / jnp.sum(u**2), self.limits), z, tangent

    def ended(self, z: Unknowns) -> Bool[Array, ""]:
        return (z[-2] < self.limits[0]) | (z[-2] > self.limits[1])


class _Hopfs(Problem):
    """State, critical mode, frequency and both parameters."""

    family: Family
    anchor: Array
    limits: Float[Array, " two"]

    def residual(self, z: Unknowns) -> Array:
        n = self.anchor.size
        x, pair, omega = z[:n], z[n : 3 * n], z[-3]
        return hopf_equations(self.family, self.anchor, x, pair, omega, z[-2:])

    def adapted(self, z: Unknowns, tangent: Unknowns) -> tuple["_Hopfs", Unknowns, Unknowns]:
        n = self.anchor.size
        shape = jax.lax.complex(*jnp.split(z[n : 3 * n], 2))
        return _Hopfs(self.family, shape / jnp.vdot(shape, shape), self.limits), z, tangent

    def ended(self, z: Unknowns) -> Bool[Array, ""]:
        """Beyond the plane, or where the frequency has vanished."""
        return (z[-2] < self.limits[0]) | (z[-2] > self.limits[1]) | (z[-3] <= 0)


def curve_of(
    branch: Branch,
    point: Fold | Hopf,
    parameter: Parameter,
    limits: tuple[float, float],
    *,
    longest: float = 0.02,
    most: int = 500,
) -> PlaneCurve:
    """The curve of a fold or a Hopf point of a branch as a second parameter moves, both ways.

    `parameter` is its path, as of the branch's own, within `limits`; the first parameter stays within the limits
    of the branch. Raises `KeyError` for a path that is not there and `ValueError` for limits without the present
    value.
    """
    of = within(branch.family, parameter)
    second = float(np.mean(np.asarray(of.values_of(1))))
    low, high = (float(each) for each in limits)
    if not low <= second <= high:
        raise ValueError(
            f"`limits` must hold the present value of {label(of, 1)}, {second:g}, got {limits!r}."
        )
    ends = jnp.asarray([branch.values.min(), branch.values.max()])
    problem, z = _begun(of, point, second, ends)
    ahead = along_parameter(problem, z)
    ways = [
        follow(problem, z, sign * ahead, (low, high), longest=longest, most=most)
        for sign in (-1, 1)
    ]
    kept = [_inside(way, ends, isinstance(point, Hopf)) for way in ways]
    points = np.concatenate([kept[0][::-1], kept[1][1:]])
    states, values = points[:, : of.size], points[:, -2:]
    hertz = points[:, -3] / (2 * np.pi) if isinstance(point, Hopf) else np.zeros(len(points))
    special = () if isinstance(point, Hopf) else tuple(_special(of, states, values))
    kind = "Hopf" if isinstance(point, Hopf) else "fold"
    return PlaneCurve(of, kind, values[:, 0], values[:, 1], states, hertz, special)


def _begun(of: Family, point: Fold | Hopf, second: float, ends: Array) -> tuple[Problem, Unknowns]:
    values = jnp.asarray([point.value, second])
    x = jnp.asarray(point.x)
    if isinstance(point, Hopf):
        shape, omega = point.solution.shape, point.solution.omega
        z = jnp.concatenate([x, shape.real, shape.imag, omega[None], values])
        return _Hopfs(of, shape / jnp.vdot(shape, shape), ends), z
    u = jnp.asarray(point.shape)
    return _Folds(of, u / jnp.sum(u**2), ends), jnp.concatenate([x, u, values])


def _inside(curve: Curve, ends: Array, turning: bool) -> np.ndarray:
    """The points within the plane and, of Hopf points, before the frequency has vanished."""
    first = curve.points[:, -2]
    kept = (first >= float(ends[0])) & (first <= float(ends[1]))
    return curve.points[kept & (curve.points[:, -3] > 0)] if turning else curve.points[kept]


def _special(of: Family, states: np.ndarray, values: np.ndarray) -> list[SpecialPoint]:
    """Where the tests of a fold curve change their sign."""
    tests = np.asarray(_tests(of, jnp.asarray(states), jnp.asarray(values)))
    found = []
    for kind, test in zip(("BT", "cusp"), tests.T, strict=True):
        for place in np.flatnonzero(test[1:] * test[:-1] < 0):
            share = test[place] / (test[place] - test[place + 1])
            x = states[place] + share * (states[place + 1] - states[place])
            at = values[place] + share * (values[place + 1] - values[place])
            z, good = _solved(of, jnp.asarray(x), jnp.asarray(at), kind)
            if good:
                pair = (float(z[-2]), float(z[-1]))
                found.append((place + share, SpecialPoint(kind, pair, np.asarray(z[:-2]))))
    return [each for _, each in sorted(found, key=lambda each: each[0])]


def _vectors(of: Family, x: Flat, values: Values, b: Flat, c: Flat) -> tuple[Array, Array, Array]:
    """Null vectors of the Jacobian and its transpose from the bordered system, and how far it is from singular."""
    matrix = jax.jacfwd(of.drift)(x, values)
    top = jnp.concatenate([matrix, b[:, None]], axis=1)
    bordered = jnp.concatenate([top, jnp.append(c, jnp.zeros((), x.dtype))[None]])
    last = jnp.zeros(x.size + 1, x.dtype).at[-1].set(1.0)
    right, left = jnp.linalg.solve(bordered, last), jnp.linalg.solve(bordered.T, last)
    return right[:-1], left[:-1], right[-1]


def _bends(of: Family, x: Flat, values: Values, q: Flat, w: Flat) -> Array:
    r"""$w\cdot q$ and $w\cdot B(q, q)$."""

    def along(x: Flat) -> Flat:
        return jax.jvp(lambda x: of.drift(x, values), (x,), (q,))[1]

    return jnp.stack([jnp.sum(w * q), jnp.sum(w * jax.jvp(along, (x,), (q,))[1])])


@eqx.filter_jit
@full_precision
def _tests(of: Family, states: Array, values: Array) -> Float[Array, "points 2"]:
    """The tests along a curve, with vectors that turn continuously."""

    def at(before: tuple[Flat, Flat], here: tuple[Flat, Values]) -> tuple[tuple[Flat, Flat], Array]:
        c, b = before
        q, w, _ = _vectors(of, *here, b, c)
        q, w = q / jnp.sqrt(jnp.sum(q**2)), w / jnp.sqrt(jnp.sum(w**2))
        return (q, w), _bends(of, *here, q, w)

    first = jax.jacfwd(of.drift)(states[0], values[0])
    left, _, right = jnp.linalg.svd(first)
    return jax.lax.scan(at, (right[-1], left[:, -1]), (states, values))[1]


@eqx.filter_jit
@full_precision
def _solved(of: Family, x: Flat, values: Values, kind: str) -> tuple[Array, Bool[Array, ""]]:
    """The point of codimension two near a guess."""
    left, _, right = jnp.linalg.svd(jax.jacfwd(of.drift)(x, values))
    b, c = left[:, -1], right[-1]

    def equations(of: Family, z: Array) -> Array:
        q, w, singular = _vectors(of, z[:-2], z[-2:], b, c)
        test = _bends(of, z[:-2], z[-2:], q, w)[0 if kind == "BT" else 1]
        return jnp.concatenate([of.drift(z[:-2], z[-2:]), jnp.stack([singular, test])])

    return root(equations, of, jnp.concatenate([x, values]))
