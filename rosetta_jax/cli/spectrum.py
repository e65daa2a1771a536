"""`rosetta spectrum`: exact spectra of a brain, without simulating."""

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from rosetta_jax import linear, plot
from rosetta_jax.cli.app import (
    Precision,
    PrecisionOption,
    RungName,
    RungOption,
    SeedOption,
    app,
    choose_precision,
    console,
    plain_errors,
    result_folder,
)
from rosetta_jax.cli.brain import GainOption, SpeedOption, embedded_brain
from rosetta_jax.report import Picture, Section, write_page
from rosetta_jax.results import Status, plain, provenance, save_arrays


@app.command()
def spectrum(
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("rosetta-spectrum"),
    rung: RungOption = RungName.stuart_landau,
    gain: GainOption = None,
    speed: SpeedOption = 8.0,
    highest: Annotated[float, typer.Option(help="Highest frequency, Hz.")] = 60.0,
    bins: Annotated[int, typer.Option(min=2, help="How many frequencies.")] = 240,
    seed: SeedOption = 0,
    precision: PrecisionOption = Precision.auto,
) -> None:
    """Compute the exact power spectra and connectivity of a delayed, noisy brain, without simulating.

    The network is linearised about its fixed point; if that is unstable, the command says so and
    writes no spectrum.
    """
    with plain_errors():
        choose_precision(precision)
        out = result_folder(out)
        brain = embedded_brain(rung, gain, speed, seed)
        frequencies = np.linspace(highest / bins, highest, bins)
        found = linear.power_spectrum(brain, frequencies)
        status = Status(int(found.status))
        if status is not Status.ok:
            raise ValueError(f"{status.message}. Lower `--gain`.")
        stable = linear.stability(brain)
        connectivity = linear.functional_connectivity(brain)
        chosen = {"rung": rung.value, "gain": float(brain.gain), "speed": speed, "seed": seed}
        made = provenance(**chosen)
        arrays = {
            "frequencies": frequencies,
            "spectrum": found.density,
            "connectivity": connectivity.matrix,
        }
        save_arrays(out / "spectrum.npz", arrays, made)
        labels, unit = brain.connectome.labels, brain.rung.signal_unit or "1"
        pictures = {
            "spectra": (
                plot.spectrum(frequencies, np.asarray(found.density), labels, f"({unit})²/Hz"),
                "Exact power spectra of all regions, the mean in bold.",
            ),
            "connectivity": (
                plot.connectivity(np.asarray(connectivity.matrix), labels, "correlation r (1)"),
                "Exact correlation of the signals.",
            ),
        }
        for name, (figure, _) in pictures.items():
            figure.savefig(out / f"{name}.png", dpi=150)
        density = np.asarray(found.density).mean(axis=1)
        summary = {
            "status": status.message,
            "peak_hz": float(frequencies[density.argmax()]),
            "loop_gain": float(stable.loop_gain),
            "unstable_modes": int(stable.unstable_modes),
        } | made
        (out / "summary.json").write_text(json.dumps(summary, indent=2, default=plain) + "\n")
        page = write_page(
            out / "report.html",
            title=f"Exact spectra of a {rung.value} brain",
            summary=f"{brain.nodes} regions with delays. The mean spectrum peaks at {summary['peak_hz']:.1f} Hz.",
            sections=[
                Section(name.capitalize(), pictures=[Picture(*pictures[name])]) for name in pictures
            ],
            provenance=made,
        )
    console.print(f"peak at {summary['peak_hz']:.1f} Hz; report: {page}", soft_wrap=True)
