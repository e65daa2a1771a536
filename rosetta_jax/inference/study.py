"""A study: a model fitted to recordings of people, read against what any score must be read against.

On the same bins, people, objective, starts and budget: 1/f; a curve without a brain of as many numbers as
the model; one of fewer; the model itself refitted without coupling (gain 0); and the person's own mean
spectrum, which is the ceiling of every model with the same curve in all regions. Where parameters vary by
region, each on its own or linear in cortical maps, the curve's do so too, the model with shared parameters is
one of the baselines, and where bins are left out so is the interpolation of the others.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.interpolate import CubicSpline

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Int, PRNGKeyArray, Spectrum
from rosetta_jax.data import Recordings
from rosetta_jax.inference.curves import Curve, PowerLaw, PowerLawAndGaussian, TwoLorentzians
from rosetta_jax.inference.fit import FitResult, fit
from rosetta_jax.inference.freeing import alike
from rosetta_jax.inference.judgement import Judgement, Scores, judgement, scores
from rosetta_jax.inference.losses import SpectrumLoss
from rosetta_jax.inference.measures import paired_difference
from rosetta_jax.inference.presets import Preset, by_region
from rosetta_jax.inference.route import Model, Route
from rosetta_jax.inference.theory import Theory
from rosetta_jax.network import Network
from rosetta_jax.optimise import GradientDescent, LevenbergMarquardt, Method
from rosetta_jax.parameters import FreeParameters, replace
from rosetta_jax.priors import FreeParameter
from rosetta_jax.regional import LinearIn, linear_in
from rosetta_jax.results import Status

BASELINES: dict[str, type[Curve]] = {
    "1/f": PowerLaw,
    "slope and one Gaussian": PowerLawAndGaussian,
    "two Lorentzians and 1/f": TwoLorentzians,
}
# What of the best curve varies by region where three numbers of the model do.
_REGIONAL = ("exponent", "first_height", "first_peak")
BY_REGION = "two Lorentzians and 1/f by region"
IN_MAPS = "two Lorentzians and 1/f in the same maps"


class Scored(eqx.Module):
    """A fit with what it predicts for each person, and its `Scores` there.

    `spectra` (people, F, nodes or 1), all bins; `stable` (people,); `numbers`, how many a person.
    """

    result: FitResult | None
    spectra: Float[np.ndarray, "people frequencies nodes_or_one"]
    judged: Scores
    stable: tuple[bool, ...]
    numbers: int

    @property
    def scores(self) -> Float[np.ndarray, " people"]:
        """Mean correlation over regions, one a person; NaN where no start succeeded."""
        return self.judged.correlations.mean(axis=1)

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended its descent."""
        return self.result is not None and self.result.metadata.get("interrupted", False)

    @property
    def mean_score(self) -> float:
        """The mean over the people who were fitted, NaN where nobody was."""
        return _mean_known(self.scores)

    @property
    def alpha_map_correlation(self) -> float:
        """Correlation over regions of predicted and measured relative alpha, mean over people."""
        return _mean_known(self.judged.alpha_correlations)


class Study(eqx.Module):
    """The model's score and those of its baselines by name, on what was judged; `free`, the model's priors."""

    recordings: Recordings
    networks: tuple[Network, ...]
    judgement: Judgement
    model: Scored
    baselines: dict[str, Scored]
    measured_alpha: Float[np.ndarray, "people nodes"]
    not_fitted: tuple[str, ...] = ()
    free: dict[str, FreeParameter] = eqx.field(default_factory=dict)

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


class StudySettings(eqx.Module):
    """How a study fits: everything but the model, the same for it and its baselines.

    `width`, where given, lets the preset's regional parameters deviate in each region by so much of their
    prior's own width; `left_out` is "nothing", "bins" or "regions": what is not fitted, and judged; `depth` is
    that of `SpectrumLoss`, and `share_sd` how far relative alpha of a region may be off (None: it does not
    count). By default, what is shared is found by Levenberg-Marquardt without it, and what is regional by 400
    steps of Adam with a `share_sd` of 0.1.
    """

    starts: int
    method: Method
    route: Route
    width: float | None
    left_out: str
    depth: float
    share_sd: float | None
    prior_weight: float

    def __init__(
        self,
        starts: int = 4,
        method: Method | None = None,
        route: Route | None = None,
        width: float | None = None,
        left_out: str = "nothing",
        depth: float | None = None,
        share_sd: float | None = None,
        prior_weight: float | None = None,
    ):
        shared = width is None
        self.starts = _checks.whole("starts", starts)
        self.method = (LevenbergMarquardt() if shared else _patient()) if method is None else method
        self.route = Theory() if route is None else route
        self.width = width
        self.left_out = left_out
        self.depth = (0.15 if shared else 0.3) if depth is None else depth
        self.share_sd = 0.1 if share_sd is None and not shared else share_sd
        self.prior_weight = (1e-3 if shared else 1e-5) if prior_weight is None else prior_weight


def _patient() -> GradientDescent:
    """Adam for the many numbers of regions, of which none may hold up the others."""
    schedule = optax.cosine_decay_schedule(0.1, 400)
    return GradientDescent(steps=40, patience=100, optimiser=optax.adam(schedule))


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
    """
    settings = StudySettings() if settings is None else settings
    _, bins, nodes = recordings.spectra.shape
    judged = judgement(settings.left_out, bins, nodes)
    losses = judged.losses(recordings, settings.depth, settings.share_sd)
    files = None if checkpoints is None else _Files(Path(checkpoints), checkpoint_every)
    fitting = _Fitting(recordings, judged, losses, settings, key, files, show_progress)
    networks = [
        replace(preset.network(connectome), changes or {}) for connectome in recordings.connectomes
    ]
    model = fitting.fitted(networks, preset.free, preset.regional, "network")
    attempts = _curves(fitting, _maps(preset.free))
    lone = [replace(network, {"gain": 0.0}) for network in networks]
    free = {path: prior for path, prior in preset.free.items() if path not in ("gain", "speed")}
    attempts["same model at gain 0"] = (
        partial(fitting.fitted, lone, free, preset.regional, "gain 0")
        if free
        else partial(fitting.as_they_are, lone)
    )
    if settings.width is not None or _maps(preset.free):
        attempts["same model, all regions alike"] = partial(
            fitting.fitted, networks, alike(preset.free), (), "all regions alike"
        )
    baselines = _until_interrupted(attempts, model.interrupted)
    not_fitted = tuple(name for name in attempts if name not in baselines)
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


def _curves(fitting: "_Fitting", maps: list[LinearIn]) -> dict[str, _Attempt]:
    """Fits of the curves without a brain; where the model is regional, the best of them too, in the same way."""
    people, _, nodes = fitting.recordings.spectra.shape
    shared: dict[str, _Attempt] = {
        name: partial(fitting.fitted, [curve()] * people, curve.free(), (), name)
        for name, curve in BASELINES.items()
    }
    if fitting.settings.width is None and not maps:
        return shared
    curves, free = [TwoLorentzians(nodes=nodes)] * people, TwoLorentzians.free()
    # As many of the curve's numbers as of the model's, each in the maps of one of these.
    in_maps = dict(zip(_REGIONAL, maps, strict=False))
    free |= {path: linear_in(of.maps, free[path], of.width) for path, of in in_maps.items()}
    if fitting.settings.width is None:
        name, regional = IN_MAPS, ()
    else:
        name, regional = BY_REGION, tuple(path for path in _REGIONAL if path not in in_maps)
    return shared | {name: partial(fitting.fitted, curves, free, regional, "curves by region")}


def _maps(free: Mapping[str, FreeParameter]) -> list[LinearIn]:
    """The parameters that are linear in maps."""
    return [kind for kind in free.values() if isinstance(kind, LinearIn)]


class _Files(eqx.Module):
    """The checkpoints of a study: one file a fit, in a folder."""

    folder: Path
    every: float

    def of(self, name: str) -> dict[str, Any]:
        """What `fit` must know of the file of the fit of that name."""
        plain = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")
        return {"checkpoint": self.folder / f"{plain}.npz", "checkpoint_every": self.every}


class _Fitting(eqx.Module):
    """One way of fitting and judging, for the model and every baseline."""

    recordings: Recordings
    judgement: Judgement
    losses: list[SpectrumLoss]
    settings: StudySettings
    key: PRNGKeyArray | None
    files: _Files | None
    show_progress: bool

    def fitted(self, models: list[Any], free: Any, regional: tuple[str, ...], name: str) -> Scored:
        """`models` fitted, those of `free` that are `regional` by region where the study is."""
        settings = self.settings
        if settings.width is not None:
            free = by_region(free, regional, settings.width)
        result = fit(
            models,
            free,
            self.losses,
            starts=settings.starts,
            key=self.key,
            method=settings.method,
            route=settings.route,
            prior_weight=settings.prior_weight,
            show_progress=self.show_progress,
            name=f"{name:<24}",
            **({} if self.files is None else self.files.of(name)),
        )
        numbers = FreeParameters(models[0], free).size
        try:
            return self._predicted(models, result, numbers)
        except KeyboardInterrupt:
            # What was found is judged all the same, and nothing after it is begun.
            result.metadata["interrupted"] = True
            return self._predicted(models, result, numbers)

    def as_they_are(self, models: list[Model]) -> Scored:
        """Models of which nothing is free."""
        return self._judged(self._prepared(models), np.ones(len(models), dtype=bool), None, 0)

    def _predicted(self, models: list[Any], result: FitResult, numbers: int) -> Scored:
        found = [result.model(model, person) for person, model in enumerate(self._prepared(models))]
        # A start that was never evaluated, after Ctrl-C, is no fit.
        return self._judged(found, np.isfinite(result.losses), result, numbers)

    def _prepared(self, models: list[Any]) -> list[Model]:
        return self.settings.route.prepared(models, float(self.recordings.frequencies.max()))

    def _judged(
        self, models: list[Model], fitted: np.ndarray, result: FitResult | None, numbers: int
    ) -> Scored:
        """What models predict, NaN of those that were not fitted."""
        frequencies = jnp.asarray(self.recordings.frequencies, jnp.result_type(float))
        route, key = self.settings.route, jax.random.key(0) if self.key is None else self.key
        statuses, spectra = [], []
        for model, known in zip(models, fitted, strict=True):
            status, spectrum = _predicted(model, frequencies, route, key)
            statuses.append(int(status))
            spectra.append(np.where(known, np.asarray(spectrum), np.nan))
        stable = tuple(
            status == Status.ok and bool(known)
            for status, known in zip(statuses, fitted, strict=True)
        )
        found = np.stack(spectra)
        judged = scores(self.recordings, found, self.judgement)
        return Scored(result, found, judged, stable, numbers)

    def judged_as(self, spectra: np.ndarray) -> Scored:
        """Spectra that were not fitted, as if a model had predicted them."""
        judged = scores(self.recordings, spectra, self.judgement)
        return Scored(None, spectra, judged, (True,) * self.recordings.people, 0)


@eqx.filter_jit
def _predicted(
    model: Model, frequencies: Float[Array, " frequencies"], route: Route, key: PRNGKeyArray
) -> tuple[Int[Array, ""], Spectrum]:
    # Judged first, for the reason given in `rosetta_jax.linear.spectrum`.
    prediction = route.predict(model, key)
    status = prediction.status

    def spectrum() -> Spectrum:
        return prediction.spectrum(frequencies)

    blank = jnp.full(jax.eval_shape(spectrum).shape, jnp.nan, frequencies.dtype)
    return status, jax.lax.cond(status == Status.ok, spectrum, lambda: blank)


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


def _mean_known(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")
