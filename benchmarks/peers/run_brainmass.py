"""brainmass: its own nodes by its Heun step, coupling frozen over a step, its ring of delays.

It rounds delays up to whole steps, so it is given delays a quarter of a step short of the rounded ones. Its
white noise is a deviate a step whatever the step, so its strength is divided by the root of the step; with its
Heun it is held over both stages. Networks without delays read a dense linear map of the state, which is faster
than its `Network` with delays of zero. W4 has no reduced Wong-Wang model there, and W6 no delayed lanes.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import brainmass
import brainstate
import braintools
import brainunit as u
import jax
import jax.numpy as jnp
import measure
import numpy as np
import workloads
from brainmass.coupling import AdditiveConn

PACKAGES = ("brainmass", "brainstate", "brainunit", "jax", "jaxlib", "numpy")


class Network(brainstate.nn.Module):
    """A node and what its coupling gives it each step."""

    def __init__(self, node: Any, coupling: Callable[[], Any], port: str):
        super().__init__()
        self.node, self.coupling, self.port = node, coupling, port

    def update(self) -> Any:
        return self.node(**{self.port: self.coupling()})


def noise(case: workloads.Case, unit: Any = 1.0) -> Any:
    """Its white noise for increments of the workload's strength, or none."""
    if not case.noisy:
        return None
    return brainmass.WhiteNoise(case.nodes, sigma=case.model.sigma / np.sqrt(case.dt) * unit)


def delayed(case: workloads.Case, node: Any, state: str, begin: Any) -> Any:
    """What a state was, `(target, source)`."""
    steps = workloads.delay_steps(case.nodes, case.dt) - 0.25
    lags = np.maximum(steps, 0.0).astype(np.float32) * case.dt * u.ms
    sources = brainmass.utils.delay_index(case.nodes)
    return node.prefetch_delay(state, (lags, sources), init=braintools.init.Constant(begin))


def oscillators(case: workloads.Case, free: bool) -> tuple[Any, Any]:
    """A Stuart-Landau network and its nodes; growth and gain are trained where they are free."""
    model, constant = case.model, braintools.init.Constant
    held = brainstate.nn.Param if free else lambda value: value
    growth = held(jnp.full(case.nodes, model.a, jnp.float32))
    node = brainmass.StuartLandauStep(
        case.nodes,
        a=growth,
        w=model.omega,
        noise_x=noise(case),
        noise_y=noise(case),
        init_x=constant(model.start[0]),
        init_y=constant(model.start[1]),
        method="rk2",
    )
    weights = jnp.asarray(workloads.connectome(case.nodes)[0], jnp.float32)
    gain = held(jnp.float32(model.gain))
    if case.kind.delayed:
        source = delayed(case, node, "x", model.start[0])
        return Network(node, brainmass.AdditiveCoupling(source, weights, k=gain), "x_inp"), node
    # The gain is in the weights: without delays there is no gradient among the workloads.
    linear = AdditiveConn(node, "x", w_init=weights.T * model.gain, b_init=None)
    return Network(node, linear, "x_inp"), node


def columns(case: workloads.Case) -> tuple[Any, Any]:
    """A Jansen-Rit network and its nodes."""
    model, hertz = case.model, 1 / u.ms
    # Noise enters the input rate, which the synapse weighs by A a.
    scale = hertz / (model.excitatory * model.excitatory_rate)
    node = brainmass.JansenRitStep(
        case.nodes, v0=model.threshold * u.mV, noise_E=noise(case, scale), method="rk2"
    )
    weights = jnp.asarray(workloads.connectome(case.nodes)[0], jnp.float32)
    up, down = (delayed(case, node, state, 0.0) for state in ("E", "I"))
    sent = brainmass.SigmoidalJansenRitCoupling(
        lambda: u.get_magnitude(up()) - u.get_magnitude(down()),
        weights,
        k=model.gain,
        cmax=2 * model.half_rate,
        midpoint=model.threshold,
        r=model.slope,
    )
    # Attributes, so that the library finds their states.
    sent.up, sent.down = up, down

    def drive() -> Any:
        return (model.drive + sent()) * hertz

    network = Network(node, drive, "E_inp")
    network.sent = sent
    return network, node


def build(case: workloads.Case, given: argparse.Namespace) -> measure.Program:
    """The workload, compiled."""
    if case.kind.model is workloads.WongWang or case.kind.ensemble:
        raise NotImplementedError("no reduced Wong-Wang model, no delayed lanes")
    brainstate.environ.set(dt=case.dt * u.ms)
    column = case.kind.model is workloads.JansenRit
    network, node = columns(case) if column else oscillators(case, case.kind.gradient)
    names = ("M", "E", "I", "Mv", "Ev", "Iv") if column else ("x", "y")

    def march(kept: tuple[str, ...]) -> tuple[Any, ...]:
        brainstate.nn.init_all_states(network)

        def step(number: jax.Array) -> tuple[Any, ...]:
            with brainstate.environ.context(i=number, t=number * case.dt * u.ms):
                network.update()
            return tuple(u.get_magnitude(getattr(node, name).value) for name in kept)

        return brainstate.transform.for_loop(step, np.arange(case.steps))

    def objective() -> jax.Array:
        return workloads.loss(march(("x",))[0], jnp)

    if case.kind.gradient:
        trained = network.states(brainstate.ParamState)
        run = brainstate.transform.jit(
            brainstate.transform.grad(objective, trained, return_value=True)
        )

        def seen(found: Any) -> np.ndarray:
            slopes, value = found
            by_node = [slope for slope in jax.tree.leaves(slopes) if slope.ndim == 1]
            by_gain = [slope for slope in jax.tree.leaves(slopes) if slope.ndim == 0]
            return np.array([value, by_node[0].sum(), by_gain[0]])

    else:
        run = brainstate.transform.jit(lambda: march(names))

        def seen(found: Any) -> np.ndarray:
            return np.asarray(found[1] - found[2] if column else found[0])

    begun = time.perf_counter()
    jax.block_until_ready(run())
    seconds = time.perf_counter() - begun
    return measure.Program(
        lambda: jax.block_until_ready(run()),
        seen,
        scheme="frozen",
        dtype="float32",
        setting=given.setting,
        compile_seconds=seconds,
    )


if __name__ == "__main__":
    measure.main("brainmass", build, PACKAGES, measure.arguments().parse_args())
