r"""Synapses: from a firing rate to a postsynaptic potential, as kernel, equation and transfer function.

A second-order synapse of rise time $\tau_r$, decay time $\tau_d$ and gain $g$ (the area of its response) is

.. math::
    \tau_r\tau_d\,\ddot s + (\tau_r+\tau_d)\,\dot s + s = g\,r(t), \qquad
    h(t) = g\,\frac{e^{-t/\tau_d} - e^{-t/\tau_r}}{\tau_d-\tau_r}, \qquad
    H(\omega) = \frac{g}{(1+i\omega\tau_r)(1+i\omega\tau_d)},

with $h = g\,t\,e^{-t/\tau}/\tau^2$ where both times are $\tau$ (the alpha synapse), and the first-order synapse
$h = g\,e^{-t/\tau_d}/\tau_d$ where $\tau_r = 0$. Jansen and Rit write $\ddot s + 2a\dot s + a^2 s = Aa\,r$: then
$\tau = 1/a$ and $g = A/a$. Times in seconds; the mean delay is $\tau_r+\tau_d$.

Source: Castaldo et al., arXiv 2512.10982, sections 4 and 6.
"""

from typing import Any

import jax
import jax.numpy as jnp

from rosetta_jax import _checks
from rosetta_jax._types import Array


def acceleration(s: Array, velocity: Array, input: Array, rise: Array, decay: Array) -> Array:
    r"""$\ddot s$ of a second-order synapse at `s` and $\dot s$ = `velocity`; `input` is $g\,r$."""
    return (input - s - (rise + decay) * velocity) / (rise * decay)


def alpha_acceleration(s: Array, velocity: Array, input: Array, rate: Array) -> Array:
    r"""The same of an alpha synapse in the form of Jansen and Rit, of `rate` a; `input` is $Aa\,r$."""
    return input - 2 * rate * velocity - rate * rate * s


def kernel(times: Any, rise: Any, decay: Any, gain: Any = 1.0) -> Array:
    """The response h(t) to a brief pulse of unit area, zero before it; shapes spread over each other.

    `rise` may be zero (first order) or equal to `decay` (alpha). Raises `ValueError` for negative times of a
    synapse. Differentiable except where rise and decay are equal to within a millionth.
    """
    t, rise, decay, gain = (_checks.as_float_array(each) for each in (times, rise, decay, gain))
    _checks.non_negative("rise", rise, "s")
    _checks.positive("decay", decay, "s")
    equal = jnp.abs(decay - rise) <= 1e-6 * decay
    apart = jnp.where(equal, decay, decay - rise)
    fast = jnp.where(rise > 0, jnp.exp(-t / jnp.where(rise > 0, rise, 1.0)), 0.0)
    two = (jnp.exp(-t / decay) - fast) / apart
    one = t * jnp.exp(-t / decay) / decay**2
    return jnp.where(t < 0, 0.0, gain * jnp.where(equal, one, two))


def transfer(omega: Any, rise: Any, decay: Any, gain: Any = 1.0) -> Array:
    """The transfer function H at angular frequency `omega` (rad/s), complex."""
    omega, rise, decay, gain = (_checks.as_float_array(each) for each in (omega, rise, decay, gain))
    ones = jnp.ones_like(omega)
    both = jax.lax.complex(ones, omega * rise) * jax.lax.complex(ones, omega * decay)
    return gain.astype(both.dtype) / both


def peak_time(rise: Any, decay: Any) -> Array:
    r"""When the response peaks (s): $\tau_r\tau_d\ln(\tau_d/\tau_r)/(\tau_d-\tau_r)$, or $\tau$ where equal."""
    rise, decay = _checks.as_float_array(rise, "rise"), _checks.as_float_array(decay, "decay")
    equal = jnp.abs(decay - rise) <= 1e-6 * decay
    apart = jnp.where(equal, 1.0, decay - rise)
    return jnp.where(equal, decay, rise * decay * jnp.log(decay / rise) / apart)
