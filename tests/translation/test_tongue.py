"""Arnold tongues: the closed form, the published one, n:m by pulses, simulated edges, wrong ways."""

import sys

import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.translation import entrainment, tongue, tongue_edges

SHEARED = rj.StuartLandau(alpha=4.0, omega=20.0, gamma=1.0, beta=0.7)


def pulses(phase):
    return jnp.exp(4 * (jnp.cos(phase) - 1))


def test_a_stuart_landau_oscillator_locks_by_its_closed_form():
    """Half-width of 1:1 for a force on x: sqrt(1 + shear^2)/2r, in rad/s a unit."""
    found = tongue(SHEARED, "x")
    width = np.hypot(1.0, 0.7) / (2 * 2.0) / (2 * np.pi)
    np.testing.assert_allclose([found.low, found.high], [-width, width], rtol=1e-4)
    np.testing.assert_allclose(found.frequency, (20 - 2.8) / (2 * np.pi))
    np.testing.assert_allclose(found.edges(0.1)[1], found.frequency + 0.1 * width, rtol=1e-6)


def test_a_translation_predicts_the_tongue_of_its_source():
    """Jansen-Rit at p = 220: 37.10683 rad/s a mV of field (equations.md T4)."""
    column = rj.JansenRit(bias=220.0)
    phase = rj.translate(column, rj.PhaseOscillator, measured=False)
    np.testing.assert_allclose(2 * np.pi * tongue(phase, "field").high, 37.10683, rtol=1e-4)
    near = rj.translate(rj.JansenRit(bias=300.0), rj.StuartLandau, measured=False)
    push = near.inputs["field"]
    rung = near.target
    radius = np.sqrt(float(rung.alpha / rung.gamma))
    shear = float(rung.beta / rung.gamma)
    closed = np.hypot(push["x"][0], push["y"][0]) * np.hypot(1, shear) / (2 * radius)
    np.testing.assert_allclose(2 * np.pi * tongue(near, "field").high, closed, rtol=1e-4)


@pytest.mark.parametrize(("ratio", "waveform"), [((1, 1), jnp.cos), ((2, 1), pulses)])
def test_simulated_edges_are_the_predicted_ones(ratio, waveform):
    """To a thousandth of the width, of which the middle moves more by the square of the input.

    The shift by the mean of the pulses is included.
    """
    predicted = tongue(SHEARED, "x", ratio, waveform)
    amplitude = 0.002 * predicted.frequency / predicted.high
    expected = np.array(predicted.edges(amplitude))
    found = tongue_edges(SHEARED, predicted, amplitude, waveform, settle=5.0, dt=1e-3)
    np.testing.assert_allclose(np.ptp(found), np.ptp(expected), rtol=0.001)
    np.testing.assert_allclose(found, expected, atol=0.002 * np.ptp(expected))


def test_edges_are_those_of_the_rhythm_and_not_of_the_solver(monkeypatch):
    """Steps so long that the rhythm runs slow by 4e-5 of itself, of which the tongue is 4e-3 wide."""
    predicted = tongue(SHEARED, "x")
    amplitude = 0.002 * predicted.frequency / predicted.high
    expected = np.array(predicted.edges(amplitude))
    monkeypatch.setattr(sys.modules[tongue_edges.__module__], "_STEPS", 1)
    found = tongue_edges(SHEARED, predicted, amplitude, settle=5.0, dt=1e-3)
    np.testing.assert_allclose(found, expected, atol=0.002 * np.ptp(expected))


def test_what_is_locked_is_where_the_tongue_is():
    predicted = tongue(SHEARED, "x")
    amplitudes = np.array([0.01, 0.02]) * predicted.frequency / predicted.high
    hertz = predicted.frequency * (1 + np.array([-0.03, -0.012, 0.0, 0.012, 0.03]))
    found = entrainment(SHEARED, hertz, amplitudes, "x", turns=400, settle=5.0, dt=1e-3)
    low, high = (each[:, None] for each in predicted.edges(amplitudes))
    np.testing.assert_array_equal(found.locked, (hertz > low) & (hertz < high))
    edges = np.array(found.edges).T
    expected = np.stack([low[:, 0], high[:, 0]], axis=1)
    np.testing.assert_allclose(edges, expected, atol=0.1 * np.ptp(expected[0]))
    # Adler's drift beside the tongue, sqrt(detuning^2 - half-width^2).
    detuning, half = 0.03 * predicted.frequency, 0.01 * predicted.frequency
    np.testing.assert_allclose(
        np.abs(found.drift[0, [0, -1]]), np.sqrt(detuning**2 - half**2), rtol=0.03
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x", (1, 2)), "does not lock 1:2"),
        (("x", (2, 2)), "lowest terms"),
        (("field", (1, 1)), "`port`.*'field'"),
    ],
)
def test_what_does_not_lock_is_said(arguments, message):
    with pytest.raises(ValueError, match=message):
        tongue(SHEARED, *arguments)


def test_an_input_that_is_not_weak_is_said():
    predicted = tongue(SHEARED, "x")
    with pytest.raises(ValueError, match=r"`amplitude`: .*smaller"):
        tongue_edges(SHEARED, predicted, 40.0, settle=5.0, dt=1e-3)
