"""What instruments see lowers for accelerators in float32 and full precision, with its gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from lowering import lowered

from rosetta_jax import observe

DT, NODES, TIME = 0.01, 4, 120
F = np.arange(2.0, 22.0)
DISTANCES = np.float32(10 * (1 - np.eye(NODES)))
MATRIX = np.float32(np.random.default_rng(0).standard_normal((3, NODES)))


def _series(number):
    ramp = jnp.arange(TIME * NODES, dtype=number.dtype).reshape(TIME, NODES)
    return jnp.sin(ramp**2 * number[0]) + number[1]


def _density(number):
    return jnp.asarray(1 / F[:, None] * np.ones((1, NODES)), number.dtype) * number[0] + 1.0


def _distribution(x):
    dynamics = observe.functional_connectivity_dynamics(x, DT, window=0.3, step=0.05)
    share = observe.cumulative_share(observe.upper_triangle(dynamics), bins=50, smooth=True)
    return observe.wasserstein(share, np.linspace(0, 1, 50, dtype=np.float32))


def _sensors(x):
    field = observe.LeadField(MATRIX).average_referenced()
    crossed = observe.multitaper_cross_spectrum(x, DT, bandwidth=5.0)
    return field.power(crossed.density), field.spectrum(crossed.density, noise=np.ones(3)).real


OF_SERIES = {
    "multitaper": lambda x: observe.multitaper_spectrum(x, DT, bandwidth=5.0).density,
    "phase lag": lambda x: observe.weighted_phase_lag_index(x, DT, segment=0.3).index[1:-1],
    "coherency": lambda x: observe.coherency(x, DT, segment=0.3).imaginary,
    "orthogonalised": observe.orthogonalised,
    "dynamics": _distribution,
    "turbulence": lambda x: observe.turbulence(x, DISTANCES),
    "consistency": observe.pairwise_phase_consistency,
    "sensors": _sensors,
}
OF_DENSITIES = {
    "share": lambda p: observe.relative_band_power(F, p, (8.0, 12.0)),
    "edge": lambda p: observe.spectral_edge(F, p),
    "gravity": lambda p: observe.centre_of_gravity(F, p, (8.0, 12.0)),
    "peak": lambda p: jax.tree.leaves(observe.spectral_peak(F, p, aperiodic=p)),
    "knee": lambda p: jax.tree.leaves(observe.aperiodic_fit(F, p, robust=True, knee=True)),
}


def _sum(tree):
    return sum(jnp.sum(each) for each in jax.tree.leaves(tree))


@pytest.mark.parametrize("name", [*OF_SERIES, *OF_DENSITIES])
def test_lowers_with_its_gradient(name):
    measure, make = (
        (OF_SERIES[name], _series) if name in OF_SERIES else (OF_DENSITIES[name], _density)
    )

    def both(number):
        return jax.value_and_grad(lambda each: _sum(measure(make(each))))(number)

    lowered(both)


@pytest.mark.parametrize("head", [observe.spherical_lead_field, observe.layered_lead_field])
def test_a_head_lowers(head):
    def potential(number):
        sources = 50 * number[0] * jnp.eye(3, dtype=number.dtype)
        return head(jnp.eye(3, dtype=number.dtype), sources).matrix

    lowered(lambda number: jax.value_and_grad(lambda each: jnp.sum(potential(each)))(number))
