"""`rosetta simulate`: a brain marched in time, with its spectra and connectivity."""

import json
from pathlib import Path
from typing import Annotated

import jax
import numpy as np
import typer

from rosetta_jax import linear, observe, plot
from rosetta_jax.cli.app import (
    Precision,
    PrecisionOption,
    QuietOption,
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
from rosetta_jax.results import plain, provenance, save_arrays
from rosetta_jax.simulation import simulate as march


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("rosetta-simulate"),
    rung: RungOption = RungName.stuart_landau,
    duration: Annotated[float, typer.Option(help="Seconds kept.")] = 20.0,
    transient: Annotated[float, typer.Option(help="Seconds dropped first.")] = 2.0,
    dt: Annotated[float, typer.Option(help="Step, s.")] = 5e-4,
    sampling: Annotated[
        float, typer.Option(help="Samples kept a second, low-passed before.")
    ] = 200.0,
    gain: GainOption = None,
    speed: SpeedOption = 8.0,
    seed: SeedOption = 0,
    precision: PrecisionOption = Precision.auto,
    quiet: QuietOption = False,
) -> None:
    """Simulate a delayed, noisy brain on the embedded synthetic connectome.

    Writes the signals, their spectra beside the exact ones, functional connectivity, pictures and a page.
    """
    with plain_errors():
        choose_precision(precision)
        out = result_folder(out)
        if sampling <= 0:
            raise ValueError(f"`--sampling` must be above zero samples a second, got {sampling}.")
        brain = embedded_brain(rung, gain, speed, seed)
        with console.status("simulating", spinner="dots") if not quiet else _silence():
            solution = march(
                brain,
                duration,
                dt,
                key=jax.random.key(seed),
                transient=transient,
                save_every=1 / sampling,
            )
            jax.block_until_ready(solution.signal)
        if not solution.succeeded:
            raise ValueError(solution.message)
        page = _write(out, brain, solution, {"rung": rung.value, "dt": dt, "seed": seed})
    console.print(
        f"simulated {duration:g} s of {brain.nodes} regions; report: {page}", soft_wrap=True
    )


def _write(out: Path, brain, solution, chosen: dict) -> Path:
    segment = min(2.0, float(solution.times[-1] - solution.times[0]) / 2)
    welch = observe.power_spectrum(solution.signal, solution.dt, segment=segment)
    inside = (welch.frequencies >= 1) & (welch.frequencies <= 60)
    frequencies, density = np.asarray(welch.frequencies)[inside], np.asarray(welch.density)[inside]
    exact = linear.power_spectrum(brain, frequencies)
    connectivity = np.asarray(observe.functional_connectivity(solution.signal))
    labels, unit = brain.connectome.labels, brain.rung.signal_unit or "1"
    made = provenance(**chosen)
    arrays = {
        "times": solution.times,
        "signal": solution.signal,
        "frequencies": frequencies,
        "spectrum": density,
        "exact_spectrum": exact.density,
        "connectivity": connectivity,
    }
    save_arrays(out / "simulation.npz", arrays, made)
    shown = slice(0, min(len(solution.times), int(4 / solution.dt)))
    few = np.linspace(0, brain.nodes - 1, min(12, brain.nodes)).astype(int)
    pictures = {
        "signals": (
            plot.series(
                np.asarray(solution.times)[shown],
                np.asarray(solution.signal)[shown][:, few],
                [labels[i] for i in few],
                unit,
            ),
            "Signals of twelve regions.",
        ),
        "spectrum": (
            plot.mean_spectrum(
                frequencies,
                density,
                np.asarray(exact.density),
            )
            if np.isfinite(np.asarray(exact.density)).all()
            else plot.spectrum(frequencies, density, labels, f"({unit})²/Hz"),
            "Spectra of the simulation (measured) and exact theory (fitted), averaged over regions.",
        ),
        "connectivity": (
            plot.connectivity(connectivity, labels, "correlation r (1)"),
            "Correlation of the signals.",
        ),
    }
    for name, (figure, _) in pictures.items():
        figure.savefig(out / f"{name}.png", dpi=150)
    upper = connectivity[np.triu_indices(brain.nodes, 1)]
    summary = {
        "status": solution.message,
        "regions": brain.nodes,
        "samples": len(solution.times),
        "standard_deviation": float(np.asarray(solution.signal).std()),
        "mean_correlation_of_pairs": float(upper.mean()),
        "theory": linear.stability(brain).status,
    } | made
    (out / "summary.json").write_text(json.dumps(summary, indent=2, default=plain) + "\n")
    return write_page(
        out / "report.html",
        title=f"A simulated {chosen['rung']} brain",
        summary=f"{brain.nodes} regions of a synthetic connectome, {solution.message}",
        sections=[
            Section(name.capitalize(), pictures=[Picture(*pictures[name])]) for name in pictures
        ],
        provenance=made,
    )


class _silence:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None
