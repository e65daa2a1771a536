"""How time grows with nodes, delays, lanes and simulated time: rosetta_jax, TVB-Optim and bare C in one picture.

    python benchmarks/scaling.py [--quick] [--name NAME]        # ten minutes; --quick two
    python benchmarks/scaling.py --show benchmarks/results/NAME.json

Stuart-Landau networks with delays and noise, in float32 on one core: W2 and, for lanes, W6 of
`benchmarks/peers/workloads.py`, each point in a process of its own by the scripts and the gate of
`benchmarks/run.py`. Delays are rounded to whole steps, as TVB-Optim has them. TVB-Optim is run with two of its
fastest settings and shown with the better one, or left out where `peers/environments.py` has not installed it; C
marches few lanes one after another and more in groups of sixteen. A point is drawn if its run without noise
agrees with the plain NumPy march. `benchmarks/results/` receives NAME.json and NAME.png; `--show` draws again.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator
from rich import box
from rich.console import Console
from rich.table import Table

# Before `run`, which puts the folder of the peers' scripts there.
sys.path.insert(0, str(Path(__file__).parent))

import run
from run import workloads

from rosetta_jax.plot import _canvas
from rosetta_jax.plot._canvas import BLUE, GREY, INK, SMALL, TICK, VERMILION

Line = dict[str, Any]

NODES, GROUP = 80, 16
# Steps of a call at 80 nodes, and steps times lanes of one of an ensemble; never fewer steps than the least.
STEPS, LANE_STEPS, LEAST = 16_384, 8_192, 512
# A run of more steps is made with one setting alone.
LONG = 100_000
LIBRARIES = {
    "tvboptim": ("TVB-Optim", VERMILION),
    "rosetta": ("rosetta_jax", BLUE),
    "c": ("C", INK),
}
# Labels at the ends of curves stand so far apart, in heights of the panel.
GAP = 0.075


def network(nodes: float, dt: float) -> workloads.Case:
    """W2 with as many steps as take a call about as long at any size."""
    share = min((NODES / nodes) ** 2, 1.0)
    return workloads.case_of("W2", int(nodes), dt, LEAST * max(round(share * STEPS / LEAST), 1))


def networks(nodes: float) -> list[workloads.Case]:
    """W2 with long and short steps."""
    return [network(nodes, dt) for dt in (1.0, 0.1)]


def ensemble(lanes: float) -> list[workloads.Case]:
    """W6 with so many lanes."""
    steps = max(LANE_STEPS // int(lanes), LEAST)
    return [workloads.case_of("W6", NODES, 1.0, steps, int(lanes))]


def lasting(duration: float) -> list[workloads.Case]:
    """W2 for so many seconds."""
    return [workloads.case_of("W2", NODES, 1.0, round(1000 * duration))]


def processor(line: Line) -> float:
    """Microseconds of processor time a step (and lane)."""
    return line["cpu_us"]


def longest_delay(line: Line) -> float:
    """In steps."""
    return float(workloads.delay_steps(line["nodes"], line["dt"]).max())


class Series(NamedTuple):
    """Curves of one style: the time that they show, of lines with this step in ms (None: of all)."""

    label: str
    style: str
    time: Callable[[Line], float]
    dt: float | None = None
    mark: float = 4.5

    def of(self, lines: Iterable[Line], peer: str) -> list[Line]:
        """Its lines of a library."""
        return [line for line in lines if line["peer"] == peer and self.dt in (None, line["dt"])]


class Panel(NamedTuple):
    """What time grows with: the values that are run, few for a smoke run, and where a line stands among them."""

    title: str
    x: str
    y: str
    values: tuple[float, ...]
    few: tuple[float, ...]
    cases: Callable[[float], list[workloads.Case]]
    place: Callable[[Line], float]
    series: tuple[Series, ...] = (Series("", "o-", processor),)


STEP_TIME = "processor time of a step (µs)"
PANELS = {
    "nodes": Panel(
        "nodes",
        "nodes, all to all",
        STEP_TIME,
        (20, 80, 200, 400, 1000),
        (20, 80),
        networks,
        lambda line: line["nodes"],
        (
            Series("step 1 ms", "o-", processor, 1.0),
            Series("step 0.1 ms", "o--", processor, 0.1),
        ),
    ),
    "delays": Panel(
        f"delay, {NODES} nodes",
        "longest delay (steps): 20 ms in steps of 2 to 0.05 ms",
        STEP_TIME,
        (2.0, 1.0, 0.5, 0.2, 0.1, 0.05),
        (2.0, 1.0, 0.1),
        lambda dt: [network(NODES, dt)],
        longest_delay,
    ),
    "lanes": Panel(
        f"ensemble size, {NODES} nodes, step 1 ms",
        "lanes (networks in one call)",
        "processor time of a lane and step (µs)",
        (1, 4, 16, 64, 256),
        (1, 16),
        ensemble,
        lambda line: line["lanes"],
    ),
    "time": Panel(
        f"length of a run, {NODES} nodes, step 1 ms",
        "simulated time (s), all states returned",
        "time of a call (s)",
        (1, 10, 60, 600),
        (1, 10),
        lasting,
        lambda line: 1e-3 * line["steps"] * line["dt"],
        (
            Series("wall clock", "o-", lambda line: 1e-6 * line["steps"] * line["wall_us"]),
            # Wider than the dots on which they lie.
            Series("processor", "x", lambda line: 1e-6 * line["steps"] * line["cpu_us"], mark=7.0),
            Series("compilation, once", ":", lambda line: line["compile_seconds"]),
        ),
    ),
}


def size(line: Line) -> tuple[Any, ...]:
    """What tells a case, or a line, from others."""
    return tuple(line[name] for name in ("workload", "nodes", "dt", "steps", "lanes"))


def sizes(quick: bool) -> dict[str, list[tuple[Any, ...]]]:
    """The sizes of each panel; panels share some."""
    return {
        name: [
            size(vars(case))
            for value in (panel.few if quick else panel.values)
            for case in panel.cases(value)
        ]
        for name, panel in PANELS.items()
    }


def tried(peer: str, case: workloads.Case) -> list[str]:
    """The settings of a library that are tried, few, its safest bet first."""
    if peer == "c" and case.kind.ensemble and case.lanes < GROUP:
        return ["alone"]
    if peer == "tvboptim" and case.kind.ensemble:
        return [f"roll,block=250,lanes={count}" for count in (8, 1) if count <= case.lanes]
    if peer == "tvboptim":
        return ["roll,block=250", "preallocated,block=250"][: 1 if case.steps > LONG else 2]
    return [""]


def jobs(given: argparse.Namespace) -> Iterator[list[str]]:
    """The arguments of each process, library first; every size once."""
    wanted = dict.fromkeys(each for panel in sizes(given.quick).values() for each in panel)
    for each in wanted:
        case = workloads.case_of(*each)
        for peer in given.peers.split(","):
            for setting in tried(peer, case)[: 1 if given.quick else None]:
                yield run.job_of(peer, case, setting, given.repeats)


def lines_of(found: dict[str, Any], name: str) -> list[Line]:
    """The best line of each library and size of a panel, in order, where it ran and agrees."""
    wanted = {tuple(each) for each in found["panels"][name]}
    good = [line for line in run.bests(found["lines"]) if line["success"] and line["agrees"]]
    return sorted((line for line in good if size(line) in wanted), key=PANELS[name].place)


def draw(found: dict[str, Any]) -> Figure:
    """The picture of a results file."""
    figure = _canvas.canvas(10.0, 7.6)
    for (name, panel), axes in zip(PANELS.items(), figure.subplots(2, 2).flat, strict=True):
        _draw_panel(axes, panel, lines_of(found, name))
    figure.supxlabel(
        f"{found['machine']['processor']}, one core; float32; Stuart-Landau nodes with noise; delays of 1 to "
        "20 ms, rounded to whole steps. Hollow: the core was never quiet.",
        fontsize=SMALL + 1,
        color=GREY,
    )
    return figure


def _draw_panel(axes: Axes, panel: Panel, lines: list[Line]) -> None:
    _canvas.plain_axes(axes)
    _canvas.name_axes(axes, panel.x, panel.y, panel.title)
    axes.set(xscale="log", yscale="log")
    for series in panel.series:
        for peer, (_, colour) in LIBRARIES.items():
            _draw_curve(axes, panel, series, series.of(lines, peer), colour)
        if series.label:
            axes.plot([], [], series.style, color=GREY, ms=series.mark, lw=1.4, label=series.label)
    if len(panel.series) > 1:
        axes.legend(frameon=False, fontsize=TICK, labelcolor=INK)
    places = sorted({panel.place(line) for line in lines})
    axes.set_xticks(places, [f"{place:g}" for place in places])
    axes.xaxis.set_minor_locator(NullLocator())
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    _name_curves(axes, panel, lines)


def _draw_curve(axes: Axes, panel: Panel, series: Series, lines: list[Line], colour: str) -> None:
    x, y = ([read(line) for line in lines] for read in (panel.place, series.time))
    axes.plot(x, y, series.style, color=colour, ms=series.mark, lw=1.4)
    noisy = [place for place, line in enumerate(lines) if not line["quiet"]]
    if series.style.startswith("o"):
        hollow = [[values[place] for place in noisy] for values in (x, y)]
        axes.plot(*hollow, "o", color=colour, mfc="white", ms=series.mark)


def _name_curves(axes: Axes, panel: Panel, lines: list[Line]) -> None:
    """The names of libraries right of the ends of their curves, apart from each other."""
    low, high = np.log(axes.get_ylim())
    dotted = [series for series in panel.series if series.style.startswith("o")]
    ends: dict[str, float] = {}
    for peer in LIBRARIES:
        curves = [[series.time(line) for line in series.of(lines, peer)] for series in dotted]
        last = [np.log(curve[-1]) for curve in curves if curve]
        if last:
            ends[peer] = (np.mean(last) - low) / (high - low)
    for peer, height in zip(ends, spread(list(ends.values()), GAP), strict=True):
        name, colour = LIBRARIES[peer]
        axes.text(
            1.02,
            height,
            name,
            transform=axes.transAxes,
            va="center",
            fontsize=TICK,
            color=colour,
        )


def spread(heights: list[float], gap: float) -> list[float]:
    """Heights at least `gap` apart, in the same order, each pushed as little as that needs."""
    order = np.argsort(heights)
    steps = gap * np.arange(len(heights))
    # Of sorted heights less multiples of the gap, the nearest that never fall (pool adjacent violators).
    pools: list[list[float]] = []
    for value in np.asarray(heights)[order] - steps:
        pools.append([value])
        while len(pools) > 1 and np.mean(pools[-2]) > np.mean(pools[-1]):
            pools[-2:] = [pools[-2] + pools[-1]]
    apart = np.empty(len(heights))
    apart[order] = np.concatenate([np.full(len(pool), np.mean(pool)) for pool in pools]) + steps
    return apart.tolist()


def table(found: dict[str, Any]) -> Table:
    """The numbers of the picture, and how many times rosetta_jax's the others take."""
    made = Table(box=box.SIMPLE_HEAD)
    for heading in ("", "at", ""):
        made.add_column(heading, no_wrap=True)
    for heading in (*(name for name, _ in LIBRARIES.values()), "TVB-Optim/", "C/"):
        made.add_column(heading, justify="right")
    for name, panel in PANELS.items():
        lines = lines_of(found, name)
        for series in panel.series:
            times = {
                peer: {panel.place(line): series.time(line) for line in series.of(lines, peer)}
                for peer in LIBRARIES
            }
            for place in dict.fromkeys(map(panel.place, lines)):
                at = {peer: known[place] for peer, known in times.items() if place in known}
                cells = [f"{at[peer]:.3g}" if peer in at else "-" for peer in LIBRARIES]
                ours = at.get("rosetta")
                cells += [
                    f"{at[peer] / ours:.2f}" if ours and peer in at else "-"
                    for peer in ("tvboptim", "c")
                ]
                made.add_row(panel.y, f"{name} {place:g}", series.label, *cells)
        made.add_section()
    return made


def show(found: dict[str, Any], picture: Path, console: Console) -> None:
    """Prints the numbers, says what is missing and draws the picture."""
    console.print(table(found))
    for line in run.bests(found["lines"]):
        if not (line["success"] and line["agrees"]):
            why = line["differs"] or "NOT as the plain march" if line["success"] else line["reason"]
            console.print(f"{line['peer']} {size(line)}: {why}", highlight=False, markup=False)
    for peer, reason in found["left_out"].items():
        console.print(f"{peer} is left out: {reason}", markup=False)
    draw(found).savefig(picture, dpi=160)
    console.print(f"drawn to {picture}")


def parsed() -> argparse.Namespace:
    """The arguments."""
    parser = argparse.ArgumentParser(description="Measures and draws how time grows.")
    run.add_shared(parser, LIBRARIES, "scaling")
    return parser.parse_args()


def main() -> None:
    given = parsed()
    console = Console() if sys.stdout.isatty() else Console(width=140)
    if given.show:
        found, path = json.loads(given.show.read_text()), given.show
    else:
        found, path = run.collected(jobs, given, console, panels=sizes(given.quick))
    show(found, path.with_suffix(".png"), console)


if __name__ == "__main__":
    main()
