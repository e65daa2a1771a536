"""The master mass against its closed form (figures.md 4.2), its two limits, and other transfer functions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

import rosetta_jax as rj
from rosetta_jax.linear import fixed_point, motif
from rosetta_jax.rungs import MasterMass
from rosetta_jax.system import stack_state, unstack_state


def modes(rung, state) -> np.ndarray:
    def drift(x):
        field = rung.vector_field(jnp.zeros(()), unstack_state(rung, x[:, None]), rung.Inputs())
        return stack_state(field)[:, 0]

    return np.linalg.eigvals(np.asarray(jax.jacfwd(drift)(jnp.asarray(state))))


def balanced(kappa: float, **changes) -> tuple[MasterMass, np.ndarray]:
    """A population at the steepest point of its sigmoid, where the slope is 25, and that fixed point."""
    rung = MasterMass(kappa=kappa, bias=-50.0 * kappa, **changes)
    return rung, np.array([50.0, 50.0, 0.0])


@pytest.mark.parametrize(("membrane", "synapse"), [(0.01, 0.005), (0.01, 0.01), (0.004, 0.02)])
def test_onset_is_where_the_gain_of_the_loop_says(membrane, synapse):
    def point(kappa: float):
        return balanced(kappa, membrane_time=membrane, rise=synapse, decay=synapse)

    onset = brentq(lambda kappa: modes(*point(kappa)).real.max(), -0.05, -2.0, xtol=1e-12)
    ratio = membrane / synapse
    assert -onset * 25 == pytest.approx(4 + 2 * (ratio + 1 / ratio), rel=1e-9)
    leading = modes(*point(onset))
    turning = np.abs(leading[np.argmax(leading.real)].imag)
    assert turning == pytest.approx(np.sqrt(1 + 2 / ratio) / synapse, rel=1e-8)
    if ratio == 2:
        assert -onset * 25 == pytest.approx(9) and turning == pytest.approx(
            2 * np.pi * 45.0158, rel=1e-6
        )


def test_working_points_of_the_docstring():
    assert motif(MasterMass()).growth[0] > 0
    worked = motif(MasterMass(kappa=-0.36))
    assert worked.growth[0] == pytest.approx(-6.909, abs=1e-3)
    assert worked.rotation[0] / (2 * np.pi) == pytest.approx(43.07, abs=0.01)
    state = fixed_point(MasterMass(kappa=-0.36)).state
    gain = 0.36 * float(MasterMass().transfer.slope(-0.36 * state.s + 25.0)[0])
    assert gain == pytest.approx(7.907, abs=1e-3)


def test_a_fast_synapse_leaves_a_wilson_cowan_population():
    # tau r' = -r + phi(kappa r + P): one mode, (-1 + kappa phi') / tau, and no rhythm however strong the loop.
    rung, state = balanced(-2.0, rise=1e-5, decay=1e-5)
    slowest = modes(rung, state)
    slowest = slowest[np.argmin(np.abs(slowest))]
    assert slowest.real == pytest.approx((-1 - 2.0 * 25) / 0.01, rel=0.2)
    gentle, state = balanced(-0.1, rise=1e-5, decay=1e-5)
    slowest = modes(gentle, state)
    assert np.abs(slowest).min() == pytest.approx(350.0, rel=0.01)
    first = rj.WilsonCowan(
        w_xx=0.0,
        w_xy=0.0,
        bias_x=5.0,
        transfer_x=rj.Sigmoid(half_rate=50.0, threshold=0.0, steepness=1.0),
    )
    assert float(fixed_point(first).state.x[0]) == pytest.approx(
        float(first.transfer_x(5.0)), rel=1e-9
    )


def test_a_fast_membrane_leaves_a_second_order_population_that_cannot_oscillate():
    # (1 + s tau)^2 + K = 0: the real part is -1/tau for any K.
    rung, state = balanced(-0.36, membrane_time=1e-5)
    found = modes(rung, state)
    slow = found[np.abs(found) < 1e4]
    np.testing.assert_allclose(slow.real, -200.0, rtol=0.06)
    np.testing.assert_allclose(np.abs(slow.imag), 200 * np.sqrt(9.0), rtol=0.02)


def test_a_refractory_population_never_exceeds_the_inverse_of_its_refractory_time():
    rung = MasterMass(kappa=0.5, bias=1000.0, refractory_time=0.02)
    r = float(fixed_point(rung).state.r[0])
    assert r == pytest.approx(100 / (1 + 0.02 * 100), rel=1e-9) and r < 1 / 0.02


@pytest.mark.parametrize("transfer", [rj.QIFCauchy(), rj.QIFGauss(), rj.LIF(), rj.EIF()])
def test_transfer_functions_of_neurons_stand_in_for_the_sigmoid(transfer):
    # The three rungs that take one rest where the rate is the transfer function of what arrives.
    mass = MasterMass(kappa=-0.02, bias=2.0, transfer=transfer)
    state = fixed_point(mass).state
    np.testing.assert_allclose(state.r, transfer(2.0 - 0.02 * state.s), rtol=1e-6)
    pair = rj.NMM1(bias_x=2.0, w_xy=0.1, w_yx=0.5, transfer=transfer)
    state = fixed_point(pair).state
    np.testing.assert_allclose(state.x / pair.gain_x, transfer(2.0 - 0.1 * state.y), rtol=1e-6)
    first = rj.WilsonCowan(bias_x=2.0, w_xx=0.0, w_xy=0.01, w_yx=0.02, transfer_x=transfer)
    state = fixed_point(first).state
    np.testing.assert_allclose(state.x, transfer(2.0 - 0.01 * state.y), rtol=1e-6)


def test_what_is_no_transfer_function_is_refused():
    for build in (
        lambda: MasterMass(transfer=jnp.tanh),
        lambda: rj.NMM1(transfer=3.0),
        lambda: rj.WilsonCowan(transfer_y="sigmoid"),
    ):
        with pytest.raises(TypeError, match=r"transfer.*rj\.Sigmoid\(\).*got"):
            build()


def test_parameters_of_a_transfer_function_have_paths_and_gradients():
    assert "transfer.steepness" in rj.paths(MasterMass())
    brain = rj.Network(
        MasterMass(kappa=-0.36), rj.Connectome([[0.0, 0.5], [0.3, 0.0]]), gain=0.01,
        noise=rj.WhiteNoise(1.0),
    )  # fmt: skip

    def power(steepness):
        changed = rj.replace(brain, {"rung.transfer.steepness": steepness})
        return rj.linear.power_spectrum(changed, jnp.array([30.0, 45.0])).density.sum()

    step = 1e-5
    difference = (power(jnp.array(1.0 + step)) - power(jnp.array(1.0 - step))) / (2 * step)
    assert float(jax.grad(power)(jnp.array(1.0))) == pytest.approx(float(difference), rel=1e-6)
