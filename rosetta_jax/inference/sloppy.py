r"""Sloppy directions: combinations of parameters that the data do not tell, though each of them may move the data.

Where only a product is told, $\ln a + \ln b$ say, the ratio is not: each of both is narrower than its prior, and
$\ln a - \ln b$ as wide as it. In units of the priors' widths these are the eigenvectors of Fisher's information
with the smallest eigenvalues $\lambda$, of which the share $1/\sqrt{1 + \lambda}$ of the prior's width is left.
Where several directions are open any mixture of them is, too: those given here have a parameter each that is in
none of the others.

Source: Gutenkunst et al., PLoS Comput. Biol. 3, e189, 2007.
"""

from typing import Any

import numpy as np
from scipy.linalg import qr, solve_triangular

from rosetta_jax._types import Float

# Smaller weights are not listed.
_SMALL = 0.05


def sloppy_directions(
    covariance: Float[np.ndarray, "size size"],
    names: tuple[str, ...],
    limit: Float[np.ndarray, " size"],
) -> list[tuple[float, dict[str, float]]]:
    """The directions no narrower than `limit`, widest first: width, and weight of each parameter in it.

    `covariance` of plain coordinates, in units of the priors' widths; `limit` of each coordinate by itself. Only
    parameters with one coordinate take part, the others being averaged over; weights have squares that add up to
    1, the largest above zero. None where the covariance is not finite.
    """
    if not np.isfinite(covariance).all():
        return []
    shared = np.array([names.count(name) == 1 for name in names])
    if not shared.any():
        return []
    of, limit = covariance[np.ix_(shared, shared)], limit[shared]
    values, directions = np.linalg.eigh(of)
    loose = ~(values < limit**2 @ directions**2)
    found = []
    for direction in _apart(directions[:, loose].T):
        weights = dict(zip(np.array(names)[shared].tolist(), direction.tolist(), strict=True))
        order = sorted(weights, key=lambda name: -abs(weights[name]))
        listed = {name: weights[name] for name in order if abs(weights[name]) > _SMALL}
        found.append((float(np.sqrt(direction @ of @ direction)), listed))
    return sorted(found, key=lambda each: -each[0])


def _apart(basis: Float[np.ndarray, "count size"]) -> Float[np.ndarray, "count size"]:
    """Directions that span the same, each with a coordinate that the others lack."""
    if not len(basis):
        return basis
    factors: Any = qr(basis, mode="economic", pivoting=True)
    _, upper, order = factors
    found = np.empty_like(basis)
    found[:, order] = solve_triangular(upper[:, : len(basis)], upper)
    largest = np.take_along_axis(found, np.abs(found).argmax(axis=1)[:, None], axis=1)
    return found / np.linalg.norm(found, axis=1, keepdims=True) * np.sign(largest)
