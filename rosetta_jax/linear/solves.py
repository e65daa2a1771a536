r"""The LAPACK of the theory: one factorisation, its solves, and an inverse, safe in ensembles.

Under `jax.vmap` a factorisation becomes one batched kernel. On accelerators that is what one wants. On
a CPU such a kernel waits for threads of the pool that it itself runs in, and two of them at the same
time wait for each other for ever where cores are few. So here the lanes of an ensemble are factorised
one after the other on a CPU and all at once elsewhere, however deep the `jax.vmap` is nested.

Derivatives are those of the equations, $dW = -W\,dM\,W$ and $M\,dx = db - dM\,x$, to any order and
both ways: nothing is differentiated through a factorisation.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Inexact, Int


def _one_by_one_on_cpu(call: Callable[..., Array]) -> Callable[..., Any]:
    """`call`, whose lanes under `jax.vmap` run one after the other on a CPU and at once elsewhere."""

    lone = jax.custom_batching.custom_vmap(call)

    @lone.def_vmap
    def _(lanes: int, batched: Any, *arguments: Array) -> tuple[Any, Any]:
        if not any(batched):
            # Second derivatives come here, with lanes of tangents only: `lone` would ask for ever.
            found = call(*arguments)
            return found, jax.tree.map(lambda _: False, found)
        every = [
            each if has_lanes else jnp.broadcast_to(each, (lanes, *each.shape))
            for each, has_lanes in zip(arguments, batched, strict=True)
        ]
        found = jax.lax.platform_dependent(
            *every,
            cpu=lambda *every: jax.lax.map(lambda each: lone(*each), every),
            default=jax.vmap(call),
        )
        return found, jax.tree.map(lambda _: True, found)

    return lone


_lu_factor = _one_by_one_on_cpu(lambda matrix: jax.scipy.linalg.lu_factor(matrix))
_lu_solve = _one_by_one_on_cpu(
    lambda factors, pivots, right: jax.scipy.linalg.lu_solve((factors, pivots), right)
)
_lu_solve_transposed = _one_by_one_on_cpu(
    lambda factors, pivots, right: jax.scipy.linalg.lu_solve((factors, pivots), right, trans=1)
)
_inverse = _one_by_one_on_cpu(jnp.linalg.inv)


class Factorised(eqx.Module):
    """A matrix with its LU factorisation: one serves the determinant and every solve."""

    matrix: Inexact[Array, "n n"]
    factors: Inexact[Array, "n n"]
    pivots: Int[Array, " n"]

    @property
    def diagonal(self) -> Inexact[Array, " n"]:
        """The pivots' values: their product, times `sign`, is the determinant. No derivative."""
        return jnp.diagonal(self.factors)

    @property
    def sign(self) -> Int[Array, ""]:
        """The sign of the row exchanges, 1 or -1."""
        places = jnp.arange(self.pivots.shape[0], dtype=self.pivots.dtype)
        return 1 - 2 * (jnp.sum(self.pivots != places) % 2)

    def solve(self, right: Inexact[Array, "n *k"]) -> Inexact[Array, "n *k"]:
        """`x` with `matrix @ x = right`, differentiable in both."""
        return jax.lax.custom_linear_solve(
            lambda x: self.matrix @ x,
            right,
            solve=lambda _, right: _lu_solve(self.factors, self.pivots, right),
            transpose_solve=lambda _, right: _lu_solve_transposed(self.factors, self.pivots, right),
        )


def factorised(matrix: Inexact[Array, "n n"]) -> Factorised:
    """The LU factorisation of a square matrix."""
    return Factorised(matrix, *_lu_factor(jax.lax.stop_gradient(matrix)))


@jax.custom_jvp
def inverse(matrix: Inexact[Array, "n n"]) -> Inexact[Array, "n n"]:
    """The inverse of a square matrix."""
    return _inverse(matrix)


@inverse.defjvp
@full_precision
def _inverse_derivative(primals: Any, tangents: Any) -> tuple[Array, Array]:
    (matrix,), (change,) = primals, tangents
    found = inverse(matrix)
    return found, -(found @ change @ found)
