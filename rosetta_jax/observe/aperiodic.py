r"""The part of a spectrum without rhythms: a straight line in double logarithms, with or without a knee.

.. math::  \log_{10} P(f) = b - \log_{10}(k + f^\chi),

with offset $b$, exponent $\chi$ and knee parameter $k$ ($k = 0$: the line $b - \chi \log_{10} f$); the spectrum
bends at $k^{1/\chi}$ Hz. The fit is least squares on the bins that lie in no peak band: those are left out by
hand, or lose their weight by themselves (`robust`): residuals count less, the farther they stand out, by
Tukey's biweight about the line fitted last, with a scale of the median absolute residual. Peaks stand out
upwards, so this is where it helps.

Without a knee the fit is a closed form and, robust or not, a finite number of differentiable steps; with a knee
Levenberg and Marquardt's steps, of which there are as many as settle it on spectra of the brain.

Source: Donoghue et al. 2020, Nat. Neurosci. 23:1655 (the form; there peaks are fitted in turn with the line);
Beaton & Tukey 1974, Technometrics 16:147 (the weights).
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Nodal, Spectrum
from rosetta_jax.observe.features import spectrum_checked

# Tukey's weights: a residual of so many median absolute residuals has none left (4.685 standard deviations).
_REACH = 4.685 * 1.4826
_ROUNDS = 20
_KNEE_STEPS = 60
_NEAR = 1e-3


class Aperiodic(eqx.Module):
    """The aperiodic part of each node's spectrum.

    `offset` (nodes,) in decades of power, the logarithm of the density at 1 Hz where there is no knee;
    `exponent` (nodes,); `knee` (nodes,), k above, in Hz to the exponent, zero where none was asked for; `error`
    (nodes,), the root mean square of the residuals that count, in decades.
    """

    offset: Nodal
    exponent: Nodal
    knee: Nodal
    error: Nodal

    @property
    def knee_frequency(self) -> Nodal:
        """Where the spectrum bends, in Hz: zero without a knee."""
        bent = self.knee > 0
        return jnp.where(bent, jnp.where(bent, self.knee, 1.0) ** (1 / self.exponent), 0.0)

    def density(self, frequencies: ArrayLike) -> Spectrum:
        """The density without peaks at any frequencies (Hz, above zero): (frequencies, nodes)."""
        asked = _checks.as_float_array(frequencies, "frequencies").astype(self.offset.dtype)
        if asked.ndim != 1:
            raise ValueError(f"`frequencies` must be a list of hertz, got shape {asked.shape}.")
        _checks.positive("frequencies", asked, "Hz")
        power = asked[:, None] ** self.exponent[None, :]
        return 10 ** self.offset[None, :] / (self.knee[None, :] + power)


def aperiodic_fit(
    frequencies: ArrayLike,
    density: ArrayLike,
    *,
    band: tuple[float, float] | None = None,
    leave_out: tuple[tuple[float, float], ...] = ((7.0, 14.0),),
    robust: bool = False,
    knee: bool = False,
) -> Aperiodic:
    """The aperiodic part of each node's spectrum, by least squares on its decadic logarithm.

    **Arguments:** `frequencies` (frequencies,) in Hz, increasing; `density` (frequencies, nodes) per Hz, above
    zero; `band` (low, high) in Hz, the bins to fit, by default all above zero; `leave_out`, bands of peaks
    whose bins do not count; `robust` lets bins that stand out lose their weight; `knee` fits k too, for spectra
    that level off at low frequencies, and needs a band that shows both the level and the slope.

    **Returns:** an `Aperiodic`. Differentiable in the density, exactly; with both `robust` and `knee` the
    weights are held. **Raises:** `ValueError` for frequencies or a density that do not fit this, and where
    fewer than four bins are left.
    """
    grid, density = spectrum_checked(frequencies, density)
    kept = _kept(grid, band, leave_out)
    power = jnp.log10(_checks.positive("density", density[kept]))
    abscissa = jnp.asarray(np.log10(grid[kept]), density.dtype)
    one = _fit_knee if knee else _fit_line
    return Aperiodic(*jax.vmap(lambda each: one(abscissa, each, robust), 1)(power))


def _kept(
    grid: np.ndarray, band: tuple[float, float] | None, leave_out: tuple[tuple[float, float], ...]
) -> np.ndarray:
    """Which bins count."""
    low, high = (0.0, float(grid[-1])) if band is None else _checks.band("band", band)
    kept = (grid > 0) & (grid >= low) & (grid <= high)
    for each in leave_out:
        below, above = _checks.band("leave_out", each)
        kept &= (grid < below) | (grid > above)
    if kept.sum() < 4:
        raise ValueError(
            f"`band` and `leave_out` leave {kept.sum()} bins, but a fit needs at least four: widen `band`, or "
            "leave out less."
        )
    return kept


_Bins = Float[Array, " bins"]


def _fit_line(abscissa: _Bins, power: _Bins, robust: bool) -> tuple[Array, ...]:
    weights = jnp.ones_like(power)
    if robust:

        def again(weights: _Bins, _: None) -> tuple[_Bins, None]:
            offset, slope = _line(abscissa, power, weights)
            return _weights(power - offset - slope * abscissa), None

        weights, _ = jax.lax.scan(again, weights, length=_ROUNDS)
    offset, slope = _line(abscissa, power, weights)
    error = _size(power - offset - slope * abscissa, weights)
    return offset, -slope, jnp.zeros_like(offset), error


def _line(abscissa: _Bins, power: _Bins, weights: _Bins) -> tuple[Array, Array]:
    """Offset and slope of the weighted least squares."""
    shares = weights / jnp.sum(weights)
    middle, level = jnp.sum(shares * abscissa), jnp.sum(shares * power)
    aside = abscissa - middle
    slope = jnp.sum(shares * aside * (power - level)) / jnp.sum(shares * aside**2)
    return level - slope * middle, slope


def _weights(residuals: _Bins) -> _Bins:
    """Tukey's biweight, with a scale below which residuals are rounding."""
    scale = jnp.maximum(jnp.median(jnp.abs(residuals)), 1e3 * jnp.finfo(residuals.dtype).eps)
    ratio = residuals / (_REACH * scale)
    return jnp.where(jnp.abs(ratio) < 1, (1 - ratio**2) ** 2, 0.0)


def _size(residuals: _Bins, weights: _Bins) -> Array:
    mean = jnp.sum(weights * residuals**2) / jnp.sum(weights)
    exact = mean == 0
    return jnp.where(exact, 0.0, jnp.sqrt(jnp.where(exact, 1.0, mean)))


def _fit_knee(abscissa: _Bins, power: _Bins, robust: bool) -> tuple[Array, ...]:
    held = jax.lax.stop_gradient(power)
    weights = jnp.ones_like(power)
    found = _descend(abscissa, held, weights, _knee_start(abscissa, held), _KNEE_STEPS)
    if robust:

        def again(carry: tuple[Array, _Bins], _: None) -> tuple[tuple[Array, _Bins], None]:
            weights = _weights(held - _bent(carry[0], abscissa))
            return (_descend(abscissa, held, weights, carry[0], 5), weights), None

        (found, weights), _ = jax.lax.scan(again, (found, weights), length=_ROUNDS)
    level, bend, exponent = _with_gradient(abscissa, power, weights, found)
    residuals = power - _bent(jnp.stack([level, bend, exponent]), abscissa)
    return level + exponent * bend, exponent, 10 ** (exponent * bend), _size(residuals, weights)


def _bent(point: Float[Array, "3"], abscissa: _Bins) -> _Bins:
    r"""The logarithm of the density for level, logarithm of the knee's frequency, and exponent.

    $c - \log_{10}(1 + (f/f_k)^\chi)$, which is better conditioned than in b and k.
    """
    level, bend, exponent = point
    turn = jnp.log(10.0).astype(abscissa.dtype)
    return level - jax.nn.softplus(turn * exponent * (abscissa - bend)) / turn


def _loss(point: Float[Array, "3"], abscissa: _Bins, power: _Bins, weights: _Bins) -> Array:
    return 0.5 * jnp.sum(weights * (power - _bent(point, abscissa)) ** 2)


def _knee_start(abscissa: _Bins, power: _Bins) -> Float[Array, "3"]:
    """The level of the lowest bins, a knee in the middle, the slope of the upper half."""
    half = len(power) // 2
    _, slope = _line(abscissa[half:], power[half:], jnp.ones_like(power[half:]))
    level = jnp.mean(power[: max(len(power) // 10, 2)])
    return jnp.stack([level, (abscissa[0] + abscissa[-1]) / 2, jnp.maximum(-slope, 0.5)])


def _descend(
    abscissa: _Bins, power: _Bins, weights: _Bins, start: Float[Array, "3"], steps: int
) -> Float[Array, "3"]:
    """Levenberg and Marquardt's steps, each taken if it lowers the loss."""

    def step(carry: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], None]:
        point, damping = carry
        slopes = jax.jacfwd(_bent)(point, abscissa)
        normal = _products(slopes.T * weights[None, :], slopes)
        gradient = _products(slopes.T * weights[None, :], (power - _bent(point, abscissa))[:, None])
        damped = normal + damping * jnp.diag(jnp.diagonal(normal) + 1e-6)
        trial = point + _products(_inverse(damped), gradient)[:, 0]
        better = _loss(trial, abscissa, power, weights) < _loss(point, abscissa, power, weights)
        damping = jnp.clip(damping * jnp.where(better, 0.2, 5.0), 1e-9, 1e9)
        return (jnp.where(better, trial, point), damping), None

    start_damping = jnp.asarray(1e-2, power.dtype)
    (point, _), _ = jax.lax.scan(step, (start, start_damping), length=steps)
    return point


def _with_gradient(
    abscissa: _Bins, power: _Bins, weights: _Bins, found: Float[Array, "3"]
) -> Float[Array, "3"]:
    """The point found, with the slope that a minimum has in the power: that of one Newton step."""
    gradient = jax.grad(_loss)(found, abscissa, power, weights)
    curvature = jax.hessian(_loss)(found, abscissa, jax.lax.stop_gradient(power), weights)
    step = _products(_inverse(curvature), gradient[:, None])[:, 0]
    # Near the minimum, which descent knows to half of the digits, the step finds the others too.
    near = jnp.max(jnp.abs(step)) < _NEAR
    return found - jnp.where(near, step, step - jax.lax.stop_gradient(step))


def _products(left: Array, right: Array) -> Array:
    return jnp.matmul(left, right, precision=jax.lax.Precision.HIGHEST)


def _inverse(matrix: Float[Array, "3 3"]) -> Float[Array, "3 3"]:
    """The inverse of three by three by cross products, which many nodes make side by side without LAPACK."""
    across = jnp.stack([jnp.cross(matrix[(k + 1) % 3], matrix[(k + 2) % 3]) for k in range(3)])
    return across.T / jnp.sum(matrix[0] * across[0])
