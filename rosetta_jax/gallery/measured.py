"""Numbers of equilibria and cycles: what a figure must show, beside what was found."""

from collections.abc import Mapping, Sequence

import numpy as np

from rosetta_jax.bifurcation import Fold, FoldOfCycles, Hopf
from rosetta_jax.gallery.branches import Cycles
from rosetta_jax.gallery.page import Number


def fold_numbers(
    found: Sequence[Fold | FoldOfCycles],
    expected: Mapping[str, float],
    unit: str = "",
    tolerance: float = 2e-6,
) -> list[Number]:
    """Folds by name and parameter, each against the nearest one found."""
    return [
        Number(name, value, _nearest([fold.value for fold in found], value), unit, tolerance)
        for name, value in expected.items()
    ]


def hopf_numbers(
    found: Sequence[Hopf],
    expected: Sequence[tuple[str, float, float]],
    unit: str = "",
    tolerance: float = 2e-6,
    digits: float = 1e-4,
) -> list[Number]:
    """Hopf points by kind, parameter and frequency (Hz), each against the nearest one found of that kind."""
    numbers = []
    for kind, value, hertz in expected:
        same = [hopf for hopf in found if hopf.label == kind]
        nearest = min(same, key=lambda hopf: abs(hopf.value - value), default=None)
        place, frequency = (
            (np.nan, np.nan) if nearest is None else (nearest.value, nearest.frequency)
        )
        numbers += [
            Number(f"{kind} at {value:.4g}", value, place, unit, tolerance),
            Number(f"{kind} at {value:.4g}: frequency", hertz, frequency, "Hz", digits),
        ]
    return numbers


def range_numbers(
    of: Cycles,
    expected: Mapping[float, tuple[float, float]],
    names: tuple[str, str],
    unit: str = "",
    tolerance: float = 1e-3,
) -> list[Number]:
    """The lowest and highest level of cycles: `names` are those of the parameter and of the level."""
    numbers = []
    for value, ends in expected.items():
        for word, want, have in zip(("lowest", "highest"), ends, of.at(value), strict=False):
            name = f"cycle at {names[0]} = {value:g}: {word} {names[1]}"
            numbers.append(Number(name, want, have, unit, tolerance))
    return numbers


def frequency_numbers(
    of: Cycles, expected: Mapping[float, float], name: str, tolerance: float = 1e-3
) -> list[Number]:
    """The frequency of cycles (Hz); `name` is that of the parameter."""
    return [
        Number(f"cycle at {name} = {value:g}: frequency", hertz, of.at(value)[2], "Hz", tolerance)
        for value, hertz in expected.items()
    ]


def _nearest(found: Sequence[float], value: float) -> float:
    return min(found, key=lambda each: abs(each - value), default=np.nan)
