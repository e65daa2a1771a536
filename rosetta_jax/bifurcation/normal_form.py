r"""The normal form of a Hopf point: the Stuart-Landau oscillator that any network is near its onset.

On the centre manifold of a Hopf point, with $x = x_0 + z q + \bar z\bar q + \dots$ and $\langle p,
\Delta'(i\omega)q\rangle = 1$,

.. math::
    \dot z = (\mu'\delta + i\omega + i\omega'\delta)\,z - (\gamma + i\beta)\,|z|^2 z, \qquad
    \gamma + i\beta = -\tfrac12 p^H\big[C(q, q, \bar q) + 2B(q, h_{11}) + B(\bar q, h_{20})\big]

with $h_{11} = \Delta(0)^{-1}B(q, \bar q)$ and $h_{20} = \Delta(2i\omega)^{-1}B(q, q)$ ($\delta$ the distance
of the parameter; Kuznetsov, Elements of Applied Bifurcation Theory, 5.62 and 10.3; with delays Hassard, Kazarinoff
and Wan, Theory and Applications of Hopf Bifurcation, 1981). A cycle is born stable where $\gamma > 0$. Its scale
is fixed by what is observed: $a = 2(c^Tq)z$, so that a signal is $o_0 + \mathrm{Re}\,a$, of amplitude
$\sqrt{\mu/\gamma_o}$ with $\gamma_o = \gamma/4|c^Tq|^2$.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Complex, Scalar
from rosetta_jax.bifurcation.expansion import Expansion, Mode
from rosetta_jax.bifurcation.family import Family, Flat
from rosetta_jax.bifurcation.points import HopfSolution


class NormalForm(eqx.Module):
    r"""The cubic normal form at a Hopf point, in the scale of $\langle q, q\rangle = 1$.

    `cubic` is $-(\gamma + i\beta)$ (1/s); `crossing` $\mu' + i\omega'$, how the critical root moves with the
    parameter (1/s a unit of it); `right` $q$ and `left` $p$ (n,); `mean` $h_{11}$ and `double` $h_{20}$, how the
    middle moves and the second harmonic grows with $|z|^2$ and $z^2$; `drag` how the equilibrium moves with the
    parameter (n,).
    """

    omega: Scalar
    cubic: Complex[Array, ""]
    crossing: Complex[Array, ""]
    right: Complex[Array, " n"]
    left: Complex[Array, " n"]
    mean: Array
    double: Complex[Array, " n"]
    drag: Array

    @property
    def gamma(self) -> Scalar:
        """How fast amplitude saturates: above zero where the cycle is born stable."""
        return -self.cubic.real

    @property
    def beta(self) -> Scalar:
        """How frequency falls with the square of the amplitude."""
        return -self.cubic.imag


class _Parts(NamedTuple):
    r"""What a normal form is made of.

    $\Delta(i\omega)$, $\Delta'(i\omega)q$, $h_{11}$, $h_{20}$, what is projected on $p$ for the cubic coefficient,
    how the equilibrium moves with the parameter, and how the field along $q$ changes with it.
    """

    matrix: Complex[Array, "n n"]
    turning: Complex[Array, " n"]
    mean: Complex[Array, " n"]
    double: Complex[Array, " n"]
    cubic: Complex[Array, " n"]
    drag: Flat
    moved: Complex[Array, " n"]


@eqx.filter_jit
@full_precision
def normal_form(of: Family, at: HopfSolution) -> NormalForm:
    """The normal form at a Hopf point of a family of one parameter. Differentiable, as the point is."""
    right = at.shape / jnp.sqrt(jnp.vdot(at.shape, at.shape))
    q = Mode(right, jax.lax.complex(jnp.zeros_like(at.omega), at.omega))
    parts = _along_histories(of, at, q) if of.delayed else _at_once(of, at, q)
    left = _left(parts.matrix, parts.turning, right)
    return NormalForm(
        at.omega,
        jnp.vdot(left, parts.cubic) / 2,
        jnp.vdot(left, parts.moved),
        right,
        left,
        parts.mean.real,
        parts.double,
        parts.drag,
    )


def _at_once(of: Family, at: HopfSolution, q: Mode) -> _Parts:
    """Without delays: all second derivatives from one Jacobian, of field and A q in state and parameter."""
    n = at.x.size

    def fields(z: Array) -> Array:
        drift, along = jax.linearize(lambda x: of.drift(x, z[n:]), z[:n])
        return jnp.stack([drift, along(q.shape.real), along(q.shape.imag)])

    slopes = jax.jacfwd(fields)(jnp.append(at.x, at.value))
    jacobian, bends = slopes[0, :, :n], jax.lax.complex(slopes[1], slopes[2])
    one, bend = jnp.eye(n, dtype=bends.dtype), bends[:, :n]
    still, matrix, twice = (
        each * one - jacobian.astype(one.dtype) for each in (0 * q.root, q.root, 2 * q.root)
    )
    mean, double = jax.lax.map(
        lambda each: jnp.linalg.solve(*each),
        (jnp.stack([still, twice]), (bend @ jnp.stack([q.shape.conj(), q.shape], axis=1)).T),
    )
    third = Expansion(of, at.x, at.value[None]).third(q, q, q.conjugate)
    cubic = third + 2 * bend @ mean + bend.conj() @ double
    drag = -jnp.linalg.solve(jacobian, slopes[0, :, n])
    moved = bend @ drag.astype(bend.dtype) + bends[:, n]
    return _Parts(matrix, q.shape, mean, double, cubic, drag, moved)


def _along_histories(of: Family, at: HopfSolution, q: Mode) -> _Parts:
    """With delays: derivatives of the field along what nodes sent before."""
    about = Expansion(of, at.x, at.value[None])
    # The middle and the second harmonic are found side by side: so each derivative is traced once.
    both = _beside(q.conjugate, q)
    matrices = jax.vmap(about.matrix)(q.root + both.root)
    pushed = jax.vmap(about.second, (None, 0))(q, both)
    mean, double = jax.lax.map(lambda each: jnp.linalg.solve(*each), (matrices, pushed))
    shifted = _beside(Mode(mean, jnp.zeros_like(q.root)), Mode(double, 2 * q.root))
    twice, once = jax.vmap(about.second)(_beside(q, q.conjugate), shifted)
    cubic = about.third(q, q, q.conjugate) + 2 * twice + once
    one = jnp.ones_like(at.value)
    along = jax.jvp(lambda value: of.drift(at.x, value[None]), (at.value,), (one,))[1]
    drag = -jnp.linalg.solve(jax.jacfwd(of.drift)(at.x, at.value[None]), along)

    def linear(x: Array, value: Scalar) -> Array:
        return Expansion(of, x, value[None]).first(q)

    moved = jax.jvp(linear, (at.x, at.value), (drag, one))[1]
    return _Parts(about.matrix(q.root), about.turning(q), mean, double, cubic, drag, moved)


def _beside(first: Mode, second: Mode) -> Mode:
    return Mode(*(jnp.stack(pair) for pair in zip(first, second, strict=True)))


def _left(matrix: Array, turning: Array, right: Array) -> Array:
    r"""$p$ with $p^H\Delta(i\omega) = 0$ and $p^H\Delta'(i\omega)q = 1$.

    From a bordered system, which is regular where the matrix itself is not.
    """
    border = jax.lax.stop_gradient(jnp.linalg.svd(matrix)[0][:, -1])
    top = jnp.concatenate([matrix, border[:, None]], axis=1)
    bottom = jnp.append(right.conj(), jnp.zeros_like(border[:1]))
    bordered = jnp.concatenate([top, bottom[None]])
    last = jnp.zeros_like(bottom).at[-1].set(1.0)
    left = jnp.linalg.solve(bordered.conj().T, last)[:-1]
    return left / jnp.vdot(left, turning).conj()
