"""Fewer samples without aliases: low-pass first, then keep every k-th sample.

Keeping every k-th sample of a series folds all power above the new Nyquist frequency onto what is
below it. The filter is a windowed sinc of odd length, symmetric, hence of zero phase:
`h_n = 2 c sinc(2 c n) kaiser(n)`, `c` the cutoff in cycles a sample, scaled to unit gain at 0 Hz.
Half of the amplitude (-6 dB) passes at the cutoff; the pass band is flat to 0.8 of it (within
0.01 dB) and beyond 1.2 of it at least 60 dB are gone. So what folds lands above 0.8 of the new
Nyquist frequency.

Source: Kaiser's window and its formulas, Oppenheim & Schafer, Discrete-Time Signal Processing, 7.5.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Series

_ATTENUATION = 66.0  # dB; the margin over 60 covers the approximations of Kaiser's formulas
_TRANSITION = 0.4  # width of the transition band of a low-pass, in units of the cutoff


def low_pass(signal: ArrayLike, dt: ArrayLike, cutoff: ArrayLike) -> Series:
    """The series without what varies faster than `cutoff`, without shift in time.

    `y(t) = sum_n h_n x(t - n dt)`, with the filter of this module; the series goes on at its end
    values beyond its ends, so `2 / cutoff` seconds at either end are less well filtered.

    **Arguments:** `signal` (time, nodes); `dt` in seconds; `cutoff` in Hz, below the Nyquist
    frequency. **Returns:** (time, nodes), the unit of `signal`. **Raises:** `ValueError` for a
    signal that is not (time, nodes), real and finite, a traced `dt` or `cutoff`, a cutoff at or
    above the Nyquist frequency, or a series shorter than half the filter.
    """
    signal = _checks.series("signal", signal)
    dt, cutoff = _checks.known("dt", dt, "s"), _checks.known("cutoff", cutoff, "Hz")
    if cutoff * dt >= 0.5:
        raise ValueError(
            f"`cutoff` of {cutoff:g} Hz is not below the Nyquist frequency {0.5 / dt:g} Hz, so "
            "there is nothing to remove: lower it, or check the units (Hz, s)."
        )
    taps = _taps(cutoff * dt)
    extended = _extended(signal, taps.size // 2)
    # By FFT, whose cost does not grow with the filter: a low cutoff has thousands of taps.
    size = 2 ** math.ceil(math.log2(extended.shape[0]))
    response = jnp.fft.rfft(jnp.asarray(taps, signal.dtype), size)
    filtered = jnp.fft.irfft(jnp.fft.rfft(extended, size, axis=0) * response[:, None], size, axis=0)
    return filtered[taps.size - 1 : extended.shape[0]]


def low_pass_taps(factor: int) -> np.ndarray:
    """The taps of the low-pass filter that goes before keeping every `factor`-th sample.

    Odd length `2 h + 1`, float64, symmetric, sum one; the cutoff is the new Nyquist frequency, so
    the response is flat to 0.8 of it and at least 60 dB down from 1.2 of it. Output j is the filter
    centred on sample `j * factor`: `y_j = sum_n taps[n] x[j factor + n - h]`. For `factor` 1 the
    one tap is 1. Raises `ValueError` for a factor that is not a whole number of at least 1.
    """
    _check_factor(factor)
    return np.ones(1) if factor == 1 else _taps(0.5 / factor)


def decimate(
    signal: ArrayLike, dt: ArrayLike, factor: int
) -> tuple[Float[Array, "kept nodes"], float]:
    """Every `factor`-th sample of the low-passed series, and the new sampling interval.

    Output j is `low_pass_taps(factor)` centred on sample `j * factor`, for each such sample within
    the series, which goes on at its end values beyond its ends.

    **Arguments:** `signal` (time, nodes); `dt` in seconds. **Returns:** (ceil(time / factor),
    nodes) in the unit of `signal`, and `dt * factor` in seconds: `power_spectrum(*decimate(x, dt,
    4))`. **Raises:** `ValueError` as `low_pass_taps`, and for a signal that is not (time, nodes),
    real and finite, or is shorter than half the filter.
    """
    signal = _checks.series("signal", signal)
    dt = _checks.known("dt", dt, "s")
    taps = low_pass_taps(factor)
    extended = _extended(signal, taps.size // 2)
    kernel = jnp.asarray(taps, signal.dtype)  # symmetric, so correlation is convolution
    kept = jax.lax.conv_general_dilated(
        extended.T[:, None, :],
        kernel[None, None, :],
        window_strides=(factor,),
        padding="VALID",
        precision=jax.lax.Precision.HIGHEST,
    )
    return kept[:, 0, :].T, dt * factor


def _check_factor(factor: int) -> None:
    if isinstance(factor, bool) or not isinstance(factor, int | np.integer) or factor < 1:
        raise ValueError(f"`factor` must be a whole number of at least 1, got {factor!r}.")


def _taps(cutoff: float) -> np.ndarray:
    """The low-pass filter whose cutoff is so many cycles a sample."""
    return windowed_sinc(cutoff, _TRANSITION * cutoff)


def windowed_sinc(cutoff: float, transition: float) -> np.ndarray:
    """The windowed sinc of so wide a transition band, both in cycles a sample."""
    width = 2 * np.pi * transition
    half = math.ceil((_ATTENUATION - 7.95) / (2.285 * width) / 2)
    offsets = np.arange(-half, half + 1)
    taps = np.sinc(2 * cutoff * offsets) * np.kaiser(2 * half + 1, 0.1102 * (_ATTENUATION - 8.7))
    return taps / taps.sum()


def _extended(signal: Series, half: int) -> Float[Array, "extended nodes"]:
    """The series, going on at its end values for half a filter at either end."""
    if signal.shape[0] <= half:
        raise ValueError(
            f"`signal` has {signal.shape[0]} samples, but half the filter spans {half}: nearly all "
            "of the result would be end values. Take a longer series, or a milder filter."
        )
    return jnp.pad(signal, ((half, half), (0, 0)), mode="edge")
