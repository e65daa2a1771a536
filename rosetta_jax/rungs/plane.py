"""What oscillators in the plane share: their state, ports, and what they send and show."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp

from rosetta_jax._types import Channels, Nodal, Parameter
from rosetta_jax.system import Rung, component, port


class PlanarState(eqx.Module):
    """The plane of an oscillator, `z = x + i y`."""

    x: Nodal = component(unit="", description="real part, what an electrode sees")
    y: Nodal = component(unit="", description="imaginary part, a quarter of a turn behind")


class PlanarInputs(eqx.Module):
    """Forces on the two coordinates of an oscillator."""

    x: Parameter = port(unit="1/s", linear=True, description="force on x")
    y: Parameter = port(unit="1/s", linear=True, description="force on y")


class PlanarRung(Rung):
    """An oscillator `z = x + i y` that sends both coordinates and is forced on either."""

    State: ClassVar[type] = PlanarState
    Inputs: ClassVar[type] = PlanarInputs
    coupling: ClassVar[str] = "diffusive"
    drive_port: ClassVar[str] = "x"
    field_port: ClassVar[str] = "x"
    noise_ports: ClassVar[tuple[str, ...]] = ("x", "y")
    signal_unit: ClassVar[str] = ""

    def start(self, nodes: int) -> PlanarState:
        return PlanarState(x=jnp.full(nodes, 0.1), y=jnp.zeros(nodes))

    def guess(self, nodes: int) -> PlanarState:
        return PlanarState(x=jnp.zeros(nodes), y=jnp.zeros(nodes))

    def send(self, state: PlanarState, inputs: PlanarInputs) -> Channels:
        return jnp.stack([state.x, state.y])

    def receive(self, combined: Channels) -> PlanarInputs:
        return self.Inputs(x=combined[0], y=combined[1])

    def signal(self, state: PlanarState, inputs: PlanarInputs) -> Nodal:
        return state.x
