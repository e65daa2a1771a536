"""`simulate`: the one call that marches a network or a bare rung."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import diffrax
import jax.numpy as jnp

from rosetta_jax._types import Array, Float, PRNGKeyArray, Scalar
from rosetta_jax.network import Network, as_network
from rosetta_jax.network.transport import formulate
from rosetta_jax.observe.streaming import Reduction
from rosetta_jax.simulation.adaptive import solve
from rosetta_jax.simulation.march import Kept, march
from rosetta_jax.simulation.planning import (
    Request,
    check_adaptive,
    check_past,
    check_step,
    key_for,
    requested,
    words,
)
from rosetta_jax.simulation.solution import Solution
from rosetta_jax.system import Rung


def simulate(
    system: Network | Rung,
    duration: float,
    dt: float,
    *,
    key: PRNGKeyArray | None = None,
    transient: float = 0.0,
    save: Sequence[str] = ("signal",),
    save_every: float | None = None,
    reduce: Mapping[str, Reduction] | None = None,
    solver: diffrax.AbstractSolver | None = None,
    controller: diffrax.AbstractStepSizeController | None = None,
    past: Callable[[Scalar], Any] | None = None,
    delays: str = "interpolated",
    transport: str | None = None,
    block: int | None = None,
    recompute: bool | None = None,
    window: float | None = None,
    max_steps: int = 1_000_000,
) -> Solution:
    r"""Simulate a network (or a bare rung) for `transient + duration` seconds.

    Fixed steps of `dt` (s) by `solver`, an explicit diffrax solver, Heun by default. `key` is needed where
    there is noise. `transient` (s) is simulated and dropped. `save` names what is kept, "signal" and "states";
    `save_every` (s, a whole number of steps) thins both, the signal after a low-pass, states as they are.
    `reduce` maps names to measures that are folded up on the way (`rj.observe.Correlation()`,
    `rj.observe.WelchSpectrum()`...), found under `solution.reduced`; with `save=()` a run of any length then needs
    no more memory. `past(t)` gives the state for t <= 0 (s), by default the rung's starting state held for ever.

    `delays` are "interpolated" between steps at every stage, so that Heun keeps order two, or "rounded" to whole
    steps, which is faster and moves each by up to half a step. `transport` names how they are read, by default
    the fastest way for the network (`rj.explain` tells which): "ring", "split", "ring and slices" or "slices";
    all give the same numbers, to rounding. "taps", for delays all beyond nine steps, has to be asked for: faster
    in large networks and approximate, signals up to 60 Hz right to a thousandth. Without delays what arrives is
    computed at every stage ("at once"), or where "predicted" is asked for once a step, at half the cost in large
    networks and still with order two.

    **Gradients.** Differentiable in every parameter, speed and lengths included (rounded delays have no
    derivative). Reverse mode costs two to three runs for any number of parameters. It keeps one state for each
    `block` of steps (by default about the root of all steps) and, unless `recompute` is set, what arrives in
    each step, channels x nodes numbers (up to three times as many where the speed is free); by default that is
    kept while what arrives fills less than 64 MB. Forward mode costs about one run a parameter and keeps nothing:
    better for up to three. Of chaotic or growing runs any gradient grows exponentially with the duration, at the
    rate of `rj.lyapunov_exponent`: shorten the run, or cut it into windows of `window` seconds, across which no
    derivative passes. A gradient then reaches back no further than the start of its window: it stays bounded at
    the same cost, and leaves out slower influences.

    With a `controller` the step adapts instead, and results are given every `save_every` (or `dt`):
    only without delays and noise.

    Returns a `Solution`; a lane that fails says so in `status`, and `solution.report()` says how it was
    made. Whether the step is short enough `rj.halved_step` tells. Raises `ValueError` for durations or steps
    that do not fit, a missing key, noise that describes spectra only, or a transport that does not suit.
    """
    network = as_network(system)
    request = requested(network, duration, dt, transient, save, save_every, reduce)
    if past is not None:
        check_past(network, past)
    step = jnp.asarray(request.dt, jnp.result_type(float))
    if controller is not None:
        check_adaptive(solver, controller)
        solver = diffrax.Tsit5() if solver is None else solver
        kept = _solved(network, request, step, solver, controller, max_steps, past)
        settings = request.settings(network, solver, None)
    else:
        check_step(network, request.dt, solver)
        solver = diffrax.Heun() if solver is None else solver
        formulation = formulate(network, request.dt, delays, transport)
        plan = request.plan(network, formulation, solver, block, recompute, window)
        kept = march(network, step, key_for(network, key), plan, formulation, past)
        settings = request.settings(network, solver, formulation)
    return Solution(
        request.times, kept.signal, kept.states, kept.reduced, kept.status, words(key), settings
    )


def _solved(
    network: Network,
    request: Request,
    step: Float[Array, ""],
    solver: diffrax.AbstractSolver,
    controller: diffrax.AbstractStepSizeController,
    max_steps: int,
    past: Callable[[Scalar], Any] | None,
) -> Kept:
    """The network in steps that adapt, all samples folded up as one block."""
    times = request.times
    signal, states, status = solve(network, times, step, solver, controller, max_steps, past)

    def reduced(each: Reduction) -> Any:
        memory = each.begin(request.samples, network.nodes, request.every, signal.dtype)
        first = jnp.int32(-request.dropped)
        return each.finish(each.add(memory, signal, first))

    return Kept(
        signal if "signal" in request.save else None,
        states if "states" in request.save else None,
        {name: reduced(each) for name, each in request.reductions.items()},
        status,
    )
