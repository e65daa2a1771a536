r"""Losses that are statistics: twice the negative log likelihood, up to what does not depend on the model.

Their sum of squares is a deviance, zero where the prediction is what was measured, so that half of it and half of
$u^2$ of a prior (`prior_weight=1`) make a posterior, and differences of it are likelihood ratios.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from scipy.optimize import brentq
from scipy.special import polygamma

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Pairwise, Scalar, Spectrum
from rosetta_jax.inference.losses import (
    Loss,
    as_curve,
    checked_spectra,
    predicted_connectivity,
    predicted_spectrum,
    require_correlations,
    require_square,
    share_of,
)
from rosetta_jax.inference.route import SEEN, Prediction

LEVELS = ("given", "each", "shared")
# Where a ratio is so near 1 its deviance is taken from the series about it: rounding would make it negative.
_NEAR = 1e-4


class WhittleLoss(Loss):
    r"""Measured power as an average of independent periodograms, by Whittle's likelihood.

    An estimate with $\nu$ degrees of freedom (two a segment and taper) is $P \sim S\chi^2_\nu/\nu$, so that with
    $x = P/cS$

    .. math:: -2\ln L = \nu \sum_{f,i} (x - 1 - \ln x) + \text{const}

    `frequencies` (F,) Hz, `measured` (F, nodes), power per hertz; `degrees` $\nu$, a number or (F,) or (F,
    nodes). The factor c is 1 with `level="given"`; with "each" it is the best of each region, $c_i = \sum_f \nu
    P/S / \sum_f\nu$, since a recording rarely knows its gain; with "shared" the best of all. `curve` (F,), dB, is
    added to the prediction: what instruments and processing do to all regions alike. `regions` and `of` as in
    `SpectrumLoss`: those that count. Independent bins are assumed; where they overlap, less than two degrees a
    segment are left (`degrees_of_freedom` estimates them). Raises `ValueError` for shapes that differ and values
    not above zero.

    Source: Whittle 1953; Brillinger, Time Series, chapter 5.
    """

    frequencies: Float[Array, " frequencies"]
    measured: Spectrum
    degrees: Float[Array, "*shape"]
    curve: Float[Array, " frequencies"]
    counted: Float[Array, " nodes"]
    level: str = eqx.field(static=True)
    of: str = eqx.field(static=True)

    def __init__(
        self,
        frequencies: Any,
        measured: Any,
        degrees: Any,
        level: str = "each",
        curve: Any = None,
        regions: Any = None,
        of: str = "signal",
    ):
        self.frequencies, self.measured = checked_spectra(frequencies, measured)
        degrees = _checks.positive("degrees", _checks.as_float_array(degrees, "degrees"))
        bins, nodes = self.measured.shape
        if degrees.shape == (bins,):
            degrees = degrees[:, None]
        elif degrees.shape not in ((), (bins, nodes)):
            raise ValueError(
                f"`degrees` must be one number, ({bins},) or ({bins}, {nodes}), got shape {degrees.shape}."
            )
        self.degrees = jnp.broadcast_to(degrees, self.measured.shape)
        self.level = _checks.one_of("level", level, LEVELS)
        self.of = _checks.one_of("of", of, SEEN)
        self.curve = as_curve(curve, bins)
        self.counted = jnp.asarray(share_of(regions, nodes) > 0, self.measured.dtype)

    @property
    def highest(self) -> float | None:
        return float(np.asarray(self.frequencies).max())

    def residual(self, prediction: Prediction) -> Float[Array, " residuals"]:
        return self.residual_of(predicted_spectrum(self, prediction))

    def residual_of(self, predicted: Spectrum) -> Float[Array, " residuals"]:
        """The residuals of a spectrum that is known."""
        ratio = self.measured / predicted
        weights = self.degrees * self.counted[None, :]
        if self.level != "given":
            axis = 0 if self.level == "each" else None
            total = jnp.sum(weights, axis=axis, keepdims=True)
            mean = jnp.sum(weights * ratio, axis=axis, keepdims=True) / jnp.where(
                total > 0, total, 1.0
            )
            ratio = ratio / jnp.where(mean > 0, mean, 1.0)
        return (jnp.sqrt(weights) * root_deviance(ratio)).reshape(-1)


def root_deviance(ratio: Array) -> Array:
    r"""$\mathrm{sign}(x - 1)\sqrt{x - 1 - \ln x}$, smooth at $x = 1$."""
    near = jnp.abs(ratio - 1) < _NEAR
    apart = jnp.where(near, 2.0, ratio)
    far = jnp.sign(apart - 1) * jnp.sqrt(apart - 1 - jnp.log(apart))
    close = (ratio - 1) / jnp.sqrt(2.0) * (1 - (ratio - 1) / 3)
    return jnp.where(near, close, far)


def degrees_of_freedom(measured: Any) -> float:
    r"""How many degrees of freedom spectra have, from their scatter between neighbouring bins.

    `measured` (F, nodes), power per hertz on even bins. The logarithm of a $\chi^2_\nu$ variable has variance
    $\psi'(\nu/2)$; second differences over bins, which a smooth spectrum leaves small, have six times that of
    independent bins. Real spectra are not smooth to that order, so this is a lower bound; bins that overlap
    raise it. Raises `ValueError` for fewer than five bins.
    """
    measured = np.asarray(_checks.positive("measured", _checks.as_float_array(measured)))
    if measured.ndim != 2 or measured.shape[0] < 5:
        raise ValueError(f"`measured` must be (5 bins or more, nodes), got {measured.shape}.")
    second = np.diff(np.log(measured), 2, axis=0)
    variance = float(np.mean(second**2)) / 6
    ends = np.log(1e-3), np.log(1e7)
    found = brentq(lambda log: float(np.log(polygamma(1, np.exp(log) / 2) / variance)), *ends)
    return float(np.exp(np.asarray(found)))


class FisherLoss(Loss):
    r"""Functional connectivity by Fisher's z with its sampling variance: $\sqrt{n - 3}\,(z_{pred} - z_{meas})$.

    `measured` (nodes, nodes) correlations; `samples` n, how many independent ones they were made of: of a series
    with memory fewer than its length (`effective_samples`). Pairs count as independent, which flatters the
    certainty of what moves many at once. `band` (Hz) or None for all frequencies; `of` the "signal" or the "bold"
    signal. Raises `ValueError` as `rj.ConnectivityLoss`, and for fewer than four samples.

    Source: Fisher 1921.
    """

    measured: Pairwise
    samples: Scalar
    band: tuple[float, float] | None = eqx.field(static=True)
    of: str = eqx.field(static=True)

    def __init__(
        self,
        measured: Any,
        samples: Any,
        band: tuple[float, float] | None = None,
        of: str = "signal",
    ):
        self.measured = require_square("measured", measured)
        require_correlations(self.measured)
        self.samples = _checks.as_float_array(samples, "samples")
        if _checks.is_concrete(self.samples) and not float(self.samples) > 3:
            raise ValueError(f"`samples` must be above 3, got {float(self.samples):g}.")
        self.band = None if band is None else _checks.band("band", band)
        self.of = _checks.one_of("of", of, SEEN)

    @property
    def highest(self) -> float | None:
        return None if self.band is None else self.band[1]

    def residual(self, prediction: Prediction) -> Float[Array, " residuals"]:
        return self.residual_of(predicted_connectivity(self, prediction))

    def residual_of(self, predicted: Pairwise) -> Float[Array, " residuals"]:
        """The residuals of a matrix that is known."""
        rows, columns = jnp.triu_indices(self.measured.shape[0], 1)
        difference = jnp.arctanh(predicted[rows, columns]) - jnp.arctanh(
            self.measured[rows, columns]
        )
        return jnp.sqrt(self.samples - 3) * difference


class WishartLoss(Loss):
    r"""Functional connectivity as a whole matrix, by the Wishart likelihood of its n independent samples.

    .. math:: -2\ln L = n\,[\mathrm{tr}(R^{-1}\hat R) - \ln\det(R^{-1}\hat R) - N]

    of the predicted correlations R and the measured ones $\hat R$ (nodes, nodes), which need more samples than
    regions. One residual, its root: take `rj.GradientDescent`, since Levenberg-Marquardt needs many.
    Raises `ValueError` where `measured` is not positive definite or `samples` are too few.
    """

    measured: Pairwise
    samples: Scalar
    log_determinant: Scalar
    band: tuple[float, float] | None = eqx.field(static=True)
    of: str = eqx.field(static=True)

    def __init__(
        self,
        measured: Any,
        samples: Any,
        band: tuple[float, float] | None = None,
        of: str = "signal",
    ):
        self.measured = require_square("measured", measured)
        require_correlations(self.measured)
        self.samples = _checks.as_float_array(samples, "samples")
        nodes = self.measured.shape[0]
        if _checks.is_concrete((self.measured, self.samples)):
            if float(self.samples) <= nodes:
                raise ValueError(
                    f"`samples` must be above the {nodes} regions, got {float(self.samples):g}: take rj.inference."
                    "FisherLoss, pair by pair."
                )
            lowest = float(np.linalg.eigvalsh(np.asarray(self.measured)).min())
            if lowest <= 0:
                raise ValueError(
                    f"`measured` has an eigenvalue of {lowest:.3g}: correlations of {nodes} regions from too few "
                    "samples, or changed since; take rj.inference.FisherLoss."
                )
        self.log_determinant = jnp.linalg.slogdet(self.measured)[1]
        self.band = None if band is None else _checks.band("band", band)
        self.of = _checks.one_of("of", of, SEEN)

    @property
    def highest(self) -> float | None:
        return None if self.band is None else self.band[1]

    def residual(self, prediction: Prediction) -> Float[Array, " residuals"]:
        predicted = predicted_connectivity(self, prediction)
        nodes = predicted.shape[0]
        _, determinant = jnp.linalg.slogdet(predicted)
        trace = jnp.trace(jnp.linalg.solve(predicted, self.measured))
        deviance = self.samples * (trace + determinant - self.log_determinant - nodes)
        # The root of a rounding error has no use, and no slope.
        floor = self.samples * jnp.finfo(deviance.dtype).eps * nodes**2
        return jnp.sqrt(jnp.maximum(deviance, floor))[None]


def effective_samples(series: Any) -> float:
    r"""How many independent samples the correlations of a series are made of (Bartlett 1946).

    `series` (time, nodes). Of two series with autocorrelations $\rho_i, \rho_j$ the correlation has the variance
    of $n / (1 + 2\sum_k \rho_i(k)\rho_j(k))$ independent samples; here with the square of the mean
    autocorrelation, up to where it first falls below two standard errors.
    """
    series = np.asarray(_checks.finite("series", _checks.as_float_array(series, "series")), float)
    if series.ndim != 2 or series.shape[0] < 8:
        raise ValueError(f"`series` must be (8 samples or more, nodes), got {series.shape}.")
    length = series.shape[0]
    centred = series - series.mean(axis=0)
    size = 2 ** int(np.ceil(np.log2(2 * length)))
    power = np.abs(np.fft.rfft(centred, size, axis=0)) ** 2
    covariance = np.fft.irfft(power, size, axis=0)[:length]
    mean = (covariance / covariance[:1]).mean(axis=1)
    small = np.flatnonzero(mean < 2 / np.sqrt(length))
    last = int(small[0]) if small.size else length
    return float(length / (1 + 2 * np.sum(mean[1:last] ** 2)))
