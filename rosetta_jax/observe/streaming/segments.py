r"""What is a mean over segments of a series, from blocks of it: one estimate a segment, made when it is full.

The latest rows are kept in a ring, each at its index modulo the ring's size. A block is taken in pieces of at most
the step from segment to segment, so that a piece fills one segment at most. The ring holds a segment and a step:
the piece that fills a segment never overwrites it, so the estimate may be made after the piece is written, and no
copy of the ring is needed. Rows before the first that counts are overwritten before a segment is full.
"""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Int
from rosetta_jax.observe.spectrum import Cut
from rosetta_jax.observe.streaming.reduction import Reduction


class Segments(eqx.Module):
    """The latest rows, and the sum of the estimates of all segments that were full."""

    cut: Cut = eqx.field(static=True)
    ring: Float[Array, "rows nodes"]
    total: Array

    @property
    def size(self) -> int:
        """Rows of the ring; beyond them is room for a piece that begins on the last one."""
        return self.cut.length + self.cut.step

    def written(self, piece: Float[Array, "piece nodes"], first: Int[Array, ""]) -> Array:
        """The ring with a piece of the series whose first row has index `first`."""
        rows, place = piece.shape[0], first % self.size
        ring = jax.lax.dynamic_update_slice_in_dim(self.ring, piece, place, 0)
        beyond = jnp.arange(rows, dtype=place.dtype) < place + rows - self.size
        begin = jnp.where(beyond[:, None], ring[self.size : self.size + rows], ring[:rows])
        return jax.lax.dynamic_update_slice_in_dim(ring, begin, 0, 0)

    def segment(
        self, ring: Float[Array, "rows nodes"], begin: Int[Array, ""]
    ) -> Float[Array, "samples nodes"]:
        """The rows of the segment whose first row has index `begin`."""
        return jnp.roll(ring[: self.size], -(begin % self.size), axis=0)[: self.cut.length]


class SegmentMean(Reduction):
    """The mean over segments of an estimate from each."""

    @abc.abstractmethod
    def cut(self, samples: int, dt: float) -> Cut:
        """How the rows that count are cut into segments."""

    @abc.abstractmethod
    def estimate(self, rows: Float[Array, "samples nodes"], cut: Cut) -> Array:
        """What the rows of one segment give; `cut` is into this one."""

    @abc.abstractmethod
    def result(self, mean: Array, cut: Cut) -> Any:
        """The result, from the mean of all estimates."""

    def begin(self, samples: int, nodes: int, dt: float, dtype: Any) -> Segments:
        cut = self.cut(_checks.whole("samples", samples), dt)
        rows = jax.ShapeDtypeStruct((cut.length, nodes), dtype)
        total = jax.eval_shape(lambda rows: self.estimate(rows, _alone(cut)), rows)
        ring = jnp.zeros((cut.length + 2 * cut.step, nodes), dtype)
        return Segments(cut, ring, jnp.zeros(total.shape, total.dtype))

    def add(
        self, memory: Segments, series: Float[Array, "rows nodes"], first: Int[Array, ""]
    ) -> Segments:
        step = memory.cut.step
        rows, nodes = series.shape
        number = rows // step
        if number:
            pieces = series[: number * step].reshape(number, step, nodes)
            firsts = first + step * jnp.arange(number, dtype=first.dtype)
            memory, _ = jax.lax.scan(
                lambda memory, piece: (self._add_piece(memory, *piece), None),
                memory,
                (pieces, firsts),
            )
        if rows % step:
            memory = self._add_piece(memory, series[number * step :], first + number * step)
        return memory

    def finish(self, memory: Segments) -> Any:
        return self.result(memory.total / memory.cut.count, memory.cut)

    def _add_piece(
        self, memory: Segments, piece: Float[Array, "piece nodes"], first: Int[Array, ""]
    ) -> Segments:
        cut, end = memory.cut, first + piece.shape[0]
        ring = memory.written(piece, first)
        # The last segment that may be full by now, which this piece filled if it ends within it.
        number = (end - cut.length) // cut.step
        begin = number * cut.step
        filled = (begin + cut.length > first) & (number >= 0) & (number < cut.count)
        total = jax.lax.cond(
            filled,
            lambda total, ring: total + self.estimate(memory.segment(ring, begin), _alone(cut)),
            lambda total, ring: total,
            memory.total,
            ring,
        )
        return Segments(cut, ring, total)


def _alone(cut: Cut) -> Cut:
    return cut._replace(count=1)
