"""The march against a bare `lax.scan` of the same arithmetic, in one process, in turns.

Eighty Stuart-Landau nodes, all to all, with noise, by Heun in float32. The reference is written by
hand for this one network: one stacked array, places of delayed values known when it is compiled,
noise drawn a block at a time, the same blocks under `jax.checkpoint`. Both read delays by linear
interpolation at both stages, each value gathered once. Without noise both must agree, which is
checked first. Prints microseconds a step, ratios, and megabytes of temporaries; then those of a
minute of delayed steps of which every 100th is kept.

    python benchmarks/speed_floor.py [--steps 8192] [--repeats 7] [--nodes 80]
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

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import rosetta_jax as rj

OMEGA, SIGMA = 80 * np.pi, 0.02 * np.sqrt(1000)
ALPHA, GAIN, SPEED = -20.0, 10.0, 10.0
BLOCK = 256
KEY = jax.random.key(0)
# (name, step in seconds or None without delays)
NETWORKS = {
    "no delays, dt 1 ms": (1e-3, False),
    "delays, dt 1 ms": (1e-3, True),
    "delays, dt 0.1 ms": (1e-4, True),
}


def links(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Log-normal weights over their spectral radius, and lengths of 10 to 200 mm."""
    rng = np.random.default_rng(0)

    def mirrored(values: np.ndarray) -> np.ndarray:
        upper = np.triu(values, 1)
        return upper + upper.T

    weights = mirrored(rng.lognormal(0.0, 1.0, (nodes, nodes)))
    lengths = mirrored(rng.uniform(10.0, 200.0, (nodes, nodes)))
    return weights / np.abs(np.linalg.eigvalsh(weights)).max(), lengths


def network(values: dict[str, Any], nodes: int, delayed: bool, noisy: bool = True) -> rj.Network:
    """The network with parameters `alpha`, `gain` and perhaps `speed`."""
    weights, lengths = links(nodes)
    return rj.Network(
        rj.StuartLandau(alpha=values["alpha"], omega=OMEGA),
        rj.Connectome(weights, lengths if delayed else None),
        gain=values["gain"],
        speed=values.get("speed", SPEED),
        noise=rj.WhiteNoise(SIGMA) if noisy else None,
        max_delay=lengths.max() / 1000 / SPEED,
    )


def march(nodes: int, dt: float, delayed: bool, steps: int, noisy: bool = True) -> Callable:
    """`values -> signal` by the march."""

    def run(values: dict[str, Any]) -> jax.Array:
        brain = network(values, nodes, delayed, noisy)
        return rj.simulate(brain, steps * dt, dt, key=KEY, block=BLOCK).signal

    return run


class Arriving:
    """The delayed sum of the reference: gathers at places that are constants."""

    def __init__(self, nodes: int, dt: float, speed: Any):
        weights, lengths = links(nodes)
        steps = lengths / (1000 * SPEED) / dt
        back = np.maximum(np.floor(steps), 1).astype(np.int32)
        share = jnp.asarray(steps, jnp.float32) * (SPEED / speed) - jnp.asarray(back, jnp.float32)
        weights = jnp.asarray(weights, jnp.float32)
        self.nodes, self.rows = nodes, int(back.max())
        self.soon, self.later = weights * (1 - share), weights * share
        self.place = ((self.rows - back) * nodes + np.arange(nodes)).astype(np.int32)

    def begin(self, x: jax.Array) -> Any:
        soon, due = (x @ matrix.T for matrix in (self.soon, self.later))
        return jnp.tile(x, (1, 2 * self.rows)), jnp.int32(self.rows - 1), soon + due, due

    def advance(self, carry: Any, x: jax.Array) -> tuple[Any, jax.Array, jax.Array]:
        rows, newest, arriving, due = carry
        zero = jnp.int32(0)
        newest = jnp.where(newest + 1 == self.rows, 0, newest + 1)
        rows = lax.dynamic_update_slice(rows, x, (zero, newest * self.nodes))
        rows = lax.dynamic_update_slice(rows, x, (zero, (newest + self.rows) * self.nodes))
        window = lax.optimization_barrier(
            lax.dynamic_slice(rows, (zero, (newest + 1) * self.nodes), (2, self.rows * self.nodes))
        )
        soon, later = [], []
        for channel in window:
            gathered = channel.at[self.place].get(mode="promise_in_bounds")
            gathered = lax.optimization_barrier(gathered)
            soon.append((self.soon * gathered).sum(1))
            later.append((self.later * gathered).sum(1))
        end = due + jnp.stack(soon)
        return (rows, newest, end, jnp.stack(later)), arriving, end


def reference(nodes: int, dt: float, delayed: bool, steps: int, noisy: bool = True) -> Callable:
    """`values -> signal` by a bare `lax.scan`."""
    weights = links(nodes)[0].astype(np.float32)
    strengths, h, omega = weights.sum(1), np.float32(dt), np.float32(OMEGA)
    scale = np.float32(SIGMA / np.sqrt(dt) if noisy else 0.0)

    def run(values: dict[str, Any]) -> jax.Array:
        alpha, gain = values["alpha"], values["gain"]
        delays = Arriving(nodes, dt, values.get("speed", SPEED)) if delayed else None

        def slope(x: jax.Array, arriving: jax.Array, eta: jax.Array) -> jax.Array:
            force = gain * (arriving - strengths * x) + eta
            growth = alpha - (x[0] ** 2 + x[1] ** 2)
            # The fastest gradient of several ways to write it: stacking the sums takes 1.7 times.
            return growth * x + omega * jnp.stack([-x[1], x[0]]) + force

        def step(carry: Any, normal: jax.Array) -> tuple[Any, jax.Array]:
            x, history = carry
            eta = scale * normal
            if delays is None:
                first = slope(x, x @ weights.T, eta)
                second = slope(x + h * first, (x + h * first) @ weights.T, eta)
            else:
                history, begin, end = delays.advance(history, x)
                first = slope(x, begin, eta)
                second = slope(x + h * first, end, eta)
            return (x + h / 2 * (first + second), history), x[0]

        @jax.checkpoint
        def block(carry: Any, number: jax.Array) -> tuple[Any, jax.Array]:
            key = jax.random.fold_in(KEY, number)
            return lax.scan(step, carry, jax.random.normal(key, (BLOCK, 2, nodes), jnp.float32))

        x = jnp.stack([jnp.full(nodes, 0.1), jnp.zeros(nodes)])
        begun = (x, None if delays is None else delays.begin(x))
        _, signal = lax.scan(block, begun, jnp.arange(steps // BLOCK))
        return signal.reshape(-1, nodes)

    return run


def values_of(nodes: int, speed: bool) -> dict[str, Any]:
    """What a gradient is taken of: `alpha` by region, the gain, and the speed if it is free."""
    given = {"alpha": jnp.full(nodes, ALPHA), "gain": jnp.asarray(GAIN)}
    return given | ({"speed": jnp.asarray(SPEED)} if speed else {})


def power(run: Callable) -> Callable:
    """A scalar of the signal, for gradients."""
    return lambda values: jnp.mean(run(values) ** 2)


def compiled(run: Callable, values: dict[str, Any]) -> tuple[Callable, float]:
    """A call that waits for its result, and the megabytes of its temporaries."""
    program = jax.jit(run).lower(values).compile()
    megabytes = program.memory_analysis().temp_size_in_bytes / 1e6
    return lambda: jax.block_until_ready(program(values)), megabytes


def in_turns(calls: list[Callable], repeats: int) -> np.ndarray:
    """Seconds of each call, `(repeats, calls, 2)`: of the processor and of the clock."""
    times = np.zeros((repeats, len(calls), 2))
    for call in calls:
        call()
    for turn in times:
        for call, row in zip(calls, turn, strict=True):
            begun = time.process_time(), time.perf_counter()
            call()
            row[:] = time.process_time() - begun[0], time.perf_counter() - begun[1]
    return times


def check(nodes: int) -> None:
    """Raises unless march and reference agree without noise."""
    for dt, delayed in NETWORKS.values():
        found, exact = (
            make(nodes, dt, delayed, 2 * BLOCK, noisy=False)(values_of(nodes, speed=False))
            for make in (march, reference)
        )
        np.testing.assert_allclose(found, exact, atol=1e-5)


def compare(nodes: int, steps: int, repeats: int) -> None:
    """Prints the table of ratios."""
    print(f"{'':44s}  march    ref   ratio | clock   ref   ratio |    MB    ref")
    for name, (dt, delayed) in NETWORKS.items():
        runs = [make(nodes, dt, delayed, steps) for make in (march, reference)]
        gradients = [jax.value_and_grad(power(run)) for run in runs]
        rows = [("forward", runs, False), ("gradient", gradients, False)]
        if delayed:
            rows.append(("gradient, speed free", gradients, True))
        for what, pair, speed in rows:
            calls, megabytes = zip(
                *(compiled(run, values_of(nodes, speed)) for run in pair), strict=True
            )
            cpu, clock = np.median(in_turns(list(calls), repeats), axis=0).T / steps * 1e6
            print(
                f"{name + ', ' + what:44s}"
                + "|".join(f" {a:6.2f} {b:6.2f} {a / b:6.2f}  " for a, b in (cpu, clock))
                + "|"
                + " ".join(f"{m:6.1f}" for m in megabytes),
                flush=True,
            )


def minute(nodes: int, repeats: int) -> None:
    """Prints time and temporaries of 60,000 delayed steps, every 100th sample kept."""
    steps, every = 60_000, 100

    def run(values: dict[str, Any]) -> jax.Array:
        brain = network(values, nodes, delayed=True)
        return rj.simulate(brain, steps * 1e-3, 1e-3, key=KEY, save_every=every * 1e-3).signal

    for speed in (False, True):
        call, megabytes = compiled(jax.value_and_grad(power(run)), values_of(nodes, speed))
        cpu, clock = np.median(in_turns([call], repeats), axis=0)[0] / steps * 1e6
        print(
            f"60,000 delayed steps, every {every}th kept, gradient, speed "
            f"{'free ' if speed else 'fixed'}: {cpu:6.2f} us a step ({clock:.2f} by the clock), "
            f"{megabytes:.1f} MB of temporaries",
            flush=True,
        )


def machine() -> str:
    """The processor, its cores and the versions."""
    with open("/proc/cpuinfo") as lines:
        name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return f"{name}, {os.cpu_count()} cores (one used); jax {jax.__version__}; float32"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=8192, help=f"in blocks of {BLOCK}")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--nodes", type=int, default=80)
    given = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(machine())
    print(f"{given.nodes} nodes, blocks of {BLOCK}, medians of {given.repeats}, us a step")
    check(given.nodes)
    compare(given.nodes, given.steps // BLOCK * BLOCK, given.repeats)
    minute(given.nodes, max(given.repeats // 3, 1))


if __name__ == "__main__":
    main()
