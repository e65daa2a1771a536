r"""Any limit cycle as a phase, alone or wired: phase response, averaged coupling, Kuramoto's network.

Each node runs on its own cycle, moved by what arrives on average. A weak input at a port turns its phase by
$Z(\varphi) \cdot\partial_u f$ (`rosetta_jax.bifurcation.limit_cycle`). Averaged over a turn, what $j$ sends turns
$i$ by

.. math::
    H(\psi) = \frac1{2\pi}\int Z(\varphi)\cdot\partial_a f\; s(\varphi + \psi)\,d\varphi
    = \sum_k \bar z_k s_k\,e^{ik\psi}, \qquad \psi = \varphi_j - \varphi_i

($z_k$, $s_k$ Fourier coefficients), a Kuramoto network with an amplitude and a lag for each harmonic (Ermentrout
and Kopell 1991). Of a Stuart-Landau oscillator with diffusive coupling that is $\sqrt{1 + (\beta/\gamma)^2}\,
\sin(\psi - \arctan\beta/\gamma)$ and a shift of the frequency by $G s_i\beta/\gamma$ (Castaldo et al., arXiv
2512.10982, where the shift has that factor once too often).
"""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from rosetta_jax._types import Array, Complex
from rosetta_jax.bifurcation.limit_cycle import cycle_near
from rosetta_jax.forcing import WhiteNoise
from rosetta_jax.network import Connectome, Network, PhaseCoupling, as_network
from rosetta_jax.network.coupling import Diffusive
from rosetta_jax.rungs import PhaseOscillator
from rosetta_jax.system import Rung, unstack_state
from rosetta_jax.translation.plane import density_at, forcing_of
from rosetta_jax.translation.runs import phase_state, runs
from rosetta_jax.translation.translated import SEEN, Compared, Inputs, Translation, plain
from rosetta_jax.translation.turns import MOST, SAMPLES, Turn, turns_of

# Harmonics of the coupling below this share of the largest are left out.
_NEGLIGIBLE = 1e-3
# A difference by which the derivative of the frequency is measured, of the size of the bias.
_SMALL = 1e-5
# How long networks are simulated, in turns of weak coupling (s at most).
_LONGEST = 40.0


class PhaseReadback(eqx.Module):
    r"""The source's signal from a phase, $o = \sum_k o_k e^{ik\varphi}$: `coefficients` (nodes, harmonics)."""

    coefficients: Complex[Array, "nodes harmonics"]

    def __call__(self, state: Any) -> Array:
        """The signal of phases (nodes,) or (time, nodes)."""
        numbers = jnp.arange(1, self.coefficients.shape[1], dtype=state.theta.dtype)
        angles = state.theta[..., None] * jnp.broadcast_to(
            numbers, (*state.theta.shape, numbers.size)
        )
        shape = angles.shape
        real, imaginary = (
            jnp.broadcast_to(each[:, 1:], shape)
            for each in (self.coefficients.real, self.coefficients.imag)
        )
        swing = 2 * jnp.sum(real * jnp.cos(angles) - imaginary * jnp.sin(angles), axis=-1)
        return jnp.broadcast_to(self.coefficients[:, 0].real, swing.shape) + swing


def to_phase(
    source: Rung | Network,
    start: Any = None,
    settle: float = 20.0,
    dt: float = 1e-4,
    measured: bool = True,
) -> Translation:
    """A rung or network on limit cycles as phase oscillators.

    `start` is a state to begin the search for the cycle from, `settle` (s) and `dt` (s) as of
    `rosetta_jax.bifurcation.limit_cycle`. Raises `ValueError` where a node has no cycle, and for connectomes that
    turn what they carry.
    """
    network = as_network(source)
    if network.connectome.phase is not None:
        raise ValueError(
            "`source.connectome` turns what it carries (`phase`): lags of the averaged coupling would differ from "
            "link to link; leave the phase out, or keep the rung."
        )
    turns = turns_of(network, start, settle, dt)
    _refuse_repelling(turns)
    omega = np.array([2 * np.pi * turn.cycle.frequency for turn in turns])
    mean = turns[len(turns) // 2]
    averaged = np.sum(mean.heard.conj() * mean.sent, axis=0)
    omega = omega + _own(network, turns)
    kept = _kept(averaged)
    coupling = PhaseCoupling(
        2 * np.abs(averaged[1 : kept + 1]), -np.angle(1j * averaged[1 : kept + 1])
    )
    radius = 2 * np.abs([turn.signal[1] for turn in turns])
    rung = PhaseOscillator(omega=jnp.asarray(omega), radius=jnp.asarray(radius), harmonics=kept)
    inputs = _inputs(turns, radius)
    target = _wired(network, rung, coupling, inputs, turns)
    signal = PhaseReadback(jnp.asarray(np.stack([turn.signal for turn in turns])))
    slowest = min(turn.cycle.attraction for turn in turns)
    return Translation(
        source,
        plain(source, target, network.nodes),
        "the phase of its limit cycle",
        ("frequency", "phase response", "averaged coupling", "delays"),
        f"where coupling and inputs move the phase by far less than the cycle attracts, {slowest:.3g} 1/s; of "
        "several cycles it is the one that `start` leads to (rj.bifurcation.attractors counts them)",
        signal,
        inputs,
        _errors(network, target, signal, turns) if measured else {},
        turns,
    )


def _refuse_repelling(turns: list[Turn]) -> None:
    """Raises `ValueError` where a node's cycle is none on which it stays."""
    for node, turn in enumerate(turns):
        if turn.cycle.repelling:
            raise ValueError(
                f"`source`: the cycle of {turn.cycle.period:g} s of node {node} repels, so that a phase on it "
                "means nothing: the orbit is chaotic or quasi-periodic, or settles elsewhere. "
                "rj.bifurcation.attractors says on what it ends from many starts; give one of them as `start`, or "
                "keep the rung."
            )


def _own(network: Network, turns: list[Turn]) -> np.ndarray:
    r"""What the subtracted own value of diffusive coupling does to the frequency, beyond its mean."""
    if not isinstance(network.coupling, Diffusive):
        return np.zeros(network.nodes)
    strengths = np.asarray(network.connectome.strengths())
    gain = np.broadcast_to(np.asarray(network.gain), (network.nodes,))
    own = [np.sum(np.real(turn.heard.conj() * turn.sent)[:, 1:]) * 2 for turn in turns]
    return -gain * strengths * np.array(own)


def _kept(averaged: np.ndarray) -> int:
    """How many harmonics are worth keeping."""
    sizes = np.abs(averaged[1:])
    large = np.flatnonzero(sizes > _NEGLIGIBLE * sizes.max(initial=0.0))
    return int(large[-1]) + 1 if large.size else 1


def _inputs(turns: list[Turn], radius: np.ndarray) -> Inputs:
    """The mean of each response turns the phase at once, its first harmonic is a force on the circle."""
    found = {}
    for name in turns[0].ports:
        each = np.array([turn.ports[name] for turn in turns])
        found[name] = {
            "theta": np.real(each[:, 0]),
            "x": 2 * radius * np.imag(each[:, 1]),
            "y": 2 * radius * np.real(each[:, 1]),
        }
    return found


def _wired(
    network: Network,
    rung: PhaseOscillator,
    coupling: PhaseCoupling,
    inputs: Inputs,
    turns: list[Turn],
) -> Network:
    wires = network.connectome
    return Network(
        rung,
        Connectome(wires.weights, wires.lengths, wires.labels, wires.centres),
        coupling,
        gain=network.gain,
        speed=network.speed,
        noise=_noise(network, turns),
        drive=forcing_of(network, inputs),
        sensor=network.sensor,
        max_delay=network.max_delay,
        min_delay=network.min_delay,
    )


def _noise(network: Network, turns: list[Turn]) -> WhiteNoise | None:
    r"""White noise by which the phase diffuses as the source's does, $\sum_k |z_k|^2 S(k\omega)$ for any colour.

    That holds for noise that forgets faster than the phase diffuses; of slower noise it is what adds up.
    """
    if network.noise is None:
        return None
    squared = np.array(
        [sum(np.abs(turn.ports[name]) ** 2 for name in network.noise_ports) for turn in turns]
    )
    squared[:, 1:] *= 2
    omega = np.array([2 * np.pi * turn.cycle.frequency for turn in turns])
    density = density_at(network.noise, np.outer(omega, np.arange(squared.shape[1])))
    if not np.isfinite(density).all():
        raise ValueError(
            f"`source.noise`, {type(network.noise).__name__}, has no density at zero frequency, where a phase, "
            "which adds up all that it is given, would diffuse without bound: take rj.PowerLawProcess, which "
            "levels off below its band."
        )
    return WhiteNoise(jnp.asarray(np.sqrt(np.sum(squared * density, axis=1))))


def _errors(
    network: Network, target: Network, signal: PhaseReadback, turns: list[Turn]
) -> Mapping[str, Compared]:
    if network.nodes == 1 or not np.asarray(network.connectome.weights).any():
        return _of_a_node(network, turns[0])
    turning = _on_cycles(network, turns), phase_state
    return runs(network, target, signal, turning, turns[0].cycle.frequency, _LONGEST)


def _of_a_node(network: Network, turn: Turn) -> Mapping[str, Compared]:
    """How the frequency moves with each input: by two cycles of the source, and by the mean response."""
    found, cycle = {}, turn.cycle
    for name, response in turn.ports.items():
        largest = float(np.abs(response).max())
        size = _SMALL * 2 * np.pi * cycle.frequency / max(largest, 1e-12)
        pair = []
        for sign in (-1, 1):
            moved = eqx.tree_at(
                lambda each: getattr(each, name),  # noqa: B023
                cycle.family.inputs,
                getattr(cycle.family.inputs, name) + sign * size,
            )
            of = eqx.tree_at(lambda each: each.inputs, cycle.family, moved)
            pair.append(2 * np.pi * cycle_near(of, cycle.guess, cycle.period).frequency)
        slope = (pair[1] - pair[0]) / (2 * size)
        found[f"frequency by {name}"] = Compared(
            slope, float(response[0].real), "rad/s a unit", SEEN * largest
        )
    return found


class _OnCycles(eqx.Module):
    """The state of a network whose nodes are at some phases of their cycles.

    `cosines` and `sines` are the parts of each harmonic from 0, (harmonics, components, nodes).
    """

    rung: Rung
    cosines: Array
    sines: Array

    def __call__(self, angles: Array) -> Any:
        numbers = jnp.arange(len(self.cosines), dtype=angles.dtype)[:, None, None]
        turning = numbers * angles[None, None, :]
        waves = self.cosines * jnp.cos(turning) + self.sines * jnp.sin(turning)
        return unstack_state(self.rung, jnp.sum(waves, axis=0))


def _on_cycles(network: Network, turns: list[Turn]) -> _OnCycles:
    even = np.linspace(0.0, 2 * np.pi, SAMPLES, endpoint=False)
    turned = np.stack([turn.cycle.states(even) for turn in turns], axis=2)
    series = np.fft.fft(turned, axis=0)[: MOST * 4] / SAMPLES
    series[1:] *= 2
    return _OnCycles(network.rung, *(jnp.asarray(each) for each in (series.real, -series.imag)))
