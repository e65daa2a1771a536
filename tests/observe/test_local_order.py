"""Local order and turbulence against a loop, at both ends of the scale, and for vortices that are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rosetta_jax.observe import (
    distance_between,
    local_order_parameter,
    order_parameter,
    turbulence,
)


def scattered(time=30, nodes=6, seed=0):
    generator = np.random.default_rng(seed)
    return generator.uniform(-np.pi, np.pi, (time, nodes)), generator.uniform(0, 40, (nodes, 3))


def by_loop(phases, centres, decay):
    found = np.empty(phases.shape)
    for n, here in enumerate(centres):
        weights = np.array([np.exp(-decay * np.linalg.norm(here - there)) for there in centres])
        found[:, n] = np.abs(np.exp(1j * phases) @ weights) / weights.sum()
    return found


@pytest.mark.parametrize("decay", [0.18, 0.01])
def test_agrees_with_a_loop(decay):
    phases, centres = scattered()
    wanted = by_loop(phases, centres, decay)
    distances = distance_between(centres)
    found = local_order_parameter(phases, distances, decay=decay)
    np.testing.assert_allclose(found, wanted, atol=1e-13)
    assert float(turbulence(phases, distances, decay=decay)) == pytest.approx(wanted.std())


def test_both_ends_of_the_scale():
    phases, centres = scattered()
    distances = distance_between(centres)
    whole = np.asarray(local_order_parameter(phases, distances, decay=0.0))
    np.testing.assert_allclose(whole, np.tile(order_parameter(phases)[:, None], (1, 6)), atol=1e-13)
    alone = local_order_parameter(phases, distances, decay=50.0)
    np.testing.assert_allclose(alone, 1.0, atol=1e-6)


def test_distances_need_not_be_symmetric_and_rows_are_the_node_seen_from():
    phases = np.array([[0.0, np.pi]])
    distances = np.array([[0.0, 10.0], [1000.0, 0.0]])
    weight = np.exp(-0.1 * 10.0)
    found = local_order_parameter(phases, distances, decay=0.1)
    np.testing.assert_allclose(found, [[(1 - weight) / (1 + weight), 1.0]], atol=1e-12)


def test_steady_agreement_is_not_turbulent_and_vortices_are():
    centres = np.stack([np.arange(40.0), np.zeros(40), np.zeros(40)], axis=1)
    distances = distance_between(centres)
    together = np.linspace(0, 9, 50)[:, None] + np.zeros((1, 40))
    assert float(turbulence(together, distances)) < 1e-12
    gradient = jax.grad(lambda x: turbulence(x, distances))(jnp.zeros((5, 40)))
    assert (np.asarray(gradient) == 0).all()
    halves = together + np.where(np.arange(40) < 20, 0.0, np.pi)[None]
    local = np.asarray(local_order_parameter(halves, distances))[0]
    assert local[5] > 0.9 and local[20] < 0.15  # within, and where they meet
    assert float(turbulence(halves, distances)) > 0.2


def test_gradient_scales_and_single_precision():
    phases, centres = scattered()
    distances = jnp.asarray(distance_between(centres))
    phases = jnp.asarray(phases)
    loss = jax.jit(lambda x, decay: turbulence(x, distances, decay=decay))
    direction = jnp.asarray(np.random.default_rng(2).standard_normal(phases.shape))
    decay, step = jnp.asarray(0.05), 1e-6
    slopes = jax.grad(loss, argnums=(0, 1))(phases, decay)
    along = jnp.vdot(slopes[0], direction) + slopes[1]
    ends = [loss(phases + s * direction, decay + s) for s in (step, -step)]
    np.testing.assert_allclose(along, (ends[0] - ends[1]) / (2 * step), rtol=1e-7)
    scales = jnp.asarray([0.01, 0.1, 0.3])
    together = jax.vmap(loss, (None, 0))(phases, scales)
    np.testing.assert_allclose(together, [loss(phases, each) for each in scales], rtol=1e-12)
    single = turbulence(jnp.asarray(phases, jnp.float32), distances, decay=0.05)
    assert single.dtype == jnp.float32
    assert float(single) == pytest.approx(float(loss(phases, decay)), rel=1e-5)


@pytest.mark.parametrize(
    "given, message",
    [
        ({"phases": np.ones(5)}, "`phases` must be a series"),
        ({"distances": np.ones((5, 5))}, r"`distances` must have shape \(6, 6\)"),
        ({"distances": -np.ones((6, 6))}, r"`distances` must be zero or positive \(mm\)"),
        ({"decay": -1.0}, "`decay` must be zero or positive"),
        ({"decay": np.ones(2)}, r"`decay` must have shape \(\)"),
    ],
)
@pytest.mark.parametrize("measure", [local_order_parameter, turbulence])
def test_wrong_input_is_named(measure, given, message):
    phases, centres = scattered()
    known = {"phases": phases, "distances": distance_between(centres)} | given
    with pytest.raises(ValueError, match=message):
        measure(known.pop("phases"), known.pop("distances"), **known)


@pytest.mark.parametrize("centres", [np.ones(3), np.ones((4, 2))])
def test_wrong_centres_are_named(centres):
    with pytest.raises(ValueError, match=r"`centres` must be places \(nodes, 3\)"):
        distance_between(centres)
    with pytest.raises(ValueError, match="`centres` has 3 non-finite"):
        distance_between(np.full((1, 3), np.nan))
