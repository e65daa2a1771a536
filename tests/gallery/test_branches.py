"""What the gallery is computed with: branches as any readout sees them, closed forms, and how they are drawn."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.bifurcation import continuation, cycles
from rosetta_jax.gallery import branches, diagram
from rosetta_jax.gallery.branches import Cycles, level_at, levels, seen
from rosetta_jax.gallery.measured import fold_numbers, hopf_numbers
from rosetta_jax.gallery.portraits import Along as MotifAlong
from rosetta_jax.gallery.wilson_cowan import (
    Along,
    bogdanov_takens,
    cusps,
    fold_slope,
    hopf_slope,
    line,
    sweep_a,
    sweep_b,
)
from rosetta_jax.plot import _branches, _canvas
from rosetta_jax.system import stack_state

OMEGA, BETA = 7.0, 1.5


@pytest.fixture(scope="module")
def landau():
    """Stuart-Landau against its growth rate: radius sqrt(alpha), angular frequency omega - beta alpha."""
    branch = continuation(rj.StuartLandau(omega=OMEGA, beta=BETA), "alpha", (-1.0, 4.0))
    return branch, cycles(branch)


def tilted(rung: Any, state: Any) -> Any:
    return 3 * state.x + rung.alpha


# --- equilibria and cycles as a readout sees them


def test_a_readout_of_equilibria_knows_state_and_parameter(landau):
    branch, _ = landau
    np.testing.assert_allclose(levels(branch, tilted), branch.values, atol=1e-9)
    np.testing.assert_array_equal(levels(branch), branch.signals[:, 0])
    (hopf,) = branch.hopfs
    assert level_at(hopf, tilted) == pytest.approx(0, abs=1e-9) and level_at(hopf) == hopf.signal


def test_portions_are_put_together_again(landau, monkeypatch):
    branch, _ = landau
    monkeypatch.setattr(branches, "_PORTION", 7)
    np.testing.assert_allclose(levels(branch, tilted), branch.values, atol=1e-9)


@pytest.mark.parametrize("value", [0.3, 1.0, 3.9999, 4.0])
def test_cycles_between_points_have_the_known_size_and_frequency(landau, value):
    low, high, hertz = seen(landau[1]).at(value)
    assert (low, high) == pytest.approx((-np.sqrt(value), np.sqrt(value)), abs=1e-7)
    assert hertz == pytest.approx((OMEGA - BETA * value) / (2 * np.pi), abs=1e-7)


def test_a_readout_of_cycles_knows_state_and_parameter(landau):
    low, high, _ = seen(landau[1], tilted).at(2.0)
    assert (low, high) == pytest.approx((2 - 3 * np.sqrt(2), 2 + 3 * np.sqrt(2)), abs=1e-5)


def test_a_period_that_is_the_same_all_along_to_rounding_does_not_count():
    value = np.linspace(0, 3, 25) ** 2
    noise = 1 + 1e-15 * np.random.default_rng(0).standard_normal(25)
    of = Cycles(value, -np.sqrt(value), np.sqrt(value), noise, np.full(25, True))
    assert of.at(2.0)[1] == pytest.approx(np.sqrt(2), abs=1e-6)


def test_where_there_is_no_such_cycle_nothing_is_read(landau):
    assert np.isnan(seen(landau[1]).at(-0.5)).all()
    assert np.isnan(seen(landau[1]).at(1.0, stable=False)).all()


def test_stable_and_unstable_cycles_of_one_value_are_told_apart():
    # A branch that turns at 2: level 1 + u below and 1 - u above it.
    u = np.linspace(-1, 1, 41)
    of = Cycles(2 - u**2, u, 1 + u, np.full(41, 0.5), u > 0)
    assert of.at(1.75) == pytest.approx((0.5, 1.5, 2.0), abs=1e-6)
    assert of.at(1.75, stable=False) == pytest.approx((-0.5, 0.5, 2.0), abs=1e-6)


def test_the_turns_of_an_envelope_are_found_between_its_points():
    value = np.sort(np.append(np.random.default_rng(0).uniform(-2, 3, 60), [0.5]))
    high = 2 - (value - 0.7) ** 2 / 4
    of = Cycles(value, -2 * high, high, np.ones(61), np.full(61, True))
    assert of.highest() == pytest.approx((0.7, 2.0), abs=2e-4)
    assert of.lowest((0.0, 1.0)) == pytest.approx((0.7, -4.0), abs=2e-4)
    assert np.isnan(of.highest((1.0, 2.0))).all()


def test_the_highest_of_uneven_samples_is_that_of_a_parabola():
    times = np.array([[0.0, 0.1, 0.3, 0.35, 0.6, 0.9]])
    series = 5 - 3 * (times - 0.37) ** 2
    assert branches._highest(times, series) == pytest.approx(5.0)
    # About the end of the period, its beginning follows.
    closed = np.array([[4.9, 3.0, 1.0, 1.0, 3.0, 4.9]])
    apart = np.linspace(0, 1, 6, endpoint=False)[None]
    assert branches._highest(apart, closed) == pytest.approx(4.9 + 1.9 / 8, abs=1e-9)


# --- rungs along a line


def test_the_pairs_along_a_line_are_those_with_their_inputs_moved():
    state = rj.WilsonCowan().start(1)
    pair = Along(bias_x=0.5, bias_y=-6.0, across=1.0, up=-2.0, along=0.25)
    plain = rj.WilsonCowan(bias_x=0.75, bias_y=-6.5)
    for one, other in zip(*(moved(rung, state) for rung in (pair, plain)), strict=True):
        np.testing.assert_allclose(one, other)
    start = rj.NMM1().start(1)
    changed = {"along": 2.0, "input_by": 1.0, "gain_by": 0.1, "slope_by": -3.0}
    motif = MotifAlong.named("M", **changed)
    plain = rj.NMM1.named("M", bias_x=9.0, gain_x=1.2, **{"transfer.steepness": 6.0})
    np.testing.assert_allclose(moved(motif, start), moved(plain, start))


def moved(rung: Any, state: Any) -> Any:
    return stack_state(rung.vector_field(jnp.zeros(()), state, rung.Inputs()))


# --- numbers


def test_numbers_are_compared_with_the_nearest_found():
    branch = sweep_a().branch
    both = fold_numbers(branch.folds, {"one": -3.590051, "other": -3.3004770})
    assert all(number.holds for number in both)
    value, _ = hopf_numbers(branch.hopfs, [("HB−", 1.53150104, 27.9)])
    assert value.holds is False


# --- what is drawn


def panel():
    return _canvas.canvas(4.0, 3.0).subplots()


def drawn(axes, label):
    return [line for line in axes.get_lines() if line.get_label() == label]


def test_equilibria_change_at_the_hopf_point_at_the_height_of_the_readout(landau):
    axes = panel()
    diagram.equilibria(axes, landau[0], tilted)
    (solid,), (dashed,) = (drawn(axes, each) for each in (_branches.STABLE, _branches.UNSTABLE))
    x, y = solid.get_data()
    kept = np.isfinite(y)
    assert x[kept][-1] == pytest.approx(0, abs=1e-9) and (x[kept] < 1e-9).all()
    np.testing.assert_allclose(y[kept], x[kept], atol=1e-9)
    assert dashed.get_xdata()[np.isfinite(dashed.get_ydata())][0] == x[kept][-1]


def test_an_envelope_is_born_at_the_hopf_point_as_a_root(landau):
    axes = panel()
    diagram.cycles(axes, landau[0], [landau[1]])
    low, high = drawn(axes, _branches.CYCLE)
    x = high.get_xdata()
    np.testing.assert_allclose(high.get_ydata(), np.sqrt(np.maximum(x, 0)), atol=1e-5)
    np.testing.assert_allclose(low.get_ydata(), -high.get_ydata(), atol=1e-9)
    assert x[0] == pytest.approx(0, abs=1e-8)
    diagram.frequencies(axes, landau[0], [landau[1]])
    x, y = axes.get_lines()[-1].get_data()
    np.testing.assert_allclose(y, (OMEGA - BETA * x) / (2 * np.pi), atol=1e-9)


# --- the map of inputs of the Wilson-Cowan pair


def off_line(slope, point) -> float:
    """How far a pair of inputs is from a line of the map."""
    x = np.linspace(1e-3, 1 - 1e-3, 100_001)
    return min(np.nanmin(np.hypot(p - point[0], q - point[1])) for p, q in line(slope, x))


def test_what_the_sweeps_find_lies_on_the_lines_of_the_map():
    a, b = sweep_a().branch, sweep_b().branch
    assert len(a.folds) == 2 and len(a.hopfs) == 1 and len(b.hopfs) == 2
    for hopf in a.hopfs:
        assert off_line(hopf_slope, (hopf.value, -6.0)) < 1e-3
    for hopf in b.hopfs:
        assert off_line(hopf_slope, (0.0, hopf.value)) < 1e-3
    for fold in a.folds:
        assert off_line(fold_slope, (fold.value, -6.0)) < 1e-3
    assert off_line(fold_slope, (0.0, -5.0)) > 1


def test_cusps_and_takens_points_lie_on_the_lines():
    x, _ = bogdanov_takens(False)
    assert hopf_slope(x) == pytest.approx(fold_slope(x), abs=1e-12)
    found = cusps()
    # A pair, mirror images about (0, -5).
    np.testing.assert_allclose(np.sum(found, axis=0), [0, -10], atol=1e-9)
    assert all(off_line(fold_slope, cusp) < 1e-3 for cusp in found)
