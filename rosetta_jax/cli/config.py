"""One TOML file instead of flags: its keys are the names of the options, and flags given beside it win.

Every command writes the settings it used into its folder as `config.toml`, and
`rosetta COMMAND --config config.toml` does the same again.
"""

import tomllib
from collections.abc import Mapping
from contextvars import ContextVar
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import tomli_w
import typer
from typer.core import TyperCommand

from rosetta_jax import _checks, parameters
from rosetta_jax._types import PyTree
from rosetta_jax.cli.shared import fail
from rosetta_jax.results import whole_file

NAME = "config.toml"
# What says where results go and how much is said, not what they are.
_NOT_WRITTEN = ("config", "out", "quiet", "help")
# Options whose name no Python variable should have.
_OPTIONS = {"assignments": "set", "begin": "from", "end": "to"}
_running: ContextVar[dict[str, Any]] = ContextVar("settings of the command that is running")
_FIELDS = {option: field for field, option in _OPTIONS.items()}


class ConfiguredCommand(TyperCommand):
    """A command whose defaults may come from a TOML file, and which knows the settings it runs with."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        path = _named(args)
        if path is not None:
            ctx.default_map = _read(path, [parameter.name for parameter in self.params])
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        _running.set(dict(ctx.params))
        return super().invoke(ctx)


def _named(args: list[str]) -> Path | None:
    """The file that the arguments name."""
    for place, argument in enumerate(args):
        if argument.startswith("--config="):
            return Path(argument.partition("=")[2])
        if argument == "--config" and place + 1 < len(args):
            return Path(args[place + 1])
    return None


def _read(path: Path, fields: list[str]) -> dict[str, Any]:
    """The settings of a TOML file, each of which must be an option of the command."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        fail(f"`--config` {path} cannot be read ({error.strerror or error}): check the path.")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        fail(f"`--config` {path} is no TOML file ({error}): mend it, or give flags instead.")
    for option in ("set", "prior"):
        if isinstance(found.get(option), Mapping):
            found[option] = [f"{name}={value}" for name, value in _flat(found[option]).items()]
    settings = {_FIELDS.get(key, key.replace("-", "_")): value for key, value in found.items()}
    known = [field for field in fields if field not in ("config", "help")]
    for field in settings:
        if field not in known:
            names = [_OPTIONS.get(name, name) for name in known]
            fail(f"`--config` {path} has the key {field!r}. {_checks.suggestion(field, names)}")
    return settings


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A table of tables with paths for keys, so that `[set.rung]` and `"rung.alpha"` say the same."""
    flat = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


ConfigOption = Annotated[
    Path | None,
    typer.Option(
        help="A TOML file with any of these options; flags win. Each run writes the one it used.",
    ),
]
SetOption = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Set a parameter of the network, such as rung.alpha=-10; may be repeated.",
    ),
]


def changes(assignments: list[str]) -> dict[str, float]:
    """The parameters that `--set` names, by path. Raises `ValueError` for what is no assignment."""
    found = {}
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        try:
            found[path.strip()] = float(text)
        except ValueError:
            raise ValueError(
                f"`--set` {assignment!r} must be a path and a number, such as rung.alpha=-10."
            ) from None
        if not equals or not path.strip():
            raise ValueError(f"`--set` {assignment!r} names no parameter: write rung.alpha=-10.")
    return found


def changed(tree: PyTree, assignments: list[str]) -> PyTree:
    """`tree` with the parameters that `--set` names."""
    return parameters.replace(tree, changes(assignments))


def settle(**values: Any) -> None:
    """Say what the command that is running took for options that were left out."""
    _running.set(_running.get() | values)


def used() -> dict[str, Any]:
    """The settings of the command that is running, as `config.toml` holds them."""
    settings = {}
    for name, value in _running.get().items():
        if name not in _NOT_WRITTEN and value is not None:
            settings[_OPTIONS.get(name, name)] = _plain(value)
    return settings


def write_config(out: Path) -> Path:
    """Write the settings of the command that is running into its folder."""
    path = out / NAME
    with whole_file(path) as partial:
        partial.write_text(tomli_w.dumps(dict(sorted(used().items()))), encoding="utf-8")
    return path


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value.resolve())
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value
