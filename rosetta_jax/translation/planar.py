r"""Oscillators in the plane as phases, in closed form.

Of Stuart-Landau oscillators on their cycle, $r = \sqrt{\alpha/\gamma}$, the isochrons are spirals, $\varphi =
\theta - (\beta/\gamma)\ln(r/r^*)$, so that a link $\kappa_{ij}$ (complex where the connectome turns) pulls with

.. math::
    \dot\varphi_i = \omega_i - \tfrac{\alpha_i\beta_i}{\gamma_i} + \sum_j |\kappa_{ij}|\,\tfrac{r_j}{r_i}\, K_i
    \sin(\varphi_j(t-\tau_{ij}) - \varphi_i + \arg\kappa_{ij} - a_i), \quad
    K = \sqrt{1 + \tfrac{\beta^2}{\gamma^2}},\; a = \arctan\tfrac{\beta}{\gamma}

and diffusive coupling adds $G s_i\beta_i/\gamma_i$. Linear oscillators keep phases only in the collective mode $v$
of the largest growth: there the radii stand as $|v_i|$, and links become $|C_{ij}|\,|v_j|/|v_i|$ (Castaldo et al.,
arXiv 2512.10982, rungs 1 to 3; the shift by shear is printed there with a factor $K$ too much).
"""

from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax.forcing import WhiteNoise
from rosetta_jax.linear.blocks import linearise
from rosetta_jax.network import Connectome, Network, PhaseCoupling, as_network
from rosetta_jax.network.coupling import Diffusive
from rosetta_jax.rungs import HarmonicOscillator, PhaseOscillator, StuartLandau
from rosetta_jax.system import Rung
from rosetta_jax.translation.plane import density_at, forcing_of
from rosetta_jax.translation.runs import Circle, circle_state, phase_state, runs
from rosetta_jax.translation.translated import Compared, Inputs, Translation, plain

# How long networks are simulated (s).
_LONGEST = 40.0


class CircleReadback(eqx.Module):
    """The x of an oscillator on its circle, `radius` (nodes,)."""

    radius: Any

    def __call__(self, state: Any) -> Any:
        """The signal of phases (nodes,) or (time, nodes)."""
        return jnp.broadcast_to(self.radius, state.theta.shape) * jnp.cos(state.theta)

    def state(self, state: Any) -> Any:
        """The state in the plane of phases (nodes,) or (time, nodes)."""
        on_circle, theta = partial(circle_state, self.radius), state.theta
        return on_circle(theta) if theta.ndim == 1 else jax.vmap(on_circle)(theta)


def stuart_landau_to_phase(source: Rung | Network, measured: bool = True) -> Translation:
    """Stuart-Landau oscillators beyond onset as phases. Raises `ValueError` where one is below onset."""
    network = as_network(source)
    rung = network.rung
    assert isinstance(rung, StuartLandau)
    alpha, omega, gamma, beta = (
        np.broadcast_to(np.asarray(getattr(rung, name), float), (network.nodes,))
        for name in ("alpha", "omega", "gamma", "beta")
    )
    if (alpha <= 0).any():
        node = int(np.argmin(alpha))
        raise ValueError(
            f"`source`: node {node} is below onset (alpha = {alpha[node]:g}) and has no cycle: "
            "rj.translate(source, rj.HarmonicOscillator) keeps its linear response."
        )
    radius, shear = np.sqrt(alpha / gamma), beta / gamma
    turning, shift = _links(network, radius, shear)
    inputs = {
        "x": {"x": np.ones(network.nodes), "y": -shear},
        "y": {"x": shear, "y": np.ones(network.nodes)},
    }
    target = _phases(network, omega - alpha * shear + shift, radius, turning, inputs, shear)
    signal = CircleReadback(jnp.asarray(radius))
    return Translation(
        source,
        plain(source, target, network.nodes),
        "the isochrons of its cycle",
        ("frequency", "shear", "phase response", "lags of coupling and delays"),
        f"where coupling and inputs are small against {2 * alpha.min():.3g} 1/s, by which the cycle attracts",
        signal,
        inputs,
        _errors(network, target, signal, omega - alpha * shear, radius) if measured else {},
    )


def harmonic_to_phase(source: Rung | Network, measured: bool = True) -> Translation:
    """Linear oscillators as the phases of their collective mode."""
    network = as_network(source)
    rung = network.rung
    assert isinstance(rung, HarmonicOscillator)
    if network.connectome.lengths is not None and network.nodes > 1:
        raise ValueError(
            "`source` has delays: its collective mode is known without them only; leave `lengths` out, or keep "
            "the rung."
        )
    omega = np.broadcast_to(np.asarray(rung.omega, float), (network.nodes,))
    root, mode = _collective(network)
    radius = np.abs(mode)
    ones, zeros = np.ones(network.nodes), np.zeros(network.nodes)
    turning, _ = _links(network, radius, zeros)
    inputs = {"x": {"x": ones}, "y": {"y": ones}}
    target = _phases(network, omega, radius, turning, inputs, zeros)
    signal = CircleReadback(jnp.asarray(radius))
    return Translation(
        source,
        plain(source, target, network.nodes),
        "the collective mode of its linear network" if network.nodes > 1 else "its rotation",
        ("frequency", "phase relations of the collective mode"),
        "where all other modes have decayed; amplitudes are those of the collective mode, of length one",
        signal,
        inputs,
        _of_the_mode(target, root, mode) if measured else {},
    )


def _of_the_mode(target: Network, root: complex, mode: np.ndarray) -> Any:
    """How fast the phases of the collective mode turn, in the linear network and in that of phases."""
    state = PhaseOscillator.State(theta=jnp.asarray(np.angle(mode)))
    inputs = target.rung.Inputs()
    moved = target.vector_field(jnp.zeros(()), state, target.arriving(state, inputs), inputs)
    turned = np.asarray(moved.theta) / (2 * np.pi)
    exact = float(root.imag) / (2 * np.pi)
    return {
        "frequency of the slowest": Compared(exact, float(turned.min()), "Hz"),
        "frequency of the fastest": Compared(exact, float(turned.max()), "Hz"),
    }


def _collective(network: Network) -> tuple[complex, np.ndarray]:
    """The root that grows fastest and its vector, of length one times the root of the nodes."""
    inputs, state = network.rung.Inputs(), network.start()
    blocks = linearise(network, state, network.arriving(state, inputs), inputs, ())
    own = np.asarray(blocks.A)
    turned = own[:, 0, 0] + 1j * own[:, 1, 0]
    gain = np.asarray(blocks.B)[:, 0, 0]
    matrix = np.diag(turned) + gain[:, None] * complex_links(network)
    values, vectors = np.linalg.eig(matrix)
    place = int(np.argmax(np.real(values)))
    leading = vectors[:, place]
    return complex(values[place]), leading / np.linalg.norm(leading) * np.sqrt(network.nodes)


def complex_links(network: Network) -> np.ndarray:
    weights, phase = np.asarray(network.connectome.weights), network.connectome.phase
    return weights * np.exp(1j * (0.0 if phase is None else np.asarray(phase)))


def _links(
    network: Network, radius: np.ndarray, shear: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The complex links between phases, gain included, and what the own value of diffusive coupling adds."""
    gain = np.broadcast_to(np.asarray(network.gain, float), (network.nodes,))
    pull = gain[:, None] * complex_links(network) * radius[None, :] / radius[:, None]
    strengths = np.asarray(network.connectome.strengths())
    shift = gain * strengths * shear * isinstance(network.coupling, Diffusive)
    return pull * (1 - 1j * shear)[:, None], shift


def _phases(
    network: Network,
    omega: np.ndarray,
    radius: np.ndarray,
    links: np.ndarray,
    inputs: Inputs,
    shear: np.ndarray,
) -> Network:
    wires = network.connectome
    angles = np.angle(links)[links != 0]
    one_lag = angles.size == 0 or bool(np.ptp(angles) < 1e-12)
    lag = -float(angles.mean()) if one_lag and angles.size else 0.0
    return Network(
        PhaseOscillator(omega=jnp.asarray(omega), radius=jnp.asarray(radius)),
        Connectome(
            np.abs(links),
            wires.lengths,
            wires.labels,
            wires.centres,
            phase=None if one_lag else np.angle(links),
        ),
        PhaseCoupling([1.0], [lag]),
        gain=1.0,
        speed=network.speed,
        noise=_noise(network, omega, radius, shear),
        drive=forcing_of(network, inputs),
        sensor=network.sensor,
        max_delay=network.max_delay,
        min_delay=network.min_delay,
    )


def _noise(
    network: Network, omega: np.ndarray, radius: np.ndarray, shear: np.ndarray
) -> WhiteNoise | None:
    r"""$D = S(\omega) (1 + \beta^2/\gamma^2)/2r^2$ where noise of density $S$ is on both coordinates."""
    if network.noise is None:
        return None
    density = density_at(network.noise, np.abs(omega)[:, None])[:, 0]
    share = len(network.noise_ports) / 2
    return WhiteNoise(jnp.asarray(np.sqrt(density * share * (1 + shear**2)) / radius))


def _errors(
    network: Network, target: Network, signal: Any, omega: np.ndarray, radius: np.ndarray
) -> Any:
    hertz = abs(float(omega.mean())) / (2 * np.pi)
    turning = Circle(jnp.asarray(radius)), phase_state
    return runs(network, target, signal, turning, hertz, _LONGEST)
