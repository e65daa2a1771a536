r"""Losses in units of the data's own noise, from the two halves of a recording.

Terms of a sum differ in kind: decibels, correlations, shares. What they have in common is the noise of what was
measured. Let a loss be quadratic in small errors, and v its expectation between the truth and a measurement of one
half. Two halves differ by twice that, since both are noisy,

.. math::  E[L(h_1, h_2)] = 2v, \qquad w = \frac{n}{v} = \frac{2n}{L(h_1, h_2)}

and a recording n halves long has the noise v/n. With weight w a term is 1 in expectation where the model is the
truth, 2 where it is another recording as long as this one, and what it is above 1 is misfit, whatever its kind.

Source: the noise ceiling of repeated measurements, Schoppe et al., Front. Comput. Neurosci. 10:10 (2016).
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Int, Pairwise, Spectrum
from rosetta_jax.inference.at_sensors import AtSensors
from rosetta_jax.inference.losses import Loss, SumOfLosses
from rosetta_jax.inference.route import Prediction
from rosetta_jax.observe import LeadField
from rosetta_jax.results import Status

# What two halves may differ in.
_DATA = ("measured", "share", "degrees", "samples", "log_determinant")


def calibrated(
    losses: Sequence[Loss],
    first: Sequence[Loss],
    second: Sequence[Loss],
    *,
    halves: float = 2.0,
) -> SumOfLosses:
    """The sum of `losses`, each in units of its own noise: 1 where the model is the truth.

    `losses` are those to fit, of the whole recording say; `first` and `second` the same losses of its two halves,
    term by term, with the same settings and weights and other data. `halves` says how many of them the data of
    `losses` are long: 2 for the whole, 1 where one half itself is fitted and the other judges. The halves must be
    independent: cut in the middle, or take other trials; odd and even samples share their noise. Each term's own
    `weight` changes nothing, since its noise has it, too.

    To leading order in the noise; a term of few data has a noisy weight. Likelihoods (`rj.inference.WhittleLoss`,
    `FisherLoss`) know their noise and have no weight. Raises `ValueError` for terms that differ in more than data,
    halves that do not differ, and terms without a weight.
    """
    halves = _checks.known("halves", halves)
    if not len(losses) == len(first) == len(second) > 0:
        raise ValueError(
            f"`losses`, `first` and `second` have {len(losses)}, {len(first)} and {len(second)} terms: give the "
            "same, at least one, in the same order."
        )
    parts = []
    for number, (loss, one, other) in enumerate(zip(losses, first, second, strict=True)):
        for half in (one, other):
            _require_alike(number, loss, half)
        noise = split_half(one, other)
        if not (np.isfinite(noise) and noise > 0):
            raise ValueError(
                f"`first` and `second` differ by {noise:g} in term {number}: give two halves that were measured "
                "apart."
            )
        parts.append(_reweighted(loss, halves / noise))
    return SumOfLosses(tuple(parts))


def split_half(first: Loss, second: Loss) -> float:
    """What a loss of one half is in expectation where the model is the truth: half of what two halves differ by.

    `first` and `second` are the same loss of two halves; the mean of both ways round. Over several people or
    splits take the mean. Of the whole recording it is half as much. Raises `ValueError` for kinds of losses that
    compare no measurement with a prediction of the same.
    """
    _require_alike(0, first, second)
    both = [
        jnp.sum(one.residual(Measured(other)) ** 2)
        for one, other in ((first, second), (second, first))
    ]
    return float(both[0] + both[1]) / 4


class Measured(Prediction):
    """The data of a loss as a prediction: what another measurement predicts."""

    def __init__(self, loss: Loss):
        self._loss = _within(loss)

    @property
    def status(self) -> Int[Array, ""]:
        return jnp.int32(Status.ok)

    def spectrum(self, frequencies: Float[Array, " frequencies"]) -> Spectrum:
        # A loss adds its gain curve to what is predicted, and what was measured has it.
        return self._loss.measured / 10 ** (self._loss.curve / 10)[:, None]

    def connectivity(self, band: tuple[float, float] | None) -> Pairwise:
        return self._loss.measured

    def lagged(
        self, lags: tuple[float, ...], band: tuple[float, float] | None
    ) -> Float[Array, "lags nodes nodes"]:
        return self._loss.measured

    def bold(self) -> Prediction:
        return self

    def evoked(self, times: np.ndarray, low_pass: float | None) -> Float[Array, "time nodes"]:
        return self._loss.measured

    def evoked_by_site(
        self, times: np.ndarray, low_pass: float | None
    ) -> Float[Array, "time sensors nodes"]:
        raise ValueError(
            "a measurement does not say what each site evokes: calibrate an rj.inference.EvokedLoss instead."
        )

    def dynamics(self, window: float, step: float | None, bins: int) -> Float[Array, " bins"]:
        return self._loss.share

    def sensors(self, lead_field: LeadField) -> Prediction:
        return self


def _within(loss: Loss) -> Any:
    """The loss that holds the data."""
    if isinstance(loss, SumOfLosses):
        raise ValueError("a sum of losses has no noise of its own: give its parts, one a term.")
    return loss.loss if isinstance(loss, AtSensors) else loss


def _require_alike(number: int, loss: Loss, half: Loss) -> None:
    """The same kind of loss with the same settings, and data of the same shape."""
    loss, half = (
        _within(_checks.instance("losses", each, Loss, "losses")) for each in (loss, half)
    )
    parts = [eqx.partition(each, eqx.is_array) for each in (loss, half)]
    (arrays, static), (others, static_too) = parts
    same = jax.tree.structure(arrays) == jax.tree.structure(others) and eqx.tree_equal(
        static, static_too
    )
    if same:
        pairs = {name: (each, getattr(half, name)) for name, each in vars(loss).items()}
        same = all(
            one.shape == other.shape and (name in _DATA or np.array_equal(one, other))
            for name, (one, other) in pairs.items()
            if eqx.is_array(one)
        )
    if not same:
        raise ValueError(
            f"term {number} of the losses and their halves differ in more than data: give the same kind of loss "
            "with the same bins, settings and weights."
        )


def _reweighted(loss: Loss, factor: float) -> Loss:
    def weight(loss: Any) -> Any:
        return _within(loss).weight

    if not hasattr(_within(loss), "weight"):
        raise ValueError(
            f"a {type(_within(loss)).__name__} has no weight, since it counts its own noise: leave it out, and "
            "give rj.inference.laplace or nuts a `dispersion`."
        )
    return eqx.tree_at(weight, loss, weight(loss) * factor)
