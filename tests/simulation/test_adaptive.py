"""The adaptive path agrees with the march where both apply, and says where it does not."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rosetta_jax import parameters
from rosetta_jax.forcing import Sinusoid, WhiteNoise
from rosetta_jax.network import Connectome, Network
from rosetta_jax.results import Status
from rosetta_jax.rungs import JansenRit, StuartLandau
from rosetta_jax.simulation import simulate

CONTROLLER = diffrax.PIDController(rtol=1e-9, atol=1e-11)
WEIGHTS = np.array([[0.0, 0.8, 0.0], [0.5, 0.0, 1.1], [0.3, 0.9, 0.0]])


def brain(rung=None, **keywords) -> Network:
    rung = StuartLandau(alpha=jnp.array([1.0, -1.0, 2.0]), beta=0.3) if rung is None else rung
    return Network(rung, Connectome(WEIGHTS), gain=2.0, **keywords)


@pytest.mark.parametrize(
    "system",
    [
        brain(drive=Sinusoid(amplitude=2.0, frequency=7.0)),
        brain(JansenRit(), drive=Sinusoid(amplitude=30.0, frequency=7.0)),
    ],
    ids=["planar", "column"],
)
def test_it_agrees_with_the_march(system):
    keywords = {"duration": 0.2, "dt": 1e-3, "save": ("signal", "states"), "transient": 0.05}
    adaptive = simulate(system, controller=CONTROLLER, **keywords)
    march = simulate(system, solver=diffrax.Dopri8(), **keywords)
    assert adaptive.succeeded
    np.testing.assert_allclose(adaptive.times, march.times, rtol=1e-13)
    np.testing.assert_allclose(adaptive.signal, march.signal, rtol=1e-6, atol=1e-6)
    for one, other in zip(
        jax.tree.leaves(adaptive.states), jax.tree.leaves(march.states), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_a_stiff_solver_may_be_chosen():
    rung = StuartLandau(alpha=1.0)
    stiff = simulate(rung, 0.1, 1e-3, controller=CONTROLLER, solver=diffrax.Kvaerno5())
    plain = simulate(rung, 0.1, 1e-3, controller=CONTROLLER)
    np.testing.assert_allclose(stiff.signal, plain.signal, atol=1e-6)


LONE = StuartLandau(alpha=2.0)


def test_it_starts_where_told_and_gives_results_as_often_as_asked():
    start = StuartLandau.State(x=jnp.array([2.0]), y=jnp.zeros(1))
    found = simulate(LONE, 0.1, 1e-3, controller=CONTROLLER, save_every=0.02, past=lambda _: start)
    np.testing.assert_allclose(found.times, [0.0, 0.02, 0.04, 0.06, 0.08], atol=1e-15)
    assert float(found.signal[0, 0]) == pytest.approx(2.0)


def test_running_out_of_steps_is_a_status():
    found = simulate(LONE, 1.0, 1e-3, controller=CONTROLLER, max_steps=5)
    assert int(found.status) == Status.not_converged


def test_it_can_be_differentiated():
    @jax.jit
    def power(alpha):
        changed = parameters.replace(LONE, {"alpha": alpha})
        return jnp.mean(
            simulate(changed, 0.02, 1e-3, controller=CONTROLLER, max_steps=64).signal ** 2
        )

    found = jax.grad(power)(jnp.asarray(2.0))
    step = 1e-4
    difference = (power(jnp.asarray(2.0 + step)) - power(jnp.asarray(2.0 - step))) / (2 * step)
    assert float(found) == pytest.approx(float(difference), rel=1e-5)


@pytest.mark.parametrize(
    "arguments",
    [
        {"noise": WhiteNoise(sigma=1.0)},
        {"sensor": WhiteNoise(sigma=1.0)},
        {"connectome": Connectome(WEIGHTS, 10 * WEIGHTS)},
    ],
    ids=["noise", "sensor", "delays"],
)
def test_noise_and_delays_are_refused_with_the_remedy(arguments):
    system = Network(**({"rung": StuartLandau(), "connectome": Connectome(WEIGHTS)} | arguments))
    with pytest.raises(ValueError, match=r"without delays and noise, got one with .*: drop that"):
        simulate(system, 0.1, 1e-3, key=jax.random.key(0), controller=CONTROLLER)
