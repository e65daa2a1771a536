"""Transfer functions against their integrals by adaptive quadrature (figures.md 4.2, equations.md 6a and 6b)."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import airy, erfcx

from rosetta_jax import parameters
from rosetta_jax.rungs import transfer
from rosetta_jax.rungs.transfer import (
    EIF,
    LIF,
    TRANSFERS,
    Logistic,
    QIFCauchy,
    QIFGauss,
    Sigmoid,
    TransferFunction,
)

every_transfer = pytest.mark.parametrize("name", TRANSFERS)
# From far below to far above threshold of each.
INPUTS = {
    "sigmoid": [-20.0, 0.0, 6.0, 9.0, 30.0],
    "logistic": [-30.0, -1.0, 0.0, 1.5, 30.0],
    "QIF-Cauchy": [-50.0, -1.0, 0.0, 0.4, 30.0],
    "QIF-Gauss": [-4.0, -1.0, 0.0, 0.4, 30.0],
    "LIF": [-3.0, 0.3, 1.0, 1.4, 30.0],
    "EIF": [-3.0, 0.3, 0.8, 1.4, 30.0],
}


def integrated(function, *edges: float) -> float:
    """The integral from the first edge to the last, in pieces."""
    options = {"epsabs": 0.0, "epsrel": 1e-12, "limit": 400}
    return sum(quad(function, a, b, **options)[0] for a, b in itertools.pairwise(edges))


# --- values


@pytest.mark.parametrize(
    ("function", "input", "known"),
    [
        (LIF(membrane_time=1.0, noise=0.5), 0.8, 0.4084329),
        (LIF(membrane_time=1.0, noise=0.1), 1.5, 0.9174299),
        (QIFGauss(membrane_time=1.0), -1.0, 0.0190227),
        (QIFGauss(membrane_time=1.0), 0.0, 0.1595040),
        (QIFGauss(membrane_time=1.0), 1.0, 0.3267227),
        (QIFCauchy(membrane_time=1.0), -5.0, 0.0708265),
        (QIFCauchy(membrane_time=1.0), 0.0, 0.2250791),
        (QIFCauchy(membrane_time=1.0), 1.0, 0.3497220),
        (QIFCauchy(membrane_time=1.0), 5.0, 0.7152778),
        (QIFCauchy(membrane_time=1.0), 10.0, 1.0078386),
    ],
)
def test_the_tabled_rates(function, input, known):
    assert float(function(input)) == pytest.approx(known, abs=6e-8)


def test_rates_are_per_second():
    for kind in TRANSFERS.values():
        if kind not in (Sigmoid, Logistic):
            fast, slow = kind(membrane_time=0.005), kind(membrane_time=0.02)
            assert float(fast(1.2)) == pytest.approx(4 * float(slow(1.2)), rel=1e-12)


@pytest.mark.parametrize("width", [0.5, 2.0])
@pytest.mark.parametrize("current", [-5.0, 0.0, 1.0, 10.0])
def test_qif_cauchy_is_the_mean_of_single_rates_over_lorentzian_currents(current, width):
    def share(root: float) -> float:
        # Over the square root of the current, which is pi times a neuron's rate.
        lorentzian = width / np.pi / ((root**2 - current) ** 2 + width**2)
        return root / np.pi * lorentzian * 2 * root

    expected = integrated(share, 0.0, 1.0, 5.0, 30.0, np.inf)
    found = QIFCauchy(membrane_time=1.0, width=width)(current)
    assert float(found) == pytest.approx(expected, rel=1e-10)


def test_qif_cauchy_loses_no_digits_far_below_threshold():
    current = np.array([-1e2, -1e4, -1e8])
    # I + sqrt(I^2 + 1) without the cancellation.
    expected = np.sqrt(1 / (np.hypot(current, 1.0) - current) / 2) / np.pi
    np.testing.assert_allclose(QIFCauchy(membrane_time=1.0)(current), expected, rtol=1e-14)


def test_the_slope_of_qif_cauchy_is_its_closed_form_and_largest_at_width_over_root_three():
    width = 2.0
    function, best = QIFCauchy(membrane_time=1.0, width=width), width / np.sqrt(3)
    current = jnp.linspace(-8.0, 8.0, 33)
    expected = function(current) / (2 * jnp.hypot(current, width))
    np.testing.assert_allclose(function.slope(current), expected, rtol=1e-13)
    turning = jax.grad(lambda current: function.slope(current))
    assert float(turning(jnp.asarray(best))) == pytest.approx(0.0, abs=1e-15)
    assert float(function.slope(best)) > float(function.slope(current).max())


@pytest.mark.parametrize("noise", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("current", [-1.5, -0.2, 0.0, 1.0, 10.0])
def test_qif_gauss_is_its_integral(current, noise):
    def density(x: float) -> float:
        return np.exp(-(noise**4) * x**6 / 48 - current * x * x)

    mean_time = 2 * np.sqrt(np.pi) * integrated(density, 0.0, 1.0, 5.0, 15.0, 40.0)
    found = QIFGauss(membrane_time=1.0, noise=noise)(current)
    assert float(found) == pytest.approx(1 / mean_time, rel=1e-10)


def test_qif_gauss_is_its_closed_form_wherever_there_are_numbers():
    current = np.concatenate([-np.logspace(1.57, -4, 40), np.logspace(-4, 4, 40)])
    ai, _, bi, _ = airy(-(4 ** (1 / 3)) * current)
    expected = 1 / (4 ** (1 / 6) * np.pi**2 * (ai**2 + bi**2))
    assert expected.min() < 1e-260
    np.testing.assert_allclose(QIFGauss(membrane_time=1.0)(current), expected, rtol=1e-12)


def lif_by_quadrature(current: float, noise: float, reset: float, threshold: float) -> float:
    a, b = (reset - current) / noise, (threshold - current) / noise
    top = max(b, 0.0) ** 2

    def density(x: float) -> float:
        # exp(x^2 - top) (1 + erf x), where both overflow or vanish too.
        scaled = erfcx(abs(x)) * np.exp(-top)
        return scaled if x < 0 else 2 * np.exp(x * x - top) - scaled

    inner = [edge for edge in (-100.0, -10.0, -1.0, 0.0, b - 3.0, b - 0.3) if a < edge < b]
    return np.exp(-top) / np.sqrt(np.pi) / integrated(density, a, *sorted(inner), b)


@pytest.mark.parametrize("noise", [0.04, 0.1, 0.5, 2.0, 20.0])
@pytest.mark.parametrize("current", [-5.0, 0.2, 0.8, 1.0, 1.5, 10.0])
def test_lif_is_its_integral(current, noise):
    function = LIF(membrane_time=1.0, noise=noise, reset=-0.3, threshold=1.1)
    expected = lif_by_quadrature(current, noise, -0.3, 1.1)
    assert float(function(current)) == pytest.approx(expected, rel=1e-9)


def test_lif_with_little_noise_fires_as_without():
    current = np.array([1.5, 3.0, 100.0])
    expected = 1 / np.log(current / (current - 1))
    np.testing.assert_allclose(LIF(membrane_time=1.0, noise=1e-5)(current), expected, rtol=1e-8)


def eif_by_quadrature(current: float, function: EIF) -> float:
    """The printed double integral, one quadrature in the other."""
    s, D, vr, vt, top = (
        float(getattr(function, name))
        for name in ("noise", "sharpness", "reset", "soft_threshold", "threshold")
    )

    def potential(v: float) -> float:
        return -v * v / 2 + current * v + D * D * np.exp((v - vt) / D)

    def above(v: float) -> float:
        low = max(v, vr)
        edges = [e for e in (low + 0.02, low + 0.2, vt, vt + D, vt + 3 * D) if low < e < top]
        return integrated(
            lambda u: np.exp(2 * (potential(v) - potential(u)) / s**2), low, *sorted(edges), top
        )

    edges = [vr, *(edge for edge in (vt, vt + D, vt + 3 * D) if edge < top), top]
    return s * s / 2 / integrated(above, min(vr, current) - 10 * s, *edges)


@pytest.mark.parametrize(
    ("current", "options"),
    [
        (0.8, {"noise": 0.5}),
        (1.5, {"noise": 0.3}),
        (0.3, {"noise": 0.2}),
        (-1.0, {"noise": 1.0, "sharpness": 0.5}),
        (5.0, {"noise": 2.0, "reset": -0.5}),
        (1.0, {"noise": 0.5, "threshold": 1.2}),
        (0.3, {"noise": 0.3, "threshold": 1.1}),
        (1.1, {"noise": 0.4, "soft_threshold": 1.5}),
    ],
)
def test_eif_is_its_double_integral(current, options):
    function = EIF(membrane_time=1.0, **options)
    expected = eif_by_quadrature(current, function)
    assert float(function(current)) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize(("current", "noise"), [(0.8, 0.5), (1.5, 0.1), (0.0, 1.0)])
def test_eif_of_a_sharp_onset_is_lif(current, noise):
    lif = float(LIF(noise=noise)(current))
    off = [
        1 - float(EIF(noise=noise, sharpness=D, threshold=1 + 30 * D)(current)) / lif
        for D in (1e-2, 1e-3, 1e-4)
    ]
    assert off[0] > 3 * off[1] > 9 * off[2] > 0 and off[2] < 0.005


def test_eif_at_the_rheobase_in_little_noise_is_qif():
    def off(noise: float) -> float:
        eif = EIF(noise=noise, sharpness=1.0, reset=-20.0, threshold=40.0)
        return 1 - float(eif(0.0)) / float(QIFGauss(noise=noise / 2)(0.0))

    # The bottleneck is about (2 D s^2)^(1/3) wide, and so is what lies beside the parabola.
    assert 0 < off(1e-4) < 5e-4
    assert off(1e-3) / off(1e-4) == pytest.approx(10 ** (2 / 3), rel=0.01)


def test_eif_keeps_its_accuracy_over_decades_of_noise_and_sharpness(monkeypatch):
    decades = (
        [0.02, 0.1, 1.0, 10.0],
        [0.01, 0.2, 0.5, 3.0],
        [0.0, 10.0],
        [-1.0, 0.4, 0.7, 0.95, 1.2, 4.0],
    )
    noise, sharpness, reach, current = (each.ravel() for each in np.meshgrid(*decades))
    function = EIF(noise=noise, sharpness=sharpness, threshold=1 + reach * sharpness)
    coarse = function(current)
    assert np.isfinite(coarse).all() and coarse.min() < 1e-250
    double_the_nodes(monkeypatch)
    np.testing.assert_allclose(coarse, function(current), rtol=1e-9)


def double_the_nodes(monkeypatch) -> None:
    # Compiled programs have the nodes in them.
    jax.clear_caches()
    integrals = transfer.transfer_integrals
    monkeypatch.setattr(integrals, "_NODES", 2 * integrals._NODES)
    for names, rule in (
        (("_EVEN", "_EVEN_WEIGHTS"), integrals._gauss_legendre()),
        (("_LOG", "_LOG_WEIGHTS"), integrals._logarithmic()),
    ):
        for name, values in zip(names, rule, strict=True):
            monkeypatch.setattr(integrals, name, values)


def test_the_module_of_the_sigmoid_is_the_sigmoid():
    v = jnp.linspace(-20.0, 30.0, 11)
    constants = [jnp.asarray(each) for each in (2.5, 6.0, 0.56)]
    np.testing.assert_allclose(Sigmoid()(v), transfer.sigmoid(v, *constants), rtol=1e-15)


def test_the_logistic_curve_of_1972_has_no_rate_without_input():
    curve = Logistic(threshold=4.0, steepness=1.3, subtracted=1.0)
    at_rest = 1 / (1 + np.exp(1.3 * 4.0))
    current = np.array([0.0, 4.0, 50.0])
    expected = 1 / (1 + np.exp(1.3 * (4.0 - current))) - at_rest
    np.testing.assert_allclose(curve(current), expected, atol=1e-15)
    # The largest value after subtraction is also what is available of the population.
    assert float(curve.available()) == pytest.approx(float(curve(50.0)), rel=1e-12)
    assert float(Logistic(threshold=4.0).available()) == float(Sigmoid().available()) == 1.0


# --- derivatives


@every_transfer
def test_slopes_agree_with_differences_and_with_the_reverse_derivative(name):
    function, input = TRANSFERS[name](), jnp.asarray(INPUTS[name])
    step = 1e-4
    differences = (
        8 * (function(input + step) - function(input - step))
        - (function(input + 2 * step) - function(input - 2 * step))
    ) / (12 * step)
    slopes = function.slope(input)
    rounding = 1e-11 * function(input)
    np.testing.assert_array_less(abs(slopes - differences), 1e-8 * abs(slopes) + rounding)
    reverse = jax.vmap(jax.grad(lambda input: function(input)))(input)
    np.testing.assert_allclose(reverse, slopes, rtol=1e-10)


@every_transfer
def test_second_derivatives_agree_with_differences_of_slopes(name):
    function, input = TRANSFERS[name](), jnp.asarray(INPUTS[name])
    step = 1e-4
    differences = (function.slope(input + step) - function.slope(input - step)) / (2 * step)
    second = jax.vmap(jax.grad(jax.grad(lambda input: function(input))))(input)
    scale = np.asarray(abs(second) + function.slope(input))
    np.testing.assert_array_less(abs(second - differences), 1e-6 * scale)


@every_transfer
def test_gradients_to_parameters_agree_with_differences(name):
    input = jnp.asarray(INPUTS[name][1:4])
    weights = jnp.array([1.0, -2.0, 0.5])

    @jax.jit
    def loss(function: TransferFunction) -> jax.Array:
        return jnp.sum(weights * function(input) + weights[::-1] * function.slope(input))

    function = TRANSFERS[name]()
    gradient = jax.grad(loss)(function)
    for path in parameters.paths(function):
        value = float(parameters.get(function, path))
        step = 1e-5 * (abs(value) or 1.0)
        # Placed without checks, since a step below zero may leave the support.
        up, down = (
            loss(eqx.tree_at(lambda each, path=path: getattr(each, path), function, moved))
            for moved in (jnp.asarray(value + step), jnp.asarray(value - step))
        )
        found = float(getattr(gradient, path))
        # What a far threshold changes, and so its difference, is all rounding.
        assert found == pytest.approx(float(up - down) / (2 * step), rel=1e-6, abs=1e-7), path


# --- arrays


@every_transfer
def test_shapes_and_precision_are_kept(name):
    function = jax.tree.map(lambda leaf: leaf.astype("float32"), TRANSFERS[name]())
    input = jnp.asarray(INPUTS[name][:4], "float32")
    square = input.reshape(2, 2)
    for method in (function, function.slope):
        found = method(square)
        assert found.dtype == "float32"
        np.testing.assert_allclose(found, method(input).reshape(2, 2), rtol=1e-6)
    assert function(input[0]).shape == () and TRANSFERS[name]()(1.0).dtype == "float64"


@every_transfer
def test_single_precision_agrees_with_double(name):
    # Between numbers that single precision has, so that only the arithmetic differs.
    single = jax.tree.map(lambda leaf: leaf.astype("float32"), TRANSFERS[name]())
    double = jax.tree.map(lambda leaf: leaf.astype("float64"), single)
    input = jnp.asarray(INPUTS[name], "float32")
    wide = input.astype("float64")
    np.testing.assert_allclose(single(input), double(wide), rtol=1e-5)
    np.testing.assert_allclose(single.slope(input), double.slope(wide), rtol=2e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["QIF-Gauss", "LIF", "EIF"])
def test_rates_below_all_numbers_are_zero_with_no_slope(name, dtype):
    function = jax.tree.map(lambda leaf: leaf.astype(dtype), TRANSFERS[name]())
    input = jnp.asarray([-60.0, -1000.0, 1e6], dtype)
    rates, slopes = function(input), function.slope(input)
    assert (rates[:2] == 0).all() and (slopes[:2] == 0).all()
    assert np.isfinite(rates[2]) and np.isfinite(slopes[2]) and rates[2] > 0


@every_transfer
def test_regional_parameters_and_lanes_equal_each_alone(name):
    kind, input = TRANSFERS[name], jnp.asarray(INPUTS[name][1:4])
    path = parameters.paths(kind())[1]
    values = parameters.get(kind(), path) * jnp.array([1.0, 1.1, 1.2])
    regional = kind(**{path: values})(input)
    lanes = jax.jit(jax.vmap(lambda value, input: kind(**{path: value})(input)))(values, input)
    alone = [float(kind(**{path: value})(each)) for value, each in zip(values, input, strict=True)]
    np.testing.assert_allclose(regional, alone, rtol=1e-12)
    np.testing.assert_allclose(lanes, alone, rtol=1e-12)


@every_transfer
def test_programs_lower_for_accelerators(name):
    function = jax.tree.map(lambda leaf: leaf.astype("float32"), TRANSFERS[name]())
    slopes = jax.jit(jax.vmap(jax.grad(lambda input: function(input))))
    shape = jax.ShapeDtypeStruct((4,), jnp.float32)
    assert jax.export.export(slopes, platforms=["cuda", "tpu"])(shape).platforms == ("cuda", "tpu")


# --- what they say, and refuse


@every_transfer
def test_every_parameter_says_what_it_is(name):
    function = TRANSFERS[name]()
    for path in parameters.paths(function):
        info = parameters.info(function, path)
        assert info is not None and info.symbol and info.description and info.source, path


def test_a_reset_that_is_no_reset_is_an_error_that_names_it():
    with pytest.raises(ValueError, match=r"LIF\.reset.*below `threshold`"):
        LIF(reset=1.0)
    with pytest.raises(ValueError, match=r"EIF\.reset.*below `soft_threshold`"):
        EIF(reset=1.5)
    with pytest.raises(ValueError, match=r"EIF\.reset.*below `threshold`"):
        EIF(threshold=-1.0)
    with pytest.raises(ValueError, match=r"QIFGauss\.noise.*above zero"):
        QIFGauss(noise=0.0)
    with pytest.raises(ValueError, match=r"LIF\.membrane_time.*10 s|LIF\.membrane_time.*another"):
        LIF(membrane_time=1000.0)
