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
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# One thread each, so that process time is the time of the work.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault(
    "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)

import jax
import jax.numpy as jnp
import numpy as np
from arriving import Arriving
from jax import lax

import rosetta_jax as rj

sys.path.insert(0, str(Path(__file__).parent / "peers"))

import workloads

OMEGA, SIGMA = 80 * np.pi, 0.02 * np.sqrt(1000)
ALPHA, GAIN, SPEED = -20.0, 10.0, workloads.MM_PER_MS
BLOCK = 256
KEY = jax.random.key(0)
# (name, step in seconds or None without delays)
NETWORKS = {
    "no delays, dt 1 ms": (1e-3, False),
    "delays, dt 1 ms": (1e-3, True),
    "delays, dt 0.1 ms": (1e-4, True),
}


def network(values: dict[str, Any], nodes: int, delayed: bool, noisy: bool = True) -> rj.Network:
    """The network with parameters `alpha`, `gain` and perhaps `speed`."""
    weights, lags = workloads.connectome(nodes)
    return rj.Network(
        rj.StuartLandau(alpha=values["alpha"], omega=OMEGA),
        rj.Connectome(weights, SPEED * lags if delayed else None),
        gain=values["gain"],
        speed=values.get("speed", SPEED),
        noise=rj.WhiteNoise(SIGMA) if noisy else None,
        max_delay=lags.max() / 1000,
    )


def march(nodes: int, dt: float, delayed: bool, steps: int, noisy: bool = True) -> Callable:
    """`values -> signal` by the march."""

    def run(values: dict[str, Any]) -> jax.Array:
        brain = network(values, nodes, delayed, noisy)
        return rj.simulate(brain, steps * dt, dt, key=KEY, block=BLOCK).signal

    return run


def reference(nodes: int, dt: float, delayed: bool, steps: int, noisy: bool = True) -> Callable:
    """`values -> signal` by a bare `lax.scan`."""
    weights, lags = workloads.connectome(nodes)
    weights = weights.astype(np.float32)
    strengths, h, omega = weights.sum(1), np.float32(dt), np.float32(OMEGA)
    scale = np.float32(SIGMA / np.sqrt(dt) if noisy else 0.0)

    def run(values: dict[str, Any]) -> jax.Array:
        alpha, gain = values["alpha"], values["gain"]
        stretch = SPEED / values.get("speed", SPEED)
        delays = Arriving(weights, lags / 1000 / dt, stretch) if delayed else None

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
