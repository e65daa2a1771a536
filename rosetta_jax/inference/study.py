"""A study: a model fitted to recordings of people, read against what any score must be read against.

On the same bins, people, objective, starts and budget: 1/f; a curve without a brain of as many numbers as
the model; one of fewer; the model itself refitted without coupling (gain 0); and the person's own mean
spectrum, which is the ceiling of every model with the same curve in all regions. Where parameters vary by
region, each on its own or linear in cortical maps, the curve's do so too, the model with shared parameters is
one of the baselines, and where bins are left out so is the interpolation of the others.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import equinox as eqx
import numpy as np
from scipy.interpolate import CubicSpline

from rosetta_jax._types import Float, PRNGKeyArray
from rosetta_jax.data import Recordings
from rosetta_jax.inference.certainty import NAME
from rosetta_jax.inference.curves import Curve, PowerLaw, PowerLawAndGaussian, TwoLorentzians
from rosetta_jax.inference.fit import FitResult
from rosetta_jax.inference.fitting import Files, Fitting, Scored, StudySettings
from rosetta_jax.inference.freeing import alike
from rosetta_jax.inference.judgement import Judgement, judgement
from rosetta_jax.inference.laplace import Posterior
from rosetta_jax.inference.measures import paired_difference
from rosetta_jax.inference.presets import Preset
from rosetta_jax.network import Network
from rosetta_jax.parameters import replace
from rosetta_jax.priors import FreeParameter
from rosetta_jax.regional import LinearIn, linear_in

BASELINES: dict[str, type[Curve]] = {
    "1/f": PowerLaw,
    "slope and one Gaussian": PowerLawAndGaussian,
    "two Lorentzians and 1/f": TwoLorentzians,
}
# What of the best curve varies by region: as many of these as of the model's numbers do.
_REGIONAL = (
    "exponent",
    "first_height",
    "first_peak",
    "first_width",
    "second_height",
    "second_peak",
    "second_width",
)
BY_REGION = "two Lorentzians and 1/f by region"
BY_SENSOR = "two Lorentzians and 1/f by sensor"
IN_MAPS = "two Lorentzians and 1/f in the same maps"
ALIKE = "same model, all regions alike"


class Study(eqx.Module):
    """The model's score and those of its baselines by name, on what was judged.

    `free`, the model's priors; `posterior`, how sure its numbers are, where that was asked for.
    """

    recordings: Recordings
    networks: tuple[Network, ...]
    judgement: Judgement
    model: Scored
    baselines: dict[str, Scored]
    measured_alpha: Float[np.ndarray, "people nodes"]
    not_fitted: tuple[str, ...] = ()
    free: dict[str, FreeParameter] = eqx.field(default_factory=dict)
    posterior: Posterior | None = None

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the study before all was fitted: the model, or the baselines `not_fitted`."""
        return bool(self.not_fitted) or self.model.interrupted

    @property
    def result(self) -> FitResult:
        """The fit of the model."""
        assert self.model.result is not None  # only what is not fitted has none
        return self.model.result

    def differences(self) -> dict[str, tuple[float, float]]:
        """Model less baseline, paired by person: mean and standard error, by name."""
        return {
            name: paired_difference(self.model.scores, baseline.scores)
            for name, baseline in self.baselines.items()
        }


def study(
    recordings: Recordings,
    preset: Preset,
    settings: StudySettings | None = None,
    *,
    key: PRNGKeyArray | None = None,
    changes: Mapping[str, Any] | None = None,
    checkpoints: str | Path | None = None,
    checkpoint_every: float = 5.0,
    show_progress: bool = True,
) -> Study:
    """Fit a preset, and every baseline with the same objective and starts, to recordings.

    `changes` sets parameters of the network by path before the fit (a fixed speed, say).

    One Ctrl-C ends the study cleanly: what the model's descent found until then is judged and returned, no
    baseline is fitted any more, and those that are missing are named in `not_fitted`. A baseline that it cut
    short is among them, since one fitted by half would flatter the model.

    With a folder for `checkpoints` each fit has a file there, named after it, written and gone on with as
    `rj.fit(checkpoint=...)` does at most every `checkpoint_every` seconds: the same call goes on where it stopped.

    Raises `ValueError` where a gain curve of the cohort is asked for and there is one person.
    """
    settings = StudySettings() if settings is None else settings
    people, bins, nodes = recordings.spectra.shape
    if settings.curve_rounds and people < 2:
        raise ValueError(
            "`curve_rounds` learns the gain curve of a person on others, and there is 1 person: leave it at 0."
        )
    judged = judgement(settings.left_out, bins, nodes)
    files = None if checkpoints is None else Files(Path(checkpoints), checkpoint_every)
    fitting = Fitting(recordings, judged, settings, key, files, show_progress)
    networks = [
        replace(preset.network(connectome), changes or {}) for connectome in recordings.connectomes
    ]
    begun = fitting.begun(networks, preset.free, preset.regional, "network")
    model = fitting.finished(begun, preset.regional)
    attempts = _curves(fitting, preset)
    lone = [replace(network, {"gain": 0.0}) for network in networks]
    free = {path: prior for path, prior in preset.free.items() if path not in ("gain", "speed")}
    attempts["same model at gain 0"] = (
        partial(fitting.fitted, lone, free, preset.regional, "gain 0")
        if free
        else partial(fitting.as_they_are, lone)
    )
    if _maps(preset.free):
        attempts[ALIKE] = partial(
            fitting.fitted, networks, alike(preset.free), {}, "all regions alike"
        )
    elif settings.width is not None:
        # The model began with them.
        attempts[ALIKE] = partial(fitting.finished, begun, {})
    baselines = _until_interrupted(attempts, model.interrupted)
    not_fitted = tuple(name for name in attempts if name not in baselines)
    posterior = None
    if settings.posterior:
        interrupted = model.interrupted or bool(not_fitted)
        posterior = None if interrupted else fitting.posterior(networks, model)
        not_fitted += () if posterior else (NAME,)
    if settings.left_out == "bins":
        interpolated = _interpolated(recordings, judged)
        baselines["interpolation of the fitted bins"] = fitting.judged_as(interpolated)
    baselines["own mean spectrum (ceiling)"] = fitting.judged_as(_own_mean(recordings))
    maps = [judged.alpha(recordings.frequencies, spectra) for spectra in recordings.spectra]
    return Study(
        recordings,
        tuple(networks),
        judged,
        model,
        baselines,
        np.stack(maps),
        not_fitted,
        dict(preset.free),
        posterior,
    )


def _until_interrupted(attempts: dict[str, "_Attempt"], interrupted: bool) -> dict[str, Scored]:
    """What each attempt finds, in turn, until Ctrl-C; the one that it cuts short is left out."""
    found: dict[str, Scored] = {}
    for name, attempt in attempts.items():
        try:
            scored = None if interrupted else attempt()
        except KeyboardInterrupt:
            scored = None
        if scored is None or scored.interrupted:
            break
        found[name] = scored
    return found


_Attempt = Callable[[], Scored]


def _curves(fitting: Fitting, preset: Preset) -> dict[str, _Attempt]:
    """Fits of the curves without a brain; where the model is regional, the best of them too, in the same way."""
    people, _, nodes = fitting.recordings.spectra.shape
    shared: dict[str, _Attempt] = {
        name: partial(fitting.fitted, [curve()] * people, curve.free(), {}, name)
        for name, curve in BASELINES.items()
    }
    at_sensors = fitting.recordings.lead_field is not None
    # Maps are of regions, which sensors do not have.
    maps = [] if at_sensors else _maps(preset.free)
    if fitting.settings.width is None and not maps:
        return shared
    curves, free = [TwoLorentzians(nodes=nodes)] * people, TwoLorentzians.free()
    # As many of the curve's numbers as of the model's, each in the maps of one of these.
    in_maps = dict(zip(_REGIONAL, maps, strict=False))
    chosen = [path for path in _REGIONAL if path not in in_maps][: len(preset.regional)]
    regional = {path: free[path] for path in chosen}
    free |= {path: linear_in(of.maps, free[path], of.width) for path, of in in_maps.items()}
    name = BY_SENSOR if at_sensors else BY_REGION if fitting.settings.width is not None else IN_MAPS
    return shared | {name: partial(fitting.fitted, curves, free, regional, "curves by region")}


def _maps(free: Mapping[str, FreeParameter]) -> list[LinearIn]:
    """The parameters that are linear in maps."""
    return [kind for kind in free.values() if isinstance(kind, LinearIn)]


def _own_mean(recordings: Recordings) -> Float[np.ndarray, "people frequencies 1"]:
    """Each person's own mean spectrum over regions (of decibels), as if a model had found it."""
    return 10 ** np.log10(recordings.spectra).mean(axis=2, keepdims=True)


def _interpolated(
    recordings: Recordings, judged: Judgement
) -> Float[np.ndarray, "people frequencies nodes"]:
    """The spectra with all bins from cubic splines, in dB, through the fitted ones."""
    frequencies, bins = recordings.frequencies, judged.fitted_bins
    logarithms = np.log10(recordings.spectra)
    return 10 ** CubicSpline(frequencies[bins], logarithms[:, bins], axis=1)(frequencies)
