"""The exact step of a neuron, and how currents and voltages are chosen (equations.md 6a, 6h and 6.3)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rosetta_jax.rungs.qif import order_parameter, rate_and_voltage
from rosetta_jax.translation import lorentzian, moebius
from rosetta_jax.translation.moebius import phase_order, quantile_deviates, random_deviates

KEY = jax.random.key(3)


# --- the step of a neuron


@pytest.mark.parametrize("step", [0.03, 0.4, 1.3, 7.0])
def test_a_step_turns_a_neuron_on_its_circle_and_counts_every_turn(step):
    voltage = jnp.array([0.3, -1.0, 20.0, -300.0, 2.0])
    current = jnp.array([4.0, 0.5, 30.0, 900.0, 1e-3])
    root = np.sqrt(current)
    phase = np.arctan(voltage / root) + root * step
    found, spikes = moebius(voltage, current, step)
    np.testing.assert_allclose(found, root * np.tan(phase), rtol=1e-9)
    np.testing.assert_array_equal(spikes, np.floor(phase / np.pi + 0.5))
    assert step < 1 or spikes.max() > 5


@pytest.mark.parametrize("voltage, spikes", [(-9.0, 0), (-2.0, 0), (1.0, 0), (2.1, 1)])
def test_below_threshold_a_neuron_rests_unless_it_begins_beyond(voltage, spikes):
    current = jnp.full(1, -4.0)
    found, fired = moebius(jnp.full(1, voltage), current, 30.0)
    np.testing.assert_allclose(found, -2.0, rtol=1e-12)
    assert int(fired[0]) == spikes
    if -2.0 < voltage < 2.0:
        # The distance from threshold over that from rest grows as an exponential.
        found, _ = moebius(jnp.full(1, voltage), current, 0.2)
        grown = (voltage - 2) / (voltage + 2) * np.exp(0.8)
        np.testing.assert_allclose((found - 2) / (found + 2), grown, rtol=1e-12)


def test_without_a_current_a_voltage_goes_as_the_inverse_of_time():
    found, spikes = moebius(jnp.array([0.5, 4.0]), jnp.zeros(2), 0.5)
    np.testing.assert_allclose(found, [0.5 / 0.75, 4.0 / -1.0], rtol=1e-9)
    np.testing.assert_array_equal(spikes, [0, 1])


def test_two_halves_make_one_step_and_steps_spread_over_neurons():
    voltage, current = jnp.array([[0.3, -1.0], [5.0, 2.0]]), jnp.array([[4.0, -4.0], [1.0, -0.1]])
    step = jnp.array([[0.2], [0.7]])
    whole, spikes = moebius(voltage, current, step)
    half, first = moebius(voltage, current, step / 2)
    again, second = moebius(half, current, step / 2)
    np.testing.assert_allclose(again, whole, rtol=1e-11)
    np.testing.assert_array_equal(first + second, spikes)


def test_at_infinity_a_neuron_goes_on():
    step = np.pi / 4
    # From 1 under a current of 1 exactly to infinity, then on from below.
    found, spikes = moebius(jnp.ones(1), jnp.ones(1), step)
    after, _ = moebius(found, jnp.ones(1), step)
    assert np.isfinite(found).all() and int(spikes[0]) in (0, 1)
    np.testing.assert_allclose(after, -1.0, rtol=1e-9)
    held = jnp.tanh(jnp.full(1, 0.5))
    found, _ = moebius(1 / held, jnp.full(1, -1.0), 0.5)
    assert np.isfinite(moebius(found, jnp.full(1, -1.0), 0.5)[0]).all()


# --- currents and voltages


@pytest.mark.parametrize("neurons", [2, 400, 401])
def test_currents_are_the_quantiles_of_a_lorentzian(neurons):
    found = np.asarray(lorentzian(neurons, 2.0, 0.5))
    assert found.shape == (neurons,) and (np.diff(found) > 0).all()
    np.testing.assert_allclose(found + found[::-1], 4.0, rtol=1e-9)
    places = np.arctan((found - 2) / 0.5) / np.pi + 0.5
    np.testing.assert_allclose(places, (np.arange(neurons) + 0.5) / neurons, atol=0.3 / neurons)


@pytest.mark.parametrize("centre, rate", [(-5.0, 0.0708265), (0.0, 0.2250791), (5.0, 0.7152778)])
def test_their_neurons_fire_at_the_rate_of_the_lorentzian(centre, rate):
    neurons = 1000
    fired = np.sqrt(np.maximum(lorentzian(neurons, centre, 1.0), 0.0)) / np.pi
    assert fired.mean() == pytest.approx(rate, abs=2e-5)
    # Of midpoints the tail is missing.
    middles = centre + np.tan(np.pi * ((np.arange(neurons) + 0.5) / neurons - 0.5))
    short = rate - np.sqrt(np.maximum(middles, 0.0)).mean() / np.pi
    assert short == pytest.approx(0.109 / np.sqrt(neurons), rel=0.02)


def test_the_phases_of_lorentzian_voltages_have_the_order_parameter_of_their_mean_field():
    # equations.md 6h, a time constant of 10.
    r, v, tau = (jnp.asarray(each) for each in (0.05, -0.4, 10.0))
    voltages = lorentzian(200_000, v, np.pi * tau * r)
    found = phase_order(voltages[None])[0]
    assert complex(found) == pytest.approx(-0.2404199 - 0.1181860j, abs=1e-6)
    assert complex(found) == pytest.approx(complex(order_parameter(r, v, tau)), abs=1e-6)
    np.testing.assert_allclose(rate_and_voltage(found, tau), [r, v], rtol=1e-5)


def test_voltages_know_nothing_of_currents():
    for currents, voltages in (quantile_deviates(2, 4000), random_deviates(KEY, 2, 4000)):
        assert currents.shape == voltages.shape == (2, 4000)
        assert (np.diff(currents) >= 0).all()
        places = np.arctan(np.stack([currents, voltages])) / np.pi + 0.5
        cells = np.floor(4 * places).astype(int)
        for at in np.moveaxis(cells, 0, 1):
            counts = np.bincount(4 * at[0] + at[1], minlength=16)
            np.testing.assert_allclose(counts, 250, atol=70)


def test_drawn_deviates_differ_between_populations():
    currents, voltages = random_deviates(KEY, 2, 100)
    assert (currents[0] != currents[1]).all() and (voltages[0] != voltages[1]).all()
