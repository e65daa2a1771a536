r"""The series nearest to those recorded that share nothing at the same instant.

Reconstructing sources from sensors leaves in every region a share of its neighbours, at once, which correlates
envelopes that are not related. Of all series $P$ whose columns are orthogonal, that nearest to the recorded $Z$
(time, nodes) is $P = U D$: $U$ with orthonormal columns, $D$ diagonal, by turns

.. math::  U = Z D\,(D Z^\top Z D)^{-1/2}, \qquad D = \mathrm{diag}(Z^\top U),

each of which lowers $|Z - U D|^2$. All of them are corrected together, so that also what reaches two regions by
way of a third goes. True coupling at zero lag goes with it.

Everything but the last product needs only the inner products $Z^\top Z$, and the corrected series is $Z$ times
a matrix of nodes by nodes, which serves the analytic signal of $Z$ as well. The inverse root comes by products
alone (the coupled iteration of Newton and Schulz), so it runs anywhere and has a gradient where eigenvalues
coincide.

Source: Colclough et al. 2015, NeuroImage 117:439 (the iteration); Higham 2008, Functions of Matrices, eq. 6.35.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from rosetta_jax import _checks
from rosetta_jax._precision import full_precision
from rosetta_jax._types import Nodal, Pairwise, Series

# Rounds of the iteration: it has settled to rounding where the singular values of the series, each column divided
# by its size, span up to about a hundred.
_ROUNDS = 30
# Steps of the inverse root: each raises small singular values by half, so these reach down to 1e-6 of the largest.
_STEPS = 42


def orthogonalised(signal: ArrayLike) -> Series:
    """The nearest series whose nodes are orthogonal: symmetric, "closest" leakage correction.

    Take the signal in the band of interest (the real part of `analytic_signal`): what is orthogonal in a wide
    band need not be so in a narrow one. The mean leaves first.

    **Arguments:** `signal` (time, nodes), any unit, with more samples than nodes and no node a sum of others.
    **Returns:** (time, nodes) in the same unit. **Raises:** `ValueError` for a signal that is not (time,
    nodes), real and finite, or has no more samples than nodes. A node that never changes makes every entry NaN.
    In float32 series that are nearly dependent (singular values spanning more than about 300) need float64.
    """
    signal = _checks.series("signal", signal)
    centred = signal - jnp.mean(signal, axis=0, keepdims=True)
    return jnp.matmul(centred, unmixing(centred), precision=jax.lax.Precision.HIGHEST)


@full_precision
def unmixing(signal: Series) -> Pairwise:
    """The matrix M such that `signal @ M` is the nearest series of orthogonal nodes."""
    samples, nodes = signal.shape
    if samples <= nodes:
        raise ValueError(
            f"`signal` has {samples} samples of {nodes} nodes, whose series cannot be made orthogonal: take more "
            "samples than nodes, or fewer nodes."
        )
    # The overall size cancels: without it the squares of tesla stay in range.
    scaled = signal / jax.lax.stop_gradient(jnp.max(jnp.abs(signal)))
    products = scaled.T @ scaled / samples

    def again(size: Nodal, _: None) -> tuple[Nodal, None]:
        return jnp.sum(products * _scaled_unmixing(products, size), axis=0), None

    size, _ = jax.lax.scan(jax.checkpoint(again), jnp.sqrt(jnp.diagonal(products)), length=_ROUNDS)
    return _scaled_unmixing(products, size) * size[None, :]


def _scaled_unmixing(products: Pairwise, size: Nodal) -> Pairwise:
    """`D (D C D)**(-1/2)`: from the series to orthonormal ones, for given sizes."""
    return size[:, None] * inverse_root(size[:, None] * products * size[None, :])


def inverse_root(matrix: Pairwise) -> Pairwise:
    """The inverse square root of a symmetric matrix whose eigenvalues are positive."""
    bound = jnp.sqrt(jnp.sum(matrix**2))
    unit = jnp.asarray(np.eye(len(matrix)), matrix.dtype)

    def step(pair: tuple[Pairwise, Pairwise], _: None) -> tuple[tuple[Pairwise, Pairwise], None]:
        root, inverse = pair
        correction = 1.5 * unit - 0.5 * inverse @ root
        return (root @ correction, correction @ inverse), None

    (_, inverse), _ = jax.lax.scan(step, (matrix / bound, unit), length=_STEPS)
    return inverse / jnp.sqrt(bound)
