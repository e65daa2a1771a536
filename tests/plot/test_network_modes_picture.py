"""The picture of modes shows what it was given."""

import matplotlib.colors
import numpy as np
import pytest

from rosetta_jax import plot

CENTRES = np.array([[-40.0, 20.0, 10.0], [40.0, 20.0, 10.0], [-30.0, -70.0, 20.0]])
SHAPES = np.array([[1.0, 0.5j, -0.5], [0.2, 2j, 1j]])


@pytest.fixture(scope="module")
def figure():
    return plot.network_modes(CENTRES, SHAPES, [9.5, 21.25], [3.0, 12.345], title="Modes")


def test_each_mode_has_a_row_of_three_views_with_its_numbers(figure):
    views = [axes for axes in figure.axes if axes.collections and axes.get_title()]
    assert len(views) == 6
    said = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert "9.5 Hz\n3 1/s" in said and "21.2 Hz\n12.3 1/s" in said


def test_dots_are_coloured_by_the_part_in_phase_with_the_largest(figure):
    # From above all regions are seen; those nearest are drawn last.
    above = [axes for axes in figure.axes if axes.get_title() == "from above"]
    values = [np.sort(np.asarray(axes.collections[-1].get_array())) for axes in above]
    np.testing.assert_allclose(values[0], [-0.5, 0.0, 1.0], atol=1e-12)
    np.testing.assert_allclose(values[1], [0.0, 0.5, 1.0], atol=1e-12)
    norm = above[0].collections[-1].norm
    assert isinstance(norm, matplotlib.colors.Normalize) and (norm.vmin, norm.vmax) == (-1, 1)


@pytest.mark.parametrize(
    "shapes, message",
    [
        (np.ones((2, 4)), r"`shapes` must be \(modes, 3\)"),
        (np.ones((9, 3)), "1 to 8 modes"),
        (np.zeros((2, 3)), "zero or not finite"),
        (np.full((2, 3), np.nan), "zero or not finite"),
    ],
)
def test_what_cannot_be_drawn_is_refused(shapes, message):
    with pytest.raises(ValueError, match=message):
        plot.network_modes(CENTRES, shapes, np.ones(len(shapes)), np.ones(len(shapes)))
