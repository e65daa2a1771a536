r"""Functional connectivity dynamics (FCD): how often connectivity of two windows is how much alike."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Scalar
from rosetta_jax.inference.losses import Loss
from rosetta_jax.inference.route import SEEN, Prediction

# Bins of the residuals: the smoothness of shares makes more of them no gain.
_BINS = 200


class DynamicsLoss(Loss):
    r"""The measured against the predicted distribution of FCD, $\tfrac12 \int_{-1}^1 (F - G)^2 dx$.

    `share` (bins,), the cumulative share of the measured FCD over equal bins of [-1, 1]
    (`rj.observe.cumulative_share` of the `upper_triangle` of `rj.observe.functional_connectivity_dynamics`, or
    the mean of it over people): this is Cramér's distance; windows of `window` seconds every `step` seconds, by
    default every sample, as they were measured; `of` the "signal" or the "bold" signal. Being a sum of squares
    it serves Levenberg-Marquardt; scores are read by `rj.observe.kolmogorov_smirnov`. Theory has no windows:
    fit with `rj.Simulated`, whose estimate is the mean over its seeds. Raises `ValueError` for a share that
    does not rise from 0 to 1.

    Source: Hansen et al. 2015, NeuroImage 105:525 (FCD); Cramér 1928.
    """

    share: Float[Array, " bins"]
    weight: Scalar
    window: float = eqx.field(static=True)
    step: float | None = eqx.field(static=True)
    of: str = eqx.field(static=True)

    def __init__(
        self,
        share: Any,
        window: float = 60.0,
        step: float | None = None,
        of: str = "bold",
        weight: Any = 1.0,
    ):
        self.window = _checks.known("window", window, "s")
        self.step = None if step is None else _checks.known("step", step, "s")
        self.of = _checks.one_of("of", of, SEEN)
        self.weight = _checks.non_negative("weight", _checks.as_float_array(weight, "weight"))
        self.share = _thinned(_checks.as_float_array(share, "share"))

    @property
    def highest(self) -> float | None:
        return None

    def residual(self, prediction: Prediction) -> Float[Array, " residuals"]:
        bins = self.share.shape[0]
        found = prediction.seen(self.of).dynamics(self.window, self.step, bins)
        return jnp.sqrt(self.weight / bins) * (found - self.share)


def _thinned(share: Array) -> Float[Array, " bins"]:
    """A cumulative share at no more than the bins of residuals."""
    _checks.require_known("share", share, "is checked once")
    given = np.asarray(share, float)
    rises = given.ndim == 1 and given.size > 1 and (np.diff(given) >= -1e-9).all()
    # A smooth share may end a little below 1: values within the last bin are spread beyond it.
    if not rises or given[0] < 0 or not 0.9 < given[-1] < 1 + 1e-6:
        raise ValueError(
            "`share` must rise from 0 or more to 1, one number a bin of [-1, 1]: divide counts by the last of "
            "them, and take their sum up to each bin."
        )
    bins = min(_BINS, given.size)
    edges, wanted = np.linspace(-1, 1, given.size + 1), np.linspace(-1, 1, bins + 1)
    return jnp.asarray(np.interp(wanted, edges, np.concatenate([[0.0], given]))[1:], share.dtype)
