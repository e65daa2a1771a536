"""Parameters that several rungs declare alike: weights, which are magnitudes, and time constants in seconds."""

from typing import Any

from rosetta_jax.parameters import parameter
from rosetta_jax.priors import NonNegative, Positive

# Seconds, which others give in milliseconds.
_TIMES = (1e-5, 100.0)


def weight(default: float, symbol: str, description: str, source: str) -> Any:
    """The magnitude of a synaptic weight; the equation has its sign."""
    return parameter(
        default,
        unit="",
        symbol=symbol,
        description=description,
        support=NonNegative(),
        source=source,
    )


def time_constant(default: float, symbol: str, description: str, source: str) -> Any:
    """A time constant, s."""
    return parameter(
        default,
        unit="s",
        symbol=symbol,
        description=description,
        support=Positive(),
        span=_TIMES,
        source=source,
    )
