r"""Mean, covariance and correlation from blocks of a series.

A block of $m$ rows with mean $\bar y$ and scatter $B = \sum (y - \bar y)(y - \bar y)^T$ joins the $n$ rows before
it, of mean $\bar x$ and scatter $S$, as

.. math::  \bar x' = \bar x + \tfrac{m}{n + m} d, \quad S' = S + B + \tfrac{n m}{n + m} d d^T,
    \quad d = \bar y - \bar x,

so that no two large numbers are ever subtracted, as they are in $\sum x^2 - n \bar x^2$. Rows are taken from the
first row that counts, which lies within $\sqrt n$ standard deviations of the mean, and in units of the largest
deviation so far, so that neither an offset nor a unit (tesla, picovolts) costs digits; neither has a derivative,
since the result depends on neither. What a sum of many blocks drops by rounding is kept and added later, so that
ten million samples in float32 cost no digits either.

Source: Chan, Golub and LeVeque 1983, The American Statistician 37:242 (merging); Kahan 1965, Communications of the
ACM 8:40 (what sums drop).
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Int, Nodal, Pairwise
from rosetta_jax.observe.connectivity import inner_products
from rosetta_jax.observe.streaming.reduction import Reduction


class MeanCovariance(eqx.Module):
    """`mean` (nodes,) in the unit of the series, and `covariance` (nodes, nodes) in that unit squared."""

    mean: Nodal
    covariance: Pairwise


class Sum(eqx.Module):
    """A sum of many small terms, and what its last rounding dropped."""

    value: Array
    rest: Array

    def plus(self, term: Array) -> "Sum":
        """The sum with one more term."""
        term = term + self.rest
        value = self.value + term
        return Sum(value, jax.lax.stop_gradient(term - (value - self.value)))

    def times(self, factor: Array) -> "Sum":
        """The sum in another unit."""
        return Sum(self.value * factor, self.rest * factor)


class Scatter(eqx.Module):
    """The rows so far: what they are counted from, the largest deviation from it, and moments in its unit."""

    samples: int = eqx.field(static=True)
    origin: Nodal
    largest: Nodal
    mean: Sum
    scatter: Sum


class _OfScatter(Reduction):
    """What follows from the mean and the scatter of the rows."""

    def begin(self, samples: int, nodes: int, dt: float, dtype: Any) -> Scatter:
        return _no_scatter(samples, nodes, dtype)

    def add(
        self, memory: Scatter, series: Float[Array, "rows nodes"], first: Int[Array, ""]
    ) -> Scatter:
        return _merged(memory, series, first)


class Moments(_OfScatter):
    r"""Mean and sample covariance of the nodes.

    $\bar x_i = \frac{1}{T} \sum_t x_i(t)$ and
    $\Sigma_{ij} = \frac{1}{T - 1} \sum_t (x_i(t) - \bar x_i)(x_j(t) - \bar x_j)$, as `covariance` has it.

    **Result:** a `MeanCovariance`; not finite for a node with a sample that is not. **Cost:** a product of the
    block with itself, `nodes**2` operations a row, and some `10 nodes**2` a block: let blocks have 64 rows.
    **Memory:** two matrices of pairs of nodes, neither of which a reverse gradient stores. **Raises:**
    `ValueError` for fewer than two samples.
    """

    def finish(self, memory: Scatter) -> MeanCovariance:
        unit = _unit(memory.largest)
        scatter = memory.scatter.value * (unit[:, None] * unit[None, :])
        return MeanCovariance(
            memory.origin + memory.mean.value * unit, scatter / (memory.samples - 1)
        )


class Correlation(_OfScatter):
    r"""Pearson correlation of the nodes' series ("FC"), $\Sigma_{ij} / \sqrt{\Sigma_{ii} \Sigma_{jj}}$.

    **Result:** (nodes, nodes), as `functional_connectivity` has it: a node that never changes has NaN in its row
    and column, and a gradient of zero. Not finite for a node with a sample that is not. Cost, memory and errors
    are those of `Moments`.
    """

    def finish(self, memory: Scatter) -> Pairwise:
        constant = memory.largest == 0
        scatter = memory.scatter.value
        norm = jnp.sqrt(jnp.where(constant, 1.0, jnp.diagonal(scatter)))
        correlation = scatter / (norm[:, None] * norm[None, :])
        return jnp.where(constant[:, None] | constant[None, :], jnp.nan, correlation)


def _no_scatter(samples: int, nodes: int, dtype: Any) -> Scatter:
    if _checks.whole("samples", samples) < 2:
        raise ValueError(
            f"`samples` is {samples}, but a covariance needs at least 2: take a longer run."
        )
    none, pairs = jnp.zeros(nodes, dtype), jnp.zeros((nodes, nodes), dtype)
    return Scatter(samples, none, none, Sum(none, none), Sum(pairs, pairs))


def _merged(memory: Scatter, series: Float[Array, "rows nodes"], first: Int[Array, ""]) -> Scatter:
    begin, end = (jnp.clip(edge, 0, memory.samples) for edge in (first, first + series.shape[0]))
    return jax.lax.cond(
        end > begin, _joined, lambda memory, *_: memory, memory, series, first, begin, end
    )


def _joined(
    memory: Scatter,
    series: Float[Array, "rows nodes"],
    first: Int[Array, ""],
    begin: Int[Array, ""],
    end: Int[Array, ""],
) -> Scatter:
    """The scatter with the rows from `begin` to `end`, of which there are some."""
    earliest = jax.lax.dynamic_index_in_dim(series, begin - first, keepdims=False)
    origin = jax.lax.stop_gradient(jnp.where(begin == 0, earliest, memory.origin))
    index = first + jnp.arange(series.shape[0], dtype=first.dtype)
    counts = ((index >= begin) & (index < end))[:, None]
    moved = jnp.where(counts, series - origin[None, :], 0.0)
    farthest = jax.lax.stop_gradient(jnp.max(jnp.abs(moved), axis=0))
    largest = jnp.maximum(memory.largest, farthest)
    unit = _unit(largest)
    moved, smaller = moved / unit[None, :], _unit(memory.largest) / unit
    mean = memory.mean.times(smaller)
    scatter = memory.scatter.times(smaller[:, None] * smaller[None, :])

    before, new = (number.astype(series.dtype) for number in (begin, end - begin))
    block_mean = jnp.sum(moved, axis=0) / new
    within = inner_products(jnp.where(counts, moved - block_mean[None, :], 0.0))
    apart, share = block_mean - mean.value, new / (before + new)
    between = before * share * (apart[:, None] * apart[None, :])
    return Scatter(
        memory.samples, origin, largest, mean.plus(share * apart), scatter.plus(within + between)
    )


def _unit(largest: Nodal) -> Nodal:
    """The power of two above the largest deviation, which rounds nothing; never one whose square is zero."""
    least = jnp.sqrt(jnp.finfo(largest.dtype).tiny)
    _, exponent = jnp.frexp(jnp.maximum(largest, least))
    return jnp.ldexp(jnp.ones_like(largest), exponent)
