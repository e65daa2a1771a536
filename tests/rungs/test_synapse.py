"""Kernels of synapses against their closed forms, the equation they solve and their transfer functions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rosetta_jax.rungs.synapse import acceleration, kernel, peak_time, transfer

TIMES = jnp.linspace(0.0, 0.3, 3001)
# Rise, decay and gain: two exponentials, the excitatory and inhibitory synapse of Jansen and Rit, first order.
SYNAPSES = {
    "bi-exponential": (0.002, 0.006, 1.0),
    "excitatory": (0.01, 0.01, 0.0325),
    "inhibitory": (0.02, 0.02, 0.44),
    "first order": (0.0, 0.01, 1.0),
}
every_synapse = pytest.mark.parametrize("name", SYNAPSES)


@pytest.mark.parametrize(
    ("name", "height", "time"),
    [("excitatory", 3.25 / np.e, 0.01), ("inhibitory", 22 / np.e, 0.02)],
)
def test_jansen_and_rit_potentials_peak_at_their_gain_over_e(name, height, time):
    response = kernel(TIMES, *SYNAPSES[name])
    assert float(TIMES[jnp.argmax(response)]) == pytest.approx(time, abs=1e-4)
    assert float(response.max()) == pytest.approx(height, rel=1e-9)


def test_two_exponentials_peak_where_their_times_say():
    assert float(peak_time(0.002, 0.006)) == pytest.approx(3.295837e-3, rel=1e-6)
    assert float(peak_time(0.008, 0.008)) == pytest.approx(8e-3, rel=1e-12)
    response = kernel(TIMES, 0.002, 0.006)
    assert float(TIMES[jnp.argmax(response)]) == pytest.approx(3.3e-3, abs=1e-4)


def test_scaled_responses_of_the_paper():
    # Figure 4.1: first order of 10 ms at 20 ms; alpha of 8 ms at 20 and 40 ms, both scaled to their peaks.
    first = kernel(jnp.array([0.0, 0.02]), 0.0, 0.01)
    assert float(first[1] / first[0]) == pytest.approx(0.1353, abs=5e-5)
    alpha = kernel(jnp.array([0.008, 0.02, 0.04]), 0.008, 0.008)
    np.testing.assert_allclose(alpha[1:] / alpha[0], [0.5578, 0.0916], atol=5e-5)


@every_synapse
def test_area_and_mean_delay(name):
    rise, decay, gain = SYNAPSES[name]
    fine = jnp.linspace(0.0, 1.0, 200_001)
    response = kernel(fine, rise, decay, gain)
    area = jax.scipy.integrate.trapezoid(response, fine)
    delay = jax.scipy.integrate.trapezoid(response * fine, fine) / area
    assert float(area) == pytest.approx(gain, rel=1e-5)
    assert float(delay) == pytest.approx(rise + decay, rel=1e-5)


@every_synapse
def test_the_transfer_function_is_that_of_the_kernel(name):
    fine = jnp.linspace(0.0, 1.0, 200_001)
    for omega in (0.0, 30.0, 200.0):
        wave = np.exp(-1j * omega * np.asarray(fine)) * np.asarray(kernel(fine, *SYNAPSES[name]))
        found = np.trapezoid(wave, fine)
        expected = complex(transfer(omega, *SYNAPSES[name]))
        assert abs(complex(found) - expected) < 1e-4 * SYNAPSES[name][2]


@pytest.mark.parametrize("name", ["bi-exponential", "excitatory", "inhibitory"])
def test_the_kernel_solves_the_equation(name):
    rise, decay, gain = SYNAPSES[name]
    response = lambda t: kernel(t, rise, decay, gain)  # noqa: E731
    velocity = jax.vmap(jax.grad(response))
    curvature = jax.vmap(jax.grad(jax.grad(response)))
    times = jnp.array([0.001, 0.005, 0.02, 0.05])
    found = acceleration(
        response(times),
        velocity(times),
        jnp.zeros(4),
        *(jnp.asarray(each) for each in (rise, decay)),
    )
    np.testing.assert_allclose(found, curvature(times), rtol=1e-9)
    # A unit pulse gives the velocity a jump of gain / (rise decay).
    jump = float(jax.grad(response)(jnp.asarray(1e-12)))
    assert jump == pytest.approx(gain / (rise * decay), rel=1e-6)


def test_nothing_comes_before_the_pulse_and_nearly_equal_times_are_equal():
    assert float(kernel(-0.001, 0.01, 0.02)) == 0.0
    near, equal = kernel(TIMES, 0.01, 0.01 * (1 + 1e-5)), kernel(TIMES, 0.01, 0.01)
    np.testing.assert_allclose(near, equal, atol=2e-5 * float(equal.max()))


@pytest.mark.parametrize(("rise", "decay"), [(-0.001, 0.01), (0.001, 0.0)])
def test_times_below_zero_are_refused(rise, decay):
    with pytest.raises(ValueError, match=r"`(rise|decay)` must be"):
        kernel(TIMES, rise, decay)
