"""Measured against fitted connectivity: two matrices on one scale, and every pair once."""

import numpy as np
import pytest

from rosetta_jax import plot

RNG = np.random.default_rng(0)
NODES = 5


def correlations():
    return np.corrcoef(RNG.normal(size=(NODES, 30)))


def test_both_matrices_share_a_scale_and_pairs_are_drawn_once():
    measured, fitted = correlations(), correlations()
    figure = plot.agreement(measured, fitted, 0.5, list("abcde"))
    first, second, third = figure.axes[:3]
    images = [axes.images[0] for axes in (first, second)]
    off = ~np.eye(NODES, dtype=bool)
    for image, matrix in zip(images, (measured, fitted), strict=True):
        np.testing.assert_array_equal(image.get_array()[off], matrix[off])
        assert image.get_array().mask[np.diag_indices(NODES)].all()
    assert images[0].norm is images[1].norm
    largest = max(np.abs(measured[off]).max(), np.abs(fitted[off]).max())
    assert images[0].norm.vmax == largest and images[0].norm.vmin == -largest
    pairs = np.triu_indices(NODES, 1)
    dots = third.collections[0].get_offsets()
    np.testing.assert_array_equal(dots, np.column_stack([measured[pairs], fitted[pairs]]))
    assert third.get_title(loc="left") == "pairs, r = 0.50"
    assert [tick.get_text() for tick in first.get_yticklabels()] == list("abcde")


def test_where_nothing_is_below_zero_the_scale_begins_there():
    matrix = np.abs(correlations())
    norm = plot.agreement(matrix, matrix, 1.0).axes[0].images[0].norm
    assert norm.vmin == 0


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="`fitted`"):
        plot.agreement(correlations(), np.zeros((4, 4)), 0.0)
