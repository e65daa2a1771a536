"""Facts of networks of linear oscillators: collective mode, stability, sensitivity, envelopes.

Numbered as in the mathematics of the ladder: 1d, 2i, 2j, 2k of the damped harmonic rung.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import solve_continuous_lyapunov

import rosetta_jax as rj

WEIGHTS = np.array([[0, 1, 0.5], [1, 0, 0.2], [0.3, 0.2, 0]])
ALPHA, OMEGA = np.array([-5.0, -6.0, -4.0]), 2 * np.pi * np.array([10.0, 10.5, 9.5])
SIGMA = np.array([1.0, 1.5, 0.7])


def worked(weights=WEIGHTS, lengths=None):
    rung = rj.HarmonicOscillator(alpha=ALPHA, omega=OMEGA)
    connectome = rj.Connectome(weights, lengths)
    return rj.Network(rung, connectome, gain=4.0, speed=1.0, noise=rj.WhiteNoise(SIGMA))


def test_an_additive_network_settles_on_its_collective_mode():
    omega = 2 * np.pi * np.array([10.0, 10.2, 9.9])
    values, vectors = np.linalg.eig(np.diag(1j * omega) + 3 * WEIGHTS)
    lead = int(np.argmax(values.real))
    rung = rj.HarmonicOscillator(alpha=-values[lead].real, omega=omega)
    network = rj.Network(rung, rj.Connectome(WEIGHTS), coupling="additive", gain=3.0)
    found = rj.simulate(network, 0.2, 1e-4, transient=4.0, save=("states",))
    z = np.asarray(found.states.x) + 1j * np.asarray(found.states.y)
    mode = vectors[:, lead]
    np.testing.assert_allclose(z / z[:, :1], np.broadcast_to(mode / mode[0], z.shape), rtol=1e-3)
    turning = np.angle(z[1:, 0] / z[:-1, 0]).mean() / 1e-4
    np.testing.assert_allclose(turning, values[lead].imag, rtol=1e-5)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("longest", [None, 200.0])
def test_diffusive_coupling_never_destabilises(seed, longest):
    rng = np.random.default_rng(seed)
    weights = rng.lognormal(size=(5, 5)) * (1 - np.eye(5))
    lengths = None if longest is None else rng.uniform(1.0, longest, (5, 5))
    rung = rj.HarmonicOscillator(alpha=-rng.uniform(0.5, 9.0, 5), omega=rng.uniform(20.0, 300.0, 5))
    network = rj.Network(rung, rj.Connectome(weights, lengths), gain=30 * rng.random(), speed=2.0)
    assert int(rj.linear.stability(network).unstable_modes) == 0


def test_a_lesion_changes_the_covariance_as_its_lyapunov_equation_says():
    lesion = np.zeros((3, 3))
    lesion[0, 1] = -1.0

    def complex_covariance(weights):
        M = np.diag(ALPHA + 1j * OMEGA) + 4 * (weights - np.diag(weights.sum(axis=1)))
        return M, solve_continuous_lyapunov(M, -2 * np.diag(SIGMA**2).astype(complex))

    M, covariance = complex_covariance(WEIGHTS)
    dM = 4 * (lesion - np.diag(lesion.sum(axis=1)))
    change = solve_continuous_lyapunov(M, -(dM @ covariance + covariance @ dM.conj().T))

    def signals(weights):
        return rj.linear.covariance(rj.replace(worked(), {"connectome.weights": weights})).matrix

    _, found = jax.jvp(signals, (jnp.asarray(WEIGHTS),), (jnp.asarray(lesion),))
    np.testing.assert_allclose(found, change.real / 2, rtol=1e-8, atol=1e-12)


def test_envelopes_correlate_as_the_squared_coherence_says():
    """corr(|z1|^2, |z2|^2) = |c|^2 with the complex coherence c; the printed value is 0.161380."""
    keys = jax.random.split(jax.random.key(3), 16)

    def correlation(key):
        found = rj.simulate(worked(), 120.0, 2e-3, key=key, transient=2.0, save=("states",))
        power = found.states.x**2 + found.states.y**2
        return jnp.corrcoef(power[:, 0], power[:, 1])[0, 1]

    each = np.asarray(jax.jit(jax.vmap(correlation))(keys))
    error = each.std(ddof=1) / np.sqrt(len(each))
    assert error < 0.01
    np.testing.assert_allclose(each.mean(), 0.161380, atol=3 * error)
