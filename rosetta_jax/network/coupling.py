r"""How a node combines what arrives from others with what it sends itself.

What arrives is always the same linear, delayed sum, $a_{c,i}(t) = \sum_j C_{ij}
s_{c,j}(t-\tau_{ij})$; a coupling is what a node makes of it.
"""

import abc

import equinox as eqx

from rosetta_jax._types import Channels, Nodal


class Coupling(eqx.Module):
    """The combination of arriving and own channels, `(channels, nodes)` each."""

    @abc.abstractmethod
    def combine(self, arriving: Channels, sent: Channels, strengths: Nodal) -> Channels:
        """What reaches the rung, before the gain; `strengths` are `s_i = sum_j C_ij`."""


class Additive(Coupling):
    r"""$\sum_j C_{ij} s_j(t-\tau_{ij})$: what arrives, as it comes."""

    def combine(self, arriving: Channels, sent: Channels, strengths: Nodal) -> Channels:
        return arriving


class Diffusive(Coupling):
    r"""$\sum_j C_{ij} (s_j(t-\tau_{ij}) - s_i(t))$: the own value is subtracted without delay."""

    def combine(self, arriving: Channels, sent: Channels, strengths: Nodal) -> Channels:
        return arriving - strengths[None, :] * sent


COUPLINGS: dict[str, type[Coupling]] = {"additive": Additive, "diffusive": Diffusive}
