r"""Noise: the random part of what acts on nodes, independent for each node and port.

Each noise has a two-sided spectral density $S(\Omega)$ of the input it makes, with
$\mathrm{Cov} = \int S\, d\Omega/2\pi$, which the linear theory uses, and a way to advance in time,
which the march uses. White noise of strength $\sigma$ means $dx = \dots + \sigma\,dW$, so $S =
\sigma^2$; it is held over each step, which for ports in which a rung is linear equals a stochastic
Heun step exactly.
"""

import abc
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from equinox import AbstractClassVar

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Parameter, Scalar
from rosetta_jax.parameters import check_parameters, parameter
from rosetta_jax.priors import NonNegative, Positive


class Noise(eqx.Module):
    """Random input at named ports (`ports=None`: those the rung takes noise at)."""

    ports: tuple[str, ...] | None = eqx.field(default=None, static=True, kw_only=True)
    # Whether it is white, and so refused at a port in which a rung is not linear.
    white: AbstractClassVar[bool]

    def __check_init__(self):
        check_parameters(self)
        if self.ports is not None:
            _checks.instance("ports", self.ports, tuple, 'a tuple of names of ports such as ("x",)')

    @abc.abstractmethod
    def density(self, omega: Float[Array, " frequencies"]) -> Float[Array, "frequencies *regional"]:
        """Two-sided density at angular frequencies (rad/s): unit of the port squared, times s."""


class NoiseProcess(Noise):
    """A noise that the march can draw, one vector of normal deviates a step."""

    @property
    def deviates(self) -> int:
        """How many standard normal deviates a port and node takes each step."""
        return 1

    @abc.abstractmethod
    def start(self, normal: Float[Array, "deviates nodes"]) -> Any:
        """The state of the noise at time 0, drawn from its stationary distribution."""

    @abc.abstractmethod
    def advance(self, state: Any, normal: Float[Array, "deviates nodes"], dt: Scalar) -> Any:
        """The state one step later, from standard normal deviates."""

    @abc.abstractmethod
    def values(
        self, before: Any, after: Any, normal: Float[Array, "deviates nodes"], dt: Scalar
    ) -> tuple[Float[Array, "ports nodes"], Float[Array, "ports nodes"]]:
        """The input at the start and at the end of a step, linear in between."""


def spread(value: Parameter, regional: int) -> Float[Array, "1 *spread"]:
    """`value` with a leading axis for frequencies or ports, and one for nodes where anything varies by node."""
    return value.reshape((1,) + (value.shape or (1,) * regional))


class WhiteNoise(NoiseProcess):
    r"""White noise: $\sigma\, dW$ on each node and port, density $\sigma^2$."""

    sigma: Parameter = parameter(
        unit="port unit * s^(1/2)", symbol="σ", description="strength", support=NonNegative()
    )
    white: ClassVar[bool] = True

    def density(self, omega: Float[Array, " frequencies"]) -> Float[Array, "frequencies *regional"]:
        flat = jnp.ones((omega.shape[0],) + (1,) * self.sigma.ndim, dtype=omega.dtype)
        return flat * spread(self.sigma**2, self.sigma.ndim)

    def start(self, normal: Float[Array, "ports nodes"]) -> None:
        return None

    def advance(self, state: None, normal: Float[Array, "ports nodes"], dt: Scalar) -> None:
        return None

    def values(
        self, before: None, after: None, normal: Float[Array, "ports nodes"], dt: Scalar
    ) -> tuple[Float[Array, "ports nodes"], Float[Array, "ports nodes"]]:
        held = spread(self.sigma, 1) / jnp.sqrt(dt) * normal
        return held, held


class OrnsteinUhlenbeck(NoiseProcess):
    r"""Coloured noise $\tau\,\dot\eta = -\eta + \dots$ of standard deviation `sd`, exact from step
    to step.

    Density $S(\Omega) = 2\,\mathrm{sd}^2 \tau / (1 + \Omega^2\tau^2)$. Smooth enough to enter a
    sigmoid.
    """

    sd: Parameter = parameter(
        unit="port unit", symbol="s", description="standard deviation", support=NonNegative()
    )
    tau: Parameter = parameter(
        unit="s", symbol="τ", description="correlation time", support=Positive()
    )
    white: ClassVar[bool] = False

    def density(self, omega: Float[Array, " frequencies"]) -> Float[Array, "frequencies *regional"]:
        regional = max(self.sd.ndim, self.tau.ndim)
        omega = omega.reshape((-1,) + (1,) * regional)
        sd, tau = spread(self.sd, regional), spread(self.tau, regional)
        return 2 * sd**2 * tau / (1 + (omega * tau) ** 2)

    def start(self, normal: Float[Array, "ports nodes"]) -> Float[Array, "ports nodes"]:
        return spread(self.sd, 1) * normal

    def advance(
        self, state: Float[Array, "ports nodes"], normal: Float[Array, "ports nodes"], dt: Scalar
    ) -> Float[Array, "ports nodes"]:
        sd, tau = spread(self.sd, 1), spread(self.tau, 1)
        return jnp.exp(-dt / tau) * state + sd * jnp.sqrt(-jnp.expm1(-2 * dt / tau)) * normal

    def values(
        self,
        before: Float[Array, "ports nodes"],
        after: Float[Array, "ports nodes"],
        normal: Float[Array, "ports nodes"],
        dt: Scalar,
    ) -> tuple[Float[Array, "ports nodes"], Float[Array, "ports nodes"]]:
        return before, after
