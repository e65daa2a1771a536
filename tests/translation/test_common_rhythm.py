"""What is read of simulated rhythms: frequencies, amplitudes, phases; their steps; runs side by side."""

import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.translation import Compared
from rosetta_jax.translation.phase_reduction import to_phase
from rosetta_jax.translation.rhythm import rhythm_of
from rosetta_jax.translation.runge_kutta import RungeKutta
from rosetta_jax.translation.runs import quiet, rounded


@pytest.mark.parametrize("turns", [30.37, 101.5, 400.0])
def test_the_frequency_of_a_sinusoid_is_right_to_a_millionth(turns):
    """Of any number of turns, with a mean and a second harmonic; amplitudes and phases, too."""
    hertz, dt = 10.123456, 1 / (48.7 * 10.123456)
    times = dt * np.arange(round(turns * 48.7))
    lags, sizes = np.array([0.3, 1.7, -2.0]), np.array([1.0, 0.4, 3.0])
    angles = 2 * np.pi * hertz * times[:, None] + lags
    found = rhythm_of(5.0 + sizes * np.cos(angles), dt)
    assert found.frequency == pytest.approx(hertz, rel=1e-6)
    np.testing.assert_allclose(found.amplitudes, sizes, rtol=1e-5)
    np.testing.assert_allclose(found.phases, lags - lags[0], atol=1e-5)
    bent = rhythm_of(sizes * (np.cos(angles) + 0.2 * np.cos(2 * angles)), dt)
    assert bent.frequency == pytest.approx(hertz, rel=1e-6)
    # Its ends are at cos = 1 and -1, 1.2 and -0.8.
    np.testing.assert_allclose(bent.amplitudes, sizes, rtol=1e-4)


def test_a_train_of_spikes_turns_as_often_as_it_fires():
    """Its mean lies far from the middle of its range."""
    times = 0.001 * np.arange(4000)[:, None]
    spikes = np.exp(30 * (np.cos(2 * np.pi * 7.3 * times) - 1))
    assert rhythm_of(spikes, 0.001).frequency == pytest.approx(7.3, rel=1e-6)


def test_amplitudes_are_right_between_samples():
    """Whole steps a turn, none at the top: cos(pi / 48) = .9979 is the largest of them."""
    angles = 2 * np.pi * (np.arange(48 * 40) + 0.5) / 48
    np.testing.assert_allclose(rhythm_of(np.cos(angles)[:, None], 0.01).amplitudes, 1, rtol=1e-5)


def test_what_rests_has_no_amplitude():
    assert (rhythm_of(np.full((400, 2), 3.0), 0.01).amplitudes == 0).all()


def test_a_rotation_is_slow_and_fades_as_the_classical_step_says():
    r"""By $z^4/120$ of its frequency and $z^6/144$ a step, z rad a step."""
    steps, z = 400, 0.1
    turning = rj.HarmonicOscillator(alpha=0.0, omega=1.0)
    start = turning.State(x=jnp.ones(1), y=jnp.zeros(1))
    run = rj.simulate(
        turning, steps * z, z, save=("states",), solver=RungeKutta(), past=lambda t: start
    )
    last = complex(run.states.x[-1, 0], run.states.y[-1, 0])
    turned = np.angle(last * np.exp(-1j * z * (steps - 1))) / (z * (steps - 1))
    assert turned == pytest.approx(-(z**4) / 120, rel=0.02)
    assert np.log(abs(last)) / (steps - 1) == pytest.approx(-(z**6) / 144, rel=0.02)


def column(by: float, sensor: bool = False) -> rj.Network:
    wires = rj.Connectome([[0.0, 1.0], [1.0, 0.0]], [[0.0, 30.0], [30.0, 0.0]])
    noise = rj.WhiteNoise(0.1) if sensor else None
    rung = rj.StuartLandau(alpha=4.0, omega=20.0 + by, gamma=1.0, beta=0.7)
    return rj.Network(rung, wires, gain=0.5, noise=noise, sensor=noise)


def test_runs_of_networks_that_differ_a_little_share_their_programs(caplog):
    def marches(source):
        caplog.clear()
        with jax.log_compiles(), caplog.at_level(logging.WARNING):
            rj.translate(source, rj.PhaseOscillator)
        return sum(
            "Finished XLA compilation of jit(march)" in each.message for each in caplog.records
        )

    assert marches(column(0.0)) == 2
    assert marches(column(1e-3)) == 0


def test_noise_and_sensor_are_left_out_of_what_is_compared():
    network = column(0.0, sensor=True)
    assert quiet(network).noise is None and quiet(network).sensor is None
    noisy, still = (rj.translate(each, rj.PhaseOscillator) for each in (network, column(0.0)))
    assert noisy.errors == still.errors


def test_steps_are_rounded_to_two_digits():
    assert [rounded(each) for each in (0.0012345, 668.0)] == [0.0012, 670.0]


def test_what_is_zero_but_for_rounding_is_not_wrong_by_all_of_itself():
    small = Compared(1e-17, 3e-17, "rad", 1e-3)
    assert abs(small.error) < 1e-13 and small.difference == "+0.00 % of 0.001"
    assert Compared(0.0, 0.5, "rad", 2.0).error == 0.25
    assert Compared(2.0, 2.5, "rad", 1.0).difference == "+25.00 %"
    assert Compared(-2.0, -2.5, "rad").error == -0.25
    assert Compared(0.0, 0.5, "rad").difference == "" and np.isnan(Compared(0.0, 0.5, "").error)


def test_a_mean_response_of_rounding_noise_is_compared_with_the_response_itself():
    """By symmetry no input moves a Stuart-Landau oscillator's frequency at first order."""
    errors = to_phase(rj.StuartLandau(alpha=4.0, omega=20.0), settle=5.0).errors
    for name in ("frequency by x", "frequency by y"):
        assert errors[name].scale == pytest.approx(1e-3 * np.hypot(1.0, 0.0) / (2 * 2.0), rel=1e-3)
        assert abs(errors[name].source) < 1e-6 and abs(errors[name].error) < 1e-3
