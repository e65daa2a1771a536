r"""The master mass as what it is in its limits: Wilson-Cowan, NMM1 and rung 6.

.. math::
    \tau_m\dot r = -r + \phi(\kappa s + P), \qquad (\tau_r\tfrac{d}{dt} + 1)(\tau_d\tfrac{d}{dt} + 1)\,s = r

A fast membrane, $\tau_m \to 0$, leaves $r = \phi$: a population of NMM1 with weight $\kappa$, gain 1 and the same
synapse. A fast synapse, $\tau_r, \tau_d \to 0$, leaves $s = r$: a Wilson-Cowan population with weight $\kappa$,
time $\tau_m$ and the refractory factor. With the curve of QIF neurons, $\phi$ of `rj.QIFCauchy`, rate and voltage
may take the place of the first line: a population of rung 6 with $J = \kappa/\tau$ and the same synapse. Both have
the same equilibria, and become the same where membranes are fast against the synapse; to first order in
$\omega\tau$ rate and voltage lag as a membrane of time $\tau|v|/(v^2 + (\pi\tau r)^2)$ does, and with that
$\tau_m$ the error is of second order.

In each the error of the leading root is measured at the ratio of times that the source has, at half and at a
quarter of it (or at twice and four times it, where shorter times would be no times of a rung), and with them the
order at which it falls.

Source: Castaldo et al., arXiv 2512.10982, section 4.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax.linear import FixedPoint
from rosetta_jax.network import Network, as_network
from rosetta_jax.parameters import get, info, replace
from rosetta_jax.rungs import MasterMass, QIFCauchy, QIFPopulation, WilsonCowan
from rosetta_jax.system import Rung
from rosetta_jax.translation.rewired import nodal, rewired, signed, standing
from rosetta_jax.translation.side_by_side import Component, Crossing, leading_root, side_by_side
from rosetta_jax.translation.static_transfer import alone_in_the_pair, idle
from rosetta_jax.translation.translated import Inputs, Translation, plain

# The shortest time that a rung takes (s).
_SHORTEST = 1e-5
_KEPT = ("equilibria and folds", "transfer function", "weights")
_SYNAPTIC = "it has nothing that enters through the synapse"


class Approach(NamedTuple):
    """How the error of the leading root falls towards the limit.

    `ratio` of the times, falling by halves from its value in the source or to it, `errors`, of the root's size,
    and `order`, the power of the ratio by which they fall between the last two.
    """

    ratio: np.ndarray
    errors: np.ndarray
    order: float


class _Limit(NamedTuple):
    """A network in its limit, how it is compared, and how its inputs map."""

    target: Network
    crossing: Crossing
    inputs: Inputs


def master_to_nmm1(source: Rung | Network, start: Any = None, measured: bool = True) -> Translation:
    """Master masses with an infinitely fast membrane, as x of second-order pairs whose y is idle.

    `start` is a state near the fixed point at which both are compared, where there are several. Raises
    `ValueError` for a refractory population.
    """
    rung = _master(source)
    _require_no_refractoriness(rung, "rj.NMM1")
    times = rung.membrane_time, rung.rise + rung.decay
    return _translated(
        source,
        _static,
        "the limit of a fast membrane",
        (*_KEPT, "synapse"),
        ("rung.membrane_time",),
        ("τ_m/(τ_r+τ_d)", float(np.max(np.asarray(times[0] / times[1])))),
        start,
        measured,
    )


def master_to_wilson_cowan(
    source: Rung | Network, start: Any = None, measured: bool = True
) -> Translation:
    """Master masses with infinitely fast synapses, as x of Wilson-Cowan pairs whose y is idle.

    `start` as above. Raises `ValueError` for a population that inhibits itself, and for what enters through the
    synapse.
    """
    rung = _master(source)
    if (np.asarray(rung.kappa) < 0).any():
        raise ValueError(
            f"`source`: kappa = {float(np.min(rung.kappa)):g} inhibits the population itself, but in "
            "rj.WilsonCowan x excites itself, its weight is a magnitude: rj.translate(source, rj.NMM1) keeps it."
        )
    times = rung.rise + rung.decay, rung.membrane_time
    return _translated(
        source,
        _first_order,
        "the limit of a fast synapse",
        (*_KEPT, "membrane", "refractoriness"),
        ("rung.rise", "rung.decay"),
        ("(τ_r+τ_d)/τ_m", float(np.max(np.asarray(times[0] / times[1])))),
        start,
        measured,
    )


def master_to_qif(source: Rung | Network, start: Any = None, measured: bool = True) -> Translation:
    """Master masses with the curve of QIF neurons as QIF populations with rate and voltage.

    `start` as above. Raises `ValueError` for another transfer function, unequal rise and decay, a refractory
    population, and for what enters through the synapse.
    """
    rung = _master(source)
    if not isinstance(rung.transfer, QIFCauchy):
        raise ValueError(
            f"`source` has the transfer function {type(rung.transfer).__name__}, and rate and voltage are those "
            "of QIF neurons: give transfer=rj.QIFCauchy(...), or rj.translate(source, rj.NMM1)."
        )
    if (np.asarray(rung.rise - rung.decay) != 0).any():
        raise ValueError(
            "`source` has a synapse whose rise and decay differ, and that of rj.QIFPopulation has one time for "
            "both: give both the same."
        )
    _require_no_refractoriness(rung, "rj.QIFPopulation")
    ratio = float(np.max(np.asarray(rung.transfer.membrane_time / rung.decay)))
    return _translated(
        source,
        _rate_and_voltage,
        "rate and voltage of QIF neurons",
        (*_KEPT, "synapse"),
        ("rung.membrane_time", "rung.transfer.membrane_time", "rung.kappa", "gain"),
        ("τ/τ_s", ratio),
        start,
        measured,
    )


def equivalent_membrane_time(rung: MasterMass, r: Any) -> Any:
    r"""The membrane time (s) that lags as rate and voltage do about a rate `r` (1/s), where that is little."""
    transfer: Any = rung.transfer
    time = transfer.membrane_time
    v = -transfer.width / (2 * math.pi * time * r)
    return time * jnp.abs(v) / (v * v + (math.pi * time * r) ** 2)


def _master(source: Rung | Network) -> MasterMass:
    rung = as_network(source).rung
    assert isinstance(rung, MasterMass)
    return rung


def _require_no_refractoriness(rung: MasterMass, target: str) -> None:
    if np.asarray(rung.refractory_time).any():
        raise ValueError(
            f"`source` has a refractory time of {float(np.max(rung.refractory_time)):g} s, which {target} has no "
            "place for: set `refractory_time` to zero, or keep rj.MasterMass."
        )


def _static(network: Network) -> _Limit:
    rung = _master(network)
    target = alone_in_the_pair(
        bias=rung.bias,
        weight=rung.kappa,
        gain=1.0,
        rise=rung.rise,
        decay=rung.decay,
        transfer=rung.transfer,
    )
    ones = np.ones(network.nodes)
    inputs = {"field": {"field_x": ones}, "rate": {"rate_x": ones}}
    wired = rewired(network, target, inputs, same_signal=False)

    def image(state: Any) -> Any:
        return idle(target, x=state.s, x_velocity=state.s_velocity)

    def reading(omega: np.ndarray) -> np.ndarray:
        return np.ones((omega.size, 1)) * nodal(rung.kappa, network.nodes)

    return _Limit(wired, Crossing(Component(rung.kappa, "x"), reading, image), inputs)


def _first_order(network: Network) -> _Limit:
    rung = _master(network)
    available = rung.transfer.available()
    target = WilsonCowan(
        bias_x=rung.bias,
        bias_y=0.0,
        w_xx=rung.kappa,
        w_xy=0.0,
        w_yx=0.0,
        w_yy=0.0,
        time_x=rung.membrane_time,
        time_y=rung.membrane_time,
        transfer_x=rung.transfer,
        transfer_y=rung.transfer,
        gain_x=1 / available,
        refractory=rung.refractory_time * available,
    )
    inputs = {"field": {"current_x": np.ones(network.nodes)}}
    wired = rewired(network, target, inputs, lost={"rate": _SYNAPTIC}, same_signal=False)

    def image(state: Any) -> Any:
        return target.State(x=state.r, y=jnp.zeros_like(state.r))

    def reading(omega: np.ndarray) -> np.ndarray:
        return np.ones((omega.size, 1)) * nodal(rung.kappa, network.nodes)

    return _Limit(wired, Crossing(Component(rung.kappa, "x"), reading, image), inputs)


def _rate_and_voltage(network: Network) -> _Limit:
    rung = _master(network)
    transfer: Any = rung.transfer
    time, width = transfer.membrane_time, transfer.width
    target = QIFPopulation(
        bias=rung.bias,
        width=width,
        coupling_strength=rung.kappa / time,
        membrane_time=time,
        synaptic_time=rung.decay,
    )
    inputs = {"field": {"current": np.ones(network.nodes)}}
    kappa, decay = (nodal(each, network.nodes) for each in (rung.kappa, rung.decay))
    wired = rewired(
        network,
        target,
        inputs,
        lost={"rate": _SYNAPTIC},
        gain=1 / time,
        connectome=signed(network, np.where(kappa < 0, -1.0, 1.0)),
        same_signal=False,
    )

    def image(state: Any) -> Any:
        v = -width / (2 * math.pi * time * state.r)
        return target.State(r=state.r, v=v, s=state.s, z=rung.decay * state.s_velocity)

    def reading(omega: np.ndarray) -> np.ndarray:
        return kappa / (1 + 1j * omega[:, None] * decay) ** 2

    return _Limit(wired, Crossing(Component(rung.kappa, "s"), reading, image), inputs)


def _translated(
    source: Rung | Network,
    limit: Callable[[Network], _Limit],
    way: str,
    kept: tuple[str, ...],
    small: tuple[str, ...],
    ratio: tuple[str, float],
    start: Any,
    measured: bool,
) -> Translation:
    network = as_network(source)
    found, errors, approach = limit(network), {}, None
    if measured:
        point = standing(network, start)
        errors = side_by_side(network, found.target, found.crossing, found.inputs, point, start)
        approach = _approach(network, limit, small, ratio[1], point)
    return Translation(
        source,
        plain(source, found.target, network.nodes),
        way,
        kept,
        _validity(ratio, approach),
        found.crossing.signal,
        found.inputs,
        errors,
        approach,
    )


def _approach(
    network: Network,
    limit: Callable[[Network], _Limit],
    small: tuple[str, ...],
    ratio: float,
    point: FixedPoint,
) -> Approach | None:
    """The error of the leading root, with the times that the limit takes to zero halved and halved again."""
    times = [
        get(network, path) for path in small if getattr(info(network, path), "unit", "") == "s"
    ]
    shortest = min(float(np.min(np.asarray(time))) for time in times)
    shares = np.array([1.0, 0.5, 0.25]) * (1.0 if shortest / 4 > _SHORTEST else 4.0)
    errors = []
    for share in shares:
        nearer = replace(network, {path: share * get(network, path) for path in small})
        at = standing(nearer, _scaled(point.state, nearer, network))
        exact = leading_root(nearer, at)
        if exact is None:
            return None
        found = limit(nearer)
        there = standing(found.target, found.crossing.image(at.state))
        root = leading_root(found.target, there, turning=exact.imag > 0)
        errors.append(np.nan if root is None else abs(root - exact) / abs(exact))
    return Approach(ratio * shares, np.array(errors), math.log2(errors[1] / errors[2]))


def _scaled(state: Any, nearer: Network, network: Network) -> Any:
    """The same equilibrium where the rates are other: $\\kappa s$ stays."""
    before, after = _master(network), _master(nearer)
    if not isinstance(before.transfer, QIFCauchy) or not isinstance(after.transfer, QIFCauchy):
        return state
    faster = before.transfer.membrane_time / after.transfer.membrane_time
    return jax.tree.map(lambda each: faster * each, state)


def _validity(ratio: tuple[str, float], approach: Approach | None) -> str:
    said = f"exact at rest, and in the limit {ratio[0]} → 0; here it is {ratio[1]:.3g}"
    if approach is None:
        return said
    return (
        f"{said}; the leading root errs by {100 * approach.errors[0]:.3g} % at {approach.ratio[0]:.3g} and by "
        f"{100 * approach.errors[2]:.3g} % at {approach.ratio[2]:.3g}, an error of order {approach.order:.3g}"
    )
