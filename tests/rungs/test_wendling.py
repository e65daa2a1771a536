"""Wendling against its scalar equilibrium equation and known bifurcations (equations.md 9.2)."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bifurcations import fixed_point, fold, hopf, modes

from rosetta_jax.rungs import JansenRit
from rosetta_jax.rungs.wendling import Wendling
from rosetta_jax.simulation import simulate
from rosetta_jax.system import stack_state, unstack_state


def rate(v):
    """The sigmoid in plain NumPy."""
    return 5.0 / (1 + np.exp(0.56 * (6.0 - v)))


def resting(v: float, A=3.25, B=22.0, G=10.0) -> tuple[np.ndarray, float]:
    """The equilibrium whose signal is v, flat, and its constant input p, from the scalar equation."""
    y0 = A / 100 * rate(v)
    y4 = B / 50 * rate(33.75 * y0)
    y2, y3 = 33.75 * y4, G / 500 * 108 * rate(40.5 * y0 - 13.5 * y4)
    y1 = v + y2 + y3
    p = y1 * 100 / A - 108 * rate(135 * y0)
    return np.array([y0, y1, y2, y3, y4, 0.0, 0.0, 0.0, 0.0, 0.0]), p


def some_state(seed: int = 0, nodes: int = 3):
    return unstack_state(Wendling(), jax.random.normal(jax.random.key(seed), (10, nodes)))


# --- equilibria


@pytest.mark.parametrize("v", [-2.1, 0.9, 3.7, 5.5, 7.4])
def test_the_equilibria_of_the_scalar_equation_are_equilibria_of_the_rung(v):
    flat, p = resting(v)
    state = unstack_state(Wendling(), jnp.asarray(flat)[:, None])
    drift = Wendling(bias=p).vector_field(jnp.zeros(()), state, Wendling.Inputs())
    np.testing.assert_allclose(stack_state(drift), 0.0, atol=1e-7)
    assert float(Wendling().signal(state, Wendling.Inputs())[0]) == pytest.approx(v, abs=1e-12)


@pytest.mark.parametrize("p, signals", [(121.595708, (2.4, 2.8)), (-32.955664, (5.2, 5.4))])
def test_the_folds_have_the_known_input(p, signals):
    start, guess = resting(np.mean(signals))
    found, zero = fold(lambda bias: Wendling(bias=bias), signals, start, guess)
    assert found == pytest.approx(p, abs=1e-6)
    assert zero < 1e-5


def test_the_hopf_point_has_the_known_input_and_frequency():
    start, _ = resting(5.67)
    p, mode = hopf(lambda bias: Wendling(bias=bias), (-26.0, -22.0), start, 5.24)
    assert p == pytest.approx(-24.003968, abs=1e-6)
    assert mode.real == pytest.approx(0.0, abs=1e-8)
    assert mode.imag / (2 * np.pi) == pytest.approx(5.24, abs=5e-3)


def test_the_working_point_of_networks_is_a_weakly_damped_focus_near_11_hz():
    rung = Wendling(bias=200.0)
    leading = modes(rung, fixed_point(rung, resting(7.4)[0]))[0]
    assert leading.real == pytest.approx(-0.389, abs=1e-3)
    assert abs(leading.imag) / (2 * np.pi) == pytest.approx(11.154, abs=1e-3)


@pytest.mark.parametrize(
    "name, p, signals",
    [("background", 124.942, (1.0, 3.0)), ("sporadic spikes", 94.050, (1.0, 2.0))],
)
def test_the_sets_that_rest_rest_below_a_fold(name, p, signals):
    B, G = (Wendling.sets[name][key] for key in ("slow_inhibitory_gain", "fast_inhibitory_gain"))
    start, guess = resting(np.mean(signals), A=5.0, B=B, G=G)
    found, _ = fold(lambda bias: Wendling.named(name, bias=bias), signals, start, guess)
    assert found == pytest.approx(p, abs=1e-3)


# --- marches


def frequency(signal: np.ndarray, dt: float) -> float:
    """From upward crossings of the middle, interpolated."""
    centred = signal - (signal.max() + signal.min()) / 2
    at = np.flatnonzero((centred[:-1] < 0) & (centred[1:] >= 0))
    crossings = at + centred[at] / (centred[at] - centred[at + 1])
    return (len(crossings) - 1) / (dt * (crossings[-1] - crossings[0]))


@pytest.fixture(scope="module")
def activities() -> dict[str, np.ndarray]:
    """The settled signal of every named set without noise, from zero, in steps of 1 ms."""
    sets = {name: Wendling.named(name) for name in Wendling.sets}
    sets["beyond the fold"] = Wendling.named("sporadic spikes", bias=100.0)
    together = jax.tree.map(lambda *leaves: jnp.stack(leaves), *sets.values())
    solution = simulate(together, duration=3.0, dt=1e-3, transient=5.0, solver=diffrax.Tsit5())
    return dict(zip(sets, np.asarray(solution.signal).T, strict=True))


@pytest.mark.parametrize("name", ["background", "sporadic spikes", "slow rhythm", "fast activity"])
def test_four_sets_rest_without_noise(activities, name):
    assert np.ptp(activities[name]) < 1e-6


@pytest.mark.parametrize("name, hertz", [("sustained spikes", 4.484), ("quasi-sinusoidal", 11.037)])
def test_two_sets_oscillate_without_noise(activities, name, hertz):
    assert np.ptp(activities[name]) > 10.0
    assert frequency(activities[name], 1e-3) == pytest.approx(hertz, rel=1e-3)


def test_input_beyond_the_fold_makes_spikes(activities):
    assert np.ptp(activities["beyond the fold"]) > 10.0


def test_the_hopf_point_is_subcritical_so_that_beyond_it_no_small_cycle_is_left():
    state, p = resting(5.6)
    assert -32.9 < p < -24.1
    nudged = jnp.asarray(state).at[1].add(0.01)[:, None]
    solution = simulate(
        Wendling(bias=p),
        duration=0.5,
        dt=1e-3,
        transient=9.5,
        past=lambda _: unstack_state(Wendling(), nudged),
    )
    # Down to the resting state.
    below = fixed_point(Wendling(bias=p), resting(-3.0)[0])
    assert float(solution.signal[-1, 0]) == pytest.approx(below[1] - below[2] - below[3], abs=1e-6)


def test_slow_inhibition_reaches_both_pools_alike_once_the_start_is_forgotten():
    solution = simulate(
        Wendling.named("sustained spikes"),
        duration=0.01,
        dt=1e-3,
        transient=1.0,
        save=("states",),
        past=lambda _: some_state(nodes=1),
    )
    np.testing.assert_allclose(solution.states.y2, 33.75 * solution.states.y4, rtol=1e-9)


# --- parts and ports


def test_without_fast_inhibition_it_is_jansen_and_rit():
    state = some_state()
    silent = unstack_state(Wendling(), stack_state(state).at[jnp.array([3, 8])].set(0.0))
    found = Wendling(fast_inhibitory_gain=0.0, bias=220.0).vector_field(
        jnp.zeros(()), silent, Wendling.Inputs(rate=3.0, field=0.4)
    )
    reduced = JansenRit.State(
        *(getattr(state, name) for name in ("y0", "y1", "y2", "z0", "z1", "z2"))
    )
    known = JansenRit(bias=220.0).vector_field(
        jnp.zeros(()), reduced, JansenRit.Inputs(rate=3.0, field=0.4)
    )
    for name in ("y0", "y1", "y2", "z0", "z1", "z2"):
        np.testing.assert_allclose(getattr(found, name), getattr(known, name), rtol=1e-12)
    np.testing.assert_array_equal(found.z3, 0.0)


def test_a_rate_acts_as_the_bias_does():
    state = some_state()
    biased = Wendling(bias=100.0).vector_field(jnp.zeros(()), state, Wendling.Inputs())
    driven = Wendling(bias=90.0).vector_field(jnp.zeros(()), state, Wendling.Inputs(rate=10.0))
    np.testing.assert_allclose(stack_state(driven), stack_state(biased), rtol=1e-12)


def test_a_field_shifts_the_potential_inside_the_sigmoid_of_pyramidal_cells_only():
    state, rung = some_state(), Wendling()
    with_field = stack_state(rung.vector_field(jnp.zeros(()), state, rung.Inputs(field=0.7)))
    without = stack_state(rung.vector_field(jnp.zeros(()), state, rung.Inputs()))
    v = np.asarray(state.y1 - state.y2 - state.y3)
    expected = np.zeros((10, 3))
    expected[5] = 325.0 * (rate(v + 0.7) - rate(v))
    np.testing.assert_allclose(with_field - without, expected, atol=1e-9)


def test_a_node_sends_the_rate_of_its_pyramidal_cells_field_included():
    state = some_state()
    v = np.asarray(state.y1 - state.y2 - state.y3)
    sent = Wendling().send(state, Wendling.Inputs(field=0.7))
    np.testing.assert_allclose(sent, rate(v + 0.7)[None], rtol=1e-12)


def test_push_and_pull_sum_to_the_signal():
    state, rung = some_state(), Wendling()
    push, pull = rung.push_pull(state, rung.Inputs())
    np.testing.assert_allclose(push + pull, rung.signal(state, rung.Inputs()), rtol=1e-12)
