"""Rungs 1 and 2 against closed forms (equations.md 1.4: a, b, c; 2.2: a, b, c, f)."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rosetta_jax.forcing import FunctionDrive, WhiteNoise
from rosetta_jax.network import alone
from rosetta_jax.rungs import HarmonicOscillator
from rosetta_jax.simulation import simulate

OMEGA = 2 * np.pi * 10
REST = HarmonicOscillator.State(x=jnp.zeros(1), y=jnp.zeros(1))


def plane(states) -> np.ndarray:
    """The complex series of the first node."""
    return np.asarray(states.x[:, 0]) + 1j * np.asarray(states.y[:, 0])


def rotating(force: float, omega: float):
    """`F exp(i omega t)` on both ports, as the right side of an equation with exact forcing."""

    def field(t, state, rung):
        inputs = rung.Inputs(x=force * jnp.cos(omega * t), y=force * jnp.sin(omega * t))
        return rung.vector_field(t, state, inputs)

    return field


def solve(rung, field, times) -> np.ndarray:
    found = diffrax.diffeqsolve(
        diffrax.ODETerm(field),
        diffrax.Tsit5(),
        t0=0.0,
        t1=times[-1],
        dt0=1e-3,
        y0=REST,
        args=rung,
        saveat=diffrax.SaveAt(ts=jnp.asarray(times)),
        stepsize_controller=diffrax.PIDController(rtol=1e-9, atol=1e-11),
        max_steps=100_000,
    )
    return plane(found.ys)


def test_undamped_amplitude_is_kept():
    rung = HarmonicOscillator(alpha=0.0, omega=OMEGA)
    solution = simulate(
        rung, 10.0, 1e-3, solver=diffrax.Dopri8(), save=("signal", "states"), save_every=None
    )
    np.testing.assert_allclose(np.abs(plane(solution.states)), 0.1, rtol=1e-9)


def test_undamped_flow_is_a_rotation():
    solution = simulate(
        HarmonicOscillator(alpha=0.0, omega=OMEGA), 0.33, 1e-3, solver=diffrax.Dopri8()
    )
    np.testing.assert_allclose(
        solution.signal[:, 0], 0.1 * np.cos(OMEGA * solution.times), atol=1e-10
    )


def test_damped_flow_is_a_rotation_that_decays():
    solution = simulate(
        HarmonicOscillator(alpha=-5.0, omega=OMEGA), 0.33, 1e-3, solver=diffrax.Dopri8()
    )
    exact = 0.1 * np.exp(-5 * solution.times) * np.cos(OMEGA * solution.times)
    np.testing.assert_allclose(solution.signal[:, 0], exact, atol=1e-10)


@pytest.mark.parametrize("step, drift", [(1e-3, -8.54e-6), (5e-4, -2.67e-7), (2.5e-4, -8.35e-9)])
def test_fourth_order_steps_lose_amplitude_at_the_known_rate(step, drift):
    # The classical tableau of order four: |z|^2 changes by 1 - (w h)^6 / 72 a step.
    solution = simulate(
        HarmonicOscillator(alpha=0.0, omega=OMEGA),
        duration=10.0 + step,
        dt=step,
        solver=Classical(),
        save=("signal", "states"),
    )
    squared = np.abs(plane(solution.states)) ** 2
    assert squared[-1] / squared[0] - 1 == pytest.approx(drift, rel=2e-3)


class Classical(diffrax.AbstractERK):
    """The classical fourth-order Runge-Kutta method."""

    tableau = diffrax.ButcherTableau(
        a_lower=(np.array([0.5]), np.array([0.0, 0.5]), np.array([0.0, 0.0, 1.0])),
        b_sol=np.array([1 / 6, 1 / 3, 1 / 3, 1 / 6]),
        b_error=np.zeros(4),
        c=np.array([0.5, 0.5, 1.0]),
    )
    interpolation_cls = diffrax.LocalLinearInterpolation

    def order(self, terms):
        return 4


def test_constant_force_shifts_the_undamped_centre_to_iF_over_omega():
    rung = HarmonicOscillator(alpha=0.0, omega=OMEGA)
    centre = HarmonicOscillator.State(x=jnp.array([-0.01591549431]), y=jnp.array([0.04774648293]))
    drift = rung.vector_field(jnp.zeros(()), centre, rung.Inputs(x=3.0, y=1.0))
    np.testing.assert_allclose([drift.x[0], drift.y[0]], 0.0, atol=1e-8)


def test_constant_force_shifts_the_damped_point_to_minus_F_over_eigenvalue():
    rung, force = HarmonicOscillator(alpha=-3.0, omega=OMEGA), 3.0 + 1.0j
    point = -force / (-3.0 + 1j * OMEGA)
    state = rung.State(x=jnp.array([point.real]), y=jnp.array([point.imag]))
    drift = rung.vector_field(jnp.zeros(()), state, rung.Inputs(x=force.real, y=force.imag))
    np.testing.assert_allclose([drift.x[0], drift.y[0]], 0.0, atol=1e-13)


def test_resonant_drive_grows_as_force_times_time():
    rung = HarmonicOscillator(alpha=0.0, omega=OMEGA)
    times = np.array([0.1, 0.35, 1.0])
    found = solve(rung, rotating(2.0, OMEGA), times)
    np.testing.assert_allclose(np.abs(found), 2.0 * times, rtol=1e-6)


def test_detuned_drive_beats_up_to_twice_force_over_detuning():
    rung, detuning = HarmonicOscillator(alpha=0.0, omega=OMEGA), 4.0
    times = np.array([np.pi / detuning, 2 * np.pi / detuning])
    found = np.abs(solve(rung, rotating(2.0, OMEGA + detuning), times))
    assert found[0] == pytest.approx(2 * 2.0 / detuning, rel=1e-6)
    assert found[1] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("frequency, gain", [(10.0, 0.2), (11.0, 0.124535)])
def test_damped_response_to_a_rotating_drive(frequency, gain):
    rung = HarmonicOscillator(alpha=-5.0, omega=OMEGA)
    found = solve(rung, rotating(1.0, 2 * np.pi * frequency), np.array([4.0]))
    assert abs(found[0]) == pytest.approx(gain, rel=1e-5)


def test_drive_on_one_port_answers_with_both_rotations():
    # cos(W t) on x is half a rotation each way: x + i y settles where both responses add.
    rung = HarmonicOscillator(alpha=-5.0, omega=OMEGA)
    omega = 2 * np.pi * 11
    brain = alone(rung, drive=FunctionDrive(lambda t: jnp.cos(omega * t)))
    solution = simulate(brain, 2.5, 2e-4, solver=diffrax.Dopri8(), save=("signal", "states"))
    t = float(solution.times[-1])
    pole = -5.0 + 1j * OMEGA
    ahead, behind = 0.5 / (1j * omega - pole), 0.5 / (-1j * omega - pole)
    exact = ahead * np.exp(1j * omega * t) + behind * np.exp(-1j * omega * t)
    assert plane(solution.states)[-1] == pytest.approx(exact, abs=1e-6)


# --- noise: E|z|^2 = sigma^2/|alpha|, <z(t+s) z*(t)> = E|z|^2 exp((alpha + i w) s)


@pytest.fixture(scope="module")
def noisy() -> np.ndarray:
    """250 independent nodes, 8 s each after 1 s, complex (time, nodes), one sample in 5 ms."""
    brain = alone(
        HarmonicOscillator(alpha=-5.0, omega=OMEGA), nodes=250, noise=WhiteNoise(sigma=2.0)
    )
    solution = simulate(
        brain, 8.0, 1e-3, key=jax.random.key(0), transient=1.0, save=("signal", "states")
    )
    return (np.asarray(solution.states.x) + 1j * np.asarray(solution.states.y))[::5]


def mean_and_error(per_node: np.ndarray) -> tuple[complex, float]:
    """The mean over independent nodes, and its standard error."""
    return per_node.mean(), per_node.std() / np.sqrt(per_node.size)


def test_noisy_power_is_squared_strength_over_damping(noisy):
    found, error = mean_and_error((np.abs(noisy) ** 2).mean(axis=0))
    assert error < 0.01 and abs(found - 0.8) < 3 * error


@pytest.mark.parametrize("part", [np.real, np.imag])
def test_noisy_variance_is_the_same_on_both_axes(noisy, part):
    found, error = mean_and_error((part(noisy) ** 2).mean(axis=0))
    assert abs(found - 0.4) < 3 * error


def test_noise_on_both_axes_leaves_no_covariance(noisy):
    found, error = mean_and_error((noisy.real * noisy.imag).mean(axis=0))
    assert abs(found) < 3 * error


def test_noisy_autocorrelation_turns_and_decays(noisy):
    lag = 10  # 50 ms
    products = (noisy[lag:] * noisy[:-lag].conj()).mean(axis=0)
    found, error = mean_and_error(products.real)
    assert abs(found + 0.62304) < 3 * error


def test_noise_on_one_port_is_not_circular():
    rung = HarmonicOscillator(alpha=-5.0, omega=OMEGA)
    brain = alone(rung, nodes=300, noise=WhiteNoise(sigma=2.0, ports=("x",)))
    solution = simulate(
        brain, 1.5, 1e-3, key=jax.random.key(3), transient=1.0, save=("signal", "states")
    )
    z = (np.asarray(solution.states.x) + 1j * np.asarray(solution.states.y))[::10]
    pole = -5.0 + 1j * OMEGA
    for found, exact in [
        (mean_and_error((np.abs(z) ** 2).mean(axis=0)), 4.0 / 10.0),
        (mean_and_error((z**2).mean(axis=0).imag), (-4.0 / (2 * pole)).imag),
    ]:
        assert abs(found[0] - exact) < 3 * found[1]
