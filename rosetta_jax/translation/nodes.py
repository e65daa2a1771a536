"""The nodes of a network one by one: each a rung of its own, with the constant inputs that the others give it."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax._types import Array
from rosetta_jax.bifurcation.family import Family, family
from rosetta_jax.linear.fixed_point import FixedPoint
from rosetta_jax.network import Network
from rosetta_jax.system import Rung, add_inputs


class Lone(eqx.Module):
    """All nodes, each alone: `rungs` and `inputs` have leaves (nodes, ...), `family` is that of the first."""

    family: Family
    rungs: Rung
    inputs: Any

    def at(self, node: int) -> Family:
        """One node."""
        return node_of(
            self.family, *jax.tree.map(lambda leaf: leaf[node], (self.rungs, self.inputs))
        )

    def over(self, function: Callable[..., Any], *given: Any) -> Any:
        """`function(family, ...)` of each node and its share of what is `given`, (nodes, ...) throughout."""

        def one(each: Any) -> Any:
            rung, inputs, rest = each
            return function(node_of(self.family, rung, inputs), *rest)

        return jax.lax.map(one, (self.rungs, self.inputs, given))


def part_way(before: Family, after: Family, share: Array) -> Family:
    """A family on its way from one to another of the same kind, of which `share` is passed."""
    return jax.tree.map(lambda one, other: one + share * (other - one), before, after)


def node_of(first: Family, rung: Rung, inputs: Any) -> Family:
    """The family of another node than the first."""
    return eqx.tree_at(lambda each: (each.network.rung, each.inputs), first, (rung, inputs))


def lone_nodes(network: Network, arriving: Array, parameters: tuple[Any, ...] = ((),)) -> Lone:
    """The nodes of a network where `arriving` (channels, nodes), before the gain, comes from the others.

    `parameters` are those of the families, paths in the rung.
    """
    gain = network.gain[None, :] if network.gain.ndim else network.gain
    given = network.rung.receive(gain * arriving)
    rungs, inputs = (
        jax.tree.map(lambda leaf: _by_node(leaf, network.nodes), each)
        for each in (network.rung, add_inputs(network.rung.Inputs(), given))
    )
    first, its_inputs = jax.tree.map(lambda leaf: leaf[0], (rungs, inputs))
    return Lone(family(first, parameters, its_inputs), rungs, inputs)


def arriving_at(network: Network, point: FixedPoint) -> Array:
    """What arrives of the others at a fixed point (channels, nodes), before the gain."""
    sent = network.send(point.state, network.rung.Inputs())
    return network.coupling.combine(point.arriving, sent, network.connectome.strengths())


def _by_node(leaf: Any, nodes: int) -> Array:
    value = jnp.asarray(leaf)
    return value if value.ndim else jnp.broadcast_to(value, (nodes,))
