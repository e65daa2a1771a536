"""Memory of a reverse gradient through the march: compiled or traced, never run."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rosetta_jax.forcing import WhiteNoise
from rosetta_jax.network import Connectome, Network
from rosetta_jax.rungs import StuartLandau
from rosetta_jax.simulation import simulate

NODES, DT, EVERY = 80, 1e-3, 100
FIXED, FREE = ("alpha", "gain"), ("alpha", "gain", "speed")


def gradient(
    steps: int, names: tuple[str, ...], block: int | None = None, recompute: bool | None = None
) -> tuple[Any, dict]:
    """The gradient of the power of a thinned, delayed, noisy signal, and its argument."""
    random = np.random.default_rng(0)
    weights = random.lognormal(0.0, 1.0, (NODES, NODES)) / 100
    lengths = random.uniform(2.0, 200.0, (NODES, NODES))
    np.fill_diagonal(weights, 0.0)
    given = {"alpha": jnp.full(NODES, -20.0), "gain": jnp.asarray(10.0), "speed": jnp.asarray(10.0)}
    given["lengths"] = jnp.asarray(lengths)
    values = {name: given[name] for name in names}

    def power(values: dict) -> jax.Array:
        brain = Network(
            StuartLandau(alpha=values["alpha"]),
            Connectome(weights, values.get("lengths", lengths)),
            gain=values["gain"],
            speed=values.get("speed", 10.0),
            noise=WhiteNoise(0.6),
            max_delay=0.02,
        )
        found = simulate(
            brain,
            steps * DT,
            DT,
            key=jax.random.key(0),
            save_every=EVERY * DT,
            block=block,
            recompute=recompute,
        )
        return jnp.mean(found.signal**2)

    return jax.value_and_grad(power), values


def temporaries(steps: int, names: tuple[str, ...], recompute: bool | None = None) -> int:
    """Bytes of temporaries of the compiled gradient, in single precision."""
    with jax.enable_x64(False):
        function, values = gradient(steps, names, recompute=recompute)
        program = jax.jit(function).lower(values).compile()
    return program.memory_analysis().temp_size_in_bytes


@pytest.mark.parametrize("names", [FIXED, FREE], ids=["speed fixed", "speed free"])
def test_a_minute_fits_and_memory_grows_slower_than_time(names):
    short, minute = (temporaries(steps, names, recompute=True) for steps in (15_000, 60_000))
    assert minute < 100e6
    # As the root of the time, and far below one matrix of single precision a step.
    assert minute < 2.5 * short
    assert minute - short < 45_000 * 4 * NODES**2 / 50


# Where the speed is free so are, of what a ring reads for this step and for the next, the slopes by it.
@pytest.mark.parametrize("names, arrays", [(FIXED, 1), (FREE, 3)], ids=["fixed", "free"])
def test_what_arrives_is_kept_where_it_fills_little(names, arrays):
    steps = 10_000
    kept, recomputed = (temporaries(steps, names, recompute) for recompute in (None, True))
    arriving = arrays * steps * 2 * NODES * 4
    assert arriving / 2 < kept - recomputed < 2 * arriving
    assert kept < 40e6


def shapes(program: Any) -> Iterator[tuple[int, ...]]:
    """The shapes of all that a program computes, its loops and calls included."""
    for equation in program.eqns:
        yield from (found.aval.shape for found in equation.outvars)
        for inner in jax.tree.leaves(list(equation.params.values()), is_leaf=is_program):
            if is_program(inner):
                yield from shapes(getattr(inner, "jaxpr", inner))


def is_program(found: Any) -> bool:
    return hasattr(found, "jaxpr") or hasattr(found, "eqns")


def matrices_for_every_step(names: tuple[str, ...], block: int = 300) -> set[tuple[int, ...]]:
    """The arrays that hold a matrix of links for each step of a block or more."""
    function, values = gradient(1200, names, block)
    program = jax.make_jaxpr(function)(values).jaxpr
    # Places of gathered values have a last axis of one.
    found = {tuple(size for size in shape if size > 1) for shape in shapes(program)}
    return {s for s in found if s[-2:] == (NODES, NODES) and np.prod(s[:-2]) >= block}


@pytest.mark.parametrize("names", [FIXED, FREE], ids=["fixed", "free"])
def test_no_matrix_is_kept_for_a_step_whether_or_not_the_speed_is_free(names):
    assert matrices_for_every_step(names) == set()


def test_free_lengths_keep_what_was_gathered_in_one_block():
    assert matrices_for_every_step((*FIXED, "lengths")) == {(300, NODES, NODES)}
