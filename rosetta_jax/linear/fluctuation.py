r"""Fluctuation against dissipation: whether what a network does at rest tells how it answers, as in equilibrium.

With the susceptibility $\chi_{ij}(\omega)$, the response of the signal of node i to a force at node j, and $S$ the
two-sided cross spectrum that noise makes, a system at rest with a bath of temperature T has

.. math::  S(\omega) = -\frac{2T}{\omega}\,\frac{\chi(\omega) - \chi(\omega)^H}{2i}

for $e^{i\omega t}$. Where nodes rotate, links have a direction or signals take time, this need not hold. Each node
then has an effective temperature of its own at every frequency,

.. math::  T_i(\omega) = -\frac{\omega\,S_{ii}(\omega)}{2\,\mathrm{Im}\,\chi_{ii}(\omega)}

negative where it feeds what drives it. A first-order node under white noise has $T = \sigma^2 / 2$.

Source: Callen and Welton, Phys. Rev. 83, 34 (1951), in the classical limit; Cugliandolo, Kurchan and Peliti, Phys.
Rev. E 55, 3898 (1997); of brains, Deco et al., Phys. Rev. E 108, 064410 (2023).
"""

import dataclasses
from typing import Any

import equinox as eqx
import jax.numpy as jnp

from rosetta_jax._types import Array, Complex, CrossSpectrum, Float, Int, Scalar
from rosetta_jax.linear.spectrum import cross_spectrum, response
from rosetta_jax.network import Network, as_network
from rosetta_jax.results import first_failure
from rosetta_jax.system import Rung


class FluctuationDissipation(eqx.Module):
    """How a network at rest fluctuates and how it answers: NaN throughout where `status` is no success.

    `frequencies` (F,) Hz; `susceptibility` (F, target, source), unit of the signal per unit of the port; `density`
    (F, nodes, nodes), one-sided per hertz, of what noise makes of the signals, without that of sensors.
    """

    frequencies: Float[Array, " frequencies"]
    susceptibility: Complex[Array, "frequencies nodes nodes"]
    density: CrossSpectrum
    status: Int[Array, ""]

    @property
    def temperatures(self) -> Float[Array, "frequencies nodes"]:
        """The effective temperature of each node, squared signal unit over that of the susceptibility."""
        power, lost = self._diagonal(self.density), self._diagonal(self._at_one)
        return power / lost

    @property
    def temperature(self) -> Scalar:
        """The one of an equilibrium with as much power over these frequencies and nodes."""
        power, lost = self._diagonal(self.density), self._diagonal(self._at_one)
        return jnp.sum(power) / jnp.sum(lost)

    @property
    def equilibrium(self) -> CrossSpectrum:
        """What would be measured in place of `density` in equilibrium at `temperature`."""
        return self.temperature.astype(self.density.dtype) * self._at_one

    @property
    def departure(self) -> Float[Array, " nodes"]:
        """How far each node is from that equilibrium: the share of its power that is too much or too little."""
        power, wanted = self._diagonal(self.density), self._diagonal(self.equilibrium)
        return jnp.sum(jnp.abs(power - wanted), axis=0) / jnp.sum(power, axis=0)

    @property
    def _at_one(self) -> CrossSpectrum:
        """The one-sided equilibrium spectrum at temperature 1."""
        turned = jnp.conj(jnp.swapaxes(self.susceptibility, 1, 2))
        omega = 2 * jnp.pi * self.frequencies[:, None, None]
        return 2j * (self.susceptibility - turned) / omega.astype(turned.dtype)

    @staticmethod
    def _diagonal(of: CrossSpectrum) -> Float[Array, "frequencies nodes"]:
        return jnp.real(jnp.diagonal(of, axis1=1, axis2=2))


def fluctuation_dissipation(
    system: Network | Rung, frequencies: Any, port: str | None = None
) -> FluctuationDissipation:
    """Susceptibility and fluctuations of a network about its stable fixed point, by exact theory.

    `frequencies` (F,) in Hz, above zero, best evenly spaced over all that has power; `port` is where a force acts
    that the signal is conjugate to, by default the first that noise enters. Delays included, differentiable in
    every parameter. Raises `ValueError` for another port and for a network without noise.
    """
    network = as_network(system)
    port = network.noise_ports[0] if port is None else port
    quiet = dataclasses.replace(network, sensor=None)
    fluctuations = cross_spectrum(quiet, frequencies)
    answer = response(quiet, frequencies, port)
    status = first_failure(fluctuations.status, answer.status)
    return FluctuationDissipation(answer.frequencies, answer.density, fluctuations.density, status)
