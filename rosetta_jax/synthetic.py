r"""An embedded brain, so that everything runs with no file at all: **synthetic**, from a seed.

Names and centres of the 68 regions are those of the Desikan-Killiany atlas; all else is drawn. The
connectome keeps what tractography agrees on: weights fall with distance and spread log-normally,
about a quarter of all pairs are linked, the two hemispheres resemble each other, homotopic regions
are linked over the callosum, and tracts are longer than the straight line. The recording keeps what
resting MEG agrees on: a 1/f-like background, an alpha rhythm that is strong behind and weak in
front, a beta bump about the central sulcus, leakage between neighbours, and the scatter of a finite
estimate.

The recording is drawn from curves, not from a network: no coupling, no delay and no rung of this
package enters it, so that fitting one to it is no tautology. Nothing here was measured in anyone.
Results are rounded to six decimals before use, so that a seed means the same numbers on any
platform.
"""

from statistics import NormalDist
from typing import Any

import equinox as eqx
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._desikan_killiany import CENTRES, LABELS
from rosetta_jax._types import Array, Float, Spectrum
from rosetta_jax.network.connectome import Connectome, spectral_radius

# Of all pairs, the share that is linked.
DENSITY = 0.28
# The distance (mm) over which weights within a hemisphere fall by e.
REACH = 25.0
# Links from one hemisphere to another place of the other are weaker by this factor.
ACROSS = 0.5
FEWEST_LINKS = 4


class Recording(eqx.Module):
    """A resting recording, region by region: synthetic, see `recording`.

    `frequencies` (frequencies,) in Hz; `psd` (nodes, frequencies), one-sided power in arbitrary
    units² per Hz; `connectome`, the regions it belongs to; `averages`, the number of independent
    segments whose scatter it carries.
    """

    frequencies: Float[Array, " frequencies"]
    psd: Float[Array, "nodes frequencies"]
    connectome: Connectome
    averages: int = eqx.field(static=True)

    @property
    def spectrum(self) -> Spectrum:
        """The same power as theory, losses and pictures take it: (frequencies, nodes)."""
        return self.psd.T


def connectome(seed: int = 0) -> Connectome:
    r"""A synthetic connectome of the 68 Desikan-Killiany regions, left 34 and then right 34.

    Labels are the side and FreeSurfer's name: "left bankssts" ... "right insula". `centres` (68, 3)
    in mm, MNI. `weights` (68, 68), symmetric, spectral radius 1:

    .. math::  C_{ij} \propto \sqrt{h_i h_j}\; e^{-d_{ij}/25\,\mathrm{mm}}\, e^{z_{ij}}

    with `z` normal (sd 1) and hub factors `h` log-normal (sd 0.4), both mostly shared by the
    hemispheres; half of that between the hemispheres; homotopic pairs instead get 0.7 exp(-d / 120
    mm) times a log-normal factor. The strongest pairs are kept up to a density of 0.28 (group
    tractography at this resolution: 0.2 to 0.4), all homotopic pairs and four links of every region
    among them. `lengths` (68, 68) in mm are at least 1.2 times the distance, and go through the
    callosum from side to side.

    Any `seed` from 0 gives another brain. Raises `ValueError` for another seed.
    """
    rng = np.random.default_rng([_seed(seed), 0])
    centres = np.array(CENTRES, dtype=float)
    distances = _distances(centres)
    weights = _weights(rng, distances)
    weights = np.round(weights / spectral_radius(weights), 6)
    lengths = _lengths(rng, centres, distances)
    return Connectome(weights, lengths, LABELS, centres, normalisation="eigenvalue")


def recording(seed: int = 0, averages: int = 100) -> Recording:
    """A synthetic resting recording at 2 to 45 Hz in steps of 1 Hz, on `connectome(seed)`.

    For each region a sum of relaxations (1/f-like, exponent 0.4 to 1.0), an alpha line at 9 to 11
    Hz that wanders and so has no simple shape, from about 17 times the background at the occipital
    pole to half of it at the frontal, a beta bump near twice that frequency, strongest about
    the central sulcus, and a flat floor. Level, exponent and peaks vary smoothly over the cortex.
    Each region then sees its neighbours (leakage, a Gaussian of 15 mm), and every bin is multiplied
    by a gamma factor of mean 1 and relative variance 1/`averages`, the scatter of a spectrum
    averaged over that many independent segments.

    Raises `ValueError` for a `seed` below 0 or fewer than one average.
    """
    rng = np.random.default_rng([_seed(seed), 1])
    averages = _whole("averages", averages, least=1)
    brain = connectome(seed)
    centres = np.array(CENTRES, dtype=float)
    distances = _distances(centres)
    frequencies = np.arange(2.0, 46.0)
    clean = _leak(_regional_curves(rng, centres, distances, frequencies), distances)
    scatter = rng.gamma(averages, 1 / averages, size=clean.shape)
    return Recording(
        _checks.as_float_array(frequencies),
        _checks.as_float_array(np.round(clean * scatter, 6)),
        brain,
        averages,
    )


def _weights(rng: np.random.Generator, distances: np.ndarray) -> np.ndarray:
    nodes = len(distances)
    half = nodes // 2
    hubs = np.exp(0.4 * _mirrored(rng.normal(size=half), rng.normal(size=nodes)))
    spread = _symmetric(_alike(rng, half))
    weights = np.sqrt(np.outer(hubs, hubs)) * np.exp(spread - distances / REACH)
    weights[_across(nodes)] *= ACROSS
    left = np.arange(half)
    twins = 0.7 * np.exp(0.3 * rng.normal(size=half) - distances[left, left + half] / 120)
    weights[left, left + half] = weights[left + half, left] = twins
    np.fill_diagonal(weights, 0.0)
    return np.where(_kept(weights), weights, 0.0)


def _kept(weights: np.ndarray) -> np.ndarray:
    """Which pairs stay: homotopic ones, the strongest few of each region, then the strongest."""
    nodes = len(weights)
    left = np.arange(nodes // 2)
    kept = np.zeros(weights.shape, dtype=bool)
    kept[left, left + nodes // 2] = True
    strongest = np.argsort(-weights, axis=1, kind="stable")[:, :FEWEST_LINKS]
    np.put_along_axis(kept, strongest, True, axis=1)
    kept |= kept.T
    rows, columns = np.triu_indices(nodes, 1)
    wanted = round(DENSITY * len(rows)) - int(kept[rows, columns].sum())
    rest = np.where(kept[rows, columns], -np.inf, weights[rows, columns])
    chosen = np.argsort(-rest, kind="stable")[:wanted]
    kept[rows[chosen], columns[chosen]] = True
    return kept | kept.T


def _lengths(rng: np.random.Generator, centres: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Tract lengths (mm), through the callosum where the midline is crossed, rounded upwards."""
    detour = 1.2 * (1 + np.abs(_symmetric(0.15 * rng.normal(size=distances.shape))))
    y = np.clip((centres[:, None, 1] + centres[None, :, 1]) / 2, -35.0, 25.0)
    gate = np.stack([np.zeros_like(y), y, np.full_like(y, 22.0)], axis=-1)
    reach = np.linalg.norm(centres[:, None] - gate, axis=-1)
    through = 1.1 * (reach + reach.T)
    direct = distances * detour
    lengths = np.where(_across(len(centres)), np.maximum(direct, through), direct)
    return np.ceil(np.round(10 * lengths, 6)) / 10


def _regional_curves(
    rng: np.random.Generator, centres: np.ndarray, distances: np.ndarray, frequencies: np.ndarray
) -> np.ndarray:
    """Power of each region before leakage and scatter: (nodes, frequencies)."""
    # Maps that vary smoothly over the cortex, of unit variance.
    root = np.linalg.cholesky(np.exp(-distances / 40))
    level, slope, peak, alpha_size, beta_size = (root @ rng.normal(size=(len(centres), 5))).T
    behind = 1 / (1 + np.exp((centres[:, 1] + 25) / 18))
    central = np.exp(-(np.square(centres[:, 1:] - [-17.0, 45.0]).sum(1)) / (2 * 22.0**2))
    alpha_at = 9.4 + 0.8 * behind + 0.35 * peak
    alpha = np.exp(np.log(0.6) + np.log(28.0) * behind + 0.4 * alpha_size)
    beta = np.exp(0.4 * beta_size) * (0.15 + 1.2 * central + 0.05 * alpha)
    background = _relaxations(frequencies, 0.7 + 0.3 * np.tanh(slope))
    at_ten = background[:, frequencies == 10.0]
    lines = alpha[:, None] * _line(frequencies, alpha_at, 1.0, 0.07)
    lines += beta[:, None] * _line(frequencies, 1.95 * alpha_at, 2.5, 0.1) / 2
    size = 60 * np.exp(0.8 * level)[:, None]
    return size * (background / at_ten + lines + 0.01)


def _relaxations(frequencies: np.ndarray, exponents: np.ndarray) -> np.ndarray:
    """A sum of relaxations over a range of rates, about `1/f**exponent`: (nodes, frequencies)."""
    knees = np.geomspace(1.0, 60.0, 12)
    shares = knees ** (1 - exponents[:, None])
    return shares @ (knees[:, None] / (frequencies**2 + knees[:, None] ** 2))


def _line(frequencies: np.ndarray, at: np.ndarray, width: float, wander: float) -> np.ndarray:
    """A resonance whose frequency wanders log-normally, 1 at its top: (nodes, frequencies)."""
    quantiles = [NormalDist().inv_cdf((2 * k + 1) / 18) for k in range(9)]
    centres = at[:, None] * np.exp(wander * np.array(quantiles))
    lines = 1 / (1 + ((frequencies[None, None, :] - centres[:, :, None]) / width) ** 2)
    mean = lines.mean(axis=1)
    return mean / mean.max(axis=1, keepdims=True)


def _leak(power: np.ndarray, distances: np.ndarray) -> np.ndarray:
    shares = np.exp(-((distances / 15.0) ** 2))
    return (shares / shares.sum(axis=1, keepdims=True)) @ power


def _alike(rng: np.random.Generator, half: int) -> np.ndarray:
    """Normal deviates for pairs, mostly shared by the two hemispheres: (2 half, 2 half)."""
    shared = np.tile(rng.normal(size=(half, half)), (2, 2))
    own = rng.normal(size=shared.shape)
    return np.sqrt(0.7) * shared + np.sqrt(0.3) * own


def _mirrored(shared: np.ndarray, own: np.ndarray) -> np.ndarray:
    return np.sqrt(0.7) * np.tile(shared, 2) + np.sqrt(0.3) * own


def _symmetric(values: np.ndarray) -> np.ndarray:
    return np.triu(values, 1) + np.triu(values, 1).T


def _across(nodes: int) -> np.ndarray:
    right = np.arange(nodes) >= nodes // 2
    return right[:, None] != right[None, :]


def _distances(centres: np.ndarray) -> np.ndarray:
    return np.linalg.norm(centres[:, None] - centres[None, :], axis=-1)


def _seed(seed: Any) -> int:
    return _whole("seed", seed, least=0)


def _whole(name: str, value: Any, least: int) -> int:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < least:
        raise ValueError(f"`{name}` must be a whole number from {least}, got {value!r}.")
    return int(value)
