"""Figure 5.1: the two personalities of the Wilson-Cowan pair, and the map of inputs in which both lie."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import brentq

from rosetta_jax._types import Parameter, Scalar
from rosetta_jax.bifurcation import Branch, CycleBranch, Hopf, continuation
from rosetta_jax.bifurcation import cycles as followed
from rosetta_jax.gallery import diagram
from rosetta_jax.gallery.branches import Cycles, seen
from rosetta_jax.gallery.measured import fold_numbers, range_numbers
from rosetta_jax.gallery.page import Number, Page
from rosetta_jax.parameters import parameter
from rosetta_jax.plot import _canvas
from rosetta_jax.plot._canvas import BLUE, GREY, PALE, TICK, VERMILION
from rosetta_jax.rungs import WilsonCowan
from rosetta_jax.rungs.wilson_cowan import WilsonCowanInputs, WilsonCowanState
from rosetta_jax.system import add_inputs

TAU = 0.01
# Weights of both sets; what the closed forms below hold for is the unit logistic and equal times.
XX, XY, YX, YY = 12.0, 12.0, 12.0, 2.0
_PERIODS_A = {-3.2: 12.6197, -3.0: 7.35373, -2.0: 3.92256, 0.0: 3.144088, 1.0: 3.319482}
_PERIODS_A[1.5] = 3.564596
_PERIODS_B = {-6.0: 3.144088, -5.0: 3.245157, -4.0: 3.144088}
_BT = (
    ("lower", 0.2254466, 0.0502474, -3.3365942, -5.5441081),
    ("upper", 0.2254466, 0.9497526, 7.4574693, 2.1333899),
)


# The centre of symmetry of the plane of inputs.
_MIDDLE = ((XY - XX) / 2, (YY - YX) / 2)
_INPUT = "constant input ${}$ (1)"


class Along(WilsonCowan):
    """The pair on a line of the plane of inputs: `bias_x` + u `across`, `bias_y` + u `up`.

    One program follows it along any line.
    """

    along: Parameter = parameter(0.0, unit="1", symbol="u", description="distance along the line")
    across: Parameter = parameter(
        0.0, unit="1", symbol="d_x", description="slope of the input of x"
    )
    up: Parameter = parameter(0.0, unit="1", symbol="d_y", description="slope of the input of y")

    def vector_field(
        self, t: Scalar, state: WilsonCowanState, inputs: WilsonCowanInputs
    ) -> WilsonCowanState:
        moved = WilsonCowanInputs(
            current_x=self.along * self.across, current_y=self.along * self.up
        )
        return super().vector_field(t, state, add_inputs(inputs, moved))


class Sweep(NamedTuple):
    """One panel: equilibria, and the cycles that are born at one of their Hopf points."""

    branch: Branch
    found: CycleBranch

    @property
    def cycles(self) -> Cycles:
        """The cycles as the activity x shows them."""
        return seen(self.found)


@functools.cache
def sweep_a() -> Sweep:
    """The input into x swept: a SNIC below, a Hopf point above."""
    return _sweep(Along(bias_x=0.0, bias_y=-6.0, across=1.0), (-5.2, 3.2))


@functools.cache
def sweep_b() -> Sweep:
    """The input into y swept: rhythm in a bubble between two Hopf points."""
    return _sweep(Along(bias_x=0.0, bias_y=0.0, up=1.0), (-9.5, -0.5))


def _sweep(pair: Along, limits: tuple[float, float]) -> Sweep:
    branch = continuation(pair, "along", limits)
    return Sweep(branch, followed(branch))


def logit(share: Any) -> Any:
    return np.log(share / (1 - share))


def biases(x: Any, y: Any) -> tuple[Any, Any]:
    """The inputs at which x, y is an equilibrium."""
    return logit(x) - XX * x + XY * y, logit(y) - YX * x + YY * y


def hopf_slope(x: Any) -> Any:
    """The slope y (1 - y) of the sigmoid of y at which the trace vanishes."""
    return (XX * x * (1 - x) - 2) / YY


def fold_slope(x: Any) -> Any:
    """The same at which the determinant vanishes."""
    slope = x * (1 - x)
    return (XX * slope - 1) / (YY + (XY * YX - XX * YY) * slope)


def with_slope(slope: Any, upper: bool) -> Any:
    """The activity whose sigmoid has this slope, below or above one half; NaN where there is none."""
    with np.errstate(invalid="ignore"):
        half = np.sqrt(1 - 4 * np.where(slope > 0, slope, np.nan)) / 2
    return 0.5 + half if upper else 0.5 - half


def line(slope: Callable[[Any], Any], x: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The inputs on a line of codimension one, its halves below and above y = 1/2."""
    for upper in (False, True):
        yield biases(x, with_slope(slope(x), upper))


def bogdanov_takens(upper: bool) -> tuple[float, float]:
    """Where trace and determinant vanish together, at x below one half."""
    x = brentq(lambda x: hopf_slope(x) - fold_slope(x), 0.215, 0.24, xtol=1e-14)
    return float(x), float(with_slope(hopf_slope(x), upper))  # pyright: ignore


def cusps() -> list[tuple[float, float]]:
    """Where the line of folds turns back on itself: the inputs, for both halves of y."""
    found = []
    for upper in (False, True):

        def turning(x: float, upper: bool = upper) -> float:
            ends = [biases(x + k, with_slope(fold_slope(x + k), upper))[0] for k in (-1e-6, 1e-6)]
            return ends[1] - ends[0]

        grid = np.linspace(0.1, 0.9, 801)
        signs = np.sign([turning(x) for x in grid])
        for place in np.flatnonzero(signs[1:] * signs[:-1] < 0):
            x = float(brentq(turning, grid[place], grid[place + 1]))  # pyright: ignore
            found.append(biases(x, with_slope(fold_slope(x), upper)))
    return found


def wilson_cowan() -> Page:
    """Both personalities and the map of inputs."""
    a, b = sweep_a(), sweep_b()
    return Page(
        "Wilson-Cowan: two personalities",
        "The activity of the excitatory population of one pair, by its input (a) and by that of the "
        "inhibitory one (b): the weights are the same, the inputs are not. (c) All folds, Hopf points, "
        "Bogdanov-Takens points and cusps of these weights in the plane of inputs, in closed form; a and b "
        "are straight cuts through it.",
        _figure(a, b),
        (*_numbers_a(a), *_numbers_b(b), *_numbers_map()),
    )


def _hopf_numbers(
    hopf: Sequence[Hopf], expected: tuple[tuple[str, float], ...], omega: float
) -> list:
    """Hopf points of a set, in units of the time constant."""
    numbers = []
    for (kind, value), each in zip(expected, hopf, strict=True):
        found = each.value if each.label == kind else np.nan
        numbers += [
            Number(f"{kind} at {value:.4g}", value, found, "", 1e-6),
            Number(
                f"{kind} at {value:.4g}: angular frequency",
                omega,
                2 * np.pi * each.frequency * TAU,
                "1/τ",
                1e-6,
            ),
        ]
    return numbers


def _periods(of: Cycles, expected: dict[float, float], name: str, tolerance: float) -> list[Number]:
    return [
        Number(f"period at {name} = {value:g}", want, 1 / (of.at(value)[2] * TAU), "τ", tolerance)
        for value, want in expected.items()
    ]


def _numbers_a(a: Sweep) -> list[Number]:
    cycles = a.cycles
    top = cycles.highest()
    return [
        *fold_numbers(a.branch.folds, {"a: SN": -3.590051, "a: SNIC": -3.3004770}),
        *_hopf_numbers(a.branch.hopfs, (("HB+", 1.53150104),), 1.75254353),
        *_periods(cycles, _PERIODS_A, "P_x", 2e-4),
        Number("a: lowest x at the SNIC", 0.0816, float(cycles.low[-1]), "", 5e-4),
        Number("a: highest x at the SNIC", 0.5331, float(cycles.high[-1]), "", 5e-4),
        Number("a: highest x of all", 0.7877, top[1], "", 1e-4),
        Number("a: P_x of it", 1.05, top[0], "", 2e-2),
    ]


def _numbers_b(b: Sweep) -> list[Number]:
    cycles = b.cycles
    top, bottom = cycles.highest(), cycles.lowest()
    expected = (("HB+", -6.70682382), ("HB+", -3.29317618))
    return [
        *_hopf_numbers(b.branch.hopfs, expected, 2.16781082),
        *_periods(cycles, _PERIODS_B, "P_y", 1e-5),
        *range_numbers(cycles, {-5.0: (0.310450, 0.689550)}, ("P_y", "x"), tolerance=2e-6),
        Number("b: highest x of all", 0.7717, top[1], "", 1e-4),
        Number("b: P_y of it", -6.34, top[0], "", 1e-2),
        Number("b: lowest x of all", 0.2283, bottom[1], "", 1e-4),
        Number("b: P_y of it", -3.66, bottom[0], "", 1e-2),
    ]


def _numbers_map() -> list[Number]:
    numbers = []
    for (half, *expected), upper in zip(_BT, (False, True), strict=True):
        point = bogdanov_takens(upper)
        for name, want, have in zip(
            ("x", "y", "P_x", "P_y"), expected, (*point, *biases(*point)), strict=True
        ):
            numbers.append(
                Number(f"{half} Bogdanov-Takens point: {name}", want, float(have), "", 1e-6)
            )
    return numbers


def _figure(a: Sweep, b: Sweep) -> Any:
    figure = _canvas.canvas(11.5, 6.4)
    axes = figure.subplot_mosaic("ac;bc", width_ratios=(1, 1.15))
    for panel in axes.values():
        _canvas.plain_axes(panel)
    _panel(axes["a"], a, (-5.0, 3.0), ("P_x", "a   set WC-a, $P_y$ = −6"))
    _panel(axes["b"], b, (-9.0, -1.0), ("P_y", "b   set WC-b, $P_x$ = 0"))
    for fold, kind, at in zip(a.branch.folds, ("SNIC", "SN"), ((8, -1), (-6, 4)), strict=True):
        diagram.mark_point(axes["a"], fold, at, kind)
    diagram.mark_point(axes["a"], a.branch.hopfs[0], (7, -5))
    for hopf, at in zip(b.branch.hopfs, ((-7, -5), (7, 5)), strict=True):
        diagram.mark_point(axes["b"], hopf, at)
    _map(axes["c"])
    diagram.legend(figure, axes["a"])
    return figure


def _panel(axes: Any, sweep: Sweep, limits: tuple[float, float], names: tuple[str, str]) -> None:
    diagram.equilibria(axes, sweep.branch)
    diagram.cycles(axes, sweep.branch, [sweep.found])
    axes.set_xlim(*limits)
    axes.set_ylim(0, 1)
    name, title = names
    _canvas.name_axes(axes, _INPUT.format(name), "activity x (1)", title)


def _map(axes: Any) -> None:
    axes.axhline(-6.0, color=PALE, lw=5, zorder=0)
    axes.axvline(0.0, color=PALE, lw=5, zorder=0)
    axes.text(8.8, -5.75, "a", ha="right", va="bottom", fontsize=TICK, color=GREY)
    axes.text(0.25, 2.6, "b", va="top", fontsize=TICK, color=GREY)
    # Denser where the line of folds runs off to infinity, at a vanishing slope of y.
    steep = 0.5 - np.sqrt(0.25 - 1 / XX) + np.geomspace(1e-7, 1e-2, 200)
    inner = np.sort(np.concatenate([np.linspace(1e-4, 1 - 1e-4, 6001), steep, 1 - steep]))
    # Where the trace vanishes at a negative determinant, a saddle is neutral and nothing happens.
    rotating = hopf_slope(inner) > fold_slope(inner)
    for name, slope, colour, shown in (
        ("fold", fold_slope, BLUE, np.full(inner.shape, True)),
        ("Hopf", hopf_slope, VERMILION, rotating),
    ):
        for half, (x, y) in enumerate(line(slope, inner)):
            kept = [np.where(shown, each, np.nan) for each in (x, y)]
            axes.plot(*kept, color=colour, lw=1.8, label="" if half else name)
    for side in (-1, 1):
        # The point symmetry of the unit logistic turns each into its mirror image.
        for x, y in (biases(*bogdanov_takens(upper)) for upper in (False, True)):
            place = (side * (x - _MIDDLE[0]) + _MIDDLE[0], side * (y - _MIDDLE[1]) + _MIDDLE[1])
            right = 7 if place[0] > 0 else -7
            diagram.mark(axes, "BT", float(place[0]), float(place[1]), "BT", (right, 2))
    for x, y in cusps():
        diagram.mark(axes, "cusp", float(x), float(y), "cusp", (4, -9) if x > 0 else (-4, 9))
    axes.legend(frameon=False, fontsize=TICK, loc="upper left")
    axes.set_xlim(-9, 9)
    axes.set_ylim(-13, 3)
    _canvas.name_axes(axes, _INPUT.format("P_x"), _INPUT.format("P_y"), "c   where things happen")
