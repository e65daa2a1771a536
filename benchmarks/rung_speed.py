"""Every rung's march against a bare `lax.scan` of the same arithmetic, in one process, in turns.

The embedded brain of 68 regions, with delays and white noise, each rung at its working point, by Heun. The
reference is written by hand: the rung's own vector field, one stacked history, places of delayed values known
when it is compiled, as many normal deviates drawn a block at a time; no checks, no checkpoints, no low-pass.
Both read delays by linear interpolation, each value gathered once a step. Without noise both must agree, which
is checked first. Prints a table: processor time a step and node of both and their ratio, from the fastest of
some turns, and the ratio of medians beside it, since other work on a machine only ever makes a run slower.

    python benchmarks/rung_speed.py [--steps 4096] [--repeats 9] [--double] [--rung JansenRit]
"""

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

# One thread each, so that process time is the time of the work.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault(
    "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from arriving import Arriving
from jax import lax
from rich import box
from rich.console import Console
from rich.table import Table

import rosetta_jax as rj
from rosetta_jax.cli.cost import in_turns, machine, marching
from rosetta_jax.working_points import WORKING_POINTS

AIM = 1.4
BLOCK = 64
KEY = jax.random.key(0)


def reference(brain: rj.Network, dt: float, steps: int) -> Callable[[], Any]:
    """A call that marches the brain by a bare `lax.scan`, and waits for the signals."""
    weights = brain.connectome.weights
    delays, strengths = Arriving(weights, np.asarray(brain.delays()) / dt), weights.sum(axis=1)
    ports = brain.noise_ports if brain.noise is not None else ()
    scale = brain.noise.sigma / np.sqrt(dt) if ports else None
    h = jnp.asarray(dt, jnp.result_type(float))

    @eqx.filter_jit
    def run(rung: rj.Rung, gain: jax.Array, key: jax.Array) -> jax.Array:
        def slope(state: Any, arriving: jax.Array, eta: Any) -> Any:
            sent = rung.send(state, rung.Inputs())
            inputs = rung.receive(gain * brain.coupling.combine(arriving, sent, strengths))
            values = {port: getattr(inputs, port) + eta[place] for place, port in enumerate(ports)}
            inputs = eqx.tree_at(
                lambda tree: [getattr(tree, port) for port in ports], inputs, list(values.values())
            )
            return rung.vector_field(jnp.zeros_like(h), state, inputs)

        def step(carry: Any, normal: Any) -> tuple[Any, jax.Array]:
            state, history = carry
            eta = scale * normal if ports else None
            history, begin, end = delays.advance(history, rung.send(state, rung.Inputs()))
            first = slope(state, begin, eta)
            ahead = jax.tree.map(lambda x, k: x + h * k, state, first)
            second = slope(ahead, end, eta)
            after = jax.tree.map(lambda x, k, l: x + h / 2 * (k + l), state, first, second)
            return (rung.wrap(after), history), rung.signal(state, rung.Inputs())

        def block(carry: Any, number: jax.Array) -> tuple[Any, jax.Array]:
            normal = None
            if ports:
                drawn = (BLOCK, len(ports), brain.nodes)
                normal = jax.random.normal(jax.random.fold_in(key, number), drawn, h.dtype)
            return lax.scan(step, carry, normal, length=BLOCK)

        state = jax.tree.map(lambda leaf: leaf.astype(h.dtype), rung.start(brain.nodes))
        begun = (state, delays.begin(rung.send(state, rung.Inputs())))
        _, signal = lax.scan(block, begun, jnp.arange(steps // BLOCK))
        return signal.reshape(-1, brain.nodes)

    return lambda: jax.block_until_ready(run(brain.rung, brain.gain, KEY))


def check(kind: type[rj.Rung], dt: float) -> None:
    """Raises unless march and reference agree without noise."""
    brain = rj.working_brain(kind, rj.synthetic.connectome(), noise=False)
    found, exact = (make(brain, dt, 8 * BLOCK)() for make in (marching, reference))
    np.testing.assert_allclose(found, exact, atol=1e-4 * float(np.abs(exact).max()))


def row(kind: type[rj.Rung], steps: int, repeats: int) -> tuple[str, float, float, float, float]:
    """The name of a rung, microseconds a step and node of march and reference, and both ratios."""
    dt = WORKING_POINTS[kind].dt
    check(kind, dt)
    brain = rj.working_brain(kind, rj.synthetic.connectome())
    calls = [make(brain, dt, steps) for make in (marching, reference)]
    times = in_turns(calls, repeats, time.process_time) / steps / brain.nodes * 1e6
    (march, bare), medians = times.min(axis=0), np.median(times, axis=0)
    return kind.__name__, march, bare, march / bare, medians[0] / medians[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=4096, help=f"in blocks of {BLOCK}")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--double", action="store_true", help="float64")
    parser.add_argument("--rung", help="this one only, by the name of its class")
    given = parser.parse_args()
    jax.config.update("jax_enable_x64", given.double)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    kinds = [step.kind for step in rj.ladder() if given.rung in (None, step.kind.__name__)]
    table = Table(title=f"{machine()}, one used", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("rung", no_wrap=True)
    for heading in ("march, µs", "scan, µs", "ratio", "of medians", f"within {AIM}"):
        table.add_column(heading, justify="right")
    for kind in kinds:
        name, march, bare, ratio, medians = row(kind, given.steps // BLOCK * BLOCK, given.repeats)
        table.add_row(
            name,
            f"{march:.3f}",
            f"{bare:.3f}",
            f"{ratio:.2f}",
            f"{medians:.2f}",
            "yes" if ratio <= AIM else "no",
        )
    table.caption = (
        "Processor time a step and node, fastest of the turns; 68 regions, delays, noise, Heun."
    )
    Console().print(table)


if __name__ == "__main__":
    main()
