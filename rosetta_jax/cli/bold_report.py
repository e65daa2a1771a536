"""What `rosetta fit --modality bold` writes: `summary.json`, arrays, pictures and one HTML page."""

from pathlib import Path
from typing import Any

import numpy as np

from rosetta_jax import plot
from rosetta_jax.cli.certainty_report import (
    certainty_pictures,
    certainty_section,
    certainty_summary,
)
from rosetta_jax.cli.fit_tables import (
    LINKS,
    Pictures,
    map_coefficients,
    of_every_fit,
    parameter_maps,
    parameter_tables,
)
from rosetta_jax.cli.shared import write_pictures
from rosetta_jax.inference import ConnectivityStudy, Matched, link_exponent
from rosetta_jax.report import Picture, Section, Table, write_page
from rosetta_jax.results import provenance, save_arrays, write_json


def write_bold(out: Path, found: ConnectivityStudy, chosen: dict[str, Any]) -> Path:
    """Write everything into `out` and return the path of the page."""
    made = provenance(**chosen)
    summary = _summary(found, chosen, made)
    pictures = _pictures(found)
    # All that may fail comes first, so that a folder keeps what it held.
    write_json(out / "summary.json", summary)
    found.result.save(out / "fit.npz")
    save_arrays(out / "connectivity.npz", _arrays(found), made)
    write_pictures(out, {name: Picture(*picture) for name, picture in pictures.items()})
    return write_page(
        out / "report.html",
        title=f"BOLD connectivity of a {chosen['rung'].title()} brain",
        summary=_verdict(found, chosen),
        sections=_sections(found, pictures),
        facts={
            "mean correlation over pairs": summary["score"],
            "people": found.recordings.people,
            "numbers for all": summary["numbers"],
            "all stable": "yes" if all(found.model.stable) else "no",
        },
        provenance=made,
    )


def _summary(
    found: ConnectivityStudy, chosen: dict[str, Any], made: dict[str, Any]
) -> dict[str, Any]:
    differences = found.differences()
    return {
        "score": found.model.mean_score,
        "numbers": found.model.numbers,
        "left_out": chosen["left_out"],
        "band_hz": found.recordings.band,
        "people": [
            {"correlation": float(score), "stable": stable}
            for score, stable in zip(found.model.scores, found.model.stable, strict=True)
        ],
        "baselines": {
            name: {
                "score": baseline.mean_score,
                "numbers": baseline.numbers,
                "difference": differences[name][0],
                "standard_error": differences[name][1],
            }
            for name, baseline in found.baselines.items()
        },
        "parameters": _parameters(found),
        "maps": _owed(found),
        "posterior": certainty_summary(found.posterior),
        "interrupted": found.interrupted,
        "not_fitted": found.not_fitted,
    } | of_every_fit(found.networks[0], found.result, chosen, made)


def _parameters(found: ConnectivityStudy) -> dict[str, dict[str, Any]]:
    """What was found for all people; of the links the power of their weights."""
    values = {
        path: {"value": value[0], "unit": found.result.units[path]}
        for path, value in found.result.values.items()
        if path != LINKS
    }
    power = link_exponent(found.result, found.networks[0], found.free)
    return values | ({} if power is None else {"exponent of weights": {"value": power, "unit": ""}})


def _owed(found: ConnectivityStudy) -> dict[str, dict[str, Any]]:
    """By path and map, the coefficients of the parameters that are linear in maps."""
    known = found.recordings.cortical_maps
    return map_coefficients(found.networks[0], found.result, found.free, known)


def _arrays(found: ConnectivityStudy) -> dict[str, np.ndarray]:
    return {
        "measured": found.recordings.connectivity,
        "fitted": found.model.predicted,
        "correlations": found.model.scores,
    }


def _representative(found: ConnectivityStudy) -> int:
    """The person whose score is the median."""
    known = int(np.isfinite(found.model.scores).sum())
    return int(np.argsort(found.model.scores)[known // 2])  # NaN sort last


def _pictures(found: ConnectivityStudy) -> Pictures:
    person = _representative(found)
    people, connectome = found.recordings.people, found.recordings.connectomes[person]
    of = "" if people == 1 else f" of person {person}, whose score is the median"
    model = found.model
    pictures = {
        "connectivity": (
            plot.agreement(
                found.recordings.connectivity[person],
                model.predicted[person],
                model.scores[person],
                connectome.labels,
            ),
            f"Functional connectivity{of}, measured and by the model, and every pair of regions.",
        ),
        "scores": (
            _ranked({"network": model} | found.baselines),
            "Correlation over pairs of regions, mean over people with its standard error, of the model and what "
            "it is read against.",
        ),
        "convergence": (
            plot.convergence(found.result.history[:, 0]),
            "The best loss of every start against iterations, all people together.",
        ),
    }
    pictures |= certainty_pictures(found.posterior, 0, found.result, "")
    if connectome.centres is not None:
        pictures |= parameter_maps(found.networks[0], found.result, connectome.centres, 0, "")
    return pictures


def _ranked(each: dict[str, Matched]) -> Any:
    """Means over people with their standard errors, of what has a score."""
    known = {name: m.scores[np.isfinite(m.scores)] for name, m in each.items()}
    known = {name: scores for name, scores in known.items() if scores.size}
    errors = [
        scores.std(ddof=1) / np.sqrt(scores.size) if scores.size > 1 else np.nan
        for scores in known.values()
    ]
    return plot.scores(
        list(known),
        [scores.mean() for scores in known.values()],
        errors,
        label="correlation over pairs (1)",
        highlight=["network"],
    )


def _verdict(found: ConnectivityStudy, chosen: dict[str, Any]) -> str:
    """What the model adds to the connectome, in words."""
    people, low, high = found.recordings.people, *found.recordings.band
    judged = (
        "each left out in turn, of whom nothing but the connectome was used"
        if chosen["left_out"] == "person"
        else "all of whom were fitted"
    )
    said = [
        f"A {chosen['rung'].title()} network with {found.model.numbers} numbers for all reaches a mean "
        f"correlation of {found.model.mean_score:.3f} over pairs of regions with the measured connectivity of "
        f"{people} {'person' if people == 1 else 'people'}, {judged} ({low:g}-{high:g} Hz, exact theory of the "
        "signal)."
    ]
    for name, (difference, error) in found.differences().items():
        if np.isfinite(difference):
            about = f" with standard error {error:.3f}" if np.isfinite(error) else ""
            said.append(f"Less {name}: {difference:+.3f}{about}.")
    if not all(found.model.stable):
        said.append("NOT all predictions are of stable points: see the table.")
    if found.interrupted:
        missing = ", ".join(found.not_fitted)
        said.append(
            "INTERRUPTED: all is as found until then"
            + (f"; not fitted: {missing}." if missing else ".")
        )
    return " ".join(said)


def _sections(found: ConnectivityStudy, pictures: Pictures) -> list[Section]:
    def shown(*names: str) -> list[Picture]:
        return [Picture(*pictures[name]) for name in names if name in pictures]

    maps = [name for name in pictures if name.startswith("map_")]
    power = link_exponent(found.result, found.networks[0], found.free)
    more = {} if power is None else {LINKS: power}
    tables = parameter_tables(found.networks[0], found.result, _owed(found), more)
    return [
        Section("Functional connectivity", pictures=shown("connectivity")),
        Section(
            "What the score is read against",
            "Other people's mean and the own other half are ceilings: what is common to all, and what a recording "
            "of half the length tells of itself.",
            tables=[_baseline_table(found)],
            pictures=shown("scores"),
        ),
        Section("Parameters", pictures=shown(*maps), tables=tables),
        *certainty_section(
            found.posterior, 0, found.result, pictures, "the likelihood of Fisher's z"
        ),
        Section("People", tables=[_people_table(found)]),
        Section("Descent", pictures=shown("convergence")),
    ]


def _baseline_table(found: ConnectivityStudy) -> Table:
    differences = found.differences()

    def row(name: str, matched: Matched) -> dict[str, Any]:
        difference, error = differences.get(name, (np.nan, np.nan))
        return {
            "model": name,
            "numbers": matched.numbers or "",
            "correlation over pairs": matched.mean_score if np.isfinite(matched.mean_score) else "",
            "network less this": difference if np.isfinite(difference) else "",
            "standard error": error if np.isfinite(error) else "",
        }

    rows = [row("network", found.model)]
    return Table(rows + [row(name, matched) for name, matched in found.baselines.items()])


def _people_table(found: ConnectivityStudy) -> Table:
    rows = [
        {
            "person": person,
            "correlation over pairs": float(found.model.scores[person]),
            "stable": "yes" if found.model.stable[person] else "no",
        }
        | {name: float(each.scores[person]) for name, each in found.baselines.items()}
        for person in range(found.recordings.people)
    ]
    return Table(rows)
