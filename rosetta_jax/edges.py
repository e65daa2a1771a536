r"""Free links: structural ones reshaped as a whole, or each with its own deviation (effective connectivity).

Both start from the weights that a network has, so that each person keeps their own connectome.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Int, Pairwise
from rosetta_jax.priors import FreeParameter, require_positive


class _Links(FreeParameter):
    """What moves the weights (nodes, nodes) that a network has, `"connectome.weights"`."""

    informative: ClassVar[bool] = True

    def constrain(self, u: Array) -> Array:
        raise NotImplementedError("links have no value apart from the weights that they move.")

    def unconstrain(self, value: Array) -> Array:
        raise NotImplementedError("links have no value apart from the weights that they move.")

    def contains(self, value: Array) -> Array:
        return jnp.isfinite(value)

    def coordinates(self, value: Array, nodes: int | None) -> Float[Array, " count"]:
        return jnp.zeros(self.count(value, nodes), value.dtype)


class ShapedLinks(_Links):
    r"""Weights raised to a power, and links added to them: $w_{ij} = C_{ij}^{\,p} + \sum_k c_k B_{kij}$.

    `exponent` is the prior of p (left out, p = 1); `added` (links, nodes, nodes) or (nodes, nodes) the matrices B,
    those of `rj.homotopic` or `rj.local_links` say, and `strength` the prior of each $c_k$. Free are p and one
    number a matrix. The first start has each at the middle of its prior. Raises `ValueError` where nothing is
    free, and for `added` that are not finite or link a node to itself.
    """

    exponent: FreeParameter | None
    strength: FreeParameter | None
    added: Float[Array, "links nodes nodes"] | None

    def __init__(
        self,
        exponent: FreeParameter | None = None,
        added: Any = None,
        strength: FreeParameter | None = None,
    ):
        self.exponent, self.strength, self.added = exponent, strength, None
        for name, kind in (("exponent", exponent), ("strength", strength)):
            if kind is not None:
                _checks.instance(
                    name, kind, FreeParameter, "a prior such as rj.LogNormal(1.0, 0.5)"
                )
        if (added is None) != (strength is None):
            raise ValueError(
                "`added` links need the prior of their `strength`, and it needs them: give both or neither."
            )
        if added is not None:
            added = _checks.finite("added", _checks.as_float_array(added, "added"))
            added = added[None] if added.ndim == 2 else added
            if added.ndim != 3 or added.shape[1] != added.shape[2]:
                raise ValueError(f"`added` must be (links, nodes, nodes), got shape {added.shape}.")
            self.added = added
            if np.diagonal(np.asarray(added), axis1=1, axis2=2).any():
                raise ValueError(
                    "`added` links a node to itself: set its diagonal to zero; Network(..., self_gain=...) gives "
                    "nodes a loop."
                )
        if exponent is None and added is None:
            raise ValueError("`exponent` and `added` are both left out, so that nothing is free.")

    def count(self, value: Array, nodes: int | None) -> int:
        if self.added is not None and self.added.shape[1:] != value.shape:
            raise ValueError(
                f"`added` has {self.added.shape[1]} nodes and the network {value.shape[0]}: they must be the same."
            )
        added = 0 if self.added is None else self.added.shape[0]
        return (self.exponent is not None) + added

    def expand(self, coordinates: Float[Array, " count"], value: Pairwise) -> Pairwise:
        weights = value
        if self.exponent is not None:
            linked = value > 0
            power = self.exponent.constrain(coordinates[0])
            raised = jnp.exp(power * jnp.log(jnp.where(linked, value, 1.0)))
            weights = jnp.where(linked, raised, 0.0)
            coordinates = coordinates[1:]
        if self.added is not None and self.strength is not None:
            strengths = self.strength.constrain(coordinates)
            weights = weights + jnp.tensordot(strengths, self.added, axes=1)
        return weights

    def penalised(self, count: int) -> np.ndarray:
        kinds = [self.exponent] if self.exponent is not None else []
        kinds += [self.strength] * (count - len(kinds))
        return np.array([kind is not None and kind.informative for kind in kinds])


class PerLink(_Links):
    r"""Each structural link with a deviation of its own: $w_{ij} = C_{ij} e^{w d_{ij}}$, $d_{ij} \sim N(0, 1)$.

    `width` w is the standard deviation of a link's logarithm about the structural one; `symmetric` links are moved
    in both directions alike. `links` (nodes, nodes), flags, says which may move, by default all; no link is made
    that is not there. Raises `ValueError` where `links` names none.
    """

    width: float = eqx.field(static=True)
    symmetric: bool = eqx.field(static=True)
    rows: Int[Array, " count"] | None
    columns: Int[Array, " count"] | None

    def __init__(self, width: float = 0.5, links: Any = None, symmetric: bool = True):
        require_positive("PerLink", "width", width)
        self.width, self.symmetric = width, symmetric
        self.rows = self.columns = None
        if links is not None:
            flags = np.asarray(links)
            if flags.dtype != bool or flags.ndim != 2 or flags.shape[0] != flags.shape[1]:
                raise ValueError(
                    f"`links` must be flags (nodes, nodes), got {flags.dtype} of shape {flags.shape}."
                )
            self.rows, self.columns = self._places(flags)
            if self.rows.size == 0:
                raise ValueError("`links` names no link that may move: leave it out for all.")

    def count(self, value: Array, nodes: int | None) -> int:
        return self._of(value)[0].size

    def expand(self, coordinates: Float[Array, " count"], value: Pairwise) -> Pairwise:
        rows, columns = self._of(value)
        deviations = jnp.zeros_like(value).at[rows, columns].set(coordinates)
        if self.symmetric:
            deviations = deviations + deviations.T
        return value * jnp.exp(self.width * deviations)

    def spread(self, count: int) -> np.ndarray:
        return np.zeros(count)

    def _of(self, value: Array) -> tuple[Array, Array]:
        if self.rows is not None and self.columns is not None:
            return self.rows, self.columns
        return self._places(np.ones(value.shape, dtype=bool))

    def _places(self, flags: np.ndarray) -> tuple[Array, Array]:
        if self.symmetric:
            rows, columns = np.nonzero(np.triu(flags | flags.T, 1))
        else:
            rows, columns = np.nonzero(flags & ~np.eye(len(flags), dtype=bool))
        return jnp.asarray(rows), jnp.asarray(columns)


def homotopic(pairs: Any, nodes: int) -> Pairwise:
    """Links of weight 1 between pairs of mirrored regions, in both directions: (nodes, nodes).

    `pairs` (pairs, 2), indices. Raises `ValueError` for indices out of range and a region paired with itself.
    """
    pairs = np.asarray(pairs)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
        raise ValueError(
            f"`pairs` must be indices (pairs, 2), got {pairs.dtype} of shape {pairs.shape}."
        )
    if pairs.min() < 0 or pairs.max() >= nodes or (pairs[:, 0] == pairs[:, 1]).any():
        raise ValueError(f"`pairs` must be two different regions of 0 to {nodes - 1} each.")
    weights = np.zeros((nodes, nodes))
    weights[pairs[:, 0], pairs[:, 1]] = weights[pairs[:, 1], pairs[:, 0]] = 1.0
    return jnp.asarray(weights, jnp.result_type(float))


def local_links(centres: Any, reach: float) -> Pairwise:
    r"""Links within the cortical sheet, which tractography misses: $e^{-d_{ij}/\ell}$, none of a region to itself.

    `centres` (nodes, 3) of the regions, mm; `reach` $\ell$, mm. Returns (nodes, nodes). Raises `ValueError` for
    another shape and a `reach` that is not positive.
    """
    centres = _checks.finite("centres", _checks.as_float_array(centres, "centres"))
    if centres.ndim != 2 or centres.shape[1] != 3:
        raise ValueError(f"`centres` must be (nodes, 3) in mm, got {centres.shape}.")
    require_positive("local_links", "reach", reach)
    apart = np.linalg.norm(np.asarray(centres)[:, None] - np.asarray(centres), axis=-1)
    return jnp.asarray(np.exp(-apart / reach) - np.eye(len(apart)), centres.dtype)
