r"""The resolvent $(\lambda - A)^{-1}$ of every node as polynomials, evaluated anywhere for little.

By Faddeev and LeVerrier, $\det(\lambda - A) = \sum_k p_k \lambda^{s-k}$ and
$\mathrm{adj}(\lambda - A) = \sum_k M_k \lambda^{s-1-k}$ with $M_0 = 1$, $p_k = -\mathrm{tr}(A M_{k-1})/k$,
$M_k = A M_{k-1} + p_k$. Only products are used; one set of coefficients, and of their derivatives, serves
every frequency. The unit of time is scaled so that modes have size one, which keeps the coefficients near
each other.

In exact numbers one more step of the recurrence gives zero (Cayley and Hamilton); in floating point it gives
what its rounding has amounted to, a remainder $E = A M_{s-1} + p_s$. Since $(\lambda - A)\,\mathrm{adj} =
\det - E$ whatever the errors of $p_k$, the resolvent is $\mathrm{adj}\,(1 + E/\det)/\det$ to first order:
that gives back the digit and more that a low frequency loses in float32.

This also keeps batched LAPACK calls out of programs: on a CPU two of them that run at the same time each
wait for threads that the other one holds, for ever where there are two cores.
"""

import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax._types import Array, Complex, Float, Inexact, Scalar


class Resolvent(eqx.Module):
    """Coefficients of every node, highest power first, in units of `scale` (rad/s)."""

    determinant: Float[Array, "s_plus_1 nodes"]
    adjugate: Float[Array, "s nodes s s"]
    remainder: Float[Array, "nodes s s"]
    scale: Scalar

    def between(
        self, left: Float[Array, "nodes o s"], right: Float[Array, "nodes s i"]
    ) -> "Transfer":
        """`left (lambda - A)^-1 right` of every node."""
        above = jnp.einsum("nos,knst,nti->knoi", left, self.adjugate, right)
        lost = jnp.einsum("nos,knst,ntu,nui->knoi", left, self.adjugate, self.remainder, right)
        lost = jax.lax.stop_gradient(lost / self.scale)
        return Transfer(self.determinant, above / self.scale, lost, self.scale)

    def inverse(self, rate: Scalar) -> tuple[Float[Array, "nodes s s"], Float[Array, " nodes"]]:
        """`(rate - A)^-1` at a real rate (1/s), and the sign of its determinant."""
        at = rate / self.scale
        determinant, _ = _horner(self.determinant, at)
        adjugate, _ = _horner(self.adjugate, at)
        below = determinant[:, None, None]
        inverse = adjugate / below
        inverse = inverse + jax.lax.stop_gradient(inverse @ self.remainder / below)
        return inverse / self.scale, jnp.sign(determinant)


class Transfer(eqx.Module):
    """A transfer function of every node as a ratio of polynomials in `lambda / scale`."""

    below: Float[Array, "s_plus_1 nodes"]
    above: Float[Array, "s nodes o i"]
    lost: Float[Array, "s nodes o i"]
    scale: Scalar

    def __call__(self, omega: Scalar) -> Complex[Array, "nodes o i"]:
        """The transfer function at angular frequency `omega` (rad/s), what rounding loses given back."""
        at = jax.lax.complex(jnp.zeros_like(omega), omega / self.scale)
        below = _horner(self.below, at)[0][:, None, None]
        lost = _horner(self.lost, at)[0] / (below * below)
        return _horner(self.above, at)[0] / below + jax.lax.stop_gradient(lost)

    def at(self, omega: Scalar) -> "TransferValues":
        """The transfer function, the determinant and their derivatives at `omega` (rad/s)."""
        at = jax.lax.complex(jnp.zeros_like(omega), omega / self.scale)
        determinant, slope = _horner(self.below, at)
        above, above_slope = _horner(self.above, at)
        value = above / determinant[:, None, None]
        turning = jax.lax.complex(jnp.zeros_like(self.scale), 1 / self.scale)
        return TransferValues(
            determinant=determinant,
            log_slope=turning * slope / determinant,
            value=value,
            slope=turning
            * (above_slope - value * slope[:, None, None])
            / determinant[:, None, None],
        )


class TransferValues(eqx.Module):
    r"""$\det(i\omega - A)$ in units of `scale`, $d\ln\det/d\omega$, and a transfer function with its slope."""

    determinant: Complex[Array, " nodes"]
    log_slope: Complex[Array, " nodes"]
    value: Complex[Array, "nodes o i"]
    slope: Complex[Array, "nodes o i"]


def resolvent(A: Float[Array, "nodes s s"]) -> Resolvent:
    """The resolvent of every node's matrix, in units of the typical size of a mode."""
    size = A.shape[-1]
    scale = jax.lax.stop_gradient(_typical_size(A))
    A = A / scale
    identity = jnp.broadcast_to(jnp.eye(size, dtype=A.dtype), A.shape)
    adjugate, coefficients, adjugates = identity, [jnp.ones_like(A[:, 0, 0])], []
    for power in range(1, size + 1):
        adjugates.append(adjugate)
        product = jnp.einsum("nst,ntu->nsu", A, adjugate)
        coefficient = -jnp.trace(product, axis1=1, axis2=2) / power
        adjugate = product + coefficient[:, None, None] * identity
        coefficients.append(coefficient)
    return Resolvent(jnp.stack(coefficients), jnp.stack(adjugates), adjugate, scale)


def _typical_size(A: Float[Array, "nodes s s"]) -> Scalar:
    r"""A size of modes (rad/s): $\mathrm{tr}(A^4)^{1/4}$ grows with them whatever the units of the state."""
    squared = jnp.einsum("nst,ntu->nsu", A, A)
    fourth = jnp.abs(jnp.einsum("nst,nts->n", squared, squared)) / A.shape[-1]
    second = jnp.abs(jnp.trace(squared, axis1=1, axis2=2)) / A.shape[-1]
    size = jnp.maximum(jnp.mean(fourth) ** 0.25, jnp.mean(second) ** 0.5)
    return jnp.maximum(size, 1e-3)


def _horner(
    coefficients: Float[Array, "powers *shape"], at: Inexact[Array, ""]
) -> tuple[Inexact[Array, "*shape"], Inexact[Array, "*shape"]]:
    """A polynomial and its derivative."""
    value = jnp.zeros(coefficients.shape[1:], dtype=at.dtype)
    slope = value
    for coefficient in coefficients:
        slope = slope * at + value
        value = value * at + coefficient.astype(at.dtype)
    return value, slope
