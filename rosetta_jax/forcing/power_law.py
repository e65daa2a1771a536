r"""Noise of 1/f^k colour: exact for spectra, and as a sum of simple processes that a march can draw.

For $0 < k < 2$, $\int_0^\infty \tau^k (1+\Omega^2\tau^2)^{-1} d\ln\tau = \pi\,|\Omega|^{-k} / 2\sin(\pi k/2)$,
so a power law is a sum of Ornstein-Uhlenbeck processes whose correlation times lie evenly in $\ln\tau$. The
trapezoidal sum converges exponentially with the distance $\Delta$ between them; what lies beyond the two ends
is, within a band, white noise (faster) and one slower process.
"""

import math
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Parameter, Scalar
from rosetta_jax.forcing.noise import Noise, NoiseProcess, spread
from rosetta_jax.parameters import parameter
from rosetta_jax.priors import Interval, NonNegative

# Both kinds are given by their strength at 10 Hz (rad/s).
_REFERENCE = 20 * math.pi
# Correlation times a decade, and how far they reach beyond the band (a factor).
_PER_DECADE = 1.5
_BEYOND = 8.0


def _strength() -> Any:
    return parameter(
        unit="port unit * s^(1/2)",
        symbol="σ",
        description="strength at 10 Hz",
        support=NonNegative(),
    )


class PowerLawNoise(Noise):
    r"""Noise of density $\sigma^2 (\Omega_0 / |\Omega|)^k$, for spectra only.

    The exponent $k$ is 0 for white and 1 for pink noise; $\Omega_0 = 2\pi\cdot 10$ Hz, so `sigma`
    is the strength of the white noise that has the same density at 10 Hz. It has no stationary form
    at zero frequency, so the march refuses it: `PowerLawProcess` has the same density over a band.
    """

    sigma: Parameter = _strength()
    exponent: Parameter = parameter(
        unit="", symbol="k", description="power of the fall with frequency"
    )
    white: ClassVar[bool] = False

    def density(self, omega: Float[Array, " frequencies"]) -> Float[Array, "frequencies *regional"]:
        regional = max(self.sigma.ndim, self.exponent.ndim)
        ratio = (_REFERENCE / jnp.abs(omega)).reshape((-1,) + (1,) * regional)
        power = ratio ** spread(self.exponent, regional)
        return spread(self.sigma**2, regional) * power


class PowerLawProcess(NoiseProcess):
    r"""Noise of density $\sigma^2 (\Omega_0/|\Omega|)^k$, $0 < k < 2$, over a `band` (Hz), for theory and march.

    It is the sum of white noise and Ornstein-Uhlenbeck processes,

    .. math::
        S(\Omega) = w + \sum_m \frac{2 s_m^2 \tau_m}{1 + \Omega^2\tau_m^2}, \qquad
        2 s_m^2 \tau_m = \sigma^2\, \frac{2\Delta}{\pi} \sin\frac{\pi k}{2}\, (\Omega_0 \tau_m)^k,

    with `correlation_times` $\tau_m$ evenly in $\ln\tau$, $w$ what the faster ones beyond them add within the
    band and a last process for the slower ones. `density` is that of the sum, the same for theory and march,
    and within 0.1 dB of the power law over the band. Below the band it levels off; above it becomes white. A
    march draws a deviate for each process, port and node; its step should be below `1 / (6 * band[1])`, or the
    upper end of the band is marched as coarsely as any signal of that frequency.

    Raises `ValueError` for an exponent outside (0, 2): use `WhiteNoise` for 0. The white part is not well
    defined inside a sigmoid, so ports in which a rung is not linear refuse it.
    """

    sigma: Parameter = _strength()
    exponent: Parameter = parameter(
        unit="",
        symbol="k",
        description="power of the fall with frequency",
        support=Interval(0.0, 2.0),
    )
    band: tuple[float, float] = eqx.field(default=(0.5, 100.0), static=True)
    white: ClassVar[bool] = True

    def __check_init__(self):
        if not _checks.band("band", self.band)[0] > 0:
            raise ValueError(f"`band` must begin above zero, such as (0.5, 100), got {self.band}.")

    @property
    def correlation_times(self) -> Float[np.ndarray, " processes"]:
        """The correlation times of the processes (s), the fastest first; the last stands for all slower."""
        low, high = self.band
        fastest, slowest = 1 / (2 * np.pi * high * _BEYOND), _BEYOND / (2 * np.pi * low)
        count = math.ceil(_PER_DECADE * math.log10(slowest / fastest)) + 2
        return np.geomspace(fastest, slowest, count)

    @property
    def deviates(self) -> int:
        return 1 + len(self.correlation_times)

    def _strengths(self, regional: int) -> tuple[Array, Array]:
        """The density of the white part `(1, *regional)` and of each process at 0 `(processes, *regional)`."""
        tau = self.correlation_times
        step = math.log(tau[1] / tau[0])
        k = spread(self.exponent, regional)
        times = jnp.asarray(_REFERENCE * tau, k.dtype).reshape((-1,) + (1,) * regional)
        size = spread(self.sigma**2, regional) * jnp.sin(jnp.pi * k / 2) * (2 * step / jnp.pi)
        # What the geometric series of densities add beyond either end.
        white = size * times[:1] ** k / jnp.expm1(k * step)
        inner = size * times[:-1] ** k
        slower = size * times[-1:] ** k / -jnp.expm1((k - 2) * step)
        return white, jnp.concatenate([inner, slower])

    def density(self, omega: Float[Array, " frequencies"]) -> Float[Array, "frequencies *regional"]:
        regional = max(self.sigma.ndim, self.exponent.ndim)
        white, coloured = self._strengths(regional)
        tau = jnp.asarray(self.correlation_times, omega.dtype)
        falls = 1 / (1 + (omega[:, None] * tau[None, :]) ** 2)
        return white + jnp.tensordot(falls, coloured, axes=1)

    def start(
        self, normal: Float[Array, "deviates nodes"]
    ) -> Float[Array, "processes ports nodes"]:
        return self._deviations(normal.dtype) * self._parted(normal)[1:]

    def advance(
        self,
        state: Float[Array, "processes ports nodes"],
        normal: Float[Array, "deviates nodes"],
        dt: Scalar,
    ) -> Float[Array, "processes ports nodes"]:
        ratio = dt / self._times(normal.dtype)
        kick = self._deviations(normal.dtype) * jnp.sqrt(-jnp.expm1(-2 * ratio))
        return jnp.exp(-ratio) * state + kick * self._parted(normal)[1:]

    def values(
        self, before: Array, after: Array, normal: Float[Array, "deviates nodes"], dt: Scalar
    ) -> tuple[Float[Array, "ports nodes"], Float[Array, "ports nodes"]]:
        white, _ = self._strengths(1)
        held = jnp.sqrt(white / dt) * self._parted(normal)[0]
        # A process faster than the step is marched with the density it has at low frequencies.
        ratio = dt / (2 * self._times(normal.dtype))
        size = jnp.sqrt(jnp.tanh(ratio) / ratio)
        return held + jnp.sum(size * before, axis=0), held + jnp.sum(size * after, axis=0)

    def _times(self, dtype: Any) -> Float[Array, "processes 1 1"]:
        return jnp.asarray(self.correlation_times, dtype)[:, None, None]

    def _deviations(self, dtype: Any) -> Float[Array, "processes 1 spread"]:
        _, coloured = self._strengths(1)
        return jnp.sqrt(coloured[:, None, :] / (2 * self._times(dtype)))

    def _parted(
        self, normal: Float[Array, "deviates nodes"]
    ) -> Float[Array, "processes ports nodes"]:
        return normal.reshape(self.deviates, -1, normal.shape[-1])
