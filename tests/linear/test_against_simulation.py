"""Theory and simulation test each other: spectra of noisy networks, answers to fields."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.linear import fixed_point, power_spectrum, response
from rosetta_jax.observe import power_spectrum as welch
from rosetta_jax.observe import through_window
from rosetta_jax.observe.spectrum import welch_standard_error

from .dense import random_connectome

NODES, SEGMENT = 20, 2.0
RNG = np.random.default_rng(11)
CONNECTOME = random_connectome(RNG, NODES, longest=120.0, share=0.3)
ALPHA, OMEGA = RNG.uniform(-7, -4, NODES), 2 * np.pi * RNG.uniform(8, 12, NODES)
# A network a rung, the step and how long it runs (s).
NETWORKS = {
    "harmonic": (
        rj.Network(
            rj.HarmonicOscillator(ALPHA, OMEGA), CONNECTOME, gain=4.0, noise=rj.WhiteNoise(1.0)
        ),
        2e-3,
        240.0,
    ),
    "stuart-landau": (
        rj.Network(
            rj.StuartLandau(ALPHA, OMEGA, beta=2.0), CONNECTOME, gain=4.0, noise=rj.WhiteNoise(0.02)
        ),
        2e-3,
        240.0,
    ),
    "jansen-rit": (
        rj.Network(
            rj.JansenRit(bias=RNG.uniform(20, 60, NODES)),
            CONNECTOME,
            gain=20.0,
            noise=rj.WhiteNoise(0.1),
        ),
        1e-3,
        120.0,
    ),
    "subcritical": (
        rj.Network(
            rj.SubcriticalStuartLandau(ALPHA, OMEGA),
            CONNECTOME,
            gain=4.0,
            noise=rj.WhiteNoise(0.01),
        ),
        2e-3,
        240.0,
    ),
    "wilson-cowan": (rj.working_brain(rj.WilsonCowan, CONNECTOME), 5e-4, 60.0),
    "nmm1": (rj.working_brain(rj.NMM1, CONNECTOME), 1e-3, 120.0),
    "wendling": (
        rj.Network(
            rj.Wendling(bias=RNG.uniform(60, 100, NODES)),
            CONNECTOME,
            gain=5.0,
            noise=rj.WhiteNoise(0.1),
        ),
        5e-4,
        60.0,
    ),
    "laminar": (rj.working_brain(rj.Laminar, CONNECTOME), 5e-4, 120.0),
    "master mass": (rj.working_brain(rj.MasterMass, CONNECTOME), 2.5e-4, 60.0),
    "qif": (rj.working_brain(rj.QIFPopulation, CONNECTOME), 2e-4, 60.0),
    "nmm2": (rj.working_brain(rj.NMM2, CONNECTOME), 2e-4, 60.0),
}


@functools.cache
def _scores(name):
    """How many standard errors simulation lies from theory, (bins, nodes), from 0.5 to 45 Hz."""
    network, dt, duration = NETWORKS[name]
    fine = np.concatenate([[0.0], np.arange(0.05, 60, 0.1), np.geomspace(60, 1.5 / dt, 80)])
    exact = power_spectrum(network, fine[1:], check=False).density
    exact = jnp.concatenate([exact[:1], exact])
    expected = through_window(fine, exact, dt, segment=SEGMENT)
    rest = fixed_point(network).state
    solution = rj.simulate(
        network, duration, dt, key=jax.random.key(1), transient=3.0, past=lambda t: rest
    )
    found = welch(solution.signal, dt, segment=SEGMENT)
    error = welch_standard_error(round(duration / dt), round(SEGMENT / dt))
    used = (found.frequencies >= 0.5) & (found.frequencies <= 45)
    return np.asarray((found.density / expected.density - 1) / error)[np.asarray(used)]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_simulated_spectrum_scatters_around_the_exact_one(name):
    assert np.mean(np.abs(_scores(name)) > 3) <= 0.02


@pytest.mark.parametrize("name", NETWORKS)
def test_a_simulated_spectrum_has_no_bias(name):
    # About a thousand independent numbers of unit variance.
    assert abs(_scores(name).mean()) < 0.15


@pytest.mark.parametrize("name", NETWORKS)
def test_a_simulated_spectrum_scatters_as_it_must(name):
    assert 0.85 < _scores(name).std() < 1.15


# --- answers to a sinusoid at one node ----------------------------------------------------------

FREQUENCY, STRENGTH = 40.0, 1e-3
FEW = random_connectome(np.random.default_rng(12), 4, longest=100.0, share=1.0)
DRIVEN = {
    "columns": rj.Network(rj.JansenRit(bias=[60.0, 40.0, 20.0, 30.0]), FEW, gain=10.0),
    "oscillators": rj.Network(
        rj.HarmonicOscillator(-8.0, [200.0, 250.0, 300.0, 220.0]), FEW, gain=5.0
    ),
}


@functools.cache
def _answers(name):
    """The complex amplitude of every signal for a field at node 0: simulated, and in theory."""
    network, dt = DRIVEN[name], 1e-4
    rest = fixed_point(network)
    field = rj.Field(
        strength=jnp.array([STRENGTH, 0.0, 0.0, 0.0]),
        waveform=rj.Sinusoid(1.0, FREQUENCY),
        polarisability=1.0,
    )
    driven = eqx.tree_at(lambda n: n.field, network, field, is_leaf=lambda leaf: leaf is None)
    solution = rj.simulate(driven, 0.5, dt, transient=1.5, past=lambda t: rest.state)
    wave = np.exp(-2j * np.pi * FREQUENCY * np.asarray(solution.times))
    signal = np.asarray(solution.signal)
    # sin is the imaginary part: a signal Im[H a exp(i w t)] has this mean with exp(-i w t).
    simulated = 2j * np.mean((signal - signal.mean(axis=0)) * wave[:, None], axis=0)
    port = network.rung.field_port
    exact = response(network, [FREQUENCY], port, check=False).density[0, :, 0]
    return simulated, STRENGTH * np.asarray(exact)


@pytest.mark.parametrize("node", range(4))
@pytest.mark.parametrize("name", DRIVEN)
def test_a_field_at_one_node_moves_every_node_as_predicted(name, node):
    simulated, exact = _answers(name)
    assert abs(simulated[node] / exact[node] - 1) < 5e-3
