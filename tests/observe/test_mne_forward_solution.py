"""Lead fields against MNE-Python's own forward solutions of a sphere, on two little cortices that need no scan.

Two spheres of 18 vertices stand for the hemispheres. MNE-Python approximates the head of four shells by three
dipoles for one (Berg and Scherg), which our sum over harmonics does not: they agree to 1e-3.
"""

import os

import numpy as np
import pytest

from rosetta_jax.observe import LeadField, layered_lead_field

mne = pytest.importorskip("mne")

SENSORS = 20
RADIUS = 25.0
# Poles, equator and halves of an octahedron, once divided.
CORNERS = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], float)
FACES = [(x, y, z) for x in (0, 1) for y in (2, 3) for z in (4, 5)]


def sphere():
    """Vertices and outward triangles of an octahedron whose faces are each cut in four."""
    points, number, faces = [tuple(c) for c in CORNERS], {}, []

    def middle(a, b):
        key = tuple(sorted((a, b)))
        if key not in number:
            point = np.array(points[a]) + np.array(points[b])
            number[key] = len(points)
            points.append(tuple(point / np.linalg.norm(point)))
        return number[key]

    for a, b, c in FACES:
        ab, bc, ca = middle(a, b), middle(b, c), middle(c, a)
        faces += [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    vertices = np.array(points)
    outward = [face if np.linalg.det(vertices[list(face)]) > 0 else face[::-1] for face in faces]
    return vertices, np.array(outward)


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """Forward solution, and electrodes (mm)."""
    folder = tmp_path_factory.mktemp("subjects")
    os.makedirs(folder / "head/surf")
    vertices, faces = sphere()
    for hemisphere, side in (("lh", -30.0), ("rh", 30.0)):
        place = folder / f"head/surf/{hemisphere}.white"
        mne.write_surface(place, RADIUS * vertices + [side, 0.0, 20.0], faces)
    rng = np.random.default_rng(0)
    places = rng.standard_normal((SENSORS, 3))
    places[:, 2] = np.abs(places[:, 2])
    places *= 90.0 / np.linalg.norm(places, axis=1, keepdims=True)
    names = [f"E{number}" for number in range(SENSORS)]
    with mne.use_log_level("ERROR"):
        sources = mne.setup_source_space(
            "head", spacing="all", surface="white", subjects_dir=folder, add_dist=False
        )
        info = mne.create_info(names, 100.0, "eeg")
        positions = dict(zip(names, places / 1e3, strict=True))
        info.set_montage(mne.channels.make_dig_montage(positions, coord_frame="head"))
        model = mne.make_sphere_model(r0=(0.0, 0.0, 0.0), head_radius=0.09)
        solved = mne.make_forward_solution(info, None, sources, model, meg=False, mindist=0.0)
    return solved, places


def sources(solved):
    """Places (mm) and normals of all vertices."""
    used = [(space["rr"], space["nn"], space["vertno"]) for space in solved["src"]]
    places = np.concatenate([rr[vertices] for rr, _, vertices in used])
    return 1e3 * places, np.concatenate([nn[vertices] for _, nn, vertices in used])


def vertex_labels(solved):
    """One label a vertex."""
    return [
        mne.Label([vertex], hemi=hemisphere, name=f"{vertex}-{hemisphere}")
        for hemisphere, space in zip(("lh", "rh"), solved["src"], strict=True)
        for vertex in space["vertno"]
    ]


@pytest.fixture(scope="module")
def ours(head):
    solved, electrodes = head
    places, normals = sources(solved)
    return np.asarray(layered_lead_field(electrodes, places, orientations=normals).matrix)


def test_the_layered_sphere_is_that_of_mne_python(head, ours):
    solved, _ = head
    found = LeadField.from_mne(solved, vertex_labels(solved), sign_flip=False)
    assert found.unit == "µV per nA m" and found.names == tuple(f"E{n}" for n in range(SENSORS))
    theirs = np.asarray(found.matrix)
    assert theirs.shape == (SENSORS, 36) == ours.shape
    error = np.linalg.norm(theirs - ours, axis=0) / np.linalg.norm(ours, axis=0)
    assert error.max() < 1.5e-3
    assert np.corrcoef(theirs.ravel(), ours.ravel())[0, 1] > 0.999999


def test_a_parcel_is_the_mean_of_its_vertices(head, ours):
    solved, _ = head
    parcels = [mne.Label([0, 4, 7], hemi="lh", name="a"), mne.Label([1, 17], hemi="rh", name="b")]
    wanted = np.stack([ours[:, [0, 4, 7]].mean(axis=1), ours[:, [19, 35]].mean(axis=1)], axis=1)
    found = LeadField.from_mne(solved, parcels, sign_flip=False).matrix
    np.testing.assert_allclose(found, wanted, atol=2e-3 * np.abs(wanted).max())


def test_one_hemisphere_is_told_by_its_name_not_its_place(head, ours):
    solved, _ = head
    with mne.use_log_level("ERROR"):
        model = mne.make_sphere_model(r0=(0.0, 0.0, 0.0), head_radius=0.09)
        alone = mne.SourceSpaces([solved["src"][1]])
        right = mne.make_forward_solution(
            solved["info"], None, alone, model, meg=False, mindist=0.0
        )
    parcels = [mne.Label([1, 17], hemi="rh", name="b"), mne.Label([1], hemi="lh", name="a")]
    found = LeadField.from_mne(right, parcels[:1], sign_flip=False).matrix
    wanted = ours[:, [19, 35]].mean(axis=1, keepdims=True)
    np.testing.assert_allclose(found, wanted, atol=2e-3 * np.abs(wanted).max())
    with pytest.raises(ValueError, match="`labels` has 'a', in which lies no source"):
        LeadField.from_mne(right, parcels)


def test_what_is_flipped_no_longer_cancels(head, ours):
    solved, _ = head
    # Of a whole sphere all normals cancel.
    parcel = [mne.Label(np.arange(18), hemi="lh", name="all")]
    even, flipped = (
        np.asarray(LeadField.from_mne(solved, parcel, sign_flip=flip).matrix)[:, 0]
        for flip in (False, True)
    )
    np.testing.assert_allclose(even, ours[:, :18].mean(axis=1), atol=2e-3 * np.abs(ours).max())
    assert np.linalg.norm(flipped) > 5 * np.linalg.norm(even)


def test_sources_without_a_cortex_are_refused(head):
    solved, _ = head
    places, normals = sources(solved)
    with mne.use_log_level("ERROR"):
        model = mne.make_sphere_model(r0=(0.0, 0.0, 0.0), head_radius=0.09)
        volume = mne.setup_volume_source_space(
            pos={"rr": places / 1e3, "nn": normals}, sphere=model
        )
        discrete = mne.make_forward_solution(
            solved["info"], None, volume, model, meg=False, mindist=0.0
        )
    with pytest.raises(ValueError, match="source spaces of the types discrete, but parcels lie on"):
        LeadField.from_mne(discrete, vertex_labels(solved))
