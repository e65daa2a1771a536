r"""Where an equilibrium changes its fate along a parameter: folds and Hopf points, solved for exactly.

A fold is a solution of $f(x, p) = 0,\; \partial_x f\,u = 0,\; \langle u, c\rangle = 1$, a Hopf point one of

.. math::  f(x, p) = 0, \qquad \Delta(i\omega; x, p)\,u = 0, \qquad \langle c, u\rangle = 1

with the characteristic matrix $\Delta$, delays included (Kuznetsov, Elements of Applied Bifurcation Theory, 10.2).
Both are found by Newton's method and know their derivatives in every other parameter, so that the distance to
onset may be part of a loss.
"""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Bool, Complex, Scalar
from rosetta_jax.bifurcation.expansion import Expansion, Mode
from rosetta_jax.bifurcation.family import Family, Flat, Values
from rosetta_jax.bifurcation.newton import root
from rosetta_jax.bifurcation.portions import looked_at


@dataclasses.dataclass(frozen=True, eq=False)
class Fold:
    """Where a branch of equilibria turns back: the `value` of the parameter, and the `state` there.

    `shape` is the null vector, `x` the flat state.
    """

    value: float
    state: Any
    x: np.ndarray
    shape: np.ndarray
    signal: np.ndarray
    family: Family

    @property
    def label(self) -> str:
        """How the paper marks it."""
        return "SN"


class HopfSolution(eqx.Module):
    """A Hopf point as numbers with derivatives: parameter `value`, `x`, `omega` (rad/s), the critical mode."""

    value: Scalar
    x: Flat
    omega: Scalar
    shape: Complex[Array, " n"]
    found: Bool[Array, ""]


class FoldSolution(eqx.Module):
    """A fold as numbers with derivatives: parameter `value`, `x` and the null vector `shape`."""

    value: Scalar
    x: Flat
    shape: Flat
    found: Bool[Array, ""]


def fold_equations(of: Family, anchor: Flat, x: Flat, u: Flat, values: Values) -> Array:
    """What vanishes at a fold."""
    drift, along = jax.jvp(lambda x: of.drift(x, values), (x,), (u,))
    return jnp.concatenate([drift, along, jnp.sum(u * anchor)[None] - 1])


def hopf_equations(
    of: Family, anchor: Array, x: Flat, pair: Array, omega: Scalar, values: Values
) -> Array:
    """What vanishes at a Hopf point; `pair` holds the real and the imaginary part of the mode."""
    shape = jax.lax.complex(*jnp.split(pair, 2))
    turning = jax.lax.complex(jnp.zeros_like(omega), omega)
    rest = turning * shape - Expansion(of, x, values).first(Mode(shape, turning))
    size = jnp.sum(anchor.conj() * shape) - 1
    ends = jnp.stack([size.real, size.imag])
    # The rate of change of the mode in units of the state, as the other equations are.
    return jnp.concatenate([of.drift(x, values), rest.real, rest.imag, ends])


@eqx.filter_jit
@full_precision
def solve_fold(of: Family, x: Flat, shape: Flat, value: Scalar) -> FoldSolution:
    """The fold near a guess."""
    size = x.size
    anchor = jax.lax.stop_gradient(shape / jnp.sum(shape**2))

    def equations(known: Family, z: Array) -> Array:
        return fold_equations(known, anchor, z[:size], z[size : 2 * size], z[-1:])

    z, good = root(equations, of, jnp.concatenate([x, shape, value[None]]))
    return FoldSolution(z[-1], z[:size], z[size : 2 * size], good)


@eqx.filter_jit
@full_precision
def solve_hopf(
    of: Family, x: Flat, shape: Complex[Array, " n"], omega: Scalar, value: Scalar
) -> HopfSolution:
    """The Hopf point near a guess."""
    size = x.size
    anchor = jax.lax.stop_gradient(shape / jnp.vdot(shape, shape))

    def equations(known: Family, z: Array) -> Array:
        return hopf_equations(known, anchor, z[:size], z[size : 3 * size], z[-2], z[-1:])

    guess = jnp.concatenate([x, shape.real, shape.imag, omega[None], value[None]])
    z, good = root(equations, of, guess)
    mode = jax.lax.complex(*jnp.split(z[size : 3 * size], 2))
    return HopfSolution(z[-1], z[:size], z[-2], mode, good)


def null_vector(matrix: Any) -> np.ndarray:
    """The right singular vector of the least singular value."""
    return np.linalg.svd(np.asarray(matrix))[2][-1].conj()


def mode_at(of: Family, x: Any, value: float, root: complex) -> np.ndarray:
    """The shape of the mode of a characteristic root."""
    if not of.delayed:
        jacobian = looked_at(of, np.asarray(x)[None], np.array([[value]]))[1][0]
        return null_vector(root * np.eye(of.size) - jacobian)
    return null_vector(_matrix(of, jnp.asarray(x), jnp.asarray([value]), jnp.asarray(root)))


@eqx.filter_jit
@full_precision
def _matrix(of: Family, x: Flat, values: Values, root: Array) -> Complex[Array, "n n"]:
    return Expansion(of, x, values).matrix(root)
