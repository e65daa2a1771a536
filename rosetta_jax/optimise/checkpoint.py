"""A file that holds how far a long computation is, so that one that was killed goes on exactly where it stopped.

It holds a tree of arrays, each under its path in the tree, and a fingerprint of every part of what is computed:
a file of another computation is refused, and the parts that differ are named. It is written whole or not at all,
so that a kill at any moment leaves the one before.
"""

import json
import os
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._identity import Part, described, differences
from rosetta_jax._types import PyTree
from rosetta_jax.results import FORMAT, load_arrays, plain, whole_file

_KIND = "checkpoint"
# Writing takes at most one part in so many of the time.
_SHARE = 10
_REMEDY = "delete it, or give another path, to begin anew"


class Checkpoint:
    """The file of one computation, whose `parts` tell it from every other.

    `every` seconds at most it is written by `offer`, each time where 0, and never for more than a tenth of the
    time. `notes` are small values that go along in it, such as were found before the computation began.

    Raises `ValueError` where the file at `path` is another computation's, or cannot be read, or where its folder
    does not exist.
    """

    def __init__(self, path: str | Path, parts: Mapping[str, Part], every: float = 5.0):
        self.path = Path(path)
        self.notes: dict[str, Any] = {}
        self._given = parts
        self._parts = described(parts)
        self._every = _checks.known("checkpoint_every", every, "s", zero=True)
        self._due = time.monotonic() + self._every
        self._arrays: dict[str, np.ndarray] | None = None
        if self.path.exists():
            self._arrays, self.notes = self._read()
        elif not self.path.parent.is_dir():
            raise ValueError(
                f"`checkpoint` {self.path} lies in a folder that does not exist: make the folder first."
            )

    def restored(self, like: PyTree) -> PyTree | None:
        """The tree that the file held when it was opened, or None where there was none.

        `like` has its paths and dtypes; leading axes may be of other lengths. Raises `ValueError` where these
        differ.
        """
        if self._arrays is None:
            return None
        leaves, structure = jax.tree_util.tree_flatten_with_path(like)
        names = [jax.tree_util.keystr(path) for path, _ in leaves]
        if sorted(names) != sorted(self._arrays):
            raise self._unreadable("it holds other arrays than such a computation has")
        found = [
            self._as(like, self._arrays[name])
            for name, (_, like) in zip(names, leaves, strict=True)
        ]
        return jax.tree.unflatten(structure, found)

    def offer(self, tree: Callable[[], PyTree]) -> None:
        """Write `tree()` if it is time to; where that fails, warn and go on."""
        if time.monotonic() >= self._due:
            self.write(tree())

    def write(self, tree: PyTree) -> None:
        """Write a tree of arrays; where that fails, warn: what is computed must not be lost to a full disk."""
        began = time.monotonic()
        leaves = jax.tree_util.tree_leaves_with_path(tree)
        arrays = {jax.tree_util.keystr(path): stored(leaf) for path, leaf in leaves}
        try:
            _write(self.path, arrays, {"parts": self._parts, "notes": self.notes})
        except OSError as error:
            warnings.warn(f"{error} The computation goes on without it.", stacklevel=2)
        ended = time.monotonic()
        self._due = ended + (max(self._every, (_SHARE - 1) * (ended - began)) if self._every else 0)

    def _read(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        try:
            arrays, header = load_arrays(self.path)
        except (ValueError, OSError) as error:
            raise self._unreadable("it is damaged, or no checkpoint") from error
        if header.get("kind") != _KIND:
            raise self._unreadable("it holds another result than a checkpoint")
        self._require_same(header["parts"])
        return arrays, header["notes"]

    def _require_same(self, there: Mapping[str, Any]) -> None:
        differing = differences(self._given, self._parts, there)
        if differing:
            raise ValueError(
                f"`checkpoint` {self.path} belongs to another fit. What differs: {'; '.join(differing)}. "
                f"Give what it was begun with to go on; {_REMEDY}."
            )

    def _unreadable(self, why: str) -> ValueError:
        return ValueError(f"`checkpoint` {self.path} cannot be gone on with, {why}: {_REMEDY}.")

    def _as(self, like: Any, array: np.ndarray) -> Any:
        """`array` as it was before it was stored: of the same type as `like`."""
        if _is_key(like):
            return jax.random.wrap_key_data(jnp.asarray(array), impl=jax.random.key_impl(like))
        if array.dtype.kind == "V":  # how the file holds types that NumPy itself does not have
            array = array.view(like.dtype)
        if array.dtype != like.dtype or array.shape[1:] != like.shape[1:]:
            raise self._unreadable("it holds arrays of another type or shape")
        return array


def _write(path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> None:
    header = json.dumps({"format": FORMAT, "kind": _KIND, **metadata}, default=plain)
    # Not compressed, unlike results: it is written often and read once.
    with whole_file(path) as partial, partial.open("wb") as file:
        np.savez(file, metadata=np.asarray(header), **arrays)  # pyright: ignore
        file.flush()
        os.fsync(file.fileno())


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def stored(leaf: Any) -> np.ndarray:
    """A leaf as a file can hold it."""
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
