"""Lead fields as the matrices they are, references and noise by NumPy, and MNE-Python's by what stands in for it.

MNE-Python is no requirement: its forward solutions are stood in for by dictionaries of the documented shape, and
its conversion by one that only notes how it was called.
"""

import importlib
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rosetta_jax.observe import LeadField, cross_spectrum, power_spectrum, whitener

NAMES = ("Fz", "Cz", "Pz", "Oz")
MATRIX = np.random.default_rng(0).standard_normal((4, 3))
SIGNAL = np.random.default_rng(1).standard_normal((600, 3))
DENSITY = cross_spectrum(SIGNAL, 0.01, segment=1.0).density
FIELD = LeadField(MATRIX, NAMES, "µV per nA m")


def test_sensors_see_the_sum_over_regions():
    np.testing.assert_allclose(FIELD.sensors(SIGNAL), SIGNAL @ MATRIX.T, rtol=1e-12)
    assert FIELD.unit == "µV per nA m" and FIELD.names == NAMES


def test_the_spectrum_of_what_they_see_is_that_of_the_recording():
    recorded = FIELD.sensors(SIGNAL)
    wanted = cross_spectrum(recorded, 0.01, segment=1.0).density
    np.testing.assert_allclose(FIELD.spectrum(DENSITY), wanted, rtol=1e-9, atol=1e-14)
    wanted = power_spectrum(recorded, 0.01, segment=1.0).density
    np.testing.assert_allclose(FIELD.power(DENSITY), wanted, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("full", [False, True])
def test_noise_adds_to_the_spectrum(full):
    own = np.array([0.1, 0.2, 0.3, 0.4])
    noise = np.diag(own) + 0.05 if full else own
    added = FIELD.spectrum(DENSITY, noise=noise) - FIELD.spectrum(DENSITY)
    wanted = np.broadcast_to(noise if full else np.diag(own), added.shape)
    np.testing.assert_allclose(added, wanted, atol=1e-12)
    power = FIELD.power(DENSITY, noise=noise)
    diagonal = np.diagonal(FIELD.spectrum(DENSITY, noise=noise), axis1=1, axis2=2)
    np.testing.assert_allclose(power, diagonal.real, rtol=1e-12)


def test_power_forms_no_pairs_of_sensors():
    many = LeadField(np.ones((300, 3)))
    jaxpr = jax.make_jaxpr(many.power)(DENSITY)
    largest = max(np.prod(each.aval.shape) for eq in jaxpr.eqns for each in eq.outvars)
    assert largest == len(DENSITY) * 300 * 3


def test_references_are_those_of_the_recording():
    recorded = SIGNAL @ MATRIX.T
    average = FIELD.average_referenced()
    wanted = recorded - recorded.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(average.sensors(SIGNAL), wanted, atol=1e-12)
    central = FIELD.referenced("Cz")
    np.testing.assert_allclose(central.sensors(SIGNAL), recorded - recorded[:, 1:2], atol=1e-12)
    assert (np.asarray(central.matrix)[1] == 0).all()
    assert central.names == average.names == NAMES and central.unit == average.unit == FIELD.unit
    # Whatever the reference was, another undoes it.
    np.testing.assert_allclose(central.average_referenced().matrix, average.matrix, atol=1e-12)


def test_whitened_noise_is_one_for_all():
    rng = np.random.default_rng(2)
    covariance = np.cov(rng.standard_normal((4, 4)) @ rng.standard_normal((4, 500)))
    matrix = np.asarray(whitener(covariance))
    np.testing.assert_allclose(matrix @ covariance @ matrix.T, np.eye(4), atol=1e-9)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)
    found = FIELD.whitened(covariance)
    np.testing.assert_allclose(found.matrix, matrix @ MATRIX, rtol=1e-12)
    assert found.unit == "1" and found.names == NAMES
    single = FIELD.whitened(np.array([1.0, 4.0, 9.0, 16.0]))
    np.testing.assert_allclose(single.matrix, MATRIX / np.arange(1, 5)[:, None], rtol=1e-12)


def test_what_a_reference_takes_from_the_noise_is_left_out():
    centring = np.eye(4) - 0.25
    found = np.asarray(whitener(centring @ np.diag([1.0, 2, 3, 4]) @ centring))
    assert np.linalg.matrix_rank(found, tol=1e-6) == 3
    np.testing.assert_allclose(found @ np.ones(4), 0.0, atol=1e-9)
    again = found @ centring @ np.diag([1.0, 2, 3, 4]) @ centring @ found.T
    np.testing.assert_allclose(again, centring, atol=1e-9)


def test_gradient_batches_and_single_precision():
    @jax.jit
    def loss(matrix, density):
        field = LeadField(matrix, NAMES).average_referenced()
        spectrum = jnp.sum(jnp.abs(field.spectrum(density)) ** 2)
        return 1e4 * spectrum + jnp.sum(field.power(density))

    matrix = jnp.asarray(MATRIX)
    slope = jax.jit(jax.grad(loss))(matrix, DENSITY)
    direction, step = jnp.asarray(np.random.default_rng(3).standard_normal((4, 3))), 1e-5
    ends = [loss(matrix + s * direction, DENSITY) for s in (step, -step)]
    np.testing.assert_allclose(
        jnp.vdot(slope, direction), (ends[0] - ends[1]) / (2 * step), rtol=1e-8
    )
    together = jax.vmap(loss, (0, None))(jnp.stack([matrix, 2 * matrix]), DENSITY)
    np.testing.assert_allclose(together[1], loss(2 * matrix, DENSITY), rtol=1e-12)
    single = FIELD.spectrum(jnp.asarray(DENSITY, jnp.complex64), noise=np.ones(4))
    assert single.dtype == jnp.complex64
    assert FIELD.sensors(jnp.asarray(SIGNAL, jnp.float32)).dtype == jnp.float32


@pytest.mark.parametrize(
    "given, message",
    [
        ({"matrix": np.ones(3)}, r"`matrix` must be \(sensors, nodes\), got shape \(3,\)"),
        ({"matrix": np.full((4, 3), np.nan)}, "`matrix` has 12 non-finite"),
        ({"names": NAMES[:2]}, "`names` has 2 entries for 4 sensors"),
        ({"names": ("Fz", "Cz", "Cz", "Oz")}, "`names` has 'Cz' twice"),
    ],
)
def test_wrong_lead_fields_are_named(given, message):
    with pytest.raises(ValueError, match=message):
        LeadField(**{"matrix": MATRIX, "names": NAMES} | given)


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: FIELD.sensors(np.ones((5, 4))),
            "`series` has 4 nodes, but the lead field is of 3",
        ),
        (lambda: FIELD.spectrum(np.ones((5, 4, 4))), "`cross_spectrum` has 4 nodes, but the lead"),
        (lambda: FIELD.power(np.ones((5, 3))), r"`cross_spectrum` must be \(frequencies, nodes"),
        (lambda: FIELD.power(DENSITY, noise=np.ones(3)), r"`noise` must be one a sensor \(4,\)"),
        (lambda: FIELD.referenced("Czz"), "`name` is 'Czz'. Did you mean 'Cz'?"),
        (lambda: LeadField(MATRIX).referenced("Cz"), "`names` are missing"),
        (lambda: FIELD.whitened(np.ones(3)), r"`covariance` must have shape \(4, 4\)"),
        (lambda: whitener(np.ones((2, 3))), r"`covariance` must be \(sensors,\) or"),
        (lambda: whitener(np.array([[1.0, 0.5], [0.0, 1.0]])), "`covariance` must be symmetric"),
        (lambda: whitener(np.array([1.0, -0.5])), "`covariance` has a negative variance, -0.5"),
        (lambda: jax.jit(whitener)(np.ones(2)), "`covariance` is factorised once.*traced"),
    ],
)
def test_wrong_calls_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- forward solutions of MNE-Python, stood in for -----------------------------------------------------

VERTICES = [np.array([2, 5, 7]), np.array([1, 2, 9])]
GAINS = np.random.default_rng(4).standard_normal((4, 6))


def forward(kinds=("eeg",) * 4):
    normals = np.zeros((10, 3))
    normals[:, 2] = 1.0
    normals[5] = [0.1, 0.0, -1.0]  # the far side of a fold
    return {
        "sol": {"data": GAINS, "row_names": list(NAMES)},
        "src": [
            {"vertno": each, "nn": normals, "type": "surf", "id": number}
            for number, each in zip((101, 102), VERTICES, strict=True)
        ],
        "info": list(kinds),
    }


def label(name, hemi, vertices):
    return types.SimpleNamespace(name=name, hemi=hemi, vertices=np.array(vertices))


LABELS = [label("a-lh", "lh", [2, 3, 5]), label("b-rh", "rh", [2, 9, 4]), label("c-lh", "lh", [7])]


@pytest.fixture
def asked(monkeypatch):
    """How the conversion was asked for, by a library that stands in."""
    calls = []

    def convert_forward_solution(given, **options):
        calls.append(options)
        return given

    library = types.SimpleNamespace(
        convert_forward_solution=convert_forward_solution,
        channel_type=lambda info, index: info[index],
    )
    found = importlib.import_module
    monkeypatch.setattr(
        importlib, "import_module", lambda name: library if name == "mne" else found(name)
    )
    return calls


@pytest.mark.parametrize(
    "kind, factor, unit",
    [("eeg", 1e-3, "µV per nA m"), ("mag", 1e6, "fT per nA m"), ("grad", 1e4, "fT/cm per nA m")],
)
def test_parcels_are_means_over_their_vertices(asked, kind, factor, unit):
    found = LeadField.from_mne(forward((kind,) * 4), LABELS, sign_flip=False)
    columns = [GAINS[:, [0, 1]].mean(axis=1), GAINS[:, [4, 5]].mean(axis=1), GAINS[:, 2]]
    np.testing.assert_allclose(found.matrix, factor * np.stack(columns, axis=1), rtol=1e-12)
    assert found.names == NAMES and found.unit == unit
    assert asked[0]["surf_ori"] and asked[0]["force_fixed"]


def test_the_far_side_of_a_fold_counts_negatively(asked):
    found = np.asarray(LeadField.from_mne(forward(), LABELS).matrix)
    wanted = 1e-3 * (GAINS[:, 0] - GAINS[:, 1]) / 2
    sign = np.sign(found[:, 0] @ wanted)
    np.testing.assert_allclose(sign * found[:, 0], wanted, rtol=1e-12)
    same = 1e-3 * GAINS[:, [4, 5]].mean(axis=1)
    np.testing.assert_allclose(np.abs(found[:, 1]), np.abs(same), rtol=1e-12)


def test_sensors_of_several_kinds_and_labels_without_a_source_are_named(asked):
    with pytest.raises(
        ValueError, match=r"`forward` has sensors of the kinds eeg, mag.*pick_types"
    ):
        LeadField.from_mne(forward(("eeg", "mag", "mag", "mag")), LABELS)
    with pytest.raises(ValueError, match="`labels` has 'd-rh', in which lies no source"):
        LeadField.from_mne(forward(), [label("d-rh", "rh", [5, 7])])


def test_where_the_library_is_missing_it_says_so(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ImportError, match=r"needs MNE-Python.*pip install mne.*the matrix itself"):
        LeadField.from_mne(forward(), LABELS)
