r"""Evoked responses to a stimulus whose strength in every region is not known: the best one is solved for.

To first order the response is linear in the strength $w_j$ of the stimulus in region j, $p = A w$, where the
columns of A are the responses to each region alone. For any dynamics the best strengths are by least squares

.. math:: \hat w = (A^\top A + \rho\,s\,I)^{-1} A^\top y, \qquad s = \mathrm{tr}(A^\top A) / N

with the measured y and the `ridge` $\rho$, and only the few numbers of the dynamics are left to search: hundreds
of strengths, correlated with all else, no longer hold up the descent.

Source: variable projection, Golub and Pereyra, SIAM J. Numer. Anal. 10, 413 (1973).
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Scalar
from rosetta_jax.inference.at_sensors import AtSensors
from rosetta_jax.inference.evoked_loss import EvokedLoss
from rosetta_jax.inference.losses import Loss
from rosetta_jax.inference.route import Prediction
from rosetta_jax.inference.theory import predict
from rosetta_jax.linear.solves import factorised
from rosetta_jax.network import Network
from rosetta_jax.observe import LeadField


class SitesLoss(EvokedLoss):
    r"""Evoked time courses, with the best strength of the stimulus in every region.

    `times` (T,) s, `measured` (T, nodes), or (T, sensors) within `rj.inference.AtSensors`, `weight` and `low_pass`
    as in `EvokedLoss`. The loss is $(\|p - y\|^2 + \rho\,s\,\|\hat w\|^2) / \|y\|^2$, as in the module's top: 1
    where nothing is explained. `ridge` $\rho$ is the price of a strength, relative to what it evokes.

    With `sd`, the standard deviation of the noise of all courses in the unit of `measured`, it is a deviance,
    $c\,(\|p - y\|^2 + \rho\,s\,\|\hat w\|^2) / sd^2$, of the dynamics at the best strengths (their profile).
    $c = \min(1, 2 f_c \Delta t)$ counts the samples that are independent, where everything above a `low_pass`
    $f_c$ was filtered away; noise that sensors share is not seen.

    The network's drive and field say when the stimulus acts and in which port; their strength in a region is
    multiplied by $\hat w$, so begin with ones wherever it may act. After a fit `best_sites` tells $\hat w$. Count
    them among the numbers of the model. By theory alone: a march is not linear in what drives it.
    """

    ridge: Scalar
    is_deviance: bool = eqx.field(static=True)

    def __init__(
        self,
        times: Any,
        measured: Any,
        ridge: Any = 1e-3,
        weight: Any = 1.0,
        low_pass: float | None = None,
        sd: Any = None,
    ):
        super().__init__(times, measured, "pattern", weight=weight, low_pass=low_pass)
        self.is_deviance = sd is not None
        if sd is not None:
            self.sd = _checks.positive("sd", _checks.as_float_array(sd, "sd"))
        self.ridge = _checks.positive("ridge", _checks.as_float_array(ridge, "ridge"))

    @property
    def independent(self) -> float:
        """The share of samples that are independent of each other."""
        step = float(np.median(np.diff(self.times)))
        return 1.0 if self.low_pass is None else min(1.0, 2 * self.low_pass * step)

    def sites(self, prediction: Prediction) -> Float[Array, " nodes"]:
        """The best strengths, in units of what the network's own drive and field have."""
        return self._solved(prediction)[1]

    def predicted(self, prediction: Prediction) -> Float[Array, "time sensors"]:
        alone, strengths, _ = self._solved(prediction)
        return alone @ strengths

    def residual(self, prediction: Prediction) -> Float[Array, " residuals"]:
        alone, strengths, price = self._solved(prediction)
        off = (alone @ strengths - self.measured).reshape(-1)
        length = self.sd**2 / self.independent if self.is_deviance else jnp.sum(self.measured**2)
        scale = jnp.sqrt(self.weight / length)
        return scale * jnp.concatenate([off, jnp.sqrt(price) * strengths])

    def _solved(
        self, prediction: Prediction
    ) -> tuple[Float[Array, "time sensors nodes"], Float[Array, " nodes"], Scalar]:
        """What each region evokes alone, the best strengths, and what a strength costs."""
        alone = prediction.evoked_by_site(np.array(self.times), self.low_pass)
        self._require_same(alone.shape[1])
        design = alone.reshape(-1, alone.shape[2])
        normal = design.T @ design
        identity = jnp.eye(normal.shape[0], dtype=normal.dtype)
        price = self.ridge * jnp.trace(normal) / normal.shape[0]
        wanted = design.T @ self.measured.reshape(-1)
        return alone, factorised(normal + price * identity).solve(wanted), price


def best_sites(network: Network, loss: Loss) -> Float[Array, " nodes"]:
    """The strengths of the stimulus that a fitted network had under a `SitesLoss`, alone or within `AtSensors`.

    In units of the network's own: put them in by `rj.replace(network, {"drive.amplitude": sites *
    network.drive.amplitude})`, say. Raises `TypeError` for another loss.
    """
    lead_field, within = (
        (loss.lead_field, loss.loss) if isinstance(loss, AtSensors) else (None, loss)
    )
    within = _checks.instance(
        "loss", within, SitesLoss, "an rj.inference.SitesLoss, alone or within AtSensors"
    )
    return _sites(network, within, lead_field)


@eqx.filter_jit
def _sites(
    network: Network, loss: SitesLoss, lead_field: LeadField | None
) -> Float[Array, " nodes"]:
    prediction = predict(network)
    return loss.sites(prediction if lead_field is None else prediction.sensors(lead_field))
