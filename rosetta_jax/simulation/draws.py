"""Noise drawn block by block, each step's by its number.

The path depends on the key and the step alone, not on the size of blocks, checkpointing or batch; no two lanes
share one, and none repeats in time.
"""

from typing import Any

import equinox as eqx
import jax

from rosetta_jax._types import Array, Float, Int, PRNGKeyArray, Scalar
from rosetta_jax.forcing import Noise, NoiseProcess
from rosetta_jax.simulation.deviates import deviates


class Draws(eqx.Module):
    """Standard normal deviates for a block, steps first and lanes, where there are several, second."""

    noise: Float[Array, "steps *lanes deviates nodes"] | None
    sensor: Float[Array, "steps *lanes hiss nodes"] | None


def stationary(
    noise: Noise | None, key: PRNGKeyArray, stream: int, shape: tuple[int, ...], dtype: Any
) -> Any:
    if noise is None:
        return None
    page = jax.random.fold_in(jax.random.fold_in(key, stream), 0)
    ports, nodes = shape
    process = _process(noise)
    normal = jax.random.normal(page, (process.deviates * ports, nodes), dtype=dtype)
    return process.start(normal)


def advance(
    noise: Noise | None, state: Any, normal: Float[Array, "deviates nodes"] | None, dt: Scalar
) -> tuple[Any, Any, Any]:
    if noise is None or normal is None:
        return None, None, None
    process = _process(noise)
    after = process.advance(state, normal, dt)
    return after, *process.values(state, after, normal, dt)


def _process(noise: Noise) -> NoiseProcess:
    if not isinstance(noise, NoiseProcess):
        raise ValueError(
            f"`noise`: {type(noise).__name__} describes spectra only and cannot be drawn in time: simulate "
            "with rj.PowerLawProcess, which has the same density over a band, rj.WhiteNoise or "
            "rj.OrnsteinUhlenbeck."
        )
    return noise


def drawn(
    noise: Noise | None,
    key: PRNGKeyArray,
    stream: int,
    begin: Int[Array, ""],
    shape: tuple[int, ...],
    dtype: Any,
) -> Float[Array, "steps deviates nodes"] | None:
    """The deviates of `shape` steps, ports and nodes from step `begin` on."""
    if noise is None:
        return None
    steps, ports, nodes = shape
    rows = _process(noise).deviates * ports
    found = deviates(jax.random.fold_in(key, stream), begin, steps, rows * nodes, dtype)
    return found.reshape(steps, rows, nodes)
