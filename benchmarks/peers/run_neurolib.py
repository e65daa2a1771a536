"""neurolib: its Hopf model, additive coupling, by Euler in float64, compiled by numba.

It steps by Euler, not Heun, and its noise is an Ornstein-Uhlenbeck process (5 ms, of the same density at
frequency zero). W1, W2 only: its Wong-Wang model has two gates, it has no Jansen-Rit model and no gradient of
correlations.
"""

import argparse
import time
from typing import Any

import measure
import numpy as np
import workloads
from neurolib.models.hopf import HopfModel

TAU = 5.0
SPEED = workloads.MM_PER_MS


def model_of(case: workloads.Case) -> Any:
    """The library's model with the workload's parameters."""
    weights, lags = workloads.connectome(case.nodes)
    made = HopfModel(Cmat=weights, Dmat=SPEED * lags * case.kind.delayed, seed=1)
    known = case.model
    made.params.update(
        dt=case.dt,
        duration=case.steps * case.dt,
        coupling="additive",
        signalV=SPEED,
        K_gl=known.gain,
        a=known.a,
        w=known.omega,
        tau_ou=TAU,
        sigma_ou=known.sigma / TAU,
        xs_init=np.full((case.nodes, 1), known.start[0]),
        ys_init=np.full((case.nodes, 1), known.start[1]),
    )
    return made


def build(case: workloads.Case, given: argparse.Namespace) -> measure.Program:
    """The workload; its first call compiles."""
    if case.workload not in ("W1", "W2"):
        raise NotImplementedError("no such model or gradient")
    made = model_of(case)

    def call() -> np.ndarray:
        # Its noise begins where the last run left it.
        made.params.update(x_ou=np.zeros(case.nodes), y_ou=np.zeros(case.nodes))
        made.run()
        return made.x

    begun = time.perf_counter()
    call()
    seconds = time.perf_counter() - begun
    return measure.Program(
        call,
        lambda found: np.asarray(found).T,
        scheme="euler",
        dtype="float64",
        setting=given.setting,
        compile_seconds=seconds,
    )


if __name__ == "__main__":
    measure.main(
        "neurolib", build, ("neurolib", "numba", "numpy"), measure.arguments().parse_args()
    )
