r"""The vector field about an equilibrium to third order, delays included.

What is sent is a nonlinear function of the state, travels, and enters a nonlinear field. Of perturbations $u
e^{\lambda t}$ and $v e^{\mu t}$ the second derivative of the field along the history is

.. math::
    B(u, v) = D^2 f[(u, a_u), (v, a_v)] + D_a f\,K(\lambda+\mu)\,D^2 s[u, v], \qquad a_u = K(\lambda)\,Ds\,u

since the product moves as $e^{(\lambda+\mu)t}$; the third follows in the same way. All are directional derivatives
by nested forward mode: no tensor is built, and no formula belongs to one model.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax._types import Array, Complex, Inexact
from rosetta_jax.bifurcation.family import Family, Flat, Values


class Mode(NamedTuple):
    r"""A perturbation $u\,e^{\lambda t}$ of the state: `shape` $u$ (n,) and `root` $\lambda$ (1/s), complex."""

    shape: Complex[Array, " n"]
    root: Complex[Array, ""]

    @property
    def conjugate(self) -> "Mode":
        """The mode that makes a real perturbation of this one."""
        return Mode(self.shape.conj(), self.root.conj())


class Expansion(eqx.Module):
    """The derivatives of a family's field at an equilibrium `x`."""

    family: Family
    x: Flat
    values: Values

    def first(self, u: Mode) -> Complex[Array, " n"]:
        """The linear part along one mode."""
        return self._along_state(u) if self._prompt else self._field(self._along(u))

    def second(self, u: Mode, v: Mode) -> Complex[Array, " n"]:
        """The second derivative along two modes."""
        if self._prompt:
            return self._along_state(u, v)
        return self._field(self._along(u), self._along(v)) + self._field(self._sent_by(u, v))

    def third(self, u: Mode, v: Mode, w: Mode) -> Complex[Array, " n"]:
        """The third derivative along three modes."""
        if self._prompt:
            return self._along_state(u, v, w)
        alone = [self._along(each) for each in (u, v, w)]
        total = self._field(*alone) + self._field(self._sent_by(u, v, w))
        for one, others in ((0, (v, w)), (1, (u, w)), (2, (u, v))):
            total = total + self._field(alone[one], self._sent_by(*others))
        return total

    def matrix(self, root: Array) -> Complex[Array, "n n"]:
        r"""The characteristic matrix $\Delta(\lambda)$, whose null vectors are the shapes of modes."""
        one = jnp.eye(self.x.size, dtype=complex_of(self.x))
        if self._prompt:
            return root * one - jax.jacfwd(self.family.drift)(self.x, self.values).astype(one.dtype)
        columns = jax.vmap(lambda column: self.first(Mode(column, root)))(one)
        return root * one - columns.T

    def turning(self, u: Mode) -> Complex[Array, " n"]:
        r"""$\Delta'(\lambda)\,u$, by which a left vector is normalised."""
        if self._prompt:
            return u.shape

        def at(root: Array) -> Array:
            return root * u.shape - self.first(Mode(u.shape, root))

        return jax.jvp(at, (u.root,), (jnp.ones_like(u.root),))[1]

    @property
    def _prompt(self) -> bool:
        """Without delays what arrives is a function of the state, and the field one of the state alone."""
        return not self.family.delayed

    def _along_state(self, *modes: Mode) -> Array:
        def drift(x: Array) -> Array:
            return self.family.drift(x, self.values)

        return derivative(drift, self.x, [mode.shape for mode in modes])

    def _along(self, u: Mode) -> tuple[Array, Array]:
        return u.shape, self._carried(u)

    def _sent_by(self, *modes: Mode) -> tuple[Array, Array]:
        """What arrives of a product of modes, which moves no state by itself."""
        return jnp.zeros_like(modes[0].shape), self._carried(*modes)

    def _carried(self, *modes: Mode) -> Array:
        def sent(x: Array) -> Array:
            return self.family.sent(x, self.values)

        leaving = derivative(sent, self.x, [mode.shape for mode in modes])
        root = sum((mode.root for mode in modes[1:]), modes[0].root)
        return self.family.carried(leaving, root, self.values)

    def _field(self, *directions: tuple[Array, Array]) -> Array:
        arriving = self.family.carried(
            self.family.sent(self.x, self.values), jnp.zeros((), self.x.dtype), self.values
        )

        def field(at: tuple[Array, Array]) -> Array:
            return self.family.field(*at, self.values)

        return derivative(field, (self.x, arriving), directions)


def derivative(
    function: Callable[[Any], Array], at: Any, directions: Sequence[Any]
) -> Inexact[Array, "..."]:
    """The derivative of a real function along complex directions, one order for each, extended linearly."""
    choices = np.array(list(itertools.product((0, 1), repeat=len(directions))))

    def parts(direction: Any, chosen: np.ndarray) -> Any:
        return jax.tree.map(lambda each: jnp.stack([each.real, each.imag])[chosen], direction)

    pieces = [parts(*each) for each in zip(directions, choices.T, strict=True)]

    def along(*each: Any) -> Array:
        moved = function
        for direction in each:
            moved = _slope(moved, direction)
        return moved(at)

    found = jax.vmap(along)(*pieces)
    factors = jnp.asarray(1j ** choices.sum(axis=1), complex_of(found))
    return jnp.tensordot(factors, found.astype(factors.dtype), axes=1)


def complex_of(real: Array) -> Any:
    """The complex type of the precision of an array."""
    return np.result_type(real.dtype, np.complex64)


def _slope(function: Callable[[Any], Array], direction: Any) -> Callable[[Any], Array]:
    return lambda at: jax.jvp(function, (at,), (direction,))[1]
