"""A study of connectivity: one vector of numbers fitted to all people, and what its score is read against.

Each person keeps their own connectome. Judged by Pearson's correlation over pairs of regions, on people who were
fitted, or with `left_out="person"` on each person in turn, of whom nothing but the connectome was used. Beside the
model stand the logarithm of the connectome, the model with its gain alone free, the mean of the other people, and,
of series, the other half of the person's own.
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Int, Pairwise, PRNGKeyArray
from rosetta_jax.data.bold import BoldRecordings
from rosetta_jax.inference.certainty import NAME, certainty, connectivity_likelihoods
from rosetta_jax.inference.fit import FitResult, fit
from rosetta_jax.inference.laplace import Posterior
from rosetta_jax.inference.losses import COMPARISONS, ConnectivityLoss
from rosetta_jax.inference.measures import paired_difference
from rosetta_jax.inference.presets import Preset
from rosetta_jax.inference.theory import predict
from rosetta_jax.network import Network
from rosetta_jax.optimise import LevenbergMarquardt, Method
from rosetta_jax.parameters import FreeParameters, replace
from rosetta_jax.priors import FreeParameter
from rosetta_jax.results import Status

LEFT_OUT_PEOPLE = ("nothing", "person")
GAIN_ALONE = "same model, gain alone"
LOGARITHM = "connectome, logarithm"
OTHERS, HALVES = "mean of the others (ceiling)", "own other half (ceiling)"


class ConnectivitySettings(eqx.Module):
    """How connectivity is fitted: `left_out` "nothing" or "person"; `compare` as in `rj.ConnectivityLoss`.

    `posterior`, whether it says how sure the model's numbers are, which takes the `samples` of the recordings.
    """

    starts: int
    method: Method
    left_out: str
    compare: str
    prior_weight: float
    posterior: bool

    def __init__(
        self,
        starts: int = 2,
        method: Method | None = None,
        left_out: str = "nothing",
        compare: str = "level",
        prior_weight: float = 1e-4,
        posterior: bool = False,
    ):
        self.starts = _checks.whole("starts", starts)
        self.method = LevenbergMarquardt() if method is None else method
        self.left_out = _checks.one_of("left_out", left_out, LEFT_OUT_PEOPLE)
        self.compare = _checks.one_of("compare", compare, COMPARISONS)
        self.prior_weight = prior_weight
        self.posterior = _checks.instance("posterior", posterior, bool, "True or False")


class Matched(eqx.Module):
    """A model's connectivity of each person, `predicted` (people, nodes, nodes), and how it was found.

    `scores` (people,), correlations over pairs, NaN of whom nothing is predicted; `stable` (people,); `result` of
    all people together, or None for what is not fitted; `numbers`, how many in all.
    """

    result: FitResult | None
    predicted: Float[np.ndarray, "people nodes nodes"]
    scores: Float[np.ndarray, " people"]
    stable: tuple[bool, ...]
    numbers: int
    interrupted: bool = False

    @property
    def mean_score(self) -> float:
        """The mean over the people of whom something is predicted."""
        known = self.scores[np.isfinite(self.scores)]
        return float(known.mean()) if known.size else float("nan")


class ConnectivityStudy(eqx.Module):
    """The model's scores and those of its baselines by name.

    `free`, the model's priors; `posterior`, how sure its numbers are, where that was asked for.
    """

    recordings: BoldRecordings
    networks: tuple[Network, ...]
    model: Matched
    baselines: dict[str, Matched]
    free: dict[str, FreeParameter]
    not_fitted: tuple[str, ...] = ()
    posterior: Posterior | None = None

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the study before all was fitted."""
        return bool(self.not_fitted) or self.model.interrupted

    @property
    def result(self) -> FitResult:
        """The fit of the model to all people."""
        assert self.model.result is not None  # only what is not fitted has none
        return self.model.result

    def differences(self) -> dict[str, tuple[float, float]]:
        """Model less baseline, paired by person: mean and standard error, by name."""
        return {
            name: paired_difference(self.model.scores, baseline.scores)
            for name, baseline in self.baselines.items()
        }


def connectivity_study(
    recordings: BoldRecordings,
    preset: Preset,
    settings: ConnectivitySettings | None = None,
    *,
    key: PRNGKeyArray | None = None,
    changes: Mapping[str, Any] | None = None,
    checkpoints: str | Path | None = None,
    show_progress: bool = True,
) -> ConnectivityStudy:
    """Fit a preset, such as `rj.inference.bold_preset("harmonic", connectomes)`, to connectivity by theory.

    `changes` sets parameters of the network by path before the fit. With a folder for `checkpoints` each fit has
    a file there, and the same call goes on where it stopped. One Ctrl-C ends the study cleanly: what was found
    is judged, and `not_fitted` names what is missing. Raises `ValueError` for fewer than two people where one is
    left out, and for a posterior of recordings that do not know their `samples`.
    """
    settings = ConnectivitySettings() if settings is None else settings
    if settings.left_out == "person" and recordings.people < 2:
        raise ValueError(
            "`left_out` 'person' needs two people or more, got 1: leave out 'nothing'."
        )
    if settings.posterior and recordings.samples is None:
        raise ValueError(
            "`posterior` needs to know how many samples correlations are made of: give `bold` series in place of "
            "`fc`, or `samples` (people,) of the recordings, or leave it out."
        )
    networks = [replace(preset.network(each), changes or {}) for each in recordings.connectomes]
    folder = None if checkpoints is None else Path(checkpoints)
    fitting = _Fitting(recordings, networks, settings, key, folder, show_progress)
    model = fitting.fitted(preset.free, "network")
    gain = {path: prior for path, prior in preset.free.items() if path == "gain"}
    baselines, not_fitted = {}, []
    if gain and len(preset.free) > 1:
        alone = None if model.interrupted else _unless_interrupted(fitting, gain)
        if alone is None:
            not_fitted.append(GAIN_ALONE)
        else:
            baselines[GAIN_ALONE] = alone
    known = _known(recordings)
    baselines |= {name: _matched(recordings, predicted) for name, predicted in known.items()}
    if recordings.halves is not None:
        halves = recordings.halves
        scores = [pair_correlation(first, second) for first, second in halves]
        baselines[HALVES] = eqx.tree_at(
            lambda each: each.scores, _matched(recordings, halves[:, 1]), np.array(scores)
        )
    posterior = None
    if settings.posterior:
        interrupted = model.interrupted or bool(not_fitted)
        posterior = None if interrupted else fitting.posterior(preset.free, model)
        not_fitted += [] if posterior else [NAME]
    return ConnectivityStudy(
        recordings,
        tuple(networks),
        model,
        baselines,
        dict(preset.free),
        tuple(not_fitted),
        posterior,
    )


def pair_correlation(first: Any, second: Any) -> float:
    """Pearson's correlation of two matrices over pairs of regions; NaN where one is flat or not known."""
    pairs = np.triu_indices(len(first), 1)
    a, b = (np.asarray(each)[pairs] for each in (first, second))
    if not np.isfinite(a).all() or not np.isfinite(b).all() or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


class _Fitting(eqx.Module):
    """One way of fitting and judging, for the model and its baselines."""

    recordings: BoldRecordings
    networks: list[Network]
    settings: ConnectivitySettings
    key: PRNGKeyArray | None
    folder: Path | None
    show_progress: bool

    def fitted(self, free: Mapping[str, FreeParameter], name: str) -> Matched:
        """One vector for all people; with a person left out also one for the others of each."""
        people = list(range(self.recordings.people))
        whole = self._fit(people, free, name)
        interrupted = bool(whole.metadata["interrupted"])
        vectors: list[np.ndarray | None] = [_best(whole)] * len(people)
        if self.settings.left_out == "person":
            vectors = [None] * len(people)
            for person in people:
                if interrupted:
                    break
                others = [other for other in people if other != person]
                fold = self._fit(others, free, f"{name}, without person {person}")
                interrupted = bool(fold.metadata["interrupted"])
                vectors[person] = None if interrupted else _best(fold)
        return self._judged(free, whole, vectors, interrupted)

    def posterior(self, free: Mapping[str, FreeParameter], of: Matched) -> Posterior | None:
        """How sure the numbers of all people are; None where Ctrl-C ended that."""
        recordings = self.recordings
        assert of.result is not None and recordings.samples is not None  # asked before
        # People who are left out are predicted without themselves, which is little worse.
        measured, band = recordings.connectivity, recordings.band
        known = connectivity_likelihoods(measured, recordings.samples, band, of.predicted)
        file = None if self.folder is None else self.folder / f"{NAME}.npz"
        return certainty(
            self.networks,
            free,
            known,
            of.result,
            pooled=True,
            show_progress=self.show_progress,
            checkpoint=file,
        )

    def _fit(self, people: Sequence[int], free: Mapping[str, FreeParameter], name: str) -> Any:
        band, compare = self.recordings.band, self.settings.compare
        plain = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")
        return fit(
            [self.networks[person] for person in people],
            free,
            [
                ConnectivityLoss(self.recordings.connectivity[person], band=band, compare=compare)
                for person in people
            ],
            starts=self.settings.starts,
            key=self.key,
            method=self.settings.method,
            prior_weight=self.settings.prior_weight,
            pooled=True,
            show_progress=self.show_progress,
            name=f"{name:<28}",
            checkpoint=None if self.folder is None else self.folder / f"{plain}.npz",
        )

    def _judged(
        self,
        free: Mapping[str, FreeParameter],
        whole: FitResult,
        vectors: list[np.ndarray | None],
        interrupted: bool,
    ) -> Matched:
        parameters, band = FreeParameters(self.networks[0], free), self.recordings.band
        predicted = np.full(self.recordings.connectivity.shape, np.nan)
        stable = []
        for person, (network, vector) in enumerate(zip(self.networks, vectors, strict=True)):
            status = Status.non_finite
            if vector is not None:
                values = parameters.values(jnp.asarray(vector), network)
                status, matrix = _predicted(network, values, band)
                predicted[person] = matrix
            stable.append(int(status) == Status.ok)
        scores = _scores(self.recordings, predicted)
        return Matched(whole, predicted, scores, tuple(stable), parameters.size, interrupted)


def _unless_interrupted(fitting: _Fitting, free: Mapping[str, FreeParameter]) -> Matched | None:
    """A baseline that Ctrl-C cut short would flatter the model."""
    try:
        found = fitting.fitted(free, GAIN_ALONE)
    except KeyboardInterrupt:
        return None
    return None if found.interrupted else found


def _best(result: FitResult) -> np.ndarray | None:
    at = int(np.argmin(result.all_losses[0]))
    return result.all_vectors[0, at] if np.isfinite(result.all_losses[0, at]) else None


@partial(jax.jit, static_argnames="band")
def _predicted(
    network: Network, values: dict[str, Array], band: tuple[float, float]
) -> tuple[Int[Array, ""], Pairwise]:
    prediction = predict(replace(network, values))
    status = prediction.status

    def known() -> Pairwise:
        return prediction.connectivity(band)

    blank = jnp.full((network.nodes, network.nodes), jnp.nan, network.connectome.weights.dtype)
    return status, jax.lax.cond(status == Status.ok, known, lambda: blank)


def _known(recordings: BoldRecordings) -> dict[str, np.ndarray]:
    """What is predicted of each person without a model."""
    measured = recordings.connectivity
    weights = [np.asarray(each.weights) for each in recordings.connectomes]
    found = {LOGARITHM: np.stack([np.log1p(each / each[each > 0].min()) for each in weights])}
    if recordings.people > 1:
        total = measured.sum(axis=0, keepdims=True)
        found[OTHERS] = (total - measured) / (recordings.people - 1)
    return found


def _matched(recordings: BoldRecordings, predicted: np.ndarray) -> Matched:
    """Connectivity that was not fitted."""
    stable = (True,) * recordings.people
    return Matched(None, predicted, _scores(recordings, predicted), stable, 0)


def _scores(recordings: BoldRecordings, predicted: np.ndarray) -> np.ndarray:
    pairs = zip(recordings.connectivity, predicted, strict=True)
    return np.array([pair_correlation(seen, made) for seen, made in pairs])
