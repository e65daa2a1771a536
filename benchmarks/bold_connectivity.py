r"""Functional connectivity of resting BOLD: fitted to four people, judged on the fifth, in turn.

Five people, 80 regions of AAL2 (`hcp_bold_aal2`). One vector for the four, each with their own connectome; of the
fifth nothing but the connectome is used. Two rungs, by exact theory of the slow signal, 0.01-0.1 Hz:

- linear: leaky nodes (damped oscillators that hardly turn), with a gain and a power of the weights; the same with
  links between mirrored regions; the same with leak and noise linear in the logarithm of strength, y, z and the
  distance from the midline;
- Wilson-Cowan's excitatory population, about its fixed point: bias and noise linear in the same maps.

Beside each stand the connectome itself, and as the ceiling the mean connectivity of the four.

    python benchmarks/bold_connectivity.py [--quick]
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table
from run import commit, machine

import rosetta_jax as rj
from rosetta_jax.observe import upper_triangle
from rosetta_jax.parameters import FreeParameters
from rosetta_jax.results import provenance, write_json

RESULTS = Path(__file__).parent / "results" / "bold_connectivity.json"
BOLD = Path(__file__).parents[2] / "shared" / "data" / "hcp_bold_aal2.npz"
BAND = (0.01, 0.1)  # Hz


class Cohort(NamedTuple):
    """Connectivity and weights (people, nodes, nodes), maps (maps, nodes), pairs of mirrored regions."""

    connectivity: np.ndarray
    weights: np.ndarray
    maps: np.ndarray
    pairs: np.ndarray


class Asked(NamedTuple):
    """A model: one network a person, what is free, and from how many starts it is fitted."""

    networks: list[rj.Network]
    free: Mapping[str, Any]
    starts: int


def cohort(path: Path) -> Cohort:
    """The people of the file, their counts divided by the largest and made symmetric.

    Its centres are not those of MNI: x is taken from the middle of its range, and regions are paired by label.
    """
    with np.load(path, allow_pickle=False) as file:
        counts, centres = file["sc_counts"].astype(float), file["centres_mni_mm"].astype(float)
        connectivity = file["fc"].astype(float)
        labels = [str(label) for label in file["labels"]]
    counts = (counts + counts.swapaxes(1, 2)) / 2
    diagonal = np.arange(counts.shape[1])
    counts[:, diagonal, diagonal] = 0.0
    middle = (centres[:, 0].max() + centres[:, 0].min()) / 2
    strength = np.log1p(counts.sum(axis=2)).mean(axis=0)
    maps = np.stack([strength, centres[:, 1], centres[:, 2], np.abs(centres[:, 0] - middle)])
    pairs = [
        (at, labels.index(f"{name[:-1]}R")) for at, name in enumerate(labels) if name[-1] == "L"
    ]
    weights = counts / counts.max(axis=(1, 2), keepdims=True)
    return Cohort(connectivity, weights, maps, np.array(pairs))


def models(people: Cohort, linear_starts: int = 1, starts: int = 3) -> dict[str, Asked]:
    """The models by name, from the fewest numbers to the most."""
    leaky = [
        rj.Network(
            rj.HarmonicOscillator(alpha=-10.0, omega=1e-6),
            rj.Connectome(weights),
            "additive",
            gain=0.15,
            noise=rj.WhiteNoise(1.0),
        )
        for weights in people.weights
    ]
    rates = [
        rj.Network(
            rj.WilsonCowan(w_xx=2.0, w_xy=0.0, w_yx=0.0, w_yy=0.0, bias_x=-1.5, bias_y=-5.0),
            rj.Connectome(weights),
            gain=0.08,
            noise=rj.WhiteNoise(1e-3),
        )
        for weights in people.weights
    ]
    exponent = rj.LogNormal(0.35, 0.3)
    mirrored = rj.homotopic(people.pairs, people.maps.shape[1])
    raised = {"connectome.weights": rj.ShapedLinks(exponent)}
    added = {"connectome.weights": rj.ShapedLinks(exponent, mirrored, rj.LogNormal(0.1, 1.0))}
    gain = {"gain": rj.LogNormal(0.15, 1.0)}
    leak = {
        "rung.alpha": rj.linear_in(people.maps, rj.Normal(-10.0, 2.0)),
        "noise.sigma": rj.linear_in(people.maps, rj.LogNormal(1.0, 0.3)),
    }
    bias = {
        "gain": rj.LogNormal(0.08, 1.0),
        "rung.bias_x": rj.linear_in(people.maps, rj.Normal(-1.5, 0.5)),
        "noise.sigma": rj.linear_in(people.maps, rj.LogNormal(1e-3, 0.3)),
    }
    return {
        "linear, gain and power": Asked(leaky, gain | raised, starts),
        "linear, and mirrored links": Asked(leaky, gain | added, starts),
        "linear, and maps": Asked(leaky, gain | added | leak, linear_starts),
        "Wilson-Cowan, and maps": Asked(rates, added | bias, starts),
    }


def judged(people: Cohort, asked: Asked, left: int, steps: int, name: str) -> dict[str, float]:
    """A model fitted to all people but one, and how well it predicts that one."""
    others = [person for person in range(len(asked.networks)) if person != left]
    networks = [asked.networks[person] for person in others]
    losses = [rj.ConnectivityLoss(people.connectivity[person], band=BAND) for person in others]
    found = rj.fit(
        networks,
        asked.free,
        losses,
        pooled=True,
        starts=asked.starts,
        method=rj.LevenbergMarquardt(steps=steps),
        prior_weight=1e-4,
        name=f"{name}, without {left}",
    )
    vector = jnp.asarray(found.all_vectors[0, np.argmin(found.all_losses[0])])
    parameters = FreeParameters(networks[0], asked.free)

    def score(person: int) -> tuple[float, bool]:
        brain = parameters.apply(vector, asked.networks[person])
        predicted = rj.linear.functional_connectivity(brain, band=BAND)
        r = correlation(predicted.matrix, people.connectivity[person])
        return r, int(predicted.status) == rj.Status.ok

    unseen, stable = score(left)
    return {
        "left out": unseen,
        "fitted": float(np.mean([score(person)[0] for person in others])),
        "stable": stable,
        "numbers": int(vector.size),
        "cpu seconds": found.metadata["cpu_seconds_fit"],
    }


def correlation(first: Any, second: Any) -> float:
    """Pearson's correlation over pairs."""
    pairs = [np.asarray(upper_triangle(jnp.asarray(each))) for each in (first, second)]
    return float(np.corrcoef(*pairs)[0, 1])


def baselines(people: Cohort, left: int) -> dict[str, float]:
    """The logarithm of the connectome, and the mean of the others, for one person."""
    seen = people.connectivity[left]
    smallest = people.weights[left][people.weights[left] > 0].min()
    return {
        "connectome, logarithm": correlation(np.log1p(people.weights[left] / smallest), seen),
        "mean of the others (ceiling)": correlation(
            np.delete(people.connectivity, left, axis=0).mean(axis=0), seen
        ),
    }


def table(found: Mapping[str, list[dict[str, float]]], others: list[dict[str, float]]) -> Table:
    """The scores: mean over people, each judged by what was fitted to the others."""
    shown = Table("model", "numbers", "left out", "fitted", "CPU s a fold")
    for name in others[0]:
        shown.add_row(name, "", f"{np.mean([each[name] for each in others]):.3f}", "", "")
    for name, folds in found.items():
        mean = {key: np.mean([fold[key] for fold in folds]) for key in folds[0]}
        cells = (
            f"{mean['numbers']:.0f}",
            f"{mean['left out']:.3f}",
            f"{mean['fitted']:.3f}",
            f"{mean['cpu seconds']:.0f}",
        )
        shown.add_row(name if mean["stable"] == 1 else f"{name} (not all stable)", *cells)
    return shown


def main() -> None:
    """Fit, judge, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one fold, a few steps: a dry run")
    quick = parser.parse_args().quick
    jax.config.update("jax_enable_x64", True)
    people = cohort(BOLD)
    folds = range(1 if quick else len(people.weights))
    others = [baselines(people, left) for left in folds]
    found: dict[str, list[dict[str, float]]] = {}
    for name, asked in models(people).items():
        asked = asked._replace(starts=1) if quick else asked
        steps = 2 if quick else 200
        found[name] = [judged(people, asked, left, steps, name) for left in folds]
        Console().print(name, [round(fold["left out"], 3) for fold in found[name]])
    Console().print(table(found, others))
    if not quick:
        write_json(
            RESULTS,
            {"models": found, "baselines": others, "machine": machine(), "commit": commit()}
            | {"provenance": provenance()},
        )


if __name__ == "__main__":
    main()
