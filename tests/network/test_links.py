"""Complex weights: links that turn what they carry, in the march, in theory, and in the collective mode."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import solve_continuous_lyapunov

import rosetta_jax as rj
from rosetta_jax.network.links import carried, turned

ALPHA, OMEGA, SIGMA = np.array([-5.0, -6.0, -4.0]), 2 * np.pi * np.array([10.0, 10.5, 9.5]), 0.7
WEIGHTS = np.array([[0, 1, 0.5], [1, 0, 0.2], [0.3, 0.2, 0]])
PHASE = np.array([[0, 0.7, -1.1], [0.3, 0, 2.0], [-0.4, 1.3, 0]])
LENGTHS = np.array([[0, 80.0, 160], [80, 0, 120], [160, 120, 0]])
GAIN = 1.5


def brain(lengths=None, coupling="additive", phase=PHASE) -> rj.Network:
    connectome = rj.Connectome(WEIGHTS, lengths, phase=phase)
    rung = rj.HarmonicOscillator(alpha=ALPHA, omega=OMEGA)
    return rj.Network(rung, connectome, coupling, GAIN, speed=8.0, noise=rj.WhiteNoise(SIGMA))


def complex_weights(omega: float, delays) -> np.ndarray:
    return WEIGHTS * np.exp(1j * PHASE) * np.exp(-1j * omega * delays)


def own(coupling: str) -> np.ndarray:
    leak = GAIN * WEIGHTS.sum(axis=1) if coupling == "diffusive" else 0.0
    return np.diag(ALPHA + 1j * OMEGA - leak)


def test_a_pair_is_multiplied_by_the_complex_weight_and_each_harmonic_by_its_power():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(2, 3)) + 1j * rng.normal(size=(2, 3))
    sent = jnp.stack([jnp.asarray(each) for pair in z for each in (pair.real, pair.imag)])
    links = turned(jnp.asarray(WEIGHTS), jnp.asarray(PHASE), 4)
    found = np.asarray(carried(links, sent))
    for harmonic in (1, 2):
        expected = (WEIGHTS * np.exp(1j * harmonic * PHASE)) @ z[harmonic - 1]
        real, imaginary = found[2 * harmonic - 2 : 2 * harmonic]
        np.testing.assert_allclose(real + 1j * imaginary, expected, rtol=1e-13)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["at once", "delayed"])
@pytest.mark.parametrize("coupling", ["additive", "diffusive"])
def test_the_exact_spectrum_is_that_of_the_complex_network(coupling, lengths):
    # z is circular: the density of x is a quarter of those of z at both signs of the frequency.
    frequencies = np.array([4.0, 9.7, 10.4, 31.0])
    delays = np.zeros((3, 3)) if lengths is None else lengths / 8000

    def of_z(omega: float) -> np.ndarray:
        M = 1j * omega * np.eye(3) - own(coupling) - GAIN * complex_weights(omega, delays)
        R = np.linalg.inv(M)
        return np.diag(R @ R.conj().T).real * 2 * SIGMA**2

    expected = [2 * (of_z(w) + of_z(-w)) / 4 for w in 2 * np.pi * frequencies]
    found = rj.linear.power_spectrum(brain(lengths, coupling), frequencies)
    assert found.status == 0
    np.testing.assert_allclose(found.density, expected, rtol=1e-9)


def test_the_covariance_solves_the_complex_lyapunov_equation():
    M = own("additive") + GAIN * complex_weights(0.0, 0.0)
    sigma = solve_continuous_lyapunov(M, -2 * SIGMA**2 * np.eye(3))
    found = rj.linear.covariance(brain())
    np.testing.assert_allclose(found.matrix, sigma.real / 2, rtol=1e-9)


def test_unstable_modes_are_those_of_the_complex_matrix():
    for gain in (1.0, 5.0, 12.0, 30.0):
        network = rj.replace(brain(), {"gain": gain})
        modes = np.linalg.eigvals(own("additive") + gain * complex_weights(0.0, 0.0))
        assert int(rj.linear.stability(network).unstable_modes) == 2 * np.sum(modes.real > 0)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["at once", "delayed"])
def test_the_march_settles_where_theory_says_under_a_drive(lengths):
    # A rotating drive at one node: z_i = a_i exp(i W t), a = (i W - M)^-1 F.
    turning = 2 * np.pi * 8.0
    pushed = jnp.array([1.0, 0.0, 0.0])
    drive = rj.FunctionDrive(lambda t: pushed * jnp.cos(turning * t), port="x") + rj.FunctionDrive(
        lambda t: pushed * jnp.sin(turning * t), port="y"
    )
    network = brain(lengths)
    network = rj.Network(network.rung, network.connectome, "additive", GAIN, speed=8.0, drive=drive)
    solution = rj.simulate(network, 0.5, 1e-4, transient=4.0)
    delays = np.zeros((3, 3)) if lengths is None else lengths / 8000
    M = 1j * turning * np.eye(3) - own("additive") - GAIN * complex_weights(turning, delays)
    settled = np.linalg.solve(M, np.array([1.0, 0, 0]))
    times = np.asarray(solution.times)
    expected = (settled[None] * np.exp(1j * turning * times)[:, None]).real
    np.testing.assert_allclose(solution.signal, expected, atol=2e-6)


def test_delays_below_the_step_turn_what_they_carry_too():
    # A step of 20 ms holds all delays of 10 to 20 ms: the march converges to the one in small steps.
    slow = rj.HarmonicOscillator(alpha=-2.0, omega=3.0)
    connectome = rj.Connectome(WEIGHTS, LENGTHS, phase=PHASE)
    network = rj.Network(slow, connectome, "additive", 1.0, speed=8.0)
    signals = [
        np.asarray(rj.simulate(network, 2.0, dt).signal)[:: round(0.02 / dt)]
        for dt in (0.02, 0.01, 0.000625)
    ]
    coarse, fine = (np.abs(each - signals[2]).max() for each in signals[:2])
    assert fine < coarse / 3 < 1e-4


def test_a_constant_phase_is_a_lag_of_sakaguchi():
    lag = 0.4
    rung = rj.PhaseOscillator(omega=OMEGA, harmonics=1)
    turned_links = rj.Connectome(WEIGHTS, LENGTHS, phase=np.full((3, 3), -lag))
    plain = rj.Connectome(WEIGHTS, LENGTHS)
    by_phase = rj.Network(rung, turned_links, gain=4.0, speed=8.0)
    by_lag = rj.Network(
        rung, plain, rj.PhaseCoupling(1.0 * jnp.ones(1), lag * jnp.ones(1)), 4.0, 8.0
    )
    first, second = (rj.simulate(each, 0.5, 1e-3).signal for each in (by_phase, by_lag))
    np.testing.assert_allclose(first, second, atol=1e-12)


def test_a_phase_turns_each_harmonic_by_its_number():
    rung = rj.PhaseOscillator(omega=OMEGA, harmonics=2)
    amplitudes, lags = jnp.array([1.0, 0.5]), jnp.array([0.4, 0.8])
    links = rj.Connectome(WEIGHTS, LENGTHS, phase=np.full((3, 3), -0.4))
    by_phase = rj.Network(rung, links, rj.PhaseCoupling(amplitudes, 0 * lags), 4.0, 8.0)
    links = rj.Connectome(WEIGHTS, LENGTHS)
    by_lag = rj.Network(rung, links, rj.PhaseCoupling(amplitudes, lags), 4.0, 8.0)
    first, second = (rj.simulate(each, 0.5, 1e-3).signal for each in (by_phase, by_lag))
    np.testing.assert_allclose(first, second, atol=1e-12)


def test_the_collective_mode_obeys_kuramoto_and_sakaguchi():
    # Undamped nodes, less the growth of the leading mode: all its phases turn by w_i + sum |C| r_j/r_i sin(...).
    strong = 12.0
    links = strong * WEIGHTS * np.exp(1j * PHASE)
    values, vectors = np.linalg.eig(np.diag(1j * OMEGA) + links)
    leading = np.argmax(values.real)
    radius, theta = np.abs(vectors[:, leading]), np.angle(vectors[:, leading])
    differences = theta[None, :] - theta[:, None] + PHASE
    pulled = strong * WEIGHTS * radius[None, :] / radius[:, None]
    turning = OMEGA + np.sum(pulled * np.sin(differences), axis=1)
    np.testing.assert_allclose(turning, values[leading].imag, rtol=1e-12)
    rung = rj.HarmonicOscillator(alpha=-values[leading].real, omega=OMEGA)
    network = rj.Network(rung, rj.Connectome(WEIGHTS, phase=PHASE), "additive", strong)
    solution = rj.simulate(network, 0.2, 1e-4, transient=5.0, save=("states",))
    z = np.asarray(solution.states.x[-1]) + 1j * np.asarray(solution.states.y[-1])
    np.testing.assert_allclose(np.abs(z) / np.abs(z[0]), radius / radius[0], rtol=1e-6)
    np.testing.assert_allclose(
        z / z[0] / np.abs(z / z[0]), np.exp(1j * (theta - theta[0])), atol=1e-6
    )
    # And the phase rung, with the radii's ratios as weights, locks on the same differences.
    phases = rj.Network(
        rj.PhaseOscillator(omega=OMEGA), rj.Connectome(pulled / strong, phase=PHASE), gain=strong
    )
    locked = rj.simulate(phases, 0.2, 1e-3, transient=20.0, save=("states",)).states.theta[-1]
    unit = np.exp(1j * np.asarray(locked))
    np.testing.assert_allclose(unit / unit[0], np.exp(1j * (theta - theta[0])), atol=1e-5)


def test_gradients_to_the_phase_agree_with_differences():
    network = brain(LENGTHS)

    def power(phase):
        changed = rj.replace(network, {"connectome.phase": phase})
        return rj.linear.power_spectrum(changed, jnp.array([9.0, 11.0]), check=False).density.sum()

    def marched(phase):
        changed = rj.replace(network, {"connectome.phase": phase})
        signal = rj.simulate(changed, 0.1, 1e-3, key=jax.random.key(0)).signal
        return jnp.mean(signal**2)

    for function in (power, marched):
        gradient = jax.jit(jax.grad(function))(jnp.asarray(PHASE))
        step = jnp.zeros((3, 3)).at[1, 2].set(1e-5)
        difference = (function(PHASE + step) - function(PHASE - step)) / 2e-5
        assert float(gradient[1, 2]) == pytest.approx(float(difference), rel=1e-6)


def test_a_rung_that_sends_no_pair_refuses_a_phase():
    with pytest.raises(ValueError, match=r"connectome\.phase.*JansenRit sends 1.*plane"):
        rj.Network(rj.JansenRit(), rj.Connectome(WEIGHTS, phase=PHASE))
    with pytest.raises(ValueError, match="phase"):
        rj.Connectome(WEIGHTS, phase=PHASE[:2])
    assert rj.Connectome(WEIGHTS, phase=PHASE).normalised().phase is not None
