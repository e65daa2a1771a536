"""A route from a model to what is measured: what a prediction answers, and who makes one.

There are two, behind the same interface and the same losses: exact theory (`rosetta_jax.inference.theory`)
and simulation (`rosetta_jax.inference.simulated`).
"""

import abc
from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from rosetta_jax._types import Array, Float, Int, Pairwise, PRNGKeyArray, Scalar, Spectrum
from rosetta_jax.inference.curves import Curve
from rosetta_jax.network import Network
from rosetta_jax.observe import LeadField
from rosetta_jax.results import Status
from rosetta_jax.system import Rung

Model = Network | Rung | Curve
# What losses compare with: what an electrode sees, or the haemodynamics of `Network.bold`.
SEEN = ("signal", "bold")


class Prediction(abc.ABC):
    """What losses ask of a model, traced within one evaluation and made once for all of them."""

    @property
    @abc.abstractmethod
    def status(self) -> Int[Array, ""]:
        """Whether the prediction means anything: asked first, so it should cost less than the rest."""

    @abc.abstractmethod
    def spectrum(self, frequencies: Float[Array, " frequencies"]) -> Spectrum:
        """One-sided power density per hertz, (frequencies, nodes), or (frequencies, 1) for all."""

    @abc.abstractmethod
    def connectivity(self, band: tuple[float, float] | None) -> Pairwise:
        """Functional connectivity, (nodes, nodes), of all frequencies or a band (Hz)."""

    @abc.abstractmethod
    def lagged(
        self, lags: tuple[float, ...], band: tuple[float, float] | None
    ) -> Float[Array, "lags nodes nodes"]:
        """Correlations at lags (s), [lag, later, earlier], by the standard deviations at lag zero."""

    @abc.abstractmethod
    def bold(self) -> "Prediction":
        """The same of the BOLD signal, a fraction of that at rest; raises `ValueError` where there is none."""

    @abc.abstractmethod
    def evoked(self, times: np.ndarray, low_pass: float | None) -> Float[Array, "time nodes"]:
        """What drive and field add to the signal at rest at `times` (s); raises `ValueError` without either.

        Above `low_pass` (Hz, None: all frequencies count) nothing was recorded, and theory need not look.
        """

    @abc.abstractmethod
    def evoked_by_site(
        self, times: np.ndarray, low_pass: float | None
    ) -> Float[Array, "time sensors nodes"]:
        """What the drive and field of each region alone evoke; raises `ValueError` where they do not add up."""

    @abc.abstractmethod
    def dynamics(self, window: float, step: float | None, bins: int) -> Float[Array, " bins"]:
        """The cumulative share of functional connectivity dynamics over `bins` bins of [-1, 1], smooth.

        Windows of `window` seconds every `step` seconds; raises `ValueError` where there is no series.
        """

    @abc.abstractmethod
    def sensors(self, lead_field: LeadField) -> "Prediction":
        """The same of what sensors record of the signal."""

    def seen(self, of: str) -> "Prediction":
        """What a loss compares: the prediction of the "signal" as it is, or of the "bold" signal."""
        return self.bold() if of == "bold" else self


class Route(eqx.Module):
    """How predictions are made."""

    @abc.abstractmethod
    def prepared(self, models: Sequence[Model], highest: float | None) -> list[Model]:
        """The models with what must be known before tracing, for losses up to `highest` Hz.

        Raises `ValueError` where the route cannot predict what is asked.
        """

    @abc.abstractmethod
    def predict(self, model: Model, key: PRNGKeyArray) -> Prediction:
        """The prediction of a model; the same for the same key."""

    def growth(self, model: Model, key: PRNGKeyArray) -> Scalar | None:
        """By how many factors of e the gradient of a prediction grows, or None where it does not march."""
        return None


class CurvePrediction(Prediction):
    """A curve without a brain: the same by every route."""

    def __init__(self, curve: Curve):
        self._curve = curve

    @property
    def status(self) -> Int[Array, ""]:
        return jnp.int32(Status.ok)

    def spectrum(self, frequencies: Float[Array, " frequencies"]) -> Spectrum:
        return self._curve.spectrum(frequencies)

    def connectivity(self, band: tuple[float, float] | None) -> Pairwise:
        raise ValueError("a curve without a brain predicts no connectivity: leave that loss out.")

    def lagged(
        self, lags: tuple[float, ...], band: tuple[float, float] | None
    ) -> Float[Array, "lags nodes nodes"]:
        return self.connectivity(band)[None]

    def bold(self) -> Prediction:
        raise ValueError("a curve without a brain has no BOLD signal: compare it with the signal.")

    def evoked(self, times: np.ndarray, low_pass: float | None) -> Float[Array, "time nodes"]:
        raise ValueError("a curve without a brain answers no stimulus: leave that loss out.")

    def evoked_by_site(
        self, times: np.ndarray, low_pass: float | None
    ) -> Float[Array, "time sensors nodes"]:
        return self.evoked(times, low_pass)[:, :, None]

    def dynamics(self, window: float, step: float | None, bins: int) -> Float[Array, " bins"]:
        raise ValueError("a curve without a brain has no connectivity: leave that loss out.")

    def sensors(self, lead_field: LeadField) -> Prediction:
        raise ValueError(
            "a curve without a brain has no regions to see through a lead field: compare it with the sensors' "
            "spectra as they are, without AtSensors."
        )
