"""What `rosetta translate` draws: spectra of a brain at rest, the turn and the tongue of a rhythm."""

from collections.abc import Mapping

import numpy as np

from rosetta_jax import plot
from rosetta_jax.bifurcation import limit_cycle
from rosetta_jax.linear import power_spectrum
from rosetta_jax.network import Network
from rosetta_jax.report import Picture
from rosetta_jax.results import progress
from rosetta_jax.rungs import PhaseOscillator, StuartLandau
from rosetta_jax.system import Rung, ports
from rosetta_jax.translation import Translation, entrainment, tongue, waveform

# What the picture of tongues shows: frequencies and amplitudes, widths to either side, and the largest pull.
_FREQUENCIES, _AMPLITUDES, _WIDTHS, _PULL, _TURNS = 31, 12, 1.6, 0.02, 400.0
# Frequencies of spectra, from and to which share of the peak.
_POINTS, _FROM, _TO = 200, 0.3, 2.5


def pictures_of(
    source: Rung | Network, found: Mapping[str, Translation], port: str | None, quiet: bool
) -> dict[str, Picture]:
    """The spectra of a brain at rest; a turn and the tongue of a node with a rhythm."""
    if isinstance(source, Network):
        return _spectra(source, found)
    planar = {
        name: each
        for name, each in found.items()
        if isinstance(each.target, (StuartLandau, PhaseOscillator))
    }
    try:
        signals = {"source": waveform(source)[1]}
    except ValueError:
        return {}
    signals |= {name: waveform(each)[1] for name, each in planar.items()}
    pictures = {
        "turn": Picture(
            plot.turns(signals, "signal", "One turn"),
            "One turn of the signal and of what each translation shows of it, from the top of the first harmonic.",
        )
    }
    if planar:
        with progress(not quiet) as bar:
            bar.add_task("simulating inputs", total=None, note="")
            figure = plot.tongues([_panel(source, planar, _port(source, port))])
        pictures["tongue"] = Picture(
            figure,
            "Where a sinusoidal input locks the rhythm: simulated, and as the translations predict it.",
        )
    return pictures


def _port(source: Rung, port: str | None) -> str:
    return source.field_port if port is None else port


def _panel(source: Rung, planar: Mapping[str, Translation], port: str) -> plot.TonguePanel:
    """The tongue of the rung: its own, that of the oscillator simulated as well, that of the phase by theory."""
    cycle = limit_cycle(source)
    theory = tongue(next(iter(planar.values())), port)
    pull = min(_PULL * cycle.frequency, cycle.attraction / (2 * np.pi))
    amplitudes = np.linspace(0, pull / theory.high, _AMPLITUDES)
    hertz = cycle.frequency + pull * np.linspace(-_WIDTHS, _WIDTHS, _FREQUENCIES)
    seen = entrainment(source, hertz, amplitudes, port, turns=_TURNS)
    edges = {
        name: tongue(each, port).edges(amplitudes)
        if isinstance(each.target, PhaseOscillator)
        else entrainment(each, hertz, amplitudes, port, turns=_TURNS).edges
        for name, each in planar.items()
    }
    return plot.TonguePanel(
        type(source).__name__,
        cycle.frequency,
        hertz,
        amplitudes,
        seen.locked.astype(float),
        edges,
        ports(source)[port].unit,
    )


def _spectra(source: Network, found: Mapping[str, Translation]) -> dict[str, Picture]:
    resting = {name: each.target for name, each in found.items() if "peak frequency" in each.errors}
    if source.noise is None or not resting:
        return {}
    peak = next(iter(found.values())).errors["peak frequency"].source
    hertz = np.linspace(_FROM * peak, _TO * peak, _POINTS)
    name, *rest = resting
    density, first, *others = (
        np.asarray(power_spectrum(each, hertz).density) for each in (source, *resting.values())
    )
    figure = plot.mean_spectrum(
        hertz, density, first, dict(zip(rest, others, strict=True)), names=("source", name)
    )
    words = "Exact power spectra of the source and of its translations, averaged over regions."
    return {"spectra": Picture(figure, words)}
