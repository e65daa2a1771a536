"""Networks of spiking neurons against their exact mean field: how the error falls with their number.

From the same state a network of N quadratic integrate-and-fire neurons a population and its mean field are marched
side by side: MPR under a step of current, which takes it from one stable state to the other, and the rhythms ING
and PING. Prints relative root mean square errors of rate (in bins of 0.2 ms), mean voltage and order parameter,
those of the worse population, and their slopes in log-log: -0.5 is the root of N. Currents and first voltages are
at quantiles, or drawn: then it is the median over seeds, since the largest of drawn currents makes outliers; the
fewer the neurons, the more seeds.

    python benchmarks/spiking_against_mean_field.py [--quick] [--case PING] [--seeds 12]
"""

import argparse
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

import rosetta_jax as rj
from rosetta_jax.translation import against_mean_field, spiking

NEURONS = (1_000, 10_000, 100_000)
FEW_NEURONS = (250, 1_000, 4_000)
BIN = 2e-4  # s
ERRORS = ("rate", "voltage", "order")


class Case(NamedTuple):
    """A rung, what drives it, and seconds and step of its march."""

    rung: Any
    drive: Any
    duration: float
    dt: float


def cases() -> dict[str, Case]:
    step = rj.Step(3.0, onset=0.02, duration=0.05)
    return {
        "MPR": Case(rj.QIFPopulation.named("MPR"), step, 0.1, 2e-5),
        "ING": Case(rj.QIFPopulation.named("ING", bias=20.0), None, 0.05, 2e-5),
        "PING": Case(rj.NMM2.named("PING"), None, 0.05, 2e-5),
    }


def errors(case: Case, neurons: int, sampling: str, seeds: int) -> tuple[np.ndarray, float]:
    """The three errors of a network of so many neurons, and seconds for one run of both."""
    network = spiking(case.rung, neurons, drive=case.drive, sampling=sampling)
    found, seconds = [], []
    for seed in range(seeds if sampling == "random" else 1):
        begun = time.perf_counter()
        both = against_mean_field(
            network, case.duration, case.dt, key=jax.random.key(seed), save_every=BIN
        )
        found.append([float(getattr(both, f"{name}_error").max()) for name in ERRORS])
        seconds.append(time.perf_counter() - begun)
        if both.status != rj.Status.ok:
            raise SystemExit(f"failed: {rj.Status(int(both.status)).message}")
    return np.median(found, axis=0), min(seconds)


def slopes(neurons: Sequence[int], found: Sequence[np.ndarray]) -> np.ndarray:
    """The slopes of the errors against the number of neurons, both in logarithms."""
    return np.polyfit(np.log(neurons), np.log(np.stack(found)), 1)[0]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few neurons and seeds")
    parser.add_argument("--case", choices=cases(), help="one case only")
    parser.add_argument("--seeds", type=int, default=12, help="networks drawn of the largest size")
    chosen = parser.parse_args(arguments)
    sizes, seeds = (FEW_NEURONS, 1) if chosen.quick else (NEURONS, chosen.seeds)
    print("case  sampling   neurons      rate   voltage     order  seconds")
    for name, case in cases().items():
        if chosen.case not in (None, name):
            continue
        for sampling in ("quantiles", "random"):
            found = []
            for neurons in sizes:
                count = round(seeds * (sizes[-1] / neurons) ** 0.5)
                row, seconds = errors(case, neurons, sampling, count)
                found.append(row)
                shown = " ".join(f"{error:9.5f}" for error in row)
                print(f"{name:5s} {sampling:9s} {neurons:8d} {shown} {seconds:8.1f}", flush=True)
            shown = " ".join(f"{slope:9.2f}" for slope in slopes(sizes, found))
            print(f"{name:5s} {sampling:9s} {'slope':>8s} {shown}", flush=True)


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()
