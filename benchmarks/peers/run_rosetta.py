"""rosetta_jax through its public API: `rj.simulate` on a `rj.Network` of a rung, in seconds.

`--delays interpolated` is its default; `rounded` rounds delays to whole steps as the peers do. Either way what
arrives is read at both ends of a step. `--setting` names a way to read what arrives other than the one it chooses
(`transport=ring`; the approximate `transport=taps`; without delays `transport=predicted`), the steps under one
checkpoint (`block=100`), and how many lanes are marched together (`group=8`). With `free=speed` the gradient is
taken of the speed, too, in a network that knows the range of its delays.
"""

import argparse
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import measure
import numpy as np
import workloads
from jax_program import program

import rosetta_jax as rj

# Workloads are in ms, the library in s.
PER_SECOND = 1000.0
SPEED = workloads.MM_PER_MS


class CoupledByX(rj.StuartLandau):
    """Stuart-Landau nodes that send x alone and hear it on x, as the workloads have it."""

    coupling: ClassVar[str] = "additive"

    def send(self, state: Any, inputs: Any) -> jax.Array:
        return state.x[None]

    def receive(self, combined: jax.Array) -> Any:
        return self.Inputs(x=combined[0])


class Gate(eqx.Module):
    """The state of a reduced Wong-Wang node."""

    gate: jax.Array = rj.component(unit="", description="open share of the NMDA channels")


class Drive(eqx.Module):
    """Where anything enters a reduced Wong-Wang node."""

    gating: jax.Array = rj.port(unit="1/s", linear=True, description="force on the gate")
    current: jax.Array = rj.port(
        unit="", linear=False, description="gates of others, in units of J"
    )


class WongWang(rj.Rung):
    """The reduced Wong-Wang model (Deco et al. 2013), a rung of the user's."""

    State: ClassVar[type] = Gate
    Inputs: ClassVar[type] = Drive
    coupling: ClassVar[str] = "additive"
    drive_port: ClassVar[str] = "current"
    field_port: ClassVar[str] = "current"
    noise_ports: ClassVar[tuple[str, ...]] = ("gating",)
    signal_unit: ClassVar[str] = ""

    w: jax.Array = rj.parameter(0.5, unit="", symbol="w", description="recurrence")
    background: jax.Array = rj.parameter(0.33, unit="nA", symbol="I", description="input current")
    known: ClassVar[workloads.WongWang] = workloads.WongWang()

    def start(self, nodes: int) -> Gate:
        return Gate(gate=jnp.full(nodes, self.known.start[0]))

    def vector_field(self, t: Any, state: Gate, inputs: Drive) -> Gate:
        known, gate = self.known, state.gate
        driven = known.current * (self.w * gate + inputs.current) + self.background
        above = known.slope * driven - known.offset
        rate = above / (1 - jnp.exp(-known.curvature * above))
        slope = (1 - gate) * rate * known.kinetics - gate / known.decay
        return Gate(gate=PER_SECOND * slope + inputs.gating)

    def send(self, state: Gate, inputs: Drive) -> jax.Array:
        return state.gate[None]

    def receive(self, combined: jax.Array) -> Drive:
        return Drive(current=combined[0])

    def signal(self, state: Gate, inputs: Drive) -> jax.Array:
        return state.gate

    def push_pull(self, state: Gate, inputs: Drive) -> tuple[jax.Array, jax.Array]:
        rest = self.vector_field(0.0, state, inputs).gate
        decay = -PER_SECOND * state.gate / self.known.decay
        return rest - decay, decay


def rung_of(model: Any) -> tuple[rj.Rung, float, float]:
    """The rung, what one unit of gain is in seconds, and the strength of the noise at its ports."""
    strength = model.sigma * np.sqrt(PER_SECOND)
    if isinstance(model, workloads.StuartLandau):
        rung = CoupledByX(
            alpha=PER_SECOND * model.a, omega=PER_SECOND * model.omega, gamma=PER_SECOND
        )
        return rung, PER_SECOND, strength
    if isinstance(model, workloads.WongWang):
        return (
            WongWang(w=jnp.asarray(model.w), background=jnp.asarray(model.background)),
            1.0,
            strength,
        )
    # Noise enters the port `rate`, which the synapse weighs by A a.
    strength /= model.excitatory * model.excitatory_rate
    return rj.JansenRit(bias=PER_SECOND * model.drive, threshold=model.threshold), 1.0, strength


def network(case: workloads.Case, bounded: bool = False) -> rj.Network:
    """The network of a case, `bounded` in its delays where its speed may change."""
    weights, lags = workloads.connectome(case.nodes)
    between = lags[weights > 0] / PER_SECOND
    bounds = {"min_delay": 0.99 * between.min(), "max_delay": 1.01 * between.max()}
    rung, unit, strength = rung_of(case.model)
    return rj.Network(
        rung,
        rj.Connectome(weights, SPEED * lags if case.kind.delayed else None),
        gain=unit * case.model.gain,
        speed=SPEED,
        noise=rj.WhiteNoise(strength) if case.noisy else None,
        **(bounds if bounded else {}),
    )


def paths(case: workloads.Case) -> dict[str, tuple[str, float]]:
    """Where the library keeps what a gradient is taken of or lanes differ in, and its value per unit."""
    if isinstance(case.model, workloads.WongWang):
        return {"w": ("rung.w", 1.0), "G": ("gain", 1.0)}
    per_second = {"a": ("rung.alpha", PER_SECOND), "G": ("gain", PER_SECOND)}
    return per_second | {"speed": ("speed", 1.0)}


def options(case: workloads.Case, given: argparse.Namespace) -> dict[str, Any]:
    """The options of `rj.simulate` and `rj.ensemble`."""
    named = dict(part.split("=") for part in given.setting.split(",") if part)
    named.pop("free", None)
    chosen = {name: int(value) if value.isdigit() else value for name, value in named.items()}
    if case.kind.delayed and given.delays != "interpolated":
        chosen["delays"] = given.delays
    return chosen


def build(case: workloads.Case, given: argparse.Namespace) -> measure.Program:
    """The workload, compiled."""
    free_speed = "free=speed" in given.setting
    brain, named = network(case, bounded=free_speed), paths(case)
    step = case.dt / PER_SECOND
    how = options(case, given)
    # A sample is the state at the start of a step, so one more step shows the end of the last.
    samples = case.steps + (not case.noisy)

    def changed(values: dict[str, Any]) -> dict[str, Any]:
        return {named[name][0]: named[name][1] * value for name, value in values.items()}

    def solution(values: dict[str, Any], key: jax.Array, save: str) -> rj.Solution:
        altered = rj.replace(brain, changed(values))
        return rj.simulate(altered, samples * step, step, key=key, save=(save,), **how)

    def lanes(values: dict[str, Any], keys: jax.Array) -> jax.Array:
        found = rj.ensemble(brain, changed(values), samples * step, step, key=keys, **how)
        assert found.signal is not None
        return found.signal[:, -case.steps :]

    def signal(values: dict[str, Any], key: jax.Array) -> jax.Array:
        kept = solution(values, key, "signal").signal
        assert kept is not None
        return kept[-case.steps :]

    def observed(states: Any) -> jax.Array:
        return jax.vmap(lambda at: brain.rung.signal(at, brain.rung.Inputs()))(states)

    return program(
        case,
        lambda values, key: solution(values, key, "states").states,
        observed,
        signal=signal,
        lanes=lanes,
        further={"speed": SPEED} if free_speed else None,
        scheme="predicted" if how.get("transport") == "predicted" else "both ends",
        delays=given.delays,
        setting=given.setting,
    )


if __name__ == "__main__":
    packages = ("rosetta-jax", "jax", "jaxlib", "equinox", "numpy")
    measure.main("rosetta", build, packages, measure.arguments().parse_args())
