"""Parameters by path, and the maps between them and plain coordinates."""

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from jax.scipy.stats import norm

from rosetta_jax import parameters as p
from rosetta_jax import priors
from rosetta_jax.forcing import WhiteNoise
from rosetta_jax.network import Connectome, Network
from rosetta_jax.rungs import StuartLandau
from rosetta_jax.system import describe

WEIGHTS = np.array([[0.0, 2.0], [1.0, 0.0]])
BRAIN = Network(
    StuartLandau(alpha=jnp.array([-2.0, -3.0])),
    Connectome(WEIGHTS, 10 * WEIGHTS),
    gain=0.8,
    noise=WhiteNoise(sigma=0.02),
)
PATHS = [
    "rung.alpha",
    "rung.omega",
    "rung.gamma",
    "rung.beta",
    "connectome.weights",
    "connectome.lengths",
    "noise.sigma",
    "gain",
    "speed",
]


def test_paths_name_every_array():
    assert p.paths(BRAIN) == PATHS


@pytest.mark.parametrize("path", PATHS)
def test_what_is_replaced_is_what_is_got(path):
    value = p.get(BRAIN, path) * 1.5
    np.testing.assert_array_equal(p.get(p.replace(BRAIN, {path: value}), path), value)


def test_replacing_leaves_all_else_alone():
    changed = p.replace(BRAIN, {"rung.alpha": -1.0, "gain": 2.0})
    for path in set(PATHS) - {"rung.alpha", "gain"}:
        np.testing.assert_array_equal(p.get(changed, path), p.get(BRAIN, path))
    assert jax.tree.structure(changed) == jax.tree.structure(BRAIN)


def test_the_old_tree_is_unchanged():
    p.replace(BRAIN, {"gain": 2.0})
    assert float(BRAIN.gain) == pytest.approx(0.8)


@pytest.mark.parametrize("wrong", ["alpha", "rung.alpah", "rung", "noise.tau", "rung.alpha.real"])
@pytest.mark.parametrize("call", [p.get, lambda tree, path: p.replace(tree, {path: 1.0})])
def test_a_wrong_path_lists_the_right_ones(call, wrong):
    with pytest.raises(
        KeyError, match=rf"no parameter at '{wrong}'.*rung.alpha, rung.omega.*sigma"
    ):
        call(BRAIN, wrong)


def test_a_misspelt_path_suggests_the_nearest():
    with pytest.raises(KeyError, match=r"Did you mean 'rung\.alpha'"):
        p.get(BRAIN, "rung.alpah")


@pytest.mark.parametrize(
    "path, value, complaint",
    [
        ("gain", jnp.ones(3), r"`gain` must be one number \(\) or one a node \(2,\)"),
        ("rung.alpha", jnp.ones(3), r"`alpha` must have shape \(2,\)"),
        ("rung.omega", jnp.ones((2, 2)), r"StuartLandau.omega.*\(2, 2\)"),
        ("connectome.weights", jnp.zeros((3, 3)), r"`weights` must have shape \(2, 2\)"),
        ("rung.omega", -1.0, "StuartLandau.omega.*above zero"),
        ("noise.sigma", jnp.nan, "WhiteNoise.sigma.*finite"),
        ("connectome.weights", jnp.eye(2), "zero diagonal"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(path, value, complaint):
    with pytest.raises(ValueError, match=complaint):
        p.replace(BRAIN, {path: value})


@pytest.mark.parametrize("path, value", [("rung.alpha", -1.0), ("rung.omega", [1.0, 2.0])])
def test_a_parameter_may_change_between_shared_and_regional(path, value):
    np.testing.assert_array_equal(p.get(p.replace(BRAIN, {path: value}), path), value)


def test_what_is_no_number_is_refused():
    with pytest.raises(TypeError, match="`gain` must be a number"):
        p.replace(BRAIN, {"gain": "much"})


def test_values_become_strong_arrays_of_the_old_precision():
    replaced = p.replace(BRAIN, {"gain": np.float32(0.5)})
    assert replaced.gain.dtype == jnp.float64 and not replaced.gain.weak_type


def test_replacing_works_under_jit_and_vmap():
    gains = jnp.array([0.5, 1.0])
    found = jax.jit(jax.vmap(lambda g: p.replace(BRAIN, {"gain": g}).gain * 2))(gains)
    np.testing.assert_array_equal(found, 2 * gains)


def test_metadata_is_found_by_path():
    assert p.info(BRAIN, "rung.omega").unit == "rad/s"
    assert p.info(BRAIN, "gain").symbol == "G"
    assert p.info(BRAIN, "connectome.weights") is None


def test_describe_prints_every_path(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "240")
    describe(BRAIN)
    printed = capsys.readouterr().out
    assert all(path in printed for path in PATHS)


# --- maps from plain coordinates

SUPPORTS = [
    priors.Real(),
    priors.Real(scale=3.0),
    priors.Positive(),
    priors.NonNegative(),
    priors.Negative(),
    priors.Interval(lower=-1.0, upper=4.0),
]
PRIORS = [priors.Normal(2.0, 0.5), priors.LogNormal(2.0, 0.5), priors.Uniform(-1.0, 4.0)]
every_map = pytest.mark.parametrize("kind", SUPPORTS + PRIORS, ids=repr)
U = jnp.linspace(-4.0, 4.0, 33)


@every_map
def test_a_map_is_undone_by_its_inverse(kind):
    np.testing.assert_allclose(kind.unconstrain(kind.constrain(U)), U, rtol=1e-9, atol=1e-9)


@every_map
def test_what_a_map_reaches_is_within(kind):
    assert kind.contains(kind.constrain(U)).all()


@every_map
def test_a_map_is_monotone(kind):
    steps = np.diff(np.asarray(kind.constrain(U)))
    assert (steps > 0).all() or (steps < 0).all()


@pytest.mark.parametrize(
    "kind, lower, upper",
    [
        (priors.Real(), -np.inf, np.inf),
        (priors.Positive(), 0.0, np.inf),
        (priors.NonNegative(), 0.0, np.inf),
        (priors.Negative(), -np.inf, 0.0),
        (priors.Interval(-1.0, 4.0), -1.0, 4.0),
        (priors.Normal(2.0, 0.5), -np.inf, np.inf),
        (priors.LogNormal(2.0, 0.5), 0.0, np.inf),
        (priors.Uniform(-1.0, 4.0), -1.0, 4.0),
    ],
    ids=repr,
)
def test_a_map_reaches_the_ends_of_its_support(kind, lower, upper):
    ends = np.sort([float(kind.constrain(jnp.asarray(u))) for u in (-np.inf, np.inf)])
    np.testing.assert_allclose(ends, [lower, upper])


@pytest.mark.parametrize(
    "kind, outside",
    [
        (priors.Real(), np.nan),
        (priors.Positive(), 0.0),
        (priors.NonNegative(), -1e-9),
        (priors.Negative(), 0.0),
        (priors.Interval(-1.0, 4.0), 4.0),
        (priors.Normal(2.0, 0.5), np.inf),
        (priors.LogNormal(2.0, 0.5), 0.0),
        (priors.Uniform(-1.0, 4.0), -1.0),
    ],
    ids=repr,
)
def test_what_lies_outside_is_told(kind, outside):
    assert not bool(kind.contains(jnp.asarray(outside)))


def log_density(kind, value):
    """The density of the image of a standard normal, by change of variables."""
    u, slope = jax.jvp(kind.unconstrain, (value,), (jnp.ones_like(value),))
    return norm.logpdf(u) + jnp.log(slope)


@pytest.mark.parametrize(
    "kind, exact",
    [
        (priors.Normal(2.0, 0.5), lambda v: norm.logpdf(v, 2.0, 0.5)),
        (
            priors.LogNormal(2.0, 0.5),
            lambda v: norm.logpdf(jnp.log(v), np.log(2.0), 0.5) - jnp.log(v),
        ),
        (priors.Uniform(-1.0, 4.0), lambda v: jnp.full_like(v, -np.log(5.0))),
    ],
    ids=["Normal", "LogNormal", "Uniform"],
)
def test_a_prior_is_the_image_of_a_standard_normal(kind, exact):
    value = jnp.array([0.5, 1.7, 3.0])
    np.testing.assert_allclose(log_density(kind, value), exact(value), rtol=1e-10)


@pytest.mark.parametrize(
    "make, complaint",
    [
        (lambda: priors.Interval(2.0, 1.0), "Interval: `lower` must be below `upper`"),
        (lambda: priors.Uniform(1.0, 1.0), "Uniform: `lower` must be below `upper`"),
        (lambda: priors.Normal(0.0, 0.0), "Normal: `sd`"),
        (lambda: priors.LogNormal(-1.0, 0.5), "LogNormal: `median`"),
        (lambda: priors.LogNormal(1.0, float("inf")), "LogNormal: `sigma`"),
    ],
)
def test_a_prior_that_makes_no_sense_is_refused(make, complaint):
    with pytest.raises(ValueError, match=complaint):
        make()


# --- the free ones as a vector

FREE = {
    "gain": priors.LogNormal(1.0, 0.5),
    "rung.alpha": priors.Negative(),
    "noise.sigma": priors.Uniform(0.0, 1.0),
}


def test_a_vector_holds_one_entry_a_number():
    free = p.FreeParameters(BRAIN, FREE)
    assert free.size == 4 and free.names == tuple(FREE) and free.vector().shape == (4,)


def test_applying_the_present_vector_changes_nothing():
    free = p.FreeParameters(BRAIN, FREE)
    back = free.apply(free.vector())
    for path in PATHS:
        np.testing.assert_allclose(p.get(back, path), p.get(BRAIN, path), rtol=1e-12)


def test_a_vector_survives_the_way_through_a_tree():
    free = p.FreeParameters(BRAIN, FREE)
    vector = jnp.array([0.3, -1.0, 0.7, 0.2])
    np.testing.assert_allclose(free.vector(free.apply(vector)), vector, rtol=1e-12)


def test_values_are_named_by_path_in_order():
    values = p.FreeParameters(BRAIN, FREE).values(jnp.array([0.0, 0.0, 1.0, 0.0]))
    assert list(values) == list(FREE)
    assert float(values["gain"]) == pytest.approx(1.0)
    np.testing.assert_allclose(values["rung.alpha"], [-1.0, -np.e], rtol=1e-12)
    assert float(values["noise.sigma"]) == pytest.approx(0.5)


def test_applying_can_be_differentiated():
    free = p.FreeParameters(BRAIN, FREE)
    gradient = jax.jit(jax.grad(lambda v: free.apply(v).rung.alpha.sum()))(jnp.zeros(4))
    np.testing.assert_allclose(gradient, [0.0, -1.0, -1.0, 0.0])


def test_a_present_value_outside_its_prior_is_refused_by_its_path():
    free = p.FreeParameters(BRAIN, {"gain": priors.Uniform(1.0, 2.0)})
    with pytest.raises(ValueError, match=r"present value of 'gain', 0.8.*Uniform"):
        free.vector()


def test_a_free_path_must_exist():
    with pytest.raises(KeyError, match=r"no parameter at 'gian'\. Did you mean 'gain'"):
        p.FreeParameters(BRAIN, {"gian": priors.Real()})


def test_a_free_parameter_needs_a_support_or_a_prior(monkeypatch):
    # Without the runtime type checks of the test run, which would speak first.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(TypeError, match=r"`free\['gain'\]` must be a support or a prior"):
        p.FreeParameters(BRAIN, {"gain": (0.0, 1.0)})


def test_at_least_one_parameter_must_be_free():
    with pytest.raises(ValueError, match="names no parameter"):
        p.FreeParameters(BRAIN, {})


def test_starts_are_drawn_from_priors_and_spread_about_the_present_elsewhere():
    starts = np.asarray(p.FreeParameters(BRAIN, FREE).starts(jax.random.key(0), 4000))
    np.testing.assert_allclose(starts.mean(axis=0), [0, np.log(2), np.log(3), 0], atol=0.06)
    np.testing.assert_allclose(starts.std(axis=0), [1, 0.5, 0.5, 1], atol=0.05)


def test_starts_need_no_present_value_where_all_have_priors():
    free = p.FreeParameters(BRAIN, {"gain": priors.Uniform(1.0, 2.0)})
    assert np.isfinite(free.starts(jax.random.key(0), 3)).all()


def test_the_prior_counts_only_where_there_is_one():
    vector = jnp.array([0.3, -1.0, 0.7, 0.2])
    found = p.FreeParameters(BRAIN, FREE).prior_residual(vector)
    np.testing.assert_array_equal(found, [0.3, 0.0, 0.0, 0.2])
