"""A past without history: one state, held for ever."""

from typing import Any

import equinox as eqx

from rosetta_jax._types import Array


class Held(eqx.Module):
    """A state held for ever, whatever the time (or the phases): a `past` of `rj.simulate`."""

    state: Any

    def __call__(self, t: Array) -> Any:
        return self.state
