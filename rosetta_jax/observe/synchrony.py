r"""Amplitude and phase of a rhythm, and how far the nodes turn together.

The analytic signal of a band is the series through a filter that passes that band of positive frequencies
alone,

.. math::  z(t) = 2\sum_n h_n\, e^{2\pi i f_0 n\,dt}\, x(t - n\,dt) = A(t)\, e^{i\theta(t)},

with $f_0$ the middle of the band and $h$ the windowed sinc of `low_pass`, as wide as the band: band-pass and
Hilbert transform in one, without shift in time. A tone $a\cos(2\pi f t + \phi)$ within the band has envelope $A
= a$ and phase $\theta = 2\pi f t + \phi$. The transition at either edge is half as wide as the band, or as what
is left between it and 0 Hz or the Nyquist frequency: half of the amplitude passes at the edges, all of it half
a transition further in, and half a transition further out at least 60 dB are gone.

Edges: the series goes on at its end values beyond its ends, which a band does not see, so that the envelope of
a steady rhythm falls to half at the very ends. Whatever lies within `2 / transition` seconds of an end, 1 s for
8 to 12 Hz, is less well known.

Source: Gabor 1946 (analytic signal); Kuramoto 1984 (order parameter); Lachaux et al. 1999 (phase locking);
Cabral et al. 2011 (metastability as a standard deviation, where others have the variance).
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from rosetta_jax import _checks
from rosetta_jax._types import Array, Complex, Float, Pairwise, Scalar, Series
from rosetta_jax.observe.reduce import windowed_sinc


def analytic_signal(
    signal: ArrayLike, dt: ArrayLike, band: tuple[ArrayLike, ArrayLike]
) -> Complex[Array, "time nodes"]:
    """The analytic signal of what lies in a band: amplitude times `exp(i phase)`.

    **Arguments:** `signal` (time, nodes); `dt` in seconds; `band` (low, high) in Hz, between zero and the
    Nyquist frequency, both excluded. **Returns:** (time, nodes), complex, in the unit of `signal`; exactly zero
    for a node that never changes. **Raises:** `ValueError` for a signal that is not (time, nodes), real and
    finite, a traced `dt` or `band`, a band beyond these limits, or a series shorter than half the filter.
    """
    signal = _checks.series("signal", signal)
    dt = _checks.known("dt", dt, "s")
    kernel = _kernel(*_edges(band, dt))
    half = kernel.size // 2
    if signal.shape[0] <= half:
        raise ValueError(
            f"`signal` lasts {signal.shape[0] * dt:g} s, but half the filter of `band` {band} Hz spans "
            f"{half * dt:g} s: take a longer series, or a wider band."
        )
    constant = jnp.max(signal, axis=0) == jnp.min(signal, axis=0)
    centred = signal - jnp.mean(signal, axis=0, keepdims=True)
    centred = jnp.where(constant[None, :], 0.0, centred)
    extended = jnp.pad(centred, ((half, half), (0, 0)), mode="edge")
    size = 2 ** math.ceil(math.log2(extended.shape[0]))
    transformed = jnp.fft.fft(extended, size, axis=0)
    response = jnp.asarray(np.fft.fft(kernel, size), transformed.dtype)
    filtered = jnp.fft.ifft(transformed * response[:, None], axis=0)
    return filtered[kernel.size - 1 : extended.shape[0]]


def envelope(signal: ArrayLike, dt: ArrayLike, band: tuple[ArrayLike, ArrayLike]) -> Series:
    """The amplitude of what lies in a band, `|analytic_signal|`: (time, nodes), the unit of `signal`.

    Arguments, edges and errors are those of `analytic_signal`.
    """
    return jnp.abs(analytic_signal(signal, dt, band))


def phase(signal: ArrayLike, dt: ArrayLike, band: tuple[ArrayLike, ArrayLike]) -> Series:
    """The phase of what lies in a band: (time, nodes) in rad, above -pi and up to pi.

    **A node that never changes has no phase: NaN**, and the gradient through it is zero; leave it out.
    Arguments, edges and errors are those of `analytic_signal`.
    """
    turning = analytic_signal(signal, dt, band)
    return jnp.where(turning == 0, jnp.nan, jnp.angle(turning))


def order_parameter(phases: ArrayLike, weights: ArrayLike | None = None) -> Float[Array, " time"]:
    r"""How far the nodes are together at each time, Kuramoto's $R(t) = |\sum_j w_j e^{i\theta_j}| / \sum_j w_j$.

    1 where all phases agree; phases that know nothing of each other have $R$ of about $\sqrt{\pi/4N}$, not 0.

    **Arguments:** `phases` (time, nodes) in rad; `weights` (nodes,), zero or positive, by default all equal.
    **Returns:** (time,), from 0 to 1. **Raises:** `ValueError` for phases that are not (time, nodes), real and
    finite, and for weights of another shape, of a negative sign, or all zero.
    """
    phases = _checks.series("phases", phases, least=1)
    nodes = phases.shape[1]
    if weights is None:
        shares = jnp.full(nodes, 1 / nodes, phases.dtype)
    else:
        weights = _checks.as_float_array(weights, "weights").astype(phases.dtype)
        _checks.non_negative("weights", _checks.shape("weights", weights, (nodes,), "one a node"))
        if _checks.is_concrete(weights) and not np.any(np.asarray(weights)):
            raise ValueError("`weights` are all zero: give at least one node a positive weight.")
        shares = weights / jnp.sum(weights)
    across, up = (jnp.sum(wave(phases) * shares[None, :], axis=1) for wave in (jnp.cos, jnp.sin))
    return jnp.abs(jax.lax.complex(across, up))


def metastability(phases: ArrayLike, weights: ArrayLike | None = None) -> Scalar:
    """How much the nodes come together and part: the standard deviation over time of `order_parameter`.

    Its square is the variance that others call metastability. Arguments and errors are those of
    `order_parameter`.
    """
    together = order_parameter(phases, weights)
    variance = jnp.var(together)
    steady = variance == 0
    # The root has no slope at zero.
    return jnp.where(steady, 0.0, jnp.sqrt(jnp.where(steady, 1.0, variance)))


def phase_locking(phases: ArrayLike) -> Pairwise:
    r"""The phase-locking value of each pair, $|\langle e^{i(\theta_i - \theta_j)}\rangle_t|$.

    1 where the difference of two phases stays as it is, whatever its value. Differences that know nothing of
    each other give about $\sqrt{\pi/4n}$ for $n$ independent samples, not 0.

    **Arguments:** `phases` (time, nodes) in rad. **Returns:** (nodes, nodes), symmetric, from 0 to 1.
    **Raises:** `ValueError` for phases that are not (time, nodes), real and finite.
    """
    phases = _checks.series("phases", phases, least=1)
    turning = jax.lax.complex(jnp.cos(phases), jnp.sin(phases))
    products = jnp.matmul(turning.T, turning.conj(), precision=jax.lax.Precision.HIGHEST)
    return jnp.abs(products) / turning.shape[0]


def pairwise_phase_consistency(phases: ArrayLike) -> Pairwise:
    r"""The mean cosine between the differences of two phases at two different times: $(T\,PLV^2 - 1) / (T - 1)$.

    The square of `phase_locking` without its bias: of $T$ independent samples of differences that know nothing
    of each other its mean is zero, so it may be negative. **Arguments:** `phases` (time, nodes) in rad.
    **Returns:** (nodes, nodes), symmetric, at most 1. **Raises:** `ValueError` for phases that are not (time,
    nodes), real, finite and at least two samples long.

    Source: Vinck et al. 2010, NeuroImage 51:112.
    """
    phases = _checks.series("phases", phases)
    samples = phases.shape[0]
    return (samples * phase_locking(phases) ** 2 - 1) / (samples - 1)


def _edges(band: tuple[ArrayLike, ArrayLike], dt: float) -> tuple[float, float]:
    """The edges of the band in cycles a sample."""
    _checks.require_known("band", band, "fixes the length of a filter")
    low, high = _checks.band("band", band)
    if low == 0 or high * dt >= 0.5:
        raise ValueError(
            f"`band` must lie between 0 and the Nyquist frequency {0.5 / dt:g} Hz, both excluded, got "
            f"({low:g}, {high:g}) Hz: a phase needs a rhythm that the samples resolve."
        )
    return low * dt, high * dt


def _kernel(low: float, high: float) -> np.ndarray:
    """The complex taps of a band between two edges, in cycles a sample."""
    width = high - low
    transition = min(width / 2, 2 * low, 2 * (0.5 - high))
    taps = windowed_sinc(width / 2, transition)
    offsets = np.arange(taps.size) - taps.size // 2
    return 2 * taps * np.exp(2j * np.pi * (low + high) / 2 * offsets)
