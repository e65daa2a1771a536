"""Saving every k-th sample of a march, block by block, in bounded memory: signals low-passed first.

Keeping every k-th sample alone folds all that lies above the new Nyquist frequency onto what is kept. The
filter is linear-phase and centred on each kept sample, so it moves nothing in time; before time zero the series
continues with its first value. States are points and no signals (a filtered angle is none, a filtered cycle has
another radius): they are kept as they are at the same times.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax._types import Array, Float, Int
from rosetta_jax.observe import low_pass_taps

# Most samples that one product gives.
_TILE = 64


class Decimation(eqx.Module):
    """Keeps one sample in `factor`, after a low-pass whose half length `factor` divides."""

    factor: int = eqx.field(static=True)
    taps: tuple[float, ...] = eqx.field(static=True)

    @property
    def half(self) -> int:
        """Samples of the filter on either side of its centre."""
        return len(self.taps) // 2

    @property
    def lag(self) -> int:
        """How many kept samples come out of a march before the one at time zero."""
        return self.half // self.factor

    def begin(self, first: Any) -> Any:
        """The past of each series, from its first value `(nodes,)`."""
        return jax.tree.map(
            lambda value: jnp.broadcast_to(value, (2 * self.half, *value.shape)), first
        )

    def block(self, past: tuple[Any, Any], series: tuple[Any, Any]) -> tuple[Any, tuple[Any, Any]]:
        """One block `(steps, nodes)` of signal and states: the past for the next one, and what is kept."""
        whole = jax.tree.map(lambda old, new: jnp.concatenate([old, new]), past, series)
        signal, states = whole
        kept = self._filter(signal), jax.tree.map(self._thin, states)
        return jax.tree.map(lambda array: array[array.shape[0] - 2 * self.half :], whole), kept

    def _thin(self, series: Float[Array, "steps nodes"]) -> Float[Array, "kept nodes"]:
        return series[self.half : series.shape[0] - self.half : self.factor]

    def _filter(self, series: Float[Array, "steps nodes"]) -> Float[Array, "kept nodes"]:
        if len(self.taps) == 1:
            return self._thin(series)
        number = (series.shape[0] - 2 * self.half) // self.factor
        tile = max(size for size in range(1, _TILE + 1) if number % size == 0)
        width = tile * self.factor + 2 * self.half
        band = jnp.asarray(self._band(tile, width), series.dtype)

        def filtered(begin: Int[Array, ""]) -> Float[Array, "tile nodes"]:
            part = jax.lax.dynamic_slice_in_dim(series, begin, width)
            return jnp.matmul(band, part, precision=jax.lax.Precision.HIGHEST)

        begins = jnp.arange(0, number * self.factor, tile * self.factor, dtype=jnp.int32)
        return jax.lax.map(filtered, begins).reshape(number, -1)

    def _band(self, kept: int, width: int) -> np.ndarray:
        """The filter as a matrix, each row `factor` places on: as a product it is 3 to 8 times faster."""
        band = np.zeros((kept, width))
        for row in range(kept):
            band[row, row * self.factor : row * self.factor + len(self.taps)] = self.taps
        return band


def decimation(factor: int, smooth: bool = True) -> Decimation:
    """Keep one sample in `factor`; `factor` 1 keeps all, unfiltered, and so does what need not be `smooth`."""
    if factor == 1 or not smooth:
        return Decimation(factor, (1.0,))
    taps = np.asarray(low_pass_taps(factor))
    half = -(-(len(taps) // 2) // factor) * factor
    pad = half - len(taps) // 2
    return Decimation(factor, tuple(np.pad(taps, pad).tolist()))
