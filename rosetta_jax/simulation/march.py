r"""The march: a network with delays and noise, in fixed steps of any explicit diffrax solver.

Each step runs on $[0, h]$ and steps are counted in integers, since in float32 absolute time makes a step of 0.1
ms a fifth too long after ten minutes. What arrives from other nodes is read at every stage
(`rosetta_jax.network.transport`), and noise is an input held (white) or linear (coloured) over the step; for
ports in which the rung is linear Heun then has weak order two.

The noise is drawn by fixed pages of steps from folded keys, so that the path depends on the key and the step
alone, not on block size, checkpointing or batch. Steps run in blocks under `jax.checkpoint`: a reverse gradient
stores one state a block and recomputes the rest.

Several lanes, networks that share their links and differ in other parameters or in their noise, are marched as
one: what is local to a node is mapped over lanes, and what goes between nodes is read for all of them at once,
with the lanes last, so that a link copies a row of neighbouring numbers where alone it would copy one.
"""

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Bool

from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Channels, Float, Int, Key, Keys, Nodal, PRNGKeyArray, Scalar
from rosetta_jax.forcing import Noise, NoiseProcess
from rosetta_jax.network import Network
from rosetta_jax.network.transport import Formulation, Sent, Transport, transport
from rosetta_jax.results import Status, first_failure, status_where
from rosetta_jax.simulation.saving import Decimation
from rosetta_jax.system import add_inputs

# Steps whose noise comes from one folded key.
PAGE = 64
# Stages that are written out. XLA fuses each into all later ones: beyond a few it compiles for
# ever.
UNROLLED = 4


class Plan(eqx.Module):
    """How a march is cut: all static, so that one compilation serves every parameter value."""

    samples: int = eqx.field(static=True)
    dropped: int = eqx.field(static=True)
    block: int = eqx.field(static=True)
    save_states: bool = eqx.field(static=True)
    decimation: Decimation
    solver: diffrax.AbstractSolver

    @property
    def steps(self) -> int:
        """Steps to march: what is kept, what the filter needs beyond, and whole blocks of it."""
        kept = self.dropped + self.samples
        needed = kept * self.decimation.factor + self.decimation.half
        return -(-needed // self.block) * self.block


class Local(eqx.Module):
    """What one step hands to the next of each node, lanes first where there are several."""

    state: Any
    arriving: Channels | None
    noise: Any
    sensor: Any


class Carry(eqx.Module):
    """What one step hands to the next: `memory` is what the transport keeps of the last steps, lanes last."""

    step: Int[Array, ""]
    local: Any
    memory: Any


class Draws(eqx.Module):
    """Standard normal deviates for a block, steps first and lanes, where there are several, second."""

    noise: Float[Array, "steps *lanes deviates nodes"] | None
    sensor: Float[Array, "steps *lanes hiss nodes"] | None


class Begun(eqx.Module):
    """What a step knows before anything arrives."""

    sent: Channels
    signal: Nodal
    noise: Any
    sensor: Any
    eta: Float[Array, "ports nodes"] | None
    eta_end: Float[Array, "ports nodes"] | None


class March(eqx.Module):
    """Networks, their transport and their step: what stays fixed while steps go by.

    Of several lanes `network` holds what they share and `varying` the rest, with lanes in front.
    """

    network: Network
    varying: Network | None
    moving: Transport
    solver: diffrax.AbstractSolver
    dt: Scalar

    def each(self, function: Callable[..., Any], *values: Any) -> Any:
        """`function(network, *values)`, mapped over lanes where there are several."""
        if self.varying is None:
            return function(self.network, *values)
        return jax.vmap(
            lambda varying, *values: function(eqx.combine(varying, self.network), *values)
        )(self.varying, *values)

    def begin(self, key: Keys, past: Callable[[Scalar], Any] | None) -> tuple[Carry, Any]:
        """The carry at time zero and the transport's history, of what was sent before."""
        dtype, rows = self.dt.dtype, self.moving.rows

        def state(network: Network, t: Scalar) -> Any:
            return _strong(network.start() if past is None else past(t), dtype)

        def before(network: Network, key: PRNGKeyArray) -> tuple[Local, Array | None]:
            ports, nodes = len(network.noise_ports), network.nodes
            local = Local(
                state=state(network, jnp.zeros((), dtype)),
                arriving=None,
                noise=_stationary(network.noise, key, 0, (ports, nodes), dtype),
                sensor=_stationary(network.sensor, key, 1, (1, nodes), dtype),
            )
            if not self.moving.delayed:
                return local, None
            times = jnp.arange(-rows - 1, 0).astype(dtype) * self.dt
            return local, jax.vmap(
                lambda t: network.send(state(network, t), network.rung.Inputs())
            )(times)

        local, sent = self.each(before, key)
        history = memory = arriving = None
        if sent is not None:
            history, memory, arriving = self.moving.begin(self._last(sent))
        local = dataclasses.replace(local, arriving=self._first(arriving))
        return Carry(jnp.int32(0), local, memory), history

    def draws(self, key: Keys, number: Int[Array, ""], steps: int) -> Draws:
        """The deviates of block `number` of `steps` steps."""
        begin, dtype = number * steps, self.dt.dtype

        def drawn(network: Network, key: PRNGKeyArray) -> Draws:
            ports, nodes = len(network.noise_ports), network.nodes
            return Draws(
                noise=_pages(network.noise, key, 0, begin, (steps, ports, nodes), dtype),
                sensor=_pages(network.sensor, key, 1, begin, (steps, 1, nodes), dtype),
            )

        found = self.each(drawn, key)
        # Steps lead, to be scanned over.
        return found if self.varying is None else jax.tree.map(lambda a: a.swapaxes(0, 1), found)

    def steps(
        self, carry: Carry, history: Any, draws: Draws, number: int
    ) -> tuple[Carry, Any, tuple[Array, Any]]:
        """A block of `number` steps: the next carry and history, and signals and states at the start of each."""
        moving = self.moving
        if moving.chunk == 1:
            carry, series = jax.lax.scan(
                lambda carry, each: self.step(carry, each, None)[:2], carry, draws, length=number
            )
            return carry, history, series

        def chunk(both: tuple[Carry, Any], draws: Draws) -> tuple[tuple[Carry, Any], Any]:
            carry, history = both
            carry, (series, sent) = jax.lax.scan(
                lambda carry, each: _paired(*self.step(carry, *each)),
                carry,
                (draws, moving.ahead(history)),
            )
            return (carry, moving.after(history, sent)), series

        split = jax.tree.map(lambda each: each.reshape(-1, moving.chunk, *each.shape[1:]), draws)
        (carry, history), series = jax.lax.scan(
            chunk, (carry, history), split, length=number // moving.chunk
        )
        return carry, history, jax.tree.map(lambda each: each.reshape(-1, *each.shape[2:]), series)

    def step(
        self, carry: Carry, draws: Draws, far: Sent | None
    ) -> tuple[Carry, tuple[Array, Any], Sent]:
        """One step: the next carry, signal and state at the start of the step, and what was sent then.

        `far` is what arrives at its end of what was sent before the chunk.
        """
        time = carry.step.astype(self.dt.dtype) * self.dt
        begun = self.each(partial(self._begun, time), carry.local, draws)
        sent = self._last(begun.sent)
        memory, arriving = self.moving.advance(carry.memory, sent, far)
        local = self.each(partial(self._moved, time), carry.local, begun, self._first(arriving))
        return Carry(carry.step + 1, local, memory), (begun.signal, carry.local.state), sent

    def _begun(self, time: Scalar, network: Network, local: Local, draws: Draws) -> Begun:
        noise, eta, eta_end = _advance(network.noise, local.noise, draws.noise, self.dt)
        sensor, hiss, _ = _advance(network.sensor, local.sensor, draws.sensor, self.dt)
        outside = _outside(network, time, eta)
        signal = network.signal(local.state, outside)
        return Begun(
            sent=network.send(local.state, outside),
            signal=signal if hiss is None else signal + hiss[0],
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
        dt, eta, eta_end, known = self.dt, begun.eta, begun.eta_end, local.arriving

        def field(t: Scalar, state: Any, _: Any) -> Any:
            share = t / dt
            held = None if eta is None else (1 - share) * eta + share * eta_end
            outside = _outside(network, time + t, held)
            arriving = self.moving.stage(network.send(state, outside))
            if known is not None and arriving_end is not None:
                arriving = arriving + (1 - share) * known + share * arriving_end
            return network.vector_field(time + t, state, arriving, outside)

        state = network.rung.wrap(_solver_step(self.solver, field, local.state, dt))
        return Local(state, arriving_end, begun.noise, begun.sensor)

    def _last(self, values: Array) -> Array:
        return values if self.varying is None else jnp.moveaxis(values, 0, -1)

    def _first(self, values: Array | None) -> Array | None:
        return values if self.varying is None or values is None else jnp.moveaxis(values, -1, 0)


def _outside(network: Network, t: Scalar, noise: Float[Array, "ports nodes"] | None) -> Any:
    known = network.outside(t)
    return known if noise is None else add_inputs(known, network.noise_inputs(noise))


@eqx.filter_jit
@full_precision
def march(
    network: Network,
    dt: Float[Array, ""],
    key: PRNGKeyArray,
    plan: Plan,
    formulation: Formulation,
    past: Callable[[Scalar], Any] | None,
) -> tuple[Float[Array, "kept nodes"], Any, Int[Array, ""]]:
    """March `network` as planned: the kept signal, the kept states (or None), and a status."""
    moving = transport(network, dt, formulation)
    return _marched(March(network, None, moving, plan.solver, dt), key, plan, past)


@eqx.filter_jit
@full_precision
def march_lanes(
    varying: Network,
    shared: Network,
    dt: Float[Array, ""],
    keys: Key[Array, " lanes"],
    plan: Plan,
    formulation: Formulation,
    past: Callable[[Scalar], Any] | None,
) -> tuple[Float[Array, "lanes kept nodes"], Any, Int[Array, " lanes"]]:
    """March several networks that share their links: `march` with lanes in front of all that it gives."""
    first = eqx.combine(jax.tree.map(lambda leaf: leaf[0], varying), shared)
    moving = transport(first, dt, formulation)
    return _marched(March(shared, varying, moving, plan.solver, dt), keys, plan, past)


def _marched(
    marching: March, key: Keys, plan: Plan, past: Callable[[Scalar], Any] | None
) -> tuple[Array, Any, Array]:
    stepping, history = marching.begin(key, past)

    @jax.checkpoint
    def block(carry: tuple[Carry, Any, Any], number: Int[Array, ""]) -> tuple[Any, Any]:
        stepping, history, filtering = carry
        # Judged where a block begins: what the last block marches beyond the end does not count.
        finite = marching.each(lambda _, state: _all_finite(state), stepping.local.state)
        draws = marching.draws(key, number, plan.block)
        stepping, history, (signal, states) = marching.steps(stepping, history, draws, plan.block)
        series = (signal, states if plan.save_states else None)
        filtering, kept = plan.decimation.block(filtering, jax.tree.map(_flat, series))
        return (stepping, history, filtering), (kept, finite)

    zero = jnp.zeros((), marching.dt.dtype)
    state = stepping.local.state
    first = marching.each(
        lambda network, state: network.signal(state, network.outside(zero)), state
    )
    known = (first, state if plan.save_states else None)
    filtering = plan.decimation.begin(jax.tree.map(jnp.ravel, known))
    numbers = jnp.arange(plan.steps // plan.block, dtype=jnp.int32)
    _, (kept, finite) = jax.lax.scan(block, (stepping, history, filtering), numbers)
    begin = plan.decimation.lag + plan.dropped

    def cut(array: Array) -> Array:
        whole = array.reshape(-1, array.shape[-1])[begin : begin + plan.samples]
        # Time before nodes, lanes before time.
        return jnp.moveaxis(whole.reshape(plan.samples, *first.shape), 0, -2)

    kept = jax.tree.map(cut, kept)
    return _judged(marching, kept, jnp.all(finite, axis=0))


def _paired(carry: Carry, series: Any, sent: Sent) -> tuple[Carry, tuple[Any, Sent]]:
    return carry, (series, sent)


def _flat(series: Float[Array, "steps *lanes nodes"]) -> Float[Array, "steps flat"]:
    return series.reshape(series.shape[0], -1)


def _judged(marching: March, kept: Any, finite: Bool[Array, "*lanes"]) -> tuple[Any, Any, Array]:
    too_long = marching.moving.too_long
    finite = finite & marching.each(lambda _, kept: _all_finite(kept), kept)
    status = first_failure(
        jnp.broadcast_to(status_where(too_long, Status.delay_too_long), finite.shape),
        status_where(~finite, Status.non_finite),
    )
    # A march without room for its delays means nothing, however plausible it looks.
    signal, states = jax.tree.map(lambda array: jnp.where(too_long, jnp.nan, array), kept)
    return signal, states, status


def _all_finite(tree: Any) -> Bool[Array, ""]:
    finite = jnp.asarray(True)
    for leaf in jax.tree.leaves(tree):
        finite = finite & jnp.all(jnp.isfinite(leaf))
    return finite


def _stationary(
    noise: Noise | None, key: PRNGKeyArray, stream: int, shape: tuple[int, ...], dtype: Any
) -> Any:
    if noise is None:
        return None
    page = jax.random.fold_in(jax.random.fold_in(key, stream), 0)
    ports, nodes = shape
    process = _process(noise)
    normal = jax.random.normal(page, (process.deviates * ports, nodes), dtype=dtype)
    return process.start(normal)


def _advance(
    noise: Noise | None, state: Any, normal: Float[Array, "deviates nodes"] | None, dt: Scalar
) -> tuple[Any, Any, Any]:
    if noise is None or normal is None:
        return None, None, None
    process = _process(noise)
    after = process.advance(state, normal, dt)
    return after, *process.values(state, after, normal, dt)


def _process(noise: Noise) -> NoiseProcess:
    if not isinstance(noise, NoiseProcess):
        raise ValueError(
            f"`noise`: {type(noise).__name__} describes spectra only and cannot be drawn in time: simulate "
            "with rj.PowerLawProcess, which has the same density over a band, rj.WhiteNoise or "
            "rj.OrnsteinUhlenbeck."
        )
    return noise


def _pages(
    noise: Noise | None,
    key: PRNGKeyArray,
    stream: int,
    begin: Int[Array, ""],
    shape: tuple[int, ...],
    dtype: Any,
) -> Float[Array, "steps deviates nodes"] | None:
    if noise is None:
        return None
    steps, ports, nodes = shape
    rest = (_process(noise).deviates * ports, nodes)
    first = begin // PAGE
    # A block begins a multiple of their common divisor into a page.
    number = -(-(steps + PAGE - math.gcd(steps, PAGE)) // PAGE)
    stream_key = jax.random.fold_in(key, stream)
    keys = jax.vmap(lambda page: jax.random.fold_in(stream_key, page))(
        first + 1 + jnp.arange(number, dtype=jnp.int32)
    )
    drawn = jax.vmap(lambda page: jax.random.normal(page, (PAGE, *rest), dtype=dtype))(keys)
    drawn = drawn.reshape(-1, *rest)
    return jax.lax.dynamic_slice_in_dim(drawn, begin - first * PAGE, steps)


def _solver_step(
    solver: diffrax.AbstractSolver, field: Callable[..., Any], state: Any, dt: Scalar
) -> Any:
    if isinstance(solver, diffrax.AbstractRungeKutta):
        tableau = solver.tableau
        few = isinstance(tableau, diffrax.ButcherTableau) and len(tableau.b_sol) <= UNROLLED
        if few and isinstance(solver, diffrax.AbstractERK):
            return _runge_kutta_step(tableau, field, state, dt)
        # Its default loop over stages has no forward derivative.
        solver = dataclasses.replace(solver, scan_kind="bounded")
    terms = diffrax.ODETerm(field)
    zero = jnp.zeros_like(dt)
    # Begun anew each step: a cached last stage would carry this step's noise into the next.
    memory = solver.init(terms, zero, dt, state, None)
    after, *_ = solver.step(terms, zero, dt, state, None, memory, made_jump=False)
    return after


def _runge_kutta_step(tableau: Any, field: Callable[..., Any], state: Any, dt: Scalar) -> Any:
    # The stages written out, for a faster reverse gradient than a loop over them gives.
    slopes = [field(jnp.zeros_like(dt), state, None)]

    def advanced(weights: Any) -> Any:
        return jax.tree.map(
            lambda begun, *ks: (
                begun + dt * sum(float(w) * k for w, k in zip(weights, ks, strict=True))
            ),
            state,
            *slopes,
        )

    for weights, share in zip(tableau.a_lower, tableau.c, strict=True):
        slopes.append(field(float(share) * dt, advanced(weights), None))
    return advanced(tableau.b_sol)


def _strong(state: Any, dtype: Any) -> Any:
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype=dtype), state)
