"""Names of files by the rules of BIDS: `sub-01_task-rest_timeseries.tsv` is entities and a suffix."""

from pathlib import Path

# What each entity is called in words.
ENTITIES = {
    "subject": "sub",
    "session": "ses",
    "acquisition": "acq",
    "reconstruction": "rec",
    "direction": "dir",
    "resolution": "res",
    "segmentation": "seg",
    "statistic": "stat",
    "description": "desc",
}


def entities_of(path: Path) -> tuple[dict[str, str], str]:
    """The entities of a file's name, and its suffix."""
    *pairs, suffix = path.name.split(".")[0].split("_")
    return dict(pair.split("-", 1) for pair in pairs if "-" in pair), suffix
