r"""The Hopf point nearest to where each node stands, along one parameter of its rung.

Far from onset Newton's method finds none, or one of another branch. So the equilibrium is followed from where it
stands to both sides, in steps that grow with the distance, until its root first crosses the axis; from there
Newton's method has not far to go. Distances are measured by what would move the root $\lambda$ by its own size,
$|\lambda|/|d\lambda/dp|$.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array
from rosetta_jax.bifurcation.equilibria import Hopf, equilibrium_near, hopf_of
from rosetta_jax.bifurcation.family import Family
from rosetta_jax.bifurcation.normal_form import normal_form
from rosetta_jax.bifurcation.points import solve_hopf
from rosetta_jax.translation.nodes import Lone

# Distances to either side, in what would move the root by its own size.
_DISTANCES = np.geomspace(1e-5, 2.0, 48)
_SIDES = np.array([-1.0, 1.0])


class Onset(NamedTuple):
    """A Hopf point, the slope of the signal there (n,), and what the signal shows of the critical mode."""

    hopf: Hopf
    slope: np.ndarray
    observed: complex


class Standing(NamedTuple):
    """Where nodes stand: `states` (nodes, n), `values` (nodes,) of the parameter, `roots` with their vectors."""

    states: np.ndarray
    values: np.ndarray
    roots: np.ndarray
    right: np.ndarray
    left: np.ndarray


class _Guess(NamedTuple):
    """A state near a Hopf point, the shape of its mode, its frequency (rad/s), the parameter, and how near."""

    x: np.ndarray
    shape: np.ndarray
    omega: float
    value: float
    near: float


class _Path(NamedTuple):
    """Equilibria to either side of nodes: `steps` of the parameter (nodes, 2, steps), `good` as far as they go."""

    steps: np.ndarray
    states: np.ndarray
    matrices: np.ndarray
    good: np.ndarray


def nearest_hopfs(lone: Lone, at: Standing) -> list[Onset | None]:
    """The Hopf point of each node nearest to its equilibrium, None where there is none on either side."""
    states, values = jnp.asarray(at.states), jnp.asarray(at.values)
    moved = np.asarray(_moved(lone, states, values))
    speed = np.abs(np.einsum("ns,nst,nt->n", at.left.conj(), moved, at.right))
    unit = np.abs(at.roots) / np.maximum(speed, np.finfo(float).tiny)
    steps = unit[:, None, None] * _SIDES[:, None] * _DISTANCES
    path = _Path(steps, *map(np.asarray, _followed(lone, states, values, jnp.asarray(steps))))
    guesses = [_crossing(path, at, node) for node in range(len(at.roots))]
    blanks = map(_Guess, at.states, at.right, np.imag(at.roots), at.values, 0 * at.values)
    filled = [guess or blank for guess, blank in zip(guesses, blanks, strict=True)]
    columns = (jnp.asarray(np.stack(each)) for each in list(zip(*filled, strict=True))[:-1])
    solved = jax.tree.map(np.asarray, _solved(lone, *columns))
    found: list[Onset | None] = []
    for node, guess in enumerate(guesses):
        own = jax.tree.map(lambda each: each[node], solved)  # noqa: B023
        found.append(None if guess is None else _onset(lone.at(node), guess, own))
    return found


@eqx.filter_jit
@full_precision
def _moved(lone: Lone, states: Array, values: Array) -> Array:
    """How the matrix of each node moves with the parameter, its equilibrium moving along (nodes, n, n)."""

    def one(of: Family, x: Array, value: Array) -> Array:
        def matrix(x: Array, value: Array) -> Array:
            return jax.jacfwd(of.drift)(x, value[None])

        one = jnp.ones_like(value)
        pushed = jax.jvp(lambda value: of.drift(x, value[None]), (value,), (one,))[1]
        drag = -jnp.linalg.solve(matrix(x, value), pushed)
        return jax.jvp(matrix, (x, value), (drag, one))[1]

    return lone.over(one, states, values)


@eqx.filter_jit
@full_precision
def _followed(lone: Lone, states: Array, values: Array, steps: Array) -> tuple[Array, Array, Array]:
    """Equilibria to either side (nodes, 2, steps, n), their matrices, and how far there are any."""

    def one(of: Family, x: Array, value: Array, steps: Array) -> Any:
        def onward(carry: tuple[Array, Array], step: Array) -> tuple[Any, Any]:
            before, good = carry
            there = (value + step)[None]
            found, now = equilibrium_near(of, before, there)
            good &= now
            found = jnp.where(good, found, before)
            return (found, good), (found, jax.jacfwd(of.drift)(found, there), good)

        start = x, jnp.ones((), bool)
        return jax.lax.map(lambda side: jax.lax.scan(onward, start, side)[1], steps)

    return lone.over(one, states, values, steps)


def _crossing(path: _Path, at: Standing, node: int) -> _Guess | None:
    """Where the root of one node first crosses the axis, on the nearer side."""
    begun, found = complex(at.roots[node]), []
    for side in range(len(_SIDES)):
        before, last = begun, 0.0
        for place in np.flatnonzero(path.good[node, side]):
            here = node, side, place
            values, vectors = np.linalg.eig(path.matrices[here])
            chosen = int(np.argmin(np.abs(values - before)))
            root, step = complex(values[chosen]), float(path.steps[here])
            if root.imag <= 0:
                break
            if root.real * begun.real <= 0:
                share = root.real / (root.real - before.real) if root.real != before.real else 0.0
                value = float(at.values[node]) + step + share * (last - step)
                shape = vectors[:, chosen]
                found.append(_Guess(path.states[here], shape, root.imag, value, abs(step - last)))
                break
            before, last = root, step
    return min(found, key=lambda guess: abs(guess.value - at.values[node]), default=None)


@eqx.filter_jit
@full_precision
def _solved(lone: Lone, x: Array, shape: Array, omega: Array, value: Array) -> Any:
    """The Hopf point of each node, its normal form, the signal and its slope."""

    def one(of: Family, *guess: Array) -> Any:
        hopf = solve_hopf(of, *guess)
        values = hopf.value[None]
        signal = of.signal(hopf.x, values)
        return hopf, normal_form(of, hopf), signal, jax.jacfwd(of.signal)(hopf.x, values)[0]

    return lone.over(one, x, shape, omega, value)


def _onset(of: Family, guess: _Guess, solved: Any) -> Onset | None:
    solution, form, signal, slope = solved
    # The root crosses between two steps; a point found elsewhere is another one.
    if not (solution.found and abs(solution.value - guess.value) <= 1.5 * guess.near):
        return None
    known, form = jax.tree.map(jnp.asarray, (solution, form))
    hopf = hopf_of(of, known, form, signal)
    return Onset(hopf, slope, complex(np.dot(slope, np.asarray(form.right))))
