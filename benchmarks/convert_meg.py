"""Convert the resting MEG spectra and connectomes of Raj et al. (2020) into a file that `rosetta fit` reads.

    python benchmarks/convert_meg.py ../shared/data/meg_psd_dk68.npz meg.npz
    rosetta fit --data meg.npz --out meg-fit

Tract lengths of the template are means that count absent tracts as zero, so they are far too short: each
is raised to at least 1.2 times the distance between the centres. Weights are raw streamline counts of each
person; the command normalises them by the largest eigenvalue.
"""

import sys
from pathlib import Path

import numpy as np


def convert(source: Path, target: Path) -> None:
    """Read the file at `source` and write recordings to `target`."""
    if not source.is_file():
        sys.exit(f"there is no file {source}: give the path of meg_psd_dk68.npz")
    with np.load(source, allow_pickle=False) as file:
        centres = file["centres_mni_mm"].astype(float)
        weights = file["sc_individual"].astype(float)
        lengths = file["lengths_template_mm"].astype(float)
        recordings = {
            "frequencies": file["freqs_hz"].astype(float),
            "psd": file["psd"].astype(float),
            "labels": file["labels"],
        }
    distances = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
    lengths = np.maximum(lengths, 1.2 * distances)
    np.fill_diagonal(lengths, 0.0)
    diagonal = np.arange(len(centres))
    weights[:, diagonal, diagonal] = 0.0
    np.savez(target, weights=weights, lengths=lengths, centres=centres, **recordings)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
