"""What a simulation gives back, and what it says of how it was made."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np

from rosetta_jax._types import Array, Float, Int
from rosetta_jax.observe import BalloonState
from rosetta_jax.results import Status, provenance, save_arrays, summarise


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a run was made: times in seconds, solver, noise and transport by name."""

    rung: str
    nodes: int
    coupling: str
    delays: str
    transport: str
    noise: str
    solver: str
    adaptive: bool
    dt: float
    duration: float
    transient: float
    sampling: float


class Solution(eqx.Module):
    """A simulated network: `times` (time,) s, `signal` (time, nodes), `states`, what was reduced, and a status.

    `signal` is what an electrode sees of each node, sensor noise included; `states` is the rung's state with
    `(time, nodes)` arrays; `bold` (time, nodes) is the BOLD signal as a fraction of that at rest and
    `haemodynamics` the state of the vessels; each is missing where it was not asked for. `reduced` holds the
    results of reductions by name. `dt` is the time between samples (s). `status` is an integer
    `rosetta_jax.Status`; a lane that failed holds NaN from the failure on. Of an ensemble all but the times have
    members in front. `settings` say how the run was made and `seed` holds the words of its key, None without one.
    """

    times: Float[Array, " time"]
    _signal: Float[Array, "*members time nodes"] | None
    states: Any
    _bold: Float[Array, "*members time nodes"] | None
    haemodynamics: BalloonState | None
    reduced: dict[str, Any]
    status: Int[Array, "*members"]
    seed: Array | None
    settings: Settings = eqx.field(static=True)

    @property
    def signal(self) -> Float[Array, "*members time nodes"]:
        """What an electrode sees of each node. Raises `ValueError` where it was not kept."""
        if self._signal is None:
            raise ValueError(
                '`signal` was not kept, as `save` did not name it: give save=("signal",), or take what was '
                f"reduced, {sorted(self.reduced)}."
            )
        return self._signal

    @property
    def bold(self) -> Float[Array, "*members time nodes"]:
        """The BOLD signal, a fraction of that at rest. Raises `ValueError` where it was not kept."""
        if self._bold is None:
            raise ValueError(
                '`bold` was not kept, as `save` did not name it: give save=("bold",), or take what was reduced, '
                f"{sorted(self.reduced)}."
            )
        return self._bold

    @property
    def dt(self) -> float:
        """The time between samples, s."""
        return self.settings.sampling

    @property
    def succeeded(self) -> bool:
        """Whether every lane succeeded."""
        return bool(np.all(np.asarray(self.status) == Status.ok))

    @property
    def message(self) -> str:
        """How the lanes ended, in plain words."""
        return summarise(self.status)

    def report(self, check: Any = None) -> dict[str, Any]:
        """Solver, step, transient, seed, versions and how the run ended, as plain data.

        `check`, what `rj.halved_step` found for the same system and step, says how much halving the step changes.
        """
        made = dataclasses.asdict(self.settings)
        made["seed"] = None if self.seed is None else np.asarray(self.seed).tolist()
        made["precision"] = str(self.times.dtype)
        made["status"] = self.message
        if check is None:
            made["halved_step"] = "not checked"
        else:
            made["halved_step"] = {
                "relative_difference": np.asarray(check.difference).tolist(),
                "seconds": check.duration,
                "status": summarise(check.status),
            }
        return {"run": made} | provenance()

    def save(self, path: str | Path, check: Any = None) -> Path:
        """Write times, whatever was kept and status into one `.npz` with the report as its metadata.

        Read it with `rj.load_arrays`. Raises `OSError` where it cannot be written.
        """
        return save_arrays(path, dict(self._arrays()), self.report(check))

    def _arrays(self) -> Iterator[tuple[str, np.ndarray]]:
        kept = {"times": self.times, "signal": self._signal, "status": self.status}
        kept |= {"states": self.states, "reduced": self.reduced}
        kept |= {"bold": self._bold, "haemodynamics": self.haemodynamics}
        for name, tree in kept.items():
            for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
                yield name + jax.tree_util.keystr(path), np.asarray(leaf)
