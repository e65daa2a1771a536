r"""The exact mean field of quadratic integrate-and-fire neurons: its two equations and their conformal map.

Neurons $\tau\dot V_j = V_j^2 + \eta_j + I(t)$ fire at $+\infty$ and are reset to $-\infty$. With
$\eta_j$ Lorentzian about $\bar\eta$ of half-width $\Delta$ their voltages are Lorentzian about the
mean $v$ of half-width $\pi\tau r$, and

.. math::
    \tau\dot r &= \frac{\Delta}{\pi\tau} + 2rv \\
    \tau\dot v &= v^2 + \bar\eta + I(t) - (\pi\tau r)^2

With $W = \pi\tau r + iv$ that is $\tau\dot W = \Delta + i(\bar\eta + I) - iW^2$. The order parameter of the phases
$\theta_j$, $V_j = \tan(\theta_j/2)$, is

.. math::  Z = \langle e^{i\theta}\rangle = \frac{1-\bar W}{1+\bar W}, \qquad \bar W = \frac{1-Z}{1+Z}

These are phases of neurons: $|Z|$ is near one not only in synchrony but also where all neurons rest.

Source: Montbrió, Pazó and Roxin 2015, Phys. Rev. X 5:021028.
"""

import math

import jax.numpy as jnp
from jax.lax import complex as complex_of

from rosetta_jax._types import Array, Complex, Float, Nodal


def mean_field(
    r: Nodal, v: Nodal, current: Array, width: Array, time: Array
) -> tuple[Nodal, Nodal]:
    r"""$\dot r$ (1/s²) and $\dot v$ (1/s) of the rate `r` (1/s) and mean voltage `v`, at all of the current."""
    rotation = math.pi * time * r
    r_change = (width / (math.pi * time) + 2 * r * v) / time
    return r_change, (v * v + current - rotation * rotation) / time


def order_parameter(
    r: Float[Array, "*shape"], v: Float[Array, "*shape"], time: Array
) -> Complex[Array, "*shape"]:
    """The order parameter Z of the neurons' phases at rate `r` (1/s) and mean voltage `v`."""
    w = complex_of(math.pi * time * r, -v)
    return (1 - w) / (1 + w)


def rate_and_voltage(
    z: Complex[Array, "*shape"], time: Array
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    """The rate (1/s) and mean voltage of neurons with the order parameter `z`: inverts `order_parameter`."""
    w = (1 - z) / (1 + z)
    return jnp.real(w) / (math.pi * time), -jnp.imag(w)
