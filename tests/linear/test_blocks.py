"""The blocks of a network against derivatives of the whole."""

import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.linear import fixed_point
from rosetta_jax.linear.blocks import linearise, loop, node_responses, transport_at
from rosetta_jax.linear.resolvent import resolvent

from .dense import dense, random_connectome

CONNECTOME = random_connectome(np.random.default_rng(1), 4, longest=200.0)
NETWORKS = {
    "harmonic": (
        rj.Network(rj.HarmonicOscillator(alpha=[-5.0, -4.0, -3.0, -2.0]), CONNECTOME, gain=3.0),
        ("x", "y"),
    ),
    "stuart-landau additive": (
        rj.Network(
            rj.StuartLandau(alpha=-1.0, beta=0.5),
            CONNECTOME,
            coupling="additive",
            gain=[0.5, 1.0, 1.5, 2.0],
        ),
        ("y",),
    ),
    "jansen-rit": (
        rj.Network(rj.JansenRit(bias=[60.0, 350.0, 220.0, 0.0]), CONNECTOME, gain=10.0),
        ("rate", "field"),
    ),
}


@pytest.fixture(scope="module", params=NETWORKS)
def case(request):
    network, ports = NETWORKS[request.param]
    point = fixed_point(network)
    blocks = linearise(network, point.state, point.arriving, network.rung.Inputs(), ports)
    return network, blocks, dense(network, ports, point)


def _whole(block, nodes):
    """A block a node, (nodes, rows, columns), as a matrix over all nodes."""
    rows, columns = block.shape[1:]
    return np.einsum("nrc,nm->rncm", block, np.eye(nodes)).reshape(rows * nodes, columns * nodes)


@pytest.mark.parametrize("name", ["A", "B", "S", "O", "E", "F", "P"])
def test_block_is_the_derivative_of_the_whole_network(case, name):
    network, blocks, whole = case
    block = np.asarray(getattr(blocks, name))
    block = block[:, None, :] if block.ndim == 2 else block
    np.testing.assert_allclose(
        _whole(block, network.nodes), getattr(whole, name), rtol=1e-12, atol=1e-12
    )


def test_a_field_moves_what_jansen_rit_sends_at_once():
    network, ports = NETWORKS["jansen-rit"]
    point = fixed_point(network)
    blocks = linearise(network, point.state, point.arriving, network.rung.Inputs(), ports)
    np.testing.assert_array_equal(blocks.F[:, 0, 0], 0.0)
    assert np.all(np.asarray(blocks.F[:, 0, 1]) > 0)


@pytest.mark.parametrize("omega", [0.0, 40.0, -300.0])
def test_responses_are_those_of_the_resolvent(case, omega):
    network, blocks, _ = case
    node = node_responses(blocks)(jnp.asarray(omega))
    for i in range(network.nodes):
        A, B, S, O, E, F, P = (np.asarray(leaf)[i] for leaf in vars(blocks).values())
        R = np.linalg.inv(1j * omega * np.eye(len(A)) - A)
        np.testing.assert_allclose(node.T[i], S @ R @ B, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(node.T_u[i], S @ R @ E + F, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(node.Q[i], O @ R @ B, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(node.D[i], O @ R @ E + P, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("rate", [0.0, 3.0, 500.0])
def test_the_resolvent_at_a_real_rate_is_an_inverse(case, rate):
    _, blocks, _ = case
    inverse, sign = resolvent(blocks.A).inverse(jnp.asarray(rate))
    shifted = rate * np.eye(blocks.A.shape[-1]) - np.asarray(blocks.A)
    expected = np.linalg.inv(shifted)
    np.testing.assert_allclose(inverse, expected, rtol=1e-9, atol=1e-12 * abs(expected).max())
    np.testing.assert_array_equal(sign, np.sign(np.linalg.det(shifted)))


def test_the_slope_of_a_transfer_function_is_that_of_differences(case):
    _, blocks, _ = case
    transfer = resolvent(blocks.A).between(blocks.S, blocks.B)
    ahead, behind = (transfer(jnp.asarray(60.0 + step)) for step in (1e-3, -1e-3))
    slope = transfer.at(jnp.asarray(60.0)).slope
    scale = float(jnp.max(jnp.abs(slope)))
    np.testing.assert_allclose(slope, (ahead - behind) / 2e-3, rtol=1e-6, atol=1e-7 * scale)


def test_transport_delays_by_the_phase(case):
    network, _, whole = case
    omega = jnp.asarray(70.0)
    expected = whole.weights * np.exp(-70j * whole.delays)
    np.testing.assert_allclose(transport_at(network, omega), expected, rtol=1e-12)


def test_transport_without_lengths_is_the_weights():
    network = rj.Network(rj.JansenRit(), rj.Connectome(CONNECTOME.weights))
    found = transport_at(network, jnp.asarray(70.0))
    np.testing.assert_array_equal(found, CONNECTOME.weights.astype(complex))


def test_loop_acts_channel_by_channel():
    rng = np.random.default_rng(0)
    K, T = rng.normal(size=(3, 3)), rng.normal(size=(3, 2, 2))
    sent = rng.normal(size=(2, 3))
    through = np.einsum("ij,jcd,dj->ci", K, T, sent)
    found = loop(jnp.asarray(K), jnp.asarray(T)) @ sent.reshape(-1)
    np.testing.assert_allclose(np.asarray(found).reshape(2, 3), through, rtol=1e-12)
