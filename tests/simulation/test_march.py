"""The march as a function: lanes, statuses, gradients, precision, inputs."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rosetta_jax import parameters
from rosetta_jax.forcing import (
    Field,
    FunctionDrive,
    OrnsteinUhlenbeck,
    SampledDrive,
    Sinusoid,
    Step,
    WhiteNoise,
)
from rosetta_jax.network import Connectome, Network, alone
from rosetta_jax.results import Status
from rosetta_jax.rungs import HarmonicOscillator, JansenRit, StuartLandau
from rosetta_jax.simulation import simulate

DT, KEY = 1e-3, jax.random.key(0)
WEIGHTS = np.array([[0.0, 0.8, 0.0], [0.5, 0.0, 1.1], [0.3, 0.9, 0.0]])
# In steps at 10 m/s: 0.33 and 0.71 lie below a step, none near a whole number.
LENGTHS = 10.0 * np.array([[0.0, 5.4, 3.6], [0.33, 0.0, 7.7], [2.45, 0.71, 0.0]])


def brain(**keywords) -> Network:
    given = {
        "rung": StuartLandau(alpha=1.0, beta=0.3),
        "connectome": Connectome(WEIGHTS, LENGTHS),
        "gain": 2.0,
        "noise": WhiteNoise(sigma=0.5),
        "max_delay": 0.05,
    }
    return Network(**(given | keywords))


# --- lanes


LANES = {
    "gain": jnp.array([0.5, 3.0]),
    "speed": jnp.array([4.0, 11.0]),
    "rung.alpha": jnp.array([-1.0, 2.0]),
    "connectome.weights": jnp.asarray(np.stack([WEIGHTS, WEIGHTS.T])),
}


def test_lanes_of_parameters_and_seeds_equal_a_loop():
    def run(values, key):
        return simulate(parameters.replace(brain(), values), 0.1, DT, key=key).signal

    keys = jax.random.split(KEY, 2)
    lanes = jax.vmap(run)(LANES, keys)
    for i in range(2):
        exact = run({path: values[i] for path, values in LANES.items()}, keys[i])
        np.testing.assert_allclose(lanes[i], exact, rtol=1e-11, atol=1e-13)


@jax.jit
@jax.vmap
def four_lanes(gain, speed):
    changed = parameters.replace(brain(), {"gain": gain, "speed": speed})
    return simulate(changed, 0.1, DT, key=KEY)


def test_lanes_that_fail_say_why_and_leave_the_others_untouched():
    gains, speeds = jnp.array([1.0, 2.0, 1.5, 0.5]), jnp.array([5.0, 10.0, 8.0, 6.0])
    fine = four_lanes(gains, speeds)
    # In 0.1 m/s a link of 77 mm takes 0.77 s, and the history holds 0.05 s.
    found = four_lanes(gains.at[1].set(jnp.nan), speeds.at[2].set(0.1))
    np.testing.assert_array_equal(
        found.status, [Status.ok, Status.non_finite, Status.delay_too_long, Status.ok]
    )
    for lane in (0, 3):
        np.testing.assert_array_equal(found.signal[lane], fine.signal[lane])
    assert np.isnan(found.signal[2]).all()
    assert not found.succeeded and fine.succeeded
    assert found.message.startswith("2 of 4 succeeded")


def test_a_march_that_explodes_is_a_status():
    found = simulate(HarmonicOscillator(alpha=1e6), 1.0, DT)
    assert int(found.status) == Status.non_finite and np.isnan(found.signal[-1]).all()


class Blind(HarmonicOscillator):
    """An oscillator whose signal shows nothing."""

    def signal(self, state, inputs):
        return jnp.zeros(state.x.shape)


def test_a_state_that_explodes_unseen_is_a_status():
    found = simulate(Blind(alpha=1e6), 1.0, DT)
    assert int(found.status) == Status.non_finite


def test_what_is_marched_beyond_the_end_does_not_count():
    # It overflows after about 100 steps: 80 are asked for, 128 marched.
    found = simulate(HarmonicOscillator(alpha=4900.0), 0.8, 0.01)
    assert found.succeeded and np.isfinite(found.signal).all()


# --- gradients

FREE = {
    "gain": jnp.asarray(2.0),
    "speed": jnp.asarray(10.0),
    "rung.alpha": jnp.asarray(1.0),
    "noise.sigma": jnp.asarray(0.5),
    "connectome.weights": jnp.asarray(WEIGHTS),
    "connectome.lengths": jnp.asarray(LENGTHS),
}
OFF_DIAGONAL = 1 - np.eye(3)


@jax.jit
def loss(values):
    """The power and skew of a thinned signal, after a transient."""
    changed = parameters.replace(brain(), values)
    signal = simulate(
        changed, 0.08, DT, key=KEY, transient=0.02, save_every=2 * DT, block=16
    ).signal
    return jnp.mean(signal**2 + signal**3)


@pytest.fixture(scope="module")
def reverse():
    return jax.jit(jax.grad(loss))(FREE)


def direction(path: str):
    """Where to move one parameter: off the diagonal, links without weight included."""
    if FREE[path].ndim == 0:
        return jnp.asarray(1.0)
    random = np.random.default_rng(3).uniform(0.5, 1.5, (3, 3))
    return jnp.asarray(random * OFF_DIAGONAL)


def by_differences(path: str) -> float:
    """Five-point differences of the loss: their error is far below the tolerance."""
    step = 1e-3

    def at(k):
        return float(loss(FREE | {path: FREE[path] + k * step * direction(path)}))

    return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step)


@pytest.mark.parametrize("path", FREE)
def test_reverse_gradients_agree_with_differences(reverse, path):
    found = float(jnp.sum(reverse[path] * direction(path)))
    assert found == pytest.approx(by_differences(path), rel=1e-6)


@pytest.mark.parametrize("path", FREE)
def test_forward_gradients_agree_with_reverse(reverse, path):
    tangent = {k: direction(k) if k == path else jnp.zeros_like(v) for k, v in FREE.items()}
    _, found = forward(tangent)
    assert float(found) == pytest.approx(float(jnp.sum(reverse[path] * direction(path))), rel=1e-9)


@jax.jit
def forward(tangent):
    return jax.jvp(loss, (FREE,), (tangent,))


@pytest.mark.parametrize("solver", [diffrax.Tsit5(), diffrax.Euler()])
def test_every_explicit_solver_has_forward_and_reverse_gradients(solver):
    def power(alpha):
        signal = simulate(HarmonicOscillator(alpha=alpha), 0.02, DT, solver=solver).signal
        return jnp.sum(signal**2)

    alpha, one = jnp.asarray(-2.0), jnp.asarray(1.0)
    _, ahead = jax.jvp(power, (alpha,), (one,))
    assert float(ahead) == pytest.approx(float(jax.grad(power)(alpha)), rel=1e-10)
    assert float(ahead) != 0


# --- precision


def test_single_precision_follows_double():
    double = simulate(brain(noise=None), 0.3, DT)
    with jax.enable_x64(False):
        single = simulate(brain(noise=None), 0.3, DT)
    assert single.signal.dtype == single.times.dtype == jnp.float32
    assert single.succeeded
    np.testing.assert_allclose(single.signal, double.signal, atol=2e-5)


def test_single_precision_runs_with_noise_delays_and_thinning():
    with jax.enable_x64(False):
        noise = OrnsteinUhlenbeck(sd=0.3, tau=0.01)
        found = simulate(
            brain(noise=noise), 0.1, DT, key=KEY, save=("signal", "states"), save_every=4 * DT
        )
    assert found.succeeded and found.states.y.dtype == jnp.float32


# --- inputs in time


@pytest.mark.parametrize(
    "drive, integral",
    [
        (
            Sinusoid(amplitude=3.0, frequency=5.0),
            3 / (10 * np.pi) * (1 - np.cos(10 * np.pi * 0.37)),
        ),
        (Step(amplitude=2.0, onset=0.1), 2 * 0.27),
        (SampledDrive(times=[0.0, 0.2, 0.4], values=[0.0, 2.0, 0.0]), 0.4 - 0.03**2 * 10 / 2),
        (FunctionDrive(lambda t: 6 * t), 3 * 0.37**2),
    ],
    ids=["sinusoid", "step", "sampled", "function"],
)
def test_a_drive_acts_over_time(drive, integral):
    # A rung that sums what it is given.
    still = HarmonicOscillator(alpha=0.0, omega=1e-12)
    found = simulate(alone(still, drive=drive), 0.371, DT, save=("states",)).states
    # Heun is the trapezoidal rule: a jump costs half a step.
    assert float(found.x[-1, 0] - found.x[0, 0]) == pytest.approx(integral, abs=1.1e-3)
    assert float(jnp.abs(found.y).max()) < 1e-9


def test_a_drive_may_differ_by_node():
    still = HarmonicOscillator(alpha=0.0, omega=1e-12)
    drive = Step(amplitude=jnp.array([1.0, 2.0]))
    found = simulate(alone(still, nodes=2, drive=drive), 0.101, DT).signal
    np.testing.assert_allclose(found[-1] - found[0], [0.1, 0.2], rtol=1e-9)


def test_a_field_on_one_node_acts_on_what_it_sends_at_once():
    # The second node hears of the field after the delay of 5 steps and the lag of one synapse.
    field = Field(strength=jnp.array([50.0, 0.0]), waveform=Step(amplitude=1.0))
    connectome = Connectome([[0, 0.0], [1.0, 0]], [[0, 50.0], [50.0, 0]])
    bare = simulate(Network(JansenRit(), connectome, gain=10.0), 0.02, DT).signal
    found = simulate(Network(JansenRit(), connectome, gain=10.0, field=field), 0.02, DT).signal
    changed = np.abs(np.asarray(found - bare)) > 1e-9
    # Sent at steps 0 and after, it arrives at step 5; the synapse shows it one Heun step later.
    assert changed[:, 1].argmax() == 6
    # Its own potential feels it through two synapses.
    assert changed[:, 0].argmax() == 2


# --- steps


def test_a_history_of_its_own_is_taken():
    def past(t):
        wave = jnp.cos(20 * t) * jnp.ones(3)
        return StuartLandau.State(x=wave, y=jnp.sin(20 * t) * jnp.ones(3))

    found = simulate(brain(noise=None), 0.01, DT, past=past).signal
    held = simulate(brain(noise=None), 0.01, DT, past=lambda _: past(jnp.zeros(()))).signal
    np.testing.assert_array_equal(found[0], held[0])
    assert not np.allclose(found[1], held[1], rtol=1e-6)


def test_a_finer_step_and_a_higher_order_agree():
    coarse = simulate(brain(noise=None), 0.1, 2.5e-4, solver=diffrax.Dopri5()).signal
    fine = simulate(brain(noise=None), 0.1, 1.25e-4).signal[::2]
    np.testing.assert_allclose(coarse, fine, atol=2e-5)


@pytest.mark.parametrize("block", [33, 500])
def test_the_block_changes_nothing(block):
    plain = simulate(brain(noise=None), 0.1, DT).signal
    found = simulate(brain(noise=None), 0.1, DT, block=block).signal
    np.testing.assert_allclose(found, plain, rtol=1e-11, atol=1e-13)
