r"""The evoked response to TMS of the motor cortex: Jansen-Rit, fixed connectome and fixed lead field.

`tms_eeg_schaefer200`: 62 channels (average reference, baseline subtracted) over 0-300 ms, 200 regions. Free are
shared numbers, one weight of the pulse (10 ms) in every region, and coefficients of five maps (x, |x|, y, z,
logarithm of strength) in two rates: fitted by descent through the march from rest, to the cosine of the whole
pattern; scores are the mean cosine of channels and that of the pattern. Beside it the best that the lead field's
modes do without a brain with no more numbers: so many modes, each with so many of a cosine series in time.

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
import optax
from rich.console import Console
from rich.table import Table
from run import commit, machine
from scipy.fft import dct, idct

import rosetta_jax as rj
from rosetta_jax.inference import AtSensors, EvokedLoss, cosine
from rosetta_jax.observe import LeadField
from rosetta_jax.results import provenance, write_json

RESULTS = Path(__file__).parent / "results" / "evoked_response.json"
RECORDING = Path(__file__).parents[2] / "shared" / "data" / "tms_eeg_schaefer200.npz"
LAST, STEP = 0.3, 1e-3  # s
COIL = (-37.0, -21.0, 58.0)  # mm, the hand area of the left motor cortex
BIAS, GAIN, PULSE = 500.0, 8.0, 200.0


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
    """The network with a pulse about the coil, and what of it is free."""
    centres = np.asarray(of.connectome.centres)
    near = np.exp(-np.sum((centres - COIL) ** 2, axis=1) / (2 * 25.0**2))
    network = rj.Network(
        rj.JansenRit(bias=BIAS),
        of.connectome,
        gain=GAIN,
        speed=6.0,
        drive=rj.Step(PULSE * jnp.asarray(near), 0.0, 0.01),
        max_delay=0.3,
    )
    free = {
        "drive.amplitude": rj.Normal(0.0, PULSE),
        "rung.excitatory_rate": rj.linear_in(of.maps, rj.LogNormal(100.0, 0.4), 0.5),
        "rung.inhibitory_rate": rj.linear_in(of.maps, rj.LogNormal(50.0, 0.4), 0.5),
        "rung.connectivity": rj.LogNormal(135.0, 0.05),
        "rung.bias": rj.Normal(BIAS, 30.0),
        "gain": rj.LogNormal(GAIN, 0.2),
        "speed": rj.LogNormal(6.0, 0.5),
    }
    return network, free


def scores(measured: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """The mean cosine of channels, and that of all of them as one."""
    whole = np.sum(measured * predicted) / np.linalg.norm(measured) / np.linalg.norm(predicted)
    return {"channels": float(cosine(measured, predicted).mean()), "pattern": float(whole)}


def without_brain(of: Recording, numbers: int) -> dict[str, float]:
    """The best of so many modes of the lead field times so many terms of a cosine series, `numbers` at most."""
    modes = np.linalg.svd(np.asarray(of.lead_field.matrix))[0]
    found = []
    for count in range(1, min(numbers, modes.shape[1] - 1) + 1):
        series = dct(of.measured @ modes[:, :count], axis=0, norm="ortho")
        series[numbers // count :] = 0
        predicted = idct(series, axis=0, norm="ortho") @ modes[:, :count].T
        found.append(scores(of.measured, predicted) | {"modes": count})
    return max(found, key=lambda each: each["channels"])


def study(of: Recording, steps: int) -> dict[str, Any]:
    """The fit, its scores and what they are read against."""
    network, free = model(of)
    loss = AtSensors(of.lead_field, EvokedLoss(of.times, of.measured))
    began = time.perf_counter()
    found = rj.fit(
        network,
        free,
        loss,
        starts=1,
        route=rj.Simulated(duration=LAST, dt=STEP, segment=LAST),
        method=rj.GradientDescent(
            steps=steps,
            patience=200,
            optimiser=optax.adam(optax.cosine_decay_schedule(0.15, 10 * steps)),
        ),
        prior_weight=5e-4,
        name="evoked response",
    )
    seconds = time.perf_counter() - began
    fitted = found.model(network)
    response = rj.evoked(fitted, of.times, STEP)
    numbers = found.all_vectors.shape[-1]
    return {
        "numbers": numbers,
        "network": scores(of.measured, np.asarray(of.lead_field.sensors(response.signal))),
        "stable": int(rj.linear.stability(fitted).status) == rj.Status.ok,
        "lead field's modes, no brain": without_brain(of, numbers),
        "seconds": seconds,
        "cpu seconds": found.metadata["cpu_seconds_fit"],
        "memory MB": found.metadata["memory_mb"],
    }


def table(found: Mapping[str, Any]) -> Table:
    """The scores."""
    shown = Table("model", "numbers", "cosine of channels", "of the pattern")
    stable = "stable" if found["stable"] else "NOT stable"
    for name in ("network", "lead field's modes, no brain"):
        each = found[name]
        shown.add_row(
            f"{name}, {stable}" if name == "network" else name,
            str(found["numbers"]),
            f"{each['channels']:.3f}",
            f"{each['pattern']:.3f}",
        )
    return shown


def main() -> None:
    """Fit, judge, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few steps: a dry run")
    quick = parser.parse_args().quick
    jax.config.update("jax_enable_x64", True)
    found = study(recording(RECORDING), 2 if quick else 45)
    Console().print(table(found))
    Console().print(f"{found['seconds']:.0f} s, {found['cpu seconds']:.0f} CPU s of descent")
    if not quick:
        kept = {"machine": machine(), "commit": commit(), "provenance": provenance()}
        write_json(RESULTS, found | kept)


if __name__ == "__main__":
    main()
