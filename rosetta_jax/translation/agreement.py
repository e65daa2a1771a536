r"""A spiking network beside its mean field, from the same state: how far apart they are.

.. math::
    e_x = \sqrt{\frac{\sum_t |x_N(t) - x(t)|^2}{\sum_t |x(t)|^2}}

for the rate, counted and integrated over the same intervals, the order parameter, and the mean voltage that it
defines. A network of quantiles falls towards its mean field faster than $N^{-1/2}$, about as $N^{-0.7}$, until the
step tells. One of drawn currents falls as $\sqrt{\ln N/N}$, since the square root of a current, as which neurons
fire, has no finite variance. Where the mean field turns, a small difference of frequency adds up, and where it
leaves a stable state, one of time: compare a few turns.
"""

from typing import Any

import diffrax
import equinox as eqx
import jax.numpy as jnp

from rosetta_jax._types import Array, Float, Int, PRNGKeyArray
from rosetta_jax.network import alone
from rosetta_jax.results import first_failure, summarise
from rosetta_jax.rungs.qif import order_parameter
from rosetta_jax.simulation import simulate
from rosetta_jax.translation.spiking import SpikingNetwork, mean_field
from rosetta_jax.translation.spiking_march import Activity, simulate_spiking, starting_state

# Steps of the mean field in one of the network: neurons are stepped exactly, their mean field is not.
_FINER = 4


class Agreement(eqx.Module):
    """A spiking network and its mean field at the same times, and relative root mean square errors.

    `rate_error`, `voltage_error` and `order_error` (populations,) are those of rate, mean voltage and order
    parameter, relative to the root mean square of the mean field's. `status` says how the two runs ended.
    """

    spiking: Activity
    mean_field: Activity
    rate_error: Float[Array, " populations"]
    voltage_error: Float[Array, " populations"]
    order_error: Float[Array, " populations"]
    status: Int[Array, ""]
    neurons: int = eqx.field(static=True)

    def report(self) -> dict[str, Any]:
        """Neurons, errors by population and how the runs ended, as plain data."""
        errors = {
            "rate": self.rate_error,
            "voltage": self.voltage_error,
            "order_parameter": self.order_error,
        }
        of_each = {
            name: {error: float(values[place]) for error, values in errors.items()}
            for place, name in enumerate(self.spiking.names)
        }
        return {
            "neurons": self.neurons,
            "relative_error": of_each,
            "status": summarise(self.status),
        }


def against_mean_field(
    network: SpikingNetwork,
    duration: float,
    dt: float,
    *,
    key: PRNGKeyArray | None = None,
    transient: float = 0.0,
    save_every: float | None = None,
    raster: int | None = None,
    state: Any = None,
) -> Agreement:
    """March a spiking network and its mean field side by side from the same state, and measure the difference.

    Arguments are those of `simulate_spiking`, and so is what it raises. The mean field takes four steps to one of
    the network.
    """
    begin = starting_state(network, state)
    spikes = simulate_spiking(
        network,
        duration,
        dt,
        key=key,
        transient=transient,
        save_every=save_every,
        raster=raster,
        state=begin,
    )
    every = dt if save_every is None else save_every
    smooth = _mean_field(network, spikes, dt, transient, every, begin)
    return Agreement(
        spikes,
        smooth,
        _error(spikes.rate, smooth.rate),
        _error(spikes.voltage, smooth.voltage),
        _error(spikes.order_parameter, smooth.order_parameter),
        first_failure(spikes.status, smooth.status),
        network.neurons,
    )


def _mean_field(
    network: SpikingNetwork,
    beside: Activity,
    dt: float,
    transient: float,
    every: float,
    begin: Any,
) -> Activity:
    """The mean field at the times of a run of the network."""
    samples, factor = len(beside.times), _FINER * round(every / dt)
    run = simulate(
        alone(mean_field(network), drive=network.drive),
        (samples + 1) * every,
        dt / _FINER,
        transient=transient,
        save=("states",),
        past=lambda t: begin,
        solver=diffrax.Dopri5(),
    )
    series = {
        name: jnp.concatenate([getattr(run.states, name + end) for end in network.ends], axis=1)
        for name in ("rvs" if network.rung.order else "rv")
    }
    between = (series["r"][1:] + series["r"][:-1]) / 2
    rate = jnp.mean(between[: samples * factor].reshape(samples, factor, -1), axis=1)
    at_times = {name: whole[: samples * factor : factor] for name, whole in series.items()}
    order = order_parameter(
        at_times["r"], at_times["v"], network.populations.membrane_time[None, :]
    )
    return Activity(
        beside.times,
        rate,
        at_times["v"],
        order,
        at_times.get("s", rate),
        None,
        None,
        run.status,
        beside.names,
    )


def _error(found: Array, wanted: Array) -> Float[Array, " populations"]:
    """The root mean square difference over time, relative to that of what is `wanted`."""
    apart, size = (jnp.abs(each) ** 2 for each in (found - wanted, wanted))
    return jnp.sqrt(jnp.mean(apart, axis=0) / jnp.mean(size, axis=0))
