r"""Losses at sensors: what an instrument records is a mixture of regions, and so is what it is compared with.

With a lead field L (sensors, nodes), $S_y = L\,S_x\,L^\top$, $\mathrm{Cov}_y = L\,\mathrm{Cov}_x\,L^\top$ and
$y(t) = L\,x(t)$: exact where the prediction is.
"""

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float
from rosetta_jax.inference.losses import Loss
from rosetta_jax.inference.route import Prediction
from rosetta_jax.observe import LeadField


class AtSensors(Loss):
    """A loss of what sensors record: `loss`, whose `measured` is of sensors, seen through a `lead_field`.

    Any loss of the signal's spectra, connectivity or evoked responses; the reference is that of the lead field
    (`rj.observe.LeadField.average_referenced`). The network's `sensor`
    noise belongs to regions and is seen through the lead field. Raises `ValueError` for another number of regions
    or sensors.
    """

    lead_field: LeadField
    loss: Loss

    def __check_init__(self):
        _checks.instance("lead_field", self.lead_field, LeadField, "an rj.observe.LeadField")
        _checks.instance("loss", self.loss, Loss, "a loss such as rj.SpectrumLoss(...)")

    @property
    def highest(self) -> float | None:
        return self.loss.highest

    def residual(self, prediction: Prediction) -> Float[Array, " residuals"]:
        return self.loss.residual(prediction.sensors(self.lead_field))
