r"""Approximate characteristic roots near the imaginary axis, with their vectors, of networks of any size.

Without delays they are eigenvalues of the Jacobian. With delays there are infinitely many: what was sent travels
along the delay and is held at Chebyshev's points (Breda, Maset and Vermiglio, SIAM J. Sci. Comput. 27, 482, 2005),
and the eigenvalues of that generator nearest to several points of the axis are found by Arnoldi's method for the
inverse of the generator less such a point, one factorisation each.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from scipy.sparse.linalg import LinearOperator, eigs

from rosetta_jax.linear.characteristic import Characteristic

# Points along the longest delay, and on the axis.
_POINTS, _SHIFTS = 20, 7


def roots_near(
    of: Characteristic, low: float, high: float, number: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Roots near a band of the axis (rad/s), with their vectors (roots, nodes, s), and how deep all are there.

    More and more of them, until the `number` least damped in the band are among those that are surely there, or
    there are many: up to a damping of the last value, 1/s, none is missing.
    """
    nodes, size, _ = of.A.shape
    if of.delays is None:
        values, vectors = np.linalg.eig(_jacobian(of))
        return values, vectors.T.reshape(-1, nodes, size), float("inf")
    history, shifts = _History(of), np.linspace(low, high, _SHIFTS)
    count, most = 2 * number + 20, 2 * (number + nodes * size)
    while True:
        found = [history.nearest(1j * shift, count) for shift in shifts]
        values, vectors = (np.concatenate(parts) for parts in zip(*found, strict=True))
        depth = _depth([each for each, _ in found], shifts)
        inside = values[(np.imag(values) >= low) & (np.imag(values) <= high)]
        sure = np.unique(np.round(inside[np.real(inside) > -depth], 6)).size
        if sure >= number or count >= most:
            return values, vectors, depth
        count = min(3 * count, most)


def _depth(found: list[np.ndarray], shifts: np.ndarray) -> float:
    """How far left of every point of the axis between the shifts all roots are found, in discs about these."""
    radii = [np.abs(values - 1j * shift).max() for values, shift in zip(found, shifts, strict=True)]
    along = np.linspace(shifts[0], shifts[-1], 401)
    squared = np.square(radii) - (along[:, None] - shifts) ** 2
    return float(np.sqrt(np.maximum(squared, 0)).max(axis=1).min())


def _jacobian(of: Characteristic) -> np.ndarray:
    """The Jacobian of a network without delays, (nodes s, nodes s)."""
    unit = np.eye(of.A.shape[0] * of.A.shape[1]).reshape(-1, *of.A.shape[:2])
    zero = jnp.zeros((), of.A.dtype)
    columns = jax.vmap(lambda u: -of.of(zero, u))(jnp.asarray(unit, of.A.dtype))
    return np.real(np.asarray(columns)).reshape(len(unit), -1).T


class _History:
    """The generator of state and of what was sent, at Chebyshev's points of the longest delay, and its inverse."""

    def __init__(self, of: Characteristic):
        self.S, self.B, self.A, links, delays = (
            np.real(np.asarray(each)) for each in (of.S, of.B, of.A, of.weights, of.delays)
        )
        self.nodes, self.size, _ = self.A.shape
        channels = self.S.shape[1]
        linked = links != 0 if links.ndim == 2 else (links != 0).any(axis=(0, 1))
        longest = max(float(delays[linked].max(initial=0.0)), 1e-9)
        points, self.slope = _chebyshev(longest)
        read = _lagrange(points, -delays)
        whole = np.einsum("ij,cd->cdij", links, np.eye(channels)) if links.ndim == 2 else links
        # What arrives (channel, target), read off the polynomial through what was sent (point, channel, source).
        sent = channels * self.nodes
        self.read = np.einsum("cdij,ijm->cimdj", whole, read).reshape(sent, _POINTS + 1, sent)

    def nearest(self, shift: complex, number: int) -> tuple[np.ndarray, np.ndarray]:
        """The `number` roots nearest to a point, with the vectors of the state."""
        flat = self.nodes * self.size
        whole = flat + _POINTS * self.read.shape[0]
        number = min(number, whole - 2)
        operator: Any = LinearOperator  # its stub knows neither argument
        operator = operator((whole, whole), matvec=self._inverse(shift), dtype=complex)
        start = np.cos(np.arange(whole, dtype=float) ** 2).astype(complex)
        among = min(2 * number + 20, whole)
        found: Any = eigs(operator, number, v0=start, ncv=among)
        return shift + 1 / found[0], found[1][:flat].T.reshape(-1, self.nodes, self.size)

    def _inverse(self, shift: complex) -> Any:
        """A function that multiplies by the inverse of the generator less `shift`."""
        flat, sent = self.nodes * self.size, self.read.shape[0]
        inner = np.linalg.inv(self.slope[1:, 1:] - shift * np.eye(_POINTS))
        # What the newest value, which the state sends, makes of the older ones.
        follow = -inner @ self.slope[1:, 0]
        leaving = np.einsum("ics,ij->cijs", self.S, np.eye(self.nodes)).reshape(sent, flat)
        entering = np.einsum("isc,ij->iscj", self.B, np.eye(self.nodes)).reshape(flat, sent)
        older = self.read[:, 1:]
        arriving = self.read[:, 0] + np.einsum("m,amb->ab", follow, older)
        jacobian = scipy.linalg.block_diag(*self.A) + entering @ arriving @ leaving
        factors = scipy.linalg.lu_factor(jacobian - shift * np.eye(flat))
        older = older.reshape(sent, -1).astype(complex)

        def solve(vector: np.ndarray) -> np.ndarray:
            vector = vector.reshape(-1)
            past = inner @ vector[flat:].reshape(_POINTS, sent)
            state = scipy.linalg.lu_solve(
                factors, vector[:flat] - entering @ (older @ past.reshape(-1))
            )
            past = past + follow[:, None] * (leaving @ state)[None]
            return np.concatenate([state, past.reshape(-1)])

        return solve


def _chebyshev(longest: float) -> tuple[np.ndarray, np.ndarray]:
    """Chebyshev's points from now, 0, to the longest delay ago (s), and the matrix of slopes at them."""
    angles = np.pi * np.arange(_POINTS + 1) / _POINTS
    points = longest / 2 * (np.cos(angles) - 1)
    signs = (-1.0) ** np.arange(_POINTS + 1)
    signs[[0, -1]] *= 2
    slope = (signs[:, None] / signs) / (points[:, None] - points + np.eye(_POINTS + 1))
    return points, slope - np.diag(slope.sum(axis=1))


def _lagrange(points: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Lagrange's polynomials of the points at other places, by the barycentric formula."""
    weights = (-1.0) ** np.arange(len(points))
    weights[[0, -1]] /= 2
    apart = at[..., None] - points
    here = np.abs(apart) < 1e-14 * np.abs(points[-1])
    shares = np.where(here, 1.0, weights / np.where(here, 1.0, apart))
    shares = np.where(here.any(axis=-1, keepdims=True), here, shares)
    return shares / shares.sum(axis=-1, keepdims=True)
