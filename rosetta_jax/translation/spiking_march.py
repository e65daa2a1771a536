r"""The march of a spiking network: exact steps of neurons and of synapses, each with the other held.

In a step from $t$ to $t + h$ the synapses are taken at its middle, where the rate of the step before brings them,
and the current that they make, with the drive there, is held while every neuron takes its exact step; then the
synapses take theirs, with the rate at which the neurons did fire held. Both errors are of order $h^2$. A synapse
that acts at once (`order` 0) is a current by the rate of the step before, and what it missed or had too much of is
made up by a jump of all voltages, so that each spike moves every other neuron by $J/N$, once.

Cauchy noise is a current drawn anew for each step: the mean over such currents of a Lorentzian moved by a
Möbius map is the Lorentzian moved with $\Gamma$ added to the width, whatever the step.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Complex, Float, Int, PRNGKeyArray, Scalar
from rosetta_jax.network import as_network
from rosetta_jax.results import Status, status_where, summarise
from rosetta_jax.rungs.qif import rate_and_voltage
from rosetta_jax.simulation.planning import requested
from rosetta_jax.translation.moebius import (
    moebius,
    phase_order,
    quantile_deviates,
    random_deviates,
)
from rosetta_jax.translation.spiking import Populations, SpikingNetwork

# The longest step in shares of the shortest time constant; steps in milliseconds are far beyond.
_LONGEST = 0.1
_SHOWN = 100

PerPopulation = Float[Array, " populations"]
Voltages = Float[Array, "populations neurons"]


class Activity(eqx.Module):
    """What populations do in time, one column each: a spiking network, or the mean field of one.

    `times` (time,) in s. `rate` (time, populations) in 1/s: spikes a neuron from each time to the next. At each
    time: `order_parameter` Z of the neurons' phases, complex; `voltage`, the mean voltage, which for Lorentzian
    voltages is no average but is defined by Z; `synapse` in 1/s, the rate itself where it acts at once. Of a
    network also some neurons, spread evenly over the currents: `spikes` (time, populations, shown), how many each
    fired from each time to the next, and `voltages` likewise at each time; both None in a mean field. `names` are
    those of the populations; `status` is an `rj.Status`.
    """

    times: Float[Array, " time"]
    rate: Float[Array, "time populations"]
    voltage: Float[Array, "time populations"]
    order_parameter: Complex[Array, "time populations"]
    synapse: Float[Array, "time populations"]
    spikes: Int[Array, "time populations shown"] | None
    voltages: Float[Array, "time populations shown"] | None
    status: Int[Array, ""]
    names: tuple[str, ...] = eqx.field(static=True)

    @property
    def succeeded(self) -> bool:
        """Whether all is finite."""
        return int(self.status) == Status.ok

    @property
    def message(self) -> str:
        """How it ended, in plain words."""
        return summarise(self.status)


class _Moving(NamedTuple):
    """What moves: voltages, synapses with their rates of change, and the share of neurons that fired last."""

    voltage: Voltages
    s: PerPopulation
    z: PerPopulation
    fired: PerPopulation


class _Plan(NamedTuple):
    """Steps to a sample, samples dropped and kept, and which neurons are shown."""

    factor: int
    dropped: int
    samples: int
    shown: tuple[int, ...]
    noisy: bool


def simulate_spiking(
    network: SpikingNetwork,
    duration: float,
    dt: float,
    *,
    key: PRNGKeyArray | None = None,
    transient: float = 0.0,
    save_every: float | None = None,
    raster: int | None = None,
    state: Any = None,
) -> Activity:
    """March a spiking network for `transient + duration` seconds in steps of `dt` (s).

    It begins as its mean field at `state`, of one node (by default `network.rung.start(1)`, where `rj.simulate`
    begins too): voltages are Lorentzian about `v` with half-width pi tau r. `save_every` (s, a whole number of
    steps) is the time between samples, over which spikes are counted: a rate is the smoother the longer it is.
    `raster` is how many neurons of each population are shown, by default a hundred or all there are. `key` is
    needed where there is noise or the sampling is random.

    The cost is a tangent for each neuron and step, about ten nanoseconds on a core. Spikes are counted, so nothing
    here has a useful gradient: differentiate the mean field. A step may be so long that neurons of the largest
    currents turn several times: their spikes are all counted. What bounds it is that synapses move little: at
    most a hundredth of the shortest time constant for volleys, a tenth at all.

    Raises `ValueError` for durations and steps that do not fit, such a step, a missing key, more neurons shown
    than there are, or another state. A run that is not finite says so in its `status`.
    """
    wanted = "an rj.translation.SpikingNetwork, as rj.translation.spiking makes of a rung"
    _checks.instance("network", network, SpikingNetwork, wanted)
    request = requested(
        as_network(network.rung), duration, dt, transient, ("states",), save_every, None
    )
    _check_step(network, request.dt)
    begin = starting_state(network, state)
    width = network.noise_width
    noisy = not _checks.is_concrete(width) or bool(np.asarray(width).any())
    shown = _shown(network.neurons, raster)
    plan = _Plan(request.factor, request.dropped, request.samples, shown, noisy)
    step = jnp.asarray(request.dt, jnp.result_type(float))
    return _run(network, begin, step, _key_for(network, key, noisy), plan, request.times)


def starting_state(network: SpikingNetwork, state: Any = None) -> Any:
    """`state`, or that in which the rung starts; raises where it is not a state of one node of the rung."""
    known = network.rung.start(1)
    if state is None:
        return known
    alike = jax.tree.structure(state) == jax.tree.structure(known)
    if not alike or any(np.shape(leaf) != (1,) for leaf in jax.tree.leaves(state)):
        raise ValueError(
            f"`state` must be a {type(known).__name__} of one node, as `network.rung.start(1)` gives, got "
            f"{_checks.shown(state)}."
        )
    for end in network.ends:
        _checks.non_negative(f"state.r{end}", getattr(state, f"r{end}"), "1/s")
    return state


def _shown(neurons: int, raster: int | None) -> tuple[int, ...]:
    """The places of the neurons that are shown."""
    count = min(_SHOWN, neurons) if raster is None else _checks.whole("raster", raster, least=0)
    if count > neurons:
        raise ValueError(
            f"`raster` asks for {count} of {neurons} neurons: give at most as many as there are."
        )
    return tuple(np.round(np.linspace(0, neurons - 1, count)).astype(int).tolist())


def _check_step(network: SpikingNetwork, dt: float) -> None:
    each = network.populations
    if _checks.is_concrete(each):
        times = [each.membrane_time] + [each.synaptic_time] * bool(network.rung.order)
        shortest = min(float(np.min(time)) for time in times)
        if dt > _LONGEST * shortest * (1 + 1e-9):
            raise ValueError(
                f"`dt` of {dt:g} s is longer than a tenth of the shortest time constant of the network, "
                f"{shortest:g} s: give seconds, and a hundredth of it for volleys."
            )


def _key_for(network: SpikingNetwork, key: PRNGKeyArray | None, noisy: bool) -> PRNGKeyArray:
    """The key of a run, any where nothing is random."""
    if key is not None:
        return _checks.key("key", key)
    if noisy or network.sampling == "random":
        reason = "noise" if noisy else "random sampling"
        raise ValueError(f"`key` is needed where there is {reason}: give key=jax.random.key(seed).")
    return jax.random.key(0)


class _March(eqx.Module):
    """What stays the same from step to step."""

    network: SpikingNetwork
    populations: Populations
    currents: Voltages
    dt: Scalar
    key: PRNGKeyArray
    noisy: bool = eqx.field(static=True)

    def step(
        self, moving: _Moving, number: Int[Array, ""]
    ) -> tuple[_Moving, Int[Array, "populations neurons"]]:
        """One step of all, and the spikes in it."""
        each, weights = self.populations, self.populations.weights
        middle, _ = self._synapses(moving, moving.fired / self.dt, 0.5)
        t = (number.astype(self.dt.dtype) + 0.5) * self.dt
        common = self.network.common_current(t) + each.membrane_time * (weights @ middle)
        currents = self.currents + common[:, None] + self._noise(number)
        voltage, spikes = moebius(moving.voltage, currents, (self.dt / each.membrane_time)[:, None])
        fired = jnp.mean(spikes.astype(self.dt.dtype), axis=1)
        if self.network.rung.order == 0:
            voltage = voltage + (weights @ (fired - moving.fired))[:, None]
        s, z = self._synapses(moving, fired / self.dt, 1.0)
        return _Moving(voltage, s, z, fired), spikes

    def _synapses(
        self, moving: _Moving, rate: PerPopulation, share: float
    ) -> tuple[PerPopulation, PerPopulation]:
        """The synapses after a `share` of a step in which the rate is held, exactly."""
        order = self.network.rung.order
        if order == 0:
            return rate, moving.z
        lasting = share * self.dt / self.populations.synaptic_time
        fall, away = jnp.exp(-lasting), moving.s - rate
        if order == 1:
            return rate + fall * away, moving.z
        turn = (away + moving.z) * lasting
        return rate + fall * (away + turn), fall * (moving.z - turn)

    def _noise(self, number: Int[Array, ""]) -> Array:
        """The currents of one step that differ from neuron to neuron and from step to step."""
        if not self.noisy:
            return jnp.zeros((1, 1), self.dt.dtype)
        key = jax.random.fold_in(self.key, number)
        drawn = jax.random.cauchy(key, self.currents.shape, self.dt.dtype)
        return self.network.noise_widths[:, None] * drawn


def _begun(network: SpikingNetwork, state: Any, key: PRNGKeyArray) -> tuple[Voltages, _Moving]:
    """The currents of all neurons, and how they begin."""
    each, ends = network.populations, network.ends
    shape = len(ends), network.neurons
    if network.sampling == "random":
        by_current, by_voltage = random_deviates(key, *shape)
    else:
        by_current, by_voltage = quantile_deviates(*shape)
    r, v = (jnp.concatenate([getattr(state, name + end) for end in ends]) for name in "rv")
    s, z = (
        jnp.concatenate([getattr(state, name + end, jnp.zeros_like(r[:1])) for end in ends])
        for name in "sz"
    )
    currents = each.bias[:, None] + each.width[:, None] * by_current
    voltage = v[:, None] + (jnp.pi * each.membrane_time * r)[:, None] * by_voltage
    return currents, _Moving(voltage, s, z, r)


@eqx.filter_jit
@full_precision
def _run(
    network: SpikingNetwork,
    state: Any,
    dt: Scalar,
    key: PRNGKeyArray,
    plan: _Plan,
    times: Float[Array, " time"],
) -> Activity:
    first, second = jax.random.split(key)
    currents, moving = _begun(network, state, first)
    march = _March(network, network.populations, currents, dt, second, plan.noisy)
    shown = np.array(plan.shown, int)

    def sample(moving: _Moving, number: Int[Array, ""]) -> tuple[_Moving, tuple[Array, ...]]:
        before = phase_order(moving.voltage), moving.s, moving.voltage[:, shown]

        def step(carry: Any, part: Int[Array, ""]) -> tuple[Any, None]:
            moving, fired, spikes = carry
            moving, new = march.step(moving, number * plan.factor + part)
            return (moving, fired + moving.fired, spikes + new[:, shown]), None

        nothing = jnp.zeros((len(network.ends), len(shown)), jnp.int32)
        begin = moving, jnp.zeros_like(moving.fired), nothing
        parts = jnp.arange(plan.factor, dtype=jnp.int32)
        (moving, fired, spikes), _ = jax.lax.scan(step, begin, parts)
        return moving, (*before, fired / (plan.factor * dt), spikes)

    # The state has a rate; a march remembers who fired in a step.
    moving = moving._replace(fired=moving.fired * dt)
    count = jnp.arange(plan.dropped + plan.samples, dtype=jnp.int32)
    _, seen = jax.lax.scan(sample, moving, count)
    order, s, voltages, rate, spikes = (each[plan.dropped :] for each in seen)
    synapse = s if network.rung.order else rate
    _, voltage = rate_and_voltage(order, network.populations.membrane_time[None, :])
    finite = [jnp.all(jnp.isfinite(each)) for each in (rate, voltage, synapse)]
    status = status_where(~jnp.all(jnp.stack(finite)), Status.non_finite)
    return Activity(times, rate, voltage, order, synapse, spikes, voltages, status, network.names)
