r"""A cohort: the people's parameters have a common distribution, whose mean and width are learned with them.

Each person's plain coordinates are $u_p \sim N(m, \mathrm{diag}(s^2))$. The posterior of a person is normal about
its mode $\hat u_p$, with covariance $C_p = (J_p^T J_p + \mathrm{diag}(s^{-2}))^{-1}$ (Laplace). The evidence
$\sum_p \ln\int L_p\,p(u_p)\,du_p$ is greatest where

.. math::
    m = \frac1P \sum_p \hat u_p, \qquad
    s^2 = \frac1P \sum_p \big[(\hat u_p - m)^2 + \mathrm{diag}\,C_p\big]

Iterated as they stand (EM) these creep where the data tell little, since each mode leans to the mean it was found
under. With the share $\gamma_p = 1 - \mathrm{diag}\,C_p / s^2$ that the data tell of each coordinate, steps are

.. math::
    m \leftarrow m + \frac{\sum_p (\hat u_p - m)}{\sum_p \gamma_p}, \qquad
    s^2 \leftarrow \frac{\sum_p (\hat u_p - m)^2}{\sum_p \gamma_p}

to the same point, with $\hat u_p$ moved on to the new mean by the share that leans, and one that lowers the
evidence is taken back and made as it stands. People borrow strength from each other, as far as they are alike, and
what they share is learned and not chosen. Of a parameter that varies by region (`rj.PerRegion`) the width is one
for all regions, and the mean is a map: that of a typical brain.

Where no parameters fit, each person's deviance is divided by a dispersion (`rosetta_jax.inference.dispersion`):
else the likelihood, sure of a model that is wrong, leaves the cohort nothing to say.

Source: EM with Laplace's approximation, Huys et al., PLoS Comput. Biol. 7, e1002028 (2011), supplement; the steps:
MacKay, Neural Comput. 4, 415 (1992).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Int, PRNGKeyArray, PyTree
from rosetta_jax.inference.dispersion import (
    checked_dispersion,
    data_counts,
    dispersion_of,
    in_words,
)
from rosetta_jax.inference.fit import FitResult, best_vectors
from rosetta_jax.inference.losses import Loss
from rosetta_jax.inference.problem import Problem, problem
from rosetta_jax.inference.route import Model, Route
from rosetta_jax.optimise import LevenbergMarquardt, Method, Objective, Program
from rosetta_jax.parameters import replace
from rosetta_jax.priors import FreeParameter
from rosetta_jax.results import summarise

# Below this share of the prior that was given, a width means that people do not differ.
_LEAST = 1e-2


class Cohort(eqx.Module):
    """What people have in common and what each of them is.

    `mean` and `width` (size,) of the people's plain coordinates; `vectors` (people, size), each person's mode, and
    `errors` (people, size), the standard deviations about it; `deviance` (people,) of the data alone; `status`
    (people,); `evidence` (rounds,), the log evidence of all, up to a constant, after each round that was not taken
    back; `names` (size,), the path of each coordinate; `values` by path, `(people, ...)`; `converged`; and
    `dispersion` (people,), what the deviances were divided by.
    """

    mean: Float[np.ndarray, " size"]
    width: Float[np.ndarray, " size"]
    vectors: Float[np.ndarray, "people size"]
    errors: Float[np.ndarray, "people size"]
    deviance: Float[np.ndarray, " people"]
    status: Int[np.ndarray, " people"]
    evidence: Float[np.ndarray, " rounds"]
    names: tuple[str, ...]
    values: dict[str, np.ndarray]
    converged: bool
    dispersion: Float[np.ndarray, " people"]
    asked: Problem

    @property
    def message(self) -> str:
        """How the people ended and what their deviances were divided by, in plain words."""
        return f"{summarise(self.status).rstrip('.')}; {in_words(self.dispersion)}."

    @property
    def widths(self) -> dict[str, float]:
        """How far people differ, by path, in units of the width of the prior that was given (root mean square)."""
        names = np.array(self.names)
        return {
            str(name): float(np.sqrt(np.mean(self.width[names == name] ** 2)))
            for name in dict.fromkeys(self.names)
        }

    @property
    def alike(self) -> tuple[str, ...]:
        """The parameters in which these people do not differ as far as the data tell."""
        return tuple(path for path, width in self.widths.items() if width <= 2 * _LEAST)

    def typical(self, template: Model) -> Model:
        """`template`, a person with an own connectome say, with the cohort's mean: what is predicted of others."""
        found = self.asked.parameters.values(jnp.asarray(self.mean), template)
        return replace(template, found)

    def model(self, template: Model, person: int) -> Model:
        """`template` with what was found for a person of the cohort."""
        if not 0 <= person < len(self.vectors):
            raise ValueError(
                f"`person` must lie between 0 and {len(self.vectors) - 1}, got {person}."
            )
        found = self.asked.parameters.values(jnp.asarray(self.vectors[person]), template)
        return replace(template, found)


def cohort(
    model: Sequence[Model],
    free: Mapping[str, FreeParameter],
    loss: Sequence[Loss],
    *,
    begin: FitResult | None = None,
    rounds: int = 20,
    tolerance: float = 1e-2,
    dispersion: float | int | str = "auto",
    method: Method | None = None,
    route: Route | None = None,
    key: PRNGKeyArray | None = None,
    show_progress: bool = True,
) -> Cohort:
    """Fit a cohort whose common mean and width are learned: one model and one loss a person, two or more.

    `free` as for `rj.fit`, all with priors: they say where the search begins, and in which coordinates people are
    normally distributed. `loss` must be deviances (`rj.inference.WhittleLoss`, `FisherLoss` or sums of such).
    `begin` is a fit of the same people and parameters, each on their own, to start from (best from many starts:
    averages of people in different valleys mean nothing). At most `rounds` of fitting all and learning the prior,
    until the evidence grows by less than `tolerance` of a unit a person. One program is compiled for all of them.

    The deviances are divided by a `dispersion`: "auto" estimates it of each person, as `laplace` does, in a round
    of its own under the prior that was given, and keeps it; 1 takes the likelihood as it is.

    A person whose fit fails is left out of what is learned and says so in `status`. Raises `ValueError` for fewer
    than two people, a parameter without a prior, a wrong `dispersion`, and a `begin` of others.
    """
    key = jax.random.key(0) if key is None else key
    given = checked_dispersion(dispersion)
    asked = problem(model, free, loss, key, route, 0.0, False)
    people, size = asked.vectors, asked.parameters.size
    _check(asked)
    method = LevenbergMarquardt() if method is None else method
    fitting = _Fitting(asked, method)
    vectors, prior = _begin(asked, begin), _Prior(np.zeros(size), np.ones(size))
    spread = np.full(people, 1.0 if given is None else given)
    if given is None:
        first = fitting.round(vectors, prior, spread, "cohort, dispersion", show_progress)
        vectors, spread = first.vectors, _dispersion(asked, first)
    found, evidence, converged, long = None, [], False, True
    for number in range(_checks.whole("rounds", rounds)):
        name = f"cohort, round {number + 1}"
        tried = fitting.round(vectors, prior, spread, name, show_progress)
        grown = np.inf if found is None else tried.more_than(found)
        if found is None or grown > 0:
            found, converged = tried, grown < tolerance * people
            evidence.append(float(found.evidence[found.good].sum()))
        else:
            # What goes too far is taken back, and short steps lead on from there.
            converged, long = not long, False
        if converged or found.good.sum() < 2:
            break
        vectors, prior = found.vectors, _learned(found, _groups(asked), long)
    assert found is not None  # there is a round
    return Cohort(
        mean=found.prior.mean,
        width=found.prior.width,
        vectors=found.vectors,
        errors=found.prior.width * np.sqrt(found.variance),
        deviance=found.deviance,
        status=found.status,
        evidence=np.array(evidence),
        names=asked.parameters.coordinate_names,
        values=asked.values(found.vectors),
        converged=converged,
        dispersion=spread,
        asked=asked,
    )


class _Prior(NamedTuple):
    """What people have in common, (size,) each."""

    mean: np.ndarray
    width: np.ndarray


class _Round(eqx.Module):
    """All people fitted under one prior: `variance` (people, size) in units of the prior's."""

    prior: _Prior
    vectors: np.ndarray
    variance: np.ndarray
    deviance: np.ndarray
    evidence: np.ndarray
    status: np.ndarray

    @property
    def good(self) -> np.ndarray:
        """Whose fit counts: also one that stopped at its limit of iterations, at a point that is fine."""
        return np.isfinite(self.evidence)

    def more_than(self, other: "_Round") -> float:
        """By how much more evidence there is for this prior, of the people whose fits count in both."""
        both = self.good & other.good
        return float((self.evidence - other.evidence)[both].sum())


class _Fitting:
    """One compiled program that fits all people under a prior, and one that tells how sure it is."""

    def __init__(self, asked: Problem, method: Method):
        def placed(vector: Array, data: PyTree) -> tuple[Array, PyTree]:
            data, mean, width, _ = data
            return mean + width * vector, data

        def residuals(vector: Array, data: PyTree) -> Array:
            found = asked.objective.residuals(*placed(vector, data))
            return jnp.concatenate([found / jnp.sqrt(data[-1]), vector])

        def slopes(vector: Array, data: PyTree) -> tuple[Array, Array]:
            columns, found = asked.objective.jacobian(*placed(vector, data))
            root, identity = jnp.sqrt(data[-1]), jnp.eye(vector.size, dtype=vector.dtype)
            below = jnp.concatenate([columns * (data[2] / root)[None, :], identity])
            return below, jnp.concatenate([found / root, vector])

        def status(vector: Array, data: PyTree) -> Array:
            return asked.objective.status(*placed(vector, data))

        self._asked, self._people = asked, asked.vectors
        self._dtype = jnp.result_type(float)
        objective = Objective(residuals, status, slopes)
        size = asked.parameters.size
        data = self._data(_Prior(np.zeros(size), np.ones(size)), np.ones(self._people))
        self._program = Program(objective, method, data, lanes=self._people)
        self._sure = jax.jit(lambda vectors, data: _sureness(objective, vectors, data))

    def _data(self, prior: _Prior, spread: np.ndarray) -> PyTree:
        each = [jnp.asarray(np.tile(of, (self._people, 1)), self._dtype) for of in prior]
        return (self._asked.data, *each, jnp.asarray(spread, self._dtype))

    def round(
        self,
        vectors: np.ndarray,
        prior: _Prior,
        spread: np.ndarray,
        name: str,
        shown: bool,
    ) -> _Round:
        data = self._data(prior, spread)
        starts = jnp.asarray((vectors - prior.mean) / prior.width, self._dtype)
        which = jnp.arange(self._people, dtype=jnp.int32)
        descent = self._program.on(data).descend(starts, which, name, shown)
        sure = self._sure(jnp.asarray(descent.vectors, self._dtype), data)
        variance, logarithm, deviance = (np.asarray(each) for each in sure)
        fine = np.isfinite(descent.losses)
        evidence = np.where(fine, -(descent.losses + logarithm) / 2, np.nan)
        found = prior.mean + prior.width * descent.vectors
        # Of a person whose fit failed nothing new is known.
        vectors = np.where(np.isfinite(evidence)[:, None], found, vectors)
        return _Round(prior, vectors, variance, deviance * spread, evidence, descent.status)


def _sureness(objective: Objective, vectors: Array, data: PyTree) -> tuple[Array, Array, Array]:
    """Of each person the variances, the log determinant of the precision, and the deviance."""

    def one(part: tuple[Array, PyTree]) -> tuple[Array, Array, Array]:
        vector, data = part
        # The prior's own residuals, which come last, add the identity.
        slopes, residual = objective.jacobian(vector, data)
        precision = slopes.T @ slopes
        root = jnp.linalg.cholesky(precision)
        identity = jnp.eye(vector.shape[0], dtype=vector.dtype)
        half = jax.scipy.linalg.solve_triangular(root, identity, lower=True)
        logarithm = 2 * jnp.sum(jnp.log(jnp.diagonal(root)))
        deviance = residual @ residual - vector @ vector
        return jnp.sum(half**2, axis=0), logarithm, deviance

    return jax.lax.map(one, (vectors, data))


def _learned(found: _Round, groups: list[np.ndarray], long: bool) -> _Prior:
    """The mean and width of the people whose fit counts, by a long step, or by a short one of EM."""
    mean, width = found.prior
    away, left = found.vectors[found.good] - mean, found.variance[found.good]
    told = np.clip(1 - left, _LEAST, 1.0)
    counted = told if long else np.ones_like(told)
    # Where hardly anything is told the next mean is anybody's guess.
    step = np.clip(away.sum(axis=0) / counted.sum(axis=0), -2 * width, 2 * width)
    # Modes move with the mean that they lean to.
    away = away - counted * step
    squared = away**2 if long else away**2 + left * width**2
    learned = np.empty_like(width)
    for group in groups:
        learned[group] = np.sqrt(squared[:, group].sum() / counted[:, group].sum())
    return _Prior(mean + step, np.maximum(learned, _LEAST))


def _dispersion(asked: Problem, found: _Round) -> Float[np.ndarray, " people"]:
    """That of each person, 1 of those whose fit failed."""
    # The directions that the data tell, of which the prior has what is left.
    told = asked.parameters.size - found.variance.sum(axis=1)
    estimated = dispersion_of(found.deviance, told, data_counts(asked))
    return np.where(found.good & np.isfinite(estimated), estimated, 1.0)


def _groups(asked: Problem) -> list[np.ndarray]:
    """Coordinates that have one width: the deviations of all regions in a parameter."""
    groups, at = [], 0
    for count in asked.parameters.counts:
        groups.append(np.array([at]))
        if count > 1:
            groups.append(np.arange(at + 1, at + count))
        at += count
    return groups


def _begin(asked: Problem, begin: FitResult | None) -> np.ndarray:
    if begin is not None:
        return best_vectors(asked, "begin", begin)
    return np.stack([np.asarray(asked.parameters.vector(model)) for model in asked.models])


def _check(asked: Problem) -> None:
    if asked.vectors < 2:
        raise ValueError("`model` has one person: a cohort needs two or more, rj.fit fits one.")
    if not asked.parameters.informative.all():
        without = [
            path for path, kind in asked.parameters.free.items() if not kind.penalised(1).all()
        ]
        raise ValueError(
            f"`free` has {without} without a prior: give rj.Normal, rj.LogNormal or rj.Uniform, whose coordinates "
            "the cohort's distribution is learned in."
        )
