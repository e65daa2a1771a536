r"""Resting MEG of 24 people by region: what a loop in a brain tells of bins that it has not seen.

NMM1 with a loop through the thalamus on each person's own connectome (`meg_psd_dk68`, 68 regions, 2-45 Hz). Bins
1, 3, 5... are fitted and bins 2, 4, 6... judged. Shared numbers first; then seven of them vary by region. All
people have a gain curve of instruments and processing in common, in dB: each half of them is seen through the
curve that the fits of the *other* half left over (`rj.inference.cohort_curve`), so that nobody's own bins are in
it. Two Lorentzians and 1/f without a brain, seven numbers by region, go the same way; beside both stand the
interpolation of the fitted bins, and the spectrum that a person's regions have in common.

The map of relative alpha (8-13 Hz) of a person who is left out: the mean coordinates of the others, mirrored, on
that person's connectome, beside the others' mirrored mean map, paired. And all 40 bins with shared numbers alone,
model less curve, each seen through its own cohort curve, paired.

    python benchmarks/meg_cohort.py [--quick]
"""

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from convert_meg import convert
from rich.console import Console
from rich.table import Table
from run import commit, machine
from scipy.interpolate import CubicSpline

import rosetta_jax as rj
from rosetta_jax.data import Recordings, load_recordings
from rosetta_jax.inference import TwoLorentzians, by_region, cohort_curve, preset
from rosetta_jax.inference.judgement import Judgement, Scores, judgement, scores
from rosetta_jax.inference.measures import map_correlation, paired_difference
from rosetta_jax.parameters import FreeParameters
from rosetta_jax.results import provenance, write_json

RESULTS = Path(__file__).parent / "results" / "meg_cohort.json"
SOURCE = Path(__file__).parents[2] / "shared" / "data" / "meg_psd_dk68.npz"
REGIONAL = (
    "rung.decay_x",
    "rung.decay_y",
    "rung.w_xy",
    "self_gain",
    "self_delay",
    "noise.exponent",
    "sensor.sigma",
)


class Way(NamedTuple):
    """How a model is fitted: a template a person, its free numbers, those by region, starts of the shared."""

    templates: list[Any]
    free: dict[str, Any]
    regional: tuple[str, ...]
    starts: int


class Found(NamedTuple):
    """What a fit predicts: spectra (people, F, nodes or 1), whether stable, the fit, its templates."""

    spectra: np.ndarray
    stable: list[bool]
    fit: rj.FitResult
    templates: list[Any]


def recordings(source: Path, people: int | None = None) -> Recordings:
    """All people of the file, or the first ones."""
    with tempfile.TemporaryDirectory() as folder:
        convert(source, Path(folder) / "meg.npz")
        found = load_recordings(Path(folder) / "meg.npz")
    if people is None:
        return found
    kept = (found.spectra[:people], found.connectomes[:people])
    return eqx.tree_at(lambda each: (each.spectra, each.connectomes), found, kept)


def brains(of: Recordings, starts: int) -> Way:
    """The network with a loop: eight numbers shared, seven of them by region."""
    chosen = preset("thalamic-loop")
    # The floor of the sensors, small beside alpha, is what high frequencies end in.
    free = chosen.free | {"sensor.sigma": rj.LogNormal(5e-3, 1.5)}
    networks = [rj.replace(chosen.network(each), {"sensor.sigma": 5e-3}) for each in of.connectomes]
    return Way(networks, free, REGIONAL, starts)


def curves(of: Recordings, starts: int) -> Way:
    """Without a brain."""
    people, _, nodes = of.spectra.shape
    free = TwoLorentzians.free()
    return Way([TwoLorentzians(nodes=nodes)] * people, free, tuple(free), starts)


def fitted(
    of: Recordings,
    judged: Judgement,
    way: Way,
    gains: np.ndarray | None = None,
    begin: Found | None = None,
    steps: int = 20,
) -> Found:
    """One vector a person: shared numbers, or from a fit of these on, by region."""
    losses = judged.losses(of, 0.3, 0.1)
    if gains is not None:
        losses = [
            eqx.tree_at(lambda loss: loss.curve, loss, jnp.asarray(gain[judged.fitted_bins]))
            for loss, gain in zip(losses, gains, strict=True)
        ]
    if begin is None:
        templates, free, starts = way.templates, way.free, way.starts
        method = rj.LevenbergMarquardt(tolerance=1e-3)
    else:
        templates = [begin.fit.model(each, at) for at, each in enumerate(begin.templates)]
        free, starts = by_region(way.free, way.regional, 1.0), 1
        method = rj.LevenbergMarquardt(steps=steps, tolerance=3e-4)
    found = rj.fit(
        templates, free, losses, starts=starts, method=method, prior_weight=1e-5, name="cohort"
    )
    models = [found.model(each, at) for at, each in enumerate(templates)]
    spectra, stable = zip(*(predicted(each, of.frequencies) for each in models), strict=True)
    return Found(np.stack(spectra), list(stable), found, templates)


def predicted(model: Any, frequencies: np.ndarray) -> tuple[np.ndarray, bool]:
    """The spectrum of a network or a curve, and whether it is stable."""
    if not isinstance(model, rj.Network):
        return np.asarray(model.spectrum(jnp.asarray(frequencies))), True
    found = rj.linear.power_spectrum(model, frequencies)
    return np.asarray(found.density), int(found.status) == rj.Status.ok


def gains_of_others(of: Recordings, spectra: np.ndarray) -> np.ndarray:
    """For each person the cohort curve of the half that the person is not in, dB, (people, F)."""
    even = np.arange(len(spectra)) % 2 == 0
    of_half = {
        bool(half): cohort_curve(of.spectra[even != half], spectra[even != half])
        for half in (True, False)
    }
    return np.stack([of_half[bool(half)] for half in even])


def seen(spectra: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """Spectra through the curves."""
    return spectra * 10 ** (gains[:, :, None] / 10)


def by_regions(of: Recordings, judged: Judgement, way: Way, rounds: int, steps: int) -> Any:
    """Shared, then by region through the others' curve, which is learned anew from what that finds."""
    found = fitted(of, judged, way)
    alone = scores(of, found.spectra, judged)
    gains = gains_of_others(of, found.spectra)
    for _ in range(rounds):
        found = fitted(of, judged, way, gains, found, steps)
        last = scores(of, seen(found.spectra, gains), judged)
        gains_used, gains = gains, gains_of_others(of, found.spectra)
    return found, gains_used, alone, last


def told(of: Scores, stable: list[bool], **more: Any) -> dict[str, Any]:
    """Scores of a cohort, to be kept."""
    r, maps = of.correlations.mean(axis=1), of.alpha_correlations
    return {
        "r": float(r.mean()),
        "r of each person": r.tolist(),
        "map": float(maps.mean()),
        "map of each person": maps.tolist(),
        "depth": float(of.depths.mean()),
        "stable": int(sum(stable)),
        **more,
    }


def interpolated(of: Recordings, judged: Judgement) -> np.ndarray:
    """The fitted bins joined by a cubic spline of decibels."""
    bins = judged.fitted_bins
    spline = CubicSpline(of.frequencies[bins], 10 * np.log10(of.spectra[:, bins]), axis=1)
    return 10 ** (spline(of.frequencies) / 10)


def map_of_the_left_out(of: Recordings, way: Way, found: Found) -> dict[str, Any]:
    """Alpha maps of people from the others' coordinates, and the others' mirrored mean map, paired."""
    people, _, nodes = of.spectra.shape
    whole = judgement("nothing", *of.spectra.shape[1:])
    measured = np.stack([whole.alpha(of.frequencies, each) for each in of.spectra])
    free = by_region(way.free, way.regional, 1.0)
    parameters = FreeParameters(found.templates[0], free)
    vectors = np.stack([found.fit.all_vectors[at, 0] for at in range(people)])
    mirror = np.concatenate([np.arange(nodes // 2) + nodes // 2, np.arange(nodes // 2)])
    model, mean, stable = [], [], []
    for left in range(people):
        others = [at for at in range(people) if at != left]
        vector = _mirrored(vectors[others].mean(axis=0), parameters.counts, mirror)
        brain = parameters.apply(jnp.asarray(vector), way.templates[left])
        spectrum, fine = predicted(brain, of.frequencies)
        stable.append(fine)
        alpha = whole.alpha(of.frequencies, spectrum)
        model.append(map_correlation(measured[left], alpha))
        average = measured[others].mean(axis=0)
        mean.append(map_correlation(measured[left], (average + average[mirror]) / 2))
    difference, error = paired_difference(np.array(model), np.array(mean))
    return {
        "model": float(np.nanmean(model)),
        "mirrored mean map": float(np.mean(mean)),
        "model less mean map": difference,
        "standard error": error,
        "stable": int(sum(stable)),
    }


def _mirrored(vector: np.ndarray, counts: list[int], mirror: np.ndarray) -> np.ndarray:
    """Coordinates with the deviations of mirrored regions averaged."""
    parts = np.split(vector, np.cumsum(counts)[:-1])
    for part in parts:
        if part.size > 1:
            part[1:] = (part[1:] + part[1:][mirror]) / 2
    return np.concatenate(parts)


def shared_alone(of: Recordings, rounds: int, starts: int) -> dict[str, Any]:
    """All bins, shared numbers: model and curve, plain and through the others' curve, paired."""
    whole = judgement("nothing", *of.spectra.shape[1:])
    chosen = preset("thalamic-loop")
    ways = {
        "network": Way([chosen.network(c) for c in of.connectomes], chosen.free, (), starts),
        "curve": Way([TwoLorentzians()] * len(of.spectra), TwoLorentzians.free(), (), starts),
    }
    kept: dict[str, Any] = {}
    for name, way in ways.items():
        found, gains = fitted(of, whole, way), None
        plain = scores(of, found.spectra, whole)
        for _ in range(rounds):
            gains = gains_of_others(of, found.spectra)
            found = fitted(of, whole, way, gains)
        through = scores(of, seen(found.spectra, gains), whole) if gains is not None else plain
        kept[name] = told(plain, found.stable)
        kept[f"{name}, cohort curve"] = told(through, found.stable)
    for name in ("", ", cohort curve"):
        pair = [np.array(kept[f"{kind}{name}"]["r of each person"]) for kind in ways]
        difference, error = paired_difference(*pair)
        kept[f"difference{name}"] = {"mean": difference, "standard error": error}
    return kept


def study(of: Recordings, rounds: int, steps: int, starts: int) -> dict[str, Any]:
    """All parts, with the time of the brains by region."""
    judged = judgement("bins", *of.spectra.shape[1:])
    wall, cpu = time.perf_counter(), time.process_time()
    way = brains(of, 1)
    found, gains, alone, last = by_regions(of, judged, way, rounds, steps)
    spent = {"seconds": time.perf_counter() - wall, "cpu seconds": time.process_time() - cpu}
    regional: dict[str, Any] = {
        "network, shared": told(alone, found.stable),
        "network, by region": told(last, found.stable, **spent),
        "network, by region, without the curve": told(
            scores(of, found.spectra, judged), found.stable
        ),
    }
    free, _, _, other = by_regions(of, judged, curves(of, 4), rounds, steps)
    regional["curve, by region"] = told(other, free.stable)
    joined = interpolated(of, judged)
    regional["interpolation"] = told(scores(of, joined, judged), [True] * len(joined))
    common = np.exp(np.log(of.spectra).mean(axis=2, keepdims=True))
    regional["own mean spectrum"] = told(scores(of, common, judged), [True] * len(common))
    return {
        "by region, odd bins fitted, even bins judged": regional,
        "cohort curve, dB": gains[0].tolist(),
        "map of a person left out": map_of_the_left_out(of, way, found),
        "shared numbers, all bins": shared_alone(of, rounds, starts),
    }


def table(found: Mapping[str, Any]) -> Table:
    """The scores."""
    shown = Table("model", "r", "alpha map", "depth", "stable")
    for part in ("by region, odd bins fitted, even bins judged", "shared numbers, all bins"):
        shown.add_row(f"[bold]{part}")
        for name, each in found[part].items():
            if "r" in each:
                cells = [f"{each[key]:.3f}" for key in ("r", "map", "depth")]
                shown.add_row(name, *cells, str(each["stable"]))
            else:
                shown.add_row(f"{name}: {each['mean']:+.4f} ± {each['standard error']:.4f}")
    return shown


def main() -> None:
    """Fit, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="four people, a few steps: a dry run")
    quick = parser.parse_args().quick
    jax.config.update("jax_enable_x64", True)
    of = recordings(SOURCE, 4 if quick else None)
    found = study(of, 1 if quick else 2, 2 if quick else 20, 1 if quick else 2)
    Console().print(table(found))
    Console().print(found["map of a person left out"])
    if not quick:
        kept = {"machine": machine(), "commit": commit(), "provenance": provenance()}
        write_json(RESULTS, found | kept)


if __name__ == "__main__":
    main()
