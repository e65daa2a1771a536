"""Reads between few past steps: their error against what is stated, all else against marches that are exact."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.network.transport import formulate, taps, transport
from rosetta_jax.network.transport.taps import BAND, SHARE, Taps, error, spread
from rosetta_jax.results import Status

DT, SPEED, NODES = 1e-4, 10.0, 5
PER_STEP = 1e3 * SPEED * DT  # mm that a signal goes in a step
OFF = 1.0 - np.eye(NODES)
TURNING = np.linspace(50.0, 70.0, NODES)


def links(phase: bool = False, longest: float = 120.0, seed: int = 0) -> rj.Connectome:
    """Asymmetric, some links missing, of which one is short and one longer than any brain."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.1, 1.0, (NODES, NODES)) * (rng.random((NODES, NODES)) < 0.7) * OFF
    lengths = rng.uniform(9.3, longest, (NODES, NODES)) * PER_STEP
    weights[0, 1], lengths[0, 1] = 0.0, 0.1 * PER_STEP
    weights[1, 0], lengths[1, 0] = 0.0, 1e60
    turn = rng.uniform(-1, 1, (NODES, NODES)) if phase else None
    return rj.Connectome(weights, lengths, phase=turn)


def brain(phase: bool = False, **more: Any) -> rj.Network:
    rung = rj.StuartLandau(alpha=-20.0, omega=TURNING)
    return rj.Network(rung, links(phase), gain=5.0, speed=SPEED, **more)


@pytest.fixture
def limits(monkeypatch):
    """Changes a limit by which taps are spread."""

    def changed(name: str, value: Any) -> None:
        monkeypatch.setattr(taps, name, value)
        spread.cache_clear()

    yield changed
    spread.cache_clear()


def past(t):
    phase = 60.0 * t + jnp.arange(float(NODES))
    return rj.StuartLandau.State(x=0.1 * jnp.cos(phase), y=0.1 * jnp.sin(phase))


def signal(network: rj.Network, transport: str = "taps", steps: int = 300, **options: Any):
    more = {"past": past, "key": jax.random.key(0)} | options
    return rj.simulate(network, steps * DT, DT, transport=transport, **more).signal


def arriving(network: rj.Network, dt: float, frequency: float, **options: Any):
    """What arrives in the first chunk of a sinusoid, a turning number in each pair of channels, and what should:
    `(chunk, pairs, nodes)` each.
    """
    formulation = formulate(network, dt, name="taps", **options)
    far = transport(network, jnp.asarray(dt), formulation).far[0]
    assert isinstance(far, Taps)
    turning, channels, nodes = 2j * np.pi * frequency * dt, network.channels, network.nodes
    steps = np.arange(-formulation.rows - 1, 0)
    # What each node sent before time zero.
    number = np.exp(turning * steps)[:, None, None] * np.ones((1, channels // 2, nodes))
    both = np.stack([number.real, number.imag], axis=2).reshape(len(steps), channels, nodes)
    history, now = far.begin(jnp.asarray(both))
    found = np.concatenate([np.asarray(now)[None], np.asarray(far.ahead(history)[1])])
    found = found[:, 0::2] + 1j * found[:, 1::2]
    connectome = network.connectome
    delays = np.asarray(network.delays()) / dt
    if options.get("delays") == "rounded":
        delays = np.rint(delays)
    right = []
    for pair in range(channels // 2):
        turn = 0.0 if connectome.phase is None else (pair + 1) * np.asarray(connectome.phase)
        weights = np.asarray(connectome.weights) * np.exp(1j * turn - turning * delays)
        times = np.exp(turning * np.arange(9))
        right.append(times[:, None] * weights.sum(axis=1))
    return found, np.stack(right, axis=1)


def fan(delays: np.ndarray) -> rj.Network:
    """The first node is heard by each other after one of the delays (steps of DT)."""
    nodes = len(delays) + 1
    weights, lengths = np.zeros((nodes, nodes)), np.zeros((nodes, nodes))
    weights[1:, 0] = 1.0
    lengths[1:, 0] = delays * PER_STEP
    return rj.Network(rj.StuartLandau(), rj.Connectome(weights, lengths), speed=SPEED)


@pytest.mark.parametrize("frequency", [10.0, 60.0, 100.0])
@pytest.mark.parametrize("longest, dt", [(200.0, DT), (40.0, 5 * DT), (350.0, 10 * DT)])
def test_a_sinusoid_arrives_right_to_the_stated_error(frequency, longest, dt):
    delays = np.linspace(9.0, longest, 301)
    network = fan(delays * dt / DT)
    found, right = arriving(network, dt, frequency)
    pieces = formulate(network, dt, name="taps").pieces
    assert (len(pieces) > 1) is (longest > 300)
    stated = error(pieces, frequency, dt)
    wrong = np.abs(found - right).max()
    assert wrong < 1.01 * stated + 1e-11
    if frequency >= 30:
        # No more is stated than needed.
        assert wrong > 0.95 * stated
    if frequency <= BAND:
        assert wrong < SHARE


def test_rounded_delays_are_those_read():
    found, right = arriving(fan(np.linspace(9.6, 100.3, 40)), DT, 20.0, delays="rounded")
    np.testing.assert_allclose(found, right, atol=1e-6)


@pytest.mark.parametrize("phase", [False, True])
@pytest.mark.parametrize("harmonics", [1, 2])
def test_every_channel_arrives_over_every_link_and_turned(harmonics, phase):
    rung = rj.PhaseOscillator(omega=TURNING, harmonics=harmonics)
    coupling = rj.PhaseCoupling(jnp.ones(harmonics), jnp.zeros(harmonics))
    network = rj.Network(rung, links(phase), coupling, 3.0, SPEED)
    found, right = arriving(network, DT, 40.0)
    strongest = float(network.connectome.weights.sum(axis=1).max())
    pieces = formulate(network, DT, name="taps").pieces
    assert 0 < np.abs(found - right).max() < strongest * error(pieces, 40.0, DT) < 1e-3


def test_there_are_as_few_taps_as_keep_to_the_share():
    (piece,) = spread(10, 200, DT)
    assert piece.taps == (11, 23, 44, 73, 105, 137, 166, 187, 199)
    fewer = taps._cut(10, 200, 1, len(piece.taps) - 1)
    assert fewer is not None
    assert error((piece,), BAND, DT) < SHARE < error(fewer, BAND, DT)
    # The remainder of interpolation: as many powers of the frequency as there are taps.
    slope = np.log2(piece.error(0.01) / piece.error(0.005))
    assert slope == pytest.approx(len(piece.taps), abs=0.05)
    assert spread(20, 20, DT)[0].taps == (20,)
    # Steps so long that nothing keeps to it.
    angle = 2 * np.pi * BAND * 2e-3
    assert error(spread(9, 10, 2e-3), BAND, 2e-3) == pytest.approx(angle**2 / 8, rel=0.05)


@pytest.mark.parametrize("frequency", [30.0, 60.0])
def test_a_march_stays_as_near_to_an_exact_one_as_is_stated(frequency, limits):
    # Driven so weakly that it is linear, and so long that it has forgotten how it began.
    size, steps = 1e-2, 10_000
    network = brain(drive=rj.Sinusoid(size, frequency))
    quiet = {"past": None, "delays": "rounded"}
    exact = signal(network, "slices", steps, **quiet)[-2000:]
    stated, apart = [], []
    for share in (1e-1, 1e-2, 1e-3):
        limits("SHARE", share)
        apart.append(float(jnp.abs(signal(network, steps=steps, **quiet)[-2000:] - exact).max()))
        pieces = formulate(network, DT, "rounded", "taps").pieces
        stated.append(response(network, frequency, size) * error(pieces, frequency, DT))
    assert np.all(np.array(apart) < stated)
    assert apart[0] > 5 * apart[1] > 25 * apart[2] > 1e-12


def response(network: rj.Network, frequency: float, size: float) -> float:
    """How much what nodes do changes at most, per share by which what arrives over each link is wrong."""
    weights = np.asarray(network.connectome.weights)
    delays = np.rint(np.asarray(network.delays()) / DT) * DT
    own = np.diag(-20.0 + 1j * TURNING - 5.0 * weights.sum(axis=1))
    found = 0.0
    for angle in (2j * np.pi * frequency, -2j * np.pi * frequency):
        inverse = np.linalg.inv(
            angle * np.eye(NODES) - own - 5.0 * weights * np.exp(-angle * delays)
        )
        states = np.abs(inverse.sum(axis=1)) * size / 2
        found += np.abs(inverse).sum(axis=1).max() * 5.0 * (weights @ states).max()
    return found


@pytest.mark.parametrize("phase, delays", [(False, "interpolated"), (True, "rounded")])
def test_it_goes_where_exact_marches_go_from_a_past_that_moves(phase, delays):
    network = brain(phase, noise=rj.WhiteNoise(0.05), sensor=rj.WhiteNoise(0.01))
    if delays == "rounded":
        # A link below half a step is at once then.
        weights = network.connectome.weights.at[0, 1].set(0.5)
        network = rj.replace(network, {"connectome.weights": weights})
        assert formulate(network, DT, delays, "taps").at_once
    found, exact = (signal(network, name, delays=delays) for name in ("taps", "slices"))
    np.testing.assert_allclose(found, exact, atol=1e-4)
    # The kink at time zero, and noise, are not followed to rounding.
    assert np.abs(found - exact).max() > 1e-8


def test_the_block_changes_nothing():
    network = brain(noise=rj.WhiteNoise(0.5))
    runs = [signal(network, block=block) for block in (1, 120)]
    np.testing.assert_allclose(*runs, rtol=1e-10, atol=1e-13)


def test_lanes_that_share_links_are_runs():
    network, gains = brain(True, noise=rj.WhiteNoise(0.5)), jnp.asarray([1.0, 3.0, 7.0])
    keys = jax.random.split(jax.random.key(3), 3)
    lanes = rj.ensemble(
        network, {"gain": gains}, 0.03, DT, key=keys, past=past, transport="taps"
    ).signal
    for lane, gain, key in zip(lanes, gains, keys, strict=True):
        alone = signal(rj.replace(network, {"gain": gain}), key=key)
        np.testing.assert_allclose(lane, alone, rtol=1e-9, atol=1e-12)


def test_lanes_with_links_of_their_own_are_near_runs():
    network = brain()
    speeds = jnp.asarray([8.0, 10.0])
    lanes = rj.ensemble(network, {"speed": speeds}, 0.03, DT, past=past, transport="taps").signal
    exact = signal(rj.replace(network, {"speed": speeds[0]}), "slices")
    np.testing.assert_allclose(lanes[0], exact, atol=1e-4)
    assert np.abs(lanes[1] - exact).max() > 1e-3


def loss(network: rj.Network, values: dict, **options: Any) -> jax.Array:
    found = signal(rj.replace(network, values), steps=200, **options)
    return 100 * jnp.mean(found**2) + jnp.mean(found[-1])


@pytest.mark.parametrize("phase, most, pieces", [(True, 40, 1), (False, 4, 3)])
def test_gradients_agree_with_differences(phase, most, pieces, limits):
    limits("_MOST_TAPS", most)
    rng = np.random.default_rng(4)
    weights = rng.uniform(0.1, 1.0, (NODES, NODES)) * OFF
    lengths = rng.uniform(9.8, 100.0, (NODES, NODES)) * PER_STEP
    network = dataclasses.replace(
        brain(phase, min_delay=9.2 * DT, max_delay=105 * DT),
        connectome=rj.Connectome(weights, lengths, phase=links(phase).phase),
    )
    paths = "gain", "speed", "connectome.weights", "connectome.lengths"
    values = {path: rj.parameters.get(network, path) for path in paths}
    value = jax.jit(lambda values: loss(network, values))
    slope = jax.jit(jax.grad(lambda values: loss(network, values, block=24)))(values)
    assert len(spread(9, 106 + 1, DT)) == pieces
    rng = np.random.default_rng(6)
    for path in paths:
        way = jnp.asarray(rng.uniform(0.5, 1.5, values[path].shape))
        way = way * OFF if path == "connectome.weights" else way
        ahead, behind = (value(values | {path: values[path] + s * 1e-5 * way}) for s in (1, -1))
        exact = (ahead - behind) / 2e-5
        np.testing.assert_allclose(jnp.sum(slope[path] * way), exact, rtol=1e-6)
        if phase:
            still = {name: jnp.zeros_like(each) for name, each in values.items()}
            _, along = jax.jvp(value, (values,), (still | {path: way},))
            np.testing.assert_allclose(along, exact, rtol=1e-6)


def test_delays_other_than_said_are_a_status_and_leave_no_number():
    network = brain(min_delay=9.2 * DT, max_delay=130 * DT)

    @jax.jit
    def run(speed):
        found = rj.simulate(rj.replace(network, {"speed": speed}), 0.01, DT, transport="taps")
        return found.signal, found.status

    for speed, status in (
        (SPEED, Status.ok),
        (4.0 * SPEED, Status.delay_too_short),
        (0.5 * SPEED, Status.delay_too_long),
    ):
        signal, found = run(jnp.asarray(speed))
        assert int(found) == status
        assert bool(np.isnan(signal).all()) is (status != Status.ok)
    # Though slices could read it.
    longer = dataclasses.replace(network, min_delay=40 * DT)

    @jax.jit
    def judged(speed):
        changed = rj.replace(longer, {"speed": speed})
        return rj.simulate(changed, 0.01, DT, transport="taps").status

    assert int(judged(jnp.asarray(SPEED))) == Status.delay_too_short


def test_it_is_refused_where_it_does_not_suit():
    one = tuple(np.argwhere(np.asarray(links().weights))[0])
    short = jnp.asarray(links().lengths).at[one].set(8.9 * PER_STEP)
    network = rj.replace(brain(), {"connectome.lengths": short})
    with pytest.raises(ValueError, match=r"'taps' reads no links up to 9 steps long.* 1 such"):
        signal(network)
    with pytest.raises(ValueError, match=r"'taps' does not suit.*min_delay"):
        jax.eval_shape(
            lambda speed: signal(rj.replace(brain(max_delay=0.1), {"speed": speed})), SPEED
        )
    at_once = rj.Network(rj.StuartLandau(), rj.Connectome(OFF))
    with pytest.raises(ValueError, match="'taps' does not suit"):
        rj.simulate(at_once, 0.01, DT, transport="taps")
    assert formulate(brain(), DT).name == "slices"


def test_explain_says_what_it_reads_and_how_well(capsys):
    def said(network: rj.Network, dt: float = DT, **options: Any) -> str:
        rj.explain(network, 0.1, dt, transport="taps", **options)
        return " ".join(capsys.readouterr().out.split())

    words = said(brain())
    pieces = formulate(brain(), DT, name="taps").pieces
    number = sum(len(piece.taps) for piece in pieces)
    assert f"taps {number} from {pieces[0].begin} to {pieces[-1].end} steps" in words
    share = error(pieces, BAND, DT)
    assert 0.5e-4 < share < SHARE
    assert f"up to 60 Hz arrive right to {np.ceil(1e4 * share) / 100:.2f}%" in words
    assert "slices are about as fast" not in words
    lone = fan(np.array([10.0, 60.0, 200.0]))
    assert "slices are about as fast" in said(lone, delays="rounded")
