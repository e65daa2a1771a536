"""What `rosetta fit` writes: `summary.json`, arrays, pictures and one HTML page."""

from pathlib import Path
from typing import Any

import numpy as np

from rosetta_jax import plot
from rosetta_jax.cli.certainty_report import (
    certainty_pictures,
    certainty_section,
    certainty_summary,
    predictive_picture,
)
from rosetta_jax.cli.fit_tables import (
    map_coefficients,
    map_names,
    of_every_fit,
    parameter_maps,
    parameter_tables,
)
from rosetta_jax.cli.shared import write_pictures
from rosetta_jax.inference import Scored, Study
from rosetta_jax.inference.study import BY_REGION, BY_SENSOR, IN_MAPS
from rosetta_jax.regional import LinearIn
from rosetta_jax.report import Picture, Section, Table, write_page
from rosetta_jax.results import provenance, save_arrays, write_json


def write_results(out: Path, found: Study, chosen: dict[str, Any]) -> Path:
    """Write everything into `out` and return the path of the page."""
    made = provenance(**chosen)
    summary = _summary(found, chosen, made)
    pictures = _pictures(found, chosen)
    # All that may fail comes first, so that a folder keeps what it held.
    write_json(out / "summary.json", summary)
    found.result.save(out / "fit.npz")
    save_arrays(out / "spectra.npz", _arrays(found), made)
    write_pictures(out, {name: Picture(*picture) for name, picture in pictures.items()})
    return write_page(
        out / "report.html",
        title=f"Fit of a {chosen['rung'].title()} brain",
        summary=_verdict(found, chosen),
        sections=_sections(found, summary, pictures),
        facts=_facts(found, summary),
        provenance=made,
    )


def _summary(found: Study, chosen: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    model = found.model
    times = found.result.metadata
    differences = found.differences()
    return {
        "mean_correlation_db": model.mean_score,
        "numbers_per_person": model.numbers,
        "depth": float(np.median(model.judged.depths)),
        "alpha_map_correlation": found.model.alpha_map_correlation,
        "people_not_fitted": np.flatnonzero(~np.isfinite(model.scores)),
        "people": [
            {
                "correlation_db": float(model.scores[person]),
                "stable": model.stable[person],
                "depth": float(model.judged.depths[person]),
                "alpha_map_correlation": float(model.judged.alpha_correlations[person]),
                "parameters": {
                    path: {"value": value[person], "unit": found.result.units[path]}
                    for path, value in found.result.values.items()
                },
            }
            for person in range(found.recordings.people)
        ],
        "baselines": {
            name: {
                "mean_correlation_db": baseline.mean_score,
                "numbers_per_person": baseline.numbers,
                "depth": float(np.median(baseline.judged.depths)),
                "alpha_map_correlation": baseline.alpha_map_correlation,
                "difference": differences[name][0],
                "standard_error": differences[name][1],
            }
            for name, baseline in found.baselines.items()
        },
        "maps": _owed(found),
        "cohort_curve_db": model.curve,
        "posterior": certainty_summary(found.posterior),
        "cpu_seconds_per_person_and_start": times["cpu_seconds_fit"] / found.result.all_losses.size,
        "memory_mb": times["memory_mb"],
        "interrupted": found.interrupted,
        "not_fitted": found.not_fitted,
    } | of_every_fit(found.networks[0], found.result, chosen, made)


def _owed(found: Study) -> dict[str, dict[str, Any]]:
    """By path and map, the coefficients of the parameters that are linear in maps."""
    known = found.recordings.cortical_maps
    return map_coefficients(found.networks[0], found.result, found.free, known)


def _arrays(found: Study) -> dict[str, np.ndarray]:
    recordings = found.recordings
    return {
        "frequencies": recordings.frequencies,
        "measured": recordings.spectra,
        "fitted": found.model.spectra,
        "judged_bins": found.judgement.judged_bins,
        "judged_regions": found.judgement.judged_regions,
        "correlations": found.model.judged.correlations,
        "measured_alpha": found.measured_alpha,
        "fitted_alpha": found.model.judged.alpha,
    }


def _representative(found: Study) -> int:
    """The person whose score is the median."""
    scores = found.model.scores
    fitted = int(np.isfinite(scores).sum())
    return int(np.argsort(scores)[fitted // 2])  # NaN, of people not fitted, sort last


def _pictures(found: Study, chosen: dict[str, Any]) -> dict[str, tuple[Any, str]]:
    recordings, model, person = found.recordings, found.model, _representative(found)
    frequencies = recordings.frequencies
    measured = recordings.spectra[person]
    fitted = _levelled(model.spectra[person], measured)
    connectome = recordings.connectomes[person]
    each = "region" if recordings.lead_field is None else "sensor"
    labels = connectome.labels if recordings.lead_field is None else None
    of = "" if recordings.people == 1 else f" of person {person}, whose score is the median"
    correlations = np.full(measured.shape[1], np.nan)
    correlations[found.judgement.judged_regions] = model.judged.correlations[person]
    pictures = {
        "mean_spectrum": (
            plot.mean_spectrum(frequencies, measured, fitted, _others(found, person)),
            f"Measured and fitted spectra averaged over {each}s{of}, with a curve without a "
            f"brain. The level of each {each} is free and set to the measured one.",
        ),
        "spectra": (
            plot.spectra(frequencies, measured, fitted, labels, correlations),
            f"Measured and fitted spectra of every {each}{of}.",
        ),
        "scores": (
            _scores(found),
            "Mean correlation in dB of the model and what it is read against.",
        ),
        "convergence": (
            plot.convergence(found.result.history[:, person]),
            f"The best loss of every start{of} against iterations.",
        ),
    }
    with_maps = _alpha_correlations(found)
    if len(with_maps) > 1:  # one alone has nothing to be read against
        pictures["alpha_scores"] = (
            _ranked(with_maps, "correlation of the map of relative alpha (1)"),
            f"Correlation over {each}s of predicted and measured relative alpha, mean over people. Curves "
            f"that are the same in every {each} have no map.",
        )
    pictures |= certainty_pictures(found.posterior, person, found.result, of)
    pictures |= predictive_picture(found.posterior, person, labels, of)
    if connectome.centres is not None:
        pictures |= parameter_maps(found.networks[0], found.result, connectome.centres, person, of)
    known = np.isfinite(found.measured_alpha[person]).all()
    if connectome.centres is not None and recordings.lead_field is None and known:
        pictures["alpha_map"] = (
            plot.alpha_maps(
                np.asarray(connectome.centres),
                found.measured_alpha[person],
                model.judged.alpha[person],
                model.judged.alpha_correlations[person],
            ),
            f"Share of power at 8-13 Hz in every region{of}, measured and fitted"
            f"{_where(chosen['left_out'])}.",
        )
    return pictures


def _where(left_out: str) -> str:
    """Where scores come from, for captions."""
    words = {"bins": ", on the bins left out", "regions": "; r is over the regions left out"}
    return words.get(left_out, "")


def _others(found: Study, person: int) -> dict[str, np.ndarray]:
    """The best curve without a brain, where one was fitted."""
    name = _best_curve(found)
    if name not in found.baselines:
        return {}
    measured = found.recordings.spectra[person]
    curve = np.broadcast_to(found.baselines[name].spectra[person], measured.shape)
    return {name: 10 ** np.log10(_levelled(curve, measured)).mean(axis=1)}


def _levelled(fitted: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Each region's curve moved to the mean level of the measurement, which the fit leaves free."""
    level = np.log10(measured).mean(axis=0) - np.log10(fitted).mean(axis=0)
    return fitted * 10**level


def _scores(found: Study) -> Any:
    each = {"network": found.model} | found.baselines
    return _ranked({name: s.scores for name, s in each.items()}, "mean correlation in dB (1)")


def _alpha_correlations(found: Study) -> dict[str, np.ndarray]:
    """Of the model and its baselines by name, those that have a map."""
    each = {"network": found.model} | found.baselines
    maps = {name: s.judged.alpha_correlations for name, s in each.items()}
    return {name: values for name, values in maps.items() if np.isfinite(values).any()}


def _ranked(each: dict[str, np.ndarray], label: str) -> Any:
    """Means over people with their standard errors."""
    people = len(next(iter(each.values())))
    errors = (
        [np.nanstd(values, ddof=1) / np.sqrt(people) for values in each.values()]
        if people > 1
        else None
    )
    return plot.scores(
        list(each),
        [np.nanmean(v) for v in each.values()],
        errors,
        label=label,
        highlight=["network"],
    )


def _verdict(found: Study, chosen: dict[str, Any]) -> str:
    """What the brain adds, in words."""
    people, failed = found.recordings.people, int((~np.isfinite(found.model.scores)).sum())
    missing = f" {failed} of them could not be fitted: see the table." if failed else ""
    synthetic = "" if "synthetic" not in chosen["data"] else " The data are synthetic."
    free = _free(found, chosen)
    judged = {"nothing": "", "bins": " on the bins left out", "regions": " in the regions left out"}
    curve = "" if found.model.curve is None else ", each seen through the gain curve of the others"
    stable = (
        "stable by the refined count of modes"
        if all(found.model.stable)
        else "NOT stable: see the table"
    )
    simulated = chosen["route"] == "simulated"
    return (
        f"A {chosen['rung'].title()} network with {found.model.numbers} numbers a person, {free}, "
        f"reaches a mean correlation of {found.model.mean_score:.3f} in dB over {people} "
        f"{'person' if people == 1 else 'people'}{judged[chosen['left_out']]}{curve}.{missing}{synthetic} "
        f"{_compared(found)}\n\n"
        f"Relative alpha over regions correlates with the measured map at "
        f"{found.model.alpha_map_correlation:.2f}. "
        + (
            "Fitted by simulation, which asks for no stability."
            if simulated
            else f"All fitted points are {stable}."
        )
    )


def _free(found: Study, chosen: dict[str, Any]) -> str:
    """Which of the numbers vary by region, in words."""
    if chosen.get("by_region") is not None:
        return "many of them by region"
    mapped = {path: kind for path, kind in found.free.items() if isinstance(kind, LinearIn)}
    if not mapped:
        return "shared by all regions"
    names = ", ".join(map_names(next(iter(mapped.values())), found.recordings.cortical_maps))
    return f"{' and '.join(mapped)} linear in cortical maps ({names})"


def _compared(found: Study) -> str:
    """The model against the baselines that matter most, and what an interruption left out."""
    differences, best, said = found.differences(), _best_curve(found), []
    if "same model at gain 0" in differences:
        lone, lone_error = differences["same model at gain 0"]
        said.append(
            f"Coupling through the connectome {_adds(lone, lone_error)}: against the same model at gain 0 the "
            f"difference is {_with_error(lone, lone_error)}."
        )
    if best in differences:
        curve, curve_error = differences[best]
        said.append(
            f"Against {best} (no brain, {found.baselines[best].numbers} numbers) the network "
            f"{_adds(curve, curve_error)}: {_with_error(curve, curve_error)}."
        )
    if found.interrupted:
        missing = ", ".join(found.not_fitted)
        said.append(
            "INTERRUPTED: all is as found until then"
            + (f"; not fitted: {missing}." if missing else ".")
        )
    return " ".join(said)


def _best_curve(found: Study) -> str:
    """The richest curve without a brain."""
    richest = (BY_REGION, BY_SENSOR, IN_MAPS)
    return next((name for name in richest if name in found.baselines), "two Lorentzians and 1/f")


def _adds(difference: float, error: float) -> str:
    if abs(difference) < max(2 * error if np.isfinite(error) else 0.0, 0.005):
        return "adds nothing that can be told apart"
    return "adds to the score" if difference > 0 else "falls short"


def _with_error(difference: float, error: float) -> str:
    shown = f"{difference:+.4f}"
    return shown if not np.isfinite(error) else f"{shown} with standard error {error:.4f}"


def _facts(found: Study, summary: dict[str, Any]) -> dict[str, Any]:
    return {
        "mean correlation in dB": summary["mean_correlation_db"],
        "people": found.recordings.people,
        "numbers a person": found.model.numbers,
        "all stable": "yes" if all(found.model.stable) else "no",
        "alpha map": summary["alpha_map_correlation"],
        "CPU seconds a start": summary["cpu_seconds_per_person_and_start"],
    }


def _sections(
    found: Study, summary: dict[str, Any], pictures: dict[str, tuple[Any, str]]
) -> list[Section]:
    def shown(*names: str) -> list[Picture]:
        return [Picture(*pictures[name]) for name in names if name in pictures]

    return [
        Section("Spectra", pictures=shown("mean_spectrum", "spectra")),
        Section(
            "What the score is read against",
            "All rows: same bins, people, objective, starts and budget. Depth is the standard deviation of "
            "the fitted spectrum over the bins, in dB, over that of the measured one: a curve that is nearly "
            "flat can correlate well.",
            tables=[_baseline_table(found)],
            pictures=shown("scores"),
        ),
        Section(
            "Alpha over the cortex",
            "Relative alpha is the share of power at 8-13 Hz among the judged bins.",
            pictures=shown("alpha_map", "alpha_scores"),
        ),
        Section(
            "Parameters",
            pictures=shown(*(name for name in pictures if name.startswith("map_"))),
            tables=parameter_tables(found.networks[0], found.result, _owed(found)),
        ),
        *certainty_section(
            found.posterior,
            _representative(found),
            found.result,
            pictures,
            "Whittle's likelihood of spectra",
        ),
        Section("People", tables=[_people_table(found)]),
        Section("Descent", pictures=shown("convergence")),
    ]


def _baseline_table(found: Study) -> Table:
    differences = found.differences()

    def row(name: str, scored: Scored) -> dict[str, Any]:
        difference, error = differences.get(name, (np.nan, np.nan))
        return {
            "model": name,
            "numbers": scored.numbers or "",
            "correlation in dB": scored.mean_score,
            "depth": float(np.median(scored.judged.depths)),
            "alpha map": scored.alpha_map_correlation
            if np.isfinite(scored.alpha_map_correlation)
            else "",
            "network less this": difference if np.isfinite(difference) else "",
            "standard error": error if np.isfinite(error) else "",
        }

    rows = [row("network", found.model)]
    return Table(rows + [row(name, scored) for name, scored in found.baselines.items()])


def _people_table(found: Study) -> Table:
    model = found.model
    return Table(
        [
            {
                "person": person,
                "correlation in dB": float(model.scores[person]),
                "depth": float(model.judged.depths[person]),
                "alpha map": float(model.judged.alpha_correlations[person]),
                "stable": "yes" if model.stable[person] else "no",
            }
            | {path: float(np.median(v[person])) for path, v in found.result.values.items()}
            for person in range(found.recordings.people)
        ]
    )
