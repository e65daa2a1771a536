"""Counts of unstable modes, against eigenvalues, characteristic roots and simulation."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.linear import fixed_point, stability
from rosetta_jax.linear.blocks import linearise
from rosetta_jax.linear.stability import (
    _network_values,
    _node_grid,
    _omega,
    resolving_frequencies,
)

from .dense import characteristic_roots, dense, random_connectome

NODES = 5


def _diffusive(u, connectome):
    """Nodes that grow alone, held by diffusive coupling or not."""
    rung = rj.HarmonicOscillator(alpha=u(-6, 6, NODES), omega=u(50, 80, NODES))
    return rj.Network(rung, connectome, gain=10 ** u(-1, 2))


def _additive(u, connectome):
    rung = rj.HarmonicOscillator(alpha=u(-6, 1, NODES), omega=u(50, 80, NODES))
    return rj.Network(rung, connectome, coupling="additive", gain=10 ** u(-1, 1.5))


def _sharp(u, connectome):
    """Nearly undamped nodes of nearly one frequency, weakly coupled."""
    alpha = -(10 ** u(-3, 0, NODES)) * np.where(u(size=NODES) < 0.2, -1, 1)
    rung = rj.HarmonicOscillator(alpha=alpha, omega=u(62, 63, NODES))
    return rj.Network(rung, connectome, coupling="additive", gain=10 ** u(-4, 0))


def _columns(u, connectome):
    rung = rj.JansenRit(bias=u(-100, 500, NODES), excitatory_rate=u(90, 110, NODES))
    return rj.Network(rung, connectome, gain=10 ** u(-1, 2))


FAMILIES = {"diffusive": _diffusive, "additive": _additive, "sharp": _sharp, "jansen-rit": _columns}


@functools.cache
def _sample(family, longest, number):
    """Random networks with their stability and the real parts of their true modes.

    Lengths of zero compile to the same program as others.
    """
    rng = np.random.default_rng([ord(family[0]), int(longest)])
    found = []
    for _ in range(number):
        connectome = random_connectome(rng, NODES, longest=longest)
        network = FAMILIES[family](rng.uniform, connectome)
        point = fixed_point(network)
        matrices = dense(network, network.rung.noise_ports, point)
        roots = matrices.eigenvalues() if longest == 0 else characteristic_roots(matrices, 16)
        found.append((stability(network, point), roots.real))
    return found


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("longest", "number"), [(0.0, 25), (200.0, 12)], ids=["instant", "delayed"]
)
def test_the_count_is_that_of_the_true_modes(family, longest, number):
    sample = _sample(family, longest, number)
    counts = [int(found.unstable_modes) for found, _ in sample]
    assert counts == [int((growth > 0).sum()) for _, growth in sample]


@pytest.mark.parametrize("family", FAMILIES)
def test_random_networks_are_decided(family):
    status = [int(found.status) for found, _ in _sample(family, 0.0, 25)]
    assert set(status) <= {rj.Status.ok, rj.Status.unstable}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_sample_holds_stable_and_unstable_networks(family):
    unstable = [bool((growth > 0).any()) for _, growth in _sample(family, 0.0, 25)]
    assert {True, False} == set(unstable)


def test_eighty_equal_nodes_have_all_their_unstable_modes():
    # Close together and near the axis: a spectrum's own grid counts one to fourteen pairs of them.
    rng = np.random.default_rng(0)
    weights = rng.lognormal(0.0, 1.0, (80, 80)) * (rng.random((80, 80)) < 0.1)
    np.fill_diagonal(weights, 0.0)
    weights /= np.abs(np.linalg.eigvals(weights)).max()
    rung = rj.StuartLandau(alpha=-2.0)
    network = rj.Network(rung, rj.Connectome(weights), coupling="additive", gain=20.0)
    pairs = int((-2 + 20 * np.linalg.eigvals(weights).real > 0).sum())
    assert pairs >= 19
    assert stability(network).unstable_modes == 2 * pairs


PAIR = np.array([[0.0, 1.0], [1.0, 0.0]])


def _pair(alpha, gain, omega=(62.8, 62.8), length=None):
    lengths = None if length is None else length * PAIR
    return rj.Network(
        rj.StuartLandau(alpha=alpha, omega=list(omega)),
        rj.Connectome(PAIR, lengths),
        coupling="additive",
        gain=gain,
    )


@pytest.mark.parametrize("gain", [1.01e-3, 2e-3, 1e-2, 1.0])
def test_weak_coupling_above_threshold_is_not_missed(gain):
    # A node mode and a network mode a hair apart, a hair left and right of the axis.
    found = stability(_pair(-1e-3, gain))
    assert (int(found.unstable_modes), int(found.status)) == (2, rj.Status.unstable)


@pytest.mark.parametrize("gain", [0.0, 1e-5, 0.5e-3, 0.99e-3])
def test_weak_coupling_below_threshold_is_stable(gain):
    found = stability(_pair(-1e-3, gain))
    assert (int(found.unstable_modes), int(found.status)) == (0, rj.Status.ok)


def test_nodes_that_grow_alone_are_counted_without_coupling():
    found = stability(_pair([0.1, -1.0], 0.0))
    assert (int(found.unstable_modes), int(found.status)) == (2, rj.Status.unstable)


@pytest.mark.parametrize("gain", [0.0, 0.5])
def test_an_undamped_node_alone_is_undecided(gain):
    # The second node never hears the first, whose mode stays on the axis.
    network = rj.Network(
        rj.HarmonicOscillator(alpha=[0.0, -1.0]), rj.Connectome([[0, 0], [1, 0]]), gain=gain
    )
    assert stability(network).status == rj.Status.undecided


def test_a_network_at_onset_is_undecided():
    assert stability(_pair(-2.0, 2.0)).status == rj.Status.undecided


@pytest.mark.parametrize(
    ("bias", "potential", "modes"),
    [(89.7, 6.74, 0), (89.95, 6.74, 2), (315.6, 8.08, 2), (315.8, 8.08, 0)],
)
def test_jansen_rit_changes_at_its_hopf_points(bias, potential, modes):
    rung = rj.JansenRit(bias=bias)
    point = fixed_point(rung, start=_near(potential))
    assert abs(float(point.state.y1[0] - point.state.y2[0]) - potential) < 0.1
    assert stability(rung, point).unstable_modes == modes


def _near(y):
    """A column at the potential `y` (mV), everything else in balance with it."""

    def rate(v):
        return 5 / (1 + np.exp(0.56 * (6 - v)))

    y0 = 0.0325 * rate(y)
    y2 = 0.44 * 33.75 * rate(33.75 * y0)
    values = {"y0": y0, "y1": y + y2, "y2": y2, "z0": 0.0, "z1": 0.0, "z2": 0.0}
    return rj.JansenRit.State(**{name: jnp.full(1, value) for name, value in values.items()})


# --- the certificate ----------------------------------------------------------------------------


def test_the_bound_never_certifies_an_unstable_network():
    certified = [
        growth.max()
        for family in FAMILIES
        for longest, number in ((0.0, 25), (200.0, 12))
        for found, growth in _sample(family, longest, number)
        if found.loop_gain < 1 and found.unstable_modes == 0
    ]
    assert len(certified) >= 3
    assert max(certified) < 0


@pytest.mark.parametrize("share", [0.5, 0.75])
def test_a_certified_network_costs_no_determinant(share):
    found = stability(_pair(-2.0, 2.0 * share))
    assert (int(found.evaluations), int(found.status)) == (0, rj.Status.ok)


@pytest.mark.parametrize("share", [0.97, 1.2])
def test_a_network_beyond_the_bound_is_counted(share):
    assert stability(_pair(-2.0, 2.0 * share)).evaluations > 0


def test_the_bound_is_not_far_from_the_threshold():
    # Of an equal pair the small gain is exact, but for the room left.
    bound = float(stability(_pair(-2.0, 1.0)).loop_gain)
    assert 0.5 < bound < 0.5 * 1.2 * 1.02


# --- lanes --------------------------------------------------------------------------------------


def test_lanes_are_judged_one_by_one():
    gains = jnp.array([0.5, 1.5, 2.5, 20.0])
    lanes = eqx.filter_jit(jax.vmap(lambda gain: stability(_pair(-2.0, gain)).status))(gains)
    np.testing.assert_array_equal(lanes, [0, 0, rj.Status.unstable, rj.Status.unstable])


def test_a_point_that_was_not_found_is_not_judged():
    network = eqx.tree_at(lambda net: net.gain, _pair(-2.0, 1.0), jnp.asarray(jnp.nan))
    assert stability(network).status == rj.Status.no_fixed_point


# --- delays -------------------------------------------------------------------------------------


def test_a_delay_can_stabilise():
    # A quarter of a turn of delay makes the coupling imaginary, so it lifts no growth above zero.
    quarter = 0.25 / 10 * 10e3
    instant, delayed = _pair(-2.0, 2.4), _pair(-2.0, 2.4, length=quarter)
    roots = characteristic_roots(dense(delayed, ("x", "y")), 24).real
    assert stability(instant).unstable_modes == 2
    assert int(stability(delayed).unstable_modes) == (roots > 0).sum() == 0


def _delayed_columns():
    connectome = random_connectome(np.random.default_rng(8), 4, longest=800.0)
    network = rj.Network(rj.JansenRit(bias=330.0), connectome, gain=5.0)
    return network, fixed_point(network)


@pytest.mark.parametrize("neutral", [False, True])
def test_the_slope_of_the_determinant_is_that_of_differences(neutral):
    network, point = _delayed_columns()
    blocks = linearise(network, point.state, point.arriving, network.rung.Inputs(), ())
    transfer = _node_grid(blocks).transfer
    behind, here, ahead = 0.45 + 1e-7 * jnp.arange(-1, 2.0)
    low, high = _omega(behind, transfer.scale), _omega(ahead, transfer.scale)
    behind, here, ahead = (
        _network_values(network, transfer, at, neutral) for at in (behind, here, ahead)
    )
    width = high - low
    found = (float(here.growth), float(here.turning))
    expected = ((ahead.log_size - behind.log_size) / width, (ahead.angle - behind.angle) / width)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_resolving_frequencies_step_less_than_the_distance_to_every_mode():
    network, point = _delayed_columns()
    blocks = linearise(network, point.state, point.arriving, network.rung.Inputs(), ())
    omega = np.asarray(resolving_frequencies(network, blocks))
    roots = characteristic_roots(dense(network, (), point), 24)
    # Roots that the discretisation has resolved.
    roots = roots[np.abs(roots) < 300]
    distance = np.abs(1j * omega[:, None] - roots).min(axis=1)
    nearest = np.minimum(distance[1:], distance[:-1])
    low = omega[1:] < 200
    assert np.all(np.diff(omega)[low] <= 1.01 * nearest[low])


@functools.cache
def _perturbed(gain):
    """How a small perturbation of delayed columns grows (1/s), the leading root, the modes."""
    connectome = random_connectome(np.random.default_rng(7), 4, longest=150.0)
    network = rj.Network(rj.JansenRit(bias=330.0), connectome, gain=gain)
    point = fixed_point(network)
    moved = eqx.tree_at(lambda s: s.y1, point.state, point.state.y1 + 1e-6)
    solution = rj.simulate(network, duration=2.0, dt=5e-4, transient=1.0, past=lambda t: moved)
    rest = np.asarray(point.state.y1 - point.state.y2)
    size = np.sqrt(np.mean((np.asarray(solution.signal) - rest) ** 2, axis=1)).reshape(4, -1)
    growth = np.polyfit(0.5 * np.arange(4), np.log(np.sqrt((size**2).mean(axis=1))), 1)[0]
    leading = characteristic_roots(dense(network, ("rate",), point), 16).real.max()
    return growth, leading, int(stability(network, point).unstable_modes)


@pytest.mark.parametrize("gain", [0.5, 10.0, 30.0])
def test_a_small_perturbation_grows_where_modes_are_unstable(gain):
    growth, _, modes = _perturbed(gain)
    assert (growth > 0) == (modes > 0)


@pytest.mark.parametrize("gain", [0.5, 10.0, 30.0])
def test_a_small_perturbation_grows_as_the_leading_root_says(gain):
    growth, leading, _ = _perturbed(gain)
    assert abs(growth - leading) < 0.05 * abs(leading) + 0.1
