"""`rosetta fit --modality evoked`: the response to a stimulus, its sites in every region solved for."""

from rosetta_jax.cli.asked import Asked, refuse, require_preset
from rosetta_jax.cli.config import used, write_config
from rosetta_jax.cli.evoked_report import write_evoked
from rosetta_jax.cli.recordings import require_normalisation
from rosetta_jax.cli.shared import result_folder
from rosetta_jax.cli.unfinished import remove, unfinished
from rosetta_jax.data import load_evoked
from rosetta_jax.inference import (
    EVOKED_PRESETS,
    EvokedSettings,
    EvokedStudy,
    evoked_preset,
    evoked_study,
)
from rosetta_jax.parameters import replace


def fit_evoked(asked: Asked) -> tuple[EvokedStudy, str]:
    """The study of an evoked response, written into its folder, and a line of what it found."""
    _require_fitting(asked)
    assert asked.data is not None  # just required
    require_normalisation(asked.normalisation)
    recorded = load_evoked(asked.data, asked.normalisation)
    out = result_folder(asked.out)
    preset = evoked_preset(asked.rung)
    template = replace(preset.network(recorded.connectome), asked.changes)
    chosen = asked.freeing.of(preset, template, recorded.cortical_maps)
    settings = EvokedSettings(
        asked.starts, asked.method, low_pass=asked.band[1], posterior=asked.posterior is not False
    )
    with unfinished(out) as checkpoints:
        found = evoked_study(
            recorded,
            chosen,
            settings,
            key=asked.key,
            changes=asked.changes,
            checkpoints=checkpoints,
            show_progress=not asked.quiet,
        )
        page = write_evoked(out, found, used() | {"data": asked.name})
        write_config(out)
        if not found.interrupted:
            remove(out)
    courses = recorded.potential.shape[1]
    return found, f"mean cosine {found.model.score:.4f} over {courses} courses; report: {page}"


def _require_fitting(asked: Asked) -> None:
    """Raise for options that mean nothing here."""
    require_preset(asked, EVOKED_PRESETS)
    given = {
        f"--left-out {asked.left_out}": asked.left_out != "nothing",
        "--by-region": asked.width is not None,
        "--cohort-curve": asked.cohort_curve,
        "--depth": asked.depth is not None,
        "--route simulated": asked.route is not None,
    }
    refuse(
        given,
        "has no meaning with `--modality` evoked, which is fitted whole, by theory: leave it out; --maps lets "
        "parameters vary by region.",
    )
