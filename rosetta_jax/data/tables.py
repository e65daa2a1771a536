"""Numbers out of text: tables with or without names of columns and rows, by commas, tabs, semicolons or blanks.

Lines that begin with # are comments. A first line that is not all numbers names the columns, a first column that
is not numbers names the rows; a column without a name before named ones is an index and left out. `n/a`, `nan`
and nothing are not-a-number. Files may be compressed (`.bz2`, `.gz`).
"""

import bz2
import csv
import gzip
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

TABLES = (".csv", ".tsv", ".txt", ".dat")
_OPENERS = {".bz2": bz2.decompress, ".gz": gzip.decompress}
_ABSENT = {"", "n/a", "na", "nan", "null"}


class Table(NamedTuple):
    """`numbers` (rows, columns), and the names of columns and rows, or None."""

    numbers: np.ndarray
    columns: tuple[str, ...] | None
    rows: tuple[str, ...] | None


def kind_of(path: str | Path) -> str:
    """The suffix that says what a file holds, below that of its compression."""
    path = Path(path)
    return (path.with_suffix("") if path.suffix.lower() in _OPENERS else path).suffix.lower()


def read_text(path: str | Path) -> str:
    """The text of a file. Raises `FileNotFoundError`, and `ValueError` where it is no text."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: give the path of a table of numbers.")
    return decoded(path.read_bytes(), path)


def decoded(content: bytes, path: Any) -> str:
    """The text of a file's bytes, decompressed where its name says so."""
    try:
        return _OPENERS.get(Path(path).suffix.lower(), bytes)(content).decode("utf-8-sig")
    except (OSError, EOFError, ValueError) as error:
        raise ValueError(
            f"{path} cannot be read as text: write it as a table of numbers."
        ) from error


def read_matrix(path: str | Path) -> np.ndarray:
    """The numbers of a table or of an `.npy` file."""
    path = Path(path)
    if path.suffix.lower() != ".npy":
        return read_table(path).numbers
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: give the path of an .npy file.")
    return np.load(path, allow_pickle=False)


def read_table(path: str | Path) -> Table:
    """The table of a text file. Raises `ValueError` naming file, line and entry where it is none."""
    return parsed(read_text(path), path)


def cells(text: str, blanks: bool = False) -> list[list[str]]:
    """The entries of each line that holds any, by its separator or, where `blanks`, by any blank."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        return []
    separator = next((mark for mark in "\t;," if mark in lines[0]), None)
    if separator is None or blanks:
        rows = [line.split() for line in lines]
    else:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]
    if len(rows) > 1 and all(row[-1] == "" for row in rows):
        rows = [row[:-1] for row in rows]
    return rows


def parsed(text: str, path: Any, blanks: bool = False) -> Table:
    """The table of a text; `path` is what errors call it."""
    rows = cells(text, blanks)
    if not rows:
        raise ValueError(f"{path} holds no line of numbers.")
    named = not any(_is_number(row[0]) for row in rows[1:] or rows)
    columns = rows.pop(0) if _is_header(rows[0], named) else None
    if not rows:
        raise ValueError(f"{path} holds names and no numbers.")
    width = len(rows[0])
    first = 1 if named or (columns is not None and columns[0] == "") else 0
    if columns is not None and len(columns) not in (width, width - 1 if named else width):
        raise ValueError(f"{path} has {len(columns)} names in its first row and {width} columns.")
    values = np.empty((len(rows), width - first))
    for number, row in enumerate(rows):
        if len(row) != width:
            raise ValueError(
                f"{path} has {len(row)} entries in row {number + 1} of its numbers and {width} in the first: all "
                "must have the same."
            )
        values[number] = [_number(path, cell, number + 1) for cell in row[first:]]
    return Table(
        values,
        None if columns is None else tuple(columns[len(columns) - (width - first) :]),
        tuple(row[0] for row in rows) if named else None,
    )


def _is_header(row: list[str], named: bool) -> bool:
    """Whether a first row names the columns, as also the numbers do that pandas writes for want of names."""
    counted = row[0] == "" and row[1:] == [str(number) for number in range(len(row) - 1)]
    return counted or any(cell and not _is_number(cell) for cell in row[1 if named else 0 :])


def _is_number(cell: str) -> bool:
    if cell.lower() in _ABSENT - {""}:
        return True
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(path: Any, cell: str, row: int) -> float:
    if cell.lower() in _ABSENT:
        return float("nan")
    try:
        return float(cell)
    except ValueError as error:
        raise ValueError(
            f"{path} has {cell!r} in row {row} of its numbers: give a number with a decimal point, or n/a."
        ) from error
