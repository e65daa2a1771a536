r"""Each region's own delayed return, as links of the nodes to themselves.

.. math::
    G_i \sum_j C_{ij} s_j(t - \tau_{ij}) + g_i s_i(t - d_i) = \sum_j C'_{ij} s_j(t - \tau'_{ij}), \qquad
    C'_{ij} = G_i C_{ij} + \delta_{ij} g_i

so that every engine knows loops without being told: a loop through the thalamus of about 95 ms makes the alpha
rhythm (Robinson, Rennie and Rowe, Phys. Rev. E 65, 041924, 2002).
"""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax import parameters
from rosetta_jax._types import Array
from rosetta_jax.network.network import Network, lifted
from rosetta_jax.system import Rung

# What the links of a network with loops are made of.
_MADE_OF = (
    "gain",
    "self_gain",
    "self_delay",
    "speed",
    "connectome.weights",
    "connectome.lengths",
)


def as_network(system: Rung | Network) -> Network:
    """What engines take: a bare rung lifted to a network, and the loops of a network as links."""
    return looped(lifted(system))


def looped(network: Network) -> Network:
    """The same network with its loops and its gain as links; one without loops as it is."""
    if network.self_gain is None:
        return network
    wires, nodes = network.connectome, network.nodes
    own = jnp.eye(nodes, dtype=bool)
    gain, self_gain = (
        jnp.broadcast_to(each, (nodes,))[:, None] for each in (network.gain, network.self_gain)
    )
    weights = jnp.where(own, self_gain, gain * wires.weights)
    lengths = jnp.zeros_like(wires.weights) if wires.lengths is None else wires.lengths
    # A length is a delay only by the speed, which a loop does not know.
    reach = jnp.broadcast_to(1000 * network.speed * network.self_delay, (nodes,))[:, None]
    phase = None if wires.phase is None else jnp.where(own, 0.0, wires.phase)
    wires = eqx.tree_at(
        lambda wires: (wires.weights, wires.lengths, wires.phase),
        wires,
        (weights, jnp.where(own, reach, lengths), phase),
        is_leaf=_is_none,
    )
    return eqx.tree_at(
        lambda network: (
            network.connectome,
            network.gain,
            network.self_gain,
            network.self_delay,
        ),
        network,
        (wires, jnp.ones((), weights.dtype), None, None),
        is_leaf=_is_none,
    )


def apart(network: Network) -> tuple[Network, Array, Array]:
    """A network without its loops, the gain within the links, and the gain and delay (s) of each loop."""
    assert network.self_gain is not None and network.self_delay is not None
    nodes, wires = network.nodes, network.connectome
    gain = jnp.broadcast_to(network.gain, (nodes,))[:, None]
    between = eqx.tree_at(
        lambda network: (
            network.connectome.weights,
            network.gain,
            network.self_gain,
            network.self_delay,
        ),
        network,
        (gain * wires.weights, jnp.ones((), wires.weights.dtype), None, None),
        is_leaf=_is_none,
    )
    self_gain = jnp.broadcast_to(network.self_gain, (nodes,))
    return between, self_gain, jnp.broadcast_to(network.self_delay, (nodes,))


def looped_members(network: Network, values: Mapping[str, Array]) -> tuple[Network, dict[str, Any]]:
    """The same for members of an ensemble: a network and the values in which each of them differs from it."""
    if network.self_gain is None or not set(_MADE_OF) & set(values):
        return looped(network), dict(values)
    made = {path: value for path, value in values.items() if path in _MADE_OF}
    wires = jax.vmap(lambda each: looped(parameters.replace(network, each)).connectome)(made)
    kept = {
        path: value for path, value in values.items() if path not in _MADE_OF or path == "speed"
    }
    links = {"connectome.weights": wires.weights, "connectome.lengths": wires.lengths}
    return looped(network), kept | links


def _is_none(leaf: Any) -> bool:
    return leaf is None
