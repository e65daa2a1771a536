"""Recordings that a command fits: those of a file, or the embedded synthetic ones."""

from pathlib import Path

import numpy as np

from rosetta_jax import synthetic
from rosetta_jax.data import Recordings, load_recordings
from rosetta_jax.network import NORMALISATIONS, Connectome


def recordings(data: Path | None, seed: int, normalisation: str, people: int = 1) -> Recordings:
    """The recordings of a file, or of so many synthetic people from `seed` on, their weights normalised."""
    require_normalisation(normalisation)
    if data is not None:
        return load_recordings(data, normalisation)
    embedded = [synthetic.recording(seed + number) for number in range(people)]
    return Recordings(
        np.asarray(embedded[0].frequencies, dtype=float),
        np.stack([np.asarray(each.spectrum, dtype=float) for each in embedded]),
        tuple(_normalised(each.connectome, normalisation) for each in embedded),
    )


def require_normalisation(normalisation: str) -> None:
    """Raise where weights cannot be normalised so."""
    if normalisation not in (*NORMALISATIONS, "none"):
        raise ValueError(
            f"`--normalisation` is {normalisation!r}: choose from {', '.join(NORMALISATIONS)}, none."
        )


def _normalised(connectome: Connectome, normalisation: str) -> Connectome:
    if normalisation in (connectome.normalisation, "none"):
        return connectome
    return connectome.normalised(normalisation)
