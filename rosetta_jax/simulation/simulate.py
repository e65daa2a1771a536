"""`simulate`: the one call that marches a network or a bare rung."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import diffrax
import jax.numpy as jnp

from rosetta_jax._types import Array, Float, PRNGKeyArray, Scalar
from rosetta_jax.network import Network, as_network
from rosetta_jax.network.transport import formulate
from rosetta_jax.observe import BalloonState
from rosetta_jax.observe.streaming import OfBold, Reduction
from rosetta_jax.simulation.adaptive import solve
from rosetta_jax.simulation.march import Kept, march
from rosetta_jax.simulation.planning import (
    SAVES,
    Request,
    check_adaptive,
    check_haemodynamics,
    check_past,
    check_step,
    given_back,
    key_for,
    requested,
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
    haemodynamics: BalloonState | None = None,
    delays: str = "interpolated",
    transport: str | None = None,
    block: int | None = None,
    recompute: bool | None = None,
    window: float | None = None,
    max_steps: int = 1_000_000,
) -> Solution:
    r"""Simulate a network (or a bare rung) for `transient + duration` seconds.

    Fixed steps of `dt` (s) by `solver`, an explicit diffrax solver, Heun by default. `key` is needed where
    there is noise. `transient` (s) is simulated and dropped. `save` names what is kept, "signal", "states", "bold"
    and "haemodynamics"; `save_every` (s, a whole number of steps) thins them, the signal after a low-pass, the
    others as they are (BOLD is a low-pass by itself).
    `reduce` maps names to measures that are folded up on the way (`rj.observe.Correlation()`,
    `rj.observe.WelchSpectrum()`...), found under `solution.reduced`; with `save=()` a run of any length then needs
    no more memory. `past(t)` gives the state for t <= 0 (s), by default the rung's starting state held for ever.

    BOLD is there for a network that has `bold`: its haemodynamics run along from `haemodynamics`, their state at
    time zero, by default steady under the activity then, in steps of their own of about 10 ms, right to order two;
    no `window` cuts derivatives through them. `reduce` takes the signal, and BOLD where it says
    `rj.observe.OfBold(...)`. To continue a run, save "states" and "haemodynamics" and give the last of them as
    `past` and `haemodynamics`.

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
    if haemodynamics is not None:
        check_haemodynamics(network, haemodynamics)
    step = jnp.asarray(request.dt, jnp.result_type(float))
    if controller is not None:
        check_adaptive(solver, controller)
        solver = diffrax.Tsit5() if solver is None else solver
        kept = _solved(network, request, step, solver, controller, max_steps, past, haemodynamics)
        settings = request.settings(network, solver, None)
    else:
        check_step(network, request.dt, solver)
        solver = diffrax.Heun() if solver is None else solver
        formulation = formulate(network, request.dt, delays, transport)
        plan = request.plan(network, formulation, solver, block, recompute, window)
        seed = key_for(network, key)
        kept = march(network, step, seed, plan, formulation, past, haemodynamics)
        settings = request.settings(network, solver, formulation)
    return given_back(request, kept, key, settings)


def _solved(
    network: Network,
    request: Request,
    step: Float[Array, ""],
    solver: diffrax.AbstractSolver,
    controller: diffrax.AbstractStepSizeController,
    max_steps: int,
    past: Callable[[Scalar], Any] | None,
    haemodynamics: BalloonState | None,
) -> Kept:
    """The network in steps that adapt, all samples folded up as one block."""
    vessels = (request.of_bold, haemodynamics)
    found = solve(network, request.times, step, solver, controller, max_steps, past, vessels)

    def reduced(each: Reduction) -> Any:
        series = found.signal
        if isinstance(each, OfBold):
            assert found.bold is not None
            series = found.bold
        memory = each.begin(request.samples, network.nodes, request.every, series.dtype)
        return each.finish(each.add(memory, series, jnp.int32(0)))

    kept = {name: getattr(found, name) if name in request.save else None for name in SAVES}
    results = {name: reduced(each) for name, each in request.reductions.items()}
    return Kept(**kept, reduced=results, status=found.status)
