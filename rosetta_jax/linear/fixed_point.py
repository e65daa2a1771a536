r"""The fixed point of a network, with delays or without: delays do not move it.

The search marches implicit Euler steps $(1/\delta - J)\,\Delta x = F(x)$ that grow while the state changes
little and shrink while it changes much, so it follows the network's own relaxation at first (and so tends to a
stable point where there is one) and ends as Newton's method. A step so long that $\det(1/\delta - J) < 0$ would
run against the flow along a growing direction: it is refused and shortened, or the search would stay for ever
at saddles and at the ghosts of points that a fold has removed. (By index, a bounded network has a point with
$\det(-J) > 0$.) Where that ends on a cycle, about a focus that repels strongly, Newton's method takes over,
from the middle of what was passed and then from elsewhere within it; it is damped until the next step, with the
same Jacobian, is shorter than this one (Deuflhard's natural monotonicity), and knows nothing of the flow. The
Jacobian is block-diagonal plus the transport, so each step solves small systems a node and one (channels x
nodes) system. Two final Newton steps carry the derivatives: exact to second order, forward and reverse.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Bool, Channels, Float, Int, Scalar
from rosetta_jax.linear.blocks import Blocks, Read, linearise, loop
from rosetta_jax.linear.resolvent import resolvent
from rosetta_jax.linear.solves import factorised
from rosetta_jax.network import Network, as_network
from rosetta_jax.network.links import carried
from rosetta_jax.results import Status, status_where
from rosetta_jax.system import Rung, stack_state, unstack_state

_MOST_STEPS = 200
# The step grows while the state changes by less than the first, and shrinks above the second.
_CALM, _WILD = 0.3, 0.6
_SHORTER = 4.0
_PATIENCE = 40
_LEAP = 1.0
# Of a Newton step, before it begins anew, at most so many times.
_SHORTEST = 1e-4
_ATTEMPTS = 12


class FixedPoint(eqx.Module):
    """A fixed point: the rung's `state` (nodes,), what arrives (channels, nodes), and a status.

    `remainder` (components, nodes) is what rounding cut off the state, and `error` the size of the last
    Newton step relative to that of the state.
    """

    state: Any
    arriving: Channels
    remainder: Float[Array, "s nodes"]
    error: Scalar
    status: Int[Array, ""]


class _Passed(eqx.Module):
    """The lowest and highest value of each component and node along a relaxation."""

    lowest: Float[Array, "s nodes"]
    highest: Float[Array, "s nodes"]

    @property
    def size(self) -> Float[Array, " s"]:
        """The largest absolute value of each component."""
        return jnp.max(jnp.maximum(jnp.abs(self.lowest), jnp.abs(self.highest)), axis=1)

    def along(self, x: Float[Array, "s nodes"]) -> "_Passed":
        return _Passed(jnp.minimum(self.lowest, x), jnp.maximum(self.highest, x))

    def place(self, number: Int[Array, ""]) -> Float[Array, "s nodes"]:
        """The middle (0), then ever other places that fill what was passed evenly."""
        # Powers of the plastic number of that dimension: a low-discrepancy sequence.
        components = self.lowest.shape[0]
        steps = jnp.asarray(
            _plastic(components) ** -np.arange(1.0, components + 1), self.lowest.dtype
        )
        share = jnp.mod(0.5 + number.astype(steps.dtype) * steps, 1.0)[:, None]
        return self.lowest + share * (self.highest - self.lowest)


def _plastic(dimension: int) -> float:
    """The root above one of $x^{d+1} = x + 1$."""
    root = 2.0
    for _ in range(60):
        root = (1 + root) ** (1 / (dimension + 1))
    return root


def fixed_point(system: Network | Rung, *, inputs: Any = None, start: Any = None) -> FixedPoint:
    """The fixed point of a network, or of a bare rung, without drive, field and noise.

    `inputs` are constant inputs at the rung's ports, none by default; `start` a state to begin
    from, by default the rung's own guess. Differentiable in every parameter. `status` is
    `Status.no_fixed_point` where the search did not converge. The point may be unstable: ask
    `rosetta_jax.linear.stability`.
    """
    network = as_network(system)
    inputs = network.rung.Inputs() if inputs is None else inputs
    begin = network.rung.guess(network.nodes) if start is None else start
    return _found(network, inputs, begin)


@eqx.filter_jit
@full_precision
def _found(network: Network, inputs: Any, start: Any) -> FixedPoint:
    dtype = network.connectome.weights.dtype
    begin = stack_state(start).astype(dtype)
    still = jax.lax.stop_gradient((network, inputs, begin))
    x, settled, passed = _relax(*still)
    x = jnp.where(settled, x, _damped_newton(*still[:2], passed, needed=~settled))
    changes = []
    for _ in range(2):
        before = x
        x, change, _ = _implicit_step(network, inputs, before, jnp.zeros((), dtype))
        changes.append(change)
    size = jnp.max(jnp.abs(x), axis=1)
    earlier, error = (_relative(change, size) for change in changes)
    state = unstack_state(network.rung, x)
    # Two small steps one after the other are those of rounding: near onset it moves a state of zeros by more than
    # what a size of nothing allows.
    small = jnp.maximum(earlier, error) <= jnp.finfo(dtype).eps ** 0.5
    settled = (error <= 50 * jnp.finfo(dtype).eps ** 0.8) | small
    return FixedPoint(
        state=state,
        arriving=_arriving(network, x, inputs),
        remainder=jax.lax.stop_gradient(change - (x - before)),
        error=error,
        status=status_where(~settled, Status.no_fixed_point),
    )


def linearised(
    network: Network, point: FixedPoint, ports: Sequence[str], read: Read = Network.signal
) -> Blocks:
    """The blocks of a network at its fixed point, to more digits than the point's own state has."""
    inputs = network.rung.Inputs()

    def at(x: Array) -> Blocks:
        state = unstack_state(network.rung, x)
        return linearise(network, state, _arriving(network, x, inputs), inputs, ports, read)

    x = stack_state(point.state)
    blocks, rest = jax.jvp(at, (x,), (point.remainder,))
    return jax.tree.map(jnp.add, blocks, rest)


def _relax(network: Network, inputs: Any, begin: Array) -> tuple[Array, Bool[Array, ""], _Passed]:
    """Where the relaxation ends, whether it has settled there, and what it passed."""
    blocks = _blocks(network, inputs, begin)
    # The fastest leak sets the first step; an undamped rung leaks nothing.
    leak = jnp.max(jnp.abs(jnp.trace(blocks.A, axis1=1, axis2=2)))
    rate = jnp.maximum(leak, 1.0)
    slowest = 1e-3 * rate
    tolerance = jnp.finfo(begin.dtype).eps ** 0.5

    def going(carry: tuple[Array, _Passed, Scalar, Scalar, Int[Array, ""]]) -> Array:
        _, _, rate, error, step = carry
        settled = (error < tolerance) & (rate < slowest)
        return (step < _MOST_STEPS) & ~settled

    def step(carry: tuple[Array, _Passed, Scalar, Scalar, Int[Array, ""]]) -> Any:
        x, passed, rate, _, number = carry
        size = passed.size
        after, change, onward = _implicit_step(network, inputs, x, rate)
        # A leap far beyond all sizes so far is refused too: after it every step would look calm.
        onward = onward & ((_relative(change, size) < _LEAP) | (number == 0))
        after = jnp.where(onward, after, x)
        # Sizes seen so far: rates of change vanish at a fixed point, their last size says nothing.
        passed = passed.along(after)
        error = _relative(change, passed.size)
        # Ever smaller steps for a search that lasts: it may leap to and fro.
        lasting = (1 + number // _PATIENCE).astype(error.dtype)
        calm, wild = lasting * error < _CALM, lasting * error > _WILD
        factor = jnp.where(calm, 1 / 3, jnp.where(wild, 2.0, 0.8))
        factor = jnp.where(onward, factor, _SHORTER)
        error = jnp.where(onward, error, 1.0)
        return after, passed, rate * factor.astype(rate.dtype), error, number + 1

    start = (begin, _Passed(begin, begin), rate, jnp.ones((), begin.dtype), jnp.int32(0))
    x, passed, rate, error, _ = jax.lax.while_loop(going, step, start)
    return x, (error < tolerance) & (rate < slowest), passed


def _damped_newton(
    network: Network, inputs: Any, passed: _Passed, needed: Bool[Array, ""]
) -> Float[Array, "s nodes"]:
    """Newton's method, each step shortened until the one after it would be shorter; begun anew where it stalls."""
    dtype = passed.lowest.dtype
    zero, one = jnp.zeros((), dtype), jnp.ones((), dtype)
    tolerance, size = jnp.finfo(dtype).eps ** 0.5, passed.size

    def going(carry: tuple[Array, Scalar, Scalar, Int[Array, ""], Int[Array, ""]]) -> Array:
        _, _, error, attempt, _ = carry
        return needed & (attempt < _ATTEMPTS) & (error > tolerance)

    def step(carry: tuple[Array, Scalar, Scalar, Int[Array, ""], Int[Array, ""]]) -> Any:
        x, share, error, attempt, number = carry
        blocks = _blocks(network, inputs, x)
        change, _ = _solve(network, blocks, _drift(network, inputs, x), zero)
        after = x + share * change
        following, _ = _solve(network, blocks, _drift(network, inputs, after), zero)
        length = _relative(change, size)
        shorter = _relative(following, size) <= (1 - share / 4) * length
        x, error = jnp.where(shorter, after, x), jnp.where(shorter, share * length, error)
        share = jnp.where(shorter, jnp.minimum(2 * share, one), share / 2)
        stalled = (share < _SHORTEST) | (number >= _PATIENCE)
        attempt = attempt + stalled.astype(jnp.int32)
        x = jnp.where(stalled, passed.place(attempt), x)
        share, number = jnp.where(stalled, one, share), jnp.where(stalled, 0, number + 1)
        return x, share, error, attempt, number.astype(jnp.int32)

    start = (passed.place(jnp.int32(0)), one, one, jnp.int32(0), jnp.int32(0))
    return jax.lax.while_loop(going, step, start)[0]


def _relative(change: Array, size: Float[Array, " s"]) -> Scalar:
    return jnp.max(jnp.max(jnp.abs(change), axis=1) / (size + 1e-3))


def _implicit_step(
    network: Network, inputs: Any, x: Array, rate: Scalar
) -> tuple[Float[Array, "s nodes"], Float[Array, "s nodes"], Bool[Array, ""]]:
    """An implicit Euler step of `1 / rate` (Newton's where 0), the change, whether onward."""
    change, onward = _solve(network, _blocks(network, inputs, x), _drift(network, inputs, x), rate)
    return x + change, change, onward


def _blocks(network: Network, inputs: Any, x: Array) -> Blocks:
    state = unstack_state(network.rung, x)
    return linearise(network, state, _arriving(network, x, inputs), inputs, ())


def _drift(network: Network, inputs: Any, x: Array) -> Float[Array, "s nodes"]:
    state, arriving = unstack_state(network.rung, x), _arriving(network, x, inputs)
    return stack_state(network.vector_field(jnp.zeros((), x.dtype), state, arriving, inputs))


def _solve(
    network: Network, blocks: Blocks, residual: Array, rate: Scalar
) -> tuple[Float[Array, "s nodes"], Bool[Array, ""]]:
    r"""Solve $(\text{rate} - A - B C S)\,\Delta x = F$ through what arrives, $u = C S \Delta x$.

    Also whether no determinant, of a node or the network, is negative.
    """
    inverse, node_signs = resolvent(blocks.A).inverse(rate)
    own = jnp.einsum("nst,tn->ns", inverse, residual)
    from_arriving = jnp.einsum("nst,ntc->nsc", inverse, blocks.B)
    T = jnp.einsum("ncs,nsd->ncd", blocks.S, from_arriving)
    links = network.links()
    arriving = carried(links, jnp.einsum("ncs,ns->cn", blocks.S, own))
    system = jnp.eye(arriving.size, dtype=residual.dtype) - loop(links, T)
    network_wide = factorised(system)
    u = network_wide.solve(arriving.reshape(-1)).reshape(arriving.shape)
    change = (own + jnp.einsum("nsc,cn->ns", from_arriving, u)).T
    odd = jnp.sum(network_wide.diagonal < 0) % 2 == 1
    positive = odd == (network_wide.sign < 0)
    return change, jnp.all(node_signs >= 0) & positive


def _arriving(network: Network, x: Array, inputs: Any) -> Channels:
    return network.arriving(unstack_state(network.rung, x), inputs)
