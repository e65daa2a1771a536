r"""Any rung at a stable focus as a damped harmonic oscillator, alone or wired.

Each node keeps its leading root, $\dot a_i = (\alpha_i + i\omega_i) a_i + \sum_j\kappa_{ij}a_j(t-\tau_{ij}) + k
u(t)$; what its other roots do, which decay faster, is lost. Of a noisy Stuart-Landau oscillator, which its cubic
damps as well, the growth rate is that of statistical linearisation, $\alpha - 2\gamma\langle r^2\rangle$ with
$4\gamma\langle r^2\rangle = \alpha + \sqrt{\alpha^2 + 8\gamma\sigma^2}$.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from rosetta_jax.forcing import WhiteNoise
from rosetta_jax.linear import stability
from rosetta_jax.network import Network, as_network
from rosetta_jax.results import Status
from rosetta_jax.rungs import HarmonicOscillator, StuartLandau
from rosetta_jax.system import Rung
from rosetta_jax.translation.comparison import compared
from rosetta_jax.translation.modes import Modes, modes
from rosetta_jax.translation.plane import plane_inputs, wired_in_the_plane
from rosetta_jax.translation.translated import Translation, as_it_is, plain


def to_harmonic(source: Rung | Network, start: Any = None, measured: bool = True) -> Translation:
    """A rung or network at a stable focus as damped oscillators.

    `start` is a state near the fixed point that is meant, where there are several. Raises `ValueError` where a
    node does not rotate, and where the network is unstable there.
    """
    network = as_network(source)
    found = modes(network, start)
    judged = stability(network, found.point)
    if int(judged.status) not in (Status.ok, Status.undecided):
        raise ValueError(
            f"`source` is unstable at its fixed point ({int(judged.unstable_modes)} modes grow): a damped "
            "oscillator has no cycle. Near onset translate to rj.StuartLandau, on a cycle to rj.PhaseOscillator."
        )
    rung = HarmonicOscillator(
        alpha=jnp.asarray(_growth(network, found)), omega=jnp.asarray(found.omega)
    )
    wired = wired_in_the_plane(rung, network, found)
    signal = as_it_is(network.signal(found.point.state, network.rung.Inputs()))
    return Translation(
        source,
        plain(source, wired, network.nodes),
        "the leading root of its stable focus",
        ("decay rate", "frequency", "what an input does at resonance"),
        _validity(found),
        signal,
        plane_inputs(found),
        compared(network, wired, signal, found) if measured else {},
        found,
    )


def _growth(network: Network, found: Modes) -> np.ndarray:
    rung, noise = network.rung, network.noise
    if not (isinstance(rung, StuartLandau) and isinstance(noise, WhiteNoise)):
        return found.growth
    alpha, gamma = found.growth, np.asarray(rung.gamma)
    density = np.asarray(noise.sigma) ** 2 * len(network.noise_ports) / 2
    squared = (alpha + np.sqrt(alpha**2 + 8 * gamma * density)) / (4 * gamma)
    return alpha - 2 * gamma * squared


def _validity(found: Modes) -> str:
    own = np.linalg.eigvals(np.asarray(found.blocks.A))
    beside = []
    for values, root in zip(own, found.root, strict=True):
        apart = np.minimum(np.abs(values - root), np.abs(values - np.conj(root)))
        beside += np.real(values[apart > 1e-9 * np.abs(root)]).tolist()
    leading = float(found.growth.max())
    tail = f", the next with {-max(beside):.3g} 1/s" if beside else ""
    return f"for small noise and inputs; the leading root decays with {-leading:.3g} 1/s{tail}"
