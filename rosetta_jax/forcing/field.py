r"""Electric fields: a weak field $E(t)$ (V/m) polarises each node by $\lambda \cdot E(t)$ (mV).

It enters the port inside the sigmoid of the polarised population, at once and not through a
synapse.
"""

import equinox as eqx
import jax.numpy as jnp

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Parameter, Scalar
from rosetta_jax.forcing.drive import Drive


class Field(eqx.Module):
    r"""A field with one time course: polarisation $\lambda_i \cdot E_i\, w(t)$ in mV.

    `polarisability` $\lambda$: `()` or `(nodes,)` in mV per V/m (= mm), along the field; or
    `(nodes, 3)` where `strength` is a vector. Literature: 0.1 to 0.3 mm for pyramidal somata,
    default 0.2 (Bikson 2004, Radman 2009). `strength` $E$ in V/m: `()` or `(nodes,)` along the axis
    of the cells, or `(3,)` / `(nodes, 3)` as a vector. `waveform` w(t) is dimensionless. Raises
    `ValueError` where one is a vector and the other is not.
    """

    strength: Float[Array, "..."] = eqx.field(converter=_checks.as_float_array)
    waveform: Drive
    polarisability: Float[Array, "..."] = eqx.field(converter=_checks.as_float_array, default=0.2)

    def __check_init__(self):
        _checks.finite("strength", self.strength)
        _checks.finite("polarisability", self.polarisability)
        vectors = [_is_vector(self.strength), _is_vector(self.polarisability)]
        if any(vectors) and not self.polarisability.shape[-1:] == self.strength.shape[-1:] == (3,):
            raise ValueError(
                "`strength` and `polarisability` must both be vectors with a last axis of 3, or "
                "both be "
                f"along the axis of the cells: got {self.strength.shape} and "
                f"{self.polarisability.shape}."
            )

    def amplitude(self) -> Parameter:
        r"""The polarisation $\lambda\cdot E$ where the waveform is 1, mV: `()` or `(nodes,)`."""
        shape = jnp.broadcast_shapes(self.polarisability.shape, self.strength.shape)
        product = jnp.broadcast_to(self.polarisability, shape) * jnp.broadcast_to(
            self.strength, shape
        )
        return jnp.sum(product, axis=-1) if _is_vector(self.strength) else product

    def value(self, t: Scalar) -> Parameter:
        """The polarisation at time `t` (s), mV."""
        return self.amplitude() * self.waveform.value(t)


def _is_vector(array: Float[Array, "..."]) -> bool:
    return array.ndim == 2 or array.shape == (3,)
