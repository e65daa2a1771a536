"""What `rosetta fit --modality evoked` writes: `summary.json`, arrays, pictures and one HTML page."""

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
    Pictures,
    map_coefficients,
    of_every_fit,
    parameter_maps,
    parameter_tables,
)
from rosetta_jax.cli.shared import write_pictures
from rosetta_jax.inference import EvokedStudy
from rosetta_jax.report import Picture, Section, Table, write_page
from rosetta_jax.results import provenance, save_arrays, write_json

_LIKELIHOOD = (
    "the likelihood of normal noise as strong as the baseline, or as what is left over where there is none, the "
    "strengths of the stimulus solved for anew at every value"
)


def write_evoked(out: Path, found: EvokedStudy, chosen: dict[str, Any]) -> Path:
    """Write everything into `out` and return the path of the page."""
    made = provenance(**chosen)
    summary = _summary(found, chosen, made)
    pictures = _pictures(found)
    # All that may fail comes first, so that a folder keeps what it held.
    write_json(out / "summary.json", summary)
    found.result.save(out / "fit.npz")
    save_arrays(out / "evoked.npz", _arrays(found), made)
    write_pictures(out, {name: Picture(*picture) for name, picture in pictures.items()})
    return write_page(
        out / "report.html",
        title=f"Evoked response of a {chosen['rung'].title()} brain",
        summary=_verdict(found, chosen),
        sections=_sections(found, pictures),
        facts={
            "mean cosine of courses": summary["score"],
            "cosine of the pattern": summary["pattern"],
            "numbers": summary["numbers"],
            "stable": "yes" if found.stable else "no",
        },
        provenance=made,
    )


def _summary(found: EvokedStudy, chosen: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    return {
        "score": found.model.score,
        "pattern": found.model.pattern,
        "numbers": found.model.numbers,
        "stable": found.stable,
        "baselines": {
            name: {
                "score": baseline.score,
                "pattern": baseline.pattern,
                "numbers": baseline.numbers,
                "difference": found.model.score - baseline.score,
            }
            for name, baseline in found.baselines.items()
        },
        "parameters": {
            path: {"value": value[0], "unit": found.result.units[path]}
            for path, value in found.result.values.items()
        },
        "sites": found.sites,
        "maps": _owed(found),
        "posterior": certainty_summary(found.posterior),
        "interrupted": found.interrupted,
    } | of_every_fit(found.network, found.result, chosen, made)


def _owed(found: EvokedStudy) -> dict[str, dict[str, Any]]:
    """By path and map, the coefficients of the parameters that are linear in maps."""
    known = found.recording.cortical_maps
    return map_coefficients(found.network, found.result, found.free, known)


def _arrays(found: EvokedStudy) -> dict[str, np.ndarray]:
    return {
        "times": found.recording.times,
        "measured": found.recording.potential,
        "fitted": found.model.potential,
        "cosines": found.model.cosines,
        "sites": found.sites,
    }


def _pictures(found: EvokedStudy) -> Pictures:
    of, result = found.recording, found.result
    each = {"network": found.model} | found.baselines
    pictures = {
        "responses": (
            plot.responses(of.times, of.potential, found.model.potential),
            "The evoked response in every sensor, measured and by the model, and the root of its mean square over "
            "sensors.",
        ),
        "scores": (
            plot.scores(
                list(each),
                [answer.score for answer in each.values()],
                None,
                label="mean cosine of courses (1)",
                highlight=["network"],
            ),
            "Mean cosine of the courses of the model and what it is read against.",
        ),
        "convergence": (
            plot.convergence(result.history[:, 0]),
            "The best loss of every start against iterations.",
        ),
    }
    pictures |= certainty_pictures(found.posterior, 0, result, "")
    centres = of.connectome.centres
    if centres is not None:
        pictures["sites"] = (
            plot.glass_brain(np.asarray(centres), found.sites, "strength of the stimulus"),
            "Where the stimulus acts, and how strongly, as solved for.",
        )
        pictures |= parameter_maps(found.network, result, centres, 0, "")
    return pictures


def _verdict(found: EvokedStudy, chosen: dict[str, Any]) -> str:
    """What was reached, and beside what, in words."""
    model = found.model
    said = [
        f"A {chosen['rung'].title()} network with {model.numbers} numbers, {found.sites.size} of them the "
        f"strengths of the stimulus, reaches a mean cosine of {model.score:.3f} over {model.cosines.size} "
        f"courses, by linear theory about a point of rest that is {'stable' if found.stable else 'NOT stable'}."
    ]
    for name, baseline in found.baselines.items():
        said.append(f"Less {name} ({baseline.numbers}): {model.score - baseline.score:+.3f}.")
    if found.interrupted:
        said.append("INTERRUPTED: all is as found until then.")
    return " ".join(said)


def _sections(found: EvokedStudy, pictures: Pictures) -> list[Section]:
    def shown(*names: str) -> list[Picture]:
        return [Picture(*pictures[name]) for name in names if name in pictures]

    maps = [name for name in pictures if name.startswith("map_")]
    rows = [
        {
            "model": name,
            "numbers": answer.numbers,
            "mean cosine": answer.score,
            "cosine of all as one": answer.pattern,
        }
        for name, answer in ({"network": found.model} | found.baselines).items()
    ]
    return [
        Section("Evoked response", pictures=shown("responses")),
        Section(
            "What the score is read against",
            "A curve in space and time with as many numbers: so many modes of the lead field, each with so many "
            "terms of a cosine series. What does no better than this shows no brain.",
            tables=[Table(rows)],
            pictures=shown("scores"),
        ),
        Section("Sites of the stimulus", pictures=shown("sites")),
        Section(
            "Parameters",
            pictures=shown(*maps),
            tables=parameter_tables(found.network, found.result, _owed(found)),
        ),
        *certainty_section(found.posterior, 0, found.result, pictures, _LIKELIHOOD),
        Section("Descent", pictures=shown("convergence")),
    ]
