"""Spectra without a brain: what any model must be read against.

Each is one curve for all regions, with as few numbers as stated, or one a region where its parameters
vary by region; its overall level is free wherever a loss compares shapes.
"""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax._types import Array, Float, Parameter, Spectrum
from rosetta_jax.parameters import check_parameters, get, parameter, paths
from rosetta_jax.priors import FreeParameter, LogNormal, NonNegative, Normal, Positive, Uniform


class Curve(eqx.Module):
    """A power density of frequency, the same in every region, or one for each of `nodes` regions."""

    nodes: int | None = eqx.field(default=None, static=True, kw_only=True)

    def __check_init__(self):
        check_parameters(self)
        for path in paths(self):
            value = get(self, path)
            if value.shape not in ((), (self.nodes,)):
                raise ValueError(
                    f"`{path}` has shape {value.shape}, but the curve has nodes={self.nodes}: give one "
                    "number, or one a region with nodes set to match."
                )

    @abc.abstractmethod
    def density(self, frequencies: Float[Array, " frequencies"]) -> Float[Array, " frequencies"]:
        """Power per hertz at frequencies (Hz), up to a factor."""

    def spectrum(self, frequencies: Float[Array, " frequencies"]) -> Spectrum:
        """The density of each region, (frequencies, nodes), or (frequencies, 1) where all are the same."""
        if self.nodes is None:
            return self.density(frequencies)[:, None]
        by_region = jax.tree.map(lambda value: jnp.broadcast_to(value, (self.nodes,)), self)
        return jax.vmap(lambda curve: curve.density(frequencies), out_axes=1)(by_region)

    @staticmethod
    @abc.abstractmethod
    def free() -> dict[str, FreeParameter]:
        """Its free numbers with their priors."""


class PowerLaw(Curve):
    r"""$f^{-k}$: one number."""

    exponent: Parameter = parameter(1.0, unit="", symbol="k", description="fall with frequency")

    def density(self, frequencies: Float[Array, " frequencies"]) -> Float[Array, " frequencies"]:
        return frequencies**-self.exponent

    @staticmethod
    def free() -> dict[str, FreeParameter]:
        return {"exponent": Normal(1.0, 1.0)}


class PowerLawAndGaussian(Curve):
    r"""$10 \lg P = -10 k \lg f + h e^{-(f-f_1)^2/2 w^2}$: four numbers, five with the level."""

    exponent: Parameter = parameter(1.0, unit="", symbol="k", description="fall with frequency")
    height: Parameter = parameter(10.0, unit="dB", symbol="h", description="height of the peak")
    peak: Parameter = parameter(
        10.0, unit="Hz", symbol="f1", description="frequency of the peak", support=Positive()
    )
    width: Parameter = parameter(
        2.0, unit="Hz", symbol="w", description="width of the peak", support=Positive()
    )

    def density(self, frequencies: Float[Array, " frequencies"]) -> Float[Array, " frequencies"]:
        bump = self.height * jnp.exp(-(((frequencies - self.peak) / self.width) ** 2) / 2)
        return frequencies**-self.exponent * 10 ** (bump / 10)

    @staticmethod
    def free() -> dict[str, FreeParameter]:
        return {
            "exponent": Normal(1.0, 1.0),
            "height": LogNormal(10.0, 0.7),
            "peak": Uniform(5.0, 15.0),
            "width": LogNormal(2.0, 0.7),
        }


class TwoLorentzians(Curve):
    r"""$f^{-k} + \sum_{i} h_i / (1 + (f - f_i)^2/w_i^2)$: seven numbers."""

    exponent: Parameter = parameter(1.0, unit="", symbol="k", description="fall with frequency")
    first_height: Parameter = parameter(
        0.5, unit="", symbol="h1", description="height of peak 1", support=NonNegative()
    )
    first_peak: Parameter = parameter(
        10.0, unit="Hz", symbol="f1", description="frequency of peak 1", support=Positive()
    )
    first_width: Parameter = parameter(
        2.0, unit="Hz", symbol="w1", description="half width of peak 1", support=Positive()
    )
    second_height: Parameter = parameter(
        0.05, unit="", symbol="h2", description="height of peak 2", support=NonNegative()
    )
    second_peak: Parameter = parameter(
        20.0, unit="Hz", symbol="f2", description="frequency of peak 2", support=Positive()
    )
    second_width: Parameter = parameter(
        5.0, unit="Hz", symbol="w2", description="half width of peak 2", support=Positive()
    )

    def density(self, frequencies: Float[Array, " frequencies"]) -> Float[Array, " frequencies"]:
        def peak(height: Array, centre: Array, width: Array) -> Array:
            return height / (1 + ((frequencies - centre) / width) ** 2)

        return (
            frequencies**-self.exponent
            + peak(self.first_height, self.first_peak, self.first_width)
            + peak(self.second_height, self.second_peak, self.second_width)
        )

    @staticmethod
    def free() -> dict[str, FreeParameter]:
        return {
            "exponent": Normal(1.0, 1.0),
            "first_height": LogNormal(0.5, 2.0),
            "first_peak": Uniform(5.0, 15.0),
            "first_width": LogNormal(2.0, 0.7),
            "second_height": LogNormal(0.05, 2.0),
            "second_peak": Uniform(12.0, 40.0),
            "second_width": LogNormal(5.0, 0.7),
        }
