"""What arrives in a bare scan: the delayed sum of the references in `speed_floor.py` and `rung_speed.py`."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


class Arriving:
    """Delayed sums by linear interpolation, each value gathered once a step at a place that is a constant.

    Of `weights` and delays in `steps`, `[target, source]`, no delay below a step. `stretch`, which may be traced,
    multiplies the delays where their derivative is asked for; what is gathered is that of a stretch of one.
    """

    def __init__(self, weights: Any, steps: Any, stretch: Any = 1.0):
        weights, steps = np.asarray(weights), np.asarray(steps)
        back = np.maximum(np.floor(steps), 1).astype(np.int32)
        if (steps < 1)[weights != 0].any():
            raise ValueError("a delay is below the step, which this reference does not treat")
        dtype = jnp.result_type(float)
        share = jnp.asarray(steps - back, dtype) + jnp.asarray(steps, dtype) * (stretch - 1.0)
        weights = jnp.asarray(weights, dtype)
        self.nodes, self.rows = len(weights), int(back.max())
        self.soon, self.later = weights * (1 - share), weights * share
        self.place = ((self.rows - back) * self.nodes + np.arange(self.nodes)).astype(np.int32)

    def begin(self, sent: jax.Array) -> Any:
        """The history where `sent` was always sent, what arrives now, and what is due."""
        soon, due = (sent @ matrix.T for matrix in (self.soon, self.later))
        return jnp.tile(sent, (1, 2 * self.rows)), jnp.int32(self.rows - 1), soon + due, due

    def advance(self, carry: Any, sent: jax.Array) -> tuple[Any, jax.Array, jax.Array]:
        """The next history, and what arrives at both ends of the step."""
        rows, newest, arriving, due = carry
        zero = jnp.int32(0)
        newest = jnp.where(newest + 1 == self.rows, 0, newest + 1)
        rows = lax.dynamic_update_slice(rows, sent, (zero, newest * self.nodes))
        rows = lax.dynamic_update_slice(rows, sent, (zero, (newest + self.rows) * self.nodes))
        start = (zero, (newest + 1) * self.nodes)
        window = lax.dynamic_slice(rows, start, (len(sent), self.rows * self.nodes))
        soon, later = [], []
        for channel in lax.optimization_barrier(window):
            gathered = channel.at[self.place].get(mode="promise_in_bounds")
            gathered = lax.optimization_barrier(gathered)
            soon.append((self.soon * gathered).sum(1))
            later.append((self.later * gathered).sum(1))
        end = due + jnp.stack(soon)
        return (rows, newest, end, jnp.stack(later)), arriving, end
