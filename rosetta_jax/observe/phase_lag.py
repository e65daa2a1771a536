r"""Which of two nodes leads, by what fields that spread at once cannot feign.

A field that reaches two sensors at once adds a real number to their cross spectrum $S_{ij} = E[x_i \bar x_j]$,
and nothing to its imaginary part. Of the segments $s$ of Welch's estimate, with $I_s = \mathrm{Im}\,X_{s,i}
\bar X_{s,j}$:

.. math::
    \text{coherency} &= S_{ij} / \sqrt{S_{ii} S_{jj}}, \qquad \text{its imaginary part} \\
    \text{phase lag index} &= |\langle \mathrm{sign}\, I_s \rangle| \\
    \text{weighted} &= |\langle I_s \rangle| / \langle |I_s| \rangle \\
    \text{debiased, squared} &= \frac{(\sum I_s)^2 - \sum I_s^2}{(\sum |I_s|)^2 - \sum I_s^2}.

An index is 1 where one node leads the other in every segment and 0 where either leads as often. Of $K$
independent segments of nodes that know nothing of each other the phase lag index has a mean of about $\sqrt{2 /
\pi K}$ and the weighted one somewhat more; the debiased one has mean zero, so it may be negative.

Source: Nolte et al. 2004, Clin. Neurophysiol. 115:2292 (imaginary part of coherency); Stam et al. 2007, Hum.
Brain Mapp. 28:1178 (phase lag index); Vinck et al. 2011, NeuroImage 55:1548 (weighted, debiased). The names in
MNE-connectivity: `cohy`, `imcoh`, `pli`, `wpli`, `wpli2_debiased`.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from rosetta_jax import _checks
from rosetta_jax._types import Array, CrossSpectrum, Float, Pairwise
from rosetta_jax.observe.spectrum import (
    CrossPowerSpectrum,
    cross_spectrum,
    cut_series,
    require_averages,
    transformed_segments,
)


class Coherency(eqx.Module):
    """Complex coherency.

    `frequencies` (frequencies,) in Hz; `coherency` (frequencies, nodes, nodes), complex, Hermitian, of size 0
    to 1.
    """

    frequencies: Float[Array, " frequencies"]
    coherency: CrossSpectrum

    @property
    def imaginary(self) -> Float[Array, "frequencies nodes nodes"]:
        """Nolte's imaginary part: above zero where node i (row) leads j (column) by less than half a period."""
        return self.coherency.imag


class PhaseLag(eqx.Module):
    """An index of phase lag.

    `frequencies` (frequencies,) in Hz; `index` (frequencies, nodes, nodes), symmetric.
    """

    frequencies: Float[Array, " frequencies"]
    index: Float[Array, "frequencies nodes nodes"]


def coherency(
    signal: ArrayLike,
    dt: ArrayLike,
    *,
    segment: ArrayLike = 2.0,
    overlap: float = 0.5,
    window: str = "hann",
    detrend: str = "constant",
) -> Coherency:
    r"""Complex coherency, $S_{ij} / \sqrt{S_{ii} S_{jj}}$; its squared size is `coherence`.

    Arguments and errors are those of `coherence`; NaN where a density is exactly zero (a dead node).
    """
    samples = _checks.series("signal", signal).shape[0]
    require_averages(cut_series(samples, dt, segment, overlap, window, detrend))
    crossed = cross_spectrum(
        signal, dt, segment=segment, overlap=overlap, window=window, detrend=detrend
    )
    return coherency_of(crossed)


def coherency_of(crossed: CrossPowerSpectrum) -> Coherency:
    """The coherency of cross spectra that are known: from theory, or estimated by many tapers."""
    size = jnp.sqrt(jnp.diagonal(crossed.density, axis1=1, axis2=2).real)
    scale = size[:, :, None] * size[:, None, :]
    return Coherency(crossed.frequencies, crossed.density / scale.astype(crossed.density.dtype))


def phase_lag_index(
    signal: ArrayLike,
    dt: ArrayLike,
    *,
    segment: ArrayLike = 2.0,
    overlap: float = 0.5,
    window: str = "hann",
    detrend: str = "constant",
) -> PhaseLag:
    """Stam's phase lag index, 0 to 1; zero on the diagonal, at 0 Hz and at the Nyquist frequency.

    It counts signs, so **its gradient is zero**: fit with `weighted_phase_lag_index`. Arguments and errors are
    those of `coherence`.
    """
    return _of_segments(
        _share_of_signs,
        signal,
        dt,
        segment=segment,
        overlap=overlap,
        window=window,
        detrend=detrend,
    )


def weighted_phase_lag_index(
    signal: ArrayLike,
    dt: ArrayLike,
    *,
    debiased: bool = False,
    segment: ArrayLike = 2.0,
    overlap: float = 0.5,
    window: str = "hann",
    detrend: str = "constant",
) -> PhaseLag:
    """Vinck's weighted phase lag index, 0 to 1, or with `debiased` the estimate of its square, of mean zero.

    **Zero over zero is NaN**: where no segment has an imaginary part, as at 0 Hz, at the Nyquist frequency and
    of a dead node; but the diagonal is zero. Differentiable where it is a number. Arguments and errors are
    those of `coherence`.
    """
    rule = _debiased if debiased else _weighted
    return _of_segments(
        rule, signal, dt, segment=segment, overlap=overlap, window=window, detrend=detrend
    )


_Imaginary = Float[Array, "segments nodes nodes"]


def _share_of_signs(imaginary: _Imaginary) -> Pairwise:
    return jnp.abs(jnp.mean(jnp.sign(imaginary), axis=0))


def _weighted(imaginary: _Imaginary) -> Pairwise:
    return _ratio(jnp.abs(jnp.sum(imaginary, axis=0)), jnp.sum(jnp.abs(imaginary), axis=0))


def _debiased(imaginary: _Imaginary) -> Pairwise:
    squares = jnp.sum(imaginary**2, axis=0)
    above = jnp.sum(imaginary, axis=0) ** 2 - squares
    return _ratio(above, jnp.sum(jnp.abs(imaginary), axis=0) ** 2 - squares)


def _ratio(above: Pairwise, below: Pairwise) -> Pairwise:
    """The ratio, NaN without a slope where nothing is below."""
    nothing = below <= 0
    return jnp.where(nothing, jnp.nan, above / jnp.where(nothing, 1.0, below))


def _of_segments(
    rule: Callable[[_Imaginary], Pairwise],
    signal: ArrayLike,
    dt: ArrayLike,
    *,
    segment: ArrayLike,
    overlap: float,
    window: str,
    detrend: str,
) -> PhaseLag:
    """A rule of the imaginary parts of all segments, one frequency at a time."""
    signal = _checks.series("signal", signal)
    cut = require_averages(cut_series(signal.shape[0], dt, segment, overlap, window, detrend))
    transformed = transformed_segments(signal, cut, window, detrend)
    # The size of a node cancels: without it the squares of tesla stay in range.
    size = jnp.max(jnp.abs(jax.lax.stop_gradient(transformed)), axis=0)
    scaled = transformed / jnp.where(size == 0, 1.0, size)[None].astype(transformed.dtype)
    own = np.eye(signal.shape[1], dtype=bool)

    def one(spectra: Array) -> Pairwise:
        left, right = spectra[:, :, None], spectra[:, None, :]
        imaginary = left.imag * right.real - left.real * right.imag
        # Rounding must not give a node a lag to itself.
        return jnp.where(own, 0.0, rule(jnp.where(own[None], 0.0, imaginary)))

    # All frequencies at once need segments copies of the cross spectrum, and again in a reverse gradient.
    index = jax.lax.map(jax.checkpoint(one), jnp.moveaxis(scaled, 1, 0))
    return PhaseLag(jnp.asarray(np.fft.rfftfreq(cut.length, cut.dt), signal.dtype), index)
