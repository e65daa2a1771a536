r"""Quadratic integrate-and-fire neurons, one by one: their exact step, their currents and their voltages.

A neuron $V' = V^2 + I$ (time in units of its membrane time) spikes at $+\infty$ and is reset to $-\infty$. While
its current is held it moves by a Möbius map,

.. math::
    V(h) = \frac{V + I\,T}{1 - V\,T}, \qquad
    T = \frac{\tan(\sqrt I\,h)}{\sqrt I} \ \text{ or }\ \frac{\tanh(\sqrt{-I}\,h)}{\sqrt{-I}},

in which infinity is a point like any other: no threshold, no reset and no refractory time is needed, and a spike
is a denominator that passes zero. On the circle $V = \tan(\theta/2)$ it is a turn, by which the spikes of a step
are counted however many they are.

The currents of a population are Lorentzian, $\eta_j = \bar\eta + \Delta\tan(\pi(u_j - 1/2))$, with $u_j$ drawn or,
better, spread evenly. Evenly is not $(j - 1/2)/N$: the largest currents, of neurons that fire at
$\sqrt{\eta_j}/\pi$, are then so small that the rate falls short by $0.109\sqrt{\Delta/N}$. The $k$-th neuron from
either end stands for its share $1/N$ of the Lorentzian if its distance from that end is

.. math::
    d_k = \frac{1}{N}\Big(\frac{\sqrt{k} + \sqrt{k-1}}{2}\Big)^2,

since $d^{-1/2}$, as which the rate grows there, has then its mean over the share, and the rate is right to about
$1/N$.

Voltages that are Lorentzian about $v$ with half-width $\pi\tau r$ and know nothing of the currents are those of
the mean field at $(r, v)$, from which all moves as it says.

Source: Montbrió, Pazó and Roxin 2015 for the neurons and their mean field; the step is the flow of a Riccati
equation.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax._types import Array, Complex, Float, Int, PRNGKeyArray

# Places of two coordinates spread evenly over a square: one by quantiles, the other by the golden ratio.
_GOLDEN = (math.sqrt(5) - 1) / 2


def moebius(
    voltage: Float[Array, "*neurons"], current: Float[Array, "*neurons"], step: Array | float
) -> tuple[Float[Array, "*neurons"], Int[Array, "*neurons"]]:
    """The voltages after an exact step under a held current, and how many spikes each neuron fired in it.

    `step` is in units of the membrane time, one number or one that spreads over the neurons, of any length.
    """
    root = jnp.sqrt(jnp.maximum(jnp.abs(current), 1e-12))
    angle = root * step
    turning = current > 0
    move = jnp.where(turning, jnp.tan(angle), jnp.tanh(angle)) / root
    below = 1 - voltage * move
    # To the nearest half turn and from there on, or back.
    whole = jnp.where(turning, jnp.round(angle / math.pi), 0.0)
    spikes = whole + jnp.where(below <= 0, jnp.sign(move), 0.0)
    # At infinity itself a voltage has no number: the largest stands for it.
    below = jnp.where(below == 0, 1e-30, below)
    return (voltage + current * move) / below, spikes.astype(jnp.int32)


def lorentzian(neurons: int, centre: Array | float, width: Array | float) -> Array:
    """Values at the quantiles of a Lorentzian of half-width `width`, in order, the last axis `(neurons,)`."""
    return centre + width * _standard(neurons)


def _standard(neurons: int) -> Float[Array, " neurons"]:
    """The quantiles of the standard Lorentzian, by their distance from the nearer end, for precision there."""
    from_end = np.minimum(np.arange(1, neurons + 1), np.arange(neurons, 0, -1))
    distance = (np.sqrt(from_end) + np.sqrt(from_end - 1)) ** 2 / (4 * neurons)
    side = np.sign(2 * np.arange(1, neurons + 1) - neurons - 1)
    return jnp.asarray(side / np.tan(np.pi * distance), jnp.result_type(float))


def quantile_deviates(
    populations: int, neurons: int
) -> tuple[Float[Array, "populations neurons"], Float[Array, "populations neurons"]]:
    """Standard Lorentzian deviates for currents and voltages, spread evenly over the plane of both."""
    turned = np.mod(_GOLDEN * np.arange(1, neurons + 1), 1.0)
    voltages = jnp.asarray(np.tan(np.pi * (turned - 0.5)), jnp.result_type(float))
    shape = (populations, neurons)
    return jnp.broadcast_to(_standard(neurons), shape), jnp.broadcast_to(voltages, shape)


def random_deviates(
    key: PRNGKeyArray, populations: int, neurons: int
) -> tuple[Float[Array, "populations neurons"], Float[Array, "populations neurons"]]:
    """The same, drawn independently; neurons are put in the order of their currents."""
    drawn = jax.random.cauchy(key, (2, populations, neurons), jnp.result_type(float))
    return jnp.sort(drawn[0], axis=-1), drawn[1]


def phase_order(voltage: Float[Array, "populations neurons"]) -> Complex[Array, " populations"]:
    r"""The order parameter $Z = \langle (1 + iV)/(1 - iV)\rangle$ of the phases, $V = \tan(\theta/2)$."""
    share = 1 / (1 + voltage * voltage)
    return jax.lax.complex(2 * jnp.mean(share, axis=-1) - 1, 2 * jnp.mean(voltage * share, axis=-1))
