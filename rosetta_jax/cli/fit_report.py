"""What `rosetta fit` writes: `summary.json`, arrays, pictures and one HTML page."""

from pathlib import Path
from typing import Any

import numpy as np

from rosetta_jax import parameters, plot
from rosetta_jax.inference import Scored, Study, map_correlation, relative_power
from rosetta_jax.network import NORMALISATIONS
from rosetta_jax.report import Picture, Section, Table, write_page
from rosetta_jax.results import provenance, save_arrays, write_json


def write_results(out: Path, found: Study, chosen: dict[str, Any]) -> Path:
    """Write everything into `out` and return the path of the page."""
    made = provenance(**chosen)
    summary = _summary(found, chosen, made)
    write_json(out / "summary.json", summary)
    found.result.save(out / "fit.npz")
    save_arrays(out / "spectra.npz", _arrays(found), made)
    pictures = _pictures(found)
    for name, (figure, _) in pictures.items():
        figure.savefig(out / f"{name}.png", dpi=150)
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
        "depth": float(np.median(model.depths)),
        "alpha_map_correlation": found.alpha_map_correlation,
        "people_not_fitted": np.flatnonzero(~np.isfinite(model.scores)),
        "people": [
            {
                "correlation_db": float(model.scores[person]),
                "stable": model.stable[person],
                "depth": float(model.depths[person]),
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
                "depth": float(np.median(baseline.depths)),
                "difference": differences[name][0],
                "standard_error": differences[name][1],
            }
            for name, baseline in found.baselines.items()
        },
        "normalisation": f"{chosen['normalisation']}: "
        + NORMALISATIONS.get(chosen["normalisation"], "weights as given"),
        "fixed": _fixed(found),
        "priors": times["free"],
        "seconds_compile": times["seconds_compile"],
        "seconds_fit": times["seconds_fit"],
        "cpu_seconds_fit": times["cpu_seconds_fit"],
        "cpu_seconds_per_person_and_start": times["cpu_seconds_fit"] / found.result.all_losses.size,
        "failed_starts": int((~np.isfinite(found.result.all_losses)).sum()),
        "interrupted": times["interrupted"],
        "seed": chosen["seed"],
        "versions": made["versions"],
        "settings": chosen,
    }


def _fixed(found: Study) -> dict[str, dict[str, Any]]:
    """The constants that all people share: every declared parameter that is not free."""

    network, free = found.networks[0], found.result.values
    return {
        path: {
            "value": np.asarray(parameters.get(network, path)),
            "unit": getattr(parameters.info(network, path), "unit", ""),
        }
        for path in parameters.paths(network)
        if path not in free and parameters.info(network, path) is not None
    }


def _arrays(found: Study) -> dict[str, np.ndarray]:
    recordings = found.recordings
    return {
        "frequencies": recordings.frequencies,
        "measured": recordings.spectra,
        "fitted": found.model.spectra,
        "correlations": found.model.correlations,
        "measured_alpha": found.measured_alpha,
        "fitted_alpha": found.fitted_alpha,
    }


def _representative(found: Study) -> int:
    """The person whose score is the median."""
    scores = found.model.scores
    fitted = int(np.isfinite(scores).sum())
    return int(np.argsort(scores)[fitted // 2])  # NaN, of people not fitted, sort last


def _pictures(found: Study) -> dict[str, tuple[Any, str]]:
    recordings, model, person = found.recordings, found.model, _representative(found)
    frequencies = recordings.frequencies
    measured = recordings.spectra[person]
    fitted = _levelled(model.spectra[person], measured)
    connectome = recordings.connectomes[person]
    of = "" if recordings.people == 1 else f" of person {person}, whose score is the median"
    pictures = {
        "mean_spectrum": (
            plot.mean_spectrum(frequencies, measured, fitted, _others(found, person)),
            f"Measured and fitted spectra averaged over regions{of}, with a curve without a "
            "brain. The level of each region is free and set to the measured one.",
        ),
        "spectra": (
            plot.spectra(
                frequencies, measured, fitted, connectome.labels, model.correlations[person]
            ),
            f"Measured and fitted spectra of every region{of}.",
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
    if connectome.centres is not None:
        pictures["alpha_map"] = (
            plot.alpha_maps(
                np.asarray(connectome.centres),
                relative_power(frequencies, measured),
                relative_power(frequencies, fitted),
                map_correlation(found.measured_alpha[person], found.fitted_alpha[person]),
            ),
            f"Share of power at 8-13 Hz in every region{of}, measured and fitted.",
        )
    return pictures


def _others(found: Study, person: int) -> dict[str, np.ndarray]:
    """The best curve without a brain."""
    name = "two Lorentzians and 1/f"
    measured = found.recordings.spectra[person]
    curve = np.broadcast_to(found.baselines[name].spectra[person], measured.shape)
    return {name: 10 ** np.log10(_levelled(curve, measured)).mean(axis=1)}


def _levelled(fitted: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Each region's curve moved to the mean level of the measurement, which the fit leaves free."""
    level = np.log10(measured).mean(axis=0) - np.log10(fitted).mean(axis=0)
    return fitted * 10**level


def _scores(found: Study) -> Any:
    names = ["network", *found.baselines]
    each = [found.model, *found.baselines.values()]
    people = found.recordings.people
    errors = [np.nanstd(s.scores, ddof=1) / np.sqrt(people) if people > 1 else np.nan for s in each]
    return plot.scores(
        names,
        [scored.mean_score for scored in each],
        errors if people > 1 else None,
        label="mean correlation in dB (1)",
        highlight=["network"],
    )


def _verdict(found: Study, chosen: dict[str, Any]) -> str:
    """What the brain adds, in words."""
    differences = found.differences()
    lone, lone_error = differences["same model at gain 0"]
    curve, curve_error = differences["two Lorentzians and 1/f"]
    people, failed = found.recordings.people, int((~np.isfinite(found.model.scores)).sum())
    missing = f" {failed} of them could not be fitted: see the table." if failed else ""
    synthetic = "" if "synthetic" not in chosen["data"] else " The data are synthetic."
    return (
        f"A {chosen['rung'].title()} network with {found.model.numbers} numbers a person, shared by all regions, "
        f"reaches a mean correlation of {found.model.mean_score:.3f} in dB over {people} "
        f"{'person' if people == 1 else 'people'}.{missing}{synthetic} "
        f"Coupling through the connectome {_adds(lone, lone_error)}: against the same model at gain 0 the "
        f"difference is {_with_error(lone, lone_error)}. Against two Lorentzians and 1/f "
        f"(no brain, {found.baselines['two Lorentzians and 1/f'].numbers} numbers) the network "
        f"{_adds(curve, curve_error)}: {_with_error(curve, curve_error)}.\n\n"
        f"Relative alpha over regions correlates with the measured map at "
        f"{found.alpha_map_correlation:.2f}. All fitted points are "
        f"{'stable by the refined count of modes' if all(found.model.stable) else 'NOT stable: see the table'}."
    )


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
        Section("Alpha over the cortex", pictures=shown("alpha_map")),
        Section(
            "Parameters",
            tables=[_parameter_table(found), _fixed_table(summary)],
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
            "depth": float(np.median(scored.depths)),
            "network less this": difference if np.isfinite(difference) else "",
            "standard error": error if np.isfinite(error) else "",
        }

    rows = [row("network", found.model)]
    return Table(rows + [row(name, scored) for name, scored in found.baselines.items()])


def _parameter_table(found: Study) -> Table:
    result = found.result
    rows = []
    for path, values in result.values.items():
        described = parameters.info(found.networks[0], path)
        row = {
            "parameter": path,
            "symbol": result.symbols[path],
            "median": float(np.median(values)),
            "lowest": float(values.min()),
            "highest": float(values.max()),
            "unit": result.units[path],
            "meaning": "" if described is None else described.description,
            "prior": result.metadata["free"][path],
        }
        if values.size == 1:
            row = {k: v for k, v in row.items() if k not in ("lowest", "highest")}
            row["value"] = row.pop("median")
        rows.append(row)
    return Table(rows, caption="Free, one number a person for all regions")


def _fixed_table(summary: dict[str, Any]) -> Table:
    rows = [
        {"parameter": path, "value": float(np.mean(entry["value"])), "unit": entry["unit"]}
        for path, entry in summary["fixed"].items()
    ]
    return Table(rows, caption="Fixed, the same for everybody")


def _people_table(found: Study) -> Table:
    model = found.model
    return Table(
        [
            {
                "person": person,
                "correlation in dB": float(model.scores[person]),
                "depth": float(model.depths[person]),
                "stable": "yes" if model.stable[person] else "no",
            }
            | {path: float(values[person]) for path, values in found.result.values.items()}
            for person in range(found.recordings.people)
        ]
    )
