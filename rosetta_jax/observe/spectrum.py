"""Spectra from series, and what an estimate of a known spectrum should come out as.

Welch's estimate cuts a series into overlapping segments, takes the trend out of each, tapers it
with a window and averages the squared Fourier transforms. Conventions are those of the whole
library: the transform is `X(f) = sum_n w_n x_n exp(-2 pi i f n dt)`, densities are one-sided and
per hertz, so `∫_0^Nyquist P df = Var x`, white noise of variance `s**2` has `P = 2 s**2 dt`, and
cross spectra are `S_ij = E[x_i conj(x_j)]`.

An estimate differs from the density of the process in two ways, and both are given here, so that
theory and data can be compared without fudge: its expectation is the density, aliased by sampling
and smeared by the window (`through_window`), and it scatters (`welch_standard_error`).

Source: Welch 1967, IEEE Trans. Audio Electroacoustics 15:70 (modified periodograms and their
variance); Percival & Walden 1993, Spectral Analysis for Physical Applications, ch. 6.
"""

import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from rosetta_jax import _checks
from rosetta_jax._types import Array, Complex, CrossSpectrum, Float, Series, Spectrum

# w_n = sum_m a_m cos(2 pi m n / N), periodic ("DFT-even"), as an estimator wants them.
_WINDOWS = {"boxcar": (1.0,), "hann": (0.5, -0.5)}
# Fewer samples a segment tell of nothing but a wrong unit.
_FEWEST = 8
_DETRENDS = ("constant", "linear", "none")


class PowerSpectrum(eqx.Module):
    """One-sided power spectral densities.

    `frequencies` (frequencies,) in Hz; `density` (frequencies, nodes) in squared signal units per
    Hz.
    """

    frequencies: Float[Array, " frequencies"]
    density: Spectrum


class CrossPowerSpectrum(eqx.Module):
    """One-sided cross spectral densities `S_ij = E[x_i conj(x_j)]`.

    `frequencies` (frequencies,) in Hz; `density` (frequencies, nodes, nodes), complex, Hermitian in
    the nodes, in squared signal units per Hz.
    """

    frequencies: Float[Array, " frequencies"]
    density: CrossSpectrum


class Coherence(eqx.Module):
    """Magnitude-squared coherence.

    `frequencies` (frequencies,) in Hz; `coherence` (frequencies, nodes, nodes), in [0, 1].
    """

    frequencies: Float[Array, " frequencies"]
    coherence: Float[Array, "frequencies nodes nodes"]


def power_spectrum(
    signal: ArrayLike,
    dt: ArrayLike,
    *,
    segment: ArrayLike = 2.0,
    overlap: float = 0.5,
    window: str = "hann",
    detrend: str = "constant",
    frequencies: ArrayLike | None = None,
) -> PowerSpectrum:
    r"""Welch's one-sided power spectral density of each node.

    $P_i(f_k) = \frac{c_k\,dt}{K \sum_n w_n^2} \sum_{s=1}^{K} |X_{s,i}(f_k)|^2$, with
    $f_k = k / (N dt)$ and $c_k = 2$, but 1 at 0 Hz and, for even N, at the Nyquist frequency.

    **Arguments:** `signal` (time, nodes); `dt` the sampling interval and `segment` the length of a
    segment, in seconds (rounded to N samples; the default of 2 s resolves 0.5 Hz: lengthen it for
    slow signals such as BOLD); `overlap` the fraction, in [0, 1), that neighbours share; `window`
    "hann" or "boxcar"; `detrend` what leaves each segment first: "constant", "linear" or "none".
    Samples after the last whole segment are not used. Memory is about `1 / (1 - overlap)` copies of
    the signal. `frequencies` (Hz, above 0 and below the Nyquist frequency, may be traced) asks for the
    estimate there, and not at multiples of `1 / segment`: it resolves no more, but needs no interpolation.

    **Returns:** a `PowerSpectrum`, agreeing with `scipy.signal.welch` to rounding.

    **Raises:** `ValueError` for a signal that is not (time, nodes), real and finite, a segment that
    is longer than the series or shorter than eight samples, a traced `dt` or `segment`, or an unknown
    `window` or `detrend`.
    """
    signal, cut = _edge(signal, dt, segment, overlap, window, detrend)
    if frequencies is not None:
        return _power_at(_asked(frequencies, cut.dt), signal, cut, window, detrend)
    transformed = transformed_segments(signal, cut, window, detrend)
    squared = jnp.mean(transformed.real**2 + transformed.imag**2, axis=0)
    scale = density_scale(cut.length, cut.dt, window, signal.dtype)
    return PowerSpectrum(_bins(cut.length, cut.dt, signal.dtype), squared * scale[:, None])


def cross_spectrum(
    signal: ArrayLike,
    dt: ArrayLike,
    *,
    segment: ArrayLike = 2.0,
    overlap: float = 0.5,
    window: str = "hann",
    detrend: str = "constant",
) -> CrossPowerSpectrum:
    """Welch's one-sided cross spectral density of each pair, `S_ij = E[x_i conj(x_j)]`.

    Where node i follows node j by `tau`, the phase of `S_ij` is `-2 pi f tau`. (SciPy's `csd(x, y)`
    is `E[conj(x) y]`, so `csd(x_j, x_i)` is `S_ij`.) The diagonal is `power_spectrum`. Arguments,
    units and errors are those of `power_spectrum`; the density is complex (frequencies, nodes,
    nodes).
    """
    signal, cut = _edge(signal, dt, segment, overlap, window, detrend)
    density = _crossed(signal, cut, window, detrend)
    return CrossPowerSpectrum(_bins(cut.length, cut.dt, signal.dtype), density)


def coherence(
    signal: ArrayLike,
    dt: ArrayLike,
    *,
    segment: ArrayLike = 2.0,
    overlap: float = 0.5,
    window: str = "hann",
    detrend: str = "constant",
) -> Coherence:
    """Magnitude-squared coherence `|S_ij|**2 / (S_ii S_jj)`, (frequencies, nodes, nodes).

    Independent series give about one over the number of averages (`welch_averages`), not zero.
    Where a density is exactly zero (a dead node) the coherence is NaN. Arguments are those of
    `power_spectrum`. Raises as it does, and also where there is one segment only, for which
    coherence is 1 whatever the data.
    """
    signal, cut = _edge(signal, dt, segment, overlap, window, detrend)
    require_averages(cut)
    return coherent(
        CrossPowerSpectrum(
            _bins(cut.length, cut.dt, signal.dtype), _crossed(signal, cut, window, detrend)
        )
    )


def through_window(
    frequencies: ArrayLike,
    density: ArrayLike,
    dt: ArrayLike,
    *,
    segment: ArrayLike = 2.0,
    window: str = "hann",
    detrend: str = "constant",
) -> PowerSpectrum:
    r"""What `power_spectrum` gives on average for a process whose density is known.

    $E[P(f_k)] = \frac{c_k\,dt}{2\sum_n w_n^2} \int_{-\infty}^{\infty} P(|f|)\,|W(f_k - f)|^2 df$:
    the density smeared by the window's kernel. `W` has period `1/dt`, so power above the Nyquist
    frequency folds down as sampling folds it. The integral goes by way of the autocovariance `r(j
    dt) = ∫_0^∞ P(f) cos(2 pi f j dt) df`, exactly for the density interpolated linearly between the
    frequencies given and zero above the last; removal of each segment's mean is included.

    **Arguments:** `frequencies` (fine,) in Hz, known now, increasing from 0 to at least the Nyquist
    frequency, and beyond it as far as there is power; fine enough to draw the density by straight
    lines. `density` (fine, nodes), one-sided per Hz; may be traced. `dt`, `segment` in seconds;
    `window`, and `detrend` "constant" or "none", as for the estimate.

    **Returns:** a `PowerSpectrum` at the frequencies of the estimate. Linear in `density`; builds a
    matrix of samples a segment by fine frequencies.

    **Raises:** `ValueError` for a grid or density that does not fit the above.
    """
    _checks.one_of("window", window, _WINDOWS)
    _checks.one_of("detrend", detrend, ("constant", "none"))
    dt, length = _lengths(dt, segment)
    grid = _fine_grid(frequencies, dt)
    density = _checks.finite("density", _checks.as_float_array(density, "density"))
    if density.ndim != 2 or density.shape[0] != grid.size:
        raise ValueError(
            f"`density` must have shape ({grid.size}, nodes), frequencies first, "
            f"got {density.shape}."
        )
    weights = jnp.asarray(_cosine_weights(grid, dt * np.arange(length)), density.dtype)
    lagged = jnp.matmul(weights, density, precision=jax.lax.Precision.HIGHEST)
    expected = _expected_square(lagged, _window(window, length), detrend)
    scale = density_scale(length, dt, window, density.dtype)
    return PowerSpectrum(_bins(length, dt, density.dtype), expected * scale[:, None])


def welch_averages(
    samples: int, segment_samples: int, overlap: float = 0.5, window: str = "hann"
) -> float:
    """The number of independent periodograms that Welch's average is worth.

    `K / (1 + 2 sum_{j=1}^{K-1} (1 - j/K) rho_j)`, where K segments lie D samples apart and `rho_j =
    (sum_n w_n w_{n + jD} / sum_n w_n**2)**2` (Welch 1967). Hann at half overlap: K / 1.056.

    Raises `ValueError` where `segment_samples` is not between 2 and `samples`, `overlap` not in
    [0, 1) or `window` unknown.
    """
    _checks.one_of("window", window, _WINDOWS)
    if not 2 <= segment_samples <= samples:
        raise ValueError(
            f"`segment_samples` must lie between 2 and `samples`, {samples}, got "
            f"{segment_samples}: shorten the segments or take a longer series."
        )
    step = _step(segment_samples, overlap)
    count = _count(samples, segment_samples, step)
    taper = _window(window, segment_samples)
    shifts = np.arange(1, min(count, math.ceil(segment_samples / step)))
    lagged = np.fft.irfft(np.abs(np.fft.rfft(taper, 2 * segment_samples)) ** 2)[:segment_samples]
    shared = (lagged[shifts * step] / lagged[0]) ** 2
    return float(count / (1 + 2 * np.sum((1 - shifts / count) * shared)))


def welch_standard_error(
    samples: int, segment_samples: int, overlap: float = 0.5, window: str = "hann"
) -> float:
    """The relative standard error of a Welch density: `sd(P) / E(P) = 1 / sqrt(welch_averages)`.

    For Gaussian series whose density is smooth across the window's main lobe. At 0 Hz and the
    Nyquist frequency, where the transform is real, it is `sqrt(2)` larger. Errors as
    `welch_averages`.
    """
    return 1 / math.sqrt(welch_averages(samples, segment_samples, overlap, window))


class Cut(NamedTuple):
    """How a series is cut: `count` segments of `length` samples, `step` samples apart."""

    dt: float
    length: int
    step: int
    count: int


def _edge(
    signal: Any, dt: Any, segment: Any, overlap: float, window: str, detrend: str
) -> tuple[Series, Cut]:
    """The checked signal and how to cut it."""
    signal = _checks.series("signal", signal)
    return signal, cut_series(signal.shape[0], dt, segment, overlap, window, detrend)


def cut_series(
    samples: int, dt: Any, segment: Any, overlap: float, window: str, detrend: str
) -> Cut:
    """How a series of `samples` is cut, with the checks of `power_spectrum`."""
    _checks.one_of("window", window, _WINDOWS)
    _checks.one_of("detrend", detrend, _DETRENDS)
    dt, length = _lengths(dt, segment)
    step = _step(length, overlap)
    if length > samples:
        raise ValueError(
            f"`segment` of {float(segment):g} s is {length} samples at dt = {dt:g} s, but "
            f"`signal` has {samples}: shorten `segment`, or check that time leads."
        )
    return Cut(dt, length, step, _count(samples, length, step))


def require_averages(cut: Cut) -> Cut:
    """`cut`, which must be into two segments at least."""
    if cut.count < 2:
        raise ValueError("`segment` leaves one segment, whose coherence is always 1: shorten it.")
    return cut


def coherent(crossed: CrossPowerSpectrum) -> Coherence:
    """The coherence of averaged cross spectra."""
    density = crossed.density
    power = jnp.diagonal(density, axis1=1, axis2=2).real
    squared = density.real**2 + density.imag**2
    return Coherence(crossed.frequencies, squared / (power[:, :, None] * power[:, None, :]))


def _lengths(dt: Any, segment: Any) -> tuple[float, int]:
    """The sampling interval in seconds and a segment's samples."""
    dt, segment = _checks.known("dt", dt, "s"), _checks.known("segment", segment, "s")
    length = round(segment / dt)
    if length < _FEWEST:
        raise ValueError(
            f"`segment` of {segment:g} s holds {length} samples at dt = {dt:g} s, needs at least "
            f"{_FEWEST}: lengthen it, or check that both are in seconds."
        )
    return dt, length


def _step(length: int, overlap: float) -> int:
    if not 0 <= overlap < 1:
        raise ValueError(f"`overlap` must be a fraction in [0, 1), got {overlap!r}.")
    return max(length - math.floor(overlap * length + 1e-9), 1)


def _count(samples: int, length: int, step: int) -> int:
    return (samples - length) // step + 1


def _window(window: str, length: int) -> np.ndarray:
    turns = 2 * np.pi * np.arange(length) / length
    coefficients = _WINDOWS[window]
    return np.sum([a * np.cos(m * turns) for m, a in enumerate(coefficients)], axis=0)


def _bins(length: int, dt: float, dtype: Any) -> Float[Array, " frequencies"]:
    return jnp.asarray(np.fft.rfftfreq(length, dt), dtype)


def density_scale(length: int, dt: float, window: str, dtype: Any) -> Float[Array, " frequencies"]:
    """From the mean squared transform to a one-sided density per hertz."""
    sides = np.full(length // 2 + 1, 2.0)
    sides[0] = 1.0
    if length % 2 == 0:
        sides[-1] = 1.0
    return jnp.asarray(sides * dt / np.sum(_window(window, length) ** 2), dtype)


def _asked(frequencies: ArrayLike, dt: float) -> Float[Array, " frequencies"]:
    asked = _checks.as_float_array(frequencies, "frequencies")
    if asked.ndim != 1:
        raise ValueError(f"`frequencies` must be a list of hertz, got shape {asked.shape}.")
    _checks.positive("frequencies", asked, "Hz")
    highest = np.asarray(asked).max(initial=0.0) if _checks.is_concrete(asked) else 0.0
    if highest >= 0.5 / dt:
        raise ValueError(
            f"`frequencies` reach {highest:g} Hz, but a series of dt = {dt:g} s ends at "
            f"{0.5 / dt:g} Hz: sample it more often, or ask for lower ones."
        )
    return asked


def _power_at(
    frequencies: Float[Array, " frequencies"], signal: Series, cut: Cut, window: str, detrend: str
) -> PowerSpectrum:
    """The estimate at any frequencies, by the transform written out."""
    segments = tapered_segments(signal, cut, window, detrend)
    times = jnp.asarray(cut.dt * np.arange(cut.length), signal.dtype)
    angle = 2 * jnp.pi * frequencies.astype(signal.dtype)[:, None] * times[None, :]
    squared = sum(
        jnp.mean(jnp.einsum("ft,stn->sfn", part(angle), segments, precision="highest") ** 2, axis=0)
        for part in (jnp.cos, jnp.sin)
    )
    scale = 2 * cut.dt / np.sum(_window(window, cut.length) ** 2)
    return PowerSpectrum(frequencies, squared * jnp.asarray(scale, signal.dtype))


def transformed_segments(
    signal: Series, cut: Cut, window: str, detrend: str
) -> Complex[Array, "segments frequencies nodes"]:
    return jnp.fft.rfft(tapered_segments(signal, cut, window, detrend), axis=1)


def tapered_segments(
    signal: Series, cut: Cut, window: str, detrend: str
) -> Float[Array, "segments samples nodes"]:
    inside = np.arange(cut.length)
    segments = signal[(cut.step * np.arange(cut.count))[:, None] + inside[None, :]]
    if detrend != "none":
        segments = segments - jnp.mean(segments, axis=1, keepdims=True)
    if detrend == "linear":
        ramp = inside - np.mean(inside)
        ramp = jnp.asarray(ramp / np.linalg.norm(ramp), signal.dtype)
        slopes = jnp.einsum("snk,n->sk", segments, ramp, precision=jax.lax.Precision.HIGHEST)
        segments = segments - slopes[:, None, :] * ramp[None, :, None]
    taper = jnp.asarray(_window(window, cut.length), signal.dtype)
    return segments * taper[None, :, None]


def _crossed(signal: Series, cut: Cut, window: str, detrend: str) -> CrossSpectrum:
    transformed = transformed_segments(signal, cut, window, detrend)
    products = jnp.einsum(
        "sfi,sfj->fij", transformed, transformed.conj(), precision=jax.lax.Precision.HIGHEST
    )
    scale = density_scale(cut.length, cut.dt, window, signal.dtype) / cut.count
    return products * scale[:, None, None].astype(products.dtype)


def _fine_grid(frequencies: Any, dt: float) -> np.ndarray:
    if not _checks.is_concrete(frequencies):
        raise ValueError("`frequencies` must be known, but they are traced: close over them.")
    grid = np.asarray(frequencies, dtype=np.float64)
    if grid.ndim != 1 or grid.size < 2 or not np.all(np.diff(grid) > 0) or grid[0] != 0:
        raise ValueError(
            "`frequencies` must be one axis of at least two, increasing from exactly 0 Hz: put a "
            "point at 0 with the density's limit there."
        )
    if grid[-1] < 0.5 / dt * (1 - 1e-6):
        raise ValueError(
            f"`frequencies` end at {grid[-1]:g} Hz, below the Nyquist frequency {0.5 / dt:g} Hz: "
            "go on to it, with zeros where there is no power."
        )
    return grid


def _cosine_weights(grid: np.ndarray, lags: np.ndarray) -> np.ndarray:
    """`w[j, i] = ∫ hat_i(f) cos(2 pi f lags[j]) df`, `hat_i` the linear interpolant's basis.

    By parts: `∫ P cos(a f) df = [P sin(a f)] / a + sum slope (cos(a f_{i+1}) - cos(a f_i)) / a**2`.
    """
    width = np.diff(grid)
    weights = np.zeros((lags.size, grid.size))
    weights[:, :-1] += width / 2
    weights[:, 1:] += width / 2
    turn = np.pi * lags[lags > 0, None]  # a / 2
    steps = -np.sin(turn * (grid[1:] + grid[:-1])) * np.sin(turn * width) / (2 * turn**2 * width)
    weights[lags > 0] = 0.0
    weights[lags > 0, 1:] += steps
    weights[lags > 0, :-1] -= steps
    weights[lags > 0, -1:] += np.sin(2 * turn * grid[-1]) / (2 * turn)
    return weights


def _expected_square(
    lagged: Float[Array, "lags nodes"], taper: np.ndarray, detrend: str
) -> Spectrum:
    """`E |sum_n w_n (x_n - m) exp(-2 pi i k n / N)|**2` from autocovariances, `m` the mean or 0."""
    length = taper.size
    overlap = np.fft.irfft(np.abs(np.fft.rfft(taper, 2 * length)) ** 2)[:length]
    shared = jnp.asarray(overlap, lagged.dtype)[:, None] * lagged
    square = 2 * jnp.fft.rfft(shared, axis=0).real - shared[:1]
    if detrend == "none":
        return square
    sums = jnp.cumsum(lagged, axis=0)
    with_mean = (sums + sums[::-1] - lagged[:1]) / length  # E[x_n m]
    crossed = jnp.fft.rfft(jnp.asarray(taper, lagged.dtype)[:, None] * with_mean, axis=0)
    # The transform of a periodic window is real.
    response = jnp.asarray(np.fft.rfft(taper).real, lagged.dtype)[:, None]
    mean_square = jnp.mean(with_mean, axis=0, keepdims=True)
    return square - 2 * response * crossed.real + response**2 * mean_square
