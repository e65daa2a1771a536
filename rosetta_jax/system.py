"""What a rung is: one neural mass model, written for one node and working for any number side by
side.

A rung is elementwise. It never sees the network: its *inputs* arrive at named ports, what it
*sends* leaves in one or two channels, and what coupling makes of the arriving channels it
*receives* onto its ports again. Engines (march, linear theory, fits) work on networks of any rung,
so a new model is one class with the methods below and nothing else.

State and inputs are small modules of named arrays, `(nodes,)` each, and parameters are `()` where
all nodes share them or `(nodes,)` where they vary by region, so that the same lines serve both.
"""

import abc
import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import equinox as eqx
import jax.numpy as jnp
from equinox import AbstractClassVar
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rosetta_jax import _checks, parameters
from rosetta_jax._types import Array, Channels, Nodal, Scalar

_R = TypeVar("_R", bound="Rung")


@dataclasses.dataclass(frozen=True)
class PortInfo:
    """What an input port says of itself.

    `linear` tells whether the vector field is linear in it: only there is white noise well defined.
    `multiplicative` tells that its effect depends on the state: white noise there is Stratonovich's.
    """

    unit: str
    linear: bool
    description: str
    multiplicative: bool = False


def port(*, unit: str, linear: bool, description: str, multiplicative: bool = False) -> Any:
    """Declare an input port of a rung, zero unless something arrives."""
    info = PortInfo(unit, linear, description, multiplicative)
    return eqx.field(default=0.0, converter=_checks.as_float_array, metadata={"port": info})


def component(*, unit: str, description: str) -> Any:
    """Declare one component of a rung's state, `(nodes,)`."""
    return eqx.field(metadata={"component": (unit, description)})


class Rung(eqx.Module):
    """A neural mass model: the interface that every engine takes.

    Class attributes: `State` and `Inputs` (modules of named arrays), `coupling` (the name of the
    coupling a network takes by default), and the ports that a drive, a field and noise enter unless
    told otherwise; `sets`, parameters of the literature by name, for `named`.
    """

    State: AbstractClassVar[type]
    Inputs: AbstractClassVar[type]
    coupling: AbstractClassVar[str]
    drive_port: AbstractClassVar[str]
    field_port: AbstractClassVar[str]
    noise_ports: AbstractClassVar[tuple[str, ...]]
    signal_unit: AbstractClassVar[str]
    sets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    def __check_init__(self):
        parameters.check_parameters(self)

    @classmethod
    def named(cls: type[_R], name: str, **changes: Any) -> _R:
        """The rung with a set of parameters of the literature, one of `sets`, and `changes` to it.

        Names with a dot, `"transfer.threshold"` say, reach into the parts of a rung. Raises `ValueError` for
        a name that is not there, listing those that are.
        """
        values = {**cls.sets[_checks.one_of("name", name, cls.sets)], **changes}
        whole = cls(**{name: value for name, value in values.items() if "." not in name})
        return parameters.replace(whole, {name: values[name] for name in values if "." in name})

    @abc.abstractmethod
    def start(self, nodes: int) -> Any:
        """A state for `nodes` nodes to begin with, now and in the past: not an equilibrium."""

    def guess(self, nodes: int) -> Any:
        """Where the search for a fixed point begins: the starting state unless the rung knows better."""
        return self.start(nodes)

    @abc.abstractmethod
    def vector_field(self, t: Scalar, state: Any, inputs: Any) -> Any:
        """The time derivative of `state`, per second. The signature of `diffrax.ODETerm`."""

    @abc.abstractmethod
    def send(self, state: Any, inputs: Any) -> Channels:
        """What the nodes send to others, `(channels, nodes)`; it never depends on what arrives."""

    @abc.abstractmethod
    def receive(self, combined: Channels) -> Any:
        """The inputs that coupling makes of what arrives, `(channels, nodes)`."""

    @abc.abstractmethod
    def signal(self, state: Any, inputs: Any) -> Nodal:
        """What an electrode sees of each node, in `signal_unit`."""

    def activity(self, state: Any, inputs: Any) -> Nodal:
        """What drives the blood flow of each node: the signal, unless the rung knows a rate."""
        return self.signal(state, inputs)

    @abc.abstractmethod
    def push_pull(self, state: Any, inputs: Any) -> tuple[Nodal, Nodal]:
        """The two opposing terms of the motif."""

    def wrap(self, state: Any) -> Any:
        """`state` with angles brought back to one turn; unchanged where there are none."""
        return state


def ports(rung: Rung | type[Rung]) -> dict[str, PortInfo]:
    """The input ports of a rung by name."""
    return {field.name: field.metadata["port"] for field in dataclasses.fields(rung.Inputs)}


def add_inputs(*inputs: Any) -> Any:
    """The sum of several inputs, port by port; `()` ports spread over nodes."""
    first, *others = inputs
    for other in others:
        first = type(first)(
            **{
                field.name: getattr(first, field.name) + getattr(other, field.name)
                for field in dataclasses.fields(first)
            }
        )
    return first


def stack_state(state: Any) -> Array:
    """A state as one array, `(components, nodes)`, in the order of its fields."""
    return jnp.stack([getattr(state, field.name) for field in dataclasses.fields(state)])


def unstack_state(rung: Rung, stacked: Array) -> Any:
    """The state whose components are the rows of `stacked`: the inverse of `stack_state`."""
    names = [field.name for field in dataclasses.fields(rung.State)]
    return rung.State(**dict(zip(names, stacked, strict=True)))


def describe(tree: Any) -> None:
    """Print a table of the parameters of a rung, noise, network...: path, value, meaning and source."""
    table = Table(title=type(tree).__name__, title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("parameter", "symbol", "value"):
        table.add_column(heading, no_wrap=True)
    table.add_column("meaning and [dim]source[/]")
    for path in parameters.paths(tree):
        info = parameters.info(tree, path)
        value = _brief(parameters.get(tree, path))
        if info is None:
            table.add_row(path, "", value, "")
        else:
            unit = "" if info.unit == "1" else info.unit
            source = f"\n[dim]{escape(info.source)}[/]" if info.source else ""
            meaning = escape(info.description) + source
            table.add_row(path, info.symbol, f"{value} {unit}", meaning)
    Console().print(table)
    if isinstance(tree, Rung):
        _describe_ports(tree)


def _describe_ports(rung: Rung) -> None:
    table = Table(title="input ports", title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("port", "unit", "linear", "meaning", "default for"):
        table.add_column(heading, overflow="fold")
    for name, info in ports(rung).items():
        takers = {
            "drive": name == rung.drive_port,
            "field": name == rung.field_port,
            "noise": name in rung.noise_ports,
        }
        default_for = ", ".join(taker for taker, takes in takers.items() if takes)
        table.add_row(
            name, info.unit, "yes" if info.linear else "no", info.description, default_for
        )
    Console().print(table)


def _brief(value: Array) -> str:
    if value.ndim == 0:
        return f"{float(value):g}"
    return f"{value.shape}: {float(value.min()):g} to {float(value.max()):g}"
