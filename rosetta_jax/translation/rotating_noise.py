r"""The noisy Stuart-Landau oscillator exactly: its variance, and how its rotation loses coherence.

With $dz = [(\alpha + i\omega) z - (\gamma + i\beta)|z|^2 z]\,dt + \sigma\,(dW_1 + i\,dW_2)$ the radius is
distributed as $P(r) \propto r\,e^{(\alpha r^2 - \gamma r^4/2)/\sigma^2}$, and the mean of $g(r)e^{i\theta}$
moves by

.. math::
    L g = (\alpha r - \gamma r^3) g' + i(\omega - \beta r^2) g + \tfrac{\sigma^2}{2}\Big(g'' + \frac{g'}{r} -
    \frac{g}{r^2}\Big)

(the backward Kolmogorov equation; Risken, The Fokker-Planck Equation, chapter 12). The eigenvalue of $L$ with the
largest real part, $-D + i\Omega$, is how the correlation of $z$ decays and turns. It is found in odd polynomials
of the radius, orthogonal under $P$, to rounding from about twenty of them.
"""

from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev, legendre

# Odd polynomials, and points at which they are integrated.
_POLYNOMIALS, _POINTS = 32, 400
# The radius is followed to where its density has fallen to exp(-40).
_DEEP = 40.0


class RotatingNoise(NamedTuple):
    r"""The correlation $\langle z(t)\,\bar z(0)\rangle = \sum_k w_k e^{\lambda_k t}$: `roots` (1/s) and `weights`.

    The first root decays slowest. A weak force $F$ on $z$ moves its mean by $\sum_k \rho_k e^{\lambda_k t} F$ at a
    time $t$ later: `pushes` are $\rho$.
    """

    roots: np.ndarray
    weights: np.ndarray
    pushes: np.ndarray

    @property
    def variance(self) -> float:
        """The mean of $|z|^2$."""
        return float(np.sum(self.weights).real)

    @property
    def decay(self) -> float:
        """How fast the rotation loses coherence (1/s)."""
        return float(-self.roots[0].real)

    @property
    def omega(self) -> float:
        """How fast it turns (rad/s)."""
        return float(self.roots[0].imag)

    def density(self, frequencies: np.ndarray) -> np.ndarray:
        """The one-sided power density of $x$ at `frequencies` (Hz)."""
        turning = 2j * np.pi * np.asarray(frequencies)[:, None]
        both = 1 / (turning - self.roots) - 1 / (turning + self.roots)
        return np.real(both @ self.weights)


def rotating_noise(
    alpha: float, omega: float, gamma: float, beta: float, sigma: float
) -> RotatingNoise:
    """The exact correlation of one noisy Stuart-Landau oscillator; `sigma` is the noise of each coordinate."""
    # In units of time and radius in which noise and saturation are one, so that any strength is well posed.
    time, squared = 1 / (sigma * np.sqrt(gamma)), sigma / np.sqrt(gamma)
    a, shear = alpha * time, beta / gamma
    top = a + np.sqrt(min(a, 0.0) ** 2 + 2 * _DEEP)
    low = max(a - np.sqrt(2 * _DEEP), 0.0)
    place, share = legendre.leggauss(_POINTS)
    u = low + (top - low) * (place + 1) / 2
    density = share * np.exp(a * u - u**2 / 2 - max(a, 0.0) ** 2 / 2)
    grown, moved, pushed = _basis(place, u, 2 / (top - low), a, shear)
    weight = np.sqrt(density / density.sum())[:, None]
    orthogonal, triangle = np.linalg.qr(weight * grown)
    values, vectors = np.linalg.eig(orthogonal.T @ (weight * moved) @ np.linalg.inv(triangle))
    # z itself is the first polynomial.
    own = triangle[:, 0]
    parts = np.linalg.solve(vectors, own.astype(complex))
    force = (density / density.sum()) @ pushed @ np.linalg.inv(triangle)
    order = np.argsort(-np.real(values))
    return RotatingNoise(
        values[order] / time + 1j * omega,
        ((own @ vectors) * parts)[order] * squared,
        ((force @ vectors) * parts)[order],
    )


def _basis(
    place: np.ndarray, u: np.ndarray, slope: float, a: float, shear: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """$g = r\\,h(r^2)$ for Chebyshev polynomials $h$, $L g$ without the rotation, and $(g' + g/r)/2$.

    In $u = r^2$: $L g = r[(a - u)(h + 2uh') - i s u h + 4h' + 2uh'']$ with noise and saturation one.
    """
    one = np.eye(_POLYNOMIALS)
    h, first, second = (
        slope**order * chebyshev.chebval(place, chebyshev.chebder(one, order, axis=0)).T
        for order in range(3)
    )
    r, u = np.sqrt(u)[:, None], u[:, None]
    moved = (a - u) * (h + 2 * u * first) - 1j * shear * u * h + 4 * first + 2 * u * second
    return r * h, r * moved, h + u * first
