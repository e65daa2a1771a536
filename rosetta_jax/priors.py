"""What a free parameter may be: a support, or a prior, as a map from the real line.

Each is a monotone map from a plain coordinate `u` on the real line to the parameter, written so that a prior
is the image of a standard normal `u`: descent runs in `u`, the prior adds `u**2 / 2`, and starts are drawn
as `u ~ N(0, 1)`. What varies by region is in `rosetta_jax.regional`.
"""

import abc
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from equinox import AbstractClassVar
from jax.scipy.special import ndtr, ndtri

from rosetta_jax._types import Array, Float


class FreeParameter(eqx.Module):
    """A map from a plain coordinate `u` on the real line to a parameter's value.

    `constrain(u)` gives the value and `unconstrain(value)` its inverse; `contains(value)` says
    which values are reached. Where `informative`, the value is distributed as `constrain(N(0, 1))`.
    """

    informative: AbstractClassVar[bool]

    @abc.abstractmethod
    def constrain(self, u: Array) -> Array:
        """The parameter at the plain coordinate `u`, of the same shape."""

    @abc.abstractmethod
    def unconstrain(self, value: Array) -> Array:
        """The plain coordinate of `value`: the inverse of `constrain`."""

    @abc.abstractmethod
    def contains(self, value: Array) -> Array:
        """Whether each entry of `value` can be reached."""

    def count(self, value: Array, nodes: int | None) -> int:
        """How many plain coordinates are free, for a parameter whose present value is `value`."""
        return value.size

    def expand(self, coordinates: Float[Array, " count"], value: Array) -> Array:
        """The parameter at its plain coordinates, where it now is `value`."""
        return self.constrain(coordinates.reshape(value.shape))

    def coordinates(self, value: Array, nodes: int | None) -> Float[Array, " count"]:
        """The plain coordinates of `value`: the inverse of `expand`. Not finite where there are none."""
        return jnp.ravel(self.unconstrain(value))

    def spread(self, count: int) -> np.ndarray:
        """The standard deviation of each coordinate among the starts of a fit."""
        return np.full(count, 1.0 if self.informative else 0.5)

    def penalised(self, count: int) -> np.ndarray:
        """Which coordinates have a prior."""
        return np.full(count, self.informative)


class Real(FreeParameter):
    """Any real number: `value = scale * u`. No prior."""

    scale: float = eqx.field(default=1.0, static=True)
    informative: ClassVar[bool] = False

    def __check_init__(self):
        require_positive("Real", "scale", self.scale)

    def constrain(self, u: Array) -> Array:
        return self.scale * u

    def unconstrain(self, value: Array) -> Array:
        return value / self.scale

    def contains(self, value: Array) -> Array:
        return jnp.isfinite(value)


class _Exponential(FreeParameter):
    informative: ClassVar[bool] = False

    def constrain(self, u: Array) -> Array:
        return jnp.exp(u)

    def unconstrain(self, value: Array) -> Array:
        return jnp.log(value)


class Positive(_Exponential):
    """A number above zero: `value = exp(u)`. No prior."""

    def contains(self, value: Array) -> Array:
        return jnp.isfinite(value) & (value > 0)


class NonNegative(_Exponential):
    """A number of at least zero. Free, it moves as `Positive` does, so it must start above zero."""

    def contains(self, value: Array) -> Array:
        return jnp.isfinite(value) & (value >= 0)


class Negative(FreeParameter):
    """A number below zero: `value = -exp(u)`. No prior."""

    informative: ClassVar[bool] = False

    def constrain(self, u: Array) -> Array:
        return -jnp.exp(u)

    def unconstrain(self, value: Array) -> Array:
        return jnp.log(-value)

    def contains(self, value: Array) -> Array:
        return jnp.isfinite(value) & (value < 0)


class Interval(FreeParameter):
    """A number strictly between two bounds: `value = lower + (upper - lower) / (1 + exp(-u))`."""

    lower: float = eqx.field(static=True)
    upper: float = eqx.field(static=True)
    informative: ClassVar[bool] = False

    def __check_init__(self):
        _require_order("Interval", self.lower, self.upper)

    def constrain(self, u: Array) -> Array:
        return self.lower + (self.upper - self.lower) * jax.nn.sigmoid(u)

    def unconstrain(self, value: Array) -> Array:
        share = (value - self.lower) / (self.upper - self.lower)
        return jnp.log(share) - jnp.log1p(-share)

    def contains(self, value: Array) -> Array:
        return (value > self.lower) & (value < self.upper)


class Normal(FreeParameter):
    """A normal prior: `value = mean + sd * u` with `u ~ N(0, 1)`."""

    mean: float = eqx.field(static=True)
    sd: float = eqx.field(static=True)
    informative: ClassVar[bool] = True

    def __check_init__(self):
        _require_finite("Normal", "mean", self.mean)
        require_positive("Normal", "sd", self.sd)

    def constrain(self, u: Array) -> Array:
        return self.mean + self.sd * u

    def unconstrain(self, value: Array) -> Array:
        return (value - self.mean) / self.sd

    def contains(self, value: Array) -> Array:
        return jnp.isfinite(value)


class LogNormal(FreeParameter):
    """A log-normal prior: `value = median * exp(sigma * u)` with `u ~ N(0, 1)`."""

    median: float = eqx.field(static=True)
    sigma: float = eqx.field(static=True)
    informative: ClassVar[bool] = True

    def __check_init__(self):
        require_positive("LogNormal", "median", self.median)
        require_positive("LogNormal", "sigma", self.sigma)

    def constrain(self, u: Array) -> Array:
        return self.median * jnp.exp(self.sigma * u)

    def unconstrain(self, value: Array) -> Array:
        return jnp.log(value / self.median) / self.sigma

    def contains(self, value: Array) -> Array:
        return jnp.isfinite(value) & (value > 0)


class Uniform(FreeParameter):
    """A flat prior between bounds: `value = lower + (upper - lower) * Phi(u)`, `u ~ N(0, 1)`."""

    lower: float = eqx.field(static=True)
    upper: float = eqx.field(static=True)
    informative: ClassVar[bool] = True

    def __check_init__(self):
        _require_order("Uniform", self.lower, self.upper)

    def constrain(self, u: Array) -> Array:
        return self.lower + (self.upper - self.lower) * ndtr(u)

    def unconstrain(self, value: Array) -> Array:
        return ndtri((value - self.lower) / (self.upper - self.lower))

    def contains(self, value: Array) -> Array:
        return (value > self.lower) & (value < self.upper)


def _require_order(kind: str, lower: float, upper: float) -> None:
    _require_finite(kind, "lower", lower)
    _require_finite(kind, "upper", upper)
    if not lower < upper:
        raise ValueError(f"{kind}: `lower` must be below `upper`, got {lower} and {upper}.")


def _require_finite(kind: str, name: str, value: float) -> None:
    if not (isinstance(value, (int, float, np.number)) and np.isfinite(value)):
        raise ValueError(f"{kind}: `{name}` must be a finite number, got {value!r}.")


def require_positive(kind: str, name: str, value: float) -> None:
    if not (isinstance(value, (int, float, np.number)) and np.isfinite(value) and value > 0):
        raise ValueError(f"{kind}: `{name}` must be a finite number above zero, got {value!r}.")
