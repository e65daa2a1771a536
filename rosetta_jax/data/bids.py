"""Series out of a data set in the Brain Imaging Data Structure, found by the entities of their names.

Parcellated series of derivatives (XCP-D, fMRIPrep with nilearn) are tables and read as such. Raw MEG and EEG is
read by MNE-BIDS.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rosetta_jax.data.arrays import optional_package
from rosetta_jax.data.entities import ENTITIES, entities_of
from rosetta_jax.data.mne_objects import from_mne
from rosetta_jax.data.series import Series
from rosetta_jax.data.series_files import load_series

_RAW = ("meg", "eeg", "ieeg")
# What is no entity, but meant for the reader.
_PASSED = ("interval", "unit", "kind", "channels", "bad")
# How many files an error lists.
_SHOWN = 8


def from_bids(
    root: str | Path,
    *,
    subject: str,
    task: str | None = None,
    suffix: str = "timeseries",
    labels: Sequence[str] | None = None,
    **options: Any,
) -> Series:
    """The series of one subject: `rj.data.from_bids(root, subject="01", task="rest", seg="4S156Parcels")`.

    `suffix="timeseries"` reads a table `..._timeseries.tsv` of derivatives; "meg", "eeg" or "ieeg" raw recordings
    through MNE-BIDS. Any entity narrows the choice, short or in words: `session`, `run`, `space`, `seg` or
    `segmentation`, `atlas`, `stat`, `desc`, ... `labels` chooses and orders regions or channels. `interval`,
    `unit` and `kind` (derivatives) go to `load_series`, `channels` and `bad` (raw) to `from_mne`.

    **Raises:** `FileNotFoundError` with what there is where no file fits, `ValueError` where more than one does,
    `ImportError` for raw recordings without MNE-BIDS.
    """
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"there is no folder {root}: give the top of a data set.")
    passed = {name: options.pop(name) for name in _PASSED if name in options}
    wanted = {"sub": subject.removeprefix("sub-")} | ({} if task is None else {"task": task})
    wanted |= {ENTITIES.get(name, name): str(value) for name, value in options.items()}
    if suffix in _RAW:
        return _raw(root, wanted, suffix, labels, passed)
    return load_series(_only(root, wanted, suffix), labels=labels, **passed)


def _only(root: Path, wanted: dict[str, str], suffix: str) -> Path:
    """The one table whose name has all that is wanted."""
    tables = [path for path in sorted(root.rglob("*.tsv")) if entities_of(path)[1] == suffix]
    fitting = [path for path in tables if wanted.items() <= entities_of(path)[0].items()]
    said = "_".join(f"{name}-{value}" for name, value in wanted.items())
    if not fitting:
        raise FileNotFoundError(
            f"{root} has no {said}_{suffix}.tsv. Of {len(tables)} such tables there are: {_listed(tables, root)}."
        )
    if len(fitting) > 1:
        varied = _varied(fitting)
        raise ValueError(
            f"{root} has {len(fitting)} tables of {said}: say which by {', '.join(varied) or 'its folder'}: "
            f"{_listed(fitting, root)}."
        )
    return fitting[0]


def _varied(paths: list[Path]) -> list[str]:
    """The entities in which files differ, with their values."""
    each = [entities_of(path)[0] for path in paths]
    names = list(dict.fromkeys(name for entities in each for name in entities))
    found = {name: sorted({entities.get(name, "none") for entities in each}) for name in names}
    return [f"{name} ({', '.join(values)})" for name, values in found.items() if len(values) > 1]


def _listed(paths: list[Path], root: Path) -> str:
    names = [str(path.relative_to(root)) for path in paths[:_SHOWN]]
    return ", ".join(names + (["..."] if len(paths) > _SHOWN else [])) or "none"


def _raw(
    root: Path, wanted: dict[str, str], suffix: str, labels: Sequence[str] | None, passed: Any
) -> Series:
    """A raw recording through MNE-BIDS."""
    library = optional_package(
        "mne_bids",
        "Reading raw recordings",
        "read them by MNE-Python and give rj.data.from_mne(raw)",
    )
    words = {short: word for word, short in ENTITIES.items()}
    entities = {words.get(name, name): value for name, value in wanted.items()}
    place = library.BIDSPath(root=root, datatype=suffix, suffix=suffix, **entities)
    # One recording may be several files, and has a description beside it.
    found = {Path(path.fpath).name.split(".")[0]: path for path in place.match()}
    if not found:
        raise FileNotFoundError(
            f"{root} has no raw recording {place.basename}: check its entities."
        )
    if len(found) > 1:
        raise ValueError(
            f"{root} has {len(found)} of {place.basename}, say which: {', '.join(sorted(found))}."
        )
    recording = next(iter(found.values())).copy().update(extension=None)
    return from_mne(library.read_raw_bids(recording, verbose=False), labels=labels, **passed)
