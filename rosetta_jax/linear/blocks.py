r"""A network linearised about a point, as small matrices a node.

Everything between regions is one delayed, linear transport, so the whole linear theory follows from

==== ===================== ======= ===================
A    state to drift        B       arriving to drift
S    state to sent         E, F, P input to drift, to sent, to signal
O    state to signal       (or to what is read in its place: activity)
==== ===================== ======= ===================

With $R(\omega) = (i\omega - A)^{-1}$ and $K_{ij} = C_{ij} e^{-i\omega\tau_{ij}}$,

.. math::
    T = S R B, \quad T_u = S R E + F, \quad Q = O R B, \quad D = O R E + P \\
    \text{sent} = (I - T K)^{-1} T_u u, \qquad \text{signal} = Q K\, \text{sent} + D u

exact with delays. The gain sits in B. Each block costs one forward derivative a component, since a
tangent of ones over nodes gives all nodes at once.
"""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax._types import Array, Channels, Complex, Float, Inexact, Nodal, Scalar
from rosetta_jax.linear.resolvent import Transfer, resolvent
from rosetta_jax.network import Network
from rosetta_jax.network.links import Links, delayed_by
from rosetta_jax.system import add_inputs, stack_state, unstack_state

# What is read of a network: a method that takes a state and the inputs from outside.
Read = Callable[[Network, Any, Any], Nodal]


class Blocks(eqx.Module):
    """The matrices of each node; `s` state components, `c` channels, `p` input ports."""

    A: Float[Array, "nodes s s"]
    B: Float[Array, "nodes s c"]
    S: Float[Array, "nodes c s"]
    O: Float[Array, "nodes s"]
    E: Float[Array, "nodes s p"]
    F: Float[Array, "nodes c p"]
    P: Float[Array, "nodes p"]


class Responses(eqx.Module):
    """What each node does at one complex frequency: the small transfer functions of the module's top."""

    T: Complex[Array, "nodes c c"]
    T_u: Complex[Array, "nodes c p"]
    Q: Complex[Array, "nodes c"]
    D: Complex[Array, "nodes p"]


def linearise(
    network: Network,
    state: Any,
    arriving: Channels,
    inputs: Any,
    ports: Sequence[str],
    read: Read = Network.signal,
) -> Blocks:
    """The blocks of `network` at a state, what arrives there and constant `inputs`, for some ports.

    O and P are of what is `read`: `Network.signal` or `Network.activity`.
    """
    x = stack_state(state)
    u = jnp.zeros((len(ports), network.nodes), dtype=x.dtype)

    def outside(u: Array) -> Any:
        named = network.rung.Inputs(**dict(zip(ports, u, strict=True)))
        return add_inputs(inputs, named)

    def drift(x: Array, arriving: Channels, u: Array) -> Array:
        field = network.vector_field(
            jnp.zeros((), x.dtype), unstack_state(network.rung, x), arriving, outside(u)
        )
        return stack_state(field)

    def sent(x: Array, u: Array) -> Array:
        return network.send(unstack_state(network.rung, x), outside(u))

    def signal(x: Array, u: Array) -> Array:
        return read(network, unstack_state(network.rung, x), outside(u))[None]

    return Blocks(
        A=_per_node(lambda x: drift(x, arriving, u), x),
        B=_per_node(lambda a: drift(x, a, u), arriving),
        S=_per_node(lambda x: sent(x, u), x),
        O=_per_node(lambda x: signal(x, u), x)[:, 0, :],
        E=_per_node(lambda u: drift(x, arriving, u), u),
        F=_per_node(lambda u: sent(x, u), u),
        P=_per_node(lambda u: signal(x, u), u)[:, 0, :],
    )


def _per_node(function: Any, at: Array) -> Float[Array, "nodes outputs inputs"]:
    """The derivative of an elementwise function, `(inputs, nodes)` to `(outputs, nodes)`, of each node."""
    ones = jnp.ones(at.shape[1], dtype=at.dtype)
    tangents = jnp.eye(at.shape[0], dtype=at.dtype)[:, :, None] * ones[None, None, :]
    columns = jax.vmap(lambda tangent: jax.jvp(function, (at,), (tangent,))[1])(tangents)
    return jnp.transpose(columns, (2, 1, 0))


class NodeResponses(eqx.Module):
    """The four transfer functions of every node, as polynomials: `T`, `T_u`, `Q` and `D` in one."""

    transfer: Transfer
    blocks: Blocks

    def __call__(self, omega: Scalar) -> Responses:
        """Their values at angular frequency `omega` (rad/s)."""
        channels = self.blocks.B.shape[-1]
        value = self.transfer(omega)
        return Responses(
            T=value[:, :channels, :channels],
            T_u=value[:, :channels, channels:] + self.blocks.F.astype(value.dtype),
            Q=value[:, channels, :channels],
            D=value[:, channels, channels:] + self.blocks.P.astype(value.dtype),
        )


def node_responses(blocks: Blocks) -> NodeResponses:
    """The transfer functions of the nodes of a linearised network."""
    leaving = jnp.concatenate([blocks.S, blocks.O[:, None, :]], axis=1)
    entering = jnp.concatenate([blocks.B, blocks.E], axis=2)
    return NodeResponses(resolvent(blocks.A).between(leaving, entering), blocks)


def over_frequencies(function: Any, *arguments: Any) -> Any:
    """`function` at each frequency: one after the other on a CPU, all at once elsewhere.

    On a CPU the loop is as fast, needs less memory, and keeps LAPACK calls unbatched.
    """
    return jax.lax.platform_dependent(
        *arguments,
        cpu=lambda *each: jax.lax.map(lambda args: function(*args), each),
        default=jax.vmap(function),
    )


def transport_at(network: Network, omega: Scalar) -> Links:
    r"""$K_{ij} = C_{ij} e^{-i\omega\tau_{ij}}$, `[target, source]`, between channels where links turn them."""
    links, delays = network.links(), network.delays()
    if delays is None:
        return jax.lax.complex(links, jnp.zeros_like(links))
    angle = omega * delays
    return jax.lax.complex(delayed_by(links, jnp.cos(angle)), delayed_by(links, -jnp.sin(angle)))


def loop(K: Links, T: Inexact[Array, "nodes c c"]) -> Inexact[Array, "cn cn"]:
    """`K T` over all channels, in channel-major order."""
    nodes, channels = T.shape[:2]
    each = "ij,jcd->cidj" if K.ndim == 2 else "ceij,jed->cidj"
    blocks = jnp.einsum(each, K, T)
    return blocks.reshape(channels * nodes, channels * nodes)


def through(K: Links, sent: Complex[Array, "c nodes m"]) -> Complex[Array, "c nodes m"]:
    """`K` applied to channels of nodes."""
    if K.ndim == 2:
        return jax.vmap(product, in_axes=(None, 0))(K, sent)
    channels, nodes, columns = sent.shape
    whole = K.swapaxes(1, 2).reshape(channels * nodes, channels * nodes)
    return product(whole, sent.reshape(channels * nodes, columns)).reshape(sent.shape)


def into(Z: Complex[Array, "n c nodes"], K: Links) -> Complex[Array, "n c nodes"]:
    """`Z K`, where `Z` takes channels of nodes."""
    rows, channels, nodes = Z.shape
    if K.ndim == 2:
        return product(Z.reshape(rows * channels, nodes), K).reshape(Z.shape)
    whole = K.swapaxes(1, 2).reshape(channels * nodes, channels * nodes)
    return product(Z.reshape(rows, channels * nodes), whole).reshape(Z.shape)


def product(a: Complex[Array, "n m"], b: Complex[Array, "m k"]) -> Complex[Array, "n k"]:
    """`a @ b` as four real products, for which compilers have faster code than for complex ones."""
    real = a.real @ b.real - a.imag @ b.imag
    return jax.lax.complex(real, a.real @ b.imag + a.imag @ b.real)
