"""Newton's method on a square system, whose solution knows its derivatives.

The solution is found on constants; one more step from it, with the matrix held, carries the derivative of the
implicit function, $dz = -G_z^{-1}\\,dG$, forward and reverse.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from rosetta_jax._types import Array, Bool, Float

_ITERATIONS = 25


def root(
    equations: Callable[[Any, Float[Array, " m"]], Float[Array, " m"]],
    known: Any,
    guess: Float[Array, " m"],
) -> tuple[Float[Array, " m"], Bool[Array, ""]]:
    """Where `equations(known, z)` vanish near `guess`, and whether they do. Differentiable in what is `known`."""
    held = jax.lax.stop_gradient(known)
    tolerance = jnp.finfo(guess.dtype).eps ** 0.6
    guess = jax.lax.stop_gradient(guess)
    least = 1e-3 * jnp.max(jnp.abs(guess)) + jnp.finfo(guess.dtype).tiny
    one = jnp.eye(guess.size, dtype=guess.dtype)

    def going(carry: Any) -> Array:
        number, _, _, change = carry
        return (number < _ITERATIONS) & ~(change < tolerance)

    def step(carry: Any) -> Any:
        number, z, _, _ = carry
        value, along = jax.linearize(lambda z: equations(held, z), z)
        matrix = jax.vmap(along)(one).T
        change = jnp.linalg.solve(matrix, -value)
        error = jnp.max(jnp.abs(change) / jnp.maximum(jnp.abs(z), least))
        return number + 1, z + change, matrix, jnp.where(jnp.isfinite(error), error, jnp.inf)

    start = (jnp.int32(0), guess, one, jnp.ones((), guess.dtype))
    _, z, matrix, change = jax.lax.while_loop(going, step, start)
    z, matrix = jax.lax.stop_gradient((z, matrix))
    return z - jnp.linalg.solve(matrix, equations(known, z)), change < 100 * tolerance
