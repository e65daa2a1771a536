r"""The rightmost characteristic root of a network, with its derivative: how near a fixed point is to onset.

Of a stable point the rightmost root is the one nearest to the imaginary axis, up to the steps of a grid there that
resolves all modes (`rosetta_jax.linear.stability`). At each of its frequencies powers of $\Delta^{-1}\Delta'$
tell the nearest root, $\lambda \approx i\omega - 1/\mu$ with the largest eigenvalue $\mu$; the nearest are made
exact by Newton's method on the pair of root and vector (Ruhe, SIAM J. Numer. Anal. 10, 674, 1973), and the
rightmost is kept. Where many roots lie side by side that may be an eighth too far left, so the search is made
again from lines nearer to them; in a crowd it may still be a per cent or two too far left.
Its derivative is that of the equation, with the left vector $l$ and the right vector $r$:

.. math:: d\lambda = -\frac{l^T\,d\Delta(\lambda)\,r}{l^T \Delta'(\lambda)\,r}

which has a kink where two roots are equally far to the right.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Bool, Complex, Float, Scalar
from rosetta_jax.linear.blocks import Blocks
from rosetta_jax.linear.characteristic import Characteristic, Shape, characteristic
from rosetta_jax.linear.fixed_point import FixedPoint, fixed_point, linearised
from rosetta_jax.linear.stability import resolving_frequencies
from rosetta_jax.network import Network, as_network
from rosetta_jax.results import Status
from rosetta_jax.system import Rung

# Powers that tell the nearest root, and steps that make it exact.
_POWERS, _STEPS = 12, 10
_CANDIDATES = 8
# The lines of further searches, as shares of the real part found, from so many steps of the grid, each divided.
_BEFORE, _AGAIN, _FINER = (0.85, 0.95), 16, 3
# How far from a root, relative to its size, the inverse is taken that yields its vectors.
_BESIDE = 1e-6


class Root(eqx.Module):
    """A characteristic root (1/s), its right and left vectors (nodes, s), and whether it was found."""

    value: Complex[Array, ""]
    right: Shape
    left: Shape
    found: Bool[Array, ""]


@eqx.filter_jit
@full_precision
def rightmost(system: Network | Rung, point: FixedPoint | None = None) -> Complex[Array, ""]:
    """The rightmost characteristic root (1/s) of a network at its stable fixed point, or at `point`; delays exact.

    Of a pair the one above the real axis: its negative real part says how far the point is from onset, its
    imaginary part how fast (rad/s) the slowest mode turns. Differentiable once. NaN where there is no fixed point
    or no root was found; of an unstable point it may be another root, `rosetta_jax.linear.stability` counts those.
    """
    network = as_network(system)
    point = fixed_point(network) if point is None else point
    root = rightmost_root(network, linearised(network, point, ()))
    return jnp.where(point.status == Status.ok, root, jnp.nan)


def rightmost_root(network: Network, blocks: Blocks) -> Complex[Array, ""]:
    """The rightmost root of a network with its blocks at a stable fixed point; NaN where none was found."""
    of = characteristic(network, blocks)
    omega = resolving_frequencies(network, blocks)
    root = jax.lax.stop_gradient(_searched(jax.lax.stop_gradient(of), omega))
    rate = jnp.sum(root.left * of.slope(root.value, root.right))
    # Zero, with the derivative of the equation.
    change = -jnp.sum(root.left * of.of(root.value, root.right)) / jax.lax.stop_gradient(rate)
    value = root.value + change - jax.lax.stop_gradient(change)
    value = jnp.where(value.imag < 0, value.conj(), value)
    return jnp.where(root.found, value, jnp.nan)


@full_precision
def _searched(of: Characteristic, omega: Float[Array, " frequencies"]) -> Root:
    new = jnp.concatenate([jnp.ones(1, bool), omega[1:] > omega[:-1]])
    order = jnp.argsort(~new, stable=True)
    omega, new = omega[order], new[order]
    roots, distance = _along(of, jnp.zeros((), omega.dtype), omega, new)
    # Roots side by side are told apart from lines just right of the rightmost, at finer steps.
    nearest = jnp.sort(jax.lax.top_k(-distance, min(_AGAIN, omega.shape[0]))[1])
    width = jnp.diff(omega, append=omega[-1:])[nearest]
    between = jnp.arange(_FINER, dtype=omega.dtype) / _FINER
    finer = (omega[nearest][:, None] + width[:, None] * between[None]).reshape(-1)
    used = jnp.repeat(new[nearest], _FINER)
    for share in _BEFORE:
        line = share * jnp.minimum(jnp.max(_real(roots)), 0.0)
        others, _ = _along(of, line, finer, used)
        roots = jax.tree.map(lambda *both: jnp.concatenate(both), roots, others)
    return jax.tree.map(lambda leaf: leaf[jnp.argmax(_real(roots))], roots)


def _along(
    of: Characteristic,
    line: Scalar,
    omega: Float[Array, " frequencies"],
    used: Bool[Array, " frequencies"],
) -> tuple[Root, Float[Array, " frequencies"]]:
    """The roots nearest to points of a line of real part `line`, and how far each point is from its nearest."""
    far = jnp.asarray(jnp.inf, omega.dtype)

    def near(each: tuple[Scalar, Bool[Array, ""]]) -> tuple[Complex[Array, ""], Shape, Scalar]:
        at = jax.lax.complex(line, each[0])
        root, u = jax.lax.cond(each[1], lambda: _nearest(of, at), lambda: (at, _start(of)))
        return root, u, jnp.where(each[1], jnp.abs(root - at), far)

    # One after the other, and none for the places not in use: factorisations are what costs.
    guesses, vectors, distance = jax.lax.map(near, (omega, used))
    best = jax.lax.top_k(-jnp.where(_lowest(distance), distance, far), _CANDIDATES)[1]
    roots = jax.lax.map(lambda each: polished(of, *each), (guesses[best], vectors[best]))
    return roots, distance


def _real(roots: Root) -> Float[Array, " roots"]:
    return jnp.where(roots.found, roots.value.real, -jnp.inf)


def _lowest(distance: Float[Array, " frequencies"]) -> Bool[Array, " frequencies"]:
    """Which distances are no larger than those beside them: others see the same root from farther away."""
    edge = jnp.full(1, jnp.inf, distance.dtype)
    before = jnp.concatenate([edge, distance[:-1]])
    after = jnp.concatenate([distance[1:], edge])
    return jnp.isfinite(distance) & (distance <= before) & (distance <= after)


def _start(of: Characteristic) -> Shape:
    """A vector that no mode is likely to be orthogonal to."""
    nodes, size, _ = of.A.shape
    angle = jnp.arange(nodes * size, dtype=of.A.real.dtype).reshape(nodes, size)
    return _scaled(jax.lax.complex(jnp.cos(angle**2), jnp.sin(1 + angle)))


def _nearest(of: Characteristic, at: Complex[Array, ""]) -> tuple[Complex[Array, ""], Shape]:
    """Where the root nearest to a point lies, to first order, and its vector."""
    solve, _ = of.inverse(at)

    def power(_: Any, carry: tuple[Shape, Complex[Array, ""]]) -> tuple[Shape, Complex[Array, ""]]:
        u, _ = carry
        after = solve(of.slope(at, u))
        return _scaled(after), _ratio(u, after)

    start = _start(of), jnp.ones((), at.dtype)
    u, eigenvalue = jax.lax.fori_loop(0, _POWERS, power, start)
    return at - 1 / eigenvalue, u


def polished(of: Characteristic, guess: Complex[Array, ""], vector: Shape) -> Root:
    """The root that Newton's method finds from a guess and its vector; vectors have a largest entry of 1."""

    def step(_: Any, carry: tuple[Complex[Array, ""], Shape, Scalar]) -> tuple:
        root, u, size = carry
        solve, _ = of.inverse(root)
        after = solve(of.slope(root, u))
        change = 1 / _ratio(u, after)
        # On a root itself the matrix is singular: there is nothing left to change.
        found = jnp.all(jnp.isfinite(after)) & jnp.isfinite(jnp.abs(change))
        change = jnp.where(found, change, 0.0)
        u = jnp.where(found, _scaled(after), u)
        return root - change, u, jnp.where(found, jnp.abs(change), size)

    start = guess, vector, jnp.abs(guess)
    root, right, change = jax.lax.fori_loop(0, _STEPS, step, start)
    size = 1 + jnp.abs(root)
    beside = root + (_BESIDE * size).astype(root.dtype)
    solve, solve_transposed = of.inverse(beside)
    left = _start(of)
    for _ in range(3):
        right = _scaled(solve(of.slope(beside, right)))
        left = _scaled(solve_transposed(of.slope_transposed(beside, left)))
    tolerance = 100 * jnp.finfo(size.dtype).eps ** 0.5
    return Root(root, right, left, (change < tolerance * size) & jnp.isfinite(jnp.abs(root)))


def _scaled(u: Shape) -> Shape:
    """A vector divided by its largest entry."""
    return u / u.reshape(-1)[jnp.argmax(jnp.abs(u))]


def _ratio(before: Shape, after: Shape) -> Complex[Array, ""]:
    """By what a vector was multiplied, at its largest entry."""
    place = jnp.argmax(jnp.abs(before))
    return after.reshape(-1)[place] / before.reshape(-1)[place]
