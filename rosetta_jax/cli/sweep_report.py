"""What `rosetta sweep` writes beside its store: the best members, maps, `summary.json` and a page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rosetta_jax import plot, sweeps
from rosetta_jax.cli.shared import write_pictures
from rosetta_jax.network import Network
from rosetta_jax.report import Picture, Section, Table, write_page
from rosetta_jax.results import Status, provenance, write_json
from rosetta_jax.sweeps import Measure

STORE = "sweep.zarr"
_BEST = 10
# Pictures of so many measures at most.
_PICTURES = 8


class Ranking(NamedTuple):
    """The measure that the best members have most of, or least of; None for the first there is."""

    variable: str | None
    largest: bool


class Swept(NamedTuple):
    """A brain, what is measured of it, and what the best of it is by."""

    brain: Network
    measure: Measure
    ranking: Ranking

    @property
    def numbers(self) -> list[str]:
        """The arrays that are one number a member."""
        return [name for name, dims in self.measure.dims(self.brain).items() if not dims]


def require_number(swept: Swept) -> None:
    """Raise where the best are to be by what is no number of a member."""
    variable = swept.ranking.variable
    if variable is not None and variable not in swept.numbers:
        raise ValueError(f"`--best` {variable!r}: choose from {', '.join(swept.numbers)}.")


def write_results(
    out: Path, found: Any, swept: Swept, chosen: Mapping[str, Any]
) -> tuple[Path, str]:
    """Write everything into `out`; the path of the page, and what is best in words."""
    numbers, ranking, measure = swept.numbers, swept.ranking, swept.measure
    status = np.asarray(found["status"])
    made = provenance(**chosen)
    variable = ranking.variable or next(iter(numbers), None)
    best, edges = _best(found, variable, ranking.largest)
    pictures = _pictures(found, numbers, ranking) if best is not None else {}
    summary = {
        "members": status.size,
        "message": sweeps.summary(found),
        "statuses": {Status(s).name: int((status == s).sum()) for s in np.unique(status)},
        "axes": {
            str(axis): int(size)
            for axis, size in zip(found["status"].dims, status.shape, strict=True)
        },
        "measures": numbers,
        "best_by": variable,
        "best_at_end_of": edges,
        "best": [] if best is None else _rows(best),
    }
    write_json(out / "summary.json", summary | made)
    write_pictures(out, pictures)
    page = write_page(
        out / "report.html",
        title=f"A sweep of a {chosen['rung']} brain",
        summary=f"{status.size} members, {measure.name}: {summary['message']}",
        sections=_sections(found, best, edges, variable, ranking, pictures),
        facts=_facts(summary, status),
        provenance=made,
    )
    if best is None:
        return page, ""
    widen = f" (at the end of {', '.join(edges)}: widen it)" if edges else ""
    return page, f"best {variable} {float(best[variable][0]):.4g}{widen}; "


def _best(found: Any, variable: str | None, largest: bool) -> tuple[Any, list[str]]:
    """The best members, None where there is none, and the parameters at whose ends the first of them lies."""
    if (
        variable is None
        or not np.isfinite(
            np.where(np.asarray(found["status"]) == 0, found[variable], np.nan)
        ).any()
    ):
        return None, []
    best = sweeps.best(found, variable, _BEST, largest=largest)
    return best, sweeps.at_edges(found, variable, largest=largest)


def _facts(summary: Mapping[str, Any], status: np.ndarray) -> dict[str, Any]:
    along = " × ".join(f"{size} {axis}" for axis, size in summary["axes"].items())
    succeeded = int((status == Status.ok).sum())
    return {"members": status.size, "axes": along, "succeeded": succeeded}


def _sections(
    found: Any,
    best: Any,
    edges: list[str],
    variable: str | None,
    ranking: Ranking,
    pictures: Mapping[str, Picture],
) -> list[Section]:
    sections = []
    if best is not None and variable is not None:
        most = "most" if ranking.largest else "least"
        caption = f"Members with the {most} {variable.replace('_', ' ')}, best first"
        beyond = (
            f"The best lies at the end of {', '.join(edges)}: beyond it there may be better ones."
            if edges
            else ""
        )
        sections.append(Section("Best members", beyond, [Table(_rows(best), caption)]))
    status = np.asarray(found["status"])
    rows = [
        {"how": Status(s).message, "members": int((status == s).sum())} for s in np.unique(status)
    ]
    sections.append(Section("How members ended", tables=[Table(rows)]))
    for name, picture in pictures.items():
        sections.append(Section(name.replace("_", " ").capitalize(), pictures=[picture]))
    return sections


def _rows(best: Any) -> list[dict[str, Any]]:
    """The best members as rows, parameters first."""
    parameters = [str(name) for name in best.coords if name != "rank"]
    measures = [str(name) for name in best.data_vars if name != "status"]
    rows = []
    for rank in range(best.sizes["rank"]):
        one = best.isel(rank=rank)
        rows.append(
            {"rank": rank + 1}
            | {name: one[name].item() for name in parameters if one[name].ndim == 0}
            | {name: one[name].item() for name in measures}
        )
    return rows


def _pictures(found: Any, numbers: list[str], ranking: Ranking) -> dict[str, Picture]:
    pictures = {}
    for name in numbers[:_PICTURES]:
        usable = np.asarray(found[name])[np.asarray(found["status"]) == 0]
        usable = usable[np.isfinite(usable)]
        # Of what is the same everywhere a picture shows nothing.
        if not usable.size or np.ptp(usable) == 0 or not sweeps.swept_parameters(found):
            continue
        # Of other measures than the one that ranks, distances apart, more is drawn as more.
        largest = ranking.largest if name == ranking.variable else not name.endswith("distance")
        caption = f"{found[name].attrs.get('long_name') or name}; failed members are crossed."
        pictures[name] = Picture(
            plot.sweep(found, name, largest=largest), caption[0].upper() + caption[1:]
        )
    return pictures
