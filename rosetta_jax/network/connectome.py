"""The connectome: weights and tract lengths between named regions, `[target, source]`."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Nodal, Pairwise

NORMALISATIONS = {
    "eigenvalue": "divided by the spectral radius: gain 1 is the onset of an additive network",
    "rows": "every node's weights sum to 1; a node without input keeps none",
    "mean": "the mean over all pairs of different regions is 1",
    "maximum": "the largest weight is 1",
}

# The longest link of any brain lies between these (mm).
_SHORTEST, _LONGEST = 0.4, 5000.0


class Connectome(eqx.Module):
    r"""Weights (dimensionless) and tract lengths (mm) between regions, both `[target, source]`.

    `weights` (nodes, nodes) with zero diagonal; `lengths` (nodes, nodes) in mm, not negative, or
    None where everything arrives at once; `labels`, one name a region; `centres` (nodes, 3) in mm.
    `normalisation` records how the weights were scaled. `phase` (nodes, nodes) in rad makes the weights
    complex, $C_{ij}e^{i\varphi_{ij}}$: what is sent as a pair of channels, the real and imaginary part of a
    number, arrives turned by it; a lag of Sakaguchi's is a negative phase.

    Raises `ValueError` where a shape, a sign or a name is wrong, and for lengths or centres that can only be
    in another unit (links all shorter than 0.4 mm, or longer than 5 m).
    """

    weights: Pairwise
    lengths: Pairwise | None
    phase: Pairwise | None
    centres: Float[Array, "nodes 3"] | None
    labels: tuple[str, ...] | None = eqx.field(static=True)
    normalisation: str = eqx.field(static=True)

    def __init__(
        self,
        weights: Any,
        lengths: Any = None,
        labels: Sequence[str] | None = None,
        centres: Any = None,
        normalisation: str = "none",
        phase: Any = None,
    ):
        self.weights = _checks.as_float_array(weights, "weights")
        self.lengths = None if lengths is None else _checks.as_float_array(lengths, "lengths")
        self.labels = None if labels is None else tuple(str(label) for label in labels)
        self.centres = None if centres is None else _checks.as_float_array(centres, "centres")
        self.normalisation = normalisation
        self.phase = None if phase is None else _checks.as_float_array(phase, "phase")

    def __check_init__(self):
        if self.weights.ndim != 2 or self.weights.shape[0] != self.weights.shape[1]:
            raise ValueError(
                "`weights` must be square, (nodes, nodes) as [target, source], got "
                f"{self.weights.shape}."
            )
        _checks.finite("weights", self.weights)
        _require_zero_diagonal(self.weights)
        if self.lengths is not None:
            _checks.shape("lengths", self.lengths, self.weights.shape, "as `weights`")
            _checks.non_negative("lengths", self.lengths, "mm")
            _check_lengths(self.weights, self.lengths)
        if self.phase is not None:
            _checks.shape("phase", self.phase, self.weights.shape, "as `weights`")
            _checks.finite("phase", self.phase)
        if self.centres is not None:
            _checks.shape("centres", self.centres, (self.nodes, 3), "mm, one row a region")
            _checks.finite("centres", self.centres)
            _check_size("centres", self.centres)
        if self.labels is not None:
            _check_labels(self.labels, self.nodes)

    @property
    def nodes(self) -> int:
        """How many regions there are."""
        return self.weights.shape[0]

    def strengths(self) -> Nodal:
        """The sum of the weights into each node from others, `s_i = sum_j C_ij`."""
        return self.weights.sum(axis=1) - self.weights.diagonal()

    def normalised(self, kind: str = "eigenvalue") -> "Connectome":
        """The connectome with scaled weights: `eigenvalue`, `rows`, `mean` or `maximum`.

        `eigenvalue` (the default of Castaldo et al.) divides by the spectral radius; `rows` makes
        each node's weights sum to 1; `mean` makes the mean over pairs 1 (Cabral's delay models);
        `maximum` makes the largest 1. A gain means nothing without saying which. Raises
        `ValueError` where the weights are all zero.
        """
        _checks.one_of("kind", kind, NORMALISATIONS)
        _checks.require_known("weights", self.weights, "are normalised by their own size")
        weights = np.asarray(self.weights, dtype=float)
        if not weights.any():
            raise ValueError(
                "`weights` are all zero, so there is nothing to normalise: leave them as they are."
            )
        if kind == "eigenvalue":
            scale = spectral_radius(weights)
            if scale == 0:
                raise ValueError(
                    "`weights` have spectral radius zero (no loops): choose another normalisation."
                )
        elif kind == "rows":
            sums = weights.sum(axis=1, keepdims=True)
            scale = np.where(sums == 0, 1.0, sums)
        elif kind == "mean":
            scale = weights.sum() / (self.nodes * (self.nodes - 1))
        else:
            scale = weights.max()
        scaled = _checks.as_float_array(weights / scale).astype(self.weights.dtype)
        return Connectome(scaled, self.lengths, self.labels, self.centres, kind, self.phase)


def spectral_radius(weights: np.ndarray) -> float:
    """The largest absolute eigenvalue of a concrete matrix."""
    return float(np.abs(np.linalg.eigvals(np.asarray(weights, dtype=float))).max())


def unconnected(nodes: int) -> Connectome:
    """`nodes` regions without links."""
    return Connectome(jax.numpy.zeros((nodes, nodes)))


def _require_zero_diagonal(weights: Pairwise) -> None:
    if _checks.is_concrete(weights) and np.diagonal(np.asarray(weights)).any():
        at = int(np.flatnonzero(np.diagonal(np.asarray(weights)))[0])
        raise ValueError(
            f"`weights` must have a zero diagonal (no region links to itself): entry [{at}, {at}] "
            "is "
            f"{float(weights[at, at]):g}; set the diagonal to zero."
        )


def _check_lengths(weights: Pairwise, lengths: Pairwise) -> None:
    if _checks.is_concrete((weights, lengths)):
        linked = np.asarray(lengths)[np.asarray(weights) != 0]
        _require_millimetres("lengths", "longest link", float(linked.max(initial=0.0)))


def _check_size(name: str, centres: Array) -> None:
    if _checks.is_concrete(centres):
        span = float(np.ptp(np.asarray(centres), axis=0).max(initial=0.0))
        _require_millimetres(name, "distance from end to end", span)


def _require_millimetres(name: str, what: str, longest: float) -> None:
    """No brain of regions is smaller than a fly's or larger than a whale: such numbers are in other units."""
    unit = "metres" if 0 < longest < _SHORTEST else "micrometres" if longest > _LONGEST else None
    if unit is not None:
        raise ValueError(
            f"`{name}` are in mm, but the {what} is {longest:g}, as if in {unit}: "
            f"{'multiply' if unit == 'metres' else 'divide'} by 1000."
        )


def _check_labels(labels: tuple[str, ...], nodes: int) -> None:
    if len(labels) != nodes:
        raise ValueError(
            f"`labels` has {len(labels)} names for {nodes} regions: give one a region."
        )
    if len(set(labels)) != nodes:
        twice = next(label for label in labels if labels.count(label) > 1)
        raise ValueError(f"`labels` must be distinct: {twice!r} stands more than once.")
