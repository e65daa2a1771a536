r"""Electric fields: a weak field $E(t)$ (V/m) polarises each node by $\lambda \cdot E(t)$ (mV).

It enters the port inside the sigmoid of the polarised population, at once and not through a synapse: the rung's
field port unless `port` names another population's. One field seen by two populations is the sum of two that
share strength and waveform, each with its own polarisability.
"""

from functools import partial

import equinox as eqx
import jax.numpy as jnp

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Parameter, Scalar
from rosetta_jax.forcing.drive import Drive
from rosetta_jax.forcing.forcing import Forcing


class Field(Forcing):
    r"""A field with one time course: polarisation $\lambda_i \cdot E_i\, w(t)$ in mV.

    Along the axis of the cells: `polarisability` $\lambda$, `()` or `(nodes,)`, in mV per V/m (= mm), and
    `strength` $E$, `()` or `(nodes,)`, in V/m. As vectors: both with two axes, `(nodes, 3)` or `(1, 3)` where
    all nodes share it. Literature: 0.1 to 0.3 mm for pyramidal somata, default 0.2 (Bikson 2004,
    Radman 2009). `waveform` w(t) is dimensionless. Raises `ValueError` where one is a vector and
    the other is not.
    """

    strength: Float[Array, "..."] = eqx.field(
        converter=partial(_checks.as_float_array, name="strength")
    )
    waveform: Drive
    polarisability: Float[Array, "..."] = eqx.field(
        converter=partial(_checks.as_float_array, name="polarisability"), default=0.2
    )
    port: str | None = eqx.field(default=None, static=True, kw_only=True)

    def __check_init__(self):
        _checks.instance("waveform", self.waveform, Drive, "a drive such as rj.Sinusoid(1, 10)")
        _checks.finite("strength", self.strength)
        _checks.finite("polarisability", self.polarisability)
        shapes = self.strength.shape, self.polarisability.shape
        along = all(len(shape) < 2 for shape in shapes)
        vectors = all(len(shape) == 2 and shape[1] == 3 for shape in shapes)
        if not (along or vectors):
            raise ValueError(
                "`strength` and `polarisability` must both be vectors, (nodes, 3) or (1, 3), or both lie "
                f"along the axis of the cells, () or (nodes,): got {shapes[0]} and {shapes[1]}."
            )

    def amplitude(self) -> Parameter:
        r"""The polarisation $\lambda\cdot E$ where the waveform is 1, mV: `()` or `(nodes,)`."""
        shape = jnp.broadcast_shapes(self.polarisability.shape, self.strength.shape)
        product = jnp.broadcast_to(self.polarisability, shape) * jnp.broadcast_to(
            self.strength, shape
        )
        if len(shape) < 2:
            return product
        summed = jnp.sum(product, axis=-1)
        return summed[0] if summed.shape == (1,) else summed

    def value(self, t: Scalar) -> Parameter:
        """The polarisation at time `t` (s), mV."""
        return self.amplitude() * self.waveform.value(t)
