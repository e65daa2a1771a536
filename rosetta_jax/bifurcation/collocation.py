r"""A cycle as a piecewise polynomial: collocation at Gauss points, solved interval by interval.

Time is measured in periods, $u(s) = x(sT)$ with $0 \le s \le 1$, and cut into intervals. In each, $u$ is the
polynomial of degree four through five places, and at the four Gauss points $c$ of the interval

.. math::  u'(c) = T f(u(c), p)

which converges as the eighth power of the interval at its ends (de Boor and Swartz 1973). Linearised, the inner
places of an interval follow from its first one, so that all intervals are a chain
(`rosetta_jax.bifurcation.chain`), closed by $u(1) = u(0)$, by a phase that stays as near to the last cycle as it
can, $\int \langle u, \dot u_{last}\rangle = 0$, and by whatever row is asked for. The product of its links is the
monodromy matrix, whose eigenvalues are the Floquet multipliers (Doedel, Keller and Kernévez 1991). Intervals are
cut anew where the fifth derivative asks for them, as in AUTO.
"""

from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.polynomial import Polynomial, legendre

from rosetta_jax._types import Array, Bool, Float, Scalar
from rosetta_jax.bifurcation.chain import Chain
from rosetta_jax.bifurcation.family import Family
from rosetta_jax.bifurcation.pseudo_arclength import Problem, Unknowns

# The degree of the polynomials, and Gauss points an interval.
DEGREE = 4
# Places in an interval at which a cycle is looked at.
_FINE = 8
# No interval is longer than so many times the mean.
_LONGEST = 4.0

# A cycle at its places but the last, which is the first.
Places = Float[Array, "intervals degree n"]


class Slope(NamedTuple):
    """The linearised equations of each interval: inner places from the first, the period, the parameter.

    `by_itself` is how inner places must move to make the residual vanish.
    """

    from_first: Float[Array, "intervals inner n"]
    from_period: Float[Array, "intervals inner"]
    from_value: Float[Array, "intervals inner"]
    by_itself: Float[Array, "intervals inner"]


class Orbit(Problem):
    """Cycles of a family of one parameter: places, period (s) and parameter.

    `mesh` holds the lengths of the intervals, of the period; `before` the derivative of the last cycle at the
    Gauss points, by which phase is fixed; `longest` the longest period.
    """

    family: Family
    mesh: Float[Array, " intervals"]
    before: Float[Array, "intervals degree n"]
    longest: Scalar

    @property
    def intervals(self) -> int:
        """How many intervals there are."""
        return self.mesh.shape[0]

    def places(self, z: Unknowns) -> Places:
        """The places of a flat vector of unknowns."""
        return z[:-2].reshape(self.intervals, DEGREE, -1)

    def residual(self, z: Unknowns) -> Array:
        places, period = whole(self.places(z)), z[-2]
        at = jnp.einsum("ji,kin->kjn", jnp.asarray(_matrices()[0], z.dtype), places)
        field = jax.vmap(jax.vmap(lambda x: self.family.drift(x, z[-1:])))(at)
        left = slopes_of(self.mesh, places) - period * field
        return jnp.append(left.reshape(-1), jnp.sum(self._phase_row() * z[:-2]))

    def linearised(self, z: Unknowns) -> Slope:
        """The equations of all intervals."""
        places, period, value = whole(self.places(z)), z[-2], z[-1]
        return jax.lax.map(
            lambda at: self._interval(at[0], at[1], period, value), (places, self.mesh)
        )

    def step(self, z: Unknowns, row: Unknowns, short: Scalar) -> tuple[Unknowns, Unknowns]:
        slope = self.linearised(z)
        intervals, inner, n = slope.from_first.shape
        # Columns: what period and parameter move, and Newton's step by itself.
        rest = jnp.stack([slope.from_period, slope.from_value, slope.by_itself], axis=2)
        phase = self._phase_row()
        rows = jnp.stack([phase, row[:-2]]).reshape(2, intervals, inner).swapaxes(0, 1)
        # What the rows say of the inner places they say of the first of the interval.
        on_first, inside = rows[:, :, :n], rows[:, :, n:]
        on_first = on_first + inside @ slope.from_first[:, :-n]
        chain = Chain(slope.from_first[:, -n:], rest[:, -n:], on_first)
        top, bottom, back = chain.reduced()
        said = jnp.sum(inside @ rest[:, :-n], axis=0).at[1, :2].add(row[-2:])
        system = jnp.concatenate([top, bottom.at[:, n:].add(said)])
        known = jnp.zeros((n + 2, 2), z.dtype).at[:, 0].set(-system[:, n + 2])
        known = known.at[n, 0].add(-jnp.sum(phase * z[:-2])).at[n + 1].add(jnp.stack([short, 1.0]))
        free = jnp.linalg.solve(system[:, : n + 2], known)
        # Period and parameter in the place of their columns, for the step and for the direction.
        weights = jnp.concatenate([free[n:], jnp.array([[1.0, 0.0]], z.dtype)])
        first = chain.places(back, free[:n], weights)
        others = slope.from_first[:, :-n] @ first + rest[:, :-n] @ weights
        moved = jnp.concatenate([first, others], axis=1).reshape(intervals * inner, 2)
        change, direction = jnp.concatenate([moved, free[n:]]).T
        return change, direction

    def sizes(self, z: Unknowns) -> Unknowns:
        largest = jnp.max(jnp.abs(self.places(z)), axis=(0, 1))
        spread = jnp.broadcast_to(largest, (self.intervals, DEGREE, largest.size))
        return jnp.concatenate([spread.reshape(-1), jnp.abs(z[-2:])])

    def adapted(self, z: Unknowns, tangent: Unknowns) -> tuple["Orbit", Unknowns, Unknowns]:
        places = whole(self.places(z))
        mesh = equidistributed(self.mesh, places)
        at = _starts(mesh)[:, None] + jnp.outer(mesh, jnp.asarray(uniform()[:-1], z.dtype))

        def moved(flat: Unknowns) -> Array:
            return between(self.mesh, whole(self.places(flat)), at.reshape(-1)).reshape(-1)

        z_next = jnp.concatenate([moved(z), z[-2:]])
        tangent_next = jnp.concatenate([moved(tangent), tangent[-2:]])
        before = slopes_of(mesh, whole(self.places(z_next)))
        return Orbit(self.family, mesh, before, self.longest), z_next, tangent_next

    def note(self) -> Array:
        return self.mesh

    def ended(self, z: Unknowns) -> Bool[Array, ""]:
        """Beyond the longest period, or where the cycle has shrunk to a point and would grow again reversed."""
        now = slopes_of(self.mesh, whole(self.places(z)))

        def product(one: Array, other: Array) -> Array:
            return jnp.sum(self.mesh[:, None, None] * one * other, axis=(0, 1))

        # Each component counts as much as any other, one of rounding alone next to nothing.
        size = jnp.sqrt(product(now, now) * product(self.before, self.before))
        alike = jnp.sum(product(now, self.before) / jnp.where(size > 0, size, 1.0))
        return (z[-2] > self.longest) | (alike < 0)

    def monodromy(self, z: Unknowns) -> Float[Array, "n n"]:
        """How perturbations of the first place have changed after a period."""
        slope = self.linearised(z)
        n = slope.from_first.shape[-1]

        def chained(first: Array, each: Array) -> tuple[Array, None]:
            return (each @ first)[-n:], None

        return jax.lax.scan(chained, jnp.eye(n, dtype=z.dtype), slope.from_first)[0]

    def adjoint(self, z: Unknowns) -> Places:
        r"""The periodic solution of $Z' = -T\,(\partial_x f)^T Z$ about a cycle, with $\langle Z, f\rangle = 1$.

        It starts as the left eigenvector of the monodromy matrix of the multiplier one.
        """
        n = self.family.size
        start = jnp.linalg.svd(self.monodromy(z) - jnp.eye(n, dtype=z.dtype))[0][:, -1]
        start = start / jnp.sum(start * self.family.drift(z[:n], z[-1:]))
        read = jnp.asarray(_matrices()[0], z.dtype)

        def interval(at: tuple[Array, Array]) -> Array:
            places, length = at
            drift = jax.jacfwd(lambda x: self.family.drift(x, z[-1:]))
            matrix = _matrix(-jnp.swapaxes(jax.vmap(drift)(read @ places), 1, 2), length, z[-2])
            return -jnp.linalg.solve(matrix[:, :-n], matrix[:, -n:])

        inside = jax.lax.map(interval, (whole(self.places(z)), self.mesh))

        # Backwards in time, where what decays along the cycle decays here, too.
        def chained(last: Array, each: Array) -> tuple[Array, Array]:
            before = each @ last
            return before[:n], before

        found = jax.lax.scan(chained, start, inside, reverse=True)[1]
        return found.reshape(self.intervals, DEGREE, n)

    def _phase_row(self) -> Array:
        """The weights of places in the integral that fixes the phase."""
        read, _, gauss = _matrices()
        weights = jnp.outer(self.mesh, jnp.asarray(gauss, self.mesh.dtype))[..., None]
        at = jnp.einsum("kjn,ji->kin", weights * self.before, jnp.asarray(read, self.mesh.dtype))
        # The last place of an interval is the first of the next.
        inner = at[:, :-1].at[:, 0].add(jnp.roll(at[:, -1], 1, axis=0))
        scale = jnp.sum(weights * self.before**2)
        return inner.reshape(-1) / jnp.where(scale > 0, scale, 1.0)

    def _interval(self, places: Array, length: Scalar, period: Scalar, value: Scalar) -> Slope:
        read, slopes, _ = (jnp.asarray(each, places.dtype) for each in _matrices())
        n = places.shape[-1]

        def fields(at: Array) -> tuple[Array, Array, Array]:
            def drift(x: Array, value: Scalar) -> Array:
                return self.family.drift(x, value[None])

            field, along = jax.linearize(drift, at, value)
            jacobian = jax.vmap(lambda u: along(u, jnp.zeros_like(value)))(
                jnp.eye(n, dtype=at.dtype)
            ).T
            return field, jacobian, along(jnp.zeros_like(at), jnp.ones_like(value))

        field, jacobian, pushed = jax.vmap(fields)(read @ places)
        residual = slopes @ places / length - period * field
        matrix = _matrix(jacobian, length, period)
        rest = [field.reshape(-1), period * pushed.reshape(-1), -residual.reshape(-1)]
        rights = jnp.concatenate([-matrix[:, :n], jnp.stack(rest, axis=1)], axis=1)
        columns = jnp.linalg.solve(matrix[:, n:], rights)
        return Slope(columns[:, :n], columns[:, n], columns[:, n + 1], columns[:, n + 2])


def _matrix(
    jacobian: Float[Array, "degree n n"], length: Scalar, period: Scalar
) -> Float[Array, "inner places"]:
    """The linearised equations at the Gauss points of an interval, of its places."""
    read, slopes, _ = (jnp.asarray(each, jacobian.dtype) for each in _matrices())
    n = jacobian.shape[-1]
    one = jnp.eye(n, dtype=jacobian.dtype)[None, None]
    matrix = slopes[:, :, None, None] / length * one
    matrix = matrix - period * read[:, :, None, None] * jacobian[:, None]
    return matrix.transpose(0, 2, 1, 3).reshape(DEGREE * n, (DEGREE + 1) * n)


@cache
def uniform() -> np.ndarray:
    """The places of an interval, from 0 to 1."""
    return np.linspace(0.0, 1.0, DEGREE + 1)


@cache
def _polynomials() -> list[Polynomial]:
    """Lagrange's polynomials of the places of an interval."""
    found = []
    for place in uniform():
        others = [other for other in uniform() if other != place]
        each = Polynomial.fromroots(others)
        found.append(each / each(place))
    return found


def gauss_points() -> np.ndarray:
    """The Gauss points of an interval, from 0 to 1."""
    return (legendre.leggauss(DEGREE)[0] + 1) / 2


@cache
def _matrices() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values and slopes at the Gauss points from the places, `[point, place]`, and the Gauss weights."""
    points, weights = gauss_points(), legendre.leggauss(DEGREE)[1]
    values = np.stack([each(points) for each in _polynomials()], axis=1)
    slopes = np.stack([each.deriv()(points) for each in _polynomials()], axis=1)
    return values, slopes, weights / 2


def whole(places: Places) -> Float[Array, "intervals more n"]:
    """The places of each interval with its last one."""
    return jnp.concatenate([places, jnp.roll(places[:, :1], -1, axis=0)], axis=1)


def slopes_of(mesh: Array, places: Array) -> Array:
    """The derivative at the Gauss points, a period."""
    slopes = jnp.asarray(_matrices()[1], places.dtype)
    return jnp.einsum("ji,kin->kjn", slopes, places) / mesh[:, None, None]


def _starts(mesh: Array) -> Array:
    return jnp.cumsum(mesh) - mesh


def between(mesh: Array, places: Array, at: Float[Array, " times"]) -> Float[Array, "times n"]:
    """The cycle at times from 0 to 1 (periods)."""
    starts = _starts(mesh)
    interval = jnp.clip(jnp.searchsorted(starts, at, side="right") - 1, 0, mesh.size - 1)
    share = (at - starts[interval]) / mesh[interval]
    coefficients = np.stack(
        [np.pad(each.coef, (0, DEGREE + 1 - each.coef.size)) for each in _polynomials()]
    )
    powers = share[:, None] ** jnp.arange(DEGREE + 1, dtype=share.dtype)[None]
    weights = powers @ jnp.asarray(coefficients.T, share.dtype)
    return jnp.einsum("ti,tin->tn", weights, places[interval])


def fine(mesh: Array) -> Float[Array, " times"]:
    """Times (periods) close enough to see every turn of a cycle."""
    steps = jnp.arange(_FINE, dtype=mesh.dtype) / _FINE
    return (_starts(mesh)[:, None] + jnp.outer(mesh, steps)).reshape(-1)


def equidistributed(mesh: Array, places: Float[Array, "intervals more n"]) -> Array:
    """Intervals in which the polynomials are equally wrong."""
    high = jnp.asarray([each.deriv(DEGREE).coef[0] for each in _polynomials()], places.dtype)
    spread = jnp.ptp(places, axis=(0, 1), keepdims=True)
    scaled = places / jnp.where(spread > 0, spread, 1.0)
    highest = jnp.einsum("i,kin->kn", high, scaled) / mesh[:, None] ** DEGREE
    jumps = jnp.abs(highest - jnp.roll(highest, 1, axis=0))
    apart = (mesh + jnp.roll(mesh, 1)) / 2
    next_order = jnp.sum(jumps, axis=1) / apart
    density = ((next_order + jnp.roll(next_order, -1)) / 2) ** (1 / (DEGREE + 1))
    mean = jnp.sum(mesh * density)
    density = jnp.maximum(density, mean / _LONGEST)
    mass = jnp.concatenate([jnp.zeros(1, mesh.dtype), jnp.cumsum(mesh * density)])
    ends = jnp.concatenate([jnp.zeros(1, mesh.dtype), jnp.cumsum(mesh)])
    shares = jnp.linspace(0.0, 1.0, mesh.size + 1, dtype=mesh.dtype) * mass[-1]
    cuts = jnp.interp(shares, mass, ends / ends[-1])
    regular = jnp.where(mass[-1] > 0, jnp.diff(cuts), 1.0 / mesh.size)
    return regular / jnp.sum(regular)


def unknowns(places: Any, period: Any, value: Any) -> Unknowns:
    """The flat vector of a cycle."""
    flat = jnp.asarray(places).reshape(-1)
    rest = jnp.stack([jnp.asarray(period, flat.dtype), jnp.asarray(value, flat.dtype)])
    return jnp.concatenate([flat, rest])
