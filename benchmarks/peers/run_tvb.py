"""The Virtual Brain's library: its own models and couplings, its stochastic Heun, float64.

Its supercritical Hopf model couples y beside x; the coupling of y is weighed by zero and costs what it costs.
Forward runs only: it has no gradients, and lanes are runs one after another.
"""

import argparse
from typing import Any

import measure
import numpy as np
import workloads
from tvb.datatypes.connectivity import Connectivity
from tvb.simulator import coupling, integrators, models, monitors, noise, simulator

SPEED = workloads.MM_PER_MS


def node_of(model: Any) -> tuple[Any, Any, np.ndarray]:
    """Its model, its coupling, and the strength of noise at each state."""
    every = np.array([model.sigma])
    if isinstance(model, workloads.StuartLandau):
        node = models.SupHopf(
            a=np.array([model.a]),
            omega=np.array([model.omega]),
            variables_of_interest=["x", "y"],
        )
        gains = np.array([model.gain, 0.0])[:, None, None]
        return node, coupling.Linear(a=gains), every
    if isinstance(model, workloads.WongWang):
        node = models.ReducedWongWang(w=np.array([model.w]), I_o=np.array([model.background]))
        return node, coupling.Linear(a=np.array([model.gain])), every
    node = models.JansenRit(
        v0=np.array([model.threshold]),
        mu=np.array([model.drive]),
        variables_of_interest=["y0", "y1", "y2", "y3", "y4", "y5"],
    )
    sent = coupling.SigmoidalJansenRit(
        a=np.array([model.gain]), midpoint=np.array([model.threshold])
    )
    return node, sent, np.array([0, 0, 0, 0, model.sigma, 0])[:, None, None]


def simulator_of(case: workloads.Case) -> Any:
    """The configured simulator."""
    weights, lags = workloads.connectome(case.nodes)
    node, sent, strength = node_of(case.model)
    links = Connectivity(
        weights=weights,
        tract_lengths=SPEED * lags * case.kind.delayed,
        speed=np.array([SPEED]),
        centres=np.zeros((case.nodes, 3)),
        region_labels=np.array([str(region) for region in range(case.nodes)]),
    )
    links.configure()
    stepper = integrators.HeunDeterministic(dt=case.dt)
    if case.noisy:
        # Its strength is half the variance.
        additive = noise.Additive(nsig=strength**2 / 2, noise_seed=1)
        stepper = integrators.HeunStochastic(dt=case.dt, noise=additive)
    rows = int(np.rint(links.tract_lengths.max() / SPEED / case.dt)) + 1
    begin = np.array(case.model.start)[None, :, None, None]
    made = simulator.Simulator(
        model=node,
        connectivity=links,
        coupling=sent,
        integrator=stepper,
        monitors=(monitors.Raw(),),
        initial_conditions=np.tile(begin, (rows, 1, case.nodes, 1)),
        simulation_length=case.steps * case.dt,
    )
    made.configure()
    return made


def build(case: workloads.Case, given: argparse.Namespace) -> measure.Program:
    """The workload; configuring it anew is part of a call, as a call goes on from the last otherwise."""
    if case.kind.gradient or case.kind.ensemble:
        raise NotImplementedError("no gradients and no lanes")

    def call() -> np.ndarray:
        ((_, states),) = simulator_of(case).run()
        return states

    def seen(found: Any) -> np.ndarray:
        states = found[: case.steps, :, :, 0]
        column = case.kind.model is workloads.JansenRit
        return states[:, 1] - states[:, 2] if column else states[:, 0]

    return measure.Program(call, seen, scheme="frozen", dtype="float64", setting=given.setting)


if __name__ == "__main__":
    packages = ("tvb-library", "numba", "numpy")
    measure.main("tvb", build, packages, measure.arguments().parse_args())
