"""The exact route: spectra and connectivity from linear theory about the fixed point, without simulating.

Fixed point, linearisation and the count of unstable modes are shared by all losses of an evaluation.
"""

from collections.abc import Sequence

import jax.numpy as jnp

from rosetta_jax._types import Array, Float, Int, Pairwise, PRNGKeyArray, Spectrum
from rosetta_jax.inference.curves import Curve
from rosetta_jax.inference.route import CurvePrediction, Model, Prediction, Route
from rosetta_jax.linear import bold_functional_connectivity, bold_spectrum, covariance_of
from rosetta_jax.linear.spectrum import about_fixed_point, power_density
from rosetta_jax.linear.stability import stability
from rosetta_jax.network import Network, as_network


class Theory(Route):
    """Exact linear response: no noise, no simulated time, stable points only (`rosetta_jax.linear`)."""

    def prepared(self, models: Sequence[Model], highest: float | None) -> list[Model]:
        return list(models)

    def predict(self, model: Model, key: PRNGKeyArray) -> Prediction:
        return predict(model)


class NetworkPrediction(Prediction):
    """A network by exact linear theory about its fixed point."""

    def __init__(self, network: Network):
        self._network, self._linearisation = network, about_fixed_point(network)

    @property
    def status(self) -> Int[Array, ""]:
        return stability(self._linearisation.network, self._linearisation.point).status

    def spectrum(self, frequencies: Float[Array, " frequencies"]) -> Spectrum:
        return 2 * power_density(self._linearisation, 2 * jnp.pi * frequencies)

    def connectivity(self, band: tuple[float, float] | None) -> Pairwise:
        matrix = covariance_of(self._linearisation, band)
        scale = jnp.sqrt(jnp.diagonal(matrix))
        return matrix / (scale[:, None] * scale[None, :])

    def bold(self) -> Prediction:
        return BoldPrediction(self._network, self)


class BoldPrediction(Prediction):
    """The BOLD signal of a network by exact linear theory; stability is that of the network."""

    def __init__(self, network: Network, of: NetworkPrediction):
        network.vessels()
        self._network, self._of = network, of

    @property
    def status(self) -> Int[Array, ""]:
        return self._of.status

    def spectrum(self, frequencies: Float[Array, " frequencies"]) -> Spectrum:
        return bold_spectrum(self._network, frequencies, check=False).density

    def connectivity(self, band: tuple[float, float] | None) -> Pairwise:
        return bold_functional_connectivity(self._network, band=band, check=False).matrix

    def bold(self) -> Prediction:
        return self


def predict(model: Model) -> Prediction:
    """The exact prediction of a network, a bare rung or a curve."""
    if isinstance(model, Curve):
        return CurvePrediction(model)
    return NetworkPrediction(as_network(model))
