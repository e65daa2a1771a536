"""Exact spectra against long simulations, seen through the same window.

For each rung a network of 20 delayed, noisy nodes at a stable point is simulated (phases about their locked
state), and Welch's spectrum of every node compared with the exact one as the window shows it. Prints the share
of (node, bin) that lie more than three standard errors apart, at a step and at half of it: chance alone gives
0.3 %.

    python benchmarks/theory_against_simulation.py [--duration 600] [--rung harmonic]
"""

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

# Small matrices: the threads of the linear algebra library only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import jax
import jax.numpy as jnp
import numpy as np

import rosetta_jax as rj
from rosetta_jax.observe import power_spectrum, through_window
from rosetta_jax.observe.spectrum import welch_standard_error
from rosetta_jax.working_points import WORKING_POINTS

NODES = 20
SEGMENT = 4.0  # s
HIGHEST = 45.0  # Hz
CHUNK = 60.0  # s, simulated at once
# Those whose parameters differ from node to node; the others are taken at their working points.
DRAWN = ("phase", "harmonic", "stuart-landau", "jansen-rit")


def connectome() -> rj.Connectome:
    """Twenty regions in a box of 120 mm, linked the more the nearer they lie."""
    rng = np.random.default_rng(20)
    centres = rng.uniform(0.0, 120.0, (NODES, 3))
    lengths = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
    weights = np.exp(-lengths / 30) * rng.lognormal(0.0, 0.5, (NODES, NODES))
    np.fill_diagonal(weights, 0.0)
    return rj.Connectome(weights, lengths).normalised("eigenvalue")


def networks() -> dict[str, tuple[rj.Network, float]]:
    """A network a rung, at a stable point, and the step (s) to simulate it with."""
    rng = np.random.default_rng(21)
    alpha, omega = rng.uniform(-7, -3, NODES), 2 * np.pi * rng.uniform(8, 12, NODES)
    links = connectome()
    planar = {"gain": 4.0, "speed": 8.0}
    return {
        "harmonic": (
            rj.Network(
                rj.HarmonicOscillator(alpha, omega), links, noise=rj.WhiteNoise(1.0), **planar
            ),
            1e-3,
        ),
        "stuart-landau": (
            rj.Network(rj.StuartLandau(alpha, omega), links, noise=rj.WhiteNoise(0.02), **planar),
            1e-3,
        ),
        "jansen-rit": (
            rj.Network(
                rj.JansenRit(bias=rng.uniform(20.0, 60.0, NODES)),
                links,
                gain=20.0,
                speed=8.0,
                noise=rj.WhiteNoise(0.1),
            ),
            5e-4,
        ),
        "phase": (
            rj.Network(
                rj.PhaseOscillator(2 * np.pi * rng.uniform(9.5, 10.5, NODES)),
                links.normalised("rows"),
                gain=25.0,
                speed=8.0,
                noise=rj.WhiteNoise(0.1),
            ),
            1e-3,
        ),
        **{
            step.name: (rj.working_brain(step.kind, links), WORKING_POINTS[step.kind].dt)
            for step in rj.ladder()
            if step.name not in DRAWN
        },
    }


def theory(network: rj.Network, dt: float) -> np.ndarray:
    """The exact spectrum as Welch's estimate should show it: (bins, nodes)."""
    nyquist = 0.5 / dt
    fine = np.concatenate(
        [[0.0], np.arange(0.02, 60.0, 0.04), np.geomspace(60.0, 3 * nyquist, 200)]
    )
    exact = rj.linear.phase_spectrum if is_phase(network) else rj.linear.power_spectrum
    found = exact(network, fine[1:])
    if found.status != rj.Status.ok:
        raise SystemExit(f"no theory: {rj.Status(int(found.status)).message}")
    density = jnp.concatenate([found.density[:1], found.density])
    return np.asarray(through_window(fine, density, dt, segment=SEGMENT).density)


def is_phase(network: rj.Network) -> bool:
    return isinstance(network.rung, rj.PhaseOscillator)


def at_rest(network: rj.Network) -> Callable[[jax.Array], Any]:
    """The fixed point, held in the past."""
    rest = rj.linear.fixed_point(network).state
    return lambda t: rest


def locked(network: rj.Network) -> Callable[[jax.Array], Any]:
    """The locked state, which turned in the past."""
    found = rj.linear.locked_state(network)
    return lambda t: network.rung.State(theta=found.phases + found.omega * t)


def deviations(network: rj.Network, states: Any) -> jax.Array:
    """Phases about the locked state and their mean: from the first node, since all wander together."""
    apart = states.theta - rj.linear.locked_state(network).phases[None]
    apart = apart - apart[:, :1]
    apart = jnp.arctan2(jnp.sin(apart), jnp.cos(apart))
    return apart - jnp.mean(apart, axis=1, keepdims=True)


def simulated(network: rj.Network, dt: float, duration: float, seed: int) -> np.ndarray:
    """Welch's spectrum at full rate, averaged over chunks that start at the fixed point."""
    past = locked(network) if is_phase(network) else at_rest(network)
    chunks = max(1, round(duration / CHUNK))
    length = duration / chunks
    length = round(length / dt) * dt

    @jax.jit
    def spectrum(key: jax.Array) -> jax.Array:
        save = ("states",) if is_phase(network) else ("signal",)
        solution = rj.simulate(network, length, dt, key=key, transient=5.0, past=past, save=save)
        signal = (
            solution.signal if solution.states is None else deviations(network, solution.states)
        )
        return power_spectrum(signal, dt, segment=SEGMENT).density

    keys = jax.random.split(jax.random.key(seed), chunks)
    return np.mean([np.asarray(spectrum(key)) for key in keys], axis=0)


def compared(network: rj.Network, dt: float, duration: float, seed: int = 0) -> dict[str, float]:
    """How theory and simulation differ, over all nodes and the bins from 0.5 Hz to `HIGHEST`."""
    begun = time.perf_counter()
    expected = theory(network, dt)
    found = simulated(network, dt, duration, seed)
    bins = np.arange(len(expected)) / SEGMENT
    used = (bins >= 0.5) & (bins <= HIGHEST)
    chunks = max(1, round(duration / CHUNK))
    samples = round(duration / chunks / dt)
    error = welch_standard_error(samples, round(SEGMENT / dt)) / np.sqrt(chunks)
    score = (found[used] / expected[used] - 1) / error
    return {
        "standard error": error,
        "beyond 3 SE": float(np.mean(np.abs(score) > 3)),
        "mean": float(np.mean(found[used] / expected[used] - 1)),
        "sd of score": float(np.std(score)),
        "seconds": time.perf_counter() - begun,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--duration", type=float, default=600.0, help="seconds simulated")
    parser.add_argument("--rung", choices=networks(), help="one rung only")
    arguments = parser.parse_args()
    print("rung           dt (s)    SE     > 3 SE   mean diff  sd(score)  seconds")
    for rung, (name, (network, dt)) in enumerate(networks().items()):
        if arguments.rung not in (None, name):
            continue
        for half, step in enumerate((dt, dt / 2)):
            row = compared(network, step, arguments.duration, seed=2 * rung + half)
            print(
                f"{name:14s} {step:.2e} {row['standard error']:6.1%} {row['beyond 3 SE']:8.2%} "
                f"{row['mean']:+10.2%} {row['sd of score']:9.2f} {row['seconds']:9.0f}",
                flush=True,
            )


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()
