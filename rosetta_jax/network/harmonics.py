r"""Connectome harmonics: the patterns over regions that an undirected connectome has, and what lies in them.

They are the eigenvectors of its weights, or of its graph Laplacian, $L v_k = \mu_k v_k$. Where regions are alike,
links undirected and nothing is delayed, a network is diagonal in them: its spectrum is a sum over harmonics of one
scalar transfer function, $S(\omega) = \sum_k v_k v_k^T\,|h(\omega, c_k)|^2$ with eigenvalues $c_k$ of the weights
(Raj et al., Hum. Brain Mapp. 41, 2980, 2020; Atasoy et al., Nat. Commun. 7, 10340, 2016).
"""

from typing import Any

import equinox as eqx
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Float
from rosetta_jax.network.connectome import Connectome

HARMONICS = {
    "laplacian": "of $D - C$, with the strengths D of the regions, the smoothest first",
    "normalised": "of $1 - D^{-1/2} C D^{-1/2}$, the smoothest first",
    "weights": "of the weights $C$ themselves, the largest eigenvalue first",
}


class Harmonics(eqx.Module):
    """Eigenvalues `values` (harmonics,) of a connectome and their orthonormal `vectors` (harmonics, nodes)."""

    values: Float[np.ndarray, " harmonics"]
    vectors: Float[np.ndarray, "harmonics nodes"]
    kind: str = eqx.field(static=True)

    def amplitudes(self, patterns: Any) -> np.ndarray:
        r"""How much of each harmonic is in patterns (..., nodes): $v_k^T x$, (..., harmonics)."""
        patterns = np.asarray(patterns)
        if patterns.ndim < 1 or patterns.shape[-1] != self.vectors.shape[1]:
            raise ValueError(
                f"`patterns` must end in {self.vectors.shape[1]} regions, got shape {patterns.shape}."
            )
        return patterns @ self.vectors.T

    def power(self, matrices: Any) -> np.ndarray:
        r"""Power by harmonic, $\mathrm{Re}\,v_k^T M v_k$, (..., harmonics).

        `matrices` (..., nodes, nodes): functional connectivity, a covariance, or cross spectra (frequencies,
        nodes, nodes). It sums to the trace, the power of all regions.
        """
        matrices, nodes = np.asarray(matrices), self.vectors.shape[1]
        if matrices.shape[-2:] != (nodes, nodes):
            raise ValueError(
                f"`matrices` must end in ({nodes}, {nodes}) regions, got shape {matrices.shape}: power by region "
                "alone does not tell it."
            )
        return np.real(np.einsum("ki,...ij,kj->...k", self.vectors, matrices, self.vectors))


def harmonics(connectome: Connectome, kind: str = "laplacian") -> Harmonics:
    """The harmonics of a connectome, "laplacian", "normalised" or "weights" (`HARMONICS` says what they are).

    Signs are such that the sum of a pattern is not negative. Raises `ValueError` for directed links, which have no
    orthogonal patterns, for complex ones, and for "normalised" where a region has none.
    """
    _checks.one_of("kind", kind, HARMONICS)
    _checks.require_known("weights", connectome.weights, "have their patterns found")
    weights = np.asarray(connectome.weights, dtype=float)
    off = np.abs(weights - weights.T).max(initial=0.0)
    if connectome.phase is not None or off > 1e-6 * np.abs(weights).max(initial=0.0):
        raise ValueError(
            f"`connectome` has directed links (weights differ from their transpose by up to {off:.2g}, or turn "
            "what is sent): give one of (weights + weights.T) / 2; normalising by rows makes links directed."
        )
    strengths = weights.sum(axis=1)
    if kind == "weights":
        values, vectors = np.linalg.eigh((weights + weights.T) / 2)
        values, vectors = values[::-1], vectors[:, ::-1]
    elif kind == "laplacian":
        values, vectors = np.linalg.eigh(np.diag(strengths) - weights)
    else:
        if (strengths <= 0).any():
            raise ValueError(
                f"`connectome` has no links into region {np.argmin(strengths)}: leave it out, or take "
                'kind="laplacian".'
            )
        root = np.sqrt(strengths)
        values, vectors = np.linalg.eigh(np.eye(len(root)) - weights / root[:, None] / root)
    vectors = vectors * np.where(vectors.sum(axis=0) < 0, -1.0, 1.0)
    return Harmonics(values.copy(), vectors.T.copy(), kind)
