"""Exact BOLD spectra and covariances: Lyapunov equations of network and vessels, sums, simulations, gradients."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import solve_continuous_lyapunov

import rosetta_jax as rj
from rosetta_jax.linear import (
    bold_covariance,
    bold_cross_spectrum,
    bold_functional_connectivity,
    bold_spectrum,
    cross_spectrum,
    fixed_point,
    response,
)
from rosetta_jax.observe import through_window
from rosetta_jax.observe.spectrum import welch_standard_error

from .dense import dense

WEIGHTS = np.array([[0.0, 1.0, 0.5], [0.8, 0.0, 0.2], [0.3, 0.6, 0.0]])
BOLD = rj.BalloonWindkessel(transit_time=[0.9, 1.0, 1.4], scale=[0.1, 0.2, 0.3])
NOISE = rj.WhiteNoise([0.1, 0.2, 0.3])
FREQUENCIES = np.array([0.01, 0.05, 0.2])


def columns(lengths=None, **parts):
    rung = rj.JansenRit(bias=[60.0, 40.0, 20.0])
    given = {"gain": 10.0, "noise": NOISE, "bold": BOLD} | parts
    return rj.Network(rung, rj.Connectome(WEIGHTS, lengths), **given)


def oscillators(alpha=(-0.4, -0.6, -0.5), **parts):
    rung = rj.HarmonicOscillator(alpha, 2 * np.pi * np.array([0.04, 0.05, 0.06]))
    given = {"gain": 0.3, "noise": NOISE, "bold": rj.BalloonWindkessel(scale=0.01)} | parts
    return rj.Network(rung, rj.Connectome(WEIGHTS), **given)


# Delays of tenths of seconds, which the slow band feels.
LENGTHS = 3e3 * WEIGHTS
NETWORKS = {
    "columns": columns(),
    "oscillators": oscillators(),
    "near onset": oscillators(alpha=[-0.01, -0.02, -0.01], gain=3e-3),
}


def vessels(network):
    """The matrices of all vessels in flow, volume and deoxyhaemoglobin themselves, by differences."""
    activity = network.activity(fixed_point(network).state, network.rung.Inputs())
    u = np.asarray(network.bold.drive(activity))
    kappa, gamma, tau, alpha, rho, volume, k1, k2, k3 = (
        np.broadcast_to(np.asarray(each), u.shape) for each in jax.tree.leaves(network.bold)[:9]
    )

    def field(x, u):
        s, f, v, q = x
        extracted, out = 1 - (1 - rho) ** (1 / f), v ** (1 / alpha)
        q_slope = (f * extracted / rho - out * q / v) / tau
        return np.stack([u - kappa * s - gamma * (f - 1), s, (f - out) / tau, q_slope])

    def signal(x):
        _, _, v, q = x
        return volume * (k1 * (1 - q) + k2 * (1 - q / v) + k3 * (1 - v))

    f = 1 + u / gamma
    v = f**alpha
    rest = np.stack([np.zeros_like(f), f, v, v * (1 - (1 - rho) ** (1 / f)) / rho])
    h, nodes = 1e-5, len(u)
    A, O = np.zeros((4, 4, nodes)), np.zeros((4, nodes))
    for j in range(4):
        move = h * (np.arange(4) == j)[:, None]
        A[:, j] = (field(rest + move, u) - field(rest - move, u)) / (2 * h)
        O[j] = (signal(rest + move) - signal(rest - move)) / (2 * h)
    return A, O, np.broadcast_to(np.asarray(network.bold.scale), u.shape)


def slope_of_activity(network):
    """How the activity of each node follows its signal: S' of a column, 1 elsewhere."""
    if not isinstance(network.rung, rj.JansenRit):
        return np.ones(3)
    rate = np.asarray(network.activity(fixed_point(network).state, network.rung.Inputs()))
    return 0.56 * rate * (1 - rate / 5)


def from_lyapunov(network):
    """The covariance of BOLD from one Lyapunov equation of nodes and vessels."""
    matrices, (A, O, scale) = dense(network, network.noise_ports), vessels(network)
    own = matrices.A + matrices.B @ matrices.transport(0.0) @ matrices.S
    size, eye = len(own), np.eye(3)
    whole = np.zeros((size + 12, size + 12))
    whole[:size, :size] = own
    whole[size:, size:] = np.einsum("abn,nm->anbm", A, eye).reshape(12, 12)
    whole[size : size + 3, :size] = (scale * slope_of_activity(network))[:, None] * matrices.O
    E = np.concatenate([matrices.E, np.zeros((12, matrices.E.shape[1]))])
    level = np.tile(np.asarray(network.noise.sigma) ** 2, len(network.noise_ports))
    state = solve_continuous_lyapunov(whole, -E @ np.diag(level) @ E.T)
    read = np.concatenate(
        [np.zeros((3, size)), np.einsum("bn,nm->nbm", O, eye).reshape(3, 12)], axis=1
    )
    return read @ state @ read.T


def transfers(network, frequencies):
    """From signal to BOLD, (frequencies, nodes)."""
    A, O, scale = vessels(network)
    found = [
        [
            O[:, n] @ np.linalg.solve(2j * np.pi * f * np.eye(4) - A[:, :, n], np.eye(4)[0])
            for n in range(3)
        ]
        for f in frequencies
    ]
    return np.array(found) * scale * slope_of_activity(network)


# --- covariance


@pytest.mark.parametrize("name", NETWORKS)
def test_the_covariance_is_that_of_one_lyapunov_equation(name):
    found = bold_covariance(NETWORKS[name], check=False)
    assert found.status == rj.Status.ok
    np.testing.assert_allclose(found.matrix, from_lyapunov(NETWORKS[name]), rtol=1e-6)


def _summed(network, low, high):
    """The integral of the cross spectrum from `low` to `high` hertz, by Simpson's rule."""
    frequencies = np.linspace(low, high, 801)
    rule = np.ones(801)
    rule[1:-1:2], rule[2:-1:2] = 4, 2
    density = bold_cross_spectrum(network, frequencies, check=False).density
    return np.tensordot(rule, np.real(density), axes=1) * (high - low) / 2400


def test_a_band_holds_the_integral_of_the_spectrum_over_it():
    network = columns(LENGTHS)
    found = bold_covariance(network, band=(0.01, 0.1), check=False).matrix
    np.testing.assert_allclose(found, _summed(network, 0.01, 0.1), rtol=1e-6)


def test_slow_noise_is_resolved():
    # Its spectrum falls from 1 mHz on.
    network = oscillators(noise=rj.OrnsteinUhlenbeck([0.1, 0.2, 0.3], 150.0))
    found = bold_covariance(network, check=False).matrix
    edges = [1e-9, 3e-3, 0.03, 1.0]
    expected = sum(_summed(network, low, high) for low, high in pairwise(edges))
    np.testing.assert_allclose(found, expected, rtol=2e-4)


def test_connectivity_is_the_correlation_of_the_covariance():
    network = NETWORKS["oscillators"]
    matrix = np.asarray(bold_covariance(network, check=False).matrix)
    scale = np.sqrt(np.diagonal(matrix))
    found = bold_functional_connectivity(network, check=False).matrix
    np.testing.assert_allclose(found, matrix / np.outer(scale, scale), rtol=1e-12)


# --- spectra


def test_the_cross_spectrum_is_that_of_the_signal_through_the_vessels():
    network = columns(LENGTHS)
    H = transfers(network, FREQUENCIES)
    signal = np.asarray(cross_spectrum(network, FREQUENCIES, check=False).density)
    found = bold_cross_spectrum(network, FREQUENCIES, check=False).density
    expected = H[:, :, None] * signal * H.conj()[:, None, :]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    power = bold_spectrum(network, FREQUENCIES, check=False).density
    np.testing.assert_allclose(power, np.real(np.diagonal(expected, axis1=1, axis2=2)), rtol=1e-6)


def test_noise_inside_a_sigmoid_moves_activity_at_once():
    noise = rj.OrnsteinUhlenbeck(0.2, 0.5, ports=("field",))
    network = columns(LENGTHS, noise=noise)
    # The rate follows v = signal + field.
    onto = np.asarray(response(network, FREQUENCIES, "field", check=False).density) + np.eye(3)
    levels = np.asarray(noise.density(jnp.asarray(2 * np.pi * FREQUENCIES))).reshape(-1, 1)
    expected = (
        2 * levels * np.abs(transfers(network, FREQUENCIES)) ** 2 * (np.abs(onto) ** 2).sum(axis=2)
    )
    found = bold_spectrum(network, FREQUENCIES, check=False).density
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_sensor_noise_is_not_seen():
    quiet, noisy = oscillators(), oscillators(sensor=rj.WhiteNoise(0.5))
    for measure in (
        lambda network: bold_spectrum(network, FREQUENCIES, check=False).density,
        lambda network: bold_covariance(network, band=(0.01, 0.1), check=False).matrix,
    ):
        np.testing.assert_array_equal(measure(noisy), measure(quiet))


# --- simulation


@pytest.fixture(scope="module")
def runs():
    """Sixteen runs of slow oscillators, of an hour each."""
    network, dt = oscillators(), 0.05
    rest = fixed_point(network).state
    keys = jax.random.split(jax.random.key(0), 16)
    reduce = {
        "fc": rj.observe.OfBold(rj.observe.Correlation()),
        "power": rj.observe.OfBold(rj.observe.WelchSpectrum(segment=100.0)),
    }
    return rj.ensemble(
        network,
        {},
        3600.0,
        dt,
        key=keys,
        transient=60.0,
        save=(),
        save_every=0.5,
        reduce=reduce,
        past=lambda t: rest,
        show_progress=False,
    )


def test_simulated_connectivity_scatters_around_the_exact_one(runs):
    found, pairs = np.asarray(runs.reduced["fc"]), np.triu_indices(3, 1)
    exact = np.asarray(bold_functional_connectivity(oscillators()).matrix)[pairs]
    each = found[:, pairs[0], pairs[1]]
    error = each.std(axis=0, ddof=1) / 4
    assert runs.succeeded and (error < 0.02).all() and (np.abs(exact) > 0.1).any()
    assert (np.abs(each.mean(axis=0) - exact) < 4 * error + 1e-3).all()


def test_simulated_spectra_scatter_around_the_exact_ones(runs):
    fine = np.concatenate([[0.0], np.geomspace(1e-4, 1.0, 400), [3.0]])
    exact = bold_spectrum(oscillators(), fine[1:], check=False).density
    exact = jnp.concatenate([exact[:1], exact])
    expected = through_window(fine, exact, 0.5, segment=100.0)
    found = runs.reduced["power"]
    used = (np.asarray(found.frequencies[0]) >= 0.01) & (np.asarray(found.frequencies[0]) < 0.2)
    error = welch_standard_error(7200, 200) / 4
    scores = (np.asarray(found.density).mean(axis=0) / np.asarray(expected.density) - 1)[
        used
    ] / error
    assert np.abs(scores.mean()) < 0.5 and 0.7 < scores.std() < 1.3


# --- gradients


def test_the_gradient_of_the_covariance_is_that_of_differences():
    network, step = columns(), 1e-4
    at = {
        path: rj.get(network, path)
        for path in ("gain", "bold.transit_time", "bold.scale", "rung.bias")
    }

    @jax.jit
    def measure(shares):
        changes = {
            path: value * share for (path, value), share in zip(at.items(), shares, strict=True)
        }
        return 1e6 * jnp.sum(bold_covariance(rj.replace(network, changes), check=False).matrix)

    one, moves = jnp.ones(4), step * jnp.eye(4)
    differences = [(measure(one + move) - measure(one - move)) / (2 * step) for move in moves]
    np.testing.assert_allclose(jax.grad(measure)(one), differences, rtol=1e-6)


# --- failure is a status, bad input an error


def test_an_unstable_network_has_no_bold():
    lone = rj.alone(
        rj.HarmonicOscillator(0.5), noise=rj.WhiteNoise(1.0), bold=rj.BalloonWindkessel()
    )
    found = bold_covariance(lone)
    assert found.status == rj.Status.unstable and np.isnan(np.asarray(found.matrix)).all()


def test_an_input_that_stops_the_flow_is_a_status():
    starved = rj.replace(oscillators(), {"bold.baseline": 100.0})
    found = bold_covariance(starved)
    assert found.status == rj.Status.non_finite and np.isnan(np.asarray(found.matrix)).all()


@pytest.mark.parametrize(
    "measure", [bold_covariance, bold_functional_connectivity, lambda n: bold_spectrum(n, [0.1])]
)
def test_bold_needs_haemodynamics_and_noise(measure):
    with pytest.raises(ValueError, match=r"`bold` is None.*BalloonWindkessel"):
        measure(columns(bold=None))
    with pytest.raises(ValueError, match=r"noise"):
        measure(columns(noise=None))


def test_a_band_must_be_in_order():
    with pytest.raises(ValueError, match=r"band"):
        bold_covariance(columns(), band=(0.1, 0.01))
