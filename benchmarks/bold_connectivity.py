r"""Functional connectivity of resting BOLD: fitted to four people, judged on the fifth, in turn.

Five people, 80 regions of AAL2 (`hcp_bold_aal2`). One vector for the four, each with their own connectome; of the
fifth nothing but the connectome is used. By exact theory of the slow signal, 0.01-0.1 Hz:

- linear: leaky nodes (damped oscillators that hardly turn), with a gain and a power of the weights; the same with
  links between mirrored regions; the same with links to near regions, and with leak and noise linear in the
  logarithm of strength, y, z, the distance from the midline, y^2 and z^2;
- Wilson-Cowan's excitatory population, about its fixed point: bias and noise linear in the same maps; and with the
  response of 1972, which is silent without input, its recurrent excitation and noise.

Beside each stand the connectome itself, and as the ceiling the mean connectivity of the four. Effective
connectivity stands apart: about Wilson-Cowan with maps every link gets a deviation of its own, which the four
share, and what that gains on the four is read beside what it gains on the fifth.

    python benchmarks/bold_connectivity.py [--quick]
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from rich.console import Console
from rich.table import Table
from run import commit, machine

import rosetta_jax as rj
from rosetta_jax.inference import applied
from rosetta_jax.observe import upper_triangle
from rosetta_jax.results import provenance, write_json

RESULTS = Path(__file__).parent / "results" / "bold_connectivity.json"
BOLD = Path(__file__).parents[2] / "shared" / "data" / "hcp_bold_aal2.npz"
BAND = (0.01, 0.1)  # Hz
REACH = 15.0  # mm
RATE = 10.0  # 1/s
EFFECTIVE = "the same, every link its own"


class Cohort(NamedTuple):
    """Connectivity and weights (people, nodes, nodes), maps (maps, nodes), links that are added to the weights."""

    connectivity: np.ndarray
    weights: np.ndarray
    maps: np.ndarray
    mirrored: jax.Array
    local: jax.Array


class Asked(NamedTuple):
    """A model: one network a person, what is free, from how many starts, or from which other model on."""

    networks: list[rj.Network]
    free: Mapping[str, Any]
    starts: int
    begin: str | None = None


def cohort(path: Path) -> Cohort:
    """The people of the file, their counts made symmetric and divided by their spectral radius.

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
    y, z = (centres[:, at] - centres[:, at].mean() for at in (1, 2))
    maps = np.stack([strength, y, z, np.abs(centres[:, 0] - middle), y**2, z**2])
    pairs = [
        (at, labels.index(f"{name[:-1]}R")) for at, name in enumerate(labels) if name[-1] == "L"
    ]
    weights = counts / np.linalg.eigvalsh(counts)[:, -1, None, None]
    mirrored = rj.homotopic(np.array(pairs), len(labels))
    return Cohort(connectivity, weights, maps, mirrored, rj.local_links(centres, REACH))


def models(people: Cohort) -> dict[str, Asked]:
    """The models by name, from the fewest numbers to the most."""
    exponent, strength = rj.LogNormal(0.8, 0.3), rj.LogNormal(0.3, 1.0)
    both = jnp.stack([people.mirrored, people.local])
    raised = {"connectome.weights": rj.ShapedLinks(exponent)}
    added = {"connectome.weights": rj.ShapedLinks(exponent, people.mirrored, strength)}
    near = {"connectome.weights": rj.ShapedLinks(exponent, both, strength)}
    # At half of what would make leaky nodes unstable: of the weights alone, and with what is added to them.
    alone, whole = (
        0.5 / np.linalg.eigvalsh(people.weights**0.8 + 0.3 * more)[:, -1].mean()
        for more in (0.0, np.asarray(people.mirrored + people.local))
    )

    def leaky(gain: float) -> list[rj.Network]:
        rung = rj.HarmonicOscillator(alpha=-RATE, omega=1e-6)
        return [
            rj.Network(
                rung, rj.Connectome(each), "additive", gain=gain * RATE, noise=rj.WhiteNoise(1.0)
            )
            for each in people.weights
        ]

    # Excitation alone, nearly silent: its slope at rest times 1.5 w_xx is what a leaky node has as a gain.
    rates = [
        rj.Network(
            rj.WilsonCowan(w_xx=2.0, w_xy=0.0, w_yx=0.0, w_yy=0.0, bias_x=-1.5, bias_y=-5.0),
            rj.Connectome(each),
            gain=0.5 * whole,
            noise=rj.WhiteNoise(1e-3),
        )
        for each in people.weights
    ]
    # The response of 1972, nothing without input: at rest all are silent, however strongly they are linked. Its
    # slope there is 0.1625, so that this recurrence leaves 0.15 of the leak; gain and priors are as if linear.
    silent = [
        rj.Network(
            rj.WilsonCowan(
                w_xx=5.2308,
                w_xy=0.0,
                w_yx=0.0,
                w_yy=0.0,
                bias_x=0.0,
                bias_y=-5.0,
                transfer_x=rj.Logistic(steepness=1.3, threshold=0.0, subtracted=1.0),
            ),
            rj.Connectome(each),
            gain=0.923 * whole,
            noise=rj.WhiteNoise(1e-3),
        )
        for each in people.weights
    ]
    leak = {
        "rung.alpha": rj.linear_in(people.maps, rj.Normal(-RATE, 0.3 * RATE)),
        "noise.sigma": rj.linear_in(people.maps, rj.LogNormal(1.0, 0.3)),
    }
    bias = {
        "rung.bias_x": rj.linear_in(people.maps, rj.Normal(-1.5, 0.5)),
        "noise.sigma": rj.linear_in(people.maps, rj.LogNormal(1e-3, 0.3)),
    }

    recurrent = {
        "rung.w_xx": rj.linear_in(people.maps, rj.Normal(5.2308, 0.277)),
        "noise.sigma": rj.linear_in(people.maps, rj.LogNormal(1e-3, 0.3)),
    }

    def gain(networks: list[rj.Network]) -> dict[str, Any]:
        return {"gain": rj.LogNormal(float(networks[0].gain), 1.0)}

    first, second = leaky(alone), leaky(whole)
    return {
        "linear, gain and power": Asked(first, gain(first) | raised, 2),
        "linear, and mirrored links": Asked(first, gain(first) | added, 2),
        "linear, and maps": Asked(second, gain(second) | near | leak, 1),
        "Wilson-Cowan, bias in maps": Asked(rates, gain(rates) | near | bias, 1),
        # About rest it is the linear model, of the same coordinates: it goes on from there.
        "Wilson-Cowan of 1972, recurrence in maps": Asked(
            silent, gain(silent) | near | recurrent, 1, "linear, and maps"
        ),
    }


class Fold(NamedTuple):
    """People that are fitted, their networks and losses, and the one who is left out."""

    left: int
    others: list[int]
    networks: list[rj.Network]
    losses: list[rj.ConnectivityLoss]


def fold(people: Cohort, networks: list[rj.Network], left: int) -> Fold:
    """All but one, at their networks."""
    others = [person for person in range(len(networks)) if person != left]
    losses = [
        rj.ConnectivityLoss(people.connectivity[person], band=BAND, compare="shape")
        for person in others
    ]
    return Fold(left, others, [networks[person] for person in others], losses)


def scored(people: Cohort, brains: list[rj.Network], of: Fold) -> dict[str, Any]:
    """How well networks predict whoever is left out, and whoever was fitted."""
    predicted = [rj.linear.functional_connectivity(brain, band=BAND) for brain in brains]
    r = [
        correlation(found.matrix, seen)
        for found, seen in zip(predicted, people.connectivity, strict=True)
    ]
    return {
        "left out": r[of.left],
        "fitted": float(np.mean([r[person] for person in of.others])),
        "stable": all(int(found.status) == rj.Status.ok for found in predicted),
    }


class Judged(NamedTuple):
    """A model fitted to all people but one: its scores, the networks of all, and the fit."""

    scores: dict[str, Any]
    networks: list[rj.Network]
    fit: rj.FitResult


def judged(
    people: Cohort,
    asked: Asked,
    left: int,
    name: str,
    prior_weight: float,
    method: Any,
    begin: rj.FitResult | None = None,
) -> Judged:
    """A model fitted to all people but one, and how well it predicts that one."""
    of = fold(people, asked.networks, left)
    found = rj.fit(
        of.networks,
        asked.free,
        of.losses,
        pooled=True,
        starts=asked.starts,
        begin=begin,
        method=method,
        prior_weight=prior_weight,
        name=f"{name}, without {left}",
    )
    brains = applied(found, asked.free, asked.networks)
    more = {
        "numbers": found.all_vectors.shape[-1],
        "cpu seconds": found.metadata["cpu_seconds_fit"],
    }
    return Judged(scored(people, brains, of) | more, brains, found)


def effective(people: Cohort, brains: list[rj.Network], left: int, steps: int) -> dict[str, Any]:
    """Every link of a fitted model moved by a factor that the four share."""
    links = Asked(brains, {"connectome.weights": rj.PerLink(0.5)}, 1)
    falling = optax.adam(optax.cosine_decay_schedule(0.2, 10 * steps))
    method = rj.GradientDescent(steps=steps, optimiser=falling)
    return judged(people, links, left, "effective connectivity", 1e-5, method).scores


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


def kept(found: Mapping[str, Any], others: list[dict[str, float]]) -> None:
    """Write what is known so far: a run that is cut short keeps its finished models."""
    of_run = {"machine": machine(), "commit": commit(), "provenance": provenance()}
    write_json(RESULTS, {"models": dict(found), "baselines": others} | of_run)


def main() -> None:
    """Fit, judge, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one fold, a few steps: a dry run")
    quick = parser.parse_args().quick
    jax.config.update("jax_enable_x64", True)
    people = cohort(BOLD)
    folds = range(1 if quick else len(people.weights))
    others = [baselines(people, left) for left in folds]
    found: dict[str, list[dict[str, Any]]] = {}
    # The last model's networks are what single links are moved about.
    each: dict[str, list[Judged]] = {}
    brains: list[list[rj.Network]] = []
    for name, asked in models(people).items():
        asked = asked._replace(starts=1) if quick else asked
        method = rj.LevenbergMarquardt(steps=2 if quick else 200)
        begun = [fold.fit for fold in each[asked.begin]] if asked.begin else [None] * len(folds)
        each[name] = [
            judged(people, asked, left, name, 1e-4, method, begin)
            for left, begin in zip(folds, begun, strict=True)
        ]
        found[name] = [fold.scores for fold in each[name]]
        brains = [fold.networks for fold in each[name]]
        Console().print(name, [round(fold["left out"], 3) for fold in found[name]])
        if not quick:
            kept(found, others)
    found[EFFECTIVE] = [
        effective(people, networks, left, 1 if quick else 6)
        for left, networks in zip(folds, brains, strict=True)
    ]
    Console().print(table(found, others))
    if not quick:
        kept(found, others)


if __name__ == "__main__":
    main()
