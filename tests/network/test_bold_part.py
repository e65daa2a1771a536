"""Haemodynamics as a part of a network, and the activity that drives them, rung by rung."""

import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.linear import fixed_point
from rosetta_jax.system import stack_state, unstack_state

WIRES = rj.Connectome([[0.0, 1.0], [0.5, 0.0]])


def test_its_parameters_are_found_by_their_path():
    network = rj.Network(rj.WilsonCowan(), WIRES, bold=rj.BalloonWindkessel(decay=[0.6, 0.7]))
    assert {"bold.decay", "bold.scale", "bold.baseline"} <= set(rj.paths(network))
    np.testing.assert_array_equal(rj.get(network, "bold.decay"), [0.6, 0.7])
    changed = rj.replace(network, {"bold.stiffness": 0.3})
    assert float(changed.bold.stiffness) == pytest.approx(0.3)


def test_a_network_has_none_unless_given():
    assert rj.Network(rj.WilsonCowan(), WIRES).bold is None
    bold = rj.BalloonWindkessel()
    assert rj.alone(rj.WilsonCowan(), nodes=2, bold=bold).bold is bold


@pytest.mark.parametrize("size", [3, 1])
def test_a_parameter_of_another_size_is_refused(size):
    with pytest.raises(ValueError, match=r"`bold.decay`.*\(2,\)"):
        rj.Network(rj.WilsonCowan(), WIRES, bold=rj.BalloonWindkessel(decay=np.full(size, 0.6)))


@pytest.mark.parametrize("wrong", [rj.BalloonWindkessel, 1.0, rj.WhiteNoise(1.0)])
def test_what_is_no_haemodynamics_is_refused(wrong):
    with pytest.raises(TypeError, match=r"bold"):
        rj.Network(rj.WilsonCowan(), WIRES, bold=wrong)


def _moved(rung):
    """A state off rest, different at each node."""
    start = stack_state(rung.start(2))
    rng = np.random.default_rng(0)
    return unstack_state(rung, start + jnp.asarray(rng.uniform(0.1, 0.5, start.shape)))


def _sigmoid(v, half_rate=2.5, threshold=6.0, slope=0.56):
    return 2 * half_rate / (1 + np.exp(slope * (threshold - np.asarray(v))))


@pytest.mark.parametrize("kind", [rj.JansenRit, rj.Wendling])
def test_of_a_column_it_is_the_rate_of_pyramidal_cells(kind):
    rung = kind()
    state = _moved(rung)
    inputs = rung.Inputs(field=jnp.array([1.0, 2.0]))
    expected = _sigmoid(rung.signal(state, inputs) + inputs.field)
    np.testing.assert_allclose(rung.activity(state, inputs), expected, rtol=1e-12)


def test_of_layers_it_is_the_mean_rate_of_both_pyramidal_populations():
    rung = rj.Laminar()
    state, inputs = _moved(rung), rung.Inputs()
    deep = _sigmoid(rung.potential_1(state, inputs))
    superficial = _sigmoid(rung.potential_2(state, inputs), threshold=1.0)
    expected = (deep + superficial) / 2
    np.testing.assert_allclose(rung.activity(state, inputs), expected, rtol=1e-12)


def test_of_nmm1_it_is_the_rate_at_rest():
    rung = rj.NMM1(bias_x=10.0)
    state = fixed_point(rung).state
    rate, _ = rung.firing_rates(state, rung.Inputs())
    np.testing.assert_allclose(rung.activity(state, rung.Inputs()), rate, rtol=1e-9)


@pytest.mark.parametrize(
    ("rung", "name"),
    [
        (rj.WilsonCowan(), "x"),
        (rj.StuartLandau(), "x"),
        (rj.MasterMass(), "r"),
        (rj.QIFPopulation(), "r"),
        (rj.NMM2(), "r_e"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_of_others_it_is_a_part_of_the_state(rung, name):
    state = _moved(rung)
    np.testing.assert_array_equal(rung.activity(state, rung.Inputs()), getattr(state, name))
