r"""Losses: how far a prediction lies from what was measured, as residuals whose squares add up.

A loss that is a sum of squares serves gradient descent and Levenberg-Marquardt alike. Each is scaled so
that its sum of squares is a mean over regions (or pairs of regions), and losses add by their weights.
"""

import abc
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Pairwise, Scalar, Spectrum
from rosetta_jax.inference.measures import in_band
from rosetta_jax.inference.route import SEEN, Prediction

COMPARISONS = ("shape", "level")


class Loss(eqx.Module):
    """The residuals of a prediction."""

    @property
    @abc.abstractmethod
    def highest(self) -> float | None:
        """The highest frequency asked for (Hz), or None where it asks for all at once."""

    @abc.abstractmethod
    def residual(self, prediction: Prediction) -> Float[Array, " residuals"]:
        """A vector whose sum of squares is the loss."""


def decibel(density: Array) -> Array:
    r"""$10 \lg P$ of a power density."""
    return 10 * jnp.log10(density)


class SpectrumLoss(Loss):
    r"""Measured against predicted power spectra, in decibel.

    `frequencies` (F,) Hz and `measured` (F, nodes), power per hertz, above zero. `compare="shape"`: each region's
    curve in dB is centred and scaled to unit length over the bins, and the loss is $\sum_i (1 - r_i) / N$ with
    the Pearson correlations $r_i$, plus $d^2 \sum_i \ln^2 q_i / N$ with the ratio $q_i$ of fitted to measured
    standard deviation over the bins and `depth` d: level does not count, and depth a little. Without it (d = 0)
    the best correlation is often that of a nearly flat curve. `of="bold"` compares with the BOLD signal of
    `Network.bold`. `compare="level"`: the mean squared difference in units of `sd` (dB). `bands`, pairs of Hz,
    adds the mean squared difference of relative power, the share of a band in the power of all bins, in units of
    `band_sd`: shares are linear in power, so they see the strong, slow bins that decibels count like all others.
    `curve` (F,), dB, is added to the prediction: what instruments and processing do to all regions of a cohort
    alike (`rj.inference.cohort_curve` finds it). `regions`, a list of indices or flags, names those that count,
    by default all; the others can be judged afterwards. Raises `ValueError` where a band holds no bin, shapes
    differ, a value is not above zero, or a region is flat.
    """

    frequencies: Float[Array, " frequencies"]
    measured: Spectrum
    weight: Scalar
    sd: Scalar
    depth: Scalar
    curve: Float[Array, " frequencies"]
    counted: Float[Array, " nodes"]
    inside: Float[Array, "bands frequencies"]
    band_sd: Scalar
    compare: str = eqx.field(static=True)
    of: str = eqx.field(static=True)

    def __init__(
        self,
        frequencies: Any,
        measured: Any,
        compare: str = "shape",
        weight: Any = 1.0,
        sd: Any = 1.0,
        depth: Any = 0.15,
        regions: Any = None,
        bands: Sequence[tuple[float, float]] = (),
        band_sd: Any = 0.1,
        curve: Any = None,
        of: str = "signal",
    ):
        self.frequencies, self.measured = checked_spectra(frequencies, measured)
        self.compare = _checks.one_of("compare", compare, COMPARISONS)
        self.of = _checks.one_of("of", of, SEEN)
        self.curve = as_curve(curve, self.frequencies.shape[0])
        self.weight = _checks.non_negative("weight", _checks.as_float_array(weight, "weight"))
        self.sd = _checks.positive("sd", _checks.as_float_array(sd, "sd"), "dB")
        self.depth = _checks.non_negative("depth", _checks.as_float_array(depth, "depth"))
        within = [_within(self.frequencies, band) for band in bands]
        inside = np.reshape(within, (len(within), self.frequencies.shape[0]))
        self.inside = jnp.asarray(inside, self.measured.dtype)
        self.band_sd = _checks.positive("band_sd", _checks.as_float_array(band_sd, "band_sd"))
        self.counted = jnp.asarray(share_of(regions, self.measured.shape[1]), self.measured.dtype)
        if compare == "shape":
            _require_shape(self.measured)

    @property
    def highest(self) -> float | None:
        return float(np.asarray(self.frequencies).max())

    def residual(self, prediction: Prediction) -> Float[Array, " residuals"]:
        fitted = predicted_spectrum(self, prediction)
        compared = self._shape if self.compare == "shape" else self._level
        parts = [compared(decibel(fitted), decibel(self.measured)), self._shares(fitted)]
        return jnp.sqrt(self.weight) * jnp.concatenate(parts)

    def _shape(self, fitted: Spectrum, measured: Spectrum) -> Float[Array, " residuals"]:
        root = jnp.sqrt(self.counted)[None, :]
        fitted_unit, fitted_length = _unit(fitted)
        measured_unit, measured_length = _unit(measured)
        difference = root * (fitted_unit - measured_unit) / jnp.sqrt(2.0)
        deeper = root * self.depth * jnp.log(fitted_length / measured_length)
        return jnp.concatenate([difference.reshape(-1), deeper.reshape(-1)])

    def _level(self, fitted: Spectrum, measured: Spectrum) -> Float[Array, " residuals"]:
        root = jnp.sqrt(self.counted / fitted.shape[0])[None, :]
        return (root * (fitted - measured) / self.sd).reshape(-1)

    def _shares(self, fitted: Spectrum) -> Float[Array, " residuals"]:
        def share(density: Spectrum) -> Float[Array, "bands nodes"]:
            return (self.inside @ density) / jnp.sum(density, axis=0, keepdims=True)

        root = jnp.sqrt(self.counted / max(self.inside.shape[0], 1))[None, :]
        return (root * (share(fitted) - share(self.measured)) / self.band_sd).reshape(-1)


class ConnectivityLoss(Loss):
    """Measured against predicted functional connectivity, over pairs of regions.

    `measured` (nodes, nodes), symmetric; `band` (Hz) or None for all frequencies; `of="bold"` compares with the
    BOLD signal of `Network.bold`. `compare="level"` takes the mean squared difference; "shape" $1 - r$ with
    Pearson's correlation over pairs, as where the mean of many people has flattened what each of them shows.
    """

    measured: Pairwise
    weight: Scalar
    band: tuple[float, float] | None = eqx.field(static=True)
    of: str = eqx.field(static=True)
    compare: str = eqx.field(static=True)

    def __init__(
        self,
        measured: Any,
        band: tuple[float, float] | None = None,
        weight: Any = 1.0,
        of: str = "signal",
        compare: str = "level",
    ):
        self.measured = require_square("measured", measured)
        require_correlations(self.measured)
        self.weight = _checks.non_negative("weight", _checks.as_float_array(weight, "weight"))
        self.band = None if band is None else _checks.band("band", band)
        self.of = _checks.one_of("of", of, SEEN)
        self.compare = _checks.one_of("compare", compare, COMPARISONS)

    @property
    def highest(self) -> float | None:
        return None if self.band is None else self.band[1]

    def residual(self, prediction: Prediction) -> Float[Array, " residuals"]:
        pairs = jnp.triu_indices(self.measured.shape[0], 1)
        predicted, measured = predicted_connectivity(self, prediction)[pairs], self.measured[pairs]
        if self.compare == "level":
            return jnp.sqrt(self.weight / predicted.shape[0]) * (predicted - measured)
        difference = _unit(predicted[:, None])[0] - _unit(measured[:, None])[0]
        return jnp.sqrt(self.weight / 2) * difference[:, 0]


class SumOfLosses(Loss):
    """Several losses added, each by its own weight."""

    parts: tuple[Loss, ...]

    def __check_init__(self):
        wanted = "a tuple of losses such as (rj.SpectrumLoss(...), rj.ConnectivityLoss(...))"
        _checks.instance("parts", self.parts, tuple, wanted)
        if not self.parts:
            raise ValueError(f"`parts` is empty: give {wanted}.")
        for part in self.parts:
            _checks.instance("parts", part, Loss, wanted)

    @property
    def highest(self) -> float | None:
        return max((part.highest for part in self.parts if part.highest is not None), default=None)

    def residual(self, prediction: Prediction) -> Float[Array, " residuals"]:
        return jnp.concatenate([part.residual(prediction) for part in self.parts])


def predicted_spectrum(loss: Any, prediction: Prediction) -> Spectrum:
    """What a loss of spectra compares: the prediction of all its regions, with its gain curve."""
    fitted = prediction.seen(loss.of).spectrum(loss.frequencies)
    if fitted.shape[1] != 1:
        require_regions(loss.measured.shape[1], fitted.shape[1])
    return jnp.broadcast_to(fitted * 10 ** (loss.curve / 10)[:, None], loss.measured.shape)


def predicted_connectivity(loss: Any, prediction: Prediction) -> Pairwise:
    """What a loss of connectivity compares: the prediction within its band."""
    predicted = prediction.seen(loss.of).connectivity(loss.band)
    require_regions(loss.measured.shape[0], predicted.shape[0])
    return predicted


def _within(frequencies: Array, band: tuple[float, float]) -> np.ndarray:
    """Which bins lie in a band of `bands`: at least one."""
    bins = np.asarray(frequencies)
    inside = in_band(bins, band)
    if not inside.any():
        raise ValueError(
            f"`bands` has {band[0]:g}-{band[1]:g} Hz, which holds no bin of {bins.min():g}-{bins.max():g} Hz: "
            "widen or leave out that band."
        )
    return inside


def checked_spectra(frequencies: Any, measured: Any) -> tuple[Array, Array]:
    """Bins and spectra that agree in shape, all above zero."""
    frequencies = _checks.positive(
        "frequencies", _checks.as_float_array(frequencies, "frequencies"), "Hz"
    )
    if frequencies.ndim != 1:
        raise ValueError(
            f"`frequencies` must be a list of hertz (F,), got shape {frequencies.shape}."
        )
    measured = _checks.as_float_array(measured, "measured")
    bins = frequencies.shape[0]
    if measured.ndim != 2 or measured.shape[0] != bins:
        raise ValueError(
            f"`measured` must have shape ({bins}, nodes), one row a frequency, got {measured.shape}: "
            "transpose it if regions lead."
        )
    return frequencies, _checks.positive("measured", measured, "power per hertz, not decibel")


def as_curve(curve: Any, bins: int) -> Float[Array, " frequencies"]:
    """A gain curve in dB, one number a bin; without one zeros."""
    if curve is None:
        return jnp.zeros(bins)
    curve = _checks.finite("curve", _checks.as_float_array(curve, "curve"))
    if curve.shape != (bins,):
        raise ValueError(f"`curve` must be ({bins},) dB, one number a bin, got {curve.shape}.")
    return curve


def share_of(regions: Any, nodes: int) -> np.ndarray:
    """The weight of each region in a mean over those that count."""
    chosen = np.arange(nodes) if regions is None else np.asarray(regions)
    if chosen.dtype == bool:
        if chosen.shape != (nodes,):
            raise ValueError(f"`regions` must be ({nodes},) flags or indices, got {chosen.shape}.")
        chosen = np.flatnonzero(chosen)
    if chosen.size == 0:
        raise ValueError("`regions` names none: at least one must count.")
    if chosen.ndim != 1 or chosen.dtype.kind not in "iu" or np.unique(chosen).size != chosen.size:
        raise ValueError(f"`regions` must be different indices or flags, got {regions!r}.")
    if chosen.min() < 0 or chosen.max() >= nodes:
        raise ValueError(f"`regions` must lie between 0 and {nodes - 1}, got {chosen.tolist()}.")
    share = np.zeros(nodes)
    share[chosen] = 1 / chosen.size
    return share


def _require_shape(measured: Spectrum) -> None:
    """A shape needs two bins and something that varies over them."""
    if measured.shape[0] < 2:
        raise ValueError("`measured` has 1 bin: at least 2 are needed to compare shapes.")
    if _checks.is_concrete(measured):
        flat = np.flatnonzero(np.ptp(10 * np.log10(measured), axis=0) < 1e-6)
        if flat.size:
            raise ValueError(
                f"`measured` is flat in region {flat[0]}: it has no shape, leave it out or compare='level'."
            )


def require_square(name: str, measured: Any) -> Pairwise:
    """A symmetric matrix of two regions or more."""
    measured = _checks.finite(name, _checks.as_float_array(measured, name))
    if measured.ndim != 2 or measured.shape[0] != measured.shape[1]:
        raise ValueError(f"`{name}` must be (nodes, nodes), got {measured.shape}.")
    if measured.shape[0] < 2:
        raise ValueError(f"`{name}` has 1 region: at least 2 regions are needed for a pair.")
    if _checks.is_concrete(measured) and not np.allclose(measured, measured.T):
        raise ValueError(
            f"`{name}` is not symmetric, as correlations are: take the mean of it and its transpose."
        )
    return measured


def require_correlations(measured: Pairwise) -> None:
    if _checks.is_concrete(measured):
        largest = float(np.abs(np.asarray(measured)).max())
        if largest > 1 + 1e-6:
            raise ValueError(
                f"`measured` must hold correlations between -1 and 1, got {largest:g}: divide a covariance by "
                "its standard deviations, and take the tanh of Fisher's z."
            )


def require_regions(measured: int, predicted: int) -> None:
    if measured != predicted:
        raise ValueError(
            f"`measured` has {measured} regions and the model {predicted}: they must be the same."
        )


def _unit(curves: Spectrum) -> tuple[Spectrum, Float[Array, "1 nodes"]]:
    """Each column centred and of unit length, and what its length was."""
    centred = curves - jnp.mean(curves, axis=0, keepdims=True)
    length = jnp.sqrt(jnp.sum(centred**2, axis=0, keepdims=True))
    return centred / length, length
