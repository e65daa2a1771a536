"""Reads of a chunk of steps at once against reads step by step, and against a plain NumPy oracle."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import delayed_heun

import rosetta_jax as rj
from rosetta_jax.network.transport import formulate, transport
from rosetta_jax.network.transport.slices import CHUNK
from rosetta_jax.results import Status

DT, SPEED = 1e-3, 10.0
PER_STEP = 1e3 * SPEED * DT  # mm that a signal goes in a step
NODES = 5


def connectome(seed: int = 0, phase: bool = False) -> rj.Connectome:
    """Asymmetric, some links missing (of which one is short), delays of 9.2 to 40 steps."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.1, 1.0, (NODES, NODES)) * (rng.random((NODES, NODES)) < 0.7)
    np.fill_diagonal(weights, 0.0)
    lengths = rng.uniform(9.2, 40.0, (NODES, NODES)) * PER_STEP
    weights[0, 1], lengths[0, 1] = 0.0, 0.1 * PER_STEP
    turn = rng.uniform(-1, 1, (NODES, NODES)) if phase else None
    return rj.Connectome(weights, lengths, phase=turn)


RUNGS = {
    "columns": rj.JansenRit(bias=np.linspace(100.0, 300.0, NODES)),
    "oscillators": rj.StuartLandau(alpha=2.0, omega=np.linspace(40.0, 80.0, NODES)),
    "phases": rj.PhaseOscillator(omega=np.linspace(40.0, 80.0, NODES), harmonics=2),
}


def brain(name: str, phase: bool = False, **more) -> rj.Network:
    coupling = rj.PhaseCoupling(jnp.array([1.0, 0.4]), jnp.zeros(2)) if name == "phases" else None
    links = connectome(phase=phase)
    return rj.Network(RUNGS[name], links, coupling, 3.0, SPEED, **more)


@pytest.mark.parametrize(
    "name, phase",
    [("columns", False), ("oscillators", False), ("oscillators", True), ("phases", True)],
)
def test_chunks_and_steps_give_the_same(name, phase):
    drive = rj.Sinusoid(0.3, 7.0)
    network = brain(name, phase, noise=rj.WhiteNoise(0.05), drive=drive, sensor=rj.WhiteNoise(0.01))
    assert formulate(network, DT).name == "slices"

    def run(transport):
        return rj.simulate(
            network,
            0.31,
            DT,
            key=jax.random.key(1),
            transient=0.02,
            save=("signal", "states"),
            transport=transport,
        )

    chunked, plain = run("slices"), run("ring")
    assert chunked.succeeded
    for found, expected in zip(jax.tree.leaves(chunked), jax.tree.leaves(plain), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


def test_chunks_follow_the_oracle_from_a_past_that_moves():
    network = brain("oscillators")
    rung = network.rung

    def past(t):
        return rung.State(x=jnp.cos(30.0 * t + jnp.arange(5.0)), y=jnp.sin(20.0 * t) * jnp.ones(5))

    def slope(t, x, arriving):
        z = x[0] + 1j * x[1]
        alpha, omega = np.asarray(rung.alpha), np.asarray(rung.omega)
        turned = (alpha + 1j * omega) * z - np.abs(z) ** 2 * z
        strengths = np.asarray(network.connectome.weights).sum(axis=1)
        turned += 3.0 * (arriving[0] + 1j * arriving[1] - strengths * z)
        return np.stack([turned.real, turned.imag])

    def state(t):
        return np.stack([np.asarray(past(t).x), np.asarray(past(t).y)])

    weights, delays = np.asarray(network.connectome.weights), np.asarray(network.delays())
    states = delayed_heun(slope, lambda x: x, state, weights, delays, DT, 60)
    found = rj.simulate(network, 60 * DT, DT, past=past).signal
    np.testing.assert_allclose(found, states[:-1, 0], rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("block", [1, 5, 8, 40, 1000])
def test_the_block_changes_nothing(block):
    network = brain("columns", noise=rj.WhiteNoise(0.5))
    runs = [
        rj.simulate(network, 0.1, DT, key=jax.random.key(0), block=size).signal
        for size in (block, 64)
    ]
    np.testing.assert_allclose(runs[0], runs[1], rtol=1e-12)


@pytest.mark.parametrize("steps, chunks", [(8.9, False), (8.99, False), (9.01, True), (30.0, True)])
def test_chunks_are_for_links_longer_than_one(steps, chunks):
    links = rj.Connectome([[0.0, 1.0], [1.0, 0.0]], np.array([[0, 1], [1, 0]]) * steps * PER_STEP)
    found = formulate(rj.Network(rj.StuartLandau(), links, speed=SPEED), DT)
    assert (found.near is None) is chunks


@pytest.mark.parametrize(
    "links, chunks",
    [([3.2, 4.9, 20.0], (8,)), ([3.2, 5.1, 20.0], (8, 4)), ([9.1, 20.0, 30.0], (8,))],
)
def test_links_of_five_to_nine_steps_are_read_for_four_at_once(links, chunks):
    lengths = np.array(
        [[0.0, links[0], links[1]], [links[2], 0.0, links[2]], [links[2]] * 2 + [0.0]]
    )
    network = rj.Network(
        rj.StuartLandau(), rj.Connectome(1.0 - np.eye(3), lengths * PER_STEP), speed=SPEED
    )
    found = formulate(network, DT, name=None if links[0] > 9 else "ring and slices")
    assert found.chunks == chunks
    assert [each.chunk for each in transport(network, jnp.asarray(DT), found).far] == list(chunks)


def test_what_is_traced_or_has_no_links_goes_step_by_step():
    network, found = brain("columns", max_delay=0.05), []
    jax.eval_shape(
        lambda speed: found.append(formulate(rj.replace(network, {"speed": speed}), DT).name),
        jax.ShapeDtypeStruct((), float),
    )
    assert found == ["ring"]
    assert formulate(rj.alone(rj.StuartLandau()), DT).name == "at once"


def test_lanes_and_gradients_are_those_of_steps():
    network = brain("columns")

    def power(values, transport=None):
        changed = rj.replace(network, {"gain": values[0], "rung.inhibitory_gain": values[1]})
        signal = rj.simulate(changed, 0.2, DT, transport=transport).signal
        return jnp.mean((signal - 5.0) ** 2)

    values = jnp.array([[3.0, 22.0], [2.0, 20.0]])
    both = jax.jit(jax.vmap(jax.value_and_grad(power)))
    chunked = both(values)
    step = 1e-5 * values[0, 1]
    ahead, behind = (power(values[0] + jnp.array([0.0, s])) for s in (step, -step))
    assert float(chunked[1][0, 1]) == pytest.approx(float((ahead - behind) / (2 * step)), rel=1e-6)
    plain = jax.jit(jax.vmap(jax.value_and_grad(partial(power, transport="ring"))))(values)
    for found, expected in zip(jax.tree.leaves(chunked), jax.tree.leaves(plain), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_delay_beyond_the_room_is_a_status():
    network = brain("columns")
    short = rj.Network(network.rung, network.connectome, gain=3.0, speed=SPEED, max_delay=0.03)
    assert rj.simulate(short, 0.1, DT).status == Status.delay_too_long


def test_a_slice_lies_within_its_row():
    network = brain("columns")
    (far,) = transport(network, jnp.asarray(DT), formulate(network, DT)).far
    assert int(far.reads.back.min()) >= CHUNK and int(far.reads.back.max()) <= far.rows


@pytest.mark.parametrize("tile", [1, 40, 90])
def test_tiles_of_targets_change_nothing(tile, monkeypatch):
    network = brain("oscillators", phase=True)

    def run():
        return rj.simulate(network, 0.1, DT, key=jax.random.key(0)).signal

    whole = run()
    jax.clear_caches()
    monkeypatch.setattr("rosetta_jax.network.transport.slices._TILE", tile * 16)
    np.testing.assert_allclose(run(), whole, rtol=1e-12)
    jax.clear_caches()
