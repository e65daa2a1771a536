"""The members of a sweep: what each place of the product of its axes has for values and noise."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from rosetta_jax import _checks, parameters
from rosetta_jax._types import PyTree
from rosetta_jax.sweeps.axes import Axis, checked


class Batch(NamedTuple):
    """Some members: the values of each path (members, ...), the number of their point, and of their seed."""

    values: dict[str, np.ndarray]
    points: np.ndarray
    seeds: np.ndarray


@dataclasses.dataclass(frozen=True)
class Members:
    """All members, numbered in the order of the axes, the last of which runs fastest.

    A member's noise comes from the key of the sweep, the number of its point among all but the seeds, and its
    seed: more seeds leave what the first have given as it was. With `same_noise` the seed alone counts.
    """

    axes: dict[str, Axis]
    same_noise: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """How long each axis is."""
        return tuple(axis.length for axis in self.axes.values())

    @property
    def number(self) -> int:
        """How many members there are."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def paths(self) -> tuple[str, ...]:
        """The parameters that vary."""
        return tuple(path for axis in self.axes.values() for path in axis.values)

    def at(self, numbers: np.ndarray) -> Batch:
        """The members of these numbers."""
        places = np.unravel_index(numbers, self.shape)
        values: dict[str, np.ndarray] = {}
        points = np.zeros(len(numbers), np.int64)
        seeds = np.zeros(len(numbers), np.int64)
        for axis, place in zip(self.axes.values(), places, strict=True):
            if axis.seeds is not None:
                seeds = axis.seeds[place]
                continue
            points = points * axis.length + place
            values |= {path: value[place] for path, value in axis.values.items()}
        if self.same_noise:
            points = np.zeros_like(points)
        return Batch(values, points.astype(np.uint32), seeds.astype(np.uint32))

    def every_value(self) -> dict[str, np.ndarray]:
        """All values that each path takes anywhere, (length, ...)."""
        return {path: value for axis in self.axes.values() for path, value in axis.values.items()}


def key_of(key: Any, point: Any, seed: Any) -> Any:
    """The random key of a member."""
    return jax.random.fold_in(jax.random.fold_in(key, point), seed)


def member(
    system: PyTree,
    axes: Mapping[str, Any],
    place: Mapping[str, int],
    *,
    key: Any = None,
    same_noise: bool = False,
) -> tuple[PyTree, Any]:
    """One member of a sweep of these axes, to look at alone: the system, and its random key.

    `place` is the index along each axis, `{"gain": 3, "seed": 0}`. What the measure makes of the pair is what the
    sweep has there. Raises `ValueError` for an axis or index that is not there.
    """
    members = Members(checked(system, axes), same_noise)
    if sorted(place) != sorted(members.axes):
        raise ValueError(f"`place` must name the axes {sorted(members.axes)}, got {sorted(place)}.")
    for name, axis in members.axes.items():
        if not 0 <= place[name] < axis.length:
            raise ValueError(
                f"`place[{name!r}]` is {place[name]}, and the axis has places 0 to {axis.length - 1}."
            )
    index = tuple(place[name] for name in members.axes)
    batch = members.at(np.atleast_1d(np.ravel_multi_index(index, members.shape)))
    key = jax.random.key(0) if key is None else _checks.key("key", key)
    own = key_of(key, batch.points[0], batch.seeds[0])
    values = {path: value[0] for path, value in batch.values.items()}
    return parameters.replace(system, values), own
