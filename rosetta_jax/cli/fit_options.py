"""The options of `rosetta fit`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rosetta_jax.network import NORMALISATIONS

# Commands are given what typer's own context extends.
if TYPE_CHECKING:
    Context = typer.Context
else:
    Context = typer.Context.__base__


class RouteName(StrEnum):
    """How a network becomes a prediction."""

    theory = "theory"
    simulated = "simulated"


class PresetName(StrEnum):
    """The rungs that have a preset for fits of spectra."""

    harmonic = "harmonic"
    stuart_landau = "stuart-landau"
    jansen_rit = "jansen-rit"
    thalamic_loop = "thalamic-loop"


class FittedRung(StrEnum):
    """The rungs that have a preset for fits of any modality."""

    harmonic = "harmonic"
    stuart_landau = "stuart-landau"
    jansen_rit = "jansen-rit"
    thalamic_loop = "thalamic-loop"
    wilson_cowan = "wilson-cowan"


class Modality(StrEnum):
    """What was recorded, and so what is fitted."""

    meg = "meg"
    eeg = "eeg"
    bold = "bold"
    evoked = "evoked"


class MethodName(StrEnum):
    """How a loss is descended."""

    auto = "auto"
    levenberg_marquardt = "levenberg-marquardt"
    adam = "adam"


class LeftOut(StrEnum):
    """What is judged without being fitted."""

    nothing = "nothing"
    bins = "bins"
    regions = "regions"
    person = "person"


_REGIONAL, _SIMULATED = "Parameters by region", "Simulated route"

WidthOption = Annotated[
    float | None,
    typer.Option(
        "--by-region",
        metavar="WIDTH",
        rich_help_panel=_REGIONAL,
        help="Let numbers of the rung (three, of thalamic-loop seven) deviate in every region, with a normal "
        "prior of this width in units of their own prior (1 is a good choice). Without it all regions share them.",
    ),
]
DepthOption = Annotated[
    float | None,
    typer.Option(
        rich_help_panel=_REGIONAL,
        help="How much the depth of a spectrum counts beside its shape: 0.15 for shared numbers, 0.3 by region.",
    ),
]
CurveOption = Annotated[
    bool,
    typer.Option(
        "--cohort-curve",
        rich_help_panel=_REGIONAL,
        help="See every person through the gain curve (dB) of instruments and processing that fits of people of "
        "the other half left over, and fit on: the model and all it is read against alike.",
    ),
]
PosteriorOption = Annotated[
    bool | None,
    typer.Option(
        "--posterior/--no-posterior",
        help="Whether to tell how sure the numbers are, by a likelihood, after the fit; by default where theory "
        "and data can: spectra by theory, connectivity of bold series, evoked responses.",
    ),
]
LeftOutOption = Annotated[
    LeftOut,
    typer.Option(
        rich_help_panel=_REGIONAL,
        help="Fit bins (regions) 1, 3, 5... and judge 2, 4, 6..., or fit and judge all; of bold each person in "
        "turn.",
    ),
]


DataOption = Annotated[
    Path | None,
    typer.Option(
        help="Recordings, .npz or .mat with the keys `frequencies` (F,) Hz, `psd` (nodes, F) or (people, nodes, "
        "F), `weights` (nodes, nodes) or (people, nodes, nodes), and optional `lengths` mm, `labels`, "
        "`centres` mm, `maps` (maps, nodes); `lead_field` (sensors, nodes) where `psd` is of sensors. "
        "Of bold instead of the first two `bold` (nodes, T) or (people, nodes, T) with `repetition_time` s, or "
        "`fc` (nodes, nodes) or (people, nodes, nodes); of evoked `times` (T,) s, zero at the stimulus, `evoked` "
        "(sensors, T) and optional `lead_field`. "
        "Without it: the embedded synthetic recording."
    ),
]
ResumeOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Go on with a fit that was cut short: its `--out` folder, or one of the files in its checkpoints. "
        "All settings are those of the folder.",
    ),
]
PresetOption = Annotated[
    FittedRung | None,
    typer.Option(
        "--rung",
        help="The neural mass of every region; by default jansen-rit, of bold harmonic.",
    ),
]
ModalityOption = Annotated[
    Modality,
    typer.Option(
        help="What was recorded: meg and eeg are fitted by power spectra of regions or sensors, bold by "
        "functional connectivity, one set of numbers for all people, evoked by the response to a pulse whose "
        "strength in every region is solved for."
    ),
]
StartsOption = Annotated[int, typer.Option(min=1, help="Starts a person.")]
BandOption = Annotated[tuple[float, float], typer.Option(help="Bins used, Hz.")]
FittedBandOption = Annotated[
    tuple[float, float] | None,
    typer.Option(
        help="Frequencies used, Hz; by default 2 45, of bold 0.01 0.1, of evoked those below 50."
    ),
]
NormalisationOption = Annotated[
    str, typer.Option(help=f"Of the weights: {', '.join(NORMALISATIONS)} or none.")
]
MethodOption = Annotated[
    MethodName,
    typer.Option(help="auto: Levenberg-Marquardt; by region through simulations Adam."),
]
RouteOption = Annotated[
    RouteName,
    typer.Option(help="Exact theory, or simulations with gradients through every step."),
]
DurationOption = Annotated[float, typer.Option(rich_help_panel=_SIMULATED, help="Seconds a seed.")]
StepOption = Annotated[float, typer.Option(rich_help_panel=_SIMULATED, help="Step, s.")]
SeedsOption = Annotated[
    int, typer.Option(min=1, rich_help_panel=_SIMULATED, help="Noise seeds averaged each step.")
]
