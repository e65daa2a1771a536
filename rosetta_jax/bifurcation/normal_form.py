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

import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Complex, Scalar
from rosetta_jax.bifurcation.expansion import Expansion, Mode
from rosetta_jax.bifurcation.family import Family
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


@eqx.filter_jit
@full_precision
def normal_form(of: Family, at: HopfSolution) -> NormalForm:
    """The normal form at a Hopf point of a family of one parameter. Differentiable, as the point is."""
    values = at.value[None]
    about = Expansion(of, at.x, values)
    right = at.shape / jnp.sqrt(jnp.vdot(at.shape, at.shape))
    turning = jax.lax.complex(jnp.zeros_like(at.omega), at.omega)
    q = Mode(right, turning)
    left = _left(about, q)
    # The middle and the second harmonic are found side by side: so each derivative is traced once.
    both = _beside(q.conjugate, q)
    matrices = jax.vmap(about.matrix)(q.root + both.root)
    pushed = jax.vmap(about.second, (None, 0))(q, both)
    mean, double = jax.lax.map(lambda at: jnp.linalg.solve(*at), (matrices, pushed))
    shifted = _beside(Mode(mean, jnp.zeros_like(turning)), Mode(double, 2 * turning))
    twice, once = jax.vmap(about.second)(_beside(q, q.conjugate), shifted)
    cubic = about.third(q, q, q.conjugate) + 2 * twice + once
    drag, crossing = _crossing(of, at, q, left)
    return NormalForm(
        at.omega,
        jnp.vdot(left, cubic) / 2,
        crossing,
        right,
        left,
        mean.real,
        double,
        drag,
    )


def _beside(first: Mode, second: Mode) -> Mode:
    return Mode(*(jnp.stack(pair) for pair in zip(first, second, strict=True)))


def _left(about: Expansion, q: Mode) -> Array:
    r"""$p$ with $p^H\Delta(i\omega) = 0$ and $p^H\Delta'(i\omega)q = 1$.

    From a bordered system, which is regular where the matrix itself is not.
    """
    matrix = about.matrix(q.root)
    border = jax.lax.stop_gradient(jnp.linalg.svd(matrix)[0][:, -1])
    top = jnp.concatenate([matrix, border[:, None]], axis=1)
    bottom = jnp.append(q.shape.conj(), jnp.zeros_like(q.root))
    bordered = jnp.concatenate([top, bottom[None]])
    last = jnp.zeros_like(bottom).at[-1].set(1.0)
    left = jnp.linalg.solve(bordered.conj().T, last)[:-1]
    return left / jnp.vdot(left, about.turning(q)).conj()


def _crossing(of: Family, at: HopfSolution, q: Mode, left: Array) -> tuple[Array, Array]:
    """How the equilibrium and the critical root move with the parameter."""
    one = jnp.ones_like(at.value)
    pushed = jax.jvp(lambda value: of.drift(at.x, value[None]), (at.value,), (one,))[1]
    drag = -jnp.linalg.solve(jax.jacfwd(of.drift)(at.x, at.value[None]), pushed)

    def linear(x: Array, value: Scalar) -> Array:
        return Expansion(of, x, value[None]).first(q)

    moved = jax.jvp(linear, (at.x, at.value), (drag, one))[1]
    return drag, jnp.vdot(left, moved)
