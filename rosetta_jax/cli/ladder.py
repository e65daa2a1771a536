"""`rosetta ladder`: the models in order, and which of them a question needs."""

import dataclasses
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rosetta_jax.cli.shared import plain_errors
from rosetta_jax.rungs import ladder as steps
from rosetta_jax.rungs import recommend
from rosetta_jax.rungs.ladder import BOXES, QUESTIONS
from rosetta_jax.system import ports

QuestionOption = Annotated[
    str | None,
    typer.Option(
        metavar="WORD",
        help=f"Which rung a question needs: {', '.join(QUESTIONS)}; or `all` for the list of questions.",
    ),
]


def ladder(question: QuestionOption = None) -> None:
    """List the models of the ladder with their equations, states and ports, or say which one a question needs."""
    with plain_errors():
        if question is None:
            _models()
        elif question == "all":
            _questions()
        else:
            _recommended(question)


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for heading in headings:
        table.add_column(heading)
    return table


def _models() -> None:
    models = _table("The models", "rung", "model", "equation", "states and input ports")
    for step in steps():
        states = ", ".join(field.name for field in dataclasses.fields(step.kind.State))
        inputs = ", ".join(f"{name} ({info.unit})" for name, info in ports(step.kind).items())
        models.add_row(
            str(step.number),
            step.kind.__name__,
            escape(step.equation),
            f"{states}\n[dim]{escape(inputs)}[/]",
        )
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
