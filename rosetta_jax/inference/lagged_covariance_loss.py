r"""Measured against predicted correlations at lags, which tell who drives whom."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Scalar
from rosetta_jax.inference.losses import Loss, require_regions
from rosetta_jax.inference.route import SEEN, Prediction
from rosetta_jax.observe.lagged import as_lags


class LaggedCovarianceLoss(Loss):
    r"""Correlations at lags: the mean squared difference over lags and ordered pairs of regions.

    `lags` (L,) s, of either sign, and `measured` (L, nodes, nodes), the covariance at each lag divided by the
    standard deviations at lag zero (`rj.observe.lagged_correlations`),

    .. math::  r_{ij}(\tau) = E[x_i(t + \tau)\,x_j(t)] / \sigma_i\sigma_j,

    [lag, later, earlier]: where region j drives i, $r_{ij}$ is large at lags above zero. Connectivity without lag
    is symmetric and leaves directions open; one lag of about the memory of the signals, of BOLD one repetition
    time, tells them (lag 0 among the `lags` adds what `rj.ConnectivityLoss` compares). The diagonal, each region's
    own memory, counts. `band` (Hz) or None for all frequencies; `of` the "signal" or the "bold" signal.

    By theory exact, delays included (`rj.linear.lagged_correlations`); by `rj.Simulated` that of samples, whose
    interval must divide the lags. Raises `ValueError` for shapes that differ and values that are no correlations.

    Source: Gilson et al., PLoS Comput. Biol. 12, e1004762 (2016), whose $Q^\tau$ is the transpose.
    """

    measured: Float[Array, "lags nodes nodes"]
    weight: Scalar
    lags: tuple[float, ...] = eqx.field(static=True)
    band: tuple[float, float] | None = eqx.field(static=True)
    of: str = eqx.field(static=True)

    def __init__(
        self,
        lags: Any,
        measured: Any,
        band: tuple[float, float] | None = None,
        weight: Any = 1.0,
        of: str = "signal",
    ):
        self.lags = as_lags(lags)
        self.measured = _as_measured(measured, len(self.lags))
        self.weight = _checks.non_negative("weight", _checks.as_float_array(weight, "weight"))
        self.band = None if band is None else _checks.band("band", band)
        self.of = _checks.one_of("of", of, SEEN)

    @property
    def highest(self) -> float | None:
        return None if self.band is None else self.band[1]

    def residual(self, prediction: Prediction) -> Float[Array, " residuals"]:
        predicted = prediction.seen(self.of).lagged(self.lags, self.band)
        require_regions(self.measured.shape[1], predicted.shape[1])
        difference = (predicted - self.measured).reshape(-1)
        return jnp.sqrt(self.weight / difference.shape[0]) * difference


def _as_measured(measured: Any, lags: int) -> Float[Array, "lags nodes nodes"]:
    measured = _checks.finite("measured", _checks.as_float_array(measured, "measured"))
    if measured.ndim == 2 and lags == 1:
        measured = measured[None]
    if measured.ndim != 3 or measured.shape[0] != lags or measured.shape[1] != measured.shape[2]:
        raise ValueError(
            f"`measured` must be ({lags}, nodes, nodes), a matrix a lag, got {measured.shape}."
        )
    if _checks.is_concrete(measured):
        largest = float(np.abs(np.asarray(measured)).max())
        # Estimates that divide by fewer pairs at longer lags may be a little above 1.
        if largest > 1.1:
            raise ValueError(
                f"`measured` must hold correlations between -1 and 1, got {largest:g}: divide covariances by the "
                "standard deviations at lag zero."
            )
    return measured
