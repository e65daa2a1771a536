r"""How good translations are: errors near onset, networks, locking ranges, and seconds.

- `orders`: Wilson-Cowan, Jansen-Rit and NMM2 with weights, gains and times drawn, at distances $d = \mu/\omega$
  beyond a supercritical Hopf point: errors of the Stuart-Landau oscillator's amplitude and frequency against the
  true cycle, and their slopes against $d$ in log-log. Near onset amplitude and shift of the frequency are wrong by
  $O(d)$ of themselves, the frequency itself by $O(d^2)$.
- `networks`: ten delayed nodes beyond onset, simulated beside their oscillators; and pairs, in phase and in
  antiphase, whose Floquet exponents say which lasts.
- `locking`: widths of 1:1 tongues, predicted and simulated, at amplitudes given as the half-width's share of the
  cycle's attraction; the mean of the phase response against the derivative of the frequency.
- `time`: seconds of a second translation of one shape, so that compilation is apart.

    python benchmarks/translation_study.py [--quick] [--only orders] [--show]
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from run import commit, machine
from translation_pictures import DRAWN, table

import rosetta_jax as rj
from rosetta_jax.results import provenance, write_json
from rosetta_jax.translation import tongue, tongue_edges

RESULTS = Path(__file__).parent / "results" / "translation_study.json"
SETS, DISTANCES = 20, (2e-4, 6e-4, 1.8e-3, 5.4e-3)
SPREAD = 0.1  # parameters are drawn so far to either side
PAIR = np.array([[0.0, 1.0], [1.0, 0.0]])
OF_EDGES = 0.002  # that of the simulated edges, seen at a bare phase
ORDERS = {"amplitude": 1.0, "frequency": 2.0, "frequency shift": 1.0}


class Kind(NamedTuple):
    """A rung that is drawn: its class, what varies about `middle`, the bias that is swept and its limits."""

    rung: Any
    middle: dict[str, float]
    swept: tuple[str, ...]
    limits: tuple[float, float]


class Forced(NamedTuple):
    """A rhythm, the port of its input, and the weakest input, as the half-width's share of the attraction."""

    rung: Any
    port: str
    weakest: float


def kinds() -> dict[str, Kind]:
    def of(rung: Any, names: str) -> dict[str, float]:
        return {name: float(getattr(rung, name)) for name in names.split()}

    wilson_cowan, pair = rj.WilsonCowan.named("WC-b"), rj.NMM2.named("PING")
    return {
        "Wilson-Cowan": Kind(
            rj.WilsonCowan,
            of(wilson_cowan, "w_xx w_xy w_yx w_yy time_x time_y"),
            ("bias_y",),
            (-11.0, 2.0),
        ),
        "Jansen-Rit": Kind(
            rj.JansenRit,
            of(
                rj.JansenRit(),
                "excitatory_gain inhibitory_gain excitatory_rate inhibitory_rate connectivity",
            ),
            ("bias",),
            (-80.0, 500.0),
        ),
        "NMM2": Kind(
            rj.NMM2,
            of(pair, "w_ee w_ei w_ie w_ii width_e width_i membrane_time_e membrane_time_i"),
            ("bias_e", "bias_i"),
            (-5.0, 40.0),
        ),
    }


def orders(quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Errors (sets, distances) by rung and quantity, their slopes, and how many sets were drawn anew."""
    chosen = dict(list(kinds().items())[: 1 if quick else None])
    distances = DISTANCES[-2:] if quick else DISTANCES
    found: dict[str, Any] = {"distances": distances, "rungs": {}}
    for name, kind in chosen.items():
        rng, sets, anew = np.random.default_rng(0), [], {}
        while len(sets) < (1 if quick else SETS):
            errors, reason = beyond_onset(kind, rng, distances)
            if errors is None:
                anew[reason] = anew.get(reason, 0) + 1
            else:
                sets.append(errors)
                say(f"{name}, set {len(sets)}")
        rows = np.array(sets)
        slopes = np.array(
            [
                np.polyfit(np.log(distances), np.log(each.T), 1)[0]
                for each in np.moveaxis(rows, 2, 0)
            ]
        )
        found["rungs"][name] = {
            "drawn anew": anew,
            "errors": dict(zip(ORDERS, np.moveaxis(rows, 2, 0), strict=True)),
            "slopes": dict(zip(ORDERS, slopes, strict=True)),
        }
    return found


def beyond_onset(
    kind: Kind, rng: np.random.Generator, distances: Sequence[float]
) -> tuple[list[list[float]] | None, str]:
    """Errors (distances, quantities) of one set of parameters, or why it has none."""
    factors = rng.uniform(1 - SPREAD, 1 + SPREAD, len(kind.middle))
    drawn: dict[str, Any] = {
        name: kind.middle[name] * each for name, each in zip(kind.middle, factors, strict=True)
    }
    if kind.rung is rj.WilsonCowan:
        drawn["bias_x"] = rng.uniform()  # from WC-b to WC-a
    branch = rj.bifurcation.continuation(kind.rung(**drawn), kind.swept, kind.limits)
    onsets = [hopf for hopf in branch.hopfs if hopf.supercritical]
    if not onsets:
        return None, "no supercritical Hopf point"
    hopf = onsets[rng.integers(len(onsets))]
    speed, errors = complex(hopf.normal_form.crossing).real, []
    for distance in distances:
        value = hopf.value + distance * 2 * math.pi * hopf.frequency / speed
        rung = kind.rung(**(drawn | dict.fromkeys(kind.swept, value)))
        try:
            near = rj.translate(rung, rj.StuartLandau, parameter=kind.swept, start=hopf.state)
        except ValueError as refused:
            return None, str(refused).split(":")[0] + ": " + str(refused).split(": ")[1][:60]
        hertz, size = near.errors["frequency"], near.errors["amplitude"]
        shift = (hertz.target - hertz.source) / (hertz.source - hopf.frequency)
        errors.append([abs(float(each)) for each in (size.error, hertz.error, shift)])
    return errors, ""


def networks(quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Ten delayed nodes at three distances from onset, and pairs in phase and in antiphase."""
    rng = np.random.default_rng(1)
    nodes = 3 if quick else 10
    links = rng.uniform(size=(nodes, nodes)) * (1 - np.eye(nodes))
    lengths = rng.uniform(20.0, 200.0, (nodes, nodes)) * (1 - np.eye(nodes))
    wires = rj.Connectome(links / links.sum(axis=1, keepdims=True), lengths)
    apart = rng.uniform(-1.0, 1.0, nodes)
    cases: dict[str, Any] = {
        "Wilson-Cowan": [
            (d, rj.WilsonCowan.named("WC-b", bias_y=-6.70682382 + d * (1 + 0.1 * apart)), 0.01)
            for d in (0.05, 0.1, 0.2)
        ],
        "Jansen-Rit": [
            (d, rj.JansenRit(bias=315.696428 - d * (1 + 0.1 * apart)), 0.2)
            for d in (8.0, 16.0, 32.0)
        ],
    }
    swept = {"Wilson-Cowan": "bias_y", "Jansen-Rit": "bias"}
    found: dict[str, Any] = {"nodes": nodes, "distances": {}, "pairs": {}}
    for name, each in cases.items():
        rows = []
        for distance, rung, gain in each[: 1 if quick else None]:
            network = rj.Network(rung, wires, gain=gain)
            near = rj.translate(network, rj.StuartLandau, parameter=swept[name])
            growth = np.asarray(near.target.rung.alpha) / np.asarray(near.target.rung.omega)
            errors = {key: value._asdict() for key, value in near.errors.items()}
            rows.append({"distance": distance, "growth": float(growth.mean()), "errors": errors})
            say(f"{name}, {distance:g} beyond onset")
        found["distances"][name] = rows
    found["pairs"]["Wilson-Cowan"] = pair(
        rj.WilsonCowan.named("WC-b", bias_y=-6.65), 0.01, "bias_y", (-11.0, 2.0)
    )
    say("pair of Wilson-Cowan")
    if not quick:
        found["pairs"]["Jansen-Rit"] = pair(rj.JansenRit(bias=92.0), 0.2, "bias", (-80.0, 500.0))
    return found


def pair(rung: Any, gain: float, swept: str, limits: tuple[float, float]) -> dict[str, Any]:
    """How fast both leave their common phase, and antiphase (1/s): the pair itself, its oscillators, its phases.

    Antiphase is left out where its mode decays: growth below what the link takes from it.
    """
    network = rj.Network(rung, rj.Connectome(PAIR), gain=gain)
    ahead = rj.bifurcation.continuation(rung, swept, limits)
    last = min(ahead.hopfs, key=lambda hopf: abs(hopf.value - float(getattr(rung, swept)))).state
    near = rj.translate(network, rj.StuartLandau, parameter=swept, start=last, measured=False)
    phases = rj.translate(near.target, rj.PhaseOscillator, measured=False).target
    pull = 2 * float(phases.links()[0, 1]) * math.cos(float(phases.coupling.lags[0]))
    link = complex(
        near.target.connectome.weights[0, 1] * np.exp(1j * near.target.connectome.phase[0, 1])
    )
    middle = np.concatenate([np.asarray(each) for each in jax.tree.leaves(last)])[:, None]
    found: dict[str, Any] = {}
    for way, sign in (("in phase", 1), ("antiphase", -1)):
        if float(near.target.rung.alpha[0]) + sign * link.real <= 0:
            continue
        swing = 0.02 * np.abs(middle) * np.array([[1, sign]])
        begun = type(rung).State(*jnp.asarray(middle + swing))
        plane = near.target.rung.State(*(0.02 * jnp.asarray([[1, sign], [1, sign]], float)))
        exponents = [
            -rj.bifurcation.limit_cycle(each, start=start, settle=200.0, dt=1e-3).attraction
            for each, start in ((network, begun), (near.target, plane))
        ]
        rates = (*exponents, -sign * pull)
        found[way] = dict(zip(("source", "Stuart-Landau", "phase"), rates, strict=True))
    return found


def locking(quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Widths of tongues at growing amplitudes, the slope of their errors, and means of the response."""
    cases = {
        # A rhythm that is all phase: what is measured of it is the error of the simulated edges themselves.
        "bare phase": Forced(rj.StuartLandau(alpha=50.0, omega=20.0, gamma=50.0), "x", 0.0005),
        "Wilson-Cowan": Forced(rj.WilsonCowan.named("WC-b", bias_y=-5.5), "current_x", 0.08),
        "Jansen-Rit": Forced(rj.JansenRit(bias=220.0), "field", 0.04),
        "NMM2": Forced(rj.NMM2.named("PING", bias_e=5.0, bias_i=5.0), "current_e", 0.01),
    }
    found: dict[str, Any] = {}
    for name, case in list(cases.items())[: 1 if quick else None]:
        phase = rj.translate(case.rung, rj.PhaseOscillator, measured=name != "bare phase")
        predicted = tongue(phase, case.port)
        attraction = phase.details[0].cycle.attraction if name != "bare phase" else 100.0
        half = math.pi * (predicted.high - predicted.low)
        shares = case.weakest * 2.0 ** (np.array([3]) if quick else np.arange(4))
        rows = []
        for share in shares:
            rows.append(width(case.rung, predicted, float(share * attraction / half)))
            say(f"{name}, share {share:g}")
        found[name] = {
            "port": case.port,
            "attraction": attraction,
            "shares": shares,
            "rows": rows,
            "slope": slope(shares, rows),
            "means": {
                key: {**value._asdict(), "error": value.error}
                for key, value in phase.errors.items()
                if key.startswith("frequency by")
            },
        }
    return found


def slope(shares: np.ndarray, rows: list[dict[str, Any]]) -> float:
    """How the error of the width grows with the amplitude in log-log, where it is above that of the edges."""
    sizes = np.array([abs(row.get("width", np.nan)) for row in rows])
    seen = sizes > OF_EDGES
    if seen.sum() < 2:
        return math.nan
    return float(np.polyfit(np.log(shares[seen]), np.log(sizes[seen]), 1)[0])


def width(rung: Any, predicted: Any, amplitude: float) -> dict[str, float | str]:
    """A tongue's relative error of width, and by how much of the half-width its middle has moved."""
    low, high = predicted.edges(amplitude)
    try:
        below, above = tongue_edges(rung, predicted, amplitude)
    except ValueError as refused:
        return {"amplitude": amplitude, "refused": str(refused)}
    return {
        "amplitude": amplitude,
        "predicted": high - low,
        "simulated": above - below,
        "width": (high - low) / (above - below) - 1,
        "middle": ((above + below) - (high + low)) / (high - low),
    }


def seconds(quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """CPU and wall seconds of a second translation of one shape."""
    rng = np.random.default_rng(2)
    links = rng.uniform(size=(80, 80)) * (1 - np.eye(80))
    lengths = rng.uniform(20.0, 200.0, (80, 80)) * (1 - np.eye(80))
    wires = rj.Connectome(links / links.sum(axis=1, keepdims=True), lengths)
    rungs = {
        "Wilson-Cowan": (
            lambda by: rj.WilsonCowan.named("WC-b", bias_y=-6.62 + by),
            "bias_y",
            0.01,
        ),
        "Jansen-Rit": (lambda by: rj.JansenRit(bias=300.0 + by), "bias", 0.2),
        "NMM2": (
            lambda by: rj.NMM2.named("PING", bias_e=1.3 + by, bias_i=1.3 + by),
            ("bias_e", "bias_i"),
            0.01,
        ),
    }
    found = []
    for name, (make, swept, gain) in list(rungs.items())[: 1 if quick else None]:
        for nodes in (1,) if quick or name == "NMM2" else (1, 80):

            def source(by: float, make: Any = make, nodes: int = nodes, gain: float = gain) -> Any:
                return make(by) if nodes == 1 else rj.Network(make(by), wires, gain=gain)

            ways = ((rj.StuartLandau, {"parameter": swept}), (rj.PhaseOscillator, {}))
            for target, options in ways[: 1 if quick else None]:
                for measured in (True,) if quick else (False, True):
                    row = {"rung": name, "nodes": nodes, "target": target.__name__}
                    found.append(row | clocked(source, target, options | {"measured": measured}))
                    say(str(found[-1]))
    return {"rows": found}


def clocked(
    source: Callable[[float], Any], target: type, options: dict[str, Any]
) -> dict[str, Any]:
    """Seconds of the first translation, and wall and processor seconds of a second one of another value."""
    clocks = []
    for by in (0.0, 1e-3):
        model = source(by)
        begun = time.perf_counter(), time.process_time()
        rj.translate(model, target, **options)
        clocks.append((time.perf_counter() - begun[0], time.process_time() - begun[1]))
    (first, _), (wall, cpu) = clocks
    return {"measured": options["measured"], "first": first, "wall": wall, "cpu": cpu}


MEASURES = {"orders": orders, "networks": networks, "locking": locking, "time": seconds}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measures how good translations are.")
    parser.add_argument("--quick", action="store_true", help="one set, rung and amplitude each")
    parser.add_argument("--only", choices=MEASURES, nargs="+", default=list(MEASURES))
    parser.add_argument("--out", type=Path, default=RESULTS, help="results, pictures beside it")
    parser.add_argument("--show", action="store_true", help="print and draw what was measured")
    chosen = parser.parse_args(arguments)
    console = Console(width=140)
    known = json.loads(chosen.out.read_text()) if chosen.out.is_file() else {}
    for part in chosen.only:
        if not chosen.show:
            begun = time.perf_counter()

            def say(text: str, begun: float = begun) -> None:
                print(f"{time.perf_counter() - begun:7.1f} s  {text}", flush=True)

            made = {"machine": machine(), "commit": commit(), "quick": chosen.quick}
            known[part] = provenance(**made) | {"found": MEASURES[part](chosen.quick, say)}
            write_json(chosen.out, known)
            known = json.loads(chosen.out.read_text())
        elif part not in known:
            continue
        console.print(table(part, known[part]["found"]))
        picture = chosen.out.with_name(f"{chosen.out.stem}_{part}.png")
        DRAWN[part](known[part]["found"]).savefig(picture, dpi=160)


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()
