"""`rosetta fit`: a whole-brain model fitted to power spectra, with a report."""

import dataclasses
import math
from pathlib import Path
from typing import Annotated

import jax
import numpy as np
import typer

from rosetta_jax.cli.config import ConfigOption, SetOption, changes, used, write_config
from rosetta_jax.cli.fit_options import (
    BandOption,
    Context,
    DataOption,
    DepthOption,
    DurationOption,
    LeftOut,
    LeftOutOption,
    MethodName,
    MethodOption,
    NormalisationOption,
    PresetName,
    PresetOption,
    ResumeOption,
    RouteName,
    RouteOption,
    SeedsOption,
    StartsOption,
    StepOption,
    WidthOption,
)
from rosetta_jax.cli.fit_report import write_results
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
)
from rosetta_jax.cli.unfinished import go_on_with, remove, unfinished
from rosetta_jax.inference import Simulated, Study, StudySettings, drawable, preset, study
from rosetta_jax.optimise import GradientDescent, LevenbergMarquardt


def fit(
    context: Context,
    config: ConfigOption = None,
    data: DataOption = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("rosetta-fit"),
    rung: PresetOption = PresetName.jansen_rit,
    starts: StartsOption = 4,
    seed: SeedOption = 0,
    band: BandOption = (2.0, 45.0),
    normalisation: NormalisationOption = "eigenvalue",
    method: MethodOption = MethodName.auto,
    route: RouteOption = RouteName.theory,
    by_region: WidthOption = None,
    depth: DepthOption = None,
    left_out: LeftOutOption = LeftOut.nothing,
    duration: DurationOption = 20.0,
    dt: StepOption = 1e-3,
    seeds: SeedsOption = 2,
    assignments: SetOption = [],  # noqa: B006
    precision: PrecisionOption = Precision.auto,
    resume: ResumeOption = None,
    quiet: QuietOption = False,
) -> None:
    """Fit a whole-brain model to power spectra by gradient.

    Writes `summary.json`, arrays, pictures and one HTML page into the folder. With no arguments it
    fits the embedded synthetic recording, in about two minutes.

    One Ctrl-C ends it cleanly: the report is of what was found until then, and names what was not fitted. That,
    or one that was killed, goes on by `--resume` with its folder, to the results that it would have had.
    """
    with plain_errors():
        if resume is not None:
            return go_on_with(context, resume, quiet)
        choose_precision(precision)
        recorded = recordings(data, seed, normalisation).within(*band)
        simulated = route is RouteName.simulated
        settings = StudySettings(
            starts=starts,
            method=_METHODS[method],
            route=_simulated(duration, dt, seeds, band) if simulated else None,
            width=by_region,
            left_out=left_out.value,
            depth=depth,
        )
        out = result_folder(out)
        chosen = preset(rung.value)
        with unfinished(out) as checkpoints:
            found = study(
                recorded,
                drawable(chosen) if simulated else chosen,
                settings,
                key=jax.random.key(seed),
                changes=changes(assignments),
                checkpoints=checkpoints,
                show_progress=not quiet,
            )
            _require_fitted(found, out)
            name = "embedded synthetic recording" if data is None else data.name
            page = write_results(out, found, used() | {"data": name})
            write_config(out)
            if not found.interrupted:
                remove(out)
    people = "1 person" if recorded.people == 1 else f"{recorded.people} people"
    say(f"mean correlation in dB {found.model.mean_score:.4f} over {people}; report: {page}")
    if found.interrupted:
        say(
            f"interrupted: this is what was found; not fitted: {', '.join(found.not_fitted) or 'nothing'}. "
            f"Go on by: rosetta fit --resume {out}"
        )
        raise typer.Exit(130)


def _require_fitted(found: Study, out: Path) -> None:
    """Raise where nobody was fitted, and leave nothing to go on with."""
    if np.isfinite(found.model.mean_score):
        return
    remove(out)
    if found.interrupted:
        raise ValueError("interrupted before anything was found: nothing is written.")
    raise ValueError(f"nobody could be fitted: {found.result.message} Try more `--starts`.")


_METHODS = {
    MethodName.auto: None,
    MethodName.levenberg_marquardt: LevenbergMarquardt(),
    MethodName.adam: GradientDescent(),
}


def _simulated(duration: float, dt: float, seeds: int, band: tuple[float, float]) -> Simulated:
    route = Simulated(duration, dt, seeds)
    interval = _sampling(dt, band, duration, route.transient)
    return dataclasses.replace(route, save_every=interval)


def _sampling(dt: float, band: tuple[float, float], *spans: float) -> float:
    """The longest sampling interval that holds the band with room to spare and divides the spans (s)."""
    most = max(1, math.floor(0.35 / (band[1] * dt)))
    wholes = [round(span / dt) for span in spans]
    return dt * max(k for k in range(1, most + 1) if all(whole % k == 0 for whole in wholes))
