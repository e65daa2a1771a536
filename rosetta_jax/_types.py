"""Names for the shapes that recur: said once, so that a convention stays one.

Time leads and nodes trail; ensembles are `jax.vmap` axes in front. Matrices between regions are
`[target, source]`.
"""

from typing import TYPE_CHECKING, Any

from jaxtyping import Array, Bool, Complex, Float, Inexact, Int, Key, PRNGKeyArray, PyTree

Scalar = Float[Array, ""]
Nodal = Float[Array, " nodes"]
# A parameter is shared by all nodes `()` or given per node `(nodes,)`. Its field takes any number or
# array and holds an array, which type checkers cannot express.
if TYPE_CHECKING:
    Parameter = Any
else:
    Parameter = Float[Array, "*regional"]
# What nodes send: one or two channels a node.
Channels = Float[Array, "channels nodes"]
# One random key, or one a lane.
Keys = PRNGKeyArray | Key[Array, " lanes"]
# Between regions: [target, source].
Pairwise = Float[Array, "nodes nodes"]
Series = Float[Array, "time nodes"]
Spectrum = Float[Array, "frequencies nodes"]
CrossSpectrum = Complex[Array, "frequencies nodes nodes"]

__all__ = [
    "Array",
    "Bool",
    "Channels",
    "Complex",
    "CrossSpectrum",
    "Float",
    "Inexact",
    "Int",
    "Key",
    "Keys",
    "Nodal",
    "PRNGKeyArray",
    "Pairwise",
    "Parameter",
    "PyTree",
    "Scalar",
    "Series",
    "Spectrum",
]
