r"""How a node combines what arrives from others with what it sends itself.

What arrives is always the same linear, delayed sum, $a_{c,i}(t) = \sum_j C_{ij}
s_{c,j}(t-\tau_{ij})$; a coupling is what a node makes of it.
"""

import abc
from functools import partial

import equinox as eqx
import jax.numpy as jnp

from rosetta_jax import _checks
from rosetta_jax._types import Array, Channels, Float, Nodal

# As many as the rung receives: the channels themselves, or what a coupling makes of a pair of them.
Combined = Float[Array, "combined nodes"]


class Coupling(eqx.Module):
    """The combination of arriving and own channels, `(channels, nodes)` each."""

    @abc.abstractmethod
    def combine(self, arriving: Channels, sent: Channels, strengths: Nodal) -> Combined:
        """What reaches the rung, before the gain; `strengths` are `s_i = sum_j C_ij`."""


class Additive(Coupling):
    r"""$\sum_j C_{ij} s_j(t-\tau_{ij})$: what arrives, as it comes."""

    def combine(self, arriving: Channels, sent: Channels, strengths: Nodal) -> Combined:
        return arriving


class Diffusive(Coupling):
    r"""$\sum_j C_{ij} (s_j(t-\tau_{ij}) - s_i(t))$: the own value is subtracted without delay."""

    def combine(self, arriving: Channels, sent: Channels, strengths: Nodal) -> Combined:
        return arriving - strengths[None, :] * sent


class PhaseCoupling(Coupling):
    r"""$\sum_k a_k\sum_j C_{ij}\sin(k[\theta_j(t-\tau_{ij}) - \theta_i(t)] - \phi_k)$ of phases.

    `amplitudes` $a_k$ and `lags` $\phi_k$ (rad), (harmonics,) each, for rungs that send $\cos k\theta$ and
    $\sin k\theta$ for each harmonic: Kuramoto's coupling by default, Sakaguchi's with a lag. Raises
    `ValueError` where their lengths differ, or differ from the harmonics sent.
    """

    amplitudes: Float[Array, " harmonics"] = eqx.field(
        default=(1.0,), converter=partial(_checks.as_float_array, name="amplitudes")
    )
    lags: Float[Array, " harmonics"] = eqx.field(
        default=(0.0,), converter=partial(_checks.as_float_array, name="lags")
    )

    def __check_init__(self):
        for name in ("amplitudes", "lags"):
            _checks.finite(name, getattr(self, name))
        if self.amplitudes.ndim != 1 or self.amplitudes.shape != self.lags.shape:
            raise ValueError(
                f"`amplitudes` and `lags` must be lists of one number a harmonic, got shapes "
                f"{self.amplitudes.shape} and {self.lags.shape}."
            )

    def combine(self, arriving: Channels, sent: Channels, strengths: Nodal) -> Combined:
        harmonics = self.amplitudes.shape[0]
        if sent.shape[0] != 2 * harmonics:
            raise ValueError(
                f"`coupling` has {harmonics} harmonics and the rung sends {sent.shape[0]} channels: give "
                "rj.PhaseOscillator(harmonics=...) as many as rj.PhaseCoupling has amplitudes."
            )
        # The cosine and sine of each difference, summed over the others, from what they and the node send.
        other = arriving.reshape(harmonics, 2, -1)
        own = sent.reshape(harmonics, 2, -1)
        cosines = other[:, 0] * own[:, 0] + other[:, 1] * own[:, 1]
        sines = other[:, 1] * own[:, 0] - other[:, 0] * own[:, 1]
        lags, amplitudes = self.lags[:, None], self.amplitudes[:, None]
        turning = amplitudes * (sines * jnp.cos(lags) - cosines * jnp.sin(lags))
        return jnp.sum(turning, axis=0, keepdims=True)


COUPLINGS: dict[str, type[Coupling]] = {
    "additive": Additive,
    "diffusive": Diffusive,
    "phase": PhaseCoupling,
}
