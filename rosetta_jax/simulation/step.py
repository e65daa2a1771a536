r"""The step of a march: one network, or several lanes as one, in fixed steps of any explicit diffrax solver.

Each step runs on $[0, h]$ and steps are counted in integers, since in float32 absolute time makes a step of 0.1
ms a fifth too long after ten minutes. What arrives from other nodes is read at every stage
(`rosetta_jax.network.transport`), and noise is an input held (white) or linear (coloured) over the step; for
ports in which the rung is linear Heun then has weak order two.

Several lanes, networks that share their links and differ in other parameters or in their noise, are marched as
one: what is local to a node is mapped over lanes, and what goes between nodes is read for all of them at once,
with the lanes last, so that a link copies a row of neighbouring numbers where alone it would copy one.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

from rosetta_jax._kernel import one_kernel
from rosetta_jax._types import Array, Channels, Float, Int, Keys, Nodal, PRNGKeyArray, Scalar
from rosetta_jax.network import Network
from rosetta_jax.network.transport import Formulation, Sent, Transport, transport
from rosetta_jax.simulation.draws import Draws, advance, drawn, stationary
from rosetta_jax.simulation.solver_step import Share, solver_step
from rosetta_jax.system import add_inputs


class Local(eqx.Module):
    """What one step hands to the next of each node, lanes first where there are several."""

    state: Any
    arriving: Float[Array, "*lanes channels nodes"] | None
    noise: Any
    sensor: Any


class Carry(eqx.Module):
    """What one step hands to the next: `memory` is what the transport keeps of the last steps, lanes last."""

    step: Int[Array, ""]
    local: Any
    memory: Any


# Signals, states and activities (None unless asked for) at the start of each step.
Series = tuple[Array, Any, Array | None]
# What goes on from step to step, and what from chunk to chunk: the histories of links read for several steps.
Going = tuple[Carry, tuple]


class Begun(eqx.Module):
    """What a step knows before anything arrives."""

    sent: Channels
    signal: Nodal
    activity: Nodal | None
    noise: Any
    sensor: Any
    eta: Float[Array, "ports nodes"] | None
    eta_end: Float[Array, "ports nodes"] | None


class March(eqx.Module):
    """Networks, their transport and their step: what stays fixed while steps go by.

    Of several lanes `network` holds what they share and `varying` the rest, with lanes in front. Where it is
    `active` what drives the blood flow is given too.
    """

    network: Network
    varying: Network | None
    moving: Transport
    solver: diffrax.AbstractSolver
    dt: Scalar
    active: bool = eqx.field(static=True, default=False)

    def each(self, function: Callable[..., Any], *values: Any) -> Any:
        """`function(network, *values)`, mapped over lanes where there are several."""
        if self.varying is None:
            return function(self.network, *values)
        return jax.vmap(
            lambda varying, *values: function(eqx.combine(varying, self.network), *values)
        )(self.varying, *values)

    def begin(self, key: Keys, past: Callable[[Scalar], Any] | None) -> tuple[Carry, tuple]:
        """The carry at time zero and the transport's histories, of what was sent before."""
        dtype, rows = self.dt.dtype, self.moving.rows

        def state(network: Network, t: Scalar) -> Any:
            return _strong(network.start() if past is None else past(t), dtype)

        def before(network: Network, key: PRNGKeyArray) -> tuple[Local, Array | None]:
            ports, nodes = len(network.noise_ports), network.nodes
            start, zero = state(network, jnp.zeros((), dtype)), jnp.zeros((), dtype)
            sent = network.send(start, network.outside(zero))
            local = Local(
                state=start,
                arriving=self.moving.immediate(sent) if self.moving.predicted else None,
                noise=stationary(network.noise, key, 0, (ports, nodes), dtype),
                sensor=stationary(network.sensor, key, 1, (1, nodes), dtype),
            )
            if not self.moving.delayed:
                return local, None
            times = jnp.arange(-rows - 1, 0).astype(dtype) * self.dt
            return local, jax.vmap(
                lambda t: network.send(state(network, t), network.rung.Inputs())
            )(times)

        local, sent = self.each(before, key)
        histories, memory = (), None
        if sent is not None:
            histories, memory, arriving = self.moving.begin(self._last(sent))
            local = dataclasses.replace(local, arriving=self._first(arriving))
        return Carry(jnp.int32(0), local, memory), histories

    def draws(self, key: Keys, number: Int[Array, ""], steps: int) -> Draws:
        """The deviates of block `number` of `steps` steps."""
        begin, dtype = number * steps, self.dt.dtype

        def each(network: Network, key: PRNGKeyArray) -> Draws:
            ports, nodes = len(network.noise_ports), network.nodes
            return Draws(
                noise=drawn(network.noise, key, 0, begin, (steps, ports, nodes), dtype),
                sensor=drawn(network.sensor, key, 1, begin, (steps, 1, nodes), dtype),
            )

        found = self.each(each, key)
        # Steps lead, to be scanned over.
        return found if self.varying is None else jax.tree.map(lambda a: a.swapaxes(0, 1), found)

    def steps(
        self, carry: Carry, histories: tuple, draws: Draws, number: int
    ) -> tuple[Carry, tuple, Series]:
        """A block of `number` steps: the next carry and histories, and what is seen at the start of each."""
        going, (series, _) = self._chunks(self.moving.far, (carry, histories), draws, None, number)
        return *going, series

    def _chunks(
        self, far: tuple, going: Going, draws: Draws, known: Array | None, number: int
    ) -> tuple[Going, tuple[Any, Array]]:
        """`number` steps in chunks of the first of `far`, each of them in chunks of the next, or one by one.

        `known` is what arrives at the end of each of what was sent before them all. What they send is given too.
        """
        if not far:
            return self._one_by_one(going, draws, known, number)
        longest, shorter = far[0], far[1:]

        def chunk(going: Going, part: tuple) -> tuple[Going, tuple[Any, Array]]:
            (carry, (history, *inner)), (draws, known) = going, part
            history, ahead = longest.ahead(history)
            ahead = ahead if known is None else known + ahead
            (carry, inner), (series, sent) = self._chunks(
                shorter, (carry, tuple(inner)), draws, ahead, longest.chunk
            )
            return (carry, (longest.after(history, sent), *inner)), (series, sent)

        parts = jax.tree.map(
            lambda each: each.reshape(-1, longest.chunk, *each.shape[1:]), (draws, known)
        )
        going, found = jax.lax.scan(chunk, going, parts, length=number // longest.chunk)
        return going, jax.tree.map(lambda each: each.reshape(-1, *each.shape[2:]), found)

    def _one_by_one(
        self, going: Going, draws: Draws, known: Array | None, number: int
    ) -> tuple[Going, tuple[Any, Array]]:
        def step(carry: Carry, part: tuple[Draws, Sent | None]) -> tuple[Carry, tuple[Any, Sent]]:
            carry, series, sent = self.step(carry, *part)
            return carry, (series, sent)

        def loop(carry: Carry, parts: tuple[Draws, Array | None]) -> tuple[Carry, Any]:
            return jax.lax.scan(step, carry, parts, length=number)

        if self.moving.gathers:
            carry, found = loop(going[0], (draws, known))
        else:
            # What is named within a kernel is not seen by the policy of a checkpoint.
            known = jax.tree.map(lambda each: checkpoint_name(each, "arriving"), known)
            carry, found = one_kernel(loop, going[0], (draws, known))
        return (carry, going[1]), found

    def step(self, carry: Carry, draws: Draws, far: Sent | None) -> tuple[Carry, Series, Sent]:
        """One step: the next carry, what is seen at the start of the step, and what was sent then.

        `far` is what arrives at its end of what was sent before the chunk.
        """
        time = carry.step.astype(self.dt.dtype) * self.dt
        begun = self.each(partial(self._begun, time), carry.local, draws)
        sent = self._last(begun.sent)
        memory, arriving = self.moving.advance(carry.memory, sent, far)
        arriving = checkpoint_name(arriving, "arriving")
        known = time, carry.local, begun, self._first(arriving)
        local = (
            one_kernel(self._moved_each, *known)
            if self.moving.gathers
            else self._moved_each(*known)
        )
        return (
            Carry(carry.step + 1, local, memory),
            (begun.signal, carry.local.state, begun.activity),
            sent,
        )

    def _moved_each(
        self, time: Scalar, local: Local, begun: Begun, arriving_end: Array | None
    ) -> Local:
        return self.each(partial(self._moved, time), local, begun, arriving_end)

    def _begun(self, time: Scalar, network: Network, local: Local, draws: Draws) -> Begun:
        noise, eta, eta_end = advance(network.noise, local.noise, draws.noise, self.dt)
        sensor, hiss, _ = advance(network.sensor, local.sensor, draws.sensor, self.dt)
        outside = _outside(network, time, eta)
        signal = network.signal(local.state, outside)
        return Begun(
            sent=network.send(local.state, outside),
            signal=signal if hiss is None else signal + hiss[0],
            activity=network.activity(local.state, outside) if self.active else None,
            noise=noise,
            sensor=sensor,
            eta=eta,
            eta_end=eta_end,
        )

    def _moved(
        self,
        time: Scalar,
        network: Network,
        local: Local,
        begun: Begun,
        arriving_end: Channels | None,
    ) -> Local:
        def outside(share: Share) -> Any:
            return _outside(
                network, time + share * self.dt, _within(share, begun.eta, begun.eta_end)
            )

        if self.moving.predicted:
            arriving_end = self._predicted(time, network, local, outside)

        def field(share: Share, state: Any) -> Any:
            known = _within(share, local.arriving, arriving_end)
            arriving = self.moving.stage(network.send(state, outside(share)), known)
            return network.vector_field(time + share * self.dt, state, arriving, outside(share))

        state = network.rung.wrap(solver_step(self.solver, field, local.state, self.dt))
        return Local(state, arriving_end, begun.noise, begun.sensor)

    def _predicted(
        self, time: Scalar, network: Network, local: Local, outside: Callable[[Share], Any]
    ) -> Channels:
        """What arrives at the end of a step where Euler's method would end."""
        assert local.arriving is not None
        slope = network.vector_field(time, local.state, local.arriving, outside(0.0))
        ahead = jax.tree.map(lambda each, slope: each + self.dt * slope, local.state, slope)
        arriving = self.moving.immediate(network.send(ahead, outside(1.0)))
        return checkpoint_name(arriving, "arriving")

    def _last(self, values: Array) -> Array:
        return values if self.varying is None else jnp.moveaxis(values, 0, -1)

    def _first(self, values: Array | None) -> Array | None:
        return values if self.varying is None or values is None else jnp.moveaxis(values, -1, 0)


def marching(
    network: Network,
    solver: diffrax.AbstractSolver,
    dt: Scalar,
    formulation: Formulation,
    active: bool = False,
) -> March:
    """The march of one network."""
    return March(network, None, transport(network, dt, formulation), solver, dt, active)


def _outside(network: Network, t: Scalar, noise: Float[Array, "ports nodes"] | None) -> Any:
    known = network.outside(t)
    return known if noise is None else add_inputs(known, network.noise_inputs(noise))


def _within(share: Share, begin: Array | None, end: Array | None) -> Array | None:
    """A value within a step between those at its ends."""
    if begin is None or end is None or begin is end:
        return begin
    if isinstance(share, float) and share in (0.0, 1.0):
        return end if share else begin
    return (1 - share) * begin + share * end


def _strong(state: Any, dtype: Any) -> Any:
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype=dtype), state)
