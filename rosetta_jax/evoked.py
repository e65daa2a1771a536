r"""The evoked response of a network to its drive and field: a march from rest, without noise.

Evoked potentials are averages over many trials, in which noise has cancelled: what is left is the answer of the
network at rest to a known stimulus. Unlike the linear theory (`rosetta_jax.linear.evoked_response`) a march knows
sigmoids, so that strong stimuli (TMS) saturate.
"""

import dataclasses
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from rosetta_jax._types import Array, Float, Int
from rosetta_jax.linear import fixed_point
from rosetta_jax.linear.evoked import require_stimulus, sample_numbers
from rosetta_jax.network import Network, as_network
from rosetta_jax.results import first_failure
from rosetta_jax.simulation import Held, simulate
from rosetta_jax.system import Rung


class Evoked(eqx.Module):
    """A response: `times` (s), `signal` (time, nodes) less that at rest, (nodes,) `rest`, and a status."""

    times: Float[Array, " time"]
    signal: Float[Array, "time nodes"]
    rest: Float[Array, " nodes"]
    status: Int[Array, ""]


def evoked(
    system: Network | Rung,
    times: Any,
    dt: float = 1e-3,
    *,
    block: int | None = None,
    recompute: bool | None = None,
) -> Evoked:
    """March `system` from its fixed point without noise, and read its signal at `times`.

    `times` (s), whole numbers of `dt` (s) from 0 on, when drive and field begin. The point is found without drive
    and field, and `status` says where there is none; where it is unstable the march leaves it by itself.
    `block` and `recompute` as in `rj.simulate`. Differentiable in every parameter, both ways. Raises `ValueError`
    for a system that has neither drive nor field, and times off the grid.
    """
    network = as_network(system)
    require_stimulus(network)
    number = sample_numbers(times, dt)
    quiet = dataclasses.replace(network, noise=None, sensor=None, bold=None)
    point = fixed_point(quiet)
    run = simulate(
        quiet,
        float(dt) * (int(number.max()) + 1),
        dt,
        past=Held(point.state),
        block=block,
        recompute=recompute,
    )
    rest = quiet.signal(point.state, quiet.rung.Inputs())
    return Evoked(
        times=jnp.asarray(np.asarray(number * dt), run.signal.dtype),
        signal=run.signal[number] - rest[None],
        rest=rest,
        status=first_failure(point.status, run.status),
    )
