"""What a simulation gives back."""

from typing import Any

import equinox as eqx
import numpy as np

from rosetta_jax._types import Array, Float, Int, Series
from rosetta_jax.results import Status, summarise


class Solution(eqx.Module):
    """A simulated network: `times` (time,) s, `signal` (time, nodes), `states`, and a status a
    lane.

    `signal` is what an electrode sees of each node, sensor noise included; `states` is the rung's
    state with `(time, nodes)` arrays, or None unless asked for. `dt` is the time between samples
    (s). `status` is an integer `rosetta_jax.Status`; a lane that failed holds NaN from the failure
    on.
    """

    times: Float[Array, " time"]
    signal: Series
    states: Any
    status: Int[Array, ""]
    dt: float = eqx.field(static=True)

    @property
    def succeeded(self) -> bool:
        """Whether every lane succeeded."""
        return bool(np.all(np.asarray(self.status) == Status.ok))

    @property
    def message(self) -> str:
        """How the lanes ended, in plain words."""
        return summarise(self.status)
