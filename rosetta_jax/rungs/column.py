"""What columns of second-order synapses share: the ports of pyramidal cells, and how parameters are declared."""

from typing import Any, ClassVar

import equinox as eqx

from rosetta_jax._types import Channels, Nodal, Parameter
from rosetta_jax.parameters import parameter
from rosetta_jax.priors import Positive
from rosetta_jax.rungs.transfer import sigmoid
from rosetta_jax.system import Rung, port

# Rates per second, which others give per millisecond, and potentials in mV, which others give in V.
RATES, POTENTIALS = (1.0, 1e5), (0.03, 3e3)


class ColumnInputs(eqx.Module):
    """A rate through the excitatory synapse, and a potential inside the sigmoid."""

    rate: Parameter = port(
        unit="1/s", linear=True, description="pulses a second through the excitatory synapse"
    )
    field: Parameter = port(
        unit="mV",
        linear=False,
        description="polarisation of the pyramidal soma, inside the sigmoid",
    )


class ColumnRung(Rung):
    """A column whose pyramidal cells show their potential and send their rate, a field included."""

    half_rate: eqx.AbstractVar[Parameter]
    threshold: eqx.AbstractVar[Parameter]
    slope: eqx.AbstractVar[Parameter]

    Inputs: ClassVar[type] = ColumnInputs
    coupling: ClassVar[str] = "additive"
    drive_port: ClassVar[str] = "rate"
    field_port: ClassVar[str] = "field"
    noise_ports: ClassVar[tuple[str, ...]] = ("rate",)
    signal_unit: ClassVar[str] = "mV"

    def firing_rate(self, state: Any, inputs: ColumnInputs) -> Nodal:
        """The rate S(v) of the pyramidal cells, 1/s, a field included."""
        return self._rate(self.signal(state, inputs) + inputs.field)

    def _rate(self, potential: Nodal) -> Nodal:
        return sigmoid(potential, self.half_rate, self.threshold, self.slope)

    def activity(self, state: Any, inputs: ColumnInputs) -> Nodal:
        """The rate of the pyramidal cells, 1/s."""
        return self.firing_rate(state, inputs)

    def send(self, state: Any, inputs: ColumnInputs) -> Channels:
        return self.firing_rate(state, inputs)[None, :]

    def receive(self, combined: Channels) -> ColumnInputs:
        return ColumnInputs(rate=combined[0])


def potential_gain(default: float, symbol: str, synapses: str, source: str) -> Any:
    """The size of a kind of potentials, mV."""
    return parameter(
        default,
        unit="mV",
        symbol=symbol,
        description=f"size of {synapses} potentials",
        support=Positive(),
        span=POTENTIALS,
        source=source,
    )


def inverse_time(default: float, symbol: str, synapses: str, source: str) -> Any:
    """The inverse time constant of a kind of synapses, 1/s."""
    return parameter(
        default,
        unit="1/s",
        symbol=symbol,
        description=f"inverse time constant of {synapses} synapses",
        support=Positive(),
        span=RATES,
        source=source,
    )


def sigmoid_half_rate(source: str) -> Any:
    """Half of the largest firing rate, 1/s."""
    return parameter(
        2.5,
        unit="1/s",
        symbol="e0",
        description="half of the largest firing rate",
        support=Positive(),
        source=source,
    )


def sigmoid_threshold(source: str) -> Any:
    """The potential at half of the largest firing rate, mV."""
    return parameter(
        6.0,
        unit="mV",
        symbol="v0",
        description="potential at half of the largest firing rate",
        source=source,
    )


def sigmoid_steepness(source: str) -> Any:
    """The steepness of the sigmoid, 1/mV."""
    return parameter(
        0.56,
        unit="1/mV",
        symbol="ρ",
        description="steepness of the sigmoid",
        support=Positive(),
        source=source,
    )
