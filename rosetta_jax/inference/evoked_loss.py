r"""Measured against predicted evoked responses, of regions or, within `AtSensors`, of sensors."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Scalar
from rosetta_jax.inference.losses import Loss
from rosetta_jax.inference.route import Prediction

EVOKED_COMPARISONS = ("level", "pattern", "shape")
_LONGEST = 30.0


class EvokedLoss(Loss):
    r"""Evoked time courses: what a network's drive or field adds to its signal at rest, averaged over trials.

    `times` (T,) s, from 0 where the stimulus begins, and `measured` (T, nodes), relative to the baseline before;
    of sensors (T, sensors) within `rj.inference.AtSensors`. With y the measured and p the predicted time courses,
    `compare="level"` takes the deviance $\sum ((p - y)/sd)^2$ of errors with standard deviation `sd`, in the unit
    of `measured`, a number or one a sensor (as independent at all times, which flatters the certainty of smooth
    averages); "pattern" $1 - \cos(p, y)$ over times and sensors at once, which leaves one common factor free, as
    where a lead field has no unit; "shape" the mean over sensors of $1 - \cos(p_i, y_i)$, a factor each.

    By theory the response is that to first order (`rj.linear.evoked_response`), by `rj.Simulated` that of a march
    from rest (`rj.evoked`), whose `dt` must divide the times. Where the recording was filtered, `low_pass` (Hz)
    says what theory need not compute: it costs one solve a frequency. Raises `ValueError` for shapes that differ,
    times before the stimulus, sensors that are flat, and `sd` with another comparison than "level".
    """

    measured: Float[Array, "time sensors"]
    sd: Float[Array, "..."]
    weight: Scalar
    times: tuple[float, ...] = eqx.field(static=True)
    compare: str = eqx.field(static=True)
    low_pass: float | None = eqx.field(static=True)

    def __init__(
        self,
        times: Any,
        measured: Any,
        compare: str = "pattern",
        sd: Any = None,
        weight: Any = 1.0,
        low_pass: float | None = None,
    ):
        self.measured = _checks.finite("measured", _checks.as_float_array(measured, "measured"))
        self.compare = _checks.one_of("compare", compare, EVOKED_COMPARISONS)
        self.times = _as_times(times, self.measured.shape)
        self.sd = _as_sd(sd, self.compare, self.measured.shape[1])
        self.weight = _checks.non_negative("weight", _checks.as_float_array(weight, "weight"))
        self.low_pass = None if low_pass is None else _checks.known("low_pass", low_pass, "Hz")
        if self.compare != "level":
            _require_moving(self.measured, self.compare)

    @property
    def highest(self) -> float | None:
        return None

    def predicted(self, prediction: Prediction) -> Float[Array, "time sensors"]:
        """What is compared with `measured`."""
        found = prediction.evoked(np.array(self.times), self.low_pass)
        self._require_same(found.shape[1])
        return found

    def residual(self, prediction: Prediction) -> Float[Array, " residuals"]:
        found = self.predicted(prediction)
        if self.compare == "level":
            return jnp.sqrt(self.weight) * ((found - self.measured) / self.sd).reshape(-1)
        axis, share = (None, 2) if self.compare == "pattern" else (0, 2 * found.shape[1])
        difference = _unit(found, axis) - _unit(self.measured, axis)
        return jnp.sqrt(self.weight / share) * difference.reshape(-1)

    def _require_same(self, predicted: int) -> None:
        measured = self.measured.shape[1]
        if predicted != measured:
            raise ValueError(
                f"`measured` has {measured} time courses and the prediction {predicted}: they must be of the same "
                "regions, or of the same sensors within rj.inference.AtSensors."
            )


def cosine(measured: Any, predicted: Any) -> Float[np.ndarray, " sensors"]:
    r"""$\cos(p_i, y_i)$ of the time courses (time, sensors) of every sensor; NaN where one is flat."""
    measured, predicted = np.asarray(measured), np.asarray(predicted)
    length = np.linalg.norm(measured, axis=0) * np.linalg.norm(predicted, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (measured * predicted).sum(axis=0) / length


def _unit(course: Float[Array, "time sensors"], axis: int | None) -> Float[Array, "time sensors"]:
    squared = jnp.sum(course**2, axis=axis, keepdims=True)
    # A network that does not answer at all: infinitely far, not a division of nothing by nothing.
    return course / jnp.sqrt(squared)


def _as_times(times: Any, shape: tuple[int, ...]) -> tuple[float, ...]:
    _checks.require_known("times", times, "say how long to march")
    given = np.asarray(_checks.finite("times", _checks.as_float_array(times, "times")), float)
    if given.ndim != 1 or len(shape) != 2 or shape[0] != given.size:
        raise ValueError(
            f"`measured` must be (times, sensors), one row a time, got {shape} for times of shape {given.shape}: "
            "transpose it if sensors lead."
        )
    if given.min() < 0:
        raise ValueError(
            f"`times` begin at {given.min():g} s, before the stimulus at 0 s: subtract the baseline and "
            "leave it out."
        )
    if (np.diff(given) <= 0).any():
        raise ValueError("`times` must increase.")
    if given.max() > _LONGEST:
        raise ValueError(
            f"`times` reach {given.max():g} s: give seconds, not milliseconds; longer responses are not averages."
        )
    return tuple(float(time) for time in given)


def _as_sd(sd: Any, compare: str, sensors: int) -> Array:
    if compare != "level":
        if sd is not None:
            raise ValueError(f"`sd` has no meaning with compare={compare!r}: leave it out.")
        return jnp.ones(())
    if sd is None:
        raise ValueError(
            "`sd` is needed with compare='level': the standard error of the average, from the baseline say."
        )
    array = _checks.positive("sd", _checks.as_float_array(sd, "sd"))
    if array.shape not in ((), (sensors,)):
        raise ValueError(f"`sd` must be one number or ({sensors},), got shape {array.shape}.")
    return array if array.ndim == 0 else array[None]


def _require_moving(measured: Array, compare: str) -> None:
    if not _checks.is_concrete(measured):
        return
    lengths = np.linalg.norm(np.asarray(measured), axis=0)
    flat = np.flatnonzero(lengths == 0)
    if flat.size == lengths.size or (compare == "shape" and flat.size):
        raise ValueError(f"`measured` is zero throughout in sensor {flat[0]}: leave it out.")
