"""Ready measures: each reading is what the function it is made of gives, by theory and of a march."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax import linear, observe
from rosetta_jax import measures as M
from rosetta_jax.results import Status

F = np.linspace(2.0, 40.0, 39)
KEY = jax.random.key(0)


def network(delays=True, **more):
    weights = np.array([[0.0, 1.0, 0.2], [0.5, 0.0, 0.8], [0.3, 0.4, 0.0]])
    lengths = np.where(weights > 0, 40.0, 0.0) if delays else None
    return rj.Network(
        rj.StuartLandau(alpha=-5.0, omega=62.8),
        rj.Connectome(weights, lengths, labels=("a", "b", "c")),
        gain=3.0,
        speed=8.0,
        noise=rj.WhiteNoise(0.1),
        **more,
    )


def bold_network():
    return rj.replace(
        rj.Network(
            rj.HarmonicOscillator(alpha=-5.0, omega=0.6),
            network().connectome,
            gain=1.0,
            noise=rj.WhiteNoise(0.1),
            bold=rj.BalloonWindkessel(),
        ),
        {},
    )


def exactly(reading, brain=None, of="signal"):
    return M.exact(reading, of=of)(network() if brain is None else brain, KEY)


def test_spectra_are_those_of_theory():
    density = linear.power_spectrum(network(), F).density
    found = exactly(M.Spectrum(F))
    np.testing.assert_allclose(found["density"], density, rtol=1e-10)
    np.testing.assert_allclose(
        exactly(M.Spectrum(F, mean=True))["density"], density.mean(1), rtol=1e-10
    )
    assert int(found["status"]) == Status.ok


def test_the_peak_is_that_of_the_mean_spectrum():
    grid = np.linspace(5.0, 20.0, 31)
    mean = linear.power_spectrum(network(), grid).density.mean(axis=1)
    found = exactly(M.Peak((5.0, 20.0)))
    peak = observe.spectral_peak(grid, mean[:, None], (5.0, 20.0))
    assert float(found["peak_frequency"]) == pytest.approx(float(peak.frequency[0]), rel=1e-10)
    assert float(found["peak_power"]) == pytest.approx(10 ** float(peak.height[0]), rel=1e-10)
    assert 9.0 < float(found["peak_frequency"]) < 11.0


def test_a_spectrum_without_a_peak_is_no_failure():
    found = rj.sweep(M.exact(M.Peak((20.0, 40.0))), network(), {"gain": [1.0]}, show_progress=False)
    assert np.isnan(found["peak_frequency"]).all() and (found["status"] == Status.ok).all()


def test_band_power_is_the_integral_of_the_spectrum():
    fine = np.linspace(8.0, 13.0, 2001)
    density = linear.power_spectrum(network(), fine).density
    found = exactly(M.BandPower((8.0, 13.0)))["band_power"]
    np.testing.assert_allclose(found, np.trapezoid(density, fine, axis=0), rtol=5e-3)


def test_fits_say_how_far_spectra_are_from_measured_ones():
    own = np.asarray(linear.power_spectrum(network(), F).density)
    same = exactly(M.SpectrumFit(F, 3.0 * own))
    assert float(same["spectrum_correlation"]) == pytest.approx(1.0)
    assert float(same["spectrum_distance"]) == pytest.approx(0.0, abs=1e-9)
    other = own * np.exp(0.3 * np.random.default_rng(0).standard_normal(own.shape))
    found = exactly(M.SpectrumFit(F, other))
    a, b = 10 * np.log10(own), 10 * np.log10(other)
    r = np.mean([np.corrcoef(a[:, n], b[:, n])[0, 1] for n in range(3)])
    assert float(found["spectrum_correlation"]) == pytest.approx(r, rel=1e-10)
    assert float(found["spectrum_distance"]) == pytest.approx(np.std(a - b), rel=1e-10)


@pytest.mark.parametrize("band", [None, (8.0, 12.0)])
def test_connectivity_and_its_fit_are_those_of_theory(band):
    matrix = np.asarray(linear.functional_connectivity(network(), band=band).matrix)
    pairs = observe.upper_triangle(matrix)
    np.testing.assert_allclose(exactly(M.Connectivity(band))["connectivity"], pairs, rtol=1e-9)
    measured = np.array([[1.0, 0.5, 0.1], [0.5, 1.0, 0.3], [0.1, 0.3, 1.0]])
    found = exactly(M.ConnectivityFit(measured, band))
    wanted = np.corrcoef(pairs, [0.5, 0.1, 0.3])[0, 1]
    assert float(found["connectivity_correlation"]) == pytest.approx(wanted, rel=1e-9)
    distance = np.sqrt(np.mean((np.asarray(pairs) - [0.5, 0.1, 0.3]) ** 2))
    assert float(found["connectivity_distance"]) == pytest.approx(distance, rel=1e-9)


def test_bold_is_that_of_theory():
    brain = bold_network()
    low = np.linspace(0.01, 0.2, 9)
    found = exactly(M.Spectrum(low), brain, of="bold")["density"]
    np.testing.assert_allclose(found, linear.bold_spectrum(brain, low).density, rtol=1e-9)
    pairs = exactly(M.Connectivity(), brain, of="bold")["connectivity"]
    matrix = linear.bold_functional_connectivity(brain).matrix
    np.testing.assert_allclose(pairs, observe.upper_triangle(matrix), rtol=1e-9)


def test_stability_is_told_of_unstable_members_too():
    measure = M.exact(M.Stability(), M.Spectrum(F))
    found = rj.sweep(measure, network(), {"rung.alpha": [-5.0, 8.0]}, show_progress=False)
    assert found["status"].values.tolist() == [Status.ok, Status.unstable]
    assert found["unstable_modes"].values.tolist() == [0, 6]
    assert np.isfinite(found["loop_gain"]).all() and np.isnan(found["density"][1]).all()
    stable = linear.stability(network())
    assert float(found["loop_gain"][0]) == pytest.approx(float(stable.loop_gain), rel=1e-9)


def test_the_margin_is_the_rightmost_root():
    root = complex(linear.rightmost(network()))
    found = exactly(M.Margin())
    assert float(found["decay"]) == pytest.approx(-root.real, rel=1e-8)
    assert float(found["slowest_frequency"]) == pytest.approx(abs(root.imag) / 2 / np.pi, rel=1e-8)


def test_a_march_is_read_like_any_series():
    options = dict(duration=6.0, dt=1e-3, transient=1.0, save_every=5e-3)
    measured = np.array([[1.0, 0.5, 0.1], [0.5, 1.0, 0.3], [0.1, 0.3, 1.0]])
    share = np.linspace(0.0, 1.0, 11)[1:]
    readings = (
        M.Spectrum(F),
        M.Synchrony((8.0, 12.0)),
        M.ConnectivityFit(measured),
        M.Dynamics(window=2.0, step=0.5, bins=10),
        M.DynamicsFit(share, window=2.0, step=0.5),
        M.BandPower((8.0, 12.0)),
    )
    axes = {"gain": [0.0, 3.0]}
    found = rj.sweep(M.simulated(*readings, **options), network(), axes, show_progress=False)
    brain, key = rj.sweeps.member(network(), axes, {"gain": 1})
    run = rj.simulate(brain, 6.0, 1e-3, key=key, transient=1.0, save_every=5e-3)
    one = found.isel(gain=1)
    density = observe.power_spectrum(run.signal, 5e-3, segment=2.0, frequencies=F).density
    np.testing.assert_allclose(one["density"], density, rtol=1e-6)
    phases = observe.phase(run.signal, 5e-3, (8.0, 12.0))
    assert float(one["synchrony"]) == pytest.approx(
        float(observe.order_parameter(phases).mean()), rel=1e-6
    )
    assert float(one["metastability"]) == pytest.approx(
        float(observe.metastability(phases)), rel=1e-6
    )
    pairs = observe.upper_triangle(observe.functional_connectivity(run.signal))
    r = np.corrcoef(pairs, [0.5, 0.1, 0.3])[0, 1]
    assert float(one["connectivity_correlation"]) == pytest.approx(r, rel=1e-6)
    alike = observe.functional_connectivity_dynamics(run.signal, 5e-3, window=2.0, step=0.5)
    alike = observe.upper_triangle(alike)
    cumulative = observe.cumulative_share(alike, bins=10)
    np.testing.assert_allclose(one["dynamics_share"], cumulative, atol=1e-9)
    assert float(one["dynamics_distance"]) == pytest.approx(
        np.abs(cumulative - share).max(), abs=1e-9
    )
    assert (found["status"] == Status.ok).all()


def test_simulated_spectra_are_those_of_theory_within_their_scatter():
    f = np.array([6.0, 8.0, 10.0, 12.0])
    axes = {"gain": [1.0, 3.0], "seed": rj.sweeps.seeds(8)}
    march = M.simulated(M.Spectrum(f, mean=True), duration=40.0, dt=1e-3, segment=4.0)
    found = rj.sweep(march, network(), axes, show_progress=False)["density"].mean("seed")
    exact = rj.sweep(
        M.exact(M.Spectrum(f, mean=True)), network(), {"gain": [1.0, 3.0]}, show_progress=False
    )
    # 8 runs of 10 segments, three regions: about a tenth, and Welch's window.
    np.testing.assert_allclose(found, exact["density"], rtol=0.2)


def test_bold_of_a_march():
    measure = M.simulated(M.Connectivity(), duration=20.0, dt=0.02, of="bold", save_every=1.0)
    found = rj.sweep(measure, bold_network(), {"gain": [0.5]}, show_progress=False)
    brain, key = rj.sweeps.member(bold_network(), {"gain": [0.5]}, {"gain": 0})
    run = rj.simulate(brain, 20.0, 0.02, key=key, transient=2.0, save=("bold",), save_every=1.0)
    pairs = observe.upper_triangle(observe.functional_connectivity(run.bold))
    np.testing.assert_allclose(found["connectivity"][0], pairs, rtol=1e-6)


@pytest.mark.parametrize("speeds", [[2.0, 8.0], [8.0, 80.0]])
def test_swept_delays_are_given_room(speeds):
    measure = M.simulated(M.Spectrum([8.0, 10.0]), duration=2.0, dt=5e-4)
    found = rj.sweep(measure, network(), {"speed": speeds}, show_progress=False)
    assert (found["status"] == Status.ok).all()
    for place in range(2):
        brain, key = rj.sweeps.member(network(), {"speed": speeds}, {"speed": place})
        run = rj.simulate(brain, 2.0, 5e-4, key=key, transient=2.0)
        density = observe.power_spectrum(
            run.signal, 5e-4, segment=2.0, frequencies=np.array([8.0, 10.0])
        ).density
        np.testing.assert_allclose(found["density"][place], density, rtol=1e-6)


def test_a_bare_rung_can_be_swept():
    rung = rj.StuartLandau(alpha=-5.0, omega=62.8)

    def peak(system, key):
        return linear.fixed_point(system).error

    found = rj.sweep(peak, rung, {"alpha": [-5.0, -2.0]}, show_progress=False)
    assert found["peak"].shape == (2,)
    march = M.simulated(M.Spectrum([8.0, 10.0]), duration=2.0)
    assert rj.sweep(march, rung, {"omega": [60.0, 62.0]}, show_progress=False)["density"].shape == (
        2,
        2,
        1,
    )


def test_coordinates_are_told():
    found = rj.sweep(
        M.exact(M.Spectrum(F), M.BandPower()), network(), {"gain": [1.0]}, show_progress=False
    )
    assert found["region"].values.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(found["frequency"], F)
    assert found["frequency"].attrs["units"] == "Hz"
    assert found["band_power"].attrs["long_name"] == "power from 8 to 13 Hz"


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: M.exact(), ValueError, "`readings` is empty"),
        (lambda: M.exact(3), TypeError, "readings such as rj.measures.Peak"),
        (lambda: M.exact(M.Peak(), M.Peak()), ValueError, "give peak_frequency, peak_power twice"),
        (lambda: M.exact(M.Peak(), of="eeg"), ValueError, "`of` is 'eeg'"),
        (
            lambda: M.simulated(M.Peak(), duration=-1.0),
            ValueError,
            "`duration` must be one positive",
        ),
        (lambda: M.Spectrum([3.0, 2.0]), ValueError, "must be increasing hertz"),
        (lambda: M.Spectrum([0.0, 2.0]), ValueError, "`frequencies` must be positive"),
        (lambda: M.Peak((9.0, 8.0)), ValueError, "two hertz in order"),
        (lambda: M.SpectrumFit(F, np.ones((3, 39))), ValueError, "frequencies first"),
        (lambda: M.SpectrumFit(F, np.zeros((39, 3))), ValueError, "`measured` must be positive"),
        (lambda: M.ConnectivityFit(np.ones((3, 2))), ValueError, "must be square"),
        (lambda: M.DynamicsFit([0.5, 0.2]), ValueError, "must rise from 0 or more to 1"),
        (lambda: M.Dynamics(window=0.0), ValueError, "`window` must be one positive"),
    ],
)
def test_readings_that_cannot_be_are_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize(
    "measure, words",
    [
        (M.exact(M.Synchrony()), "theory has no series"),
        (M.simulated(M.Stability(), duration=1.0), "a march has no fixed point"),
        (M.simulated(M.Margin(), duration=1.0), "a march has no characteristic roots"),
        (M.exact(M.SpectrumFit(F, np.ones((39, 5)))), "of 5 regions and the network has 3"),
        (M.exact(M.Peak(), of="bold"), "`bold` is None"),
        (M.simulated(M.Dynamics(window=60.0), duration=1.0), "longer than the series|window"),
    ],
)
def test_readings_that_do_not_fit_are_refused_before_any_work(measure, words):
    with pytest.raises(ValueError, match=words):
        rj.sweep(measure, network(), {"gain": jnp.linspace(0.0, 1.0, 3)}, show_progress=False)
