"""`fit`: a model's free parameters found by descent, for one person or many at once.

People and starts are lanes of one program: each person has an own connectome and measurement, each start
an own vector. The route decides how a vector becomes a prediction, by theory or by simulation, and what it
refuses: by theory a point that is unstable, undecided, without fixed point or not finite, so that every
point fitted by theory is stable by the refined count.
"""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Int, PRNGKeyArray, PyTree
from rosetta_jax.inference.curves import Curve
from rosetta_jax.inference.losses import Loss
from rosetta_jax.inference.route import Model, Prediction, Route
from rosetta_jax.inference.theory import Theory
from rosetta_jax.network import Network
from rosetta_jax.optimise import Descent, LevenbergMarquardt, Method, Objective, descend
from rosetta_jax.parameters import FreeParameters, info, replace
from rosetta_jax.priors import FreeParameter
from rosetta_jax.results import Status, load_arrays, progress, provenance, save_arrays, summarise
from rosetta_jax.system import Rung


class FitResult(eqx.Module):
    """What a fit found. People lead: `(people, ...)`, also where there is one.

    `values`: the best parameters by path, each `(people,)`, `(people, nodes)` or, of links, `(people, nodes,
    nodes)`; `losses` and `status` (people,) of the best start; `all_losses`, `all_status` (people, starts) and
    `all_vectors` (people, starts, size) of every start; `history` (iterations, people, starts), the best loss
    after each iteration, and `slopes` the norm of its gradient where it was last evaluated; `units` and `symbols`
    by path; `metadata`, provenance and times. People who were pooled count as one in all but `values`.
    """

    values: dict[str, np.ndarray]
    losses: Float[np.ndarray, " people"]
    status: Int[np.ndarray, " people"]
    all_losses: Float[np.ndarray, "people starts"]
    all_status: Int[np.ndarray, "people starts"]
    all_vectors: Float[np.ndarray, "people starts size"]
    history: Float[np.ndarray, "iterations people starts"]
    slopes: Float[np.ndarray, "iterations people starts"]
    metadata: dict[str, Any]

    @property
    def units(self) -> dict[str, str]:
        """The unit of each free parameter."""
        return self.metadata["units"]

    @property
    def symbols(self) -> dict[str, str]:
        """The symbol of each free parameter."""
        return self.metadata["symbols"]

    @property
    def message(self) -> str:
        """How the people ended, in plain words."""
        return summarise(self.status)

    def model(self, template: Model, person: int = 0) -> Model:
        """`template` with the parameters found for one person."""
        people = len(next(iter(self.values.values())))
        if not 0 <= person < people:
            raise ValueError(f"`person` must lie between 0 and {people - 1}, got {person}.")
        return _placed(template, {path: value[person] for path, value in self.values.items()})

    def save(self, path: str | Path) -> Path:
        """Write everything to one `.npz`, with provenance."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        arrays |= {f"values/{path}": value for path, value in self.values.items()}
        return save_arrays(path, arrays, self.metadata)

    @classmethod
    def load(cls, path: str | Path) -> "FitResult":
        """What `save` wrote. Raises `ValueError` on any other file."""
        arrays, metadata = load_arrays(path)
        missing = [name for name in _ARRAYS if name not in arrays]
        if missing:
            raise ValueError(
                f"{path} holds another result than a fit, without {missing}: give a file that "
                "FitResult.save wrote."
            )
        values = {
            name.removeprefix("values/"): array
            for name, array in arrays.items()
            if name.startswith("values/")
        }
        return cls(values=values, metadata=metadata, **{name: arrays[name] for name in _ARRAYS})


@eqx.filter_jit
def _placed(template: Model, values: dict[str, Any]) -> Model:
    # Traced, where checks of values pass: one that no user would give is kept as the descent found it.
    return replace(template, values)


# Factors of e, about a thousandfold, beyond which a gradient is called useless.
_GROWN = 7.0
_ARRAYS = ("losses", "status", "all_losses", "all_status", "all_vectors", "history", "slopes")


def fit(
    model: Model | Sequence[Model],
    free: Mapping[str, FreeParameter],
    loss: Loss | Sequence[Loss],
    *,
    starts: int = 8,
    key: PRNGKeyArray | None = None,
    method: Method | None = None,
    route: Route | None = None,
    prior_weight: float = 1e-3,
    pooled: bool = False,
    show_progress: bool = True,
    name: str = "fit",
) -> FitResult:
    r"""Fit the `free` parameters of a model, or of one a person, to what `loss` measures.

    Minimises $L(u) + w \sum_k u_k^2$ over the plain coordinates `u` of the free parameters (those with a
    prior), with `prior_weight` w. Give a sequence of models and one of losses for many people: they must
    differ in array values only. The first start is the model as given, the others are drawn
    from the priors with `key` (by default key 0). `pooled` fits one vector to all people, each with their own
    connectome, by the mean of their losses. `method` is `LevenbergMarquardt()` or
    `GradientDescent()`. `route` is `Theory()`, exact linear response, by default, or `Simulated(duration)`, which
    marches the network and takes gradients through every step.

    Returns a `FitResult`; a person none of whose starts succeeded says why in `status` and has an
    infinite loss. By simulation `metadata["gradient_growth"]` says by how many factors of e the gradient of each
    person's model grows along the run, with a warning where it is useless. Ctrl-C ends the descent and keeps what
    it found: `metadata["interrupted"]` is True then. Raises `ValueError` where people differ in regions or shapes,
    `KeyError` for a wrong path.
    """
    models = _as_list("model", model, (Network, Rung, Curve), "an rj.Network or a rung")
    losses = _as_list("loss", loss, Loss, "a loss such as rj.SpectrumLoss(frequencies, measured)")
    if len(models) != len(losses):
        raise ValueError(
            f"`model` has {len(models)} people and `loss` {len(losses)}: give one loss a person."
        )
    starts = _checks.whole("starts", starts)
    prior_weight = _checks.known("prior_weight", prior_weight, zero=True)
    key = jax.random.key(0) if key is None else key
    _checks.key("key", key)
    method = LevenbergMarquardt() if method is None else method
    _checks.instance("method", method, Method, "rj.LevenbergMarquardt() or rj.GradientDescent()")
    route = Theory() if route is None else route
    _checks.instance("route", route, Route, "rj.Theory() or rj.Simulated(duration)")
    asked = [loss.highest for loss in losses if loss.highest is not None]
    models = route.prepared(models, max(asked, default=None))
    parameters = FreeParameters(models[0], free)
    people = len(models)
    data, static = _stacked(list(zip(models, losses, jnp.arange(people), strict=True)))
    paths = jax.random.fold_in(key, 2**31)
    objective = _objective(parameters, route, static, paths)
    growth = _growth(route, data, static, paths, show_progress)
    lanes = models
    if pooled:
        objective, lanes = _pooled(objective), models[:1]
        data = jax.tree.map(lambda leaf: leaf[None], data)
    objective = _with_prior(objective, parameters, prior_weight)
    begin = _starts(parameters, lanes, key, starts)
    which = jnp.repeat(jnp.arange(len(lanes), dtype=jnp.int32), starts)
    descent = descend(
        objective,
        begin.reshape(len(lanes) * starts, -1),
        data,
        which,
        method,
        name=name,
        show_progress=show_progress,
    )
    more = {
        "starts": starts,
        "prior_weight": prior_weight,
        "method": type(method).__name__,
        "route": str(route),
        "gradient_growth": growth,
        "pooled": people if pooled else 0,
    }
    return _result(parameters, descent, models, starts, more)


def _objective(
    parameters: FreeParameters,
    route: Route,
    static: PyTree,
    paths: PRNGKeyArray,
) -> Objective:
    """The loss and the status of a vector for one person, whose arrays are `data` and the rest `static`."""

    def predicted(vector: Array, data: PyTree) -> tuple[Loss, Prediction]:
        model, loss, person = eqx.combine(data, static)
        key = jax.random.fold_in(paths, person)
        return loss, route.predict(parameters.apply(vector, model), key)

    def residuals(vector: Array, data: PyTree) -> Array:
        loss, prediction = predicted(vector, data)
        return loss.residual(prediction)

    def status(vector: Array, data: PyTree) -> Array:
        return predicted(vector, data)[1].status

    return Objective(residuals, status)


def _pooled(each: Objective) -> Objective:
    """The mean of the losses of all people at one vector; `data` has a leading axis of people."""

    def residuals(vector: Array, data: PyTree) -> Array:
        found = jax.lax.map(lambda data: each.residuals(vector, data), data)
        return found.reshape(-1) / jnp.sqrt(found.shape[0]).astype(found.dtype)

    def status(vector: Array, data: PyTree) -> Array:
        found = jax.lax.map(lambda data: each.status(vector, data), data)
        failed = found != Status.ok
        return jnp.where(jnp.any(failed), found[jnp.argmax(failed)], Status.ok)

    return Objective(residuals, status)


def _with_prior(of: Objective, parameters: FreeParameters, prior_weight: float) -> Objective:
    def residuals(vector: Array, data: PyTree) -> Array:
        weight = jnp.sqrt(jnp.asarray(prior_weight, vector.dtype))
        prior = weight * parameters.prior_residual(vector)
        return jnp.concatenate([of.residuals(vector, data), prior])

    return Objective(residuals, of.status)


def _growth(
    route: Route, data: PyTree, static: PyTree, paths: PRNGKeyArray, show_progress: bool
) -> list[float] | None:
    """By how many factors of e the gradient of each person's model grows at the start; warns where it is large."""

    @jax.jit
    def found(data: PyTree) -> Any:
        def one(data: PyTree) -> Any:
            model, _, person = eqx.combine(data, static)
            return route.growth(model, jax.random.fold_in(paths, person))

        return jax.lax.map(one, data)

    if jax.eval_shape(found, data) is None:
        return None
    with progress(show_progress) as bar:
        bar.add_task("growth of the gradient", total=None, note="")
        growth = jax.block_until_ready(found(data))
    largest = float(jnp.max(jnp.nan_to_num(growth)))
    if largest > _GROWN:
        warnings.warn(
            f"The gradient of the simulation grows by a factor of e^{largest:.0f}, so that it says little of the "
            "loss: shorten `duration`, or give Simulated a `window` of a few inverse Lyapunov exponents.",
            stacklevel=3,
        )
    return [float(each) for each in growth]


def _starts(
    parameters: FreeParameters, models: Sequence[Model], key: PRNGKeyArray, starts: int
) -> Float[Array, "people starts size"]:
    each = []
    for number, model in enumerate(models):
        present = parameters.vector(model)[None]
        drawn = parameters.starts(jax.random.fold_in(key, number), starts - 1)
        each.append(jnp.concatenate([present, drawn.astype(present.dtype)]))
    return jnp.stack(each)


def _result(
    parameters: FreeParameters,
    descent: Descent,
    models: Sequence[Model],
    starts: int,
    more: dict[str, Any],
) -> FitResult:
    people = 1 if more["pooled"] else len(models)
    shape = (people, starts)
    losses, status = descent.losses.reshape(shape), descent.status.reshape(shape)
    vectors = descent.vectors.reshape(*shape, -1)
    # A lane that stopped at its limit still holds a stable point, if not the best one.
    best = np.argmin(losses, axis=1)
    person = np.arange(people)
    # One vector of all people is given for each of them: links are those of their own.
    place = np.zeros(len(models), int) if more["pooled"] else person
    each = [
        parameters.values(jnp.asarray(vectors[number, best[number]]), model)
        for number, model in zip(place, models, strict=True)
    ]
    found = {path: np.stack([np.asarray(values[path]) for values in each]) for path in each[0]}
    metadata = provenance(
        free={path: str(kind) for path, kind in parameters.free.items()},
        units={path: _field(parameters, path, "unit") for path in parameters.names},
        symbols={path: _field(parameters, path, "symbol") for path in parameters.names},
        interrupted=descent.interrupted,
        seconds_compile=descent.seconds_compile,
        seconds_fit=descent.seconds,
        cpu_seconds_fit=descent.cpu_seconds,
        evaluations=int(descent.evaluations.sum()),
        memory_mb=descent.memory,
        **more,
    )
    return FitResult(
        values=found,
        losses=losses[person, best],
        status=status[person, best],
        all_losses=losses,
        all_status=status,
        all_vectors=vectors,
        history=descent.history.reshape(-1, *shape),
        slopes=descent.slopes.reshape(-1, *shape),
        metadata=metadata,
    )


def _field(parameters: FreeParameters, path: str, name: str) -> str:
    found = info(parameters.tree, path)
    return "" if found is None else getattr(found, name)


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
