"""cuBNM on its processor core: the reduced Wong-Wang model by Euler in float64, BOLD and correlations in it.

W4 alone: it has no Stuart-Landau or Jansen-Rit oscillators of these equations, and no gradients. Its nodes
begin at a state of its own, and every run integrates a Balloon model and correlates, so no run without noise is
compared. It draws noise once and reads it in every run.
"""

import argparse
from typing import Any

import measure
import numpy as np
import workloads
from cubnm import sim

SCAN_SECONDS = 0.72


def group_of(case: workloads.Case) -> Any:
    """One simulation with the workload's parameters."""
    weights, lags = workloads.connectome(case.nodes)
    known = case.model
    made = sim.rWWExSimGroup(
        duration=round(case.steps * case.dt / 1000, 3),
        TR=SCAN_SECONDS,
        sc=weights.T,
        sc_dist=workloads.MM_PER_MS * lags.T,
        dt=str(case.dt),
        do_fcd=False,
        gof_terms=["+fc_corr"],
        bold_remove_s=workloads.DROPPED_MS / 1000,
        force_cpu=True,
        noise_segment_length=None,
    )
    made.N = 1
    made.param_lists.update(
        G=np.array([known.gain]),
        w=np.full((1, case.nodes), known.w),
        I0=np.full((1, case.nodes), known.background),
        sigma=np.full((1, case.nodes), known.sigma),
        v=np.array([workloads.MM_PER_MS]),
    )
    return made


def build(case: workloads.Case, given: argparse.Namespace) -> measure.Program:
    """The workload."""
    if case.workload != "W4":
        raise NotImplementedError("no such model or gradient")
    call = np.zeros((1, case.nodes)).copy
    if case.noisy:
        made = group_of(case)

        def call() -> np.ndarray:
            made.run()
            return made.sim_bold[0]

    return measure.Program(
        call,
        np.asarray,
        scheme="euler",
        dtype="float64",
        setting=given.setting,
        differs="Euler; with BOLD and FC; noise drawn before",
    )


if __name__ == "__main__":
    measure.main("cubnm", build, ("cubnm", "numpy"), measure.arguments().parse_args())
