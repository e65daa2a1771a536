"""float32 against float64: simulations on one noise path, exact spectra, fixed points.

Simulations of ten delayed, noisy nodes below onset, both precisions driven by the same normal deviates
(drawn in float32): the largest relative difference of Welch's spectrum over nodes and bins from 1 to
45 Hz, and the largest difference of a correlation. Exact spectra of 68 delayed nodes, 1 to 60 Hz: the
largest difference in dB, for every rung. Fixed points of random networks: how many only float64 finds.

    python benchmarks/float32_accuracy.py [--duration 600] [--only simulations]
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from unittest import mock

# Small matrices: the threads of the linear algebra library only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import rosetta_jax as rj
from rosetta_jax import observe
from rosetta_jax.simulation import draws

NODES = 10
SEGMENT = 4.0  # s
SAVE_EVERY = 4e-3  # s
BAND = (1.0, 45.0)  # Hz
FREQUENCIES = np.arange(1.0, 60.5, 0.5)  # Hz
SEARCHES = 2500


def networks(connectome: rj.Connectome) -> dict[str, rj.Network]:
    """A network a rung at a stable point, in the precision that is on."""
    nodes = connectome.nodes
    rng = np.random.default_rng(21)
    alpha, omega = rng.uniform(-7, -3, nodes), 2 * np.pi * rng.uniform(8, 12, nodes)
    bias = rng.uniform(20.0, 60.0, nodes)
    planar = {"gain": 4.0, "speed": 8.0}
    return {
        **{step.name: rj.working_brain(step.kind, connectome) for step in rj.ladder()},
        # Links by rows: regions slow down by strength times delay, and unlike ones would not lock.
        "phase": rj.Network(
            rj.PhaseOscillator(2 * np.pi * rng.uniform(9.5, 10.5, nodes)),
            connectome.normalised("rows"),
            gain=30.0,
            speed=8.0,
            noise=rj.WhiteNoise(0.1),
        ),
        "harmonic": rj.Network(
            rj.HarmonicOscillator(alpha, omega), connectome, noise=rj.WhiteNoise(1.0), **planar
        ),
        "stuart-landau": rj.Network(
            rj.StuartLandau(alpha, omega), connectome, noise=rj.WhiteNoise(0.02), **planar
        ),
        "jansen-rit": rj.Network(
            rj.JansenRit(bias=bias), connectome, gain=20.0, speed=8.0, noise=rj.WhiteNoise(0.1)
        ),
        # A focus whose peak at 11 Hz is 0.4 Hz wide: small errors of the state and of slopes show most.
        "near onset": rj.Network(
            rj.JansenRit(bias=330.0), connectome, gain=1.0, speed=8.0, noise=rj.WhiteNoise(0.1)
        ),
    }


def small_connectome() -> rj.Connectome:
    """Ten of the regions of a synthetic brain."""
    whole = rj.synthetic.connectome()
    some = np.arange(0, whole.nodes, whole.nodes // NODES)[:NODES]
    weights = np.asarray(whole.weights)[np.ix_(some, some)]
    return rj.Connectome(weights, np.asarray(whole.lengths)[np.ix_(some, some)]).normalised()


def in_precision(x64: bool, compute: Callable[[], tuple]) -> tuple[np.ndarray, ...]:
    """The results of `compute` in float64 or float32, all noise drawn in float32."""
    drawn, hashed = jax.random.normal, draws.deviates

    def in_float32(key: jax.Array, shape: tuple[int, ...], dtype: object = float) -> jax.Array:
        return drawn(key, shape, jnp.float32).astype(dtype)

    def hashed_in_float32(
        key: jax.Array, begin: jax.Array, steps: int, number: int, dtype: object
    ) -> jax.Array:
        return hashed(key, begin, steps, number, jnp.dtype("float32")).astype(dtype)

    with (
        jax.enable_x64(x64),
        mock.patch.object(jax.random, "normal", in_float32),
        mock.patch.object(draws, "deviates", hashed_in_float32),
    ):
        return tuple(np.asarray(each, np.float64) for each in compute())


def simulated(rung: str, duration: float, dt: float) -> tuple[jax.Array, jax.Array]:
    """Welch's spectrum within `BAND` and the functional connectivity of a simulation."""
    network = networks(small_connectome())[rung]
    rest = rj.linear.fixed_point(network).state
    solution = rj.simulate(
        network,
        duration,
        dt,
        key=jax.random.key(0),
        transient=2.0,
        save_every=SAVE_EVERY,
        past=lambda t: rest,
    )
    if not solution.succeeded:
        raise SystemExit(f"{rung}: {solution.message}")
    found = observe.power_spectrum(solution.signal, solution.dt, segment=SEGMENT)
    inside = (found.frequencies >= BAND[0]) & (found.frequencies <= BAND[1])
    return found.density[inside], observe.functional_connectivity(solution.signal)


def exact(rung: str, check: bool = True) -> tuple[jax.Array, ...]:
    """The exact spectrum (frequencies, nodes) of a whole synthetic brain, of phases about their locked state."""
    network = networks(rj.synthetic.connectome())[rung]
    spectrum = rj.linear.phase_spectrum if rung == "phase" else rj.linear.power_spectrum
    return (spectrum(network, FREQUENCIES, check=check).density,)


def searched(seed: int, nodes: int) -> tuple[jax.Array, ...]:
    """The statuses of many searches for a fixed point of random networks of columns."""
    rng = np.random.default_rng(seed)
    weights = rng.lognormal(0.0, 0.7, (SEARCHES, nodes, nodes))
    weights = weights * (rng.random(weights.shape) < 0.5) * (1 - np.eye(nodes))
    weights /= np.maximum(np.abs(np.linalg.eigvals(weights)).max(axis=1), 0.1)[:, None, None]
    drawn = (
        weights,
        rng.uniform(-100.0, 500.0, (SEARCHES, nodes)),
        rng.uniform(0.0, 100.0, SEARCHES),
        rng.uniform(80.0, 120.0, (SEARCHES, nodes)),
    )

    def status(weights: jax.Array, bias: jax.Array, gain: jax.Array, rate: jax.Array) -> jax.Array:
        rung = rj.JansenRit(bias=bias, excitatory_rate=rate)
        return rj.linear.fixed_point(rj.Network(rung, rj.Connectome(weights), gain=gain)).status

    # The same numbers for both precisions.
    lanes = tuple(jnp.asarray(np.float32(each), jnp.result_type(float)) for each in drawn)
    return (eqx.filter_jit(jax.vmap(status))(*lanes),)


def both(compute: Callable[..., tuple], *arguments: object) -> Iterator[tuple]:
    """Pairs of results, float32 and float64."""
    yield from zip(
        *(in_precision(x64, lambda: compute(*arguments)) for x64 in (False, True)), strict=True
    )


def relative(single: np.ndarray, double: np.ndarray) -> float:
    """The largest difference of any entry, relative to that entry."""
    return float(np.max(np.abs(single / double - 1)))


def decibels(single: np.ndarray, double: np.ndarray) -> float:
    """The largest difference of two densities in dB."""
    return float(np.max(np.abs(10 * np.log10(single / double))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--duration", type=float, default=600.0, help="seconds simulated")
    parts = ("simulations", "spectra", "searches")
    parser.add_argument("--only", choices=parts, help="one part only")
    arguments = parser.parse_args()
    wanted = parts if arguments.only is None else (arguments.only,)
    rungs = ("harmonic", "stuart-landau", "jansen-rit")
    if "spectra" in wanted:
        print("exact spectra, 68 nodes, 1-60 Hz: largest difference")
        for rung in (*(step.name for step in rj.ladder()), "near onset"):
            ((single, double),) = both(exact, rung)
            print(f"  {rung:14s} {decibels(single, double):.1e} dB", flush=True)
    if "searches" in wanted:
        print(
            f"fixed points of {SEARCHES} random networks: not found in float32, float64, only in 32"
        )
        for seed, nodes in ((1, 4), (3, 4), (2, 10)):
            ((single, double),) = both(searched, seed, nodes)
            alone = np.sum((single != 0) & (double == 0))
            print(
                f"  {nodes:2d} nodes {np.sum(single != 0):4d} {np.sum(double != 0):4d} {alone:4d}"
            )
    if "simulations" in wanted:
        print(f"{arguments.duration:g} s of {NODES} nodes: relative spectrum, difference of FC, s")
        for rung in rungs:
            for dt in (1e-3, 1e-4):
                begun = time.perf_counter()
                power, connectivity = both(simulated, rung, arguments.duration, dt)
                fc = float(np.max(np.abs(connectivity[0] - connectivity[1])))
                print(
                    f"  {rung:14s} dt {dt:.0e} {relative(*power):.1e} {fc:.1e} "
                    f"{time.perf_counter() - begun:5.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
