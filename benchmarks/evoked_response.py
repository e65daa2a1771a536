r"""The evoked response to TMS of the motor cortex: Jansen-Rit, fixed connectome and fixed lead field.

`tms_eeg_schaefer200`: 62 channels (average reference, baseline subtracted) over 0-300 ms, 200 regions. Free are
shared numbers, coefficients of five maps (x, |x|, y, z, logarithm of strength) in two rates, and the strength of
the pulse (10 ms) in every region, which `SitesLoss` solves for at each step of the others: fitted by linear
theory, where every point is stable, and judged by marching the fitted network from rest, too. Scores are the mean
cosine of channels and that of the pattern. Beside it the best that the lead field's modes do without a brain with
no more numbers: so many modes, each with so many of a cosine series in time.

    python benchmarks/evoked_response.py [--quick]
"""

import argparse
import time
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
from rosetta_jax.inference import AtSensors, SitesLoss, best_sites, cosine, without_brain
from rosetta_jax.observe import LeadField
from rosetta_jax.results import provenance, write_json

RESULTS = Path(__file__).parent / "results" / "evoked_response.json"
RECORDING = Path(__file__).parents[2] / "shared" / "data" / "tms_eeg_schaefer200.npz"
LAST, STEP = 0.3, 1e-3  # s
EVERY, LOW_PASS = 4, 50.0  # ms between fitted times, Hz
BIAS, GAIN = 450.0, 8.0
PULSES = (1.0, 10.0, 100.0)  # the largest strengths (Hz) with which the fitted network is marched


class Recording(NamedTuple):
    """Times (s), the response (times, channels), its lead field, connectome and maps (maps, nodes)."""

    times: np.ndarray
    measured: np.ndarray
    lead_field: LeadField
    connectome: rj.Connectome
    maps: np.ndarray


def recording(path: Path) -> Recording:
    """The file, with the logarithm of its counts as weights and no link without a length."""
    with np.load(path, allow_pickle=False) as file:
        times, potential = file["times_ms"] / 1000.0, file["eeg"].T.astype(float)
        leads, counts = file["leadfield"].astype(float), file["sc_counts"].astype(float)
        lengths, centres = file["lengths_mm"].astype(float), file["centres_mni_mm"].astype(float)
    potential = potential - potential[times < -0.01].mean(axis=0)
    inside = (times > STEP / 2) & (times < LAST + STEP / 2)
    weights = np.log1p((counts + counts.T) / 2)
    np.fill_diagonal(weights, 0.0)
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
    lengths = np.where((weights > 0) & (lengths <= 0), 1.2 * apart, lengths)
    x, y, z = centres.T
    return Recording(
        np.round(times[inside].astype(float), 6),
        potential[inside] - potential[inside].mean(axis=1, keepdims=True),
        LeadField(leads).average_referenced(),
        rj.Connectome(weights, lengths, centres=centres).normalised("eigenvalue"),
        np.stack([x, np.abs(x), y, z, np.log(weights.sum(axis=1))]),
    )


def model(of: Recording) -> tuple[rj.Network, dict[str, Any]]:
    """The network with a pulse of one unit in every region, and what of it is free."""
    network = rj.Network(
        rj.JansenRit(bias=BIAS),
        of.connectome,
        gain=GAIN,
        speed=6.0,
        drive=rj.Step(jnp.ones(of.connectome.nodes), 0.0, 0.01),
        max_delay=0.3,
    )
    free = {
        "rung.excitatory_rate": rj.linear_in(of.maps, rj.LogNormal(100.0, 0.4), 0.5),
        "rung.inhibitory_rate": rj.linear_in(of.maps, rj.LogNormal(50.0, 0.4), 0.5),
        "rung.connectivity": rj.LogNormal(135.0, 0.3),
        "rung.bias": rj.Normal(BIAS, 80.0),
        "gain": rj.LogNormal(GAIN, 0.7),
        "speed": rj.LogNormal(6.0, 0.5),
    }
    return network, free


def scores(measured: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """The mean cosine of channels, and that of all of them as one."""
    whole = np.sum(measured * predicted) / np.linalg.norm(measured) / np.linalg.norm(predicted)
    return {"channels": float(cosine(measured, predicted).mean()), "pattern": float(whole)}


def study(of: Recording, steps: int) -> dict[str, Any]:
    """The fit, its scores and what they are read against."""
    network, free = model(of)
    every = slice(EVERY - 1, None, EVERY)
    loss = AtSensors(
        of.lead_field,
        SitesLoss(of.times[every], of.measured[every], ridge=1e-3, low_pass=LOW_PASS),
    )
    began = time.perf_counter()
    found = rj.fit(
        network,
        free,
        loss,
        starts=1,
        method=rj.LevenbergMarquardt(steps=steps, longest=1.0, damping=0.1),
        prior_weight=1e-4,
        name="evoked response",
    )
    fitted = found.model(network)
    strengths = best_sites(fitted, loss)
    fitted = rj.replace(fitted, {"drive.amplitude": strengths})
    seconds = time.perf_counter() - began
    marched = {f"marched, up to {size:g} Hz": _marched(of, fitted, size) for size in PULSES}
    theory = rj.linear.evoked_response(fitted, of.times)
    numbers = found.all_vectors.shape[-1] + of.connectome.nodes
    without = without_brain(of.measured, np.asarray(of.lead_field.matrix), numbers)
    return {
        "numbers": numbers,
        "network": scores(of.measured, np.asarray(of.lead_field.sensors(theory.signal))),
        "stable": int(rj.linear.stability(fitted).status) == rj.Status.ok,
        "rightmost root (1/s)": float(rj.linear.rightmost(fitted).real),
        "lead field's modes, no brain": {
            "channels": without.score,
            "pattern": without.pattern,
            "numbers": without.numbers,
        },
        "shared values": {k: v[0] for k, v in found.values.items() if v.ndim == 1},
        "seconds": seconds,
        "cpu seconds": found.metadata["cpu_seconds_fit"],
        "memory MB": found.metadata["memory_mb"],
    } | marched


def _marched(of: Recording, fitted: rj.Network, size: float) -> dict[str, float]:
    """Its scores with a pulse whose largest strength is `size`, beyond first order."""
    strengths = rj.get(fitted, "drive.amplitude")
    scaled = rj.replace(fitted, {"drive.amplitude": strengths * size / jnp.abs(strengths).max()})
    response = rj.evoked(scaled, of.times, STEP)
    return scores(of.measured, np.asarray(of.lead_field.sensors(response.signal)))


def table(found: Mapping[str, Any]) -> Table:
    """The scores."""
    shown = Table("model", "numbers", "cosine of channels", "of the pattern")
    stable = "stable" if found["stable"] else "NOT stable"
    names = {"network": f"network, theory, {stable}"}
    names |= {name: f"network, {name}" for name in found if name.startswith("marched")}
    names |= {"lead field's modes, no brain": "lead field's modes, no brain"}
    for name, said in names.items():
        each = found[name]
        shown.add_row(
            said, str(found["numbers"]), f"{each['channels']:.3f}", f"{each['pattern']:.3f}"
        )
    return shown


def main() -> None:
    """Fit, judge, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few steps: a dry run")
    quick = parser.parse_args().quick
    jax.config.update("jax_enable_x64", True)
    found = study(recording(RECORDING), 2 if quick else 16)
    Console().print(table(found))
    Console().print(f"{found['seconds']:.0f} s, {found['cpu seconds']:.0f} CPU s of descent")
    if not quick:
        kept = {"machine": machine(), "commit": commit(), "provenance": provenance()}
        write_json(RESULTS, found | kept)


if __name__ == "__main__":
    main()
