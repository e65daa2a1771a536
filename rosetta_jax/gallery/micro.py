r"""Figure 1.1: from neurons to a neural mass, drawn from a network of spiking neurons instead of by hand.

The neurons are quadratic integrate-and-fire, $\tau\dot V_j = V_j^2 + I_j(t)$, which spike at infinity, and their
steps are exact (`rosetta_jax.translation`).
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax._types import Array
from rosetta_jax.gallery.page import Number, Page
from rosetta_jax.gallery.qif import ing_population
from rosetta_jax.plot import _canvas
from rosetta_jax.plot._canvas import BLUE, GREY, INK, TICK, VERMILION
from rosetta_jax.rungs.synapse import kernel
from rosetta_jax.rungs.transfer import QIFCauchy
from rosetta_jax.translation import (
    Activity,
    Agreement,
    against_mean_field,
    lorentzian,
    moebius,
    spiking,
)

NEURONS, SHOWN = 2000, 120
CURRENT = 20.0
# Seconds: the step, when the run has settled, and what is drawn of it.
STEP = 2e-5
SETTLED = 0.15
BEGIN, DRAWN = 0.2, 0.042
# Steps that one point of the drawn rate is the mean of.
_BIN = 5
_RATES = {-5.0: 0.0708265, 0.0: 0.2250791, 1.0: 0.3497220, 5.0: 0.7152778, 10.0: 1.0078386}


def both(duration: float = 0.4) -> Agreement:
    """The network at a current of 20 and the neural mass, from the same state."""
    network = spiking(ing_population(CURRENT), NEURONS)
    return against_mean_field(network, duration, STEP, raster=SHOWN)


@jax.jit
def _uncoupled(currents: Array, steps: Array) -> Array:
    def step(voltage: Array, _: Any) -> tuple[Array, Array]:
        voltage, spiked = moebius(voltage, currents, 0.02)
        return voltage, jnp.mean(spiked.astype(voltage.dtype), axis=1)

    start = jnp.zeros_like(currents)
    return jnp.mean(jax.lax.scan(step, start, steps)[1], axis=0) / 0.02


def measured_rates(currents: np.ndarray) -> np.ndarray:
    """Spikes per membrane time of neurons without coupling, at each centre of their currents."""
    rows = jnp.stack([lorentzian(NEURONS, current, 1.0) for current in currents])
    return np.asarray(_uncoupled(rows, jnp.zeros(6000)))


def crossings(times: np.ndarray, series: np.ndarray, after: float) -> np.ndarray:
    """When a series passes the middle of its range upwards, later than `after` (s)."""
    middle = (series[times > after].max() + series[times > after].min()) / 2
    up = np.flatnonzero((series[:-1] < middle) & (series[1:] >= middle) & (times[:-1] > after))
    share = (middle - series[up]) / (series[up + 1] - series[up])
    return times[up] + share * (times[1] - times[0])


def micro() -> Page:
    """Spikes, rate, synapse and transfer function of one population."""
    found = both()
    inputs = np.array(list(_RATES))
    curve = np.asarray(QIFCauchy(membrane_time=1.0)(inputs))
    points = measured_rates(inputs)
    numbers = [
        *(
            Number(f"transfer function at I = {current:g}", want, float(have), "1/τ", 1e-7)
            for (current, want), have in zip(_RATES.items(), curve, strict=True)
        ),
        *(
            Number(f"{NEURONS} neurons at I = {current:g}", want, float(have), "1/τ", 5e-5)
            for (current, want), have in zip(_RATES.items(), points, strict=True)
        ),
    ]
    for (name, run), (of_turn, of_synapse) in zip(
        _runs(found), ((0.02, 0.5), (5e-3, 5e-3)), strict=True
    ):
        hertz, lowest, highest = _settled(run)
        numbers += [
            Number(f"{name}, I = 20: frequency", 100.685, hertz, "Hz", of_turn),
            Number(f"{name}: lowest synapse", 41.852, lowest, "Hz", of_synapse),
            Number(f"{name}: highest synapse", 172.793, highest, "Hz", of_synapse),
        ]
    return Page(
        "From neurons to a neural mass",
        f"{NEURONS} inhibitory QIF neurons with Lorentzian currents about 20, coupled as in ING: the voltage "
        "of one of them, their spikes, and their rate, which passes through the synapse and comes back as "
        "inhibition. The neural mass with the same parameters, which has four variables and began in the same "
        "state 0.2 s before, is drawn over it.",
        _figure(found, points),
        tuple(numbers),
    )


def _runs(found: Agreement) -> tuple[tuple[str, Activity], ...]:
    return (f"{NEURONS} neurons", found.spiking), ("mean field", found.mean_field)


def _settled(run: Activity) -> tuple[float, float, float]:
    """The frequency, and the lowest and highest synapse, when the run has settled."""
    times, synapse = np.asarray(run.times), np.asarray(run.synapse[:, 0])
    late = synapse[times > SETTLED]
    turns = np.diff(crossings(times, synapse, SETTLED))
    return float(1 / turns.mean()), float(late.min()), float(late.max())


def _figure(found: Agreement, points: np.ndarray) -> Any:
    figure = _canvas.canvas(11.0, 7.6)
    axes = figure.subplot_mosaic("vk;rk;ac;sc", width_ratios=(1.9, 1))
    for panel in axes.values():
        _canvas.plain_axes(panel)
    run = found.spiking
    times = np.asarray(run.times)
    shown = (times >= BEGIN) & (times < BEGIN + DRAWN)
    times = 1e3 * (times[shown] - BEGIN)
    _voltage(axes["v"], times, np.asarray(run.voltages)[shown, 0, SHOWN // 2])
    _raster(axes["r"], times, np.asarray(run.spikes)[shown, 0])
    _canvas.name_axes(axes["a"], "", "rate r (Hz)", "rate")
    _canvas.name_axes(axes["s"], "time (ms)", "synapse s (Hz)")
    axes["a"].set_ylim(0, 1050)
    for (name, each), (colour, width) in zip(_runs(found), ((GREY, 3.6), (BLUE, 1.1)), strict=True):
        rate = binned(np.asarray(each.rate)[shown, 0])
        axes["a"].plot(binned(times), rate, color=colour, lw=width, label=name)
        axes["s"].plot(times, np.asarray(each.synapse)[shown, 0], color=colour, lw=width)
    axes["a"].legend(frameon=False, fontsize=TICK, loc="upper left", bbox_to_anchor=(0.28, 1.05))
    for name in "vras":
        axes[name].set_xlim(0, times[-1])
    _kernel(axes["k"])
    _transfer(axes["c"], points)
    return figure


def binned(series: np.ndarray) -> np.ndarray:
    """Means over bins of a series, without what is left at its end."""
    return series[: len(series) // _BIN * _BIN].reshape(-1, _BIN).mean(axis=1)


def _voltage(axes: Any, times: np.ndarray, voltage: np.ndarray) -> None:
    axes.plot(times, voltage, color=INK, lw=1.0)
    axes.set_ylim(-13, 13)
    _canvas.name_axes(axes, "", "voltage V (1)", "one neuron")


def _raster(axes: Any, times: np.ndarray, spikes: np.ndarray) -> None:
    at, neuron = np.nonzero(spikes)
    axes.plot(times[at], neuron, "|", color=INK, ms=2.6, mew=0.8)
    axes.set_ylim(-2, SHOWN + 1)
    _canvas.name_axes(axes, "", "neuron (by current)", "population")


def _kernel(axes: Any) -> None:
    times = np.linspace(0, 0.016, 400)
    tau = float(ing_population(CURRENT).synaptic_time)
    axes.plot(1e3 * times, np.asarray(kernel(times, tau, tau)) * np.e * tau, color=BLUE, lw=2.0)
    axes.set(xlim=(0, 16), ylim=(0, 1.08))
    _canvas.name_axes(axes, "time after a spike (ms)", "synapse / its peak (1)", "synapse")


def _transfer(axes: Any, points: np.ndarray) -> None:
    inputs = np.linspace(-8, 12, 300)
    axes.plot(inputs, np.asarray(QIFCauchy(membrane_time=1.0)(inputs)), color=BLUE, lw=2.0)
    axes.plot(list(_RATES), points, "o", color=VERMILION, ms=5, label=f"{NEURONS} neurons")
    axes.legend(frameon=False, fontsize=TICK, loc="upper left")
    axes.set(xlim=(-8, 12), ylim=(0, 1.2))
    _canvas.name_axes(axes, "current I (1)", "rate (1/τ)", "transfer function")
