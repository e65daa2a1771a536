"""Noise drawn by fixed pages of steps from folded keys.

The path depends on the key and the step alone, not on the size of blocks, checkpointing or batch; no two lanes
share one, and none repeats in time.
"""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax._types import Array, Float, Int, PRNGKeyArray, Scalar
from rosetta_jax.forcing import Noise, NoiseProcess

# Steps whose noise comes from one folded key.
PAGE = 64


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


def pages(
    noise: Noise | None,
    key: PRNGKeyArray,
    stream: int,
    begin: Int[Array, ""],
    shape: tuple[int, ...],
    dtype: Any,
) -> Float[Array, "steps deviates nodes"] | None:
    if noise is None:
        return None
    steps, ports, nodes = shape
    rest = (_process(noise).deviates * ports, nodes)
    first = begin // PAGE
    # A block begins a multiple of their common divisor into a page.
    number = -(-(steps + PAGE - math.gcd(steps, PAGE)) // PAGE)
    stream_key = jax.random.fold_in(key, stream)
    keys = jax.vmap(lambda page: jax.random.fold_in(stream_key, page))(
        first + 1 + jnp.arange(number, dtype=jnp.int32)
    )
    drawn = jax.vmap(lambda page: jax.random.normal(page, (PAGE, *rest), dtype=dtype))(keys)
    drawn = drawn.reshape(-1, *rest)
    return jax.lax.dynamic_slice_in_dim(drawn, begin - first * PAGE, steps)
