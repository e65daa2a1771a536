"""Truncated windows: derivatives reach back to the start of a window and no further."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_lyapunov import Lorenz

import rosetta_jax as rj

DT, NODES = 1e-3, 3
RNG = np.random.default_rng(0)
WEIGHTS = RNG.uniform(0.1, 1.0, (NODES, NODES)) * (1 - np.eye(NODES))
KEY = jax.random.key(0)


def brain(least: float) -> rj.Network:
    lengths = RNG.uniform(least, least + 10.0, (NODES, NODES)) * 10.0
    return rj.Network(
        rj.StuartLandau(alpha=-2.0, omega=np.array([30.0, 40.0, 50.0])),
        rj.Connectome(WEIGHTS, lengths),
        gain=2.0,
        speed=10.0,
        noise=rj.WhiteNoise(0.3),
        sensor=rj.WhiteNoise(0.1),
    )


def slopes(network, duration=0.24, **options) -> np.ndarray:
    """How the signal at each time follows the gain."""

    def signal(gain):
        changed = rj.replace(network, {"gain": gain})
        return rj.simulate(changed, duration, DT, key=KEY, **options).signal

    return np.asarray(jax.jacfwd(signal)(network.gain))


@pytest.mark.parametrize("least", [0.5, 9.5], ids=["ring", "slices"])
def test_within_a_window_derivatives_are_those_of_a_run_begun_there(least):
    network = brain(least)
    whole, cut = slopes(network), slopes(network, window=0.08)
    np.testing.assert_allclose(cut[:80], whole[:80], rtol=1e-10, atol=1e-13)
    # At the start of a window nothing is known to depend on anything.
    np.testing.assert_array_equal(cut[[80, 160]], 0.0)
    assert np.abs(cut[81]).max() > 0 and not np.allclose(cut[90:], whole[90:], rtol=1e-2)


@pytest.mark.parametrize("least", [0.5, 9.5], ids=["ring", "slices"])
def test_windows_change_no_number_and_reverse_equals_forward(least):
    network = brain(least)

    def power(gain, window=0.08):
        changed = rj.replace(network, {"gain": gain})
        run = rj.simulate(changed, 0.24, DT, key=KEY, window=window, save_every=2e-3)
        return jnp.mean(run.signal**2)

    assert power(network.gain) == power(network.gain, None)
    forward, reverse = jax.jacfwd(power)(network.gain), jax.grad(power)(network.gain)
    np.testing.assert_allclose(forward, reverse, rtol=1e-10)
    assert not np.isclose(forward, jax.grad(lambda gain: power(gain, None))(network.gain))


def test_lanes_have_windows_too():
    network, gains = brain(0.5), jnp.asarray([1.0, 2.0, 3.0])

    def lanes(gains):
        return rj.ensemble(network, {"gain": gains}, 0.24, DT, key=KEY, window=0.08).signal

    found = jax.jvp(lanes, (gains,), (jnp.ones(3),))[1]
    keys = jax.random.split(KEY, 3)

    def one(gain, key):
        changed = rj.replace(network, {"gain": gain})
        return rj.simulate(changed, 0.24, DT, key=key, window=0.08).signal

    for lane, gain, key in zip(found, gains, keys, strict=True):
        alone = jax.jacfwd(one)(gain, key)
        np.testing.assert_allclose(lane, alone, rtol=1e-9, atol=1e-12)


def test_gradients_of_chaos_stay_bounded():
    def mean(ratio, window):
        lorenz = rj.replace(rj.alone(Lorenz()), {"rung.ratio": ratio})
        run = rj.simulate(lorenz, 60.0, 5e-3, save=("states",), window=window)
        return jnp.mean(run.states.z)

    whole, cut = (
        float(jax.grad(lambda ratio, w=window: mean(ratio, w))(28.0)) for window in (None, 0.5)
    )
    # The mean height grows about as the ratio does; the whole gradient grows like exp(0.9 * 60).
    assert abs(whole) > 1e10 and 0.2 < cut < 2.0


@pytest.mark.parametrize(
    "options, match",
    [
        ({"window": 0.0125}, "window"),
        ({"window": 0.0815}, "window"),
        ({"window": 0.081, "save_every": 2e-3}, "window"),
        ({"window": 0.08, "block": 60}, "block"),
        ({"window": -1.0}, "window"),
    ],
)
def test_windows_that_do_not_fit_are_refused(options, match):
    with pytest.raises(ValueError, match=match):
        rj.simulate(brain(9.5), 0.24, DT, key=KEY, **options)
