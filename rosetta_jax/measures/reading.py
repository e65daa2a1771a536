"""What a reading is: some arrays of one member, with the names of their axes, units and descriptions."""

import abc
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float
from rosetta_jax.measures.source import Source


class Told(NamedTuple):
    """What is told of an array: the axes it has, its unit and what it is; whether NaN means that there is none."""

    dims: tuple[str, ...] = ()
    unit: str = "1"
    words: str = ""
    may_lack: bool = False


class Reading(eqx.Module):
    """Something that is read of each member of a sweep."""

    # Whether it is there for members that theory refuses, too: what tells why.
    always: ClassVar[bool] = False

    @abc.abstractmethod
    def read(self, source: Source) -> dict[str, Array]:
        """The arrays of one member."""

    @abc.abstractmethod
    def told(self, unit: str) -> dict[str, Told]:
        """What there is to say of each of them, for signals of this unit."""

    def coordinates(self) -> dict[str, tuple[Any, str, str]]:
        """Values, unit and description of what lies along axes other than those of regions."""
        return {}

    def check(self, nodes: int) -> None:
        """Raise `ValueError` where it does not fit a network of so many nodes."""


def as_frequencies(frequencies: Any) -> Float[Array, " frequencies"]:
    """Increasing frequencies in Hz, above zero."""
    array = _checks.positive(
        "frequencies", _checks.as_float_array(frequencies, "frequencies"), "Hz"
    )
    if array.ndim != 1 or array.size < 2 or not np.all(np.diff(np.asarray(array)) > 0):
        raise ValueError(
            f"`frequencies` must be increasing hertz (frequencies,), got {_checks.shown(frequencies)}: give "
            "jnp.linspace(1, 45, 89)."
        )
    return array


def as_band(band: Any) -> tuple[float, float] | None:
    """Two hertz in order, or None for all frequencies."""
    return None if band is None else _checks.band("band", band)


def squared(unit: str) -> str:
    """The unit of a density of squared signals per hertz."""
    return "1/Hz" if unit in ("", "1") else f"{unit}²/Hz"


def correlation(first: Array, second: Array) -> Float[Array, "*rest"]:
    """Pearson's correlation along the first axis."""
    a, b = (each - jnp.mean(each, axis=0, keepdims=True) for each in (first, second))
    size = jnp.sqrt(jnp.sum(a**2, axis=0) * jnp.sum(b**2, axis=0))
    return jnp.sum(a * b, axis=0) / size
