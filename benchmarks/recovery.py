r"""Recovery on synthetic data: is the truth where posteriors say it is, and does the true rung come back?

Four regions at the working point of every rung with a stable point of rest, delays and noise included; spectra of
2-45 Hz, each bin with the scatter of 100 degrees of freedom and a level of its own. First 120 data sets a rung
from parameters drawn from their priors, fitted by Whittle's likelihood: how often central intervals of the normal
posterior hold the truth (`rj.inference.simulation_based_calibration`), which must be as often as they say, within
the sampling error of 120. Then spectra of eight people from each rung of the ladder, two halves of a recording
each: which rung of the ladder, or curve without a brain, predicts the half that was not fitted
(`rj.inference.compare`).

Phase oscillators have no point of rest, and so no spectrum by theory: theirs are marched, 4096 times for a second,
for data and fits with other noise. Marches must be short and many: noise that is held makes derivatives of spectra
rough, the more so the later in a march, and then the information seems larger than it is.

    python benchmarks/recovery.py [--quick | --only RUNG...]
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.console import Console
from rich.table import Table
from run import commit, machine

import rosetta_jax as rj
from rosetta_jax.inference import (
    Calibration,
    PowerLaw,
    TwoLorentzians,
    WhittleLoss,
    compare,
    simulation_based_calibration,
)
from rosetta_jax.results import provenance, write_json
from rosetta_jax.working_points import WORKING_POINTS

RESULTS = Path(__file__).parent / "results" / "recovery.json"
BINS = np.arange(2.0, 46.0)  # Hz
DEGREES, LEVELS = 100.0, (0.5, 0.8, 0.9, 0.95)
NODES, PEOPLE = 4, 8
# From too few starts some fits end in another valley, and their intervals miss the truth.
STARTS, MORE_STARTS = 8, 24
MANY_VALLEYS = (rj.NMM2, rj.Laminar)
# Two numbers of each rung beside the gain, and how far they vary, in logarithms.
FREE: dict[type[rj.Rung], tuple[str, str]] = {
    rj.HarmonicOscillator: ("alpha", "omega"),
    rj.StuartLandau: ("alpha", "omega"),
    rj.SubcriticalStuartLandau: ("alpha", "omega"),
    rj.WilsonCowan: ("time_x", "time_y"),
    rj.MasterMass: ("membrane_time", "decay"),
    rj.NMM1: ("decay_x", "decay_y"),
    rj.JansenRit: ("excitatory_rate", "inhibitory_rate"),
    rj.Wendling: ("excitatory_rate", "slow_inhibitory_rate"),
    rj.QIFPopulation: ("membrane_time", "bias"),
    rj.NMM2: ("membrane_time_e", "synaptic_time_e"),
    rj.Laminar: ("excitatory_rate", "slow_inhibitory_rate"),
}
LADDER = (
    rj.HarmonicOscillator,
    rj.StuartLandau,
    rj.WilsonCowan,
    rj.NMM1,
    rj.JansenRit,
    rj.NMM2,
)
WIDTH, GAIN_WIDTH = 0.1, 0.3


def connectome() -> rj.Connectome:
    """Four regions, all linked, up to 100 mm apart."""
    rng = np.random.default_rng(5)
    weights = rng.uniform(0.2, 1.0, (NODES, NODES)) * (1 - np.eye(NODES))
    lengths = rng.uniform(20.0, 100.0, (NODES, NODES))
    lengths = (lengths + lengths.T) / 2 * (1 - np.eye(NODES))
    return rj.Connectome(weights, lengths).normalised()


def asked(kind: type[rj.Rung]) -> tuple[rj.Network, dict[str, Any]]:
    """A brain of that rung, and the priors of what is free about its working point."""
    brain = rj.working_brain(kind, connectome())
    free: dict[str, Any] = {"gain": rj.LogNormal(WORKING_POINTS[kind].gain, GAIN_WIDTH)}
    for name in FREE[kind]:
        value = float(rj.get(brain, f"rung.{name}"))
        free[f"rung.{name}"] = (
            rj.LogNormal(value, WIDTH) if value > 0 else rj.Normal(value, 2 * WIDTH * -value)
        )
    return brain, free


def told(found: Calibration) -> dict[str, Any]:
    """What is kept of a calibration."""
    return {
        "free": list(found.names),
        "sets": int(found.ranked.sum()),
        "stable share of the prior": found.stable,
        "coverage": {str(level): found.coverage(level).tolist() for level in LEVELS},
        "p of uniform ranks": found.p_values(10).tolist(),
        "contraction": found.contraction.tolist(),
        "scores, standard deviation": found.scores[found.ranked].std(axis=0).tolist(),
    }


def recovered(kind: type[rj.Rung], sets: int) -> dict[str, Any]:
    """How often intervals hold the truth."""
    brain, free = asked(kind)
    loss = WhittleLoss(BINS, np.ones((BINS.size, NODES)), DEGREES)
    starts = MORE_STARTS if kind in MANY_VALLEYS else STARTS
    return told(simulation_based_calibration(brain, free, loss, sets=sets, starts=starts))


def recovered_by_march(sets: int) -> dict[str, Any]:
    """The same of phase oscillators, for whose data as for their fits the network is marched."""
    brain = rj.Network(
        rj.PhaseOscillator(),
        rj.Connectome(connectome().weights),
        gain=2.0,
        noise=rj.WhiteNoise(7.0),
    )
    free = {"rung.omega": rj.LogNormal(62.8, 0.08), "noise.sigma": rj.LogNormal(7.0, 0.2)}
    bins = np.arange(2.0, 20.0)
    loss = WhittleLoss(bins, np.ones((bins.size, NODES)), DEGREES)
    found = simulation_based_calibration(
        brain,
        free,
        loss,
        sets=sets,
        starts=1,
        method=rj.LevenbergMarquardt(steps=60, tolerance=1e-6),
        route=rj.Simulated(
            1.0, dt=1e-2, seeds=64 if sets < 24 else 4096, transient=0.2, segment=1.0
        ),
        dispersion="auto",
    )
    return told(found)


def halves(kind: type[rj.Rung], seed: int) -> list[list[WhittleLoss]]:
    """Two halves of a recording of people whose numbers lie about the working point."""
    rng = np.random.default_rng(seed)
    brain, free = asked(kind)
    density = jax.jit(lambda values: rj.linear.power_spectrum(rj.replace(brain, values), BINS))
    exact = []
    while len(exact) < PEOPLE:
        drawn = {path: prior.constrain(rng.standard_normal()) for path, prior in free.items()}
        found = density(drawn)
        if int(found.status) == rj.Status.ok:
            exact.append(np.asarray(found.density))
    seen = np.stack(exact) * rng.chisquare(DEGREES, (2, PEOPLE, BINS.size, NODES)) / DEGREES
    return [[WhittleLoss(BINS, person, DEGREES) for person in half] for half in seen]


def told_apart(kind: type[rj.Rung], seed: int) -> dict[str, Any]:
    """What the data of one rung say of all."""
    candidates: dict[str, Any] = {each.__name__: asked(each) for each in LADDER}
    candidates |= {
        "two Lorentzians and 1/f": (TwoLorentzians(), TwoLorentzians.free()),
        "1/f": (PowerLaw(), PowerLaw.free()),
    }
    found = compare(candidates, *halves(kind, seed), starts=MORE_STARTS)
    return {
        "best": found.best,
        "not told apart": list(found.not_told_apart),
        "behind, and standard error": {name: found.behind(name) for name in found.candidates},
        "verdict": found.verdict,
    }


def table(found: Mapping[str, Any]) -> Table:
    """A row a rung."""
    shown = Table(
        "rung", "sets", "coverage of 90 %", "scores, sd", "least p", "what its data may come from"
    )
    for name, each in found.items():
        of, says = each["recovery"], each.get("comparison")
        shown.add_row(
            name,
            str(of["sets"]),
            " ".join(f"{value:.2f}" for value in of["coverage"]["0.9"]),
            " ".join(f"{value:.2f}" for value in of["scores, standard deviation"]),
            f"{min(of['p of uniform ranks']):.2f}",
            "" if says is None else ", ".join(says["not told apart"]),
        )
    return shown


def kept(name: str, each: dict[str, Any]) -> dict[str, Any]:
    """All rungs of the file, with what was found of one of them: a run that is cut short keeps those before."""
    before = json.loads(RESULTS.read_text())["rungs"] if RESULTS.is_file() else {}
    of_run = {"machine": machine(), "commit": commit(), "provenance": provenance()}
    write_json(RESULTS, {"rungs": before | {name: each}} | of_run)
    return before | {name: each}


def studied(kind: type[rj.Rung], quick: bool) -> dict[str, Any]:
    """Both parts, of one rung."""
    sets = 20 if quick else 120
    if kind is rj.PhaseOscillator:
        return {"recovery": recovered_by_march(sets)}
    found = {"recovery": recovered(kind, sets)}
    if kind in LADDER and not quick:
        found["comparison"] = told_apart(kind, LADDER.index(kind))
    return found


def main() -> None:
    """Recover, compare, print and keep."""
    kinds = {kind.__name__: kind for kind in (rj.PhaseOscillator, *FREE)}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="few data sets, no comparison: a dry run"
    )
    parser.add_argument(
        "--only", nargs="+", choices=list(kinds), help="these rungs, the others as kept"
    )
    asked_for = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    found: dict[str, dict[str, Any]] = {}
    for name in asked_for.only or kinds:
        each = studied(kinds[name], asked_for.quick)
        found = found | {name: each} if asked_for.quick else kept(name, each)
        Console().print(name, each["recovery"]["coverage"]["0.9"])
    Console().print(table(found))


if __name__ == "__main__":
    main()
