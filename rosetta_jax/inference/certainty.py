"""How sure a study is of what it found: the posterior of its numbers, by a likelihood of the same data.

A study descends on distances, whose curvature is no probability. From where it ended the fit goes on by Whittle's
likelihood of spectra, that of Fisher's z of connectivity, or that of normal noise about an evoked response. It
ends at the mode of the posterior, about which that is taken as normal (`laplace`). Hardly a model of a brain fits
to the noise, so that the deviance is divided by a dispersion (`rosetta_jax.inference.dispersion`): estimated
first where the study ended, so that the prior counts as it should in the descent, and then at the mode.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from rosetta_jax.data import EvokedRecording, Recordings
from rosetta_jax.inference.at_sensors import AtSensors
from rosetta_jax.inference.dispersion import data_count, dispersion_of
from rosetta_jax.inference.fit import FitResult, fit
from rosetta_jax.inference.judgement import Judgement
from rosetta_jax.inference.laplace import Posterior, laplace
from rosetta_jax.inference.likelihoods import FisherLoss, WhittleLoss, degrees_of_freedom
from rosetta_jax.inference.losses import Loss
from rosetta_jax.inference.route import Model
from rosetta_jax.inference.sites_loss import SitesLoss
from rosetta_jax.observe import LeadField
from rosetta_jax.optimise import LevenbergMarquardt
from rosetta_jax.priors import FreeParameter

NAME = "posterior"
# Scatter between bins tells the degrees of freedom of no fewer; then two, those of one periodogram.
_BINS, _LEAST_DEGREES = 5, 2.0


def spectra_likelihoods(
    recordings: Recordings,
    judged: Judgement,
    predicted: np.ndarray,
    curve: np.ndarray | None,
) -> tuple[list[Loss], np.ndarray]:
    """Whittle's likelihood of what is fitted of each person, and its dispersion where spectra are `predicted`.

    `predicted` (people, F, nodes) is seen through the `curve` (people, F) dB of the cohort already.
    """
    bins, leads = judged.fitted_bins, recordings.lead_field
    found, dispersion = [], []
    for person, spectra in enumerate(recordings.spectra):
        known = degrees_of_freedom(spectra) if len(spectra) >= _BINS else _LEAST_DEGREES
        loss = WhittleLoss(
            recordings.frequencies[bins],
            spectra[bins],
            known,
            curve=None if curve is None else curve[person][bins],
            regions=judged.fitted_regions,
        )
        dispersion.append(_dispersion(loss, predicted[person][bins]))
        found.append(loss if leads is None else AtSensors(LeadField(leads), loss))
    return found, np.array(dispersion)


def connectivity_likelihoods(
    measured: np.ndarray, samples: np.ndarray, band: tuple[float, float], predicted: np.ndarray
) -> tuple[list[Loss], np.ndarray]:
    """Fisher's likelihood of the connectivity of each person, and its dispersion where it is `predicted`."""
    found = [
        FisherLoss(matrix, number, band) for matrix, number in zip(measured, samples, strict=True)
    ]
    pairs = zip(found, predicted, strict=True)
    return list(found), np.array([_dispersion(loss, matrix) for loss, matrix in pairs])


def evoked_likelihood(
    recording: EvokedRecording, ridge: float, low_pass: float, predicted: np.ndarray
) -> tuple[list[Loss], np.ndarray]:
    """That of normal noise about an evoked response, and its dispersion where it is `predicted` (T, sensors).

    The noise is as strong as the baseline before the stimulus; where that is not known, as what is left over.
    """
    off = predicted - recording.potential
    noise = recording.noise or float(np.sqrt(np.mean(off**2)))
    loss = SitesLoss(recording.times, recording.potential, ridge=ridge, low_pass=low_pass, sd=noise)
    leads = recording.lead_field
    within = loss if leads is None else AtSensors(LeadField(leads), loss)
    deviance = np.array([loss.independent * np.sum(off**2) / noise**2])
    count = data_count([within], off.size + recording.connectome.nodes)
    return [within], dispersion_of(deviance, np.zeros(1), np.array([count]))


def certainty(
    models: Sequence[Model],
    free: Mapping[str, FreeParameter],
    likelihoods: tuple[list[Loss], np.ndarray],
    begin: FitResult,
    *,
    pooled: bool = False,
    show_progress: bool = True,
    checkpoint: str | Path | None = None,
    checkpoint_every: float = 5.0,
) -> Posterior | None:
    """The posterior about what `begin` found; None where Ctrl-C ended the descent to its mode."""
    losses, dispersion = likelihoods
    asked = (models, free, losses)
    # Pooled losses are a mean over people, where their likelihoods multiply.
    weight = float(np.nanmedian(dispersion)) / (len(models) if pooled else 1)
    try:
        mode = fit(
            *asked,
            begin=begin,
            starts=1,
            method=LevenbergMarquardt(steps=20),
            prior_weight=weight,
            pooled=pooled,
            show_progress=show_progress,
            name=f"{NAME:<24}",
            checkpoint=checkpoint,
            checkpoint_every=checkpoint_every,
        )
        return None if mode.metadata["interrupted"] else laplace(*asked, mode, pooled=pooled)
    except KeyboardInterrupt:
        return None


def _dispersion(loss: WhittleLoss | FisherLoss, predicted: np.ndarray) -> float:
    """What a known prediction tells of it; of one that failed, NaN."""
    residuals: Any = loss.residual_of(jnp.asarray(predicted))
    deviance = np.array([float(np.sum(np.asarray(residuals) ** 2))])
    count = data_count([loss], residuals.size)
    return float(dispersion_of(deviance, np.zeros(1), np.array([count]))[0])
