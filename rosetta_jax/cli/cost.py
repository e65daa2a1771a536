"""What a step of the march costs on this machine: rung by rung, on the embedded brain with delays and noise."""

import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence

import jax
import numpy as np

from rosetta_jax import synthetic
from rosetta_jax.network import Network
from rosetta_jax.simulation import simulate
from rosetta_jax.system import Rung
from rosetta_jax.working_points import WORKING_POINTS, working_brain

STEPS, REPEATS = 4096, 5


def machine() -> str:
    """The processor, how many of its cores there are, and what computes."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as lines:
            names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
        name = names[0] if names else name
    except OSError:
        pass  # no such file on other systems
    device = jax.devices()[0]
    where = "" if device.platform == "cpu" else f", on {device.device_kind}"
    precision = "float64" if jax.config.read("jax_enable_x64") else "float32"
    return f"{name}, {os.cpu_count()} cores{where}; jax {jax.__version__}, {precision}"


def in_turns(
    calls: Sequence[Callable[[], object]],
    repeats: int,
    clock: Callable[[], float] = time.perf_counter,
) -> np.ndarray:
    """Seconds of each call, (repeats, calls), one after the other in turns; each is called once before."""
    for call in calls:
        call()
    times = np.zeros((repeats, len(calls)))
    for turn in times:
        for place, call in enumerate(calls):
            begun = clock()
            call()
            turn[place] = clock() - begun
    return times


def marching(brain: Network, dt: float, steps: int) -> Callable[[], object]:
    """A call that marches a brain for so many steps of Heun, and waits for the signals."""
    key = jax.random.key(0)

    def call() -> object:
        return jax.block_until_ready(simulate(brain, steps * dt, dt, key=key).signal)

    return call


def step_cost(brain: Network, dt: float, steps: int = STEPS, repeats: int = REPEATS) -> float:
    """Microseconds a step and node: the median of some runs, without the time to compile."""
    seconds = np.median(in_turns([marching(brain, dt, steps)], repeats))
    return float(seconds) / steps / brain.nodes * 1e6


def costs(kinds: Sequence[type[Rung]]) -> Iterator[tuple[type[Rung], float]]:
    """The cost of each rung at its working point, one by one."""
    connectome = synthetic.connectome()
    for kind in kinds:
        yield kind, step_cost(working_brain(kind, connectome), WORKING_POINTS[kind].dt)
