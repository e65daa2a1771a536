r"""Error bars from curvature: the posterior as a normal distribution about a fit, and what the data do not tell.

Where the loss is a deviance (`rosetta_jax.inference.likelihoods`), with residuals r of Jacobian J at the best
plain coordinates $\hat u$, Fisher's information is $J^T J$ and

.. math::  u \sim N(\hat u, \Lambda^{-1}), \qquad \Lambda = J^T J + \mathrm{diag}(\text{has a prior})

since each prior is a standard normal of u. Where no parameters fit, the information is divided by the dispersion
(`rosetta_jax.inference.dispersion`), or the widths would be those of a model that is right. A direction in which
the posterior is as wide as the prior was not told by the data: sloppy (Gutenkunst et al., PLoS Comput. Biol. 3,
e189, 2007).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Int, PRNGKeyArray
from rosetta_jax.inference.dispersion import (
    checked_dispersion,
    data_counts,
    estimated_dispersion,
    in_words,
)
from rosetta_jax.inference.fit import FitResult, best_vectors
from rosetta_jax.inference.losses import Loss
from rosetta_jax.inference.problem import Problem, problem
from rosetta_jax.inference.route import Model, Route
from rosetta_jax.inference.sloppy import sloppy_directions
from rosetta_jax.priors import FreeParameter
from rosetta_jax.results import Status, summarise

# A posterior no narrower than this share of its prior tells nothing; beyond this width without a prior it is open.
TOLD, OPEN = 0.8, 3.0


class Posterior(eqx.Module):
    """A normal posterior of plain coordinates, one a person (one in all where they were pooled).

    `mean` (vectors, size), `covariance` (vectors, size, size), NaN where the fit failed or a direction has neither
    data nor prior; `status` (vectors,); `names` (size,), the path of each coordinate; `has_prior` (size,);
    `dispersion` (vectors,), what the deviance was divided by.
    """

    mean: Float[np.ndarray, "vectors size"]
    covariance: Float[np.ndarray, "vectors size size"]
    status: Int[np.ndarray, " vectors"]
    names: tuple[str, ...]
    has_prior: np.ndarray
    asked: Problem
    dispersion: Float[np.ndarray, " vectors"]

    @property
    def message(self) -> str:
        """How the fits ended and what their deviances were divided by, in plain words."""
        return f"{summarise(self.status).rstrip('.')}; {in_words(self.dispersion)}."

    @property
    def widths(self) -> Float[np.ndarray, "vectors size"]:
        """Posterior standard deviations of the plain coordinates; those of priors are 1."""
        return np.sqrt(np.diagonal(self.covariance, axis1=1, axis2=2))

    @property
    def untold(self) -> list[tuple[str, ...]]:
        """The parameters of each vector that these data do not tell: as wide as their prior, or open."""
        limit = np.where(self.has_prior, TOLD, OPEN)
        found = []
        for widths in self.widths:
            loose = [
                name
                for name, width, most in zip(self.names, widths, limit, strict=True)
                if not width < most
            ]
            found.append(tuple(dict.fromkeys(loose)))
        return found

    @property
    def sloppy(self) -> list[list[tuple[float, dict[str, float]]]]:
        """The combinations of shared parameters that these data do not tell, of each vector, widest first.

        Each is the share of the prior's width that is left (of a parameter without a prior its width in plain
        coordinates), and the weight of each parameter in units of its prior's width: of opposite signs where only
        a product is told, of the same where only a ratio. `untold` names parameters that are open by themselves.
        """
        limit = np.where(self.has_prior, TOLD, OPEN)
        return [sloppy_directions(each, self.names, limit) for each in self.covariance]

    def sloppiest(self, vector: int = 0, count: int = 3) -> list[tuple[float, dict[str, float]]]:
        """The `count` widest directions, told or not, regions by themselves: width, and shares in its square."""
        values, directions = np.linalg.eigh(self.covariance[vector])
        found = []
        for number in range(1, min(count, values.size) + 1):
            share = directions[:, -number] ** 2
            order = np.argsort(-share)[:4]
            shares = {
                f"{self.names[at]}[{at}]": float(share[at]) for at in order if share[at] > 0.05
            }
            found.append((float(np.sqrt(values[-number])), shares))
        return found

    def draws(self, key: PRNGKeyArray, number: int = 1000) -> dict[str, np.ndarray]:
        """Parameters drawn from the posterior, by path: (people, draws, ...)."""
        root = np.stack([_root(each) for each in self.covariance])
        spread = np.einsum("vij,dj->vdi", root, self._normal(key, number))
        return self._values(self.mean[:, None] + spread)

    def prior_draws(self, key: PRNGKeyArray, number: int = 1000) -> dict[str, np.ndarray]:
        """Parameters drawn from their priors, by path: (people, draws, ...). One without a prior says nothing."""
        normal = self._normal(key, number)
        return self._values(np.broadcast_to(normal, (len(self.mean), *normal.shape)))

    def _normal(self, key: PRNGKeyArray, number: int) -> np.ndarray:
        size = self.mean.shape[1]
        return np.asarray(jax.random.normal(key, (_checks.whole("number", number), size)))

    def _values(self, vectors: Float[np.ndarray, "vectors draws size"]) -> dict[str, np.ndarray]:
        """The parameters of each person at plain coordinates."""
        parameters, each = self.asked.parameters, []
        for person, model in enumerate(self.asked.models):
            drawn = jnp.asarray(vectors[min(person, len(vectors) - 1)])
            each.append(drawn_values(parameters, drawn, model))
        return {path: np.stack([np.asarray(one[path]) for one in each]) for path in each[0]}

    def interval(
        self, key: PRNGKeyArray, level: float = 0.95, number: int = 4000
    ) -> dict[str, np.ndarray]:
        """Central intervals of the parameters, by path: (people, 2, ...)."""
        ends = [(1 - level) / 2, (1 + level) / 2]
        drawn = self.draws(key, number)
        return {
            path: np.moveaxis(np.quantile(each, ends, axis=1), 0, 1) for path, each in drawn.items()
        }


def laplace(
    model: Model | Sequence[Model],
    free: Mapping[str, FreeParameter],
    loss: Loss | Sequence[Loss],
    result: FitResult,
    *,
    route: Route | None = None,
    pooled: bool = False,
    dispersion: float | int | str = "auto",
) -> Posterior:
    r"""The posterior about a fit, from Fisher's information.

    `model`, `free`, `loss`, `route` and `pooled` as they were fitted, `result` what `rj.fit` found; fit with
    `prior_weight=1` (over the number of people where pooled), so that it is the posterior's mode. `loss` must be
    a deviance: `rj.inference.WhittleLoss`, `FisherLoss` or a sum of such; of a mere distance the widths mean
    nothing. `Posterior.untold` names the parameters that the data leave as wide as their prior.

    The deviance is divided by a `dispersion`: "auto" estimates it of each person, deviance over degrees of freedom
    and at least 1 (`rosetta_jax.inference.dispersion`, also for what it does not see), since hardly a model of a
    brain fits to the noise, and then the likelihood's own widths are far too small; of data that the model made it
    is about 1. Give 1 for the likelihood as it is. The mean stays that of the fit; where the dispersion is large
    and priors matter, fit once more with it as `prior_weight`, which finds the mode of this posterior.

    Raises `ValueError` where `result` holds other numbers of people or parameters, and for a wrong `dispersion`.
    """
    given = checked_dispersion(dispersion)
    asked = problem(model, free, loss, jax.random.key(0), route, 1.0, pooled)
    size = asked.parameters.size
    mean = best_vectors(asked, "result", result)
    prior = asked.parameters.informative
    # Pooled residuals are a mean over people, where their likelihoods multiply.
    times = len(asked.models) if pooled else 1
    information, deviance, status = _information(asked, jnp.asarray(mean), times)
    if given is None:
        found = estimated_dispersion(deviance, information, prior.astype(float), data_counts(asked))
    else:
        found = np.full(len(mean), given)
    precision = information / found[:, None, None] + np.diag(prior.astype(float))
    good = np.isfinite(result.losses) & (status == Status.ok)
    covariance = np.stack(
        [
            _inverse(each) if fine else np.full((size, size), np.nan)
            for each, fine in zip(precision, good, strict=True)
        ]
    )
    names = asked.parameters.coordinate_names
    return Posterior(mean, covariance, status, names, prior, asked, found)


def _information(
    asked: Problem, vectors: Float[Array, "vectors size"], times: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fisher's information and the deviance of each vector, without the prior, and the status there."""
    size = asked.parameters.size

    @jax.jit
    def found(vectors: Array, data: Any) -> tuple[Array, Array, Array]:
        def one(part: tuple[Array, Any]) -> tuple[Array, Array, Array]:
            # It ends with the prior's own residuals.
            slopes, residual = (each[:-size] for each in asked.objective.jacobian(*part))
            status = asked.objective.status(*part)
            return times * (slopes.T @ slopes), times * (residual @ residual), status

        return jax.lax.map(one, (vectors, data))

    information, deviance, status = (np.asarray(each) for each in found(vectors, asked.data))
    return information, deviance, status.astype(np.int32)


def _inverse(precision: np.ndarray) -> np.ndarray:
    """The inverse of a precision, infinite along directions of none."""
    values, directions = np.linalg.eigh((precision + precision.T) / 2)
    if not np.isfinite(values).all() or values.min() <= 0:
        return np.full(precision.shape, np.nan)
    return (directions / values) @ directions.T


def _root(covariance: np.ndarray) -> np.ndarray:
    values, directions = (
        np.linalg.eigh(covariance) if np.isfinite(covariance).all() else (np.nan, covariance)
    )
    return directions * np.sqrt(values)


@eqx.filter_jit
def drawn_values(parameters: Any, vectors: Array, model: Model) -> dict[str, Array]:
    return jax.lax.map(lambda vector: parameters.values(vector, model), vectors)
