"""The second-order pair against its closed forms (equations.md 5.2) and the paper's motif (figures.md 1.2)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

from rosetta_jax.linear import fixed_point, motif
from rosetta_jax.rungs import NMM1
from rosetta_jax.simulation import simulate
from rosetta_jax.system import stack_state, unstack_state


def modes(rung: NMM1) -> np.ndarray:
    """The eigenvalues at the fixed point."""
    state = stack_state(fixed_point(rung).state)[:, 0]

    def drift(x):
        field = rung.vector_field(jnp.zeros(()), unstack_state(rung, x[:, None]), rung.Inputs())
        return stack_state(field)[:, 0]

    return np.linalg.eigvals(np.asarray(jax.jacfwd(drift)(state)))


def loop_gain(rung: NMM1) -> float:
    state = fixed_point(rung).state
    slopes = [
        float(rung.transfer.slope(v)[0])
        for v in (rung.bias_x - rung.w_xy * state.y, rung.bias_y + rung.w_yx * state.x)
    ]
    return float(rung.gain_x * rung.gain_y * rung.w_xy * rung.w_yx) * slopes[0] * slopes[1]


def growth(bias: float, **changes: float) -> float:
    return float(modes(NMM1.named("M", bias_x=bias, **changes)).real.max())


@pytest.mark.parametrize(
    ("times", "gain", "frequency"),
    [((0.01, 0.02), 4.5, 11.2540), ((0.005, 0.005), 4.0, 31.8310), ((0.002, 0.01), 7.2, 35.5881)],
)
def test_onset_is_where_the_loop_gain_says(times, gain, frequency):
    x, y = times

    def pair(weight: float) -> NMM1:
        # The working point stays where both sigmoids are steepest: the bias takes up the inhibition.
        return NMM1(
            rise_x=x,
            decay_x=x,
            rise_y=y,
            decay_y=y,
            w_yx=6 / (0.0325 * 2.5),
            w_xy=weight,
            bias_x=6 + weight * 0.44 * 2.5,
        )

    onset = brentq(lambda weight: modes(pair(weight)).real.max(), 1.0, 40.0, xtol=1e-12)
    assert loop_gain(pair(onset)) == pytest.approx(gain, rel=1e-9)
    leading = modes(pair(onset))
    turning = leading[np.argmax(leading.real)].imag
    assert abs(turning) / (2 * np.pi) == pytest.approx(frequency, rel=1e-5)


def test_the_motif_of_the_paper_turns_between_its_two_hopf_points():
    for low, high, expected in ((4.0, 4.2, 4.074408), (7.6, 7.9, 7.732774)):
        onset = brentq(growth, low, high, xtol=1e-10)
        assert onset == pytest.approx(expected, abs=2e-6)
        leading = modes(NMM1.named("M", bias_x=onset))
        assert abs(leading[np.argmax(leading.real)].imag) == pytest.approx(2.0, abs=1e-6)
    assert loop_gain(NMM1.named("M")) == pytest.approx(11.904, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "low", "high", "expected"),
    [("gain_x", 0.4, 0.5, 0.467123), ("transfer.steepness", 6.0, 8.0, 6.884777)],
)
def test_onset_in_gain_and_slope(name, low, high, expected):
    onset = brentq(lambda value: growth(7.0, **{name: value}), low, high, xtol=1e-10)
    assert onset == pytest.approx(expected, abs=2e-6)


def test_the_cycle_of_the_motif_has_its_published_period_and_range():
    solution = simulate(NMM1.named("M"), duration=40.0, dt=1e-3, transient=60.0)
    x, times = np.asarray(solution.signal[:, 0]), np.asarray(solution.times)
    level = x.mean()
    up = np.flatnonzero((x[:-1] < level) & (x[1:] >= level))
    crossings = times[up] + 1e-3 * (level - x[up]) / (x[up + 1] - x[up])
    assert np.diff(crossings).mean() == pytest.approx(3.1782, abs=2e-4)
    assert x.min() == pytest.approx(0.32667, abs=2e-4)
    assert x.max() == pytest.approx(1.60666, abs=2e-4)


def test_distinct_rise_and_decay_shift_onset_as_the_characteristic_equation_says():
    rung = NMM1(rise_x=0.002, decay_x=0.008, rise_y=0.004, decay_y=0.02, bias_x=12.0)
    gain = loop_gain(rung)
    factors = [
        np.array([float(tau), 1.0])
        for tau in (rung.rise_x, rung.decay_x, rung.rise_y, rung.decay_y)
    ]
    polynomial = np.array([1.0])
    for factor in factors:
        polynomial = np.polymul(polynomial, factor)
    polynomial[-1] += gain
    expected = np.sort_complex(np.roots(polynomial))
    np.testing.assert_allclose(np.sort_complex(modes(rung)), expected, rtol=1e-8)


def test_working_points_of_the_docstring():
    assert motif(NMM1()).growth[0] > 0
    worked = motif(NMM1(bias_x=10.0))
    assert worked.growth[0] < 0
    assert worked.rotation[0] / (2 * np.pi) == pytest.approx(10.58, abs=0.01)


def test_a_field_acts_inside_the_sigmoid_and_a_rate_through_the_synapse():
    rung, state = NMM1(), NMM1().start(1)
    still = rung.vector_field(jnp.zeros(()), state, rung.Inputs())
    rate = rung.vector_field(jnp.zeros(()), state, rung.Inputs(rate_x=3.0))
    pushed = float((rate.x_velocity - still.x_velocity)[0])
    assert pushed == pytest.approx(3.0 * 0.0325 / 1e-4, rel=1e-12)
    shifted = NMM1(bias_x=rung.bias_x + 2.0).vector_field(jnp.zeros(()), state, rung.Inputs())
    field = rung.vector_field(jnp.zeros(()), state, rung.Inputs(field_x=2.0))
    np.testing.assert_allclose(stack_state(field), stack_state(shifted), rtol=1e-14)
