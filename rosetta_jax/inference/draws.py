r"""Draws of a posterior by a Markov chain, and what tells whether they can be trusted.

Chains that started apart and cannot be told apart have forgotten where they started. The split $\hat R$ of
Gelman and Rubin compares the variance between halves of chains with that within, and is 1 where they agree;
the effective sample size is the number of independent draws that would tell a mean as well.

Source: Gelman and Rubin, Stat. Sci. 7, 457, 1992; Gelman et al., Bayesian Data Analysis, 3rd edition, 11.4-11.5.
"""

from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from rosetta_jax._types import Bool, Float, Int
from rosetta_jax.inference.dispersion import in_words
from rosetta_jax.inference.inference_data import inference_data
from rosetta_jax.inference.laplace import TOLD, drawn_values
from rosetta_jax.inference.problem import Problem
from rosetta_jax.results import Status, load_arrays, save_arrays

# Chains whose split R-hat is larger have not met.
R_HAT = 1.05


class Draws(eqx.Module):
    r"""Draws of a posterior, one set a person (one in all where they were pooled).

    `vectors` (vectors, chains, draws, size), plain coordinates, NaN where nothing could be drawn; `values`, the
    parameters by path, (people, chains, draws, ...); `log_density` (vectors, chains, draws), up to a constant;
    `diverging` the same shape, whether a trajectory left the stable region or its energy; `acceptance`, the mean
    probability of acceptance along it, and `steps`, how many gradients it took; `r_hat` and `effective` (vectors,
    size), split $\hat R$ and effective sample size; `status` (vectors,); `names` (size,), the path of each
    coordinate; `asked`, the problem, or None of draws that were loaded.
    """

    vectors: Float[np.ndarray, "vectors chains draws size"]
    values: dict[str, np.ndarray]
    log_density: Float[np.ndarray, "vectors chains draws"]
    diverging: Bool[np.ndarray, "vectors chains draws"]
    acceptance: Float[np.ndarray, "vectors chains draws"]
    steps: Int[np.ndarray, "vectors chains draws"]
    r_hat: Float[np.ndarray, "vectors size"]
    effective: Float[np.ndarray, "vectors size"]
    status: Int[np.ndarray, " vectors"]
    names: tuple[str, ...]
    metadata: dict[str, Any]
    asked: Problem | None = None

    @property
    def widths(self) -> Float[np.ndarray, "vectors size"]:
        """Posterior standard deviations of the plain coordinates; those of priors are 1."""
        return self._flat.std(axis=1)

    @property
    def untold(self) -> list[tuple[str, ...]]:
        """The parameters of each vector that these data do not tell: as wide as their prior."""
        found = []
        for widths in self.widths:
            loose = [
                name for name, width in zip(self.names, widths, strict=True) if not width < TOLD
            ]
            found.append(tuple(dict.fromkeys(loose)))
        return found

    @property
    def dispersion(self) -> Float[np.ndarray, " vectors"]:
        """What the deviance of each vector was divided by."""
        return np.array(self.metadata.get("dispersion", np.ones(len(self.status))), float)

    @property
    def message(self) -> str:
        """How the chains ended, and what deviances were divided by, in plain words."""
        people, failed = len(self.status), int((~np.isfinite(self.r_hat).all(axis=1)).sum())
        apart = int((self.status == Status.not_converged).sum())
        largest = np.max(self.r_hat[np.isfinite(self.r_hat)], initial=1.0)
        words = [f"{people - failed} of {people} drawn, R-hat up to {largest:.3f}"]
        if self.metadata.get("interrupted", False):
            words.append(f"ended by Ctrl-C after {self.vectors.shape[2]} draws a chain")
        if apart:
            words.append(f"{apart} with chains that have not met: take more warmup and draws")
        if self.diverging.any():
            share = f"{self.diverging.mean():.1%} of trajectories were stopped"
            words.append(f"{share}, most often by the edge of the stable region")
        words.append(in_words(self.dispersion))
        return "; ".join(words) + "."

    def interval(self, level: float = 0.95) -> dict[str, np.ndarray]:
        """Central intervals of the parameters, by path: (people, 2, ...)."""
        ends = [(1 - level) / 2, (1 + level) / 2]
        return {
            path: np.moveaxis(np.quantile(each, ends, axis=(1, 2)), 0, 1)
            for path, each in self.values.items()
        }

    def to_arviz(self) -> Any:
        """An `arviz.InferenceData` with `posterior` and `sample_stats`. Raises `ImportError` without arviz."""
        # Pooled people share their chains.
        people = len(next(iter(self.values.values())))
        statistics = {
            "lp": self.log_density,
            "diverging": self.diverging,
            "acceptance_rate": self.acceptance,
            "n_steps": self.steps,
        }
        shared = {
            name: np.broadcast_to(each, (people, *each.shape[1:]))
            for name, each in statistics.items()
        }
        return inference_data(self.values, shared, self.metadata)

    def save(self, path: str | Path) -> Path:
        """Write everything to one `.npz`, with provenance."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        arrays |= {f"values/{name}": value for name, value in self.values.items()}
        return save_arrays(path, arrays, self.metadata | {"names": self.names})

    @classmethod
    def load(cls, path: str | Path) -> "Draws":
        """What `save` wrote. Raises `ValueError` on any other file."""
        arrays, metadata = load_arrays(path)
        missing = [name for name in _ARRAYS if name not in arrays]
        if missing:
            raise ValueError(
                f"{path} holds another result than draws, without {missing}: give a file that Draws.save wrote."
            )
        values = {
            name.removeprefix("values/"): array
            for name, array in arrays.items()
            if name.startswith("values/")
        }
        names = tuple(metadata.pop("names"))
        fields: dict[str, Any] = {name: arrays[name] for name in _ARRAYS}
        return cls(values=values, names=names, metadata=metadata, **fields)

    @property
    def _flat(self) -> Float[np.ndarray, "vectors all size"]:
        return self.vectors.reshape(len(self.vectors), -1, self.vectors.shape[-1])


_ARRAYS = (
    "vectors",
    "log_density",
    "diverging",
    "acceptance",
    "steps",
    "r_hat",
    "effective",
    "status",
)


def values_of(asked: Problem, vectors: np.ndarray) -> dict[str, np.ndarray]:
    """The parameters of every person by path, (people, chains, draws, ...), of (vectors, chains, draws, size)."""
    shape, each = vectors.shape[1:3], []
    for person, model in enumerate(asked.models):
        flat = jnp.asarray(vectors[min(person, len(vectors) - 1)].reshape(-1, vectors.shape[-1]))
        found = drawn_values(asked.parameters, flat, model)
        each.append(
            {path: np.asarray(one).reshape(*shape, *one.shape[1:]) for path, one in found.items()}
        )
    return {path: np.stack([one[path] for one in each]) for path in sorted(each[0])}
