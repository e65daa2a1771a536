r"""Next-generation populations as the neurons of which they are the mean field, and neurons as their mean field.

The mean field is exact for infinitely many neurons. How far a finite network is from it is measured over a run of
both from the same state (`rosetta_jax.translation.agreement`).
"""

import math
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import numpy as np

from rosetta_jax.network import Network, as_network
from rosetta_jax.rungs import NMM2, QIFPopulation
from rosetta_jax.system import Rung
from rosetta_jax.translation.agreement import against_mean_field
from rosetta_jax.translation.spiking import SpikingNetwork, mean_field, spiking
from rosetta_jax.translation.translated import Compared, Translation

_PRESERVED = ("rates", "mean voltages", "order parameters", "synapses", "drive")
# Steps over which spikes are counted to be compared.
_COUNTED = 20


class RateReadback(eqx.Module):
    """The signal of the mean field: the rate (1/s) of the first population."""

    def __call__(self, activity: Any) -> Any:
        """Of an `Activity` (time,), the signal (time, 1)."""
        return activity.rate[:, :1]


class RungReadback(eqx.Module):
    """The rate (1/s) of the first population, the signal of the rung itself."""

    rung: Rung

    def __call__(self, state: Any) -> Any:
        """Of states (nodes,) or (time, nodes)."""
        return self.rung.signal(state, self.rung.Inputs())


def to_spiking(
    source: Rung | Network,
    neurons: int = 10_000,
    duration: float = 0.2,
    dt: float = 1e-4,
    measured: bool = True,
    **options: Any,
) -> Translation:
    """A population, or a pair, as a network of so many neurons each.

    Both run for `duration` (s) in steps of `dt` (s) to be compared; `options` go to `rj.translation.spiking`.
    Raises `ValueError` for networks of several nodes, fields and noise, which the neurons do not take.
    """
    network = as_network(source)
    rung = network.rung
    assert isinstance(rung, (NMM2, QIFPopulation))
    refused = {
        "several nodes": network.nodes > 1,
        "a field": network.field is not None,
        "noise": network.noise is not None,
    }
    for what, there in refused.items():
        if there:
            raise ValueError(
                f"`source` has {what}, which the neurons of one node do not take: translate one node without, "
                "rj.alone(rung, drive=drive)."
            )
    target = spiking(rung, neurons, drive=network.drive, **options)
    return Translation(
        source,
        target,
        "the neurons of which it is the mean field",
        _PRESERVED,
        f"for infinitely many neurons; {neurons} a population are off by about {100 / math.sqrt(neurons):.2g} %",
        RateReadback(),
        {name: {name: np.ones(1)} for name in vars(rung.Inputs())},
        _errors(target, duration, dt) if measured else {},
    )


def to_mean_field(
    source: SpikingNetwork,
    duration: float = 0.2,
    dt: float = 1e-4,
    measured: bool = True,
    *,
    kind: type[Rung],
) -> Translation:
    """A spiking network as the rung of its mean field, of a `kind`; noise adds to the widths.

    Raises `ValueError` where its mean field is another rung.
    """
    rung = mean_field(source)
    if not isinstance(rung, kind):
        name = type(rung).__name__
        raise ValueError(
            f"`source` has the mean field rj.{name}, not rj.{kind.__name__}: rj.translate(source, rj.{name})."
        )
    return Translation(
        source,
        rung,
        "its exact mean field",
        _PRESERVED,
        f"for infinitely many neurons; {source.neurons} a population are off by about "
        f"{100 / math.sqrt(source.neurons):.2g} %",
        RungReadback(rung),
        {name: {name: np.ones(1)} for name in vars(rung.Inputs())},
        _errors(source, duration, dt) if measured else {},
    )


def _errors(network: SpikingNetwork, duration: float, dt: float) -> Mapping[str, Compared]:
    """Mean rates of both, and how far apart they are in time."""
    found = against_mean_field(network, duration, dt, save_every=_COUNTED * dt)
    errors = {}
    for place, name in enumerate(found.spiking.names):
        rates = [float(np.mean(each.rate[:, place])) for each in (found.mean_field, found.spiking)]
        errors[f"mean rate, {name}"] = Compared(rates[0], rates[1], "1/s")
        for what in ("rate", "voltage", "order"):
            apart = float(getattr(found, f"{what}_error")[place])
            errors[f"{what} apart in time, {name}"] = Compared(0.0, apart, "of its size")
    return errors
