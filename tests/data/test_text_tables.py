"""Tables of numbers as programs write them: separators, names, indices, comments, gaps."""

import gzip

import numpy as np
import pytest

from rosetta_jax.data.tables import parsed, read_table

MATRIX = np.array([[0.5, 1e-3, -2.0], [3.0, 4.0, np.nan]])
TEXTS = {
    "commas": ("0.5,1e-3,-2\n3,4,nan\n", None, None),
    "tabs and names": ("a\tb\tc\n0.5\t1e-3\t-2\n3\t4\tn/a\n", ("a", "b", "c"), None),
    "rows and columns": (",a,b,c\np,0.5,.001,-2\nq,3,4,\n", ("a", "b", "c"), ("p", "q")),
    "one name less": ("a b c\np 0.5 .001 -2\nq 3 4 NaN\n", ("a", "b", "c"), ("p", "q")),
    "an index": (",a,b,c\n0,0.5,.001,-2\n1,3,4,nan\n", ("a", "b", "c"), None),
    "numbers for names": (",0,1,2\n0,0.5,.001,-2\n1,3,4,nan\n", ("0", "1", "2"), None),
    "semicolons, ends, blanks": ("0.5; 1e-3; -2;\n\n3; 4; nan;\n", None, None),
    "comments, quotes, mark": (
        '\ufeff# from a program\n"a, b","b","c"\n0.5,1e-3,-2\n3,4,\n',
        None,
        None,
    ),
}


@pytest.mark.parametrize("text, columns, rows", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_all_ways_to_write_a_table_are_read(tmp_path, text, columns, rows, ends):
    path = tmp_path / "table.txt"
    path.write_bytes(text.replace("\n", ends).encode())
    found = read_table(path)
    np.testing.assert_array_equal(found.numbers, MATRIX)
    assert found.rows == rows
    if "quotes" not in text and columns:
        assert found.columns == columns


def test_quotes_hold_separators(tmp_path):
    assert parsed('"a, b",c\n1,2\n', "x").columns == ("a, b", "c")


def test_a_gap_in_the_first_line_makes_no_names_of_it():
    np.testing.assert_array_equal(parsed(",1\n2,\n", "x").numbers, [[np.nan, 1], [2, np.nan]])


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 1), (5, 3)])
@pytest.mark.parametrize("seed", range(3))
def test_numbers_come_back_to_the_last_digit(tmp_path, shape, seed):
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal(shape) * 10.0 ** rng.integers(-20, 20, shape)
    np.savetxt(tmp_path / "a.csv.gz", matrix, delimiter=",", fmt="%.17g", header="a,b")
    np.testing.assert_array_equal(read_table(tmp_path / "a.csv.gz").numbers, matrix)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "a.csv holds no line of numbers"),
        ("a,b\n", "a.csv holds names and no numbers"),
        ("1,2\n3\n", "a.csv has 1 entries in row 2 of its numbers and 2 in the first"),
        ("a,b,c\n1,2\n", "a.csv has 3 names in its first row and 2 columns"),
        ("1;2\n3;4,5\n", "a.csv has '4,5' in row 2 .*decimal point"),
    ],
)
def test_what_is_no_table_is_said(tmp_path, text, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_table(tmp_path / "a.csv")


def test_what_is_no_text_is_said(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"a.txt cannot be read as text"):
        read_table(tmp_path / "a.txt")
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"1 2")[:-9])
    with pytest.raises(ValueError, match=r"a.txt.gz cannot be read as text"):
        read_table(tmp_path / "a.txt.gz")
    with pytest.raises(FileNotFoundError, match=r"there is no file .*b.txt"):
        read_table(tmp_path / "b.txt")
