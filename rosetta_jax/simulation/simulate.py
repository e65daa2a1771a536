"""`simulate`: the one call that marches a network or a bare rung."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, PRNGKeyArray, Scalar
from rosetta_jax.network import Network, as_network
from rosetta_jax.network.transport import Formulation, formulate
from rosetta_jax.simulation.adaptive import solve
from rosetta_jax.simulation.march import PAGE, Plan, march
from rosetta_jax.simulation.saving import decimation
from rosetta_jax.simulation.solution import Settings, Solution
from rosetta_jax.system import Rung, stack_state, unstack_state

SAVES = ("signal", "states")
# Steps are counted in 32 bits; more bytes than these no machine holds.
_MOST_STEPS, _MOST_BYTES = 2**31 - 1, 2**36
# Seconds: shorter steps are always tried. An explicit solver diverges beyond so many time scales a step.
_LONG_STEP, _BEYOND_STABLE = 0.02, 5.0


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
    delays: str = "interpolated",
    transport: str | None = None,
    block: int | None = None,
    max_steps: int = 1_000_000,
) -> Solution:
    r"""Simulate a network (or a bare rung) for `transient + duration` seconds.

    Fixed steps of `dt` (s) by `solver`, an explicit diffrax solver, Heun by default; delays are read by
    linear interpolation at every stage, so Heun keeps order two. `key` is needed where there is noise.
    `transient` (s) is simulated and dropped. `save` names what is kept, "signal" and "states";
    `save_every` (s, a whole number of steps) thins both, the signal after a low-pass, states as they
    are. `past(t)` gives the state for t <= 0 (s), by default the rung's starting state held for ever.
    `block` is the number of steps under one checkpoint, by default about the root of all steps: memory
    of a reverse gradient goes as (steps / block) states and block steps' intermediates.

    With a `controller` the step adapts instead, and results are given every `save_every` (or `dt`):
    only without delays and noise.

    Returns a `Solution`; a lane that fails says so in `status`, and `solution.report()` says how it was
    made. Whether the step is short enough `rj.halved_step` tells. Raises `ValueError` for durations or steps
    that do not fit, a missing key, or noise that describes spectra only.

    Differentiable in every parameter, speed and lengths included, forward and reverse.
    """
    network = as_network(system)
    step = _checks.known("dt", dt, "s")
    factor = _checks.multiple(
        "save_every", step if save_every is None else save_every, step, "steps"
    )
    every = factor * step
    samples = _checks.multiple("duration", duration, every, "samples")
    dropped = _checks.multiple("transient", transient, every, "samples") if transient else 0
    _check_length(network, factor * (samples + dropped), samples)
    if isinstance(save, str):
        raise TypeError(f'`save` must be a list of names such as ("signal",), got {save!r}.')
    for name in save:
        _checks.one_of("save", name, SAVES)
    if past is not None:
        _check_past(network, past)
    dtype = jnp.result_type(float)
    times = jnp.asarray((dropped + np.arange(samples)) * every, dtype)
    if controller is not None:
        _check_adaptive(solver, controller)
        solver = diffrax.Tsit5() if solver is None else solver
        signal, states, status = solve(
            network,
            times,
            jnp.asarray(step, dtype),
            solver,
            controller,
            max_steps,
            past,
        )
        states = states if "states" in save else None
    else:
        _check_step(network, step, solver)
        solver = diffrax.Heun() if solver is None else solver
        formulation = formulate(network, step, delays, transport)
        plan = _plan(formulation, factor, samples, dropped, "states" in save, solver, block)
        signal, states, status = march(
            network, jnp.asarray(step, dtype), _key(network, key), plan, formulation, past
        )
    settings = Settings(
        rung=type(network.rung).__name__,
        nodes=network.nodes,
        coupling=type(network.coupling).__name__,
        delays=network.connectome.lengths is not None,
        noise=type(network.noise).__name__ if network.noise is not None else "none",
        solver=type(solver).__name__,
        adaptive=controller is not None,
        dt=step,
        duration=samples * every,
        transient=dropped * every,
        sampling=every,
    )
    return Solution(times, signal, states, status, _words(key), settings)


def _words(key: PRNGKeyArray | None) -> Array | None:
    """The integers of a key, from which it can be made again."""
    if key is None or not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        return key
    return jax.random.key_data(key)


def _plan(
    formulation: Formulation,
    factor: int,
    samples: int,
    dropped: int,
    save_states: bool,
    solver: diffrax.AbstractSolver,
    block: int | None,
) -> Plan:
    steps = (samples + dropped) * factor
    size = min(max(64, math.isqrt(steps)), 1024) if block is None else _checks.whole("block", block)
    # Whole pages of noise where they fit, so that none is drawn twice.
    pages = math.lcm(factor, PAGE)
    unit = pages if block is None and pages <= size else factor
    unit = math.lcm(unit, formulation.chunk)
    return Plan(
        samples=samples,
        dropped=dropped,
        block=-(-size // unit) * unit,
        save_states=save_states,
        decimation=decimation(factor),
        solver=solver,
    )


def _key(network: Network, key: PRNGKeyArray | None) -> PRNGKeyArray:
    if key is not None:
        return _checks.key("key", key)
    if network.noise is not None or network.sensor is not None:
        raise ValueError("`key` is needed where there is noise: give key=jax.random.key(seed).")
    return jax.random.key(0)


def _check_length(network: Network, steps: int, samples: int) -> None:
    """Raise for marches that no machine holds, as where seconds are given in milliseconds."""
    size = 8 * samples * network.nodes
    if steps > _MOST_STEPS or size > _MOST_BYTES:
        raise ValueError(
            f"`duration` takes {steps:.3g} steps and keeps {size / 2**30:.3g} GiB: give `duration` and `dt` "
            "in seconds, lengthen `dt`, or thin by `save_every`."
        )


def _check_past(network: Network, past: Any) -> None:
    """Raise where `past` is no function of time that gives a state."""
    if not callable(past):
        raise TypeError(
            "`past` must be a function of time (s) that gives a state, such as `lambda t: state`, got "
            f"{_checks.shown(past)}."
        )
    wanted = jax.eval_shape(network.start)
    found = jax.eval_shape(past, jax.ShapeDtypeStruct((), jnp.result_type(float)))
    shapes = [jax.tree.map(lambda leaf: leaf.shape, tree) for tree in (wanted, found)]
    if jax.tree.structure(wanted) != jax.tree.structure(found) or shapes[0] != shapes[1]:
        raise ValueError(
            f"`past` must give a {type(wanted).__name__} of {network.nodes} nodes, as `network.start()` does, "
            f"got {_checks.shown(shapes[1])}."
        )


def _check_adaptive(solver: Any, controller: Any) -> None:
    kinds = diffrax.AbstractStepSizeController, diffrax.AbstractSolver
    _checks.instance("controller", controller, kinds[0], "a diffrax.PIDController(rtol, atol)")
    if solver is not None:
        _checks.instance("solver", solver, kinds[1], "a diffrax solver such as diffrax.Tsit5()")


def _check_step(network: Network, dt: float, solver: Any) -> None:
    """Raise for a solver that cannot march, and for steps that no explicit solver survives."""
    if solver is not None:
        _checks.instance(
            "solver", solver, diffrax.AbstractSolver, "a diffrax solver such as diffrax.Heun()"
        )
        if isinstance(solver, diffrax.AbstractImplicitSolver):
            raise ValueError(
                f"`solver` {type(solver).__name__} is implicit, which a march is not: take diffrax.Heun() or "
                "diffrax.Dopri5()."
            )
    # Only steps so long are looked at, which all that are given in milliseconds are.
    if dt >= _LONG_STEP and _checks.is_concrete(network):
        fastest = _fastest(network)
        if dt * fastest > _BEYOND_STABLE:
            raise ValueError(
                f"`dt` of {dt:g} s is {dt * fastest:.3g} times the shortest time scale of "
                f"{type(network.rung).__name__}, {1 / fastest:.2g} s: give seconds, not milliseconds, and a "
                "tenth of that time scale at most."
            )


def _fastest(network: Network) -> float:
    """The largest rate (1/s) of a node alone at its start: of the eigenvalues of its linearisation."""
    with jax.ensure_compile_time_eval():
        state, inputs = network.start(), network.rung.Inputs()

        def flow(stacked: Any) -> Any:
            unstacked = unstack_state(network.rung, stacked)
            return stack_state(network.rung.vector_field(jnp.zeros(()), unstacked, inputs))

        stacked = stack_state(state)
        # Nodes side by side: one derivative a component serves all of them.
        columns = [
            jax.jvp(flow, (stacked,), (jnp.zeros_like(stacked).at[row].set(1.0),))[1]
            for row in range(stacked.shape[0])
        ]
        jacobians = np.stack([np.asarray(column).T for column in columns], axis=-1)
    return float(np.abs(np.linalg.eigvals(jacobians)).max())
