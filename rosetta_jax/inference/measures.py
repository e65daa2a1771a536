"""How well fitted spectra agree with measured ones: the numbers that reports quote."""

import numpy as np

from rosetta_jax._types import Bool, Float


def correlation_db(
    measured: Float[np.ndarray, "frequencies nodes"], fitted: Float[np.ndarray, "frequencies *one"]
) -> Float[np.ndarray, " nodes"]:
    """Pearson correlation across bins of the two spectra in decibel, one a region."""
    a, b = 10 * np.log10(measured), 10 * np.log10(np.broadcast_to(fitted, measured.shape))
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    return (a * b).sum(axis=0) / np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))


def in_band(
    frequencies: Float[np.ndarray, " frequencies"], band: tuple[float, float]
) -> Bool[np.ndarray, " frequencies"]:
    """Which bins lie in a band (Hz), its ends included."""
    return (frequencies >= band[0]) & (frequencies <= band[1])


def relative_power(
    frequencies: Float[np.ndarray, " frequencies"],
    density: Float[np.ndarray, "frequencies nodes"],
    band: tuple[float, float] = (8.0, 13.0),
) -> Float[np.ndarray, " nodes"]:
    """Power in a band (Hz, ends included) over power in all bins, one a region."""
    inside = in_band(frequencies, band)
    if not inside.any():
        raise ValueError(
            f"`band` {band} Hz holds no bin of {frequencies[0]:g}-{frequencies[-1]:g} Hz."
        )
    return density[inside].sum(axis=0) / density.sum(axis=0)


def cohort_curve(
    measured: Float[np.ndarray, "people frequencies nodes"],
    fitted: Float[np.ndarray, "people frequencies *one"],
) -> Float[np.ndarray, " frequencies"]:
    """What fits of a cohort miss in all people and regions alike (dB, mean zero): a gain curve of instruments.

    Learn it on some people and use it on others (`rj.SpectrumLoss(curve=...)`): on the same it praises itself.
    People whose fit is not finite are left out.
    """
    missed = 10 * np.log10(measured) - 10 * np.log10(np.broadcast_to(fitted, measured.shape))
    missed = missed - missed.mean(axis=1, keepdims=True)
    good = np.isfinite(missed).all(axis=(1, 2))
    if not good.any():
        raise ValueError("`fitted` is finite for nobody: no curve can be learned from it.")
    return missed[good].mean(axis=(0, 2))


def curves_of_others(
    measured: Float[np.ndarray, "people frequencies nodes"],
    fitted: Float[np.ndarray, "people frequencies *one"],
) -> Float[np.ndarray, "people frequencies"]:
    """For each person the gain curve (dB) of the half of the people that the person is not in.

    People are halved by turns. Raises `ValueError` where a half has nobody whose fit is finite.
    """
    even = np.arange(len(fitted)) % 2 == 0
    of_even, of_odd = (cohort_curve(measured[half], fitted[half]) for half in (even, ~even))
    return np.where(even[:, None], of_odd, of_even)


def map_correlation(
    first: Float[np.ndarray, " nodes"], second: Float[np.ndarray, " nodes"]
) -> float:
    """Pearson correlation of two maps across regions; NaN where one of them is flat or not known."""
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        return float("nan")
    if np.ptp(first) < 1e-12 * np.abs(first).max() or np.ptp(second) < 1e-12 * np.abs(second).max():
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def paired_difference(
    scores: Float[np.ndarray, " people"], others: Float[np.ndarray, " people"]
) -> tuple[float, float]:
    """Mean of the paired difference over people, and its standard error (NaN for one person).

    People without a score in either, NaN, are left out.
    """
    difference = np.asarray(scores) - np.asarray(others)
    difference = difference[np.isfinite(difference)]
    if difference.size == 0:
        return float("nan"), float("nan")
    if difference.size < 2:
        return float(difference.mean()), float("nan")
    return float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(difference.size))
