"""A study of an evoked response: dynamics found by descent, sites solved for, and what the score is read against.

Scores are the cosines of the courses of every sensor, and that of all of them as one. Beside the model stands what
a curve without a brain does with as many numbers: so many modes of the lead field, each with so many terms of a
cosine series in time.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from scipy.fft import dct, idct

from rosetta_jax import _checks
from rosetta_jax._types import Float, PRNGKeyArray
from rosetta_jax.data.evoked import EvokedRecording
from rosetta_jax.inference.at_sensors import AtSensors
from rosetta_jax.inference.certainty import NAME, certainty, evoked_likelihood
from rosetta_jax.inference.evoked_loss import cosine
from rosetta_jax.inference.fit import FitResult, fit
from rosetta_jax.inference.laplace import Posterior
from rosetta_jax.inference.losses import Loss
from rosetta_jax.inference.presets import Preset
from rosetta_jax.inference.sites_loss import SitesLoss, best_sites
from rosetta_jax.linear import evoked_response, stability
from rosetta_jax.linear.evoked import step_of
from rosetta_jax.network import Network
from rosetta_jax.observe import LeadField
from rosetta_jax.optimise import LevenbergMarquardt, Method
from rosetta_jax.parameters import get, replace
from rosetta_jax.priors import FreeParameter
from rosetta_jax.results import Status

MODES = "lead field's modes, no brain"


class EvokedSettings(eqx.Module):
    """How an evoked response is fitted: `ridge` and `low_pass` (Hz) as in `rj.inference.SitesLoss`.

    `posterior`, whether it says how sure the model's numbers are (`rosetta_jax.inference.certainty`).
    """

    starts: int
    method: Method
    ridge: float
    low_pass: float
    prior_weight: float
    posterior: bool

    def __init__(
        self,
        starts: int = 1,
        method: Method | None = None,
        ridge: float = 1e-3,
        low_pass: float = 50.0,
        prior_weight: float = 1e-4,
        posterior: bool = False,
    ):
        careful = LevenbergMarquardt(steps=20, longest=1.0, damping=0.1)
        self.starts = _checks.whole("starts", starts)
        self.method = careful if method is None else method
        self.ridge = _checks.known("ridge", ridge)
        self.low_pass = _checks.known("low_pass", low_pass, "Hz")
        self.prior_weight = _checks.known("prior_weight", prior_weight, zero=True)
        self.posterior = _checks.instance("posterior", posterior, bool, "True or False")


class Answer(eqx.Module):
    """What is predicted, `potential` (T, sensors), with the cosine of each course and of all as one."""

    potential: Float[np.ndarray, "time sensors"]
    cosines: Float[np.ndarray, " sensors"]
    pattern: float
    numbers: int

    @property
    def score(self) -> float:
        """The mean cosine of the courses."""
        return float(np.nanmean(self.cosines))


class EvokedStudy(eqx.Module):
    """The fitted network, the strength of its stimulus in every region, and its scores with those beside it.

    `posterior`, how sure the numbers of the dynamics are, at the best strengths, where that was asked for.
    """

    recording: EvokedRecording
    network: Network
    sites: Float[np.ndarray, " nodes"]
    stable: bool
    model: Answer
    baselines: dict[str, Answer]
    result: FitResult
    free: dict[str, FreeParameter]
    not_fitted: tuple[str, ...] = ()
    posterior: Posterior | None = None

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the descent, or what came after it: the posterior is `not_fitted` then."""
        return bool(self.not_fitted) or bool(self.result.metadata["interrupted"])


def evoked_study(
    recording: EvokedRecording,
    preset: Preset,
    settings: EvokedSettings | None = None,
    *,
    key: PRNGKeyArray | None = None,
    changes: Mapping[str, Any] | None = None,
    checkpoints: str | Path | None = None,
    show_progress: bool = True,
) -> EvokedStudy:
    """Fit a preset, such as `rj.inference.evoked_preset("jansen-rit")`, to an evoked response by linear theory.

    The strength of the stimulus in every region is solved for and counts among the numbers. `changes` sets
    parameters of the network by path before the fit. With a folder for `checkpoints` the same call goes on where
    it stopped. Raises `ValueError` where no start is stable.
    """
    settings = EvokedSettings() if settings is None else settings
    network = replace(preset.network(recording.connectome), changes or {})
    loss = _loss(recording, settings)
    names = () if checkpoints is None else ("network", NAME)
    files = {name: Path(checkpoints or "") / f"{name}.npz" for name in names}
    result = fit(
        network,
        preset.free,
        loss,
        starts=settings.starts,
        key=key,
        method=settings.method,
        prior_weight=settings.prior_weight,
        show_progress=show_progress,
        name="evoked response",
        checkpoint=files.get("network"),
    )
    if not np.isfinite(result.losses[0]):
        raise ValueError(f"nothing could be fitted: {result.message} Try more `starts`.")
    fitted = result.model(network)
    assert isinstance(fitted, Network)  # as the template is
    sites = np.asarray(best_sites(fitted, loss))
    fitted = replace(fitted, {"drive.amplitude": sites * get(fitted, "drive.amplitude")})
    numbers = result.all_vectors.shape[-1] + sites.size
    model = _answer(recording.potential, _predicted(recording, fitted, settings.low_pass), numbers)
    baselines = {}
    if recording.lead_field is not None:
        baselines[MODES] = without_brain(recording.potential, recording.lead_field, numbers)
    stable = int(stability(fitted).status) == Status.ok
    posterior = None
    if settings.posterior and not result.metadata["interrupted"]:
        known = evoked_likelihood(recording, settings.ridge, settings.low_pass, model.potential)
        posterior = certainty(
            [network],
            preset.free,
            known,
            result,
            show_progress=show_progress,
            checkpoint=files.get(NAME),
        )
    missing = (NAME,) if settings.posterior and posterior is None else ()
    return EvokedStudy(
        recording,
        fitted,
        sites,
        stable,
        model,
        baselines,
        result,
        dict(preset.free),
        missing,
        posterior,
    )


def without_brain(
    measured: Float[np.ndarray, "time sensors"],
    lead_field: Float[np.ndarray, "sensors nodes"],
    numbers: int,
) -> Answer:
    """The best that modes of a lead field do with a cosine series each, `numbers` in all at most."""
    modes = np.linalg.svd(np.asarray(lead_field), full_matrices=False)[0]
    most = min(numbers, np.linalg.matrix_rank(lead_field))
    found = []
    for count in range(1, most + 1):
        series = np.array(dct(measured @ modes[:, :count], axis=0, norm="ortho"))
        series[numbers // count :] = 0
        predicted = idct(series, axis=0, norm="ortho") @ modes[:, :count].T
        found.append(_answer(measured, predicted, count * (numbers // count)))
    return max(found, key=lambda each: each.score)


def _loss(recording: EvokedRecording, settings: EvokedSettings) -> Loss:
    loss = SitesLoss(
        recording.times,
        recording.potential,
        ridge=settings.ridge,
        low_pass=settings.low_pass,
    )
    leads = recording.lead_field
    return loss if leads is None else AtSensors(LeadField(leads), loss)


def _predicted(recording: EvokedRecording, network: Network, low_pass: float) -> np.ndarray:
    step = step_of(recording.times)
    signal = evoked_response(network, recording.times, dt=step, low_pass=low_pass).signal
    leads = recording.lead_field
    return np.asarray(signal if leads is None else jnp.asarray(signal) @ jnp.asarray(leads).T)


def _answer(measured: np.ndarray, predicted: np.ndarray, numbers: int) -> Answer:
    lengths = np.linalg.norm(measured) * np.linalg.norm(predicted)
    pattern = float(np.sum(measured * predicted) / lengths)
    return Answer(predicted, cosine(measured, predicted), pattern, numbers)
