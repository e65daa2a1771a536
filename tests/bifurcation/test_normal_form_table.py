"""Normal forms of all Hopf points of equations.md 7, scaled by what is observed, to the printed digits."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.bifurcation import continuation

# Of time in the table's unit: milliseconds or time constants of 10 ms; of what is seen, kHz of spikes.
_UNITS = {"ms": (1e3, 1e-3), "tau": (100.0, 1.0), "s": (1.0, 1.0)}
# The last row is printed with a growth of .0307961, rounded twice: differences of the root give .0307960468.
# name, unit of time | value, o0, omega, mu', omega', gamma, beta, k (real, imaginary), lag (degrees)
_TABLE = """
WC-a tau | 1.531501 .733282 1.752544 -.1667658 -.6335790 6.899344 12.76583 .195579 -.150317 61.61
WC-b tau | -6.706824 .711575 2.167811 .2882758 .3072876 7.197236 16.81226 0 .262911 66.82
WC72 tau | 1.879313 .249338 2.664313 -.2095666 .7695587 18.32302 98.06778 .217410 -.174949 79.42
JR s | -12.147 5.940456 45.48701 -.0534842 .4301112 -1.901527 9.359092 .816414 -.399596 101.48
JR s | 89.829 6.739567 65.20098 .0138373 .0830921 .3213773 1.833731 .983991 -.396917 80.06
JR s | 315.696 8.079144 70.14278 -.0150309 -.0111044 .3757260 .5287950 1.01669 -.444046 54.60
ING ms | 5.322 .033857 .342763 .0221991 .0190282 14.58677 -2.779587 .762926e-3 -1.92740e-3 -10.79
ING ms | 76.701 .260407 1.605136 -3.556328e-4 .01470042 .0820635 .0333488 .300661e-3 -5.91972e-3 22.12
PING ms | 1.110 .051293 .339105 .0264740 -.0026102 1.717059 -.636505 -.348799e-3 -5.33216e-3 -20.34
PING ms | 67.665 .146103 1.444772 -4.857791e-4 .01515341 405.4328 -56.36164 -.595432e-4 .821325e-4 -7.91
LaNMM-P1 s | 363.312 -3.180780 68.03846 -.0322581 -.0255694 .3510752 .4884700 1.22485 1.13925 54.29
LaNMM-P2 s | 454.644 -2.839505 253.2188 3.0796047e-2 .0606476 1.840838 2.221154 .828670 -1.07206 50.35
"""
_ROWS = [line.partition(" |") for line in _TABLE.strip().splitlines()]


class Known(NamedTuple):
    """A system, the parameter along which it is followed, limits, and what is seen of its state."""

    system: rj.Rung
    parameter: str | tuple[str, ...]
    limits: tuple[float, float]
    observe: object = None


def synaptic_1(rung, state):
    """The potential of P1 without that of its constant input, A/a p."""
    return rung.signal(state, rung.Inputs()) - 0.0325 * rung.bias_1


KNOWN = {
    "WC-a": Known(rj.WilsonCowan.named("WC-a"), "bias_x", (-5.0, 3.0)),
    "WC-b": Known(rj.WilsonCowan.named("WC-b"), "bias_y", (-9.0, -5.0)),
    "WC72": Known(rj.WilsonCowan.named("WC72"), "bias_x", (-0.5, 4.0)),
    "JR": Known(rj.JansenRit(), "bias", (-80.0, 350.0)),
    "ING": Known(rj.QIFPopulation.named("ING"), "bias", (-20.0, 100.0)),
    "PING": Known(rj.NMM2.named("PING"), ("bias_e", "bias_i"), (-20.0, 75.0)),
    "LaNMM-P1": Known(rj.Laminar(bias_2=0.0), "bias_1", (-100.0, 500.0), synaptic_1),
    "LaNMM-P2": Known(
        rj.Laminar(bias_2=0.0),
        "bias_1",
        (-100.0, 500.0),
        lambda rung, state: rung.potential_2(state, rung.Inputs()),
    ),
}


@functools.cache
def branch_of(name):
    known = KNOWN[name]
    return continuation(known.system, known.parameter, known.limits)


@pytest.mark.parametrize(("name", "_", "numbers"), _ROWS)
def test_normal_forms_are_those_of_the_table(name, _, numbers):
    (name, unit), printed = name.split(), numbers.split()
    time, seen = _UNITS[unit]
    branch = branch_of(name)
    hopf = min(branch.hopfs, key=lambda each: abs(each.value - float(printed[0])))
    form, of, x = hopf.normal_form, hopf.family, jnp.asarray(hopf.x)
    value = jnp.asarray(hopf.value)

    @jax.jit
    def signal(x):
        rung = of.at(value[None]).rung
        observe = KNOWN[name].observe or (lambda rung, state: rung.signal(state, rung.Inputs()))
        return seen * observe(rung, of.state(x))[0]

    scale = np.dot(jax.grad(signal)(x), form.right)
    pushed = jax.jacfwd(lambda value: of.drift(x, value[None]))(value)
    cubic = -complex(form.cubic) / (4 * abs(scale) ** 2) / time
    crossing = complex(form.crossing) / time
    k = complex(2 * scale * np.vdot(form.left, pushed)) / time
    lag = np.degrees(np.arctan2(cubic.imag, cubic.real))
    found = [hopf.value, float(signal(x)), float(form.omega) / time, crossing.real, crossing.imag]
    found += [cubic.real, cubic.imag, k.real, k.imag, lag]
    for place, (have, want) in enumerate(zip(found, printed, strict=True)):
        assert have == pytest.approx(float(want), abs=0.51 * last_digit(want)), (place, have, want)


def last_digit(printed):
    """What the last printed digit stands for; zero is meant to rounding."""
    mantissa, _, power = printed.partition("e")
    digits = len(mantissa.partition(".")[2])
    return 1e-9 if printed == "0" else 10.0 ** (int(power or 0) - digits)
