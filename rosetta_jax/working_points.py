"""A working point for every rung: a noisy brain that runs, where one has to start somewhere.

Gains suit weights of spectral radius 1, as those of the embedded connectome. All but the phase oscillators, which
have no fixed point, are stable there, so that theory and simulation can be laid side by side.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

from rosetta_jax import _checks
from rosetta_jax.forcing import WhiteNoise
from rosetta_jax.network import Connectome, Network
from rosetta_jax.rungs import (
    NMM1,
    NMM2,
    HarmonicOscillator,
    JansenRit,
    Laminar,
    MasterMass,
    PhaseOscillator,
    QIFPopulation,
    StuartLandau,
    SubcriticalStuartLandau,
    Wendling,
    WilsonCowan,
)
from rosetta_jax.system import Rung


class WorkingPoint(NamedTuple):
    """Parameters of a rung other than its defaults, the gain of the coupling, the noise, and the step (s)."""

    parameters: dict[str, float]
    gain: float
    sigma: float
    dt: float


WORKING_POINTS: dict[type[Rung], WorkingPoint] = {
    PhaseOscillator: WorkingPoint({}, gain=20.0, sigma=1.0, dt=5e-4),
    HarmonicOscillator: WorkingPoint({"alpha": -5.0}, gain=3.0, sigma=0.02, dt=5e-4),
    StuartLandau: WorkingPoint({"alpha": -5.0}, gain=3.0, sigma=0.02, dt=5e-4),
    SubcriticalStuartLandau: WorkingPoint({"alpha": -5.0}, gain=3.0, sigma=0.02, dt=5e-4),
    WilsonCowan: WorkingPoint({"bias_y": -7.2}, gain=0.5, sigma=0.02, dt=2e-4),
    MasterMass: WorkingPoint({"kappa": -0.36}, gain=0.01, sigma=0.005, dt=2e-4),
    NMM1: WorkingPoint({"bias_x": 10.0}, gain=5.0, sigma=0.01, dt=5e-4),
    JansenRit: WorkingPoint({"bias": 350.0}, gain=2.0, sigma=0.1, dt=5e-4),
    Wendling: WorkingPoint({"bias": 200.0}, gain=0.5, sigma=0.1, dt=2e-4),
    QIFPopulation: WorkingPoint({}, gain=1.0, sigma=0.002, dt=1e-4),
    NMM2: WorkingPoint({}, gain=0.2, sigma=0.002, dt=1e-4),
    Laminar: WorkingPoint({"bias_1": 400.0, "bias_2": 0.0}, gain=2.0, sigma=0.1, dt=2e-4),
}


def working_brain(
    kind: type[Rung],
    connectome: Connectome,
    *,
    gain: Any = None,
    speed: Any = 8.0,
    noise: bool = True,
) -> Network:
    """A rung at its working point, wired by a connectome, with delays and white noise.

    `gain`, by default that of the working point; `speed` in m/s. Raises `ValueError` for a rung that has no
    working point here, such as one of your own: give `rj.Network` its parts.
    """
    if kind not in WORKING_POINTS:
        names = [known.__name__ for known in WORKING_POINTS]
        found = getattr(kind, "__name__", _checks.shown(kind))
        raise ValueError(f"`kind` is {found}. {_checks.suggestion(found, names)}")
    point, build = WORKING_POINTS[kind], cast(Callable[..., Rung], kind)
    return Network(
        build(**point.parameters),
        connectome,
        gain=point.gain if gain is None else gain,
        speed=speed,
        noise=WhiteNoise(point.sigma) if noise else None,
    )
