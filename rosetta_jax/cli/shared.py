"""What the commands share: options, precision, folders, and errors in plain words."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import jax
import typer
from rich.console import Console
from rich.markup import escape

from rosetta_jax.report import Picture
from rosetta_jax.results import whole_file

console = Console(stderr=True)


class Precision(StrEnum):
    """Which floating-point numbers to compute with."""

    auto = "auto"
    float32 = "float32"
    float64 = "float64"


class RungName(StrEnum):
    """The rungs that the command line knows."""

    phase = "phase"
    harmonic = "harmonic"
    stuart_landau = "stuart-landau"
    subcritical = "subcritical"
    wilson_cowan = "wilson-cowan"
    master_mass = "master-mass"
    nmm1 = "nmm1"
    jansen_rit = "jansen-rit"
    wendling = "wendling"
    laminar = "laminar"
    qif = "qif"
    nmm2 = "nmm2"


RungOption = Annotated[RungName, typer.Option("--rung", help="The neural mass of every region.")]
SeedOption = Annotated[int, typer.Option(help="Seed of everything random.")]
PrecisionOption = Annotated[
    Precision, typer.Option(help="auto: float64 on a CPU, float32 on an accelerator.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", help="No progress bars.")]


def choose_precision(precision: Precision) -> None:
    """float64 on a CPU and float32 on an accelerator, unless told otherwise."""
    on_cpu = jax.default_backend() == "cpu"
    double = precision is Precision.float64 or (precision is Precision.auto and on_cpu)
    jax.config.update("jax_enable_x64", double)


def result_folder(out: Path) -> Path:
    """`out`, made if need be, and shown to be writable before any work is done."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        fail(f"`--out` {out} cannot be written ({error.strerror or error}): choose another folder.")
    return out


def say(message: str) -> None:
    """One line for whoever typed the command; brackets in it are text, not markup."""
    console.print(escape(message), highlight=False, soft_wrap=True)


def fail(message: str) -> NoReturn:
    """Say what is wrong and stop."""
    console.print(f"[bold red]Error:[/] {escape(message)}", highlight=False, soft_wrap=True)
    raise typer.Exit(1)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Errors that name an argument, a finding and a remedy are shown as such, without a traceback."""
    try:
        yield
    except (ValueError, KeyError, TypeError, FileNotFoundError, OSError) as error:
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        fail(str(text))


def write_pictures(out: Path, pictures: Mapping[str, Picture]) -> None:
    """Save every picture under its name."""
    for name, picture in pictures.items():
        with whole_file(out / f"{name}.png") as partial:
            picture.figure.savefig(partial, format="png", dpi=150)
