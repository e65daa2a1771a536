"""A study: a model fitted to recordings of people, read against what any score must be read against.

On the same bins, people, objective, starts and budget: 1/f; a curve without a brain of as many numbers as
the model; one of fewer; the model itself refitted without coupling (gain 0); and the person's own mean
spectrum, which is the ceiling of every model with the same curve in all regions.
"""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax._types import Array, Float, Int, PRNGKeyArray, Spectrum
from rosetta_jax.data import Recordings
from rosetta_jax.inference.curves import Curve, PowerLaw, PowerLawAndGaussian, TwoLorentzians
from rosetta_jax.inference.fit import FitResult, Model, fit
from rosetta_jax.inference.losses import SpectrumLoss
from rosetta_jax.inference.measures import (
    correlation_db,
    map_correlation,
    paired_difference,
    relative_power,
)
from rosetta_jax.inference.presets import Preset
from rosetta_jax.inference.theory import predict
from rosetta_jax.network import Network
from rosetta_jax.optimise import Method
from rosetta_jax.parameters import replace
from rosetta_jax.results import Status

BASELINES: dict[str, type[Curve]] = {
    "1/f": PowerLaw,
    "slope and one Gaussian": PowerLawAndGaussian,
    "two Lorentzians and 1/f": TwoLorentzians,
}


class Scored(eqx.Module):
    """A fit with what it predicts for each person and how well that agrees.

    `spectra` (people, F, nodes or 1); `correlations` (people, nodes), Pearson r across bins in dB;
    `depths` (people,), the standard deviation over the bins of the fit over that of the measurement, in
    dB: near 0 a good correlation says little; `stable` (people,).
    """

    result: FitResult | None
    spectra: Float[np.ndarray, "people frequencies nodes_or_one"]
    correlations: Float[np.ndarray, "people nodes"]
    depths: Float[np.ndarray, " people"]
    stable: tuple[bool, ...]
    numbers: int

    @property
    def scores(self) -> Float[np.ndarray, " people"]:
        """Mean correlation over regions, one a person; NaN where no start succeeded."""
        return self.correlations.mean(axis=1)

    @property
    def mean_score(self) -> float:
        """The mean over the people who were fitted, NaN where nobody was."""
        fitted = self.scores[np.isfinite(self.scores)]
        return float(fitted.mean()) if fitted.size else float("nan")


class Study(eqx.Module):
    """The model's score, those of its baselines by name, and the maps of relative alpha."""

    recordings: Recordings
    networks: tuple[Network, ...]
    model: Scored
    baselines: dict[str, Scored]
    measured_alpha: Float[np.ndarray, "people nodes"]
    fitted_alpha: Float[np.ndarray, "people nodes"]

    @property
    def result(self) -> FitResult:
        """The fit of the model."""
        assert self.model.result is not None  # only the ceiling is not fitted
        return self.model.result

    @property
    def alpha_map_correlation(self) -> float:
        """Correlation over regions of fitted and measured relative alpha, mean over people."""
        each = [
            map_correlation(*maps)
            for maps in zip(self.fitted_alpha, self.measured_alpha, strict=True)
        ]
        known = [value for value in each if np.isfinite(value)]
        return float(np.mean(known)) if known else float("nan")

    def differences(self) -> dict[str, tuple[float, float]]:
        """Model less baseline, paired by person: mean and standard error, by name."""
        return {
            name: paired_difference(self.model.scores, baseline.scores)
            for name, baseline in self.baselines.items()
        }


def study(
    recordings: Recordings,
    preset: Preset,
    *,
    starts: int = 4,
    key: PRNGKeyArray | None = None,
    method: Method | None = None,
    changes: Mapping[str, Any] | None = None,
    show_progress: bool = True,
) -> Study:
    """Fit a preset, and every baseline with the same objective and starts, to recordings.

    `changes` sets parameters of the network by path before the fit (a fixed speed, say).
    """
    networks = [
        replace(preset.network(connectome), changes or {}) for connectome in recordings.connectomes
    ]
    losses = [SpectrumLoss(recordings.frequencies, spectra) for spectra in recordings.spectra]

    def fitted(models: list[Any], free: Any, name: str) -> Scored:
        result = fit(
            models,
            free,
            losses,
            starts=starts,
            key=key,
            method=method,
            show_progress=show_progress,
            name=f"{name:<24}",
        )
        return _scored(recordings, models, result, len(free))

    model = fitted(networks, preset.free, "network")
    baselines = {
        name: fitted([curve()] * recordings.people, curve.free(), name)
        for name, curve in BASELINES.items()
    }
    lone = [replace(network, {"gain": 0.0}) for network in networks]
    free = {path: prior for path, prior in preset.free.items() if path not in ("gain", "speed")}
    baselines["same model at gain 0"] = fitted(lone, free, "gain 0")
    baselines["own mean spectrum (ceiling)"] = _ceiling(recordings)
    maps = [
        np.stack([relative_power(recordings.frequencies, spectrum) for spectrum in spectra])
        for spectra in (recordings.spectra, model.spectra)
    ]
    return Study(recordings, tuple(networks), model, baselines, *maps)


def _scored(recordings: Recordings, models: list[Any], result: FitResult, numbers: int) -> Scored:
    frequencies = jnp.asarray(recordings.frequencies, jnp.result_type(float))
    statuses, spectra = [], []
    for person, model in enumerate(models):
        status, spectrum = _predicted(result.model(model, person), frequencies)
        statuses.append(int(status))
        spectra.append(np.asarray(spectrum))
    stable = tuple(
        status == Status.ok and bool(np.isfinite(result.losses[person]))
        for person, status in enumerate(statuses)
    )
    return _judged(recordings, np.stack(spectra), result, stable, numbers)


@eqx.filter_jit
def _predicted(
    model: Model, frequencies: Float[Array, " frequencies"]
) -> tuple[Int[Array, ""], Spectrum]:
    # Judged first, for the reason given in `rosetta_jax.linear.spectrum`.
    prediction = predict(model)
    status = prediction.status
    nodes = getattr(model, "nodes", 1)
    blank = jnp.full((frequencies.shape[0], nodes), jnp.nan, frequencies.dtype)
    return status, jax.lax.cond(
        status == Status.ok, lambda: prediction.spectrum(frequencies), lambda: blank
    )


def _ceiling(recordings: Recordings) -> Scored:
    """Each person's own mean spectrum over regions (of decibels), as if a model had found it."""
    mean = 10 ** np.log10(recordings.spectra).mean(axis=2, keepdims=True)
    return _judged(recordings, mean, None, (True,) * recordings.people, 0)


def _judged(
    recordings: Recordings,
    spectra: np.ndarray,
    result: FitResult | None,
    stable: tuple[bool, ...],
    numbers: int,
) -> Scored:
    pairs = list(zip(recordings.spectra, spectra, strict=True))
    correlations = np.stack([correlation_db(measured, fitted) for measured, fitted in pairs])
    depths = np.array([_depth(fitted) / _depth(measured) for measured, fitted in pairs])
    return Scored(result, spectra, correlations, depths, stable, numbers)


def _depth(spectrum: np.ndarray) -> float:
    return float((10 * np.log10(spectrum)).std(axis=0).mean())
