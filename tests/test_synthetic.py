"""The embedded brain: what it promises about weights, lengths and spectra, for several seeds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rosetta_jax import linear, synthetic
from rosetta_jax.forcing import WhiteNoise
from rosetta_jax.network import Network
from rosetta_jax.rungs import StuartLandau

LEFT = np.arange(34)
ACROSS = (np.arange(68) < 34)[:, None] != (np.arange(68) < 34)[None, :]
OFF = ~np.eye(68, dtype=bool)
HOMOTOPIC = np.zeros((68, 68), dtype=bool)
HOMOTOPIC[LEFT, LEFT + 34] = HOMOTOPIC[LEFT + 34, LEFT] = True
SEEDS = range(3)
# Of seed 0: a homotopic weight, and power at 10 Hz of "left bankssts".
WEIGHT, POWER = 0.028064, 336.334625


@pytest.fixture(scope="module", params=SEEDS)
def brain(request):
    return synthetic.connectome(request.param)


@pytest.fixture(scope="module", params=SEEDS)
def recording(request):
    return synthetic.recording(request.param)


def distances(brain):
    centres = np.asarray(brain.centres)
    return np.linalg.norm(centres[:, None] - centres[None], axis=-1)


def relative_alpha(recording):
    band = (recording.frequencies >= 8) & (recording.frequencies <= 13)
    psd = np.asarray(recording.psd)
    return psd[:, np.asarray(band)].sum(1) / psd.sum(1)


def test_regions_are_named_left_then_right_in_freesurfer_order(brain):
    assert len(set(brain.labels)) == brain.nodes == 68
    names = [label.split() for label in brain.labels]
    assert [side for side, _ in names] == ["left"] * 34 + ["right"] * 34
    assert [name for _, name in names[:34]] == [name for _, name in names[34:]]
    assert (brain.labels[0], brain.labels[33]) == ("left bankssts", "left insula")


def test_centres_lie_on_their_side_and_mirror_each_other(brain):
    centres = np.asarray(brain.centres)
    assert (centres[:34, 0] < 0).all()
    assert (centres[34:, 0] > 0).all()
    assert np.abs(centres[:34] * [-1, 1, 1] - centres[34:]).max() <= 6
    occipital, frontal = (brain.labels.index(f"left {n}") for n in ("cuneus", "frontalpole"))
    assert centres[occipital, 1] < -60 < 50 < centres[frontal, 1]


def test_weights_are_symmetric_sparse_and_of_unit_spectral_radius(brain):
    weights = np.asarray(brain.weights)
    np.testing.assert_array_equal(weights, weights.T)
    assert (weights >= 0).all()
    assert (weights[OFF] > 0).mean() == pytest.approx(synthetic.DENSITY, abs=0.001)
    assert np.abs(np.linalg.eigvalsh(weights)).max() == pytest.approx(1, abs=1e-4)
    assert brain.normalisation == "eigenvalue"


def test_every_region_has_links_and_the_network_hangs_together(brain):
    linked = np.asarray(brain.weights) > 0
    degrees = linked.sum(1)
    assert degrees.min() >= synthetic.FEWEST_LINKS
    laplacian = np.diag(degrees) - linked
    assert np.linalg.eigvalsh(laplacian)[1] > 0.5


def test_weights_fall_with_distance_and_spread_log_normally(brain):
    weights, d = np.asarray(brain.weights), distances(brain)
    near, far = (d < 30) & OFF & ~ACROSS, (d > 90) & ~ACROSS
    assert weights[near].mean() > 8 * weights[far].mean()
    links = np.log(weights[(weights > 0) & near])
    assert 0.6 < links.std() < 1.5


def test_homotopic_links_stand_out_among_those_between_hemispheres(brain):
    weights = np.asarray(brain.weights)
    others = ACROSS & ~HOMOTOPIC
    assert (weights[HOMOTOPIC] > 0).all()
    assert weights[HOMOTOPIC].mean() > 10 * weights[others].mean()
    assert np.median(weights[HOMOTOPIC]) > 1.5 * np.median(weights[others & (weights > 0)])


def test_hemispheres_resemble_each_other(brain):
    weights = np.asarray(brain.weights)
    pairs = np.triu_indices(34, 1)
    left, right = weights[:34, :34][pairs], weights[34:, 34:][pairs]
    assert 0.4 < np.corrcoef(left, right)[0, 1] < 0.99


def test_tracts_are_longer_than_the_straight_line_and_longest_across(brain):
    lengths, d = np.asarray(brain.lengths), distances(brain)
    np.testing.assert_array_equal(lengths, lengths.T)
    assert (np.diagonal(lengths) == 0).all()
    assert (lengths[OFF] >= 1.2 * d[OFF]).all()
    assert lengths.max() < 300
    ratio = lengths[OFF] / d[OFF]
    assert ratio[ACROSS[OFF]].mean() > ratio[~ACROSS[OFF]].mean() + 0.05


def test_a_seed_names_one_brain_to_the_bit():
    for first, second in (
        (synthetic.connectome(5), synthetic.connectome(5)),
        (synthetic.recording(5), synthetic.recording(5)),
    ):
        for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
            assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


def test_numbers_are_those_of_every_platform():
    # Rounded to six decimals, so that the last bits of exp and eigvals cannot show.
    brain, recording = synthetic.connectome(), synthetic.recording()
    for values in (brain.weights, recording.psd):
        scaled = np.asarray(values) * 1e6
        np.testing.assert_allclose(scaled, np.rint(scaled), rtol=1e-9)
    assert float(brain.weights[0, 34]) == WEIGHT
    assert float(recording.psd[0, 8]) == POWER


def test_another_seed_is_another_brain():
    first, second = synthetic.recording(0), synthetic.recording(1)
    assert not np.array_equal(first.connectome.weights, second.connectome.weights)
    assert not np.array_equal(first.connectome.lengths, second.connectome.lengths)
    assert not np.array_equal(first.psd, second.psd)
    np.testing.assert_array_equal(first.connectome.centres, second.connectome.centres)


def test_a_recording_holds_positive_power_on_whole_hertz(recording):
    np.testing.assert_array_equal(recording.frequencies, np.arange(2.0, 46.0))
    assert recording.psd.shape == (68, 44)
    np.testing.assert_array_equal(recording.spectrum, np.asarray(recording.psd).T)
    assert np.isfinite(recording.psd).all()
    assert (recording.psd > 0.1).all()


def test_a_recording_belongs_to_the_connectome_of_its_seed():
    np.testing.assert_array_equal(
        synthetic.recording(2).connectome.weights, synthetic.connectome(2).weights
    )


def test_alpha_is_strong_behind_and_weak_in_front(recording):
    alpha = relative_alpha(recording)
    y = np.asarray(recording.connectome.centres)[:, 1]
    assert np.corrcoef(alpha, y)[0, 1] < -0.75
    assert alpha[y < -70].mean() > 1.6 * alpha[y > 20].mean()


def test_the_posterior_peak_lies_in_the_alpha_band(recording):
    y = np.asarray(recording.connectome.centres)[:, 1]
    behind = np.log(np.asarray(recording.psd))[y < -60].mean(0)
    frequencies = np.asarray(recording.frequencies)
    trend = np.polyval(np.polyfit(np.log(frequencies), behind, 1), np.log(frequencies))
    assert 8.5 <= frequencies[np.argmax(behind - trend)] <= 11.5


def test_beta_stands_out_about_the_central_sulcus(recording):
    f, psd = np.asarray(recording.frequencies), np.asarray(recording.psd)
    beta = psd[:, (f >= 16) & (f <= 22)].mean(1) / psd[:, (f >= 32) & (f <= 40)].mean(1)
    names = [label.split()[1] for label in recording.connectome.labels]
    central = np.isin(names, ["precentral", "postcentral", "paracentral"])
    assert beta[central].mean() > 1.3 * beta[~central].mean()


def test_the_background_falls_like_one_over_f(recording):
    psd = np.asarray(recording.psd)
    y = np.asarray(recording.connectome.centres)[:, 1]
    slope = np.log(psd[y > 30, -1] / psd[y > 30, 0]).mean() / np.log(45 / 2)
    assert -1.2 < slope < -0.3


def test_scatter_is_that_of_the_averages():
    few, many = synthetic.recording(averages=50), synthetic.recording(averages=10**8)
    ratio = np.asarray(few.psd) / np.asarray(many.psd)
    assert ratio.mean() == pytest.approx(1, abs=0.02)
    assert ratio.std() == pytest.approx(50**-0.5, rel=0.06)
    assert few.averages == 50


def test_a_network_on_it_has_a_spectrum():
    brain = Network(
        StuartLandau(alpha=-8.0, omega=62.8),
        synthetic.connectome(),
        gain=2.0,
        noise=WhiteNoise(0.1),
    )
    found = linear.power_spectrum(brain, jnp.array([5.0, 10.0]), check=False)
    assert int(found.status) == 0
    assert jnp.isfinite(found.density).all()


@pytest.mark.parametrize("seed", [-1, True])
def test_a_seed_that_is_no_whole_number_is_refused(seed):
    with pytest.raises(ValueError, match="`seed` must be a whole number from 0"):
        synthetic.recording(seed)


def test_no_average_is_refused():
    with pytest.raises(ValueError, match="`averages` must be a whole number from 1, got 0"):
        synthetic.recording(averages=0)
