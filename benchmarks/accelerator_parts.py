"""What `accelerator.py` measures: sizes, the bench that keeps time and lines, and the four parts."""

import dataclasses
import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "peers"))

import float32_accuracy
import jax
import jax.numpy as jnp
import numpy as np
import run_rosetta
import workloads
from jax_program import KEY, compiled
from rich.console import Console

import rosetta_jax as rj
from rosetta_jax.network.transport import FORMULATIONS, formulate

# How much of the time each part has; what one leaves goes to the next.
SHARES = {"ensemble": 0.5, "gradient": 0.15, "single": 0.22, "accuracy": 0.13}
# What a first line may take; a call longer than this is timed once.
FIRST_SECONDS, LONG_SECONDS = 20.0, 5.0
CALLS = 3
# Each ensemble has so many times the members of the one before.
GROWTH = 4
GAINS = (0.1, 0.5)


@dataclasses.dataclass(frozen=True)
class Sizes:
    """What is run: networks, numbers of members, and lengths in steps (of marches in seconds)."""

    nodes: int = 100
    members: tuple[int, ...] = tuple(64 * GROWTH**power for power in range(5))
    steps: int = 2000
    gradient_nodes: int = 80
    gradient_steps: int = 10_000
    lanes: tuple[int, ...] = (1, 16)
    single_nodes: tuple[int, ...] = (20, 100, 400)
    single_steps: int = 2000
    spectra: tuple[str, ...] = ("stuart-landau", "jansen-rit", "near onset")
    marches: tuple[str, ...] = ("stuart-landau", "jansen-rit")
    march_seconds: float = 60.0


QUICK = Sizes(
    10, (4, 4 * GROWTH), 80, 10, 200, (1, 2), (10,), 80, ("stuart-landau",), ("harmonic",), 8.0
)


@dataclasses.dataclass
class Bench:
    """The lines so far and what was left out, by when each part has to end (s), and where all is written."""

    ends: dict[str, float]
    path: Path
    found: dict[str, Any]
    console: Console
    begun: float = dataclasses.field(default_factory=time.perf_counter)

    @property
    def memory(self) -> int:
        """Bytes of memory that the device has."""
        return self.found["device"]["memory_bytes"]

    def line(
        self, about: dict[str, Any], compute: Callable[[], dict[str, Any]], expected: float
    ) -> dict[str, Any] | None:
        """Measures one line, unless the seconds left for its part are fewer than `expected`."""
        spent = time.perf_counter() - self.begun
        left = self.ends[about["part"]] - spent
        if expected > left:
            reason = f"may take {expected:.0f} s where {max(left, 0):.0f} s are left"
            self.leave_out(about, reason)
            return None
        self.console.print(f"[dim]{spent:4.0f} s[/] {shown(about)}", highlight=False)
        line = {**about, "dtype": "float32", "success": False}
        try:
            line |= {**compute(), "success": True}
        except Exception as error:  # A device may fail in any way; the line says how.
            line["reason"] = f"{type(error).__name__}: {error}"[:400]
            self.console.print(f"  failed: {line['reason']}", markup=False, highlight=False)
        line["line_seconds"] = time.perf_counter() - self.begun - spent
        self.found["lines"].append(line)
        self.write()
        return line

    def leave_out(self, about: dict[str, Any], reason: str) -> None:
        """Notes that a line is not measured, and why."""
        self.found["left_out"].append({**about, "reason": reason})
        self.write()

    def write(self) -> None:
        """Writes all that is known."""
        self.found["seconds"] = time.perf_counter() - self.begun
        self.path.write_text(json.dumps(self.found, indent=1) + "\n")


def ends(parts: list[str], budget: float) -> dict[str, float]:
    """By when each part has to end, of so many seconds in all."""
    shares = np.array([SHARES[part] for part in parts])
    return dict(zip(parts, (budget * np.cumsum(shares) / shares.sum()).tolist(), strict=True))


def shown(about: dict[str, Any]) -> str:
    """What a line is about, in words."""
    return ", ".join(f"{name} {value}" for name, value in about.items())


def program(bench: Bench, run: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
    """Times a program, whose results are good where numbers are finite and statuses zero."""
    call, compile_seconds, megabytes = compiled(run, *arguments)
    if 1e6 * megabytes > bench.memory:
        raise MemoryError(f"needs {megabytes / 1e3:.1f} GB of {bench.memory / 1e9:.1f} GB")
    first, results = _timed(call)
    leaves = jax.tree.leaves(results)
    if not all(map(_good, leaves)):
        raise ArithmeticError("a result is not finite, or a status tells of a failure")
    held = sum(leaf.nbytes for leaf in leaves)
    del results, leaves
    seconds = [first] if first > LONG_SECONDS else [_timed(call)[0] for _ in range(CALLS)]
    peak = (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    return {
        "compile_seconds": compile_seconds,
        "seconds": statistics.median(seconds),
        "calls": len(seconds),
        "temporaries_mb": megabytes,
        "results_mb": held / 1e6,
        # The largest of all lines so far.
        "peak_mb": None if peak is None else peak / 1e6,
    }


def _good(result: jax.Array) -> bool:
    exact = jnp.issubdtype(result.dtype, jnp.integer)
    return bool(jnp.all(result == 0 if exact else jnp.isfinite(result)))


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    results = call()
    return time.perf_counter() - begun, results


def wong_wang(nodes: int, delayed: bool) -> rj.Network:
    """The user's rung of the benchmark beside peers, all to all, with noise."""
    brain = run_rosetta.network(workloads.case_of("W4", nodes, 1.0))
    if delayed:
        return brain
    return dataclasses.replace(brain, connectome=rj.Connectome(brain.connectome.weights))


def _expected(line: dict[str, Any], more: float) -> float:
    """Seconds of a line like this with `more` times the work: as long to compile, the rest in proportion."""
    compiling = line["compile_seconds"]
    return compiling + more * (line["line_seconds"] - compiling)


def delays_of(delayed: bool) -> str:
    return "1-20 ms" if delayed else "none"


def ensembles(bench: Bench, sizes: Sizes) -> None:
    """Ensembles without and with delays, in turns, each row until time or memory is short."""
    brains = {delays_of(delayed): wong_wang(sizes.nodes, delayed) for delayed in (False, True)}
    expected, ended = dict.fromkeys(brains, FIRST_SECONDS), {}
    for members, (delays, brain) in itertools.product(sizes.members, brains.items()):
        about = {"part": "ensemble", "delays": delays, "nodes": sizes.nodes}
        about |= {"dt_ms": 0.1, "steps": sizes.steps, "members": members}
        if delays in ended:
            bench.leave_out(about, f"with fewer members: {ended[delays]}")
            continue
        compute = partial(_ensemble, bench, brain, sizes, members)
        line = bench.line(about, compute, expected[delays])
        if line and line["success"]:
            expected[delays] = _expected(line, GROWTH)
        else:
            ended[delays] = line["reason"] if line else "no time"


def _ensemble(bench: Bench, brain: rj.Network, sizes: Sizes, members: int) -> dict[str, Any]:
    dt = 1e-4
    duration = sizes.steps * dt

    def run(gains: jax.Array, keys: jax.Array) -> tuple[jax.Array, jax.Array]:
        fold = {"fc": rj.observe.Correlation()}
        found = rj.ensemble(brain, {"gain": gains}, duration, dt, key=keys, save=(), reduce=fold)
        return found.status, found.reduced["fc"]

    gains, keys = jnp.linspace(*GAINS, members), jax.random.split(KEY, members)
    line = program(bench, run, gains, keys)
    bytes_each = 1e6 * (line["temporaries_mb"] + line["results_mb"]) / members
    return {
        **line,
        "transport": formulate(brain, dt).name,
        "brain_seconds_per_second": members * duration / line["seconds"],
        "us_per_member_step": 1e6 * line["seconds"] / (members * sizes.steps),
        "bytes_per_member": bytes_each,
        "members_that_fit": int(bench.memory // bytes_each),
    }


def gradients(bench: Bench, sizes: Sizes) -> None:
    """A gradient alone, and several at once."""
    expected = FIRST_SECONDS
    for lanes in sizes.lanes:
        about = {"part": "gradient", "nodes": sizes.gradient_nodes, "dt_ms": 1.0}
        about |= {"steps": sizes.gradient_steps, "lanes": lanes}
        line = bench.line(about, partial(_gradient, bench, sizes, lanes), expected)
        if line and line["success"]:
            expected = _expected(line, sizes.lanes[-1] / lanes)


def _gradient(bench: Bench, sizes: Sizes, lanes: int) -> dict[str, Any]:
    nodes, steps, dt = sizes.gradient_nodes, sizes.gradient_steps, 1e-3
    case = workloads.case_of("W5", nodes, 1.0, steps)
    brain = run_rosetta.network(case)
    paths = run_rosetta.paths(case)
    (growth, unit), (gain, gain_unit) = paths["a"], paths["G"]

    def loss(values: dict[str, jax.Array], key: jax.Array) -> jax.Array:
        signal = rj.simulate(rj.replace(brain, values), steps * dt, dt, key=key).signal
        assert signal is not None
        return workloads.loss(signal, jnp)

    growths, gains = workloads.lane_values(lanes)
    starts = jnp.asarray(unit * growths[:, None] * np.ones(nodes), jnp.float32)
    values = {growth: starts, gain: jnp.asarray(gain_unit * gains, jnp.float32)}
    slope, arguments = jax.value_and_grad(loss), (values, jax.random.split(KEY, lanes))
    if lanes == 1:
        line = program(bench, slope, *jax.tree.map(lambda each: each[0], arguments))
    else:
        line = program(bench, jax.vmap(slope), *arguments)
    return {
        **line,
        "transport": formulate(brain, dt).name,
        "us_per_lane_step": 1e6 * line["seconds"] / (lanes * steps),
    }


def singles(bench: Bench, sizes: Sizes) -> None:
    """One network at a time, its delays read in each way that suits."""
    expected = FIRST_SECONDS
    for nodes in sizes.single_nodes:
        for delayed, dt_ms in ((False, 1.0), (True, 1.0), (True, 0.1)):
            brain = wong_wang(nodes, delayed)
            for name in suiting(brain, dt_ms / 1e3):
                about = {"part": "single", "nodes": nodes, "delays": delays_of(delayed)}
                about |= {"dt_ms": dt_ms, "steps": sizes.single_steps, "transport": name}
                line = bench.line(about, partial(_single, bench, brain, about, sizes), expected)
                expected = line["line_seconds"] if line else expected


def suiting(brain: rj.Network, dt: float) -> Iterator[str]:
    """The ways to read delays that suit a network."""
    for name in FORMULATIONS:
        try:
            formulate(brain, dt, name=name)
        except ValueError:
            continue
        yield name


def _single(bench: Bench, brain: rj.Network, about: dict[str, Any], sizes: Sizes) -> dict[str, Any]:
    dt, steps, name = about["dt_ms"] / 1e3, sizes.single_steps, about["transport"]

    def run(key: jax.Array) -> tuple[jax.Array, jax.Array | None]:
        found = rj.simulate(brain, steps * dt, dt, key=key, transport=name)
        return found.status, found.signal

    line = program(bench, run, KEY)
    return {
        **line,
        "chosen": formulate(brain, dt).name == name,
        "us_per_step": 1e6 * line["seconds"] / steps,
    }


def accuracies(bench: Bench, sizes: Sizes) -> None:
    """float32 against float64: spectra of 68 nodes, then marches of ten."""
    expected = FIRST_SECONDS
    runs = [("exact spectrum", rung, _of_spectrum) for rung in sizes.spectra]
    runs += [(f"march of {sizes.march_seconds:g} s", rung, _of_march) for rung in sizes.marches]
    for what, rung, compare in runs:
        about = {"part": "accuracy", "what": what, "rung": rung}
        line = bench.line(about, partial(compare, rung, sizes), expected)
        expected = line["line_seconds"] if line else expected


def _of_spectrum(rung: str, sizes: Sizes) -> dict[str, Any]:
    ((single, double),) = float32_accuracy.both(float32_accuracy.exact, rung, False)
    return {"against": "float64", "spectrum_db": float32_accuracy.decibels(single, double)}


def _of_march(rung: str, sizes: Sizes) -> dict[str, Any]:
    power, fc = float32_accuracy.both(float32_accuracy.simulated, rung, sizes.march_seconds, 1e-3)
    return {
        "against": "float64",
        "spectrum_db": float32_accuracy.decibels(*power),
        "fc": float(np.abs(fc[0] - fc[1]).max()),
    }


PARTS = {
    "ensemble": ensembles,
    "gradient": gradients,
    "single": singles,
    "accuracy": accuracies,
}
