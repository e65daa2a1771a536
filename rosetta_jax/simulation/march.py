r"""The march: a network with delays and noise, in fixed steps of any explicit diffrax solver.

Each step runs on $[0, h]$ and steps are counted in integers, since in float32 absolute time makes a step of 0.1
ms a fifth too long after ten minutes. What arrives from other nodes is read at every stage
(`rosetta_jax.network.transport`), or for eight steps at once where all delays are longer
(`rosetta_jax.network.slices`), and noise is an input held (white) or linear (coloured) over the step; for ports
in which the rung is linear Heun then has weak order two.

The noise is drawn by fixed pages of steps from folded keys, so that the path depends on the key and the step
alone, not on block size, checkpointing or batch. Steps run in blocks under `jax.checkpoint`: a reverse gradient
stores one state a block and recomputes the rest.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Bool

from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Channels, Float, Int, Nodal, PRNGKeyArray, Scalar
from rosetta_jax.forcing import Noise, NoiseProcess
from rosetta_jax.network import Network
from rosetta_jax.network.slices import CHUNK, Sent, Slices, slices
from rosetta_jax.network.transport import History, Transport, transport
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
    rows: int = eqx.field(static=True)
    below_step: bool = eqx.field(static=True)
    chunks: bool = eqx.field(static=True)
    save_states: bool = eqx.field(static=True)
    decimation: Decimation
    solver: diffrax.AbstractSolver

    @property
    def steps(self) -> int:
        """Steps to march: what is kept, what the filter needs beyond, and whole blocks of it."""
        kept = self.dropped + self.samples
        needed = kept * self.decimation.factor + self.decimation.half
        return -(-needed // self.block) * self.block


class Carry(eqx.Module):
    """What one step hands to the next."""

    step: Int[Array, ""]
    state: Any
    history: History | Sent | None
    arriving: Channels | None
    noise: Any
    sensor: Any


class Draws(eqx.Module):
    """Standard normal deviates for a block, `(steps, deviates, nodes)` each."""

    noise: Float[Array, "steps deviates nodes"] | None
    sensor: Float[Array, "steps hiss nodes"] | None


class March(eqx.Module):
    """One network, its transport and its step: what stays fixed while steps go by."""

    network: Network
    moving: Transport | Slices
    solver: diffrax.AbstractSolver
    dt: Scalar

    @property
    def ports(self) -> int:
        """How many ports noise enters."""
        return len(self.network.noise_ports)

    def begin(self, key: PRNGKeyArray, past: Callable[[Scalar], Any] | None) -> Carry:
        """The carry at time zero, with the history of what was sent before."""
        network, dtype, rows = self.network, self.dt.dtype, self.moving.rows
        known = (lambda _: network.start()) if past is None else past
        state = _strong(known(jnp.zeros((), dtype)), dtype)
        history, arriving = None, None
        if rows:
            times = jnp.arange(-rows - 1, 0).astype(dtype) * self.dt
            sent = jax.vmap(
                lambda t: network.send(_strong(known(t), dtype), network.rung.Inputs())
            )(times)
            history, arriving = self.moving.begin(sent)
        return Carry(
            step=jnp.int32(0),
            state=state,
            history=history,
            arriving=arriving,
            noise=_stationary(network.noise, key, 0, (self.ports, network.nodes), dtype),
            sensor=_stationary(network.sensor, key, 1, (1, network.nodes), dtype),
        )

    def draws(self, key: PRNGKeyArray, number: Int[Array, ""], steps: int) -> Draws:
        """The deviates of block `number` of `steps` steps."""
        network, dtype = self.network, self.dt.dtype
        begin = number * steps
        nodes = network.nodes
        return Draws(
            noise=_pages(network.noise, key, 0, begin, (steps, self.ports, nodes), dtype),
            sensor=_pages(network.sensor, key, 1, begin, (steps, 1, nodes), dtype),
        )

    def steps(self, carry: Carry, draws: Draws, number: int) -> tuple[Carry, tuple[Array, Any]]:
        """A block of `number` steps: the next carry, and signals and states at the start of each."""
        moving = self.moving
        if isinstance(moving, Transport):
            return jax.lax.scan(
                lambda carry, each: self.step(carry, each)[:2], carry, draws, length=number
            )

        def chunk(carry: Carry, draws: Draws) -> tuple[Carry, tuple[Array, Any]]:
            history = carry.history
            assert history is not None and not isinstance(history, History)
            within = dataclasses.replace(carry, history=None)
            within, (series, sent) = jax.lax.scan(
                lambda carry, each: _paired(*self.step(carry, *each)),
                within,
                (draws, moving.ahead(history)),
            )
            return dataclasses.replace(within, history=moving.after(history, sent)), series

        split = jax.tree.map(lambda each: each.reshape(-1, CHUNK, *each.shape[1:]), draws)
        carry, series = jax.lax.scan(chunk, carry, split, length=number // CHUNK)
        return carry, jax.tree.map(lambda each: each.reshape(-1, each.shape[-1]), series)

    def step(
        self, carry: Carry, draws: Draws, arriving_end: Channels | None = None
    ) -> tuple[Carry, tuple[Nodal, Any], Channels]:
        """One step: the next carry, signal and state at the start of the step, and what was sent then.

        `arriving_end` is what arrives at its end, where that was read ahead.
        """
        network, dt = self.network, self.dt
        begun = carry.step.astype(dt.dtype) * dt
        noise, eta, eta_end = _advance(network.noise, carry.noise, draws.noise, dt)
        sensor, hiss, _ = _advance(network.sensor, carry.sensor, draws.sensor, dt)
        outside = self._outside(begun, eta)
        signal = network.signal(carry.state, outside)
        signal = signal if hiss is None else signal + hiss[0]

        sent = network.send(carry.state, outside)
        history, known, known_end = carry.history, carry.arriving, arriving_end
        if isinstance(history, History) and isinstance(self.moving, Transport):
            history, known_end = self.moving.advance(history, sent)

        def field(t: Scalar, state: Any, _: Any) -> Any:
            share = t / dt
            held = None if eta is None else (1 - share) * eta + share * eta_end
            outside = self._outside(begun + t, held)
            arriving = self.moving.stage(network.send(state, outside))
            if known is not None and known_end is not None:
                arriving = arriving + (1 - share) * known + share * known_end
            return network.vector_field(begun + t, state, arriving, outside)

        state = network.rung.wrap(_solver_step(self.solver, field, carry.state, dt))
        after = Carry(carry.step + 1, state, history, known_end, noise, sensor)
        return after, (signal, carry.state), sent

    def _outside(self, t: Scalar, noise: Float[Array, "ports nodes"] | None) -> Any:
        known = self.network.outside(t)
        return known if noise is None else add_inputs(known, self.network.noise_inputs(noise))


@eqx.filter_jit
@full_precision
def march(
    network: Network,
    dt: Float[Array, ""],
    key: PRNGKeyArray,
    plan: Plan,
    past: Callable[[Scalar], Any] | None,
) -> tuple[Float[Array, "kept nodes"], Any, Int[Array, ""]]:
    """March `network` as planned: the kept signal, the kept states (or None), and a status."""
    moving = (
        slices(network, dt, plan.rows)
        if plan.chunks
        else transport(network, dt, plan.rows, plan.below_step)
    )
    marching = March(network, moving, plan.solver, dt)
    stepping = marching.begin(key, past)

    @jax.checkpoint
    def block(carry: tuple[Carry, Any], number: Int[Array, ""]) -> tuple[tuple[Carry, Any], Any]:
        stepping, filtering = carry
        # Judged where a block begins: what the last block marches beyond the end does not count.
        finite = _all_finite(stepping.state)
        draws = marching.draws(key, number, plan.block)
        stepping, (signal, states) = marching.steps(stepping, draws, plan.block)
        series = (signal, states if plan.save_states else None)
        filtering, kept = plan.decimation.block(filtering, series)
        return (stepping, filtering), (kept, finite)

    first = network.signal(stepping.state, network.outside(jnp.zeros((), dt.dtype)))
    filtering = plan.decimation.begin((first, stepping.state if plan.save_states else None))
    numbers = jnp.arange(plan.steps // plan.block, dtype=jnp.int32)
    _, (kept, finite) = jax.lax.scan(block, (stepping, filtering), numbers)
    begin = plan.decimation.lag + plan.dropped
    kept = jax.tree.map(
        lambda array: array.reshape(-1, array.shape[-1])[begin : begin + plan.samples], kept
    )
    return _judged(marching.moving, kept, jnp.all(finite))


def _paired(carry: Carry, series: Any, sent: Channels) -> tuple[Carry, tuple[Any, Channels]]:
    return carry, (series, sent)


def _judged(
    moving: Transport | Slices, kept: Any, finite: Bool[Array, ""]
) -> tuple[Any, Any, Int[Array, ""]]:
    status = first_failure(
        status_where(moving.too_long, Status.delay_too_long),
        status_where(~(finite & _all_finite(kept)), Status.non_finite),
    )
    # A march without room for its delays means nothing, however plausible it looks.
    signal, states = jax.tree.map(lambda array: jnp.where(moving.too_long, jnp.nan, array), kept)
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
