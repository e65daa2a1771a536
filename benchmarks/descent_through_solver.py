"""Descent through the solver against descent through theory, on the same data.

A network of 20 nodes with delays and noise is simulated for four minutes; its Welch spectra and functional
connectivity are the data. Three parameters, the conduction speed among them, start at least half off and
are fitted twice: by exact theory, and by simulation with gradients through every step of the march (forward,
Levenberg-Marquardt; first with few seeds, then with as many as make sampling cost less than the data's own
noise). The standard error of a parameter is the scatter of the theory's fits over independent data sets.

    python benchmarks/descent_through_solver.py [--rung stuart-landau|jansen-rit] [--sets 5] [--seeds 8]
"""

import argparse
import os
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import jax
import numpy as np

import rosetta_jax as rj

jax.config.update("jax_enable_x64", True)

NODES, DT, INTERVAL, SEGMENT = 20, 1e-3, 5e-3, 4.0
DURATION = 240.0
FREQUENCIES = np.arange(2.0, 40.1, 0.5)
# A Welch estimate of so many averages scatters by this many decibels; connectivity by about 0.03.
SD, WEIGHT = 4.34 / np.sqrt(DURATION / SEGMENT), 2000.0


def connectome() -> rj.Connectome:
    """Half of all links, log-normal weights, tracts of 10 to 150 mm."""
    rng = np.random.default_rng(0)
    shape = (NODES, NODES)
    weights = rng.lognormal(0, 1, shape) * (rng.random(shape) < 0.5) * (1 - np.eye(NODES))
    lengths = rng.uniform(10, 150, shape)
    return rj.Connectome(weights, (lengths + lengths.T) / 2 * (1 - np.eye(NODES))).normalised()


def problem(rung: str) -> tuple[rj.Network, dict, dict]:
    """The truth, what is free, and where it starts."""
    speed = {"speed": rj.Interval(2.0, 20.0)}
    if rung == "stuart-landau":
        truth = rj.Network(
            rj.StuartLandau(alpha=-12.0),
            connectome(),
            gain=8.0,
            speed=6.0,
            noise=rj.WhiteNoise(0.02),
        )
        free = {"rung.alpha": rj.Negative(), "gain": rj.Positive()} | speed
        return truth, free, {"rung.alpha": -18.0, "gain": 4.0, "speed": 9.6}
    truth = rj.Network(
        rj.JansenRit(bias=350.0, connectivity=128.0),
        connectome(),
        gain=20.0,
        speed=6.0,
        noise=rj.WhiteNoise(0.1),
    )
    free = {"rung.bias": rj.Positive(), "gain": rj.Positive()} | speed
    return truth, free, {"rung.bias": 525.0, "gain": 10.0, "speed": 9.6}


def measured(truth: rj.Network, key: jax.Array) -> rj.SumOfLosses:
    """What a recording of the truth says: spectra in decibels and connectivity."""
    solution = rj.simulate(truth, DURATION, DT, key=key, transient=4.0, save_every=INTERVAL)
    spectra = rj.observe.power_spectrum(
        solution.signal, INTERVAL, segment=SEGMENT, frequencies=FREQUENCIES
    ).density
    connectivity = rj.observe.functional_connectivity(solution.signal)
    return rj.SumOfLosses(
        (
            rj.SpectrumLoss(FREQUENCIES, spectra, compare="level", sd=SD),
            rj.ConnectivityLoss(connectivity, weight=WEIGHT),
        )
    )


def through_solver(start: rj.Network, free: dict, loss: rj.SumOfLosses, seeds: int, key: jax.Array):
    """The fit by simulation, in two stages, and what it cost."""
    model, results = start, []
    began = time.process_time()
    for duration, number, tolerance in ((30.0, 2, 1e-2), (60.0, seeds, 1e-3)):
        route = rj.Simulated(
            duration, DT, number, transient=4.0, save_every=INTERVAL, segment=SEGMENT
        )
        result = rj.fit(
            model,
            free,
            loss,
            starts=1,
            prior_weight=0.0,
            method=rj.LevenbergMarquardt(tolerance=tolerance),
            route=route,
            key=key,
            show_progress=False,
        )
        results.append(result)
        model = result.model(model)
    return results, time.process_time() - began


def main() -> None:
    """Print one line a parameter and data set, and the cost and gradient norms of each fit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rung", choices=("stuart-landau", "jansen-rit"), default="stuart-landau")
    parser.add_argument("--sets", type=int, default=5, help="data sets fitted by simulation")
    parser.add_argument("--scatter", type=int, default=12, help="data sets for standard errors")
    parser.add_argument("--seeds", type=int, default=8, help="noise seeds of the second stage")
    chosen = parser.parse_args()

    truth, free, off = problem(chosen.rung)
    start = rj.replace(truth, off)
    keys = jax.random.split(jax.random.key(1), chosen.scatter)
    losses = [measured(truth, key) for key in keys]
    theory = rj.fit(
        [start] * len(losses),
        free,
        losses,
        starts=3,
        prior_weight=0.0,
        show_progress=False,
        method=rj.LevenbergMarquardt(tolerance=1e-5),
    )
    errors = {path: values.std(ddof=1) for path, values in theory.values.items()}
    print(f"{chosen.rung}: {len(losses)} fits through theory, {theory.message}")
    for path, values in theory.values.items():
        true = float(rj.get(truth, path))
        print(
            f"  {path}: truth {true:g}, mean {values.mean():.4g}, standard error {errors[path]:.3g}"
        )

    worst_share, worst_errors = 0.0, 0.0
    for number, loss in enumerate(losses[: chosen.sets]):
        results, seconds = through_solver(
            start, free, loss, chosen.seeds, jax.random.key(100 + number)
        )
        last = results[-1]
        norms = np.concatenate([result.slopes[:, 0, 0] for result in results])
        print(
            f"data set {number}: {last.message} {seconds:.0f} CPU s with compilation, "
            f"{sum(r.metadata['evaluations'] for r in results)} evaluations, "
            f"{last.metadata['memory_mb']:.0f} MB; gradient norms "
            + " ".join("refused" if n == 0 else f"{n:.2g}" for n in norms)
        )
        for path, value in last.values.items():
            found, true, exact = (
                float(value[0]),
                float(rj.get(truth, path)),
                theory.values[path][number],
            )
            share, apart = abs(found / true - 1), abs(found - exact) / errors[path]
            worst_share, worst_errors = max(worst_share, share), max(worst_errors, apart)
            print(
                f"  {path}: start {off[path]:g}, simulation {found:.5g} ({100 * share:.1f} % off), "
                f"theory {exact:.5g}, {apart:.2f} standard errors apart",
                flush=True,
            )
    print(
        f"worst: {100 * worst_share:.1f} % off the truth, {worst_errors:.2f} standard errors from theory"
    )


if __name__ == "__main__":
    main()
