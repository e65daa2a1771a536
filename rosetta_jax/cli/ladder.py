"""`rosetta ladder`: the models in order, and which of them a question needs."""

import dataclasses
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rosetta_jax import _checks
from rosetta_jax.cli.cost import costs, machine
from rosetta_jax.cli.shared import (
    Precision,
    PrecisionOption,
    QuietOption,
    choose_precision,
    console,
    plain_errors,
    result_folder,
    say,
)
from rosetta_jax.gallery import draw
from rosetta_jax.results import progress, whole_file
from rosetta_jax.rungs import ladder as steps
from rosetta_jax.rungs import recommend
from rosetta_jax.rungs.ladder import BOXES, QUESTIONS
from rosetta_jax.system import Rung, ports

QuestionOption = Annotated[
    str | None,
    typer.Option(
        metavar="WORD",
        help=f"Which rung a question needs: {', '.join(QUESTIONS)}; or `all` for the list of questions.",
    ),
]
CostOption = Annotated[
    bool,
    typer.Option(
        "--cost",
        help="Measure what a step costs, each rung wired by the embedded connectome (a minute or so).",
    ),
]
PictureOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Draw all rungs alone, orbit and bifurcation, into a png, pdf or svg file (half a minute).",
    ),
]


def ladder(
    question: QuestionOption = None,
    cost: CostOption = False,
    picture: PictureOption = None,
    precision: PrecisionOption = Precision.auto,
    quiet: QuietOption = False,
) -> None:
    """List the models of the ladder with their equations, states and ports, or say which one a question needs."""
    with plain_errors():
        if picture is not None:
            _draw(picture, quiet)
        elif question is None:
            _models(_measured(precision, quiet) if cost else {})
        elif question == "all":
            _questions()
        else:
            _recommended(question)


def _draw(picture: Path, quiet: bool) -> None:
    """The portraits of the gallery as one file."""
    choose_precision(Precision.float64)
    _checks.one_of("--picture", picture.suffix, (".png", ".pdf", ".svg"))
    result_folder(picture.parent)
    with nullcontext() if quiet else console.status("drawing", spinner="dots"):
        page = draw("portraits")
    with whole_file(picture) as partial:
        page.figure.savefig(partial, dpi=200, format=picture.suffix[1:])
    say(f"{page.title}: {picture}")


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for heading in headings:
        table.add_column(heading)
    return table


def _measured(precision: Precision, quiet: bool) -> dict[type[Rung], float]:
    """Microseconds a step and node of every model."""
    choose_precision(precision)
    kinds = [step.kind for step in steps()]
    found = {}
    with progress(not quiet) as bar:
        task = bar.add_task("marching", total=len(kinds), note="")
        for kind, cost in costs(kinds):
            found[kind] = cost
            bar.update(task, advance=1, note=kind.__name__)
    return found


def _models(cost: dict[type[Rung], float]) -> None:
    """The table of models, with a column of what a step costs where that was measured."""
    headings = ["rung", "model", "equation", "states and input ports"]
    models = _table("The models", *headings, *(["µs a step and node"] if cost else []))
    for step in steps():
        states = ", ".join(field.name for field in dataclasses.fields(step.kind.State))
        inputs = ", ".join(f"{name} ({info.unit})" for name, info in ports(step.kind).items())
        models.add_row(
            str(step.number),
            step.kind.__name__,
            escape(step.equation),
            f"{states}\n[dim]{escape(inputs)}[/]",
            *([f"{cost[step.kind]:.3f}"] if cost else []),
        )
    if cost:
        models.caption = f"Heun with delays and white noise, 68 regions. {machine()}"
    boxes = _table("What a rung adds", "rung", "adds", "gained", "lost", "read from it")
    for number, described in BOXES.items():
        boxes.add_row(str(number), *(escape(text) for text in described))
    Console().print(models, boxes)


def _questions() -> None:
    table = _table("Which rung for which question", "word", "question", "rung")
    for word, (text, number, _) in QUESTIONS.items():
        table.add_row(word, text, str(number))
    Console().print(table)


def _recommended(question: str) -> None:
    found = recommend(question)
    models = ", ".join(kind.__name__ for kind in found.kinds)
    Console().print(f"{found.question}\nRung {found.number}: {models}", highlight=False)
    Console().print("Before the answer is trusted:", highlight=False)
    for check in found.checks:
        Console().print(f"- {check}", highlight=False, markup=False)
