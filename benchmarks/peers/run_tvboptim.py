"""TVB-Optim: its own models and couplings, its native Heun, coupling frozen over a step, delays rounded.

`--setting` is a history buffer (`roll`, `circular`, `preallocated`), a `block_size` (0: none) and, for lanes, how
many are mapped at once, such as `roll,block=250,lanes=8`. It runs lanes itself by `jax.lax.map` with such a
batch. Weights and tables of delays are constants of the program; with `passed` they are arguments, which its
documentation does and is slower.
"""

import argparse
from typing import Any

import jax
import jax.numpy as jnp
import measure
import workloads
from jax_program import KEY, program
from tvboptim.experimental.network_dynamics import Network, prepare
from tvboptim.experimental.network_dynamics.coupling import (
    DelayedLinearCoupling,
    DelayedSigmoidalJansenRit,
    LinearCoupling,
)
from tvboptim.experimental.network_dynamics.dynamics.tvb import JansenRit, ReducedWongWang, SupHopf
from tvboptim.experimental.network_dynamics.graph import DenseDelayGraph, DenseGraph
from tvboptim.experimental.network_dynamics.noise import AdditiveNoise
from tvboptim.experimental.network_dynamics.solvers import Heun


def settings(given: str) -> dict[str, Any]:
    """The history buffer, the block size and the lanes of a setting."""
    found: dict[str, Any] = {"buffer": "roll", "block": None, "lanes": 8, "passed": False}
    for part in given.split(","):
        name, _, value = part.partition("=")
        if value:
            found[name] = int(value) or None
        elif part == "passed":
            found["passed"] = True
        elif part:
            found["buffer"] = part
    return found


def dynamics(model: Any) -> tuple[Any, list[str], str]:
    """The library's own model, the states that noise enters, and the state that is observed."""
    if isinstance(model, workloads.StuartLandau):
        return SupHopf(a=model.a, omega=model.omega), ["x", "y"], "x"
    if isinstance(model, workloads.WongWang):
        return ReducedWongWang(w=model.w, I_o=model.background), ["S"], "S"
    return JansenRit(v0=model.threshold, mu=model.drive, INITIAL_STATE=model.start), ["y4"], "y1"


def coupling(case: workloads.Case, observed: str, buffer: str) -> Any:
    """Its coupling into the port of one channel, which it calls instantaneous whether or not delayed."""
    model = case.model
    if isinstance(model, workloads.JansenRit):
        return DelayedSigmoidalJansenRit(
            buffer_strategy=buffer,
            incoming_states=("y1", "y2"),
            G=model.gain,
            cmax=2 * model.half_rate,
            midpoint=model.threshold,
            r=model.slope,
        )
    if case.kind.delayed:
        return DelayedLinearCoupling(buffer_strategy=buffer, incoming_states=observed, G=model.gain)
    return LinearCoupling(incoming_states=observed, G=model.gain)


def prepared(case: workloads.Case, buffer: str, block: int | None) -> tuple[Any, Any]:
    """The library's simulation function and its configuration."""
    weights, lags = (
        jnp.asarray(matrix, jnp.float32) for matrix in workloads.connectome(case.nodes)
    )
    node, noisy, observed = dynamics(case.model)
    network = Network(
        node,
        {"instant": coupling(case, observed, buffer)},
        DenseDelayGraph(weights, lags) if case.kind.delayed else DenseGraph(weights),
        noise=AdditiveNoise(sigma=case.model.sigma, apply_to=noisy, key=KEY)
        if case.noisy
        else None,
    )
    # Half a step short of the end: the library counts steps in floating point.
    end = (case.steps - 0.5) * case.dt
    return prepare(network, Heun(block_size=block), t0=0.0, t1=end, dt=case.dt)


def build(case: workloads.Case, given: argparse.Namespace) -> measure.Program:
    """The workload, compiled."""
    chosen = settings(given.setting)
    simulate, held = prepared(case, chosen["buffer"], chosen["block"])

    def states(values: dict[str, Any], key: jax.Array, config: Any = held) -> jax.Array:
        changed = jax.tree.map(lambda leaf: leaf, config)
        for name, value in values.items():
            (changed.coupling.instant if name == "G" else changed.dynamics)[name] = value
        if case.noisy:
            changed.noise.key = key
        return simulate(changed).ys

    def observed(states: jax.Array) -> jax.Array:
        column = case.kind.model is workloads.JansenRit
        return states[:, 1] - states[:, 2] if column else states[:, 0]

    return program(
        case,
        states,
        observed,
        batch=chosen["lanes"],
        passed=(held,) if chosen["passed"] else (),
        scheme="frozen",
        setting=given.setting,
    )


if __name__ == "__main__":
    packages = ("tvboptim", "jax", "jaxlib", "numpy")
    measure.main("tvboptim", build, packages, measure.arguments("roll,block=250").parse_args())
