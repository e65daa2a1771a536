"""What every script does alike: its arguments, timed calls on a quiet core, and one line of JSON.

A script gives `main` a function that makes a `Program` of a `workloads.Case`. `main` runs a short case without
noise, whose result goes into the line for the driver to compare, then times the case itself: some calls, each
between two spins of a millisecond. A call counts if both spins ran at full speed and its processor time is
near its wall time; else it is repeated, and `quiet` says whether enough calls counted. Standard library and
NumPy only.
"""

import argparse
import dataclasses
import importlib.metadata
import json
import os
import platform
import resource
import statistics
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import workloads

# One thread each, so that processor time is the time of the work.
ONE_THREAD = {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
}
SPIN_SECONDS, SLOWER, SHARE = 1e-3, 1.15, 0.95
# So many calls are tried for each that is wanted, with this pause after one that did not count.
TRIES, PAUSE = 3, 0.2


@dataclasses.dataclass
class Program:
    """A compiled workload: `call` runs it and waits, `seen` takes what is compared from what it gives.

    That is the observed variable, `(time, nodes)`, of a run; loss and derivatives of a gradient; the standard
    deviations of lanes.
    """

    call: Callable[[], Any]
    seen: Callable[[Any], np.ndarray]
    scheme: str
    dtype: str
    delays: str = "rounded"
    setting: str = ""
    compile_seconds: float = 0.0
    temporaries_mb: float | None = None
    # What differs from the workload's definition.
    differs: str = ""


class Gate:
    """Tells whether the core is ours: a loop of about a millisecond against its fastest run."""

    def __init__(self):
        self.turns = 1000
        while self._spin() < SPIN_SECONDS:
            self.turns *= 2
        self.fastest = min(self._spin() for _ in range(50))

    def _spin(self) -> float:
        begun = time.perf_counter()
        for _ in range(self.turns):
            pass
        return time.perf_counter() - begun

    def quiet(self) -> bool:
        """Whether a spin runs at full speed."""
        took = self._spin()
        self.fastest = min(self.fastest, took)
        return took < SLOWER * self.fastest


def timed(call: Callable[[], Any], repeats: int) -> dict[str, Any]:
    """Seconds of processor and wall time of `repeats` calls that counted, or of all where too few did."""
    gate, counted, tried = Gate(), [], []
    call()
    while len(counted) < repeats and len(tried) < TRIES * repeats:
        before = gate.quiet()
        begun = time.process_time(), time.perf_counter()
        call()
        took = time.process_time() - begun[0], time.perf_counter() - begun[1]
        tried.append(took)
        if gate.quiet() and before and took[0] > SHARE * took[1]:
            counted.append(took)
        else:
            time.sleep(PAUSE)
    quiet = len(counted) >= repeats
    return {"quiet": quiet, "seconds": counted if quiet else tried}


def measured(program: Program, case: workloads.Case, repeats: int) -> dict[str, Any]:
    """Microseconds a step (and lane): medians and least, of processor and of wall time."""
    found = timed(program.call, repeats)
    steps = case.steps * case.lanes
    cpu, wall = ([1e6 * took[clock] / steps for took in found["seconds"]] for clock in (0, 1))
    return {
        "cpu_us": statistics.median(cpu),
        "cpu_us_least": min(cpu),
        "wall_us": statistics.median(wall),
        "wall_us_least": min(wall),
        "calls": len(cpu),
        "quiet": found["quiet"],
    }


def versions(*packages: str) -> dict[str, str]:
    """The installed versions of packages, and of Python."""
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"python": platform.python_version()} | found


def outcome(
    build: Callable[[workloads.Case, argparse.Namespace], Program],
    given: argparse.Namespace,
) -> dict[str, Any]:
    """What the line says of one case: figures and a fingerprint, or why there are none."""
    case = workloads.case_of(given.workload, given.nodes, given.dt, given.steps, given.lanes)
    run = not case.kind.gradient and not case.kind.ensemble
    check = build(case.checked, given)
    found = np.asarray(check.seen(check.call()), float)
    program = build(case, given)
    figures = measured(program, case, given.repeats)
    figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if run:
        # The strength of the noise shows in the second half of the run.
        signal = np.asarray(program.seen(program.call()), float)
        figures["deviation"] = float(signal[len(signal) // 2 :].std())
    # Compilers that keep what they made compile for the check alone.
    program.compile_seconds = max(check.compile_seconds, program.compile_seconds)
    described = {name: value for name, value in vars(program).items() if not callable(value)}
    return {
        "success": True,
        "steps": case.steps,
        "lanes": case.lanes,
        "fingerprint": (found[-1] if run else found.ravel()).tolist(),
        **figures,
        **described,
    }


def arguments(
    default_setting: str = "", default_delays: str = "rounded"
) -> argparse.ArgumentParser:
    """The arguments that every script takes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--workload", choices=workloads.WORKLOADS, required=True)
    parser.add_argument("--nodes", type=int, default=80)
    parser.add_argument("--dt", type=float, default=1.0, help="ms")
    parser.add_argument("--steps", type=int, help="other than the workload's")
    parser.add_argument("--lanes", type=int, help="of an ensemble, other than the workload's")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--setting", default=default_setting, help="of the library, as it names them"
    )
    parser.add_argument("--delays", choices=("rounded", "interpolated"), default=default_delays)
    return parser


def pin() -> None:
    """Holds the process to one core."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def main(
    peer: str,
    build: Callable[[workloads.Case, argparse.Namespace], Program],
    packages: tuple[str, ...],
    given: argparse.Namespace,
) -> dict[str, Any]:
    """Runs one case on one core, prints its line, and gives what the line says."""
    started_so = all(os.environ.get(name) == value for name, value in ONE_THREAD.items())
    if not started_so or len(os.sched_getaffinity(0)) > 1:
        # Libraries read both when they are imported: one that saw two cores has two threads, which wait for each
        # other on one.
        pin()
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | ONE_THREAD)
    line: dict[str, Any] = {
        "peer": peer,
        "workload": given.workload,
        "nodes": given.nodes,
        "dt": given.dt,
        "setting": given.setting,
        "versions": versions(*packages),
    }
    try:
        line |= outcome(build, given)
    except NotImplementedError as error:
        line |= {"success": False, "lacking": True, "reason": str(error)}
    except Exception as error:  # A peer may fail in any way; the line says how.
        traceback.print_exc(file=sys.stderr)
        line |= {"success": False, "reason": f"{type(error).__name__}: {error}"[:400]}
    print(json.dumps(line), flush=True)
    return line
