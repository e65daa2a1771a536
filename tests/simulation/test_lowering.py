"""Marches lower for CUDA and TPU in float32: every way to read delays, gradients, ensembles, reductions."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export
from lowering import custom_calls, lowered, on_cpu_only

import rosetta_jax as rj
from rosetta_jax.network.transport import FORMULATIONS

NODES, DT, DURATION, SPEED = 4, 1e-3, 0.1, 10.0
KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
WEIGHTS = np.float32(RNG.uniform(0.2, 1.0, (NODES, NODES)) * (1 - np.eye(NODES)) / NODES)
# In steps.
DELAYS = {
    "none": None,
    "below a step": RNG.uniform(0.1, 3.0, (NODES, NODES)),
    "some short": np.array([[0, 1.5, 20, 3], [12.3, 0, 8.9, 30], [2, 40, 0, 11], [35, 9.5, 5, 0]]),
    "long": RNG.uniform(10.5, 40.0, (NODES, NODES)),
}
WAYS = [
    ("none", "at once"),
    ("none", "predicted"),
    ("below a step", "ring"),
    ("some short", "ring"),
    ("some short", "split"),
    ("some short", "ring and slices"),
    ("long", "slices"),
    ("long", "taps"),
]
REDUCTIONS = {
    "moments": rj.observe.Moments(),
    "correlation": rj.observe.Correlation(),
    "spectrum": rj.observe.WelchSpectrum(segment=0.04),
    "cross spectrum": rj.observe.WelchCrossSpectrum(segment=0.04),
    "coherence": rj.observe.WelchCoherence(segment=0.04),
    "band correlation": rj.observe.BandCorrelation((25.0, 100.0), segment=0.04),
}


def brain(at, kind: str) -> rj.Network:
    steps = DELAYS[kind]
    lengths = None if steps is None else np.float32(1e3 * SPEED * DT * steps)
    return rj.Network(
        rj.StuartLandau(alpha=-5.0 * at[1]),
        rj.Connectome(WEIGHTS, lengths),
        gain=at[0],
        speed=SPEED,
        noise=rj.WhiteNoise(0.1 * at[2]),
    )


def march(at, kind: str, **more) -> rj.Solution:
    return rj.simulate(brain(at, kind), DURATION, DT, key=KEY, **more)


def results(solution: rj.Solution) -> list[jax.Array]:
    return jax.tree.leaves((solution.states, solution.reduced, solution.status))


def power(solution: rj.Solution) -> jax.Array:
    return jnp.sum(solution.signal**2)


def test_every_formulation_is_among_the_ways():
    assert {name for _, name in WAYS} == set(FORMULATIONS)


def test_a_call_that_a_processor_alone_has_would_be_found():
    matrix = jax.ShapeDtypeStruct((3, 3), jnp.float32)
    on = {
        platform: export.export(jax.jit(jnp.linalg.inv), platforms=[platform])(matrix)
        for platform in ("cpu", "cuda")
    }
    assert on_cpu_only(on["cpu"].mlir_module())
    assert custom_calls(on["cuda"].mlir_module()) and not on_cpu_only(on["cuda"].mlir_module())


@pytest.mark.parametrize("delays", ["interpolated", "rounded"])
@pytest.mark.parametrize("kind, name", WAYS)
def test_marches_lower(kind, name, delays):
    more = {"transport": name, "delays": delays, "save": ("signal", "states")}
    lowered(lambda at: (march(at, kind, **more).signal, results(march(at, kind, **more))))


@pytest.mark.parametrize("kept", ["kept", "computed again"])
@pytest.mark.parametrize("kind, name", WAYS)
def test_reverse_gradients_lower_with_what_arrives(kind, name, kept):
    more = {"transport": name, "recompute": kept != "kept"}
    lowered(jax.value_and_grad(lambda at: power(march(at, kind, **more))))


@pytest.mark.parametrize("kind, name", WAYS)
def test_forward_gradients_lower(kind, name):
    lowered(jax.jacfwd(lambda at: power(march(at, kind, transport=name))))


@pytest.mark.parametrize("derivative", [jax.grad, jax.jacfwd], ids=["reverse", "forward"])
@pytest.mark.parametrize("delays", ["interpolated", "rounded"])
def test_gradients_lower_where_the_speed_is_free(derivative, delays):
    def value(at):
        roomy = dataclasses.replace(brain(at, "some short"), speed=SPEED * at[2], max_delay=0.1)
        return power(rj.simulate(roomy, DURATION, DT, key=KEY, delays=delays))

    lowered(derivative(value))


@pytest.mark.parametrize("delays", ["interpolated", "rounded"])
@pytest.mark.parametrize("kind, name", WAYS)
def test_ensembles_that_share_links_lower(kind, name, delays):
    def run(at):
        members = {"gain": at, "rung.alpha": -5.0 * at}
        more = {"transport": name, "delays": delays, "group": 3, "save": ("states",)}
        return results(rj.ensemble(brain(at, kind), members, DURATION, DT, key=KEY, **more))

    lowered(run)


OWN = {
    "weights": lambda at: {"connectome.weights": at[:, None, None] * WEIGHTS[None]},
    "lengths": lambda at: {"connectome.lengths": at[:, None, None] * (100.0 + WEIGHTS[None])},
    "speed": lambda at: {"speed": SPEED * at},
}


@pytest.mark.parametrize(
    "kind, path",
    [(kind, path) for kind in DELAYS for path in OWN if kind != "none" or path == "weights"],
)
def test_ensembles_with_links_of_their_own_lower(kind, path):
    def run(at):
        roomy = dataclasses.replace(brain(at, kind), max_delay=0.1)
        # All at once, as on an accelerator.
        found = rj.ensemble(roomy, OWN[path](at), DURATION, DT, key=KEY, group=3, save=("states",))
        return results(found)

    lowered(run)


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("kind", ["some short", "long"])
def test_reductions_lower_in_marches_and_ensembles(name, kind):
    more = {"save": (), "reduce": {name: REDUCTIONS[name]}}

    def run(at):
        lanes = rj.ensemble(brain(at, kind), {"gain": at}, DURATION, DT, key=KEY, **more)
        return results(march(at, kind, **more)), results(lanes)

    types = ("complex64",) if name == "cross spectrum" else ()
    lowered(run, types=("float32", "int32", *types))


@pytest.mark.parametrize("name", REDUCTIONS)
def test_gradients_through_reductions_of_ensembles_lower(name):
    def total(at):
        found = rj.ensemble(
            brain(at, "some short"),
            {"gain": at},
            DURATION,
            DT,
            key=KEY,
            save=(),
            reduce={name: REDUCTIONS[name]},
        )
        return sum(jnp.sum(jnp.abs(leaf) ** 2) for leaf in jax.tree.leaves(found.reduced))

    lowered(jax.grad(total))
