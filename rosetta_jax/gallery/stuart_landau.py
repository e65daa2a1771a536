"""Figures 3.1 and of the appendix: the Stuart-Landau oscillator by itself, and pushed by a constant force."""

import functools
from typing import Any

import diffrax
import jax.numpy as jnp
import numpy as np

from rosetta_jax._types import Scalar
from rosetta_jax.bifurcation import Branch, CycleBranch, continuation, cycles
from rosetta_jax.bifurcation.equilibria import equilibrium_near
from rosetta_jax.bifurcation.family import family
from rosetta_jax.bifurcation.roots import characteristic_roots
from rosetta_jax.forcing import Constant
from rosetta_jax.gallery import diagram
from rosetta_jax.gallery.branches import seen
from rosetta_jax.gallery.page import Number, Page
from rosetta_jax.network import alone
from rosetta_jax.plot import _canvas
from rosetta_jax.plot._canvas import CYCLE, GREY, TICK
from rosetta_jax.rungs import HarmonicOscillator, StuartLandau
from rosetta_jax.rungs.plane import PlanarInputs, PlanarRung, PlanarState
from rosetta_jax.simulation import simulate

OMEGA = 2.0
FORCES = (0.0, 0.5, 1.5)


@functools.cache
def onset_sweep() -> tuple[Branch, CycleBranch]:
    """Equilibria against the growth rate, and the cycles that are born at their Hopf point."""
    branch = continuation(StuartLandau(omega=1.0), "alpha", (-10.0, 10.0))
    return branch, cycles(branch)


def stuart_landau() -> Page:
    """Onset: the real part against the growth rate."""
    branch, found = onset_sweep()
    (hopf,), radius = branch.hopfs, seen(found)
    numbers = (
        Number("HB+", 0.0, hopf.value if hopf.supercritical else np.nan, "1/s", 1e-6),
        *(
            Number(f"{word} x at alpha = 10", sign * 3.1623, radius.at(10.0)[place], "", 1e-4)
            for word, sign, place in (("lowest", -1, 0), ("highest", 1, 1))
        ),
        Number("highest x at alpha = 1", 1.0, radius.at(1.0)[1], "", 1e-4),
        Number("highest x at alpha = 4", 2.0, radius.at(4.0)[1], "", 1e-4),
    )
    return Page(
        "Stuart-Landau: onset",
        "Real part against the growth rate, at γ = 1, β = 0 and ω = 1: the rest state loses stability at the "
        "supercritical Hopf point, where a cycle of radius √α is born.",
        _onset_figure(branch, found),
        numbers,
    )


def _onset_figure(branch: Branch, found: CycleBranch) -> Any:
    figure = _canvas.canvas(7.2, 4.2)
    axes = _canvas.plain_axes(figure.subplots())
    diagram.equilibria(axes, branch)
    diagram.cycles(axes, branch, [found])
    diagram.mark_point(axes, branch.hopfs[0], (-6, 6))
    axes.set(xlim=(-10, 10), ylim=(-3.6, 3.6))
    _canvas.name_axes(axes, "growth rate α (1/s)", "real part x (1)")
    diagram.legend(figure, axes)
    return figure


def _begin(t: Scalar) -> PlanarState:
    """z = 2. One function for all runs, which share a program so."""
    return PlanarState(x=jnp.full(1, 2.0), y=jnp.zeros(1))


def run(
    rung: PlanarRung, force: float, duration: float, dt: float = 1e-3
) -> tuple[np.ndarray, np.ndarray]:
    """Times (s) and z from z = 2 under a constant real force."""
    network = alone(rung, drive=Constant(force, port="x"))
    solution = simulate(
        network, duration, dt, past=_begin, save=("states",), solver=diffrax.Bosh3()
    )
    state = solution.states
    return np.asarray(solution.times), np.asarray(state.x[:, 0]) + 1j * np.asarray(state.y[:, 0])


def forced() -> Page:
    """A constant force on the undamped oscillator and on Stuart-Landau."""
    harmonic = HarmonicOscillator(alpha=0.0, omega=OMEGA)
    landau = StuartLandau(alpha=1.0, omega=OMEGA)
    times, circles, spirals = np.zeros(0), [], []
    for force in FORCES:
        times, z = run(harmonic, force, 30.0)
        circles.append(z)
        spirals.append(run(landau, force, 30.0)[1])
    return Page(
        "A constant force",
        "A constant real force c on the undamped oscillator and on Stuart-Landau (α = γ = 1, β = 0, ω = 2), "
        "both from z = 2. The circle moves to the centre ic/2 (the paper's text says otherwise, its picture "
        "does not); the cycle is pushed aside, slows down and dies at c = 1.4577, just below the largest "
        "force here, so that the run still rings at its end. The paper's caption says c = 2 where its "
        "pictures have 1.5.",
        _forced_figure(times, circles, spirals),
        (*_circle_numbers(circles), *_cycle_numbers(landau), *_dead_numbers(landau)),
    )


def _circle_numbers(circles: list[np.ndarray]) -> list[Number]:
    numbers = []
    for force, radius, z in zip(FORCES, (2.0, 2.0156, 2.1360), circles, strict=True):
        found = np.abs(z - 1j * force / OMEGA)
        numbers.append(
            Number(f"harmonic, c = {force:g}: radius", radius, float(found.mean()), "", 1e-4)
        )
        numbers.append(
            Number(f"harmonic, c = {force:g}: its variation", 0.0, float(np.ptp(found)), "", 1e-4)
        )
    return numbers


def _cycle_numbers(landau: StuartLandau) -> list[Number]:
    """Range and period at c = 0.5, and the shift of frequency and radius by a small force to second order."""
    numbers = []
    for force, tolerance in ((0.0, 1e-5), (0.5, 1e-5)):
        period, turns, _ = _period(landau, force)
        numbers.append(
            Number(
                f"c = {force:g}: period", {0.0: np.pi, 0.5: 3.19140}[force], period, "s", tolerance
            )
        )
        if force:
            for name, part, ends in (
                ("Re", np.real(turns), (-0.85040, 1.09500)),
                ("Im", np.imag(turns), (-0.82186, 1.09573)),
            ):
                numbers.append(
                    Number(f"c = 0.5: lowest {name} z", ends[0], float(part.min()), "", 1e-5)
                )
                numbers.append(
                    Number(f"c = 0.5: highest {name} z", ends[1], float(part.max()), "", 1e-5)
                )
    period, _, radius = _period(landau, 0.1)
    shift = 2 * np.pi / period - OMEGA
    numbers += [
        Number("c = 0.1: shift of the frequency", -0.0012501, shift, "rad/s", 2e-7),
        Number("the same, to second order in c", -2 * 0.01 / (2 * 8), shift, "rad/s", 1e-6),
        Number("c = 0.1: first harmonic − 1", -0.0015664, radius - 1, "", 2e-7),
        Number("the same, to second order in c", -0.01 * 5 / (4 * 8), radius - 1, "", 5e-6),
    ]
    return numbers


def _period(landau: StuartLandau, force: float) -> tuple[float, np.ndarray, float]:
    """The settled period (s), z over whole turns, and the size of its first harmonic."""
    dt = 1e-3
    _, z = run(landau, force, 60.0, dt)
    late = z[-round(30.0 / dt) :]
    height = np.imag(late)
    up = np.flatnonzero((height[:-1] < 0) & (height[1:] >= 0))
    crossings = up + height[up] / (height[up] - height[up + 1])
    period = float(np.diff(crossings).mean() * dt)
    turns = late[up[0] : up[-1]]
    phase = np.exp(-2j * np.pi * (np.arange(len(turns)) + up[0] - crossings[0]) * dt / period)
    return period, turns, float(np.abs(np.mean(turns * phase)))


def _dead_numbers(landau: StuartLandau) -> list[Number]:
    """The fixed points that the forces 1.5 and 2 leave, with their eigenvalues."""
    numbers = []
    for force, z, mode in (
        (1.5, -0.16592 + 0.71130j, -0.06695 + 1.92754j),
        (2.0, 1j, -1.0 + 1.73205j),
    ):
        point, found = _fixed_point(landau, force)
        parts = (("Re z*", z.real, point.real), ("Im z*", z.imag, point.imag))
        parts += (("growth", mode.real, found.real), ("rotation", mode.imag, found.imag))
        for name, want, have in parts:
            numbers.append(Number(f"c = {force:g}: {name}", want, float(have), "", 6e-6))
    return numbers


def _fixed_point(landau: StuartLandau, force: float) -> tuple[complex, complex]:
    """The rest state under a force, from i, and its leading eigenvalue."""
    of = family(landau, ("alpha",), PlanarInputs(x=jnp.asarray(force)))
    x, found = equilibrium_near(of, jnp.asarray([0.0, 1.0]), landau.alpha[None])
    roots = characteristic_roots(of, x, landau.alpha[None])
    root = complex(roots[np.argmax(np.imag(roots))]) if found else complex(np.nan, np.nan)
    return complex(*x), root


def _forced_figure(times: np.ndarray, circles: list[np.ndarray], spirals: list[np.ndarray]) -> Any:
    figure = _canvas.canvas(9.6, 6.6)
    axes = figure.subplot_mosaic("ab;cc", height_ratios=(1.6, 1))
    for panel in axes.values():
        _canvas.plain_axes(panel)
    for name, runs in (("a", circles), ("b", spirals)):
        for force, z, colour in zip(FORCES, runs, CYCLE, strict=False):
            axes[name].plot(np.real(z), np.imag(z), color=colour, lw=1.4, label=f"c = {force:g}")
        axes[name].plot(2.0, 0.0, "o", ms=4, color=GREY)
        axes[name].set(aspect="equal", xlim=(-2.5, 2.5), ylim=(-2.5, 3.1))
    for z, colour in zip(spirals, CYCLE, strict=False):
        axes["c"].plot(times, np.real(z), color=colour, lw=1.4)
    axes["c"].set_xlim(0, 30)
    axes["a"].legend(frameon=False, fontsize=TICK, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    _canvas.name_axes(axes["a"], "Re z (1)", "Im z (1)", "undamped oscillator")
    _canvas.name_axes(axes["b"], "Re z (1)", "Im z (1)", "Stuart-Landau")
    _canvas.name_axes(axes["c"], "time (s)", "Re z (1)", "Stuart-Landau")
    return figure
