r"""A fast stand-in for haemodynamics: convolution with a response function of two gamma densities.

.. math::
    h(t) = g\,\frac{p(t; a_1, b_1) - c\,p(t; a_2, b_2)}{1 - c}, \quad
    p(t; a, b) = \frac{t^{a-1} e^{-t/b}}{\Gamma(a)\, b^a}, \qquad
    H(\omega) = g\,\frac{(1 + i\omega b_1)^{-a_1} - c\,(1 + i\omega b_2)^{-a_2}}{1 - c}

a peak near $(a_1 - 1) b_1$ seconds and an undershoot near $(a_2 - 1) b_2$, of area $g$: linear, without states,
without saturation. It is meant for series that are saved already; a march takes `BalloonWindkessel`, whose slope
at rest is $g \approx 0.128$.

Source: Friston et al. 1998, Magnetic Resonance in Medicine 39:41; the values are the canonical ones of SPM.
"""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from rosetta_jax import _checks
from rosetta_jax._types import Array, Complex, Float, Parameter, Series
from rosetta_jax.parameters import check_parameters, parameter
from rosetta_jax.priors import Interval, Positive

_SOURCE = "Friston et al. 1998; SPM's canonical response"
# Standard deviations beyond the mean of a gamma density where it is over: at most 4e-8 of any of shape 1 is left.
_OVER = 16.0
# Points of Gauss's rule in one sample.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(4)


def _shape(default: float, symbol: str, description: str) -> Any:
    return parameter(
        default,
        unit="",
        symbol=symbol,
        description=description,
        support=Positive(),
        source=_SOURCE,
    )


def _width(symbol: str, description: str) -> Any:
    return parameter(
        1.0,
        unit="s",
        symbol=symbol,
        description=description,
        support=Positive(),
        source=_SOURCE,
        span=(0.03, 100.0),
    )


class GammaHRF(eqx.Module):
    """The canonical response function; parameters shared or regional. Raises `ValueError` outside of supports."""

    peak_shape: Parameter = _shape(6.0, "a1", "shape of the peak")
    peak_width: Parameter = _width("b1", "time scale of the peak")
    undershoot_shape: Parameter = _shape(16.0, "a2", "shape of the undershoot")
    undershoot_width: Parameter = _width("b2", "time scale of the undershoot")
    undershoot: Parameter = parameter(
        1 / 6,
        unit="",
        symbol="c",
        description="area of the undershoot relative to that of the peak",
        support=Interval(0.0, 1.0),
        source=_SOURCE,
    )
    gain: Parameter = parameter(
        1.0,
        unit="signal per unit of activity",
        symbol="g",
        description="area of the response, its gain at frequency zero",
        support=Positive(),
        source="a choice",
    )

    def __check_init__(self):
        check_parameters(self)

    def response(self, times: Float[Array, " time"]) -> Float[Array, "time *nodes"]:
        """The response $h$ (signal per unit of activity and second) at times (s); zero before zero."""
        own, times = self._beside(times)
        peak = _density(times, own.peak_shape, own.peak_width)
        under = _density(times, own.undershoot_shape, own.undershoot_width)
        return own._joined(peak, under)

    def transfer(self, omega: Float[Array, " frequencies"]) -> Complex[Array, "frequencies *nodes"]:
        """The transfer function $H$, from activity to signal, at `omega` (rad/s)."""
        own, omega = self._beside(omega)

        def part(shape: Array, width: Array) -> Array:
            angle = omega * width
            size = jnp.exp(-0.5 * shape * jnp.log1p(angle**2))
            phase = -shape * jnp.arctan(angle)
            return jax.lax.complex(size * jnp.cos(phase), size * jnp.sin(phase))

        peak = part(own.peak_shape, own.peak_width)
        under = part(own.undershoot_shape, own.undershoot_width)
        return jax.lax.complex(
            own._joined(peak.real, under.real), own._joined(peak.imag, under.imag)
        )

    def _beside(self, values: Array) -> tuple["GammaHRF", Array]:
        """The response with nodes last, and times or frequencies before them where a parameter is regional."""
        rank = max(leaf.ndim for leaf in jax.tree.leaves(self))
        own = jax.tree.map(lambda leaf: leaf[None] if leaf.ndim else leaf, self)
        return own, values.reshape(-1, *[1] * rank)

    def _joined(self, peak: Array, under: Array) -> Array:
        return self.gain * (peak - self.undershoot * under) / (1 - self.undershoot)

    def convolve(self, series: ArrayLike, dt: float) -> Series:
        r"""The signal of a series of activity (time, nodes), sampled every `dt` (s).

        $y(t) = \int_0^\infty h(\tau)\, a(t-\tau)\, d\tau$ of the series taken as a line from sample to sample,
        right to second order in `dt`, by fast Fourier transforms. Before its begin the series is taken at its
        first value. Raises `ValueError` for a series that is none, and for shapes or widths that are traced.
        """
        series = _checks.series("series", series)
        dt = _checks.known("dt", dt, "s")
        samples = series.shape[0]
        kernel = self._kernel(min(samples, self._over(dt)), dt).astype(series.dtype)
        kernel = jnp.broadcast_to(
            kernel.reshape(kernel.shape[0], -1), (len(kernel), series.shape[1])
        )
        length = samples + kernel.shape[0] - 1
        first = series[:1]
        moved = jnp.fft.rfft(series - first, length, axis=0) * jnp.fft.rfft(kernel, length, axis=0)
        return self.gain * first + jnp.fft.irfft(moved, length, axis=0)[:samples]

    def _over(self, dt: float) -> int:
        """How many samples the response lasts."""
        parts = (self.peak_shape, self.undershoot_shape, self.peak_width, self.undershoot_width)
        _checks.require_known("shape and width", parts, "fix how long the response lasts")
        shapes, widths = (np.asarray(a) for a in parts[:2]), (np.asarray(b) for b in parts[2:])
        ends = [np.max((a + _OVER * np.sqrt(a)) * b) for a, b in zip(shapes, widths, strict=True)]
        return math.ceil(max(ends) / dt) + 1

    def _kernel(self, number: int, dt: float) -> Array:
        """The response weighed by the hat of each sample: what a line from sample to sample makes of it."""
        dtype = self.gain.dtype
        halves = np.concatenate([(_NODES - 1) / 2, (_NODES + 1) / 2])
        hats = np.concatenate([_WEIGHTS, _WEIGHTS]) / 2 * (1 - np.abs(halves))
        times = (np.arange(number)[:, None] + halves[None, :]) * dt
        found = self.response(jnp.asarray(times.ravel(), dtype)).reshape(number, 8, -1)
        return dt * jnp.einsum("h,nhr->nr", jnp.asarray(hats, dtype), found)


def _density(times: Array, shape: Array, width: Array) -> Array:
    """The gamma density, zero at and before zero."""
    after = times > 0
    safe = jnp.where(after, times, 1.0) / width
    log = (shape - 1) * jnp.log(safe) - safe - jax.scipy.special.gammaln(shape)
    return jnp.where(after, jnp.exp(log) / width, 0.0)
