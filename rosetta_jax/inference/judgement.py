"""What of a recording is fitted, what is judged, and the scores of a prediction there.

A score on what was fitted praises flexibility; one on bins or regions left out praises what was understood.
"""

from typing import NamedTuple

import equinox as eqx
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Float
from rosetta_jax.data import Recordings
from rosetta_jax.inference.losses import SpectrumLoss
from rosetta_jax.inference.measures import correlation_db, in_band, map_correlation, relative_power

LEFT_OUT = ("nothing", "bins", "regions")
ALPHA = (8.0, 13.0)


class Judgement(NamedTuple):
    """Indices of the bins and regions that are fitted, and of those that are judged."""

    fitted_bins: np.ndarray
    judged_bins: np.ndarray
    fitted_regions: np.ndarray
    judged_regions: np.ndarray

    def losses(
        self, recordings: Recordings, depth: float, share_sd: float | None
    ) -> list[SpectrumLoss]:
        """The loss of each person, on what is fitted; with `share_sd` relative alpha counts too."""
        bins = self.fitted_bins
        frequencies = recordings.frequencies[bins]
        bands = [ALPHA] if share_sd is not None and in_band(frequencies, ALPHA).any() else []
        return [
            SpectrumLoss(
                frequencies,
                spectra[bins],
                depth=depth,
                regions=self.fitted_regions,
                bands=bands,
                band_sd=0.1 if share_sd is None else share_sd,
            )
            for spectra in recordings.spectra
        ]

    def alpha(self, frequencies: np.ndarray, spectra: np.ndarray) -> Float[np.ndarray, " nodes"]:
        """Relative power at 8-13 Hz over the judged bins, of every region; NaN where no bin lies there."""
        bins = self.judged_bins
        if not in_band(frequencies[bins], ALPHA).any():
            return np.full(spectra.shape[1], np.nan)
        return relative_power(frequencies[bins], spectra[bins], ALPHA)


class Scores(eqx.Module):
    """How well predictions agree with recordings where they are judged, for each person.

    `correlations` (people, judged regions), Pearson r across bins in dB; `depths` (people,), the standard
    deviation over bins of the prediction over that of the measurement, in dB: near 0 a good correlation says
    little; `alpha` (people, nodes), relative power at 8-13 Hz, and `alpha_correlations` (people,) with its
    measured map over the judged regions.
    """

    correlations: Float[np.ndarray, "people judged"]
    depths: Float[np.ndarray, " people"]
    alpha: Float[np.ndarray, "people nodes"]
    alpha_correlations: Float[np.ndarray, " people"]


def judgement(left_out: str, bins: int, nodes: int) -> Judgement:
    """All fitted and judged ("nothing"), or bins (regions) 1, 3, 5... fitted and 2, 4, 6... judged.

    Raises `ValueError` where too few are left: two bins and one region.
    """
    _checks.one_of("left_out", left_out, LEFT_OUT)
    every_bin, every_region = np.arange(bins), np.arange(nodes)
    fitted_bins, judged_bins, fitted, judged = every_bin, every_bin, every_region, every_region
    if left_out == "bins":
        fitted_bins, judged_bins = every_bin[::2], every_bin[1::2]
    if left_out == "regions":
        fitted, judged = every_region[::2], every_region[1::2]
    if len(judged_bins) < 2 or len(judged) < 1:
        raise ValueError(
            f"`left_out` {left_out!r} leaves {len(judged_bins)} bins of {len(judged)} regions to judge: at "
            "least 2 bins and 1 region are needed; widen `band`, or leave out nothing."
        )
    return Judgement(fitted_bins, judged_bins, fitted, judged)


def scores(recordings: Recordings, spectra: np.ndarray, judged: Judgement) -> Scores:
    """The scores of predicted `spectra` (people, F, nodes or 1), all bins of the recordings."""
    bins, regions = judged.judged_bins, judged.judged_regions
    people = []
    for measured, predicted in zip(recordings.spectra, spectra, strict=True):
        predicted = np.broadcast_to(predicted, measured.shape)
        there, here = measured[bins][:, regions], predicted[bins][:, regions]
        maps = [judged.alpha(recordings.frequencies, s) for s in (measured, predicted)]
        people.append(
            (
                correlation_db(there, here),
                _depth(here) / _depth(there),
                maps[1],
                map_correlation(maps[0][regions], maps[1][regions]),
            )
        )
    return Scores(*(np.array(column) for column in zip(*people, strict=True)))


def _depth(spectrum: np.ndarray) -> float:
    return float((10 * np.log10(spectrum)).std(axis=0).mean())
