"""Exact spectra: closed forms, a dense formula in NumPy, symmetries and derivatives."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.linear import coherence, cross_spectrum, power_spectrum, response
from rosetta_jax.linear.blocks import Responses
from rosetta_jax.linear.spectrum import (
    _power,
    about_fixed_point,
    cross_density,
    power_density,
)

from .dense import dense, random_connectome

FREQUENCIES = jnp.array([0.5, 6.0, 10.0, 11.1, 25.0, 40.0])
NODES = 4
CONNECTOME = random_connectome(np.random.default_rng(3), NODES, longest=200.0)


def _columns(**parts):
    """Regional columns with delays; coloured noise at two ports, sensor noise."""
    noise = rj.OrnsteinUhlenbeck(sd=[0.5, 1.0, 0.8, 0.3], tau=0.02, ports=("rate", "field"))
    given = {"gain": 10.0, "speed": 7.0, "noise": noise, "sensor": rj.WhiteNoise(0.01)} | parts
    rung = rj.JansenRit(bias=[60.0, 40.0, 70.0, 20.0], inhibitory_rate=[50.0, 52.0, 48.0, 55.0])
    return rj.Network(rung, CONNECTOME, **given)


def _oscillators(**parts):
    given = {"gain": [3.0, 4.0, 5.0, 6.0], "noise": rj.WhiteNoise([1.0, 0.5, 2.0, 0.7])} | parts
    rung = rj.HarmonicOscillator(alpha=[-5.0, -4.0, -3.0, -6.0], omega=[60.0, 63.0, 66.0, 70.0])
    return rj.Network(rung, CONNECTOME, **given)


CASES = {
    "oscillators": _oscillators(),
    "oscillators, additive, pink noise on y": _oscillators(
        coupling="additive",
        gain=1.0,
        noise=rj.PowerLawNoise(1.0, [0.5, 1.0, 1.5, 0.0], ports=("y",)),
    ),
    "columns": _columns(),
}


@functools.cache
def _crossed(name):
    return cross_spectrum(CASES[name], FREQUENCIES, check=False)


def _power_of(network):
    """Stability has tests of its own, and costs most of the compilation."""
    return power_spectrum(network, FREQUENCIES, check=False)


def _noise_density(network, frequencies):
    """(frequencies, nodes), written out from the documented formulas."""
    omega = 2 * np.pi * np.asarray(frequencies)[:, None]
    noise = network.noise
    one = np.ones((1, network.nodes))
    if isinstance(noise, rj.WhiteNoise):
        return np.asarray(noise.sigma) ** 2 * one * np.ones_like(omega)
    if isinstance(noise, rj.PowerLawNoise):
        return np.asarray(noise.sigma) ** 2 * (20 * np.pi / omega) ** np.asarray(noise.exponent)
    sd, tau = np.asarray(noise.sd), np.asarray(noise.tau)
    return 2 * sd**2 * tau / (1 + (omega * tau) ** 2) * one


# --- against other forms ------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_cross_spectrum_is_that_of_the_dense_formula(name):
    network = CASES[name]
    matrices = dense(network, network.noise_ports)
    noise = _noise_density(network, FREQUENCIES)
    sensor = 0.0 if network.sensor is None else 1e-4
    for frequency, level, found in zip(FREQUENCIES, noise, _crossed(name).density, strict=True):
        X = matrices.transfer(2 * np.pi * float(frequency))
        inputs = np.tile(level, len(network.noise_ports))
        expected = 2 * (X @ np.diag(inputs) @ X.conj().T + sensor * np.eye(NODES))
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * abs(expected).max())


@pytest.mark.parametrize("name", CASES)
def test_power_is_the_diagonal_of_the_cross_spectrum(name):
    found = _power_of(CASES[name])
    diagonal = jnp.diagonal(_crossed(name).density, axis1=1, axis2=2)
    np.testing.assert_allclose(found.density, diagonal.real, rtol=1e-11)


@pytest.mark.parametrize("name", CASES)
def test_cross_spectrum_is_hermitian(name):
    density = np.asarray(_crossed(name).density)
    adjoint = density.conj().swapaxes(1, 2)
    np.testing.assert_allclose(density, adjoint, rtol=1e-11, atol=1e-13 * abs(density).max())


def test_a_lone_oscillator_has_its_closed_form():
    alpha, omega, sigma = -5.0, 62.8, 2.0
    lone = rj.alone(rj.HarmonicOscillator(alpha, omega), noise=rj.WhiteNoise(sigma))
    found = _power_of(lone).density[:, 0]
    at = 2 * np.pi * np.asarray(FREQUENCIES)
    expected = sigma**2 * (1 / (alpha**2 + (at - omega) ** 2) + 1 / (alpha**2 + (at + omega) ** 2))
    np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_jansen_rit_peaks_at_its_focus():
    column = rj.alone(rj.JansenRit(bias=350.0), noise=rj.WhiteNoise(0.1))
    frequencies = jnp.linspace(8.0, 14.0, 601)
    found = power_spectrum(column, frequencies, check=False).density[:, 0]
    assert abs(float(frequencies[jnp.argmax(found)]) - 11.09) <= 0.0101


def test_jansen_rit_has_the_variance_of_its_lyapunov_equation():
    column = rj.alone(rj.JansenRit(bias=350.0), noise=rj.WhiteNoise(0.1))
    frequencies = np.concatenate([np.arange(1, 1600) * 0.01, np.arange(16.0, 500.0, 0.1)])
    found = np.asarray(power_spectrum(column, frequencies, check=False).density[:, 0])
    variance = np.trapezoid(found, frequencies) + 0.01 * found[0]
    assert abs(variance / 5.28123e-3 - 1) < 1e-4


# --- symmetries ---------------------------------------------------------------------------------


def test_without_gain_each_node_is_alone():
    network = _columns(gain=0.0)
    alone = rj.Network(
        network.rung, rj.Connectome(jnp.zeros((NODES, NODES))), noise=network.noise,
        sensor=network.sensor,
    )  # fmt: skip
    found = _power_of(network).density
    np.testing.assert_allclose(found, _power_of(alone).density, rtol=1e-11)


def test_relabelling_the_nodes_relabels_the_spectrum():
    order = np.array([2, 0, 3, 1])
    network = _columns()

    def relabel(leaf):
        if leaf.ndim == 2:
            return leaf[order][:, order]
        return leaf[order] if leaf.ndim == 1 else leaf

    relabelled = jax.tree.map(relabel, network)
    found = cross_spectrum(relabelled, FREQUENCIES, check=False).density
    np.testing.assert_allclose(
        found, _crossed("columns").density[:, order][:, :, order], rtol=1e-9, atol=1e-16
    )


def test_coherence_lies_between_zero_and_one():
    found = np.asarray(coherence(_columns(), FREQUENCIES, check=False).density)
    assert found.min() >= 0
    assert found.max() <= 1 + 1e-12


def test_coherence_is_the_normalised_cross_spectrum():
    density = np.asarray(_crossed("columns").density)
    power = np.einsum("fii->fi", density).real
    expected = abs(density) ** 2 / (power[:, :, None] * power[:, None, :])
    np.testing.assert_allclose(
        coherence(_columns(), FREQUENCIES, check=False).density, expected, rtol=1e-10
    )


def test_sensor_noise_adds_its_own_density():
    without, with_sensor = _columns(sensor=None), _columns(sensor=rj.WhiteNoise(0.3))
    added = _power_of(with_sensor).density - _power_of(without).density
    np.testing.assert_allclose(added, 2 * 0.3**2, rtol=1e-9)


def test_density_scales_with_the_square_of_the_noise():
    once = _power_of(_oscillators(noise=rj.WhiteNoise(1.0))).density
    twice = _power_of(_oscillators(noise=rj.WhiteNoise(2.0))).density
    np.testing.assert_allclose(twice, 4 * once, rtol=1e-12)


# --- failure ------------------------------------------------------------------------------------


def _grown(alpha):
    return rj.alone(rj.HarmonicOscillator(alpha), noise=rj.WhiteNoise(1.0))


@pytest.mark.parametrize(
    ("alpha", "status"), [(0.5, rj.Status.unstable), (0.0, rj.Status.undecided)]
)
def test_a_point_that_is_not_stable_has_no_spectrum(alpha, status):
    found = power_spectrum(_grown(alpha), FREQUENCIES)
    assert found.status == status
    assert np.isnan(np.asarray(found.density)).all()


def test_without_the_check_a_spectrum_comes_out_anyway():
    found = power_spectrum(_grown(0.5), FREQUENCIES, check=False)
    assert np.isfinite(np.asarray(found.density)).all()


@pytest.mark.parametrize(
    ("frequencies", "message"), [([0.0, 1.0], "positive"), ([[1.0]], "list of hertz"), ([], "list")]
)
def test_frequencies_must_be_a_list_of_positive_hertz(frequencies, message):
    with pytest.raises(ValueError, match=message):
        power_spectrum(_grown(-1.0), jnp.asarray(frequencies))


def test_a_network_without_noise_has_no_spectrum():
    with pytest.raises(ValueError, match="noise"):
        power_spectrum(rj.HarmonicOscillator(), FREQUENCIES)


# --- derivatives --------------------------------------------------------------------------------

WEIGHTS = 1 + jnp.arange(6.0)[:, None] + jnp.cos(jnp.arange(4.0))[None, :]
LEAVES = (
    "gain",
    "speed",
    "connectome.weights",
    "connectome.lengths",
    "rung.bias",
    "rung.excitatory_gain",
    "rung.inhibitory_rate",
    "noise.sd",
    "noise.tau",
    "sensor.sigma",
)
NETWORK = _columns()


def _logs(density):
    return jnp.sum(WEIGHTS * jnp.log(density))


def _of_power(network):
    return _logs(power_density(about_fixed_point(network), 2 * jnp.pi * FREQUENCIES))


def _of_cross(network):
    density = cross_density(about_fixed_point(network), 2 * jnp.pi * FREQUENCIES)
    return _logs(jnp.diagonal(density, axis1=1, axis2=2).real)


@functools.cache
def _gradients():
    """Of power and of the diagonal of the cross spectrum, with respect to every array."""
    return tuple(jax.jit(jax.grad(measure))(NETWORK) for measure in (_of_power, _of_cross))


@functools.cache
def _measured():
    return jax.jit(_of_power)


def _moved(path, direction, step):
    return rj.replace(NETWORK, {path: rj.get(NETWORK, path) + step * direction})


def _direction(path):
    """A direction for a parameter: random, where there is a link."""
    value = np.asarray(rj.get(NETWORK, path))
    rng = np.random.default_rng(len(path))
    linked = np.asarray(CONNECTOME.weights) != 0 if value.ndim == 2 else 1.0
    return jnp.asarray(rng.uniform(0.5, 1.0, value.shape) * value * linked)


@pytest.mark.parametrize("path", LEAVES)
def test_the_gradient_of_power_is_that_of_the_cross_spectrum(path):
    of_power, of_cross = (rj.get(gradient, path) for gradient in _gradients())
    scale = float(jnp.max(jnp.abs(of_cross)))
    np.testing.assert_allclose(of_power, of_cross, rtol=1e-8, atol=1e-10 * scale)


@pytest.mark.parametrize("path", LEAVES)
def test_the_gradient_of_power_is_that_of_differences(path):
    direction, step = _direction(path), 1e-4
    ahead, behind, far, back = (
        _measured()(_moved(path, direction, share * step)) for share in (1, -1, 2, -2)
    )
    differences = (8 * (ahead - behind) - (far - back)) / (12 * step)
    found = jnp.sum(rj.get(_gradients()[0], path) * direction)
    np.testing.assert_allclose(found, differences, rtol=1e-6)


@functools.cache
def _forward():
    def along(tangent):
        return jax.jvp(_of_power, (NETWORK,), (tangent,))[1]

    return jax.jit(along)


@pytest.mark.parametrize("path", LEAVES)
def test_forward_and_reverse_agree(path):
    direction = _direction(path)
    tangent = jax.tree.map(jnp.subtract, _moved(path, direction, 1.0), NETWORK)
    found = _forward()(tangent)
    reverse = jnp.sum(rj.get(_gradients()[0], path) * direction)
    np.testing.assert_allclose(found, reverse, rtol=1e-9)


def test_every_checked_derivative_is_finite_where_stable():
    def measure(gain, speed):
        return _logs(power_spectrum(_columns(gain=gain, speed=speed), FREQUENCIES).density)

    found = jax.grad(measure, argnums=(0, 1))(jnp.asarray(10.0), jnp.asarray(7.0))
    expected = [rj.get(_gradients()[0], path) for path in ("gain", "speed")]
    # Twice a density has the same derivative of its logarithm.
    np.testing.assert_allclose(found, expected, rtol=1e-9)


# The custom derivative alone, for two channels and two ports, to second order.


def _plain_power(node, K, own, noise):
    """Written out: the signal is (Q K (1 - T K)^-1 T_u + D) u, with own loops in K, between channels."""
    nodes, channels = node.Q.shape
    alike = jnp.eye(channels, dtype=K.dtype)
    K = jnp.einsum("cd,ij->cdij", alike, K) if K.ndim == 2 else K
    K = K + jnp.einsum("cd,ij->cdij", alike, jnp.diag(own))
    back = jnp.einsum("icd,deij->ciej", node.T, K).reshape(channels * nodes, channels * nodes)
    sent = jnp.linalg.inv(jnp.eye(channels * nodes, dtype=K.dtype) - back)
    sent = jnp.einsum("cidj,jdp->cijp", sent.reshape(channels, nodes, channels, nodes), node.T_u)
    X = jnp.einsum("ic,cdik,dkjp->ijp", node.Q, K, sent)
    X = X + jnp.einsum("ip,ij->ijp", node.D, jnp.eye(nodes, dtype=K.dtype))
    return jnp.einsum("ijp,jp->i", X.real**2 + X.imag**2, noise)


def _random_point(seed, turning=False):
    rng = np.random.default_rng(seed)

    def draw(*shape):
        return jnp.asarray(0.4 * (rng.normal(size=shape) + 1j * rng.normal(size=shape)))

    node = Responses(T=draw(3, 2, 2), T_u=draw(3, 2, 2), Q=draw(3, 2), D=draw(3, 2))
    K = draw(2, 2, 3, 3) if turning else draw(3, 3)
    return node, K, draw(3), jnp.asarray(rng.uniform(1, 2, (3, 2)))


def _bent(power, turning=False):
    """A real function of real numbers, one a leaf and direction, through `power`."""
    at = _random_point(0, turning)
    ways = _random_point(1, turning)
    leaves, structure = jax.tree.flatten(ways)

    def function(t):
        moved = jax.tree.unflatten(
            structure, [t[k].astype(x.dtype) * x for k, x in enumerate(leaves)]
        )
        return jnp.sum(jnp.arange(1.0, 4.0) * jnp.log(power(*jax.tree.map(jnp.add, at, moved))))

    return function, jnp.zeros(len(leaves))


@pytest.mark.parametrize(
    "derivative",
    [jax.grad, jax.jacfwd, jax.hessian, lambda f: jax.jacrev(jax.jacrev(f))],
    ids=["reverse", "forward", "forward over reverse", "reverse over reverse"],
)
def test_the_custom_derivative_is_that_of_the_plain_formula(derivative):
    found, expected = (
        jax.jit(derivative(function))(at) for function, at in (_bent(_power), _bent(_plain_power))
    )
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("turning", [False, True])
def test_what_moves_alone_moves_power_as_in_the_plain_formula(turning):
    """One argument at a time: the others are symbols for the rule, which leaves them out."""
    at, ways = _random_point(0, turning), _random_point(1, turning)

    def alone(power, number):
        def of(argument):
            return power(*at[:number], argument, *at[number + 1 :])

        return jax.jvp(of, (at[number],), (ways[number],))[1]

    for number in range(4):
        found, expected = alone(_power, number), alone(_plain_power, number)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


def test_the_second_derivative_of_power_is_that_of_differences():
    def measure(logs):
        network = _oscillators(gain=4.0 * jnp.exp(logs[0]), speed=7.0 * jnp.exp(logs[1]))
        return _logs(power_density(about_fixed_point(network), 2 * jnp.pi * FREQUENCIES))

    found = jax.jit(jax.hessian(measure))(jnp.zeros(2))
    gradient, step = jax.jit(jax.grad(measure)), 1e-4
    rows = [(gradient(step * axis) - gradient(-step * axis)) / (2 * step) for axis in jnp.eye(2)]
    np.testing.assert_allclose(found, jnp.stack(rows), rtol=1e-5)


# --- lanes --------------------------------------------------------------------------------------


def test_lanes_over_gain_and_speed_equal_single_calls():
    def density(gain, speed):
        found = _power_of(_oscillators(gain=gain, speed=speed))
        return found.density, found.status

    gains, speeds = jnp.array([0.0, 5.0, 40.0]), jnp.array([3.0, 9.0, 20.0])
    lanes = jax.vmap(density)(gains, speeds)
    single = jax.jit(density)
    for at in range(3):
        expected, status = single(gains[at], speeds[at])
        assert lanes[1][at] == status == rj.Status.ok
        np.testing.assert_allclose(lanes[0][at], expected, rtol=1e-9)


# --- responses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("network", "port"),
    [(_columns(), "field"), (_columns(), "rate"), (_oscillators(), "x"), (_oscillators(), "y")],
    ids=["columns field", "columns rate", "oscillators x", "oscillators y"],
)
def test_response_is_the_dense_transfer_function(network, port):
    found = response(network, FREQUENCIES, port, check=False).density
    matrices = dense(network, (port,))
    expected = np.stack([matrices.transfer(2 * np.pi * float(f)) for f in FREQUENCIES])
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12 * abs(expected).max())


def test_response_needs_no_noise():
    found = response(rj.HarmonicOscillator(-5.0, 62.8), FREQUENCIES, "x", check=False).density[
        :, 0, 0
    ]
    s = 2j * np.pi * np.asarray(FREQUENCIES)
    np.testing.assert_allclose(found, (s + 5) / ((s + 5) ** 2 + 62.8**2), rtol=1e-11)


def test_response_names_the_ports_that_exist():
    with pytest.raises(ValueError, match="rate"):
        response(rj.JansenRit(60.0), FREQUENCIES, "feild")
