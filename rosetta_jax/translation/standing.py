"""Where a network stands: its fixed point, stable or not, nearest to a state."""

from typing import Any

import jax
import jax.numpy as jnp

from rosetta_jax.bifurcation.equilibria import equilibrium_near
from rosetta_jax.bifurcation.family import family
from rosetta_jax.linear.fixed_point import FixedPoint, fixed_point
from rosetta_jax.network import Network


def fixed_point_near(network: Network, start: Any = None) -> FixedPoint:
    """The fixed point nearest to `start`, a state of one node or of all, by default the one that the search finds.

    Whether there is one says its `status`.
    """
    if start is None:
        return fixed_point(network)
    # A search along the flow would leave an unstable one.
    of = family(network, ((),))
    spread = jax.tree.map(lambda each: jnp.broadcast_to(each, (network.nodes,)), start)
    x = of.flat(spread)
    found, good = equilibrium_near(of, x, jnp.zeros(1, x.dtype))
    return fixed_point(network, start=of.state(found) if good else spread)
