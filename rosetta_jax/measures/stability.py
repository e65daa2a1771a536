"""Readings of how far a network is from instability, exact with delays."""

from typing import ClassVar

import jax.numpy as jnp

from rosetta_jax._types import Array
from rosetta_jax.measures.reading import Reading, Told
from rosetta_jax.measures.source import Source


class Stability(Reading):
    """How many modes of the fixed point grow: `unstable_modes`, and `loop_gain`, a bound below 1 of stable ones.

    The loop gain is the gain times the spectral radius of the weights times the largest response of a node: below
    1 it proves stability by itself. Both are there for unstable members too.
    """

    always: ClassVar[bool] = True

    def read(self, source: Source) -> dict[str, Array]:
        found = source.stability()
        return {"unstable_modes": found.unstable_modes, "loop_gain": found.loop_gain}

    def told(self, unit: str) -> dict[str, Told]:
        return {
            "unstable_modes": Told((), "1", "number of growing modes"),
            "loop_gain": Told((), "1", "small-gain bound: spectral radius of the loop"),
        }


class Margin(Reading):
    """The distance to instability: the `decay` (1/s) of the slowest mode, and `slowest_frequency` (Hz), its turns.

    Of the rightmost characteristic root: minus its real part, and its imaginary part over 2 pi. It costs as much
    as ten spectra or so.
    """

    def read(self, source: Source) -> dict[str, Array]:
        root = source.rightmost()
        return {"decay": -root.real, "slowest_frequency": jnp.abs(root.imag) / (2 * jnp.pi)}

    def told(self, unit: str) -> dict[str, Told]:
        return {
            "decay": Told((), "1/s", "decay rate of the slowest mode"),
            "slowest_frequency": Told((), "Hz", "frequency of the slowest mode"),
        }
