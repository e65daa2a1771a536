"""vbjax: its stochastic Heun loops and its delay helper; the slopes of nodes are given where it has none.

Its corrector reads what arrives at the end of the step, as rosetta_jax does. It rounds delays down, so it is
given rounded ones. States, past and noise share one array, which the loop fills; XLA copies it at every step, so
it is marched in chunks by the library's helper for that. `--setting` is the unrolling of the loop without delays
(`unroll=10`), or the steps of a chunk (`chunk=250`). Jansen-Rit is its own model.
"""

import argparse
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import measure
import vbjax
import workloads
from jax_program import program


def slopes(model: Any) -> Callable[[jax.Array, jax.Array, dict[str, Any]], jax.Array]:
    """`(state, arriving, values) -> slope` of all nodes."""
    if isinstance(model, workloads.JansenRit):
        theta = vbjax.jr_default_theta._replace(v0=model.threshold, mu=model.drive)
        return lambda state, arriving, values: vbjax.jr_dfun(state, arriving, theta)
    if isinstance(model, workloads.WongWang):
        return lambda state, arriving, values: wong_wang(model, state, arriving, values["w"])

    def stuart_landau(state: jax.Array, arriving: jax.Array, values: dict[str, Any]) -> jax.Array:
        x, y = state
        growth = values["a"] - (x * x + y * y)
        return jnp.array([growth * x - model.omega * y + arriving, growth * y + model.omega * x])

    return stuart_landau


def wong_wang(model: Any, state: jax.Array, arriving: jax.Array, w: Any) -> jax.Array:
    """The slope of reduced Wong-Wang nodes."""
    (gate,) = state
    above = model.slope * (model.current * (w * gate + arriving) + model.background) - model.offset
    rate = above / (1 - jnp.exp(-model.curvature * above))
    return jnp.array([-gate / model.decay + (1 - gate) * rate * model.kinetics])


def sent(model: Any, state: jax.Array) -> jax.Array:
    """What nodes send, of states `(components, ...)`."""
    if not isinstance(model, workloads.JansenRit):
        return state[0]
    return (
        2 * model.half_rate / (1 + jnp.exp(model.slope * (model.threshold - state[1] + state[2])))
    )


def noise_of(model: Any) -> jax.Array:
    """The strength at each component, `(components, 1)`."""
    noisy = [model.sigma * (at == 4 or len(model.start) < 6) for at in range(len(model.start))]
    return jnp.array(noisy, jnp.float32)[:, None]


def instantaneous(case: workloads.Case, unroll: int) -> Callable[..., jax.Array]:
    """`(values, key) -> states` without delays."""
    model, slope = case.model, slopes(case.model)
    weights = jnp.asarray(workloads.connectome(case.nodes)[0], jnp.float32)

    def field(state: jax.Array, values: dict[str, Any]) -> jax.Array:
        return slope(state, values["G"] * (weights @ sent(model, state)), values)

    _, loop = vbjax.make_sde(case.dt, field, noise_of(model), unroll=unroll)
    shape = (case.steps, len(model.start), case.nodes)
    begin = jnp.repeat(jnp.array(model.start)[:, None], case.nodes, axis=1)
    return lambda values, key: loop(begin, jax.random.normal(key, shape), values)


def delayed(case: workloads.Case, chunk: int) -> Callable[..., jax.Array]:
    """`(values, key) -> states` with delays, some steps at a time."""
    model, slope = case.model, slopes(case.model)
    weights = jnp.asarray(workloads.connectome(case.nodes)[0], jnp.float32)
    lengths = jnp.asarray(workloads.delay_steps(case.nodes, case.dt) + 0.25)
    helper = vbjax.make_delay_helper(weights, lengths, dt=1.0, v_c=1.0)
    past, sources, components = int(helper.max_lag), helper.ix_lag_from, len(model.start)

    def arriving(buffer: jax.Array, time: Any) -> jax.Array:
        if isinstance(model, workloads.JansenRit):
            # The helper sums states; a column sends a function of two.
            heard = sent(model, jnp.moveaxis(buffer[time - helper.lags, :, sources], -1, 0))
            return (weights * heard).sum(1)
        return vbjax.delay_apply(helper, time, buffer[:, :1])[0]

    def field(buffer: jax.Array, state: jax.Array, time: Any, values: dict[str, Any]) -> jax.Array:
        return slope(state, values["G"] * arriving(buffer, time), values)

    _, loop = vbjax.make_sdde(case.dt, past, field, noise_of(model))
    chunks = -(-case.steps // chunk)
    length = -(-case.steps // chunks)
    further = vbjax.make_continuation(loop, length, past, case.nodes, components)
    shape = (past + 1 + length, components, case.nodes)
    begin = jnp.broadcast_to(jnp.array(model.start)[None, :, None], shape)

    def states(values: dict[str, Any], key: jax.Array) -> jax.Array:
        keys = jax.random.split(key, chunks)
        _, found = jax.lax.scan(lambda buffer, key: further(buffer, values, key), begin, keys)
        return found.reshape(-1, components, case.nodes)[: case.steps]

    return states


def build(case: workloads.Case, given: argparse.Namespace) -> measure.Program:
    """The workload, compiled."""
    model = case.model
    number = int(given.setting.partition("=")[2] or (250 if case.kind.delayed else 10))
    run = (delayed if case.kind.delayed else instantaneous)(case, number)
    known = {"G": model.gain} | {name: getattr(model, name, 0.0) for name in ("a", "w")}

    def states(values: dict[str, Any], key: jax.Array) -> jax.Array:
        return run(known | values, key)

    def observed(states: jax.Array) -> jax.Array:
        column = isinstance(model, workloads.JansenRit)
        return states[:, 1] - states[:, 2] if column else states[:, 0]

    return program(case, states, observed, scheme="both ends", setting=given.setting)


if __name__ == "__main__":
    packages = ("vbjax", "jax", "jaxlib", "numpy")
    measure.main("vbjax", build, packages, measure.arguments().parse_args())
