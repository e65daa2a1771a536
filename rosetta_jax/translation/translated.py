"""What a translation is: the new model, what it keeps, how signals and inputs map, and its measured error."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rosetta_jax._types import Array, Complex, Float, Nodal
from rosetta_jax.network import Network
from rosetta_jax.system import Rung

# Where nothing but its largest part says what size a quantity has: below this share of it, it counts as nothing.
SEEN = 1e-3
# What a unit at each port of the source is at each port of the target, (nodes,) each.
Inputs = Mapping[str, Mapping[str, Any]]


class Compared(NamedTuple):
    """One quantity as the source has it and as the target predicts it, both measured.

    `scale` (`unit`) is the size below which a value is small, so that its error is a share of that: what is zero
    but for rounding is not wrong by all of itself.
    """

    source: float
    target: float
    unit: str
    scale: float = 0.0

    @property
    def error(self) -> float:
        """The difference, of the value in the source or of `scale` where that is larger."""
        size = max(abs(self.source), self.scale)
        return (self.target - self.source) / size if size else np.nan

    @property
    def difference(self) -> str:
        """The error in words: a share of the source's value, or nothing where that is zero by definition.

        Where `scale` is larger it is named: a share of that.
        """
        if not max(abs(self.source), self.scale):
            return ""
        share = f"{100 * self.error:+.2f} %"
        return share if abs(self.source) >= self.scale else f"{share} of {self.scale:.2g}"


class Readback(eqx.Module):
    r"""The source's signal from the state of a target in the plane, $a = x + iy$.

    .. math::  o = o_0 + \mathrm{Re}\,a + m |a|^2 + \mathrm{Re}\,(d\,a^2)

    `middle` $o_0$, `shift` $m$ and `double` $d$, (nodes,) each: the mean moves and a second harmonic grows with
    the square of the amplitude.
    """

    middle: Nodal
    shift: Nodal
    double: Complex[Array, " nodes"]

    def __call__(self, state: Any) -> Float[Array, "... nodes"]:
        """The signal of the source, of states (nodes,) or (time, nodes)."""
        x, y = state.x, state.y
        middle, shift, real, imaginary = (
            jnp.broadcast_to(each, x.shape)
            for each in (self.middle, self.shift, self.double.real, self.double.imag)
        )
        doubled = real * (x**2 - y**2) - 2 * imaginary * x * y
        return middle + x + shift * (x**2 + y**2) + doubled


def as_it_is(middle: Nodal) -> Readback:
    """The readback of a linear target: the x of its state about the middle."""
    blank = jnp.zeros_like(middle)
    return Readback(middle, blank, blank.astype(np.result_type(blank.dtype, np.complex64)))


@dataclasses.dataclass(frozen=True, eq=False)
class Translation:
    """A model carried to another rung.

    `source` and `target` are both a rung or both a network; `way` names the path, `preserved` what both share,
    `valid` where that holds, in words with numbers. `signal` maps the target's state back to the source's signal,
    `inputs` says what one unit at each port of the source is at each port of the target, (nodes,) each. `errors`
    compare both, measured and not asserted. `flags` say what of the source's inputs the target cannot show. A
    spiking network may stand on either side.
    """

    source: Any
    target: Any
    way: str
    preserved: tuple[str, ...]
    valid: str
    signal: Any
    inputs: Inputs
    errors: Mapping[str, Compared]
    details: Any = None
    flags: tuple[str, ...] = ()

    def summary(self) -> dict[str, Any]:
        """All that is said of the translation, as plain values."""
        return {
            "way": self.way,
            "preserved": list(self.preserved),
            "valid": self.valid,
            "flags": list(self.flags),
            "errors": {
                name: {
                    "source": each.source,
                    "target": each.target,
                    "unit": each.unit,
                    "error": each.error,
                    "scale": each.scale,
                }
                for name, each in self.errors.items()
            },
            "inputs": {
                name: {at: np.asarray(each).tolist() for at, each in factors.items()}
                for name, factors in self.inputs.items()
            },
        }

    def report(self) -> None:
        """Print the way, what is kept, where it holds, and the measured errors."""
        names = [type(rung_of(each)).__name__ for each in (self.source, self.target)]
        console = Console()
        console.print(f"{names[0]} → {names[1]} by {self.way}", highlight=False)
        console.print(f"keeps {', '.join(self.preserved)}; {self.valid}", highlight=False)
        for flag in self.flags:
            console.print(f"[bold]mind:[/] {escape(flag)}", highlight=False)
        table = Table(box=box.SIMPLE_HEAD)
        for heading in ("measured", "unit", "source", "target", "error"):
            table.add_column(
                heading,
                justify="left" if heading in ("measured", "unit") else "right",
            )
        for name, each in self.errors.items():
            values = (f"{each.source:.5g}", f"{each.target:.5g}", each.difference)
            table.add_row(name, each.unit, *values)
        console.print(table)


def rung_of(system: Any) -> Any:
    """The rung of a network, or what is none itself."""
    return system.rung if isinstance(system, Network) else system


def plain(system: Rung | Network, network: Network, nodes: int) -> Rung | Network:
    """The target as a rung where the source was one, with one number a parameter."""
    if isinstance(system, Network) or nodes > 1:
        return network
    return jax.tree.map(lambda leaf: leaf[0] if jnp.ndim(leaf) == 1 else leaf, network.rung)
