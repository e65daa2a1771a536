r"""One picture for all rungs of what entrains a rhythm: tongues simulated, and predicted one or two rungs down.

Every rung that has a rhythm gets the same protocol, as of tACS: a sinusoid at its field's port, at frequencies
about its own and at amplitudes up to where theory says that it pulls as fast as the cycle attracts (half-width =
attraction, or a tenth of the frequency where that is less). Where the rung itself locks is simulated, and so is
the Stuart-Landau oscillator to which `rj.translate` carries it; the tongue of its phase is theory. Locked is what
turns as often as the input on average: in the ragged rim of strong inputs the amplitude still pulses, and the
phase swings without a slip.

Counted are the points of the grid on which a prediction is right. Most points lie outside of the tongue, where it
is easy to be right, so that the overlap is told as well: of the points that lock here or there, how many lock in
both. Both also at weak amplitudes alone, the lowest third.

Working points lie near a supercritical Hopf point where the rung has one, growth/frequency about 0.01 or less. The
last row is different: Wilson-Cowan further on, a cycle born in a SNIC, and one born in a subcritical Hopf point.
For these two no oscillator stands, which their panels say.

    python benchmarks/tongues_of_all_rungs.py [--quick] [--show]
"""

import argparse
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure
from rich import box
from rich.console import Console
from rich.table import Table
from run import commit, machine

import rosetta_jax as rj
from rosetta_jax import plot
from rosetta_jax.results import provenance, write_json
from rosetta_jax.system import ports
from rosetta_jax.translation import entrainment, tongue

RESULTS = Path(__file__).parent / "results" / "tongues_of_all_rungs.json"
PHASE, OSCILLATOR = "phase, theory", "translated Stuart-Landau, simulated"
SHORT = {PHASE: "phase", OSCILLATOR: "oscillator"}
# Frequencies and amplitudes of the grid, and how far it reaches to either side, in what the largest one pulls. No
# point of the coarse one lies on a predicted edge, where rounding would decide.
FREQUENCIES, AMPLITUDES, REACH = 61, 15, 2.0
COARSE = 14, 6
# The largest pull, as a share of the frequency, where the cycle attracts faster.
PULL = 0.1
# A run lasts so many times as long as the largest amplitude needs to pull by a turn, though some turns at least.
PULLS, TURNS = 6.0, 120.0


class Rhythm(NamedTuple):
    """A rung with a rhythm: along what its Hopf point is sought, or why no oscillator stands for it.

    `start` is a state near the cycle, where there is something else beside it.
    """

    rung: Any
    swept: str | tuple[str, ...] | None = None
    without: str = ""
    start: Any = None


def rhythms() -> dict[str, Rhythm]:
    subcritical = rj.SubcriticalStuartLandau(alpha=-2.0, beta=1.0)
    on_cycle = subcritical.State(x=jnp.full(1, 1.8), y=jnp.zeros(1))
    return {
        "Stuart-Landau": Rhythm(
            rj.StuartLandau(alpha=0.63, beta=1.5), without="the oscillator itself"
        ),
        "Wilson-Cowan": Rhythm(rj.WilsonCowan.named("WC-b", bias_y=-6.63), "bias_y"),
        "NMM1": Rhythm(rj.NMM1(bias_x=11.8), "bias_x"),
        "Jansen-Rit": Rhythm(rj.JansenRit(bias=280.0), "bias"),
        "Wendling": Rhythm(
            rj.Wendling(bias=200.0, fast_inhibitory_gain=2.0), "fast_inhibitory_gain"
        ),
        "Laminar, alpha": Rhythm(rj.Laminar(bias_1=340.0, bias_2=0.0), "bias_1"),
        "Master mass": Rhythm(rj.MasterMass(kappa=-0.4), "kappa"),
        "NMM2, ING": Rhythm(rj.QIFPopulation.named("ING", bias=5.5), "bias"),
        "NMM2, PING": Rhythm(rj.NMM2.named("PING", bias_e=1.17, bias_i=1.17), ("bias_e", "bias_i")),
        "Wilson-Cowan, further on": Rhythm(rj.WilsonCowan.named("WC-b", bias_y=-6.0), "bias_y"),
        "Jansen-Rit, spikes": Rhythm(
            rj.JansenRit(bias=120.0), without="born in a SNIC, no oscillator"
        ),
        "Subcritical": Rhythm(subcritical, without="subcritical, no oscillator", start=on_cycle),
    }


# What a short run looks at: a rung with an oscillator, and one without.
QUICK = ("Wilson-Cowan", "Subcritical")


def measured(rhythm: Rhythm, quick: bool) -> dict[str, Any]:
    """The tongue of a rung and those that are predicted for it, on one grid."""
    rung, port = rhythm.rung, rhythm.rung.field_port
    begun = {} if rhythm.start is None else {"start": rhythm.start}
    cycle = rj.bifurcation.limit_cycle(rung, **begun)
    on_circle = rj.translate(rung, rj.PhaseOscillator, measured=False, **begun)
    theory = tongue(on_circle, port)
    across, up = COARSE if quick else (FREQUENCIES, AMPLITUDES)
    attraction = cycle.attraction / (2 * math.pi)
    pull = min(attraction, PULL * cycle.frequency)
    hertz = cycle.frequency + pull * np.linspace(-REACH, REACH, across)
    sizes = pull / theory.high * np.arange(1, up + 1) / up
    turns = max(PULLS * cycle.frequency / pull, TURNS)
    seen = entrainment(rung, hertz, sizes, port, turns=turns, **begun)
    low, high = theory.edges(sizes)
    found = {
        "port": port,
        "unit": ports(rung)[port].unit,
        "frequency": cycle.frequency,
        "attraction": cycle.attraction,
        "largest pull": pull / attraction,
        "turns": turns,
        "without": rhythm.without,
        "frequencies": hertz,
        "amplitudes": sizes,
        "locked": seen.locked,
        "edges": {PHASE: (low, high)},
        "agreement": {
            PHASE: agreement(seen.locked, (low[:, None] < hertz) & (hertz < high[:, None]))
        },
    }
    if rhythm.without:
        return found
    near = rj.translate(rung, rj.StuartLandau, parameter=rhythm.swept, measured=False)
    predicted = entrainment(near, hertz, sizes, port, turns=turns)
    found["growth"] = float(near.target.alpha / near.target.omega)
    found["shear"] = float(near.target.beta / near.target.gamma)
    found["edges"][OSCILLATOR] = predicted.edges
    found["agreement"][OSCILLATOR] = agreement(seen.locked, predicted.locked)
    return found


def agreement(seen: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """On how many points (amplitudes, frequencies) both say the same, and how far what locks overlaps."""
    weak = len(seen) // 3
    parts = {"all": slice(None), "weak": slice(weak)}
    found = {}
    for name, rows in parts.items():
        here, there = seen[rows], predicted[rows]
        found[name] = float(np.mean(here == there))
        either = np.sum(here | there)
        found[f"overlap, {name}"] = float(np.sum(here & there) / either) if either else math.nan
    return found


def picture(rungs: dict[str, dict[str, Any]]) -> Figure:
    """A panel a rung; beneath its name how far from onset it stands, and how often predictions are right."""
    return plot.tongues(
        [panel(name, row) for name, row in rungs.items()],
        "What entrains a rhythm: one protocol, all rungs",
    )


def panel(name: str, row: dict[str, Any]) -> plot.TonguePanel:
    """The grid, and without an input a row more: nothing is locked, and theory meets at the own frequency."""
    hertz, own = np.array(row["frequencies"]), row["frequency"]
    apex = {PHASE: own, OSCILLATOR: math.nan}
    edges = {
        who: (np.insert(low, 0, apex[who]), np.insert(high, 0, apex[who]))
        for who, (low, high) in row["edges"].items()
    }
    return plot.TonguePanel(
        f"{name}, {own:.1f} Hz",
        own,
        hertz,
        np.insert(np.array(row["amplitudes"]), 0, 0.0),
        np.insert(np.array(row["locked"], float), 0, np.zeros(len(hertz)), axis=0),
        edges,
        row["unit"],
        note(row),
    )


def note(row: dict[str, Any]) -> str:
    """A line each: port and distance from onset, how often the phase is right, and how often the oscillator."""
    onset = row["without"] or f"growth/frequency {row['growth']:.3f}, shear {row['shear']:.2f}"
    lines = [f"{row['port']}; {onset}"]
    for who, name in SHORT.items():
        if who in row["agreement"]:
            share = row["agreement"][who]
            lines.append(f"{name}: right on {share['all']:.2f}, weak {share['weak']:.2f}")
    return "\n".join(lines)


def table(rungs: dict[str, dict[str, Any]]) -> Table:
    """All numbers of the panels, and the overlaps."""
    made = Table(title="Tongues: where predictions are right", box=box.SIMPLE_HEAD)
    columns = ("rung", "port", "Hz", "growth/freq.", "pull/attr.", "prediction")
    shares = ("all", "weak", "overlap, all", "overlap, weak")
    for heading in (*columns, *shares):
        made.add_column(heading)
    for name, row in rungs.items():
        growth = "" if row["without"] else f"{row['growth']:.4f}"
        about = (name, row["port"], f"{row['frequency']:.2f}", growth, f"{row['largest pull']:.2f}")
        for who, each in row["agreement"].items():
            made.add_row(*about, SHORT[who], *(f"{each[share]:.3f}" for share in shares))
            about = ("",) * len(about)
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="Arnold tongues of all rungs, and their predictions."
    )
    parser.add_argument("--quick", action="store_true", help="two rungs on a coarse grid")
    parser.add_argument("--out", type=Path, default=RESULTS, help="results, the picture beside it")
    parser.add_argument("--show", action="store_true", help="print and draw what was measured")
    chosen = parser.parse_args(arguments)
    if not chosen.show:
        begun, rungs = time.perf_counter(), {}
        for name, rhythm in rhythms().items():
            if not chosen.quick or name in QUICK:
                rungs[name] = measured(rhythm, chosen.quick)
                print(f"{time.perf_counter() - begun:7.1f} s  {name}", flush=True)
        made = {"machine": machine(), "commit": commit(), "quick": chosen.quick}
        seconds = time.perf_counter() - begun
        write_json(chosen.out, provenance(**made) | {"seconds": seconds, "rungs": rungs})
    known = json.loads(chosen.out.read_text())
    Console(width=140).print(table(known["rungs"]))
    picture(known["rungs"]).savefig(chosen.out.with_suffix(".png"), dpi=160)


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()
