r"""A curve of solutions of $m$ equations in $m + 1$ unknowns, followed by pseudo-arclength (Keller 1977).

From a point $z$ of the curve $G(z) = 0$ and its tangent $t$ a step $h$ leads to the solution of

.. math::  G(z') = 0, \qquad \langle t, z' - z\rangle = h

by Newton's method from $z + h t$, and on to the next tangent. The parameter, the last unknown, is one among the
others, so that the curve may turn back in it. Steps grow while Newton's method ends soon and shrink where it does
not or where the tangent turns by more than some 20 degrees; all of it is one compiled loop. Lengths are
measured in units of the largest value that each unknown has had so far, the parameter's in those of its range.
"""

import abc
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Bool, Float, Int, Scalar

Unknowns = Float[Array, " u"]

# Newton's method: most iterations, and so few of them let steps grow.
_ITERATIONS, _SOON = 9, 4
_GROWTH, _SHRINKAGE = 1.4, 0.5
# The least cosine of the angle between one tangent and the next.
_STRAIGHT = 0.94
# The first step, of the longest.
_FIRST = 0.05
# The shortest step, of the longest.
_SHORTEST = 1e-5
# Steps away from its first point a curve has left it, and closes when it comes back.
_AWAY = 3.0

# The first step of the search for a turn, and how many there are.
_BEFORE_TURN, _TURNS = 5e-4, 40

LOST, LIMIT, ENDED, CLOSED, FULL = range(5)


class Problem(eqx.Module):
    """So many equations in one unknown more, the parameter last."""

    @abc.abstractmethod
    def residual(self, z: Unknowns) -> Float[Array, " m"]:
        """What vanishes on the curve."""

    def step(self, z: Unknowns, row: Unknowns, short: Scalar) -> tuple[Unknowns, Unknowns]:
        """Newton's step `dz` at a point, `G'(z) dz = -G(z)` and `row dz = short`, and the direction in which the
        curve goes on there, `G'(z) t = 0` and `row t = 1`.
        """
        value, along = jax.linearize(self.residual, z)
        matrix = jax.vmap(along)(jnp.eye(z.size, dtype=z.dtype)).T
        last = jnp.zeros_like(z).at[-1].set(1.0)
        rights = jnp.stack([jnp.append(-value, short), last], axis=1)
        change, direction = jnp.linalg.solve(jnp.concatenate([matrix, row[None]]), rights).T
        return change, direction

    def sizes(self, z: Unknowns) -> Unknowns:
        """How large each unknown is."""
        return jnp.abs(z)

    def adapted(self, z: Unknowns, tangent: Unknowns) -> tuple["Problem", Unknowns, Unknowns]:
        """Problem, point and tangent as the next step shall know them, where unknowns are places on a mesh."""
        return self, z, tangent

    def note(self) -> Float[Array, " note"]:
        """What must be known of the problem to read a point."""
        return jnp.zeros(0)

    def ended(self, z: Unknowns) -> Bool[Array, ""]:
        """Whether the curve shall not be followed beyond this point."""
        return jnp.zeros((), bool)


class Curve(NamedTuple):
    """Points of a curve and tangents there, `(points, unknowns)`, the notes of the problem, and why it ends."""

    points: np.ndarray
    tangents: np.ndarray
    notes: np.ndarray
    reason: int

    @property
    def values(self) -> np.ndarray:
        """The parameter."""
        return self.points[:, -1]


class _Place(eqx.Module):
    """Where a walk has come to; `landing` where the next step shall end at a limit of the parameter, `away` where
    it has left its first point.
    """

    problem: Any
    z: Unknowns
    tangent: Unknowns
    sizes: Unknowns
    length: Scalar
    landing: Bool[Array, ""]
    away: Bool[Array, ""]
    count: Int[Array, ""]
    reason: Int[Array, ""]
    points: Float[Array, "most u"]
    tangents: Float[Array, "most u"]
    notes: Float[Array, "most note"]


def follow(
    problem: Problem,
    z: Unknowns,
    tangent: Unknowns,
    limits: tuple[float, float],
    *,
    longest: float = 0.02,
    most: int = 1000,
    sizes: Unknowns | None = None,
) -> Curve:
    """The curve of `problem` from a solution `z` along `tangent`, while the parameter is within limits.

    `longest` is the longest step, of the range of the parameter and of the sizes of the other unknowns; `most` the
    most points; `sizes` those that unknowns have from the beginning, where the first point does not tell.
    """
    dtype = z.dtype
    low, high, step = (jnp.asarray(each, dtype) for each in (*limits, longest))
    known = (problem.sizes(z) if sizes is None else sizes).astype(dtype)
    found = _walk(problem, z, tangent.astype(dtype), known, low, high, step, most)
    count = int(found.count)
    # Cut after the transfer: a cut on the device is a program for each number of points.
    kept = [np.asarray(each)[:count] for each in (found.points, found.tangents, found.notes)]
    return Curve(kept[0], kept[1], kept[2], int(found.reason))


@eqx.filter_jit
@full_precision
def along_parameter(problem: Problem, z: Unknowns) -> Unknowns:
    """The tangent at a regular point, towards larger values of the parameter."""
    last = jnp.zeros_like(z).at[-1].set(1.0)
    return problem.step(z, last, jnp.zeros((), z.dtype))[1]


def corrected(problem: Problem, z: Unknowns) -> tuple[Unknowns, Bool[Array, ""]]:
    """The solution near `z` at the same parameter, and whether there is one."""
    found, _, good = begun(problem, z)
    return found, good


def begun(problem: Problem, z: Unknowns) -> tuple[Unknowns, Unknowns, Bool[Array, ""]]:
    """The solution near `z` at the same parameter, the tangent towards larger ones, and whether there is one."""
    last = jnp.zeros_like(z).at[-1].set(1.0)
    sizes = _sized(problem.sizes(z), jnp.ones((), z.dtype))
    found, along, good, _ = _newton(problem, z, last, jnp.zeros((), z.dtype), z, sizes)
    return found, along, good


def turn(
    problem: Problem, z: Unknowns, tangent: Unknowns, extent: Scalar
) -> tuple[Unknowns, Bool[Array, ""]]:
    """The point ahead of `z` at which the curve turns back in its parameter, and whether there is one.

    `extent` is the size of the parameter. By false position (Illinois) on the tangent, over ever longer steps
    until it has turned; the parameter is flat there, so that half the digits of the place give all of its own.
    """
    sizes: Unknowns = _sized(problem.sizes(z), extent)
    weights = _weights(sizes)
    tangent = _unit(weights, tangent)
    row = weights * tangent

    def step(carry: Any, _: None) -> tuple[Any, None]:
        low, at_low, high, at_high, turned = carry[:5]
        share = at_low / jnp.where(turned, at_low - at_high, 1.0)
        length = jnp.where(turned, low + share * (high - low), 2 * high)
        guess = z + length * tangent
        found, along, good = _newton(problem, guess, row, length, z, sizes)[:3]
        slope = _unit(weights, along)[-1]
        same = jnp.sign(slope) == jnp.sign(at_low)
        now = turned | (good & ~same)
        # What stays for two turns counts half.
        kept_high = (jnp.where(same, high, length), jnp.where(same, at_high / 2, slope))
        kept_low = (jnp.where(same, length, low), jnp.where(same, slope, at_low / 2))
        inside = (*kept_low, *kept_high)
        outside = (low, at_low, length, slope)
        chosen = [jnp.where(turned, one, other) for one, other in zip(inside, outside, strict=True)]
        first = now & ~turned
        chosen = [jnp.where(first, one, other) for one, other in zip(outside, chosen, strict=True)]
        return (*chosen, now, found), None

    zero, one = jnp.zeros((), z.dtype), jnp.full((), _BEFORE_TURN, z.dtype)
    start = (zero, tangent[-1], one, tangent[-1], jnp.zeros((), bool), z)
    (*_, turned, found), _ = jax.lax.scan(step, start, None, length=_TURNS)
    return found, turned & jnp.all(jnp.isfinite(found))


def _sized(known: Unknowns, extent: Scalar) -> Unknowns:
    """Sizes by which lengths are measured: what vanishes has a thousandth of the largest, and one where all do."""
    largest = jnp.max(known[:-1])
    least = jnp.where(largest > 0, 1e-3 * largest, 1.0)
    return jnp.maximum(known, least).at[-1].set(extent)


def _weights(sizes: Unknowns) -> Unknowns:
    """What makes the parameter weigh as much as all others together."""
    shares = jnp.full(sizes.shape, 1.0 / (sizes.size - 1), sizes.dtype).at[-1].set(1.0)
    return shares / sizes**2


def _unit(weights: Unknowns, vector: Unknowns) -> Unknowns:
    return vector / jnp.sqrt(jnp.sum(weights * vector**2))


def _newton(
    problem: Problem,
    guess: Unknowns,
    row: Unknowns,
    ahead: Scalar,
    begin: Unknowns,
    sizes: Unknowns,
) -> tuple[Unknowns, Unknowns, Bool[Array, ""], Int[Array, ""]]:
    """The solution with `row (z - begin) = ahead`, the direction in which the curve goes on there along `row`,
    whether it was found, and after how many iterations.
    """
    tolerance = jnp.finfo(guess.dtype).eps ** 0.45

    def going(carry: Any) -> Array:
        number, _, _, change = carry
        return (number < _ITERATIONS) & ~(change < tolerance) & (change < 1e3)

    def step(carry: Any) -> Any:
        number, z, _, _ = carry
        # The direction is that of before the last step, which is shorter than anyone asks a direction for.
        change, along = problem.step(z, row, ahead - jnp.sum(row * (z - begin)))
        # Not finite is not small: the walk steps shorter.
        error = jnp.max(jnp.abs(change) / sizes)
        return number + 1, z + change, along, jnp.where(jnp.isfinite(error), error, jnp.inf)

    start = (jnp.int32(0), guess, guess, jnp.ones((), guess.dtype))
    number, z, along, change = jax.lax.while_loop(going, step, start)
    return z, along, change < tolerance, number


@eqx.filter_jit
@full_precision
def _walk(
    problem: Problem,
    z: Unknowns,
    tangent: Unknowns,
    known: Unknowns,
    low: Scalar,
    high: Scalar,
    longest: Scalar,
    most: int,
) -> _Place:
    sizes = _sized(known, high - low)
    moving, fixed = eqx.partition(problem, eqx.is_array)
    tangent = _unit(_weights(sizes), tangent)
    room = jnp.zeros((most, z.size), z.dtype)
    note = problem.note()
    start = _Place(
        moving,
        z,
        tangent,
        sizes,
        _FIRST * longest,
        jnp.zeros((), bool),
        jnp.zeros((), bool),
        jnp.int32(1),
        jnp.int32(FULL),
        room.at[0].set(z),
        room.at[0].set(tangent),
        jnp.zeros((most, note.size), note.dtype).at[0].set(note),
    )

    def going(place: _Place) -> Array:
        return (place.count < most) & (place.reason == FULL)

    def step(place: _Place) -> _Place:
        return _stepped(fixed, place, z, low, high, longest)

    return jax.lax.while_loop(going, step, start)


def _stepped(
    fixed: Any, place: _Place, first: Unknowns, low: Scalar, high: Scalar, longest: Scalar
) -> _Place:
    """One try: a point more, or a shorter step."""
    problem: Problem = eqx.combine(place.problem, fixed)
    weights = _weights(place.sizes)
    # Of length one in the sizes of now, which have grown.
    tangent = _unit(weights, place.tangent)
    guess, row, ahead = _aimed(place, tangent, weights, low, high)
    z, along, good, number = _newton(problem, guess, row, ahead, place.z, place.sizes)
    along = _unit(weights, along)
    along = along * jnp.sign(jnp.sum(weights * along * tangent))
    straight = jnp.sum(weights * along * tangent) > _STRAIGHT
    good = good & straight & jnp.all(jnp.isfinite(along))
    # A step that would pass a limit is taken again, to end there.
    passed = good & ~place.landing & ((z[-1] > high) | (z[-1] < low))
    good = good & ~passed
    grown = jnp.where(number <= _SOON, _GROWTH, 1.0)
    length = jnp.where(good, jnp.minimum(place.length * grown, longest), place.length * _SHRINKAGE)
    length = jnp.where(passed, place.length, length)
    reason = place.reason
    apart = jnp.sqrt(jnp.sum(weights * (z - first) ** 2)) / longest
    for here, name in (
        ((length < _SHORTEST * longest) & ~good, LOST),
        (good & place.landing, LIMIT),
        (good & problem.ended(z), ENDED),
        (good & place.away & (apart < 0.5), CLOSED),
    ):
        reason = jnp.where(here & (reason == FULL), jnp.int32(name), reason)
    following, z_next, tangent_next = problem.adapted(z, along)
    following = eqx.filter(following, eqx.is_array)
    sizes = jnp.maximum(place.sizes, problem.sizes(z)).at[-1].set(place.sizes[-1])
    here = jnp.where(good, place.count, jnp.int32(place.points.shape[0]))
    return _Place(
        jax.tree.map(lambda new, old: jnp.where(good, new, old), following, place.problem),
        jnp.where(good, z_next, place.z),
        jnp.where(good, tangent_next, tangent),
        jnp.where(good, sizes, place.sizes),
        length.astype(z.dtype),
        passed,
        place.away | (good & (apart > _AWAY)),
        place.count + good.astype(jnp.int32),
        reason,
        place.points.at[here].set(z, mode="drop"),
        place.tangents.at[here].set(along, mode="drop"),
        place.notes.at[here].set(problem.note(), mode="drop"),
    )


def _aimed(
    place: _Place, tangent: Unknowns, weights: Unknowns, low: Scalar, high: Scalar
) -> tuple[Unknowns, Unknowns, Scalar]:
    """Where a step begins Newton's method, and what it must satisfy: a length, or to end at a limit."""
    limit = jnp.where(tangent[-1] > 0, high, low)
    to_limit = limit - place.z[-1]
    share = to_limit / jnp.where(place.landing, tangent[-1], 1.0)
    length = jnp.where(place.landing, share, place.length)
    last = jnp.zeros_like(place.z).at[-1].set(1.0)
    row = jnp.where(place.landing, last, weights * tangent)
    ahead = jnp.where(place.landing, to_limit, place.length)
    return place.z + length * tangent, row, ahead
