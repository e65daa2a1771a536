r"""Where the currents of the laminar column enter and leave, by cortical layer, and the field potential they make.

A synapse that excites lets current into the cell where it sits (a sink of the tissue), and the same current leaves
again around the soma (a source); one that inhibits does the opposite. Over the depth of the cortex the sources of
every synapse sum to zero. Currents are given by the potential they cause at the soma (mV); times the input
conductance of the cells per area of cortex they are currents per area.

| soma | layer | | synapse | layer | why |
|---|---|---|---|---|---|
| P1 | 5 | | SS to P1 | 4 | axons of stellate cells meet the apical trunk |
| P2 | 2/3 | | SST to P1 | 1 | Martinotti cells end on the apical tuft |
| | | | P2 to P1 | half 2/3, half 5 | oblique and basal dendrites |
| | | | regions to P1 | 1 | feedback of deep cells |
| | | | P2 to P2 | half 1, half 2/3 | apical tuft and basal dendrites |
| | | | PV to P2 | 2/3 | basket cells around the soma: the current returns where it enters |
| | | | P1 to P2 | half 1, half 2/3 | ascending axons |
| | | | input to P2 | 4 | feedforward input, basal dendrites of deep layer 3 |

Stellate cells and interneurons (SS, SST, PV) are closed: what enters them leaves at the same depth. That
sources balance and that P1 lies below P2 is the model (Sanchez-Todo et al. 2023); tuft of Martinotti cells and
soma of basket cells are anatomy (Silberberg and Markram 2007; Thomson and Lamy 2007). The other layers of
synapses, the halves and the depths (middles of layers of a cortex 2.5 mm thick) are choices of this library:
pass others where you know better.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Nodal

# Depth below the pia of the middle of each layer, mm.
LAYERS: Mapping[str, float] = MappingProxyType(
    {"1": 0.125, "2/3": 0.7, "4": 1.3, "5": 1.7, "6": 2.2}
)
SOMATA: Mapping[str, str] = MappingProxyType({"p1": "5", "p2": "2/3"})
# Named target_presynaptic, "in" being what arrives from elsewhere.
SYNAPSES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "p1_ss": {"4": 1.0},
        "p1_sst": {"1": 1.0},
        "p1_p2": {"2/3": 0.5, "5": 0.5},
        "p1_in": {"1": 1.0},
        "p2_p2": {"1": 0.5, "2/3": 0.5},
        "p2_pv": {"2/3": 1.0},
        "p2_p1": {"1": 0.5, "2/3": 0.5},
        "p2_in": {"4": 1.0},
    }
)


def source_density(
    potentials: Mapping[str, Nodal], synapses: Mapping[str, Mapping[str, float]] = SYNAPSES
) -> Float[Array, "depths nodes"]:
    """The sources by layer (mV, negative where a sink) of synapses that cause `potentials` at the soma (mV).

    Both by the name of the synapse; `synapses` gives the shares of each by layer. Raises `ValueError` where
    shares do not sum to one, a layer is none of `LAYERS`, or a synapse has no place.
    """
    stacked = jnp.stack(list(potentials.values()))
    columns = [
        _profile(name, synapses[_checks.one_of("synapse", name, synapses)]) for name in potentials
    ]
    profiles = jnp.asarray(np.stack(columns, axis=1), stacked.dtype)
    # Elementwise: accelerators round the factors of matrix products.
    return jnp.sum(profiles[:, :, None] * stacked[None], axis=1)


def _profile(name: str, shares: Mapping[str, float]) -> np.ndarray:
    """The sources by layer of one synapse that depolarises the soma by one."""
    total = sum(shares.values())
    if abs(total - 1) > 1e-9:
        raise ValueError(f"The shares of synapse {name!r} must sum to one, got {total:g}.")
    layers = list(LAYERS)
    profile = np.zeros(len(layers))
    profile[layers.index(SOMATA[name.split("_")[0]])] += 1
    for layer, share in shares.items():
        profile[layers.index(_checks.one_of("layer", layer, layers))] -= share
    return profile


def field_potential(
    sources: Float[Array, "depths nodes"],
    positions: Any,
    *,
    conductance: Any = 10.0,
    radius: Any = 1.0,
    conductivity: Any = 0.3,
) -> Float[Array, "positions nodes"]:
    r"""The field potential (mV) at `positions` (positions,) mm below the pia, on the axis of a round column.

    Each layer is a disc of current $i_l$ per area, so that

    .. math::
        \phi(z) = \sum_l \frac{i_l}{2\sigma}\Big[\sqrt{(z-z_l)^2 + R^2} - |z-z_l|\Big],
        \qquad i_l = g\,\mathrm{source}_l

    with the input `conductance` g of the cells per area (S/m^2), the `radius` R of the column (mm) and the
    `conductivity` of the tissue (S/m). The conductance only scales the potential; its default is this library's,
    for a dipole moment of 0.1 nAm/mm^2 in the default column. Source: Nicholson and Freeman 1975; Pettersen et
    al. 2006.
    """
    scale, radius, sigma = (
        _checks.positive(name, _checks.as_float_array(value, name), unit).astype(sources.dtype)
        for name, value, unit in (
            ("conductance", conductance, "S/m^2"),
            ("radius", radius, "mm"),
            ("conductivity", conductivity, "S/m"),
        )
    )
    at = _checks.as_float_array(positions, "positions").astype(sources.dtype)
    depths = jnp.asarray(list(LAYERS.values()), at.dtype)
    distance = jnp.abs(at[:, None] - depths[None])
    # In mm and S/m, a current of 1 A/m^2 makes potentials in mV; g * mV is 1e-3 A/m^2.
    kernel = 1e-3 * scale / (2 * sigma) * (jnp.sqrt(distance**2 + radius**2) - distance)
    return jnp.sum(kernel[:, :, None] * sources[None], axis=1)
