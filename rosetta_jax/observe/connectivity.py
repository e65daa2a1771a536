"""How the series of the nodes go together: covariance and functional connectivity, of signals and envelopes."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from rosetta_jax import _checks
from rosetta_jax._types import Array, Bool, Complex, Float, Nodal, Pairwise, Series
from rosetta_jax.observe.leakage import unmixing
from rosetta_jax.observe.spectrum import Cut, cut_series, density_scale, transformed_segments
from rosetta_jax.observe.synchrony import analytic_signal

# Overlap, window and detrending of the segments that a band is taken from.
WELCH = (0.5, "hann", "constant")
_ROUNDING = 0.01


def covariance(signal: ArrayLike) -> Pairwise:
    r"""The sample covariance of the nodes.

    $\Sigma_{ij} = \frac{1}{T - 1} \sum_t (x_i(t) - \bar x_i)(x_j(t) - \bar x_j)$.

    **Arguments:** `signal` (time, nodes), any unit. **Returns:** (nodes, nodes), that unit squared,
    as `numpy.cov(signal.T)`. **Raises:** `ValueError` for a signal that is not (time, nodes), real,
    finite and at least two samples long.
    """
    centred = _centred(_checks.series("signal", signal))
    return inner_products(centred) / (centred.shape[0] - 1)


def functional_connectivity(
    signal: ArrayLike,
    *,
    band: tuple[float, float] | None = None,
    dt: ArrayLike | None = None,
    segment: ArrayLike = 2.0,
) -> Pairwise:
    r"""Pearson correlation of the nodes' series ("FC"), of all frequencies or of a band.

    $r_{ij} = \Sigma_{ij} / \sqrt{\Sigma_{ii} \Sigma_{jj}}$, by centring first, so that a large
    offset costs no digits. **A node that never changes has no correlation: its row and column are
    NaN**, its own diagonal entry too, and the gradient through them is zero; leave it out, or use
    `jnp.nanmean`. Other entries lie in [-1, 1] to rounding.

    With a `band` (low, high) in Hz it is the correlation of what lies in the band: the real part of Welch's
    cross spectrum summed over the bins within it, from segments of `segment` seconds at sampling interval
    `dt` (s), which is needed then. Into segments shorter than the band's slowest rhythm what is slower leaks, and
    a warning says so.

    **Arguments:** `signal` (time, nodes), any unit. **Returns:** (nodes, nodes), dimensionless,
    as `numpy.corrcoef(signal.T)` where there is no band. **Raises:** `ValueError` for a signal that is not
    (time, nodes), real, finite and at least two samples long, or a band without `dt` or without a bin.
    """
    if band is not None:
        return _in_band(signal, band, dt, segment)
    unit, constant = _standardised(_checks.series("signal", signal))
    return jnp.where(constant[:, None] | constant[None, :], jnp.nan, inner_products(unit))


def envelope_connectivity(
    signal: ArrayLike,
    dt: ArrayLike,
    band: tuple[ArrayLike, ArrayLike],
    *,
    orthogonalise: bool | str = False,
) -> Pairwise:
    r"""Pearson correlation of the nodes' envelopes in a band: which of them are loud at the same time.

    The envelopes are those of `envelope`. Gaussian signals whose analytic signals have the complex coherence
    $c$ have $(\pi/4)\,({}_2F_1(-\tfrac12, -\tfrac12; 1; |c|^2) - 1) / (1 - \pi/4)$, about $|c|^2$.

    With `orthogonalise` "pairwise" (or True) the part of node j that is in phase with node i is taken out of j
    first, $\mathrm{Im}\,(z_j \bar z_i / |z_i|)$, so that what leaks into both at once, as through a head,
    leaves no trace; the two directions are averaged. Of a node with itself nothing is left: the diagonal is
    NaN. With "symmetric" all nodes are made orthogonal at once (`orthogonalised`), in the band.

    **Arguments:** `signal` (time, nodes), any unit; `dt` in seconds; `band` (low, high) in Hz. **Returns:**
    (nodes, nodes), symmetric; NaN for a node that never changes ("symmetric": NaN everywhere then). **Raises:**
    `ValueError` as `analytic_signal`, and for another `orthogonalise`.

    Source: Hipp et al. 2012 (who correlate the logarithm of power; here it is the amplitude); Colclough et al.
    2015.
    """
    _checks.one_of("orthogonalise", orthogonalise, (False, True, "pairwise", "symmetric"))
    turning = analytic_signal(signal, dt, band)
    if orthogonalise == "symmetric":
        centred = turning - jnp.mean(turning, axis=0, keepdims=True)
        turning = jnp.matmul(
            centred,
            unmixing(centred.real).astype(centred.dtype),
            precision=jax.lax.Precision.HIGHEST,
        )
    unit, constant = _standardised(jnp.abs(turning))
    if orthogonalise in (False, "symmetric"):
        return jnp.where(constant[:, None] | constant[None, :], jnp.nan, inner_products(unit))
    # One node at a time, and again in a reverse gradient: all pairs at once need nodes copies of the signal.
    one_way = jax.lax.map(
        jax.checkpoint(lambda node: _beside(turning, *node)), (turning.T, unit.T, constant)
    )
    return jnp.where(np.eye(len(one_way), dtype=bool), jnp.nan, (one_way + one_way.T) / 2)


def _beside(
    turning: Complex[Array, "time nodes"],
    one: Complex[Array, " time"],
    unit: Float[Array, " time"],
    constant: Bool[Array, ""],
) -> Nodal:
    """The correlation of one node's envelope with those of what in each node is a quarter of a turn from it."""
    size = jnp.abs(one)
    direction = one.conj() / jnp.where(size == 0, 1.0, size).astype(one.dtype)
    others, silent = _standardised(jnp.abs((turning * direction[:, None]).imag))
    correlation = jnp.matmul(unit, others, precision=jax.lax.Precision.HIGHEST)
    return jnp.where(silent | constant, jnp.nan, correlation)


def _in_band(
    signal: ArrayLike, band: tuple[float, float], dt: ArrayLike | None, segment: ArrayLike
) -> Pairwise:
    _checks.band("band", band)
    if dt is None:
        raise ValueError(
            "`dt` is missing, which the connectivity of a `band` needs: give the sampling interval in seconds."
        )
    signal = _checks.series("signal", signal)
    cut = cut_series(signal.shape[0], dt, segment, *WELCH)
    return normalised(band_covariance(signal, cut, band_bins(band, cut)))


def band_bins(band: tuple[float, float], cut: Cut) -> np.ndarray:
    """Which bins of a segment lie in a band: (frequencies,), at least one of them true."""
    low, high = _checks.band("band", band)
    frequencies = np.fft.rfftfreq(cut.length, cut.dt)
    inside = (frequencies >= low) & (frequencies <= high)
    # A hair less than one period is one, as 100 s are of 0.01 Hz.
    if cut.length * cut.dt * low < 1 - _ROUNDING and low > 0:
        warnings.warn(
            f"`segment` of {cut.length * cut.dt:g} s is shorter than a period of {low:g} Hz, where `band` begins: "
            "what is slower leaks into it. Lengthen `segment`, best to several periods.",
            stacklevel=2,
        )
    if not inside.any():
        raise ValueError(
            f"`band` {band} Hz holds no bin of segments of {cut.length * cut.dt:g} s: widen it, or lengthen "
            "`segment`."
        )
    return inside


def band_covariance(signal: Series, cut: Cut, inside: np.ndarray) -> Pairwise:
    """The real part of the cross spectra of all segments, summed over the bins `inside`, up to a factor."""
    _, window, detrend = WELCH
    transformed = transformed_segments(signal, cut, window, detrend)[:, inside]
    scale = jnp.sqrt(density_scale(cut.length, cut.dt, window, signal.dtype)[inside])[None, :, None]
    parts = jnp.concatenate([transformed.real * scale, transformed.imag * scale])
    return inner_products(parts.reshape(-1, signal.shape[1]))


def normalised(covariance: Pairwise) -> Pairwise:
    """The correlation of a covariance."""
    scale = jnp.sqrt(jnp.diagonal(covariance))
    return covariance / (scale[:, None] * scale[None, :])


def upper_triangle(matrix: ArrayLike) -> Float[Array, "*leading pairs"]:
    """The entries above the diagonal, row by row: `(..., nodes, nodes)` to `(..., pairs)`.

    There are `nodes (nodes - 1) / 2` pairs, in the order (0, 1), (0, 2), ..., (1, 2), ... Raises
    `ValueError` where the last two axes are not square.
    """
    matrix = _checks.as_float_array(matrix, "matrix")
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2]:
        raise ValueError(
            f"`matrix` must be square in its last two axes (nodes, nodes), got {matrix.shape}."
        )
    rows, columns = np.triu_indices(matrix.shape[-1], k=1)
    return matrix[..., rows, columns]


def _standardised(signal: Series) -> tuple[Series, Bool[Array, " nodes"]]:
    """The series centred and of norm one, and which never change: theirs are zero."""
    constant = jnp.max(signal, axis=0) == jnp.min(signal, axis=0)
    centred = _centred(signal)
    # The size of a series cancels: dividing by it keeps the squares of tesla or picovolts in range.
    size = jnp.where(constant, 1.0, jax.lax.stop_gradient(jnp.max(jnp.abs(centred), axis=0)))
    scaled = centred / size[None, :]
    norm = jnp.sqrt(jnp.where(constant, 1.0, jnp.sum(scaled**2, axis=0)))
    return scaled / norm[None, :], constant


def _centred(signal: Series) -> Series:
    centred = signal - jnp.mean(signal, axis=0, keepdims=True)
    # Once more: the first mean is itself rounded, which shows where the offset is large.
    return centred - jnp.mean(centred, axis=0, keepdims=True)


def inner_products(series: Series) -> Pairwise:
    return jnp.matmul(series.T, series, precision=jax.lax.Precision.HIGHEST)
