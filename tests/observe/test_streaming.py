"""Reductions of blocks of rows against the off-line measures of the whole series, and their gradients."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params

from rosetta_jax import observe
from rosetta_jax.observe import (
    BandCorrelation,
    Correlation,
    Moments,
    WelchCoherence,
    WelchCrossSpectrum,
    WelchSpectrum,
)

DT = 0.01
SAMPLES, TRANSIENT, BEYOND = 700, 37, 11
ASKED = np.array([3.0, 4.4])


def mean_and_covariance(series):
    return jnp.mean(series, axis=0), observe.covariance(series)


# A reduction and the off-line measure that it is.
MEASURES = {
    "moments": (Moments(), mean_and_covariance),
    "correlation": (Correlation(), observe.functional_connectivity),
    "spectrum": (WelchSpectrum(1.0), partial(observe.power_spectrum, dt=DT, segment=1.0)),
    "asked": (
        WelchSpectrum(1.0, frequencies=ASKED),
        partial(observe.power_spectrum, dt=DT, segment=1.0, frequencies=ASKED),
    ),
    "cross": (WelchCrossSpectrum(1.0), partial(observe.cross_spectrum, dt=DT, segment=1.0)),
    "coherence": (WelchCoherence(1.0), partial(observe.coherence, dt=DT, segment=1.0)),
    "band": (
        BandCorrelation((8.0, 20.0), 1.0),
        partial(observe.functional_connectivity, band=(8.0, 20.0), dt=DT, segment=1.0),
    ),
}
# Compiled as one program each, which is much less to compile.
MEASURES = {
    name: (reduction, jax.jit(off_line)) for name, (reduction, off_line) in MEASURES.items()
}
measured = pytest.mark.parametrize("name", MEASURES)
# One for each way of folding; the others differ in what they fold.
WAYS = ("moments", "spectrum")


def mixed(samples=SAMPLES, nodes=3, seed=0):
    generator = np.random.default_rng(seed)
    series = generator.standard_normal((samples, nodes)) @ generator.standard_normal((nodes, nodes))
    return jnp.asarray(series + 5.0)


def within_a_march(series, before=TRANSIENT, beyond=BEYOND):
    """The series as a part of a longer run, the rest of which holds nothing of use."""
    return jnp.pad(series, ((before, beyond), (0, 0)), constant_values=jnp.nan)


@eqx.filter_jit
def folded(reduction, series, rows, samples=SAMPLES, transient=TRANSIENT, dt=DT):
    """The result over a scan of blocks, the last of which is filled up."""
    blocks = -(-series.shape[0] // rows)
    over = blocks * rows - series.shape[0]
    series = jnp.pad(series, ((0, over), (0, 0)), constant_values=jnp.nan)
    firsts = rows * jnp.arange(blocks, dtype=jnp.int32) - transient

    @jax.checkpoint
    def block(memory, each):
        return reduction.add(memory, *each), None

    memory = reduction.begin(samples, series.shape[1], dt, series.dtype)
    split = series.reshape(blocks, rows, series.shape[1])
    memory, _ = jax.lax.scan(block, memory, (split, firsts))
    return reduction.finish(memory)


def same(found, wanted, rtol=1e-11, atol=1e-14):
    found, wanted = jax.tree.leaves(found), jax.tree.leaves(wanted)
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol)


@pytest.mark.parametrize(
    "name, rows",
    [(name, 64) for name in MEASURES]
    + [(name, rows) for name in WAYS for rows in (1, 7, 50, 151, 1000)],
)
def test_equals_the_off_line_measure(name, rows):
    reduction, off_line = MEASURES[name]
    series = mixed()
    same(folded(reduction, within_a_march(series), rows), off_line(series))


@pytest.mark.parametrize("name", WAYS)
def test_equals_the_off_line_measure_without_jit_and_without_a_transient(name):
    reduction, off_line = MEASURES[name]
    series = mixed()
    memory = reduction.begin(SAMPLES, 3, DT, series.dtype)
    for first in range(0, SAMPLES, 140):
        memory = reduction.add(memory, series[first : first + 140], jnp.int32(first))
    same(reduction.finish(memory), off_line(series))


@pytest.mark.parametrize("name", ["moments", "correlation", "spectrum"])
def test_one_node(name):
    reduction, off_line = MEASURES[name]
    series = mixed(nodes=1)
    same(folded(reduction, within_a_march(series), 64), off_line(series))


@pytest.mark.parametrize(
    "length, overlap, window, detrend",
    [
        (101, 0.5, "hann", "constant"),
        (100, 0.29, "boxcar", "linear"),
        (64, 0.0, "hann", "none"),
        (40, 0.9, "boxcar", "constant"),
    ],
)
def test_spectra_take_the_options_of_the_off_line_ones(length, overlap, window, detrend):
    options = {
        "segment": length * DT,
        "overlap": overlap,
        "window": window,
        "detrend": detrend,
    }
    series = mixed() + 0.01 * jnp.arange(float(SAMPLES))[:, None]
    run = within_a_march(series)
    power = jax.jit(lambda x: observe.power_spectrum(x, DT, **options))
    same(folded(WelchSpectrum(**options), run, 53), power(series))
    crossed = jax.jit(lambda x: observe.cross_spectrum(x, DT, **options))
    same(folded(WelchCrossSpectrum(**options), run, 53), crossed(series), atol=1e-13)


@pytest.mark.parametrize("rows", [1, 30, 700])
def test_a_segment_may_be_the_whole_series(rows):
    series = mixed()
    wanted = jax.jit(lambda x: observe.power_spectrum(x, DT, segment=7.0))(series)
    same(folded(WelchSpectrum(7.0), within_a_march(series), rows), wanted)


def test_two_samples_suffice_for_a_correlation():
    series = jnp.array([[0.0, 1.0], [1.0, -2.0]])
    for rows in (1, 2, 5):
        found = folded(Correlation(), within_a_march(series), rows, samples=2)
        np.testing.assert_allclose(found, [[1, -1], [-1, 1]], rtol=1e-14)


def weighted(result):
    """A number that depends on all of a result, differently on each part."""
    leaves = [leaf for leaf in jax.tree.leaves(result) if leaf.ndim != 1 or leaf.shape[0] == 3]
    waves = [jnp.cos(1.0 + jnp.arange(leaf.size, dtype=float)) for leaf in leaves]
    return sum(
        jnp.sum(wave * (jnp.abs(leaf.ravel()) ** 2 + leaf.real.ravel()))
        for leaf, wave in zip(leaves, waves, strict=True)
    )


@pytest.mark.parametrize(
    "name, rows",
    [(name, 64) for name in MEASURES if name != "asked"] + [(name, 1000) for name in WAYS],
)
def test_the_gradient_is_the_off_line_one(name, rows):
    reduction, off_line = MEASURES[name]
    series = mixed()
    wanted = jax.jit(jax.grad(lambda x: weighted(off_line(x))))(series)
    assert jnp.max(jnp.abs(wanted)) > 1e-6

    def loss(run):
        return weighted(folded(reduction, run, rows))

    found = jax.jit(jax.grad(loss))(within_a_march(series))
    np.testing.assert_allclose(
        found, jnp.pad(wanted, ((TRANSIENT, BEYOND), (0, 0))), rtol=1e-8, atol=1e-14
    )


@pytest.mark.parametrize("name", ["moments", "correlation", "spectrum", "band"])
def test_the_forward_derivative_is_the_off_line_one(name):
    reduction, off_line = MEASURES[name]
    series, direction = mixed(), mixed(seed=1)
    _, wanted = jax.jvp(off_line, (series,), (direction,))
    run, along = (jnp.pad(x, ((TRANSIENT, BEYOND), (0, 0))) for x in (series, direction))
    _, found = jax.jvp(lambda x: folded(reduction, x, 64), (run,), (along,))
    same(found, wanted, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("name", ["moments", "correlation", "spectrum", "band"])
def test_vmap_is_a_loop(name):
    reduction, _ = MEASURES[name]
    lanes = jnp.stack([within_a_march(mixed(seed=seed)) for seed in range(3)])
    together = jax.vmap(lambda x: folded(reduction, x, 64))(lanes)
    for lane in range(3):
        alone = folded(reduction, lanes[lane], 64)
        same(jax.tree.map(lambda array: array[lane], together), alone)  # noqa: B023


def transforms(jaxpr, branched=False):
    """For each Fourier transform of a program, whether it lies behind a branch."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "fft":
            yield branched
        for inner in jaxprs_in_params(equation.params):
            yield from transforms(inner, branched or equation.primitive.name == "cond")


def test_a_block_transforms_nothing_until_a_segment_is_full():
    """Behind one branch, also for lanes, where a branch on a batched number would become a choice."""
    reduction = WelchSpectrum(1.0)
    lanes = jnp.zeros((4, 16, 3))
    memory = jax.vmap(lambda _: reduction.begin(SAMPLES, 3, DT, lanes.dtype))(lanes)
    add = jax.vmap(reduction.add, in_axes=(0, 0, None))
    program = jax.make_jaxpr(add)(memory, lanes, jnp.int32(3))
    assert list(transforms(program.jaxpr)) == [True]


@measured
def test_memory_does_not_grow_with_time(name):
    reduction, _ = MEASURES[name]

    def sizes(samples):
        memory = jax.eval_shape(lambda: reduction.begin(samples, 3, DT, jnp.float32))
        return [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(memory)]

    assert sizes(SAMPLES) == sizes(10**9)
    assert {dtype for _, dtype in sizes(SAMPLES)} <= {jnp.dtype("float32"), jnp.dtype("complex64")}


def test_a_reverse_gradient_stores_no_matrix_a_block():
    nodes, rows, blocks = 40, 4, 300
    series = mixed(rows * blocks, nodes)
    loss = jax.jit(
        jax.grad(lambda x: weighted(folded(Correlation(), x, rows, rows * blocks, transient=0)))
    )
    stored = loss.lower(series).compile().memory_analysis().temp_size_in_bytes
    assert stored < 0.5 * blocks * nodes**2 * series.dtype.itemsize


@pytest.mark.parametrize(
    "name, bad", [(name, jnp.nan) for name in MEASURES] + [(name, jnp.inf) for name in WAYS]
)
def test_a_sample_that_is_not_finite_spoils_its_lane_and_node_only(name, bad):
    reduction, _ = MEASURES[name]
    series = mixed()
    lanes = jnp.stack([within_a_march(x) for x in (series, series.at[300, 1].set(bad), series)])
    found = jax.vmap(lambda x: folded(reduction, x, 64))(lanes)
    for leaf in jax.tree.leaves(getattr(found, "density", getattr(found, "coherence", found))):
        finite = np.moveaxis(np.isfinite(np.asarray(leaf)), -1, 0)  # the last axis is of nodes
        assert finite[:, [0, 2]].all() and not finite[1, 1].any()
        others = finite[[0, 2], 1]
        # Of pairs, those with the node are spoilt too.
        pairs = name in ("correlation", "band") or leaf.ndim == 4
        assert (others[..., [0, 2]] if pairs or leaf.shape[1:] == (3, 3) else others).all()


def test_a_large_offset_costs_no_digits_in_float32():
    generator = np.random.default_rng(0)
    series = jnp.asarray(1e4 + generator.standard_normal((100_000, 2)), jnp.float32)
    wanted = np.cov(np.asarray(series, np.float64).T)
    naive = jnp.mean(series**2, axis=0) - jnp.mean(series, axis=0) ** 2
    assert np.abs(np.asarray(naive) - np.diag(wanted)).max() > 1
    # Sums of so many terms drop digits of their own, most where blocks are short.
    for rows in (1, 64, 1000):
        found = folded(Moments(), series, rows, 100_000, transient=0)
        assert found.covariance.dtype == jnp.float32
        np.testing.assert_allclose(found.covariance, wanted, atol=1e-6)
        mean = np.asarray(series, np.float64).mean(axis=0)
        np.testing.assert_allclose(found.mean, mean, rtol=1.2e-7)


def test_a_first_row_far_away_costs_no_digits_in_float32():
    series = np.random.default_rng(0).standard_normal((20_000, 2))
    series[0] += 100.0
    series = jnp.asarray(series, jnp.float32)
    wanted = np.corrcoef(np.asarray(series, np.float64).T)
    found = folded(Correlation(), series, 50, 20_000, transient=0)
    np.testing.assert_allclose(found, wanted, atol=2e-6)


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_squares_out_of_range_do_not_matter(size):
    series = mixed()
    run = within_a_march(jnp.asarray(series * size, jnp.float32))
    found = folded(Correlation(), run, 7)
    np.testing.assert_allclose(found, observe.functional_connectivity(series), atol=2e-6)


def test_a_constant_node_has_no_correlation_and_spares_the_others():
    off_line = observe.functional_connectivity
    series = mixed(nodes=4).at[:, 2].set(0.1)
    wanted = off_line(series)
    run = within_a_march(series)
    same(folded(Correlation(), run, 64), wanted)
    assert np.isnan(np.asarray(wanted)[2]).all()
    gradient = jax.jit(jax.grad(lambda x: jnp.nansum(folded(Correlation(), x, 64) ** 2)))(run)
    wanted = jax.jit(jax.grad(lambda x: jnp.nansum(off_line(x) ** 2)))(series)
    np.testing.assert_allclose(gradient[TRANSIENT:-BEYOND], wanted, rtol=1e-9, atol=1e-15)
    assert (np.asarray(gradient)[:, 2] == 0).all()


@pytest.mark.parametrize("name", ["moments", "correlation"])
def test_a_node_that_rests_at_first_is_no_constant_one(name):
    """While it rests there is no deviation to measure it in."""
    reduction, off_line = MEASURES[name]
    series = mixed().at[:200, 1].set(0.0)
    run = within_a_march(series)
    same(folded(reduction, run, 16), off_line(series))
    gradient = jax.jit(jax.grad(lambda x: weighted(folded(reduction, x, 16))))(run)
    wanted = jax.jit(jax.grad(lambda x: weighted(off_line(x))))(series)
    np.testing.assert_allclose(gradient[TRANSIENT:-BEYOND], wanted, rtol=1e-8, atol=1e-14)


def test_the_mean_of_a_constant_node_has_a_gradient():
    series = jnp.zeros((60, 2), jnp.float32)
    first_mean = jax.grad(lambda x: folded(Moments(), x, 16, 60, transient=0).mean[0])
    gradient = jax.jit(first_mean)(series)
    np.testing.assert_allclose(gradient, np.outer(np.full(60, 1 / 60), [1, 0]), rtol=1e-6)


@pytest.mark.parametrize("name", ["moments", "correlation", "spectrum", "cross"])
def test_single_precision_stays_single_and_close(name):
    reduction, off_line = MEASURES[name]
    series = mixed()
    found = folded(reduction, within_a_march(series.astype(jnp.float32)), 64)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(off_line(series)), strict=True):
        assert one.dtype in (jnp.float32, jnp.complex64)
        np.testing.assert_allclose(one, other, atol=1e-5 * np.abs(other).max())


@pytest.mark.parametrize("make", [WelchSpectrum, WelchCrossSpectrum, WelchCoherence])
@pytest.mark.parametrize(
    "options, message",
    [
        ({"segment": 7.01}, "`segment` of 7.01 s is 701 samples"),
        ({"segment": 0.014}, "`segment` of 0.014 s holds 1 samples"),
        ({"segment": -1.0}, "`segment` must be one positive number"),
        ({"overlap": 1.0}, r"`overlap` must be a fraction in \[0, 1\)"),
        ({"window": "han"}, "Did you mean 'hann'"),
        ({"detrend": "constat"}, "Did you mean 'constant'"),
    ],
)
def test_wrong_options_are_named_before_the_run(make, options, message):
    with pytest.raises(ValueError, match=message):
        make(**options).begin(SAMPLES, 3, DT, jnp.float32)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: (Moments(), 1), "`samples` is 1, but a covariance needs at least 2"),
        (lambda: (Correlation(), 0), "`samples` must be a whole number from 1"),
        (lambda: (WelchCoherence(7.0), SAMPLES), "`segment` leaves one segment"),
        (lambda: (BandCorrelation((8.0, 4.0)), SAMPLES), "`band` must be two hertz in order"),
        (lambda: (BandCorrelation((8.1, 8.2)), SAMPLES), r"`band` \(8.1, 8.2\) Hz holds no bin"),
        (lambda: (WelchSpectrum(frequencies=[60.0]), SAMPLES), "`frequencies` reach 60 Hz"),
        (lambda: (WelchSpectrum(frequencies=[[1.0]]), SAMPLES), "`frequencies` must be a list"),
    ],
)
def test_what_does_not_fit_is_named_before_the_run(make, message):
    with pytest.raises(ValueError, match=message):
        reduction, samples = make()
        reduction.begin(samples, 3, DT, jnp.float32)


def test_a_traced_segment_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match="`segment` fixes the length of an array"):
        jax.jit(lambda segment: WelchSpectrum(segment).begin(SAMPLES, 3, DT, jnp.float32))(1.0)
