"""Ensembles: lanes under `jax.vmap` are what a loop gives, and a bad lane leaves the others alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj

NODES, LANES = 3, 4
FREQUENCIES = np.array([4.0, 9.5, 11.0, 30.0])
RNG = np.random.default_rng(5)
WEIGHTS = RNG.uniform(0.2, 1.0, (LANES, NODES, NODES)) * (1 - np.eye(NODES)) / NODES
LENGTHS = RNG.uniform(5.0, 60.0, (LANES, NODES, NODES))
# Each varies over lanes when named, and is the first lane's otherwise.
VALUES = {
    "gain": np.array([1.0, 2.0, 3.0, 0.5]),
    "speed": np.array([8.0, 5.0, 12.0, 7.0]),
    "alpha": np.array([-5.0, -4.0, -7.0, -6.0]),
    "regional alpha": RNG.uniform(-7.0, -3.0, (LANES, NODES)),
    "weights": WEIGHTS,
    "lengths": LENGTHS,
    "seed": np.array([3, 1, 4, 2], dtype=np.uint32),
}
# Rungs by the parameter that "alpha" stands for.
RUNGS = {
    "stuart-landau": lambda alpha: rj.StuartLandau(alpha),
    "jansen-rit": lambda alpha: rj.JansenRit(bias=80.0 + 10 * alpha),
    "harmonic": lambda alpha: rj.HarmonicOscillator(alpha),
}


def _network(rung, lane):
    alpha = lane.get("regional alpha", lane["alpha"])
    connectome = rj.Connectome(lane["weights"], lane["lengths"])
    return rj.Network(
        RUNGS[rung](alpha),
        connectome,
        gain=lane["gain"],
        speed=lane["speed"],
        noise=rj.WhiteNoise(0.1),
        max_delay=0.02,
    )


def _simulated(rung, lane):
    key = jax.random.key(lane["seed"])
    found = rj.simulate(_network(rung, lane), 0.05, 1e-3, key=key)
    return found.signal, found.status


def _spectrum(rung, lane, check=False):
    found = rj.linear.power_spectrum(_network(rung, lane), FREQUENCIES, check=check)
    return found.density, found.status


def _judged_spectrum(rung, lane):
    return _spectrum(rung, lane, check=True)


def _connectivity(rung, lane):
    found = rj.linear.functional_connectivity(_network(rung, lane), band=(8.0, 12.0), check=False)
    return found.matrix, found.status


def _instant_connectivity(rung, lane):
    network = _network(rung, lane)
    instant = rj.Network(
        network.rung, rj.Connectome(lane["weights"]), gain=lane["gain"], noise=network.noise
    )
    found = rj.linear.functional_connectivity(instant, check=False)
    return found.matrix, found.status


def _stability(rung, lane):
    found = rj.linear.stability(_network(rung, lane))
    return found.loop_gain, found.status


def _fixed_point(rung, lane):
    found = rj.linear.fixed_point(_network(rung, lane))
    return jnp.stack(jax.tree.leaves(found.state)), found.status


MEASURES = {
    "simulate": _simulated,
    "power_spectrum": _spectrum,
    "functional_connectivity": _connectivity,
    "functional_connectivity without delays": _instant_connectivity,
    "stability": _stability,
    "fixed_point": _fixed_point,
}
# Compiling is what costs: in float32 the gradients of two measures stand for all.
WITH_GRADIENT = {
    True: [name for name in MEASURES if name != "stability"],
    False: ["simulate", "power_spectrum"],
}


def _lanes(names, dtype):
    """The lanes in one precision: `names` vary, what else there is repeats the first lane."""
    lanes = {}
    for name, values in VALUES.items():
        if name == "regional alpha" and name not in names:
            continue
        each = values if name in names else np.repeat(values[:1], LANES, axis=0)
        lanes[name] = jnp.asarray(each if name == "seed" else each.astype(dtype))
    return lanes


def _lane(lanes, number):
    return {name: values[number] for name, values in lanes.items()}


def _with_gradient(measure, rung):
    """The result of a lane, and the gradient of a number made of it to all that is no seed."""

    def number(floats, seed):
        value, status = measure(rung, {**floats, "seed": seed})
        return jnp.sum(value**2), (value, status)

    def both(lane):
        floats = {name: value for name, value in lane.items() if name != "seed"}
        gradient, found = jax.grad(number, has_aux=True)(floats, lane["seed"])
        return (*found, gradient)

    return both


def _assert_close(found, expected, dtype):
    eps = float(jnp.finfo(dtype).eps)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=3e3 * eps, atol=1e3 * eps * max(abs(b).max(), 1e-30))


EVERY = ("gain", "speed", "regional alpha", "weights", "lengths", "seed")
CASES = [
    *[("simulate", rung, EVERY) for rung in RUNGS],
    *[("power_spectrum", rung, EVERY) for rung in RUNGS],
    ("functional_connectivity", "stuart-landau", EVERY),
    ("functional_connectivity without delays", "stuart-landau", EVERY),
    ("stability", "stuart-landau", EVERY),
    ("fixed_point", "jansen-rit", EVERY),
]


@pytest.mark.parametrize("x64", [True, False], ids=["float64", "float32"])
@pytest.mark.parametrize(
    "name, rung, vary",
    CASES,
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} vary",
)
def test_lanes_are_what_a_loop_gives(name, rung, vary, x64):
    with jax.enable_x64(x64):
        dtype = jnp.result_type(float)
        lanes = _lanes(vary, dtype)
        if name in WITH_GRADIENT[x64]:
            one = _with_gradient(MEASURES[name], rung)
        else:
            one = lambda lane: MEASURES[name](rung, lane)  # noqa: E731
        together = jax.jit(jax.vmap(one))(lanes)
        np.testing.assert_array_equal(together[1], rj.Status.ok)
        alone = jax.jit(one)
        for number in range(LANES):
            found = [leaf[number] for leaf in jax.tree.leaves(together)]
            _assert_close(found, alone(_lane(lanes, number)), dtype)


# --- bad lanes ----------------------------------------------------------------------------------

GOOD = (0, 2)
BAD = 1
# What goes wrong in a lane, and what its status says in simulation and in theory.
FAULTS = {
    "nan": ({"alpha": np.nan}, rj.Status.non_finite, rj.Status.no_fixed_point),
    "nan gain": ({"gain": np.nan}, rj.Status.non_finite, rj.Status.no_fixed_point),
    "unstable": ({"alpha": 5.0}, rj.Status.ok, rj.Status.unstable),
    "diverging": ({"alpha": 2e4}, rj.Status.non_finite, rj.Status.unstable),
    "delay too long": ({"speed": 0.5}, rj.Status.delay_too_long, rj.Status.ok),
}


@pytest.fixture(scope="module")
def together():
    """Compiled once for every fault: simulation and theory, with gradients, of all lanes."""
    simulated = jax.jit(jax.vmap(_with_gradient(_simulated, "stuart-landau")))
    spectrum = jax.jit(jax.vmap(_with_gradient(_judged_spectrum, "stuart-landau")))
    stability = jax.jit(jax.vmap(lambda lane: _stability("stuart-landau", lane)))
    return {"simulate": simulated, "power_spectrum": spectrum, "stability": stability}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ["simulate", "power_spectrum", "stability"])
def test_a_bad_lane_says_so_and_leaves_the_others_as_they_are(name, fault, together):
    changed, in_simulation, in_theory = FAULTS[fault]
    benign = _lanes(("gain", "speed", "alpha", "seed"), float)
    hurt = {
        key: values.at[BAD].set(changed.get(key, values[BAD])) for key, values in benign.items()
    }
    found, expected = together[name](hurt), together[name](benign)
    status = in_simulation if name == "simulate" else in_theory
    np.testing.assert_array_equal(found[1][BAD], status)
    np.testing.assert_array_equal(expected[1], rj.Status.ok)
    if name != "stability" and status != rj.Status.ok:
        assert np.isnan(np.asarray(found[0][BAD])).any()
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        for lane in GOOD:
            np.testing.assert_array_equal(a[lane], b[lane])
