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
from rosetta_jax._identity import Part
from rosetta_jax._types import Array, Float, Int, PRNGKeyArray, PyTree
from rosetta_jax.inference.losses import Loss
from rosetta_jax.inference.problem import Problem, problem
from rosetta_jax.inference.route import Model, Route
from rosetta_jax.inference.theory import Theory
from rosetta_jax.optimise import (
    Checkpoint,
    Descent,
    LevenbergMarquardt,
    Method,
    Objective,
    Program,
    kept_program,
    with_value,
)
from rosetta_jax.parameters import FreeParameters, info, replace
from rosetta_jax.priors import FreeParameter
from rosetta_jax.results import load_arrays, progress, provenance, save_arrays, summarise


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
    starts: int | Sequence[Mapping[str, Any]] = 8,
    begin: FitResult | None = None,
    key: PRNGKeyArray | None = None,
    method: Method | None = None,
    route: Route | None = None,
    prior_weight: float = 1e-3,
    pooled: bool = False,
    checkpoint: str | Path | None = None,
    checkpoint_every: float = 5.0,
    show_progress: bool = True,
    name: str = "fit",
) -> FitResult:
    r"""Fit the `free` parameters of a model, or of one a person, to what `loss` measures.

    Minimises $L(u) + w \sum_k u_k^2$ over the plain coordinates `u` of the free parameters (those with a
    prior), with `prior_weight` w. Give a sequence of models and one of losses for many people: they must
    differ in array values only. The first start is the model as given, or the best that `begin` found, a fit of
    the same people and free parameters (so simulation goes on from theory); the others are drawn
    from the priors with `key` (by default key 0). Or give `starts` as values by path, one mapping a start, such as
    the best members of a sweep (`rj.inference.refine`); what they do not name is as in the model. `pooled` fits
    one vector to all people, each with their own
    connectome, by the mean of their losses. `method` is `LevenbergMarquardt()` or
    `GradientDescent()`. `route` is `Theory()`, exact linear response, by default, with a `margin` clear of onset,
    or `Simulated(duration)`, which marches the network and takes gradients through every step.

    Returns a `FitResult`; a person none of whose starts succeeded says why in `status` and has an
    infinite loss. By simulation `metadata["gradient_growth"]` says by how many factors of e the gradient of each
    person's model grows along the run, with a warning where it is useless. Ctrl-C ends the descent and keeps what
    it found: `metadata["interrupted"]` is True then.

    With the path of a file as `checkpoint` (an `.npz`) the state of the descent is written to it at most every
    `checkpoint_every` seconds (0: after each chunk of lanes) and at the end. The same call with that file there,
    after a kill or Ctrl-C, goes on where it stopped, on the same kind of device to the same result bit by bit; a
    fit that had ended is returned at once. Code is not compared, only values, settings and versions.

    Raises `ValueError` where people differ in regions or shapes and where the file of `checkpoint` belongs to
    another fit (it says what differs) or cannot be read, `KeyError` for a wrong path.
    """
    key = jax.random.key(0) if key is None else key
    method = LevenbergMarquardt() if method is None else method
    _checks.instance("method", method, Method, "rj.LevenbergMarquardt() or rj.GradientDescent()")
    asked = problem(model, free, loss, key, route, prior_weight, pooled)
    given = None if isinstance(starts, int) else _given(asked, starts, begin)
    starts = _checks.whole("starts", starts) if given is None else given.shape[1]
    vectors = _starts(asked, starts, begin) if given is None else given
    file = None
    if checkpoint is not None:
        weighing = float(prior_weight), bool(pooled)
        begun = vectors if given is not None else None if begin is None else vectors[:, 0]
        parts = _parts(asked, loss, (starts, begun), method, weighing)
        file = Checkpoint(checkpoint, parts, checkpoint_every)
    growth = _known_growth(asked, file, show_progress)
    which = jnp.repeat(jnp.arange(asked.vectors, dtype=jnp.int32), starts)
    program = _program(asked, method, len(which), (prior_weight, pooled))
    vectors = vectors.reshape(asked.vectors * starts, -1)
    descent = program.on(asked.data).descend(vectors, which, name, show_progress, file)
    more = {
        "starts": starts,
        "prior_weight": prior_weight,
        "method": type(method).__name__,
        "route": str(asked.route),
        "gradient_growth": growth,
        "pooled": pooled,
    }
    return _result(asked, descent, starts, more)


def _program(asked: Problem, method: Method, lanes: int, weighing: tuple[float, bool]) -> Program:
    """The program of a descent: one for all people, and for the next fit of the same kind."""
    shapes = [(leaf.shape, str(leaf.dtype)) for leaf in jax.tree.leaves(asked.data)]
    free = list(asked.parameters.free.items())
    parts = (asked.static, free, asked.route, asked.paths, method, lanes, weighing, shapes)
    return kept_program(parts, lambda: Program(_held(asked), method, asked.data, lanes))


def _held(asked: Problem) -> Objective:
    """The objective, with the barrier of a route that has a margin."""
    route, of = asked.route, asked.objective
    if not isinstance(route, Theory) or route.margin is None:
        return of

    def held(vector: Array, data: PyTree) -> Array:
        model, _, _ = eqx.combine(data, asked.static)
        return route.held(asked.parameters.apply(vector, model))

    def barrier(vector: Array, data: PyTree) -> Array:
        # Pooled data have an axis of people, of which each keeps the margin.
        people = (
            jax.lax.map(lambda each: held(vector, each), data) if pooled else held(vector, data)
        )
        return people.reshape(-1)

    def residuals(vector: Array, data: PyTree) -> Array:
        return jnp.concatenate([of.residuals(vector, data), barrier(vector, data)])

    def slopes(vector: Array, data: PyTree) -> tuple[Array, Array]:
        both = of.jacobian(vector, data), with_value(lambda at: barrier(at, data))(vector)
        columns, residual = zip(*both, strict=True)
        return jnp.concatenate(columns), jnp.concatenate(residual)

    pooled = asked.data is not asked.people
    return Objective(residuals, of.status, None if of.slopes is None else slopes)


def _parts(
    asked: Problem,
    loss: Loss | Sequence[Loss],
    starts: tuple[int, Array | None],
    method: Method,
    weighing: tuple[float, bool],
) -> dict[str, Part]:
    """What makes a fit this fit and no other, part by part."""
    made = provenance()
    libraries = {n: v for n, v in made["versions"].items() if n != "python"}
    losses = tuple(loss) if isinstance(loss, (list, tuple)) else (loss,)
    return {
        "model": Part("values, regions or settings of the models", asked.models),
        "free": Part(
            "free parameters, their order, priors or weight, or whether people are pooled",
            (asked.parameters.free, weighing),
        ),
        "loss": Part("data, weights or settings of the losses", losses),
        "method": Part("kind or settings of the descent", method),
        "starts": Part("number of starts", starts[0]),
        "begin": Part("where the first start is, or all are", starts[1]),
        "key": Part("random key", asked.key),
        "route": Part("kind or settings of the route", asked.route),
        "versions": Part("versions of the libraries", libraries),
        "precision": Part("floating-point numbers", made["precision"]),
        "device": Part("kind of device", made["platform"]["backend"]),
    }


def _known_growth(
    asked: Problem, file: Checkpoint | None, show_progress: bool
) -> list[float] | None:
    """The growth of the gradient, found once and then noted in the file; warns where it is large."""
    notes = {} if file is None else file.notes
    if "growth" not in notes:
        notes["growth"] = _growth(asked, show_progress)
    growth = notes["growth"]
    largest = max(np.nan_to_num(growth or [0.0]))
    if largest > _GROWN:
        warnings.warn(
            f"The gradient of the simulation grows by a factor of e^{largest:.0f}, so that it says little of the "
            "loss: shorten `duration`, or give Simulated a `window` of a few inverse Lyapunov exponents.",
            stacklevel=3,
        )
    return growth


def _growth(asked: Problem, show_progress: bool) -> list[float] | None:
    """By how many factors of e the gradient of each person's model grows at the start."""

    @jax.jit
    def found(people: PyTree) -> Any:
        def one(data: PyTree) -> Any:
            model, _, person = eqx.combine(data, asked.static)
            return asked.route.growth(model, jax.random.fold_in(asked.paths, person))

        return jax.lax.map(one, people)

    if jax.eval_shape(found, asked.people) is None:
        return None
    with progress(show_progress) as bar:
        bar.add_task("growth of the gradient", total=None, note="")
        growth = jax.block_until_ready(found(asked.people))
    return [float(each) for each in growth]


def _starts(
    asked: Problem, starts: int, begin: FitResult | None
) -> Float[Array, "vectors starts size"]:
    parameters, each = asked.parameters, []
    known = None if begin is None else best_vectors(asked, "begin", begin)
    for number, model in enumerate(asked.models[: asked.vectors]):
        present = parameters.vector(model)[None]
        if known is not None:
            present = jnp.asarray(known[number], present.dtype)[None]
        drawn = parameters.starts(jax.random.fold_in(asked.key, number), starts - 1)
        each.append(jnp.concatenate([present, drawn.astype(present.dtype)]))
    return jnp.stack(each)


def _given(
    asked: Problem, starts: Any, begin: FitResult | None
) -> Float[Array, "vectors starts size"]:
    """Starts that were given as values by path. Raises for what is no start."""
    if begin is not None:
        raise ValueError(
            "`begin` and a list of `starts` both say where to start: give one of them."
        )
    if not isinstance(starts, (list, tuple)) or not starts:
        raise ValueError(
            f"`starts` must be a whole number from 1, or a list of values by path such as [{{'gain': 0.5}}], got "
            f"{_checks.shown(starts)}."
        )
    for number, start in enumerate(starts):
        unknown = sorted(set(start) - set(asked.parameters.names))
        if unknown:
            raise ValueError(
                f"`starts[{number}]` gives {', '.join(unknown)}, which is not free. "
                f"{_checks.suggestion(unknown[0], asked.parameters.names)}"
            )
    return jnp.stack(
        [
            jnp.stack([asked.parameters.vector(replace(model, start)) for start in starts])
            for model in asked.models[: asked.vectors]
        ]
    )


def best_vectors(asked: Problem, name: str, result: FitResult) -> Float[np.ndarray, "vectors size"]:
    """The best plain coordinates of each person that `result` found; raises for a fit of something else."""
    people, _, size = result.all_vectors.shape
    if (people, size) != (asked.vectors, asked.parameters.size):
        raise ValueError(
            f"`{name}` holds {people} vectors of {size} numbers, and what is asked for are {asked.vectors} of "
            f"{asked.parameters.size}: give a fit of the same people and free parameters."
        )
    return result.all_vectors[np.arange(people), np.argmin(result.all_losses, axis=1)]


def applied(
    result: FitResult, free: Mapping[str, FreeParameter], models: Sequence[Model]
) -> list[Model]:
    """Models, also of people who were not fitted, at the best vector of a pooled fit of `free`.

    Each keeps what is its own, such as the links that `rj.PerLink` moves: give them as they were before the fit.
    Raises `ValueError` where people had a vector each, or where there is no model.
    """
    if not models:
        raise ValueError("`models` is empty: give at least one.")
    parameters = FreeParameters(models[0], free)
    people, _, size = result.all_vectors.shape
    if (people, size) != (1, parameters.size):
        raise ValueError(
            f"`result` holds {people} vectors of {size} numbers, and `free` has {parameters.size}: give a fit of "
            "the same parameters with pooled=True."
        )
    vector = jnp.asarray(result.all_vectors[0, int(np.argmin(result.all_losses[0]))])
    return [parameters.apply(vector, each) for each in models]


def _result(asked: Problem, descent: Descent, starts: int, more: dict[str, Any]) -> FitResult:
    parameters, people = asked.parameters, asked.vectors
    shape = (people, starts)
    losses, status = descent.losses.reshape(shape), descent.status.reshape(shape)
    vectors = descent.vectors.reshape(*shape, -1)
    # A lane that stopped at its limit still holds a stable point, if not the best one.
    best = np.argmin(losses, axis=1)
    person = np.arange(people)
    found = asked.values(vectors[person, best])
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
