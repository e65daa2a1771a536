"""Traced delays: derivatives by the speed and by links of any order, and chunks where delays are long enough."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oscillators import DT, PER_STEP, SPEED, oscillators

import rosetta_jax as rj
from rosetta_jax.network.transport import formulate
from rosetta_jax.results import Status

NODES = 5
OFF = 1.0 - np.eye(NODES)


def brain(least: float, most: float, phase: bool = False, **more) -> rj.Network:
    """Delays of `least` to `most` steps."""
    return oscillators(NODES, least, most, phase=phase, max_delay=0.05, **more)


KINDS = {
    "ring": brain(0.1, 12.2),
    "slices": brain(11.1, 25.3, min_delay=0.0095),
}


def past(t):
    phase = jnp.arange(float(NODES))
    return rj.StuartLandau.State(x=jnp.cos(60.0 * t + phase), y=jnp.sin(50.0 * t + phase))


def power(network: rj.Network, values: dict, **options) -> jax.Array:
    changed = {
        {"speed": "speed"}.get(name, f"connectome.{name}"): value
        * (OFF if name == "weights" else 1)
        for name, value in values.items()
    }
    run = rj.simulate(rj.replace(network, changed), 0.04, DT, past=past, **options)
    return jnp.mean(run.signal**2) + jnp.mean(run.signal[-1])


def values(network: rj.Network, *names: str) -> dict:
    known = {
        "speed": network.speed,
        "weights": network.connectome.weights,
        "lengths": network.connectome.lengths,
    }
    return {name: known[name] for name in names}


@pytest.mark.parametrize("kind", KINDS)
def test_the_formulation_is_the_one_meant(kind):
    network, found = KINDS[kind], []
    jax.eval_shape(
        lambda speed: found.append(formulate(rj.replace(network, {"speed": speed}), DT).name),
        network.speed,
    )
    assert found == [kind]


def differences(function, given: dict, eps: float = 1e-6) -> dict:
    """The change of `function` as each of `given` moves along a direction of its own."""
    found = {}
    for number, (name, value) in enumerate(given.items()):
        step = direction(value, number)
        ahead, behind = (function(given | {name: value + s * eps * step}) for s in (1, -1))
        found[name] = jax.tree.map(lambda a, b: (a - b) / (2 * eps), ahead, behind)
    return found


def direction(value, number: int):
    """A direction in which a value of that shape may move."""
    return jnp.asarray(np.random.default_rng(number).uniform(0.5, 1.5, jnp.shape(value)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("names", [("speed",), ("speed", "weights", "lengths")])
def test_first_and_second_derivatives_agree_with_differences(kind, names):
    # Forward over reverse, mixed ones among them; no delay crosses a step within the difference.
    network = KINDS[kind]
    given = values(network, *names)
    slope = jax.jit(jax.grad(lambda given: power(network, given)))
    loss = jax.jit(lambda given: power(network, given))
    first = slope(given)
    for number, (name, found) in enumerate(differences(loss, given).items()):
        along = jnp.sum(first[name] * direction(given[name], number))
        np.testing.assert_allclose(along, found, rtol=1e-6, atol=1e-10)
    second = differences(slope, given)
    for number, name in enumerate(given):

        def turned(given, name=name, number=number):
            step = {k: jnp.zeros_like(v) for k, v in given.items()}
            step[name] = direction(given[name], number)
            return jax.jvp(slope, (given,), (step,))[1]

        for exact, found in zip(
            jax.tree.leaves(jax.jit(turned)(given)), jax.tree.leaves(second[name]), strict=True
        ):
            np.testing.assert_allclose(exact, found, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_lanes_of_speeds_have_the_gradients_of_each(kind):
    network, speeds = KINDS[kind], jnp.asarray([9.7, 10.0, 10.9])

    def slope(speed):
        return jax.grad(lambda speed: power(network, {"speed": speed}))(speed)

    np.testing.assert_allclose(
        jax.vmap(slope)(speeds), [slope(speed) for speed in speeds], rtol=1e-10
    )


@pytest.mark.parametrize("recompute", [True, False])
def test_keeping_what_arrives_changes_no_gradient(recompute):
    def slope(**options):
        network = KINDS["slices"]
        return jax.grad(lambda given: power(network, given, **options))(values(network, "speed"))

    plain, found = slope(), slope(recompute=recompute, block=16)
    np.testing.assert_allclose(found["speed"], plain["speed"], rtol=1e-10)


def test_links_that_turn_follow_the_speed_too():
    network = brain(11.1, 25.3, phase=True, min_delay=0.0095)
    given = values(network, "speed")
    loss = jax.jit(lambda given: power(network, given))
    exact, found = jax.grad(loss)(given)["speed"], differences(loss, given)["speed"]
    np.testing.assert_allclose(exact * direction(given["speed"], 0), found, rtol=1e-6)


def test_the_slope_by_the_speed_keeps_no_value_of_any_link():
    nodes = 40
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.1, 1.0, (nodes, nodes)) * (1 - np.eye(nodes)) / nodes
    lengths = rng.uniform(10.0, 30.0, (nodes, nodes)) * PER_STEP
    network = rj.Network(
        rj.StuartLandau(), rj.Connectome(weights, lengths), speed=SPEED, max_delay=0.05
    )

    def temporaries(path):
        # All are traced whichever is differentiated, so that all are read in the same way.
        def loss(value, others):
            run = rj.simulate(rj.replace(network, {**others, path: value}), 0.4, DT)
            return jnp.mean(run.signal**2)

        others = {each: rj.parameters.get(network, each) for each in paths}
        compiled = jax.jit(jax.grad(loss)).lower(others.pop(path), others).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    paths = "gain", "speed", "connectome.lengths"
    by_gain, by_speed, by_lengths = (temporaries(path) for path in paths)
    # A block of 20 steps keeps as many values a link for lengths; for the speed two a step, channel and node,
    # and a dozen numbers a link for the whole run.
    assert by_lengths - by_gain > 20 * 8 * nodes**2
    assert by_speed - by_gain < 8 * (2 * 400 * 2 * nodes + 12 * nodes**2)


def test_chunks_and_steps_agree_where_delays_are_traced():
    network = KINDS["slices"]
    plain = dataclasses.replace(network, min_delay=None)

    @jax.jit
    def signals(speed):
        return [
            rj.simulate(rj.replace(each, {"speed": speed}), 0.06, DT, past=past, **options).signal
            for each, options in (
                (network, {}),
                (plain, {}),
                (network, {"transport": "ring"}),
                (network, {"delays": "rounded"}),
                (plain, {"delays": "rounded"}),
            )
        ]

    first, second, third, rounded, also = signals(jnp.asarray(10.3))
    np.testing.assert_allclose(first, second, rtol=1e-11)
    np.testing.assert_allclose(first, third, rtol=1e-11)
    np.testing.assert_allclose(rounded, also, rtol=1e-11)
    assert not np.allclose(first, rounded, rtol=1e-6)


def test_a_delay_shorter_than_said_is_a_status_and_leaves_no_number():
    network = KINDS["slices"]

    @jax.jit
    def run(speed):
        found = rj.simulate(rj.replace(network, {"speed": speed}), 0.02, DT)
        return found.signal, found.status

    signal, status = run(jnp.asarray(13.0))
    assert int(status) == Status.delay_too_short and np.isnan(signal).all()
    assert int(run(jnp.asarray(10.0))[1]) == Status.ok
    assert "min_delay" in Status(int(status)).message


def test_bounds_of_delays_do_not_matter_where_nothing_is_delayed():
    plain = dataclasses.replace(KINDS["ring"], connectome=rj.Connectome(OFF))
    bounded = dataclasses.replace(plain, min_delay=0.02)

    @jax.jit
    def signal(weights):
        return [
            rj.simulate(rj.replace(each, {"connectome.weights": weights}), 0.02, DT).signal
            for each in (plain, bounded)
        ]

    found, expected = signal(jnp.asarray(OFF)), rj.simulate(plain, 0.02, DT).signal
    for each in found:
        np.testing.assert_allclose(each, expected, rtol=1e-11)


def test_bounds_of_delays_must_be_in_order():
    with pytest.raises(ValueError, match="min_delay"):
        brain(1.0, 2.0, min_delay=0.06)
    with pytest.raises(ValueError, match="min_delay"):
        brain(1.0, 2.0, min_delay=-1.0)
