"""Pictures: panels, curves, labels with units, and text that does not overlap."""

import importlib
import itertools
import sys
import types

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, Bbox

from rosetta_jax import plot, synthetic
from rosetta_jax.plot._canvas import GREY, INK, VERMILION, fitting
from rosetta_jax.plot._outlines import OUTLINES, smooth
from rosetta_jax.plot.brains import FRAMES, SMALLEST

RNG = np.random.default_rng(0)
BRAIN = synthetic.connectome()
CENTRES = np.asarray(BRAIN.centres)
LABELS = BRAIN.labels
FREQUENCIES = np.arange(2.0, 46.0)
MEASURED = RNG.gamma(50, 1 / 50, (44, 68)) * 100 / FREQUENCIES[:, None]
FITTED = np.tile(100 / FREQUENCIES[:, None], (1, 68))
ALPHA = np.linspace(0.1, 0.5, 68)


def drawn(figure):
    """The figure after it was drawn, so that texts have their places."""
    assert isinstance(figure, Figure)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.get_renderer()


def texts(figure, renderer):
    """All texts that are drawn, and the boxes they fill."""
    hidden = {id(text) for axes in figure.axes for text in undrawn(axes)}
    found = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
    return [(t.get_text(), t.get_window_extent(renderer)) for t in found if id(t) not in hidden]


def undrawn(axes):
    """Texts of ticks beyond the limits, and of axes that are switched off."""
    for axis in (axes.xaxis, axes.yaxis):
        ticks = axis._update_ticks() if axes.axison else []
        shown = {id(tick) for tick in ticks}
        for tick in axis.get_major_ticks() + axis.get_minor_ticks():
            if id(tick) not in shown:
                yield from (tick.label1, tick.label2)
        if not axes.axison:
            yield from (axis.label, axis.offsetText)


def check_texts(figure):
    """Every text lies within the picture and covers no other."""
    renderer = drawn(figure)
    boxes = texts(figure, renderer)
    width, height = figure.get_size_inches() * figure.dpi
    for word, box in boxes:
        assert box.x0 >= -1 and box.y0 >= -1, f"{word!r} is cut at the left or below"
        assert box.x1 <= width + 1 and box.y1 <= height + 1, (
            f"{word!r} is cut at the right or above"
        )
    for (word, box), (other, second) in itertools.combinations(boxes, 2):
        # A pixel of shared margin is no overlap.
        across = min(box.x1, second.x1) - max(box.x0, second.x0)
        up = min(box.y1, second.y1) - max(box.y0, second.y0)
        assert across <= 1 or up <= 1, f"{word!r} covers {other!r}"
    return boxes


def colours(axes):
    return [to_hex(line.get_color()) for line in axes.get_lines()]


# What each picture must look like --------------------------------------------------------------


def test_spectra_have_a_panel_for_every_region():
    figure = plot.spectra(FREQUENCIES, MEASURED, FITTED, LABELS, np.linspace(0.5, 1, 68))
    words = [word for word, _ in check_texts(figure)]
    panels = [axes for axes in figure.axes if axes.get_lines()]
    assert len(panels) == 68
    assert all(colours(axes) == [GREY.lower(), VERMILION.lower()] for axes in panels)
    np.testing.assert_allclose(panels[3].get_lines()[0].get_ydata(), 10 * np.log10(MEASURED[:, 3]))
    np.testing.assert_allclose(panels[3].get_lines()[1].get_ydata(), 10 * np.log10(FITTED[:, 3]))
    assert {"frequency (Hz)", "power (dB)", "measured", "fitted"} <= set(words)
    assert set(LABELS) <= set(words)
    assert words.count("r = 0.50") == 1
    low, high = panels[0].get_ylim()
    assert low < 10 * np.log10(MEASURED.min()) and high > 10 * np.log10(MEASURED.max())


@pytest.mark.parametrize("nodes", [1, 2, 5, 63])
def test_spectra_leave_a_cell_for_the_legend(nodes):
    figure = plot.spectra(FREQUENCIES, MEASURED[:, :nodes], FITTED[:, :nodes])
    check_texts(figure)
    assert figure.axes[-1].get_legend() is not None
    assert not figure.axes[-1].get_lines()
    labelled = [axes for axes in figure.axes if axes.xaxis.get_tick_params()["labelbottom"]]
    columns = figure.axes[0].get_gridspec().ncols
    # One at the foot of every column that holds a panel.
    assert sum(bool(axes.get_lines()) for axes in labelled) == min(nodes, columns)


def test_mean_spectrum_averages_decibels_and_names_all_curves():
    others = {"1/f": FITTED, "two Lorentzians": FITTED[:, 0] * 2}
    figure = plot.mean_spectrum(FREQUENCIES, MEASURED, FITTED, others)
    check_texts(figure)
    axes = figure.axes[0]
    lines = {line.get_label(): line.get_ydata() for line in axes.get_lines()}
    np.testing.assert_allclose(lines["measured"], (10 * np.log10(MEASURED)).mean(1))
    np.testing.assert_allclose(lines["two Lorentzians"] - lines["1/f"], 10 * np.log10(2))
    shown = [text.get_text() for text in axes.get_legend().get_texts()]
    assert shown[:4] == ["measured", "fitted", "1/f", "two Lorentzians"]
    assert "10 % to 90 % of regions, measured" in shown
    assert (axes.get_xlabel(), axes.get_ylabel()) == (
        "frequency (Hz)",
        "power (dB), mean over regions",
    )
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert band.max() == pytest.approx(np.percentile(10 * np.log10(MEASURED), 90, axis=1).max())


@pytest.mark.parametrize("kind, scale", [("log", "log"), ("decibel", "linear")])
def test_spectrum_draws_nodes_and_their_mean_in_bold(kind, scale):
    figure = plot.spectrum(FREQUENCIES, MEASURED, LABELS, "mV²/Hz", kind)
    check_texts(figure)
    axes = figure.axes[0]
    lines = axes.get_lines()
    assert len(lines) == 69
    assert (axes.get_xscale(), axes.get_yscale()) == (scale, scale)
    assert axes.get_xlabel() == "frequency (Hz)" and "mV²/Hz" in axes.get_ylabel()
    assert lines[-1].get_linewidth() > 2 * lines[0].get_linewidth()
    assert to_hex(lines[-1].get_color()) == INK
    mean = MEASURED.mean(1) if kind == "log" else 10 * np.log10(MEASURED.mean(1))
    np.testing.assert_allclose(lines[-1].get_ydata(), mean)


def test_spectrum_names_few_nodes_in_distinct_colours():
    figure = plot.spectrum(FREQUENCIES, MEASURED[:, :6], LABELS[:6])
    check_texts(figure)
    shown = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert shown == [*LABELS[:6], "mean power"]
    assert len(set(colours(figure.axes[0]))) == 7


def test_glass_brain_shows_every_region_from_above_and_behind():
    figure = plot.glass_brain(CENTRES, ALPHA, "relative alpha", "share of power", "Alpha")
    words = [word for word, _ in check_texts(figure)]
    left, top, back, bar = figure.axes
    dots = {axes: axes.collections[-1] for axes in (left, top, back)}
    assert [len(d.get_offsets()) for d in dots.values()] == [34, 68, 68]
    # The nearest is drawn last: seen from above, from behind and from the left.
    for axes, seen, columns, flip, depth in (
        (top, CENTRES, [0, 1], [1, 1], CENTRES[:, 2]),
        (back, CENTRES, [0, 2], [1, 1], -CENTRES[:, 1]),
        (left, CENTRES[:34], [1, 2], [-1, 1], -CENTRES[:34, 0]),
    ):
        order = np.argsort(depth, kind="stable")
        np.testing.assert_allclose(dots[axes].get_offsets(), seen[order][:, columns] * flip)
    assert dots[top].get_sizes()[np.argmax(dots[top].get_array())] == dots[top].get_sizes().max()
    assert bar.get_ylabel() == "relative alpha (share of power)"
    assert {"Alpha", "left hemisphere", "from above", "from behind", "50 mm", "front"} <= set(words)


def test_views_share_a_scale():
    figure = plot.glass_brain(CENTRES, ALPHA, "alpha")
    drawn(figure)
    scales = [axes.get_window_extent().width / np.ptp(axes.get_xlim()) for axes in figure.axes[:3]]
    np.testing.assert_allclose(scales, scales[0], rtol=0.02)


def test_values_of_both_signs_get_a_symmetric_scale_and_sizes_by_magnitude():
    values = np.linspace(-1, 3, 68)
    figure = plot.glass_brain(CENTRES, values, "difference", "dB")
    check_texts(figure)
    dots = figure.axes[1].collections[-1]
    assert (dots.norm.vmin, dots.norm.vmax) == (-3, 3)
    assert dots.get_cmap().name == "PuOr_r"
    assert np.abs(dots.get_array()[np.argmin(dots.get_sizes())]) < 0.05


@pytest.mark.parametrize("values", [np.full(68, 0.3), np.where(np.arange(68) % 2, np.nan, ALPHA)])
def test_equal_and_missing_values_are_drawn(values):
    figure = plot.glass_brain(CENTRES, values, "alpha")
    check_texts(figure)
    dots = figure.axes[1].collections[-1]
    assert len(dots.get_offsets()) == np.isfinite(values).sum()
    assert dots.get_sizes().max() > 2 * SMALLEST


@pytest.fixture
def no_nilearn(monkeypatch):
    monkeypatch.setitem(sys.modules, "nilearn.plotting.glass_brain", None)


def test_nilearn_draws_the_outline_where_it_is_installed(monkeypatch):
    def drawn_by_it(axes, direction, **style):
        asked.append(direction)
        transform = Affine2D().scale(10.0) + axes.transData
        axes.add_patch(Rectangle((6.0, 1.0), 0.1, 0.1, transform=transform, fill=False, **style))

    asked = []
    module = types.ModuleType("nilearn.plotting.glass_brain")
    module.plot_brain_schematics = drawn_by_it
    for name in ("nilearn", "nilearn.plotting"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    figure = plot.glass_brain(CENTRES, ALPHA, "alpha")
    drawn(figure)
    assert asked == ["l", "z", "y"]
    # What lies 60 mm to the front is on the left of the view from the left.
    for axes, x in zip(figure.axes[:3], (-60.0, 60.0, 60.0), strict=True):
        (patch,) = axes.patches
        corner = patch.get_data_transform().transform((6.0, 1.0))
        np.testing.assert_allclose(axes.transData.inverted().transform(corner), [x, 10.0])


def test_the_outline_of_nilearn_holds_the_cortex():
    glass = pytest.importorskip("nilearn.plotting.glass_brain")
    assert glass.plot_brain_schematics
    figure = plot.glass_brain(CENTRES, ALPHA, "alpha")
    drawn(figure)
    for axes in figure.axes[:3]:
        boxes = [patch.get_window_extent() for patch in axes.patches]
        around = axes.transData.inverted().transform_bbox(Bbox.union(boxes))
        place = np.asarray(axes.collections[-1].get_offsets())
        assert ((place > around.min) & (place < around.max)).all()


def test_centres_outside_the_brain_are_drawn_without_an_outline(no_nilearn):
    inside = plot.glass_brain(CENTRES, ALPHA, "alpha")
    outside = plot.glass_brain(CENTRES + np.array([100, 0, 0]), ALPHA, "alpha")
    words = [word for word, _ in check_texts(outside)]
    assert any("outside the MNI brain" in word for word in words)
    assert len(outside.axes[0].collections[-1].get_offsets()) == 68
    assert not outside.axes[0].patches
    assert len(inside.axes[0].patches) == 3
    for axes in outside.axes[:3]:
        place = np.asarray(axes.collections[-1].get_offsets())
        low, high = np.array([axes.get_xlim(), axes.get_ylim()]).T
        assert ((place > low) & (place < high)).all()


def test_alpha_maps_share_one_scale():
    figure = plot.alpha_maps(CENTRES, ALPHA, ALPHA[::-1] * 0.5, 0.631)
    words = [word for word, _ in check_texts(figure)]
    panels = figure.axes[:6]
    limits = {(a.collections[-1].norm.vmin, a.collections[-1].norm.vmax) for a in panels}
    assert limits == {(0.05, 0.5)}
    assert "measured" in words and "fitted\nr = 0.63" in words
    assert figure.axes[6].get_ylabel() == "relative alpha (share of power at 8 to 13 Hz)"
    assert panels[1].collections[-1].get_array().max() == 0.5
    assert panels[4].collections[-1].get_array().max() == 0.25


@pytest.mark.parametrize("view, columns", [("left", (1, 2)), ("top", (0, 1)), ("back", (0, 2))])
def test_the_outline_holds_the_cortex_and_fits_its_frame(view, columns):
    from matplotlib.path import Path

    seen = CENTRES[CENTRES[:, 0] < 0] if view == "left" else CENTRES
    place = seen[:, list(columns)] * ([-1, 1] if view == "left" else [1, 1])
    curves = OUTLINES[view]
    closed = [Path(smooth(curve)) for curve in curves if curve.closed]
    assert np.any([path.contains_points(place) for path in closed], axis=0).all()
    x, width, y, height = FRAMES[view]
    for curve in curves:
        path = smooth(curve)
        assert (np.abs(path - [x, y]) < [width, height]).all()
        # It passes through the points given, and closes only where it should.
        np.testing.assert_allclose(path[::12][: len(curve.points) - 1], curve.points[:-1])
        assert np.allclose(path[0], path[-1]) == curve.closed


@pytest.mark.parametrize("view", ["top", "back"])
def test_views_on_the_midline_are_symmetric(view):
    for curve in OUTLINES[view]:
        if curve.closed:
            path = smooth(curve)
            mirrored = path * [-1, 1]
            gaps = np.linalg.norm(path[:, None] - mirrored[None], axis=-1).min(1)
            assert gaps.max() < 1.0


def test_convergence_puts_the_best_start_forward():
    steps = np.arange(50)
    history = np.stack([k + 1 + 10 * np.exp(-steps / 5) for k in (3, 0, 2, 4, 5, 6)], axis=1)
    history[20:, 0] = np.nan
    figure = plot.convergence(history, label="loss (dB²)")
    check_texts(figure)
    axes = figure.axes[0]
    bold = [line for line in axes.get_lines() if line.get_linewidth() > 2]
    assert len(bold) == 1 and to_hex(bold[0].get_color()) == VERMILION.lower()
    np.testing.assert_allclose(bold[0].get_ydata(), history[:, 1])
    assert axes.get_yscale() == "log"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("iteration", "loss (dB²)")
    shown = [text.get_text() for text in axes.get_legend().get_texts()]
    assert shown == ["other starts", "start 2, the best: 1.001"]


def test_a_start_that_failed_is_no_best():
    history = np.array([[5.0, 0.1, np.nan], [5.0, 4.0, 3.0], [np.nan] * 3]).T
    figure = plot.convergence(history, ["a", "b", "c"])
    check_texts(figure)
    shown = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    # Its last finite loss counts, so it is said to be best: a fit keeps what it saw.
    assert "start a, the best: 0.1" in shown
    with pytest.raises(ValueError, match="no finite loss"):
        plot.convergence(np.full((2, 3), np.nan))


def test_a_loss_below_zero_is_drawn_on_a_linear_axis():
    figure = plot.convergence(np.array([3.0, 1.0, -2.0]))
    check_texts(figure)
    assert figure.axes[0].get_yscale() == "linear"


@pytest.mark.parametrize("nodes", [1, 3, 68])
def test_series_are_stacked_on_one_scale_with_a_bar(nodes):
    times = np.arange(0, 2, 0.005)
    signal = 3.0 + np.sin(2 * np.pi * 10 * times)[:, None] * np.linspace(1, 2, nodes)
    figure = plot.series(times, signal, LABELS[:nodes], "mV")
    words = [word for word, _ in check_texts(figure)]
    axes = figure.axes[0]
    traces = axes.get_lines()[:nodes]
    assert len(axes.get_lines()) == nodes + 1
    for node, trace in enumerate(traces):
        assert np.ptp(trace.get_ydata()) == pytest.approx(np.ptp(signal[:, node]))
    heights = [np.median(trace.get_ydata()) for trace in traces]
    assert all(first > second for first, second in itertools.pairwise(heights))
    bar = axes.get_lines()[-1].get_ydata()
    assert f"{bar[1] - bar[0]:g} mV" in words
    assert axes.get_xlabel() == "time (s)"
    assert set(LABELS[:nodes]) <= set(words)


def test_a_series_without_swing_and_with_gaps_is_drawn():
    signal = np.ones((10, 2))
    signal[3, 0] = np.inf
    check_texts(plot.series(np.arange(10.0), signal))


def test_connectivity_shows_targets_down_and_sources_across():
    figure = plot.connectivity(BRAIN.weights, LABELS, "weight (1)", log=True)
    check_texts(figure)
    axes, bar = figure.axes
    image = axes.images[0].get_array()
    weights = np.asarray(BRAIN.weights)
    assert image.mask.sum() == (weights == 0).sum()
    assert image.max() == weights.max()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("source region", "target region")
    assert bar.get_ylabel() == "weight (1)"
    assert [t.get_text() for t in axes.get_yticklabels()] == list(LABELS)


def test_connectivity_orients_a_one_way_link():
    matrix = np.zeros((4, 4))
    matrix[2, 0] = 1.0
    figure = plot.connectivity(matrix, log=True)
    check_texts(figure)
    image = figure.axes[0].images[0]
    assert np.argwhere(~image.get_array().mask).tolist() == [[2, 0]]
    assert image.origin == "upper"


def test_connectivity_of_both_signs_is_white_at_zero():
    matrix = np.corrcoef(RNG.normal(size=(120, 30)))
    figure = plot.connectivity(matrix, label="correlation (1)")
    check_texts(figure)
    norm = figure.axes[0].images[0].norm
    assert norm.vmin == -norm.vmax
    # The diagonal, all ones, sets no limit.
    assert norm.vmax < 0.9
    assert len(figure.axes[0].get_xticks()) <= 20


def test_scores_stand_in_order_with_errors_and_numbers():
    names = ["1/f", "two Lorentzians and 1/f, no brain", "network", "ceiling"]
    figure = plot.scores(
        names, [0.72, 0.88, 0.86, 0.92], [0.03, np.nan, 0.01, 0.0], highlight=["network"]
    )
    boxes = dict(check_texts(figure))
    axes = figure.axes[0]
    for number in ("0.720 ± 0.030", "0.880", "0.860 ± 0.010"):
        assert boxes[number].x0 > axes.get_window_extent().x1
    assert [t.get_text() for t in axes.get_yticklabels()] == names
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    bars = [container.has_xerr for container in axes.containers]
    assert bars == [True, False, True, True]
    segment = axes.containers[0].lines[2][0].get_segments()[0]
    np.testing.assert_allclose(segment[:, 0], [0.69, 0.75])
    bold = [t.get_text() for t in axes.get_yticklabels() if t.get_fontweight() == "bold"]
    assert bold == ["network"]
    assert axes.get_xlabel() == "correlation r (1)"


# Edges -----------------------------------------------------------------------------------------


def test_wrong_shapes_say_what_is_wanted():
    with pytest.raises(ValueError, match=r"`fitted` must have shape \(44, 68\).*transpose it"):
        plot.spectra(FREQUENCIES, MEASURED, FITTED.T)
    with pytest.raises(ValueError, match=r"`density` must have shape \(44, any\)"):
        plot.spectrum(FREQUENCIES, MEASURED.T)
    with pytest.raises(ValueError, match=r"`matrix` must have shape \(3, 3\)"):
        plot.connectivity(np.ones((3, 4)))
    with pytest.raises(ValueError, match=r"`labels` has 2 names for 68"):
        plot.spectra(FREQUENCIES, MEASURED, FITTED, ["a", "b"])


def test_decibels_complex_and_not_finite_power_are_refused():
    with pytest.raises(ValueError, match=r"`measured` must be positive power \(not decibels\)"):
        plot.spectra(FREQUENCIES, 10 * np.log10(MEASURED) - 40, FITTED)
    with pytest.raises(ValueError, match="`density` has 2 non-finite entries"):
        plot.spectrum(
            FREQUENCIES, np.where(np.arange(44 * 68).reshape(44, 68) < 2, np.nan, MEASURED)
        )
    with pytest.raises(ValueError, match="`density` must be real"):
        plot.spectrum(FREQUENCIES, MEASURED + 0j)


def test_other_unusable_values_are_refused():
    with pytest.raises(ValueError, match="`values` has no finite entry"):
        plot.glass_brain(CENTRES, np.full(68, np.nan), "alpha")
    with pytest.raises(ValueError, match="`signal` has no finite entry"):
        plot.series(np.arange(3.0), np.full((3, 2), np.nan))
    with pytest.raises(ValueError, match="nothing to draw off its diagonal"):
        plot.connectivity(np.eye(3), log=True)
    with pytest.raises(ValueError, match=r"`errors` must be zero or positive: found -0\.1"):
        plot.scores(["a"], [1.0], [-0.1])
    with pytest.raises(ValueError, match="`highlight` is 'b'"):
        plot.scores(["a"], [1.0], highlight=["b"])
    with pytest.raises(ValueError, match="above 0 Hz on a logarithmic axis"):
        plot.spectrum(np.array([0.0, 1.0]), np.ones((2, 1)))
    with pytest.raises(ValueError, match=r"`kind` is 'decibels'\. Did you mean 'decibel'"):
        plot.spectrum(FREQUENCIES, MEASURED, kind="decibels")


def test_no_global_state_is_touched():
    before = dict(mpl.rcParams)
    drawn(plot.spectrum(FREQUENCIES, MEASURED))
    assert dict(mpl.rcParams) == before


def test_without_matplotlib_the_remedy_is_named(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("rosetta_jax.plot")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "rosetta-jax\[cli\]"'):
        importlib.import_module("rosetta_jax.plot")


def test_text_is_shrunk_and_then_cut_to_fit():
    assert fitting("cuneus", 1.3, 7.0) == ("cuneus", 7.0)
    text, size = fitting("left rostralanteriorcingulate", 1.3, 7.0)
    assert text == "left rostralanteriorcingulate" and 4.5 < size < 7.0
    text, size = fitting("x" * 100, 1.3, 7.0)
    assert text.endswith("…") and len(text) < 60 and size == 4.5
