r"""Standard normal deviates, each a function of a key, the number of its step and its place within the step.

The number of the step and the place are the counter of Threefry-2x32 with 20 rounds (Salmon et al. 2011), the
cipher behind `jax.random`, whose two words make two deviates (one in float64). So a path depends neither on how
steps are cut into blocks nor on what else is drawn, and no block draws more than it needs. Written out, hash and
quantile become one loop of 3 ns a deviate, where `jax.random.normal` stores rounds and takes 5 to 9 (one core).
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt32

from rosetta_jax._types import Array, Float, Int, PRNGKeyArray

# Turns of the second word, four rounds at a time, and the parity word of the key schedule.
_TURNS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY, _FOURS = 0x1BD11BDA, 5


def deviates(
    key: PRNGKeyArray, begin: Int[Array, ""], steps: int, number: int, dtype: jnp.dtype
) -> Float[Array, "steps number"]:
    """`number` deviates for each of `steps` steps from step `begin` on."""
    # Keys of other generators are longer: two words are entropy enough.
    first, second = jax.random.key_data(key)[-2:]
    double = dtype == jnp.float64
    width = number if double else -(-number // 2)
    step, place = _counters(begin.astype(jnp.uint32), (steps, width))
    words = hashed(first, second, step, place)
    if double:
        return _normal(_fraction64(*words)).reshape(steps, width)
    halves = jnp.split(_normal(_fraction32(jnp.concatenate(words))), 2)
    both = jnp.concatenate([half.reshape(steps, width) for half in halves], axis=1)
    return both[:, :number].astype(dtype)


def _counters(begin: UInt32[Array, ""], shape: tuple[int, int]) -> tuple[Array, Array]:
    """Step and place of each deviate, all in a row.

    Loops over rows of less than 64 numbers are compiled for one number at a time, ten times slower. For the same
    reason both are written to memory: found within the loop they would need a division each.
    """
    step = (begin + jax.lax.broadcasted_iota(jnp.uint32, shape, 0)).ravel()
    place = jax.lax.broadcasted_iota(jnp.uint32, shape, 1).ravel()
    return jax.lax.optimization_barrier((step, place))


def hashed(first: Array, second: Array, step: Array, place: Array) -> tuple[Array, Array]:
    """Threefry-2x32 of the counter `(step, place)` under the key `(first, second)`."""
    schedule = (first, second, first ^ second ^ np.uint32(_PARITY))
    step, place = step + schedule[0], place + schedule[1]
    for four in range(_FOURS):
        for turn in _TURNS[four % 2]:
            step = step + place
            place = (place << np.uint32(turn)) | (place >> np.uint32(32 - turn))
            place = place ^ step
        step = step + schedule[(four + 1) % 3]
        place = place + schedule[(four + 2) % 3] + np.uint32(four + 1)
    return step, place


# Fractions lie half a step off zero and one, symmetric, so that no deviate is infinite.


def _fraction32(word: Array) -> Array:
    """A number in (-1, 1) of the upper 24 bits."""
    signed = jax.lax.bitcast_convert_type(word, jnp.int32) >> 8
    return (signed.astype(jnp.float32) + np.float32(0.5)) * np.float32(2.0**-23)


def _fraction64(high: Array, low: Array) -> Array:
    """A number in (-1, 1) of 53 bits."""
    signed = jax.lax.bitcast_convert_type(high, jnp.int32).astype(jnp.float64)
    rest = (low >> np.uint32(11)).astype(jnp.float64)
    return (signed * 2.0**21 + rest + 0.5) * 2.0**-52


def _normal(fraction: Array) -> Array:
    return np.sqrt(2).astype(fraction.dtype) * jax.lax.erf_inv(fraction)
