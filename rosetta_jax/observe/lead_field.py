r"""From regions to sensors: a lead field, its reference, and what of its sensors is noise.

A sensor sees every region at once, and what it sees is linear in the dipoles:

.. math::  y(t) = L\,x(t) + \text{noise}, \qquad S_y(f) = L\,S_x(f)\,L^\top + N,

with $L$ (sensors, nodes), how much a sensor sees of one unit of a region. A reference is a matrix too:
subtracting the mean of all sensors, or one of them, from each of the others turns $L$ into the lead field of
what is recorded. Noise whose covariance $N$ is known is whitened by $N^{-1/2}$, after which all sensors count
alike.

Everything is a product of matrices: a network's exact cross spectrum becomes that of the sensors, and a fit to
recorded spectra has its gradient.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from rosetta_jax import _checks
from rosetta_jax._types import Array, Complex, CrossSpectrum, Float, Inexact, Series
from rosetta_jax.observe.mne_forward import parcel_gains


class LeadField(eqx.Module):
    """What each sensor sees of each region.

    `matrix` (sensors, nodes); `names`, one a sensor, or None; `unit` of the matrix in words, such as
    "µV per nA m". Raises `ValueError` where a shape or a name is wrong or an entry is not finite.
    """

    matrix: Float[Array, "sensors nodes"]
    names: tuple[str, ...] | None = eqx.field(static=True)
    unit: str = eqx.field(static=True)

    def __init__(self, matrix: Any, names: Sequence[str] | None = None, unit: str = "1"):
        self.matrix = _checks.as_float_array(matrix, "matrix")
        self.names = None if names is None else tuple(str(name) for name in names)
        self.unit = unit

    def __check_init__(self):
        if self.matrix.ndim != 2:
            raise ValueError(f"`matrix` must be (sensors, nodes), got shape {self.matrix.shape}.")
        _checks.finite("matrix", self.matrix)
        if self.names is not None and len(self.names) != self.matrix.shape[0]:
            raise ValueError(
                f"`names` has {len(self.names)} entries for {self.matrix.shape[0]} sensors: give one a row of "
                "`matrix`."
            )
        if self.names is not None and len(set(self.names)) < len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise ValueError(f"`names` has {twice!r} twice: a reference is found by its name.")

    @classmethod
    def from_mne(
        cls, forward: Any, labels: Sequence[Any], *, sign_flip: bool = True
    ) -> "LeadField":
        """The lead field of parcels, from a forward solution of MNE-Python on a cortical surface.

        Dipoles stand at right angles to the cortex; a parcel's column is the mean over its vertices. With
        `sign_flip` those on the far side of a fold count negatively, by the sign of their normal along the main
        direction of the parcel's normals, so that a folded parcel does not cancel; the sign of a whole column
        is then arbitrary. Without, it is what a parcel of even current sees, cancellation included.

        **Arguments:** `forward`, an `mne.Forward` of one kind of sensor (`mne.pick_types_forward`); `labels`,
        an `mne.Label` a region, in the order of the regions. **Returns:** a `LeadField` in µV (EEG), fT
        (magnetometers) or fT/cm (gradiometers) per nA m, with the reference of the forward solution, for EEG
        none. **Raises:** `ImportError` where MNE-Python is not installed; `ValueError` for sensors of several
        kinds and for a label without a source.
        """
        return cls(*parcel_gains(forward, labels, sign_flip))

    def sensors(self, series: ArrayLike) -> Float[Array, "time sensors"]:
        """What the sensors record of the regions' `series` (time, nodes), without noise: (time, sensors)."""
        checked: Series = _checks.series("series", series, least=1)
        self._require_nodes("series", checked.shape[1])
        return _product(checked, self.matrix.T.astype(checked.dtype))

    def spectrum(
        self, cross_spectrum: ArrayLike, *, noise: ArrayLike | None = None
    ) -> Complex[Array, "frequencies sensors sensors"]:
        """The cross spectrum of the sensors, `L S L^T + N`: (frequencies, sensors, sensors).

        **Arguments:** `cross_spectrum` (frequencies, nodes, nodes), complex, `S_ij = E[x_i conj(x_j)]`, such as
        the `density` of `rj.linear.cross_spectrum`; `noise`, the sensors' own density per Hz, the same at every
        frequency, (sensors,) where they are independent, or (sensors, sensors). **Raises:** `ValueError` for
        other shapes.
        """
        density, matrix = self._crossed(cross_spectrum)
        seen = _product(_product(matrix, density), matrix.T)
        if noise is None:
            return seen
        noise = self._noise(noise)
        full = jnp.diag(noise) if noise.ndim == 1 else noise
        return seen + full[None].astype(seen.dtype)

    def power(
        self, cross_spectrum: ArrayLike, *, noise: ArrayLike | None = None
    ) -> Float[Array, "frequencies sensors"]:
        """The power spectrum of each sensor, the diagonal of `spectrum`, without its pairs."""
        density, matrix = self._crossed(cross_spectrum)
        seen = jnp.sum(_product(matrix, density).real * matrix.real[None], axis=2)
        if noise is None:
            return seen
        noise = self._noise(noise)
        own = noise if noise.ndim == 1 else jnp.diagonal(noise)
        return seen + own[None].astype(seen.dtype)

    def average_referenced(self) -> "LeadField":
        """The lead field of potentials against the mean of all sensors: each column less its mean."""
        return self._with(self.matrix - jnp.mean(self.matrix, axis=0, keepdims=True))

    def referenced(self, name: str) -> "LeadField":
        """The lead field of potentials against one sensor, whose own row becomes zero.

        Raises `ValueError` where there are no names, or none like this.
        """
        if self.names is None:
            raise ValueError(
                "`names` are missing, by which a reference is found: give `LeadField(matrix, names)`."
            )
        _checks.one_of("name", name, self.names)
        row = self.names.index(name)
        return self._with(self.matrix - self.matrix[row : row + 1])

    def whitened(self, covariance: ArrayLike) -> "LeadField":
        """The lead field in units of the sensors' noise, `N^(-1/2) L`.

        Recordings are whitened by the same matrix, `whitener(covariance)`; so is `covariance` (sensors,) or
        (sensors, sensors) in squared units of the sensors, which is known, not traced. Errors as `whitener`.
        """
        matrix = whitener(covariance).astype(self.matrix.dtype)
        _checks.shape("covariance", matrix, (len(self.matrix),) * 2, "one a sensor, or a pair")
        return LeadField(_product(matrix, self.matrix), self.names, "1")

    def _with(self, matrix: Array) -> "LeadField":
        return LeadField(matrix, self.names, self.unit)

    def _require_nodes(self, name: str, nodes: int):
        if nodes != self.matrix.shape[1]:
            raise ValueError(
                f"`{name}` has {nodes} nodes, but the lead field is of {self.matrix.shape[1]}: give the same "
                "regions in the same order."
            )

    def _crossed(self, cross_spectrum: ArrayLike) -> tuple[CrossSpectrum, Array]:
        """The checked cross spectrum, and the matrix in its precision."""
        density = jnp.asarray(cross_spectrum)
        density = density.astype(np.result_type(density.dtype, np.complex64))
        if density.ndim != 3 or density.shape[1] != density.shape[2]:
            raise ValueError(
                f"`cross_spectrum` must be (frequencies, nodes, nodes), got shape {density.shape}."
            )
        self._require_nodes("cross_spectrum", density.shape[1])
        return density, self.matrix.astype(density.dtype)

    def _noise(self, noise: ArrayLike) -> Array:
        return _one_or_pairs("noise", noise, len(self.matrix))


def whitener(covariance: ArrayLike) -> Float[Array, "sensors sensors"]:
    """The symmetric inverse root of a noise covariance, `N^(-1/2)`.

    Directions without noise, which a reference leaves, are left out: there it is zero. **Arguments:**
    `covariance` (sensors,) of independent noise, or (sensors, sensors), symmetric, known and not traced.
    **Raises:** `ValueError` for one that is traced, not square, not symmetric or has a negative variance.
    """
    _checks.require_known("covariance", covariance, "is factorised once")
    given = np.asarray(_checks.finite("covariance", _checks.as_float_array(covariance)))
    full = np.diag(given) if given.ndim == 1 else given
    if full.ndim != 2 or full.shape[0] != full.shape[1]:
        raise ValueError(
            f"`covariance` must be (sensors,) or (sensors, sensors), got shape {given.shape}."
        )
    largest = np.abs(full).max(initial=0.0)
    if largest == 0 or np.abs(full - full.T).max() > 1e-5 * largest:
        raise ValueError(
            "`covariance` must be symmetric and not all zero: take (N + N.T) / 2 of an estimate."
        )
    values, vectors = np.linalg.eigh(full.astype(float))
    rounding = max(np.finfo(given.dtype).eps * len(full), 1e-12) * values.max()
    if values.min() < -max(rounding, 1e-6 * values.max()):
        raise ValueError(
            f"`covariance` has a negative variance, {values.min():g}: it is no covariance, check how it was made."
        )
    kept = values > rounding
    scales = np.where(kept, 1 / np.sqrt(np.where(kept, values, 1.0)), 0.0)
    return jnp.asarray((vectors * scales) @ vectors.T, given.dtype)


def _one_or_pairs(name: str, value: ArrayLike, sensors: int) -> Array:
    checked = _checks.finite(name, _checks.as_float_array(value, name))
    if checked.shape not in ((sensors,), (sensors, sensors)):
        raise ValueError(
            f"`{name}` must be one a sensor ({sensors},) or a matrix ({sensors}, {sensors}), got shape "
            f"{checked.shape}."
        )
    return checked


def _product(left: Inexact[Array, "..."], right: Inexact[Array, "..."]) -> Inexact[Array, "..."]:
    return jnp.matmul(left, right, precision=jax.lax.Precision.HIGHEST)
