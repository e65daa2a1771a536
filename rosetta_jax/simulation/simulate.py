"""`simulate`: the one call that marches a network or a bare rung."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import PRNGKeyArray, Scalar
from rosetta_jax.network import Network, as_network
from rosetta_jax.network.transport import history_rows, may_be_below_step
from rosetta_jax.simulation.adaptive import solve
from rosetta_jax.simulation.march import PAGE, Plan, march
from rosetta_jax.simulation.saving import decimation
from rosetta_jax.simulation.solution import Solution
from rosetta_jax.system import Rung

SAVES = ("signal", "states")


def simulate(
    system: Network | Rung,
    duration: float,
    dt: float,
    *,
    key: PRNGKeyArray | None = None,
    transient: float = 0.0,
    save: Sequence[str] = ("signal",),
    save_every: float | None = None,
    solver: diffrax.AbstractSolver | None = None,
    controller: diffrax.AbstractStepSizeController | None = None,
    past: Callable[[Scalar], Any] | None = None,
    block: int | None = None,
    max_steps: int = 1_000_000,
) -> Solution:
    r"""Simulate a network (or a bare rung) for `transient + duration` seconds.

    Fixed steps of `dt` (s) by `solver`, an explicit diffrax solver, Heun by default; delays are
    read by linear interpolation at every stage, so Heun keeps order two. `key` is needed where
    there is noise. `transient` (s) is simulated and dropped. `save` names what is kept, "signal"
    and "states"; `save_every` (s, a whole number of steps) low-passes and then thins. `past(t)`
    gives the state for t <= 0 (s), by default the rung's starting state held for ever. `block` is
    the number of steps under one checkpoint, by default about the root of all steps: memory of a
    reverse gradient goes as (steps / block) states and block steps' intermediates.

    With a `controller` the step adapts instead, and results are given every `save_every` (or `dt`):
    only without delays and noise.

    Returns a `Solution`; a lane that fails says so in `status`. Raises `ValueError` for durations
    or steps that do not fit, a missing key, or noise that describes spectra only.

    Differentiable in every parameter, speed and lengths included, forward and reverse.
    """
    network = as_network(system)
    step = _checks.known("dt", dt, "s")
    factor = _whole("save_every", step if save_every is None else save_every, step)
    every = factor * step
    samples = _count("duration", duration, every)
    dropped = _count("transient", transient, every) if transient else 0
    for name in save:
        _checks.one_of("save", name, SAVES)
    dtype = jnp.result_type(float)
    times = jnp.asarray((dropped + np.arange(samples)) * every, dtype)
    if controller is not None:
        signal, states, status = solve(
            network,
            times,
            jnp.asarray(step, dtype),
            diffrax.Tsit5() if solver is None else solver,
            controller,
            max_steps,
            past,
        )
        states = states if "states" in save else None
    else:
        plan = _plan(network, step, factor, samples, dropped, "states" in save, solver, block)
        signal, states, status = march(
            network, jnp.asarray(step, dtype), _key(network, key), plan, past
        )
    return Solution(times, signal, states, status, dt=every)


def _plan(
    network: Network,
    dt: float,
    factor: int,
    samples: int,
    dropped: int,
    save_states: bool,
    solver: diffrax.AbstractSolver | None,
    block: int | None,
) -> Plan:
    steps = (samples + dropped) * factor
    size = min(max(64, math.isqrt(steps)), 1024) if block is None else block
    if size < 1:
        raise ValueError(f"`block` must be at least one step, got {block}.")
    # Whole pages of noise where they fit, so that none is drawn twice.
    pages = math.lcm(factor, PAGE)
    unit = pages if block is None and pages <= size else factor
    return Plan(
        samples=samples,
        dropped=dropped,
        block=-(-size // unit) * unit,
        rows=history_rows(network, dt),
        below_step=may_be_below_step(network, dt),
        save_states=save_states,
        decimation=decimation(factor),
        solver=diffrax.Heun() if solver is None else solver,
    )


def _key(network: Network, key: PRNGKeyArray | None) -> PRNGKeyArray:
    if key is not None:
        return key
    if network.noise is not None or network.sensor is not None:
        raise ValueError("`key` is needed where there is noise: give key=jax.random.key(seed).")
    return jax.random.key(0)


def _whole(name: str, value: float, step: float) -> int:
    ratio = _checks.known(name, value, "s") / step
    if abs(ratio - round(ratio)) > 1e-6 * ratio or round(ratio) < 1:
        raise ValueError(
            f"`{name}` must be a whole number of steps: {value} s is {ratio:g} steps of {step} s."
        )
    return round(ratio)


def _count(name: str, value: float, every: float) -> int:
    """How many samples `every` s apart make up `value` s."""
    ratio = _checks.known(name, value, "s") / every
    if abs(ratio - round(ratio)) > 1e-6 * max(ratio, 1.0) or round(ratio) < 1:
        raise ValueError(
            f"`{name}` must be a whole number of samples: {value} s is {ratio:g} times {every} s."
        )
    return round(ratio)
