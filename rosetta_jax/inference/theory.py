"""What a model predicts: spectra and functional connectivity from exact theory, and a status.

A prediction is made once for all losses of a fit, so that they share the fixed point, the linearisation
and the count of unstable modes.
"""

import abc

import jax.numpy as jnp

from rosetta_jax._types import Array, Float, Int, Pairwise, Spectrum
from rosetta_jax.inference.curves import Curve
from rosetta_jax.linear import covariance_of
from rosetta_jax.linear.spectrum import about_fixed_point, power_density
from rosetta_jax.linear.stability import stability
from rosetta_jax.network import Network, as_network
from rosetta_jax.results import Status
from rosetta_jax.system import Rung


class Prediction(abc.ABC):
    """What losses ask of a model, traced within one evaluation."""

    @property
    @abc.abstractmethod
    def status(self) -> Int[Array, ""]:
        """Whether the prediction means anything."""

    @abc.abstractmethod
    def spectrum(self, frequencies: Float[Array, " frequencies"]) -> Spectrum:
        """One-sided power density per hertz, (frequencies, nodes)."""

    @abc.abstractmethod
    def connectivity(self, band: tuple[float, float] | None) -> Pairwise:
        """Functional connectivity, (nodes, nodes), of all frequencies or a band (Hz)."""


class NetworkPrediction(Prediction):
    """A network by exact linear theory about its fixed point."""

    def __init__(self, network: Network):
        self._linearisation = about_fixed_point(network)

    @property
    def status(self) -> Int[Array, ""]:
        return stability(self._linearisation.network, self._linearisation.point).status

    def spectrum(self, frequencies: Float[Array, " frequencies"]) -> Spectrum:
        return 2 * power_density(self._linearisation, 2 * jnp.pi * frequencies)

    def connectivity(self, band: tuple[float, float] | None) -> Pairwise:
        matrix = covariance_of(self._linearisation, band)
        scale = jnp.sqrt(jnp.diagonal(matrix))
        return matrix / (scale[:, None] * scale[None, :])


class CurvePrediction(Prediction):
    """A curve without a brain: the same spectrum in every region."""

    def __init__(self, curve: Curve):
        self._curve = curve

    @property
    def status(self) -> Int[Array, ""]:
        return jnp.int32(Status.ok)

    def spectrum(self, frequencies: Float[Array, " frequencies"]) -> Spectrum:
        return self._curve.density(frequencies)[:, None]

    def connectivity(self, band: tuple[float, float] | None) -> Pairwise:
        raise ValueError("a curve without a brain predicts no connectivity: leave that loss out.")


def predict(model: Network | Rung | Curve) -> Prediction:
    """The prediction of a network, a bare rung or a curve."""
    if isinstance(model, Curve):
        return CurvePrediction(model)
    return NetworkPrediction(as_network(model))
