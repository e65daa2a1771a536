r"""Any rung near its Hopf point as a Stuart-Landau oscillator, alone or wired.

Growth rate and frequency are those of the node's own eigenvalue where it stands; the cubic coefficient is that of
the nearest Hopf point along one parameter (`rosetta_jax.bifurcation.normal_form`), by nested automatic
differentiation and for any rung. In a network each node stands where what arrives from the others has moved it,
and links become complex: $\dot a_i = (\mu_i + i\omega_i) a_i - (\gamma_i + i\beta_i)|a_i|^2 a_i + \sum_j
\kappa_{ij} a_j(t - \tau_{ij})$. What turns against the rotation averages out.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax.bifurcation import Hopf
from rosetta_jax.bifurcation.family import Parameter
from rosetta_jax.network import Network, as_network
from rosetta_jax.parameters import get, paths
from rosetta_jax.rungs import StuartLandau
from rosetta_jax.system import Rung, stack_state
from rosetta_jax.translation.comparison import compared
from rosetta_jax.translation.modes import Modes, lone, modes
from rosetta_jax.translation.nearest_hopf import Onset, Standing, nearest_hopfs
from rosetta_jax.translation.plane import plane_inputs, wired_in_the_plane
from rosetta_jax.translation.translated import Readback, Translation, plain

# What is swept to find the Hopf point, where nothing is given; what is moved together must be equal.
_SWEPT = (
    ("bias",),
    ("bias_e", "bias_i"),
    ("bias_x",),
    ("bias_y",),
    ("bias_e",),
    ("bias_1",),
    ("bias_2",),
    ("alpha",),
)


def to_stuart_landau(
    source: Rung | Network,
    parameter: Parameter | None = None,
    start: Any = None,
    measured: bool = True,
) -> Translation:
    """A rung or network near onset as Stuart-Landau oscillators.

    `parameter` is the path in the rung along which the nearest Hopf point is sought, or several that are moved
    together, by default the first of its biases that leads to one; `start` a state near the fixed point that is
    meant, where there are several. Raises `ValueError` where a node does not
    rotate, where there is no Hopf point near, and where it is subcritical.
    """
    network = as_network(source)
    swept = _candidates(network.rung, parameter)
    found = modes(network, start)
    onsets, chosen = _nearest(network, found, swept)
    gamma, beta = _cubic(onsets)
    rung = StuartLandau(
        alpha=jnp.asarray(found.growth),
        omega=jnp.asarray(found.omega),
        gamma=jnp.asarray(gamma),
        beta=jnp.asarray(beta),
    )
    wired = wired_in_the_plane(rung, network, found)
    hopfs = [each.hopf for each in onsets]
    signal = _readback(network, found, onsets)
    return Translation(
        source,
        plain(source, wired, network.nodes),
        "the normal form of its Hopf point",
        ("growth rate", "frequency", "saturation", "shear", "what an input does at resonance"),
        _validity(found, hopfs, chosen),
        signal,
        plane_inputs(found),
        compared(network, wired, signal, found) if measured else {},
        hopfs,
    )


def _candidates(rung: Rung, parameter: Parameter | None) -> list[tuple[str, ...]]:
    """What may be swept: what is asked for, or all biases."""
    known = paths(rung)
    if parameter is not None:
        names = (parameter,) if isinstance(parameter, str) else tuple(parameter)
        return [tuple(_checks.one_of("parameter", name, known) for name in names)]
    there = [names for names in _SWEPT if set(names) <= set(known) and _alike(rung, names)]
    if not there:
        raise ValueError(
            f"`parameter` must be given: {type(rung).__name__} has no bias along which to seek its Hopf point. "
            f"Choose from: {', '.join(known)}."
        )
    return there


def _alike(rung: Rung, names: tuple[str, ...]) -> bool:
    first = np.asarray(get(rung, names[0]))
    return all(np.array_equal(first, np.asarray(get(rung, name))) for name in names)


def _nearest(
    network: Network, found: Modes, candidates: list[tuple[str, ...]]
) -> tuple[list[Onset], str]:
    """The Hopf point of each node along the first candidate that leads to a supercritical one."""
    reasons = []
    for names in candidates:
        if not _alike(network.rung, names):
            raise ValueError(
                f"`parameter`: {' and '.join(names)} differ, and cannot be moved together: give one of them."
            )
        onsets, reason = _along(network, found, names)
        if not reason:
            return onsets, " = ".join(names)
        reasons.append(reason)
    raise ValueError(reasons[0])


def _along(
    network: Network, found: Modes, names: tuple[str, ...]
) -> tuple[list[Onset], str | None]:
    """The Hopf point of each node along a parameter, or why there is none."""
    values = np.broadcast_to(np.asarray(get(network.rung, names[0])), (network.nodes,))
    states = np.asarray(stack_state(found.point.state)).T
    standing = Standing(states, values, found.root, found.right, found.left)
    found_onsets = nearest_hopfs(lone(network, found, names), standing)
    onsets = [onset for onset in found_onsets if onset is not None and onset.hopf.supercritical]
    for node, onset in enumerate(found_onsets):
        if onset is None or not onset.hopf.supercritical:
            return onsets, _no_onset(onset, node, found.root[node], " = ".join(names), values[node])
    return onsets, None


def _no_onset(onset: Onset | None, node: int, root: complex, swept: str, value: float) -> str:
    if onset is None:
        return (
            f"`source`: no Hopf point was found along {swept!r} about {value:g}, where node {node} has the root "
            f"{root.real:.4g} + {root.imag:.4g}i (1/s). Below onset rj.translate(source, rj.HarmonicOscillator) "
            "keeps its linear response, on a cycle rj.translate(source, rj.PhaseOscillator) its phase; or give "
            "another `parameter`, or a `start` at another of its fixed points (rj.bifurcation.continuation along "
            f"{swept!r} passes through them)."
        )
    return (
        f"`source`: the Hopf point of node {node} at {swept} = {onset.hopf.value:g} is subcritical: its cycle is "
        "born unstable, and no Stuart-Landau oscillator has one. rj.bifurcation.cycles follows it; where a "
        "stable cycle lies beyond, rj.translate(source, rj.PhaseOscillator) keeps its phase."
    )


def _cubic(onsets: list[Onset]) -> tuple[np.ndarray, np.ndarray]:
    scaled = [
        complex(each.hopf.normal_form.cubic) / (4 * abs(each.observed) ** 2) for each in onsets
    ]
    return -np.real(scaled), -np.imag(scaled)


def _readback(network: Network, found: Modes, onsets: list[Onset]) -> Readback:
    shift, double = [], []
    for onset in onsets:
        form, scale = onset.hopf.normal_form, onset.observed
        shift.append(np.dot(onset.slope, np.asarray(form.mean)) / (4 * abs(scale) ** 2))
        double.append(np.dot(onset.slope, np.asarray(form.double)) / (4 * scale**2))
    middle = network.signal(found.point.state, network.rung.Inputs())
    return Readback(middle, jnp.asarray(np.real(shift)), jnp.asarray(np.array(double)))


def _validity(found: Modes, hopfs: list[Hopf], swept: str) -> str:
    far = max(abs(root.real / root.imag) for root in found.root)
    values = [hopf.value for hopf in hopfs]
    at = f"{values[0]:.6g}" if len(values) == 1 else f"{min(values):.6g} to {max(values):.6g}"
    return (
        f"near the Hopf point at {swept} = {at}: growth is {far:.2g} of the frequency, and errors of amplitude "
        "and frequency grow with the distance from onset"
    )
