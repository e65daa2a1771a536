"""The adaptive path: no delays and no noise, any diffrax solver and step-size controller."""

from collections.abc import Callable
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax._types import Array, Float, Int, Scalar
from rosetta_jax.network import Network
from rosetta_jax.observe import BalloonState
from rosetta_jax.results import Status, first_failure, status_where


class Solved(eqx.Module):
    """What an adaptive run gives at its times; `bold` and `haemodynamics` are None unless asked for."""

    signal: Float[Array, "time nodes"]
    states: Any
    bold: Float[Array, "time nodes"] | None
    haemodynamics: BalloonState | None
    status: Int[Array, ""]


@eqx.filter_jit
def solve(
    network: Network,
    times: Float[Array, " time"],
    first_step: Float[Array, ""],
    solver: diffrax.AbstractSolver,
    controller: diffrax.AbstractStepSizeController,
    max_steps: int,
    past: Callable[[Scalar], Any] | None,
    vessels: tuple[bool, BalloonState | None],
) -> Solved:
    """`network` at `times` (s, from 0), with its `vessels` where these are asked for, from a state of theirs."""
    _require_smooth(network)
    along, given = vessels

    def field(t: Any, both: Any, _: Any) -> Any:
        state, vessels = both
        outside = network.outside(t)
        arriving = network.arriving(state, outside)
        slope = network.vector_field(t, state, arriving, outside)
        if not along:
            return slope, None
        bold = network.vessels()
        return slope, bold.vector_field(vessels, bold.drive(network.activity(state, outside)))

    dtype, zero = times.dtype, jnp.zeros((), times.dtype)
    start = network.start() if past is None else past(zero)
    if along and given is None:
        activity = network.activity(start, network.outside(zero))
        given = network.vessels().steady(network.vessels().drive(activity))
    begin = jax.tree.map(
        lambda leaf: jnp.asarray(leaf, dtype=dtype), (start, given if along else None)
    )
    found = diffrax.diffeqsolve(
        diffrax.ODETerm(field),
        solver,
        t0=zero,
        t1=times[-1],
        dt0=first_step,
        y0=begin,
        saveat=diffrax.SaveAt(ts=times),
        stepsize_controller=controller,
        max_steps=max_steps,
        throw=False,
    )
    assert found.ys is not None
    states, flowing = found.ys
    states = jax.vmap(network.rung.wrap)(states)
    signal = jax.vmap(lambda t, state: network.signal(state, network.outside(t)))(times, states)
    bold = jax.vmap(network.vessels().signal)(flowing) if along else None
    finite = jnp.all(jnp.isfinite(signal)) & (bold is None or jnp.all(jnp.isfinite(bold)))
    status = first_failure(
        status_where(found.result != diffrax.RESULTS.successful, Status.not_converged),
        status_where(~finite, Status.non_finite),
    )
    return Solved(signal, states, bold, flowing, status)


def _require_smooth(network: Network) -> None:
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
