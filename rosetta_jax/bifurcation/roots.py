r"""Characteristic roots: how small perturbations of an equilibrium grow and turn.

Without delays they are the eigenvalues of the Jacobian. With delays there are infinitely many, of which the
rightmost matter. What was sent travels along the delay, $\partial_t w = \partial_\vartheta w$ for $w(\vartheta) =
\mathrm{sent}(t + \vartheta)$, $-\tau_{max} \le \vartheta \le 0$; held at Chebyshev's points that is a matrix,
whose eigenvalues converge to roots faster than any power of the number of points (Breda, Maset and Vermiglio
2005). Each is then corrected by Newton's method on the characteristic matrix itself, $\Delta(\lambda)\,u = 0$, to
rounding; what does not converge there, or moves far, was no root and is dropped.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Complex
from rosetta_jax.bifurcation.expansion import Expansion, Mode
from rosetta_jax.bifurcation.family import Family, Flat, Values
from rosetta_jax.bifurcation.portions import looked_at

# Points along the longest delay: roots that turn by less than so many radians in it are found.
_POINTS = 20
# The largest matrix whose eigenvalues are asked for.
_LARGEST = 3000
# Newton's method about an eigenvalue, which is right to three digits if it is one.
_ITERATIONS, _FAR = 12, 1e-3


def characteristic_roots(
    of: Family, x: Flat, values: Values, *, number: int | None = None
) -> np.ndarray:
    """The rightmost characteristic roots (1/s) at an equilibrium, the rightmost first.

    Without delays all of them, to rounding; with delays `number` (by default as many as the state has numbers),
    each a zero of the characteristic matrix to rounding. Raises `ValueError` where a delayed network is so large
    that the eigenvalues of its matrix would not be had in minutes; `rj.linear.stability` counts unstable modes of
    any size.
    """
    if not of.delayed:
        matrix = looked_at(of, np.asarray(x)[None], np.asarray(values)[None])[1][0]
        found = np.linalg.eigvals(matrix).astype(complex)
    else:
        found = _refined(of, x, values, np.linalg.eigvals(_generator(of, x, values)))
    found = found[np.argsort(-np.real(found), kind="stable")]
    return found if number is None and not of.delayed else found[: number or of.size]


def _generator(of: Family, x: Flat, values: Values) -> np.ndarray:
    """The matrix of state and of what was sent at Chebyshev's points."""
    parts = [np.asarray(each) for each in _parts(of, x, values)]
    own, entering, leaving, links, delays = parts
    nodes = of.network.nodes
    channels = leaving.shape[0] // nodes
    size = own.shape[0] + _POINTS * leaving.shape[0]
    if size > _LARGEST:
        raise ValueError(
            f"`system` of {nodes} delayed nodes needs the eigenvalues of a matrix of {size} rows, more than "
            f"{_LARGEST}: ask rj.linear.stability for the number of unstable modes, or leave delays out."
        )
    linked = links != 0 if links.ndim == 2 else (links != 0).any(axis=(0, 1))
    longest = float(delays[linked].max(initial=0.0))
    points, slope = _chebyshev(max(longest, 1e-9))
    read = _lagrange(points, -delays)
    # What arrives at a target is read off the polynomial through what its source sent.
    if links.ndim == 2:
        arriving = np.einsum("ij,ijm,cd->cidjm", links, read, np.eye(channels))
    else:
        arriving = np.einsum("cdij,ijm->cidjm", links, read)
    arriving = arriving.reshape(channels * nodes, channels * nodes, -1)
    now, past = arriving[:, :, 0], arriving[:, :, 1:]
    top = [own + entering @ now @ leaving, entering @ _flat(past)]
    still = np.eye(channels * nodes)
    moving = np.kron(still, slope[1:, 1:])
    # The newest value is what the state sends now.
    begin = np.einsum("m,jn->jmn", slope[1:, 0], leaving).reshape(-1, own.shape[0])
    return np.block([top, [begin, moving]])


def _flat(past: np.ndarray) -> np.ndarray:
    return past.reshape(past.shape[0], -1)


@eqx.filter_jit
@full_precision
def _parts(of: Family, x: Flat, values: Values) -> tuple[Array, ...]:
    """The Jacobian to the state, to what arrives, that of what is sent, links, and delays (s)."""
    network = of.at(values)
    arriving = network.arriving(of.state(x), of.inputs)

    def entering(flat: Array) -> Array:
        return of.field(x, flat.reshape(arriving.shape), values)

    def leaving(x: Array) -> Array:
        return of.sent(x, values).reshape(-1)

    own = jax.jacfwd(lambda x: of.field(x, arriving, values))(x)
    delays = network.delays()
    assert delays is not None
    return (
        own,
        jax.jacfwd(entering)(arriving.reshape(-1)),
        jax.jacfwd(leaving)(x),
        network.links(),
        delays,
    )


def _chebyshev(longest: float) -> tuple[np.ndarray, np.ndarray]:
    """Chebyshev's points from now, 0, to the longest delay ago (s), and the matrix of slopes at them."""
    angles = np.pi * np.arange(_POINTS + 1) / _POINTS
    points = longest / 2 * (np.cos(angles) - 1)
    signs = (-1.0) ** np.arange(_POINTS + 1)
    signs[[0, -1]] *= 2
    apart = points[:, None] - points[None, :] + np.eye(_POINTS + 1)
    slope = (signs[:, None] / signs[None, :]) / apart
    return points, slope - np.diag(slope.sum(axis=1))


def _lagrange(points: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Lagrange's polynomials of the points at other places, by the barycentric formula."""
    weights = (-1.0) ** np.arange(len(points))
    weights[[0, -1]] /= 2
    apart = at[..., None] - points
    here = np.abs(apart) < 1e-14 * np.abs(points[-1])
    shares = weights / np.where(here, 1.0, apart)
    shares = np.where(here.any(axis=-1, keepdims=True), here, shares)
    return shares / shares.sum(axis=-1, keepdims=True)


def _refined(of: Family, x: Flat, values: Values, guesses: np.ndarray) -> np.ndarray:
    """The roots that Newton's method finds from the rightmost eigenvalues, each as often as it has one."""
    rightmost = guesses[np.argsort(-np.real(guesses))][: 2 * of.size]
    upper = rightmost[np.imag(rightmost) >= 0]
    found, good = (np.asarray(each) for each in _newton(of, x, values, jnp.asarray(upper)))
    kept = found[good]
    return np.concatenate([kept, kept[np.imag(kept) > 1e-9 * np.abs(kept)].conj()])


@eqx.filter_jit
@full_precision
def _newton(
    of: Family, x: Flat, values: Values, guesses: Complex[Array, " roots"]
) -> tuple[Array, Array]:
    about = Expansion(of, x, values)

    def one(guess: Array) -> tuple[Array, Array]:
        # The null vector, by inverse iteration, and Newton's step of the pair (Ruhe 1973).
        start = jax.lax.complex(jnp.ones_like(x), jnp.cos(jnp.arange(x.size, dtype=x.dtype)))

        def step(carry: Any, _: None) -> tuple[Any, None]:
            root, u, _ = carry
            solved = jnp.linalg.solve(about.matrix(root), about.turning(Mode(u, root)))
            place = jnp.argmax(jnp.abs(u))
            change = u[place] / solved[place]
            # On a root itself the matrix is singular: there is nothing left to change.
            found = jnp.all(jnp.isfinite(solved))
            change = jnp.where(found, change, 0.0)
            u = jnp.where(found, _scaled(solved), u)
            return (root - change, u, jnp.abs(change)), None

        begin = (guess, _scaled(start), jnp.ones((), x.dtype))
        (root, _, change), _ = jax.lax.scan(step, begin, None, length=_ITERATIONS)
        size = 1 + jnp.abs(guess)
        good = (change < 1e-8 * size) & (jnp.abs(root - guess) < _FAR * size)
        return root, good & jnp.isfinite(jnp.abs(root))

    return jax.lax.map(one, guesses)


def _scaled(shape: Array) -> Array:
    return shape / jnp.max(jnp.abs(shape)).astype(shape.dtype)
