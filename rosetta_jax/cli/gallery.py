"""`rosetta gallery`: the figures of the paper drawn again, with the numbers that must appear in them."""

import csv
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table as Listing

from rosetta_jax import _checks
from rosetta_jax.cli.config import ConfigOption, used, write_config
from rosetta_jax.cli.shared import (
    Precision,
    QuietOption,
    choose_precision,
    fail,
    plain_errors,
    result_folder,
    say,
    write_pictures,
)
from rosetta_jax.gallery import PAGES, Number, Page, draw
from rosetta_jax.report import Picture, Section, Table, write_page
from rosetta_jax.results import progress, provenance, whole_file, write_json


def _list(asked: bool) -> None:
    """Print the figures and stop, if asked to."""
    if not asked:
        return
    listing = Listing(box=box.SIMPLE_HEAD)
    for heading in ("name", "figure", "what it shows"):
        listing.add_column(heading)
    for name, entry in PAGES.items():
        listing.add_row(name, entry.label, (entry.draw.__doc__ or "").partition("\n")[0])
    Console().print(listing)
    raise typer.Exit()


ListOption = Annotated[
    bool,
    typer.Option(
        "--list",
        is_eager=True,
        expose_value=False,
        callback=_list,
        help="List the figures and stop.",
    ),
]


def gallery(
    config: ConfigOption = None,
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path("rosetta-gallery"),
    only: Annotated[
        list[str], typer.Option(metavar="NAME", help="A figure of --list; may be repeated.")
    ] = [],  # noqa: B006
    names: ListOption = False,
    quiet: QuietOption = False,
) -> None:
    """Draw the figures of the paper again, each with the numbers that must appear in it beside those found.

    Writes a picture a figure, the numbers, and an index page. Fails where a number does not hold.
    """
    with plain_errors():
        chosen = [_checks.one_of("--only", name, PAGES) for name in only] or list(PAGES)
        choose_precision(Precision.float64)
        out = result_folder(out)
        pages = _drawn(chosen, quiet)
        index = _write(out, pages, used())
        write_config(out)
    failures = [f"{name}: {number.name}" for name in pages for number in pages[name].failures]
    if failures:
        fail(f"{len(failures)} numbers do not hold ({'; '.join(failures)}); see {index}")
    say(f"{len(pages)} figures, every number holds; index: {index}")


def _drawn(chosen: list[str], quiet: bool) -> dict[str, Page]:
    pages = {}
    with progress(not quiet) as bar:
        task = bar.add_task("drawing", total=len(chosen), note="")
        for name in chosen:
            bar.update(task, note=name)
            pages[name] = draw(name)
            bar.advance(task)
        bar.update(task, note="")
    return pages


def _write(out: Path, pages: dict[str, Page], chosen: dict[str, Any]) -> Path:
    """Write pictures, numbers and index into `out`; the path of the index."""
    pictures = {name: Picture(page.figure, page.caption) for name, page in pages.items()}
    write_pictures(out, pictures)
    made = provenance(**chosen)
    write_json(
        out / "numbers.json",
        {"figures": {n: [_row(each) for each in page.numbers] for n, page in pages.items()}} | made,
    )
    _write_csv(out / "numbers.csv", pages)
    numbers = [number for page in pages.values() for number in page.numbers]
    return write_page(
        out / "index.html",
        title="The figures of the paper",
        summary="Castaldo et al., Rosetta Stone of Neural Mass Models (arXiv 2512.10982), drawn again from the "
        "library's own models.",
        sections=[_section(name, page, pictures[name]) for name, page in pages.items()],
        facts={
            "figures": len(pages),
            "numbers that hold": sum(number.holds for number in numbers),
            "that do not": sum(not number.holds for number in numbers),
        },
        provenance=made,
    )


def _section(name: str, page: Page, picture: Picture) -> Section:
    rows = []
    for number in page.numbers:
        expected, found = number.texts()
        rows.append(
            {
                "number": number.name,
                "unit": number.unit,
                "must be": expected,
                "found": found,
                "within": f"±{number.tolerance:.1g}",
                "holds": number.verdict,
            }
        )
    return Section(
        f"{PAGES[name].label}  {page.title}",
        tables=[Table(rows)],
        pictures=[picture],
        pictures_first=True,
    )


def _row(number: Number) -> dict[str, Any]:
    return {
        "name": number.name,
        "expected": number.expected,
        "found": number.found,
        "unit": number.unit,
        "tolerance": number.tolerance,
        "holds": number.holds,
    }


def _write_csv(path: Path, pages: dict[str, Page]) -> None:
    rows = [
        {"figure": name, **_row(number)} for name, page in pages.items() for number in page.numbers
    ]
    with whole_file(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
