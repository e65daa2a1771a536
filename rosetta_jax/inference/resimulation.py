"""What a drug or a lesion does to a brain, by marching it before and after under the same noise.

Beside `rosetta_jax.inference.perturbation`, which is exact about a stable fixed point: here nothing is linear, and
what lies beyond onset is seen as well. Both marches of a seed share its noise, so that their difference is told
far better than either, and the scatter of that over seeds is its error.
"""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks, observe
from rosetta_jax._types import Float, Int, PRNGKeyArray
from rosetta_jax.inference.perturbation import changed
from rosetta_jax.inference.route import Route
from rosetta_jax.inference.simulated import Simulated
from rosetta_jax.network import Network
from rosetta_jax.parameters import replace
from rosetta_jax.results import Status, summarise
from rosetta_jax.simulation import ensemble


class Resimulated(eqx.Module):
    """Marches of a brain before and after a change, one pair a seed.

    `frequencies` (F,) Hz; `density` (seeds, F, nodes, nodes), cross spectra by Welch's estimate, and `covariance`
    (seeds, nodes, nodes) before; `density_after` and `covariance_after`; `status` and `status_after` (seeds,). A
    seed that failed on either side is left out of all that is told of both.
    """

    frequencies: Float[np.ndarray, " frequencies"]
    density: np.ndarray
    density_after: np.ndarray
    covariance: Float[np.ndarray, "seeds nodes nodes"]
    covariance_after: Float[np.ndarray, "seeds nodes nodes"]
    status: Int[np.ndarray, " seeds"]
    status_after: Int[np.ndarray, " seeds"]

    @property
    def message(self) -> str:
        """How the marches ended, in plain words."""
        return f"before: {summarise(self.status)} After: {summarise(self.status_after)}"

    @property
    def density_change(self) -> np.ndarray:
        """(F, nodes, nodes), the mean over seeds."""
        return self._mean(self.density_after - self.density)

    @property
    def density_error(self) -> np.ndarray:
        """The standard error of that over seeds, of its absolute value."""
        return self._error(self.density_after - self.density)

    @property
    def covariance_change(self) -> Float[np.ndarray, "nodes nodes"]:
        """The mean over seeds."""
        return self._mean(self.covariance_after - self.covariance)

    @property
    def covariance_error(self) -> Float[np.ndarray, "nodes nodes"]:
        """The standard error of that over seeds."""
        return self._error(self.covariance_after - self.covariance)

    @property
    def _good(self) -> np.ndarray:
        return (self.status == Status.ok) & (self.status_after == Status.ok)

    def _mean(self, each: np.ndarray) -> np.ndarray:
        good = each[self._good]
        return good.mean(axis=0) if len(good) else np.full(each.shape[1:], np.nan)

    def _error(self, each: np.ndarray) -> np.ndarray:
        good = each[self._good]
        if len(good) < 2:
            return np.full(each.shape[1:], np.nan)
        return good.std(axis=0, ddof=1) / np.sqrt(len(good))


def resimulated(
    brain: Network,
    changes: Mapping[str, Any],
    route: Route,
    *,
    key: PRNGKeyArray | None = None,
    show_progress: bool = True,
) -> Resimulated:
    """What `changes`, added to parameters by path as in `perturbed`, do to a brain that is marched.

    `route`, such as `rj.Simulated(duration=60.0, seeds=8)`, says how long, how often and in which steps; what is
    estimated is estimated on the way, so that no series is held.

    Raises `KeyError` for a path that is not there, `ValueError` for a change that does not fit and as
    `rj.simulate` does, and `TypeError` for another route.
    """
    march: Simulated = _checks.instance("route", route, Simulated, "rj.Simulated(duration)")
    before, after = changed(brain, changes)
    # Delays of both find room.
    template, _ = march.prepared([brain, replace(brain, after)], None)
    assert isinstance(template, Network)  # as the brain is
    keys = jax.random.split(jax.random.key(0) if key is None else key, march.seeds)
    run = ensemble(
        template,
        {
            path: jnp.repeat(jnp.stack([before[path], after[path]]), march.seeds, 0)
            for path in before
        },
        march.duration,
        march.dt,
        key=jnp.concatenate([keys, keys]),
        transient=march.transient,
        save=(),
        save_every=march.save_every,
        reduce={
            "spectrum": observe.WelchCrossSpectrum(segment=march.segment),
            "moments": observe.Moments(),
        },
        show_progress=show_progress,
    )
    spectrum, moments = run.reduced["spectrum"], run.reduced["moments"]
    density, then = np.split(np.asarray(spectrum.density), 2)
    covariance, covariance_then = np.split(np.asarray(moments.covariance), 2)
    status, status_then = np.split(np.asarray(run.status), 2)
    frequencies = np.asarray(spectrum.frequencies)[0]
    return Resimulated(frequencies, density, then, covariance, covariance_then, status, status_then)
