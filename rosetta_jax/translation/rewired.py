"""A network with another rung in the place of its own: links, delays, forcing and noise at the new ports.

A port of the source becomes a port of the target times a factor. What has no counterpart is refused by name.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from rosetta_jax.forcing import Noise
from rosetta_jax.linear import FixedPoint
from rosetta_jax.network import Connectome, Network
from rosetta_jax.network.coupling import Diffusive
from rosetta_jax.results import Status
from rosetta_jax.system import Rung
from rosetta_jax.translation.plane import forcing_of
from rosetta_jax.translation.standing import fixed_point_near
from rosetta_jax.translation.translated import Inputs

# How strong a noise is, by the name that each kind has for it.
_STRENGTHS = ("sigma", "sd")


def rewired(
    network: Network,
    rung: Rung,
    inputs: Inputs,
    *,
    lost: Mapping[str, str] | None = None,
    white: Inputs | None = None,
    gain: Any = 1.0,
    connectome: Connectome | None = None,
    same_signal: bool = True,
) -> Network:
    """The network of `rung` that is linked, forced and stirred as `network` is.

    `inputs` map ports; `lost` says of each port without a counterpart why it has none; `white` where white noise
    goes, by default where inputs do; `gain` is a factor of the coupling's. Raises `ValueError` for a drive, field
    or noise at a port that is lost, for noise whose ports would take different factors, and for sensor noise
    unless both show the same signal.
    """
    for what, port in _entering(network):
        if not inputs.get(port):
            why = (lost or {}).get(port, "it has no such port")
            raise ValueError(
                f"`source` has {what} at its port {port!r}, which {type(rung).__name__} cannot take: {why}. "
                "Translate without it, or keep the rung."
            )
    if network.sensor is not None and not same_signal:
        raise ValueError(
            f"`source` has a `sensor`, whose noise is added to a signal that {type(rung).__name__} does not show: "
            "leave it out, and add it to what the translation's `signal` reads."
        )
    noise = network.noise
    ways = inputs if white is None or noise is None or not noise.white else white
    return Network(
        rung,
        network.connectome if connectome is None else connectome,
        network.coupling,
        gain=network.gain * gain,
        speed=network.speed,
        noise=None if noise is None else _noise(noise, network.noise_ports, ways),
        drive=forcing_of(network, inputs),
        sensor=network.sensor,
        max_delay=network.max_delay,
        min_delay=network.min_delay,
    )


def standing(network: Network, start: Any = None) -> FixedPoint:
    """The fixed point nearest to `start`, a state, by default the one that the search finds.

    Raises `ValueError` where none is found.
    """
    point = fixed_point_near(network, start)
    if int(point.status) != Status.ok:
        raise ValueError(
            "`source` has no fixed point that was found, about which models could be compared: give `start`, a "
            "state near one, or leave the comparison out, `measured=False`."
        )
    return point


def signed(network: Network, sign: np.ndarray) -> Connectome:
    """The connectome with the weights of what each node sends times a sign (nodes,).

    Raises `ValueError` for diffusive coupling of nodes of both signs, whose own value would need its sign as well.
    """
    wires = network.connectome
    if np.ptp(sign) and isinstance(network.coupling, Diffusive):
        raise ValueError(
            "`source` couples excitatory and inhibitory nodes diffusively, and the target has no place for the "
            "sign of the own value: take the additive coupling, or nodes of one sign."
        )
    return eqx.tree_at(lambda each: each.weights, wires, wires.weights * jnp.asarray(sign)[None, :])


def nodal(value: Any, nodes: int) -> np.ndarray:
    """A shared or regional value as one a node."""
    return np.broadcast_to(np.asarray(value, float), (nodes,))


def shared(values: Any) -> Any:
    """One number where all nodes have the same, else their own."""
    array = np.asarray(values, float)
    same = array.ndim == 1 and np.ptp(array) == 0
    return jnp.asarray(array[0] if same else array)


def _entering(network: Network) -> list[tuple[str, str]]:
    """What enters from outside, in words, and at which port."""
    rung = network.rung
    found = []
    for what, forcing, port in (
        ("a drive", network.drive, rung.drive_port),
        ("a field", network.field, rung.field_port),
    ):
        parts = () if forcing is None else forcing.parts()
        found += [(what, part.port or port) for part in parts]
    names = () if network.noise is None else network.noise_ports
    return found + [("noise", name) for name in names]


def _noise(noise: Noise, names: tuple[str, ...], ways: Inputs) -> Noise:
    """The noise at the ports that stand for its own, as strong as they need it."""
    pairs = [(port, np.abs(factor)) for name in names for port, factor in ways[name].items()]
    factors = np.array([factor for _, factor in pairs])
    if not np.allclose(factors, factors[0], rtol=1e-12):
        raise ValueError(
            f"`source` has noise at the ports {', '.join(map(repr, names))}, which act with different strengths "
            "in the target, and one noise has one strength: give it one port, Noise(..., ports=(name,))."
        )
    known = [name for name in _STRENGTHS if hasattr(noise, name)]
    if not known and not np.allclose(factors, 1.0):
        raise ValueError(
            f"`source` has a noise {type(noise).__name__} that has no strength to scale, neither "
            f"{' nor '.join(map(repr, _STRENGTHS))}: take rj.WhiteNoise or rj.OrnsteinUhlenbeck."
        )
    changes = {name: getattr(noise, name) * shared(factors[0]) for name in known}
    return dataclasses.replace(noise, ports=tuple(port for port, _ in pairs), **changes)
