"""Many points through one program, in portions of one size: a program is compiled for each size it meets."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np

from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Float
from rosetta_jax.bifurcation.family import Family

# How many points are looked at together, and how many numbers their Jacobians may have.
_POINTS, _ROOM = 128, 2**22


def in_portions(
    function: Callable[..., Any], size: int, *columns: np.ndarray
) -> tuple[np.ndarray, ...]:
    """What `function` finds of the rows of some columns, `size` of them a call; the last is filled up."""
    count = len(columns[0])
    places = np.minimum(np.arange(-(-count // size) * size), count - 1).reshape(-1, size)
    parts = [jax.device_get(function(*(each[rows] for each in columns))) for rows in places]
    return tuple(np.concatenate(each)[:count] for each in zip(*parts, strict=True))


def looked_at(
    of: Family, states: np.ndarray, values: np.ndarray
) -> tuple[Float[np.ndarray, "points nodes"], Float[np.ndarray, "points n n"]]:
    """The signal of flat states (points, n), each at its own values of the parameters, and the Jacobian there."""
    size = max(1, min(_POINTS, _ROOM // of.size**2))
    signals, jacobians = in_portions(lambda *rows: _looked_at(of, *rows), size, states, values)
    return signals, jacobians


@eqx.filter_jit
@full_precision
def _looked_at(of: Family, states: Array, values: Array) -> tuple[Array, Array]:
    def one(at: tuple[Array, Array]) -> tuple[Array, Array]:
        return of.signal(*at), jax.jacfwd(of.drift)(*at)

    return jax.lax.map(one, (states, values))
