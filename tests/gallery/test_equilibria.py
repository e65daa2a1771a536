"""What the gallery is computed with: equilibria, cycles, closed forms and the exact step of spiking neurons."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from rosetta_jax.gallery import diagram
from rosetta_jax.gallery.cycles import cycles, several
from rosetta_jax.gallery.equilibria import (
    Family,
    _derivatives,
    _first_lyapunov,
    curve,
    folds,
    hopf_points,
    signal,
)
from rosetta_jax.gallery.measured import fold_numbers, hopf_numbers
from rosetta_jax.gallery.micro import lorentzian, moebius
from rosetta_jax.gallery.wilson_cowan import (
    bogdanov_takens,
    cusps,
    fold_slope,
    hopf_slope,
    line,
    set_a,
    set_b,
)
from rosetta_jax.plot import _canvas
from rosetta_jax.rungs import HarmonicOscillator, JansenRit, StuartLandau, SubcriticalStuartLandau


def itself(rung: Any, state: Any, value: Any) -> Any:
    return value


def landau(alpha: Any) -> StuartLandau:
    return StuartLandau(alpha=alpha, omega=7.0, beta=1.5)


def subcritical(alpha: Any) -> SubcriticalStuartLandau:
    return SubcriticalStuartLandau(alpha=alpha, omega=7.0)


def undamped(omega: Any) -> HarmonicOscillator:
    return HarmonicOscillator(alpha=0.0, omega=omega)


def through_zero(build):
    """The rest state at zero, for growth rates about it."""
    return curve(Family(build, itself), np.linspace(-1, 1.3, 60), np.zeros(2), -1.0)


# --- equilibria


@pytest.mark.parametrize("build, label", [(landau, "HB+"), (subcritical, "HB−")])
def test_the_kind_of_a_hopf_point_is_told(build, label):
    (found,) = hopf_points(through_zero(build))
    assert found.label == label
    assert found.point.value == pytest.approx(0, abs=1e-8)
    assert found.frequency == pytest.approx(7 / (2 * np.pi), abs=1e-8)


def test_stability_changes_at_the_hopf_point():
    along = through_zero(landau)
    np.testing.assert_array_equal(along.stable, along.values < 0)
    np.testing.assert_allclose(np.sort(along.eigenvalues.imag[0]), [-7, 7], atol=1e-10)


def test_a_curve_passes_its_folds_and_every_point_is_an_equilibrium():
    along = curve(Family(set_a, signal), np.linspace(0.01, 0.95, 200), np.full(2, 0.01), -4.7)
    saddles = along.slopes < 0
    assert len(folds(along)) == 2 and saddles.any() and not along.stable[saddles].any()
    rung, state = set_a(jnp.asarray(along.values)), along.near(along.values, lowest=0.0)
    x, y = jnp.asarray(along.states.T)
    drift = rung.vector_field(jnp.zeros(()), type(state)(x=x, y=y), rung.Inputs())
    np.testing.assert_allclose(drift.x, 0, atol=1e-9)
    np.testing.assert_allclose(drift.y, 0, atol=1e-9)
    np.testing.assert_allclose(along.observed(signal), along.levels, atol=1e-12)


def test_where_there_is_no_equilibrium_the_level_is_named():
    # A rate above its maximum.
    with pytest.raises(RuntimeError, match=r"level 1\.2"):
        curve(Family(set_a, signal), np.array([0.9, 1.2]), np.full(2, 0.9), 2.0)


def test_a_point_can_be_seen_at_another_height_of_a_falling_curve():
    along = curve(Family(set_b, signal), np.linspace(0.9, 0.1, 50), np.full(2, 0.8), -8.0)
    point = hopf_points(along)[0].point
    assert diagram.lifted(point, along, 2 * along.levels).level == pytest.approx(2 * point.level)


def test_numbers_are_compared_with_the_nearest_found():
    along = curve(Family(set_a, signal), np.linspace(0.01, 0.95, 200), np.full(2, 0.01), -4.7)
    both = fold_numbers(folds(along), {"one": -3.590051, "other": -3.3004770})
    assert all(number.holds for number in both)
    value, _ = hopf_numbers(hopf_points(along), [("HB−", 1.53150104, 27.9)])
    assert value.holds is False


def column(bias: Any) -> JansenRit:
    return JansenRit(bias=bias)


@pytest.mark.parametrize(
    "build, levels, start, value, unit, gammas",
    [
        (set_a, (0.6, 0.9), (0.6, 0.6), 0.0, 100.0, [6.899344]),
        (set_b, (0.9, 0.1), (0.8, 0.8), -8.0, 100.0, [7.197236, 7.197236]),
        (column, (5.4, 8.6), (0.0,) * 6, 0.0, 1.0, [-1.901527, 0.3213773, 0.3757260]),
    ],
)
def test_the_cubic_coefficient_is_the_published_one(build, levels, start, value, unit, gammas):
    along = curve(Family(build, signal), np.linspace(*levels, 200), np.array(start), value)
    for hopf, gamma in zip(hopf_points(along), gammas, strict=True):
        unknown = jnp.append(jnp.asarray(hopf.point.state), hopf.point.value)
        tensors = [np.asarray(each) for each in _derivatives(along.family, unknown)]
        omega = 2 * np.pi * hopf.frequency
        values, right = np.linalg.eig(tensors[0])
        mode = right[:, np.argmin(np.abs(values - 1j * omega))]
        # Of the amplitude of the signal: x, or y1 - y2.
        seen = mode[0] if len(mode) == 2 else mode[1] - mode[2]
        found = -_first_lyapunov(*tensors, omega) / (4 * abs(seen) ** 2)
        assert found == pytest.approx(unit * gamma, rel=1e-5)
        assert hopf.supercritical == (gamma > 0)


# --- cycles


def test_cycles_have_the_known_size_and_frequency():
    alpha = np.array([1.0, 4.0, -0.3])
    found = cycles(landau, alpha, 2e-3, 20.0, 15.0)
    np.testing.assert_array_equal(found.values, [-0.3, 1, 4])
    np.testing.assert_array_equal(found.moving, [False, True, True])
    np.testing.assert_allclose(found.high[1:], [1, 2], atol=1e-7)
    np.testing.assert_allclose(found.low[1:], [-1, -2], atol=1e-7)
    np.testing.assert_allclose(found.frequency[1:], [5.5 / (2 * np.pi), 1 / (2 * np.pi)], atol=1e-6)
    assert found.at(4.0)[1] == found.high[2]


def test_the_steps_are_of_fourth_order():
    def turned(dt: float) -> float:
        run = cycles(undamped, [2.0], dt, 6.0, 2.0, observe=lambda rung, z: z.x * z.x + z.y * z.y)
        return 0.01 - float(run.high[0])

    # Each step loses a share of the sixth power of its length, a run of the fifth.
    assert turned(0.1) / turned(0.05) == pytest.approx(32, rel=0.1)


def test_two_readouts_are_of_one_run():
    first, second = several(
        landau,
        [1.0, 4.0],
        2e-3,
        20.0,
        5.0,
        None,
        (signal, lambda rung, state: 3 * state.x),
    )
    np.testing.assert_allclose(second.high, 3 * first.high)
    np.testing.assert_allclose(second.frequency, first.frequency)


# --- what is drawn


def panel():
    return _canvas.canvas(4.0, 3.0).subplots()


def test_equilibria_are_solid_where_stable_and_dashed_elsewhere():
    axes, along = panel(), through_zero(landau)
    diagram.equilibria(axes, along)
    by_label = {drawn.get_label(): drawn for drawn in axes.get_lines()}
    solid, dashed = by_label[diagram.STABLE], by_label[diagram.UNSTABLE]
    assert solid.get_linestyle() == "-" and dashed.get_linestyle() != "-"
    assert (solid.get_xdata()[np.isfinite(solid.get_ydata())] < 0).all()
    # They meet: the last stable point begins the dashed line.
    drawn = dashed.get_xdata()[np.isfinite(dashed.get_ydata())]
    assert drawn[0] == along.values[along.stable][-1] and (drawn[1:] > 0).all()


def test_an_envelope_is_born_at_the_hopf_point_as_a_root():
    axes, along = panel(), through_zero(landau)
    point = hopf_points(along)[0].point._replace(level=0.0)
    diagram.envelope(axes, cycles(landau, [1.0, 2.0, 4.0], 2e-3, 20.0, 15.0), [point])
    low, high = axes.get_lines()
    x = high.get_xdata()
    np.testing.assert_allclose(high.get_ydata(), np.sqrt(np.maximum(x, 0)), atol=1e-4)
    np.testing.assert_allclose(low.get_ydata(), -np.sqrt(np.maximum(x, 0)), atol=1e-4)
    assert x[0] == pytest.approx(0, abs=1e-8) and len(x) > 20


def test_frequencies_run_into_those_of_the_hopf_points():
    axes, along = panel(), through_zero(landau)
    hopf = hopf_points(along)
    diagram.frequencies(axes, cycles(landau, [-1.0, 1.0, 2.0], 2e-3, 20.0, 15.0), hopf)
    x, y = axes.get_lines()[0].get_data()
    np.testing.assert_allclose(y, (7 - 1.5 * x) / (2 * np.pi), atol=1e-5)
    assert len(x) == 3


# --- the map of inputs of the Wilson-Cowan pair


def off_line(slope, point) -> float:
    """How far a pair of inputs is from a line of the map."""
    x = np.linspace(1e-3, 1 - 1e-3, 100_001)
    return min(np.nanmin(np.hypot(p - point[0], q - point[1])) for p, q in line(slope, x))


def test_what_the_sweeps_find_lies_on_the_lines_of_the_map():
    a = curve(Family(set_a, signal), np.linspace(0.01, 0.95, 200), np.full(2, 0.01), -4.7)
    b = curve(Family(set_b, signal), np.linspace(0.9, 0.1, 200), np.full(2, 0.8), -8.0)
    for hopf in hopf_points(a):
        assert off_line(hopf_slope, (hopf.point.value, -6.0)) < 1e-3
    for hopf in hopf_points(b):
        assert off_line(hopf_slope, (0.0, hopf.point.value)) < 1e-3
    for fold in folds(a):
        assert off_line(fold_slope, (fold.value, -6.0)) < 1e-3
    assert off_line(fold_slope, (0.0, -5.0)) > 1


def test_cusps_and_takens_points_lie_on_the_lines():
    x, _ = bogdanov_takens(False)
    assert hopf_slope(x) == pytest.approx(fold_slope(x), abs=1e-12)
    found = cusps()
    # A pair, mirror images about (0, -5).
    np.testing.assert_allclose(np.sum(found, axis=0), [0, -10], atol=1e-9)
    assert all(off_line(fold_slope, cusp) < 1e-3 for cusp in found)


# --- spiking neurons


@pytest.mark.parametrize("current", [4.0, -4.0])
def test_the_step_of_a_neuron_is_exact_and_two_halves_make_one(current):
    voltage, still = jnp.asarray([0.3, -1.0]), jnp.full(2, current)
    whole, _ = moebius(voltage, still, 0.2)
    half, _ = moebius(moebius(voltage, still, 0.1)[0], still, 0.1)
    np.testing.assert_allclose(whole, half, rtol=1e-12)
    if current > 0:
        exact = 2 * np.tan(0.4 + np.arctan(np.asarray(voltage) / 2))
        np.testing.assert_allclose(whole, exact, rtol=1e-12)
    else:
        rest, _ = moebius(jnp.full(1, -2.0), still[:1], 0.2)
        np.testing.assert_allclose(rest, -2.0, rtol=1e-12)


def test_a_neuron_spikes_once_a_turn():
    voltage, spikes, current = jnp.zeros(1), 0, jnp.full(1, 9.0)
    for _ in range(1000):
        voltage, spiked = moebius(voltage, current, 0.01)
        spikes += int(spiked[0])
    # A turn takes pi / sqrt(9); it began half-way through one.
    assert spikes == round(10 * 3 / np.pi)


def test_currents_are_the_quantiles_of_a_lorentzian():
    found = lorentzian(4001, 2.0, 0.5)
    assert np.median(found) == pytest.approx(2.0)
    np.testing.assert_allclose(np.quantile(found, [0.25, 0.75]), [1.5, 2.5], atol=2e-3)
