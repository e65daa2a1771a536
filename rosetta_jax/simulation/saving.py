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

from rosetta_jax._types import Array, Float
from rosetta_jax.observe import low_pass_taps


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
        if self.factor == 1:
            return series
        kernel = jnp.asarray(self.taps, dtype=series.dtype)[None, None, :]
        thinned = jax.lax.conv_general_dilated(
            series.T[:, None, :],
            kernel,
            window_strides=(self.factor,),
            padding="VALID",
            precision=jax.lax.Precision.HIGHEST,
        )
        # The last centre of this block belongs to the next one.
        return thinned[:, 0, : (series.shape[0] - 2 * self.half) // self.factor].T


def decimation(factor: int) -> Decimation:
    """Keep one sample in `factor`; `factor` 1 keeps all, unfiltered."""
    if factor == 1:
        return Decimation(1, (1.0,))
    taps = np.asarray(low_pass_taps(factor))
    half = -(-(len(taps) // 2) // factor) * factor
    pad = half - len(taps) // 2
    return Decimation(factor, tuple(np.pad(taps, pad).tolist()))
