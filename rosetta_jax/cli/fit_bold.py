"""`rosetta fit --modality bold`: functional connectivity of people at rest, one set of numbers for all of them."""

from rosetta_jax.cli.asked import Asked, refuse, require_preset
from rosetta_jax.cli.bold_report import write_bold
from rosetta_jax.cli.config import used, write_config
from rosetta_jax.cli.recordings import require_normalisation
from rosetta_jax.cli.shared import result_folder
from rosetta_jax.cli.unfinished import remove, require_fitted, unfinished
from rosetta_jax.data import load_bold
from rosetta_jax.inference import (
    BOLD_PRESETS,
    ConnectivitySettings,
    ConnectivityStudy,
    bold_preset,
    connectivity_study,
)
from rosetta_jax.parameters import replace


def fit_bold(asked: Asked) -> tuple[ConnectivityStudy, str]:
    """The study of connectivity, written into its folder, and a line of what it found."""
    _require_fitting(asked)
    assert asked.data is not None  # just required
    require_normalisation(asked.normalisation)
    recorded = load_bold(asked.data, asked.normalisation, asked.band)
    out = result_folder(asked.out)
    preset = bold_preset(asked.rung, recorded.connectomes)
    template = replace(preset.network(recorded.connectomes[0]), asked.changes)
    chosen = asked.freeing.of(preset, template, recorded.cortical_maps)
    sure = recorded.samples is not None if asked.posterior is None else asked.posterior
    settings = ConnectivitySettings(asked.starts, asked.method, asked.left_out, posterior=sure)
    with unfinished(out) as checkpoints:
        found = connectivity_study(
            recorded,
            chosen,
            settings,
            key=asked.key,
            changes=asked.changes,
            checkpoints=checkpoints,
            show_progress=not asked.quiet,
        )
        require_fitted(found.model.mean_score, found.interrupted, found.result.message, out)
        page = write_bold(out, found, used() | {"data": asked.name})
        write_config(out)
        if not found.interrupted:
            remove(out)
    people = "1 person" if recorded.people == 1 else f"{recorded.people} people"
    score = f"mean correlation over pairs {found.model.mean_score:.4f} over {people}"
    return found, f"{score}; report: {page}"


def _require_fitting(asked: Asked) -> None:
    """Raise for options that mean nothing here."""
    require_preset(asked, BOLD_PRESETS)
    if asked.left_out not in ("nothing", "person"):
        raise ValueError(
            f"`--left-out` {asked.left_out} is for spectra: of bold, choose nothing or person."
        )
    given = {
        "--by-region": asked.width is not None,
        "--cohort-curve": asked.cohort_curve,
        "--depth": asked.depth is not None,
        "--route simulated": asked.route is not None,
    }
    refuse(
        given,
        "is for spectra: leave it out with `--modality` bold, which is fitted by theory; --maps lets parameters "
        "vary by region.",
    )
