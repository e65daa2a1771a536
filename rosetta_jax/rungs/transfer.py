r"""Static transfer functions: from a potential or current to a firing rate, with their slopes.

Each is a small module with parameters, called with an input of any shape, so that Wilson-Cowan, NMM1 and the
master mass take one for another. `TRANSFERS` lists them by name:

* `Sigmoid`, the logistic curve of rung 5 in mV and 1/s, and `Logistic`, that of rung 4 without units;
* `QIFCauchy`, quadratic integrate-and-fire neurons with Lorentzian currents or in Cauchy noise: exact,
  and the static limit of rung 6;
* `QIFGauss`, `LIF`, `EIF`: quadratic, leaky and exponential integrate-and-fire neurons in Gaussian white
  noise of strength $s$, $\tau\dot V = f(V) + I + s\sqrt\tau\,\xi$, as integrals whose accuracy
  `rosetta_jax.rungs.transfer_integrals` states.

All are differentiable in input and parameters, forward, reverse and twice. Source: Castaldo et al., arXiv
2512.10982, table of transfer functions, and as named with each.
"""

import abc
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks, parameters
from rosetta_jax._types import Array, Parameter
from rosetta_jax.parameters import parameter
from rosetta_jax.priors import NonNegative, Positive
from rosetta_jax.rungs import transfer_integrals

_JANSEN_RIT = "Jansen and Rit 1995, table 1"
_ROSETTA = "Castaldo et al. 2512.10982"


def sigmoid(potential: Array, half_rate: Array, threshold: Array, slope: Array) -> Array:
    r"""The logistic rate $2 e_0 / (1 + \exp(\rho (v_0 - v)))$ of a potential $v$.

    `half_rate` $e_0$ (1/s) is the rate at the `threshold` $v_0$ (mV), `slope` is $\rho$ (1/mV); any
    shapes that spread over each other. Source: Jansen and Rit 1995, equation 3.
    """
    return 2 * half_rate * _logistic(slope * (potential - threshold))


@jax.custom_jvp
def _logistic(x: Array) -> Array:
    return jax.nn.sigmoid(x)


@_logistic.defjvp
def _logistic_derivative(primals: tuple[Array], tangents: tuple[Any]) -> tuple[Array, Array]:
    (x,), (change,) = primals, tangents
    return _logistic(x), _logistic_slope(x) * change


def _logistic_slope(x: Array) -> Array:
    # Not S (1 - S), which at saturation loses the digits of a slope that strong synapses then multiply.
    return _logistic(x) * _logistic(-x)


class TransferFunction(eqx.Module):
    """A static transfer function: the firing rate (1/s) that a constant input sustains."""

    def __check_init__(self):
        parameters.check_parameters(self)

    @abc.abstractmethod
    def rate(self, input: Array) -> Array:
        """The rate (1/s) at an array of inputs."""

    def __call__(self, input: Any) -> Array:
        """The rate (1/s) at inputs of any shape over which the parameters spread."""
        return self.rate(_checks.as_float_array(input, "input"))

    def slope(self, input: Any) -> Array:
        """The derivative of the rate to the input, 1/s per unit of the input."""
        input = _checks.as_float_array(input, "input")
        return jax.jvp(self.rate, (input,), (jnp.ones_like(input),))[1]

    def available(self) -> Array:
        """The share of a population that input can rouse: one, less what is subtracted as its activity at rest."""
        return jnp.ones(())


def transfer_function(default: Callable[[], TransferFunction]) -> Any:
    """Declare a field that holds a transfer function, made by `default` unless given."""
    return eqx.field(default_factory=default, converter=_transfer_or_error)


def _transfer_or_error(value: Any) -> TransferFunction:
    remedy = "a transfer function such as rj.Sigmoid() or rj.LIF()"
    return _checks.instance("transfer", value, TransferFunction, remedy)


def _membrane_time() -> Any:
    return parameter(
        0.01,
        unit="s",
        symbol="τ",
        description="membrane time constant",
        support=Positive(),
        span=(1e-5, 100.0),
        source="10 ms; a choice of the unit of time",
    )


def _noise(source: str) -> Any:
    return parameter(
        1.0,
        unit="",
        symbol="s",
        description="strength of Gaussian white noise, in the unit of the input",
        support=Positive(),
        source=source,
    )


def _voltage(default: float, symbol: str, description: str, source: str) -> Any:
    return parameter(default, unit="", symbol=symbol, description=description, source=source)


class Sigmoid(TransferFunction):
    r"""The logistic rate $2e_0/(1+e^{\rho(v_0-v)})$ of a potential (mV)."""

    half_rate: Parameter = parameter(
        2.5,
        unit="1/s",
        symbol="e0",
        description="half of the largest rate",
        support=Positive(),
        source=_JANSEN_RIT,
    )
    threshold: Parameter = parameter(
        6.0,
        unit="mV",
        symbol="v0",
        description="potential at half of the largest rate",
        source=_JANSEN_RIT,
    )
    steepness: Parameter = parameter(
        0.56,
        unit="1/mV",
        symbol="ρ",
        description="steepness of the sigmoid",
        support=Positive(),
        source=_JANSEN_RIT,
    )

    def rate(self, input: Array) -> Array:
        return sigmoid(input, self.half_rate, self.threshold, self.steepness)


class Logistic(TransferFunction):
    r"""The logistic rate without units, $2e_0[L(I) - bL(0)]$ with $L(I) = 1/(1+e^{\rho(I_0-I)})$.

    The largest rate is one, $2e_0$, as in the figures of the paper, whose table prints $e_0 = 1$. With $b = 1$
    there is no rate without input, and of the population only $1 - L(0)$ is available, as in 1972.
    """

    half_rate: Parameter = parameter(
        0.5,
        unit="",
        symbol="e0",
        description="half of the largest rate",
        support=Positive(),
        source=f"maximum rate 1 as in the figures of {_ROSETTA}; its table says e0 = 1",
    )
    threshold: Parameter = parameter(
        0.0,
        unit="",
        symbol="I0",
        description="current at half of the largest rate",
        source=f"{_ROSETTA}, rung 4, set WC-a",
    )
    steepness: Parameter = parameter(
        1.0,
        unit="",
        symbol="ρ",
        description="steepness of the curve",
        support=Positive(),
        source=f"{_ROSETTA}, rung 4, set WC-a",
    )
    subtracted: Parameter = parameter(
        0.0,
        unit="",
        symbol="b",
        description="share of the value without input that is subtracted; 1 in 1972",
        support=NonNegative(),
        source="Wilson and Cowan 1972",
    )

    def rate(self, input: Array) -> Array:
        whole = sigmoid(input, self.half_rate, self.threshold, self.steepness)
        return whole - 2 * self.half_rate * self._at_rest()

    def available(self) -> Array:
        return 1 - self._at_rest()

    def _at_rest(self) -> Array:
        return self.subtracted * _logistic(-self.steepness * self.threshold)


class QIFCauchy(TransferFunction):
    r"""The rate of QIF neurons with Lorentzian currents, $\sqrt{I + \sqrt{I^2+\Delta^2}}\,/(\pi\tau\sqrt 2)$.

    That is $\sqrt{\Delta/2}\;e^{\mathrm{asinh}(I/\Delta)/2}/(\pi\tau)$, where nothing cancels at negative $I$. The
    slope $\phi/(2\sqrt{I^2+\Delta^2})$ is largest at $I = \Delta/\sqrt 3$. Exact for the fixed points of rung 6
    without coupling; independent Cauchy noise of scale $\Gamma$ on each neuron adds to $\Delta$.
    """

    membrane_time: Parameter = _membrane_time()
    width: Parameter = parameter(
        1.0,
        unit="",
        symbol="Δ",
        description="half-width at half maximum of the Lorentzian of currents",
        support=Positive(),
        source="Montbrió, Pazó and Roxin 2015",
    )

    def rate(self, input: Array) -> Array:
        growth = jnp.exp(jnp.arcsinh(input / self.width) / 2)
        return jnp.sqrt(self.width / 2) * growth / (math.pi * self.membrane_time)


class QIFGauss(TransferFunction):
    r"""QIF neurons in Gaussian noise, $1/r = \tau\sqrt\pi\int e^{-s^4x^6/48 - Ix^2}dx$.

    In closed form $r = s^{2/3}/(\tau 4^{1/6}\pi^2[\mathrm{Ai}^2(z)+\mathrm{Bi}^2(z)])$ at $z = -4^{1/3}I/s^{4/3}$.
    """

    membrane_time: Parameter = _membrane_time()
    noise: Parameter = _noise("Brunel and Latham 2003")

    def rate(self, input: Array) -> Array:
        unit = jnp.cbrt(self.noise)
        scaled = jnp.vectorize(transfer_integrals.quadratic)(input / (self.noise * unit))
        return unit * unit * scaled / self.membrane_time


class LIF(TransferFunction):
    r"""LIF neurons, $1/r = \tau\sqrt\pi\int_{(V_r-I)/s}^{(V_{th}-I)/s} e^{x^2}(1+\mathrm{erf}\,x)\,dx$.

    Without noise $1/r = \tau\ln[(I-V_r)/(I-V_{th})]$ above threshold. Input, noise and voltages share a unit.
    """

    membrane_time: Parameter = _membrane_time()
    noise: Parameter = _noise("Brunel 2000")
    reset: Parameter = _voltage(0.0, "V_r", "voltage after a spike", "a choice of the zero")
    threshold: Parameter = _voltage(1.0, "V_th", "voltage of a spike", "a choice of the unit")

    def __check_init__(self):
        _check_order(self, "reset", "threshold")

    def rate(self, input: Array) -> Array:
        to_threshold = (self.threshold - input) / self.noise
        to_climb = (self.threshold - self.reset) / self.noise
        return jnp.vectorize(transfer_integrals.leaky)(to_threshold, to_climb) / self.membrane_time


class EIF(TransferFunction):
    r"""EIF neurons, $\tau\dot V = -V + I + D e^{(V-V_T)/D} + s\sqrt\tau\,\xi$, spike at $V_{th}$, reset to $V_r$.

    .. math::
        1/r = \frac{2\tau}{s^2}\int_{-\infty}^{V_{th}}\!dv\int_{\max(v,V_r)}^{V_{th}}\!du\;e^{2[F(v)-F(u)]/s^2},
        \qquad F(v) = -v^2/2 + Iv + D^2 e^{(v-V_T)/D}

    As $D \to 0$ it tends to the LIF neuron with threshold $V_T$; as $s \to 0$ near the rheobase $I =
    V_T - D$, to the QIF neuron of current $(I - V_T + D)/2D$ and noise $s/2D$. Each value takes 16,000
    exponentials, a hundred times as many as the others.
    """

    membrane_time: Parameter = _membrane_time()
    noise: Parameter = _noise("Fourcaud-Trocmé et al. 2003")
    reset: Parameter = _voltage(0.0, "V_r", "voltage after a spike", "a choice of the zero")
    soft_threshold: Parameter = _voltage(
        1.0, "V_T", "voltage at which spikes begin", "a choice of the unit"
    )
    sharpness: Parameter = parameter(
        0.2,
        unit="",
        symbol="D",
        description="range of voltages over which spikes begin",
        support=Positive(),
        source="Fourcaud-Trocmé et al. 2003, a few mV",
    )
    threshold: Parameter = _voltage(
        3.0, "V_th", "voltage of a spike", "far above V_T, where it no longer matters"
    )

    def __check_init__(self):
        _check_order(self, "reset", "soft_threshold")
        _check_order(self, "reset", "threshold")

    def rate(self, input: Array) -> Array:
        stiffness = 2 * (self.sharpness / self.noise) ** 2
        voltages = [
            (voltage - self.soft_threshold) / self.sharpness
            for voltage in (input, self.reset, self.threshold)
        ]
        return (
            jnp.vectorize(transfer_integrals.exponential)(stiffness, *voltages) / self.membrane_time
        )


def _check_order(function: TransferFunction, low: str, high: str) -> None:
    below, above = getattr(function, low), getattr(function, high)
    if _checks.is_concrete((below, above)) and np.any(np.asarray(below) >= np.asarray(above)):
        name = type(function).__name__
        raise ValueError(f"`{name}.{low}` must be below `{high}`, got {below} and {above}.")


TRANSFERS: dict[str, type[TransferFunction]] = {
    "sigmoid": Sigmoid,
    "logistic": Logistic,
    "QIF-Cauchy": QIFCauchy,
    "QIF-Gauss": QIFGauss,
    "LIF": LIF,
    "EIF": EIF,
}
