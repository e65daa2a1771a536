"""`rosetta spectrum`: exact spectra of a brain, without simulating."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from rosetta_jax import linear, plot
from rosetta_jax.cli.brain import GainOption, SpeedOption, embedded_brain
from rosetta_jax.cli.config import ConfigOption, SetOption, changed, used, write_config
from rosetta_jax.cli.shared import (
    Precision,
    PrecisionOption,
    RungName,
    RungOption,
    SeedOption,
    choose_precision,
    plain_errors,
    result_folder,
    say,
    write_pictures,
)
from rosetta_jax.linear import LinearSpectrum
from rosetta_jax.network import Network
from rosetta_jax.report import Picture, Section, write_page
from rosetta_jax.results import Status, provenance, save_arrays, write_json


def spectrum(
    config: ConfigOption = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("rosetta-spectrum"),
    rung: RungOption = RungName.stuart_landau,
    gain: GainOption = None,
    speed: SpeedOption = 8.0,
    highest: Annotated[float, typer.Option(help="Highest frequency, Hz.")] = 60.0,
    bins: Annotated[int, typer.Option(min=2, help="How many frequencies.")] = 240,
    assignments: SetOption = [],  # noqa: B006
    seed: SeedOption = 0,
    precision: PrecisionOption = Precision.auto,
) -> None:
    """Compute the exact power spectra and connectivity of a delayed, noisy brain, without simulating.

    The network is linearised about its fixed point; if that is unstable, the command says so and
    writes no spectrum.
    """
    with plain_errors():
        choose_precision(precision)
        if not (np.isfinite(highest) and highest > 0):
            raise ValueError(f"`--highest` must be a number of hertz above zero, got {highest}.")
        out = result_folder(out)
        brain = changed(embedded_brain(rung, gain, speed, seed), assignments)
        found = linear.power_spectrum(brain, np.linspace(highest / bins, highest, bins))
        status = Status(int(found.status))
        if status is not Status.ok:
            raise ValueError(f"{status.message}. Lower `--gain`.")
        page, peak = _write(out, brain, found, used())
        write_config(out)
    say(f"peak at {peak:.1f} Hz; report: {page}")


def _write(
    out: Path, brain: Network, found: LinearSpectrum, chosen: dict[str, Any]
) -> tuple[Path, float]:
    """Write everything into `out`; the path of the page, and where the mean spectrum peaks (Hz)."""
    frequencies, density = np.asarray(found.frequencies), np.asarray(found.density)
    connectivity = np.asarray(linear.functional_connectivity(brain).matrix)
    stable = linear.stability(brain)
    peak = float(frequencies[density.mean(axis=1).argmax()])
    made = provenance(**chosen)
    arrays = {"frequencies": frequencies, "spectrum": density, "connectivity": connectivity}
    save_arrays(out / "spectrum.npz", arrays, made)
    summary = {
        "status": Status(int(found.status)).message,
        "peak_hz": peak,
        "loop_gain": float(stable.loop_gain),
        "unstable_modes": int(stable.unstable_modes),
    }
    write_json(out / "summary.json", summary | made)
    pictures = _pictures(brain, frequencies, density, connectivity)
    write_pictures(out, pictures)
    page = write_page(
        out / "report.html",
        title=f"Exact spectra of a {chosen['rung']} brain",
        summary=f"{brain.nodes} regions with delays. The mean spectrum peaks at {peak:.1f} Hz.",
        sections=[Section(name.capitalize(), pictures=[pictures[name]]) for name in pictures],
        provenance=made,
    )
    return page, peak


def _pictures(
    brain: Network, frequencies: np.ndarray, density: np.ndarray, connectivity: np.ndarray
) -> dict[str, Picture]:
    labels, unit = brain.connectome.labels, brain.rung.signal_unit or "1"
    return {
        "spectra": Picture(
            plot.spectrum(frequencies, density, labels, "1/Hz" if unit == "1" else f"{unit}²/Hz"),
            "Exact power spectra of all regions, the mean in bold.",
        ),
        "connectivity": Picture(
            plot.connectivity(
                connectivity, labels, "correlation r (1)", sides=("region", "region")
            ),
            "Exact correlation of the signals.",
        ),
    }
