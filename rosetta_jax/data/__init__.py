"""Readers of measured data: connectomes, spectra, series, evoked responses, from files and from MNE-Python."""

from rosetta_jax.data.bids import from_bids as from_bids
from rosetta_jax.data.bold import BoldRecordings as BoldRecordings
from rosetta_jax.data.bold import load_bold as load_bold
from rosetta_jax.data.connectomes import load_connectome as load_connectome
from rosetta_jax.data.cortical_maps import CorticalMaps as CorticalMaps
from rosetta_jax.data.cortical_maps import cortical_maps as cortical_maps
from rosetta_jax.data.evoked import EvokedRecording as EvokedRecording
from rosetta_jax.data.evoked import load_evoked as load_evoked
from rosetta_jax.data.mne_objects import from_mne as from_mne
from rosetta_jax.data.recordings import Recordings as Recordings
from rosetta_jax.data.recordings import load_recordings as load_recordings
from rosetta_jax.data.responses import Response as Response
from rosetta_jax.data.series import Series as Series
from rosetta_jax.data.series_files import load_series as load_series
from rosetta_jax.data.series_files import load_spectra as load_spectra
from rosetta_jax.data.virtual_brain import VirtualBrain as VirtualBrain
from rosetta_jax.data.virtual_brain import load_virtual_brain as load_virtual_brain
