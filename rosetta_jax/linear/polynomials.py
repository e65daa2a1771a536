r"""A node's determinant and transfer function as polynomials, evaluated at many frequencies for little.

By Faddeev and LeVerrier, $\det(\lambda - A) = \sum_k p_k \lambda^{s-k}$ and
$\mathrm{adj}(\lambda - A) = \sum_k M_k \lambda^{s-1-k}$ with $M_0 = 1$, $p_k = -\mathrm{tr}(A M_{k-1})/k$,
$M_k = A M_{k-1} + p_k$. Only products are used, and one set of coefficients serves every frequency. The time
unit is scaled so that modes have size one, which keeps the coefficients near each other in size.
"""

import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax._types import Array, Complex, Float, Scalar
from rosetta_jax.linear.blocks import Blocks


class NodePolynomials(eqx.Module):
    """Coefficients of every node, highest power first, in units of `scale` (rad/s)."""

    determinant: Float[Array, "s_plus_1 nodes"]
    transfer: Float[Array, "s nodes c c"]
    scale: Scalar

    def at(self, omega: Scalar) -> "NodeValues":
        """The values of every node at one angular frequency (rad/s)."""
        at = jax.lax.complex(jnp.zeros_like(omega), omega / self.scale)
        determinant, slope = _horner(self.determinant, at)
        above, above_slope = _horner(self.transfer, at)
        below = determinant[:, None, None]
        T = above / below
        turning = jax.lax.complex(jnp.zeros_like(self.scale), 1 / self.scale)
        return NodeValues(
            determinant=determinant,
            log_slope=turning * slope / determinant,
            T=T,
            dT=turning * (above_slope - T * slope[:, None, None]) / below,
        )


class NodeValues(eqx.Module):
    r"""$\det(i\omega - A)$ in units of `scale`, $d \ln\det/d\omega$, $T$ and $dT/d\omega$."""

    determinant: Complex[Array, " nodes"]
    log_slope: Complex[Array, " nodes"]
    T: Complex[Array, "nodes c c"]
    dT: Complex[Array, "nodes c c"]


def node_polynomials(blocks: Blocks, scale: Scalar) -> NodePolynomials:
    """The polynomials of every node of a linearised network."""
    A = blocks.A / scale
    size = A.shape[-1]
    identity = jnp.broadcast_to(jnp.eye(size, dtype=A.dtype), A.shape)
    adjugate, coefficients, transfer = identity, [jnp.ones_like(A[:, 0, 0])], []
    for power in range(1, size + 1):
        transfer.append(blocks.S @ adjugate @ blocks.B / scale)
        product = A @ adjugate
        coefficient = -jnp.trace(product, axis1=1, axis2=2) / power
        adjugate = product + coefficient[:, None, None] * identity
        coefficients.append(coefficient)
    return NodePolynomials(jnp.stack(coefficients), jnp.stack(transfer), scale)


def _horner(
    coefficients: Float[Array, "powers *shape"], at: Complex[Array, ""]
) -> tuple[Array, Array]:
    """A polynomial and its derivative at a complex number."""
    value = jnp.zeros(coefficients.shape[1:], dtype=at.dtype)
    slope = value
    for coefficient in coefficients:
        slope = slope * at + value
        value = value * at + coefficient.astype(at.dtype)
    return value, slope
