"""Each region's own delayed return: theory, march, fits and bifurcations see the same loop."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.network import as_network

WEIGHTS = np.array([[0.0, 0.6, 0.2], [0.3, 0.0, 0.9], [0.8, 0.1, 0.0]])
LENGTHS = np.array([[0.0, 20.0, 45.0], [20.0, 0.0, 70.0], [45.0, 70.0, 0.0]])


def damped(coupling="additive", gain=0.7, lengths=LENGTHS, rung=None, **loop):
    rung = rj.HarmonicOscillator(alpha=-20.0, omega=50.0) if rung is None else rung
    wires = rj.Connectome(WEIGHTS, lengths)
    return rj.Network(rung, wires, coupling, gain=gain, speed=5.0, noise=rj.WhiteNoise(0.3), **loop)


@pytest.mark.parametrize("coupling", ["additive", "diffusive"])
@pytest.mark.parametrize("lengths", [LENGTHS, None])
def test_the_spectrum_is_that_of_the_written_out_equation(coupling, lengths):
    """x' = a x - w y + G (sum C x(t - tau) - s x) + g x(t - d), the same for y, in NumPy."""
    own, delay = np.array([3.0, -5.0, 8.0]), np.array([0.09, 0.08, 0.1])
    brain = damped(coupling, lengths=lengths, self_gain=own, self_delay=delay)
    frequencies = np.array([3.0, 8.0, 11.0, 30.0])
    found = rj.linear.cross_spectrum(brain, frequencies)
    assert int(found.status) == 0
    for row, hertz in zip(np.asarray(found.density), frequencies, strict=True):
        s = 2j * np.pi * hertz
        tau = 0 if lengths is None else LENGTHS / 5000
        between = 0.7 * WEIGHTS * np.exp(-s * tau) + np.diag(own * np.exp(-s * delay))
        if coupling == "diffusive":
            between = between - 0.7 * np.diag(WEIGHTS.sum(axis=1))
        eye = np.eye(3)
        whole = np.block(
            [[(s + 20) * eye - between, 50 * eye], [-50 * eye, (s + 20) * eye - between]]
        )
        inverse = np.linalg.inv(whole)[:3]
        ports = inverse[:, : 3 * len(brain.noise_ports)]
        np.testing.assert_allclose(row, 2 * 0.09 * ports @ ports.conj().T, rtol=1e-9, atol=1e-15)
    # Within it the loops of nodes stay apart from links.
    given = rj.Theory().predict(brain, jax.random.key(0))
    power = np.real(np.diagonal(found.density, axis1=1, axis2=2))
    np.testing.assert_allclose(given.spectrum(jnp.asarray(frequencies)), power, rtol=1e-9)


def test_a_lone_loop_grows_where_its_closed_form_says():
    """x' = -a x + g x(t - d) turns at w = sqrt(g^2 - a^2) where tan(w d) = -w / a, and so does y."""
    a, d = 20.0, 0.08
    omega = 1 / d * 2.0
    for _ in range(60):
        omega = (np.pi - np.arctan(omega / a)) / d
    onset = -np.sqrt(a**2 + omega**2)

    def stable(gain):
        rung = rj.HarmonicOscillator(alpha=-a, omega=1e-9)
        brain = rj.Network(
            rung,
            rj.Connectome(np.zeros((1, 1))),
            noise=rj.WhiteNoise(1.0),
            self_gain=gain,
            self_delay=d,
        )
        return int(rj.linear.stability(brain).unstable_modes)

    assert stable(0.999 * onset) == 0 and stable(1.001 * onset) == 4


def test_the_march_reads_the_loop():
    """With links and loop read together the march keeps its order."""
    brain = rj.Network(
        rj.StuartLandau(alpha=2.0, omega=20.0),
        rj.Connectome(WEIGHTS, LENGTHS),
        gain=0.5,
        speed=5.0,
        self_gain=np.array([4.0, 0.0, -6.0]),
        self_delay=0.0373,
    )
    runs = [
        rj.simulate(brain, 0.4, dt, save_every=4e-3, past=Past()).signal[-1]
        for dt in (2e-3, 1e-3, 1.25e-4)
    ]
    coarse, halved = (np.abs(run - runs[2]).max() for run in runs[:2])
    assert coarse < 5e-3 and 3.4 < coarse / halved < 5.5


class Past(eqx.Module):
    """A smooth past."""

    def __call__(self, t):
        turned = 20.0 * t + jnp.arange(3.0)
        return rj.StuartLandau.State(jnp.cos(turned), jnp.sin(turned))


def test_simulated_and_exact_spectra_agree():
    brain = damped(self_gain=15.0, self_delay=0.095)
    frequencies = np.arange(2.0, 40.0, 2.0)
    exact = rj.linear.power_spectrum(brain, frequencies)
    run = rj.simulate(brain, 400.0, 1e-3, key=jax.random.key(1))
    seen = rj.observe.power_spectrum(run.signal, 1e-3, segment=2.0, frequencies=frequencies)
    ratio = np.asarray(seen.density / exact.density)
    assert abs(ratio.mean() - 1) < 0.02 and ratio.std() < 0.1


def test_a_loop_of_no_gain_changes_nothing():
    plain = rj.linear.power_spectrum(damped(), [5.0, 10.0]).density
    loop = rj.linear.power_spectrum(damped(self_gain=0.0, self_delay=0.09), [5.0, 10.0]).density
    np.testing.assert_allclose(loop, plain, rtol=1e-12)


def test_members_of_an_ensemble_have_their_own_loops_and_gains():
    brain = damped(self_gain=5.0, self_delay=0.05)
    members = {"gain": jnp.array([0.2, 0.9]), "self_gain": jnp.array([3.0, -6.0])}
    keys = jax.random.split(jax.random.key(3), 2)
    together = rj.ensemble(brain, members, 0.5, 1e-3, key=keys, show_progress=False)
    for number in range(2):
        one = rj.replace(brain, {path: value[number] for path, value in members.items()})
        alone = rj.simulate(one, 0.5, 1e-3, key=keys[number])
        np.testing.assert_allclose(together.signal[number], alone.signal, rtol=1e-9, atol=1e-12)


def test_loops_are_free_parameters_with_exact_gradients():
    brain = damped(self_gain=12.0, self_delay=0.09)

    def power(values):
        moved = rj.replace(
            brain, {"self_gain": values[0], "self_delay": values[1], "gain": values[2]}
        )
        return jnp.sum(jnp.log(rj.linear.power_spectrum(moved, [4.0, 9.0, 21.0]).density))

    at = jnp.array([12.0, 0.09, 0.7])
    found = jax.grad(power)(at)
    for number, step in enumerate((1e-4, 1e-6, 1e-5)):
        change = jnp.zeros(3).at[number].set(step)
        expected = (power(at + change) - power(at - change)) / (2 * step)
        assert float(found[number]) == pytest.approx(float(expected), rel=1e-6)


def test_onset_of_the_loop_is_found_along_its_gain():
    rung = rj.StuartLandau(alpha=-20.0, omega=60.0)
    brain = rj.Network(
        rung, rj.Connectome(np.zeros((1, 1))), "additive", self_gain=1.0, self_delay=0.1
    )
    branch = rj.bifurcation.continuation(brain, "self_gain", (0.5, 60.0))
    first = min(branch.hopfs, key=lambda hopf: hopf.value)
    assert (
        int(
            rj.linear.stability(rj.replace(brain, {"self_gain": first.value - 0.05})).unstable_modes
        )
        == 0
    )
    assert (
        int(
            rj.linear.stability(rj.replace(brain, {"self_gain": first.value + 0.05})).unstable_modes
        )
        == 2
    )


def test_half_a_loop_milliseconds_and_translations_are_named():
    with pytest.raises(ValueError, match="`self_delay` is needed"):
        damped(self_gain=1.0)
    with pytest.raises(ValueError, match=r"self_delay.*95"):
        damped(self_gain=1.0, self_delay=95.0)
    with pytest.raises(ValueError, match=r"self_gain.*\(3,\)|\(2,\)"):
        damped(self_gain=np.ones(2), self_delay=0.1)
    with pytest.raises(ValueError, match="not carried"):
        rj.translate(damped(self_gain=1.0, self_delay=0.1), rj.PhaseOscillator)
    with pytest.raises(ValueError, match=r"vessels \(`bold`\), which are not carried"):
        rj.translate(damped(bold=rj.BalloonWindkessel()), rj.StuartLandau)
    assert as_network(damped(self_gain=1.0, self_delay=0.1)).self_gain is None


SPARSE = np.zeros((12, 12))
# A wheel: the first node has many links and the others two or three, so that lists of links are filled up.
SPARSE[0, 1:9] = SPARSE[1:9, 0] = 0.5
for _node in range(1, 12):
    SPARSE[_node, _node % 11 + 1] = 0.8


@pytest.mark.parametrize(
    "transport, shortest",
    [(None, 5.0), ("ring", 5.0), ("split", 5.0), ("ring and slices", 5.0), ("slices", 60.0)],
)
def test_a_sparse_network_at_rest_stays_there_with_loops(transport, shortest):
    # A list that is filled up with the node itself would read its loop again and again.
    lengths = np.where(
        SPARSE > 0, np.random.default_rng(1).uniform(shortest, 150.0, SPARSE.shape), 0
    )
    brain = rj.Network(
        rj.NMM1(bias_x=10.0),
        rj.Connectome(SPARSE, lengths),
        gain=1.0,
        speed=5.0,
        self_gain=5.0,
        self_delay=0.05,
        noise=rj.WhiteNoise(0.0),
    )
    rest = rj.linear.fixed_point(brain)
    assert int(rest.status) == 0
    run = rj.simulate(
        brain, 0.1, 1e-3, key=jax.random.key(0), past=lambda t: rest.state, transport=transport
    )
    start = np.asarray(run.signal[0])
    np.testing.assert_allclose(run.signal, np.broadcast_to(start, run.signal.shape), atol=1e-6)
