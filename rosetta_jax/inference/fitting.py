"""One way of fitting spectra of people and judging what is predicted of them, for a model and all its baselines.

What all regions share is found first, from many starts; what varies by region then deviates from there. Where
people are seen through the gain curve of their cohort, each is seen through that of people of the other half, so
that nobody's own bins are in it; it is learned from what the fits of these left over, and the fits go on.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Int, PRNGKeyArray, Spectrum
from rosetta_jax.data import Recordings
from rosetta_jax.inference.at_sensors import AtSensors
from rosetta_jax.inference.certainty import NAME, certainty, spectra_likelihoods
from rosetta_jax.inference.curves import Curve
from rosetta_jax.inference.fit import FitResult, fit
from rosetta_jax.inference.judgement import Judgement, Scores, scores
from rosetta_jax.inference.laplace import Posterior
from rosetta_jax.inference.losses import Loss, SpectrumLoss
from rosetta_jax.inference.measures import curves_of_others
from rosetta_jax.inference.presets import by_region
from rosetta_jax.inference.route import Model, Route
from rosetta_jax.inference.simulated import Simulated
from rosetta_jax.inference.theory import Theory
from rosetta_jax.observe import LeadField
from rosetta_jax.optimise import GradientDescent, LevenbergMarquardt, Method
from rosetta_jax.parameters import replace
from rosetta_jax.priors import FreeParameter
from rosetta_jax.results import Status

Free = Mapping[str, FreeParameter]
# Curves of instruments and processing, in dB, one a person.
Gains = Float[np.ndarray, "people frequencies"]


class Scored(eqx.Module):
    """A fit with what it predicts for each person, and its `Scores` there.

    `spectra` (people, F, nodes or 1), all bins, through the `curve` (people, F) dB of the cohort where there is
    one; `stable` (people,); `numbers`, how many a person; `free`, what of them and how, at the end.
    """

    result: FitResult | None
    spectra: Float[np.ndarray, "people frequencies nodes_or_one"]
    judged: Scores
    stable: tuple[bool, ...]
    numbers: int
    curve: Gains | None = None
    free: dict[str, FreeParameter] = eqx.field(default_factory=dict)

    @property
    def scores(self) -> Float[np.ndarray, " people"]:
        """Mean correlation over regions, one a person; NaN where no start succeeded."""
        return self.judged.correlations.mean(axis=1)

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended its descent."""
        return self.result is not None and _interrupted(self.result)

    @property
    def mean_score(self) -> float:
        """The mean over the people who were fitted, NaN where nobody was."""
        return _mean_known(self.scores)

    @property
    def alpha_map_correlation(self) -> float:
        """Correlation over regions of predicted and measured relative alpha, mean over people."""
        return _mean_known(self.judged.alpha_correlations)


class StudySettings(eqx.Module):
    """How a study fits: everything but the model, the same for it and its baselines.

    `width`, where given, lets the preset's regional parameters deviate in each region by so much of their
    prior's own width; `left_out` is "nothing", "bins" or "regions": what is not fitted, and judged; `depth` is
    that of `SpectrumLoss`, and `share_sd` how far relative alpha of a region may be off (None: it does not
    count; 0.1 by default where something varies by region). `curve_rounds`: how often the gain curve of the
    cohort is learned and the fits go on through it (0: not at all; 2 is enough); `posterior`, whether it says
    how sure the model's numbers are (`rosetta_jax.inference.certainty`), which takes theory. By default all is
    found by Levenberg-Marquardt, and what is regional by simulation by 400 steps of Adam.
    """

    starts: int
    method: Method | None
    route: Route
    width: float | None
    left_out: str
    depth: float
    share_sd: float | None
    prior_weight: float
    curve_rounds: int
    posterior: bool

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
        curve_rounds: int = 0,
        posterior: bool = False,
    ):
        shared = width is None
        self.starts = _checks.whole("starts", starts)
        self.method = method
        self.route = Theory() if route is None else route
        self.width = width
        self.left_out = left_out
        self.depth = (0.15 if shared else 0.3) if depth is None else depth
        self.share_sd = 0.1 if share_sd is None and not shared else share_sd
        self.prior_weight = (1e-3 if shared else 1e-5) if prior_weight is None else prior_weight
        self.curve_rounds = _checks.whole("curve_rounds", curve_rounds, least=0)
        self.posterior = _checks.instance("posterior", posterior, bool, "True or False")
        if posterior and isinstance(self.route, Simulated):
            raise ValueError(
                "`posterior` is of exact theory, and `route` simulates: fit by rj.Theory(), or leave it out."
            )

    def method_of(self, regional: bool) -> Method:
        """How what is shared, or `regional`, is found."""
        if self.method is not None:
            return self.method
        if not regional:
            return LevenbergMarquardt()
        if isinstance(self.route, Simulated):
            # Of many numbers only reverse derivatives are affordable through a march.
            schedule = optax.cosine_decay_schedule(0.1, 400)
            return GradientDescent(steps=40, patience=100, optimiser=optax.adam(schedule))
        return LevenbergMarquardt(steps=20, tolerance=3e-4)


class Files(eqx.Module):
    """The checkpoints of a study: one file a fit, in a folder."""

    folder: Path
    every: float

    def of(self, name: str) -> dict[str, Any]:
        """What `fit` must know of the file of the fit of that name."""
        plain = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")
        return {"checkpoint": self.folder / f"{plain}.npz", "checkpoint_every": self.every}


class Begun(NamedTuple):
    """Models whose numbers are found as far as all regions share them."""

    models: list[Model]
    free: Free
    result: FitResult
    name: str


class Fitting(eqx.Module):
    """One way of fitting and judging."""

    recordings: Recordings
    judgement: Judgement
    settings: StudySettings
    key: PRNGKeyArray | None
    files: Files | None
    show_progress: bool

    def fitted(self, models: list[Any], free: Free, regional: Free, name: str) -> Scored:
        """`models` fitted, with what is `regional` by region where the study is."""
        return self.finished(self.begun(models, free, regional, name), regional)

    def begun(self, models: list[Any], free: Free, regional: Free, name: str) -> Begun:
        """The numbers that all regions share, without a curve of the cohort."""
        more = ", regions alike" if self._varies(regional) else ""
        result = self._fit(models, free, f"{name}{more}", None)
        return Begun(models, free, result, name)

    def finished(self, begun: Begun, regional: Free) -> Scored:
        """From there on by region, where the study is, and through the curve of the cohort, where asked for."""
        models, free, at, name = begun
        varies, rounds, curve = self._varies(regional), self.settings.curve_rounds, None
        try:
            for number in range(rounds or int(varies)):
                if _interrupted(at):
                    break
                begin = _from(at, models)
                if number == 0 and varies:
                    begin, free = self._freed(begin, free, regional)
                learned = self._curve(models, at) if rounds else None
                round_of = f", round {number + 1}" if rounds else ""
                found = self._fit(begin, free, f"{name}{round_of}", learned, varies)
                at, curve = found, learned
            return self._judged(models, free, at, curve)
        except KeyboardInterrupt:
            # What was found is judged all the same, and nothing after it is begun.
            at.metadata["interrupted"] = True
            return self._judged(models, free, at, curve)

    def _freed(
        self, models: list[Model], free: Free, regional: Free
    ) -> tuple[list[Model], dict[str, FreeParameter]]:
        """The models and their free parameters by region; one that was not free begins amid its prior."""
        assert self.settings.width is not None
        new = {path: kind for path, kind in regional.items() if path not in free}
        middles = {path: kind.constrain(jnp.zeros(())) for path, kind in new.items()}
        begin = [replace(each, middles) for each in models]
        return begin, by_region(free, regional, self.settings.width)

    def _curve(self, models: list[Any], at: FitResult) -> Gains:
        return curves_of_others(self.recordings.spectra, self._spectra(models, at)[0])

    def as_they_are(self, models: list[Model]) -> Scored:
        """Models of which nothing is free."""
        statuses, spectra = self._predicted(self._prepared(models))
        judged = scores(self.recordings, spectra, self.judgement)
        return Scored(None, spectra, judged, tuple(each == Status.ok for each in statuses), 0)

    def posterior(self, models: list[Any], of: Scored) -> Posterior | None:
        """How sure the numbers of a fit of `models` are; None where Ctrl-C ended that."""
        assert of.result is not None  # it was fitted
        known = spectra_likelihoods(self.recordings, self.judgement, of.spectra, of.curve)
        files = {} if self.files is None else self.files.of(NAME)
        return certainty(
            self._prepared(models),
            of.free,
            known,
            of.result,
            show_progress=self.show_progress,
            **files,
        )

    def judged_as(self, spectra: np.ndarray) -> Scored:
        """Spectra that were not fitted, as if a model had predicted them."""
        judged = scores(self.recordings, spectra, self.judgement)
        return Scored(None, spectra, judged, (True,) * self.recordings.people, 0)

    def _varies(self, regional: Free) -> bool:
        return self.settings.width is not None and bool(regional)

    def _fit(
        self,
        models: list[Any],
        free: Free,
        name: str,
        curve: Gains | None,
        regional: bool = False,
    ) -> FitResult:
        settings = self.settings
        return fit(
            models,
            free,
            self._losses(models, curve),
            starts=1 if regional else settings.starts,
            key=self.key,
            method=settings.method_of(regional),
            route=settings.route,
            prior_weight=settings.prior_weight,
            show_progress=self.show_progress,
            name=f"{name:<24}",
            **({} if self.files is None else self.files.of(name)),
        )

    def _losses(self, models: list[Any], curve: Gains | None) -> list[Loss]:
        """The loss of each person, on what is fitted."""
        settings = self.settings
        losses = self.judgement.losses(self.recordings, settings.depth, settings.share_sd)
        if curve is not None:
            bins = self.judgement.fitted_bins
            losses = [_through(of[bins], loss) for of, loss in zip(curve, losses, strict=True)]
        leads = self._leads(models)
        return list(losses) if leads is None else [AtSensors(leads, loss) for loss in losses]

    def _leads(self, models: list[Any]) -> LeadField | None:
        """What sensors see of regions; a curve without a brain is one of sensors itself."""
        matrix = self.recordings.lead_field
        return None if matrix is None or isinstance(models[0], Curve) else LeadField(matrix)

    def _prepared(self, models: list[Any]) -> list[Model]:
        return self.settings.route.prepared(models, float(self.recordings.frequencies.max()))

    def _spectra(self, models: list[Any], result: FitResult) -> tuple[np.ndarray, tuple[bool, ...]]:
        """What a fit predicts, NaN of people whom it failed, and who is stable."""
        found = [result.model(model, person) for person, model in enumerate(self._prepared(models))]
        statuses, spectra = self._predicted(found)
        # A start that was never evaluated, after Ctrl-C, is no fit.
        known = np.isfinite(result.losses)
        stable = tuple(
            status == Status.ok and bool(fine) for status, fine in zip(statuses, known, strict=True)
        )
        return np.where(known[:, None, None], spectra, np.nan), stable

    def _predicted(self, models: list[Model]) -> tuple[list[int], np.ndarray]:
        frequencies = jnp.asarray(self.recordings.frequencies, jnp.result_type(float))
        route, key = self.settings.route, jax.random.key(0) if self.key is None else self.key
        leads = self._leads(models)
        each = [predicted(model, frequencies, route, key, leads) for model in models]
        return [int(status) for status, _ in each], np.stack([np.asarray(of) for _, of in each])

    def _judged(
        self, models: list[Any], free: Free, result: FitResult, curve: Gains | None
    ) -> Scored:
        spectra, stable = self._spectra(models, result)
        if curve is not None:
            spectra = spectra * 10 ** (curve[:, :, None] / 10)
        judged = scores(self.recordings, spectra, self.judgement)
        numbers = result.all_vectors.shape[-1]
        return Scored(result, spectra, judged, stable, numbers, curve, dict(free))


def _through(curve: np.ndarray, loss: SpectrumLoss) -> SpectrumLoss:
    """The loss of a prediction that is seen through a curve, dB."""
    return eqx.tree_at(lambda each: each.curve, loss, jnp.asarray(curve, loss.curve.dtype))


def _from(result: FitResult, models: list[Model]) -> list[Model]:
    """The models as they were found, to go on from; links, which move from where they are, at the beginning."""
    values = {path: of for path, of in result.values.items() if path != "connectome.weights"}
    found = eqx.tree_at(lambda each: each.values, result, values)
    return [found.model(model, person) for person, model in enumerate(models)]


@eqx.filter_jit
def predicted(
    model: Model,
    frequencies: Float[Array, " frequencies"],
    route: Route,
    key: PRNGKeyArray,
    leads: LeadField | None = None,
) -> tuple[Int[Array, ""], Spectrum]:
    """The status of a model and its spectrum, of regions or sensors: NaN where it means nothing."""
    # Judged first, for the reason given in `rosetta_jax.linear.spectrum`.
    prediction = route.predict(model, key)
    status = prediction.status

    def spectrum() -> Spectrum:
        seen = prediction if leads is None else prediction.sensors(leads)
        return seen.spectrum(frequencies)

    blank = jnp.full(jax.eval_shape(spectrum).shape, jnp.nan, frequencies.dtype)
    return status, jax.lax.cond(status == Status.ok, spectrum, lambda: blank)


def _interrupted(result: FitResult) -> bool:
    return result.metadata.get("interrupted", False)


def _mean_known(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")
