"""Covariances: the worked network, Lyapunov equations, integrals of spectra."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import solve_continuous_lyapunov

import rosetta_jax as rj
from rosetta_jax.linear import covariance, functional_connectivity, lyapunov

from .dense import dense, random_connectome

WEIGHTS = [[0, 1, 0.5], [1, 0, 0.2], [0.3, 0.2, 0]]
DELAYS = np.array([[0, 10, 20], [10, 0, 15], [20, 15, 0]])  # ms


def _worked(lengths=None, **parts):
    """The worked network of equations.md, section 2."""
    rung = rj.HarmonicOscillator(
        alpha=[-5.0, -6.0, -4.0], omega=2 * np.pi * np.array([10.0, 10.5, 9.5])
    )
    given = {"gain": 4.0, "speed": 10.0, "noise": rj.WhiteNoise([1.0, 1.5, 0.7])} | parts
    return rj.Network(rung, rj.Connectome(WEIGHTS, lengths), **given)


def _hermitian(diagonal, upper):
    matrix = np.diag(np.asarray(diagonal, complex))
    matrix[np.triu_indices(3, 1)] = upper
    return matrix + np.triu(matrix, 1).conj().T


# Printed with six decimals; Cov(x) is half of the real part.
INSTANT = _hermitian(
    [0.119879, 0.234653, 0.089890],
    [0.066580 - 0.010330j, 0.026173 + 0.006883j, 0.022417 + 0.010761j],
)
DELAYED = _hermitian(
    [0.108511, 0.216773, 0.084836],
    [0.040573 - 0.017437j, 0.009709 + 0.001685j, 0.006292 + 0.008867j],
)


@pytest.mark.parametrize(
    ("lengths", "expected"), [(None, INSTANT), (10.0 * DELAYS, DELAYED)], ids=["instant", "delayed"]
)
def test_the_worked_network_has_its_printed_covariance(lengths, expected):
    found = covariance(_worked(lengths), check=False)
    np.testing.assert_allclose(found.matrix, expected.real / 2, atol=3e-7)


def test_the_worked_network_has_its_printed_connectivity():
    found = np.asarray(functional_connectivity(_worked(), check=False).matrix)
    expected = [0.396973, 0.252134, 0.154354]
    np.testing.assert_allclose(found[np.triu_indices(3, 1)], expected, atol=1e-6)


def test_jansen_rit_has_its_printed_variance():
    column = rj.alone(rj.JansenRit(bias=350.0), noise=rj.WhiteNoise(0.1))
    found = float(covariance(column).matrix[0, 0])
    assert abs(found / 5.28123e-3 - 1) < 1e-6


CONNECTOME = random_connectome(np.random.default_rng(5), 3)
COLUMNS = rj.Network(
    rj.JansenRit(bias=[60.0, 40.0, 20.0]),
    CONNECTOME,
    gain=10.0,
    noise=rj.WhiteNoise([0.1, 0.2, 0.3]),
)


def _with_lengths_zero(network):
    zero = jnp.zeros((network.nodes, network.nodes))
    connectome = rj.Connectome(network.connectome.weights, zero)
    return rj.Network(
        network.rung, connectome, gain=network.gain, noise=network.noise, coupling=network.coupling
    )


@pytest.mark.parametrize("network", [_worked(), COLUMNS], ids=["oscillators", "columns"])
def test_the_integral_of_the_spectrum_is_the_lyapunov_solution(network):
    # With lengths, all of them zero, the integral is taken.
    integral = covariance(_with_lengths_zero(network), check=False).matrix
    solution = covariance(network, check=False).matrix
    np.testing.assert_allclose(integral, solution, rtol=1e-6, atol=1e-7 * float(solution.max()))


def test_columns_have_the_covariance_of_scipys_lyapunov():
    matrices = dense(COLUMNS, ("rate",))
    whole = matrices.A + matrices.B @ matrices.transport(0.0) @ matrices.S
    noise = matrices.E @ np.diag([0.01, 0.04, 0.09]) @ matrices.E.T
    state = solve_continuous_lyapunov(whole, -noise)
    expected = matrices.O @ state @ matrices.O.T
    np.testing.assert_allclose(covariance(COLUMNS, check=False).matrix, expected, rtol=1e-8)


@pytest.mark.parametrize("tau", [0.005, 0.1, 5.0])
def test_slow_and_fast_noise_have_their_closed_form(tau):
    # z' = (alpha + i w) z + eta_x + i eta_y, eta Ornstein-Uhlenbeck with sd s:
    # E|z|^2 = 2 s^2 Re[1 / (-alpha (1/tau - alpha - i w))].
    alpha, omega, sd = -5.0, 62.8, 2.0
    lone = rj.alone(rj.HarmonicOscillator(alpha, omega), noise=rj.OrnsteinUhlenbeck(sd, tau))
    expected = sd**2 * (1 / (-alpha * (1 / tau - alpha - 1j * omega))).real
    found = float(covariance(lone, check=False).matrix[0, 0])
    assert abs(found / expected - 1) < 1e-5


# --- bands --------------------------------------------------------------------------------------


def _integral(network, low, high):
    """Of the real part of the dense cross spectrum, by Simpson's rule."""
    matrices = dense(network, network.noise_ports)
    frequencies = np.linspace(low, high, 401)
    rule = np.ones(401)
    rule[1:-1:2], rule[2:-1:2] = 4, 2
    level = np.tile(np.asarray(network.noise.sigma) ** 2, len(network.noise_ports))
    total = 0.0
    for frequency, weight in zip(frequencies, rule, strict=True):
        X = matrices.transfer(2 * np.pi * frequency)
        total = total + weight * 2 * (X @ np.diag(level) @ X.conj().T).real
    return total * (high - low) / 1200


@pytest.mark.parametrize("band", [(8.0, 12.0), (0.0, 30.0)])
def test_a_band_holds_the_integral_of_the_spectrum_over_it(band):
    network = _worked(10.0 * DELAYS)
    found = covariance(network, band=band, check=False)
    np.testing.assert_allclose(found.matrix, _integral(network, *band), rtol=1e-6, atol=1e-9)


def test_sensor_noise_counts_within_a_band():
    network, noisy = _worked(10.0 * DELAYS), _worked(10.0 * DELAYS, sensor=rj.WhiteNoise(0.1))
    added = (
        covariance(noisy, band=(8.0, 12.0), check=False).matrix
        - covariance(network, band=(8.0, 12.0), check=False).matrix
    )
    np.testing.assert_allclose(added, 2 * 0.01 * 4 * np.eye(3), rtol=1e-9, atol=1e-12)


def test_connectivity_is_the_correlation_of_the_covariance():
    network = _worked(10.0 * DELAYS)
    found = functional_connectivity(network, band=(8.0, 12.0), check=False).matrix
    matrix = np.asarray(covariance(network, band=(8.0, 12.0), check=False).matrix)
    scale = np.sqrt(np.diagonal(matrix))
    np.testing.assert_allclose(found, matrix / np.outer(scale, scale), rtol=1e-12)


@pytest.mark.parametrize("band", [(12.0, 8.0), (-1.0, 8.0)])
def test_a_band_must_be_in_order(band):
    with pytest.raises(ValueError, match="band"):
        covariance(_worked(), band=band)


def test_an_unstable_network_has_no_covariance():
    found = covariance(rj.alone(rj.HarmonicOscillator(0.5), noise=rj.WhiteNoise(1.0)))
    assert found.status == rj.Status.unstable
    assert np.isnan(np.asarray(found.matrix)).all()


# --- the Lyapunov equation ----------------------------------------------------------------------


def _stable(size, seed, spread=1.0):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(size, size)) * spread ** rng.uniform(-1, 1, (size, 1))
    A -= (np.linalg.eigvals(A).real.max() + 0.1) * np.eye(size)
    Q = rng.normal(size=(size, size))
    return jnp.asarray(A), jnp.asarray(Q @ Q.T)


@pytest.mark.parametrize("spread", [1.0, 30.0])
@pytest.mark.parametrize("size", [1, 4, 30])
def test_lyapunov_agrees_with_scipy(size, spread):
    A, Q = _stable(size, size, spread)
    expected = solve_continuous_lyapunov(np.asarray(A), -np.asarray(Q))
    np.testing.assert_allclose(lyapunov(A, Q), expected, rtol=1e-7, atol=1e-9 * expected.max())


@pytest.mark.parametrize("derivative", [jax.grad, jax.jacfwd], ids=["reverse", "forward"])
def test_lyapunov_has_the_gradient_of_differences(derivative):
    A, Q = _stable(4, 0)
    rng = np.random.default_rng(1)
    dA, dQ, W = (jnp.asarray(rng.normal(size=(4, 4))) for _ in range(3))

    def measure(t):
        return jnp.sum(W * lyapunov(A + t * dA, Q + t**2 * dQ + t * W @ W.T))

    step = 1e-4
    near = measure(jnp.asarray(step)) - measure(jnp.asarray(-step))
    far = measure(jnp.asarray(2 * step)) - measure(jnp.asarray(-2 * step))
    differences = (8 * near - far) / (12 * step)
    np.testing.assert_allclose(derivative(measure)(jnp.asarray(0.0)), differences, rtol=1e-6)


def test_lyapunov_of_an_unstable_matrix_is_not_finite():
    found = lyapunov(jnp.diag(jnp.array([-1.0, 0.5])), jnp.eye(2))
    assert not np.isfinite(np.asarray(found)).all()


@pytest.mark.parametrize("lengths", [None, 10.0 * DELAYS], ids=["instant", "delayed"])
def test_the_gradient_of_the_covariance_is_that_of_differences(lengths):
    def measure(gain):
        return jnp.sum(covariance(_worked(lengths, gain=gain), check=False).matrix)

    measure = jax.jit(measure)
    step, at = 1e-3, jnp.asarray(4.0)
    differences = (measure(at + step) - measure(at - step)) / (2 * step)
    np.testing.assert_allclose(jax.grad(measure)(at), differences, rtol=1e-5)
