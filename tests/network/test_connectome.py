"""The connectome: checks at the edge, and normalisations against their definitions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rosetta_jax.network import NORMALISATIONS, Connectome, spectral_radius, unconnected

WEIGHTS = np.array([[0.0, 2.0, 0.5], [1.0, 0.0, 0.0], [0.25, 3.0, 0.0]])
EMPTY = np.zeros((3, 3))


@pytest.mark.parametrize("weights", [np.zeros((2, 3)), np.zeros(3), np.zeros((2, 2, 2))])
def test_weights_must_be_square(weights):
    with pytest.raises(ValueError, match=r"`weights` must be square.*target, source"):
        Connectome(weights)


def test_weights_must_be_finite_and_the_entry_is_named():
    bad = EMPTY.copy()
    bad[1, 2] = np.nan
    with pytest.raises(ValueError, match=r"`weights` has 1 non-finite.*\(1, 2\)"):
        Connectome(bad)


def test_the_diagonal_must_be_zero_and_the_entry_is_named():
    bad = EMPTY.copy()
    bad[2, 2] = 0.5
    with pytest.raises(ValueError, match=r"zero diagonal.*\[2, 2\] is 0.5"):
        Connectome(bad)


def test_lengths_may_not_be_negative():
    bad = EMPTY.copy()
    bad[0, 1] = -3.0
    with pytest.raises(
        ValueError, match=r"`lengths` must be zero or positive \(mm\).*-3.*\(0, 1\)"
    ):
        Connectome(WEIGHTS, bad)


def test_lengths_must_be_finite():
    with pytest.raises(ValueError, match="`lengths` has"):
        Connectome(WEIGHTS, np.full((3, 3), np.inf))


def test_lengths_must_be_of_the_shape_of_weights():
    with pytest.raises(ValueError, match=r"`lengths` must have shape \(3, 3\)"):
        Connectome(WEIGHTS, np.zeros((2, 2)))


def test_there_must_be_one_label_a_region():
    with pytest.raises(ValueError, match="2 names for 3 regions"):
        Connectome(WEIGHTS, labels=["a", "b"])


def test_labels_must_be_distinct_and_the_repeated_one_is_named():
    with pytest.raises(ValueError, match="'b' stands more than once"):
        Connectome(WEIGHTS, labels=["a", "b", "b"])


def test_centres_must_be_points_in_space():
    with pytest.raises(ValueError, match=r"`centres` must have shape \(3, 3\)"):
        Connectome(WEIGHTS, centres=np.zeros((3, 2)))


def test_traced_values_pass_the_checks():
    out = jax.jit(lambda w: Connectome(w).strengths())(jnp.asarray(WEIGHTS))
    np.testing.assert_allclose(out, WEIGHTS.sum(axis=1))


def test_strengths_are_sums_over_sources():
    np.testing.assert_allclose(Connectome(WEIGHTS).strengths(), [2.5, 1.0, 3.25])


def test_unconnected_regions_have_no_weights():
    assert unconnected(4).nodes == 4 and not unconnected(4).weights.any()


def off_diagonal_mean(weights):
    return weights[~np.eye(3, dtype=bool)].mean()


@pytest.mark.parametrize(
    "kind, measure",
    [
        ("eigenvalue", lambda w: np.abs(np.linalg.eigvals(w)).max()),
        ("rows", lambda w: w.sum(axis=1)),
        ("mean", off_diagonal_mean),
        ("maximum", np.max),
    ],
)
def test_a_normalisation_makes_its_measure_one(kind, measure):
    scaled = Connectome(WEIGHTS).normalised(kind)
    np.testing.assert_allclose(measure(np.asarray(scaled.weights)), 1.0, rtol=1e-12)


@pytest.mark.parametrize("kind", ["eigenvalue", "mean", "maximum"])
def test_global_normalisations_keep_the_proportions(kind):
    scaled = np.asarray(Connectome(WEIGHTS).normalised(kind).weights)
    np.testing.assert_allclose(scaled / scaled[0, 1], WEIGHTS / WEIGHTS[0, 1], rtol=1e-12)


@pytest.mark.parametrize("kind", NORMALISATIONS)
def test_a_normalisation_is_recorded_and_keeps_all_else(kind):
    lengths = np.ones((3, 3)) * 10
    scaled = Connectome(WEIGHTS, lengths, labels="abc", centres=np.eye(3)).normalised(kind)
    assert scaled.normalisation == kind and scaled.labels == ("a", "b", "c")
    np.testing.assert_array_equal(scaled.lengths, lengths)
    np.testing.assert_array_equal(scaled.centres, np.eye(3))


def test_a_node_without_input_keeps_none():
    weights = WEIGHTS.copy()
    weights[1] = 0.0
    scaled = Connectome(weights).normalised("rows")
    np.testing.assert_allclose(scaled.strengths(), [1.0, 0.0, 1.0])


def test_a_misspelt_normalisation_is_an_error_with_a_suggestion():
    with pytest.raises(ValueError, match="Did you mean 'eigenvalue'"):
        Connectome(WEIGHTS).normalised("eigenvalues")


def test_zero_weights_cannot_be_normalised():
    with pytest.raises(ValueError, match="all zero"):
        Connectome(EMPTY).normalised()


def test_a_chain_has_no_spectral_radius_to_divide_by():
    with pytest.raises(ValueError, match="spectral radius zero"):
        Connectome([[0.0, 1.0], [0.0, 0.0]]).normalised("eigenvalue")


def test_the_spectral_radius_of_a_pair_is_the_root_of_its_loop():
    assert spectral_radius(np.array([[0.0, 4.0], [9.0, 0.0]])) == pytest.approx(6.0)
