"""What reports of fits say of how sure they are: intervals, what the data do not tell, and predictions."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from rosetta_jax import plot
from rosetta_jax.cli.fit_tables import LINKS, Pictures
from rosetta_jax.inference import FitResult, Posterior, posterior_predictive
from rosetta_jax.report import Picture, Section, Table

LEVEL = 0.95
# Panels of a picture of marginals at most, and draws for it and for predictions.
_SHOWN, _DRAWS, _PREDICTED = 8, 2000, 60
_KEY = 0


def certainty_summary(posterior: Posterior | None) -> dict[str, Any] | None:
    """The posterior as summaries hold it, one entry a person (one in all where all share their numbers)."""
    if posterior is None:
        return None
    ends = _intervals(posterior)
    left = _left(posterior)
    return {
        "level": LEVEL,
        "dispersion": posterior.dispersion,
        "people": [
            {
                path: {"share_of_prior_left": float(left[path][vector])}
                | (
                    {"low": ends[path][vector, 0], "high": ends[path][vector, 1]}
                    if path in ends
                    else {}
                )
                for path in left
            }
            for vector in range(len(posterior.mean))
        ],
        "not_told": posterior.untold,
        "sloppy": [
            [{"share_of_prior_left": width, "weights": weights} for width, weights in each]
            for each in posterior.sloppy
        ],
    }


def certainty_pictures(
    posterior: Posterior | None, person: int, result: FitResult, of: str
) -> Pictures:
    """Posteriors of the numbers that all regions share, beside their priors, of one person."""
    if posterior is None or not np.isfinite(posterior.covariance[_vector(posterior, person)]).all():
        return {}
    vector, parameters = _vector(posterior, person), posterior.asked.parameters
    # Those with the most to say come first.
    left = {path: share[vector] for path, share in _left(posterior).items() if path != LINKS}
    names = sorted(left, key=lambda path: left[path])[:_SHOWN]
    if not names:
        return {}
    drawn = posterior.draws(jax.random.key(_KEY), _DRAWS)
    before = posterior.prior_draws(jax.random.key(_KEY + 1), _DRAWS)
    shown = {path: _mean_over_regions(drawn[path][vector]) for path in names}
    informative = dict(zip(parameters.coordinate_names, posterior.has_prior, strict=True))
    prior = {path: _mean_over_regions(before[path][vector]) for path in names if informative[path]}
    labels = {path: f"{path} ({result.units[path] or '1'})" for path in names}
    caption = (
        f"Posterior of the numbers that the data tell best{of}, beside the prior; of one that varies by region "
        "the mean over regions. Regions hold 50 and 90 % of the draws."
    )
    return {"posterior": (plot.marginals(shown, prior, labels=labels), caption)}


def predictive_picture(posterior: Posterior | None, person: int, labels: Any, of: str) -> Pictures:
    """Measured spectra of one person over what the posterior predicts, with the scatter of the estimate."""
    if posterior is None:
        return {}
    found = posterior_predictive(posterior, jax.random.key(_KEY), _PREDICTED, people=[person])
    if found.left_out[0] == 1:
        return {}
    assert found.frequencies is not None  # of spectra
    figure = plot.predictive(found.frequencies, found.measured[0], found.replicated[0], labels)
    spread = posterior.dispersion[person]
    caption = (
        f"Measured spectra{of} over what the posterior predicts of them, with the scatter of an estimate. "
        + (
            f"They lie {np.sqrt(spread):.2g} times as far from the model as that scatter explains: misfit, for "
            "which the intervals are widened."
            if spread > 1
            else "They lie no farther from the model than that scatter explains."
        )
    )
    return {"predictive": (figure, caption)}


def certainty_section(
    posterior: Posterior | None, person: int, result: FitResult, pictures: Pictures, by: str
) -> list[Section]:
    """How sure the numbers are, in words, a table and pictures; `by` which likelihood."""
    if posterior is None:
        return []
    shown = [Picture(*pictures[name]) for name in ("posterior", "predictive") if name in pictures]
    text = (
        f"By {by}, about its own mode, which is not where the distance that was fitted is least: a number whose "
        f"fitted value lies outside its interval depends on which of both is asked. {in_words(posterior)} "
        f"{posterior.message}"
    )
    return [Section("How sure", text, tables=[_table(posterior, person, result)], pictures=shown)]


def in_words(posterior: Posterior) -> str:
    """Which parameters, and which combinations of them, the data do not tell."""
    people, counted = len(posterior.mean), _untold(posterior)
    of = "" if people == 1 else f" of {people} people"
    each = [
        f"{path} ({count}{of})" if people > 1 else path for path, count in counted.most_common()
    ]
    said = (
        f"These data do not tell {', '.join(each)}: what is left of the prior's width is 80 % or more."
        if each
        else "Every number is narrower than its prior."
    )
    joint = [
        [" with ".join(list(weights)[:3]) for _, weights in found if len(weights) > 1]
        for found in posterior.sloppy
    ]
    widest = Counter(found[0] for found in joint if found)
    if widest:
        name = widest.most_common(1)[0][0]
        where = f" (some combination in {widest.total()}{of})" if people > 1 else ""
        said += f" Open in combination is {name}{where}."
    return said


def _table(posterior: Posterior, person: int, result: FitResult) -> Table:
    vector, ends, left = _vector(posterior, person), _intervals(posterior), _left(posterior)
    untold = _untold(posterior)
    rows = []
    for path, share in left.items():
        row: dict[str, Any] = {"parameter": path}
        if path in ends:
            low, high = ends[path][vector]
            row |= {
                "fitted": float(np.median(result.values[path][person])),
                f"low, {LEVEL:.0%}": float(np.median(low)),
                f"high, {LEVEL:.0%}": float(np.median(high)),
                "unit": result.units[path],
            }
        row["share of the prior's width left"] = float(share[vector])
        row["not told in" if len(posterior.mean) > 1 else "not told"] = (
            untold[path] if len(posterior.mean) > 1 else ("not told" if untold[path] else "")
        )
        rows.append(row)
    pooled = len(posterior.asked.models) > len(posterior.mean)
    whose = "all people" if pooled else f"person {person}"
    return Table(
        rows, caption=f"Of {whose}; of a number that varies by region the median over regions"
    )


def _untold(posterior: Posterior) -> Counter[str]:
    """In how many people the data do not tell a number, by path; those without a posterior do not count."""
    pairs = zip(posterior.untold, posterior.widths, strict=True)
    known = (untold for untold, widths in pairs if np.isfinite(widths).all())
    return Counter(path for untold in known for path in untold)


def _vector(posterior: Posterior, person: int) -> int:
    """The row of a person, or that of all."""
    return min(person, len(posterior.mean) - 1)


def _intervals(posterior: Posterior) -> dict[str, np.ndarray]:
    found = posterior.interval(jax.random.key(_KEY), LEVEL)
    return {path: values for path, values in found.items() if path != LINKS}


def _left(posterior: Posterior) -> Mapping[str, np.ndarray]:
    """By path the posterior's width over the prior's, (vectors,), root mean square over coordinates."""
    names = np.array(posterior.names)
    return {
        path: np.sqrt(np.mean(posterior.widths[:, names == path] ** 2, axis=1))
        for path in dict.fromkeys(posterior.names)
    }


def _mean_over_regions(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1).mean(axis=1)
