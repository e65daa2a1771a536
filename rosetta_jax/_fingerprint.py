"""A fingerprint of any value: the same in every process for the same content, another for any other content.

The content of arrays is their bytes, type and shape, that of modules their class and fields, that of functions
their code and what they closed over (an optimiser is such a function). Of functions and classes that belong to no
installed package, such as those of a script or a notebook, also what they read of their module and the code of
their methods. 60 and 60.0 are the same number: schedules make one of the other.
"""

import dataclasses
import functools
import hashlib
import inspect
import sys
import sysconfig
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_PLAIN = (type(None), bool, complex, str, bytes)
_LENGTH = 16
# Where code is that versions stand for.
_INSTALLED = [Path(__file__).parent] + [
    Path(folder)
    for name, folder in sysconfig.get_paths().items()
    if name.endswith(("lib", "stdlib"))
]


def fingerprint(value: Any) -> str:
    """A short text that stands for the content of `value`."""
    return _digest(value, ()).hex()[:_LENGTH]


def _digest(value: Any, above: tuple[int, ...]) -> bytes:
    """The hash of a value's kind, of its own bytes and of the hashes of what it holds."""
    if id(value) in above:
        return b"what holds it"
    kind, own, held = _opened(value)
    parts = [kind.encode(), own, *(_digest(each, (*above, id(value))) for each in held)]
    if isinstance(value, (set, frozenset)):
        parts[2:] = sorted(parts[2:])
    found = hashlib.sha256()
    for part in parts:
        # With their lengths, so that no two lists of parts look alike.
        found.update(len(part).to_bytes(8, "little"))
        found.update(part)
    return found.digest()


def _opened(value: Any) -> tuple[str, bytes, list[Any]]:
    """The kind of a value, its own bytes, and the values that it holds."""
    kind = _name(type(value))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        whole = isinstance(value, float) and value.is_integer()
        return "number", repr(int(value) if whole else value).encode(), []
    if isinstance(value, _PLAIN):
        return kind, repr(value).encode(), []
    if isinstance(value, (np.ndarray, np.generic, jax.Array)):
        return "array", *_array(value)
    if isinstance(value, (type, types.ModuleType, types.BuiltinFunctionType, np.dtype, np.ufunc)):
        return kind, _name(value).encode(), []
    if isinstance(value, Mapping):
        return kind, b"", [each for pair in value.items() for each in pair]
    if isinstance(value, (list, tuple, set, frozenset)):
        return kind, b"", list(value)
    return kind, *_object(value)


def _array(value: Any) -> tuple[bytes, list[Any]]:
    dtype = str(value.dtype)
    if jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        value = jax.random.key_data(value)
    array = np.asarray(value)
    return array.tobytes(), [dtype, array.shape]


def _object(value: Any) -> tuple[bytes, list[Any]]:
    if isinstance(value, types.FunctionType):
        closed = [_content(cell) for cell in value.__closure__ or ()]
        held = [value.__code__, value.__defaults__, value.__kwdefaults__, closed]
        return _name(value).encode(), held + (_read(value) if _is_own(value) else [])
    if isinstance(value, types.CodeType):
        return value.co_code, [value.co_names, value.co_consts]
    if isinstance(value, types.MethodType):
        return b"", [value.__func__, value.__self__]
    if isinstance(value, functools.partial):
        return b"", [value.func, value.args, value.keywords]
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        held = [(name, getattr(value, name, None)) for name in names]
        return b"", held + (_methods(type(value)) if _is_own(type(value)) else [])
    wrapped = getattr(value, "__wrapped__", None)
    if wrapped is not None:
        return b"", [wrapped]
    return _name(value).encode(), sorted(getattr(value, "__dict__", {}).items())


def _is_own(value: Any) -> bool:
    """Whether a function or class belongs to who computes, and not to an installed package or to this one."""
    name = value.__module__ or ""
    if name == "__main__":
        return True
    file = getattr(sys.modules.get(name), "__file__", None)
    return file is not None and not any(Path(file).is_relative_to(root) for root in _INSTALLED)


def _read(function: types.FunctionType) -> list[Any]:
    """What a function reads of its module: values, and functions that are defined there."""
    found = []
    for name in sorted(_names(function.__code__)):
        value = function.__globals__.get(name)
        holds = isinstance(value, (np.ndarray, np.generic, jax.Array, *_PLAIN, int, float))
        holds = holds or isinstance(value, (list, tuple, dict, types.FunctionType))
        holds = holds or (dataclasses.is_dataclass(value) and not isinstance(value, type))
        if value is not None and holds:
            found.append((name, value))
    return found


def _names(code: types.CodeType) -> set[str]:
    """The names that code, and the code within it, reads."""
    inner = [each for each in code.co_consts if isinstance(each, types.CodeType)]
    return set(code.co_names).union(*map(_names, inner))


def _methods(kind: type) -> list[Any]:
    """The functions of a class and of the classes above it that are one's own."""
    found = []
    for each in (each for each in kind.__mro__ if _is_own(each)):
        for name, value in sorted(vars(each).items()):
            # A property holds its function, as does what equinox makes of a method.
            inner = getattr(value, "fget", getattr(value, "method", value))
            if isinstance(inner, types.FunctionType):
                found.append((name, inspect.unwrap(inner).__code__))
    return found


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # closed over, and never set
        return None


def _name(value: Any) -> str:
    """The full name of a class, function or module; nothing for what has none."""
    name = getattr(value, "__qualname__", getattr(value, "__name__", ""))
    return f"{getattr(value, '__module__', '')}.{name}"
