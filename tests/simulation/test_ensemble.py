"""Ensembles: each member as it is alone, whatever the groups, chunks, formulations and devices."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.observe.streaming import Correlation, Moments
from rosetta_jax.results import Status

NODES, MEMBERS, DT, SPEED = 4, 5, 1e-3, 10.0
RNG = np.random.default_rng(0)
WEIGHTS = RNG.uniform(0.1, 1.0, (NODES, NODES)) * (1 - np.eye(NODES))
STEPS = {
    "at once": None,
    "below a step": RNG.uniform(0.1, 3.0, (NODES, NODES)),
    "short": RNG.uniform(1.0, 30.0, (NODES, NODES)),
    "long": RNG.uniform(9.5, 30.0, (NODES, NODES)),
}
KEY = jax.random.key(3)
GAINS = np.linspace(0.0, 2.0, MEMBERS)


def brain(kind: str, **more) -> rj.Network:
    lengths = None if STEPS[kind] is None else STEPS[kind] * 1e3 * SPEED * DT
    given = {"noise": rj.WhiteNoise(0.05), "sensor": rj.WhiteNoise(0.01)} | more
    return rj.Network(
        rj.StuartLandau(alpha=2.0, omega=np.linspace(40.0, 80.0, NODES)),
        rj.Connectome(WEIGHTS, lengths),
        gain=1.0,
        speed=SPEED,
        drive=rj.Sinusoid(0.3, 7.0),
        **given,
    )


def alone(network, members, number, key=KEY, **more):
    """Each member by itself."""
    keys = jax.random.split(key, number)
    return [
        rj.simulate(
            rj.replace(network, {path: value[i] for path, value in members.items()}),
            0.2,
            DT,
            key=keys[i],
            **more,
        )
        for i in range(number)
    ]


LOCAL = {
    "gain": GAINS,
    "rung.alpha": RNG.uniform(-2.0, 2.0, (MEMBERS, NODES)),
    "noise.sigma": np.linspace(0.0, 0.2, MEMBERS),
    "drive.amplitude": np.linspace(0.0, 1.0, MEMBERS),
}


@pytest.mark.parametrize("kind", list(STEPS))
@pytest.mark.parametrize("group", [2, 16])
def test_members_that_share_links_are_what_they_are_alone(kind, group):
    network = brain(kind)
    more = {"save": ("signal", "states"), "transient": 0.02}
    found = rj.ensemble(network, LOCAL, 0.2, DT, key=KEY, group=group, **more)
    assert found.signal.shape == (MEMBERS, 200, NODES) and found.status.shape == (MEMBERS,)
    for i, one in enumerate(alone(network, LOCAL, MEMBERS, **more)):
        np.testing.assert_allclose(found.signal[i], one.signal, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(found.states.y[i], one.states.y, rtol=1e-10, atol=1e-12)
    assert found.succeeded
    assert not np.allclose(found.signal[0], found.signal[1])


OTHER_LINKS = {
    "speed": {"speed": np.linspace(5.0, 10.0, MEMBERS), "gain": GAINS},
    "weights": {"connectome.weights": WEIGHTS * np.linspace(0, 2, MEMBERS)[:, None, None]},
}


@pytest.mark.parametrize("kind", ["at once", "below a step", "long"])
@pytest.mark.parametrize("path", list(OTHER_LINKS))
def test_members_with_links_of_their_own_are_what_they_are_alone(kind, path):
    network = brain(kind)
    found = rj.ensemble(network, OTHER_LINKS[path], 0.2, DT, key=KEY)
    assert found.settings.transport == {"long": "slices", "below a step": "ring"}.get(kind, kind)
    for i, one in enumerate(alone(network, OTHER_LINKS[path], MEMBERS)):
        np.testing.assert_allclose(found.signal[i], one.signal, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("chunk", [1, 3, 4, 100])
def test_groups_and_chunks_change_nothing(chunk):
    network = brain("short")
    whole = rj.ensemble(network, {"gain": GAINS}, 0.2, DT, key=KEY)
    parts = rj.ensemble(network, {"gain": GAINS}, 0.2, DT, key=KEY, group=2, chunk=chunk)
    np.testing.assert_allclose(parts.signal, whole.signal, rtol=1e-10, atol=1e-12)
    assert parts.status.shape == (MEMBERS,)


@pytest.mark.parametrize("number", [2, 5, 9])
def test_lanes_that_fill_up_a_group_do_not_count(number):
    network = brain("short", max_delay=0.05)
    keys = jax.random.split(KEY, number)

    @jax.jit
    def run(speed):
        member = rj.replace(network, {"speed": speed})
        return rj.ensemble(member, {}, 0.1, DT, key=keys, reduce={"fc": Correlation()})

    found = run(jnp.asarray(SPEED))
    assert found.signal.shape == (number, 100, NODES) and found.status.shape == (number,)
    for i in range(number):
        one = rj.simulate(network, 0.1, DT, key=keys[i], reduce={"fc": Correlation()})
        np.testing.assert_allclose(found.signal[i], one.signal, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(found.reduced["fc"][i], one.reduced["fc"], rtol=1e-9)


def test_lanes_of_few_nodes_are_read_from_a_ring():
    network = brain("short")
    names = [
        rj.ensemble(network, {}, 0.01, DT, key=jax.random.split(KEY, number)).settings.transport
        for number in (5, 8, 20)
    ]
    assert names == ["split", "ring", "ring"]


def test_keys_alone_make_members_and_equal_keys_equal_noise():
    network = brain("short")
    keys = jax.random.split(KEY, 3)
    found = rj.ensemble(network, {}, 0.1, DT, key=keys[jnp.array([0, 1, 0])])
    np.testing.assert_array_equal(found.signal[0], found.signal[2])
    assert not np.allclose(found.signal[0], found.signal[1])
    one = rj.simulate(network, 0.1, DT, key=keys[1]).signal
    np.testing.assert_allclose(found.signal[1], one, rtol=1e-10, atol=1e-12)


def test_a_member_that_fails_spares_the_others():
    harmonic = rj.Network(rj.HarmonicOscillator(alpha=-5.0), rj.Connectome(WEIGHTS, STEPS["short"]))
    members = {"rung.alpha": np.array([-5.0, 1e5, -6.0])}
    found = rj.ensemble(harmonic, members, 0.3, DT)
    assert [int(s) for s in found.status] == [Status.ok, Status.non_finite, Status.ok]
    one = rj.simulate(rj.replace(harmonic, {"rung.alpha": -6.0}), 0.3, DT).signal
    np.testing.assert_allclose(found.signal[2], one, rtol=1e-10, atol=1e-12)
    assert np.isfinite(found.signal[0]).all()


def test_what_is_reduced_is_reduced_for_each_member():
    network = brain("short")
    given = {"fc": Correlation(), "moments": Moments()}
    found = rj.ensemble(
        network, {"gain": GAINS}, 0.2, DT, key=KEY, reduce=given, save=(), save_every=2e-3
    )
    one = rj.simulate(
        rj.replace(network, {"gain": GAINS[3]}),
        0.2,
        DT,
        key=jax.random.split(KEY, MEMBERS)[3],
        save_every=2e-3,
    )
    expected = rj.observe.functional_connectivity(one.signal)
    np.testing.assert_allclose(found.reduced["fc"][3], expected, rtol=1e-9, atol=1e-12)
    mean = found.reduced["moments"].mean[3]
    np.testing.assert_allclose(mean, one.signal.mean(axis=0), rtol=1e-9, atol=1e-12)
    with pytest.raises(ValueError, match=r"`signal` was not kept.*fc"):
        _ = found.signal


@pytest.mark.parametrize("kind", ["short", "long"])
def test_gradients_of_an_ensemble_are_those_of_its_members(kind):
    network = brain(kind)

    def power(gains):
        signal = rj.ensemble(network, {"gain": gains}, 0.1, DT, key=KEY, group=4).signal
        return jnp.mean(signal**2, axis=(1, 2))

    gains = jnp.asarray(GAINS) + 0.5
    found = jax.jit(jax.grad(lambda gains: power(gains).sum()))(gains)
    step = 1e-5
    differences = (power(gains + step) - power(gains - step)) / (2 * step)
    np.testing.assert_allclose(found, differences, rtol=1e-6)
    _, forward = jax.jvp(power, (gains,), (jnp.ones(MEMBERS),))
    np.testing.assert_allclose(forward, found, rtol=1e-9)


def test_single_precision_follows_double():
    double = rj.ensemble(brain("short", noise=None, sensor=None), {"gain": GAINS}, 0.2, DT)
    with jax.enable_x64(False):
        single = rj.ensemble(brain("short", noise=None, sensor=None), {"gain": GAINS}, 0.2, DT)
        assert single.signal.dtype == jnp.float32
        np.testing.assert_allclose(single.signal, double.signal, atol=2e-4)


def test_values_of_members_compile_nothing_new():
    network, shapes = brain("short"), []

    class Counting(rj.StuartLandau):
        def vector_field(self, t, state, inputs):
            shapes.append(1)
            return super().vector_field(t, state, inputs)

    network = rj.replace(rj.Network(Counting(), network.connectome, speed=SPEED), {"gain": 1.0})
    rj.ensemble(network, {"gain": GAINS}, 0.1, DT)
    traced = len(shapes)
    rj.ensemble(network, {"gain": GAINS + 0.3}, 0.1, DT)
    assert len(shapes) == traced > 0


DEVICES = """
import jax, numpy as np
import rosetta_jax as rj
jax.config.update("jax_enable_x64", True)
assert len(jax.devices()) == 3
weights = np.ones((4, 4)) - np.eye(4)
network = rj.Network(rj.StuartLandau(), rj.Connectome(weights, 30 * weights), noise=rj.WhiteNoise(0.1))
members = {"gain": np.linspace(0, 2, 7)}
run = lambda devices: rj.ensemble(network, members, 0.1, 1e-3, key=jax.random.key(0), group=2, devices=devices)
np.testing.assert_allclose(run(jax.devices()).signal, run(None).signal, rtol=1e-10)
print("alike")
"""


def test_several_devices_give_what_one_gives():
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=3", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", DEVICES], env=os.environ | flags, capture_output=True, text=True
    )
    assert done.stdout.strip() == "alike", done.stderr


@pytest.mark.parametrize(
    "members, more, error, words",
    [
        ({"gain": [1.0, 2.0], "rung.alpha": [1.0]}, {}, ValueError, "as many values for each path"),
        ({"gain": 1.0}, {}, ValueError, "one value a member"),
        ({"gain": [1.0, -1.0]}, {}, ValueError, "zero or above"),
        ({"gain": [1.0, np.nan]}, {}, ValueError, "non-finite"),
        ({"gian": [1.0]}, {}, KeyError, "gain"),
        ({}, {}, ValueError, "names no parameter"),
        ({"gain": [1.0, 2.0]}, {"key": jax.random.split(KEY, 3)}, ValueError, "3 keys for 2"),
        ({"gain": [1.0, 2.0]}, {"group": 0}, ValueError, "`group`"),
        ({"gain": [1.0, 2.0]}, {"chunk": 0}, ValueError, "`chunk`"),
        ({"rung.alpha": np.ones((2, 3))}, {}, ValueError, "one a node"),
    ],
)
def test_wrong_members_are_named(members, more, error, words):
    with pytest.raises(error, match=words):
        rj.ensemble(brain("short"), members, 0.1, DT, **({"key": KEY} | more))
