"""What every result carries: a status for each lane, provenance, a file it survives in, progress.

Failure is a value for each lane of an ensemble, never an exception that kills the others and never
a number that only looks right.
"""

import json
import platform
import sys
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from enum import IntEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from rosetta_jax._types import Array

FORMAT = 1


class Status(IntEnum):
    """How a lane ended. Zero is success; everything else is a reason."""

    ok = 0
    non_finite = 1
    delay_too_long = 2
    no_fixed_point = 3
    unstable = 4
    undecided = 5
    not_converged = 6
    not_locked = 7
    delay_too_short = 8
    gradient_diverged = 9
    not_run = 10

    @property
    def message(self) -> str:
        """The reason in plain words."""
        return _MESSAGES[self]


_MESSAGES = {
    Status.ok: "succeeded",
    Status.non_finite: "a value became infinite or not a number: take a smaller step or gain",
    Status.delay_too_long: "a delay exceeds `max_delay`: raise it, or the speed",
    Status.delay_too_short: "a delay is shorter than `min_delay`: lower it, or the speed",
    Status.gradient_diverged: "the loss is finite and its gradient is not, as of long chaotic runs: shorten them, "
    "or give a `window`",
    Status.not_run: "not computed: the sweep ended before, go on with it",
    Status.no_fixed_point: "no fixed point was found: the linear theory has nothing to stand on",
    Status.unstable: "the fixed point is unstable: its linear spectrum has no meaning",
    Status.undecided: "stability could not be decided: the point lies too close to an onset",
    Status.not_converged: "the descent stopped at its limit of iterations before it converged",
    Status.not_locked: "no locked state was found: the phases drift past each other, raise the gain",
}


def first_failure(*statuses: Array) -> Array:
    """Of several statuses of a lane, the first that is no success."""
    result = jnp.asarray(Status.ok, dtype=jnp.int32)
    for status in reversed(statuses):
        result = jnp.where(status != Status.ok, status, result)
    return result


def status_where(failed: Array, status: Status) -> Array:
    """`status` where `failed`, success elsewhere, as int32."""
    return jnp.where(failed, jnp.int32(status), jnp.int32(Status.ok))


def summarise(statuses: Any) -> str:
    """How many lanes ended how, in one sentence."""
    codes = np.atleast_1d(np.asarray(statuses)).ravel()
    counts = [(Status(code), int((codes == code).sum())) for code in np.unique(codes)]
    return "; ".join(f"{count} of {codes.size} {status.message}" for status, count in counts) + "."


def provenance(**more: Any) -> dict[str, Any]:
    """Versions, platform, precision and time, with whatever else is given."""
    names = ("rosetta-jax", "jax", "jaxlib", "equinox", "diffrax", "optax", "numpy")
    return {
        "versions": {"python": platform.python_version()} | {n: _version(n) for n in names},
        "platform": {"system": platform.platform(), "backend": jax.default_backend()},
        "precision": "float64" if jax.config.read("jax_enable_x64") else "float32",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        # Without its arguments, which name folders of a machine: settings are kept by whoever has them.
        "program": Path(sys.argv[0]).name,
    } | more


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A file beside `path` to write, which takes its place when done: on any failure `path` stays as it was.

    Raises `OSError`, in plain words, where it cannot be written.
    """
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        raise OSError(
            f"`{path}` cannot be written ({error.strerror or error}): choose another folder, or make room."
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def save_arrays(path: str | Path, arrays: Mapping[str, Any], metadata: Mapping[str, Any]) -> Path:
    """Write named arrays and metadata into one `.npz`, whole or not at all."""
    header = json.dumps({"format": FORMAT, **metadata}, default=plain)
    named: dict[str, Any] = {name: np.asarray(array) for name, array in arrays.items()}
    with whole_file(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, metadata=np.asarray(header), **named)  # pyright: ignore
    return Path(path)


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of an `.npz` file. Raises `FileNotFoundError` and, where it is no such file, `ValueError`."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: give the path of an .npz file.")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (ValueError, TypeError, OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} cannot be read as an .npz file of plain arrays: write it again with numpy.savez, "
            "numbers and text only."
        ) from error


def load_arrays(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """What `save_arrays` wrote: arrays and metadata. Raises `ValueError` on any other file."""
    arrays = read_arrays(path)
    if "metadata" not in arrays:
        raise ValueError(
            f"{path} holds no saved result, found the keys {sorted(arrays)}: give a file that `save` wrote."
        )
    metadata = json.loads(str(arrays.pop("metadata")))
    if metadata.pop("format", None) != FORMAT:
        raise ValueError(
            f"{path} was written by another version of the format than {FORMAT}: read it with that version."
        )
    return arrays, metadata


def write_json(path: str | Path, value: Any) -> Path:
    """Write `value` as strict JSON: what is not finite becomes null, since JSON knows no NaN."""
    text = json.dumps(value, default=plain)
    strict = json.loads(text, parse_constant=lambda name: None)
    with whole_file(path) as partial:
        partial.write_text(json.dumps(strict, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    return Path(path)


def plain(value: Any) -> Any:
    """`value` as what JSON can hold."""
    if isinstance(value, (np.ndarray, jax.Array)):
        return np.asarray(value).tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"cannot write {type(value).__name__} as JSON")


def progress(enabled: bool = True) -> Progress:
    """A progress bar on standard error with what is done, elapsed and left; a no-op off a terminal."""
    from rich.console import Console

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
        disable=not enabled,
    )
