"""What a sweep asks of each of its members: any function of a system and a random key that JAX can trace.

It gives an array, or several by name: a mapping, or a result of this package, whose arrays are taken by the names
of its fields (`rj.linear.power_spectrum(brain, frequencies)` has `frequencies`, `density` and `status`). An array
called "status" says how the member ended (`rj.Status`); what is not finite is found anyway.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks, parameters
from rosetta_jax._types import Array, PyTree
from rosetta_jax.results import Status, first_failure, status_where

STATUS = "status"


class Measure(eqx.Module):
    """A measure that knows more of itself: what its arrays are called, in which units, and how many go at a time.

    A function of its own is all that a sweep needs; what is here by default is what is taken for such a function.
    """

    def __call__(self, system: Any, key: Any) -> Any:
        """One member's arrays."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """What a table calls it."""
        return type(self).__name__

    @property
    def seconds(self) -> float:
        """How many seconds of activity each member simulates."""
        return 0.0

    def lanes(self, paths: Sequence[str]) -> int:
        """How many members, which differ in the parameters of these paths, are best computed together on a CPU."""
        return 1

    def may_lack(self, system: Any) -> frozenset[str]:
        """The arrays in which NaN means that there is none, and no failure."""
        return frozenset()

    def dims(self, system: Any) -> dict[str, tuple[str, ...]]:
        """The names of the axes of each array."""
        return {}

    def coordinates(self, system: Any) -> dict[str, Any]:
        """What lies along axes of that name: (length,) each."""
        return {}

    def attributes(self, system: Any) -> dict[str, dict[str, str]]:
        """Unit and description of arrays and coordinates."""
        return {}

    def prepared(self, system: Any, values: Mapping[str, np.ndarray]) -> Any:
        """The system with whatever must be known before its parameters take these `values`, (length, ...) each."""
        return system

    def together(self, system: Any, values: Mapping[str, Array], keys: Any) -> Any:
        """The arrays of some members at once, (lanes, ...) each."""

        def alone(values: Mapping[str, Array], key: Any) -> dict[str, Array]:
            return named(self.name, self(parameters.replace(system, values), key))

        if keys.shape[0] > 1:
            return jax.vmap(alone)(values, keys)
        # Under `jax.vmap` both branches of a condition are computed, of a single member too.
        first = jax.tree.map(lambda each: each[0], (dict(values), keys))
        return jax.tree.map(lambda each: each[None], alone(*first))


class _OfFunction(Measure):
    """A function as a measure."""

    function: Callable[..., Any]
    given_dims: dict[str, tuple[str, ...]]
    given_coordinates: dict[str, Any]

    def __call__(self, system: Any, key: Any) -> Any:
        return self.function(system, key)

    @property
    def name(self) -> str:
        name = getattr(self.function, "__name__", type(self.function).__name__)
        return "value" if name == "<lambda>" else name

    def dims(self, system: Any) -> dict[str, tuple[str, ...]]:
        return self.given_dims

    def coordinates(self, system: Any) -> dict[str, Any]:
        return self.given_coordinates


def as_measure(
    measure: Any, dims: Mapping[str, Any] | None, coordinates: Mapping[str, Any] | None
) -> Measure:
    """A measure from whatever was given as one."""
    if isinstance(measure, Measure):
        if dims or coordinates:
            raise ValueError(
                "`dims` and `coordinates` are for a function: a measure names its own axes."
            )
        return measure
    if not callable(measure):
        raise TypeError(
            "`measure` must be a function of a system and a key, such as lambda brain, key: "
            f"rj.linear.power_spectrum(brain, frequencies), got {_checks.shown(measure)}."
        )
    named_axes = {
        name: (given,) if isinstance(given, str) else tuple(given)
        for name, given in (dims or {}).items()
    }
    return _OfFunction(measure, named_axes, dict(coordinates or {}))


def named(name: str, found: Any) -> dict[str, Array]:
    """What a measure gave, as arrays by name."""
    if isinstance(found, (jax.Array, np.ndarray, float, int)):
        found = {name: found}
    elif dataclasses.is_dataclass(found):
        found = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    elif hasattr(found, "_asdict"):
        found = found._asdict()
    if not isinstance(found, Mapping):
        raise TypeError(
            f"`measure` must give an array or arrays by name, got {_checks.shown(found)}."
        )
    arrays = {
        key: jnp.asarray(value)
        for key, value in found.items()
        if isinstance(value, (jax.Array, np.ndarray, float, int))
    }
    if not set(arrays) - {STATUS}:
        raise TypeError(
            f"`measure` gave no array, but {sorted(found)}: return an array, or a mapping of arrays."
        )
    return arrays


def judged(arrays: Mapping[str, Array], may_lack: frozenset[str]) -> dict[str, Array]:
    """The arrays of some members, (members, ...) each, with a status for each member."""
    found = dict(arrays)
    given = found.pop(STATUS, None)
    number = next(iter(found.values())).shape[0]
    finite = jnp.ones(number, bool)
    for name, array in found.items():
        if jnp.issubdtype(array.dtype, jnp.inexact):
            good = jnp.isfinite(array)
            good = good | jnp.isnan(array) if name in may_lack else good
            finite = finite & jnp.all(good.reshape(number, -1), axis=1)
    status = status_where(~finite, Status.non_finite)
    if given is not None:
        if given.shape != (number,):
            raise ValueError(
                f'`measure` gave a "{STATUS}" of shape {given.shape[1:]} a member: it must be one `rj.Status`.'
            )
        status = first_failure(given.astype(jnp.int32), status)
    # A byte holds every reason, and a sweep has many members.
    return {**found, STATUS: status.astype(jnp.int8)}


def layout(
    measure: Measure, system: PyTree, shapes: Mapping[str, Any], taken: set[str]
) -> dict[str, tuple[str, ...]]:
    """The names of the axes of each array beside those of the sweep; `shapes` are of single members.

    Raises `ValueError` where an array has the name of an axis or parameter of the sweep, or other axes than said.
    """
    said, found = measure.dims(system), {}
    for name, array in shapes.items():
        if name in taken:
            raise ValueError(
                f"`measure` gives an array {name!r}, as an axis of the sweep is called: rename it."
            )
        names = said.get(name, tuple(f"{name}_{place}" for place in range(array.ndim)))
        if len(names) != array.ndim or set(names) & taken:
            raise ValueError(
                f"`dims[{name!r}]` are {names} for an array of shape {array.shape}: give one new name an axis."
            )
        found[name] = names
    missing = sorted(set(said) - set(shapes))
    if missing:
        raise ValueError(f"`dims` name {missing}. {_checks.suggestion(missing[0], shapes)}")
    return found
