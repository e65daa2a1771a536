r"""Dispersion: how much farther data lie from the model than their noise says, and error bars that know of it.

A likelihood is sure of itself: where no parameters fit, the deviance D exceeds what noise explains, and its
curvature still tells the widths that a right model would have. The standard remedy is a quasi-likelihood,
$D/\varphi$ in place of D, with

.. math::  \varphi = \max\Big(1, \frac{D}{n - p}\Big)

of n data and p numbers fitted: widths grow by $\sqrt\varphi$ where the data tell, and not where the prior does. n
is what D is in expectation at the truth: of Whittle's likelihood $\nu(\ln\frac\nu2 - \psi(\frac\nu2))$ a bin and
region, 1 and little more, less the levels it fits itself; of an evoked response the independent samples, less a
strength a region. p is the number of directions that the data tell,
$\mathrm{tr}\,J^TJ\Lambda^{-1}$, all parameters where priors are wide.

What this does not see: misfit of smooth spectra is alike in neighbouring bins, and so is noise where bins overlap
or pairs share a region. D is then made of fewer independent data than n, and widths are too small by the root of
their ratio: give the `degrees` and `samples` that the estimates have (`rj.inference.degrees_of_freedom`,
`effective_samples`), and take widths of a wrong model as a scale, not as a probability.

Source: McCullagh and Nelder, Generalized Linear Models, 2nd edition, 1989, sections 4.5 and 9.2; p: Spiegelhalter
et al., J. R. Stat. Soc. B 64, 583, 2002.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import digamma

from rosetta_jax import _checks
from rosetta_jax._types import Float
from rosetta_jax.inference.at_sensors import AtSensors
from rosetta_jax.inference.likelihoods import WhittleLoss, WishartLoss
from rosetta_jax.inference.losses import Loss, SumOfLosses
from rosetta_jax.inference.problem import Problem
from rosetta_jax.inference.sites_loss import SitesLoss

AUTO = "auto"


def checked_dispersion(dispersion: Any) -> float | None:
    """A dispersion that is given, above zero, or None where it is "auto", to be estimated."""
    if isinstance(dispersion, str):
        _checks.one_of("dispersion", dispersion, (AUTO,))
        return None
    return _checks.known("dispersion", dispersion)


def data_count(losses: Sequence[Loss], residuals: int) -> float:
    """What the deviance of so many residuals of these losses together is in expectation at the truth."""
    return residuals - sum(_idle(loss) for loss in losses)


def data_counts(asked: Problem) -> Float[np.ndarray, " vectors"]:
    """The same of every vector of a problem."""
    parameters, losses = asked.parameters, asked.losses
    one = jax.tree.map(lambda leaf: leaf[0], asked.data)
    vector = jax.ShapeDtypeStruct((parameters.size,), jnp.result_type(float))
    # The objective ends with the prior's own residuals.
    residuals = jax.eval_shape(asked.objective.residuals, vector, one).size - parameters.size
    groups = [losses] if asked.vectors == 1 else [[loss] for loss in losses]
    return np.array([data_count(group, residuals) for group in groups])


def _idle(loss: Loss, regions: int | None = None) -> float:
    """How many more residuals a loss has than data; of so many `regions`, where it sees them by sensors."""
    if isinstance(loss, SumOfLosses):
        return sum(_idle(part, regions) for part in loss.parts)
    if isinstance(loss, AtSensors):
        return _idle(loss.loss, loss.lead_field.matrix.shape[-1])
    if isinstance(loss, WhittleLoss):
        half = np.asarray(loss.degrees, float) / 2
        counted = np.asarray(loss.counted) > 0
        levels = {"given": 0, "each": int(counted.sum()), "shared": 1}[loss.level]
        each = 2 * half * (np.log(half) - digamma(half)) * counted
        return half.size - float(each.sum()) + levels
    if isinstance(loss, SitesLoss):
        # It solves for the strength in each region, and holds the price of each among its residuals.
        sites = loss.measured.shape[1] if regions is None else regions
        return (1 - loss.independent) * loss.measured.size + 2 * sites
    if isinstance(loss, WishartLoss):
        nodes = loss.measured.shape[0]
        return 1 - nodes * (nodes - 1) / 2
    return 0.0


def estimated_dispersion(
    deviance: Float[np.ndarray, " vectors"],
    information: Float[np.ndarray, "vectors size size"],
    has_prior: Float[np.ndarray, " size"],
    count: Float[np.ndarray, " vectors"],
) -> Float[np.ndarray, " vectors"]:
    """The dispersion of each vector, at least 1, which it is where no data are left over; NaN without deviance."""
    told = [_told(each, has_prior) if np.isfinite(each).all() else 0.0 for each in information]
    return dispersion_of(deviance, np.array(told), count)


def dispersion_of(
    deviance: Float[np.ndarray, " vectors"],
    told: Float[np.ndarray, " vectors"],
    count: Float[np.ndarray, " vectors"],
) -> Float[np.ndarray, " vectors"]:
    """The same of so many directions that the data tell."""
    left = count - told
    found = np.where(left < 1.0, 1.0, np.maximum(deviance / np.maximum(left, 1.0), 1.0))
    return np.where(np.isfinite(deviance), found, np.nan)


def _told(information: np.ndarray, has_prior: np.ndarray) -> float:
    """How many directions the data tell."""
    precision = information + np.diag(has_prior)
    return float(np.trace(np.linalg.pinv(precision, hermitian=True) @ information))


def in_words(dispersion: Float[np.ndarray, " vectors"]) -> str:
    """What a dispersion means to a reader."""
    known = dispersion[np.isfinite(dispersion)]
    if not known.size or known.max() <= 1:
        return "deviances are counted as they are (dispersion 1)"
    return (
        f"deviances are divided by a dispersion of up to {known.max():.3g}, so that widths are up to "
        f"{np.sqrt(known.max()):.2g} times those of a model that fits"
    )
