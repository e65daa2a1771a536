r"""What a fit, a posterior and a comparison ask: the deviance of a vector of free parameters, person by person.

People are data sets of one program: each has an own connectome and measurement. Pooled, they are one data set, at
one vector, by the mean of their losses. The route decides how a vector becomes a prediction.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, PRNGKeyArray, PyTree
from rosetta_jax.inference.curves import Curve
from rosetta_jax.inference.losses import Loss
from rosetta_jax.inference.route import Model, Prediction, Route
from rosetta_jax.inference.theory import Theory
from rosetta_jax.network import Network
from rosetta_jax.optimise import Objective, with_value
from rosetta_jax.parameters import FreeParameters, replace
from rosetta_jax.priors import FreeParameter
from rosetta_jax.results import Status
from rosetta_jax.system import Rung

# So many coordinates of a path have their derivative taken apart from those of links.
_MANY = 8
_BETWEEN = ("gain", "speed", "connectome")


class Problem(NamedTuple):
    """Models and losses of people, their free parameters, and the objective of a vector.

    `data` leads with vectors: one a person, or one for all where pooled; `people` with people.
    """

    models: list[Model]
    parameters: FreeParameters
    objective: Objective
    data: PyTree
    people: PyTree
    static: PyTree
    route: Route
    key: PRNGKeyArray
    paths: PRNGKeyArray
    vectors: int

    @property
    def losses(self) -> list[Loss]:
        """The loss of each person."""
        each = [
            jax.tree.map(lambda leaf, at=at: leaf[at], self.people)
            for at in range(len(self.models))
        ]
        return [eqx.combine(data, self.static)[1] for data in each]

    def values(self, vectors: Float[np.ndarray, "vectors size"]) -> dict[str, np.ndarray]:
        """The parameters of every person, by path, at one vector each or at the one of all."""
        # Also where people share a vector: links are those of their own.
        each = [
            self.parameters.values(jnp.asarray(vectors[min(number, self.vectors - 1)]), model)
            for number, model in enumerate(self.models)
        ]
        return {
            path: np.stack([np.asarray(values[path]) for values in each])
            for path in sorted(each[0])
        }


def problem(
    model: Model | Sequence[Model],
    free: Mapping[str, FreeParameter],
    loss: Loss | Sequence[Loss],
    key: PRNGKeyArray,
    route: Route | None,
    prior_weight: float,
    pooled: bool,
) -> Problem:
    """The problem, its arguments checked (`rosetta_jax.fit` says what they are)."""
    models = _as_list("model", model, (Network, Rung, Curve), "an rj.Network or a rung")
    losses = _as_list("loss", loss, Loss, "a loss such as rj.SpectrumLoss(frequencies, measured)")
    if len(models) != len(losses):
        raise ValueError(
            f"`model` has {len(models)} people and `loss` {len(losses)}: give one loss a person."
        )
    prior_weight = _checks.known("prior_weight", prior_weight, zero=True)
    _checks.key("key", key)
    route = Theory() if route is None else route
    _checks.instance("route", route, Route, "rj.Theory() or rj.Simulated(duration)")
    asked = [loss.highest for loss in losses if loss.highest is not None]
    models = route.prepared(models, max(asked, default=None))
    parameters = FreeParameters(models[0], free)
    people, static = _stacked(list(zip(models, losses, jnp.arange(len(models)), strict=True)))
    paths = jax.random.fold_in(key, 2**31)
    objective, data = _objective(parameters, route, static, paths), people
    if pooled:
        objective, data = _pooled(objective), jax.tree.map(lambda leaf: leaf[None], people)
    objective = _with_prior(objective, parameters, prior_weight)
    vectors = 1 if pooled else len(models)
    return Problem(models, parameters, objective, data, people, static, route, key, paths, vectors)


def _objective(
    parameters: FreeParameters,
    route: Route,
    static: PyTree,
    paths: PRNGKeyArray,
) -> Objective:
    """The loss and the status of a vector for one person, whose arrays are `data` and the rest `static`."""

    def predicted(parts: Mapping[str, Array], data: PyTree) -> tuple[Loss, Prediction]:
        model, loss, person = eqx.combine(data, static)
        key = jax.random.fold_in(paths, person)
        return loss, route.predict(replace(model, parameters.values_of(parts, model)), key)

    def residuals_of(parts: Mapping[str, Array], data: PyTree) -> Array:
        loss, prediction = predicted(parts, data)
        return loss.residual(prediction)

    def status(vector: Array, data: PyTree) -> Array:
        return predicted(parameters.parts(vector), data)[1].status

    def slopes(vector: Array, data: PyTree) -> tuple[Array, Array]:
        # Taken apart, what regions have of their own leaves links alone, whose derivative is the dear one.
        parts = parameters.parts(vector)
        regional = {path: part for path, part in parts.items() if path in apart}
        shared = {path: part for path, part in parts.items() if path not in apart}
        columns, residual = with_value(lambda of: residuals_of(of | shared, data))(regional)
        if shared:
            columns |= jax.jacfwd(lambda of: residuals_of(of | regional, data))(shared)
        return jnp.concatenate([columns[path] for path in parts], axis=1), residual

    def residuals(vector: Array, data: PyTree) -> Array:
        return residuals_of(parameters.parts(vector), data)

    apart = _of_regions(parameters)
    return Objective(residuals, status, slopes if apart else None)


def _of_regions(parameters: FreeParameters) -> frozenset[str]:
    """The paths of many coordinates that say nothing of links."""
    counted = zip(parameters.names, parameters.counts, strict=True)
    return frozenset(
        path for path, count in counted if count >= _MANY and not path.startswith(_BETWEEN)
    )


def _pooled(each: Objective) -> Objective:
    """The mean of the losses of all people at one vector; `data` has a leading axis of people."""

    def residuals(vector: Array, data: PyTree) -> Array:
        found = jax.lax.map(lambda data: each.residuals(vector, data), data)
        return found.reshape(-1) / jnp.sqrt(found.shape[0]).astype(found.dtype)

    def slopes(vector: Array, data: PyTree) -> tuple[Array, Array]:
        found, residual = jax.lax.map(lambda data: each.jacobian(vector, data), data)
        root = jnp.sqrt(residual.shape[0]).astype(residual.dtype)
        return found.reshape(-1, vector.size) / root, residual.reshape(-1) / root

    def status(vector: Array, data: PyTree) -> Array:
        found = jax.lax.map(lambda data: each.status(vector, data), data)
        failed = found != Status.ok
        return jnp.where(jnp.any(failed), found[jnp.argmax(failed)], Status.ok)

    return Objective(residuals, status, None if each.slopes is None else slopes)


def _with_prior(of: Objective, parameters: FreeParameters, prior_weight: float) -> Objective:
    def prior(vector: Array) -> Array:
        weight = jnp.sqrt(jnp.asarray(prior_weight, vector.dtype))
        return weight * parameters.prior_residual(vector)

    def residuals(vector: Array, data: PyTree) -> Array:
        return jnp.concatenate([of.residuals(vector, data), prior(vector)])

    def slopes(vector: Array, data: PyTree) -> tuple[Array, Array]:
        columns, residual = of.jacobian(vector, data)
        below = jnp.diag(prior(jnp.ones_like(vector)))
        return jnp.concatenate([columns, below]), jnp.concatenate([residual, prior(vector)])

    return Objective(residuals, of.status, None if of.slopes is None else slopes)


def _as_list(name: str, value: Any, kind: Any, wanted: str) -> list[Any]:
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    if not values:
        raise ValueError(f"`{name}` is empty: give at least one.")
    return [
        _checks.instance(name, each, kind, f"{wanted}, or a list of one a person")
        for each in values
    ]


def _stacked(trees: list[PyTree]) -> tuple[PyTree, PyTree]:
    """The arrays of several trees with a leading axis, and what they share."""
    parts = [eqx.partition(tree, eqx.is_array) for tree in trees]
    arrays, static = zip(*parts, strict=True)
    first = jax.tree.structure(arrays[0])
    for number, tree in enumerate(arrays[1:], start=1):
        if jax.tree.structure(tree) != first:
            raise ValueError(
                f"person {number} differs from person 0 in more than values: give all people the same "
                "regions, labels and kinds of parts."
            )
        for (path, leaf), other in zip(
            jax.tree_util.tree_leaves_with_path(arrays[0]), jax.tree.leaves(tree), strict=True
        ):
            if leaf.shape != other.shape:
                where = jax.tree_util.keystr(path)
                raise ValueError(
                    f"person {number} has shape {other.shape} at {where}, person 0 {leaf.shape}: all "
                    "people must have the same regions and bins."
                )
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *arrays), static[0]
