r"""What a rhythm sends, shows and answers along a turn of its cycle, and the harmonics of its answers.

A unit of input at a port turns the phase by $Z(\varphi)\cdot\partial_u f$, with the phase response $Z$ of
`rosetta_jax.bifurcation.limit_cycle`; a unit of what arrives before the gain does so by $Z\cdot\partial_a f$.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Scalar
from rosetta_jax.bifurcation.collocation import Places, between, whole
from rosetta_jax.bifurcation.family import Family
from rosetta_jax.bifurcation.limit_cycle import Cycle, phase_response
from rosetta_jax.system import add_inputs, ports

# Samples of a turn from which harmonics are taken.
_SAMPLES = 512


class Along(NamedTuple):
    """Along a turn: what is `sent` (samples, channels), the answer to what arrives (`heard`, likewise).

    The `signal` (samples, 1), and the answer to each port (`pushed`, (samples, ports)).
    """

    sent: Array
    heard: Array
    signal: Array
    pushed: Array


def along(of: Family, mesh: Array, places: Places, period: Scalar, samples: int) -> Along:
    """What the cycle of a lone node does at so many phases, evenly spaced."""
    shares = jnp.linspace(0.0, 1.0, samples, endpoint=False, dtype=mesh.dtype)
    states = between(mesh, whole(places), shares)
    responses = between(mesh, whole(phase_response(of, mesh, places, period)), shares)
    rung, names = of.network.rung, tuple(ports(of.network.rung))
    still = jnp.zeros(1, mesh.dtype)

    def at(x: Array, response: Array) -> Along:
        def turned(inputs: object) -> Array:
            moved = eqx.tree_at(lambda each: each.inputs, of, add_inputs(of.inputs, inputs))
            return response @ moved.drift(x, still)

        def by_port(units: Array) -> Array:
            return turned(rung.Inputs(**dict(zip(names, units, strict=True))))

        sent = of.sent(x, still)[:, 0]
        heard = jax.jacfwd(lambda a: turned(rung.receive(a[:, None])))(jnp.zeros_like(sent))
        pushed = jax.jacfwd(by_port)(jnp.zeros(len(names), x.dtype))
        return Along(sent, heard, of.signal(x, still), pushed)

    return jax.vmap(at)(states, responses)


def harmonics(cycle: Cycle, port: str) -> np.ndarray:
    r"""Fourier coefficients of the phase response to a port, $Z = \sum_k Z_k e^{ik\varphi}$ (rad/s a unit)."""
    period = jnp.asarray(cycle.period, cycle.mesh.dtype)
    pushed = np.asarray(_pushed(cycle.family, cycle.mesh, cycle.places, period))
    place = list(ports(cycle.family.network.rung)).index(port)
    return np.fft.fft(pushed[:, place]) / _SAMPLES


@eqx.filter_jit
@full_precision
def _pushed(of: Family, mesh: Array, places: Places, period: Scalar) -> Array:
    return along(of, mesh, places, period, _SAMPLES).pushed
