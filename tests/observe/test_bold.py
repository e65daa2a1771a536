"""Haemodynamics: closed numbers of equations.md 10.2, plain NumPy, and what must fail."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.observe import BalloonState, Correlation, OfBold

BALLOON = rj.BalloonWindkessel()
FREQUENCIES = np.array([0.01, 0.03, 0.05, 0.1, 0.2])
NAMES = ("decay", "autoregulation", "transit_time", "stiffness", "extraction")


def plain(x, u, balloon=BALLOON):
    """The equations in flow, volume and deoxyhaemoglobin themselves."""
    s, f, v, q = x
    kappa, gamma, tau, alpha, rho = (float(getattr(balloon, name)) for name in NAMES)
    out = v ** (1 / alpha)
    extracted = 1 - (1 - rho) ** (1 / f)
    return np.array(
        [
            u - kappa * s - gamma * (f - 1),
            s,
            (f - out) / tau,
            (f * extracted / rho - out * q / v) / tau,
        ]
    )


def seen(x, balloon=BALLOON):
    _, _, v, q = x
    k1, k2, k3, volume = (float(getattr(balloon, name)) for name in ("k1", "k2", "k3", "volume"))
    return volume * (k1 * (1 - q) + k2 * (1 - q / v) + k3 * (1 - v))


def state_of(x):
    s, f, v, q = x
    return BalloonState(*(jnp.asarray(each) for each in (s, np.log(f), np.log(v), np.log(q))))


# --- the equations


def test_the_vector_field_is_that_of_the_equations():
    x = np.array([0.1, 1.3, 1.1, 0.8])
    found = BALLOON.vector_field(state_of(x), jnp.asarray(0.2))
    slope = plain(x, 0.2)
    expected = [slope[0], *(slope[1:] / x[1:])]
    np.testing.assert_allclose(jnp.stack(jax.tree.leaves(found)), expected, rtol=1e-12)
    assert float(BALLOON.signal(state_of(x))) == pytest.approx(seen(x), rel=1e-12)


@pytest.mark.parametrize(
    ("u", "f", "v", "q", "percent"),
    [
        (0.1, 1.2439024, 1.0723378, 0.8956423, 1.0864022),
        (0.41, 2.0, 2.0**0.32, None, 3.0360408),
    ],
)
def test_the_steady_state_is_the_printed_one_and_stands_still(u, f, v, q, percent):
    state = BALLOON.steady(jnp.asarray(u))
    assert np.exp(state.log_f) == pytest.approx(f, abs=5e-8)
    assert np.exp(state.log_v) == pytest.approx(v, abs=5e-8)
    assert q is None or np.exp(state.log_q) == pytest.approx(q, abs=5e-8)
    assert 100 * BALLOON.signal(state) == pytest.approx(percent, abs=5e-8)
    slope = BALLOON.vector_field(state, jnp.asarray(u))
    np.testing.assert_allclose(jnp.stack(jax.tree.leaves(slope)), 0.0, atol=1e-14)


def test_at_rest_there_is_no_signal():
    start = BALLOON.start(3)
    np.testing.assert_array_equal(BALLOON.signal(start), np.zeros(3))
    steady = BALLOON.steady(jnp.zeros(3))
    np.testing.assert_allclose(steady.log_q, start.log_q, atol=1e-15)
    np.testing.assert_array_equal(BALLOON.drive(jnp.full(3, BALLOON.baseline)), np.zeros(3))


def test_an_input_that_stops_the_flow_has_no_steady_state():
    assert not np.isfinite(BALLOON.steady(jnp.asarray(-0.5)).log_f)


@pytest.mark.parametrize(
    ("seconds", "u", "peak", "at", "tolerance"),
    [
        (1.0, 0.5, 1.49942, 3.476, 5e-6),
        (1.0, 1.0, 2.52346, 3.376, 5e-6),
        (0.1, 1.0, 0.3548, 3.114, 5e-6),
    ],
)
def test_a_box_of_input_has_the_printed_response(seconds, u, peak, at, tolerance):
    signal, dt = _box(seconds, u), 1e-3
    assert 100 * signal.max() == pytest.approx(peak, abs=tolerance)
    assert signal.argmax() * dt == pytest.approx(at, abs=1.1e-3)
    if u == 0.5:
        assert 100 * signal.min() == pytest.approx(-0.27025, abs=tolerance)
        assert signal.argmin() * dt == pytest.approx(9.577, abs=1.1e-3)


def _box(seconds, u, dt=1e-3):
    """The signal every millisecond of a box of input, by the midpoint rule."""

    @jax.jit
    def run():
        def step(state, number):
            inside = (number < round(seconds / dt)).astype(float)
            half = _moved(state, BALLOON.vector_field(state, u * inside), dt / 2)
            after = _moved(state, BALLOON.vector_field(half, u * inside), dt)
            return after, BALLOON.signal(state)

        return jax.lax.scan(step, BALLOON.steady(jnp.asarray(0.0)), jnp.arange(12_000))[1]

    return np.asarray(run())


def _moved(state, slope, by):
    return jax.tree.map(lambda each, slope: each + by * slope, state, slope)


# --- the linear response


def test_the_modes_at_rest_are_the_printed_ones():
    found = np.sort_complex(np.linalg.eigvals(BALLOON.linearised(jnp.asarray(0.0))[0]))
    expected = [-3.188776, -1.020408, -0.325 - 0.551702j, -0.325 + 0.551702j]
    np.testing.assert_allclose(found, expected, atol=5e-7)


def test_the_gain_at_rest_is_the_printed_one():
    found = np.abs(BALLOON.transfer(jnp.asarray(2 * np.pi * FREQUENCIES)))
    np.testing.assert_allclose(found, [0.12802, 0.13045, 0.13379, 0.10716, 0.02164], atol=5e-6)


@pytest.mark.parametrize("name", sorted(rj.BalloonWindkessel.sets))
def test_the_transfer_function_is_that_of_the_equations(name):
    balloon, mean, step = rj.BalloonWindkessel.named(name), 0.3, 1e-5
    rest = np.exp(
        [0.0, *(float(each) for each in jax.tree.leaves(balloon.steady(jnp.asarray(mean)))[1:])]
    )
    rest[0] = 0.0
    moves = step * np.eye(4)
    A = np.stack(
        [(plain(rest + m, mean, balloon) - plain(rest - m, mean, balloon)) for m in moves], axis=1
    )
    O = np.array([seen(rest + m, balloon) - seen(rest - m, balloon) for m in moves]) / (2 * step)
    omega = 2 * np.pi * FREQUENCIES
    expected = [
        O @ np.linalg.solve(1j * w * np.eye(4) - A / (2 * step), np.eye(4)[0]) for w in omega
    ]
    found = balloon.transfer(jnp.asarray(omega), mean)
    np.testing.assert_allclose(found, expected, rtol=1e-7)


def test_regional_parameters_equal_separate_ones():
    regional = rj.BalloonWindkessel(transit_time=[0.8, 1.2], volume=0.03)
    omega, means = jnp.asarray(2 * np.pi * FREQUENCIES), jnp.array([0.1, 0.2])
    together = regional.transfer(omega, means)
    steady = regional.signal(regional.steady(means))
    for node, time in enumerate((0.8, 1.2)):
        alone = rj.BalloonWindkessel(transit_time=time, volume=0.03)
        np.testing.assert_allclose(
            together[:, node], alone.transfer(omega, means[node]), rtol=1e-12
        )
        np.testing.assert_allclose(
            steady[node], alone.signal(alone.steady(means[node])), rtol=1e-12
        )
    assert regional.transfer(omega).shape == (5, 2)
    assert BALLOON.transfer(omega).shape == (5,) and BALLOON.transfer(omega, means).shape == (5, 2)


@pytest.mark.parametrize("name", [*NAMES, "k1", "volume"])
def test_the_gradient_of_the_gain_is_that_of_differences(name):
    def gain(value):
        balloon = rj.replace(BALLOON, {name: value})
        return jnp.abs(balloon.transfer(jnp.asarray([0.4]), 0.2))[0]

    at, step = rj.get(BALLOON, name), 1e-5
    differences = (gain(at + step) - gain(at - step)) / (2 * step)
    assert jax.grad(gain)(at) == pytest.approx(float(differences), rel=1e-7)


def test_small_signals_keep_their_digits_in_float32():
    single = jax.tree.map(lambda leaf: leaf.astype("float32"), BALLOON)
    for u in (1e-4, 1e-2):
        found = single.signal(single.steady(jnp.asarray(u, "float32")))
        assert found.dtype == "float32"
        assert found == pytest.approx(
            float(BALLOON.signal(BALLOON.steady(jnp.asarray(u)))), rel=2e-5
        )


# --- what must fail


def test_named_sets():
    found = rj.BalloonWindkessel.named("Stephan 2007", transit_time=1.0)
    assert float(found.k1) == pytest.approx(2.77264) and float(found.transit_time) == 1.0
    assert rj.BalloonWindkessel.named("Friston 2003").k1 == pytest.approx(7 * 0.34)
    with pytest.raises(ValueError, match=r"name.*Friston 2003"):
        rj.BalloonWindkessel.named("2003")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"transit_time": -1.0}, "transit_time.*above zero"),
        ({"transit_time": 980.0}, "transit_time.*another unit"),
        ({"stiffness": 1.5}, "stiffness.*between 0 and 1"),
        ({"extraction": 0.0}, "extraction.*between 0 and 1"),
        ({"scale": 0.0}, "scale.*above zero"),
        ({"decay": np.ones((2, 2))}, r"decay.*\(2, 2\)"),
    ],
)
def test_bad_parameters_are_refused(given, words):
    with pytest.raises(ValueError, match=words):
        rj.BalloonWindkessel(**given)


def test_a_reduction_of_bold_needs_a_reduction():
    with pytest.raises(TypeError, match=r"reduction.*Correlation"):
        OfBold(Correlation)
