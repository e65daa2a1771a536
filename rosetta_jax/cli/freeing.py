"""What `rosetta fit` frees beside its preset: `--free`, `--prior`, `--hold` and `--maps`, in flags or TOML.

A prior is written as in Python, `gain=LogNormal(1.0, 0.5)`, and read by a parser that knows names and numbers
alone: nothing of it is evaluated.
"""

import dataclasses
import math
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, NamedTuple

import typer

from rosetta_jax import _checks
from rosetta_jax.data import CorticalMaps
from rosetta_jax.inference import Preset, declared, freed, in_maps
from rosetta_jax.network import Network
from rosetta_jax.priors import (
    FreeParameter,
    Interval,
    LogNormal,
    Negative,
    Normal,
    Positive,
    Real,
    Uniform,
)

KINDS: dict[str, Any] = {
    kind.__name__: kind for kind in (Normal, LogNormal, Uniform, Positive, Negative, Real, Interval)
}
_PANEL = "Free parameters"
_EXAMPLE = "gain=LogNormal(1.0, 0.5)"
_WRITTEN = re.compile(r"\s*([\w.]+)\s*=\s*(\w+)\s*(?:\(([^()]*)\))?\s*")

FreeOption = Annotated[
    list[str],
    typer.Option(
        "--free",
        metavar="PATH",
        rich_help_panel=_PANEL,
        help="Free another parameter of the network, such as rung.bias, under a prior about its value; may be "
        "repeated.",
    ),
]
PriorOption = Annotated[
    list[str],
    typer.Option(
        "--prior",
        metavar="PATH=KIND(NUMBERS)",
        rich_help_panel=_PANEL,
        help=f"The prior of a parameter, freed if it was not, such as {_EXAMPLE} or 'rung.bias=Normal(200, 50)'; "
        f"kinds: {', '.join(KINDS)}. May be repeated.",
    ),
]
HoldOption = Annotated[
    list[str],
    typer.Option(
        "--hold",
        metavar="PATH",
        rich_help_panel=_PANEL,
        help="Fix a parameter that the preset frees, at its value or that of --set; may be repeated.",
    ),
]
MapsOption = Annotated[
    list[str],
    typer.Option(
        "--maps",
        metavar="PATH",
        rich_help_panel=_PANEL,
        help="Let a parameter be linear in cortical maps: `maps` of the recordings, else x, |x|, y, z of the "
        "`centres` and the logarithm of each region's strength. May be repeated.",
    ),
]


class Freeing(NamedTuple):
    """What the four options say, as they were typed."""

    free: list[str]
    prior: list[str]
    hold: list[str]
    maps: list[str]

    def of(self, preset: Preset, network: Network, maps: Callable[[], CorticalMaps]) -> Preset:
        """The preset with what is asked for; `network` is one that it makes, with all that `--set` changes.

        Raises `ValueError` that names the option, what it was given and what there is.
        """
        known = declared(network)
        _require("--free", self.free, known)
        priors = dict(parsed(text, known) for text in self.prior)
        with _flags("prior", "free", "hold"):
            _require("--hold", self.hold, preset.free)
            preset = freed(preset, network, self.free, priors, self.hold)
        if not self.maps:
            return preset
        _require("--maps", self.maps, known)
        with _flags("maps", "free"):
            return in_maps(preset, network, self.maps, maps().values)


def parsed(text: str, known: Iterable[str]) -> tuple[str, FreeParameter]:
    """The path and the prior of `--prior`. Raises `ValueError` with what is right."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise ValueError(f"`--prior` {text!r} must be a path and a prior, such as {_EXAMPLE}.")
    path, name, inside = found.groups()
    _require("--prior", [path], known)
    if name not in KINDS:
        raise ValueError(
            f"`--prior` {text!r} has the kind {name!r}. {_checks.suggestion(name, KINDS)}"
        )
    fields = dataclasses.fields(KINDS[name])
    needed = [field.name for field in fields]
    numbers = [_number(text, each) for each in (inside or "").split(",") if each.strip()]
    least = sum(field.default is dataclasses.MISSING for field in fields)
    if not least <= len(numbers) <= len(needed):
        raise ValueError(
            f"`--prior` {text!r} has {len(numbers)} numbers: {name} takes {len(needed)}"
            + (f", {' and '.join(needed)}." if needed else ".")
        )
    try:
        return path, KINDS[name](*numbers)
    except ValueError as error:
        raise ValueError(f"`--prior` {text!r}: {error}") from None


def _number(text: str, part: str) -> float:
    try:
        value = float(part)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"`--prior` {text!r} has {part.strip()!r}, which is no finite number.")
    return value


def _require(flag: str, paths: Iterable[str], known: Iterable[str]) -> None:
    known = list(known)
    for path in paths:
        _checks.one_of(flag, path, known)


@contextmanager
def _flags(*names: str) -> Iterator[None]:
    """Errors that name arguments of a function name the options that these come from."""
    try:
        yield
    except ValueError as error:
        text = str(error)
        for name in names:
            text = text.replace(f"`{name}`", f"`--{name}`")
        raise ValueError(text) from None
