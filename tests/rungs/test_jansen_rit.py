"""Jansen-Rit against its scalar equilibrium equation and known cycles (equations.md 5.3)."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rosetta_jax.network import Connectome, Network
from rosetta_jax.rungs import JansenRit
from rosetta_jax.simulation import simulate
from rosetta_jax.system import stack_state, unstack_state

POINTS = [
    (0.0, -1.9039),
    (0.0, 4.5687),
    (0.0, 6.0649),
    (100.0, 1.5603),
    (100.0, 3.3273),
    (100.0, 6.8045),
    (120.0, 6.9292),
    (220.0, 7.5202),
]


def rate(v):
    """The sigmoid in plain NumPy."""
    return 5.0 / (1 + np.exp(0.56 * (6.0 - v)))


def input_at(y):
    """The constant input p at which the signal rests at y."""
    y0 = 0.0325 * rate(y)
    return (y + 0.44 * 33.75 * rate(33.75 * y0)) / 0.0325 - 108 * rate(135 * y0)


def resting(y: float) -> JansenRit.State:
    """The equilibrium whose signal is y."""
    y0 = 0.0325 * rate(y)
    y2 = 0.44 * 33.75 * rate(33.75 * y0)
    values = [y0, y + y2, y2, 0.0, 0.0, 0.0]
    return JansenRit.State(*(jnp.array([value]) for value in values))


def refined(p: float, y: float) -> float:
    """The tabled y to rounding, by Newton on the scalar equation."""
    for _ in range(8):
        slope = (input_at(y + 1e-6) - input_at(y - 1e-6)) / 2e-6
        y -= (input_at(y) - p) / slope
    return y


@pytest.mark.parametrize("p, y", POINTS)
def test_the_equilibria_have_the_tabled_signal(p, y):
    # The table is cut, not rounded, after four digits.
    assert refined(p, y) == pytest.approx(y, abs=1e-4)


@pytest.mark.parametrize("p, y", POINTS)
def test_the_equilibria_of_the_scalar_equation_are_equilibria_of_the_rung(p, y):
    point = resting(refined(p, y))
    drift = JansenRit(bias=p).vector_field(jnp.zeros(()), point, JansenRit.Inputs())
    # Accelerations stand against a^2 y1, about 1e5 mV/s^2.
    np.testing.assert_allclose(stack_state(drift), 0.0, atol=1e-7)


@pytest.mark.parametrize("p, y", POINTS)
def test_the_signal_is_the_potential_of_the_pyramidal_cells(p, y):
    assert float(JansenRit().signal(resting(y), JansenRit.Inputs())[0]) == pytest.approx(y)


def eigenvalues(p: float, y: float) -> np.ndarray:
    rung = JansenRit(bias=p)

    def velocity(flat):
        here = unstack_state(rung, flat[:, None])
        return stack_state(rung.vector_field(jnp.zeros(()), here, rung.Inputs()))[:, 0]

    point = stack_state(resting(refined(p, y)))[:, 0]
    return np.linalg.eigvals(np.asarray(jax.jacfwd(velocity)(point)))


def test_the_focus_at_350_has_the_known_leading_eigenvalues():
    found = eigenvalues(350.0, 8.0)
    leading = found[np.argmax(found.real)]
    assert leading.real == pytest.approx(-0.593245, abs=1e-6)
    assert abs(leading.imag) == pytest.approx(69.654896, abs=1e-6)


@pytest.mark.parametrize(
    "p, y, frequency",
    [(89.829108, 6.7, 10.3771), (315.696428, 7.9, 11.1636), (-12.147492, 5.8, 7.2395)],
)
def test_the_hopf_points_have_the_known_input_and_frequency(p, y, frequency):
    found = eigenvalues(p, y)
    crossing = found[np.argmin(np.abs(found.real))]
    assert crossing.real == pytest.approx(0.0, abs=1e-5)
    assert abs(crossing.imag) / (2 * np.pi) == pytest.approx(frequency, abs=1e-4)


# What one starts near, the input, and the frequency (Hz); nearer to the Hopf points cycles settle too slowly.
CYCLES = (
    ("alpha", 120.0, 10.4683),
    ("alpha", 130.0, 10.5175),
    ("alpha", 150.0, 10.6231),
    ("alpha", 200.0, 10.8625),
    ("alpha", 220.0, 10.9380),
    ("alpha", 270.0, 11.0782),
    ("spike", 120.0, 2.3846),
    ("spike", 130.0, 3.1704),
    ("spike", 134.0, 3.5537),
    ("spike", 136.0, 3.9186),
)


@pytest.fixture(scope="module")
def cycles() -> dict[str, np.ndarray]:
    """Signals of the settled cycles, one node a case, in steps of 0.5 ms."""
    kick = jnp.array([0, 0, 0, 0, 40.0, 0])
    begin = [
        jnp.zeros(6)
        if kind == "spike"
        else stack_state(resting(refined(p, 6.3 + 0.0055 * p)))[:, 0] + kick
        for kind, p, _ in CYCLES
    ]
    start = unstack_state(JansenRit(), jnp.stack(begin, axis=1))
    solution = simulate(
        JansenRit(bias=jnp.array([p for _, p, _ in CYCLES])),
        duration=2.0,
        dt=5e-4,
        transient=14.0,
        past=lambda _: start,
        solver=diffrax.Tsit5(),
    )
    names = [f"{kind} {p:g}" for kind, p, _ in CYCLES]
    return dict(zip(names, np.asarray(solution.signal).T, strict=True))


def frequency(signal: np.ndarray) -> float:
    """From upward crossings of the middle, interpolated."""
    centred = signal - (signal.max() + signal.min()) / 2
    at = np.flatnonzero((centred[:-1] < 0) & (centred[1:] >= 0))
    crossings = at + centred[at] / (centred[at] - centred[at + 1])
    return (len(crossings) - 1) / (5e-4 * (crossings[-1] - crossings[0]))


@pytest.mark.parametrize("kind, p, known", CYCLES)
def test_the_cycles_have_the_known_frequencies(cycles, kind, p, known):
    assert frequency(cycles[f"{kind} {p:g}"]) == pytest.approx(known, rel=2e-4)


def test_the_cycle_at_220_has_the_known_range(cycles):
    assert cycles["alpha 220"].min() == pytest.approx(6.0883, abs=2e-3)
    assert cycles["alpha 220"].max() == pytest.approx(9.0344, abs=2e-3)


def test_a_rate_acts_as_the_bias_does():
    state = resting(5.0)
    biased = JansenRit(bias=230.0).vector_field(jnp.zeros(()), state, JansenRit.Inputs())
    driven = JansenRit(bias=220.0).vector_field(jnp.zeros(()), state, JansenRit.Inputs(rate=10.0))
    np.testing.assert_allclose(stack_state(driven), stack_state(biased), rtol=1e-12)


def test_a_field_shifts_the_potential_inside_the_sigmoid_of_pyramidal_cells_only():
    state, rung = resting(5.0), JansenRit()
    with_field = stack_state(rung.vector_field(jnp.zeros(()), state, rung.Inputs(field=0.7)))
    without = stack_state(rung.vector_field(jnp.zeros(()), state, rung.Inputs()))
    expected = np.zeros((6, 1))
    expected[3] = 3.25 * 100.0 * (rate(5.7) - rate(5.0))
    np.testing.assert_allclose(with_field - without, expected, atol=1e-9)


def test_a_node_sends_the_rate_of_its_pyramidal_cells_field_included():
    sent = JansenRit().send(resting(5.0), JansenRit.Inputs(field=0.7))
    np.testing.assert_allclose(sent, [[rate(5.7)]], rtol=1e-12)


# --- a ring of columns on one common cycle: how it loses its synchrony (figures.md 3)

NODES, MIXED = 12, (0.7 - np.cos(np.pi / 3)) / (np.cos(np.pi / 6) - np.cos(np.pi / 3))


def ring() -> Network:
    """Rows sum to one; the slowest waves around it belong to the eigenvalue 0.7."""
    weights = np.zeros((NODES, NODES))
    for distance, weight in ((1, MIXED), (2, 1 - MIXED)):
        for shift in (distance, -distance):
            weights += weight / 2 * np.roll(np.eye(NODES), shift, axis=0)
    return Network(JansenRit(bias=230.0), Connectome(weights), gain=50.0)


def settled(rows: int) -> np.ndarray:
    """The last states of the common cycle, (rows, components), in steps of 0.5 ms."""
    together = lambda _: JansenRit().start(NODES)  # noqa: E731
    how = {"past": together, "save": ("states",), "solver": diffrax.Tsit5()}
    solution = simulate(ring(), 5e-4 * rows, 5e-4, transient=20.0, **how)
    return np.asarray(jax.vmap(stack_state)(solution.states))[:, :, 0]


def test_synchrony_of_a_network_is_lost_at_the_published_rate():
    start = settled(1600)
    hertz = frequency(start[:, 1] - start[:, 2])
    assert hertz == pytest.approx(8.407340, rel=1e-6)
    wave = np.cos(2 * np.pi * np.arange(NODES) / NODES)
    begin = start[-1][:, None] + 1e-7 * wave[None]
    solution = simulate(
        ring(),
        14.0,
        5e-4,
        past=lambda _: unstack_state(JansenRit(), jnp.asarray(begin)),
        save=("states",),
        solver=diffrax.Tsit5(),
    )
    states = np.asarray(jax.vmap(stack_state)(solution.states))
    apart = states[:, 1] @ wave * 2 / NODES  # of the wave alone
    # Its size in each period of the common cycle, which is no whole number of steps.
    periods = np.arange(40, 110)[:, None] + np.linspace(0, 1, 200, endpoint=False)[None]
    at = periods / hertz / 5e-4
    size = np.sqrt((np.interp(at, np.arange(len(apart)), apart) ** 2).mean(axis=1))
    growth = np.polyfit(periods[:, 0] / hertz, np.log(size), 1)[0]
    assert growth == pytest.approx(0.6125032, rel=1e-4)
