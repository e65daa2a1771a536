r"""Drives: the known part $f(t)$ of what acts on nodes, entering the port a network gives it.

A drive is a value at a time, `()` for all nodes or `(nodes,)`. Its unit is that of the port, the rung's drive port
unless `port` names another. Drives at several ports add up.
"""

from collections.abc import Callable
from functools import partial

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Parameter, Scalar
from rosetta_jax.forcing.forcing import Forcing
from rosetta_jax.parameters import check_parameters, parameter
from rosetta_jax.priors import NonNegative, Positive


class Drive(Forcing):
    """A function of time (s): `value(t)` is `()` or `(nodes,)`, in the unit of its port."""

    port: str | None = eqx.field(default=None, static=True, kw_only=True)

    def __check_init__(self):
        check_parameters(self)


class Constant(Drive):
    """The same at all times, the past included."""

    amplitude: Parameter = parameter(unit="", symbol="A", description="value, unit of the port")

    def value(self, t: Scalar) -> Parameter:
        return self.amplitude


class Sinusoid(Drive):
    r"""$A \sin(2\pi f t + \phi)$: amplitude in the port's unit, frequency (Hz), phase (rad)."""

    amplitude: Parameter = parameter(unit="", symbol="A", description="amplitude, unit of the port")
    frequency: Parameter = parameter(
        unit="Hz", symbol="f", description="frequency", support=Positive()
    )
    phase: Parameter = parameter(0.0, unit="rad", symbol="φ", description="phase at time 0")

    def value(self, t: Scalar) -> Parameter:
        return self.amplitude * jnp.sin(2 * jnp.pi * self.frequency * t + self.phase)


class Step(Drive):
    r"""A constant from `onset` (s) for `duration` (s; by default for ever), zero outside."""

    amplitude: Parameter = parameter(unit="", symbol="A", description="height, unit of the port")
    onset: Parameter = parameter(0.0, unit="s", symbol="t0", description="when it begins")
    duration: Parameter = parameter(
        1e9, unit="s", symbol="T", description="how long it lasts", support=NonNegative()
    )

    def value(self, t: Scalar) -> Parameter:
        lasting = (t >= self.onset) & (t < self.onset + self.duration)
        return self.amplitude * lasting.astype(self.amplitude.dtype)


class SampledDrive(Drive):
    """A sampled series, linear between its samples and zero outside of them.

    `times` (samples,) in s, increasing; `values` (samples,) or (samples, nodes). Raises
    `ValueError` where shapes differ or times do not increase.
    """

    times: Float[Array, " samples"] = eqx.field(
        converter=partial(_checks.as_float_array, name="times")
    )
    values: Float[Array, "samples *nodes"] = eqx.field(
        converter=partial(_checks.as_float_array, name="values")
    )

    def __check_init__(self):
        _checks.finite("times", self.times)
        _checks.finite("values", self.values)
        if self.times.ndim != 1 or self.values.ndim not in (1, 2):
            raise ValueError(
                "`times` must be (samples,) and `values` (samples,) or (samples, nodes), got "
                f"{self.times.shape} and {self.values.shape}."
            )
        if self.values.shape[0] != self.times.shape[0]:
            raise ValueError(
                f"`times` has {self.times.shape[0]} samples and `values` {self.values.shape[0]}: "
                "give one value (or one row) a time."
            )
        if len(self.times) < 2:
            raise ValueError(
                "`times` needs at least two samples: for a constant, take rj.Constant."
            )
        if _checks.is_concrete(self.times):
            _require_increasing(np.asarray(self.times))

    def value(self, t: Scalar) -> Parameter:
        at = jnp.clip(jnp.searchsorted(self.times, t, side="right") - 1, 0, len(self.times) - 2)
        share = (t - self.times[at]) / (self.times[at + 1] - self.times[at])
        inside = ((t >= self.times[0]) & (t <= self.times[-1])).astype(self.values.dtype)
        return inside * ((1 - share) * self.values[at] + share * self.values[at + 1])


def _require_increasing(times: np.ndarray) -> None:
    back = np.flatnonzero(np.diff(times) <= 0)
    if back.size:
        raise ValueError(
            f"`times` must increase from sample to sample, but {times[back[0]]:g} is followed by "
            f"{times[back[0] + 1]:g}: sort them, with their values, first."
        )


class FunctionDrive(Drive):
    """Any function of time (s) that JAX can trace, returning `()` or `(nodes,)`."""

    function: Callable[[Scalar], Parameter] = eqx.field(static=True)

    def __check_init__(self):
        if not callable(self.function):
            raise TypeError(
                "`function` must be a function of time (s) such as `lambda t: jnp.sin(t)`, got "
                f"{_checks.shown(self.function)}; for a constant, take rj.Constant."
            )

    def value(self, t: Scalar) -> Parameter:
        return _checks.as_float_array(self.function(t), "function(t)")
