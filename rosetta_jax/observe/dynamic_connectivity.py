r"""How connectivity comes and goes: that of windows, how alike windows are ("FCD"), and how far two FCD differ.

In window $w$ the pairs of nodes have the correlations $r_w$ (pairs,), the upper triangle of the window's
matrix. Functional connectivity dynamics is the correlation of these over the pairs,

.. math::  \mathrm{FCD}_{wv} = \mathrm{corr}_{pairs}(r_w, r_v),

and what is compared is the distribution of its upper triangle: that of white noise lies where windows do not
overlap near zero, that of a brain that returns to the same pattern reaches high. Two distributions $F, G$ lie
$\max |F - G|$ apart (Kolmogorov and Smirnov) or $\int |F - G|$ (Wasserstein), which has a gradient.

For the latter no array of windows by samples or by pairs is held: nodes are paired with their k-th neighbour
round the circle, for one k at a time, each pair once, and the sum over a window is built from sums over halves
of it.

Source: Hansen et al. 2015, NeuroImage 105:525; Kong et al. 2021, Nat. Commun. 12:6373, whose convention on data
of 0.72 s is a window of 83 samples, a step of one and a cumulative histogram of 10,000 bins over [-1, 1].
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Scalar, Series

BINS = 10_000


def windowed_connectivity(
    signal: ArrayLike, dt: ArrayLike, *, window: ArrayLike = 60.0, step: ArrayLike | None = None
) -> Float[Array, "windows pairs"]:
    """The functional connectivity of each window of a series: upper triangles, in the order of `upper_triangle`.

    Windows of `window` seconds begin `step` seconds apart, the first with the first sample and the last where
    a whole window still fits. In single precision a window whose mean lies m of its own standard deviations
    from that of the series has an error of about `3e-7 (1 + m**2)`: take slow drifts out first.

    **Arguments:** `signal` (time, nodes), any unit; `dt` the sampling interval, `window` and `step` in seconds,
    each rounded to samples (`step` by default one sample; 83 samples of 0.72 s are `window=59.76`).
    **Returns:** (windows, pairs), NaN for the pairs of a node that does not change within the window.
    **Raises:** `ValueError` for a signal that is not (time, nodes), real and finite, or has fewer than two
    nodes, and for windows of fewer than three samples or longer than the series.
    """
    signal, length, stride = _windows(signal, dt, window, step)
    standard = _standardised(signal)
    rows, columns = np.triu_indices(standard.shape[1], k=1)
    mean, size, still = _moments(signal, standard, length, stride)
    products = _averages(standard[:, rows] * standard[:, columns], length, stride)
    covariance = products - mean[:, rows] * mean[:, columns]
    correlation = covariance / (size[:, rows] * size[:, columns])
    return jnp.where(still[:, rows] | still[:, columns], jnp.nan, correlation)


def functional_connectivity_dynamics(
    signal: ArrayLike, dt: ArrayLike, *, window: ArrayLike = 60.0, step: ArrayLike | None = None
) -> Float[Array, "windows windows"]:
    """How alike the connectivity of any two windows is ("FCD"): its correlation over pairs.

    Differentiable; memory is that of the result and of a few series, in a reverse gradient as well. A node that
    does not change within a window makes the window's row and column NaN. Arguments and errors are those of
    `windowed_connectivity`, but there must be three nodes.

    **Returns:** (windows, windows), symmetric, 1 on the diagonal to rounding.
    """
    signal, length, stride = _windows(signal, dt, window, step)
    standard = _standardised(signal)
    nodes = standard.shape[1]
    if nodes < 3:
        raise ValueError(
            f"`signal` has {nodes} nodes, whose windows have one pair: patterns need at least three nodes."
        )
    mean, size, still = _moments(signal, standard, length, stride)
    windows = mean.shape[0]

    def one(totals: tuple[Array, Array], shift: Array) -> tuple[tuple[Array, Array], None]:
        patterns = _ring(standard, mean, size, shift, length, stride)
        # Half way round a ring of even length each pair comes twice.
        twice = (2 * shift == nodes) & (np.arange(nodes) >= nodes // 2)
        patterns = jnp.where(twice[None, :], 0.0, patterns)
        gram = jnp.matmul(patterns, patterns.T, precision=jax.lax.Precision.HIGHEST)
        return (totals[0] + gram, totals[1] + jnp.sum(patterns, axis=1)), None

    start = jnp.zeros((windows, windows), standard.dtype), jnp.zeros(windows, standard.dtype)
    shifts = jnp.arange(1, nodes // 2 + 1)
    (gram, summed), _ = jax.lax.scan(jax.checkpoint(one), start, shifts)
    pairs = nodes * (nodes - 1) // 2
    covariance = gram - summed[:, None] * summed[None, :] / pairs
    # A node at rest leaves its window without a pattern, which must not reach the gradient of others.
    rests = jnp.any(still, axis=1)
    scale = jnp.sqrt(jnp.where(rests, 1.0, jnp.diagonal(covariance)))
    alike = covariance / (scale[:, None] * scale[None, :])
    return jnp.where(rests[:, None] | rests[None, :], jnp.nan, alike)


def cumulative_share(
    values: ArrayLike, *, bins: int = BINS, smooth: bool = False
) -> Float[Array, " bins"]:
    r"""The share of the values at or below the upper edge of each of `bins` equal bins of [-1, 1].

    For an FCD its `upper_triangle`. With `smooth` each value is spread evenly over the width of a bin, so that
    the share at edge $e$ is the mean of $\mathrm{clip}((e - v) / \mathrm{width} + 1/2, 0, 1)$, whose gradient
    counts the values near $e$; without, the gradient is zero.

    **Arguments:** `values` (values,), between -1 and 1 (beyond, they count as at the ends); `bins` a whole
    number. **Returns:** (bins,), from 0 to 1; NaN where any value is. **Raises:** `ValueError` for values of
    another shape.
    """
    values = _checks.as_float_array(values, "values")
    if values.ndim != 1 or not values.size:
        raise ValueError(
            f"`values` must be a list of numbers, got shape {values.shape}: take `upper_triangle` of a matrix."
        )
    bins = _checks.whole("bins", bins)
    missing = jnp.any(jnp.isnan(values))
    # In units of a bin from -1: edge k is the upper one of bin k - 1.
    place = (jnp.where(missing, 0.0, values) + 1) * (bins / 2)
    place = jnp.clip(place, 0.0, float(bins))
    if smooth:
        edge = jnp.floor(place + 0.5)
        below = edge - place + 0.5
    else:
        edge, below = jnp.maximum(jnp.ceil(place), 1.0), jnp.ones_like(place)
    index = jax.lax.stop_gradient(edge).astype(int)
    # Of each value a share counts from its edge on, the rest from the next.
    counts = jnp.zeros(bins + 2, values.dtype).at[index].add(below).at[index + 1].add(1 - below)
    return jnp.where(missing, jnp.nan, jnp.cumsum(counts)[1 : bins + 1] / values.size)


def kolmogorov_smirnov(first: ArrayLike, second: ArrayLike) -> Scalar:
    """The largest difference of two cumulative shares (bins,): the KS distance, 0 to 1.

    Of shares in 10,000 bins it is that of `scipy.stats.ks_2samp` of the binned values. A gradient goes through
    the one bin where they differ most. Raises `ValueError` for shares of different shape.
    """
    first, second = _two_shares(first, second)
    return jnp.max(jnp.abs(first - second))


def wasserstein(first: ArrayLike, second: ArrayLike) -> Scalar:
    r"""The area between two cumulative shares over [-1, 1], $\int |F - G|$: how far values must move on average.

    The surrogate of `kolmogorov_smirnov` to descend: of a share made with `smooth` its gradient moves every
    value towards where the other distribution has more. It differs from `scipy.stats.wasserstein_distance` by
    less than the width of a bin, 2e-4 by default. Raises `ValueError` for shares of different shape.
    """
    first, second = _two_shares(first, second)
    return 2 * jnp.mean(jnp.abs(first - second))


def _two_shares(first: ArrayLike, second: ArrayLike) -> tuple[Array, Array]:
    first = _checks.as_float_array(first, "first")
    second = _checks.as_float_array(second, "second")
    if first.ndim != 1:
        raise ValueError(
            f"`first` must be a cumulative share (bins,), got shape {first.shape}: take `cumulative_share`."
        )
    return first, _checks.shape("second", second, first.shape, "as `first`").astype(first.dtype)


def _windows(
    signal: ArrayLike, dt: ArrayLike, window: ArrayLike, step: ArrayLike | None
) -> tuple[Series, int, int]:
    """The checked series, and the samples of a window and of a step."""
    signal = _checks.series("signal", signal, 3)
    dt, window = _checks.known("dt", dt, "s"), _checks.known("window", window, "s")
    length = round(window / dt)
    stride = 1 if step is None else round(_checks.known("step", step, "s") / dt)
    if not 3 <= length <= signal.shape[0]:
        raise ValueError(
            f"`window` of {window:g} s holds {length} samples at dt = {dt:g} s, but must hold at least 3 and at "
            f"most the {signal.shape[0]} of `signal`: change it, or check that both are in seconds."
        )
    if stride < 1:
        raise ValueError(f"`step` of {step} s is less than half a sample of {dt:g} s: lengthen it.")
    if signal.shape[1] < 2:
        raise ValueError("`signal` has one node, which has no pair: give at least two nodes.")
    return signal, length, stride


def _standardised(signal: Series) -> Series:
    """The series, each node of mean zero and standard deviation one; zero where it never changes."""
    size = jax.lax.stop_gradient(jnp.max(jnp.abs(signal - signal[:1]), axis=0))
    scaled = (signal - signal[:1]) / jnp.where(size == 0, 1.0, size)[None, :]
    centred = scaled - jnp.mean(scaled, axis=0, keepdims=True)
    deviation = jax.lax.stop_gradient(jnp.std(centred, axis=0))
    return centred / jnp.where(size == 0, 1.0, deviation)[None, :]


def _moments(
    signal: Series, standard: Series, length: int, stride: int
) -> tuple[Array, Array, Array]:
    """Mean and standard deviation (windows, nodes) of each window, and which nodes do not change in it."""
    mean = _averages(standard, length, stride)
    variance = _averages(standard**2, length, stride) - mean**2
    # Of the signal itself: what is computed from it may be computed twice, and rounded differently.
    highest = _over(jnp.maximum, signal, length, stride)
    still = highest == _over(jnp.minimum, signal, length, stride)
    return mean, jnp.sqrt(jnp.where(still, 1.0, variance)), still


def _ring(
    standard: Series, mean: Array, size: Array, shift: Array, length: int, stride: int
) -> Float[Array, "windows nodes"]:
    """The correlation in each window of every node with that `shift` places further round the ring."""
    beside, its_mean, its_size = (jnp.roll(each, shift, axis=1) for each in (standard, mean, size))
    products = _averages(standard * beside, length, stride)
    return (products - mean * its_mean) / (size * its_size)


def _averages(series: Array, length: int, stride: int) -> Array:
    return _over(jnp.add, series, length, stride) / length


def _over(
    combine: Callable[[Array, Array], Array], series: Array, length: int, stride: int
) -> Array:
    """A sum or an extreme over each window, from those over powers of two: few operations and roundings."""
    windows = series.shape[0] - length + 1
    block, width, covered = series, 1, 0
    total: Array | None = None
    while True:
        if length & width:
            part = block[covered : covered + windows]
            total = part if total is None else combine(total, part)
            covered += width
        if total is not None and covered == length:
            return total[::stride]
        block, width = combine(block[:-width], block[width:]), 2 * width
