r"""Data as a likelihood draws them: what an estimator would have measured of a prediction, with its own scatter.

Whittle's: power is $cS\,\chi^2_\nu/\nu$, with the gain c that fits the measured best. Fisher's: z is normal about
the predicted, of variance $1/(n - 3)$, pair by pair. Wishart's: the correlations of n independent samples.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Pairwise, PRNGKeyArray
from rosetta_jax.inference.at_sensors import AtSensors
from rosetta_jax.inference.likelihoods import FisherLoss, WhittleLoss, WishartLoss
from rosetta_jax.inference.losses import (
    Loss,
    SumOfLosses,
    predicted_connectivity,
    predicted_spectrum,
)
from rosetta_jax.inference.route import Prediction


def require_likelihood(loss: Any) -> None:
    """Raise where `loss` is no likelihood, or a sum with a part that is none."""
    for part in parts_of(_checks.instance("loss", loss, Loss, "a loss")):
        part = part.loss if isinstance(part, AtSensors) else part
        if not isinstance(part, (WhittleLoss, FisherLoss, WishartLoss)):
            raise ValueError(
                f"`loss` has a {type(part).__name__}, which says how far and not how likely: give rj.inference."
                "WhittleLoss, FisherLoss, WishartLoss or a sum of such."
            )


def parts_of(loss: Loss) -> tuple[Loss, ...]:
    """The losses that a sum adds, or the one there is."""
    return loss.parts if isinstance(loss, SumOfLosses) else (loss,)


def expected(loss: Loss, prediction: Prediction) -> Float[Array, "*shape"]:
    """What `loss` would measure of a prediction without scatter, in the units of what was measured."""
    if isinstance(loss, AtSensors):
        return expected(loss.loss, prediction.sensors(loss.lead_field))
    if isinstance(loss, WhittleLoss):
        return _gain(loss, prediction) * predicted_spectrum(loss, prediction)
    return predicted_connectivity(loss, prediction)


def replicated(loss: Loss, prediction: Prediction, key: PRNGKeyArray) -> Loss:
    """`loss` with data drawn from its likelihood about a prediction, in place of what was measured."""
    if isinstance(loss, SumOfLosses):
        keys = jax.random.split(key, len(loss.parts))
        pairs = zip(loss.parts, keys, strict=True)
        return SumOfLosses(tuple(replicated(part, prediction, each) for part, each in pairs))
    if isinstance(loss, AtSensors):
        again = replicated(loss.loss, prediction.sensors(loss.lead_field), key)
        return AtSensors(loss.lead_field, again)
    centre = expected(loss, prediction)
    if isinstance(loss, WhittleLoss):
        drawn = jax.random.chisquare(key, loss.degrees) / loss.degrees
        return _measured(loss, centre * drawn.astype(centre.dtype))
    if isinstance(loss, FisherLoss):
        return _measured(loss, _fisher(centre, loss.samples, key))
    assert isinstance(loss, WishartLoss)
    sampled = _wishart(centre, loss.samples, key)
    again = _measured(loss, sampled)
    determinant = jnp.linalg.slogdet(sampled)[1]
    return eqx.tree_at(lambda loss: loss.log_determinant, again, determinant)


def _measured(loss: Any, measured: Array) -> Any:
    return eqx.tree_at(lambda loss: loss.measured, loss, measured.astype(loss.measured.dtype))


def _gain(loss: WhittleLoss, prediction: Prediction) -> Array:
    """The factor of each region, (1, nodes) or (1, 1), that fits the measured best."""
    if loss.level == "given":
        return jnp.ones((1, 1), loss.measured.dtype)
    weights = loss.degrees * loss.counted[None, :]
    ratio = loss.measured / predicted_spectrum(loss, prediction)
    axis = 0 if loss.level == "each" else None
    total = jnp.sum(weights, axis=axis, keepdims=True)
    mean = jnp.sum(weights * ratio, axis=axis, keepdims=True) / jnp.where(total > 0, total, 1.0)
    # A region that does not count has no gain of its own.
    return jnp.where(mean > 0, mean, 1.0)


def _fisher(correlations: Pairwise, samples: Array, key: PRNGKeyArray) -> Pairwise:
    nodes = correlations.shape[0]
    rows, columns = jnp.triu_indices(nodes, 1)
    normal = jax.random.normal(key, (rows.size,), correlations.dtype)
    drawn = jnp.tanh(jnp.arctanh(correlations[rows, columns]) + normal / jnp.sqrt(samples - 3))
    upper = jnp.zeros_like(correlations).at[rows, columns].set(drawn)
    return upper + upper.T + jnp.eye(nodes, dtype=correlations.dtype)


def _wishart(correlations: Pairwise, samples: Array, key: PRNGKeyArray) -> Pairwise:
    """Correlations of samples of a multivariate normal, by Bartlett's decomposition."""
    nodes = correlations.shape[0]
    below, along = jax.random.split(key)
    degrees = samples - jnp.arange(nodes, dtype=correlations.dtype)
    factor = jnp.tril(jax.random.normal(below, (nodes, nodes), correlations.dtype), -1)
    factor = factor + jnp.diag(jnp.sqrt(jax.random.chisquare(along, degrees)))
    root = jnp.linalg.cholesky(correlations) @ factor
    covariance = root @ root.T
    scale = jnp.sqrt(jnp.diagonal(covariance))
    return covariance / (scale[:, None] * scale[None, :])
