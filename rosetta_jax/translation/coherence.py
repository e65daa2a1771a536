r"""Noisy Stuart-Landau oscillators as damped ones: below onset about rest, beyond it about their cycle.

Beyond onset the radius returns with $2\alpha$, while nothing holds the phase: it diffuses, and what stays of the
rotation after a time $t$ is $e^{-Dt}$, with $D \approx \sigma^2(1 + \beta^2/\gamma^2)/2r^2$ (Castaldo et al.,
arXiv 2512.10982, rung 3). So the spectrum is that of an oscillator damped by $D$, of the same variance. A weak
force, and what arrives from others, moves the mean of $z$ by $\rho \approx (1 - i\beta/\gamma)/2$ of it, what it
does to the phase. $D$, frequency, variance and $\rho$ are exact at any strength of noise
(`rosetta_jax.translation.rotating_noise`); faster roots are left out.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax.forcing import WhiteNoise
from rosetta_jax.linear import fixed_point, stability
from rosetta_jax.network import Network, as_network
from rosetta_jax.network.coupling import Diffusive
from rosetta_jax.observe import power_spectrum
from rosetta_jax.results import Status
from rosetta_jax.rungs import HarmonicOscillator
from rosetta_jax.simulation import simulate
from rosetta_jax.system import Rung
from rosetta_jax.translation.comparison import density_of, spectra_apart
from rosetta_jax.translation.focus import to_harmonic
from rosetta_jax.translation.planar import complex_links
from rosetta_jax.translation.plane import oscillators
from rosetta_jax.translation.rotating_noise import RotatingNoise, rotating_noise
from rosetta_jax.translation.translated import Compared, Translation, as_it_is, plain

# Frequencies at which spectra are compared, up to so many widths of the peak beside it.
_FREQUENCIES, _WIDTHS = 81, 4.0
# Networks are simulated for so many times of coherence (s at most), and seen in segments of so many.
_COHERENCES, _LONGEST, _SEGMENT = 400.0, 500.0, 16.0
# Samples a turn, and steps a sample.
_SAMPLES, _STEPS = 10, 20
_KEY = 0


def stuart_landau_to_harmonic(
    source: Rung | Network, start: Any = None, measured: bool = True
) -> Translation:
    """Stuart-Landau oscillators as damped ones, below onset about rest and beyond it about their cycle.

    Beyond onset they must be noisy, each on its own more than they lock to each other. Raises `ValueError` where
    they are not, and where some nodes are below onset and others beyond it.
    """
    network = as_network(source)
    growth, _ = _own(network)
    if (growth <= 0).all():
        found = to_harmonic(source, start=start, measured=measured)
        alone = not np.asarray(network.connectome.weights).any()
        if measured and alone and isinstance(network.noise, WhiteNoise):
            wired = as_network(found.target)
            errors = _errors(network, wired, _noisy(network))
            return dataclasses.replace(found, errors=errors)
        return found
    return _about_cycles(source, network, growth, measured)


def _about_cycles(
    source: Rung | Network, network: Network, growth: np.ndarray, measured: bool
) -> Translation:
    if (growth <= 0).any():
        raise ValueError(
            f"`source`: {int((growth > 0).sum())} of {network.nodes} nodes are beyond onset and the others below: "
            "a damped oscillator stands for one or the other. Keep the rung, or move `alpha`."
        )
    if not isinstance(network.noise, WhiteNoise):
        raise ValueError(
            "`source` oscillates, and without white noise nothing damps its phase: "
            "rj.translate(source, rj.PhaseOscillator) keeps it; or give the network rj.WhiteNoise."
        )
    noisy = _noisy(network)
    target = _wired(network, noisy)
    judged = stability(target, fixed_point(target))
    if int(judged.status) not in (Status.ok, Status.undecided):
        raise ValueError(
            "`source`: what arrives locks the nodes to each other, faster than noise parts them "
            f"(at most {max(each.decay for each in noisy):.3g} 1/s): rj.translate(source, rj.PhaseOscillator)."
        )
    inputs = _inputs(noisy)
    slowest = min(-each.roots[1].real for each in noisy)
    lasting = max(each.decay for each in noisy)
    return Translation(
        source,
        plain(source, target, network.nodes),
        "the coherence of its noisy cycle",
        ("variance", "frequency", "decay of coherence", "what a weak input does at resonance"),
        f"for inputs that move the phase by less than noise does, {lasting:.3g} 1/s; the next root, left out, "
        f"decays with {slowest:.3g} 1/s",
        as_it_is(jnp.zeros(network.nodes)),
        inputs,
        _errors(network, target, noisy) if measured else {},
        noisy,
    )


def _own(network: Network) -> tuple[np.ndarray, np.ndarray]:
    """Growth rates with what diffusive coupling takes of the own value, and what it adds to links: the gain."""
    rung: Any = network.rung
    alpha = np.broadcast_to(np.asarray(rung.alpha, float), (network.nodes,))
    gain = np.broadcast_to(np.asarray(network.gain, float), (network.nodes,))
    diffusive = isinstance(network.coupling, Diffusive)
    return alpha - gain * np.asarray(network.connectome.strengths()) * diffusive, gain


def _noisy(network: Network) -> list[RotatingNoise]:
    growth, _ = _own(network)
    rung: Any = network.rung
    noise: Any = network.noise
    share = np.sqrt(len(network.noise_ports) / 2)
    each = (rung.omega, rung.gamma, rung.beta, share * np.asarray(noise.sigma))
    columns = np.broadcast_arrays(growth, *(np.asarray(value, float) for value in each))
    return [rotating_noise(*map(float, row)) for row in zip(*columns, strict=True)]


def _pushes(noisy: list[RotatingNoise]) -> np.ndarray:
    return np.array([each.pushes[0] for each in noisy])


def _inputs(noisy: list[RotatingNoise]) -> dict[str, dict[str, np.ndarray]]:
    pushed = _pushes(noisy)
    along, across = np.real(pushed), np.imag(pushed)
    return {"x": {"x": along, "y": across}, "y": {"x": -across, "y": along}}


def _wired(network: Network, noisy: list[RotatingNoise]) -> Network:
    decay, omega, variance = (
        np.array([getattr(each, name) for each in noisy]) for name in ("decay", "omega", "variance")
    )
    _, gain = _own(network)
    return oscillators(
        HarmonicOscillator(alpha=jnp.asarray(-decay), omega=jnp.asarray(omega)),
        network,
        gain[:, None] * complex_links(network) * _pushes(noisy)[:, None],
        WhiteNoise(jnp.asarray(np.sqrt(decay * variance))),
        _inputs(noisy),
    )


def _about(noisy: list[RotatingNoise]) -> tuple[np.ndarray, float]:
    """Frequencies (Hz) about the peaks of all nodes, and how wide those are (1/s)."""
    width = max(each.decay for each in noisy)
    middle = [abs(each.omega) for each in noisy]
    low = max(min(middle) - _WIDTHS * width, 0.05 * min(middle))
    high = max(middle) + _WIDTHS * width
    return np.linspace(low, high, _FREQUENCIES) / (2 * np.pi), width


def _errors(
    network: Network, target: Network, noisy: list[RotatingNoise]
) -> Mapping[str, Compared]:
    """Exact spectra where nodes are alone, else that of the target beside a long run of the source."""
    hertz, width = _about(noisy)
    predicted = np.asarray(density_of(target, fixed_point(target), jnp.asarray(hertz)))
    if not np.asarray(network.connectome.weights).any():
        exact = np.stack([each.density(hertz) for each in noisy], axis=1)
        return spectra_apart(hertz, exact.mean(axis=1), predicted.mean(axis=1))
    every = 2 * np.pi / (_SAMPLES * max(abs(each.omega) for each in noisy))
    segment, duration = _SEGMENT / width, min(_COHERENCES / width, _LONGEST)
    run = simulate(
        network,
        round(duration / every) * every,
        every / _STEPS,
        transient=round(segment / every) * every,
        save_every=every,
        key=jax.random.key(_KEY),
    )
    found = power_spectrum(run.signal, every, segment=min(segment, duration / 4), frequencies=hertz)
    return spectra_apart(hertz, np.asarray(found.density).mean(axis=1), predicted.mean(axis=1))
