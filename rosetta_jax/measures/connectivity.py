"""Readings of functional connectivity, its dynamics, and how they fit measured ones."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks, observe
from rosetta_jax._types import Array, Float
from rosetta_jax.measures.reading import Reading, Told, as_band, correlation
from rosetta_jax.measures.source import Source
from rosetta_jax.measures.spectra import require_nodes


class Connectivity(Reading):
    """Correlations of the signals, of all frequencies or a `band` (Hz): `connectivity` (pair,).

    Pairs are in the order of `rj.observe.upper_triangle`.
    """

    band: tuple[float, float] | None = eqx.field(static=True)

    def __init__(self, band: Any = None):
        self.band = as_band(band)

    def read(self, source: Source) -> dict[str, Array]:
        return {"connectivity": observe.upper_triangle(source.connectivity(self.band))}

    def told(self, unit: str) -> dict[str, Told]:
        return {"connectivity": Told(("pair",), "1", "correlation of two regions")}


class ConnectivityFit(Reading):
    """How well correlations agree with `measured` ones (nodes, nodes), of all frequencies or a `band` (Hz).

    Gives `connectivity_correlation`, Pearson's r over pairs (NaN where all are alike, as without links), and
    `connectivity_distance`, the root mean square difference. Raises `ValueError` for a matrix that is not square,
    or of other regions than the network's.
    """

    measured: Float[Array, " pairs"]
    nodes: int = eqx.field(static=True)
    band: tuple[float, float] | None = eqx.field(static=True)

    def __init__(self, measured: Any, band: Any = None):
        found = _checks.as_float_array(measured, "measured")
        self.measured = _checks.finite("measured", observe.upper_triangle(found))
        self.nodes, self.band = found.shape[0], as_band(band)

    def read(self, source: Source) -> dict[str, Array]:
        found = observe.upper_triangle(source.connectivity(self.band))
        return {
            "connectivity_correlation": correlation(found, self.measured),
            "connectivity_distance": jnp.sqrt(jnp.mean((found - self.measured) ** 2)),
        }

    def told(self, unit: str) -> dict[str, Told]:
        return {
            "connectivity_correlation": Told(
                (), "1", "correlation with measured connectivity", may_lack=True
            ),
            "connectivity_distance": Told((), "1", "distance from measured connectivity"),
        }

    def check(self, nodes: int) -> None:
        require_nodes("measured", self.nodes, nodes)


class Dynamics(Reading):
    """Functional connectivity dynamics in windows of `window` seconds every `step` seconds.

    Gives `dynamics_share` (bin,), the cumulative share over `bins` bins of [-1, 1] of how alike windows are
    (`rj.observe.functional_connectivity_dynamics`), and `dynamics_spread`, their variance.
    """

    window: float = eqx.field(static=True)
    step: float | None = eqx.field(static=True)
    bins: int = eqx.field(static=True)

    def __init__(self, window: float = 60.0, step: float | None = None, bins: int = 200):
        self.window = _checks.known("window", window, "s")
        self.step = None if step is None else _checks.known("step", step, "s")
        self.bins = _checks.whole("bins", bins, least=2)

    def read(self, source: Source) -> dict[str, Array]:
        alike = _alike(source, self.window, self.step)
        share = observe.cumulative_share(alike, bins=self.bins)
        return {"dynamics_share": share, "dynamics_spread": jnp.var(alike)}

    def told(self, unit: str) -> dict[str, Told]:
        return {
            "dynamics_share": Told(("bin",), "1", "cumulative share of FCD"),
            "dynamics_spread": Told((), "1", "variance of FCD"),
        }

    def coordinates(self) -> dict[str, tuple[Any, str, str]]:
        edges = np.linspace(-1, 1, self.bins + 1)[1:]
        return {"bin": (edges, "1", "upper edge of the bin of FCD")}


class DynamicsFit(Reading):
    """How far functional connectivity dynamics lie from measured ones: `dynamics_distance`, 0 to 1.

    `share` (bins,) is the cumulative share of the measured FCD over equal bins of [-1, 1]; the distance is
    that of Kolmogorov and Smirnov. That of single runs scatters widely: take a mean over `rj.sweeps.seeds`, or
    pool the shares of `Dynamics`. Raises `ValueError` for a share that does not rise from 0 to 1.
    """

    share: Float[Array, " bins"]
    window: float = eqx.field(static=True)
    step: float | None = eqx.field(static=True)

    def __init__(self, share: Any, window: float = 60.0, step: float | None = None):
        found = _checks.as_float_array(share, "share")
        known = np.asarray(found)
        rises = known.ndim == 1 and known.size > 1 and (np.diff(known) >= -1e-9).all()
        if not rises or known[0] < 0 or abs(known[-1] - 1) > 1e-6:
            raise ValueError(
                "`share` must rise from 0 or more to 1, one number a bin of [-1, 1]: divide counts by the last "
                "of them."
            )
        self.share = found
        self.window = _checks.known("window", window, "s")
        self.step = None if step is None else _checks.known("step", step, "s")

    def read(self, source: Source) -> dict[str, Array]:
        alike = _alike(source, self.window, self.step)
        share = observe.cumulative_share(alike, bins=self.share.shape[0])
        return {
            "dynamics_distance": observe.kolmogorov_smirnov(share, self.share.astype(share.dtype))
        }

    def told(self, unit: str) -> dict[str, Told]:
        return {"dynamics_distance": Told((), "1", "KS distance from measured FCD")}


def _alike(source: Source, window: float, step: float | None) -> Float[Array, " pairs"]:
    series, interval = source.series()
    return observe.upper_triangle(
        observe.functional_connectivity_dynamics(series, interval, window=window, step=step)
    )
