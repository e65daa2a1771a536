r"""Links longer than a chunk of steps, all read by one matrix: approximate, with an error that is bounded.

What nodes sent is held at a few delays, the taps $\tau_1 \dots \tau_n$, and what arrives after any other is read
off the polynomial through them, $s(t-\tau) \approx \sum_q \ell_q(\tau)\, s(t-\tau_q)$ with Lagrange's
$\ell_q(\tau) = \prod_{m \ne q} (\tau-\tau_m)/(\tau_q-\tau_m)$. So all that arrives in the next eight steps is one
product of a constant matrix, $C_{ij}\,\ell_q(\tau_{ij})$ at target $i$, tap $q$ and source $j$, and eight columns
of what was sent: nothing is gathered, and shares of a step cost nothing.

Of a sinusoid of angular frequency $\omega$ what arrives is wrong by a share of its amplitude of at most

.. math::  \frac{\omega^n}{n!}\,\max_\tau \prod_q |\tau-\tau_q|
    \approx \frac{2}{n!} \Big(\frac{\omega L}{4}\Big)^n,

the remainder of interpolation, which is least for taps at the zeros of a Chebyshev polynomial over the range $L$
of delays; they lie at the nearest steps. `spread` takes the fewest taps for which the error itself stays below
`SHARE` up to `BAND`, and cuts a range of many periods into equal pieces, each with taps of its own. Faster signals
arrive wrong, the roughness of white noise among them, and at most larger by $\max_\tau \sum_q |\ell_q(\tau)|$.
"""

import dataclasses
import math
from functools import cache
from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from numpy.polynomial.chebyshev import chebvander

from rosetta_jax._types import Array, Float, Int, Pairwise
from rosetta_jax.network.transport.reads import Sent, Steps
from rosetta_jax.network.transport.slices import CHUNK, Chunk

# Electrodes are seldom read beyond 60 Hz, the sixth harmonic of alpha, and no weight is known to a thousandth.
BAND, SHARE = 60.0, 1e-3
# With more taps those at the ends of a piece lie closer than steps do.
_MOST_TAPS, _MOST_PIECES = 40, 64
# Delays a tap, and frequencies in the band, at which an error is looked for.
_DELAYS, _FREQUENCIES = 16, 8


@dataclasses.dataclass(frozen=True)
class Piece:
    """Delays from `begin` to `end` (steps), read off the polynomial through `taps` (steps)."""

    begin: int
    end: int
    taps: tuple[int, ...]

    @property
    def middle(self) -> float:
        """The delay in the middle (steps)."""
        return (self.begin + self.end) / 2

    @property
    def half(self) -> float:
        """Half the range (steps)."""
        return max(self.end - self.begin, 1) / 2

    @property
    def matrix(self) -> np.ndarray:
        """The coefficients `[k, tap]` that make Lagrange's polynomials of Chebyshev's."""
        return np.linalg.inv(self._chebyshev(np.array(self.taps)))

    @property
    def growth(self) -> float:
        """How many times larger than it was sent anything may arrive."""
        return float(np.abs(self._chebyshev(self._delays) @ self.matrix).sum(axis=1).max())

    def error(self, angle: float) -> float:
        """The largest error, over its amplitude, of a sinusoid that turns by up to `angle` (rad) a step."""
        angles = angle * np.arange(1, _FREQUENCIES + 1) / _FREQUENCIES
        right, held = (
            np.exp(-1j * np.multiply.outer(delays, angles))
            for delays in (self._delays, np.array(self.taps))
        )
        read = self._chebyshev(self._delays) @ self.matrix @ held
        return float(np.abs(read - right).max())

    @property
    def _delays(self) -> np.ndarray:
        # As close at the ends as taps are.
        angles = np.linspace(0.0, np.pi, _DELAYS * len(self.taps) + 1)
        return self.middle - (self.end - self.begin) / 2 * np.cos(angles)

    def _chebyshev(self, delays: np.ndarray) -> np.ndarray:
        return chebvander((delays - self.middle) / self.half, len(self.taps) - 1)


def error(pieces: tuple[Piece, ...], frequency: float, dt: float) -> float:
    """The largest error, over its amplitude, of a sinusoid of up to `frequency` (Hz) in steps of `dt` (s)."""
    return max(piece.error(2 * math.pi * frequency * dt) for piece in pieces)


@cache
def spread(shortest: int, longest: int, dt: float) -> tuple[Piece, ...]:
    """The fewest taps between two delays (steps) that keep to `SHARE` up to `BAND`, or the best where none do."""
    found, fewest = [], _MOST_TAPS * _MOST_PIECES
    for number in range(1, _MOST_PIECES + 1):
        for taps in range(1, min(_MOST_TAPS, fewest // number) + 1):
            pieces = _cut(shortest, longest, number, taps)
            if pieces is None:
                break
            beyond = max(error(pieces, BAND, dt), SHARE)
            found.append((beyond, number * taps, pieces))
            if beyond <= SHARE:
                fewest = number * taps
                break
    return min(found, key=lambda each: each[:2])[2]


def _cut(shortest: int, longest: int, number: int, taps: int) -> tuple[Piece, ...] | None:
    """So many pieces of so many taps each, None where these would lie closer than steps do."""
    ends = np.rint(np.linspace(shortest, longest, number + 1)).astype(int).tolist()
    zeros = -np.cos((np.arange(taps) + 0.5) * np.pi / taps)
    pieces = []
    for begin, end in pairwise(ends):
        steps = np.rint((begin + end + (end - begin) * zeros) / 2).astype(int)
        if len(set(steps.tolist())) < taps:
            return None
        pieces.append(Piece(begin, end, tuple(steps.tolist())))
    return tuple(pieces)


class Rows(eqx.Module):
    """What nodes sent, a step a row: the oldest lies at `oldest`, the newest before it."""

    sent: Float[Array, "rows channels nodes *lanes"]
    oldest: Int[Array, ""]


class Taps(eqx.Module):
    """The weights `[target, tap, source]`, how many steps `back` each tap lies, and `rows` of history, in chunks.

    Of links that turn what they carry there are weights for each pair of channels, and of each target those times
    the cosine of the angle and those times its sine.
    """

    weights: Float[Array, "nodes taps nodes"] | Float[Array, "pairs twice taps nodes"]
    back: tuple[int, ...] = eqx.field(static=True)
    rows: int = eqx.field(static=True)
    chunk: int = eqx.field(static=True, default=CHUNK)

    def begin(self, past: Float[Array, "steps channels nodes *lanes"]) -> tuple[Rows, Sent]:
        """The history after past values, the oldest first, and what arrives now."""
        # No tap lies in rows that are missing.
        missing = max(self.rows + 1 - past.shape[0], 0)
        past = jnp.pad(past, [(missing, 0)] + [(0, 0)] * (past.ndim - 1))[-self.rows - 1 :]
        start = jnp.int32(0)
        return Rows(past[1:], start), self.ahead(Rows(past[:-1], start))[1][0]

    def ahead(self, history: Rows) -> tuple[Rows, Chunk]:
        """The history as it is, and what arrives at the end of each step of the next chunk."""
        begins = self.rows - jnp.asarray(self.back, jnp.int32)[:, None]
        places = history.oldest + begins + jnp.arange(CHUNK, dtype=jnp.int32)[None, :]
        window = history.sent.at[places % self.rows].get(mode="promise_in_bounds")
        window = jnp.moveaxis(window, 3, 1)
        if self.weights.ndim == 3:
            found = _product(self.weights, window)
        else:
            pairs = [
                _turned(weights, window[:, :, :, 2 * pair : 2 * pair + 2])
                for pair, weights in enumerate(self.weights)
            ]
            found = jnp.concatenate(pairs, axis=2)
        return history, jnp.moveaxis(found, 0, 2)

    def after(self, history: Rows, sent: Chunk) -> Rows:
        """The history with what a chunk of steps has sent."""
        rows = jax.lax.dynamic_update_slice_in_dim(history.sent, sent, history.oldest, axis=0)
        return Rows(rows, (history.oldest + CHUNK) % self.rows)


def _product(
    weights: Float[Array, "targets taps nodes"],
    window: Float[Array, "taps nodes chunk channels *lanes"],
) -> Float[Array, "targets chunk channels *lanes"]:
    """What arrives: steps, channels and lanes are columns of one product."""
    columns = window.reshape(*window.shape[:2], -1)
    # Taps and sources stay two axes: the reverse pass of a sum over one is five times slower.
    found = jnp.einsum("iqj,qjt->it", weights, columns)
    return found.reshape(-1, *window.shape[2:])


def _turned(
    weights: Float[Array, "twice taps nodes"], window: Float[Array, "taps nodes chunk 2 *lanes"]
) -> Float[Array, "nodes chunk 2 *lanes"]:
    cosine, sine = jnp.split(_product(weights, window), 2)
    real = cosine[:, :, 0] - sine[:, :, 1]
    imaginary = sine[:, :, 0] + cosine[:, :, 1]
    return jnp.stack([real, imaginary], axis=2)


def taps(
    weights: Pairwise,
    phase: Pairwise | None,
    steps: Steps,
    pieces: tuple[Piece, ...],
    channels: int,
) -> Taps:
    """The links with weight, whose delays lie in `pieces`, as a matrix."""
    delays = steps.whole.astype(weights.dtype)
    if steps.share is not None:
        delays = delays + steps.share
    # Links without weight may have any length; half a step is room for rounding.
    delays = jnp.clip(delays, pieces[0].begin - 0.5, pieces[-1].end + 0.5)
    matrix = weights[:, None, :] * _lagrange(delays, pieces)
    if phase is not None:
        angles = [(pair + 1) * phase[:, None, :] for pair in range(channels // 2)]
        matrix = jnp.stack(
            [
                jnp.concatenate([matrix * jnp.cos(angle), matrix * jnp.sin(angle)])
                for angle in angles
            ]
        )
    back = tuple(tap - 1 for piece in pieces for tap in piece.taps)
    return Taps(matrix, back, -(-max(back) // CHUNK) * CHUNK)


def _lagrange(delays: Pairwise, pieces: tuple[Piece, ...]) -> Float[Array, "nodes taps nodes"]:
    """Lagrange's polynomials of each delay in the piece in which it lies, and zero in the others."""
    found = []
    for number, piece in enumerate(pieces):
        inside = jnp.ones_like(delays, bool) if number == 0 else delays >= piece.begin
        if number + 1 < len(pieces):
            inside = inside & (delays < piece.end)
        share = (jnp.where(inside, delays, piece.middle) - piece.middle) / piece.half
        matrix = jnp.asarray(piece.matrix, delays.dtype)
        read = jnp.einsum("kij,kq->iqj", _chebyshev(share, len(piece.taps)), matrix)
        found.append(jnp.where(inside[:, None, :], read, 0.0))
    return jnp.concatenate(found, axis=1)


def _chebyshev(share: Pairwise, number: int) -> Float[Array, "number nodes nodes"]:
    """The first so many of Chebyshev's polynomials."""
    found = [jnp.ones_like(share), share]
    while len(found) < number:
        found.append(2 * share * found[-1] - found[-2])
    return jnp.stack(found[:number])
