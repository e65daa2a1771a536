"""`reference.c`, compiled here by gcc -O3 -march=native -ffast-math and called in a process of its own.

Of its own because loading a library made with -ffast-math turns denormals off in the process. The gradient's loss
and its derivative in the signal are products in NumPy, in float32; the rest is C. Lanes are marched in groups of
16, or with `--setting alone` one after another, which is faster for a few.
"""

import argparse
import ctypes
import dataclasses
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import measure
import numpy as np
import workloads

FLAGS = ("-O3", "-march=native", "-ffast-math", "-shared", "-fPIC")
LANES = 16  # As in the source.
POINTER = ctypes.c_void_p
# The parameter of a model that nodes may differ in.
OWN = {"StuartLandau": "a", "JansenRit": "drive", "WongWang": "w"}


class Node(ctypes.Structure):
    """The numbers of a node that may differ from run to run."""

    _fields_ = tuple((name, ctypes.c_float) for name in ("own", "gain", "scale", "dt"))


def constants(model: Any) -> list[str]:
    """The model and its other numbers, for the compiler."""
    name = type(model).__name__
    others = {"gain", "sigma", "start", OWN[name]}
    known = {
        field.name.upper(): float(getattr(model, field.name))
        for field in dataclasses.fields(model)
        if field.name not in others
    }
    return [f"-D{name}", *(f"-D{word}={value!r}f" for word, value in known.items())]


def library(model: Any) -> tuple[ctypes.CDLL, float]:
    """The source compiled for a model, and the seconds that took."""
    compiler = shutil.which("gcc")
    if compiler is None:
        raise RuntimeError("there is no gcc")
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        made = str(Path(folder) / "reference.so")
        source = str(Path(__file__).parent / "reference.c")
        subprocess.run([compiler, *FLAGS, *constants(model), source, "-o", made, "-lm"], check=True)
        return ctypes.CDLL(made), time.perf_counter() - begun


def pointer(array: np.ndarray | None) -> ctypes.c_void_p:
    """Where an array begins; the caller keeps it alive."""
    return POINTER(None if array is None else array.ctypes.data)


def places(case: workloads.Case, transposed: bool = False) -> Any:
    """Rows of the ring, and where in its window each delayed value stands (None without delays)."""
    if not case.kind.delayed:
        return 1, None
    delays = workloads.delay_steps(case.nodes, case.dt)
    rows = int(delays.max()) + 1
    delays = np.ascontiguousarray(delays.T) if transposed else delays
    return rows, ((rows - 1 - delays) * case.nodes + np.arange(case.nodes)).astype(np.int32)


class Run:
    """One network and the arrays that its calls fill."""

    def __init__(self, case: workloads.Case, made: ctypes.CDLL):
        model, n = case.model, case.nodes
        self.case, self.made = case, made
        self.weights = np.ascontiguousarray(workloads.connectome(n)[0], np.float32)
        self.rows, self.place = places(case)
        scale = model.sigma * np.sqrt(case.dt)
        self.own = getattr(model, OWN[type(model).__name__])
        self.node = Node(self.own, model.gain, scale, case.dt)
        self.start = np.array(model.start, np.float32)
        self.states = np.zeros((case.steps + 1, len(self.start), n), np.float32)
        self.states[0] = self.start[:, None]

    def march(self, owns: Any = None, aheads: Any = None, sums: Any = None) -> np.ndarray:
        """States at the start and after each step."""
        sizes = self.case.nodes, self.case.steps, self.rows
        arrays = pointer(self.weights), pointer(self.place), ctypes.byref(self.node)
        more = owns, self.states, aheads, sums
        self.made.march(*sizes, *arrays, *map(pointer, more))
        return self.states


class Gradient(Run):
    """Value and gradient of the loss: forward in C, the loss here, backward in C."""

    def __init__(self, case: workloads.Case, made: ctypes.CDLL):
        super().__init__(case, made)
        n = case.nodes
        self.owns = np.full(n, self.own, np.float32)
        self.aheads = np.zeros_like(self.states[1:])
        self.sums = np.zeros((case.steps, n), np.float32)
        self.transposed = np.ascontiguousarray(self.weights.T)
        self.back_place = places(case, transposed=True)[1]
        self.found = np.zeros(n + 1, np.float32)

    def __call__(self) -> tuple[float, np.ndarray]:
        signal = self.march(self.owns, self.aheads, self.sums)[1:, 0]
        slopes = np.zeros_like(signal)
        value, slopes[self.case.dropped :] = loss_and_slope(signal[self.case.dropped :])
        by_own, by_gain = self.found[:-1], self.found[-1:]
        self.made.adjoint(
            self.case.nodes,
            self.case.steps,
            self.rows,
            pointer(self.transposed),
            pointer(self.back_place),
            ctypes.byref(self.node),
            *map(pointer, (self.owns, self.states, self.aheads, self.sums, slopes)),
            pointer(by_own),
            pointer(by_gain),
        )
        return value, self.found


def loss_and_slope(signal: np.ndarray) -> tuple[float, np.ndarray]:
    """`workloads.loss` and its derivative in the signal."""
    centred = signal - signal.mean(0)
    length = np.sqrt((centred * centred).sum(0))
    unit = centred / length
    wrong = unit.T @ unit - np.eye(signal.shape[1], dtype=signal.dtype)
    slope = unit @ (wrong * np.float32(4 / wrong.size))
    slope -= unit * (unit * slope).sum(0)
    slope /= length
    return float((wrong * wrong).mean()), np.ascontiguousarray(slope - slope.mean(0))


class Lanes(Run):
    """Groups of lanes, one after another."""

    def __init__(self, case: workloads.Case, made: ctypes.CDLL):
        super().__init__(case, made)
        size = -(-case.lanes // LANES) * LANES
        values = np.zeros((2, size), np.float32)
        values[:, : case.lanes] = workloads.lane_values(case.lanes)
        self.owns, self.gains = values.reshape(2, -1, LANES)
        self.deviations = np.zeros((size // LANES, case.nodes, LANES), np.float32)

    def __call__(self) -> np.ndarray:
        for number, deviation in enumerate(self.deviations):
            self.made.lanes(
                self.case.nodes,
                self.case.steps,
                self.rows,
                pointer(self.weights),
                pointer(self.place),
                ctypes.byref(self.node),
                pointer(self.start),
                pointer(self.owns[number]),
                pointer(self.gains[number]),
                ctypes.c_uint32(number),
                pointer(deviation),
            )
        return self.deviations.transpose(0, 2, 1).reshape(-1, self.case.nodes)[: self.case.lanes]


class Alone(Run):
    """Lanes one after another, all with the same noise."""

    def __call__(self) -> np.ndarray:
        deviations = []
        for own, gain in zip(*workloads.lane_values(self.case.lanes), strict=True):
            self.node.own, self.node.gain = own, gain
            deviations.append(self.march()[1:, 0].std(0))
        return np.array(deviations)


def build(case: workloads.Case, given: argparse.Namespace) -> measure.Program:
    """The workload."""
    made, seconds = library(case.model)
    call: Callable[[], Any] = Run(case, made).march
    if case.kind.gradient:
        call = Gradient(case, made)
    elif case.kind.ensemble:
        call = (Alone if given.setting == "alone" else Lanes)(case, made)

    def seen(found: Any) -> np.ndarray:
        if case.kind.gradient:
            value, slope = found
            return np.array([value, slope[:-1].sum(), slope[-1]])
        return found if case.kind.ensemble else case.model.observe(found[1:].swapaxes(0, 1))

    return measure.Program(
        call, seen, scheme="frozen", dtype="float32", setting=given.setting, compile_seconds=seconds
    )


if __name__ == "__main__":
    measure.main("c", build, ("numpy",), measure.arguments().parse_args())
