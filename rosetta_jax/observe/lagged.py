r"""How the series of the nodes go together at a lag: which of them runs ahead of which.

.. math:: C_{ij}(\tau) = E[x_i(t + \tau)\,x_j(t)], \qquad C(-\tau) = C(\tau)^\top

with the later node first, as weights are [target, source]: where j drives i, $C_{ij}$ is the larger one at lags
above zero. Effective connectivity is told by these, and hardly by correlations without lag.

Source: Gilson et al., PLoS Comput. Biol. 12, e1004762 (2016), whose $Q^\tau$ is $C(\tau)^\top$.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Series
from rosetta_jax.observe.connectivity import WELCH, band_bins
from rosetta_jax.observe.spectrum import Cut, cut_series, density_scale, transformed_segments


def lagged_correlations(
    signal: ArrayLike,
    dt: ArrayLike,
    lags: Any,
    *,
    band: tuple[float, float] | None = None,
    segment: ArrayLike = 2.0,
) -> Float[Array, "lags nodes nodes"]:
    r"""Correlations of the nodes at lags, divided by the standard deviations at lag zero.

    $r_{ij}(\tau) = \sum_t x_i(t + \tau)\,x_j(t) \big/ \sqrt{\sum_t x_i^2 \sum_t x_j^2}$ of centred series: all of
    them between -1 and 1, and too small by a share of $|\tau|/T$ of a series of T seconds. With a `band` (Hz) it
    is the inverse transform of Welch's cross spectrum over the bins within it, from segments of `segment` seconds.
    A node that never changes is NaN.

    **Arguments:** `signal` (time, nodes), any unit, one sample each `dt` seconds; `lags` (s), of either sign,
    whole numbers of samples where there is no band. **Returns:** (lags, nodes, nodes), [lag, later, earlier].
    **Raises:** `ValueError` for a signal that is not (time, nodes), real and finite, lags between samples or
    longer than the series (a segment, in a band), and a band without a bin.
    """
    signal, lags = _checks.series("signal", signal), as_lags(lags)
    interval = _checks.known("dt", dt, "s")
    if band is None:
        whole = _in_samples(lags, interval, signal.shape[0])
        centred = signal - jnp.mean(signal, axis=0, keepdims=True)
        products = jnp.stack([_products(centred, steps) for steps in (0, *whole)])
    else:
        cut = cut_series(signal.shape[0], interval, segment, *WELCH)
        _require_within(lags, cut.length * interval, "a segment")
        products = _band_products(signal, cut, band_bins(band, cut), (0.0, *lags))
    return by_zero_lag(products)


def as_lags(lags: Any) -> tuple[float, ...]:
    """Lags in seconds, known when a program is compiled: one or a list of them, finite."""
    _checks.require_known("lags", lags, "says what to compute")
    given = np.atleast_1d(np.asarray(_checks.finite("lags", _checks.as_float_array(lags, "lags"))))
    if given.ndim != 1 or given.size == 0:
        raise ValueError(f"`lags` must be one or a list of seconds, got shape {given.shape}.")
    return tuple(float(lag) for lag in given)


def by_zero_lag(
    covariance: Float[Array, "one_and_lags nodes nodes"],
) -> Float[Array, "lags nodes nodes"]:
    """Covariances, the first of them at lag zero, as correlations at the others."""
    scale = jnp.sqrt(jnp.diagonal(covariance[0]))
    return covariance[1:] / (scale[:, None] * scale[None, :])[None]


def _in_samples(lags: tuple[float, ...], dt: float, length: int) -> tuple[int, ...]:
    """Each lag in whole samples."""
    _require_within(lags, length * dt, "the series")
    steps = [round(lag / dt) for lag in lags]
    for lag, whole in zip(lags, steps, strict=True):
        if abs(lag / dt - whole) > 1e-6 * max(1.0, abs(whole)):
            raise ValueError(
                f"`lags` has {lag:g} s, {lag / dt:g} times the sampling interval of {dt:g} s: take "
                f"{whole * dt:g} s."
            )
    return tuple(steps)


def _require_within(lags: tuple[float, ...], span: float, what: str) -> None:
    longest = max(lags, key=abs)
    if abs(longest) >= span * (1 - 1e-9):
        raise ValueError(
            f"`lags` has {longest:g} s, and {what} has {span:g} s: take shorter lags, or a longer one."
        )


def _products(centred: Series, steps: int) -> Float[Array, "nodes nodes"]:
    """The sum of the later times the earlier."""
    kept = centred.shape[0] - abs(steps)
    later, earlier = centred[max(steps, 0) :][:kept], centred[max(-steps, 0) :][:kept]
    return jnp.matmul(later.T, earlier, precision=jax.lax.Precision.HIGHEST)


def _band_products(
    signal: Series, cut: Cut, inside: np.ndarray, lags: tuple[float, ...]
) -> Float[Array, "lags nodes nodes"]:
    """Covariances of what lies in a band, up to a factor."""
    _, window, detrend = WELCH
    transformed = transformed_segments(signal, cut, window, detrend)[:, inside]
    turns = 2 * np.pi * np.outer(lags, np.fft.rfftfreq(cut.length, cut.dt)[inside])
    scale = density_scale(cut.length, cut.dt, window, signal.dtype)[inside]
    turned = (
        jnp.asarray(np.exp(1j * turns), transformed.dtype) * scale.astype(transformed.dtype)[None]
    )
    products = jnp.einsum(
        "lf,sfi,sfj->lij",
        turned,
        transformed,
        transformed.conj(),
        precision=jax.lax.Precision.HIGHEST,
    )
    return products.real
