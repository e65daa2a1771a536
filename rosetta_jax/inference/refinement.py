"""From a coarse sweep of a loss to fits by gradient that start at its best points, in one call."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks, sweeps
from rosetta_jax._types import Array, Float, PRNGKeyArray
from rosetta_jax.inference.fit import FitResult, fit
from rosetta_jax.inference.losses import Loss
from rosetta_jax.inference.route import Model, Route
from rosetta_jax.inference.theory import Theory
from rosetta_jax.measures.read import with_room
from rosetta_jax.network import Network
from rosetta_jax.optimise import Method
from rosetta_jax.parameters import FreeParameters, replace
from rosetta_jax.priors import FreeParameter
from rosetta_jax.results import Status
from rosetta_jax.sweeps import Measure
from rosetta_jax.sweeps.pace import Shown

# Starts lie at least so far apart, in plain coordinates: shares of the width of a prior.
_APART = 0.5


class LossMeasure(Measure):
    """A loss of inference as a measure for `rj.sweep`: `loss`, one number a member.

    By the same `route`, and the same noise for all members, as a fit with the same `key` (by default key 0) of one
    person: a member's loss is what `rj.fit` has there, less its prior. Where the route refuses a member its status
    says why.
    """

    loss: Loss
    route: Route
    key: Array

    def __init__(self, loss: Loss, route: Route | None = None, key: PRNGKeyArray | None = None):
        self.loss = _checks.instance("loss", loss, Loss, "a loss such as rj.SpectrumLoss(...)")
        self.route = Theory() if route is None else route
        given = jax.random.key(0) if key is None else _checks.key("key", key)
        # As `rj.fit` makes it of its key, for its first person.
        self.key = jax.random.fold_in(jax.random.fold_in(given, 2**31), 0)

    @property
    def name(self) -> str:
        return "loss"

    def __call__(self, system: Any, key: Any) -> dict[str, Array]:
        prediction = self.route.predict(system, self.key)
        status = prediction.status

        def value() -> Array:
            return jnp.sum(self.loss.residual(prediction) ** 2)

        blank = jnp.full((), jnp.nan, jax.eval_shape(value).dtype)
        found = jax.lax.cond(status == Status.ok, value, lambda: blank)
        return {"loss": found, "status": status}

    def prepared(self, system: Any, values: Mapping[str, np.ndarray]) -> Any:
        if isinstance(system, Network):
            system = with_room(system, values)
        return self.route.prepared([system], self.loss.highest)[0]

    def attributes(self, system: Any) -> dict[str, dict[str, str]]:
        return {"loss": {"units": "1", "long_name": "loss"}}


class Refined(NamedTuple):
    """A sweep of a loss, where the fits started (values by path), and the fit."""

    sweep: Any
    starts: list[dict[str, float]]
    fit: FitResult


def refine(
    model: Model,
    free: Mapping[str, FreeParameter],
    loss: Loss,
    axes: Mapping[str, Any] | None = None,
    *,
    points: int = 256,
    starts: int = 8,
    route: Route | None = None,
    method: Method | None = None,
    prior_weight: float = 1e-3,
    key: PRNGKeyArray | None = None,
    store: str | Path | None = None,
    checkpoint: str | Path | None = None,
    cluster: Any = None,
    show_progress: Shown = True,
) -> Refined:
    """Sweep a loss over the free parameters, and fit them by gradient from the best `starts` points.

    `axes` are those of `rj.sweep`, over parameters that are free; by default `points` of a Sobol sequence under
    the priors of `free`. Of two points nearer to each other than half the width of the priors the better one is
    a start. All else is as in `rj.fit`, of one person, and in `rj.sweep`: with a `store` and a `checkpoint` both
    go on where they were cut short. Raises as these do, and `ValueError` where no point has a loss, or an axis is
    not free.
    """
    starts = _checks.whole("starts", starts)
    if axes is None:
        axes = {"point": sweeps.sobol(_priors(free), points)}
    measure = LossMeasure(loss, route, key)
    found = sweeps.sweep(
        measure,
        model,
        axes,
        store=store,
        key=key,
        cluster=cluster,
        show_progress=show_progress,
    )
    begun = _starts(found, model, free, starts)
    fitted = fit(
        model,
        free,
        loss,
        starts=begun,
        key=key,
        method=method,
        route=route,
        prior_weight=prior_weight,
        checkpoint=checkpoint,
        show_progress=bool(show_progress) and show_progress != "log",
    )
    return Refined(found, begun, fitted)


def _priors(free: Mapping[str, FreeParameter]) -> dict[str, FreeParameter]:
    """The free parameters that points can be drawn of. Raises where there is none."""
    priors = {
        path: kind
        for path, kind in free.items()
        if getattr(kind, "informative", False) and type(kind).count is FreeParameter.count
    }
    if not priors:
        raise ValueError(
            "`free` has no parameter with a prior to draw points from: give priors such as "
            "rj.LogNormal(1.0, 0.5), or `axes`."
        )
    return priors


def _starts(
    found: Any, model: Model, free: Mapping[str, FreeParameter], number: int
) -> list[dict[str, float]]:
    """Values of the best points, apart from each other where there are enough of them."""
    moved = sweeps.swept_parameters(found)
    held = sorted(set(moved) - set(free))
    if held:
        raise ValueError(
            f"`axes` move {', '.join(held)}, which is not free: leave it out, or set it free."
        )
    good = int((np.asarray(found["status"]) == Status.ok).sum())
    ranked = sweeps.best(found, "loss", max(good, 1), largest=False)
    points = [
        {path: float(ranked[path][place]) for path in moved}
        for place in range(ranked.sizes["rank"])
    ]
    parameters = FreeParameters(model, {path: free[path] for path in moved})
    chosen = _apart([_plain(parameters, model, point) for point in points], number)
    return [points[place] for place in chosen]


def _plain(parameters: FreeParameters, model: Model, point: Mapping[str, float]) -> np.ndarray:
    return np.asarray(parameters.vector(replace(model, point)))


def _apart(plain: list[Float[np.ndarray, " size"]], number: int) -> list[int]:
    """Places of the first that are apart from all before them, filled up with the first of the rest."""
    chosen: list[int] = []
    for place, vector in enumerate(plain):
        if all(np.linalg.norm(vector - plain[other]) >= _APART for other in chosen):
            chosen.append(place)
        if len(chosen) == number:
            return chosen
    rest = [place for place in range(len(plain)) if place not in chosen]
    return sorted(chosen + rest[: number - len(chosen)])
