"""Readings of synchrony: how far the regions turn together, and how that comes and goes."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp

from rosetta_jax import _checks, observe
from rosetta_jax._types import Array
from rosetta_jax.measures.reading import Reading, Told
from rosetta_jax.measures.source import Source


class Synchrony(Reading):
    """Kuramoto's order parameter of the signals in a `band` (Hz): its mean over time and its standard deviation.

    Gives `synchrony` (0 to 1) and `metastability`. Phases that know nothing of each other have a synchrony of
    about sqrt(pi / 4N). Half a second or so at the ends, where phases are less well known, counts like the rest.
    """

    band: tuple[float, float] = eqx.field(static=True)

    def __init__(self, band: Any = (8.0, 13.0)):
        self.band = _checks.band("band", band)

    def read(self, source: Source) -> dict[str, Array]:
        series, interval = source.series()
        phases = observe.phase(series, interval, self.band)
        return {
            "synchrony": jnp.mean(observe.order_parameter(phases)),
            "metastability": observe.metastability(phases),
        }

    def told(self, unit: str) -> dict[str, Told]:
        low, high = self.band
        words = f"of phases from {low:g} to {high:g} Hz"
        return {
            "synchrony": Told((), "1", f"order parameter {words}"),
            "metastability": Told((), "1", f"standard deviation of the order parameter {words}"),
        }
