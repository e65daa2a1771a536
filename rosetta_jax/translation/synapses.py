r"""From second-order synapses to first-order ones and back: NMM1 and Wilson-Cowan.

.. math::
    \Big(1+\tau_r\frac{d}{dt}\Big)\Big(1+\tau_d\frac{d}{dt}\Big) \;\longleftrightarrow\; 1 +
    (\tau_r+\tau_d)\frac{d}{dt}

has the same area and the same mean delay. Transfer functions, weights and gains stay as they are (Wilson-Cowan in
its form of postsynaptic potentials), so that equilibria and folds are the same; Hopf points are not, since what is
lost is the lag of the second order. Without self-excitation no Wilson-Cowan pair oscillates: its
trace is negative. The limit is $\tau_r \to 0$, and slow: at the Hopf point of set WC-a a rise time of a tenth of
the decay time takes a third off the frequency (1.169 and 1.753 in units of the inverse decay time), one of a
hundredth 7 %.

Source: Castaldo et al., arXiv 2512.10982, rungs 4 and 5.
"""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array
from rosetta_jax.network import Network, as_network
from rosetta_jax.rungs import NMM1, WilsonCowan
from rosetta_jax.system import Rung
from rosetta_jax.translation.rescaled import scale
from rosetta_jax.translation.rewired import nodal, rewired, standing
from rosetta_jax.translation.side_by_side import Component, Crossing, roots_in_words, side_by_side
from rosetta_jax.translation.translated import Compared, Translation, plain

# The shortest time that a rung takes (s).
_SHORTEST = 1e-5
_KEPT = ("equilibria and folds", "area and mean delay of synapses", "transfer functions", "weights")


def nmm1_to_wilson_cowan(
    source: Rung | Network, start: Any = None, measured: bool = True
) -> Translation:
    r"""Second-order synapses as first-order ones of the same mean delay, $\tau = \tau_r + \tau_d$.

    `start` is a state near the fixed point at which both are compared, where there are several. Raises
    `ValueError` where x inhibits itself.
    """
    network = as_network(source)
    rung = network.rung
    assert isinstance(rung, NMM1)
    if (np.asarray(rung.w_xx) < 0).any():
        raise ValueError(
            f"`source`: w_xx = {float(np.min(rung.w_xx)):g} inhibits x by itself, but in rj.WilsonCowan x excites "
            "itself and its weight is a magnitude; nor does a population of first order that inhibits itself ever "
            "turn. Keep rj.NMM1."
        )
    available = rung.transfer.available()
    time_x, time_y = rung.rise_x + rung.decay_x, rung.rise_y + rung.decay_y
    target = WilsonCowan(
        **_common(rung),
        time_x=time_x,
        time_y=time_y,
        transfer_x=rung.transfer,
        transfer_y=rung.transfer,
        gain_x=rung.gain_x / available,
        gain_y=rung.gain_y / available,
    )
    nodes = network.nodes
    inputs = {
        "field_x": {"current_x": np.ones(nodes)},
        "field_y": {"current_y": np.ones(nodes)},
        "rate_x": {"x": nodal(rung.gain_x / time_x, nodes)},
        "rate_y": {"y": nodal(rung.gain_y / time_y, nodes)},
    }
    wired = rewired(network, target, inputs)

    def image(state: Any) -> Any:
        return target.State(x=state.x, y=state.y)

    crossing = Crossing(Component(jnp.ones(()), "x"), _as_it_is(nodes), image)
    errors = {}
    if measured:
        point = standing(network, start)
        errors = side_by_side(network, wired, crossing, inputs, point, start)
    return Translation(
        source,
        plain(source, wired, nodes),
        "first-order synapses of the same mean delay",
        _KEPT,
        _validity("was", (rung.rise_x, time_x), (rung.rise_y, time_y), errors),
        crossing.signal,
        inputs,
        errors,
    )


def wilson_cowan_to_nmm1(
    source: Rung | Network, rise: float = 0.1, start: Any = None, measured: bool = True
) -> Translation:
    r"""First-order populations with second-order synapses of the same mean delay.

    `rise` is the share of each time constant that becomes the rise time, $\tau_r = s\,\tau$ and $\tau_d =
    (1-s)\,\tau$, above 0 and below 1: Wilson-Cowan says nothing of it, and what the target does depends on it. One
    half makes alpha synapses. `start` is a state near the fixed point at which both are compared. Raises
    `ValueError` for a refractory population, and where two transfer functions differ in more than scale.
    """
    network = as_network(source)
    rung = network.rung
    assert isinstance(rung, WilsonCowan)
    share = _share(rise, rung)
    if np.asarray(rung.refractory).any():
        raise ValueError(
            f"`source` has a refractory factor of {float(np.max(rung.refractory)):g}, which rj.NMM1 has no place "
            "for: set `refractory` to zero, or keep rj.WilsonCowan."
        )
    target, of_y = _second_order(rung, share)
    nodes = network.nodes
    inputs = {
        "current_x": {"field_x": np.ones(nodes)},
        "current_y": {"field_y": nodal(of_y, nodes)},
        "x": {"rate_x": nodal(rung.time_x / target.gain_x, nodes)},
        "y": {"rate_y": nodal(rung.time_y / target.gain_y, nodes)},
    }
    wired = rewired(network, target, inputs)

    def image(state: Any) -> Any:
        still = jnp.zeros_like(state.x)
        return target.State(x=state.x, y=state.y, x_velocity=still, y_velocity=still)

    crossing = Crossing(Component(jnp.ones(()), "x"), _as_it_is(nodes), image)
    errors = {}
    if measured:
        point = standing(network, start)
        errors = side_by_side(network, wired, crossing, inputs, point, start)
    times = (target.rise_x, rung.time_x), (target.rise_y, rung.time_y)
    return Translation(
        source,
        plain(source, wired, nodes),
        "second-order synapses of the same mean delay",
        _KEPT,
        _validity("is", *times, errors),
        crossing.signal,
        inputs,
        errors,
    )


def _second_order(rung: WilsonCowan, share: float) -> tuple[NMM1, Array]:
    """The pair with second-order synapses, and how much its y takes of an input to y."""
    of_y = scale(rung.transfer_y, rung.transfer_x)
    common = _common(rung)
    common["bias_y"] = of_y.input * rung.bias_y + of_y.shift
    common["w_yx"], common["w_yy"] = of_y.input * rung.w_yx, of_y.input * rung.w_yy
    target = NMM1(
        **common,
        gain_x=rung.gain_x * rung.transfer_x.available(),
        gain_y=rung.gain_y * rung.transfer_y.available() * of_y.rate,
        rise_x=share * rung.time_x,
        decay_x=(1 - share) * rung.time_x,
        rise_y=share * rung.time_y,
        decay_y=(1 - share) * rung.time_y,
        transfer=rung.transfer_x,
    )
    return target, of_y.input


def _common(rung: Any) -> dict[str, Any]:
    """What both rungs have under the same names."""
    names = ("bias_x", "bias_y", "w_xx", "w_xy", "w_yx", "w_yy")
    return {name: getattr(rung, name) for name in names}


def _share(rise: Any, rung: WilsonCowan) -> float:
    share = _checks.known("rise", rise, "")
    if not share < 1:
        raise ValueError(
            f"`rise` must be the share of the time constant that is rise time, above 0 and below 1, got {share:g}."
        )
    shortest = share * min(float(np.min(rung.time_x)), float(np.min(rung.time_y)))
    if shortest < _SHORTEST:
        raise ValueError(
            f"`rise` of {share:g} makes a rise time of {shortest:g} s, below the {_SHORTEST:g} s that rj.NMM1 "
            "takes: give a larger share, or keep rj.WilsonCowan, which is the limit."
        )
    return share


def _as_it_is(nodes: int) -> Any:
    return lambda omega: np.ones((omega.size, nodes))


def _validity(
    tense: str, x: tuple[Any, Any], y: tuple[Any, Any], errors: Mapping[str, Compared]
) -> str:
    shares = [np.max(np.asarray(rise / whole)) for rise, whole in (x, y)]
    said = (
        f"exact at rest, and in the limit of a fast rise: the rise time {tense} {shares[0]:.3g} and "
        f"{shares[1]:.3g} of the mean delay of x and y"
    )
    return said + roots_in_words(errors)
