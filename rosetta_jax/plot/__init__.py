"""Pictures: plain arrays in, a `matplotlib.figure.Figure` out.

Nothing here keeps global state or opens a window: save a figure with `figure.savefig(path)`.
Colours are those of Okabe and Ito (2008) and of viridis, which colour-blind readers can tell apart.
"""

try:
    import matplotlib as _matplotlib  # noqa: F401
except ModuleNotFoundError as error:
    raise ImportError(
        'rosetta_jax.plot needs matplotlib, which is not installed: pip install "rosetta-jax[cli]"'
    ) from error

from rosetta_jax.plot.agreement import agreement as agreement
from rosetta_jax.plot.bifurcation import bifurcation as bifurcation
from rosetta_jax.plot.brains import alpha_maps as alpha_maps
from rosetta_jax.plot.brains import glass_brain as glass_brain
from rosetta_jax.plot.descent import convergence as convergence
from rosetta_jax.plot.matrices import connectivity as connectivity
from rosetta_jax.plot.modes import network_modes as network_modes
from rosetta_jax.plot.posterior import marginals as marginals
from rosetta_jax.plot.posterior import predictive as predictive
from rosetta_jax.plot.posterior import rank_histogram as rank_histogram
from rosetta_jax.plot.power import mean_spectrum as mean_spectrum
from rosetta_jax.plot.power import spectra as spectra
from rosetta_jax.plot.power import spectrum as spectrum
from rosetta_jax.plot.push_pull import push_pull as push_pull
from rosetta_jax.plot.ranking import scores as scores
from rosetta_jax.plot.raster import raster as raster
from rosetta_jax.plot.responses import responses as responses
from rosetta_jax.plot.sweep import sweep as sweep
from rosetta_jax.plot.synchrony import synchrony as synchrony
from rosetta_jax.plot.tongues import TonguePanel as TonguePanel
from rosetta_jax.plot.tongues import tongues as tongues
from rosetta_jax.plot.traces import series as series
from rosetta_jax.plot.turns import turns as turns
