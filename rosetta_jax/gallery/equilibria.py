r"""Equilibria of one node along a parameter, with their folds and Hopf points, as one jitted sweep.

A curve of equilibria turns back at its folds, so that one value of the parameter has several of them; but some
`level` (the potential, the rate) mostly grows all along. So the level is swept and the state solved for
together with the parameter,

.. math::  f(x, p) = 0, \qquad \mathrm{level}(x, p) = \ell

by Newton's method from the last solution, moved along the tangent. Folds are where $dp/d\ell$ changes sign,
Hopf points where a pair of eigenvalues crosses the imaginary axis; both are bracketed and solved for. The kind
of a Hopf point is the sign of the first Lyapunov coefficient (Kuznetsov, Elements of Applied Bifurcation
Theory, 5.62).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax._types import Array, Scalar
from rosetta_jax.system import Rung, stack_state, unstack_state

# What of a rung and its state is looked at.
Readout = Callable[[Any, Any], Array]
# Newton's method at a level ends at so small a step (relative), or after so many.
_SETTLED, _ITERATIONS = 1e-12, 20
# So narrow a bracket (relative) is a root.
_NARROW = 1e-10


def _silence(rung: Rung, value: Scalar) -> Any:
    return rung.Inputs()


class Family(NamedTuple):
    """A rung for every value of a parameter, the level that grows along its equilibria, and constant inputs."""

    build: Callable[[Any], Rung]
    level: Callable[[Rung, Any, Scalar], Scalar]
    inputs: Callable[[Rung, Scalar], Any] = _silence


class Point(NamedTuple):
    """An equilibrium: its level, the parameter, the flat state, and the eigenvalues there (1/s)."""

    level: float
    value: float
    state: np.ndarray
    eigenvalues: np.ndarray


class Hopf(NamedTuple):
    """A Hopf point, its frequency (Hz), and whether a stable cycle is born there."""

    point: Point
    frequency: float
    supercritical: bool

    @property
    def label(self) -> str:
        """HB+ or HB−, as the paper marks them."""
        return "HB+" if self.supercritical else "HB−"


class Curve(NamedTuple):
    """Equilibria in order of their level: arrays whose first axis runs along the curve."""

    family: Family
    levels: np.ndarray
    values: np.ndarray
    states: np.ndarray
    slopes: np.ndarray
    eigenvalues: np.ndarray

    @property
    def stable(self) -> np.ndarray:
        """Where all eigenvalues lie left of the axis."""
        return np.real(self.eigenvalues).max(axis=1) < 0

    def observed(self, function: Readout) -> np.ndarray:
        """A function of rung and state, such as a signal, at every point."""
        state = unstack_state(self.family.build(jnp.asarray(0.0)), jnp.asarray(self.states.T))
        return np.asarray(function(self.family.build(jnp.asarray(self.values)), state))

    def near(self, values: np.ndarray, lowest: float, kick: float = 0.05) -> Any:
        """States a share `kick` off the equilibria at `values`, on the last branch, above the level `lowest`."""
        on = self.levels >= lowest
        order = np.argsort(self.values[on])
        rows = [
            np.interp(np.sort(values), self.values[on][order], row[on][order])
            for row in self.states.T
        ]
        rung = self.family.build(jnp.asarray(0.0))
        return unstack_state(rung, jnp.asarray(np.stack(rows) * (1 + kick)))


def unstacked(rung: Rung, flat: np.ndarray) -> Any:
    """The state of one node from its components in order."""
    return unstack_state(rung, jnp.asarray(flat)[:, None])


def signal(rung: Rung, state: Any, value: Any = None) -> Array:
    """The signal of a rung, the usual level."""
    return rung.signal(state, rung.Inputs())


def curve(family: Family, levels: Any, state: Any, value: float) -> Curve:
    """The equilibria at `levels`, in order, from a guess of the first one: `state` (flat) and `value`.

    Raises `RuntimeError` where Newton's method finds none.
    """
    levels = np.asarray(levels, float)
    guess = jnp.append(jnp.asarray(state, float), jnp.asarray(value, float))
    unknowns, slopes, jacobians, errors = map(
        np.asarray, _sweep(family, jnp.asarray(levels), guess)
    )
    # Of the size that rounding leaves near folds of stiff columns.
    if not (errors < 1e-8).all():
        at = int(np.argmin(errors < 1e-8))
        raise RuntimeError(
            f"no equilibrium at level {levels[at]:g}: begin elsewhere, or step finer"
        )
    return Curve(
        family, levels, unknowns[:, -1], unknowns[:, :-1], slopes, np.linalg.eigvals(jacobians)
    )


def folds(along: Curve) -> list[Point]:
    """Where the parameter turns."""
    turns = np.flatnonzero(np.diff(np.sign(along.slopes)) != 0)
    return [_root(along, int(turn), lambda _, slope: slope) for turn in turns]


def hopf_points(along: Curve) -> list[Hopf]:
    """Where a pair of eigenvalues crosses the imaginary axis."""
    counts = (np.real(_upper(along.eigenvalues)) > 0).sum(axis=1)
    found = []
    for place in np.flatnonzero(np.diff(counts) != 0):
        # The pair nearest to the axis, followed by its frequency; pairs that meet on the real axis cross nothing.
        ends = [_upper(along.eigenvalues[place + k]) for k in (0, 1)]
        both = np.concatenate(ends)
        follow = _follower(float(np.imag(both[np.argmin(np.abs(np.real(both)))])))
        if np.sign(follow(ends[0]).real) == np.sign(follow(ends[1]).real):
            continue
        point = _root(
            along, int(place), lambda values, _, follow=follow: np.real(follow(_upper(values)))
        )
        crossing = follow(_upper(point.eigenvalues))
        if abs(crossing.real) < 1e-5 * abs(crossing):
            found.append(_hopf(along.family, point, float(crossing.imag)))
    return found


def _upper(eigenvalues: np.ndarray) -> np.ndarray:
    """Those of positive imaginary part; the others as if far to the left."""
    return np.where(np.imag(eigenvalues) > 1e-9 * np.abs(eigenvalues), eigenvalues, -1e12)


def _follower(omega: float) -> Callable[[np.ndarray], Any]:
    """Of the last axis of eigenvalues, the one nearest to where it would cross the imaginary axis."""

    def nearest(values: np.ndarray) -> Any:
        place = np.argmin(np.abs(values - 1j * omega), axis=-1)
        return np.take_along_axis(values, place[..., None], axis=-1)[..., 0]

    return nearest


def _drift(family: Family, unknown: Array) -> Array:
    rung = family.build(unknown[-1])
    state = unstack_state(rung, unknown[:-1, None])
    inputs = family.inputs(rung, unknown[-1])
    return stack_state(rung.vector_field(jnp.zeros(()), state, inputs))[:, 0]


def _solved(family: Family, target: Scalar, guess: Array) -> tuple[Array, Array, Array]:
    """Newton's method at one level: the unknowns, their change with the level, the size of the last step."""

    def residual(unknown: Array) -> Array:
        rung = family.build(unknown[-1])
        state = unstack_state(rung, unknown[:-1, None])
        level = jnp.ravel(family.level(rung, state, unknown[-1]))
        return jnp.concatenate([_drift(family, unknown), level - target])

    slopes = jax.jacfwd(residual)

    def step(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        number, unknown, _ = carry
        change = jnp.linalg.solve(slopes(unknown), residual(unknown))
        error = jnp.max(jnp.abs(change) / (1 + jnp.abs(unknown)))
        return number + 1, unknown - change, error

    def unsettled(carry: tuple[Array, Array, Array]) -> Array:
        return (carry[0] < _ITERATIONS) & ~(carry[2] < _SETTLED)

    begun = jnp.asarray(0), guess, jnp.asarray(jnp.inf)
    _, unknown, error = jax.lax.while_loop(unsettled, step, begun)
    last = jnp.zeros_like(unknown).at[-1].set(1.0)
    return unknown, jnp.linalg.solve(slopes(unknown), last), error


@eqx.filter_jit
def _sweep(family: Family, levels: Array, guess: Array) -> tuple[Array, Array, Array, Array]:
    def step(carry: tuple[Array, Array, Array], target: Array) -> tuple[Any, Any]:
        unknown, tangent, before = carry
        guess = unknown + tangent * (target - before)
        unknown, tangent, error = _solved(family, target, guess)
        jacobian = jax.jacfwd(_drift, argnums=1)(family, unknown)[:, :-1]
        return (unknown, tangent, target), (unknown, tangent[-1], jacobian, error)

    return jax.lax.scan(step, (guess, jnp.zeros_like(guess), levels[0]), levels)[1]


def _root(along: Curve, place: int, function: Callable[[np.ndarray, np.ndarray], Any]) -> Point:
    """Where a function of eigenvalues and slopes vanishes between two neighbours of a curve.

    The same sweep, over ever shorter stretches about the change of sign: there is nothing new to compile.
    """
    while abs(np.diff(ends := along.levels[place : place + 2])[0]) > _NARROW * (1 + abs(ends[0])):
        start = along.states[place], float(along.values[place])
        along = curve(along.family, np.linspace(ends[0], ends[1], len(along.levels)), *start)
        signs = np.sign(function(along.eigenvalues, along.slopes))
        place = int(np.flatnonzero(signs[1:] != signs[:-1])[0])
    return Point(
        float(along.levels[place]),
        float(along.values[place]),
        along.states[place],
        along.eigenvalues[place],
    )


def _hopf(family: Family, point: Point, omega: float) -> Hopf:
    unknown = jnp.append(jnp.asarray(point.state), point.value)
    first, second, third = (np.asarray(each) for each in _derivatives(family, unknown))
    lyapunov = _first_lyapunov(first, second, third, omega)
    return Hopf(point, float(omega / (2 * np.pi)), lyapunov < 0)


@eqx.filter_jit
def _derivatives(family: Family, unknown: Array) -> tuple[Array, Array, Array]:
    """First, second and third derivatives of the drift to the state."""

    def drift(state: Array) -> Array:
        return _drift(family, jnp.append(state, unknown[-1]))

    first = jax.jacfwd(drift)
    second = jax.jacfwd(first)
    state = unknown[:-1]
    return first(state), second(state), jax.jacfwd(second)(state)


def _first_lyapunov(A: np.ndarray, B: np.ndarray, C: np.ndarray, omega: float) -> float:
    """The real part of the cubic coefficient of the normal form: below zero where a stable cycle is born."""
    values, right = np.linalg.eig(A)
    q = right[:, np.argmin(np.abs(values - 1j * omega))]
    values, left = np.linalg.eig(A.T)
    p = left[:, np.argmin(np.abs(values + 1j * omega))]
    p = p / np.conj(np.vdot(p, q))
    quadratic = np.einsum("ijk,j,k->i", B, q, q)
    mixed = np.einsum("ijk,j,k->i", B, q, q.conj())
    mean = -np.linalg.solve(A, mixed)
    double = np.linalg.solve(2j * omega * np.eye(len(A)) - A, quadratic)
    cubic = np.einsum("ijkl,j,k,l->i", C, q, q, q.conj())
    cubic = cubic + 2 * np.einsum("ijk,j,k->i", B, q, mean)
    cubic = cubic + np.einsum("ijk,j,k->i", B, q.conj(), double)
    return float(np.real(np.vdot(p, cubic)) / 2)
