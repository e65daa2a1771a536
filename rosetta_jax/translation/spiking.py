r"""Rung 6 down to spiking neurons and back: the network of which an NMM2 is the exact mean field.

A population is $N$ quadratic integrate-and-fire neurons, all to all,

.. math::
    \tau_m \dot V_j = V_j^2 + \eta_j + \Gamma\,\xi_j(t) + \tau_m\sum_m J_m s_m(t) + I(t), \qquad
    V_j = +\infty \to -\infty \text{ at a spike},

with Lorentzian currents $\eta_j$ of centre $\bar\eta$ and half-width $\Delta$, independent Cauchy white noise
$\xi_j$, and synapses that the spikes of all neurons of a population move as the rate moves those of the rung. As
$N\to\infty$ rate and mean voltage obey the equations of `rj.QIFPopulation` (one population) and `rj.NMM2` (the
pair) with $\Delta + \Gamma$ for the width. So a rung is translated by choosing $N$ and how much of its width is
noise (`spiking`), and a network by adding up its widths (`mean_field`); what is lost is who spiked, and the
fluctuation of a finite network, which `against_mean_field` measures.

Source: Montbrió, Pazó and Roxin 2015, Phys. Rev. X 5:021028; Clusella and Montbrió 2024 for the noise; Castaldo et
al., arXiv 2512.10982, rung 6.
"""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax import _checks, parameters
from rosetta_jax._types import Array, Float, Parameter, Scalar
from rosetta_jax.forcing import Drive, Sum, inputs_of
from rosetta_jax.parameters import check_parameters, parameter
from rosetta_jax.priors import NonNegative
from rosetta_jax.rungs import NMM2, QIFPopulation
from rosetta_jax.system import ports

SAMPLINGS = ("quantiles", "random")
# By the ends of the names of a rung's parameters.
_ENDS = {QIFPopulation: ("",), NMM2: ("_e", "_i")}


class Populations(eqx.Module):
    """The parameters of each population, and what an activation of each (source) does to each (target)."""

    bias: Float[Array, " populations"]
    width: Float[Array, " populations"]
    membrane_time: Float[Array, " populations"]
    synaptic_time: Float[Array, " populations"]
    weights: Float[Array, "populations populations"]


class SpikingNetwork(eqx.Module):
    r"""Populations of `neurons` QIF neurons each, coupled as in a `rung`; march it with `simulate_spiking`.

    `rung` is an `rj.QIFPopulation` or an `rj.NMM2`, of one node; its width is that of the currents alone.
    `noise_width` $\Gamma$, shared `()` or one a population, is the scale of independent Cauchy white noise.
    `drive` is a common current, as in an `rj.Network`. `sampling` says how currents and first voltages are chosen:
    by "quantiles", which fluctuates least, or "random", drawn from the key of a run.

    Raises `ValueError` for fewer than two neurons, a parameter by region, a port that is none or another
    `sampling`, `TypeError` for another rung.
    """

    rung: QIFPopulation | NMM2
    neurons: int = eqx.field(static=True)
    drive: Drive | Sum | None = eqx.field(default=None, kw_only=True)
    noise_width: Parameter = parameter(
        0.0,
        unit="1",
        symbol="Γ",
        description="scale of independent Cauchy noise",
        support=NonNegative(),
        source="Clusella and Montbrió 2024",
    )
    sampling: str = eqx.field(default="quantiles", static=True, kw_only=True)

    def __check_init__(self):
        kinds = tuple(_ENDS)
        _checks.instance("rung", self.rung, kinds, "an rj.QIFPopulation or an rj.NMM2")
        _checks.whole("neurons", self.neurons, least=2)
        _checks.one_of("sampling", self.sampling, SAMPLINGS)
        check_parameters(self)
        if self.noise_width.shape not in ((), (len(self.ends),)):
            raise ValueError(
                f"`noise_width` must be one number () or one a population ({len(self.ends)},), got shape "
                f"{self.noise_width.shape}."
            )
        for path in parameters.paths(self.rung):
            _checks.shape(f"rung.{path}", parameters.get(self.rung, path), (), "a single node")
        if self.drive is not None:
            _check_drive(self.rung, self.drive)

    @property
    def ends(self) -> tuple[str, ...]:
        """What the names of parameters and states of each population end in."""
        return _ENDS[type(self.rung)]

    @property
    def names(self) -> tuple[str, ...]:
        """What its populations are called."""
        return ("population",) if len(self.ends) == 1 else ("E", "I")

    @property
    def noise_widths(self) -> Float[Array, " populations"]:
        """The scale of the noise of each population."""
        return jnp.broadcast_to(self.noise_width, (len(self.ends),))

    @property
    def populations(self) -> Populations:
        """The rung's parameters, population by population."""
        rung, ends = self.rung, self.ends
        of_each = {
            name: jnp.stack([getattr(rung, name + end) for end in ends])
            for name in ("bias", "width", "membrane_time", "synaptic_time")
        }
        return Populations(**of_each, weights=_weights(rung))

    def common_current(self, t: Scalar) -> Float[Array, " populations"]:
        """What the drive adds to the currents of each population at time `t` (s)."""
        nothing = jnp.zeros_like(self.noise_widths)
        if self.drive is None:
            return nothing
        found = inputs_of(self.drive, t, self.rung.drive_port)
        each = [found.get(f"current{end}", nothing[0]) for end in self.ends]
        return jnp.stack([jnp.reshape(value, ()).astype(nothing.dtype) for value in each])


def spiking(
    rung: QIFPopulation | NMM2,
    neurons: int = 10_000,
    *,
    noise_share: Any = 0.0,
    drive: Drive | Sum | None = None,
    sampling: str = "quantiles",
) -> SpikingNetwork:
    """The spiking network of which `rung` is the mean field, with so many `neurons` a population.

    The share `noise_share` of each width, from zero to below one, becomes Cauchy noise and the rest differences
    between neurons, which a mean field cannot tell apart. Raises as `SpikingNetwork` does.
    """
    share = _checks.non_negative("noise_share", _checks.as_float_array(noise_share, "noise_share"))
    _checks.shape("noise_share", share, ())
    if _checks.is_concrete(share) and float(share) >= 1:
        raise ValueError(
            f"`noise_share` must be below one, or neurons do not differ, got {float(share):g}."
        )
    network = SpikingNetwork(rung, neurons, drive=drive, sampling=sampling)
    if _checks.is_concrete(share) and float(share) == 0:
        return network
    widths = network.populations.width
    return dataclasses.replace(
        network, rung=_with_widths(network, (1 - share) * widths), noise_width=share * widths
    )


def mean_field(network: SpikingNetwork) -> QIFPopulation | NMM2:
    """The rung that is the exact mean field of a spiking network: noise adds to the width.

    The inverse of `spiking`. It has no drive: give it that of the network,
    `rj.alone(mean_field(network), drive=network.drive)`.
    """
    return _with_widths(network, network.populations.width + network.noise_widths)


def _with_widths(
    network: SpikingNetwork, widths: Float[Array, " populations"]
) -> QIFPopulation | NMM2:
    names = [f"width{end}" for end in network.ends]
    return parameters.replace(network.rung, dict(zip(names, widths, strict=True)))


def _weights(rung: QIFPopulation | NMM2) -> Float[Array, "populations populations"]:
    """Weights with their signs, `[target, source]`."""
    if isinstance(rung, QIFPopulation):
        return rung.coupling_strength[None, None]
    return jnp.stack([jnp.stack([rung.w_ee, -rung.w_ei]), jnp.stack([rung.w_ie, -rung.w_ii])])


def _check_drive(rung: QIFPopulation | NMM2, drive: Any) -> None:
    wanted = "a drive such as rj.Step(3.0, onset=0.05) or rj.FunctionDrive(function)"
    _checks.instance("drive", drive, (Drive, Sum), wanted)
    for part in drive.parts():
        if part.port is not None:
            _checks.one_of("drive.port", part.port, ports(rung))
        found = jax.eval_shape(part.value, jax.ShapeDtypeStruct((), jnp.result_type(float))).shape
        if found not in ((), (1,)):
            raise ValueError(
                f"`drive` must be one number at each time, common to all neurons, got shape {found}."
            )
