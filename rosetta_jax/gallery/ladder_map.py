"""Figure 8.1: the map of models, by how mechanistic they are and what their state holds."""

from typing import Any, NamedTuple

from rosetta_jax.gallery.page import Number, Page
from rosetta_jax.plot import _canvas
from rosetta_jax.plot._canvas import BLUE, GREEN, TICK, VERMILION
from rosetta_jax.rungs import ladder

_ROWS = ("phase", "phase, amplitude", "rate", "voltage or PSP", "rate and voltage")
_COUPLINGS = {
    "instantaneous": (BLUE, "o"),
    "delayed current": (VERMILION, "s"),
    "conductance": (GREEN, "^"),
}


class Model(NamedTuple):
    """A model on the map: grounding, 0 to 1 (illustrative), what the state holds, the coupling, the rung here."""

    name: str
    grounding: float
    state: float
    coupling: str
    rung: str = ""
    at: tuple[int, int] = (8, 0)


_MODELS = (
    Model("Kuramoto", 0.16, 0, "instantaneous", "PhaseOscillator", (-8, 0)),
    Model("Kuramoto with delays", 0.25, 0, "delayed current", "PhaseOscillator"),
    Model("linear", 0.16, 1, "instantaneous", "HarmonicOscillator", (-8, 0)),
    Model("Stuart-Landau", 0.25, 1, "delayed current", "StuartLandau"),
    Model("Wilson-Cowan", 0.38, 2, "delayed current", "WilsonCowan"),
    Model("Jansen-Rit", 0.44, 3, "delayed current", "JansenRit", (-8, 0)),
    Model("Wendling", 0.52, 3, "delayed current", "Wendling", (0, 8)),
    Model("LaNMM", 0.61, 3, "delayed current", "Laminar"),
    Model("NMM2", 0.84, 4, "delayed current", "QIFPopulation", (-8, 0)),
    Model("NMM2, synapses and delays", 0.84, 3.5, "delayed current", "NMM2", (-8, 0)),
    Model("Liley", 0.34, 3.7, "conductance", at=(-8, 0)),
    Model("Robinson", 0.34, 2.7, "delayed current", at=(-8, 0)),
    Model("David-Friston", 0.44, 2.7, "delayed current", at=(8, -2)),
    Model("Wong-Wang", 0.72, 1.8, "delayed current"),
)


def ladder_map() -> Page:
    """The map, drawn from data; every full mark is a rung of the library."""
    here = {step.kind.__name__ for step in ladder()}
    full = [model for model in _MODELS if model.rung]
    known = sum(model.rung in here for model in full)
    return Page(
        "The map of models",
        "Neural mass models by mechanistic grounding (illustrative) and by what their state holds; shape and "
        "colour tell the coupling between regions. Full marks are rungs of this library, open ones the "
        "neighbours that the paper names.",
        _figure(),
        (
            Number(
                "models of the ladder that are rungs here", float(len(full)), float(known), "", 0.5
            ),
        ),
    )


def _figure() -> Any:
    figure = _canvas.canvas(9.4, 5.2)
    axes = _canvas.plain_axes(figure.subplots())
    for height in range(len(_ROWS)):
        axes.axhline(height, color="#ececec", lw=1.0, zorder=0)
    for model in _MODELS:
        colour, shape = _COUPLINGS[model.coupling]
        face = colour if model.rung else "white"
        axes.plot(model.grounding, model.state, shape, ms=8, mfc=face, mec=colour, mew=1.4)
        side, lift = model.at
        axes.annotate(
            model.name,
            (model.grounding, model.state),
            xytext=model.at,
            textcoords="offset points",
            ha="left" if side > 0 else "right" if side < 0 else "center",
            va="center" if side else "bottom" if lift > 0 else "top",
            fontsize=TICK,
        )
    for name, (colour, shape) in _COUPLINGS.items():
        axes.plot([], [], shape, ms=8, color=colour, label=name)
    axes.legend(
        frameon=False, fontsize=TICK, loc="lower right", title="coupling", title_fontsize=TICK
    )
    axes.set(xlim=(0, 1), ylim=(-0.5, 4.5))
    axes.set_yticks(range(len(_ROWS)), _ROWS)
    _canvas.name_axes(axes, "mechanistic grounding (illustrative)", "what the state holds")
    return figure
