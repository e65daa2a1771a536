"""Blocks of members: what is computed, written and lost together.

A block is a box of the product of the axes, whole along the last ones, so that its members follow each other in
number and its arrays are one chunk each of the arrays in the store.
"""

import dataclasses
import math

import numpy as np


@dataclasses.dataclass(frozen=True)
class Blocks:
    """How a product of axes of these lengths (`shape`) is cut into boxes of `box` or, at the ends, less."""

    shape: tuple[int, ...]
    box: tuple[int, ...]

    @property
    def counts(self) -> tuple[int, ...]:
        """How many blocks there are along each axis."""
        return tuple(math.ceil(n / b) for n, b in zip(self.shape, self.box, strict=True))

    @property
    def number(self) -> int:
        """How many blocks there are."""
        return math.prod(self.counts)

    @property
    def largest(self) -> int:
        """Members of a whole block."""
        return math.prod(self.box)

    def region(self, block: int) -> tuple[slice, ...]:
        """Where a block lies along each axis."""
        place = np.unravel_index(block, self.counts)
        return tuple(
            slice(int(p) * b, min((int(p) + 1) * b, n))
            for p, b, n in zip(place, self.box, self.shape, strict=True)
        )

    def members(self, block: int) -> np.ndarray:
        """The numbers of a block's members, in order."""
        inside = np.ix_(*(np.arange(part.start, part.stop) for part in self.region(block)))
        return np.ravel_multi_index(inside, self.shape).ravel()

    def extent(self, block: int) -> tuple[int, ...]:
        """How long a block is along each axis."""
        return tuple(part.stop - part.start for part in self.region(block))


def cut(shape: tuple[int, ...], most: int, lanes: int = 1) -> Blocks:
    """The largest blocks of at most `most` members, but at least one, that leave few of `lanes` empty."""
    box, inner = [1] * len(shape), 1
    for axis in reversed(range(len(shape))):
        box[axis] = _along(shape[axis], max(1, most // inner), inner, lanes)
        if box[axis] < shape[axis]:
            break
        inner *= shape[axis]
    return Blocks(shape, tuple(box))


def _along(length: int, most: int, inner: int, lanes: int) -> int:
    """How many of `length` places go into a block: nearly as many as may, of which few lanes stay empty."""
    most = min(length, most)
    if most == length:
        return length
    # Blocks of even size, rather than a last one that is nearly empty.
    even = math.ceil(length / math.ceil(length / most))

    def filled(places: int) -> tuple[float, int]:
        members = places * inner
        return members / (math.ceil(members / lanes) * lanes), places

    return max(range(max(1, even - even // 4), most + 1), key=filled) if lanes > 1 else even
