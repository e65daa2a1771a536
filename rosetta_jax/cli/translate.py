"""`rosetta translate`: a neural mass, or a brain of them, carried to other rungs, and how wrong those are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape

from rosetta_jax import _checks, parameters
from rosetta_jax.cli.brain import (
    KINDS,
    GainOption,
    NamedOption,
    SpeedOption,
    embedded_brain,
    one_node,
)
from rosetta_jax.cli.config import ConfigOption, changes, used, write_config
from rosetta_jax.cli.shared import (
    Precision,
    PrecisionOption,
    QuietOption,
    RungName,
    RungOption,
    SeedOption,
    choose_precision,
    plain_errors,
    result_folder,
    say,
    write_pictures,
)
from rosetta_jax.cli.translate_pictures import pictures_of
from rosetta_jax.network import Network
from rosetta_jax.report import Picture, Section, Table, write_page
from rosetta_jax.results import progress, provenance, save_arrays, write_json
from rosetta_jax.rungs import StuartLandau
from rosetta_jax.system import Rung, ports
from rosetta_jax.translation import Translation, reachable, translate

# Where each rung has a rhythm, if nothing else is asked for: the name of a set, and what is changed in it.
_RHYTHMS: dict[RungName, tuple[str | None, dict[str, float]]] = {
    RungName.stuart_landau: (None, {"alpha": 2.0, "beta": 1.0}),
    RungName.wilson_cowan: ("WC-b", {"bias_y": -6.65}),
    RungName.jansen_rit: (None, {"bias": 300.0}),
    RungName.nmm2: ("PING", {"bias_e": 1.15, "bias_i": 1.15}),
}


def translation(
    config: ConfigOption = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("rosetta-translate"),
    rung: RungOption = RungName.jansen_rit,
    named: NamedOption = None,
    assignments: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="PATH=VALUE",
            help="Set a parameter of the rung, such as bias=220; may be repeated.",
        ),
    ] = [],  # noqa: B006
    to: Annotated[
        list[RungName],
        typer.Option(help="The rung to translate to; may be repeated. By default all it reaches."),
    ] = [],  # noqa: B006
    parameter: Annotated[
        list[str],
        typer.Option(
            metavar="PATH",
            help="Along which the Hopf point is sought, for stuart-landau; repeated, they move together. By "
            "default a bias.",
        ),
    ] = [],  # noqa: B006
    port: Annotated[
        str | None,
        typer.Option(
            help="Where the input of the tongues enters, such as field; by default the field's."
        ),
    ] = None,
    brain: Annotated[
        bool,
        typer.Option("--brain", help="Translate the embedded brain of this rung, not one node."),
    ] = False,
    gain: GainOption = None,
    speed: SpeedOption = 10.0,
    seed: SeedOption = 0,
    precision: PrecisionOption = Precision.float64,
    quiet: QuietOption = False,
) -> None:
    """Carry a neural mass to other rungs: what they keep, where that holds, and how wrong they are, measured.

    Near its Hopf point it becomes a Stuart-Landau oscillator, at a stable focus a damped one, on a cycle a phase;
    where a way does not hold, the reason is given. Of a node with a rhythm, the turn of the signal and the Arnold
    tongue of a sinusoidal input are drawn, simulated and predicted.
    """
    with plain_errors():
        choose_precision(precision)
        out = result_folder(out)
        source = _source(rung, named, assignments, brain, gain, speed, seed)
        if port is not None:
            _checks.one_of("port", port, ports(KINDS[rung]))
        found, refused = _translated(source, rung, to, parameter, quiet)
        for each in found.values():
            each.report()
        for name, reason in refused.items():
            Console().print(f"[bold]{name}[/]: {escape(reason)}\n", highlight=False)
        pictures = pictures_of(source, found, port, quiet) if found else {}
        page = _write(out, found, refused, pictures)
        write_config(out)
    say(f"{len(found)} translations, {len(refused)} refused; report: {page}")


def _source(
    rung: RungName,
    named: str | None,
    assignments: list[str],
    brain: bool,
    gain: float | None,
    speed: float,
    seed: int,
) -> Rung | Network:
    """One node, or the brain, with its parameters set."""
    wanted = changes(assignments)
    if brain:
        system: Any = embedded_brain(rung, gain, speed, seed)
        at = {
            path if path in parameters.paths(system) else f"rung.{path}": value
            for path, value in wanted.items()
        }
        return parameters.replace(system, at)
    if gain is not None:
        raise ValueError("`--gain` is that of a brain: give `--brain` with it, or leave it out.")
    embedded = _RHYTHMS.get(rung) if named is None and not wanted else None
    name, own = (named, wanted) if embedded is None else embedded
    return one_node(rung, name, own)


def _translated(
    source: Rung | Network, rung: RungName, to: list[RungName], parameter: list[str], quiet: bool
) -> tuple[dict[str, Translation], dict[str, str]]:
    """The translations that hold, and why the others do not, by the name of the target."""
    names = {kind: name.value for name, kind in KINDS.items()}
    there = [kind for kind in reachable(KINDS[rung]) if kind in names]
    targets = [KINDS[name] for name in to] or there
    if not targets:
        raise ValueError(f"`--rung` {rung.value} reaches no other rung: choose a richer one.")
    found, refused = {}, {}
    with progress(not quiet) as bar:
        task = bar.add_task("translating", total=len(targets), note="")
        for target in targets:
            bar.update(task, note=names[target])
            swept = parameter and target is StuartLandau
            options = {"parameter": tuple(parameter)} if swept else {}
            try:
                found[names[target]] = translate(source, target, **options)
            except ValueError as error:
                refused[names[target]] = str(error)
            bar.advance(task)
        bar.update(task, note="")
    if not found and to:
        raise ValueError("\n".join(refused.values()))
    return found, refused


def _write(
    out: Path,
    found: Mapping[str, Translation],
    refused: Mapping[str, str],
    pictures: Mapping[str, Picture],
) -> Path:
    """Write everything into `out`; the path of the page."""
    made = provenance(**used())
    summary = {name: each.summary() for name, each in found.items()}
    write_json(out / "summary.json", {"translations": summary, "refused": dict(refused)} | made)
    arrays = {
        f"{name}/{path}": np.asarray(parameters.get(each.target, path))
        for name, each in found.items()
        for path in parameters.paths(each.target)
    }
    save_arrays(out / "targets.npz", arrays, made)
    write_pictures(out, pictures)
    sections = [
        Section(
            f"To {name}",
            f"By {each.way}. Keeps {', '.join(each.preserved)}. Holds {each.valid}.",
            [Table(_rows(each), "Measured")] if each.errors else [],
        )
        for name, each in found.items()
    ]
    sections += [Section(f"To {name}: refused", reason) for name, reason in refused.items()]
    if pictures:
        sections.insert(0, Section("The rhythm", pictures=list(pictures.values())))
    name = used()["rung"]
    return write_page(
        out / "report.html",
        title=f"Translations of {name}",
        summary=f"{len(found)} translations hold, {len(refused)} are refused.",
        sections=sections,
        facts={"translations": len(found), "refused": len(refused)},
        provenance=made,
    )


def _rows(each: Translation) -> list[dict[str, Any]]:
    return [
        {
            "measured": name,
            "source": f"{compared.source:.5g}",
            "target": f"{compared.target:.5g}",
            "unit": compared.unit,
            "error": compared.difference,
        }
        for name, compared in each.errors.items()
    ]
