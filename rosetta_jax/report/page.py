"""A page that explains a result: what was asked, what came out, against what it must be read.

Everything is in the one file, pictures included, so that it can be mailed, printed and kept: it
asks the network for nothing. All text is escaped.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import jax
import numpy as np

from rosetta_jax.results import whole_file

try:
    import jinja2
except ModuleNotFoundError as error:
    raise ImportError(
        'rosetta_jax.report needs jinja2, which is not installed: pip install "rosetta-jax[cli]"'
    ) from error

TEMPLATE = "page.html.jinja"
RESOLUTION = 160  # dots per inch
WIDE = 960  # pixels: wider pictures may leave the column of text
MANY = 4  # up to so many numbers of an array are written out


@dataclass(frozen=True)
class Table:
    """Rows under common headings: each row maps a heading to a number or text; a gap is left out.

    `caption` stands above; `note` below, in small print.
    """

    rows: Sequence[Mapping[str, Any]]
    caption: str = ""
    note: str = ""


@dataclass(frozen=True)
class Picture:
    """A matplotlib `Figure`, a `caption` below it and an `alt` text (by default the caption)."""

    figure: Any
    caption: str
    alt: str = ""


@dataclass(frozen=True)
class Section:
    """A `heading`, `text` (paragraphs apart by an empty line), `tables` and then `pictures`, or these first."""

    heading: str
    text: str = ""
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()
    pictures_first: bool = False


def page(
    title: str,
    summary: str,
    sections: Sequence[Section],
    facts: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> str:
    """A self-contained HTML page, as text.

    `title`; `summary`, the answer in a few sentences; `facts`, a few numbers to lead with, by name;
    `sections` in order; `provenance`, as `rosetta_jax.results.provenance()` gives it, closes the
    page. Numbers are written to four digits, arrays of more than four as median and range; what is
    not finite is written as it is. Raises `ValueError` where a picture has no caption.
    """
    return _template().render(
        title=title,
        summary=_paragraphs(summary),
        facts=[(name, cell(value).text) for name, value in (facts or {}).items()],
        sections=[_section(section) for section in sections],
        provenance=[(name, cell(value).text) for name, value in _flat(provenance or {})],
    )


def write_page(
    path: str | Path,
    title: str,
    summary: str,
    sections: Sequence[Section],
    facts: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> Path:
    """Write `page(...)` to `path`, whole or not at all, and return it. Its folder must exist."""
    text = page(title, summary, sections, facts, provenance)
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")
    return Path(path)


@dataclass(frozen=True)
class Cell:
    """What a table shows: its text, and whether it is a number, which sets it right."""

    text: str
    number: bool = False


def cell(value: Any) -> Cell:
    """A value as a table shows it."""
    if value is None:
        return Cell("–")
    if isinstance(value, (bool, np.bool_)):
        return Cell("yes" if value else "no")
    if isinstance(value, (int, np.integer)):
        return Cell(_signed(str(value)), True)
    if isinstance(value, (float, np.floating)):
        return Cell(_number(float(value)), True)
    if isinstance(value, (np.ndarray, jax.Array)):
        return _array(np.asarray(value))
    if isinstance(value, (list, tuple)):
        return Cell(", ".join(cell(item).text for item in value))
    return Cell(str(value))


def _number(value: float) -> str:
    return _signed(f"{value:.4g}")


def _signed(text: str) -> str:
    """With a minus sign instead of a hyphen at its head."""
    return "−" + text[1:] if text.startswith("-") else text


def _array(value: np.ndarray) -> Cell:
    if value.ndim == 0:
        return cell(value.item())
    if value.size <= MANY or not np.issubdtype(value.dtype, np.floating):
        return Cell(", ".join(cell(item).text for item in value.ravel().tolist()))
    low, middle, high = np.percentile(value, [0, 50, 100])
    span = f"{_number(low)} to {_number(high)}"
    return Cell(f"median {_number(middle)} ({span}; {value.size} values)")


def _section(section: Section) -> dict[str, Any]:
    return {
        "heading": section.heading,
        "paragraphs": _paragraphs(section.text),
        "tables": [_table(table) for table in section.tables],
        "pictures": [_picture(picture) for picture in section.pictures],
        "pictures_first": section.pictures_first,
    }


def _table(table: Table) -> dict[str, Any]:
    headings = list(dict.fromkeys(heading for row in table.rows for heading in row))
    rows = [[cell(row[h]) if h in row else Cell("") for h in headings] for row in table.rows]
    numeric = [
        any(row[k].number for row in rows)
        and all(row[k].number or row[k].text in ("", "–") for row in rows)
        for k in range(len(headings))
    ]
    return {
        "caption": table.caption,
        "note": table.note,
        "headings": list(zip(headings, numeric, strict=True)),
        "rows": [
            [(entry.text, right) for entry, right in zip(row, numeric, strict=True)] for row in rows
        ],
    }


def _picture(picture: Picture) -> dict[str, Any]:
    if not picture.caption.strip():
        raise ValueError(
            "`caption` of a picture is empty: say what it shows, for those who cannot see it."
        )
    buffer = io.BytesIO()
    picture.figure.savefig(buffer, format="png", dpi=RESOLUTION)
    width, height = picture.figure.get_size_inches()
    return {
        "data": base64.b64encode(buffer.getvalue()).decode("ascii"),
        "caption": picture.caption,
        "alt": picture.alt or picture.caption,
        "width": round(96 * width),
        "height": round(96 * height),
        "wide": 96 * width > WIDE,
    }


def _paragraphs(text: str) -> list[str]:
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]


def _flat(tree: Mapping[str, Any], above: str = "") -> list[tuple[str, Any]]:
    """The leaves of nested mappings, named by their path."""
    leaves: list[tuple[str, Any]] = []
    for name, value in tree.items():
        path = f"{above}{name}"
        leaves += _flat(value, f"{path}.") if isinstance(value, Mapping) else [(path, value)]
    return leaves


def _template() -> jinja2.Template:
    source = resources.files("rosetta_jax.report").joinpath(TEMPLATE).read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    return environment.from_string(source)
