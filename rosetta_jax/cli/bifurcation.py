"""`rosetta bifurcation`: equilibria and cycles of one neural mass along a parameter, and where they change."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Listing

from rosetta_jax import parameters, plot
from rosetta_jax.bifurcation import Branch, CycleBranch, continuation, cycles
from rosetta_jax.cli.bifurcation_points import Point, cycle_row, point_row, points
from rosetta_jax.cli.brain import NamedOption, one_node
from rosetta_jax.cli.config import ConfigOption, changes, used, write_config
from rosetta_jax.cli.shared import (
    Precision,
    PrecisionOption,
    QuietOption,
    RungName,
    RungOption,
    choose_precision,
    plain_errors,
    result_folder,
    say,
    write_pictures,
)
from rosetta_jax.report import Picture, Section, Table, write_page
from rosetta_jax.results import progress, provenance, save_arrays, write_json
from rosetta_jax.system import Rung


class Sweep(NamedTuple):
    """Parameters that are moved together, from where to where, and the longest step, of that range."""

    parameters: tuple[str, ...]
    begin: float
    end: float
    step: float = 0.02


# Where each rung is worth looking at, if nothing else is asked for.
SWEEPS = {
    RungName.stuart_landau: Sweep(("alpha",), -10.0, 10.0),
    RungName.subcritical: Sweep(("alpha",), -6.0, 1.0),
    RungName.wilson_cowan: Sweep(("bias_x",), -8.0, 4.0),
    RungName.master_mass: Sweep(("kappa",), -1.2, 0.0),
    RungName.nmm1: Sweep(("bias_x",), 0.0, 60.0),
    RungName.jansen_rit: Sweep(("bias",), -80.0, 350.0),
    RungName.wendling: Sweep(("bias",), -80.0, 220.0),
    RungName.laminar: Sweep(("bias_1",), -100.0, 500.0, 0.01),
    RungName.qif: Sweep(("bias",), -20.0, 100.0),
    RungName.nmm2: Sweep(("bias_e", "bias_i"), -20.0, 75.0),
}


def bifurcation(
    config: ConfigOption = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path(
        "rosetta-bifurcation"
    ),
    rung: RungOption = RungName.jansen_rit,
    named: NamedOption = None,
    parameter: Annotated[
        list[str],
        typer.Option(
            metavar="PATH",
            help="The parameter, such as bias; repeated, they move together. By default one that suits the rung.",
        ),
    ] = [],  # noqa: B006
    begin: Annotated[
        float | None, typer.Option("--from", help="The lower limit of the parameter.")
    ] = None,
    end: Annotated[
        float | None, typer.Option("--to", help="The upper limit of the parameter.")
    ] = None,
    assignments: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="PATH=VALUE",
            help="Set another parameter of the rung, such as bias_2=0; may be repeated.",
        ),
    ] = [],  # noqa: B006
    step: Annotated[
        float | None,
        typer.Option(
            help="The longest step, of the range; shorter ones miss less. By default 0.02."
        ),
    ] = None,
    intervals: Annotated[
        int, typer.Option(min=10, help="How many polynomials a cycle is made of.")
    ] = 40,
    precision: PrecisionOption = Precision.float64,
    quiet: QuietOption = False,
) -> None:
    """Follow the equilibria of one neural mass along a parameter, and the cycles that are born on the way.

    Finds folds and Hopf points, follows stable and unstable cycles from each Hopf point through their folds to
    where they end, and writes all points, the branches as arrays, a picture and a page.
    """
    with plain_errors():
        choose_precision(precision)
        system = one_node(rung, named, changes(assignments))
        sweep = _sweep(system, rung, parameter, begin, end, step)
        out = result_folder(out)
        branch, found = _followed(system, sweep, intervals, quiet)
        marked = points(branch, found)
        page = _write(out, branch, found, marked, sweep)
        write_config(out)
    _tell(branch, found, marked)
    say(f"{len(marked)} points and {len(found)} branches of cycles; report: {page}")


def _sweep(
    system: Rung,
    rung: RungName,
    paths: list[str],
    begin: float | None,
    end: float | None,
    step: float | None,
) -> Sweep:
    """What is swept: as asked for, and as embedded where nothing is."""
    known = SWEEPS.get(rung)
    asked = tuple(path.removeprefix("rung.") for path in paths)
    for path in asked:
        parameters.get(system, path)
    if known is None and not asked:
        raise ValueError(
            f"`--rung` {rung.value} has no sweep of its own: give `--parameter`, `--from` and `--to`."
        )
    own = known is not None and asked in ((), known.parameters)
    sweep = known if own else Sweep(asked, np.nan, np.nan)
    assert sweep is not None
    begin, end = sweep.begin if begin is None else begin, sweep.end if end is None else end
    if np.isnan([begin, end]).any():
        raise ValueError(
            f"`--parameter` {', '.join(asked)} needs limits: give both `--from` and `--to`."
        )
    if not (np.isfinite([begin, end]).all() and begin < end):
        raise ValueError(f"`--from` must lie below `--to`, got {begin:g} and {end:g}: swap them.")
    step = sweep.step if step is None else step
    if not 0 < step <= 0.5:
        raise ValueError(f"`--step` must be above 0 and at most 0.5 of the range, got {step:g}.")
    return Sweep(sweep.parameters, begin, end, step)


def _followed(
    system: Rung, sweep: Sweep, intervals: int, quiet: bool
) -> tuple[Branch, list[CycleBranch]]:
    """The equilibria, and the cycles from each Hopf point at which no other branch of cycles ends."""
    paths = sweep.parameters[0] if len(sweep.parameters) == 1 else sweep.parameters
    limits = sweep.begin, sweep.end
    found: list[CycleBranch] = []
    with progress(not quiet) as bar:
        task = bar.add_task("following", total=1, note="equilibria")
        branch = continuation(system, paths, limits, longest=sweep.step)
        bar.update(task, advance=1, total=1 + len(branch.hopfs))
        for hopf in branch.hopfs:
            bar.update(task, note=f"cycles from {hopf.label} at {hopf.value:.4g}")
            if not hopf.degenerate and all(
                each.kind != "Hopf" or each.end != hopf.value for each in found
            ):
                each = cycles(branch, hopf, intervals=intervals, longest=sweep.step)
                found.append(each)
            bar.advance(task)
        bar.update(task, note="")
    return branch, found


def _tell(branch: Branch, found: Sequence[CycleBranch], marked: Sequence[Point]) -> None:
    """Print what was found."""
    if not marked:
        Console().print(_nothing(branch), highlight=False)
        return
    _print("What was found", [point_row(branch, each) for each in marked])
    if found:
        _print("Cycles", [cycle_row(branch, each) for each in found])


def _print(title: str, rows: Sequence[dict[str, Any]]) -> None:
    listing = Listing(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    *numbers, words = rows[0]
    for heading in numbers:
        listing.add_column(heading, no_wrap=True)
    listing.add_column(words, overflow="fold")
    for row in rows:
        listing.add_row(*(escape(str(value)) for value in row.values()))
    Console().print(listing)


def _nothing(branch: Branch) -> str:
    """That nothing happens along the branch."""
    kind = "stable" if branch.stable.all() else "unstable"
    return (
        f"Nothing happens between {branch.parameter} = {branch.values.min():g} and {branch.values.max():g}: "
        f"the equilibrium is {kind} all along ({branch.ending})."
    )


def _write(
    out: Path,
    branch: Branch,
    found: Sequence[CycleBranch],
    marked: Sequence[Point],
    sweep: Sweep,
) -> Path:
    """Write everything into `out`; the path of the page."""
    swept = {"parameters": list(sweep.parameters), "begin": sweep.begin, "end": sweep.end}
    made = provenance(**used()) | {"sweep": swept | {"step": sweep.step}}
    save_arrays(out / "bifurcation.npz", _arrays(branch, found), made)
    cycle_rows = [cycle_row(branch, each) for each in found]
    summary = {
        "equilibria": branch.ending,
        "complete": branch.complete,
        "points": [each._asdict() for each in marked],
        "cycles": [
            {"from": each.hopf.value, "kind": each.kind, "end": each.end, "ending": each.ending}
            for each in found
        ],
    }
    write_json(out / "summary.json", summary | made)
    picture = Picture(
        plot.bifurcation(branch, found),
        "Equilibria and the lowest and highest signal of the cycles: solid where stable, dashed where not. "
        "Below, the frequency of the cycles.",
    )
    write_pictures(out, {"bifurcation": picture})
    tables = [Table([point_row(branch, each) for each in marked], "Points")] if marked else []
    tables += [Table(cycle_rows, "Cycles")] if found else []
    name = used()["rung"]
    return write_page(
        out / "report.html",
        title=f"Bifurcations of {name} along {branch.parameter}",
        summary=f"From {sweep.begin:g} to {sweep.end:g}; {branch.ending}. "
        + ("" if marked else _nothing(branch)),
        sections=[
            Section("What was found", tables=tables, pictures=[picture], pictures_first=True)
        ],
        facts={
            "folds of equilibria": len(branch.folds),
            "Hopf points": len(branch.hopfs),
            "branches of cycles": len(found),
            "folds of cycles": sum(len(each.folds) for each in found),
        },
        provenance=made,
    )


def _arrays(branch: Branch, found: Sequence[CycleBranch]) -> dict[str, np.ndarray]:
    """The branches, cycles numbered from zero."""
    arrays = {
        "values": branch.values,
        "states": branch.states,
        "signal": branch.signals[:, 0],
        "roots": branch.roots,
        "stable": branch.stable,
    }
    for number, each in enumerate(found):
        arrays |= {
            f"cycles_{number}_values": each.values,
            f"cycles_{number}_periods": each.periods,
            f"cycles_{number}_low": each.low[:, 0],
            f"cycles_{number}_high": each.high[:, 0],
            f"cycles_{number}_multipliers": each.multipliers,
            f"cycles_{number}_stable": each.stable,
        }
    return arrays
