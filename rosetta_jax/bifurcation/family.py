r"""A network for each value of one or two parameters, as a vector field of flat vectors.

.. math::  \dot x = f(x, p), \qquad x = (\text{component}, \text{node}) \text{ flattened}

where all nodes have always been at $x$, so that delays make no difference: what an equilibrium or, without
delays, a cycle is made of. Near one, delays do: of a perturbation $u\,e^{\lambda t}$ what was sent arrives
multiplied by $e^{-\lambda\tau}$, and

.. math::  \Delta(\lambda)\,u = \lambda u - \partial_x f\,u - \partial_a f\,K(\lambda)\,S u

vanishes where $\lambda$ is a characteristic root ($a$ is what arrives, $S$ the slope of what is sent, and
$K_{ij} = C_{ij}e^{-\lambda\tau_{ij}}$; Hale and Verduyn Lunel, Introduction to Functional Differential Equations,
chapter 7).
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, Channels, Float
from rosetta_jax.network import Network, lifted, looped
from rosetta_jax.network.links import Amplitudes, Links, carried, delayed_by
from rosetta_jax.parameters import get, paths, replace
from rosetta_jax.rungs import PhaseOscillator
from rosetta_jax.system import Rung, stack_state, unstack_state

# A state, components first, and the parameters that are varied.
Flat = Float[Array, " n"]
Values = Float[Array, " p"]
# A parameter by its path, or several that are moved together.
Parameter = str | Sequence[str]


class Family(eqx.Module):
    """A network for each value of some parameters; `paths` are those of each, moved together."""

    network: Network
    inputs: Any
    paths: tuple[tuple[str, ...], ...] = eqx.field(static=True)

    @property
    def components(self) -> int:
        """How many components the state of a node has."""
        return len(jax.tree.leaves(jax.eval_shape(self.network.start)))

    @property
    def size(self) -> int:
        """The length of a flat state."""
        return self.components * self.network.nodes

    @property
    def delayed(self) -> bool:
        """Whether links take time."""
        looped = self.network.self_gain is not None
        return looped or (self.network.connectome.lengths is not None and self.network.nodes > 1)

    def values_of(self, number: int) -> Array:
        """The value that a parameter has in the family's own network."""
        return get(self.network, self.paths[number][0])

    def at(self, values: Values) -> Network:
        """The network at some values of its parameters."""
        changes = {
            path: jnp.broadcast_to(value, jnp.shape(get(self.network, path)))
            for value, names in zip(values, self.paths, strict=True)
            for path in names
        }
        return looped(replace(self.network, changes))

    def state(self, x: Flat) -> Any:
        """A flat state as the rung's own, `(nodes,)` a component."""
        return unstack_state(self.network.rung, x.reshape(self.components, -1))

    def flat(self, state: Any) -> Flat:
        """The rung's state as one vector."""
        return stack_state(state).reshape(-1).astype(self.network.connectome.weights.dtype)

    def drift(self, x: Flat, values: Values) -> Flat:
        """The time derivative (1/s) where all nodes have always been at `x`."""
        return _drift(self, x, values)

    def signal(self, x: Flat, values: Values) -> Float[Array, " nodes"]:
        """What an electrode sees of each node."""
        return self.at(values).signal(self.state(x), self.inputs)

    def field(self, x: Flat, arriving: Channels, values: Values) -> Flat:
        """The time derivative given what arrives."""
        return _field(self, x, arriving, values)

    def sent(self, x: Flat, values: Values) -> Channels:
        """What the nodes send."""
        return self.at(values).send(self.state(x), self.inputs)

    def carried(self, sent: Amplitudes, root: Array, values: Values) -> Amplitudes:
        r"""What arrives of a real or complex amplitude that was sent as $e^{\lambda t}$."""
        return carried_at(self.at(values), sent, root)


# Traced once for each family, however often it is differentiated.
@eqx.filter_jit
def _drift(of: Family, x: Flat, values: Values) -> Flat:
    network = of.at(values)
    return _moved(of, network, x, network.arriving(of.state(x), of.inputs))


@eqx.filter_jit
def _field(of: Family, x: Flat, arriving: Channels, values: Values) -> Flat:
    return _moved(of, of.at(values), x, arriving)


def _moved(of: Family, network: Network, x: Flat, arriving: Channels) -> Flat:
    moved = network.vector_field(jnp.zeros((), x.dtype), of.state(x), arriving, of.inputs)
    return stack_state(moved).reshape(-1)


def links_at(network: Network, root: Array) -> Links:
    r"""$K_{ij} = C_{ij}e^{-\lambda\tau_{ij}}$ for a complex $\lambda$ (1/s)."""
    links, delays = network.links(), network.delays()
    if delays is None:
        return links
    links, delays = links.astype(root.dtype), delays.astype(root.dtype)
    return delayed_by(links, jnp.exp(-root * delays))


def carried_at(network: Network, sent: Amplitudes, root: Array) -> Amplitudes:
    """What arrives of amplitudes that were sent growing and turning by `root` (1/s)."""
    links = links_at(network, root)
    kind = np.result_type(links.dtype, sent.dtype)
    return carried(links.astype(kind), sent.astype(kind))


def family(system: Network | Rung, parameters: Sequence[Parameter], inputs: Any = None) -> Family:
    """The family of `system` over some parameters, each a path or several paths moved together.

    Paths are the system's own: `"bias"` of a rung, `"rung.bias"` of a network. Raises `KeyError` for a path that
    is not there, `TypeError` for what is no system, and `ValueError` for phase oscillators, which have no fixed
    point.
    """
    network = lifted(system)
    if isinstance(network.rung, PhaseOscillator):
        raise ValueError(
            "`system`: phases rotate and have no fixed point; rj.linear.locked_state finds the state in which "
            "they keep their distances."
        )
    prefix = "rung." if isinstance(system, Rung) else ""
    named = tuple(_known(system, each, prefix) for each in parameters)
    return Family(network, network.rung.Inputs() if inputs is None else inputs, named)


def _known(system: Any, parameter: Parameter, prefix: str) -> tuple[str, ...]:
    """The paths of a parameter, each checked, as those of the network."""
    names = (parameter,) if isinstance(parameter, str) else tuple(parameter)
    known = paths(system)
    for name in names:
        if name not in known:
            raise KeyError(f"no parameter at {name!r}. {_checks.suggestion(name, known)}")
    return tuple(prefix + name for name in names)


def label(of: Family, number: int = 0) -> str:
    """A parameter in words, as an axis shows it."""
    return " = ".join(path.removeprefix("rung.") for path in of.paths[number])


def within(of: Family, parameter: Parameter) -> Family:
    """The same family with a second parameter, its path as that of the first is given."""
    names = (parameter,) if isinstance(parameter, str) else tuple(parameter)
    of_network = set(names) <= set(paths(of.network))
    system, prefix = (of.network, "") if of_network else (of.network.rung, "rung.")
    return Family(of.network, of.inputs, (of.paths[0], _known(system, parameter, prefix)))
