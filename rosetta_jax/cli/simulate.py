"""`rosetta simulate`: a brain marched in time, with its spectra and connectivity."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import typer

from rosetta_jax import linear, observe, plot
from rosetta_jax.cli.brain import GainOption, SpeedOption, embedded_brain
from rosetta_jax.cli.config import ConfigOption, SetOption, changed, used, write_config
from rosetta_jax.cli.rhythm import Rhythm, peak_of, pictures_of, push_and_pull, rhythm_of
from rosetta_jax.cli.shared import (
    Precision,
    PrecisionOption,
    QuietOption,
    RungName,
    RungOption,
    SeedOption,
    choose_precision,
    console,
    plain_errors,
    result_folder,
    say,
    write_pictures,
)
from rosetta_jax.network import Network
from rosetta_jax.report import Picture, Section, write_page
from rosetta_jax.results import Status, provenance, save_arrays, write_json
from rosetta_jax.rungs import PhaseOscillator
from rosetta_jax.simulation import Solution, StepCheck, halved_step
from rosetta_jax.simulation import simulate as march


def simulate(
    config: ConfigOption = None,
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
    assignments: SetOption = [],  # noqa: B006
    seed: SeedOption = 0,
    precision: PrecisionOption = Precision.auto,
    quiet: QuietOption = False,
) -> None:
    """Simulate a delayed, noisy brain on the embedded synthetic connectome.

    Writes the signals, their spectra beside the exact ones, functional connectivity, synchrony and envelopes in
    the band of the strongest rhythm, push and pull of one region, pictures and a page, and how the run was made:
    solver, step and what half of it would change, transient, seed, versions.
    """
    with plain_errors():
        choose_precision(precision)
        if not (np.isfinite(sampling) and sampling > 0):
            raise ValueError(f"`--sampling` must be above zero samples a second, got {sampling}.")
        out = result_folder(out)
        brain = changed(embedded_brain(rung, gain, speed, seed), assignments)
        with nullcontext() if quiet else console.status("simulating", spinner="dots"):
            key = jax.random.key(seed)
            # The state of a phase oscillator is its phase, no more than a signal; others have many components.
            own = isinstance(brain.rung, PhaseOscillator)
            solution = march(
                brain,
                duration,
                dt,
                key=key,
                transient=transient,
                save=("signal", "states") if own else ("signal",),
                save_every=1 / sampling,
            )
            jax.block_until_ready(solution.signal)
        if not solution.succeeded:
            raise ValueError(solution.message)
        arrays, theory = _arrays(brain, solution)
        peak = peak_of(arrays["frequencies"], arrays["spectrum"])
        liveliest = int(arrays["signal"].std(axis=0).argmax())
        motif = push_and_pull(brain, dt, transient, key, peak, liveliest)
        rhythm = rhythm_of(brain, solution, peak)
        check = halved_step(brain, dt, dt * max(round(min(duration, 1.0) / dt), 1), key=key)
        page = _write(out, brain, solution, check, arrays, theory, rhythm, motif)
        write_config(out)
    say(f"simulated {duration:g} s of {brain.nodes} regions; report: {page}")


def _write(
    out: Path,
    brain: Network,
    solution: Solution,
    check: StepCheck,
    arrays: dict[str, np.ndarray],
    theory: Status,
    rhythm: Rhythm | None,
    motif: Picture,
) -> Path:
    """Write everything into `out` and return the path of the page."""
    chosen = used()
    made = provenance(**chosen) | {"run": solution.report(check)["run"]}
    pictures = _pictures(brain, arrays) | {"push_and_pull": motif}
    summary = {
        "status": solution.message,
        "regions": brain.nodes,
        "samples": len(solution.times),
        "standard_deviation": float(arrays["signal"].std()),
        "mean_correlation_of_pairs": float(
            arrays["connectivity"][np.triu_indices(brain.nodes, 1)].mean()
        ),
        "theory": theory.message,
    }
    if rhythm is not None:
        unit = brain.rung.signal_unit or "1"
        pictures |= pictures_of(rhythm, arrays["times"], brain.connectome.labels, unit)
        arrays |= {
            "order_parameter": rhythm.order,
            "envelope_connectivity": rhythm.connectivity,
        }
        summary |= rhythm.numbers
    save_arrays(out / "simulation.npz", arrays, made)
    write_pictures(out, pictures)
    write_json(out / "summary.json", summary | made)
    return write_page(
        out / "report.html",
        title=f"A simulated {chosen['rung']} brain",
        summary=f"{brain.nodes} regions of a synthetic connectome, {solution.message}",
        sections=[
            Section(name.replace("_", " ").capitalize(), pictures=[picture])
            for name, picture in pictures.items()
        ],
        facts=_facts(solution, check),
        provenance=made,
    )


def _facts(solution: Solution, check: StepCheck) -> dict[str, Any]:
    """How the run was made, in a few words."""
    made = solution.settings
    return {
        "solver": made.solver,
        "step": f"{1e3 * made.dt:g} ms",
        "half the step changes": f"{float(check.difference):.2g} of the signal",
        "seconds": f"{made.duration:g} after {made.transient:g}",
    }


def _arrays(brain: Network, solution: Solution) -> tuple[dict[str, np.ndarray], Status]:
    """The signals with their spectra, those of theory on the same bins and how it went, and the correlations."""
    segment = min(2.0, float(solution.times[-1] - solution.times[0]) / 2)
    welch = observe.power_spectrum(solution.signal, solution.dt, segment=segment)
    inside = (np.asarray(welch.frequencies) >= 1) & (np.asarray(welch.frequencies) <= 60)
    frequencies = np.asarray(welch.frequencies)[inside]
    exact = linear.power_spectrum(brain, frequencies)
    arrays = {
        "times": np.asarray(solution.times),
        "signal": np.asarray(solution.signal),
        "frequencies": frequencies,
        "spectrum": np.asarray(welch.density)[inside],
        "exact_spectrum": np.asarray(exact.density),
        "connectivity": np.asarray(observe.functional_connectivity(solution.signal)),
    }
    return arrays, Status(int(exact.status))


def _pictures(brain: Network, arrays: dict[str, np.ndarray]) -> dict[str, Picture]:
    labels, unit = brain.connectome.labels, brain.rung.signal_unit or "1"
    frequencies, density, exact = (
        arrays[name] for name in ("frequencies", "spectrum", "exact_spectrum")
    )
    if np.isfinite(exact).all():
        spectra = Picture(
            plot.mean_spectrum(frequencies, density, exact, names=("simulated", "exact")),
            "Spectra of the simulation (measured) and exact theory (fitted), averaged over regions.",
        )
    else:
        spectra = Picture(
            plot.spectrum(frequencies, density, labels, "1/Hz" if unit == "1" else f"{unit}²/Hz"),
            "Spectra of the simulation. The fixed point is not stable, so theory gives none.",
        )
    return {
        "signals": _signals(arrays["times"], arrays["signal"], labels, unit),
        "spectrum": spectra,
        "connectivity": Picture(
            plot.connectivity(
                arrays["connectivity"], labels, "correlation r (1)", sides=("region", "region")
            ),
            "Correlation of the signals.",
        ),
    }


def _signals(
    times: np.ndarray, signal: np.ndarray, labels: tuple[str, ...] | None, unit: str
) -> Picture:
    """The first four seconds of a dozen regions."""
    nodes = signal.shape[1]
    few = np.linspace(0, nodes - 1, min(12, nodes)).astype(int)
    shown = times <= times[0] + 4
    names = None if labels is None else [labels[node] for node in few]
    figure = plot.series(times[shown], signal[shown][:, few], names, unit)
    return Picture(figure, f"Signals of {len(few)} regions.")
