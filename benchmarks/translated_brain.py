r"""A person's brain on three rungs: Jansen-Rit as fitted to MEG, Stuart-Landau, phases.

As fitted the brain is at rest, and damped oscillators are what it translates to: spectra, connectivity and the
answer to a field of 10 Hz are compared exactly. Far from onset there is no Stuart-Landau oscillator, and no phase.
With slower excitation (`excitatory_rate` 133 -> 80 1/s), all else as fitted, the same brain oscillates at alpha,
in noise: there the three rungs are simulated, and what they show is read back as the signal of Jansen-Rit.

Beside every error stands its ceiling, another run of the same Jansen-Rit brain, and its baseline: the same nodes
without their links for connectivity, and the mean over nodes for maps.

    python benchmarks/translated_brain.py [--person 0] [--quick]
"""

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from convert_meg import convert
from rich.console import Console
from run import commit, machine
from translated_brain_picture import RANGES, picture, table

import rosetta_jax as rj
from rosetta_jax.observe import power_spectrum, upper_triangle
from rosetta_jax.results import provenance, write_json
from rosetta_jax.translation import Translation

RESULTS = Path(__file__).parent / "results" / "translated_brain.json"
MEG = Path(__file__).parents[2] / "shared" / "data" / "meg_psd_dk68.npz"
SLOWED, HERTZ = 80.0, 10.0  # 1/s, Hz
# Times the fitted strength of the noise, a choice of scale: phases forget within a second.
NOISE = 4.0
# Seconds: what is kept, and steps of Jansen-Rit and of its translations.
EVERY, FINE, COARSE = 5e-3, 5e-4, 1e-3
# Half the width of what the field entrains, of its distance from the rhythm: strong, and not locking.
SHARE = 0.5


def fitted(person: int) -> tuple[rj.Network, np.ndarray, np.ndarray]:
    """A person's Jansen-Rit network as `rosetta fit` finds it, without sensor, and the spectra (F, nodes)."""
    with tempfile.TemporaryDirectory() as folder:
        converted = Path(folder) / "meg.npz"
        convert(MEG, converted)
        people = rj.data.load_recordings(converted)
    preset = rj.inference.preset("jansen-rit")
    spectra = people.spectra[person]
    loss = rj.SpectrumLoss(people.frequencies, spectra, depth=0.15)
    network = preset.network(people.connectomes[person])
    found = rj.fit(network, preset.free, loss, starts=4, method=rj.LevenbergMarquardt())
    values = {path: each[0] for path, each in found.values.items()}
    brain = dataclasses.replace(rj.replace(network, values), sensor=None)
    return brain, people.frequencies, spectra


def at_rest(brain: rj.Network, frequencies: np.ndarray, measured: np.ndarray) -> dict[str, Any]:
    """The fitted brain beside its damped oscillators, exactly."""
    damped = rj.translate(brain, rj.HarmonicOscillator, measured=False)
    models = {"Jansen-Rit": brain, "damped": damped.target}
    refused = {}
    for kind in (rj.StuartLandau, rj.PhaseOscillator):
        try:
            rj.translate(brain, kind, measured=False)
        except ValueError as reason:
            refused[kind.__name__] = str(reason)
    hertz = jnp.asarray(frequencies)
    spectra = {
        name: np.asarray(rj.linear.power_spectrum(model, hertz).density)
        for name, model in models.items()
    }
    band = float(frequencies[0]), float(frequencies[-1])
    links = {
        name: np.asarray(rj.linear.functional_connectivity(model, band=band).matrix)
        for name, model in models.items()
    }
    lone = rj.replace(brain, {"gain": 0.0})
    field = {
        "Jansen-Rit": transferred(brain, {"field": 1.0}),
        "damped": transferred(damped.target, damped.inputs["field"]),
        "without links": transferred(lone, {"field": 1.0}),
    }
    decay, turning = -np.asarray(damped.target.rung.alpha), np.asarray(damped.target.rung.omega)
    return {
        "decay/frequency": decay / turning,
        "refused": refused,
        "frequencies": frequencies,
        "measured": measured,
        "spectra": spectra,
        "connectivity": {name: np.asarray(upper_triangle(each)) for name, each in links.items()},
        "field": {name: np.abs(each) for name, each in field.items()},
        "errors": {
            "spectra apart, 8-13 Hz (dB)": apart(frequencies, spectra, (8.0, 13.0))["damped"],
            "spectra apart (dB)": apart(frequencies, spectra, band)["damped"],
            **likeness(links["Jansen-Rit"], links["damped"], "connectivity"),
            **answers_apart(field["Jansen-Rit"], field["damped"]),
        },
        "baselines": answers_apart(field["Jansen-Rit"], field["without links"]),
    }


def transferred(network: Any, sizes: Any) -> np.ndarray:
    """The answer of each signal to one field at all nodes, by theory: what it is at each port, in `sizes`."""
    parts = [
        np.asarray(rj.linear.response(network, [HERTZ], port).density[0])
        * np.broadcast_to(np.asarray(size), (network.nodes,))
        for port, size in sizes.items()
    ]
    return np.sum(parts, axis=(0, 2))


def beyond_onset(
    brain: rj.Network, frequencies: np.ndarray, seconds: float, say: Callable[[str], None]
) -> dict[str, Any]:
    """The slowed brain beside Stuart-Landau and phase, simulated with noise, without and with a field."""
    assert isinstance(brain.noise, rj.PowerLawNoise)
    noise = rj.PowerLawProcess(NOISE * brain.noise.sigma, np.clip(brain.noise.exponent, 0.1, 1.8))
    slowed = rj.replace(brain, {"rung.excitatory_rate": SLOWED})
    source = dataclasses.replace(slowed, noise=noise)
    plane, phase = translations(source)
    say("translated")
    hertz = np.asarray(phase.target.rung.omega) / (2 * np.pi)
    pull = np.hypot(*(np.asarray(phase.inputs["field"][port]) for port in "xy")) / (
        2 * np.asarray(phase.target.rung.radius)
    )
    size = SHARE * 2 * np.pi * float(np.mean(np.abs(hertz - HERTZ)) / np.mean(pull))
    forced = dataclasses.replace(source, field=rj.Field(size, rj.Sinusoid(1.0, HERTZ)))
    runs: dict[str, dict[str, np.ndarray]] = {}
    for kept, model in (("free", source), ("field", forced)):
        ways = dict(zip(("Stuart-Landau", "phase"), translations(model), strict=True))
        again = {"Jansen-Rit": (model, 0), "Jansen-Rit, other noise": (model, 1)}
        found = {name: signal(*each, seconds) for name, each in again.items()}
        found |= {name: read_back(way, seconds) for name, way in ways.items()}
        if kept == "field":
            lone = rj.replace(model, {"gain": 0.0})
            found["Jansen-Rit without links"] = signal(lone, 2, seconds)
        runs[kept] = found
        say(f"simulated, {kept}")
    return {
        "growth/frequency": np.asarray(plane.target.rung.alpha / plane.target.rung.omega),
        "arriving/attraction": np.abs(plane.target.connectome.weights).sum(axis=1)
        / (2 * np.asarray(plane.target.rung.alpha)),
        "own frequencies": hertz,
        "field": size,
        "seconds": seconds,
        **judged(runs, frequencies),
    }


def translations(source: rj.Network) -> tuple[Translation, Translation]:
    """Stuart-Landau by the Hopf point along the slowed rate, and phase."""
    return (
        rj.translate(source, rj.StuartLandau, parameter="excitatory_rate", measured=False),
        rj.translate(source, rj.PhaseOscillator, measured=False),
    )


def signal(model: rj.Network, key: int, seconds: float) -> np.ndarray:
    """The signals of a Jansen-Rit brain, (time, nodes)."""
    run = rj.simulate(
        model,
        seconds,
        FINE,
        key=jax.random.key(key),
        transient=5.0,
        save_every=EVERY,
    )
    return np.asarray(run.signal)


def read_back(way: Translation, seconds: float) -> np.ndarray:
    """The signals of the source as the target has them, (time, nodes)."""
    run = rj.simulate(
        way.target,
        seconds,
        COARSE,
        key=jax.random.key(3),
        transient=5.0,
        save=("states",),
        save_every=EVERY,
    )
    return np.asarray(way.signal(run.states))


def judged(runs: dict[str, dict[str, np.ndarray]], frequencies: np.ndarray) -> dict[str, Any]:
    """Spectra and connectivity without the field, answers to it, and how far all are from those of Jansen-Rit."""
    free, forced = runs["free"], runs["field"]
    spectra, links = {}, {}
    for name, each in free.items():
        found = power_spectrum(jnp.asarray(each), EVERY, frequencies=frequencies, segment=4.0)
        spectra[name] = np.asarray(found.density)
        links[name] = np.corrcoef(each.T)
    answers = {name: answer(each) for name, each in forced.items()}
    errors: dict[str, dict[str, float]] = {}
    band = float(frequencies[0]), float(frequencies[-1])
    about, wide = (apart(frequencies, spectra, each) for each in ((8.0, 15.0), band))
    for name in spectra:
        if name == "Jansen-Rit":
            continue
        errors[name] = {
            "spectra apart, 8-15 Hz (dB)": about[name],
            "spectra apart (dB)": wide[name],
            **likeness(links["Jansen-Rit"], links[name], "connectivity"),
            **answers_apart(answers["Jansen-Rit"], answers[name]),
        }
    errors["Jansen-Rit without links"] = answers_apart(
        answers["Jansen-Rit"], answers["Jansen-Rit without links"]
    )
    return {
        "frequencies": frequencies,
        "spectra": spectra,
        "connectivity": {name: np.asarray(upper_triangle(each)) for name, each in links.items()},
        "field answers": {name: np.abs(each) for name, each in answers.items()},
        "scatter of an answer": float(np.abs(answer(free["Jansen-Rit"])).mean()),
        "errors": errors,
    }


def answer(each: np.ndarray) -> np.ndarray:
    """The complex amplitude of each signal at the field's frequency, over whole turns of it."""
    times = EVERY * np.arange(len(each))
    return 2 * np.mean(
        (each - each.mean(axis=0)) * np.exp(-2j * np.pi * HERTZ * times)[:, None], axis=0
    )


def apart(
    frequencies: np.ndarray, spectra: dict[str, np.ndarray], band: tuple[float, float]
) -> dict[str, float]:
    """How far spectra lie from those of Jansen-Rit within a band: mean size over bins and nodes (dB)."""
    inside = (frequencies >= band[0]) & (frequencies <= band[1])
    true = spectra["Jansen-Rit"][inside]
    return {
        name: float(np.abs(10 * np.log10(each[inside] / true)).mean())
        for name, each in spectra.items()
    }


def likeness(true: np.ndarray, found: np.ndarray, what: str) -> dict[str, float]:
    """Correlation over pairs, and root mean square difference."""
    first, second = (np.asarray(upper_triangle(each)) for each in (true, found))
    return {
        f"{what}, correlation": float(np.corrcoef(first, second)[0, 1]),
        f"{what}, difference": float(np.sqrt(np.mean((second - first) ** 2))),
    }


def answers_apart(true: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """How far complex answers lie apart, relative to their size, and the correlation of their sizes over nodes."""
    errors = {
        "answer to the field, error": float(np.linalg.norm(found - true) / np.linalg.norm(true))
    }
    sizes = np.abs(true), np.abs(found)
    if min(map(np.ptp, sizes)) > 1e-9 * np.max(sizes):
        errors["answer to the field, correlation"] = float(np.corrcoef(*sizes)[0, 1])
    return errors


def without_recordings(found: dict[str, Any]) -> dict[str, Any]:
    """What may be kept: errors and ranges, and nothing that is a person's by node or pair."""
    rest, rhythm = found["rest"], found["rhythm"]
    spread = {name: [float(np.min(rhythm[name])), float(np.max(rhythm[name]))] for name in RANGES}
    kept = {name: rhythm[name] for name in ("field", "seconds", "scatter of an answer", "errors")}
    return {
        "person": found["person"],
        "rest": {name: rest[name] for name in ("refused", "errors", "baselines")},
        "rhythm": kept | spread,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Translates a brain fitted to a person's MEG.")
    parser.add_argument("--person", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="20 s of simulation")
    parser.add_argument("--out", type=Path, default=RESULTS, help="errors, the picture beside them")
    chosen = parser.parse_args(arguments)
    if not MEG.is_file():
        parser.error(f"there is no {MEG}: the recordings of Raj et al. (2020) are needed.")
    begun = time.perf_counter()

    def say(text: str) -> None:
        print(f"{time.perf_counter() - begun:7.1f} s  {text}", flush=True)

    brain, frequencies, spectra = fitted(chosen.person)
    say("fitted")
    found = {
        "person": chosen.person,
        "rest": at_rest(brain, frequencies, spectra),
        "rhythm": beyond_onset(brain, frequencies, 20.0 if chosen.quick else 400.0, say),
    }
    made = {"machine": machine(), "commit": commit(), "quick": chosen.quick}
    write_json(chosen.out, provenance(**made) | {"found": without_recordings(found)})
    Console(width=140).print(table(without_recordings(found)))
    picture(found).savefig(chosen.out.with_suffix(".png"), dpi=160)


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()
