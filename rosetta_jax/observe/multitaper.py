r"""Spectra by many tapers: of all windows, those that leak least out of a band that is chosen.

Of all sequences of $N$ samples, the discrete prolate spheroidal ones hold the largest share of their power
within $\pm W$ of zero; there are about $2NW\,dt$ that hold nearly all of it, orthogonal to one another. Each
makes its own periodogram, and those of neighbouring tapers are independent, so one stretch of series is
averaged over:

.. math::  P_i(f_k) = \frac{c_k\,dt}{\sum_m \lambda_m} \sum_m \lambda_m
           \Big|\sum_n v_{m,n}\, x_{i,n}\, e^{-2\pi i f_k n\,dt}\Big|^2,

with $\lambda_m$ the share that taper $m$ holds, $\sum_n v_{m,n}^2 = 1$ and $c_k$ that of `power_spectrum`. What
is learned is the density smeared over the `bandwidth` $2W$, and no finer, whatever the bins.

Tapers that hold less than 0.9 are left out, the others weigh as $\lambda_m$, the trend leaves the series first:
this is what MNE-Python's `psd_array_multitaper` does with `adaptive=False`, `low_bias=True`,
`normalization="full"`.

Source: Thomson 1982, Proc. IEEE 70:1055; Slepian 1978, Bell Syst. Tech. J. 57:1371; Percival & Walden 1993, ch.
7.
"""

import jax
import jax.numpy as jnp
import numpy as np
import scipy.signal.windows
from jax.typing import ArrayLike

from rosetta_jax import _checks
from rosetta_jax._types import Array, Complex, Float
from rosetta_jax.observe.spectrum import (
    CrossPowerSpectrum,
    Cut,
    PowerSpectrum,
    cut_series,
    density_scale,
    tapered_segments,
)

# A taper that holds less of its power within the band leaks.
_LEAST_SHARE = 0.9


def multitaper_spectrum(
    signal: ArrayLike,
    dt: ArrayLike,
    *,
    bandwidth: ArrayLike = 2.0,
    segment: ArrayLike | None = None,
    detrend: str = "constant",
) -> PowerSpectrum:
    """The one-sided power spectral density of each node by many tapers, the equation above.

    **Arguments:** `signal` (time, nodes); `dt` the sampling interval in seconds; `bandwidth` (Hz) the full
    width over which the density is smeared, at least two bins; `segment` (s) cuts the series into pieces that
    do not overlap and averages over them, by default the whole series is one piece; `detrend` what leaves each
    piece first: "constant", "linear" or "none". One taper is held at a time.

    **Returns:** a `PowerSpectrum` at multiples of one over the length of a piece. **Raises:** `ValueError` as
    `rj.observe.power_spectrum`, and for a bandwidth that holds no taper or reaches beyond the Nyquist
    frequency.
    """
    segments, cut = _pieces(signal, dt, segment, detrend)
    tapers, weights = _tapers(cut, bandwidth)

    def one(total: Array, taper: Array) -> tuple[Array, None]:
        transformed = _transformed(segments, taper)
        return total + jnp.mean(transformed.real**2 + transformed.imag**2, axis=0), None

    start = jnp.zeros((cut.length // 2 + 1, segments.shape[2]), segments.dtype)
    summed, _ = jax.lax.scan(jax.checkpoint(one), start, _weighted(tapers, weights, segments))
    scale = density_scale(cut.length, cut.dt, "boxcar", segments.dtype) * cut.length
    return PowerSpectrum(_frequencies(cut, segments), summed * scale[:, None])


def multitaper_cross_spectrum(
    signal: ArrayLike,
    dt: ArrayLike,
    *,
    bandwidth: ArrayLike = 2.0,
    segment: ArrayLike | None = None,
    detrend: str = "constant",
) -> CrossPowerSpectrum:
    """The one-sided cross spectral density of each pair by many tapers, `S_ij = E[x_i conj(x_j)]`.

    Its diagonal is `multitaper_spectrum`, whose arguments, units and errors it shares.
    """
    segments, cut = _pieces(signal, dt, segment, detrend)
    tapers, weights = _tapers(cut, bandwidth)

    def one(total: Array, taper: Array) -> tuple[Array, None]:
        transformed = _transformed(segments, taper)
        products = jnp.einsum(
            "sfi,sfj->fij", transformed, transformed.conj(), precision=jax.lax.Precision.HIGHEST
        )
        return total + products, None

    nodes = segments.shape[2]
    start = jnp.zeros(
        (cut.length // 2 + 1, nodes, nodes), np.result_type(segments.dtype, np.complex64)
    )
    summed, _ = jax.lax.scan(jax.checkpoint(one), start, _weighted(tapers, weights, segments))
    scale = density_scale(cut.length, cut.dt, "boxcar", segments.dtype) * cut.length / cut.count
    return CrossPowerSpectrum(
        _frequencies(cut, segments), summed * scale[:, None, None].astype(summed.dtype)
    )


def multitaper_degrees_of_freedom(
    samples: int,
    dt: ArrayLike,
    *,
    bandwidth: ArrayLike = 2.0,
    segment: ArrayLike | None = None,
) -> float:
    r"""How many degrees of freedom a multitaper density has: $\nu = 2K (\sum_m \lambda_m)^2 / \sum_m \lambda_m^2$.

    $K$ pieces, each of nearly $2NW\,dt - 1$ tapers. Where the density varies little over the bandwidth, $\nu P
    / E(P)$ is chi-squared with $\nu$ degrees, and the relative standard error of $P$ is $\sqrt{2/\nu}$; at 0 Hz
    and the Nyquist frequency $\nu$ is half of this. `samples` is the length of the series; errors as
    `multitaper_spectrum`.
    """
    cut = _cut(_checks.whole("samples", samples, 2), dt, segment, "constant")
    _, weights = _tapers(cut, bandwidth)
    return float(2 * cut.count * weights.sum() ** 2 / np.sum(weights**2))


def _pieces(
    signal: ArrayLike, dt: ArrayLike, segment: ArrayLike | None, detrend: str
) -> tuple[Float[Array, "segments samples nodes"], Cut]:
    """The pieces of the series without trend, and how it was cut."""
    signal = _checks.series("signal", signal)
    cut = _cut(signal.shape[0], dt, segment, detrend)
    return tapered_segments(signal, cut, "boxcar", detrend), cut


def _cut(samples: int, dt: ArrayLike, segment: ArrayLike | None, detrend: str) -> Cut:
    length = samples * _checks.known("dt", dt, "s") if segment is None else segment
    return cut_series(samples, dt, length, 0.0, "boxcar", detrend)


def _tapers(cut: Cut, bandwidth: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """The tapers (tapers, samples) that hold enough of their power, and the shares that they hold."""
    bandwidth = _checks.known("bandwidth", bandwidth, "Hz")
    half = bandwidth * cut.length * cut.dt / 2
    if bandwidth * cut.dt >= 1:
        raise ValueError(
            f"`bandwidth` of {bandwidth:g} Hz reaches beyond the Nyquist frequency {0.5 / cut.dt:g} Hz on either "
            "side: narrow it, or check the units (Hz, s)."
        )
    if half < 1:
        raise ValueError(
            f"`bandwidth` of {bandwidth:g} Hz is narrower than two bins of {1 / (cut.length * cut.dt):g} Hz, "
            "which holds no taper: widen it, or take a longer piece."
        )
    found = scipy.signal.windows.dpss(
        cut.length, half, int(2 * half), sym=False, norm=2, return_ratios=True
    )
    tapers, shares = np.asarray(found[0]), np.asarray(found[1])
    kept = shares > _LEAST_SHARE
    return tapers[kept], shares[kept]


def _weighted(
    tapers: np.ndarray, weights: np.ndarray, segments: Array
) -> Float[Array, "tapers samples"]:
    """The tapers, each so large that the sum of their squared transforms is the weighted mean."""
    return jnp.asarray(tapers * np.sqrt(weights / weights.sum())[:, None], segments.dtype)


def _transformed(
    segments: Float[Array, "segments samples nodes"], taper: Float[Array, " samples"]
) -> Complex[Array, "segments frequencies nodes"]:
    return jnp.fft.rfft(segments * taper[None, :, None], axis=1)


def _frequencies(cut: Cut, segments: Array) -> Float[Array, " frequencies"]:
    return jnp.asarray(np.fft.rfftfreq(cut.length, cut.dt), segments.dtype)
