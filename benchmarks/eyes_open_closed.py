r"""What changes when the eyes open: one or two numbers of a brain, found at the electrodes.

`eeg_eyes_s1`: 64 channels, average reference, one person, 60 s with eyes closed and 60 s with them open. NMM1 with
a loop through the thalamus on the cohort's connectome, seen through the lead field, is fitted to the spectra of
eyes closed (2-30 Hz, levels included): shared numbers, and the loop's gain and the strength of the noise linear in
five maps. Then everything is held but one number, or two, and fitted to eyes open; numbers that vary by region
keep their pattern and have its middle and size free. Which numbers explain the change, with their posterior,
beside no change at all and all numbers free.

    python benchmarks/eyes_open_closed.py [--quick]
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table
from run import commit, machine

import rosetta_jax as rj
from rosetta_jax.inference import AtSensors, WhittleLoss, laplace, preset
from rosetta_jax.observe import LeadField
from rosetta_jax.results import provenance, write_json

RESULTS = Path(__file__).parent / "results" / "eyes_open_closed.json"
FOLDER = Path(__file__).parents[2] / "shared" / "data"
BAND = (2.0, 30.0)  # Hz
# Segments of 2 s, half overlapping, in 60 s: 36 independent ones.
DEGREES = 72.0
REGIONAL = ("self_gain", "noise.sigma")


class Recording(NamedTuple):
    """Frequencies (Hz), power of each condition (F, channels), the lead field, the connectome and maps."""

    frequencies: np.ndarray
    opened: np.ndarray
    closed: np.ndarray
    lead_field: LeadField
    connectome: rj.Connectome
    maps: np.ndarray


def recording(folder: Path) -> Recording:
    """The two files: the person's spectra, and the cohort's connectome with lengths no shorter than possible."""
    with np.load(folder / "eeg_eyes_s1.npz", allow_pickle=False) as file:
        frequencies = file["psd_freqs_hz"]
        power = file["psd_avgref_uv2_hz"].astype(float).swapaxes(1, 2)
        leads = file["leadfield_uv_per_nam"].astype(float)
        conditions = [str(each) for each in file["conditions"]]
    with np.load(folder / "meg_psd_dk68.npz", allow_pickle=False) as file:
        centres, weights = file["centres_mni_mm"].astype(float), file["sc_template"].astype(float)
        lengths = file["lengths_template_mm"].astype(float)
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
    connectome = rj.Connectome(weights, np.maximum(lengths, 1.2 * apart), centres=centres)
    x, y, z = centres.T
    inside = (frequencies >= BAND[0]) & (frequencies <= BAND[1])
    return Recording(
        frequencies[inside],
        power[conditions.index("eyes_open"), inside],
        power[conditions.index("eyes_closed"), inside],
        LeadField(leads).average_referenced(),
        connectome.normalised("eigenvalue"),
        np.stack([x, np.abs(x), y, z, y * z]),
    )


@eqx.filter_jit
def seen(network: rj.Network, of: LeadField, frequencies: np.ndarray) -> Any:
    """The exact spectra at the sensors, (F, channels)."""
    prediction = rj.Theory().predict(network, jax.random.key(0)).sensors(of)
    return prediction.spectrum(jnp.asarray(frequencies))


class Found(NamedTuple):
    """A deviance, how much of the change in dB it explains, and the means over regions of what was found."""

    deviance: float
    correlation: float
    explained: float
    values: dict[str, float]
    posterior: dict[str, Any]


def closed_eyes(of: Recording, steps: int) -> tuple[rj.Network, dict[str, Any]]:
    """The network fitted to eyes closed, and the priors of its numbers."""
    chosen = preset("thalamic-loop")
    network = chosen.network(of.connectome)
    start = np.asarray(seen(network, of.lead_field, of.frequencies))
    scale = float(np.exp(np.mean(np.log(of.closed / start)) / 2))
    network = rj.replace(network, {"noise.sigma": scale, "sensor.sigma": 1e-6 * scale})
    free: dict[str, Any] = dict(chosen.free) | {"noise.sigma": rj.LogNormal(scale, 1.0)}
    mapped = {
        path: rj.linear_in(of.maps, kind) if path in REGIONAL else kind
        for path, kind in free.items()
    }
    for kinds, name in ((free, "eyes closed, shared"), (mapped, "eyes closed, maps")):
        found = _fitted(of, network, kinds, of.closed, steps, name)
        network = _network(found, network)
    return network, free


def changed(
    of: Recording, closed: rj.Network, free: Mapping[str, Any], names: Sequence[str], steps: int
) -> Found:
    """Eyes open with all but `names` as with eyes closed."""
    kinds = {name: _about(closed, name, free[name]) for name in names}
    found = _fitted(of, closed, kinds, of.opened, steps, " and ".join(names)[:24])
    values = {name: float(np.mean(found.values[name][0])) for name in names}
    certain = laplace(closed, kinds, _loss(of, of.opened), found)
    posterior = {
        "dispersion": float(certain.dispersion[0]),
        "names": certain.names,
        "mean": certain.mean[0],
        "sd": certain.widths[0],
    }
    change = explained(of, closed, _network(found, closed))
    return Found(float(found.losses[0]), *change, values, posterior)


def explained(of: Recording, closed: rj.Network, opened: rj.Network) -> tuple[float, float]:
    """Correlation of the predicted change in dB with the measured one, and the share of its square explained."""
    spectra = [np.asarray(seen(n, of.lead_field, of.frequencies)) for n in (opened, closed)]
    predicted = 10 * np.log10(spectra[0] / spectra[1])
    measured = 10 * np.log10(of.opened / of.closed)
    share = 1 - np.sum((predicted - measured) ** 2) / np.sum(measured**2)
    flat = np.ptp(predicted) == 0
    r = np.nan if flat else np.corrcoef(predicted.ravel(), measured.ravel())[0, 1]
    return float(r), float(share)


def _about(closed: rj.Network, name: str, kind: Any) -> Any:
    """Its prior, or where it varies by region the middle and the size of the pattern that it has."""
    value = rj.get(closed, name)
    if value.ndim == 0:
        return kind
    pattern = np.asarray(kind.unconstrain(value))
    return rj.linear_in(pattern, kind, float(pattern.std()))


def _network(found: rj.FitResult, template: rj.Network) -> rj.Network:
    network = found.model(template)
    assert isinstance(network, rj.Network)  # as the template is
    return network


def _loss(of: Recording, measured: np.ndarray) -> AtSensors:
    return AtSensors(
        of.lead_field, WhittleLoss(of.frequencies, measured, degrees=DEGREES, level="given")
    )


def _fitted(
    of: Recording, network: rj.Network, free: Any, measured: np.ndarray, steps: int, name: str
) -> rj.FitResult:
    return rj.fit(
        network,
        free,
        _loss(of, measured),
        starts=1,
        prior_weight=1.0,
        method=rj.LevenbergMarquardt(steps=steps, tolerance=1e-3),
        name=f"{name:<24}",
    )


def study(of: Recording, steps: int, quick: bool) -> dict[str, Any]:
    """Every number alone, the best one with each of the others, and all of them."""
    began = time.perf_counter()
    closed, free = closed_eyes(of, steps)
    spectra = np.asarray(seen(closed, of.lead_field, of.frequencies))
    alone = partial(changed, of, closed, free, steps=steps)
    names = list(free)[:2] if quick else list(free)
    tried = {name: alone(names=[name]) for name in names}
    best = min(tried, key=lambda name: tried[name].deviance)
    pairs = {f"{best} and {other}": alone(names=[best, other]) for other in names if other != best}
    everything = {"all numbers": alone(names=list(free))}
    r = [
        np.corrcoef(np.log(a), np.log(b))[0, 1] for a, b in zip(spectra.T, of.closed.T, strict=True)
    ]
    return {
        "eyes closed, mean correlation over channels": float(np.mean(r)),
        "data": int(of.closed.size),
        "no change": _deviance(of, closed),
        "closed": {name: float(np.mean(rj.get(closed, name))) for name in free},
        "tried": {name: found._asdict() for name, found in (tried | pairs | everything).items()},
        "seconds": time.perf_counter() - began,
    }


def _deviance(of: Recording, network: rj.Network) -> float:
    prediction = rj.Theory().predict(network, jax.random.key(0))
    residual = _loss(of, of.opened).residual(prediction)
    return float(residual @ residual)


def table(found: Mapping[str, Any]) -> Table:
    """What each number explains of the change."""
    shown = Table("free with eyes open", "deviance", "change in dB, r", "explained")
    shown.add_row("nothing", f"{found['no change']:.0f}", "", "0 %")
    for name, each in sorted(found["tried"].items(), key=lambda item: -item[1]["deviance"]):
        shown.add_row(
            name,
            f"{each['deviance']:.0f}",
            f"{each['correlation']:.2f}",
            f"{100 * each['explained']:.0f} %",
        )
    return shown


def main() -> None:
    """Fit, tell, and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a few steps of two numbers: a dry run"
    )
    quick = parser.parse_args().quick
    jax.config.update("jax_enable_x64", True)
    found = study(recording(FOLDER), 3 if quick else 30, quick)
    Console().print(table(found))
    best = min(
        (n for n in found["tried"] if "all" not in n), key=lambda n: found["tried"][n]["deviance"]
    )
    Console().print(best, found["tried"][best]["values"], found["tried"][best]["posterior"])
    if not quick:
        kept = {"machine": machine(), "commit": commit(), "provenance": provenance()}
        write_json(RESULTS, found | kept)


if __name__ == "__main__":
    main()
