"""What a simulation keeps: low-passed before thinning, centred in time, transient dropped."""

import diffrax
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from rosetta_jax.forcing import WhiteNoise
from rosetta_jax.network import Connectome, Network, alone
from rosetta_jax.observe import low_pass_taps
from rosetta_jax.rungs import HarmonicOscillator
from rosetta_jax.simulation import simulate

DT = 1e-3
KEY = jax.random.key(0)
BRAIN = Network(
    HarmonicOscillator(alpha=-20.0),
    Connectome([[0, 1.0], [0.5, 0]], [[0, 23.0], [31.0, 0]]),
    noise=WhiteNoise(sigma=1.0),
)
BOTH = ("signal", "states")


@pytest.fixture(scope="module")
def full():
    """1.2 s at the full rate."""
    return simulate(BRAIN, 1.2, DT, key=KEY, save=BOTH)


def thinned(series, factor: int, number: int) -> np.ndarray:
    """Every factor-th sample of the low-passed series, its first value standing before time 0."""
    taps = low_pass_taps(factor)
    half = len(taps) // 2
    series = np.asarray(series)
    extended = np.concatenate([np.repeat(series[:1], half, axis=0), series])
    return np.stack([taps @ extended[j * factor : j * factor + len(taps)] for j in range(number)])


@pytest.mark.parametrize("factor, block", [(4, None), (5, 5)])
def test_every_kth_sample_is_of_the_low_passed_signal_and_of_the_states_as_they_are(
    full, factor, block
):
    number = 400 // factor
    found = simulate(BRAIN, 0.4, DT, key=KEY, save=BOTH, save_every=factor * DT, block=block)
    assert found.signal.shape == (number, 2)
    np.testing.assert_allclose(found.signal, thinned(full.signal, factor, number), atol=1e-12)
    np.testing.assert_allclose(
        found.states.y, full.states.y[: number * factor : factor], atol=1e-12
    )


def test_saving_every_sample_filters_nothing(full):
    found = simulate(BRAIN, 0.4, DT, key=KEY, save=BOTH, save_every=DT)
    np.testing.assert_allclose(found.signal, full.signal[:400], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found.signal, found.states.x, rtol=1e-15)


@pytest.mark.parametrize("factor", [1, 4])
def test_a_transient_is_the_beginning_of_a_longer_run(factor):
    every = factor * DT
    whole = simulate(BRAIN, 0.4, DT, key=KEY, save_every=every)
    found = simulate(BRAIN, 0.3, DT, key=KEY, save_every=every, transient=0.1)
    dropped = round(0.1 / every)
    np.testing.assert_allclose(found.signal, whole.signal[dropped:], rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(found.times, whole.times[dropped:], rtol=1e-14)


def test_times_begin_after_the_transient_and_step_by_what_is_saved():
    found = simulate(BRAIN, 0.02, DT, key=KEY, save_every=4e-3, transient=0.012)
    np.testing.assert_allclose(found.times, [0.012, 0.016, 0.020, 0.024, 0.028], rtol=1e-14)
    assert found.dt == pytest.approx(4e-3)


def test_the_first_sample_is_the_start():
    found = simulate(HarmonicOscillator(), 0.01, DT)
    assert float(found.times[0]) == 0.0 and float(found.signal[0, 0]) == pytest.approx(0.1)


@pytest.mark.parametrize("frequency, passes", [(30.0, True), (70.0, False)])
def test_what_lies_above_the_new_nyquist_frequency_is_gone(frequency, passes):
    # Kept 100 times a second; thinning alone would show 70 Hz as 30 Hz at full size.
    rung = HarmonicOscillator(alpha=0.0, omega=2 * np.pi * frequency)
    solver = diffrax.Dopri8()  # Heun would let 70 Hz grow
    kept = simulate(rung, 0.5, 1e-3, save_every=1e-2, transient=0.5, solver=solver).signal
    swing = float(jnp.abs(kept).max()) / 0.1
    assert swing > 0.9 if passes else swing < 2e-3


def test_states_are_kept_only_when_asked_for():
    assert simulate(alone(HarmonicOscillator()), 0.01, DT).states is None


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        ({"duration": 0.1005}, "`duration` must be a whole number of samples"),
        ({"duration": 0.0}, "`duration` must be one positive number"),
        ({"duration": np.nan}, "`duration` must be one positive number"),
        ({"dt": -1e-3}, r"`dt` must be one positive number \(s\)"),
        ({"transient": -0.1}, "`transient` must be one positive number"),
        ({"transient": 0.0105}, "`transient` must be a whole number of samples"),
        ({"save_every": 2.5e-3}, "`save_every` must be a whole number of steps.*2.5 times"),
        ({"save_every": 1e-4}, "`save_every` must be a whole number of steps"),
        ({"save": ("signals",)}, "`save` is 'signals'. Did you mean 'signal'"),
        ({"block": 0}, "`block` must be a whole number from 1"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, complaint):
    with pytest.raises(ValueError, match=complaint):
        simulate(**({"system": HarmonicOscillator(), "duration": 0.1, "dt": DT} | arguments))


def test_a_traced_step_is_refused(monkeypatch):
    # Without the runtime type checks of the test run, which would speak first.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match="`dt` fixes the length"):
        jax.jit(lambda dt: simulate(HarmonicOscillator(), 0.1, dt).signal)(DT)
