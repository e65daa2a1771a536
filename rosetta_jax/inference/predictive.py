r"""Whether a posterior predicts the data that it came from: predictions of its draws, and data like those.

For each draw $\theta$ of the posterior the model predicts, and the likelihood draws data about that prediction as
an estimator would scatter them. Of a good model the measured data look like one of these. With the deviance D as
discrepancy

.. math::  p = P\big(D(y_\mathrm{rep}, \theta) \ge D(y, \theta) \mid y\big)

is near 0 where the data lie further from every prediction than scatter explains, and near 1 where they lie
closer: misfit, or the wrong degrees of freedom.

Source: Gelman, Meng and Stern, Stat. Sin. 6, 733, 1996.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Int, PRNGKeyArray
from rosetta_jax.inference.at_sensors import AtSensors
from rosetta_jax.inference.draws import Draws
from rosetta_jax.inference.laplace import Posterior
from rosetta_jax.inference.losses import Loss
from rosetta_jax.inference.replication import expected, parts_of, replicated, require_likelihood
from rosetta_jax.inference.route import Model, Route
from rosetta_jax.inference.theory import Theory
from rosetta_jax.parameters import replace
from rosetta_jax.results import Status

# Predictions at once, where they do not run one after the other.
_TOGETHER = 64


class Predictive(eqx.Module):
    """What the draws of a posterior predict. People lead, `(people, ...)`, also where there is one.

    `predicted` (people, draws, *shape) without and `replicated` with the scatter of the estimator, of the shape
    and unit of what was `measured` (people, *shape): (frequencies, nodes) or (nodes, nodes); NaN where a draw has
    no prediction, whose `status` (people, draws) says why. `deviance` and `replicated_deviance` (people, draws)
    are those of the measured and of the replicated data. `frequencies` (F,) Hz, of spectra.
    """

    predicted: Float[np.ndarray, "people draws *shape"]
    replicated: Float[np.ndarray, "people draws *shape"]
    measured: Float[np.ndarray, "people *shape"]
    deviance: Float[np.ndarray, "people draws"]
    replicated_deviance: Float[np.ndarray, "people draws"]
    status: Int[np.ndarray, "people draws"]
    frequencies: Float[np.ndarray, " frequencies"] | None

    @property
    def left_out(self) -> Float[np.ndarray, " people"]:
        """The share of draws without a prediction, most often unstable: they count in no band."""
        return (self.status != Status.ok).mean(axis=1)

    @property
    def p_value(self) -> Float[np.ndarray, " people"]:
        """How often replicated data lie further from their prediction than the measured; NaN without draws."""
        # Those without a prediction are NaN, which is never further.
        further = self.replicated_deviance >= self.deviance
        count = (self.status == Status.ok).sum(axis=1)
        return np.where(count > 0, further.sum(axis=1) / np.maximum(count, 1), np.nan)

    def band(
        self, level: float = 0.9, of: str = "replicated"
    ) -> Float[np.ndarray, "people 2 *shape"]:
        """Central intervals of the "replicated" or the "predicted", entry by entry; NaN without draws."""
        _checks.one_of("of", of, ("replicated", "predicted"))
        if not 0 < level < 1:
            raise ValueError(f"`level` must lie between 0 and 1, got {level!r}.")
        ends = [(1 - level) / 2, (1 + level) / 2]
        bands = []
        for values, status in zip(getattr(self, of), self.status, strict=True):
            good = values[status == Status.ok]
            nothing = np.full((2, *values.shape[1:]), np.nan)
            bands.append(np.quantile(good, ends, axis=0) if len(good) else nothing)
        return np.stack(bands)


def posterior_predictive(
    posterior: Posterior | Draws,
    key: PRNGKeyArray,
    number: int = 200,
    *,
    loss: Loss | Sequence[Loss] | None = None,
    model: Model | Sequence[Model] | None = None,
    route: Route | None = None,
    people: Sequence[int] | None = None,
) -> Predictive:
    """Predict from `number` draws of a posterior, with and without the estimator's scatter.

    `posterior` is what `rj.inference.laplace` or `nuts` returned; of more than `number` draws that many are
    chosen by `key`. `loss`, one in all or one a person, is what was fitted unless given: another one predicts data
    that were held back, and of a sum of losses one part must be chosen. `model` and `route` are those that were
    fitted, and needed only of draws that were loaded from a file. `people`, which of them, by default all. Draws
    run one after the other on a CPU, 64 at once elsewhere.

    Raises `ValueError` for a loss that is no likelihood or a sum, where `model` or `loss` is missing, and for
    somebody among `people` whom the posterior does not hold.
    """
    _checks.key("key", key)
    _checks.instance("posterior", posterior, (Posterior, Draws), "a Posterior or Draws")
    number = _checks.whole("number", number)
    asked = posterior.asked
    models = _given("model", model, asked.models if asked else None)
    losses = _given("loss", loss, asked.losses if asked else None)
    route = route or (asked.route if asked else Theory())
    choose, scatter = jax.random.split(key)
    values = _chosen(posterior, choose, number)
    count = len(next(iter(values.values())))
    if not (len(models) in (1, count) and len(losses) in (1, count)):
        raise ValueError(
            f"`posterior` has {count} people, `model` {len(models)} and `loss` {len(losses)}: give one, or one "
            "a person."
        )
    for each in losses:
        _require_one(each)
    chosen = range(count) if people is None else people
    found = []
    for person in chosen:
        if not 0 <= person < count:
            raise ValueError(f"`people` names {person}, and the posterior holds 0 to {count - 1}.")
        own = {path: jnp.asarray(each[person]) for path, each in values.items()}
        keys = jax.random.split(jax.random.fold_in(scatter, person), len(next(iter(own.values()))))
        at = models[person % len(models)], losses[person % len(losses)]
        found.append(jax.tree.map(np.asarray, _predictions(*at, route, own, keys)))
    parts = [np.stack(part) for part in zip(*found, strict=True)]
    measured = [_seen(losses[person % len(losses)]) for person in chosen]
    bins = getattr(measured[0], "frequencies", None)
    return Predictive(
        predicted=parts[0],
        replicated=parts[1],
        measured=np.stack([np.asarray(each.measured) for each in measured]),
        deviance=parts[2],
        replicated_deviance=parts[3],
        status=parts[4],
        frequencies=None if bins is None else np.asarray(bins),
    )


def _seen(loss: Any) -> Any:
    """The loss that holds what was measured."""
    return loss.loss if isinstance(loss, AtSensors) else loss


def _given(name: str, value: Any, fitted: list[Any] | None) -> list[Any]:
    if value is not None:
        return list(value) if isinstance(value, (list, tuple)) else [value]
    if fitted is None:
        raise ValueError(f"`posterior` was loaded without its `{name}`: give what was fitted.")
    return fitted


def _require_one(loss: Any) -> None:
    require_likelihood(loss)
    if len(parts_of(loss)) > 1:
        raise ValueError(
            "`loss` is a sum: give one of its parts, loss=sum.parts[0] say, and predict the others by themselves."
        )


def _chosen(posterior: Posterior | Draws, key: PRNGKeyArray, number: int) -> dict[str, np.ndarray]:
    """Parameters of so many draws, by path: (people, draws, ...)."""
    if isinstance(posterior, Posterior):
        return posterior.draws(key, number)
    flat = {
        path: each.reshape(len(each), -1, *each.shape[3:])
        for path, each in posterior.values.items()
    }
    total = next(iter(flat.values())).shape[1]
    chosen = np.asarray(jax.random.permutation(key, total))[:number]
    return {path: each[:, chosen] for path, each in flat.items()}


@eqx.filter_jit
def _predictions(
    model: Model, loss: Loss, route: Route, values: dict[str, Array], keys: Array
) -> tuple[Array, ...]:
    """Predicted, replicated, both deviances and status of each draw of one person."""

    def one(part: tuple[dict[str, Array], Array]) -> tuple[Array, ...]:
        values, key = part
        prediction = route.predict(replace(model, values), key)
        predicted = expected(loss, prediction)
        again = replicated(loss, prediction, key)
        deviances = [jnp.sum(each.residual(prediction) ** 2) for each in (loss, again)]
        numbers = (predicted, _seen(again).measured, *deviances)
        finite = jnp.all(jnp.stack([jnp.all(jnp.isfinite(each)) for each in numbers]))
        status = prediction.status.astype(jnp.int32)
        status = jnp.where((status == Status.ok) & ~finite, jnp.int32(Status.non_finite), status)
        kept = [jnp.where(status == Status.ok, each, jnp.nan) for each in numbers]
        return *kept, status

    together = None if jax.default_backend() == "cpu" else min(_TOGETHER, keys.shape[0])
    return jax.lax.map(one, (values, keys), batch_size=together)
