"""`rosetta compare`: which model do recordings need, judged on bins that none of them saw."""

from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import typer

from rosetta_jax import plot
from rosetta_jax.cli.config import ConfigOption, used, write_config
from rosetta_jax.cli.fit_options import (
    BandOption,
    DataOption,
    NormalisationOption,
    PresetName,
    StartsOption,
)
from rosetta_jax.cli.recordings import recordings
from rosetta_jax.cli.shared import (
    Precision,
    PrecisionOption,
    QuietOption,
    SeedOption,
    choose_precision,
    plain_errors,
    result_folder,
    say,
    write_pictures,
)
from rosetta_jax.data import Recordings
from rosetta_jax.inference import (
    Candidate,
    Comparison,
    PowerLawAndGaussian,
    TwoLorentzians,
    WhittleLoss,
    compare,
    degrees_of_freedom,
    preset,
)
from rosetta_jax.report import Picture, Section, Table, write_page
from rosetta_jax.results import provenance, write_json

CURVES = {
    "two Lorentzians and 1/f (no brain)": TwoLorentzians,
    "slope and one Gaussian (no brain)": PowerLawAndGaussian,
}


def comparison(
    config: ConfigOption = None,
    data: DataOption = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("rosetta-compare"),
    rungs: Annotated[
        list[PresetName], typer.Option("--rung", help="A model to compare; give it several times.")
    ] = [PresetName.jansen_rit, PresetName.thalamic_loop],  # noqa: B006
    people: Annotated[
        int, typer.Option(min=1, help="Of the embedded recording, where there is no --data.")
    ] = 4,
    starts: StartsOption = 4,
    seed: SeedOption = 0,
    band: BandOption = (2.0, 45.0),
    normalisation: NormalisationOption = "eigenvalue",
    precision: PrecisionOption = Precision.auto,
    quiet: QuietOption = False,
) -> None:
    """Compare models, curves without a brain among them: bins 1, 3, 5... fitted, 2, 4, 6... predicted.

    All have the same likelihood (Whittle's, with the degrees of freedom that the spectra' scatter tells), the
    same starts and the same descent. Says which predicts best, and which these data cannot tell from it.
    """
    with plain_errors():
        choose_precision(precision)
        recorded = recordings(data, seed, normalisation, people).within(*band)
        out = result_folder(out)
        degrees = float(np.median([degrees_of_freedom(each) for each in recorded.spectra]))
        fitted, left_out = (_losses(recorded, first, degrees) for first in (0, 1))
        found = compare(
            _candidates(recorded, [rung.value for rung in rungs]),
            fitted,
            left_out,
            starts=starts,
            key=jax.random.key(seed),
            show_progress=not quiet,
        )
        name = "embedded synthetic recording" if data is None else data.name
        page = _write(out, found, degrees, used() | {"data": name})
        write_config(out)
    say(f"{found.verdict} Report: {page}")


def _losses(recordings: Recordings, first: int, degrees: float) -> list[WhittleLoss]:
    """Every second bin of each person."""
    bins = slice(first, None, 2)
    return [
        WhittleLoss(recordings.frequencies[bins], spectra[bins], degrees)
        for spectra in recordings.spectra
    ]


def _candidates(recordings: Recordings, rungs: list[str]) -> dict[str, Candidate]:
    """The models by name; curves have a level of their own in every region, as models have."""
    chosen = {
        name: Candidate(
            [preset(name).network(each) for each in recordings.connectomes], preset(name).free
        )
        for name in dict.fromkeys(rungs)
    }
    curves = {
        name: Candidate([curve()] * recordings.people, curve.free())
        for name, curve in CURVES.items()
    }
    return chosen | curves


def _rows(found: Comparison) -> list[dict[str, Any]]:
    rows = []
    for name, each in found.candidates.items():
        behind, error = found.behind(name)
        rows.append(
            {
                "model": name,
                "numbers a person": each.numbers,
                "log likelihood left out": float(np.nansum(each.left_out)),
                "behind the best": behind,
                "standard error": error,
                "p (Wilcoxon)": found.chance(name),
                "AIC": float(np.nansum(each.aic)),
                "BIC": float(np.nansum(each.bic)),
                "people not fitted": int((~np.isfinite(each.left_out)).sum()),
            }
        )
    return rows


def _write(out: Path, found: Comparison, degrees: float, chosen: dict[str, Any]) -> Path:
    made, rows = provenance(**chosen), _rows(found)
    summary = {
        "verdict": found.verdict,
        "best": found.best,
        "not_told_apart": found.not_told_apart,
        "degrees_of_freedom": degrees,
        "models": {row["model"]: row for row in rows},
        "settings": chosen,
    }
    write_json(out / "summary.json", summary | {"versions": made["versions"]})
    people = len(next(iter(found.candidates.values())).left_out)
    figure = plot.scores(
        [row["model"] for row in rows],
        [0.0 - row["behind the best"] / people for row in rows],
        [row["standard error"] / people for row in rows],
        label="log likelihood of the bins left out, less that of the best, a person (1)",
        highlight=found.not_told_apart,
    )
    picture = Picture(
        figure,
        "What each model predicts of the bins left out, less what the best does, with standard errors of "
        "the paired difference. In colour: what these data cannot tell from the best.",
    )
    write_pictures(out, {"comparison": picture})
    return write_page(
        out / "report.html",
        title="Which model do the data need?",
        summary=f"{found.verdict} Over {people} {'person' if people == 1 else 'people'}, bins 1, 3, 5... fitted "
        f"and 2, 4, 6... predicted. The spectra scatter as if of {degrees:.0f} degrees of freedom.",
        sections=[
            Section("Left out", pictures=[picture]),
            Section(
                "In numbers",
                "Two models are not told apart where their difference is within two standard errors, or may be "
                "luck by Wilcoxon's test.",
                tables=[Table(rows)],
            ),
        ],
        provenance=made,
    )
