r"""Figure 1.1: from neurons to a neural mass, drawn from a network of spiking neurons instead of by hand.

Quadratic integrate-and-fire neurons, $\tau\dot V_j = V_j^2 + I_j(t)$, which spike at infinity, have an exact step
for a current held over it: with $h$ in units of $\tau$, $V \to (V + IT)/(1 - VT)$ where $T = \tan(\sqrt I
h)/\sqrt I$, or its hyperbolic kin below zero. A spike is a denominator that passes zero; no threshold and no
reset is needed.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax._types import Array, Scalar
from rosetta_jax.gallery.page import Number, Page
from rosetta_jax.gallery.qif import ing_population
from rosetta_jax.plot import _canvas
from rosetta_jax.plot._canvas import BLUE, GREY, INK, TICK, VERMILION
from rosetta_jax.rungs.synapse import kernel
from rosetta_jax.rungs.transfer import QIFCauchy
from rosetta_jax.simulation import simulate

NEURONS, SHOWN = 2000, 120
CURRENT = 20.0
# A step of the neurons in units of their membrane time.
STEP = 2e-3
_RATES = {-5.0: 0.0708265, 0.0: 0.2250791, 1.0: 0.3497220, 5.0: 0.7152778, 10.0: 1.0078386}


class Volley(NamedTuple):
    """A run of the network: times (s), rate (1/s) and synapse (1/s), one voltage, and spikes of a few neurons."""

    times: np.ndarray
    rate: np.ndarray
    synapse: np.ndarray
    voltage: np.ndarray
    spikes: np.ndarray


def lorentzian(count: int, centre: float, width: float) -> np.ndarray:
    """Currents at the quantiles of a Lorentzian."""
    return centre + width * np.tan(np.pi * ((np.arange(count) + 0.5) / count - 0.5))


def moebius(voltage: Array, current: Array, step: float) -> tuple[Array, Array]:
    """The voltages after an exact step under a held current, and which neurons spiked in it."""
    root = jnp.sqrt(jnp.maximum(jnp.abs(current), 1e-12))
    move = jnp.where(current > 0, jnp.tan(root * step), jnp.tanh(root * step)) / root
    denominator = 1 - voltage * move
    return (voltage + current * move) / denominator, denominator <= 0


@jax.jit
def _network(currents: Array, voltage: Array, steps: Array) -> tuple[Array, ...]:
    """The population ING in units of its membrane time: what `Volley` holds, step by step."""
    rung = ing_population(CURRENT)
    ratio = rung.synaptic_time / rung.membrane_time
    dense = jnp.linspace(0, NEURONS - 1, SHOWN).astype(int)

    def step(carry: tuple[Array, Scalar, Scalar], _: Any) -> tuple[Any, Any]:
        voltage, s, z = carry
        voltage, spiked = moebius(voltage, currents + rung.coupling_strength * s, STEP)
        rate = jnp.mean(spiked.astype(voltage.dtype)) / STEP
        seen = rate, s, voltage[NEURONS // 2], spiked[dense]
        return (voltage, s + STEP * z / ratio, z + STEP * (rate - 2 * z - s) / ratio), seen

    rest = jnp.zeros(())
    return jax.lax.scan(step, (voltage, rest, rest), steps)[1]


def volleys(duration: float = 0.4) -> Volley:
    """The network at a current of 20 from spread voltages."""
    tau = float(ing_population(CURRENT).membrane_time)
    count = round(duration / (STEP * tau))
    # Each neuron's place in its own turn: spread evenly, in an order that has nothing to do with its current.
    phases = np.mod(0.6180339887498949 * np.arange(NEURONS), 1.0)
    voltage = np.tan(np.pi * (phases - 0.5) * 0.999)
    out = _network(
        jnp.asarray(lorentzian(NEURONS, CURRENT, 1.0)), jnp.asarray(voltage), jnp.zeros(count)
    )
    rate, synapse, shown, spikes = (np.asarray(each) for each in out)
    return Volley(STEP * tau * np.arange(count), rate / tau, synapse / tau, shown, spikes)


@jax.jit
def _uncoupled(currents: Array, steps: Array) -> Array:
    def step(voltage: Array, _: Any) -> tuple[Array, Array]:
        voltage, spiked = moebius(voltage, currents, 0.02)
        return voltage, jnp.mean(spiked.astype(voltage.dtype), axis=1)

    start = jnp.zeros_like(currents)
    return jnp.mean(jax.lax.scan(step, start, steps)[1], axis=0) / 0.02


def measured_rates(currents: np.ndarray) -> np.ndarray:
    """Spikes per membrane time of neurons without coupling, at each centre of their currents."""
    rows = np.stack([lorentzian(NEURONS, current, 1.0) for current in currents])
    return np.asarray(_uncoupled(jnp.asarray(rows), jnp.zeros(6000)))


def mean_field(duration: float = 0.4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times (s), rate and synapse (1/s) of the neural mass."""
    run = simulate(ing_population(CURRENT), duration, 2e-5, save=("states",))
    return np.asarray(run.times), np.asarray(run.states.r[:, 0]), np.asarray(run.states.s[:, 0])


def crossings(times: np.ndarray, series: np.ndarray, after: float) -> np.ndarray:
    """When a series passes the middle of its range upwards, later than `after` (s)."""
    middle = (series[times > after].max() + series[times > after].min()) / 2
    up = np.flatnonzero((series[:-1] < middle) & (series[1:] >= middle) & (times[:-1] > after))
    share = (middle - series[up]) / (series[up + 1] - series[up])
    return times[up] + share * (times[1] - times[0])


def micro() -> Page:
    """Spikes, rate, synapse and transfer function of one population."""
    network, mass = volleys(), mean_field()
    of_network = crossings(network.times, network.synapse, 0.15)
    of_mass = crossings(mass[0], mass[2], 0.15)
    hertz = [1 / float(np.diff(times).mean()) for times in (of_network, of_mass)]
    inputs = np.array(list(_RATES))
    curve = np.asarray(QIFCauchy(membrane_time=1.0)(inputs))
    points = measured_rates(inputs)
    late = network.synapse[network.times > 0.15]
    numbers = (
        *(
            Number(f"transfer function at I = {current:g}", want, float(have), "1/τ", 1e-7)
            for (current, want), have in zip(_RATES.items(), curve, strict=True)
        ),
        *(
            Number(f"{NEURONS} neurons at I = {current:g}", want, float(have), "1/τ", 3e-3)
            for (current, want), have in zip(_RATES.items(), points, strict=True)
        ),
        Number("mean field, I = 20: frequency", 100.685, hertz[1], "Hz", 5e-3),
        Number(f"{NEURONS} neurons, I = 20: frequency", 100.685, hertz[0], "Hz", 0.2),
        Number("mean field: lowest synapse", 41.852, mass[2][mass[0] > 0.15].min(), "Hz", 5e-3),
        Number("mean field: highest synapse", 172.793, mass[2][mass[0] > 0.15].max(), "Hz", 5e-3),
        Number(f"{NEURONS} neurons: lowest synapse", 41.85, float(late.min()), "Hz", 1.0),
        Number(f"{NEURONS} neurons: highest synapse", 172.79, float(late.max()), "Hz", 1.0),
    )
    shift = of_network[-5] - of_mass[-5]
    return Page(
        "From neurons to a neural mass",
        f"{NEURONS} inhibitory QIF neurons with Lorentzian currents about 20, coupled as in ING: the voltage "
        "of one of them, their spikes, and their rate, which passes through the synapse and comes back as "
        "inhibition. The neural mass with the same parameters, which has four variables, is drawn over it, "
        "shifted in time only.",
        _figure(network, mass, shift, of_network[-5], points),
        numbers,
    )


def _figure(
    network: Volley,
    mass: tuple[np.ndarray, np.ndarray, np.ndarray],
    shift: float,
    begin: float,
    points: np.ndarray,
) -> Any:
    figure = _canvas.canvas(11.0, 7.6)
    axes = figure.subplot_mosaic("vk;rk;ac;sc", width_ratios=(1.9, 1))
    for panel in axes.values():
        _canvas.plain_axes(panel)
    shown = (network.times >= begin - 0.012) & (network.times < begin + 0.03)
    times = 1e3 * (network.times[shown] - network.times[shown][0])
    _voltage(axes["v"], times, network.voltage[shown])
    _raster(axes["r"], times, network.spikes[shown])
    moved = 1e3 * (mass[0] + shift - network.times[shown][0])
    _canvas.name_axes(axes["a"], "", "rate r (Hz)", "rate")
    _canvas.name_axes(axes["s"], "time (ms)", "synapse s (Hz)")
    axes["a"].set_ylim(0, 1050)
    width = 20
    bins = len(times) // width * width
    rate = network.rate[shown][:bins].reshape(-1, width).mean(axis=1)
    axes["a"].plot(
        times[:bins].reshape(-1, width).mean(axis=1),
        rate,
        color=GREY,
        lw=2.4,
        label=f"{NEURONS} neurons",
    )
    axes["s"].plot(times, network.synapse[shown], color=GREY, lw=2.4)
    axes["a"].plot(moved, mass[1], color=BLUE, lw=1.2, label="neural mass")
    axes["s"].plot(moved, mass[2], color=BLUE, lw=1.2)
    axes["a"].legend(frameon=False, fontsize=TICK, loc="upper left", bbox_to_anchor=(0.28, 1.05))
    for name in "vras":
        axes[name].set_xlim(0, times[-1])
    _kernel(axes["k"])
    _transfer(axes["c"], points)
    return figure


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
