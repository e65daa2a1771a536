r"""A few numbers that say what a spectrum is like: power of bands, edge, centre of gravity, peak.

All take a density (frequencies, nodes) over increasing frequencies in Hz, whether estimated or exact, and read
it as straight lines between its bins, so that a band may begin between two of them:

.. math::  B_i = \int_{low}^{high} P_i\,df, \qquad \text{relative } B_i = B_i / \int_{total} P_i\,df.

A peak is found on the decadic logarithm of the density, less the aperiodic part where that is given, by the
parabola through the logarithms of that height in the highest bin and its two neighbours, which is exact,
between bins too, for a bump of Gaussian shape $h\,e^{-(f - f_0)^2 / 2 s^2}$ in the logarithm of the density.

All are differentiable in the density, but a peak only until another bin is the highest: where it must not jump,
the centre of gravity of a power of the density moves smoothly.

Source: Klimesch 1999, Brain Res. Rev. 29:169 (bands, centre of gravity); Donoghue et al. 2020, Nat. Neurosci.
23:1655 (peaks above the aperiodic part).
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Nodal, Spectrum


class Peak(eqx.Module):
    """The highest peak of each node in a band, NaN where it has none.

    `frequency` (nodes,) in Hz; `height` (nodes,) above the aperiodic part in decades of power; `width` (nodes,)
    in Hz, twice the standard deviation of the bump.
    """

    frequency: Nodal
    height: Nodal
    width: Nodal


def band_power(frequencies: ArrayLike, density: ArrayLike, band: tuple[float, float]) -> Nodal:
    """The power of each node in a band, the integral of its density: (nodes,) in squared signal units.

    **Arguments:** `frequencies` (frequencies,) in Hz, increasing; `density` (frequencies, nodes) per Hz; `band`
    (low, high) in Hz, within the frequencies, its edges anywhere between bins. **Raises:** `ValueError` for
    frequencies or a density that do not fit this, and for a band beyond the frequencies.
    """
    grid, density = spectrum_checked(frequencies, density)
    return jnp.matmul(
        jnp.asarray(_band_weights(grid, "band", band), density.dtype),
        density,
        precision=jax.lax.Precision.HIGHEST,
    )


def relative_band_power(
    frequencies: ArrayLike,
    density: ArrayLike,
    band: tuple[float, float],
    *,
    total: tuple[float, float] | None = None,
) -> Nodal:
    """The share of a band in the power of the band `total` (by default of all frequencies): (nodes,), 0 to 1.

    NaN for a node without power. Arguments and errors are those of `band_power`.
    """
    grid, _ = spectrum_checked(frequencies, density)
    total = (float(grid[0]), float(grid[-1])) if total is None else total
    inside = _checks.band("band", band)
    around = _checks.band("total", total)
    if inside[0] < around[0] or inside[1] > around[1]:
        raise ValueError(
            f"`total` {total} Hz must hold `band` {band} Hz: widen it, or leave it out for all frequencies."
        )
    return band_power(frequencies, density, band) / band_power(frequencies, density, total)


def spectral_edge(
    frequencies: ArrayLike,
    density: ArrayLike,
    share: float = 0.95,
    *,
    band: tuple[float, float] | None = None,
) -> Nodal:
    """The frequency (Hz) below which lies a `share` of the power in a `band` (by default of all): (nodes,).

    Exact for a density of straight lines; NaN for a node without power. Raises `ValueError` for a share that
    does not lie between 0 and 1, and as `band_power`.
    """
    if not 0 < share < 1:
        raise ValueError(f"`share` must lie between 0 and 1, both excluded, got {share!r}.")
    grid, density = spectrum_checked(frequencies, density)
    low, high = _within(grid, "band", band or (float(grid[0]), float(grid[-1])))
    # The edges of the band become bins of their own.
    finer = np.unique(np.concatenate([[low], grid[(grid > low) & (grid < high)], [high]]))
    levels = jax.vmap(
        lambda each: jnp.interp(
            jnp.asarray(finer, density.dtype), jnp.asarray(grid, density.dtype), each
        ),
        1,
        1,
    )(density)
    return jax.vmap(lambda each: _edge_of(finer, each, share), 1)(levels)


def centre_of_gravity(
    frequencies: ArrayLike,
    density: ArrayLike,
    band: tuple[float, float],
    *,
    sharpness: ArrayLike = 1.0,
) -> Nodal:
    r"""The mean frequency in a band, weighted by a power of the density, $\sum_k f_k P_k^p / \sum_k P_k^p$, in Hz.

    The sums run over the bins within the band. With `sharpness` p of 1 it is the centre of gravity of alpha
    power; the larger p, the nearer the highest bin, so it is also a peak frequency that moves smoothly ("soft
    argmax"); what lies beside the peak pulls it by less, the larger p is. **Returns:** (nodes,). **Raises:**
    `ValueError` as `band_power`, for a density that is not positive within the band, or a band without a bin.
    """
    grid, density = spectrum_checked(frequencies, density)
    inside = _bins_within(grid, "band", band, 1)
    power = _checks.positive("sharpness", _checks.as_float_array(sharpness, "sharpness"))
    logarithm = jnp.log(_positive(density[inside]))
    weights = jax.nn.softmax(power.astype(density.dtype) * logarithm, axis=0)
    return jnp.sum(weights * jnp.asarray(grid[inside], density.dtype)[:, None], axis=0)


def spectral_peak(
    frequencies: ArrayLike,
    density: ArrayLike,
    band: tuple[float, float] = (7.0, 14.0),
    *,
    aperiodic: ArrayLike | None = None,
) -> Peak:
    """The highest peak of each node within a band, by default that of alpha, between bins.

    **Arguments:** `frequencies`, `density` as `band_power`; `aperiodic` (frequencies, nodes), the density
    without peaks, such as `rj.observe.aperiodic_fit(...).density(frequencies)`, by default 1, so that heights
    are those of the logarithm itself. **Returns:** a `Peak`, NaN where the highest bin is at an edge of the
    band or does not stand out with its neighbours above the aperiodic part. **Raises:** `ValueError` as
    `band_power`, for densities that are not positive within the band and for a band with fewer than three bins.
    """
    grid, density = spectrum_checked(frequencies, density)
    inside = _bins_within(grid, "band", band, 3)
    height = jnp.log10(_positive(density[inside]))
    if aperiodic is not None:
        aperiodic = _checks.as_float_array(aperiodic, "aperiodic").astype(density.dtype)
        _checks.shape("aperiodic", aperiodic, density.shape, "as `density`")
        height = height - jnp.log10(_positive(aperiodic[inside], "aperiodic"))
        parabola = jax.vmap(lambda each: _bump(grid[inside], each), 1)
    else:
        parabola = jax.vmap(lambda each: _crest(grid[inside], each), 1)
    return Peak(*parabola(height))


def spectrum_checked(frequencies: ArrayLike, density: ArrayLike) -> tuple[np.ndarray, Spectrum]:
    """Known, increasing frequencies and a density over them."""
    _checks.require_known("frequencies", frequencies, "say which bins lie in a band")
    grid = np.asarray(frequencies, dtype=float)
    if grid.ndim != 1 or grid.size < 2 or not np.all(np.diff(grid) > 0):
        raise ValueError(
            f"`frequencies` must be increasing hertz (frequencies,), got shape {grid.shape}."
        )
    density = _checks.finite("density", _checks.as_float_array(density, "density"))
    if density.ndim != 2 or density.shape[0] != grid.size:
        raise ValueError(
            f"`density` must have shape ({grid.size}, nodes), frequencies first, got {density.shape}."
        )
    return grid, density


def _positive(density: Array, name: str = "density") -> Array:
    return _checks.positive(name, density)


def _within(grid: np.ndarray, name: str, band: tuple[float, float]) -> tuple[float, float]:
    low, high = _checks.band(name, band)
    if low < grid[0] or high > grid[-1]:
        raise ValueError(
            f"`{name}` ({low:g}, {high:g}) Hz must lie within the frequencies, {grid[0]:g} to {grid[-1]:g} Hz."
        )
    return low, high


def _bins_within(grid: np.ndarray, name: str, band: tuple[float, float], least: int) -> np.ndarray:
    low, high = _checks.band(name, band)
    inside = np.flatnonzero((grid >= low) & (grid <= high))
    if inside.size < least:
        raise ValueError(
            f"`{name}` ({low:g}, {high:g}) Hz holds {inside.size} bins of the frequencies, needs at least "
            f"{least}: widen it, or resolve finer."
        )
    return inside


def _band_weights(grid: np.ndarray, name: str, band: tuple[float, float]) -> np.ndarray:
    """What each bin counts in the integral of the straight lines over a band."""
    low, high = _within(grid, name, band)
    width = np.diff(grid)
    # Within each interval the part of the band, from 0 to 1.
    start, end = (np.clip((edge - grid[:-1]) / width, 0, 1) for edge in (low, high))
    rising = width * (end**2 - start**2) / 2
    weights = np.zeros(grid.size)
    weights[:-1] += width * (end - start) - rising
    weights[1:] += rising
    return weights


def _edge_of(grid: np.ndarray, level: Float[Array, " frequencies"], share: float) -> Array:
    """Where the integral of straight lines reaches a share of its whole."""
    width = jnp.asarray(np.diff(grid), level.dtype)
    pieces = width * (level[1:] + level[:-1]) / 2
    sums = jnp.concatenate([jnp.zeros(1, level.dtype), jnp.cumsum(pieces)])
    wanted = share * sums[-1]
    at = jnp.clip(jnp.searchsorted(sums, wanted, side="right") - 1, 0, len(pieces) - 1)
    rest, first, slope = wanted - sums[at], level[at], (level[at + 1] - level[at]) / width[at]
    # rest = first x + slope x**2 / 2, by the root that does not cancel.
    root = jnp.sqrt(first**2 + 2 * slope * rest)
    beyond = 2 * rest / jnp.where(root + first > 0, root + first, 1.0)
    return jnp.where(sums[-1] > 0, jnp.asarray(grid, level.dtype)[at] + beyond, jnp.nan)


def _crest(grid: np.ndarray, height: Float[Array, " frequencies"]) -> tuple[Array, Array, Array]:
    """A peak of the logarithm itself, whose width is that of a Gaussian bump in the density."""
    place, top, curvature, found = _vertex(grid, height)
    width = 2 * jnp.sqrt(jnp.log10(jnp.e) / -curvature)
    return _where(found, place, top, width)


def _bump(grid: np.ndarray, height: Float[Array, " frequencies"]) -> tuple[Array, Array, Array]:
    """A peak above the aperiodic part, whose width is that of a Gaussian bump in the logarithm."""
    standing = height > 0
    logarithm = jnp.log(jnp.where(standing, height, 1.0))
    place, top, curvature, found = _vertex(grid, jnp.where(standing, logarithm, -jnp.inf))
    width = 2 / jnp.sqrt(-curvature)
    return _where(found, place, jnp.exp(top), width)


def _where(found: Array, place: Array, top: Array, width: Array) -> tuple[Array, Array, Array]:
    return (
        jnp.where(found, place, jnp.nan),
        jnp.where(found, top, jnp.nan),
        jnp.where(found, width, jnp.nan),
    )


def _vertex(
    grid: np.ndarray, height: Float[Array, " frequencies"]
) -> tuple[Array, Array, Array, Array]:
    """Place, height and curvature of the parabola through the highest inner point and its neighbours."""
    highest = jnp.argmax(height)
    at = jnp.clip(highest, 1, len(grid) - 2)
    points = jnp.asarray(grid, height.dtype)
    near = jax.lax.dynamic_slice(height, (at - 1,), (3,))
    found = (highest == at) & jnp.all(jnp.isfinite(near))
    near = jnp.where(found, near, jnp.asarray([0.0, 1.0, 0.0], height.dtype))
    left, right = points[at] - points[at - 1], points[at + 1] - points[at]
    falling, rising = (near[1] - near[0]) / left, (near[2] - near[1]) / right
    curvature = 2 * (rising - falling) / (left + right)
    slope = (falling * right + rising * left) / (left + right)
    # Below zero: the first of the highest bins stands above the one to its left.
    shift = -slope / curvature
    return points[at] + shift, near[1] + slope * shift / 2, curvature, found
