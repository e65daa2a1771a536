"""Simulation, theory and both gradients lower for CPU, CUDA and TPU in float32."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from lowering import lowered

import rosetta_jax as rj
from rosetta_jax.network.transport import formulate

NODES = 3
RNG = np.random.default_rng(7)
WEIGHTS = np.float32(RNG.uniform(0.2, 1.0, (NODES, NODES)) * (1 - np.eye(NODES)) / NODES)
LENGTHS = np.float32(RNG.uniform(5.0, 60.0, (NODES, NODES)))
RUNGS = {
    "stuart-landau": lambda number: rj.StuartLandau(alpha=-5.0 * number),
    "jansen-rit": lambda number: rj.JansenRit(bias=50.0 * number),
}


def _network(rung, at, lengths=LENGTHS):
    return rj.Network(
        RUNGS[rung](at[2]),
        rj.Connectome(WEIGHTS, lengths),
        gain=at[0],
        speed=10 * at[1],
        noise=rj.WhiteNoise(0.1),
        max_delay=0.1,
    )


def _march(network):
    found = rj.simulate(network, 0.02, 1e-3, key=jax.random.key(0))
    return found.signal, found.status


def _spectrum(network):
    found = rj.linear.power_spectrum(network, np.float32([5.0, 10.0]))
    return found.density, found.status


def _stability(network):
    return jax.tree.leaves(rj.linear.stability(network))


def _fixed_point(network):
    return jax.tree.leaves(rj.linear.fixed_point(network))


def _covariance(network):
    return jax.tree.leaves(rj.linear.covariance(network))


def _connectivity(network):
    found = rj.linear.functional_connectivity(network, band=(8.0, 12.0))
    return found.matrix, found.status


def _lowered(function):
    """Apart, since a processor may call libraries that no accelerator has."""
    lowered(function)
    lowered(function, platforms=("cpu",))


VALUES = {
    "march": _march,
    "spectrum": _spectrum,
    "stability": _stability,
    "fixed point": _fixed_point,
    "covariance": _covariance,
    "functional connectivity": _connectivity,
}


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("name", VALUES)
def test_values_lower_for_every_platform(name, rung):
    _lowered(lambda at: VALUES[name](_network(rung, at)))


def test_covariance_without_delays_lowers_for_every_platform():
    _lowered(lambda at: _covariance(_network("stuart-landau", at, lengths=None)))


@pytest.mark.parametrize("rung", RUNGS)
def test_marches_in_chunks_lower_for_every_platform(rung):
    def network(at):
        return rj.Network(
            RUNGS[rung](at[2]), rj.Connectome(WEIGHTS, 100 + LENGTHS), gain=at[0], speed=10.0
        )

    assert formulate(network(jnp.ones(3)), 1e-3).name == "slices"
    _lowered(lambda at: _march(network(at)))
    _lowered(jax.grad(lambda at: jnp.sum(_march(network(at))[0] ** 2)))


def _phases(at):
    """Phases linked with delays that turn what they carry, about their locked state."""
    connectome = rj.Connectome(WEIGHTS, LENGTHS, phase=0.1 * WEIGHTS)
    rung = rj.PhaseOscillator(omega=60.0 * at[2])
    return rj.Network(
        rung, connectome, gain=50 * at[0], speed=10 * at[1], noise=rj.WhiteNoise(0.1), max_delay=0.1
    )


def _locked(network):
    found = rj.linear.phase_spectrum(network, np.float32([5.0, 10.0]))
    return found.density, found.status


@pytest.mark.parametrize("name, value", [("march", _march), ("spectrum", _locked)])
def test_phases_and_turning_links_lower_for_every_platform(name, value):
    _lowered(lambda at: value(_phases(at)))
    _lowered(jax.grad(lambda at: jnp.sum(value(_phases(at))[0] ** 2)))


@pytest.mark.parametrize("derivative", [jax.grad, jax.jacfwd], ids=["reverse", "forward"])
@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("name", ["march", "spectrum"])
def test_gradients_lower_for_every_platform(name, rung, derivative):
    _lowered(derivative(lambda at: jnp.sum(VALUES[name](_network(rung, at))[0] ** 2)))


@pytest.mark.parametrize("name", ["march", "spectrum"])
def test_gradients_of_lanes_lower_for_every_platform(name):
    def total(at):
        lanes = jax.vmap(lambda scale: VALUES[name](_network("jansen-rit", scale * at))[0])
        return jnp.sum(lanes(jnp.arange(1.0, 4.0, dtype=at.dtype)) ** 2)

    _lowered(jax.grad(total))
