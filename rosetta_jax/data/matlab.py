"""Arrays of MATLAB files, by name.

Files up to version 7 are read by SciPy. Those of version 7.3 are HDF5, which keeps every matrix transposed and
text as numbers, and needs h5py. Structs are taken apart into names with a dot, cells of text are lists of names,
sparse matrices are filled.
"""

import importlib
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatlabFunction, MatlabOpaque

_HDF5 = b"\x89HDF\r\n\x1a\n"


def read_matlab(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of a `.mat` file of any version.

    Raises `ImportError` for a file of version 7.3 without h5py, `ValueError` for one that cannot be read.
    """
    path = Path(path)
    with path.open("rb") as stream:
        start = stream.read(520)
    if _HDF5 in start or start.startswith(b"MATLAB 7.3"):
        return read_hdf5(path)
    try:
        held = loadmat(path)
    except (ValueError, TypeError, OSError, EOFError, KeyError, zlib.error) as error:
        raise ValueError(
            f"{path} cannot be read as a .mat file: write it again by MATLAB's save(..., '-v7')."
        ) from error
    arrays: dict[str, np.ndarray] = {}
    for name, value in held.items():
        if not name.startswith("__"):
            _unpack(name, value, arrays)
    return arrays


def _unpack(name: str, value: Any, arrays: dict[str, np.ndarray]) -> None:
    """Put `value` among the arrays, struct by struct."""
    if isinstance(value, (MatlabOpaque, MatlabFunction)):
        warnings.warn(
            f"{name!r} is an object of MATLAB (a string array, a table), which only MATLAB reads: it is left out. "
            "Save cellstr(...) or a matrix.",
            stacklevel=4,
        )
        return
    array = np.asarray(value.toarray() if hasattr(value, "toarray") else value)
    if array.dtype.names is not None and array.size == 1:
        for field in array.dtype.names:
            _unpack(f"{name}.{field}", array.flat[0][field], arrays)
        return
    if array.dtype == object and array.size and all(_is_text(entry) for entry in array.flat):
        array = np.array([str(np.asarray(entry).reshape(-1)[0]) for entry in array.flat])
    arrays[name] = array


def _is_text(entry: Any) -> bool:
    return np.asarray(entry).dtype.kind == "U" and np.size(entry) == 1


def read_hdf5(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of an HDF5 file, groups taken apart into names with a dot.

    What MATLAB wrote (it marks each of its arrays) is transposed back. Raises `ImportError` without h5py.
    """
    try:
        h5py = importlib.import_module("h5py")
    except ImportError as error:
        raise ImportError(
            f"{path} is HDF5 (MATLAB 7.3), which needs h5py: `pip install 'rosetta-jax[data]'`, or write it again "
            "by MATLAB's save(..., '-v7')."
        ) from error
    arrays: dict[str, np.ndarray] = {}

    def visit(name: str, value: Any) -> None:
        # Names with # are where MATLAB keeps what cells refer to.
        if isinstance(value, h5py.Dataset) and not name.startswith("#"):
            arrays[name.replace("/", ".")] = _matrix(h5py, file, value)

    try:
        with h5py.File(path, "r") as file:
            file.visititems(visit)
    except OSError as error:
        raise ValueError(f"{path} cannot be read as HDF5: it may be damaged or cut off.") from error
    return arrays


def _matrix(h5py: Any, file: Any, dataset: Any) -> np.ndarray:
    """One array as its writer meant it."""
    written = dataset.attrs.get("MATLAB_class", b"")
    if h5py.check_string_dtype(dataset.dtype) is not None:
        return np.asarray(dataset.asstr()[()])
    if written == b"cell":
        cells = [_matrix(h5py, file, file[reference]) for reference in dataset[()].T.flat]
        return np.array([str(cell) if cell.ndim == 0 else "" for cell in cells])
    array = np.asarray(dataset[()])
    if written == b"char":
        return np.array("".join(chr(code) for code in array.T.flat))
    return array.T if written else array
