r"""Spectra, coherence and the connectivity of a band from blocks of a series.

Welch's estimate is a mean over segments, $\hat P = \frac{1}{K} \sum_s \hat P_s$, and $\hat P_s$ is the off-line
estimate of the rows of that segment alone. So each estimate here is the mean of off-line ones, made as soon as a
segment is full (`rosetta_jax.observe.streaming.segments`).

**Cost:** one transform a segment, however short the blocks. **Memory:** a segment, two steps from segment to
segment, and one result. A reverse gradient stores the rows at every block of its scan: where blocks have about as
many rows as two segments it stores about the series, where they are shorter, more.

Samples after the last whole segment are not used. A node with a sample that is not finite has a result that is
not, and spares the others.

Source: Welch 1967, IEEE Trans. Audio Electroacoustics 15:70.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, CrossSpectrum, Float, Pairwise, Spectrum
from rosetta_jax.observe.connectivity import WELCH, band_bins, band_covariance, normalised
from rosetta_jax.observe.spectrum import (
    Coherence,
    CrossPowerSpectrum,
    Cut,
    PowerSpectrum,
    coherent,
    cross_spectrum,
    cut_series,
    power_spectrum,
    require_averages,
)
from rosetta_jax.observe.streaming.segments import SegmentMean


def _seconds(value: Any) -> float:
    return _checks.known("segment", value, "s")


def _hertz(value: Any) -> Array | None:
    return None if value is None else _checks.as_float_array(value, "frequencies")


def _band(value: Any) -> tuple[float, float]:
    _checks.require_known("band", value, "chooses bins")
    return _checks.band("band", value)


class _Welch(SegmentMean):
    """The options that Welch's estimates have in common."""

    segment: float = eqx.field(default=2.0, static=True, converter=_seconds)
    overlap: float = eqx.field(default=0.5, static=True)
    window: str = eqx.field(default="hann", static=True)
    detrend: str = eqx.field(default="constant", static=True)

    def _cut(self, samples: int, dt: float) -> Cut:
        return cut_series(samples, dt, self.segment, self.overlap, self.window, self.detrend)

    def _crossed(self, rows: Float[Array, "samples nodes"], cut: Cut) -> CrossSpectrum:
        crossed = cross_spectrum(
            rows, cut.dt, segment=self.segment, window=self.window, detrend=self.detrend
        )
        return crossed.density


class WelchSpectrum(_Welch):
    r"""Welch's one-sided power spectral density of each node.

    $P_i(f_k) = \frac{c_k\,dt}{K \sum_n w_n^2} \sum_{s=1}^{K} |X_{s,i}(f_k)|^2$, of which all symbols, options
    and defaults are those of `power_spectrum`, `segment` in seconds and `frequencies` in Hz, which may be traced.

    **Result:** a `PowerSpectrum`, its density in squared units of the series per Hz. **Raises:** `ValueError` as
    `power_spectrum`, when it begins.
    """

    frequencies: Array | None = eqx.field(default=None, converter=_hertz)

    def cut(self, samples: int, dt: float) -> Cut:
        return self._cut(samples, dt)

    def estimate(self, rows: Float[Array, "samples nodes"], cut: Cut) -> Spectrum:
        estimated = power_spectrum(
            rows,
            cut.dt,
            segment=self.segment,
            window=self.window,
            detrend=self.detrend,
            frequencies=self.frequencies,
        )
        return estimated.density

    def result(self, mean: Spectrum, cut: Cut) -> PowerSpectrum:
        asked = self.frequencies
        return PowerSpectrum(_bins(cut, mean.dtype) if asked is None else asked, mean)


class WelchCrossSpectrum(_Welch):
    """Welch's one-sided cross spectral density of each pair, `S_ij = E[x_i conj(x_j)]`.

    Equation, options and their defaults are those of `cross_spectrum`, `segment` in seconds.

    **Result:** a `CrossPowerSpectrum`. One such result is held in memory, `16 nodes**2` bytes a frequency in
    float64. **Raises:** `ValueError` as `cross_spectrum`, when it begins.
    """

    def cut(self, samples: int, dt: float) -> Cut:
        return self._cut(samples, dt)

    def estimate(self, rows: Float[Array, "samples nodes"], cut: Cut) -> CrossSpectrum:
        return self._crossed(rows, cut)

    def result(self, mean: CrossSpectrum, cut: Cut) -> CrossPowerSpectrum:
        return CrossPowerSpectrum(_bins(cut, mean.real.dtype), mean)


class WelchCoherence(_Welch):
    """Magnitude-squared coherence `|S_ij|**2 / (S_ii S_jj)` of Welch's cross spectra.

    Equation, options and their defaults are those of `coherence`, `segment` in seconds. NaN where a density is
    exactly zero.

    **Result:** a `Coherence`; memory is that of `WelchCrossSpectrum`. **Raises:** `ValueError` as `coherence`,
    when it begins.
    """

    def cut(self, samples: int, dt: float) -> Cut:
        return require_averages(self._cut(samples, dt))

    def estimate(self, rows: Float[Array, "samples nodes"], cut: Cut) -> CrossSpectrum:
        return self._crossed(rows, cut)

    def result(self, mean: CrossSpectrum, cut: Cut) -> Coherence:
        return coherent(CrossPowerSpectrum(_bins(cut, mean.real.dtype), mean))


class BandCorrelation(SegmentMean):
    """Correlation of what lies in a `band` (low, high) in Hz, from segments of `segment` seconds.

    The real part of Welch's cross spectrum summed over the bins within the band, normalised: what
    `functional_connectivity` gives with the same `band` and `segment`.

    **Result:** (nodes, nodes), dimensionless, of which one is held in memory. **Raises:** `ValueError` as
    `functional_connectivity`, when it is made or begins.
    """

    band: tuple[float, float] = eqx.field(static=True, converter=_band)
    segment: float = eqx.field(default=2.0, static=True, converter=_seconds)

    def cut(self, samples: int, dt: float) -> Cut:
        return cut_series(samples, dt, self.segment, *WELCH)

    def estimate(self, rows: Float[Array, "samples nodes"], cut: Cut) -> Pairwise:
        return band_covariance(rows, cut, band_bins(self.band, cut))

    def result(self, mean: Pairwise, cut: Cut) -> Pairwise:
        return normalised(mean)


def _bins(cut: Cut, dtype: Any) -> Float[Array, " frequencies"]:
    return jnp.asarray(np.fft.rfftfreq(cut.length, cut.dt), dtype)
