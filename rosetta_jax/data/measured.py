"""What a measured connectome must be before a network can use it, whatever file it came from."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rosetta_jax.network import Connectome


def without_loops(weights: np.ndarray) -> np.ndarray:
    """The weights with a diagonal of zeros, whatever stood there."""
    return np.where(np.eye(len(weights), dtype=bool), 0.0, weights)


def square(name: str, array: np.ndarray) -> np.ndarray:
    """A matrix, which must be square: the errors of files are a row or column of names read as numbers."""
    array = np.asarray(array, dtype=float)
    if array.ndim == 2 and array.shape[0] == array.shape[1]:
        return array
    hint = "give one row and one column a region."
    if array.ndim == 2 and array.shape[0] == array.shape[1] + 1:
        hint = "its first row may be numbers of regions, delete it."
    elif array.ndim == 2 and array.shape[1] == array.shape[0] + 1:
        hint = "its first column may be numbers of regions, delete it."
    raise ValueError(f"`{name}` must be square (nodes, nodes), got {array.shape}: {hint}")


def assembled(
    weights: np.ndarray,
    lengths: np.ndarray | None,
    labels: Sequence[str] | None,
    centres: Any,
    normalisation: str,
    whose: str = "",
) -> Connectome:
    """A connectome of parts, each what a network needs; `whose` they are goes into errors."""
    if np.isfinite(weights).all() and (weights < 0).any():
        raise ValueError(
            f"`weights`{whose} must not be negative, got {weights.min():g}: set it to zero."
        )
    if np.isfinite(weights).all() and weights.shape[0] and np.diagonal(weights).any():
        at = int(np.flatnonzero(np.diagonal(weights))[0])
        raise ValueError(
            f"`weights`{whose} must have a zero diagonal (no region links to itself), found "
            f"{weights[at, at]:g} at [{at}, {at}]: set it to zero, or read it by "
            "`load_connectome` with loops='drop'."
        )
    if lengths is not None and lengths.shape == weights.shape:
        lengths = np.where((weights == 0) & np.isnan(lengths), 0.0, lengths)
        bare = int(((weights > 0) & (lengths <= 0)).sum())
        if bare:
            raise ValueError(
                f"`lengths`{whose} is zero for {bare} links that have weight: give every link a length, for "
                "instance 1.2 times the distance between the centres."
            )
    connectome = Connectome(weights, lengths, labels, centres)
    return connectome if normalisation == "none" else connectome.normalised(normalisation)


def warn_of_lengths(path: Path, connectome: Connectome) -> None:
    """Tracts cannot be much shorter than the straight line, nor many times as long."""
    if connectome.lengths is None or connectome.centres is None:
        return
    centres, lengths = np.asarray(connectome.centres), np.asarray(connectome.lengths)
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    linked = (np.asarray(connectome.weights) > 0) & (apart > 0)
    if not linked.any():
        return
    ratio = lengths[linked] / apart[linked]
    short = float((ratio < 0.5).mean())
    if short > 0.2 or np.median(ratio) > 5:
        what = (
            f"{short:.0%} of the links are shorter than half the straight line between their centres"
            if short > 0.2
            else f"links are {np.median(ratio):.0f} times as long as the straight line between their centres"
        )
        warnings.warn(
            f"{path}: {what}. Both are in mm; means that count absent tracts as 0 are too short as well: take the "
            "larger of the length and 1.2 times the distance.",
            stacklevel=3,
        )
