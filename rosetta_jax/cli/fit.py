"""`rosetta fit`: a whole-brain model fitted to power spectra, with a report."""

from pathlib import Path
from typing import Annotated

import jax
import numpy as np
import typer

from rosetta_jax import synthetic
from rosetta_jax.cli.fit_report import write_results
from rosetta_jax.cli.shared import (
    Precision,
    PrecisionOption,
    QuietOption,
    RungName,
    RungOption,
    SeedOption,
    choose_precision,
    plain_errors,
    result_folder,
    say,
)
from rosetta_jax.data import Recordings, load_recordings
from rosetta_jax.inference import preset, study
from rosetta_jax.network import NORMALISATIONS
from rosetta_jax.optimise import GradientDescent, LevenbergMarquardt


def fit(
    data: Annotated[
        Path | None,
        typer.Option(
            help="Recordings, .npz with the keys `frequencies` (F,) Hz, `psd` (nodes, F) or (people, nodes, "
            "F), `weights` (nodes, nodes) or (people, nodes, nodes), and optional `lengths` mm, `labels`, "
            "`centres` mm. "
            "Without it: the embedded synthetic recording."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("rosetta-fit"),
    rung: RungOption = RungName.jansen_rit,
    starts: Annotated[int, typer.Option(min=1, help="Starts a person.")] = 4,
    seed: SeedOption = 0,
    band: Annotated[tuple[float, float], typer.Option(help="Bins used, Hz.")] = (2.0, 45.0),
    normalisation: Annotated[
        str, typer.Option(help=f"Of the weights: {', '.join(NORMALISATIONS)} or none.")
    ] = "eigenvalue",
    method: Annotated[
        str, typer.Option(help="levenberg-marquardt or adam.")
    ] = "levenberg-marquardt",
    precision: PrecisionOption = Precision.auto,
    quiet: QuietOption = False,
) -> None:
    """Fit a whole-brain model to power spectra by descent through exact theory.

    Writes `summary.json`, arrays, pictures and one HTML page into the folder. With no arguments it
    fits the embedded synthetic recording, in about two minutes.
    """
    with plain_errors():
        choose_precision(precision)
        recordings = _recordings(data, seed, normalisation).within(*band)
        methods = {"levenberg-marquardt": LevenbergMarquardt(), "adam": GradientDescent()}
        if method not in methods:
            raise ValueError(f"`--method` is {method!r}: choose from {', '.join(methods)}.")
        out = result_folder(out)
        found = study(
            recordings,
            preset(rung.value),
            starts=starts,
            key=jax.random.key(seed),
            method=methods[method],
            show_progress=not quiet,
        )
        if not np.isfinite(found.model.mean_score):
            raise ValueError(f"nobody could be fitted: {found.result.message} Try more `--starts`.")
        chosen = {
            "rung": rung.value,
            "data": "embedded synthetic recording" if data is None else data.name,
            "starts": starts,
            "seed": seed,
            "band": list(band),
            "normalisation": normalisation,
            "method": method,
        }
        page = write_results(out, found, chosen)
    people = "1 person" if recordings.people == 1 else f"{recordings.people} people"
    say(f"mean correlation in dB {found.model.mean_score:.4f} over {people}; report: {page}")


def _recordings(data: Path | None, seed: int, normalisation: str) -> Recordings:
    if normalisation not in (*NORMALISATIONS, "none"):
        raise ValueError(
            f"`--normalisation` is {normalisation!r}: choose from {', '.join(NORMALISATIONS)}, none."
        )
    if data is not None:
        return load_recordings(data, normalisation)
    embedded = synthetic.recording(seed)
    connectome = embedded.connectome
    if normalisation not in (connectome.normalisation, "none"):
        connectome = connectome.normalised(normalisation)
    return Recordings(
        np.asarray(embedded.frequencies, dtype=float),
        np.asarray(embedded.spectrum, dtype=float)[None],
        (connectome,),
    )
