r"""Functional connectivity and its dynamics at once, of a group of people: one set of parameters, maps included.

`hcp_fc_fcd_dk68`: the mean connectivity and the distribution of FCD of one half of the people, and the mean
connectivity of the other half, on which the former is judged (of dynamics there is the first half only). Leaky
nodes (damped oscillators that hardly turn) with Balloon-Windkessel haemodynamics; nine numbers: a gain, a power of
the weights, links between mirrored regions, and leak and noise linear in two cortical maps. First by exact theory
to connectivity alone, then by descent through the march of the BOLD signal to both: the correlation of
connectivity, and Cramér's distance of the distributions. Judged by 20 runs of 864 s of other noise.

    python benchmarks/connectivity_dynamics.py [--quick]
"""

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from bold_connectivity import correlation
from rich.console import Console
from rich.table import Table
from run import commit, machine

import rosetta_jax as rj
from rosetta_jax import observe
from rosetta_jax.inference import DynamicsLoss
from rosetta_jax.results import provenance, write_json

RESULTS = Path(__file__).parent / "results" / "connectivity_dynamics.json"
GROUP = Path(__file__).parents[2] / "shared" / "data" / "hcp_fc_fcd_dk68.npz"
REPETITION, WINDOW = 0.72, 83 * 0.72  # s
RATE, NOISE, STEP = 5.0, 1e-2, 0.04  # 1/s, 1, s


class Group(NamedTuple):
    """Weights, connectivity of both halves, the cumulative share of FCD, and maps (maps, nodes)."""

    weights: np.ndarray
    fitted: np.ndarray
    judged: np.ndarray
    share: np.ndarray
    maps: np.ndarray


def group(path: Path) -> Group:
    """The people of the file; its histogram of FCD is cumulative and in counts."""
    with np.load(path, allow_pickle=False) as file:
        weights = file["sc_train"].astype(float)
        counts = file["fcd_cdf_train"].astype(float)
        maps = np.stack([file["map_myelin"], file["map_fcgradient1"]]).astype(float)
        seen = [file[name].astype(float) for name in ("fc_train", "fc_vali")]
    return Group(weights / weights.max(), *seen, counts / counts[-1], maps)


def model(people: Group) -> tuple[rj.Network, dict[str, Any]]:
    """The network and its nine free numbers."""
    nodes = people.weights.shape[0]
    network = rj.Network(
        rj.HarmonicOscillator(alpha=-RATE, omega=1e-6),
        rj.Connectome(people.weights),
        "additive",
        gain=0.13 * RATE,
        noise=rj.WhiteNoise(NOISE),
        bold=rj.BalloonWindkessel(),
    )
    # Regions are listed left, then right, in one order.
    pairs = np.stack([np.arange(nodes // 2), np.arange(nodes // 2) + nodes // 2], axis=1)
    links = rj.ShapedLinks(
        rj.LogNormal(0.5, 0.3), rj.homotopic(pairs, nodes), rj.LogNormal(0.1, 1.0)
    )
    free = {
        "gain": rj.LogNormal(0.13 * RATE, 0.5),
        "connectome.weights": links,
        "rung.alpha": rj.linear_in(people.maps, rj.Normal(-RATE, 0.2 * RATE)),
        "noise.sigma": rj.linear_in(people.maps, rj.LogNormal(NOISE, 0.3)),
    }
    return network, free


def simulated(volumes: int, seeds: int) -> rj.Simulated:
    """The route of the march, of so many volumes of BOLD."""
    return rj.Simulated(
        duration=volumes * REPETITION,
        dt=STEP,
        seeds=seeds,
        transient=100 * REPETITION,
        save_every=REPETITION,
        repetition_time=REPETITION,
        segment=60.0,
    )


def judged(network: rj.Network, people: Group, runs: int, volumes: int) -> dict[str, float]:
    """Connectivity against that of the other half, and FCD pooled over runs against what was measured."""
    found = rj.ensemble(
        network,
        {},
        volumes * REPETITION,
        STEP,
        key=jax.random.split(jax.random.key(99), runs),
        transient=150 * REPETITION,
        save=("bold",),
        save_every=REPETITION,
    )

    @jax.jit
    def share(series: Any) -> Any:
        alike = observe.functional_connectivity_dynamics(series, REPETITION, window=WINDOW)
        return observe.cumulative_share(observe.upper_triangle(alike), bins=people.share.size)

    pooled = np.mean([np.asarray(share(series)) for series in found.bold], axis=0)
    mean = np.mean([np.corrcoef(np.asarray(series).T) for series in found.bold], axis=0)
    exact = rj.linear.bold_functional_connectivity(network)
    return {
        "connectivity": correlation(mean, people.judged),
        "connectivity, exact": correlation(exact.matrix, people.judged),
        "FCD distance": float(observe.kolmogorov_smirnov(pooled, people.share)),
        "stable": int(exact.status) == rj.Status.ok,
    }


def study(
    people: Group, steps: int, volumes: int, seeds: int, runs: int, judged_volumes: int
) -> dict[str, Any]:
    """Both fits and their scores."""
    network, free = model(people)
    settings: Mapping[str, Any] = {"prior_weight": 1e-4}
    began = time.perf_counter()
    exact = rj.fit(
        network,
        free,
        rj.ConnectivityLoss(people.fitted),
        starts=2,
        method=rj.LevenbergMarquardt(steps=2 * steps),
        name="connectivity, exactly",
        **settings,
    )
    both = rj.SumOfLosses(
        (
            rj.ConnectivityLoss(people.fitted, of="bold", compare="shape"),
            DynamicsLoss(people.share, WINDOW, of="bold", weight=40.0),
        )
    )
    marched = rj.fit(
        network,
        free,
        both,
        starts=1,
        begin=exact,
        route=simulated(volumes, seeds),
        method=rj.LevenbergMarquardt(steps=steps, longest=0.7),
        name="and dynamics, marched",
        **settings,
    )
    seconds = time.perf_counter() - began
    fits = {"connectivity by theory": exact, "connectivity and FCD by the march": marched}
    found = {
        name: judged(fit.model(network), people, runs, judged_volumes)
        | {"CPU seconds": fit.metadata["cpu_seconds_fit"], "numbers": fit.all_vectors.shape[-1]}
        for name, fit in fits.items()
    }
    log = np.log1p(people.weights / people.weights[people.weights > 0].min())
    return {
        "fits": found,
        "connectome, logarithm": correlation(log, people.judged),
        "other half (ceiling)": correlation(people.fitted, people.judged),
        "seconds": seconds,
        "memory MB": marched.metadata["memory_mb"],
        "gradient growth": marched.metadata["gradient_growth"],
    }


def table(found: Mapping[str, Any]) -> Table:
    """The scores."""
    shown = Table("model", "numbers", "FC, other half", "FCD distance (KS)", "CPU s")
    for name in ("connectome, logarithm", "other half (ceiling)"):
        shown.add_row(name, "", f"{found[name]:.3f}", "", "")
    for name, each in found["fits"].items():
        cells = (
            f"{each['numbers']}",
            f"{each['connectivity']:.3f}",
            f"{each['FCD distance']:.3f}",
            f"{each['CPU seconds']:.0f}",
        )
        shown.add_row(name if each["stable"] else f"{name} (not stable)", *cells)
    return shown


def main() -> None:
    """Fit, judge, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few steps, short runs: a dry run")
    quick = parser.parse_args().quick
    jax.config.update("jax_enable_x64", True)
    people = group(GROUP)
    settings = (1, 150, 1, 2, 200) if quick else (25, 600, 2, 20, 1200)
    found = study(people, *settings)
    Console().print(table(found))
    if not quick:
        kept = {"machine": machine(), "commit": commit(), "provenance": provenance()}
        write_json(RESULTS, found | kept)


if __name__ == "__main__":
    main()
