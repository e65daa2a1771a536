"""The picture and the table of a brain on three rungs: of what `translated_brain.py` measured."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich import box
from rich.table import Table

from rosetta_jax.plot import _canvas

# What of the rhythm varies by node, and its unit.
RANGES = {"growth/frequency": "", "arriving/attraction": "", "own frequencies": " Hz"}
COLOURS = {
    "measured": _canvas.GREY,
    "Jansen-Rit": _canvas.INK,
    "Jansen-Rit, other noise": _canvas.SKY,
    "damped": _canvas.GREEN,
    "Stuart-Landau": _canvas.BLUE,
    "phase": _canvas.ORANGE,
}


def picture(found: dict[str, Any]) -> Figure:
    """Spectra, connectivity and answers to a field, at rest above and beyond onset below."""
    figure = _canvas.canvas(10.5, 6.6)
    grid = figure.subplots(2, 3)
    rest, rhythm = found["rest"], found["rhythm"]
    measured = {"measured": np.array(rest["measured"])}
    _spectra(grid[0, 0], rest, rest["spectra"] | measured, "As fitted, at rest: exact spectra")
    _scattered(grid[0, 1], rest["connectivity"], rest["errors"], "Connectivity, 2-45 Hz")
    _scattered(
        grid[0, 2],
        {name: rest["field"][name] for name in ("Jansen-Rit", "damped")},
        rest["errors"],
        "Answer to a field, 10 Hz (mV/mV)",
    )
    names = ("Jansen-Rit, other noise", "Jansen-Rit", "Stuart-Landau", "phase")
    spectra = {name: rhythm["spectra"][name] for name in names}
    _spectra(grid[1, 0], rhythm, spectra, "Beyond onset: simulated spectra")
    links = {name: rhythm["connectivity"][name] for name in names}
    _scattered(grid[1, 1], links, rhythm["errors"], "Correlation of signals")
    answers = {name: rhythm["field answers"][name] for name in names}
    title = f"Answer to {rhythm['field']:.2f} mV at 10 Hz (mV)"
    _scattered(grid[1, 2], answers, rhythm["errors"], title)
    return figure


def _spectra(axes: Axes, part: dict[str, Any], spectra: dict[str, Any], title: str) -> None:
    """Means over nodes in dB against the largest of each: the strength of the noise is a choice of scale."""
    _canvas.plain_axes(axes)
    at_rest = "measured" in spectra
    level = np.array(spectra["Jansen-Rit"]).mean(axis=1).max()
    for name, each in spectra.items():
        mean = np.array(each).mean(axis=1)
        scale = mean.max() if at_rest and name == "measured" else level
        dashed = name not in ("measured", "Jansen-Rit")
        axes.plot(
            part["frequencies"],
            10 * np.log10(mean / scale),
            color=COLOURS[name],
            lw=2.6 if name in ("measured", "Jansen-Rit, other noise") else 1.5,
            ls="--" if dashed and name != "Jansen-Rit, other noise" else "-",
            label=name,
        )
    _canvas.name_axes(axes, "frequency (Hz)", "mean density (dB)", title)
    axes.legend(frameon=False, fontsize=_canvas.SMALL)


def _scattered(axes: Axes, values: dict[str, Any], errors: dict[str, Any], title: str) -> None:
    """Each translation against Jansen-Rit: a dot a pair or a node."""
    _canvas.plain_axes(axes)
    true = np.array(values["Jansen-Rit"])
    axes.axline((float(true.min()),) * 2, slope=1.0, color=_canvas.INK, lw=0.9)
    for name in ("Jansen-Rit, other noise", "phase", "Stuart-Landau", "damped"):
        if name in values:
            label = f"{name}, r = {np.corrcoef(true, values[name])[0, 1]:.3f}"
            size = 3 if len(true) > 500 else 16
            axes.scatter(
                true, values[name], size, color=COLOURS[name], alpha=0.5, lw=0, label=label
            )
    _canvas.name_axes(axes, "Jansen-Rit", "translated", title)
    axes.legend(frameon=False, fontsize=_canvas.SMALL, markerscale=2)


def table(found: dict[str, Any]) -> Table:
    """Errors of each translation, with ceiling and baseline."""
    rest, rhythm = found["rest"], found["rhythm"]
    made = Table(title=f"Person {found['person']}", box=box.SIMPLE_HEAD)
    columns = ["at rest: damped", "at rest: no links"] + [f"rhythm: {e}" for e in rhythm["errors"]]
    for heading in ("", *columns):
        made.add_column(heading)
    each = [rest["errors"], rest["baselines"], *rhythm["errors"].values()]
    rows = dict.fromkeys(name for errors in each for name in errors)
    for row in rows:
        made.add_row(row, *(f"{errors[row]:.3g}" if row in errors else "" for errors in each))
    for name, unit in RANGES.items():
        low, high = rhythm[name]
        made.add_row(name, f"{low:.3g} to {high:.3g}{unit}")
    made.add_row("scatter of an answer", f"{rhythm['scatter of an answer']:.2g} mV")
    for kind, reason in rest["refused"].items():
        made.add_row(f"{kind} at rest", reason.split(":")[1].strip()[:60])
    return made
