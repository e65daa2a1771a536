r"""Is the step short enough? The same seconds twice, in steps of `dt` and of `dt / 2`.

Noise would hide the difference, were it drawn anew: so both runs are driven by one path, drawn for steps of
`dt` and held, or moved along its line, over the two halves. What is left is the error of the scheme, delays
included.

Source: Castaldo et al., arXiv 2512.10982, which asks that every run report it.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Int, PRNGKeyArray, Scalar
from rosetta_jax.forcing import NoiseProcess
from rosetta_jax.network import Network, as_network
from rosetta_jax.results import first_failure
from rosetta_jax.simulation.simulate import simulate
from rosetta_jax.system import Rung


class StepCheck(eqx.Module):
    """How far signals in steps of `dt` (s) lie from those in half the step, over `duration` seconds.

    `difference` is the root mean square over time and nodes, relative to that of the signal about each node's
    mean; `status` says how the two runs ended.
    """

    difference: Scalar
    status: Int[Array, ""]
    dt: float = eqx.field(static=True)
    duration: float = eqx.field(static=True)


class _Path(NoiseProcess):
    """A noise already drawn, each step of it `held` over as many steps of the march."""

    begin: Float[Array, "steps ports nodes"]
    end: Float[Array, "steps ports nodes"]
    held: int = eqx.field(static=True)
    white: ClassVar[bool] = False

    def density(self, omega: Float[Array, " frequencies"]) -> Float[Array, "frequencies *regional"]:
        raise ValueError("`noise`: one path of a noise has no density.")

    def start(self, normal: Float[Array, "ports nodes"]) -> Int[Array, ""]:
        return jnp.int32(0)

    def advance(
        self, state: Int[Array, ""], normal: Float[Array, "ports nodes"], dt: Scalar
    ) -> Int[Array, ""]:
        return state + 1

    def values(
        self,
        before: Int[Array, ""],
        after: Int[Array, ""],
        normal: Float[Array, "ports nodes"],
        dt: Scalar,
    ) -> tuple[Float[Array, "ports nodes"], Float[Array, "ports nodes"]]:
        number, part = before // self.held, before % self.held
        begin, end = self.begin[number], self.end[number]
        first, last = (share.astype(begin.dtype) / self.held for share in (part, part + 1))
        return begin + first * (end - begin), begin + last * (end - begin)


def halved_step(
    system: Network | Rung,
    dt: float,
    duration: float = 1.0,
    *,
    key: PRNGKeyArray | None = None,
    past: Callable[[Scalar], Any] | None = None,
    solver: diffrax.AbstractSolver | None = None,
) -> StepCheck:
    """What halving the step changes, along one path of the noise, from the start of a run.

    `duration` (s) is best kept short: chaos and the drift of phases make any two runs part in the end. Raises as
    `rj.simulate` does.
    """
    network = as_network(system)
    step = _checks.known("dt", dt, "s")
    steps = _checks.multiple("duration", duration, step, "steps")
    path = None
    if isinstance(network.noise, NoiseProcess):
        seed = jax.random.key(0) if key is None else _checks.key("key", key)
        path = _drawn(network.noise, seed, steps, (len(network.noise_ports), network.nodes), step)
    runs = []
    for held in (1, 2):
        noise = None if path is None else _Path(*path, held=held, ports=network.noise_ports)
        quiet = eqx.tree_at(
            lambda n: (n.noise, n.sensor), network, (noise, None), is_leaf=lambda leaf: leaf is None
        )
        runs.append(
            simulate(
                quiet,
                duration,
                step / held,
                save=("states",),
                save_every=step,
                past=past,
                solver=solver,
                key=jax.random.key(0),
            )
        )
    # From states, which are kept as they are: thinned signals are low-passed.
    coarse, fine = (
        jax.vmap(lambda t, state: network.signal(state, network.outside(t)))(run.times, run.states)
        for run in runs
    )
    size = jnp.sqrt(jnp.mean((fine - jnp.mean(fine, axis=0, keepdims=True)) ** 2))
    size = jnp.where(size > 0, size, jnp.max(jnp.abs(fine)))
    difference = jnp.sqrt(jnp.mean((coarse - fine) ** 2))
    # Where nothing ever moves there is no difference either.
    difference = jnp.where(difference > 0, difference / size, difference)
    return StepCheck(difference, first_failure(*(run.status for run in runs)), step, duration)


def _drawn(
    noise: NoiseProcess, key: PRNGKeyArray, steps: int, shape: tuple[int, int], dt: float
) -> tuple[Float[Array, "steps ports nodes"], Float[Array, "steps ports nodes"]]:
    """The path of a noise over so many steps, at the start and the end of each."""
    ports, nodes = shape
    dtype = jnp.result_type(float)
    first, key = jax.random.split(key)
    deviates = (noise.deviates * ports, nodes)
    width = jnp.asarray(dt, dtype)

    def advance(state: Any, key: PRNGKeyArray) -> tuple[Any, tuple[Array, Array]]:
        normal = jax.random.normal(key, deviates, dtype)
        after = noise.advance(state, normal, width)
        return after, noise.values(state, after, normal, width)

    start = noise.start(jax.random.normal(first, deviates, dtype))
    return jax.lax.scan(advance, start, jax.random.split(key, steps))[1]
