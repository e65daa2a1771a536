"""Fixed points: the right ones, with the right derivatives, and honest where there is none."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.linear import fixed_point
from rosetta_jax.results import Status
from rosetta_jax.rungs import NMM1, JansenRit, WilsonCowan
from rosetta_jax.rungs.jansen_rit import JansenRitState
from rosetta_jax.system import stack_state

from .dense import random_connectome

CONNECTOME = random_connectome(np.random.default_rng(2), 5)
BIASES = (-100.0, 0.0, 50.0, 89.0, 120.0, 220.0, 350.0, 1000.0)
GAINS = (0.0, 10.0, 50.0, 100.0)


def _network(bias, gain, connectome=CONNECTOME):
    return rj.Network(rj.JansenRit(bias=bias), connectome, gain=gain)


@eqx.filter_jit
def _solved(bias, gain):
    """The drift at the fixed point, relative to what balances there, and the status."""
    network = _network(bias, gain)
    point = fixed_point(network)
    field = network.vector_field(jnp.zeros(()), point.state, point.arriving, network.rung.Inputs())
    # The second derivatives balance terms of size a^2 y.
    size = 1e4 * jnp.max(jnp.abs(stack_state(point.state)))
    return jnp.max(jnp.abs(stack_state(field))) / size, point.status


@pytest.mark.parametrize("gain", GAINS)
@pytest.mark.parametrize("bias", BIASES)
def test_nothing_moves_at_the_fixed_point_of_a_network(bias, gain):
    drift, status = _solved(jnp.asarray(bias), jnp.asarray(gain))
    assert status == rj.Status.ok
    assert drift < 1e-14


# Printed to four digits, the last of them uncertain; the next test solves the equation itself.
@pytest.mark.parametrize(
    ("bias", "potential"), [(0.0, -1.9039), (100.0, 1.5603), (120.0, 6.9292), (220.0, 7.5202)]
)
def test_jansen_rit_rests_where_the_scalar_equation_says(bias, potential):
    state = fixed_point(rj.JansenRit(bias=bias)).state
    assert abs(float(state.y1[0] - state.y2[0]) - potential) < 1.01e-4


@pytest.mark.parametrize("bias", [-40.0, 0.0, 100.0, 220.0, 500.0])
def test_jansen_rit_solves_the_scalar_equation(bias):
    def rate(v):
        return 5 / (1 + np.exp(0.56 * (6 - v)))

    state = fixed_point(rj.JansenRit(bias=bias)).state
    y = float(state.y1[0] - state.y2[0])
    y0 = 0.0325 * rate(y)
    balance = (y + 0.44 * 33.75 * rate(33.75 * y0)) / 0.0325 - 108 * rate(135 * y0)
    assert abs(balance - bias) < 1e-9


def test_the_bottleneck_left_by_a_fold_does_not_hold_the_search():
    # The fold at 113.586 leaves a ghost: Newton's steps circle around it.
    biases = jnp.linspace(110.0, 137.0, 55)
    gains = jnp.array([0.0, 1.0, 3.0])
    search = jax.vmap(jax.vmap(_solved, in_axes=(0, None)), in_axes=(None, 0))
    _, status = search(biases, gains)
    np.testing.assert_array_equal(status, rj.Status.ok)


def test_the_search_leaves_a_saddle():
    # The middle one of three equilibria at p = 100.
    y = 3.3273
    y0 = 0.0325 * 5 / (1 + np.exp(0.56 * (6 - y)))
    y2 = 0.44 * 33.75 * 5 / (1 + np.exp(0.56 * (6 - 33.75 * y0)))
    values = {"y0": y0, "y1": y + y2, "y2": y2, "z0": 0.0, "z1": 0.0, "z2": 0.0}
    start = JansenRitState(**{name: jnp.full(1, value) for name, value in values.items()})
    point = fixed_point(rj.JansenRit(bias=100.0), start=start)
    assert point.status == rj.Status.ok
    assert abs(float(point.state.y1[0] - point.state.y2[0]) - y) > 0.5


def test_constant_inputs_act_as_a_bias():
    inputs = rj.JansenRit.Inputs(rate=jnp.asarray(30.0))
    pushed = fixed_point(rj.JansenRit(bias=20.0), inputs=inputs)
    biased = fixed_point(rj.JansenRit(bias=50.0))
    np.testing.assert_allclose(
        stack_state(pushed.state), stack_state(biased.state), rtol=1e-12, atol=1e-12
    )


def test_what_arrives_is_what_is_sent_through_the_weights():
    network = _network(jnp.asarray(60.0), jnp.asarray(10.0))
    point = fixed_point(network)
    sent = network.rung.firing_rate(point.state, network.rung.Inputs())
    np.testing.assert_allclose(point.arriving[0], CONNECTOME.weights @ sent, rtol=1e-12)


# --- derivatives --------------------------------------------------------------------------------


@eqx.filter_jit
def _measure(vector):
    """A number of the fixed point of gain, regional bias, one weight and a time constant."""
    weights = CONNECTOME.weights.at[0, 1].set(vector[1])
    rung = rj.JansenRit(
        bias=60.0 + 10 * vector[2] * jnp.arange(5.0), excitatory_rate=100.0 * vector[3]
    )
    network = rj.Network(rung, rj.Connectome(weights), gain=10 * vector[0])
    state = fixed_point(network).state
    return jnp.sum((1 + jnp.arange(5.0)) * (state.y1 - state.y2)) + 10 * jnp.sum(state.y0**2)


AT = jnp.array([1.0, 0.4, 0.3, 1.0])


def _central(function, at, step=1e-4):
    """Differences of fourth order along every axis, stacked last."""
    columns = []
    for direction in np.eye(at.size):
        shift = step * direction
        near = function(at + shift) - function(at - shift)
        far = function(at + 2 * shift) - function(at - 2 * shift)
        columns.append((8 * near - far) / (12 * step))
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("derivative", [jax.grad, jax.jacfwd], ids=["reverse", "forward"])
def test_the_gradient_is_that_of_differences(derivative):
    found = jax.jit(derivative(_measure))(AT)
    np.testing.assert_allclose(found, _central(_measure, AT), rtol=1e-6)


def test_the_hessian_is_that_of_differences():
    found = jax.jit(jax.hessian(_measure))(AT)
    differences = _central(jax.jit(jax.grad(_measure)), AT)
    np.testing.assert_allclose(found, differences, rtol=1e-6, atol=1e-6 * abs(differences).max())


def test_no_derivative_flows_from_the_start():
    def measure(shift):
        start = jax.tree.map(lambda leaf: leaf + shift, rj.JansenRit().start(1))
        return fixed_point(rj.JansenRit(bias=60.0), start=start).state.y1[0]

    assert abs(float(jax.grad(measure)(jnp.asarray(0.1)))) < 1e-9


# --- lanes and precision ------------------------------------------------------------------------


def test_a_lane_without_a_fixed_point_does_not_hurt_the_others():
    biases = jnp.array([60.0, jnp.nan, 350.0])
    lanes = jax.vmap(_solved, in_axes=(0, None))(biases, jnp.asarray(10.0))
    np.testing.assert_array_equal(lanes[1], [0, rj.Status.no_fixed_point, 0])
    assert np.all(np.asarray(lanes[0])[[0, 2]] < 1e-14)


def test_float32_reports_success():
    with jax.enable_x64(False):
        connectome = rj.Connectome(np.asarray(CONNECTOME.weights, np.float32))

        def status(bias, gain):
            point = fixed_point(_network(bias, gain, connectome))
            return point.status, point.error

        every = jax.vmap(jax.vmap(status, in_axes=(None, 0)), in_axes=(0, None))
        found, error = jax.jit(every)(jnp.array(BIASES), jnp.array(GAINS))
        assert error.dtype == jnp.float32
        np.testing.assert_array_equal(found, rj.Status.ok)


WIDE = {
    JansenRit: {
        "bias": (-100.0, 500.0),
        "connectivity": (50.0, 400.0),
        "excitatory_gain": (1.0, 10.0),
        "inhibitory_gain": (5.0, 60.0),
    },
    NMM1: {"bias_x": (0.0, 200.0), "w_xy": (1.0, 200.0), "w_yx": (10.0, 300.0)},
    WilsonCowan: {
        "bias_x": (-10.0, 10.0),
        "bias_y": (-10.0, 10.0),
        "w_xx": (0.0, 30.0),
        "w_xy": (0.0, 30.0),
        "w_yx": (0.0, 30.0),
        "w_yy": (0.0, 30.0),
    },
}


@pytest.mark.parametrize("kind", WIDE, ids=lambda kind: kind.__name__)
def test_points_are_found_all_over_parameter_space(kind):
    # Where a cycle attracts strongly, the relaxation circles for ever: of the first kind it loses 79 of 300.
    rng = np.random.default_rng(0)
    drawn = {name: rng.uniform(*span, 300) for name, span in WIDE[kind].items()}
    lanes = {name: jnp.asarray(values) for name, values in drawn.items()}
    status = jax.jit(jax.vmap(lambda lane: fixed_point(kind(**lane)).status))(lanes)
    assert int((status != Status.ok).sum()) == 0


@pytest.mark.parametrize("share", [0.9, 0.999, 0.99999])
def test_silence_near_onset_is_a_fixed_point(share):
    # What rounding leaves of a state of zeros grows towards onset, and is no lack of convergence.
    weights = random_connectome(np.random.default_rng(5), 30).weights
    radius = float(np.abs(np.linalg.eigvals(np.asarray(weights))).max())
    slope, recurrent = 0.1625, 5.2
    silent = WilsonCowan(
        bias_x=0.0,
        w_xx=recurrent,
        w_xy=0.0,
        w_yx=0.0,
        w_yy=0.0,
        transfer_x=rj.Logistic(steepness=1.3, threshold=0.0, subtracted=1.0),
    )
    gain = share * (1 - slope * recurrent) / slope / radius
    found = fixed_point(rj.Network(silent, rj.Connectome(weights), gain=gain))
    assert int(found.status) == Status.ok
    np.testing.assert_allclose(found.state.x, 0.0, atol=1e-9)
