r"""Which model do the data need: several fitted under one budget, and judged on what none of them saw.

Of each, person by person, the log likelihood of data left out, $\ln L = -\tfrac12$ deviance up to what all share,
is compared with that of the best. Two models are not told apart by these data where the paired difference is
within two standard errors and may be luck by Wilcoxon's test (p of 0.05), too, which one odd person does not
sway. Beside it stand Akaike's and Schwarz's criteria of the fitted data, $D + 2k$ and $D + k\ln n$ of the
deviance D, k numbers and n residuals, which know nothing of data left out.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import wilcoxon

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, PRNGKeyArray
from rosetta_jax.inference.fit import FitResult, fit
from rosetta_jax.inference.losses import Loss
from rosetta_jax.inference.problem import problem
from rosetta_jax.inference.route import Model, Route
from rosetta_jax.optimise import Method
from rosetta_jax.priors import FreeParameter
from rosetta_jax.results import Status

# How many standard errors the best must be ahead, or how small the chance of its being so by luck.
_AHEAD, _LUCK = 2.0, 0.05


class Candidate(NamedTuple):
    """What is compared: a model, or one a person, and its free parameters (a curve without a brain, too)."""

    model: Model | Sequence[Model]
    free: Mapping[str, FreeParameter]


class Compared(eqx.Module):
    """One candidate: its fit, `numbers` free a person, and per person what was left out and what was fitted.

    `left_out` (people,), the log likelihood of the data left out; `deviance` (people,) of those fitted; `aic` and
    `bic` (people,). NaN where no start succeeded or the fitted point is not stable.
    """

    result: FitResult
    numbers: int
    left_out: Float[np.ndarray, " people"]
    deviance: Float[np.ndarray, " people"]
    aic: Float[np.ndarray, " people"]
    bic: Float[np.ndarray, " people"]


class Comparison(eqx.Module):
    """The candidates by name, best first, by the log likelihood of what was left out."""

    candidates: dict[str, Compared]

    @property
    def best(self) -> str:
        """The name of the candidate ahead, whether or not the data can tell it from the next."""
        return next(iter(self.candidates))

    def behind(self, name: str) -> tuple[float, float]:
        """How far a candidate is behind the best, summed over people, and the standard error of that.

        Paired by person; people for whom either failed are left out. With one person the error is NaN.
        """
        difference = self.candidates[self.best].left_out - self.candidates[name].left_out
        difference = difference[np.isfinite(difference)]
        if difference.size == 0:
            return float("nan"), float("nan")
        spread = difference.std(ddof=1) if difference.size > 1 else np.nan
        return float(difference.sum()), float(spread * np.sqrt(difference.size))

    def chance(self, name: str) -> float:
        """Wilcoxon's two-sided p of the paired difference to the best, NaN of one person."""
        difference = self.candidates[self.best].left_out - self.candidates[name].left_out
        difference = difference[np.isfinite(difference) & (difference != 0)]
        return float(np.asarray(wilcoxon(difference))[1]) if difference.size > 1 else float("nan")

    @property
    def not_told_apart(self) -> tuple[str, ...]:
        """The best and all that these data cannot tell from it."""
        names = [self.best]
        for name in list(self.candidates)[1:]:
            behind, error = self.behind(name)
            if not (behind > _AHEAD * error or (behind > 0 and self.chance(name) < _LUCK)):
                names.append(name)
        return tuple(names)

    @property
    def verdict(self) -> str:
        """What the data say, in plain words."""
        names = self.not_told_apart
        if len(names) == 1:
            return f"{names[0]} predicts what was left out best."
        return f"These data cannot tell {', '.join(names[:-1])} from {names[-1]}."

    def report(self, console: Console | None = None) -> None:
        """Print the table and the verdict."""
        table = Table("", "numbers", "behind the best", "± error", "p", "AIC", "BIC", "failed")
        for name, each in self.candidates.items():
            behind, error = self.behind(name)
            row = (behind, error, self.chance(name), np.nansum(each.aic), np.nansum(each.bic))
            failed = int((~np.isfinite(each.left_out)).sum())
            table.add_row(name, str(each.numbers), *(f"{value:.4g}" for value in row), str(failed))
        console = Console() if console is None else console
        console.print(table)
        console.print(self.verdict)


def compare(
    candidates: Mapping[str, Candidate | tuple[Any, Any]],
    fitted: Loss | Sequence[Loss],
    left_out: Loss | Sequence[Loss],
    *,
    starts: int = 8,
    key: PRNGKeyArray | None = None,
    method: Method | None = None,
    route: Route | None = None,
    show_progress: bool = True,
) -> Comparison:
    """Fit every candidate to `fitted` with the same starts, method and route, and judge it on `left_out`.

    `candidates` maps names to `(model, free)` as for `rj.fit`, curves without a brain such as
    `rj.inference.TwoLorentzians` among them, and the best of them among the baselines. `fitted` and `left_out`
    are deviances, `rj.inference.WhittleLoss` or `FisherLoss`, one a person: other bins of the same spectra, the
    other half of a recording. Priors count in full. More people make the paired error smaller; of one there is
    none, and nothing is told apart.

    Raises `ValueError` for fewer than two candidates, and as `rj.fit` does.
    """
    _checks.instance("candidates", candidates, Mapping, "a mapping of names to (model, free)")
    if len(candidates) < 2:
        raise ValueError(f"`candidates` must name at least two, got {len(candidates)}.")
    settings = {"starts": starts, "key": key, "method": method, "route": route}
    found = {}
    for name, (model, free) in candidates.items():
        people = _people(model, fitted)
        result = fit(
            people,
            free,
            fitted,
            prior_weight=1.0,
            show_progress=show_progress,
            name=name,
            **settings,
        )
        found[name] = _judged(people, free, fitted, left_out, result, route)
    order = sorted(found, key=lambda name: -np.nanmean(_or_worst(found[name].left_out)))
    return Comparison({name: found[name] for name in order})


def _people(model: Any, losses: Any) -> list[Model]:
    """One model a person."""
    if isinstance(model, (list, tuple)):
        return list(model)
    return [model] * (len(losses) if isinstance(losses, (list, tuple)) else 1)


def _or_worst(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, -np.inf)


def _judged(
    people: list[Model],
    free: Mapping[str, FreeParameter],
    fitted: Any,
    left_out: Any,
    result: FitResult,
    route: Route | None,
) -> Compared:
    best = np.argmin(result.all_losses, axis=1)
    vectors = jnp.asarray(result.all_vectors[np.arange(len(best)), best])
    deviances, sizes = [], []
    for losses in (fitted, left_out):
        found, size = _deviances(people, free, losses, vectors, route)
        deviances.append(np.where(np.isfinite(result.losses), found, np.nan))
        sizes.append(size)
    numbers = vectors.shape[1]
    return Compared(
        result,
        numbers,
        -deviances[1] / 2,
        deviances[0],
        deviances[0] + 2 * numbers,
        deviances[0] + numbers * np.log(sizes[0]),
    )


def _deviances(
    people: list[Model],
    free: Mapping[str, FreeParameter],
    losses: Any,
    vectors: Float[Array, "people size"],
    route: Route | None,
) -> tuple[Float[np.ndarray, " people"], int]:
    """The deviance of each person's vector, without the prior, and of how many residuals it is."""
    asked = problem(people, free, losses, jax.random.key(0), route, 0.0, False)

    @jax.jit
    def found(vectors: Array, data: Any) -> tuple[Array, Array]:
        def one(part: tuple[Array, Any]) -> tuple[Array, Array]:
            residual = asked.objective.residuals(*part)
            return residual @ residual, asked.objective.status(*part)

        return jax.lax.map(one, (vectors, data))

    deviance, status = found(vectors, asked.data)
    size = jax.eval_shape(
        asked.objective.residuals, vectors[0], jax.tree.map(lambda leaf: leaf[0], asked.data)
    ).shape[0]
    good = np.asarray(status) == Status.ok
    return np.where(good, np.asarray(deviance), np.nan), size - vectors.shape[1]
