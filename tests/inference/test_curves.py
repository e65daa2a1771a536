"""Curves without a brain, against their formulas."""

import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.inference import PowerLaw, PowerLawAndGaussian, TwoLorentzians
from rosetta_jax.parameters import FreeParameters

F = np.linspace(2.0, 45.0, 12)
CURVES = [PowerLaw, PowerLawAndGaussian, TwoLorentzians]


def test_a_power_law():
    np.testing.assert_allclose(PowerLaw(1.5).density(jnp.asarray(F)), F**-1.5, rtol=1e-13)


def test_a_power_law_and_a_gaussian_add_in_decibel():
    curve = PowerLawAndGaussian(exponent=0.8, height=6.0, peak=9.0, width=1.5)
    found = 10 * np.log10(curve.density(jnp.asarray(F)))
    expected = -8 * np.log10(F) + 6 * np.exp(-((F - 9) ** 2) / (2 * 1.5**2))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_two_lorentzians_add_to_a_power_law():
    curve = TwoLorentzians(1.2, 0.3, 9.0, 1.5, 0.1, 21.0, 4.0)
    first, second = 0.3 / (1 + ((F - 9) / 1.5) ** 2), 0.1 / (1 + ((F - 21) / 4) ** 2)
    np.testing.assert_allclose(curve.density(jnp.asarray(F)), F**-1.2 + first + second, rtol=1e-12)


@pytest.mark.parametrize("curve", CURVES)
def test_every_number_of_a_curve_is_free_and_starts_inside_its_prior(curve):
    free = FreeParameters(curve(), curve.free())
    assert free.size == len(rj.paths(curve())) and np.isfinite(free.vector()).all()


@pytest.mark.parametrize(
    "curve, numbers", [(PowerLaw, 1), (PowerLawAndGaussian, 4), (TwoLorentzians, 7)]
)
def test_a_curve_has_as_many_numbers_as_stated(curve, numbers):
    assert len(curve.free()) == numbers


def test_a_width_of_zero_is_refused():
    with pytest.raises(ValueError, match="width"):
        PowerLawAndGaussian(width=0.0)


def test_a_curve_may_vary_by_region():
    exponents = np.array([0.5, 1.0, 2.0])
    found = PowerLaw(exponents, nodes=3).spectrum(jnp.asarray(F))
    np.testing.assert_allclose(found, F[:, None] ** -exponents[None, :], rtol=1e-13)
    assert PowerLaw(1.0).spectrum(jnp.asarray(F)).shape == (len(F), 1)


def test_a_curve_of_another_number_of_regions_is_refused():
    with pytest.raises(ValueError, match=r"`exponent` has shape \(3,\), but the curve has nodes=2"):
        PowerLaw(np.ones(3), nodes=2)
