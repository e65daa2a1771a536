"""What the gallery is made of: figures with the numbers that must appear in them beside those found."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple


class Number(NamedTuple):
    """A number of a figure: what it must be, what was found, and how far apart (absolute) they may be."""

    name: str
    expected: float
    found: float
    unit: str = ""
    tolerance: float = 1e-6

    @property
    def holds(self) -> bool:
        """Whether both agree."""
        return bool(abs(self.found - self.expected) <= self.tolerance)

    @property
    def verdict(self) -> str:
        """`holds` as one word."""
        return "yes" if self.holds else "NO"

    def texts(self) -> tuple[str, str]:
        """Both numbers, to the digits that the tolerance lets one compare."""
        places = max(0, math.ceil(-math.log10(self.tolerance)))
        return f"{self.expected:.{places}f}", f"{self.found:.{places}f}"


class Page(NamedTuple):
    """One figure of the paper, drawn again: a title, what it shows, and its numbers."""

    title: str
    caption: str
    figure: Any
    numbers: tuple[Number, ...]

    @property
    def failures(self) -> tuple[Number, ...]:
        """The numbers that do not hold."""
        return tuple(number for number in self.numbers if not number.holds)


class Entry(NamedTuple):
    """A figure of the gallery: its number in the paper, and what draws it."""

    label: str
    draw: Callable[[], Page]
