"""The ladder as data: which rung adds what, what is gained and lost by climbing, and which one a question
needs.

Source: Castaldo et al., arXiv 2512.10982, the boxes of its six rungs and its guide to choosing one; the checks
of a claim are ours.
"""

from typing import NamedTuple

from rosetta_jax import _checks
from rosetta_jax.rungs.harmonic import HarmonicOscillator
from rosetta_jax.rungs.jansen_rit import JansenRit
from rosetta_jax.rungs.laminar import Laminar
from rosetta_jax.rungs.master_mass import MasterMass
from rosetta_jax.rungs.nmm1 import NMM1
from rosetta_jax.rungs.nmm2 import NMM2, QIFPopulation
from rosetta_jax.rungs.phase import PhaseOscillator
from rosetta_jax.rungs.stuart_landau import StuartLandau
from rosetta_jax.rungs.subcritical import SubcriticalStuartLandau
from rosetta_jax.rungs.wendling import Wendling
from rosetta_jax.rungs.wilson_cowan import WilsonCowan
from rosetta_jax.system import Rung


class Box(NamedTuple):
    """What a rung adds to the one below, what is gained and lost by it, and what is read from it."""

    adds: str
    gained: str
    lost: str
    readouts: str


class Step(NamedTuple):
    """One model of the ladder: class, name on the command line, number and box of its rung, equation in short."""

    kind: type[Rung]
    name: str
    number: int
    equation: str
    box: Box


BOXES = {
    1: Box(
        adds="rotation",
        gained="synchrony, locking, entrainment; solvable",
        lost="envelopes, quenching, bursts",
        readouts="order parameter, clusters, locking bands",
    ),
    2: Box(
        adds="damping",
        gained="connectivity, lags and spectra in closed form; effective connectivity",
        lost="limit cycles, multistability",
        readouts="(lagged) covariance, cross spectra, transfer function",
    ),
    3: Box(
        adds="cubic saturation, shear",
        gained="onset, envelopes, metastability",
        lost="physiology; identifiable only near a Hopf point",
        readouts="FC and FCD, radius, turbulence, maps of working points",
    ),
    4: Box(
        adds="excitation, inhibition, a sigmoid",
        gained="E-I balance, bistability, excitability of class I and II",
        lost="closed forms; synaptic lag",
        readouts="maps of operating points, waves",
    ),
    5: Box(
        adds="second-order synapses",
        gained="kinetics of PSPs, evoked potentials, alpha and gamma, fields in mV",
        lost="a foundation in spiking neurons",
        readouts="PSP, potential, rate; resonance in times and gains",
    ),
    6: Box(
        adds="rate and voltage of QIF neurons",
        gained="spikes to mass, gain that depends on the state",
        lost="the static fits of rung 5; ion channels",
        readouts="nullclines of rate and voltage, resonance in coupling, times, field",
    ),
}

_STEPS: tuple[tuple[type[Rung], str, int, str], ...] = (
    (PhaseOscillator, "phase", 1, "θ' = ω + F"),
    (HarmonicOscillator, "harmonic", 2, "z' = (α + iω) z + F; rung 1 undamped where α = 0"),
    (StuartLandau, "stuart-landau", 3, "z' = (α + iω) z - (γ + iβ)|z|² z + F"),
    (
        SubcriticalStuartLandau,
        "subcritical",
        3,
        "z' = (α + iω) z + (γ₃ - iβ)|z|² z - γ₅|z|⁴ z + mηz + F",
    ),
    (WilsonCowan, "wilson-cowan", 4, "τ x' + x = S(w_xx x - w_xy y + P + F)"),
    (
        MasterMass,
        "master-mass",
        5,
        "τ_m r' = -r + φ(κ s + P + F); (τᵣ d/dt + 1)(τ_d d/dt + 1) s = r",
    ),
    (NMM1, "nmm1", 5, "(τᵣ d/dt + 1)(τ_d d/dt + 1) x = g S(-w_xy y + P + F)"),
    (JansenRit, "jansen-rit", 5, "y₁'' + 2a y₁' + a² y₁ = A a [p + C₂ S(C₁ y₀)]"),
    (
        Wendling,
        "wendling",
        5,
        "as Jansen-Rit, with fast inhibition y₃'' + 2g y₃' + g² y₃ = G g C₇ S(C₅ y₀ - C₆ y₄)",
    ),
    (Laminar, "laminar", 5, "an alpha column (P1, SS, SST) below a gamma column (P2, PV)"),
    (QIFPopulation, "qif", 6, "τ r' = Δ/πτ + 2rv; τ v' = v² + η - (πτr)² + τ J s + I"),
    (NMM2, "nmm2", 6, "two QIF populations, E and I, through alpha synapses"),
)


def ladder() -> list[Step]:
    """The models in ladder order, from the barest oscillator to the richest column."""
    return [
        Step(kind, name, number, equation, BOXES[number]) for kind, name, number, equation in _STEPS
    ]


class Recommendation(NamedTuple):
    """The rung that a question needs, its models, and what must hold before the answer is trusted."""

    question: str
    number: int
    kinds: tuple[type[Rung], ...]
    checks: tuple[str, ...]


_LINEAR = (
    "noise small against the distance from onset: a standard deviation below about sqrt(|α|/γ)"
)
_PHASE = (
    "coupling and drive (rad/s) far below the attraction to the cycle: 2α for Stuart-Landau, about 1.6 1/s for "
    "Jansen-Rit at 220 pulses/s"
)
_STATIC = "the membrane is fast against the synapses, or the sigmoid is no static function"
_FIELD = "Lorentzian disorder, all-to-all coupling by currents, about a thousand neurons or more"

QUESTIONS: dict[str, tuple[str, int, tuple[str, ...]]] = {
    "timing": ("Only relative timing: synchrony, locking, phase lags?", 1, (_PHASE,)),
    "spectra": (
        "Resting connectivity, spectra and lags in closed form, stable, in fast sweeps?",
        2,
        (_LINEAR,),
    ),
    "envelopes": (
        "Envelopes, metastability, onset and end of a rhythm, quenching of its amplitude?",
        3,
        ("within a tenth of the window from a Hopf point; never near a SNIC",),
    ),
    "balance": (
        "E-I balance, drugs as gains, bistability, the class of excitability?",
        4,
        ("no rhythm that relies on synaptic lag",),
    ),
    "potentials": (
        "EEG and MEG spectra, evoked potentials, PSP kinetics, alpha and gamma, seizures, tES in mV?",
        5,
        (_STATIC,),
    ),
    "spikes": (
        "From spikes to mass, gamma by ING or PING, resonance to weak fields?",
        6,
        (_FIELD,),
    ),
}


def recommend(question: str) -> Recommendation:
    """Which rung a question needs: "timing", "spectra", "envelopes", "balance", "potentials" or "spikes".

    Raises `ValueError` for another word, listing these.
    """
    words, number, checks = QUESTIONS[_checks.one_of("question", question, QUESTIONS)]
    kinds = tuple(step.kind for step in ladder() if step.number == number)
    return Recommendation(words, number, kinds, checks)
