"""Forcing: a known function of time at a named port of a rung, and sums of several at one or more ports."""

import abc

import equinox as eqx

from rosetta_jax import _checks
from rosetta_jax._types import Parameter, Scalar


class Forcing(eqx.Module):
    """A function of time (s) at `port`, by default the one the rung takes such forcing at.

    Forcings add: `rj.Sinusoid(1.0, 10.0) + rj.Constant(0.5, port="field")` acts at both ports, and the
    parameters of the parts are `first` and `second` below the path of the sum.
    """

    port: eqx.AbstractVar[str | None]

    @abc.abstractmethod
    def value(self, t: Scalar) -> Parameter:
        """The forcing at time `t` (s), `()` or `(nodes,)`, in the unit of its port."""

    def parts(self) -> tuple["Forcing", ...]:
        """What it is the sum of."""
        return (self,)

    def __add__(self, other: "Forcing") -> "Sum":
        _checks.instance("other", other, Forcing, "a drive or field such as rj.Constant(1.0)")
        return Sum(self, other)


class Sum(Forcing):
    """Two forcings, each at its own port; either may be a sum again."""

    first: Forcing
    second: Forcing
    port: None = eqx.field(default=None, static=True, init=False)

    def parts(self) -> tuple[Forcing, ...]:
        return (*self.first.parts(), *self.second.parts())

    def value(self, t: Scalar) -> Parameter:
        return self.first.value(t) + self.second.value(t)


def inputs_of(forcing: Forcing, t: Scalar, default: str) -> dict[str, Parameter]:
    """What a forcing puts in at time `t` (s), by port; parts without one enter at `default`."""
    found: dict[str, Parameter] = {}
    for part in forcing.parts():
        name, value = part.port or default, part.value(t)
        found[name] = found[name] + value if name in found else value
    return found
