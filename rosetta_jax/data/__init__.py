"""Readers of measured data."""

from rosetta_jax.data.recordings import Recordings as Recordings
from rosetta_jax.data.recordings import load_recordings as load_recordings
