"""Two translations in a row as one: Jansen-Rit to Stuart-Landau to phase."""

from typing import Any

import equinox as eqx
import numpy as np

from rosetta_jax.rungs import HarmonicOscillator
from rosetta_jax.translation.planar import CircleReadback
from rosetta_jax.translation.translated import Compared, Inputs, Translation, rung_of


class Through(eqx.Module):
    """The signal of the first source from the state of the last target, through that of the rung between."""

    between: Any
    first: Any

    def __call__(self, state: Any) -> Any:
        """The signal of the first source, of states (nodes,) or (time, nodes)."""
        return self.first(self.between(state))


def _same(state: Any) -> Any:
    return state


def composed(first: Translation, second: Translation) -> Translation:
    """One translation after the other; the second is of what the first leads to.

    Raises `ValueError` where the state between cannot be read back, so that the signal of the first is lost.
    """
    names = [type(rung_of(each)).__name__ for each in (first.source, first.target, second.target)]
    return Translation(
        first.source,
        second.target,
        f"{first.way}, and from {names[1]} by {second.way}",
        second.preserved,
        f"{first.valid}; from {names[1]}: {second.valid}",
        Through(_between(second, names), first.signal),
        _through(first.inputs, second.inputs),
        _errors(first, second, names),
        (first, second),
    )


def _between(second: Translation, names: list[str]) -> Any:
    """The state of the rung between from that of the target."""
    if isinstance(second.signal, CircleReadback):
        return second.signal.state
    if isinstance(rung_of(second.target), HarmonicOscillator) and names[1] == "StuartLandau":
        return _same
    raise ValueError(
        f"`target`: from {names[2]} the state of {names[1]} is not read back, only its signal, so that the one of "
        f"{names[0]} would be lost: translate step by step, and keep both."
    )


def _through(first: Inputs, second: Inputs) -> Inputs:
    found = {}
    for name, factors in first.items():
        total: dict[str, Any] = {}
        for between, factor in factors.items():
            for last, onward in second[between].items():
                total[last] = total.get(last, 0.0) + np.asarray(factor) * np.asarray(onward)
        found[name] = total
    return found


def _errors(first: Translation, second: Translation, names: list[str]) -> dict[str, Compared]:
    """What both measured from end to end, the rest step by step."""
    both = {
        name: Compared(each.source, second.errors[name].target, each.unit, each.scale)
        for name, each in first.errors.items()
        if name in second.errors and each.source
    }
    steps = ((first, names[:2]), (second, names[1:]))
    return both | {
        f"{name}, {begin} to {end}": each
        for step, (begin, end) in steps
        for name, each in step.errors.items()
        if name not in both
    }
