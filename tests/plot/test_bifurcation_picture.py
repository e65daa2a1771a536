"""The bifurcation diagram: what is solid, what is dashed, where branches end, and labels that keep apart."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from test_plots import check_texts

import rosetta_jax as rj
from rosetta_jax import plot
from rosetta_jax.bifurcation import Branch, CycleBranch, Fold, FoldOfCycles, Hopf
from rosetta_jax.bifurcation.family import family
from rosetta_jax.bifurcation.normal_form import NormalForm
from rosetta_jax.bifurcation.points import HopfSolution
from rosetta_jax.bifurcation.pseudo_arclength import LIMIT, Curve
from rosetta_jax.plot import _branches
from rosetta_jax.plot._labels import Mark, place_labels

OF = family(rj.StuartLandau(), ("alpha",))


def hopf(value, level, supercritical=True, frequency=10.0, of=OF):
    one, two = jnp.asarray(1.0), jnp.ones(2, complex)
    form = NormalForm(one, jnp.asarray(-1.0 + 0j), jnp.asarray(1 + 0j), two, two, two, two, two)
    x = np.array([level, 0.0])
    solution = HopfSolution(one, jnp.asarray(x), one, two, jnp.asarray(True))
    state = of.state(jnp.asarray(x))
    return Hopf(value, frequency, supercritical, state, x, np.array([level]), form, solution, of)


def fold(value, level):
    x = np.array([level, 0.0])
    return Fold(value, OF.state(jnp.asarray(x)), x, np.ones(2), np.array([level]), OF)


def branch(values, levels, stable, folds=(), hopfs=(), of=OF):
    growth = np.where(stable, -1.0, 1.0)[:, None] + 0j
    states = np.stack([levels, 0 * levels], axis=1)
    signals = np.asarray(levels)[:, None]
    return Branch(of, values, states, signals, growth, tuple(folds), tuple(hopfs), "over", True)


def cycle_branch(born, values, low, high, periods, stable, kind, end=None, folds=(), of=OF):
    size = np.where(stable, 0.5, 2.0) + 0j
    multipliers = np.stack([np.maximum(size, 1), np.minimum(size, 1)], axis=1)
    multipliers[0] = 1.0
    room = np.zeros((len(values), 4))
    curve = Curve(room, room, room, LIMIT)
    low, high = np.asarray(low)[:, None], np.asarray(high)[:, None]
    return CycleBranch(
        of, born, values, periods, low, high, multipliers, tuple(folds), kind, end, "over", curve
    )


def s_curve():
    """x^3 - 3 x against the parameter: stable outside of its folds at x = -1 and 1."""
    x = np.linspace(-2, 2, 41) + 0.013
    folds = fold(2.0, -1.0), fold(-2.0, 1.0)
    return branch(x**3 - 3 * x, x, np.abs(x) > 1, folds)


def bubble():
    """A circle of cycles between two Hopf points at -1 and 1, its last point short of the second."""
    x = np.linspace(-3, 3, 60)
    ends = hopf(-1.0, 0.0), hopf(1.0, 0.0)
    along = branch(x, 0 * x, np.abs(x) > 1, hopfs=ends)
    value = np.sin(np.linspace(-np.pi / 2, 0.48 * np.pi, 50))
    size = np.sqrt(1 - value**2)
    steady = np.full(50, 0.1)
    return along, cycle_branch(
        ends[0], value, -size, size, steady, np.full(50, True), "Hopf", end=1.0
    )


def turning():
    """An unstable cycle born at 0, a fold at 2, back to a SNIC at the fold of the equilibria, 1."""
    x = np.linspace(0, 3, 40)
    turn = np.linspace(-np.sqrt(2) + 1e-9, 0.95, 45)
    values, stable = 2 - turn**2, turn > 0
    born = hopf(0.0, 0.0, supercritical=False)
    along = branch(np.linspace(-1, 3, 40), x / 3, x < 1, [fold(1.0, 0.5)], [born])
    size = 1 + turn / 2
    periods = 0.1 / (1 - turn)
    turned = FoldOfCycles(2.0, 0.1, np.array([-1.0]), np.array([1.0]))
    return along, cycle_branch(
        born, values, -size, size, periods, stable, "SNIC", end=1.0, folds=[turned]
    )


def drawn_with(axes, label):
    return [line for line in axes.get_lines() if line.get_label() == label]


def shown(line):
    """What is not left out of a line."""
    x, y = line.get_data()
    kept = np.isfinite(y)
    return np.asarray(x)[kept], np.asarray(y)[kept]


def labels(axes):
    return [text.get_text() for text in axes.texts]


# --- equilibria


def test_equilibria_are_solid_where_stable_and_dashed_between_their_folds():
    figure = plot.bifurcation(s_curve())
    check_texts(figure)
    (axes,) = figure.axes
    (solid,), (dashed,) = (
        drawn_with(axes, each) for each in (_branches.STABLE, _branches.UNSTABLE)
    )
    assert solid.get_linestyle() == "-" and dashed.get_linestyle() != "-"
    value, level = shown(solid)
    assert (np.abs(level) >= 1).all()
    # Both reach the folds themselves, which no point of the branch lies on.
    for end in (-1.0, 1.0):
        assert end in level and end in shown(dashed)[1]
        assert value[level == end] == pytest.approx(-2 * end)
    assert np.abs(shown(dashed)[1]).max() == 1.0
    assert labels(axes) == ["SN −2", "SN 2"]


@pytest.mark.parametrize("seed", range(6))
def test_rates_of_change_that_vanish_to_rounding_tell_no_point_apart(seed):
    along = s_curve()
    along.states[:, 1] = 1e-17 * np.random.default_rng(seed).standard_normal(41)
    level = shown(drawn_with(plot.bifurcation(along).axes[0], _branches.STABLE)[0])[1]
    assert (np.diff(level) > 0).all()


# --- cycles


def test_cycles_are_an_envelope_that_closes_at_the_hopf_point_where_they_end():
    figure = plot.bifurcation(*bubble())
    check_texts(figure)
    above, below = figure.axes
    low, high = drawn_with(above, _branches.CYCLE)
    x, y = shown(high)
    assert (x[0], y[0], x[-1], y[-1]) == pytest.approx((-1, 0, 1, 0), abs=1e-12)
    np.testing.assert_allclose(y, np.sqrt(np.maximum(1 - x**2, 0)), atol=2e-3)
    np.testing.assert_allclose(shown(low)[1], -y)
    (shade,) = above.collections
    assert np.ptp(shade.get_paths()[0].vertices[:, 1]) == pytest.approx(2 * y.max())
    assert not drawn_with(above, _branches.UNSTABLE_CYCLE)
    (line,) = below.get_lines()
    np.testing.assert_allclose(line.get_ydata(), 10.0)
    assert line.get_xdata()[-1] == 1.0 and below.get_ylim()[0] == 0
    assert labels(above) == ["HB+ −1", "HB+ 1"]
    faces = [each.get_markerfacecolor() for each in above.get_lines() if each.get_marker() == "o"]
    assert faces == [_branches.INK] * 2


def test_unstable_cycles_are_dashed_up_to_the_fold_and_periods_end_at_a_snic():
    figure = plot.bifurcation(*turning())
    check_texts(figure)
    above, below = figure.axes
    dashed, solid = (
        drawn_with(above, each)[1] for each in (_branches.UNSTABLE_CYCLE, _branches.CYCLE)
    )
    # The fold of cycles is on both, the SNIC at the end of one.
    assert shown(dashed)[0][-1] == 2.0 and shown(solid)[0][0] == 2.0
    assert shown(dashed)[1][-1] == 1.0 and shown(solid)[0][-1] == 1.0
    assert np.all(np.diff(shown(solid)[1]) >= 0)
    frequencies = [shown(line)[1] for line in below.get_lines()]
    assert frequencies[0][-1] == 0.0
    # Only what is stable is shaded.
    (shade,) = above.collections
    assert shade.get_paths()[0].vertices[:, 1].max() == pytest.approx(1 + 0.95 / 2)
    assert sorted(labels(above)) == ["HB− 0", "SNIC 1", "SNLC 2"]
    marks = [line for line in above.get_lines() if line.get_marker() == "P"]
    assert [float(line.get_ydata()[0]) for line in marks] == [-1.0, 1.0]
    (born,) = [line for line in above.get_lines() if line.get_marker() == "o"]
    assert born.get_markerfacecolor() == "white"


def test_cycles_that_end_on_a_saddle_are_marked_and_those_at_a_limit_are_not():
    along, cycles = bubble()
    for kind, wanted in (("homoclinic", ["HC 0.998"]), ("limit", [])):
        found = cycle_branch(
            *(cycles.hopf, cycles.values, cycles.low[:, 0], cycles.high[:, 0], cycles.periods),
            *(cycles.stable, kind),
        )
        axes = plot.bifurcation(along, [found]).axes[0]
        assert [text for text in labels(axes) if text[:2] != "HB"] == wanted
        assert shown(drawn_with(axes, _branches.CYCLE)[1])[0][-1] == cycles.values[-1]


# --- names


@pytest.mark.parametrize(
    "rung, parameter, x, y",
    [
        (rj.StuartLandau(), "alpha", "alpha $α$ (1/s)", "signal (1)"),
        (rj.JansenRit(), "bias", "bias $p$ (1/s)", "signal (mV)"),
        (rj.NMM2(), ("bias_e", "bias_i"), "bias_e = bias_i (1)", "signal (1/s)"),
        (rj.NMM2(), "bias_e", r"bias_e $\bar{η}_{e}$ (1)", "signal (1/s)"),
        (rj.WilsonCowan(), "bias_x", "bias_x $P_{x}$ (1)", "signal (1)"),
        (rj.JansenRit(), "threshold", "threshold $v_{0}$ (mV)", "signal (mV)"),
    ],
)
def test_names_and_units_are_those_of_parameter_and_rung(rung, parameter, x, y):
    values = np.linspace(0.0, 2.0, 5)
    figure = plot.bifurcation(branch(values, values, values < 3, of=family(rung, (parameter,))))
    check_texts(figure)
    assert figure.axes[0].get_xlabel() == x and figure.axes[0].get_ylabel() == y


def test_of_a_network_the_region_is_named_and_another_one_drawn():
    weights = np.ones((2, 2)) - np.eye(2)
    network = rj.Network(rj.StuartLandau(), rj.Connectome(weights, labels=["left", "right"]))
    values = np.linspace(0.0, 2.0, 5)
    one = branch(values, values, values < 3, of=family(network, ("gain",)))
    both = Branch(
        *(one.family, values, np.ones((5, 4)), np.stack([values, 2 * values], axis=1)),
        *(one.roots, (), (), "over", True),
    )
    axes = plot.bifurcation(both, node=1).axes[0]
    assert axes.get_ylabel() == "signal of right (1)" and axes.get_xlabel().startswith("gain")
    assert shown(axes.get_lines()[0])[1].max() == 4.0
    with pytest.raises(ValueError, match="`node` must be from 0 to 1, got 2"):
        plot.bifurcation(both, node=2)


# --- labels


@pytest.mark.parametrize("seed", range(4))
def test_labels_of_a_crowd_keep_apart(seed):
    rng = np.random.default_rng(seed)
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    spots = rng.normal(0, [1, 0.2], (25, 2))
    x = np.linspace(-3, 3, 100)
    axes.plot(x, np.sin(3 * x))
    marks = [Mark(f"SNLC {place}.123", *map(float, spot)) for place, spot in enumerate(spots)]
    for mark in marks:
        axes.plot(mark.x, mark.y, "o")
    place_labels(figure, axes, marks)
    figure.draw_without_rendering()
    assert len(axes.texts) >= 20
    for one, other in itertools.combinations(axes.texts, 2):
        first, second = (Text.get_window_extent(each) for each in (one, other))
        assert not first.overlaps(second), (one.get_text(), other.get_text())
    panel = axes.get_window_extent()
    for text in axes.texts:
        box = Text.get_window_extent(text)
        assert panel.x0 <= box.x0 and box.x1 <= panel.x1 and panel.y0 <= box.y0


def test_a_label_goes_where_no_curve_passes():
    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1])
    axes.set(xlim=(0, 1), ylim=(0, 1))
    place_labels(figure, axes, [Mark("HB+ 0.5", 0.5, 0.5)])
    (text,) = axes.texts
    box = Text.get_window_extent(text)
    corners = axes.transData.inverted().transform(box.corners())
    sides = corners[:, 1] - corners[:, 0]
    assert (sides > 0).all() or (sides < 0).all()


def test_equal_labels_at_one_place_are_written_once():
    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    marks = [Mark("SN 1", 0.5, 0.5), Mark("SN 1", 0.501, 0.5), Mark("SN 1", 0.9, 0.5)]
    place_labels(figure, axes, marks)
    assert len(axes.texts) == 2


def test_what_is_zero_to_rounding_is_written_as_zero():
    assert _branches.title_of("HB+", -4e-68) == "HB+ 0"
    assert _branches.title_of("HB−", -12.1475) == "HB− −12.15"
