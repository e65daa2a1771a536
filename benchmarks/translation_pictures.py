"""The tables and pictures of the study of translations: of what `translation_study.py` measured, one a part."""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from rich import box
from rich.table import Table

from rosetta_jax.plot import _canvas

COLOURS = {
    "Wilson-Cowan": _canvas.BLUE,
    "Jansen-Rit": _canvas.VERMILION,
    "NMM2": _canvas.GREEN,
    "bare phase": _canvas.GREY,
}
MODELS = {"source": _canvas.INK, "Stuart-Landau": _canvas.BLUE, "phase": _canvas.ORANGE}


def orders(found: dict[str, Any]) -> Figure:
    """Errors against the distance from onset: median, and all sets as a band."""
    figure = _canvas.canvas(8.6, 3.0)
    distances = np.array(found["distances"])
    first = next(iter(found["rungs"].values()))
    panels = figure.subplots(1, len(first["errors"]), squeeze=False)[0]
    for axes, quantity in zip(panels, first["errors"], strict=True):
        for name, rung in found["rungs"].items():
            rows = np.array(rung["errors"][quantity])
            slope = np.median(rung["slopes"][quantity])
            middle, label = np.median(rows, axis=0), f"{name}, {slope:.2f}"
            axes.plot(distances, middle, "o-", ms=3.5, lw=1.4, color=COLOURS[name], label=label)
            axes.fill_between(
                distances,
                *np.percentile(rows, (0, 100), axis=0),
                alpha=0.13,
                color=COLOURS[name],
                lw=0,
            )
        _logarithmic(axes, distances)
        axes.tick_params(axis="x", labelsize=_canvas.SMALL)
        _canvas.name_axes(axes, "growth/frequency", "relative error", f"Error of the {quantity}")
        _legend(axes, "median slope", "lower right")
    return figure


def networks(found: dict[str, Any]) -> Figure:
    """Errors of networks, those of the frequency left out (below the bins it is read in), and what pairs do."""
    figure = _canvas.canvas(8.6, 5.4)
    grid = figure.subplots(2, 2)
    panels = {
        "amplitude, mean": "relative error",
        "order parameter": "difference",
        "largest error of a phase": "error (rad)",
    }
    for axes, (quantity, label) in zip(grid.ravel(), panels.items(), strict=False):
        for name, rows in found["distances"].items():
            errors = [row["errors"][quantity] for row in rows]
            values = [
                abs(each["target"] - each["source"])
                / (each["source"] if label == "relative error" else 1.0)
                for each in errors
            ]
            growth = [row["growth"] for row in rows]
            axes.plot(growth, values, "o-", ms=4, lw=1.4, color=COLOURS[name], label=name)
        _logarithmic(axes)
        title = f"{found['nodes']} nodes: {quantity}"
        _canvas.name_axes(axes, "growth/frequency", label, title)
        _legend(axes)
    _pairs(grid[1, 1], found["pairs"])
    return figure


def _pairs(axes: Axes, pairs: dict[str, Any]) -> None:
    names, across = [], len(MODELS)
    for name, ways in pairs.items():
        for way, rates in ways.items():
            for place, model in enumerate(MODELS):
                at = len(names) + (place - (across - 1) / 2) * 0.25
                label = model if not names else None
                axes.bar(at, rates[model], 0.23, color=MODELS[model], label=label)
            names.append(f"{name}\n{way}")
    _canvas.plain_axes(axes).axhline(0, color=_canvas.INK, lw=0.8)
    axes.set_xticks(range(len(names)), names, fontsize=_canvas.SMALL)
    _canvas.name_axes(axes, "", "exponent (1/s)", "Pairs: unstable above zero")
    _legend(axes)


def locking(found: dict[str, Any]) -> Figure:
    """How wrong the predicted width is, and how far the middle moves, against the strength of the input."""
    figure = _canvas.canvas(7.4, 3.2)
    left, right = figure.subplots(1, 2)
    for axes, quantity in ((left, "width"), (right, "middle")):
        for name, each in found.items():
            pairs = [
                (share, abs(row[quantity]))
                for share, row in zip(each["shares"], each["rows"], strict=True)
                if quantity in row and name != "bare phase"
            ]
            if pairs:
                axes.plot(
                    *zip(*pairs, strict=True), "o-", ms=4, lw=1.4, color=COLOURS[name], label=name
                )
        _logarithmic(axes)
    bare = [abs(row["width"]) for row in found.get("bare phase", {"rows": []})["rows"]]
    if bare:
        left.axhline(
            max(bare), color=_canvas.GREY, lw=1.0, ls="--", label="error of the simulated edges"
        )
    strength = "half-width/attraction of the cycle"
    _canvas.name_axes(left, strength, "relative error", "Width of the 1:1 tongue")
    _canvas.name_axes(right, strength, "share of the half-width", "Its middle moves by")
    figure.legend(
        *left.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=4,
        frameon=False,
        fontsize=_canvas.SMALL,
    )
    return figure


def seconds(found: dict[str, Any]) -> Figure:
    """Seconds of a translation, with and without the measured error."""
    rows = found["rows"]
    names = list(dict.fromkeys((row["rung"], row["nodes"], row["target"]) for row in rows))
    figure = _canvas.canvas(6.4, 0.35 * len(names) + 1.3)
    axes = _canvas.plain_axes(figure.subplots())
    for measured, colour, shift in ((False, _canvas.BLUE, -0.18), (True, _canvas.SKY, 0.18)):
        label = "with its measured error" if measured else "translation alone"
        places, lengths = [], []
        for row in rows:
            if row["measured"] == measured:
                places.append(names.index((row["rung"], row["nodes"], row["target"])) + shift)
                lengths.append(row["cpu"])
        axes.barh(places, lengths, 0.34, color=colour, label=label)
    words = [f"{rung}, {nodes} node{'s' * (nodes > 1)}, {target}" for rung, nodes, target in names]
    axes.set_yticks(range(len(names)), words)
    axes.invert_yaxis()
    axes.set_xscale("log")
    for limit in (1.0, 10.0):
        axes.axvline(limit, color=_canvas.GREY, lw=0.9, ls="--")
    _canvas.name_axes(
        axes, "processor seconds of a second translation", "", "Time of a translation"
    )
    figure.legend(loc="outside lower right", ncols=2, frameon=False, fontsize=_canvas.TICK)
    return figure


def _logarithmic(axes: Axes, ticks: Any = ()) -> None:
    """Both axes in logarithms; labels at `ticks` alone where these are given."""
    _canvas.plain_axes(axes).set(xscale="log", yscale="log")
    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        axis.set_minor_formatter(NullFormatter())
        if high < 100 * low:
            axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axis.set_major_formatter("{x:g}")
    if len(ticks):
        axes.set_xticks(ticks, [f"{each:.3g}" for each in ticks])


def _legend(axes: Axes, title: str | None = None, place: Any = "best") -> None:
    axes.legend(
        frameon=False, fontsize=_canvas.SMALL, title=title, title_fontsize=_canvas.SMALL, loc=place
    )


DRAWN = {"orders": orders, "networks": networks, "locking": locking, "time": seconds}


def table(part: str, found: dict[str, Any]) -> Table:
    """The numbers of a part."""
    made = Table(title=part, box=box.SIMPLE_HEAD)
    rows = ROWS[part](found)
    for heading in rows[0]:
        made.add_column(heading, no_wrap=True)
    for row in rows[1:]:
        made.add_row(*(each if isinstance(each, str) else f"{each:.3g}" for each in row))
    return made


def _orders_rows(found: dict[str, Any]) -> list[tuple]:
    distances = [f"d = {each:g}" for each in found["distances"]]
    rows: list[tuple] = [("rung, error of", *distances, "slope", "lowest", "highest")]
    for name, rung in found["rungs"].items():
        for quantity, errors in rung["errors"].items():
            slopes = np.array(rung["slopes"][quantity])
            spread = np.median(slopes), slopes.min(), slopes.max()
            rows.append((f"{name}, {quantity}", *np.median(errors, axis=0), *spread))
        rows.append((f"{name}: drawn anew", str(sum(rung["drawn anew"].values()))))
    return rows


def _networks_rows(found: dict[str, Any]) -> list[tuple]:
    rows: list[tuple] = [("network", "growth/frequency", "quantity", "source", "target")]
    for name, each in found["distances"].items():
        for row in each:
            for quantity, pair in row["errors"].items():
                rows.append((name, row["growth"], quantity, pair["source"], pair["target"]))
    rows.append(("pair", "", "source (1/s)", "Stuart-Landau", "phase"))
    for name, ways in found["pairs"].items():
        rows += [(f"{name}, {way}", "", *rates.values()) for way, rates in ways.items()]
    return rows


def _locking_rows(found: dict[str, Any]) -> list[tuple]:
    rows: list[tuple] = [("rung", "half-width/attraction", "width, error", "middle, moved")]
    for name, each in found.items():
        for share, row in zip(each["shares"], each["rows"], strict=True):
            rows.append((name, share, row.get("width", "refused"), row.get("middle", "")))
        rows.append((f"{name}, slope", "", each["slope"] or math.nan))
        for mean, pair in each["means"].items():
            rows.append((f"{name}, {mean}", "", pair["source"], pair["target"]))
    return rows


def _seconds_rows(found: dict[str, Any]) -> list[tuple]:
    rows: list[tuple] = [
        ("rung", "nodes", "target", "measured", "CPU s", "wall s", "first, wall s")
    ]
    for row in found["rows"]:
        words = row["rung"], str(row["nodes"]), row["target"], str(row["measured"])
        rows.append((*words, row["cpu"], row["wall"], row["first"]))
    return rows


ROWS = {
    "orders": _orders_rows,
    "networks": _networks_rows,
    "locking": _locking_rows,
    "time": _seconds_rows,
}
