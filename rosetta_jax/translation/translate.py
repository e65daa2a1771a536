"""`rj.translate`: which rung reaches which, and by what way.

Every rung that rotates reaches the three rungs in the plane and on the circle: at a stable focus the harmonic
oscillator, near its Hopf point Stuart-Landau, on a cycle the phase. From there the ladder goes on downwards. A
path that does not exist, or does not hold where the source stands, says why and which neighbouring one does.
"""

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from rosetta_jax import _checks
from rosetta_jax.network import Network
from rosetta_jax.rungs import (
    NMM1,
    NMM2,
    HarmonicOscillator,
    JansenRit,
    MasterMass,
    PhaseOscillator,
    QIFPopulation,
    StuartLandau,
    WilsonCowan,
)
from rosetta_jax.system import Rung
from rosetta_jax.translation.coherence import stuart_landau_to_harmonic
from rosetta_jax.translation.composition import composed
from rosetta_jax.translation.demodulation import unheard
from rosetta_jax.translation.focus import to_harmonic
from rosetta_jax.translation.master_limits import (
    master_to_nmm1,
    master_to_qif,
    master_to_wilson_cowan,
)
from rosetta_jax.translation.neurons import to_mean_field, to_spiking
from rosetta_jax.translation.onset import to_stuart_landau
from rosetta_jax.translation.phase_reduction import to_phase
from rosetta_jax.translation.planar import harmonic_to_phase, stuart_landau_to_phase
from rosetta_jax.translation.spiking import SpikingNetwork
from rosetta_jax.translation.static_transfer import nmm2_to_nmm1, qif_to_nmm1
from rosetta_jax.translation.synapses import (
    nmm1_to_wilson_cowan,
    wilson_cowan_to_nmm1,
)
from rosetta_jax.translation.translated import Translation, rung_of

# Ways between two rungs, and those from any rung.
_BETWEEN: dict[tuple[type, type], Callable[..., Translation]] = {
    (StuartLandau, PhaseOscillator): stuart_landau_to_phase,
    (HarmonicOscillator, PhaseOscillator): harmonic_to_phase,
    (StuartLandau, HarmonicOscillator): stuart_landau_to_harmonic,
    (NMM1, WilsonCowan): nmm1_to_wilson_cowan,
    (WilsonCowan, NMM1): wilson_cowan_to_nmm1,
    (NMM2, NMM1): nmm2_to_nmm1,
    (QIFPopulation, NMM1): qif_to_nmm1,
    (MasterMass, NMM1): master_to_nmm1,
    (MasterMass, WilsonCowan): master_to_wilson_cowan,
    (MasterMass, QIFPopulation): master_to_qif,
    (QIFPopulation, SpikingNetwork): to_spiking,
    (NMM2, SpikingNetwork): to_spiking,
    (SpikingNetwork, QIFPopulation): partial(to_mean_field, kind=QIFPopulation),
    (SpikingNetwork, NMM2): partial(to_mean_field, kind=NMM2),
}
_FROM_ANY: dict[type, Callable[..., Translation]] = {
    StuartLandau: to_stuart_landau,
    HarmonicOscillator: to_harmonic,
    PhaseOscillator: to_phase,
}
# Ways that one would look for, and why there is none.
_REFUSED: dict[tuple[type, type], str] = {
    (JansenRit, WilsonCowan): (
        "`source`: rj.JansenRit has three populations and rj.WilsonCowan two, so that no rung holds it with "
        "first-order synapses. Nor would its alpha rhythm stay, which is the lag of the second order: only one "
        "Hopf point would, at -39.8 pulses/s and 3.01 Hz. From here one reaches rj.StuartLandau near onset, "
        "rj.HarmonicOscillator at a stable focus, and rj.PhaseOscillator on a cycle."
    ),
    (MasterMass, NMM2): (
        "`source` is one population and rj.NMM2 a pair of two: the population of rung 6 is rj.QIFPopulation, "
        "rj.translate(source, rj.QIFPopulation)."
    ),
}


def translate(
    source: Rung | Network | SpikingNetwork,
    target: Any,
    **options: Any,
) -> Translation:
    """A rung or network carried to another rung, with what is kept and the error that was measured.

    `target` is a rung's class: from any rung `rj.HarmonicOscillator` (about a stable focus), `rj.StuartLandau`
    (near a Hopf point) or `rj.PhaseOscillator` (on a limit cycle), and others as `rj.translation.reachable` tells;
    `rj.translation.SpikingNetwork` for next-generation populations. Several are taken one after the other,
    `(rj.StuartLandau, rj.PhaseOscillator)`. A rung gives a rung, a network a network: links, delays, drive, field
    and noise travel with it. `options` go to the first way that is taken: `start`, a state near the fixed point or
    cycle that is meant, where there are several; `parameter`, along which the Hopf point is sought;
    `measured=False` leaves the comparison out.

    Raises `ValueError` where no way leads there, or it does not hold where the source stands, naming the
    neighbouring one that does.
    """
    wanted = "an rj.Network, a rung or an rj.translation.SpikingNetwork"
    _checks.instance("source", source, (Rung, Network, SpikingNetwork), wanted)
    first, *others = target if isinstance(target, (tuple, list)) else (target,)
    found = _one_way(source, first, options)
    measured = {name: value for name, value in options.items() if name == "measured"}
    for each in others:
        found = composed(found, _one_way(found.target, each, measured))
    return found


def _refuse_parts(source: Any) -> None:
    """Raises `ValueError` for parts of a network that no way carries, rather than drop them."""
    for part, what in (("self_gain", "loops"), ("bold", "vessels")):
        if getattr(source, part, None) is not None:
            raise ValueError(
                f"`source` has {what} (`{part}`), which are not carried to other rungs: leave them out."
            )


def _one_way(source: Any, target: Any, options: dict[str, Any]) -> Translation:
    if not isinstance(target, type):
        kind = type(target).__name__
        raise ValueError(
            f"`target` must be the class of a rung, rj.{kind}, not one with values: these are what is found."
            if isinstance(target, Rung)
            else f"`target` must be the class of a rung, rj.StuartLandau say, got {target!r}."
        )
    _refuse_parts(source)
    rung = rung_of(source)
    way = _BETWEEN.get((type(rung), target))
    if way is None and isinstance(rung, Rung):
        way = _FROM_ANY.get(target)
    if way is None or isinstance(rung, (target, PhaseOscillator)):
        raise ValueError(_no_way(type(rung), target))
    found = way(source, **options)
    omega = getattr(rung_of(found.target), "omega", None)
    if omega is None:
        return found
    hertz = float(np.mean(np.abs(omega))) / (2 * math.pi)
    return dataclasses.replace(found, flags=unheard(source, found.target, hertz))


def reachable(source: type) -> list[type]:
    """The rungs to which a way leads from another, whether or not it holds where that stands."""
    between = [target for begin, target in _BETWEEN if begin is source and target not in _FROM_ANY]
    if not issubclass(source, Rung) or issubclass(source, PhaseOscillator):
        return between
    return between + [each for each in _FROM_ANY if not issubclass(source, each)]


def _no_way(source: type, target: Any) -> str:
    if (source, target) in _REFUSED:
        return _REFUSED[source, target]
    name = getattr(target, "__name__", repr(target))
    if issubclass(source, PhaseOscillator):
        return (
            f"no translation leads from a phase to {name}: an amplitude that was left out cannot be found again; "
            "translate the richer rung that the phase came from."
        )
    near = [
        f"rj.{'' if issubclass(each, Rung) else 'translation.'}{each.__name__}"
        for each in reachable(source)
    ]
    return f"no translation leads from {source.__name__} to {name}. From here one reaches {', '.join(near)}."
