"""What a fit is asked for, whatever it fits: the options of `rosetta fit`, read and completed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import typer

from rosetta_jax._types import PRNGKeyArray
from rosetta_jax.cli.freeing import Freeing
from rosetta_jax.cli.shared import say
from rosetta_jax.inference import Simulated
from rosetta_jax.optimise import Method


class Asked(NamedTuple):
    """The settings of a fit; `route` is None for theory, and `width` where nothing varies by region.

    `posterior` is None where it is told where it can be.
    """

    modality: str
    data: Path | None
    out: Path
    rung: str
    band: tuple[float, float]
    starts: int
    seed: int
    normalisation: str
    method: Method | None
    route: Simulated | None
    width: float | None
    depth: float | None
    left_out: str
    cohort_curve: bool
    posterior: bool | None
    freeing: Freeing
    changes: dict[str, float]
    quiet: bool

    @property
    def key(self) -> PRNGKeyArray:
        """The key of everything random."""
        return jax.random.key(self.seed)

    @property
    def name(self) -> str:
        """What is fitted, in words."""
        return "embedded synthetic recording" if self.data is None else self.data.name


def require_preset(asked: Asked, presets: Sequence[str]) -> None:
    """Raise without a recording, or for a rung that has none of a modality's `presets`."""
    modality = asked.modality
    if asked.data is None:
        raise ValueError(
            f"`--modality` {modality} has no embedded recording: give one by `--data`."
        )
    if asked.rung not in presets:
        raise ValueError(
            f"`--rung` {asked.rung} has no preset for {modality}. Choose from: {', '.join(presets)}."
        )


def refuse(given: Mapping[str, bool], said: str) -> None:
    """Raise for the first of the flags that is `given`, with what is `said` of it."""
    for flag, there in given.items():
        if there:
            raise ValueError(f"`{flag}` {said}")


def end(said: str, interrupted: bool, not_fitted: tuple[str, ...], out: Path) -> None:
    """The last line of a fit; of one that Ctrl-C ended how it goes on, and the exit code of that."""
    say(said)
    if interrupted:
        say(
            f"interrupted: this is what was found; not fitted: {', '.join(not_fitted) or 'nothing'}. "
            f"Go on by: rosetta fit --resume {out}"
        )
        raise typer.Exit(130)
