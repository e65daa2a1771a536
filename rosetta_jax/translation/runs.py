r"""Two networks simulated side by side from like pasts: frequency, amplitudes and phases of both.

Noise is left out, so that classical Runge-Kutta steps serve, and many fewer a turn than a simulation with noise
takes. What arrives is read off a straight line between steps: over $z = \omega h$ it is weaker by up to
$z^2/8$, three thousandths, in both networks alike. Steps and turns are rounded, and pasts are values and no
functions, so that runs of networks that differ a little share their programs.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from rosetta_jax._types import Array, Scalar
from rosetta_jax.network import Network
from rosetta_jax.rungs import PhaseOscillator, StuartLandau
from rosetta_jax.simulation import simulate
from rosetta_jax.translation.rhythm import rhythm_of
from rosetta_jax.translation.runge_kutta import RungeKutta
from rosetta_jax.translation.translated import Compared

# Steps a turn, the share of a run that is looked at, and the golden ratio, by which phases are spread.
_STEPS, _LAST, _GOLDEN = 40, 0.25, 0.6180339887498949
# Steps and turns are rounded to so many digits.
_DIGITS = 2

# The states of source and target whose nodes are at some phases (nodes,).
Turning = tuple[Callable[[Array], Any], Callable[[Array], Any]]


class Circle(eqx.Module):
    """States of oscillators in the plane at angles of circles about the origin, `radius` (nodes,)."""

    radius: Array

    def __call__(self, angles: Array) -> Any:
        return circle_state(self.radius, angles)


class _Turned(eqx.Module):
    """Nodes that have turned since ever from `phases` (nodes,) at time zero, at `omega` (rad/s)."""

    states: Any
    phases: Array
    omega: Scalar

    def __call__(self, t: Scalar) -> Any:
        return self.states(self.phases + self.omega * t)


def runs(
    source: Network, target: Network, signal: Any, turning: Turning, hertz: float, lasting: float
) -> Mapping[str, Compared]:
    """Frequency, amplitude and phases of both, simulated without noise for about `lasting` s from like pasts.

    `turning` gives the state of source and target at phases (nodes,): both have turned at `hertz` since ever, at
    phases that have nothing in common. It runs without being compiled again where it is an `eqx.Module`.
    """
    phases = jnp.asarray(2 * np.pi * np.mod(_GOLDEN * np.arange(source.nodes), 1.0))
    omega = jnp.asarray(2 * math.pi * hertz)
    dt = rounded(1 / (_STEPS * hertz))
    steps = round(rounded(lasting * hertz) * _STEPS)
    kept = max(round(_LAST * steps), 3)
    series = []
    for network, states, read in ((source, turning[0], None), (target, turning[1], signal)):
        run = simulate(
            quiet(network),
            kept * dt,
            dt,
            transient=(steps - kept) * dt,
            save=("signal",) if read is None else ("states",),
            solver=RungeKutta(),
            # The fastest for links that turn what they carry, and about that for others.
            transport=None if network.connectome.lengths is None else "ring",
            past=_Turned(states, phases, omega),
        )
        series.append(np.asarray(run.signal if read is None else read(run.states)))
    first, second = (rhythm_of(each, dt) for each in series)
    size, size_there = (float(each.amplitudes.mean()) for each in (first, second))
    order, order_there = (
        float(np.abs(np.exp(1j * each.phases).mean())) for each in (first, second)
    )
    apart = float(np.abs(np.angle(np.exp(1j * (second.phases - first.phases)))).max())
    return {
        "frequency": Compared(first.frequency, second.frequency, "Hz"),
        "amplitude, mean": Compared(size, size_there, "signal"),
        "order parameter": Compared(order, order_there, "", 1.0),
        "largest error of a phase": Compared(0.0, apart, "rad"),
    }


def rounded(value: float) -> float:
    """A number to two digits."""
    return float(f"{value:.{_DIGITS - 1}e}")


def circle_state(radius: Any, angles: Array) -> Any:
    """Places on a circle about the origin as the state of an oscillator in the plane."""
    return StuartLandau.State(x=radius * jnp.cos(angles), y=radius * jnp.sin(angles))


def phase_state(angles: Array) -> Any:
    """Phases as the state of their rung."""
    return PhaseOscillator.State(theta=jnp.mod(angles, 2 * jnp.pi))


def with_noise(network: Network, noise: Any) -> Network:
    """The network with another noise, or none."""
    return eqx.tree_at(lambda each: each.noise, network, noise, is_leaf=lambda x: x is None)


def quiet(network: Network) -> Network:
    """The network without noise, neither its own nor its sensor's."""
    return eqx.tree_at(
        lambda each: (each.noise, each.sensor), network, (None, None), is_leaf=lambda x: x is None
    )
