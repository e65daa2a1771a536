"""The embedded brain that commands run on when no file is given."""

from collections.abc import Mapping
from typing import Annotated

import typer

from rosetta_jax import synthetic
from rosetta_jax.cli.shared import RungName
from rosetta_jax.network import Network
from rosetta_jax.parameters import replace
from rosetta_jax.rungs import ladder
from rosetta_jax.system import Rung
from rosetta_jax.working_points import working_brain

GainOption = Annotated[
    float | None, typer.Option(help="Gain of the coupling; by default one that suits the rung.")
]
SpeedOption = Annotated[float, typer.Option(help="Conduction speed, m/s.")]

NamedOption = Annotated[
    str | None, typer.Option(help="A set of parameters of the literature, such as PING.")
]

KINDS = {RungName(step.name): step.kind for step in ladder()}


def one_node(rung: RungName, named: str | None, changed: Mapping[str, float]) -> Rung:
    """A rung with a set of parameters of the literature and changes of its own, by their paths."""
    kind = KINDS[rung]
    if named is not None and not kind.sets:
        raise ValueError(f"`--named` {named}: {rung.value} has no named sets; leave it out.")
    system = kind() if named is None else kind.named(named)  # pyright: ignore
    return replace(system, {path.removeprefix("rung."): value for path, value in changed.items()})


def embedded_brain(rung: RungName, gain: float | None, speed: float, seed: int) -> Network:
    """A rung at its working point on the embedded connectome, with delays and white noise."""
    return working_brain(KINDS[rung], synthetic.connectome(seed), gain=gain, speed=speed)
