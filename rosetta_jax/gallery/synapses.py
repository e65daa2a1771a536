"""Figure 4.1: what a synapse answers to one spike, at first order and at second."""

from typing import Any

import numpy as np

from rosetta_jax.gallery.page import Number, Page
from rosetta_jax.plot import _canvas
from rosetta_jax.plot._canvas import BLUE, GREY, TICK, VERMILION
from rosetta_jax.rungs.synapse import kernel, peak_time

_FIRST, _ALPHA = 0.010, 0.008


def synapses() -> Page:
    """The responses of a first-order and of an alpha synapse, scaled to a peak of one."""
    times = np.linspace(0.0, 0.1, 2001)
    top = float(peak_time(_ALPHA, _ALPHA))

    def first(t: Any) -> np.ndarray:
        return np.asarray(kernel(t, 0.0, _FIRST) / kernel(0.0, 0.0, _FIRST))

    def second(t: Any) -> np.ndarray:
        return np.asarray(kernel(t, _ALPHA, _ALPHA) / kernel(top, _ALPHA, _ALPHA))

    alpha = second(times)
    numbers = (
        Number("first order, 10 ms: at 20 ms", 0.1353, float(first(0.02)), "", 1e-4),
        Number(
            "alpha, 8 ms: time of the peak", 8.0, 1e3 * float(times[alpha.argmax()]), "ms", 0.05
        ),
        Number("alpha, 8 ms: at 20 ms", 0.5578, float(second(0.02)), "", 1e-4),
        Number("alpha, 8 ms: at 40 ms", 0.0916, float(second(0.04)), "", 1e-4),
    )
    return Page(
        "Synapses: one spike, two answers",
        "Postsynaptic potential after a brief pulse at time zero, scaled to a peak of one: a first-order "
        "synapse of 10 ms jumps and decays, a second-order (alpha) synapse of 8 ms rises first. The times are "
        "not printed; they are those of the curves.",
        _figure(1e3 * times, first(times), alpha),
        numbers,
    )


def _figure(milliseconds: np.ndarray, first: np.ndarray, alpha: np.ndarray) -> Any:
    figure = _canvas.canvas(6.4, 3.8)
    axes = _canvas.plain_axes(figure.subplots())
    axes.axvline(0, color=GREY, lw=1.0)
    axes.plot(milliseconds, first, color=BLUE, lw=2.0, label="first order, τ = 10 ms")
    axes.plot(milliseconds, alpha, color=VERMILION, lw=2.0, label="alpha, τ = 8 ms")
    axes.legend(frameon=False, fontsize=TICK, loc="upper right")
    axes.set(xlim=(-5, 100), ylim=(0, 1.08))
    _canvas.name_axes(axes, "time after the pulse (ms)", "potential / its peak (1)")
    return figure
