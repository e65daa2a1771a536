"""What a reduction is: a measure of a series that arrives in blocks of rows.

`memory = begin(...)`, then `memory = add(memory, series, first)` for one block after another, then
`finish(memory)`. The memory is a pytree of arrays that goes through `jax.lax.scan`, `jax.jit`, `jax.vmap`,
`jax.checkpoint` and derivatives of either mode, and carries what is fixed with it. With blocks of 64 rows:

    def block(memory, number):
        return reduction.add(memory, rows_of(number), 64 * number - transient), None

    memory = reduction.begin(samples, nodes, dt, dtype)
    memory, _ = jax.lax.scan(block, memory, jnp.arange(blocks, dtype=jnp.int32))
    result = reduction.finish(memory)
"""

import abc
from typing import Any

import equinox as eqx

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Int


class Reduction(eqx.Module):
    """A measure of `samples` rows of a series, folded over blocks of it."""

    @abc.abstractmethod
    def begin(self, samples: int, nodes: int, dt: float, dtype: Any) -> Any:
        """The memory before the first block.

        `samples` is the number of rows that count, `dt` (s) the time from row to row, `dtype` that of the
        series. Raises `ValueError` as the off-line measure does, where `samples`, `dt` or an option does not fit.
        """

    @abc.abstractmethod
    def add(self, memory: Any, series: Float[Array, "rows nodes"], first: Int[Array, ""]) -> Any:
        """The memory after one more block of rows.

        `first` is the index of the first row, counted from the first that counts: rows before 0 (a transient) and
        from `samples` on do not count, whatever they hold. Blocks follow each other without a gap and may have any
        number of rows. Keep `first` out of `jax.vmap`: what is rarely done is behind a branch on it.
        """

    @abc.abstractmethod
    def finish(self, memory: Any) -> Any:
        """The result, once all rows that count have been added."""


class OfBold(Reduction):
    """A reduction of the BOLD signal of a run, where others are of what an electrode sees.

    `rj.simulate(..., reduce={"fc": rj.observe.OfBold(rj.observe.Correlation())})`. Raises `TypeError` for what is
    no reduction.
    """

    reduction: Reduction

    def __check_init__(self):
        wanted = "a reduction such as rj.observe.Correlation()"
        _checks.instance("reduction", self.reduction, Reduction, wanted)

    def begin(self, samples: int, nodes: int, dt: float, dtype: Any) -> Any:
        return self.reduction.begin(samples, nodes, dt, dtype)

    def add(self, memory: Any, series: Float[Array, "rows nodes"], first: Int[Array, ""]) -> Any:
        return self.reduction.add(memory, series, first)

    def finish(self, memory: Any) -> Any:
        return self.reduction.finish(memory)
