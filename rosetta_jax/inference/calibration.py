r"""Whether posteriors mean what they say: data made from the prior, and where the truth lies among draws.

Parameters $\theta^*$ are drawn from the prior and data from the likelihood about them. Of an exact posterior the
rank of each true number among L independent draws,

.. math::  r = \#\{\ell : \theta_\ell < \theta^*\} \in \{0, \dots, L\},

is uniform: a heap in the middle means intervals too wide, heaps at both ends too narrow, a slope a bias. All data
sets are people of one fit.

Source: Talts et al., Validating Bayesian inference algorithms with simulation-based calibration, arXiv 1804.06788.
"""

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import chi2

from rosetta_jax import _checks
from rosetta_jax._types import Array, Bool, Float, Int, PRNGKeyArray
from rosetta_jax.inference.draws import Draws
from rosetta_jax.inference.fit import fit
from rosetta_jax.inference.laplace import Posterior, laplace
from rosetta_jax.inference.losses import Loss
from rosetta_jax.inference.problem import Problem, problem
from rosetta_jax.inference.replication import replicated, require_likelihood
from rosetta_jax.inference.route import Model, Route
from rosetta_jax.inference.sampling import nuts
from rosetta_jax.optimise import Method
from rosetta_jax.priors import FreeParameter
from rosetta_jax.results import Status, summarise

SAMPLERS = ("laplace", "nuts")
# Rounds of draws from the prior until enough of them are stable.
_ROUNDS = 20


class Calibration(eqx.Module):
    """Where the truth lies among draws of the posterior, data set by data set.

    `truth`, `mean` and `width` (sets, size), plain coordinates: the true ones, and the posterior's mean and
    standard deviation; `ranks` (sets, size) of the truth among `draws` draws, -1 where there is no posterior, and
    `status` (sets,), why; `names` (size,), the path of each coordinate; `stable`, the share of the prior that has
    a prediction.
    """

    truth: Float[np.ndarray, "sets size"]
    mean: Float[np.ndarray, "sets size"]
    width: Float[np.ndarray, "sets size"]
    ranks: Int[np.ndarray, "sets size"]
    status: Int[np.ndarray, " sets"]
    names: tuple[str, ...]
    draws: int
    stable: float

    @property
    def ranked(self) -> Bool[np.ndarray, " sets"]:
        """Which data sets have a posterior; only those count."""
        return np.all(self.ranks >= 0, axis=1)

    @property
    def message(self) -> str:
        """How the data sets ended, in plain words."""
        return summarise(self.status)

    @property
    def scores(self) -> Float[np.ndarray, "sets size"]:
        """How many posterior widths the posterior's mean lies above the truth: about N(0, 1) if all is well."""
        return (self.mean - self.truth) / self.width

    @property
    def contraction(self) -> Float[np.ndarray, " size"]:
        r"""$1 - \overline{w^2}$: how much narrower than its prior, of width 1, the posterior is."""
        return 1 - (self.width[self.ranked] ** 2).mean(axis=0)

    def coverage(self, level: float = 0.9) -> Float[np.ndarray, " size"]:
        """The share of data sets whose central interval of the `level` holds the truth."""
        if not 0 < level < 1:
            raise ValueError(f"`level` must lie between 0 and 1, got {level!r}.")
        place = (self.ranks[self.ranked] + 0.5) / (self.draws + 1)
        return (np.abs(place - 0.5) <= level / 2).mean(axis=0)

    def counts(self, bins: int = 10) -> Int[np.ndarray, "bins size"]:
        """How many ranks fall into each of so many equal bins, which must divide the number of ranks."""
        bins = _checks.whole("bins", bins, 2)
        if (self.draws + 1) % bins:
            raise ValueError(
                f"`bins` of {bins} do not divide the {self.draws + 1} ranks evenly: take a divisor."
            )
        column = self.ranks[self.ranked] * bins // (self.draws + 1)
        return (column[None] == np.arange(bins)[:, None, None]).sum(axis=1)

    def p_values(self, bins: int = 10) -> Float[np.ndarray, " size"]:
        r"""Of each coordinate the chance of a $\chi^2$ that large if its ranks were uniform."""
        counts = self.counts(bins)
        mean = self.ranked.sum() / bins
        return chi2.sf(((counts - mean) ** 2 / mean).sum(axis=0), bins - 1)


def simulation_based_calibration(
    model: Model,
    free: Mapping[str, FreeParameter],
    loss: Loss,
    *,
    sets: int = 100,
    key: PRNGKeyArray | None = None,
    sampler: str = "laplace",
    draws: int = 199,
    starts: int = 2,
    method: Method | None = None,
    route: Route | None = None,
    sampling: Mapping[str, Any] | None = None,
    dispersion: float | int | str = 1,
    show_progress: bool = True,
) -> Calibration:
    """Make `sets` data sets from the prior, infer each, and rank the truth among `draws` draws.

    `loss` is the likelihood: its bins, degrees and samples are kept, and its data replaced by drawn ones. Truths
    are drawn from the stable part of the prior, which is the prior that a fit sees. `sampler` "laplace" fits each
    set (`starts`, `method`, `route` as in `rj.fit`) and takes the normal posterior; "nuts" samples from there,
    with the settings `sampling` (draws, warmup, chains...), and keeps `draws` of all, evenly spaced. A data set
    without posterior says why in `status` and is left out. The data are drawn from the likelihood, whose
    `dispersion` is 1; "auto" shows what it costs to estimate it, as `rj.inference.laplace` does otherwise.

    Raises `ValueError` for a loss that is no likelihood, a parameter without prior, and a prior of which less than
    a twentieth is stable.
    """
    sets, draws = _checks.whole("sets", sets), _checks.whole("draws", draws)
    _checks.one_of("sampler", sampler, SAMPLERS)
    require_likelihood(loss)
    settings: dict[str, Any] = {"draws": 200, "warmup": 150, "chains": 2} | dict(sampling or {})
    made = settings["draws"] * settings["chains"]
    if sampler == "nuts" and made < draws:
        raise ValueError(
            f"`draws` of {draws} are more than the {made} that `sampling` makes: ask for more there."
        )
    key = jax.random.key(0) if key is None else key
    asked = problem(model, free, loss, key, route, 1.0, False)
    if not asked.parameters.informative.all():
        open_ended = [path for path, kind in asked.parameters.free.items() if not kind.informative]
        raise ValueError(
            f"`free` leaves {open_ended} without a prior, from which nothing can be drawn: give each one."
        )
    making, drawing, sampled = jax.random.split(jax.random.fold_in(key, 7), 3)
    truth, losses, stable = _data(asked, making, sets)
    models = [model] * sets
    fitted = fit(
        models,
        free,
        losses,
        starts=starts,
        key=key,
        method=method,
        route=route,
        prior_weight=1.0,
        show_progress=show_progress,
        name="data sets",
    )
    posterior = laplace(models, free, losses, fitted, route=route, dispersion=dispersion)
    if sampler == "laplace":
        vectors, status = _normal_draws(posterior, drawing, draws), posterior.status
        # A fit that failed has no posterior, whatever its last point.
        status = np.where(np.isfinite(fitted.losses), status, fitted.status)
    else:
        found = nuts(
            models,
            free,
            losses,
            start=posterior,
            key=sampled,
            route=route,
            show_progress=show_progress,
            **settings,
        )
        vectors, status = _thinned(found, draws), found.status
    return _ranked(truth, vectors, status, posterior.names, stable)


def _data(asked: Problem, key: PRNGKeyArray, sets: int) -> tuple[np.ndarray, list[Loss], float]:
    """True coordinates with a prediction, a loss with data of each, and the share of the prior that has one."""
    data = jax.tree.map(lambda leaf: leaf[0], asked.people)
    size = asked.parameters.size
    draw = _drawing(asked, data)
    truths, made, tried = [], [], 0
    for number in range(_ROUNDS):
        round_key = jax.random.fold_in(key, number)
        keys = jax.random.split(round_key, sets)
        drawn = jax.random.normal(
            jax.random.fold_in(round_key, 1), (sets, size), jnp.result_type(float)
        )
        losses, status = draw(drawn, keys, data)
        good = np.flatnonzero(np.asarray(status) == Status.ok)
        truths.append(np.asarray(drawn)[good])
        made += [jax.tree.map(lambda leaf, at=at: leaf[at], losses) for at in good]
        tried += sets
        if len(made) >= sets:
            share = len(made) / tried
            static = eqx.filter(eqx.combine(data, asked.static)[1], eqx.is_array, inverse=True)
            return (
                np.concatenate(truths)[:sets],
                [eqx.combine(one, static) for one in made[:sets]],
                share,
            )
    raise ValueError(
        f"`free` has priors of which {len(made) / tried:.1%} is stable, too little to draw {sets} data sets from: "
        "narrow them about a stable point."
    )


def _drawing(asked: Problem, data: Any) -> Callable[..., Any]:
    """The program that makes a data set at each vector: losses with drawn data, and status."""

    def one(part: tuple[Array, Array], data: Any) -> tuple[Any, Array]:
        vector, key = part
        model, loss, _ = eqx.combine(data, asked.static)
        prediction = asked.route.predict(asked.parameters.apply(vector, model), key)
        made = eqx.filter(replicated(loss, prediction, key), eqx.is_array)
        leaves = [jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(made)]
        status = prediction.status.astype(jnp.int32)
        fine = jnp.all(jnp.stack(leaves))
        return made, jnp.where((status == Status.ok) & ~fine, jnp.int32(Status.non_finite), status)

    return jax.jit(
        lambda drawn, keys, data: jax.lax.map(lambda part: one(part, data), (drawn, keys))
    )


def _normal_draws(posterior: Posterior, key: PRNGKeyArray, draws: int) -> np.ndarray:
    """Plain coordinates drawn from each normal posterior, (sets, draws, size), NaN where there is none."""
    sets, size = posterior.mean.shape
    normal = np.asarray(jax.random.normal(key, (sets, draws, size)))
    good = np.isfinite(posterior.covariance).all(axis=(1, 2))
    vectors = np.full((sets, draws, size), np.nan)
    roots = np.linalg.cholesky(posterior.covariance[good])
    vectors[good] = posterior.mean[good, None] + np.einsum("vij,vdj->vdi", roots, normal[good])
    return vectors


def _thinned(found: Draws, draws: int) -> np.ndarray:
    """So many of all draws, evenly spaced over chains."""
    flat = found.vectors.reshape(len(found.vectors), -1, found.vectors.shape[-1])
    return flat[:, np.linspace(0, flat.shape[1] - 1, draws).round().astype(int)]


def _ranked(
    truth: np.ndarray,
    vectors: np.ndarray,
    status: np.ndarray,
    names: tuple[str, ...],
    stable: float,
) -> Calibration:
    good = np.all(np.isfinite(vectors), axis=(1, 2))
    ranks = (vectors < truth[:, None]).sum(axis=1)
    status = np.where(~good & (status == Status.ok), Status.non_finite, status)
    return Calibration(
        truth=truth,
        mean=vectors.mean(axis=1),
        width=vectors.std(axis=1),
        ranks=np.where(good[:, None], ranks, -1),
        status=status.astype(np.int32),
        names=names,
        draws=vectors.shape[1],
        stable=float(stable),
    )
