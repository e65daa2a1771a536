r"""The connectome and the workloads that every library runs, in NumPy and the standard library alone.

Times are in milliseconds, as in the peers. The connectome is all to all: log-normal weights mirrored and
divided by their spectral radius, delays of 1 to 20 ms (10 to 200 mm at 10 mm/ms). Every network is

.. math::  \dot s_i = f(s_i, c_i) + \sigma\,\xi_i, \qquad c_i = G\sum_j C_{ij}\,h(s_j(t - \tau_{ij}))

marched by Heun's method with increments held over both stages. Peers also hold $c_i$ over a step ("frozen",
order one) and round delays to whole steps; rosetta_jax reads $c_i$ at both ends of a step ("both ends", order
two), or without delays, where asked to, only where Euler's method would end, and takes that for the start of the
next step ("predicted", order two). `oracle` marches each way without noise, in float64 and with no trick, so that
each library is held against its own arithmetic.

| | network | what is measured |
|---|---|---|
| W1 | Stuart-Landau, no delays | all states of a run |
| W2 | Stuart-Landau, delays | all states of a run |
| W3 | Jansen-Rit, delays | all states of a run |
| W4 | reduced Wong-Wang, delays | a run of 60 s, and value and gradient of `loss` in (w_i, G) |
| W5 | Stuart-Landau, delays | value and gradient of `loss` in (a_i, G) |
| W6 | Stuart-Landau, 64 lanes (or as many as told) of other a, G and noise | the standard deviation of x |
"""

import dataclasses
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

Array = Any

MM_PER_MS = 10.0
LANES = 64
# Lanes differ in the growth rate and in the gain.
LANE_A, LANE_GAIN = (-0.05, 0.0), (0.0, 0.02)
# Steps of the run without noise that is held against the oracle.
CHECKED_STEPS = 300
# W4 leaves out 20 scans of 720 ms before it correlates.
DROPPED_MS = 20 * 720.0


@cache
def connectome(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights of spectral radius 1 and delays in ms, `[target, source]`; both zero on the diagonal."""
    rng = np.random.default_rng(0)

    def mirrored(values: np.ndarray) -> np.ndarray:
        upper = np.triu(values, 1)
        return upper + upper.T

    weights = mirrored(rng.lognormal(0.0, 1.0, (nodes, nodes)))
    lengths = mirrored(rng.uniform(10.0, 200.0, (nodes, nodes)))
    return weights / np.abs(np.linalg.eigvalsh(weights)).max(), lengths / MM_PER_MS


def delay_steps(nodes: int, dt: float) -> np.ndarray:
    """Delays in whole steps, as the peers round them."""
    return np.rint(connectome(nodes)[1] / dt).astype(int)


@dataclasses.dataclass(frozen=True)
class StuartLandau:
    """dz = (a - |z|^2) z + i omega z + c, coupled by x into x, noise on both."""

    a: Array = -0.02
    omega: float = 0.08 * np.pi
    gain: Array = 0.01
    sigma: float = 0.02
    start: tuple[float, ...] = (0.1, 0.0)

    def field(self, state: Array, arriving: Array) -> Array:
        """The time derivative per ms."""
        x, y = state
        growth = self.a - (x * x + y * y)
        return np.stack([growth * x - self.omega * y + arriving, growth * y + self.omega * x])

    def send(self, state: Array) -> Array:
        """What others hear."""
        return state[0]

    observe = send


@dataclasses.dataclass(frozen=True)
class JansenRit:
    """The column of Jansen and Rit 1995; nodes send the rate of their pyramidal cells; noise on dy1/dt."""

    excitatory: float = 3.25
    inhibitory: float = 22.0
    excitatory_rate: float = 0.1
    inhibitory_rate: float = 0.05
    threshold: float = 6.0
    half_rate: float = 0.0025
    slope: float = 0.56
    synapses: float = 135.0
    drive: float = 0.22
    gain: float = 1.0
    sigma: float = 1e-4
    start: tuple[float, ...] = (0.0,) * 6

    def rate(self, potential: Array) -> Array:
        """The sigmoid, 1/ms."""
        return 2 * self.half_rate / (1 + np.exp(self.slope * (self.threshold - potential)))

    def field(self, state: Array, arriving: Array) -> Array:
        """The time derivative per ms."""
        y0, y1, y2, y3, y4, y5 = state
        a, b, count = self.excitatory_rate, self.inhibitory_rate, self.synapses
        excited = self.drive + 0.8 * count * self.rate(count * y0) + arriving
        inhibited = 0.25 * count * self.rate(0.25 * count * y0)
        return np.stack(
            [
                y3,
                y4,
                y5,
                self.excitatory * a * self.rate(y1 - y2) - 2 * a * y3 - a * a * y0,
                self.excitatory * a * excited - 2 * a * y4 - a * a * y1,
                self.inhibitory * b * inhibited - 2 * b * y5 - b * b * y2,
            ]
        )

    def send(self, state: Array) -> Array:
        """What others hear."""
        return self.rate(state[1] - state[2])

    def observe(self, state: Array) -> Array:
        """What an electrode sees."""
        return state[1] - state[2]


@dataclasses.dataclass(frozen=True)
class WongWang:
    """The reduced Wong-Wang model: one gating variable a node (Deco et al. 2013), noise on it."""

    w: Array = 0.5
    gain: Array = 0.5
    sigma: float = 0.00283
    slope: float = 0.270
    offset: float = 0.108
    curvature: float = 154.0
    kinetics: float = 0.641
    decay: float = 100.0
    current: float = 0.2609
    background: float = 0.33
    start: tuple[float, ...] = (0.1,)

    def field(self, state: Array, arriving: Array) -> Array:
        """The time derivative per ms."""
        (gate,) = state
        driven = self.current * (self.w * gate + arriving) + self.background
        above = self.slope * driven - self.offset
        rate = above / (1 - np.exp(-self.curvature * above))
        return (-gate / self.decay + (1 - gate) * rate * self.kinetics)[None]

    def send(self, state: Array) -> Array:
        """What others hear."""
        return state[0]

    observe = send


@dataclasses.dataclass(frozen=True)
class Workload:
    """One row of the benchmark: a network, what of it is asked, and how long a run is by (nodes, dt)."""

    name: str
    title: str
    model: type
    delayed: bool
    steps: dict[tuple[int, float], int]
    gradient: bool = False
    lanes: int = 1

    @property
    def ensemble(self) -> bool:
        """Whether lanes are marched, be it one alone."""
        return self.lanes > 1

    def length(self, nodes: int, dt: float) -> int:
        """Steps of a run: as defined, or for other sizes about as much work as at the first."""
        if (nodes, dt) in self.steps:
            return self.steps[nodes, dt]
        (first, _), steps = next(iter(self.steps.items()))
        return max(round(steps * min((first / nodes) ** 2, 1.0)), 200)


WORKLOADS = {
    each.name: each
    for each in (
        Workload("W1", "no delays", StuartLandau, False, {(80, 1.0): 60_000, (400, 1.0): 10_000}),
        Workload(
            "W2",
            "delays",
            StuartLandau,
            True,
            {(80, 1.0): 60_000, (400, 1.0): 3_000, (80, 0.1): 20_000, (400, 0.1): 2_000},
        ),
        Workload("W3", "Jansen-Rit", JansenRit, True, {(80, 0.5): 20_000, (80, 0.1): 20_000}),
        Workload("W4", "reduced Wong-Wang, 60 s", WongWang, True, {(80, 1.0): 60_000}),
        Workload(
            "W4g", "the same, FC gradient", WongWang, True, {(80, 1.0): 60_000}, gradient=True
        ),
        Workload(
            "W5",
            "gradient",
            StuartLandau,
            True,
            {(80, 1.0): 10_000, (400, 1.0): 1_000, (80, 0.1): 10_000, (400, 0.1): 1_000},
            gradient=True,
        ),
        Workload(
            "W6",
            "64 lanes, delays",
            StuartLandau,
            True,
            {(80, 1.0): 1_000, (400, 1.0): 100, (80, 0.1): 1_000},
            lanes=LANES,
        ),
        Workload("W6n", "64 lanes, none", StuartLandau, False, {(80, 1.0): 1_000}, lanes=LANES),
    )
}


@dataclasses.dataclass(frozen=True)
class Case:
    """A workload at one size: what a script is asked to run."""

    workload: str
    nodes: int
    dt: float
    steps: int
    lanes: int = 1
    noisy: bool = True

    @property
    def kind(self) -> Workload:
        """The workload."""
        return WORKLOADS[self.workload]

    @property
    def model(self) -> Any:
        """The parameters of a node, noise included."""
        return self.kind.model() if self.noisy else self.kind.model(sigma=0.0)

    @property
    def dropped(self) -> int:
        """Steps that `loss` leaves out."""
        if self.workload != "W4g":
            return 0
        return min(round(DROPPED_MS / self.dt), self.steps // 4)

    @property
    def checked(self) -> "Case":
        """A short run without noise, for `oracle`."""
        steps = min(self.steps, CHECKED_STEPS)
        return dataclasses.replace(self, noisy=False, steps=steps, lanes=min(self.lanes, 4))


def lane_values(lanes: int) -> tuple[np.ndarray, np.ndarray]:
    """Growth rate and gain of each lane."""
    return np.linspace(*LANE_A, lanes), np.linspace(*LANE_GAIN, lanes)


def loss(signal: Array, xp: ModuleType = np) -> Array:
    """mean((FC - I)^2), FC the correlations of a signal `(time, nodes)`; `xp` is numpy or jax.numpy."""
    centred = signal - signal.mean(0, keepdims=True)
    unit = centred / xp.sqrt((centred * centred).sum(0, keepdims=True))
    return ((unit.T @ unit - xp.eye(signal.shape[1], dtype=signal.dtype)) ** 2).mean()


def arrival(case: Case, delays: str) -> Callable[[np.ndarray, int], np.ndarray]:
    """`(history, time) -> what arrives`, for a history whose last row is the present, time 0."""
    weights, lags = connectome(case.nodes)
    nodes = np.arange(case.nodes)
    if not case.kind.delayed:
        return lambda history, time: weights @ history[-1]
    steps = lags / case.dt
    whole = np.rint(steps) if delays == "rounded" else np.floor(steps)
    share, back = weights * (steps - whole) * (delays != "rounded"), whole.astype(int)

    def read(history: np.ndarray, time: int) -> np.ndarray:
        # The diagonal has weight zero and delay zero, which no row holds at the end of a step.
        place = np.minimum(len(history) - 1 + time - back, len(history) - 1)
        soon, later = history[place, nodes], history[place - 1, nodes]
        return ((weights - share) * soon + share * later).sum(1)

    return read


def oracle(case: Case, scheme: str = "frozen", delays: str = "rounded", **values: Any) -> Array:
    """The observed variable after each step, `(steps, nodes)`, without noise.

    `scheme`: "frozen", "both ends" and "predicted" (see above), or "euler". `values` replace parameters of the
    model.
    """
    model, dt = dataclasses.replace(case.model, **values), case.dt
    read = arrival(case, delays)
    dtype = np.result_type(float, *(np.asarray(value) for value in values.values()))
    state = np.repeat(np.asarray(model.start, dtype)[:, None], case.nodes, axis=1)
    rows = 2 + (int(np.ceil(connectome(case.nodes)[1].max() / dt)) if case.kind.delayed else 0)
    history = np.repeat(model.send(state)[None], rows + case.steps, axis=0)
    end, observed = model.gain * read(history[:rows], 0), []
    for step in range(case.steps):
        past = history[step : step + rows]
        begin = end if scheme == "predicted" else model.gain * read(past, 0)
        first = model.field(state, begin)
        ahead = state + dt * first
        end = begin
        if scheme in ("both ends", "predicted"):
            present = past if case.kind.delayed else model.send(ahead)[None]
            end = model.gain * read(present, 1)
        second = first if scheme == "euler" else model.field(ahead, end)
        state = state + dt / 2 * (first + second)
        history[step + rows] = model.send(state)
        observed.append(model.observe(state))
    return np.array(observed)


def expected(case: Case, scheme: str, delays: str) -> np.ndarray:
    """What a script must find for `case.checked`.

    Of a run: the observed variable of every node at its end. Of a gradient: the loss, and its derivatives when
    all nodes' parameters move together and when the gain moves, by complex steps. Of lanes: the standard
    deviation of every node of each.
    """
    case = case.checked
    if case.kind.gradient:
        return _expected_gradient(case, scheme, delays)
    if case.kind.ensemble:
        values = zip(*lane_values(case.lanes), strict=True)
        runs = [oracle(case, scheme, delays, a=a, gain=gain) for a, gain in values]
        return np.concatenate([run.std(0) for run in runs])
    return oracle(case, scheme, delays)[-1]


def _expected_gradient(case: Case, scheme: str, delays: str) -> np.ndarray:
    free = "w" if case.kind.model is WongWang else "a"
    found, step = [], 1e-30j
    for name in (free, "gain"):
        moved = {name: getattr(case.model, name) + step}
        value = loss(oracle(case, scheme, delays, **moved)[case.dropped :])
        found += [value.real, value.imag / step.imag]
    return np.array([found[0], found[1], found[3]])


def case_of(
    workload: str, nodes: int, dt: float, steps: int | None = None, lanes: int | None = None
) -> Case:
    """A workload at one size, of as many steps and lanes as defined unless told otherwise."""
    kind = WORKLOADS[workload]
    if not kind.ensemble and lanes not in (None, 1):
        raise ValueError(f"`lanes` must be 1, since {workload} is one network; got {lanes}.")
    return Case(workload, nodes, dt, steps or kind.length(nodes, dt), lanes or kind.lanes)
