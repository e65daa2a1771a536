r"""Exact BOLD spectra, covariance and functional connectivity of a stable network, without simulating.

The haemodynamics are linearised about their steady state under the activity of the network's fixed point. With
$S$ the cross spectrum of activity, all noise and delays in it, and $H_i$ the transfer function of node $i$ from
activity to BOLD (`rosetta_jax.observe.BalloonWindkessel.transfer`, times its `scale`),

.. math::
    S^{\mathrm{BOLD}}_{ij}(\omega) = H_i(\omega)\, S_{ij}(\omega)\, \bar H_j(\omega), \qquad
    \mathrm{Cov} = \int_0^\infty 2\,\mathrm{Re}\,S^{\mathrm{BOLD}}(\omega)\, \frac{d\omega}{2\pi},

by Gauss's rule between frequencies that resolve the modes of network and vessels alike. $|H|^2$ falls as
$\omega^{-6}$: beyond 24 times the fastest rate of the vessels, some 12 Hz, it is below $10^{-11}$ of its peak, and
nothing is counted. Noise must be small enough for both to be linear; sensor noise is not seen. At a lag $\tau$
the integrand turns with $e^{i\omega\tau}$ (`rosetta_jax.linear.lagged`).
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Complex, CrossSpectrum, Float, Pairwise, Spectrum
from rosetta_jax.linear.covariance import (
    LinearConnectivity,
    correlated,
    edges_of,
    integral,
    judged_covariance,
    required,
    without_sensor,
)
from rosetta_jax.linear.lagged import lagged_integral
from rosetta_jax.linear.spectrum import (
    Linearisation,
    LinearSpectrum,
    as_frequencies,
    cross_density,
    judged_spectrum,
    power_density,
    require_noise,
)
from rosetta_jax.network import Network, as_network
from rosetta_jax.observe.lagged import as_lags, by_zero_lag
from rosetta_jax.system import Rung

# Edges from the slowest rate of the vessels divided by the first to the fastest times the second.
_SLOWER, _FASTER, _EDGES = 8.0, 24.0, 25


def bold_spectrum(
    system: Network | Rung, frequencies: Any, *, check: bool = True
) -> LinearSpectrum:
    """The exact power spectrum of every node's BOLD signal, one-sided per hertz: (frequencies, nodes).

    The signal is a fraction of that at rest. Differentiable in every parameter, those of `bold` included. Checks
    and status are those of `rosetta_jax.linear.power_spectrum`; raises `ValueError` without `bold` or noise.
    """
    return _spectrum(system, frequencies, check, _power)


def bold_cross_spectrum(
    system: Network | Rung, frequencies: Any, *, check: bool = True
) -> LinearSpectrum:
    r"""The exact cross spectrum $E[b_i \bar b_j]$ of BOLD, one-sided per hertz: (frequencies, nodes, nodes)."""
    return _spectrum(system, frequencies, check, _cross)


def bold_covariance(
    system: Network | Rung, *, band: tuple[float, float] | None = None, check: bool = True
) -> LinearConnectivity:
    """The covariance of the BOLD signals, of all frequencies or of a band (Hz): (nodes, nodes).

    Differentiable in every parameter, NaN where the point is unstable or undecided. Raises `ValueError` for a
    network without `bold` or noise, or an empty band.
    """
    network = as_network(system)
    network.vessels()
    return judged_covariance(network, required(network, band), check, _covariance, Network.activity)


def bold_functional_connectivity(
    system: Network | Rung, *, band: tuple[float, float] | None = None, check: bool = True
) -> LinearConnectivity:
    """The correlation of the BOLD signals, of all frequencies or of a band (Hz): (nodes, nodes).

    The matrix that the correlation of a simulated `Solution.bold` tends to for a long run.
    """
    return correlated(bold_covariance(system, band=band, check=check))


def bold_lagged_correlations(
    system: Network | Rung,
    lags: Any,
    *,
    band: tuple[float, float] | None = None,
    check: bool = True,
) -> LinearConnectivity:
    """The correlations of the BOLD signals at `lags` (s), of all frequencies or a band (Hz): (lags, nodes, nodes).

    Covariances by the standard deviations at lag zero, [lag, later, earlier], as those of
    `rosetta_jax.linear.lagged_correlations`. Raises `ValueError` as `bold_covariance`.
    """
    network = as_network(system)
    network.vessels()
    at = _AtLags((0.0, *as_lags(lags)))
    found = judged_covariance(network, required(network, band), check, at, Network.activity)
    return LinearConnectivity(by_zero_lag(found.matrix), found.status)


def _spectrum(
    system: Network | Rung, frequencies: Any, check: bool, density: Any
) -> LinearSpectrum:
    network = as_network(system)
    network.vessels()
    require_noise(network)
    at = as_frequencies(frequencies)
    return judged_spectrum(network, at, network.noise_ports, check, density, Network.activity)


def _mean_input(linearisation: Linearisation) -> Float[Array, " nodes"]:
    """The input to the vessels at the fixed point."""
    network = linearisation.network
    activity = network.activity(linearisation.point.state, network.rung.Inputs())
    return network.vessels().drive(activity)


def _transfer(
    linearisation: Linearisation, omega: Float[Array, " frequencies"]
) -> Complex[Array, "frequencies nodes"]:
    """From activity to BOLD."""
    bold, nodes = linearisation.network.vessels(), linearisation.network.nodes
    found = bold.transfer(omega, _mean_input(linearisation))
    return found * jnp.broadcast_to(bold.scale, (1, nodes)).astype(found.dtype)


@full_precision
def _power(linearisation: Linearisation, omega: Float[Array, " frequencies"]) -> Spectrum:
    H = _transfer(linearisation, omega)
    return (H.real**2 + H.imag**2) * power_density(without_sensor(linearisation), omega)


@full_precision
def _cross(linearisation: Linearisation, omega: Float[Array, " frequencies"]) -> CrossSpectrum:
    H = _transfer(linearisation, omega)
    density = cross_density(without_sensor(linearisation), omega)
    return H[:, :, None] * density * H.conj()[:, None, :]


@full_precision
def _covariance(linearisation: Linearisation, band: tuple[float, float] | None) -> Pairwise:
    edges = _all_edges(linearisation)
    total = integral(lambda omega: _cross(linearisation, omega), edges, band)
    # Without a steady state there are no edges, and so no panels.
    return jnp.where(jnp.all(jnp.isfinite(edges)), total, jnp.nan)


class _AtLags(eqx.Module):
    """Covariances at lags, as a function that a program is compiled with."""

    lags: tuple[float, ...] = eqx.field(static=True)

    @full_precision
    def __call__(
        self, linearisation: Linearisation, band: tuple[float, float] | None
    ) -> Float[Array, "lags nodes nodes"]:
        edges = _all_edges(linearisation)
        lags = jnp.asarray(self.lags, edges.dtype)
        total = lagged_integral(lambda omega: _cross(linearisation, omega), edges, band, lags)
        return jnp.where(jnp.all(jnp.isfinite(edges)), total, jnp.nan)


def _all_edges(linearisation: Linearisation) -> Float[Array, " edges"]:
    """Angular frequencies (rad/s) in order that resolve network and vessels alike."""
    vessels = _edges(linearisation)
    network = jnp.minimum(edges_of(linearisation), vessels[-1])
    return jnp.sort(jnp.concatenate([network, vessels]))


def _edges(linearisation: Linearisation) -> Float[Array, " edges"]:
    """Angular frequencies (rad/s) in order, above 0, between which the vessels change little."""
    A, _, _ = linearisation.network.vessels().linearised(_mean_input(linearisation))
    own = [jnp.abs(A[i, i]) for i in (0, 2, 3)]
    rates = jax.lax.stop_gradient(jnp.stack([*own, jnp.sqrt(jnp.abs(A[0, 1] * A[1, 0]))]))
    slow, fast = jnp.min(rates) / _SLOWER, jnp.max(rates) * _FASTER
    places = jnp.linspace(0.0, 1.0, _EDGES, dtype=A.dtype)
    return slow * (fast / slow) ** places
