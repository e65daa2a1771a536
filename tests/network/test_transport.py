"""The transport, in a march, against a plain NumPy oracle that goes edge by edge."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import delayed_heun

import rosetta_jax as rj
from rosetta_jax.network import Connectome, Network
from rosetta_jax.network.transport import formulate, transport
from rosetta_jax.network.transport.ring import History
from rosetta_jax.results import Status
from rosetta_jax.rungs import HarmonicOscillator, JansenRit
from rosetta_jax.simulation import simulate

DT, STEPS, GAIN, SPEED = 1e-3, 60, 0.9, 10.0
PER_STEP = 1e3 * SPEED * DT  # mm that a signal goes in a step


def random_weights(nodes: int, seed: int, share: float = 0.6) -> np.ndarray:
    """Asymmetric weights, some links missing."""
    random = np.random.default_rng(seed)
    weights = random.uniform(0.1, 1.0, (nodes, nodes)) * (random.random((nodes, nodes)) < share)
    np.fill_diagonal(weights, 0.0)
    return weights


def lengths_in_steps(kind: str, nodes: int) -> np.ndarray:
    random = np.random.default_rng(7)
    if kind == "equal":
        return np.full((nodes, nodes), 4.3)
    if kind == "whole":
        return random.integers(0, 6, (nodes, nodes)).astype(float)
    if kind == "below a step":
        return random.uniform(0, 0.99, (nodes, nodes))
    lengths = random.uniform(*((9.1, 30) if kind == "long" else (0, 12)), (nodes, nodes))
    if kind == "one huge":
        lengths[0, -1] = 171.7
    return lengths


CASES = [
    ("mixed", 6),
    ("equal", 5),
    ("whole", 5),
    ("below a step", 5),
    ("one huge", 4),
    ("mixed", 2),
    ("mixed", 1),
    ("sparse", 9),
    ("long", 6),
]
SHARES = {"sparse": 0.2}


def harmonic_field(weights, coupling):
    alpha, omega = -5.0, 62.83185307179586

    def field(t, state, arriving):
        own = weights.sum(axis=1) * state if coupling == "diffusive" else 0.0
        force = GAIN * (arriving - own)
        x, y = state
        return np.array([alpha * x - omega * y + force[0], omega * x + alpha * y + force[1]])

    return field


BOTH = [("mixed", 6, "additive"), ("one huge", 4, "additive"), ("sparse", 9, "diffusive")]


@pytest.mark.parametrize(
    "name, kind, nodes, coupling",
    [("ring", *case, "additive") for case in CASES]
    + [(name, *case) for name in ("split", "ring and slices") for case in BOTH]
    + [("slices", "long", 6, "additive"), (None, "mixed", 6, "diffusive")],
)
@pytest.mark.parametrize("delays", ["interpolated", "rounded"])
def test_two_channels_arrive_as_in_the_oracle(name, delays, kind, nodes, coupling):
    weights, lengths = (
        random_weights(nodes, 1, SHARES.get(kind, 0.6)),
        lengths_in_steps(kind, nodes),
    )
    if kind == "one huge":
        weights[0, -1] = 0.5
    phase, size = 2 * np.pi * np.arange(nodes) / nodes, 1 + 0.1 * np.arange(nodes)

    def past(t, module):
        return module.stack([size * module.cos(9 * t + phase), size * module.sin(7 * t + phase)])

    brain = Network(
        HarmonicOscillator(), Connectome(weights, PER_STEP * lengths), coupling, GAIN, SPEED
    )
    found = simulate(
        brain,
        STEPS * DT,
        DT,
        save=("signal", "states"),
        past=lambda t: HarmonicOscillator.State(*past(t, jnp)),
        delays=delays,
        transport=name,
    ).states
    exact = delayed_heun(
        harmonic_field(weights, coupling),
        lambda state: state,
        lambda t: past(t, np),
        weights,
        (np.rint(lengths) if delays == "rounded" else lengths) * DT,
        DT,
        STEPS - 1,
    )
    np.testing.assert_allclose(found.x, exact[:, 0], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found.y, exact[:, 1], rtol=1e-10, atol=1e-12)


def jansen_rit_field(t, state, arriving):
    y0, y1, y2, z0, z1, z2 = state

    def rate(v):
        return 5.0 / (1 + np.exp(0.56 * (6.0 - v)))

    p = 220.0 + GAIN * arriving[0]
    return np.array(
        [
            z0,
            z1,
            z2,
            325.0 * rate(y1 - y2) - 200 * z0 - 1e4 * y0,
            325.0 * (p + 108 * rate(135 * y0)) - 200 * z1 - 1e4 * y1,
            1100.0 * 33.75 * rate(33.75 * y0) - 100 * z2 - 2500 * y2,
        ]
    )


@pytest.mark.parametrize("kind, nodes", [("mixed", 5), ("below a step", 3)])
def test_one_nonlinear_channel_arrives_as_in_the_oracle(kind, nodes):
    weights, lengths = random_weights(nodes, 2), PER_STEP * lengths_in_steps(kind, nodes)
    found = simulate(
        Network(JansenRit(), Connectome(weights, lengths), gain=GAIN, speed=SPEED), STEPS * DT, DT
    )
    exact = delayed_heun(
        jansen_rit_field,
        lambda state: (5.0 / (1 + np.exp(0.56 * (6.0 - state[1] + state[2]))))[None],
        lambda t: np.zeros((6, nodes)),
        weights,
        lengths * 1e-3 / SPEED,
        DT,
        STEPS - 1,
    )
    np.testing.assert_allclose(found.signal, exact[:, 1] - exact[:, 2], rtol=1e-10, atol=1e-11)


def test_zero_lengths_equal_no_lengths():
    weights = random_weights(4, 3)
    rung = HarmonicOscillator()
    at_once = simulate(Network(rung, Connectome(weights), gain=GAIN), 0.05, DT)
    zero = simulate(Network(rung, Connectome(weights, np.zeros((4, 4))), gain=GAIN), 0.05, DT)
    np.testing.assert_allclose(zero.signal, at_once.signal, rtol=1e-12)


def test_room_for_longer_delays_changes_nothing():
    connectome = Connectome(random_weights(4, 4), PER_STEP * lengths_in_steps("mixed", 4))
    tight = simulate(Network(HarmonicOscillator(), connectome), 0.05, DT)
    roomy = simulate(Network(HarmonicOscillator(), connectome, max_delay=0.5), 0.05, DT)
    np.testing.assert_array_equal(roomy.signal, tight.signal)


def test_the_length_of_a_link_without_weight_does_not_matter():
    weights = random_weights(4, 5)
    lengths = PER_STEP * lengths_in_steps("mixed", 4)
    strange = np.where(weights == 0, 1e6, lengths)
    plain = simulate(Network(HarmonicOscillator(), Connectome(weights, lengths)), 0.05, DT)
    found = simulate(Network(HarmonicOscillator(), Connectome(weights, strange)), 0.05, DT)
    assert found.succeeded
    np.testing.assert_allclose(found.signal, plain.signal, rtol=1e-12)


def test_a_delay_too_long_for_the_history_is_a_status_and_leaves_no_number():
    connectome = Connectome([[0, 1.0], [1.0, 0]], [[0, 100.0], [20.0, 0]])
    found = simulate(Network(HarmonicOscillator(), connectome, max_delay=5e-3), 0.05, DT)
    assert int(found.status) == Status.delay_too_long
    assert np.isnan(found.signal).all() and "max_delay" in found.message


@pytest.mark.parametrize("steps", [3, 3.5, 0.2, 0])
def test_the_longest_delay_fits_its_own_history(steps):
    connectome = Connectome([[0, 1.0], [1.0, 0]], np.full((2, 2), PER_STEP * steps))
    brain = Network(HarmonicOscillator(), connectome, speed=SPEED)
    for name in ("ring", None):
        moving = transport(brain, jnp.asarray(DT), formulate(brain, DT, name=name))
        assert int(moving.status) == Status.ok


def pair(steps: float, speed=SPEED) -> Network:
    """Two nodes; only the first hears the second, after `steps` steps, and the rest lies near."""
    return Network(
        HarmonicOscillator(),
        Connectome([[0, 1.0], [0, 0]], [[0, PER_STEP * steps], [0, 0]]),
        speed=speed,
        max_delay=0.1,
    )


@pytest.mark.parametrize("steps, expected", [(0.0, True), (0.9, True), (1.0, False), (1.1, False)])
def test_links_below_a_step_are_known_before_the_march(steps, expected):
    assert formulate(pair(steps), DT).at_once is expected


def test_lone_nodes_carry_nothing_and_pay_nothing():
    lone = rj.alone(rj.StuartLandau(), nodes=3)
    assert not formulate(lone, DT).at_once
    linked = rj.Network(rj.StuartLandau(), rj.Connectome(np.ones((3, 3)) - np.eye(3)))
    assert formulate(linked, DT).at_once
    programs = [
        str(jax.make_jaxpr(lambda each=each: rj.simulate(each, 0.01, 1e-3).signal)())
        for each in (lone, linked)
    ]
    assert ["dot_general" in program for program in programs] == [False, True]
    again = rj.Network(lone.rung, lone.connectome, gain=0.0)
    traced = jax.jit(
        lambda weights: (
            rj.simulate(rj.replace(again, {"connectome.weights": weights}), 0.1, 1e-3).signal
        )
    )
    np.testing.assert_allclose(
        rj.simulate(lone, 0.1, 1e-3).signal, traced(jnp.zeros((3, 3))), rtol=1e-12
    )


def test_traced_delays_may_be_below_a_step():
    found = []
    jax.eval_shape(lambda speed: found.append(formulate(pair(5.0, speed), DT)), SPEED)
    assert found[0].at_once and found[0].name == "ring"


@pytest.mark.parametrize("steps", [0.9, 5.3])
def test_delays_known_beforehand_or_traced_give_the_same(steps):
    def run(speed):
        return simulate(pair(steps, speed), 0.05, DT).signal

    known, traced = run(SPEED), jax.jit(run)(jnp.asarray(SPEED))
    np.testing.assert_allclose(known, traced, rtol=1e-12)


def test_the_history_is_a_window_of_the_last_rows_oldest_first():
    history = History(rows=jnp.zeros((1, 12)), newest=jnp.int32(2), due=jnp.zeros((1, 2)))
    for step in range(5):
        history = history.push(jnp.full((1, 2), float(step)))
    np.testing.assert_array_equal(history.window(2), [[2.0, 2.0, 3.0, 3.0, 4.0, 4.0]])
