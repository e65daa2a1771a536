"""Posteriors as `arviz.InferenceData`: draws by path, with regions, units and priors written beside them.

Needs the extra `bayes`. A variable is `(chain, draw)`, with a `person` where there are many, then `region`, or
`target` and `source` of links.
"""

import warnings
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import PRNGKeyArray
from rosetta_jax.inference.laplace import Posterior
from rosetta_jax.inference.problem import Problem
from rosetta_jax.parameters import info


def to_arviz(posterior: Posterior, key: PRNGKeyArray | None = None, number: int = 1000) -> Any:
    """Draws of a normal posterior as an `arviz.InferenceData`, one chain of `number` draws (by default key 0).

    People whose fit failed are NaN. Raises `ImportError` without arviz. Draws have their own `to_arviz`.
    """
    _checks.instance("posterior", posterior, Posterior, "what rj.inference.laplace returned")
    drawn = posterior.draws(jax.random.key(0) if key is None else key, number)
    values = {path: each[:, None] for path, each in drawn.items()}
    return inference_data(values, {}, told(posterior.asked))


def told(asked: Problem) -> dict[str, Any]:
    """What is written beside draws: prior, unit and symbol of each path, and the labels of regions."""
    parameters = asked.parameters
    known = {path: info(parameters.tree, path) for path in parameters.names}
    connectome = getattr(asked.models[0], "connectome", None)
    labels = getattr(connectome, "labels", None)
    return {
        "free": {path: str(kind) for path, kind in parameters.free.items()},
        "units": {path: getattr(each, "unit", "") for path, each in known.items()},
        "symbols": {path: getattr(each, "symbol", "") for path, each in known.items()},
        "labels": None if labels is None else list(labels),
    }


def inference_data(
    values: Mapping[str, np.ndarray], statistics: Mapping[str, np.ndarray], about: dict[str, Any]
) -> Any:
    """An `arviz.InferenceData` of values (people, chains, draws, ...) and of statistics of each draw."""
    arviz = _arviz()
    people = len(next(iter(values.values())))
    dims = {path: _sides(each.ndim - 3) for path, each in values.items()}
    many = ["person"] if people > 1 else []
    sizes = {
        side: each.shape[3 + place]
        for path, each in values.items()
        for place, side in enumerate(dims[path])
    }
    labels = about["labels"]
    coords: dict[str, Any] = {
        side: labels if labels and len(labels) == size else np.arange(size)
        for side, size in sizes.items()
    }
    data = arviz.from_dict(
        posterior={path: _person_third(each) for path, each in values.items()},
        sample_stats={name: _person_third(each) for name, each in statistics.items()} or None,
        coords=coords | ({"person": np.arange(people)} if many else {}),
        dims={path: many + each for path, each in dims.items()}
        | {name: many for name in statistics},
        posterior_attrs={"inference_library": "rosetta_jax"},
    )
    for path in values:
        data.posterior[path].attrs.update(
            prior=about["free"][path], unit=about["units"][path], symbol=about["symbols"][path]
        )
    return data


def _person_third(values: np.ndarray) -> np.ndarray:
    """(people, chains, draws, ...) as (chains, draws, people, ...), without people where there is one."""
    return values[0] if len(values) == 1 else np.moveaxis(values, 0, 2)


def _sides(count: int) -> list[str]:
    return {0: [], 1: ["region"], 2: ["target", "source"]}[count]


def _arviz() -> Any:
    try:
        with warnings.catch_warnings():
            # It announces its next version at every import.
            warnings.simplefilter("ignore", FutureWarning)
            import arviz
    except ModuleNotFoundError as error:
        raise ImportError(
            'an InferenceData needs arviz, which is not installed: pip install "rosetta-jax[bayes]"'
        ) from error
    return arviz
