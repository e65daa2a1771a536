"""Evoked responses: theory against the march, and what fits to them find."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.inference import AtSensors, EvokedLoss, Simulated, cosine
from rosetta_jax.inference.route import Prediction
from rosetta_jax.observe import LeadField

WEIGHTS = np.array([[0.0, 0.6, 0.1], [0.5, 0.0, 0.9], [0.2, 0.8, 0.0]])
LENGTHS = np.array([[0.0, 40.0, 90.0], [40.0, 0.0, 60.0], [90.0, 60.0, 0.0]])
TIMES = np.arange(0.0, 0.3, 0.004)
SITES = np.array([1.0, -0.4, 0.0])
LEADS = LeadField(np.array([[1.0, 0.3, -0.5], [0.2, -1.0, 0.4], [0.1, 0.5, 0.9], [1.0, 1.0, 1.0]]))
QUIET = {"show_progress": False, "prior_weight": 0.0}


def brain(strength=1e-3, gain=20.0, speed=5.0, sites=SITES):
    return rj.Network(
        rj.JansenRit(bias=90.0),
        rj.Connectome(WEIGHTS, LENGTHS),
        gain=gain,
        speed=speed,
        noise=rj.WhiteNoise(1.0),
        sensor=rj.WhiteNoise(1e-3),
        drive=rj.Step(strength * jnp.asarray(sites), 0.0, 0.01),
    )


@pytest.fixture(scope="module")
def exact():
    return rj.linear.evoked_response(brain(), TIMES, dt=1e-3)


def test_theory_is_what_a_weak_stimulus_evokes(exact):
    assert int(exact.status) == rj.Status.ok

    # Heun's error falls with the square of the step, and so does that of a drive sampled midway.
    def off(dt):
        marched = rj.evoked(brain(), TIMES, dt)
        theory = rj.linear.evoked_response(brain(), TIMES, dt=dt)
        return np.abs(marched.signal - theory.signal).max() / np.abs(theory.signal).max()

    errors = [off(1e-3), off(5e-4)]
    assert errors[1] < 0.03
    assert errors[0] > 1.5 * errors[1]


def test_theory_is_linear_and_silent_without_strength(exact):
    doubled = rj.linear.evoked_response(brain(2e-3), TIMES)
    np.testing.assert_allclose(doubled.signal, 2 * exact.signal, rtol=1e-9, atol=1e-15)
    silent = rj.linear.evoked_response(brain(0.0), TIMES)
    assert np.abs(silent.signal).max() == 0
    # What is nowhere stimulated is reached through the links alone, after a delay.
    lone = rj.linear.evoked_response(brain(gain=0.0), TIMES)
    assert np.abs(lone.signal[:, 2]).max() == 0
    assert np.abs(exact.signal[:, 2]).max() > 0


def test_a_strong_stimulus_saturates(exact):
    strong = rj.evoked(brain(1e4), TIMES)
    assert int(strong.status) == rj.Status.ok
    # Synapses at the site are linear; what it sends on is not.
    assert np.abs(strong.signal[:, 2]).max() < 0.5 * 1e7 * np.abs(exact.signal[:, 2]).max()


def test_an_unstable_point_has_no_linear_response():
    network = rj.Network(
        rj.StuartLandau(alpha=5.0), rj.Connectome(WEIGHTS), drive=rj.Step(1.0, 0.0, 0.01)
    )
    found = rj.linear.evoked_response(network, TIMES)
    assert int(found.status) == rj.Status.unstable
    assert np.isnan(found.signal).all()


def test_derivatives_of_both_are_those_of_differences():
    def theory(values):
        gain, speed, strength = values
        network = brain(strength, gain, speed)
        return jnp.sum(rj.linear.evoked_response(network, TIMES, settle=0.3).signal[::9] ** 2)

    def march(values):
        gain, speed, strength = values
        network = brain(strength, gain, speed)
        network = rj.Network(**{**vars(network), "max_delay": 0.1})
        return jnp.sum(rj.evoked(network, TIMES[:20], 2e-3).signal[::9] ** 2)

    # At 5 m/s delays would be whole steps, where a straight line between steps has a kink.
    at = jnp.array([20.0, 5.3, 1.0])
    for function in (theory, march):
        slope = jax.jit(jax.grad(function))(at)
        value = jax.jit(function)
        for number, width in enumerate((2e-3, 1e-3, 1e-4)):
            step = width * jnp.eye(3)[number]
            difference = (value(at + step) - value(at - step)) / (2 * width)
            np.testing.assert_allclose(slope[number], difference, rtol=2e-5)


@pytest.mark.parametrize("route", [None, Simulated(duration=0.3, dt=2e-3, segment=0.3)])
def test_sites_of_a_stimulus_are_found_at_sensors(route):
    def seen(network):
        found = (
            rj.linear.evoked_response(network, TIMES, dt=1e-3).signal
            if route is None
            else rj.evoked(network, TIMES, 2e-3).signal
        )
        return np.asarray(LEADS.sensors(found))

    truth = brain(10.0)
    loss = EvokedLoss(TIMES, seen(truth), "level", sd=np.abs(seen(truth)).max() / 10)
    loss = AtSensors(LEADS, loss)
    free = {"drive.amplitude": rj.Normal(0.0, 10.0), "gain": rj.LogNormal(20.0, 0.5)}
    start = brain(5.0, gain=15.0, sites=np.array([1.0, 1.0, 1.0]))
    found = rj.fit(start, free, loss, starts=1, route=route, **QUIET)
    np.testing.assert_allclose(found.values["drive.amplitude"][0], 10 * SITES, atol=0.02)
    np.testing.assert_allclose(found.values["gain"], 20.0, rtol=1e-3)


class Given(Prediction):
    """A response that is known."""

    def __init__(self, signal):
        self._signal = jnp.asarray(signal)

    status = spectrum = connectivity = lagged = bold = dynamics = sensors = evoked_by_site = None

    def evoked(self, times, low_pass):
        return self._signal


def test_losses_are_cosines(exact):
    signal = np.asarray(exact.signal)
    # A factor for all, and one for each, at other shapes.
    rough = signal + 0.3 * np.abs(signal).max() * np.sin(7 * TIMES)[:, None]
    one = 1 - np.sum(signal * rough) / np.linalg.norm(signal) / np.linalg.norm(rough)
    each = 1 - cosine(rough, signal).mean()
    for compare, wanted in (("pattern", one), ("shape", each)):
        residual = EvokedLoss(TIMES, rough, compare=compare).residual(Given(5 * signal))
        np.testing.assert_allclose(residual @ residual, wanted, rtol=1e-9)
    deviance = EvokedLoss(TIMES, rough, compare="level", sd=[0.1, 0.2, 0.3]).residual(Given(signal))
    wanted = np.sum(((rough - signal) / [0.1, 0.2, 0.3]) ** 2)
    np.testing.assert_allclose(deviance @ deviance, wanted, rtol=1e-9)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((TIMES[:3], np.ones((4, 2))), "transpose"),
        ((TIMES[:3] - 0.1, np.ones((3, 2))), "baseline"),
        ((1000 * TIMES[:30], np.ones((30, 2))), "milliseconds"),
        ((TIMES[:3], np.zeros((3, 2))), "zero throughout"),
        ((TIMES[:3], np.ones((3, 2)), "level"), "`sd` is needed"),
        ((TIMES[:3], np.ones((3, 2)), "shape", 1.0), "no meaning"),
        ((TIMES[:3], np.ones((3, 2)), "form"), "compare"),
    ],
)
def test_wrong_losses_say_what_to_do(arguments, words):
    with pytest.raises(ValueError, match=words):
        EvokedLoss(*arguments)


def test_wrong_systems_say_what_to_do():
    network = rj.Network(rj.JansenRit(), rj.Connectome(WEIGHTS))
    with pytest.raises(ValueError, match=r"drive=rj\.Step"):
        rj.evoked(network, TIMES)
    with pytest.raises(ValueError, match="off whole steps"):
        rj.evoked(brain(), TIMES, 3e-3)
    with pytest.raises(ValueError, match="without a brain"):
        EvokedLoss(TIMES[:3], np.ones((3, 2))).residual(
            rj.Theory().predict(rj.inference.PowerLaw(), jax.random.key(0))
        )
