r"""From rate and voltage to a static transfer function: NMM2 as NMM1, with the same synapses.

The pair $(r, v)$ of each population is replaced by the rate at which it would rest, $r = \phi(I)$ of
`rj.QIFCauchy`; with $x = \tau_e s_e$ and $y = \tau_i s_i$ weights stay as they are but for $\tau_e/\tau_i$ across
populations. Equilibria and folds are the same at all membrane times; the limit is $\tau_m/\tau_s \to 0$ at fixed
$\tau_m r$. About rest the pair answers to a current by

.. math::  \frac{H(\omega)}{\phi'(I)} = \frac{4v^2 + (2\pi\tau_m r)^2}{(i\omega\tau_m - 2v)^2 + (2\pi\tau_m r)^2},

which is one where $\omega\tau_m \ll |2v|$ and $\omega \ll 2\pi r$, and resonates at $f = r$. How far it is from
one at the frequency of the leading root is the diagnostic of `Membrane`.

Measured, of the pair without self-coupling, 30 both ways, synapses of 10 ms, $\bar\eta_i = -8$ and $\bar\eta_e =
10$, whose cycle in NMM1 turns at 15.74 Hz: with membranes of 10, 2, 0.5 and 0.1 ms the larger of the two ratios is
0.89, 0.25, 0.067 and 0.014, the departure from one 0.50, 0.12, 0.033 and 0.0067, and the frequency of the cycle
errs by 29, 7.2, 1.9 and 0.38 %. Below 0.1 the translation is said to hold. Gamma is a resonance of membrane and
synapse and lost: at departures of 2.0 (ING) and 4.3 (PING, both sets at 10) NMM1 rests.

Source: Castaldo et al., arXiv 2512.10982, rungs 5 and 6; Clusella et al. 2023.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax._types import Array
from rosetta_jax.linear import FixedPoint
from rosetta_jax.network import Network, as_network
from rosetta_jax.rungs import NMM1, NMM2, QIFCauchy, QIFPopulation
from rosetta_jax.system import Rung
from rosetta_jax.translation.rescaled import scale
from rosetta_jax.translation.rewired import nodal, rewired, signed, standing
from rosetta_jax.translation.side_by_side import (
    Crossing,
    leading_root,
    roots_in_words,
    side_by_side,
)
from rosetta_jax.translation.translated import Compared, Inputs, Translation, plain

# How far from the static answer the one at the leading frequency may be for a translation that holds, or is rough.
_HOLDS, _ROUGH = 0.1, 0.5
_KEPT = ("equilibria and folds", "synapses", "weights", "what a slow input does")


class Membrane(NamedTuple):
    r"""How rate and voltage answer at an angular frequency (rad/s), against the static curve.

    (nodes, populations) each: `against_voltage` $\omega\tau_m/|2v|$ and `against_rate` $\omega/2\pi r$, which must
    both be small, `gain` $|H|/\phi'$ and `lag` (rad), that of $H$.
    """

    omega: float
    against_voltage: np.ndarray
    against_rate: np.ndarray
    gain: np.ndarray
    lag: np.ndarray

    @property
    def departure(self) -> float:
        r"""The largest $|H/\phi' - 1|$ of all populations."""
        return float(np.abs(self.gain * np.exp(-1j * self.lag) - 1).max())

    @property
    def verdict(self) -> str:
        """Whether a static transfer function holds: "holds", "is rough" or "fails"."""
        if self.departure < _HOLDS:
            return "holds"
        return "is rough" if self.departure < _ROUGH else "fails"


class StaticRate(eqx.Module):
    r"""The firing rate of x (1/s), $\phi$ of what reaches it, from the state of a network of NMM1."""

    network: Network

    def __call__(self, state: Any, inputs: Any = None) -> Array:
        """The rate of states (nodes,) or (time, nodes).

        `inputs` at the ports of NMM1, of the shape of the state, are what arrives from others and from outside; by
        default what the others send at the same time, delays and forcing left out.
        """
        if state.x.ndim == 2:
            return jax.vmap(self)(state, inputs)
        rung: Any = self.network.rung
        return rung.firing_rates(state, self._received(state) if inputs is None else inputs)[0]

    def _received(self, state: Any) -> Any:
        network, still = self.network, self.network.rung.Inputs()
        arriving, sent = network.arriving(state, still), network.send(state, still)
        combined = network.coupling.combine(arriving, sent, network.connectome.strengths())
        gain = network.gain[None, :] if network.gain.ndim else network.gain
        return network.rung.receive(gain * combined)


class _Population(NamedTuple):
    """One population at rest: its rate, voltage, membrane and synaptic time, (nodes,) each."""

    r: np.ndarray
    v: np.ndarray
    time: np.ndarray
    synapse: np.ndarray

    @property
    def slope(self) -> np.ndarray:
        r"""$\phi'(I)$, as $\sqrt{I^2+\Delta^2} = v^2 + (\pi\tau r)^2$."""
        return self.r / (2 * (self.v**2 + (math.pi * self.time * self.r) ** 2))


def nmm2_to_nmm1(source: Rung | Network, start: Any = None, measured: bool = True) -> Translation:
    """Pairs of QIF populations as second-order pairs with static transfer functions.

    `start` is a state near the fixed point that is meant, where there are several. White noise in the current,
    which has no meaning inside a static function, goes through the synapse as strong as the slope there makes it;
    smooth noise stays where it is. Raises `ValueError` for synapses of another order than 2.
    """
    network = as_network(source)
    rung = network.rung
    assert isinstance(rung, NMM2)
    _require_alpha(rung)
    nodes, point = network.nodes, standing(network, start)
    states = point.state
    both = (
        _population(rung, states.r_e, states.v_e, "_e", nodes),
        _population(rung, states.r_i, states.v_i, "_i", nodes),
    )
    target, of_i = _static_pair(rung)
    size_e, size_i = target.gain_x, target.gain_y / of_i.rate
    inputs = {
        "current_e": {"field_x": np.ones(nodes)},
        "current_i": {"field_y": nodal(of_i.input, nodes)},
    }
    white = {
        "current_e": {"rate_x": both[0].slope},
        "current_i": {"rate_y": both[1].slope / nodal(of_i.rate, nodes)},
    }
    wired = rewired(
        network,
        target,
        inputs,
        white=white,
        gain=rung.membrane_time_e / size_e,
        same_signal=False,
    )

    def image(state: Any) -> Any:
        return target.State(
            x=size_e * state.s_e,
            y=size_i * state.s_i,
            x_velocity=size_e * state.z_e / rung.synaptic_time_e,
            y_velocity=size_i * state.z_i / rung.synaptic_time_i,
        )

    return _translated(source, wired, image, inputs, both, point, start, measured)


def qif_to_nmm1(source: Rung | Network, start: Any = None, measured: bool = True) -> Translation:
    """QIF populations as x of a second-order pair whose y is idle, with a static transfer function.

    `start` and noise as from rj.NMM2. Raises `ValueError` for synapses of another order than 2, and for diffusive
    coupling of excitatory and inhibitory nodes.
    """
    network = as_network(source)
    rung = network.rung
    assert isinstance(rung, QIFPopulation)
    _require_alpha(rung)
    nodes, point = network.nodes, standing(network, start)
    population = _population(rung, point.state.r, point.state.v, "", nodes)
    transfer = QIFCauchy(membrane_time=rung.membrane_time, width=rung.width)
    size = jnp.mean(rung.membrane_time)
    target = alone_in_the_pair(
        bias=rung.bias,
        weight=rung.coupling_strength * rung.membrane_time / size,
        gain=size,
        rise=rung.synaptic_time,
        decay=rung.synaptic_time,
        transfer=transfer,
    )
    inputs = {"current": {"field_x": np.ones(nodes)}}
    wired = rewired(
        network,
        target,
        inputs,
        white={"current": {"rate_x": population.slope}},
        gain=rung.membrane_time / size,
        connectome=signed(network, np.where(nodal(rung.coupling_strength, nodes) < 0, -1.0, 1.0)),
        same_signal=False,
    )

    def image(state: Any) -> Any:
        velocity = size * state.z / rung.synaptic_time
        return idle(target, x=size * state.s, x_velocity=velocity)

    return _translated(source, wired, image, inputs, (population,), point, start, measured)


def alone_in_the_pair(
    bias: Any, weight: Any, gain: Any, rise: Any, decay: Any, transfer: Any
) -> NMM1:
    """A single population as x of the pair; its y is linked to nothing and rests."""
    return NMM1(
        bias_x=bias,
        bias_y=0.0,
        w_xx=weight,
        w_xy=0.0,
        w_yx=0.0,
        w_yy=0.0,
        gain_x=gain,
        gain_y=gain,
        rise_x=rise,
        decay_x=decay,
        rise_y=rise,
        decay_y=decay,
        transfer=transfer,
    )


def idle(target: NMM1, x: Array, x_velocity: Array) -> Any:
    """The state of the pair whose y rests."""
    rest = target.gain_y * target.transfer.rate(target.bias_y)
    y, still = jnp.broadcast_to(rest, x.shape), jnp.zeros_like(x)
    return target.State(x=x, y=y, x_velocity=x_velocity, y_velocity=still)


def _translated(
    source: Rung | Network,
    wired: Network,
    image: Any,
    inputs: Inputs,
    populations: tuple[_Population, ...],
    point: FixedPoint,
    start: Any,
    measured: bool,
) -> Translation:
    network, target = as_network(source), cast(NMM1, wired.rung)
    time, size = (nodal(each, network.nodes) for each in (target.rise_x, target.gain_x))

    def reading(omega: np.ndarray) -> np.ndarray:
        # What its synapse has filtered the rate back.
        return (1 + 1j * omega[:, None] * time) ** 2 / size

    crossing = Crossing(StaticRate(wired), reading, image)
    membrane = _membrane(leading_root(network, point), populations)
    errors = {}
    if measured:
        errors = side_by_side(network, wired, crossing, inputs, point, start)
    return Translation(
        source,
        plain(source, wired, network.nodes),
        "the static transfer function of its neurons",
        _KEPT,
        _validity(membrane, errors),
        crossing.signal,
        inputs,
        errors,
        membrane,
    )


def _require_alpha(rung: NMM2 | QIFPopulation) -> None:
    if rung.order != 2:
        instead = "no synapse at all" if rung.order == 0 else "a first-order synapse"
        raise ValueError(
            f"`source` has order {rung.order}, {instead}, and rj.NMM1 has second-order ones: give "
            f"rj.{type(rung).__name__}(order=2), or keep the rung."
        )


def _static_pair(rung: NMM2) -> tuple[NMM1, Any]:
    """The pair, and the scale of the transfer function of I by that of E."""
    of_e = QIFCauchy(membrane_time=rung.membrane_time_e, width=rung.width_e)
    of_i = QIFCauchy(membrane_time=rung.membrane_time_i, width=rung.width_i)
    by_e = scale(of_i, of_e)
    # Times, but one for all nodes, so that what nodes send each other keeps its unit.
    size_e, size_i = jnp.mean(rung.membrane_time_e), jnp.mean(rung.membrane_time_i)
    into_e, into_i = rung.membrane_time_e, by_e.input * rung.membrane_time_i
    return NMM1(
        bias_x=rung.bias_e,
        bias_y=by_e.input * rung.bias_i,
        w_xx=rung.w_ee * into_e / size_e,
        w_xy=rung.w_ei * into_e / size_i,
        w_yx=rung.w_ie * into_i / size_e,
        w_yy=rung.w_ii * into_i / size_i,
        gain_x=size_e,
        gain_y=size_i * by_e.rate,
        rise_x=rung.synaptic_time_e,
        decay_x=rung.synaptic_time_e,
        rise_y=rung.synaptic_time_i,
        decay_y=rung.synaptic_time_i,
        transfer=of_e,
    ), by_e


def _population(rung: Any, r: Any, v: Any, name: str, nodes: int) -> _Population:
    times = (getattr(rung, kind + name) for kind in ("membrane_time", "synaptic_time"))
    return _Population(*(nodal(each, nodes) for each in (r, v, *times)))


def _membrane(root: complex | None, populations: tuple[_Population, ...]) -> Membrane:
    """The answer of all populations at the leading frequency, or where synapses filter if nothing turns."""
    r, v, time, synapse = (np.stack(each, axis=1) for each in zip(*populations, strict=True))
    fastest = float((1 / synapse).max())
    omega = fastest if root is None or root.imag == 0 else root.imag
    turning = 2 * math.pi * time * r
    answer = (4 * v**2 + turning**2) / ((1j * omega * time - 2 * v) ** 2 + turning**2)
    return Membrane(
        omega,
        omega * time / np.abs(2 * v),
        omega / (2 * math.pi * r),
        np.abs(answer),
        -np.angle(answer),
    )


def _validity(membrane: Membrane, errors: Mapping[str, Compared]) -> str:
    worst = np.unravel_index(
        np.argmax(np.abs(membrane.gain * np.exp(-1j * membrane.lag) - 1)), membrane.gain.shape
    )
    said = (
        f"where the membrane is fast against synapses: at {membrane.omega / (2 * math.pi):.4g} Hz ωτ_m/|2v| is up "
        f"to {membrane.against_voltage.max():.2g} and ω/2πr up to {membrane.against_rate.max():.2g}, rate and "
        f"voltage answer {membrane.gain[worst]:.3g} times as strongly as the static curve and "
        f"{membrane.lag[worst]:.2g} rad later, so that it {membrane.verdict}"
    )
    return said + roots_in_words(errors)
