"""What a command that was cut short leaves in its folder: its settings and a checkpoint of each of its fits.

It lies under `checkpoints` in the folder of the results, and is gone when these are complete.
"""

import math
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rosetta_jax.cli.config import NAME, used, write_config
from rosetta_jax.cli.fit_options import Context

FOLDER = "checkpoints"


@contextmanager
def unfinished(out: Path) -> Iterator[Path]:
    """The folder for the checkpoints of the command that is running, which goes on with what is there.

    On an error before anything was begun it is removed. Raises `ValueError` where other settings left it.
    """
    folder = out / FOLDER
    if _begun(folder):
        _require_same(out)
    folder.mkdir(exist_ok=True)
    write_config(folder)
    try:
        yield folder
    finally:
        if not _begun(folder):
            remove(out)


def remove(out: Path) -> None:
    """Remove what was not finished, because it is finished or not worth going on with."""
    folder = out / FOLDER
    for pattern in ("*.npz", "*.partial", NAME):
        for path in folder.glob(pattern):
            path.unlink()
    if folder.is_dir():
        folder.rmdir()


def require_fitted(score: float, interrupted: bool, message: str, out: Path) -> None:
    """Raise where nobody was fitted, and leave nothing to go on with."""
    if math.isfinite(score):
        return
    remove(out)
    if interrupted:
        raise ValueError("interrupted before anything was found: nothing is written.")
    raise ValueError(f"nobody could be fitted: {message} Try more `--starts`.")


def go_on_with(context: Context, path: Path) -> None:
    """Run the command of `context` with the settings of the folder that `path` is, or lies in.

    Raises `ValueError` where there is nothing to go on with, or where settings are given beside it.
    """
    out = _folder(path)
    go_on(context, out / FOLDER, out, ("quiet",))


def go_on(context: Context, settings: Path, out: Path, kept: Sequence[str]) -> None:
    """Run the command of `context` with the settings in a folder, into `out`; `kept` options may be given beside.

    Raises `ValueError` where others are.
    """
    sources = {name: context.get_parameter_source(name) for name in context.params}
    given = {name for name, source in sources.items() if getattr(source, "name", "") != "DEFAULT"}
    beside = [name for name in kept if name in given]
    if given - {"resume", *kept}:
        options = ", ".join(f"`--{name}`" for name in kept)
        raise ValueError(
            f"`--resume` goes on with the settings that are in the folder: leave out all others but {options}."
        )
    words = ["--config", str(settings / NAME), "--out", str(out)]
    for name in beside:
        value = context.params[name]
        words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    command: Any = context.command
    with command.make_context(context.info_name, words, parent=context.parent) as again:
        command.invoke(again)


def _folder(path: Path) -> Path:
    """The folder of results: `path`, or where it is a folder of checkpoints or one of these, the one around."""
    checkpoints = path.parent if path.is_file() else path
    out = checkpoints.parent if checkpoints.name == FOLDER else path
    if not (out / FOLDER / NAME).is_file():
        raise ValueError(
            f"`--resume` {path} holds no fit that was cut short ({FOLDER}/{NAME} is not there): give the `--out` "
            "of one. Of a fit that ended nothing is left to do."
        )
    return out


def _begun(folder: Path) -> bool:
    return any(folder.glob("*.npz"))


def _require_same(out: Path) -> None:
    path = out / FOLDER / NAME
    before = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    now = used()
    differing = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    if differing:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in differing)
        raise ValueError(
            f"`--out` {out} holds a fit that was cut short, of another {names}: go on with it by "
            f"`--resume {out}`, give another folder, or delete {out / FOLDER}."
        )
