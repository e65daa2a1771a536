"""The adaptive path: no delays and no noise, any diffrax solver and step-size controller."""

from collections.abc import Callable
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax._types import Array, Float, Int, Scalar
from rosetta_jax.network import Network
from rosetta_jax.results import Status, first_failure, status_where


@eqx.filter_jit
def solve(
    network: Network,
    times: Float[Array, " time"],
    first_step: Float[Array, ""],
    solver: diffrax.AbstractSolver,
    controller: diffrax.AbstractStepSizeController,
    max_steps: int,
    past: Callable[[Scalar], Any] | None,
) -> tuple[Float[Array, "time nodes"], Any, Int[Array, ""]]:
    """Signal and states of `network` at `times` (s, from 0), and a status."""
    parts = {
        "noise": network.noise,
        "sensor": network.sensor,
        "lengths": network.connectome.lengths,
    }
    found = [name for name, part in parts.items() if part is not None]
    if found:
        raise ValueError(
            "`controller`: adaptive steps need a network without delays and noise, got one with "
            f"{', '.join(f'`{name}`' for name in found)}: drop that, or leave `controller` out to march in "
            "fixed steps."
        )

    def field(t: Any, state: Any, _: Any) -> Any:
        outside = network.outside(t)
        arriving = network.arriving(state, outside)
        return network.vector_field(t, state, arriving, outside)

    dtype = times.dtype
    start = network.start() if past is None else past(jnp.zeros((), dtype))
    start = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype=dtype), start)
    found = diffrax.diffeqsolve(
        diffrax.ODETerm(field),
        solver,
        t0=jnp.zeros((), dtype),
        t1=times[-1],
        dt0=first_step,
        y0=start,
        saveat=diffrax.SaveAt(ts=times),
        stepsize_controller=controller,
        max_steps=max_steps,
        throw=False,
    )
    states = jax.vmap(network.rung.wrap)(found.ys)
    signal = jax.vmap(lambda t, state: network.signal(state, network.outside(t)))(times, states)
    finite = jnp.all(jnp.isfinite(signal))
    status = first_failure(
        status_where(found.result != diffrax.RESULTS.successful, Status.not_converged),
        status_where(~finite, Status.non_finite),
    )
    return signal, states, status
