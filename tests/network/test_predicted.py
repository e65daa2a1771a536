"""What arrives without delay, predicted once a step: its arithmetic, its order, its gradients, its limits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import rosetta_jax as rj
from rosetta_jax.simulation import simulate

NODES, GAIN, KEY = 5, 3.0, jax.random.key(0)
WEIGHTS = np.random.default_rng(0).uniform(0.0, 1.0, (NODES, NODES)) * (1 - np.eye(NODES))
PHASE = 2 * np.pi * np.arange(NODES) / NODES


def brain(noise=None, gain=GAIN, weights=WEIGHTS) -> rj.Network:
    return rj.Network(rj.StuartLandau(), rj.Connectome(weights), gain=gain, noise=noise)


def past(t):
    return rj.StuartLandau.State(x=jnp.cos(PHASE), y=0.8 * jnp.sin(PHASE))


def states(duration, dt, transport="predicted", **options) -> np.ndarray:
    """(time, x and y, nodes)."""
    found = simulate(
        brain(),
        duration,
        dt,
        save=("states",),
        past=past,
        transport=transport,
        **options,
    ).states
    return np.stack([found.x, found.y], axis=1)


def plain(dt, steps) -> np.ndarray:
    """The same, one product a step, written out."""
    model, network = rj.StuartLandau(), brain()
    state = np.stack([np.cos(PHASE), 0.8 * np.sin(PHASE)])

    def carried(state):
        return np.asarray(network.arriving(model.State(*map(jnp.asarray, state)), model.Inputs()))

    def field(state, arriving):
        here = model.State(*map(jnp.asarray, state))
        found = network.vector_field(jnp.zeros(()), here, jnp.asarray(arriving), model.Inputs())
        return np.stack([found.x, found.y])

    arriving, found = carried(state), [state]
    for _ in range(steps - 1):
        first = field(state, arriving)
        arriving = carried(state + dt * first)
        state = state + dt / 2 * (first + field(state + dt * first, arriving))
        found.append(state)
    return np.array(found)


def test_it_is_heun_with_one_product_a_step():
    np.testing.assert_allclose(states(0.03, 1e-3), plain(1e-3, 30), rtol=1e-12)
    products = str(
        jax.make_jaxpr(lambda: simulate(brain(), 0.01, 1e-3, transport="predicted").signal)()
    ).count("dot_general")
    # One of the first state and one in the step.
    assert products == 2


def test_it_keeps_order_two():
    sizes = [4e-3, 2e-3, 1e-3, 5e-4]
    exact = states(0.2 + 2.5e-4, 2.5e-4 / 4, "at once")[:: 4 * 16]
    errors = []
    for dt in sizes:
        found = states(0.2 + dt, dt)
        errors.append(np.abs(found[-1] - exact[-1]).max())
    slope = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert slope == pytest.approx(2.0, abs=0.15) and errors[-1] < 1e-3


def test_with_noise_it_stays_near_the_march_that_reads_at_each_stage():
    noisy = brain(rj.WhiteNoise(0.5))
    differences = []
    for dt in (2e-3, 1e-3):
        runs = [
            simulate(noisy, 1.0, dt, key=KEY, transport=name).signal
            for name in ("predicted", "at once")
        ]
        differences.append(float(jnp.sqrt(jnp.mean((runs[0] - runs[1]) ** 2) / jnp.var(runs[1]))))
    # Of the size of the error that both make.
    assert 1e-8 < differences[1] < 0.35 * differences[0] < 0.01


def test_lanes_and_blocks_make_no_difference():
    options = {"transport": "predicted", "past": past}
    gains = jnp.asarray([0.5, 2.0, 4.0])
    noisy = brain(rj.WhiteNoise(0.1))
    keys = jax.random.split(KEY, 3)
    lanes = rj.ensemble(noisy, {"gain": gains}, 0.05, 1e-3, key=keys, **options).signal
    for lane, gain, key in zip(lanes, gains, keys, strict=True):
        run = simulate(rj.replace(noisy, {"gain": gain}), 0.05, 1e-3, key=key, block=7, **options)
        np.testing.assert_allclose(run.signal, lane, rtol=1e-10)


@pytest.mark.parametrize("recompute", [False, True])
def test_gradients_agree_with_differences(recompute):
    def loss(values):
        weights = values["weights"] * (1 - jnp.eye(NODES))
        network = brain(gain=values["gain"], weights=weights)
        run = simulate(
            network, 0.05, 1e-3, past=past, transport="predicted", block=9, recompute=recompute
        )
        return jnp.mean(run.signal**2)

    values = {"gain": jnp.asarray(GAIN), "weights": jnp.asarray(WEIGHTS)}
    check_grads(loss, (values,), order=1, rtol=1e-6, atol=1e-9, eps=1e-5)


def test_it_suits_only_networks_without_delays():
    delayed = rj.Network(rj.StuartLandau(), rj.Connectome(WEIGHTS, np.full((NODES, NODES), 10.0)))
    with pytest.raises(ValueError, match="predicted"):
        simulate(delayed, 0.01, 1e-3, transport="predicted")
    lone = rj.alone(rj.StuartLandau())
    assert simulate(lone, 0.01, 1e-3, transport="predicted").succeeded


def test_explain_says_what_it_does(capsys):
    rj.explain(brain(), 0.1, 1e-3, transport="predicted")
    assert "Euler" in capsys.readouterr().out
