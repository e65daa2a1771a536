"""Rung 3 against closed forms (equations.md 3.2: a, b, c, e, g, h, j, k, l)."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import root
from scipy.stats import norm

from rosetta_jax.forcing import Step, WhiteNoise
from rosetta_jax.network import Connectome, Network, alone
from rosetta_jax.rungs import StuartLandau
from rosetta_jax.simulation import simulate

OMEGA = 2 * np.pi * 10
PAIR = np.array([[0.0, 1.0], [1.0, 0.0]])


def state(z) -> StuartLandau.State:
    z = np.atleast_1d(np.asarray(z, dtype=complex))
    return StuartLandau.State(x=jnp.asarray(z.real), y=jnp.asarray(z.imag))


def run(system, duration: float, dt: float, start=None, **keywords) -> np.ndarray:
    """The complex series (time, nodes)."""
    past = None if start is None else (lambda _: state(start))
    solution = simulate(system, duration, dt, past=past, save=("signal", "states"), **keywords)
    assert solution.succeeded
    return np.asarray(solution.states.x) + 1j * np.asarray(solution.states.y)


def drift(rung: StuartLandau, z) -> np.ndarray:
    found = rung.vector_field(jnp.zeros(()), state(z), rung.Inputs())
    return np.asarray(found.x) + 1j * np.asarray(found.y)


# --- alone and silent


def test_the_cycle_has_radius_root_alpha_over_gamma_and_turns_at_the_sheared_rate():
    rung = StuartLandau(alpha=2.0, gamma=0.5, beta=3.0, omega=OMEGA)
    on_cycle = 2.0 * np.exp(1j * np.linspace(0, 6, 7))
    shifted = 2 * np.pi * 8.090141
    np.testing.assert_allclose(drift(rung, on_cycle) / on_cycle, 1j * shifted, rtol=1e-6)


def test_the_radius_relaxes_at_minus_twice_alpha():
    rung = StuartLandau(alpha=2.0, gamma=0.5, beta=3.0, omega=OMEGA)

    def growth(radius):
        found = rung.vector_field(jnp.zeros(()), rung.State(x=radius, y=0 * radius), rung.Inputs())
        return found.x[0]

    assert float(jax.grad(growth)(jnp.array([2.0]))[0]) == pytest.approx(-4.0, rel=1e-12)


def test_the_transient_follows_its_closed_form():
    rung = StuartLandau(alpha=2.0, gamma=0.5, beta=3.0, omega=OMEGA)
    z = run(rung, 1.501, 1e-3, 0.3 * np.exp(0.7j), solver=diffrax.Dopri8())[-1, 0]
    assert abs(z) == pytest.approx(1.9002961, abs=1e-7)
    assert np.angle(z) % (2 * np.pi) == pytest.approx(0.0590803, abs=1e-6)


def test_the_asymptotic_phase_grows_at_the_cycle_s_rate_everywhere():
    rung = StuartLandau(alpha=2.0, gamma=0.5, beta=3.0, omega=OMEGA)
    z = np.array([0.1, 0.5 + 0.3j, -1.0 + 2.0j, 5.0j])
    rate = drift(rung, z) / z
    phase_rate = rate.imag - (3.0 / 0.5) * rate.real  # theta' - (beta / gamma) (ln r)'
    np.testing.assert_allclose(phase_rate, OMEGA - 3.0 * 2.0 / 0.5, rtol=1e-13)


@pytest.mark.parametrize("alpha, radius", [(-0.5, 0.0), (0.5, np.sqrt(0.5))])
def test_the_cycle_appears_at_alpha_zero(alpha, radius):
    z = run(StuartLandau(alpha=alpha), 30.0, 5e-3, 0.1, solver=diffrax.Dopri8())
    assert abs(z[-1, 0]) == pytest.approx(radius, abs=1e-6)


def test_only_the_ratio_of_shear_to_saturation_matters_up_to_scale():
    # u = sqrt(gamma) z
    plain = StuartLandau(alpha=2.0, gamma=1.0, beta=0.6)
    scaled = StuartLandau(alpha=2.0, gamma=4.0, beta=2.4)
    z = np.array([0.3 + 0.1j, 1.0j])
    np.testing.assert_allclose(2 * drift(scaled, z / 2), drift(plain, z), rtol=1e-13)


# --- driven


@pytest.mark.parametrize("force, oscillates", [(1.45, True), (1.47, False)])
def test_a_constant_drive_kills_the_cycle_at_the_critical_force(force, oscillates):
    # F_c^2 = (alpha / 2 gamma) [(alpha / 2)^2 + (w - beta alpha / 2 gamma)^2] = 1.457738^2
    brain = alone(StuartLandau(alpha=1.0, gamma=1.0, omega=2.0), drive=Step(amplitude=force))
    # Close to the onset it settles at 1.4e-2 a second.
    solution = simulate(brain, 20.0, 0.02, transient=480.0, solver=diffrax.Dopri5())
    swing = float(jnp.ptp(solution.signal))
    assert swing == pytest.approx(0.195, abs=0.01) if oscillates else swing < 0.02


def test_at_the_critical_force_the_displaced_point_has_eigenvalues_of_real_part_zero():
    rung, force = StuartLandau(alpha=1.0, gamma=1.0, omega=2.0), 1.457738
    # The displaced point: z (alpha + i w - |z|^2) = -F at |z|^2 = alpha / 2 gamma.
    z = -force / (1.0 + 2.0j - 0.5)

    def velocity(plane):
        here = rung.State(x=plane[:1], y=plane[1:])
        found = rung.vector_field(jnp.zeros(()), here, rung.Inputs(x=force))
        return jnp.concatenate([found.x, found.y])

    point = jnp.array([z.real, z.imag])
    np.testing.assert_allclose(velocity(point), 0.0, atol=1e-6)
    eigenvalues = np.linalg.eigvals(np.asarray(jax.jacfwd(velocity)(point)))
    np.testing.assert_allclose(eigenvalues.real, 0.0, atol=1e-6)


@pytest.mark.parametrize("share, locks", [(0.97, True), (1.03, False)])
def test_a_rotating_drive_locks_inside_the_arnold_tongue(share, locks):
    # In the frame that turns with the drive: omega is the detuning, the force is constant.
    detuning = share * 0.1001262  # half-width at F = 0.1, alpha = gamma = 1, beta = 0
    brain = alone(StuartLandau(alpha=1.0, omega=detuning), drive=Step(amplitude=0.1))
    solution = simulate(
        brain, 400.0, 0.05, transient=200.0, save=("signal", "states"), solver=diffrax.Dopri5()
    )
    phase = np.unwrap(np.arctan2(solution.states.y[:, 0], solution.states.x[:, 0]))
    assert (abs(phase[-1] - phase[0]) < 0.1) == locks


@pytest.mark.parametrize(
    "force, half_width", [(0.02, 0.0200010), (0.1, 0.1001262), (0.2, 0.2010399), (0.3, 0.3037052)]
)
def test_the_tongue_ends_where_its_fixed_points_meet(force, half_width):
    # In the frame of the drive: two fixed points are lost where the Jacobian is singular.
    def conditions(values):
        rung = StuartLandau(alpha=1.0, omega=values[2])

        def velocity(plane):
            here = rung.State(x=plane[:1], y=plane[1:])
            found = rung.vector_field(jnp.zeros(()), here, rung.Inputs(x=force))
            return jnp.concatenate([found.x, found.y])

        plane = jnp.asarray(values[:2])
        return [*np.asarray(velocity(plane)), np.linalg.det(jax.jacfwd(velocity)(plane))]

    found = root(conditions, [0.0, 1.0, force], tol=1e-12)
    assert found.success and found.x[2] == pytest.approx(half_width, abs=1e-7)


@pytest.mark.parametrize("theta", [0.3, 2.0, 4.4])
def test_a_kick_shifts_the_phase_as_the_gradient_of_the_asymptotic_phase_says(theta):
    # On the cycle (1/r*) (-sin - (b/g) cos, cos - (b/g) sin), with r* = sqrt(alpha / gamma).
    rung, shear, radius = StuartLandau(alpha=2.0, gamma=0.5, beta=0.6, omega=OMEGA), 1.2, 2.0
    z = radius * np.exp(1j * theta)
    kick = 1e-4
    begin = np.array([z, z + kick, z + 1j * kick])
    state = rung.State(x=jnp.asarray(begin.real), y=jnp.asarray(begin.imag))
    solution = simulate(
        alone(rung, nodes=3),
        0.1,
        1e-3,
        transient=6.0,
        past=lambda t: state,
        save=("states",),
        solver=diffrax.Dopri5(),
    )
    after = np.asarray(solution.states.x[-1]) + 1j * np.asarray(solution.states.y[-1])
    shifts = np.angle(after[1:] / after[0]) / kick
    expected = [-np.sin(theta) - shear * np.cos(theta), np.cos(theta) - shear * np.sin(theta)]
    np.testing.assert_allclose(shifts, np.array(expected) / radius, rtol=1e-3, atol=1e-4)


# --- two nodes


@pytest.mark.parametrize("share, amplitude", [(0.98, 0.272), (1.02, 0.0)])
def test_a_detuned_pair_dies_beyond_the_critical_detuning(share, amplitude):
    detuning = share * 2 * np.sqrt(1.0 * (2 * 1.5 - 1.0))
    rung = StuartLandau(alpha=1.0, omega=jnp.array([20.0 - detuning / 2, 20.0 + detuning / 2]))
    z = run(
        Network(rung, Connectome(PAIR), gain=1.5),
        10.0,
        0.02,
        transient=290.0,
        solver=diffrax.Dopri5(),
    )
    assert np.abs(z[-1]).max() == pytest.approx(amplitude, abs=0.002)


def test_a_delayed_pair_locks_at_the_predicted_frequency_and_radius():
    # gamma R^2 = alpha - G (1 - cos Om tau), Om = w - beta R^2 - G sin Om tau
    rung = StuartLandau(alpha=2.0, beta=0.3, omega=OMEGA)
    brain = Network(rung, Connectome(PAIR, 120.0 * PAIR), gain=3.0, speed=10.0)
    z = run(brain, 1.0, 1.25e-4, 1.0 + 0j * PAIR[0], transient=5.0)
    phase = np.unwrap(np.angle(z[:, 0]))
    rate = (phase[-1] - phase[0]) / (1.25e-4 * (len(phase) - 1))
    assert rate == pytest.approx(60.467786, abs=2e-3)
    assert np.abs(z[-1]) == pytest.approx(1.115472, abs=1e-4)


def test_without_delay_synchronised_nodes_keep_the_lone_cycle_for_any_weights():
    rung = StuartLandau(alpha=2.0, gamma=0.5, beta=1.0)
    weights = np.array([[0, 2.0, 0.3], [0.1, 0, 0], [0.7, 0.2, 0]])
    start = np.full(3, 0.4 + 0.2j)
    wired = run(Network(rung, Connectome(weights), gain=5.0), 0.5, 1e-3, start)
    lone = run(rung, 0.5, 1e-3, start[:1])
    np.testing.assert_allclose(wired, np.repeat(lone, 3, axis=1), rtol=1e-10)


# --- with noise


def squared_radius(alpha: float, gamma: float, sigma: float) -> float:
    """`<r^2>`: a normal of mean alpha / gamma and sd sigma / sqrt(gamma), cut at zero."""
    mean, sd = alpha / gamma, sigma / np.sqrt(gamma)
    return mean + sd * norm.pdf(mean / sd) / norm.cdf(mean / sd)


def test_the_closed_form_of_the_noisy_radius_gives_the_tabled_values():
    found = [squared_radius(alpha, 0.5, 1.0) for alpha in (-2.0, 0.0, 1.0, 2.0)]
    np.testing.assert_allclose(found, [0.418161, 1.128379, 2.225271, 4.010358], atol=1e-6)


@pytest.fixture(scope="module")
def noisy_radii() -> np.ndarray:
    """Squared radii (time, alpha, nodes), alpha = -2, 0, 1, 2, of 100 independent nodes each."""
    rung = StuartLandau(
        alpha=jnp.repeat(jnp.array([-2.0, 0.0, 1.0, 2.0]), 100), gamma=0.5, beta=0.4, omega=6.0
    )
    brain = alone(rung, nodes=400, noise=WhiteNoise(sigma=1.0))
    z = run(brain, 25.0, 5e-3, np.ones(400), transient=5.0, key=jax.random.key(2))
    return (np.abs(z[::10]) ** 2).reshape(-1, 4, 100)


@pytest.mark.parametrize("index, alpha", list(enumerate([-2.0, 0.0, 1.0, 2.0])))
def test_the_noisy_radius_is_that_of_the_stationary_density(noisy_radii, index, alpha):
    per_node = noisy_radii[:, index].mean(axis=0)
    error = per_node.std() / np.sqrt(per_node.size)
    assert error < 0.03 and abs(per_node.mean() - squared_radius(alpha, 0.5, 1.0)) < 3 * error


def test_the_phase_diffuses_at_the_sheared_rate():
    # D = sigma^2 (1 + beta^2 / gamma^2) / (2 r*^2), <(phase - mean)^2> = 2 D t
    rung = StuartLandau(alpha=2.0, gamma=0.5, beta=1.0, omega=8.0)
    brain = alone(rung, nodes=1000, noise=WhiteNoise(sigma=0.05))
    z = run(brain, 5.0, 1e-2, np.full(1000, 2.0), key=jax.random.key(0))
    radius = np.abs(z[[200, -1]])
    # The asymptotic phase, from a fixed phase at the start, free of the radius's own wobble.
    phase = np.angle(z[[200, -1]] * np.exp(-1j * np.angle(z[[200, -1]].mean(axis=1)))[:, None])
    phase = phase - 2.0 * np.log(radius / 2.0)
    growth = (phase[1] - phase[1].mean()) ** 2 - (phase[0] - phase[0].mean()) ** 2
    found = growth / (2 * 1e-2 * (len(z) - 1 - 200))
    assert abs(found.mean() - 1.5625e-3) < 3 * found.std() / np.sqrt(found.size)
