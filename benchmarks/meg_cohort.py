r"""Resting MEG of 24 people by region: what a loop in a brain tells of bins that it has not seen.

NMM1 with a loop through the thalamus on each person's own connectome (`meg_psd_dk68`, 68 regions, 2-45 Hz). Bins
1, 3, 5... are fitted and bins 2, 4, 6... judged. Shared numbers first; then seven of them vary by region. All
people have a gain curve of instruments and processing in common, in dB: each half of them is seen through the
curve that the fits of the *other* half left over, so that nobody's own bins are in it. Baselines, two Lorentzians
and 1/f by region among them, go the same way (`rj.inference.study`). All 40 bins with shared numbers alone, plain
and through the curve.

The map of relative alpha (8-13 Hz) of people who are left out: a brain fitted by region to all people of the other
half at once, mirrored, on each own connectome, beside the other half's mirrored mean map, paired; and what of
connectomes tells more than that map does.

    python benchmarks/meg_cohort.py [--quick]
"""

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from convert_meg import convert
from rich.console import Console
from rich.table import Table
from run import commit, machine

import rosetta_jax as rj
from rosetta_jax.data import Recordings, load_recordings
from rosetta_jax.inference import Scored, Study, StudySettings, by_region, preset
from rosetta_jax.inference import study as fitted
from rosetta_jax.inference.certainty import spectra_likelihoods
from rosetta_jax.inference.fitting import Fitting
from rosetta_jax.inference.judgement import judgement, scores
from rosetta_jax.inference.measures import map_correlation, paired_difference
from rosetta_jax.parameters import FreeParameters
from rosetta_jax.results import provenance, write_json

RESULTS = Path(__file__).parent / "results" / "meg_cohort.json"
SOURCE = Path(__file__).parents[2] / "shared" / "data" / "meg_psd_dk68.npz"
CURVE = "two Lorentzians and 1/f"


def recordings(source: Path, people: int | None = None) -> Recordings:
    """All people of the file, or the first ones."""
    with tempfile.TemporaryDirectory() as folder:
        convert(source, Path(folder) / "meg.npz")
        found = load_recordings(Path(folder) / "meg.npz")
    if people is None:
        return found
    kept = (found.spectra[:people], found.connectomes[:people])
    return eqx.tree_at(lambda each: (each.spectra, each.connectomes), found, kept)


def told(of: Scored) -> dict[str, Any]:
    """Scores of a cohort, to be kept."""
    return {
        "numbers": of.numbers,
        "r": of.mean_score,
        "r of each person": of.scores.tolist(),
        "map": of.alpha_map_correlation,
        "map of each person": of.judged.alpha_correlations.tolist(),
        "depth": float(of.judged.depths.mean()),
        "stable": int(sum(of.stable)),
    }


def all_told(found: Study) -> dict[str, Any]:
    """The model and its baselines."""
    each = {"network": found.model} | found.baselines
    return {name: told(of) for name, of in each.items()}


def less(found: Study, name: str) -> dict[str, float]:
    """Network less a baseline, paired by person."""
    difference, error = found.differences()[name]
    return {"mean": difference, "standard error": error}


def mirrored(values: np.ndarray) -> np.ndarray:
    """A map whose mirrored regions are alike: the left half of the regions, then the right one."""
    half = values.shape[-1] // 2
    return (values + np.roll(values, half, axis=-1)) / 2


def of_group(of: Recordings, group: np.ndarray, steps: int) -> list[rj.Network]:
    """One brain by region fitted to a group at once, its deviations mirrored, on everybody's connectome."""
    chosen, judged = preset("thalamic-loop"), judgement("nothing", *of.spectra.shape[1:])
    losses = judged.losses(of, 0.3, 0.1)
    networks = [chosen.network(each) for each in of.connectomes]

    def pooled(begin: list[rj.Network], free: Any, name: str) -> tuple[np.ndarray, FreeParameters]:
        found = rj.fit(
            [begin[at] for at in group],
            free,
            [losses[at] for at in group],
            starts=1,
            pooled=True,
            method=rj.LevenbergMarquardt(steps=steps, tolerance=3e-4),
            prior_weight=1e-5,
            name=name,
        )
        return found.all_vectors[0, 0], FreeParameters(begin[0], free)

    vector, parameters = pooled(networks, chosen.free, "group, regions alike")
    networks = [parameters.apply(jnp.asarray(vector), each) for each in networks]
    networks = [rj.replace(each, {"sensor.sigma": 5e-3}) for each in networks]
    free = by_region(chosen.free, chosen.regional, 1.0)
    vector, parameters = pooled(networks, free, "group, by region")
    parts = np.split(vector, np.cumsum(parameters.counts)[:-1])
    parts = [np.append(part[:1], mirrored(part[1:])) for part in parts]
    vector = jnp.asarray(np.concatenate(parts))
    return [parameters.apply(vector, each) for each in networks]


def of_connectomes(of: Recordings, group: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """The group's mirrored mean map, and what own connectomes add to it by regression within the group.

    Of each region its strength, and the means of the map over its neighbours by weight and by weights' roots: how
    these differ from the group's own means, times what such differences told within the group.
    """
    mean = mirrored(maps[group].mean(axis=0))
    weights = [np.asarray(each.weights) for each in of.connectomes]
    told = [
        np.stack(
            [
                w.sum(axis=1) / w.sum(),
                w @ mean / w.sum(axis=1),
                w**0.5 @ mean / (w**0.5).sum(axis=1),
            ]
        )
        for w in weights
    ]
    features = np.stack(told) - np.stack([told[at] for at in group]).mean(axis=0)
    size = features[group].std(axis=(0, 2), keepdims=True)
    size = np.where(size > 0, size, 1.0)
    design = (features / size)[group].swapaxes(1, 2).reshape(-1, 3)
    missed = (maps[group] - maps[group].mean(axis=0)).reshape(-1)
    slope = np.linalg.lstsq(design, missed)[0]
    return mean + np.einsum("pkn,k->pn", features / size, slope)


def maps_of_the_left_out(of: Recordings, steps: int) -> dict[str, Any]:
    """Alpha maps of each half from fits and maps of the other, all paired with the other's mirrored mean map."""
    people, *shape = of.spectra.shape
    whole = judgement("nothing", *shape)
    measured = np.stack([whole.alpha(of.frequencies, each) for each in of.spectra])
    standard = (measured - measured.mean(axis=1, keepdims=True)) / measured.std(
        axis=1, keepdims=True
    )
    found: dict[str, list[float]] = {}
    stable = 0
    for left in (0, 1):
        group = np.flatnonzero(np.arange(people) % 2 != left)
        brains, own = of_group(of, group, steps), of_connectomes(of, group, measured)
        for at in range(left, people, 2):
            spectrum = rj.linear.power_spectrum(brains[at], of.frequencies)
            stable += int(spectrum.status) == rj.Status.ok
            mean = measured[group].mean(axis=0)
            maps = {
                "brain of the others": whole.alpha(of.frequencies, np.asarray(spectrum.density)),
                "mean map": mean,
                "mirrored mean map": mirrored(mean),
                "mirrored mean of standardised maps": mirrored(standard[group].mean(axis=0)),
                "mirrored mean map, and own connectome by regression": own[at],
            }
            for name, each in maps.items():
                found.setdefault(name, []).append(map_correlation(measured[at], each))
    base = np.array(found["mirrored mean map"])
    kept: dict[str, Any] = {}
    for name, each in found.items():
        difference, error = paired_difference(np.array(each), base)
        kept[name] = {"r": float(np.nanmean(each)), "less": difference, "standard error": error}
    return kept | {"stable": stable}


def with_learned_prior(
    of: Recordings, at: Scored, rounds: int, dispersion: float | str
) -> dict[str, Any]:
    """From there on by Whittle's likelihood, learning what people have in common and how far they differ."""
    assert at.result is not None  # it was fitted
    judged = judgement("bins", *of.spectra.shape[1:])
    losses, _ = spectra_likelihoods(of, judged, at.spectra, at.curve)
    networks = [preset("thalamic-loop").network(each) for each in of.connectomes]
    group = rj.inference.cohort(
        networks, at.free, losses, begin=at.result, rounds=rounds, dispersion=dispersion
    )
    people = [group.model(network, person) for person, network in enumerate(networks)]
    found = [rj.linear.power_spectrum(each, of.frequencies) for each in people]
    spectra = np.stack([np.asarray(each.density) for each in found])
    if at.curve is not None:
        spectra = spectra * 10 ** (at.curve[:, :, None] / 10)
    told_of = scores(of, spectra, judged)
    return {
        "r": float(told_of.correlations.mean()),
        "map": float(told_of.alpha_correlations.mean()),
        "stable": int(sum(int(each.status) == rj.Status.ok for each in found)),
        "people differ by, in widths of the prior given": group.widths,
        "evidence": group.evidence.tolist(),
        "converged": group.converged,
        "dispersion": group.dispersion.tolist(),
    }


def study(of: Recordings, rounds: int, steps: int, starts: int) -> dict[str, Any]:
    """All parts, with the time of the brains by region."""
    loop, regional = preset("thalamic-loop"), {"width": 1.0, "left_out": "bins", "starts": 1}
    spent = {}

    def timed(name: str, call: Any) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        found = call()
        spent[name] = {
            "seconds": time.perf_counter() - wall,
            "cpu seconds": time.process_time() - cpu,
        }
        return found

    settings = StudySettings(**regional, curve_rounds=rounds)
    judged = judgement("bins", *of.spectra.shape[1:])
    networks = [loop.network(each) for each in of.connectomes]
    alone = Fitting(of, judged, settings, None, None, True)
    timed(
        "network by region, others' curve, compilation included",
        lambda: alone.fitted(networks, loop.free, loop.regional, "network"),
    )
    through = timed(
        "the same again, with its baselines",
        lambda: fitted(of, loop, settings),
    )
    plain = timed(
        "by region, baselines included", lambda: fitted(of, loop, StudySettings(**regional))
    )
    shared = {
        name: timed(
            f"shared{name}",
            lambda curves=curves: fitted(
                of, loop, StudySettings(starts=starts, curve_rounds=curves)
            ),
        )
        for name, curves in (("", 0), (", others' curve", rounds))
    }
    learned = {
        name: timed(
            f"learned prior, {name}",
            lambda dispersion=dispersion: with_learned_prior(
                of, through.model, 8 if rounds > 1 else 2, dispersion
            ),
        )
        for name, dispersion in (("likelihood as it is", 1.0), ("dispersion of each", "auto"))
    }
    maps = timed("maps of people left out", lambda: maps_of_the_left_out(of, steps))
    assert through.model.curve is not None
    return {
        "by region through the others' curve, odd bins fitted, even bins judged": all_told(through),
        "by region, odd bins fitted, even bins judged": all_told(plain),
        **{f"shared numbers, all bins{name}": all_told(each) for name, each in shared.items()},
        "network less curve": {
            "by region, others' curve": less(through, f"{CURVE} by region"),
            "by region": less(plain, f"{CURVE} by region"),
            **{f"shared{name}": less(each, CURVE) for name, each in shared.items()},
        },
        "cohort curve, dB": through.model.curve[:2].tolist(),
        "by region with a learned prior, others' curve": learned,
        "maps of people left out": maps,
        "spent": spent,
    }


def table(found: Mapping[str, Any]) -> Table:
    """The scores."""
    shown = Table("model", "numbers", "r", "alpha map", "depth", "stable")
    for part, models in found.items():
        if not isinstance(models, Mapping) or "network" not in models:
            continue
        shown.add_row(f"[bold]{part}")
        for name, each in models.items():
            cells = [f"{each[key]:.3f}" for key in ("r", "map", "depth")]
            shown.add_row(name, str(each["numbers"]), *cells, str(each["stable"]))
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
    learned = "by region with a learned prior, others' curve"
    for part in ("network less curve", learned, "maps of people left out", "spent"):
        Console().print(found[part])
    if not quick:
        kept = {"machine": machine(), "commit": commit(), "provenance": provenance()}
        write_json(RESULTS, found | kept)


if __name__ == "__main__":
    main()
