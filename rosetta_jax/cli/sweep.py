"""`rosetta sweep`: measures of a brain over many parameters, in a store that survives whatever ends it."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import typer

from rosetta_jax import sweeps
from rosetta_jax.cli.brain import KINDS, GainOption, SpeedOption
from rosetta_jax.cli.config import ConfigOption, SetOption, changed, settle, used, write_config
from rosetta_jax.cli.fit_options import Context
from rosetta_jax.cli.shared import (
    Precision,
    PrecisionOption,
    QuietOption,
    RungName,
    RungOption,
    SeedOption,
    choose_precision,
    console,
    plain_errors,
    result_folder,
    say,
)
from rosetta_jax.cli.sweep_asked import (
    EXAMPLE,
    Draw,
    ReadingName,
    Reads,
    axes_of,
    measure_of,
    measured_in,
)
from rosetta_jax.cli.sweep_report import STORE, Ranking, Swept, require_number, write_results
from rosetta_jax.cli.unfinished import go_on
from rosetta_jax.network import Network
from rosetta_jax.observe import BalloonWindkessel
from rosetta_jax.results import Status
from rosetta_jax.working_points import WORKING_POINTS, working_brain

_WHAT, _WHERE, _MARCH = "What is swept", "Where it is computed", "Simulated measures"
# What is swept where nothing is asked for: the gain, in shares of that of the working point, and what takes a rung
# through its onset, or the speed (m/s) of rungs that are best left where they are.
_GAINS, _SPEEDS, _PLACES = (0.0, 2.0, 21), (2.0, 20.0), 21
_ONSETS = {
    RungName.harmonic: ("rung.alpha", -15.0, 1.0),
    RungName.stuart_landau: ("rung.alpha", -15.0, 1.0),
    RungName.subcritical: ("rung.alpha", -15.0, 1.0),
    RungName.wilson_cowan: ("rung.bias_y", -9.0, -5.0),
    RungName.nmm1: ("rung.bias_x", 0.0, 20.0),
    RungName.jansen_rit: ("rung.bias", 300.0, 700.0),
    RungName.wendling: ("rung.bias", 100.0, 300.0),
    RungName.laminar: ("rung.bias_1", 300.0, 500.0),
}


def sweep(
    context: Context,
    config: ConfigOption = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("rosetta-sweep"),
    rung: RungOption = RungName.jansen_rit,
    axis: Annotated[
        list[str],
        typer.Option(
            metavar="PATH=VALUES",
            rich_help_panel=_WHAT,
            help=f"A parameter and its values: {EXAMPLE}; or bounds, gain=0:8, with `--points`. May be repeated. "
            "By default the gain and what takes the rung through its onset.",
        ),
    ] = [],  # noqa: B006
    points: Annotated[
        int | None,
        typer.Option(
            min=1, rich_help_panel=_WHAT, help="Draw so many points between the bounds of axes."
        ),
    ] = None,
    draw: Annotated[
        Draw, typer.Option(rich_help_panel=_WHAT, help="How points are drawn.")
    ] = Draw.sobol,
    table: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=_WHAT, help="A CSV file: a row of paths, and a row of values a member."
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, rich_help_panel=_WHAT, help="Seeds of the noise at each point.")
    ] = 1,
    same_noise: Annotated[
        bool, typer.Option("--same-noise", rich_help_panel=_WHAT, help="The same noise everywhere.")
    ] = False,
    measure: Annotated[
        list[ReadingName],
        typer.Option(rich_help_panel=_WHAT, help="What is measured; may be repeated."),
    ] = [ReadingName.peak, ReadingName.stability],  # noqa: B006
    band: Annotated[
        tuple[float, float], typer.Option(rich_help_panel=_WHAT, help="Frequencies, Hz.")
    ] = (2.0, 45.0),
    of: Annotated[
        str, typer.Option(rich_help_panel=_WHAT, help="What is measured of: signal or bold.")
    ] = "signal",
    data: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=_WHAT,
            help="Recordings as of `rosetta fit`, spectra or connectivity of regions: members are on their "
            "connectome, and measured is how well they fit. By default the embedded synthetic ones.",
        ),
    ] = None,
    person: Annotated[
        int, typer.Option(min=0, rich_help_panel=_WHAT, help="Which person of the recordings.")
    ] = 0,
    best: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_WHAT,
            help="The measure that the best members have most of.",
        ),
    ] = None,
    lowest: Annotated[
        bool, typer.Option("--lowest", rich_help_panel=_WHAT, help="The best have least of it.")
    ] = False,
    gain: GainOption = None,
    speed: SpeedOption = 8.0,
    assignments: SetOption = [],  # noqa: B006
    duration: Annotated[
        float,
        typer.Option(
            rich_help_panel=_MARCH, help="Seconds that each member is simulated; 0: exact theory."
        ),
    ] = 0.0,
    transient: Annotated[
        float, typer.Option(rich_help_panel=_MARCH, help="Seconds dropped first.")
    ] = 2.0,
    dt: Annotated[
        float | None,
        typer.Option(rich_help_panel=_MARCH, help="Step, s; by default one that suits the rung."),
    ] = None,
    chunk: Annotated[
        int | None,
        typer.Option(min=1, rich_help_panel=_WHERE, help="Members computed and written together."),
    ] = None,
    memory: Annotated[
        float | None,
        typer.Option(
            rich_help_panel=_WHERE, help="MB that may be used; by default half of what is free."
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=0, rich_help_panel=_WHERE, help="Worker processes on this machine.")
    ] = 0,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            rich_help_panel=_WHERE,
            help="A Dask scheduler, whose workers compute: tcp://node1:8786.",
        ),
    ] = None,
    estimate: Annotated[
        bool,
        typer.Option(
            "--estimate",
            rich_help_panel=_WHERE,
            help="Print members, memory, chunk and time alone.",
        ),
    ] = False,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            rich_help_panel=_WHERE,
            help="Go on with a sweep that was cut short: its `--out` folder, or the store in it.",
        ),
    ] = None,
    seed: SeedOption = 0,
    precision: PrecisionOption = Precision.auto,
    quiet: QuietOption = False,
) -> None:
    """Measure a brain over many parameters at once, by exact theory or simulation.

    Writes a zarr store (open it with xarray), the best members, maps of every measure with the members that
    failed marked, and one HTML page. With no arguments it tells in half a minute where a Jansen-Rit brain fits the
    embedded recording, over its gain and its way through the onset.

    Whatever ends it, all chunks that were done are in the store: the same command, or `--resume` with the folder,
    goes on from there.
    """
    with plain_errors():
        if resume is not None:
            return _go_on(context, resume)
        choose_precision(precision)
        if scheduler is not None and workers:
            raise ValueError("`--scheduler` and `--workers` exclude each other: give one of them.")
        dt = WORKING_POINTS[KINDS[rung]].dt if dt is None else dt
        settle(dt=dt)
        reads = Reads(measure, band, of, duration, transient, dt)
        swept = _swept(rung, gain, speed, seed, data, person, reads, best, lowest)
        swept = swept._replace(brain=changed(swept.brain, assignments))
        axes = axes_of(axis, points, draw, table, seeds, seed) or _usual_axes(rung, swept.brain)
        if estimate:
            found = sweeps.estimate(swept.measure, swept.brain, axes, chunk=chunk, memory=memory)
            return say(found.message)
        require_number(swept)
        out = result_folder(out)
        if not (out / STORE).exists():  # which may be of another sweep, and then keeps its settings
            write_config(out)
        found = sweeps.sweep(
            swept.measure,
            swept.brain,
            axes,
            store=out / STORE,
            key=jax.random.key(seed),
            same_noise=same_noise,
            chunk=chunk,
            memory=memory,
            cluster=scheduler or workers or None,
            show_progress=False if quiet else True if console.is_terminal else "log",
        )
        write_config(out)
        _end(out, found, swept, quiet)


def _end(out: Path, found: Any, swept: Swept, quiet: bool) -> None:
    """Write what was found, whole or not, and say so."""
    page, said = write_results(out, found, swept, used())
    status = np.asarray(found["status"])
    # The progress has said it where members failed.
    ended = f"{sweeps.summary(found)} " if quiet or (status == Status.ok).all() else ""
    say(f"{ended}{said}report: {page}")
    if (status == Status.not_run).any():
        say(f"interrupted: go on by: rosetta sweep --resume {out}")
        raise typer.Exit(130)


def _swept(
    rung: RungName,
    gain: float | None,
    speed: float,
    seed: int,
    data: Path | None,
    person: int,
    reads: Reads,
    best: str | None,
    lowest: bool,
) -> Swept:
    """The brain and the measure that are asked for."""
    connectome, fits, score = measured_in(data, seed, person, reads)
    brain = working_brain(KINDS[rung], connectome, gain=gain, speed=speed)
    if reads.of == "bold":
        brain = dataclasses.replace(brain, bold=BalloonWindkessel())
    return Swept(brain, measure_of(reads, fits), Ranking(best or score, not lowest))


def _usual_axes(rung: RungName, brain: Network) -> dict[str, Any]:
    """The gain, and a second parameter that suits the rung."""
    low, high, number = _GAINS
    path, begin, end = _ONSETS.get(rung, ("speed", *_SPEEDS))
    return {
        "gain": float(brain.gain) * np.linspace(low, high, number),
        path: np.linspace(begin, end, _PLACES),
    }


def _go_on(context: Context, path: Path) -> None:
    """Run the command with the settings of the folder that `path` is, or lies in."""
    out = path.parent if path.name == STORE else path
    if not (out / STORE).exists():
        raise ValueError(
            f"`--resume` {path} holds no sweep ({STORE} is not there): give the `--out` of one."
        )
    go_on(context, out, out, ("quiet", "scheduler", "workers"))
