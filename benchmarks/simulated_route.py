r"""Descent through the march against descent through theory, on one person of MEG and one of fMRI.

The same network, free numbers, start and loss by two routes: exact linear response, and simulation with gradients
through every step of it. What simulation found is judged by its exact prediction, as theory is, and by a march of
other noise.

- MEG (`meg_psd_dk68`, the first person, 68 regions, 2-45 Hz): NMM1 with a loop through the thalamus, seven
  numbers, power spectra.
- fMRI (`hcp_bold_aal2`, the first person, 80 regions): leaky nodes with Balloon-Windkessel haemodynamics, leak and
  noise linear in two maps, ten numbers, connectivity and power spectra of BOLD within 0.01-0.1 Hz. The spectra are
  read against 1/f and against the mean spectrum of the person's own regions.

    python benchmarks/simulated_route.py [--quick]
"""

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from bold_connectivity import BAND, BOLD, cohort
from meg_cohort import SOURCE, recordings
from rich.console import Console
from rich.table import Table
from run import commit, machine

import rosetta_jax as rj
from rosetta_jax import observe
from rosetta_jax.inference import correlation_db, drawable, pair_correlation, preset
from rosetta_jax.results import provenance, write_json

RESULTS = Path(__file__).parent / "results" / "simulated_route.json"
REPETITION = 0.72  # s
QUIET = 1e-3


class Task(NamedTuple):
    """One person: network, free numbers, loss, the route of the march, and scores of a prediction."""

    network: rj.Network
    free: dict[str, Any]
    loss: rj.inference.Loss
    route: rj.Simulated
    scores: Callable[[Any], dict[str, float]]


def meg(duration: float, seeds: int) -> Task:
    """The first person of MEG."""
    of = recordings(SOURCE, 1)
    chosen = drawable(preset("thalamic-loop"))
    measured, frequencies = of.spectra[0], jnp.asarray(of.frequencies)

    def scores(prediction: Any) -> dict[str, float]:
        spectra = np.asarray(prediction.spectrum(frequencies))
        return {"spectra": float(correlation_db(measured, spectra).mean())}

    route = rj.Simulated(duration, 1e-3, seeds, transient=2.1, save_every=7e-3)
    loss = rj.SpectrumLoss(of.frequencies, measured)
    # So little noise that the march stays where theory holds; the level of shapes does not count.
    quiet = {"noise.sigma": QUIET, "sensor.sigma": QUIET * 1e-6}
    network = rj.replace(chosen.network(of.connectomes[0]), quiet)
    return Task(network, chosen.free, loss, route, scores)


def spectra_of(series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bins (Hz) and power of BOLD series (regions, T), z-scored, in the slow band."""
    standard = (series - series.mean(axis=1, keepdims=True)) / series.std(axis=1, keepdims=True)
    found = observe.multitaper_spectrum(standard.T, REPETITION, bandwidth=0.01)
    frequencies = np.asarray(found.frequencies)
    inside = np.flatnonzero((frequencies >= BAND[0]) & (frequencies <= BAND[1]))[::4]
    return frequencies[inside], np.asarray(found.density)[inside]


def fmri(volumes: int, seeds: int, person: int = 0) -> Task:
    """One person of fMRI."""
    people = cohort(BOLD)
    with np.load(BOLD, allow_pickle=False) as file:
        frequencies, measured = spectra_of(file["bold"][person].astype(float))
    connectivity, weights = people.connectivity[person], people.weights[person]
    both = jnp.stack([people.mirrored, people.local])
    whole = weights**0.8 + 0.3 * np.asarray(people.mirrored + people.local)
    rate = 2.0
    gain = float(0.5 * rate / np.linalg.eigvalsh(whole)[-1])
    network = rj.Network(
        rj.HarmonicOscillator(alpha=-rate, omega=1e-6),
        rj.Connectome(weights),
        "additive",
        gain=gain,
        noise=rj.WhiteNoise(QUIET),
        bold=rj.BalloonWindkessel(),
    )
    # Strength and height, the two maps that matter most.
    maps = people.maps[[0, 2]]
    links = rj.ShapedLinks(rj.LogNormal(0.8, 0.3), both, rj.LogNormal(0.3, 1.0))
    free = {
        "gain": rj.LogNormal(gain, 1.0),
        "connectome.weights": links,
        "rung.alpha": rj.linear_in(maps, rj.Normal(-rate, 0.3 * rate)),
        "noise.sigma": rj.linear_in(maps, rj.LogNormal(QUIET, 0.3)),
    }
    loss = rj.SumOfLosses(
        (
            rj.ConnectivityLoss(connectivity, BAND, of="bold", compare="shape"),
            rj.SpectrumLoss(frequencies, measured, of="bold"),
        )
    )

    def scores(prediction: Any) -> dict[str, float]:
        bold = prediction.bold()
        spectra = np.asarray(bold.spectrum(jnp.asarray(frequencies)))
        matrix = np.asarray(bold.connectivity(BAND))
        return {
            "connectivity": pair_correlation(matrix, connectivity),
            "spectra": float(correlation_db(measured, spectra).mean()),
        }

    route = rj.Simulated(
        volumes * REPETITION,
        0.04,
        seeds,
        # Modes of a minute decay before it counts. Of segments shorter than the band's slowest rhythm what is
        # slower leaks in: of 72 s correlations are .08 too high.
        transient=400 * REPETITION,
        save_every=REPETITION,
        repetition_time=REPETITION,
        segment=min(200, volumes) * REPETITION,
    )
    return Task(network, free, loss, route, scores)


def careful(steps: int) -> rj.LevenbergMarquardt:
    """Short first steps: longer ones leave the stable points, or end in the next valley."""
    return rj.LevenbergMarquardt(steps=steps, longest=1.0, damping=0.1)


def both_routes(task: Task, steps: int, name: str) -> dict[str, Any]:
    """Theory and march from the same start, judged exactly and by other noise."""
    found = {}
    other = jax.random.key(99)
    for kind, route in (("theory", rj.Theory()), ("march", task.route)):
        wall, cpu = time.perf_counter(), time.process_time()
        result = rj.fit(
            task.network,
            task.free,
            task.loss,
            starts=1,
            route=route,
            method=careful(steps),
            prior_weight=1e-4,
            name=f"{name}, {kind}",
        )
        seconds = time.perf_counter() - wall, time.process_time() - cpu
        (model,) = task.route.prepared([result.model(task.network)], None)
        exact = rj.Theory().predict(model, other)
        assert isinstance(model, rj.Network)
        found[kind] = {
            "numbers": result.all_vectors.shape[-1],
            "exact prediction": task.scores(exact),
            "march of other noise": task.scores(task.route.predict(model, other)),
            "stable": int(exact.status) == rj.Status.ok,
            "seconds": seconds[0],
            "cpu seconds": seconds[1],
            "evaluations": result.metadata["evaluations"],
            "memory MB": result.metadata["memory_mb"],
            "factors of e by which gradients grow": result.metadata["gradient_growth"],
            "norm of the gradient, first and last": [
                float(result.slopes[0, 0, 0]),
                float(result.slopes[-1, 0, 0]),
            ],
        }
    return found


def spectra_of_people(steps: int, people: int) -> dict[str, Any]:
    """Connectivity and spectra of BOLD, everybody on their own, by theory, and what spectra are read against."""
    found: dict[str, list[float]] = {}
    for person in range(people):
        task = fmri(150, 1, person)
        result = rj.fit(
            task.network,
            task.free,
            task.loss,
            starts=1,
            method=careful(steps),
            prior_weight=1e-4,
            name=f"BOLD of person {person}",
        )
        model = result.model(task.network)
        assert isinstance(task.loss, rj.SumOfLosses)
        spectrum = task.loss.parts[1]
        assert isinstance(spectrum, rj.SpectrumLoss)
        bins, measured = np.asarray(spectrum.frequencies), np.asarray(spectrum.measured)
        told = task.scores(rj.Theory().predict(model, jax.random.key(0)))
        told |= {
            "spectra, 1/f": float(correlation_db(measured, 1 / bins[:, None]).mean()),
            "spectra, own mean (ceiling of one curve)": float(
                correlation_db(
                    measured, np.exp(np.log(measured).mean(axis=1, keepdims=True))
                ).mean()
            ),
        }
        for name, value in told.items():
            found.setdefault(name, []).append(value)
    return {name: {"mean": float(np.mean(each)), "people": each} for name, each in found.items()}


def table(found: Mapping[str, Any]) -> Table:
    """The scores of both routes."""
    shown = Table(
        "person, route", "scores, exact", "other noise", "stable", "CPU s", "MB", "growth"
    )
    for name in ("MEG", "fMRI"):
        for kind, each in found[name].items():
            cells = [
                ", ".join(f"{key} {value:.3f}" for key, value in each[judged].items())
                for judged in ("exact prediction", "march of other noise")
            ]
            growth = each["factors of e by which gradients grow"]
            shown.add_row(
                f"{name}, {kind}",
                *cells,
                "yes" if each["stable"] else "no",
                f"{each['cpu seconds']:.0f}",
                f"{each['memory MB']:.0f}",
                "" if growth is None else f"{growth[0]:.1f}",
            )
    return shown


def main() -> None:
    """Fit, judge, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short runs, a few steps: a dry run")
    quick = parser.parse_args().quick
    jax.config.update("jax_enable_x64", True)
    steps = 1 if quick else 30
    found: dict[str, Any] = {
        "fMRI": both_routes(fmri(200 if quick else 1200, 1 if quick else 8), steps, "fMRI"),
        "MEG": both_routes(meg(7.0 if quick else 56.0, 1 if quick else 2), steps, "MEG"),
        "BOLD of each person, by theory": spectra_of_people(steps, 1 if quick else 5),
    }
    Console().print(table(found))
    Console().print(found["BOLD of each person, by theory"])
    if not quick:
        of_run = {"machine": machine(), "commit": commit(), "provenance": provenance()}
        write_json(RESULTS, found | of_run)


if __name__ == "__main__":
    main()
