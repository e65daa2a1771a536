"""`rosetta fit`: a whole-brain model fitted to power spectra, with a report."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from rosetta_jax.cli.asked import Asked, end
from rosetta_jax.cli.config import ConfigOption, SetOption, changes, settle, used, write_config
from rosetta_jax.cli.fit_bold import fit_bold
from rosetta_jax.cli.fit_evoked import fit_evoked
from rosetta_jax.cli.fit_options import (
    Context,
    CurveOption,
    DataOption,
    DepthOption,
    DurationOption,
    FittedBandOption,
    FittedRung,
    LeftOut,
    LeftOutOption,
    MethodName,
    MethodOption,
    Modality,
    ModalityOption,
    NormalisationOption,
    PosteriorOption,
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
from rosetta_jax.cli.freeing import Freeing, FreeOption, HoldOption, MapsOption, PriorOption
from rosetta_jax.cli.recordings import recordings
from rosetta_jax.cli.shared import (
    Precision,
    PrecisionOption,
    QuietOption,
    SeedOption,
    choose_precision,
    plain_errors,
    result_folder,
)
from rosetta_jax.cli.unfinished import go_on_with, remove, require_fitted, unfinished
from rosetta_jax.data.bold import BOLD_BAND
from rosetta_jax.inference import Simulated, Study, StudySettings, drawable, preset, study
from rosetta_jax.optimise import GradientDescent, LevenbergMarquardt
from rosetta_jax.parameters import replace


def fit(
    context: Context,
    config: ConfigOption = None,
    data: DataOption = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("rosetta-fit"),
    modality: ModalityOption = Modality.meg,
    rung: PresetOption = None,
    starts: StartsOption = 4,
    seed: SeedOption = 0,
    band: FittedBandOption = None,
    normalisation: NormalisationOption = "eigenvalue",
    method: MethodOption = MethodName.auto,
    route: RouteOption = RouteName.theory,
    free: FreeOption = [],  # noqa: B006
    prior: PriorOption = [],  # noqa: B006
    hold: HoldOption = [],  # noqa: B006
    maps: MapsOption = [],  # noqa: B006
    by_region: WidthOption = None,
    depth: DepthOption = None,
    left_out: LeftOutOption = LeftOut.nothing,
    cohort_curve: CurveOption = False,
    posterior: PosteriorOption = None,
    duration: DurationOption = 20.0,
    dt: StepOption = 1e-3,
    seeds: SeedsOption = 2,
    assignments: SetOption = [],  # noqa: B006
    precision: PrecisionOption = Precision.auto,
    resume: ResumeOption = None,
    quiet: QuietOption = False,
) -> None:
    """Fit a whole-brain model to power spectra, connectivity of BOLD or an evoked response, by gradient.

    Writes `summary.json`, arrays, pictures and one HTML page into the folder. With no arguments it
    fits the embedded synthetic recording, in about two minutes.

    One Ctrl-C ends it cleanly: the report is of what was found until then, and names what was not fitted. That,
    or one that was killed, goes on by `--resume` with its folder, to the results that it would have had.
    """
    with plain_errors():
        if resume is not None:
            return go_on_with(context, resume)
        choose_precision(precision)
        usual = _USUAL[modality]
        rung, band = rung or usual[0], usual[1] if band is None else band
        settle(rung=rung, band=band)
        simulated = route is RouteName.simulated
        asked = Asked(
            modality=modality.value,
            data=data,
            out=out,
            rung=rung.value,
            band=band,
            starts=starts,
            seed=seed,
            normalisation=normalisation,
            method=_METHODS[method],
            route=_simulated(duration, dt, seeds, band) if simulated else None,
            width=by_region,
            depth=depth,
            left_out=left_out.value,
            cohort_curve=cohort_curve,
            posterior=posterior,
            freeing=Freeing(free, prior, hold, maps),
            changes=changes(assignments),
            quiet=quiet,
        )
        found, said = _STUDIES.get(modality, _fit_spectra)(asked)
    end(said, found.interrupted, found.not_fitted, out)


def _fit_spectra(asked: Asked) -> tuple[Study, str]:
    """The study of power spectra, written into its folder, and a line of what it found."""
    if asked.left_out == "person":
        raise ValueError(
            "`--left-out` person is for bold, whose people share their numbers: choose bins or regions."
        )
    recorded = recordings(asked.data, asked.seed, asked.normalisation).within(*asked.band)
    if asked.cohort_curve and recorded.people < 2:
        raise ValueError(
            "`--cohort-curve` learns the gain curve of a person on others, and there is 1 person: leave it out."
        )
    shared = asked.width is None and not asked.freeing.maps
    settings = StudySettings(
        starts=asked.starts,
        method=asked.method,
        route=asked.route,
        width=asked.width,
        left_out=asked.left_out,
        depth=asked.depth if shared or asked.depth is not None else 0.3,
        share_sd=None if shared else 0.1,
        curve_rounds=2 if asked.cohort_curve else 0,
        posterior=asked.route is None if asked.posterior is None else asked.posterior,
    )
    out = result_folder(asked.out)
    chosen = preset(asked.rung)
    chosen = chosen if asked.route is None else drawable(chosen)
    template = replace(chosen.network(recorded.connectomes[0]), asked.changes)
    chosen = asked.freeing.of(chosen, template, recorded.cortical_maps)
    with unfinished(out) as checkpoints:
        found = study(
            recorded,
            chosen,
            settings,
            key=asked.key,
            changes=asked.changes,
            checkpoints=checkpoints,
            show_progress=not asked.quiet,
        )
        require_fitted(found.model.mean_score, found.interrupted, found.result.message, out)
        page = write_results(out, found, used() | {"data": asked.name})
        write_config(out)
        if not found.interrupted:
            remove(out)
    people = "1 person" if recorded.people == 1 else f"{recorded.people} people"
    return (
        found,
        f"mean correlation in dB {found.model.mean_score:.4f} over {people}; report: {page}",
    )


# The rung and the band (Hz) where nothing is said.
_USUAL = {
    Modality.meg: (FittedRung.jansen_rit, (2.0, 45.0)),
    Modality.eeg: (FittedRung.jansen_rit, (2.0, 45.0)),
    Modality.bold: (FittedRung.harmonic, BOLD_BAND),
    Modality.evoked: (FittedRung.jansen_rit, (0.0, 50.0)),
}
_STUDIES: dict[Modality, Callable[[Asked], tuple[Any, str]]] = {
    Modality.bold: fit_bold,
    Modality.evoked: fit_evoked,
}


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
