"""The exact route: spectra and connectivity from linear theory about the fixed point, without simulating.

Fixed point, linearisation and the count of unstable modes are shared by all losses of an evaluation.
"""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Int, Pairwise, PRNGKeyArray, Spectrum
from rosetta_jax.inference.curves import Curve
from rosetta_jax.inference.route import CurvePrediction, Model, Prediction, Route
from rosetta_jax.linear import (
    bold_functional_connectivity,
    bold_lagged_correlations,
    bold_spectrum,
    covariance_of,
    rightmost,
)
from rosetta_jax.linear.covariance import correlations
from rosetta_jax.linear.evoked import evoked_by_site, evoked_signal, sample_numbers, step_of
from rosetta_jax.linear.lagged import AtLags
from rosetta_jax.linear.spectrum import (
    Linearisation,
    about_fixed_point,
    cross_density,
    power_density,
)
from rosetta_jax.linear.stability import stability
from rosetta_jax.network import Network, as_network, lifted
from rosetta_jax.observe import LeadField
from rosetta_jax.observe.lagged import by_zero_lag

# So near to the line that it must not cross, as a share of the margin, the barrier goes over into its tangent.
_TOLERANCE = 0.02


class Theory(Route):
    r"""Exact linear response: no noise, no simulated time, stable points only (`rosetta_jax.linear`).

    With a `margin` m (1/s) a fit keeps the rightmost characteristic root left of $-m$, so that all that it finds
    is clear of onset and recovers from a push within a time of $1/m$. To its loss is added

    .. math:: b / d^2, \qquad d = -(\mathrm{Re}\,\lambda_1 + m) / m

    with `barrier` b: what it costs to be at twice the margin, and nearly nothing farther off. Below d = 0.02,
    $1/d$ goes over into its tangent, so that a start with less margin is drawn back rather than refused; only a
    loss that falls by more than $2.5 \times 10^5\,b$ along d is held beyond the line, so give likelihoods of many
    data a larger b. The root costs each step as much as ten spectra or so, whatever the number of
    parameters. Only `rj.fit` knows of the barrier: it is no part of a likelihood or a posterior.
    """

    margin: float | None = eqx.field(default=None, static=True)
    barrier: float = eqx.field(default=1e-5, static=True)

    def __check_init__(self):
        if self.margin is not None:
            _checks.known("margin", self.margin, "1/s")
        _checks.known("barrier", self.barrier)

    def prepared(self, models: Sequence[Model], highest: float | None) -> list[Model]:
        return list(models)

    def predict(self, model: Model, key: PRNGKeyArray) -> Prediction:
        return predict(model)

    def held(self, model: Model) -> Float[Array, " residuals"]:
        """The residual of the barrier, whose square is added to a loss; none without a margin or of a curve."""
        if self.margin is None or isinstance(model, Curve):
            return jnp.zeros(0)
        root = rightmost(as_network(model))
        d = -(root.real + self.margin) / self.margin
        # Either branch stays finite where the other is taken, or its derivative would not be a number.
        inside = 1 / jnp.maximum(d, _TOLERANCE)
        outside = (2 - d / _TOLERANCE) / _TOLERANCE
        size = jnp.where(d >= _TOLERANCE, inside, outside)
        return jnp.sqrt(jnp.asarray(self.barrier, d.dtype)) * size[None]


class NetworkPrediction(Prediction):
    """A network by exact linear theory about its fixed point."""

    def __init__(self, network: Network):
        # Its loops stay apart from its links until here: what regions have of their own is cheap to move.
        self._linearisation = about_fixed_point(network)
        self._network = self._linearisation.network

    @property
    def status(self) -> Int[Array, ""]:
        return stability(self._linearisation.network, self._linearisation.point).status

    def spectrum(self, frequencies: Float[Array, " frequencies"]) -> Spectrum:
        return 2 * power_density(self._linearisation, 2 * jnp.pi * frequencies)

    def connectivity(self, band: tuple[float, float] | None) -> Pairwise:
        return correlations(covariance_of(self._linearisation, band))

    def lagged(
        self, lags: tuple[float, ...], band: tuple[float, float] | None
    ) -> Float[Array, "lags nodes nodes"]:
        return by_zero_lag(AtLags((0.0, *lags))(self._linearisation, band))

    def bold(self) -> Prediction:
        return BoldPrediction(self._network, self)

    def evoked(self, times: np.ndarray, low_pass: float | None) -> Float[Array, "time nodes"]:
        dt, point = step_of(times), self._linearisation.point
        number = sample_numbers(times, dt)
        return evoked_signal(self._network, point, number, dt, settle=1.0, low_pass=low_pass)

    def evoked_by_site(
        self, times: np.ndarray, low_pass: float | None
    ) -> Float[Array, "time sensors nodes"]:
        weights = self._network.connectome.weights
        return self.evoked_by_site_at(jnp.eye(len(weights), dtype=weights.dtype), times, low_pass)

    def evoked_by_site_at(
        self, matrix: Float[Array, "sensors nodes"], times: np.ndarray, low_pass: float | None
    ) -> Float[Array, "time sensors nodes"]:
        """The same as sensors of a lead field's `matrix` record it, without all regions on the way."""
        dt, point = step_of(times), self._linearisation.point
        number = sample_numbers(times, dt)
        return evoked_by_site(self._network, point, number, dt, 1.0, low_pass, matrix)

    def dynamics(self, window: float, step: float | None, bins: int) -> Float[Array, " bins"]:
        raise ValueError(
            "theory gives mean connectivity, not its dynamics in windows: fit with route=rj.Simulated(duration), "
            "from what a fit of connectivity by theory found."
        )

    def sensors(self, lead_field: LeadField) -> Prediction:
        return SensorPrediction(self, self._linearisation, lead_field)


class SensorPrediction(Prediction):
    """What sensors record of a network, by exact linear theory."""

    def __init__(self, of: NetworkPrediction, linearisation: Linearisation, lead_field: LeadField):
        self._of, self._linearisation, self._lead_field = of, linearisation, lead_field

    @property
    def status(self) -> Int[Array, ""]:
        return self._of.status

    def spectrum(self, frequencies: Float[Array, " frequencies"]) -> Spectrum:
        density = 2 * cross_density(self._linearisation, 2 * jnp.pi * frequencies)
        return self._lead_field.power(density)

    def connectivity(self, band: tuple[float, float] | None) -> Pairwise:
        matrix = self._lead_field.matrix
        return correlations(matrix @ covariance_of(self._linearisation, band) @ matrix.T)

    def lagged(
        self, lags: tuple[float, ...], band: tuple[float, float] | None
    ) -> Float[Array, "lags nodes nodes"]:
        found, matrix = AtLags((0.0, *lags))(self._linearisation, band), self._lead_field.matrix
        return by_zero_lag(jnp.einsum("si,lij,rj->lsr", matrix, found, matrix))

    def evoked(self, times: np.ndarray, low_pass: float | None) -> Float[Array, "time nodes"]:
        return self._lead_field.sensors(self._of.evoked(times, low_pass))

    def evoked_by_site(
        self, times: np.ndarray, low_pass: float | None
    ) -> Float[Array, "time sensors nodes"]:
        return self._of.evoked_by_site_at(self._lead_field.matrix, times, low_pass)

    def dynamics(self, window: float, step: float | None, bins: int) -> Float[Array, " bins"]:
        return self._of.dynamics(window, step, bins)

    def bold(self) -> Prediction:
        raise ValueError("BOLD is not seen through a lead field: give that loss without AtSensors.")

    def sensors(self, lead_field: LeadField) -> Prediction:
        raise ValueError("AtSensors within AtSensors: give one lead field.")


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

    def lagged(
        self, lags: tuple[float, ...], band: tuple[float, float] | None
    ) -> Float[Array, "lags nodes nodes"]:
        return bold_lagged_correlations(self._network, lags, band=band, check=False).matrix

    def bold(self) -> Prediction:
        return self

    def evoked(self, times: np.ndarray, low_pass: float | None) -> Float[Array, "time nodes"]:
        return self._of.evoked(times, low_pass)

    def evoked_by_site(
        self, times: np.ndarray, low_pass: float | None
    ) -> Float[Array, "time sensors nodes"]:
        return self._of.evoked_by_site(times, low_pass)

    def dynamics(self, window: float, step: float | None, bins: int) -> Float[Array, " bins"]:
        return self._of.dynamics(window, step, bins)

    def sensors(self, lead_field: LeadField) -> Prediction:
        raise ValueError("BOLD is not seen through a lead field: give that loss without AtSensors.")


def predict(model: Model) -> Prediction:
    """The exact prediction of a network, a bare rung or a curve."""
    if isinstance(model, Curve):
        return CurvePrediction(model)
    return NetworkPrediction(lifted(model))
