r"""What a scanner sees of neural activity: blood flow, and the balloon that it fills.

Activity relaxes vessels by a signal $s$, flow $f$ follows, venous volume $v$ and deoxyhaemoglobin $q$ follow flow,
each relative to its value at rest. With the input $u = \epsilon (a - a_0)$ of an activity $a$,

.. math::
    \dot s &= u - \kappa s - \gamma (f - 1), & \dot f &= s, \\
    \tau\dot v &= f - v^{1/\alpha}, & \tau\dot q &= f\,\frac{E(f)}{\rho} - v^{1/\alpha}\frac{q}{v},
    \qquad E(f) = 1 - (1 - \rho)^{1/f}

and the signal, as a fraction of that at rest, $\mathrm{BOLD} = V_0 [k_1(1-q) + k_2(1-q/v) + k_3(1-v)]$.

The state holds the logarithms of $f$, $v$ and $q$: they stay positive at any step, and the small changes that make
the signal keep their digits in float32. Dynamics and linear response are the same in any coordinates. An input at
or below $-\gamma$ would stop the flow: the logarithm is then not finite, and a run says so in its status.

The response is a low-pass of a few tenths of a hertz: of faster activity only its mean is seen. $u$ is of order
0.1 to 1 ($u = \gamma$ doubles the flow): `scale` matches the unit of the activity, which is the rung's
(`Rung.activity`), and `baseline` is the activity that makes no signal.

Source: Buxton, Wong and Frank 1998; Friston, Harrison and Penny 2003 (the default); Stephan et al. 2007.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax import _checks
from rosetta_jax._types import Array, Complex, Float, Parameter
from rosetta_jax.parameters import check_parameters, parameter
from rosetta_jax.priors import Interval, Positive

_2003 = "Friston, Harrison and Penny 2003"
# Rates per second and times in seconds, which others give in milliseconds.
_RATES, _TIMES = (0.01, 100.0), (0.03, 100.0)


class BalloonState(eqx.Module):
    """The state of the vessels of each node; all zero at rest."""

    s: Float[Array, "*nodes"]
    log_f: Float[Array, "*nodes"]
    log_v: Float[Array, "*nodes"]
    log_q: Float[Array, "*nodes"]


def _positive(
    default: float, unit: str, symbol: str, description: str, span: tuple[float, float] | None
) -> Any:
    return parameter(
        default,
        unit=unit,
        symbol=symbol,
        description=description,
        support=Positive(),
        source=_2003,
        span=span,
    )


def _weight(default: float, symbol: str, description: str) -> Any:
    source = f"{_2003}: 7 ρ, 2 and 2 ρ - 0.2"
    return parameter(default, unit="", symbol=symbol, description=description, source=source)


class BalloonWindkessel(eqx.Module):
    r"""Haemodynamics of every node; parameters shared or regional, as in a rung.

    Named sets: "Friston 2003", the default; "Stephan 2007", for 1.5 T, with $k_1 = 4.3\,\nu_0 E_0 TE$, $k_2 =
    \varepsilon r_0 E_0 TE$, $k_3 = 1 - \varepsilon$ at $\nu_0 = 40.3$ Hz, $r_0 = 25$ Hz, $TE = 40$ ms, $E_0 =
    0.4$, $\varepsilon = 1$; "3 T", the first with weights for that field. The weights $k$ are parameters of their
    own and do not follow `extraction`.

    Raises `ValueError` for a parameter outside of its support, or in another unit.
    """

    decay: Parameter = _positive(
        0.65, "1/s", "κ", "decay of the signal that relaxes vessels", _RATES
    )
    autoregulation: Parameter = _positive(
        0.41, "1/s²", "γ", "feedback of flow onto that signal", _RATES
    )
    transit_time: Parameter = _positive(0.98, "s", "τ", "time that blood takes through", _TIMES)
    stiffness: Parameter = parameter(
        0.32,
        unit="",
        symbol="α",
        description="how volume follows steady flow, v = f^α",
        source=_2003,
        support=Interval(0.0, 1.0),
    )
    extraction: Parameter = parameter(
        0.34,
        unit="",
        symbol="ρ",
        description="share of oxygen extracted at rest",
        source=_2003,
        support=Interval(0.0, 1.0),
    )
    volume: Parameter = _positive(0.02, "", "V0", "share of venous blood at rest", None)
    k1: Parameter = _weight(2.38, "k1", "weight of deoxyhaemoglobin outside of vessels")
    k2: Parameter = _weight(2.0, "k2", "weight of its concentration within them")
    k3: Parameter = _weight(0.48, "k3", "weight of their volume")
    scale: Parameter = parameter(
        1.0,
        unit="1/s² per unit of activity",
        symbol="ε",
        description="input to the vessels per unit of activity",
        support=Positive(),
        source="a choice: for activity between 0 and 1",
    )
    baseline: Parameter = parameter(
        0.0,
        unit="unit of activity",
        symbol="a0",
        description="activity at which there is no signal",
        source="a choice",
    )

    sets: ClassVar[Mapping[str, Mapping[str, float]]] = {
        "Friston 2003": {},
        "Stephan 2007": {
            "decay": 0.64,
            "autoregulation": 0.32,
            "transit_time": 2.0,
            "extraction": 0.4,
            "volume": 0.04,
            "k1": 4.3 * 40.3 * 0.4 * 0.04,
            "k2": 25 * 0.4 * 0.04,
            "k3": 0.0,
        },
        "3 T": {"k1": 3.72, "k2": 0.527, "k3": 0.53},
    }

    def __check_init__(self):
        check_parameters(self)

    @classmethod
    def named(cls, name: str, **changes: Any) -> "BalloonWindkessel":
        """Haemodynamics with a set of parameters of the literature, one of `sets`, and `changes` to it.

        Raises `ValueError` for a name that is not there, listing those that are.
        """
        return cls(**{**cls.sets[_checks.one_of("name", name, cls.sets)], **changes})

    def drive(self, activity: Float[Array, "*nodes"]) -> Float[Array, "*nodes"]:
        r"""The input $u = \epsilon (a - a_0)$ of an activity."""
        return self.scale * (activity - self.baseline)

    def start(self, nodes: int) -> BalloonState:
        """The state at rest, `(nodes,)`: no input, no signal."""
        return BalloonState(*[jnp.zeros(nodes, self.decay.dtype)] * 4)

    def steady(self, u: Float[Array, "*nodes"]) -> BalloonState:
        r"""The steady state under a constant input: $f = 1 + u/\gamma$, $v = f^\alpha$, $q = v E(f)/\rho$.

        Of the shape of `u`, or `(nodes,)` where a parameter is regional. NaN where $u \le -\gamma$.
        """
        shapes = [leaf.shape for leaf in jax.tree.leaves(self)]
        u = jnp.broadcast_to(u, jnp.broadcast_shapes(u.shape, *shapes))
        log_f = jnp.log1p(u / self.autoregulation)
        log_v = self.stiffness * log_f
        log_q = log_v + jnp.log1p(self._more_extracted(jnp.expm1(-log_f)))
        return BalloonState(jnp.zeros_like(log_f), log_f, log_v, log_q)

    def vector_field(self, state: BalloonState, u: Float[Array, "*nodes"]) -> BalloonState:
        """The time derivative of `state`, per second, under the input `u` (1/s²)."""
        # All less one, which keeps digits; 1/f - 1 gives what else is needed of f.
        less = jnp.expm1(-state.log_f)
        more = self._more_extracted(less)
        outflow = jnp.expm1((1 / self.stiffness - 1) * state.log_v)
        into_v = jnp.expm1(state.log_f - state.log_v)
        into_q = jnp.expm1(state.log_f - state.log_q) * (1 + more) + more
        return BalloonState(
            s=u - self.decay * state.s + self.autoregulation * less / (1 + less),
            log_f=state.s * (1 + less),
            log_v=(into_v - outflow) / self.transit_time,
            log_q=(into_q - outflow) / self.transit_time,
        )

    def _more_extracted(self, less: Array) -> Array:
        r"""$E(f)/\rho - 1$, 0 at rest, where $1/f - 1$ is `less`."""
        left = 1 - self.extraction
        return -left / self.extraction * jnp.expm1(jnp.log(left) * less)

    def signal(self, state: BalloonState) -> Float[Array, "*nodes"]:
        """The BOLD signal as a fraction of the signal at rest: 0.01 is one per cent."""
        q, v, concentration = (
            jnp.expm1(each) for each in (state.log_q, state.log_v, state.log_q - state.log_v)
        )
        return -self.volume * (self.k1 * q + self.k2 * concentration + self.k3 * v)

    def linearised(self, mean: Float[Array, "*nodes"]) -> tuple[Array, Array, Array]:
        """The matrices of each node about the steady state under the input `mean`.

        `A` (4, 4, ...) state to drift, `B` (4, ...) input to drift, `O` (4, ...) state to signal.
        """
        state = self.steady(mean)
        x, unstack = _stacked(state)
        u = jnp.broadcast_to(mean, state.s.shape)

        def drift(x: Array, u: Array) -> Array:
            return _stacked(self.vector_field(unstack(x), u))[0]

        ones = jnp.eye(4, dtype=x.dtype).reshape(4, 4, *[1] * (x.ndim - 1))
        tangents = jnp.broadcast_to(ones, (4, *x.shape))
        columns, seen = jax.vmap(
            lambda tangent: (
                jax.jvp(lambda x: drift(x, u), (x,), (tangent,))[1],
                jax.jvp(lambda x: self.signal(unstack(x)), (x,), (tangent,))[1],
            )
        )(tangents)
        entering = jax.jvp(lambda u: drift(x, u), (u,), (jnp.ones_like(u),))[1]
        return columns.swapaxes(0, 1), entering, seen

    def transfer(
        self, omega: Float[Array, " frequencies"], mean: Any = 0.0
    ) -> Complex[Array, "frequencies *nodes"]:
        r"""The small-signal transfer function $O (i\omega - A)^{-1} B$, from input to BOLD, at `omega` (rad/s).

        About the steady state under the constant input `mean` (1/s²), `()` or `(nodes,)`; exact, from derivatives
        of the vector field. (frequencies,), or (frequencies, nodes) where `mean` or a parameter is regional.
        """
        found = self.linearised(_checks.as_float_array(mean, "mean").astype(self.decay.dtype))
        omega = omega.reshape(-1, *[1] * (found[1].ndim - 1))
        at = jax.lax.complex(jnp.zeros_like(omega), omega)
        # Frequencies before nodes.
        A, B, O = (each.astype(at.dtype) for each in found)
        A, B, O = A[:, :, None], B[:, None], O[:, None]
        rows = [[-A[i, j] + (at if i == j else 0.0) for j in range(4)] for i in range(4)]
        return jnp.sum(O * jnp.stack(_eliminated(rows, list(B))), axis=0)


def _stacked(state: BalloonState) -> tuple[Array, Any]:
    """The state as one array, components first, and the way back."""
    return jnp.stack([state.s, state.log_f, state.log_v, state.log_q]), lambda x: BalloonState(*x)


def _eliminated(rows: list[list[Array]], right: list[Array]) -> list[Array]:
    """The solution of a small system of every node and frequency, by elimination in the order given.

    Each component drives the next, so no pivot is needed; batched LAPACK calls wait for each other on a CPU.
    """
    size = len(rows)
    for pivot in range(size):
        for below in range(pivot + 1, size):
            share = rows[below][pivot] / rows[pivot][pivot]
            rows[below] = [b - share * p for b, p in zip(rows[below], rows[pivot], strict=True)]
            right[below] = right[below] - share * right[pivot]
    found: list[Array] = []
    for row in reversed(range(size)):
        known = sum(r * x for r, x in zip(rows[row][row + 1 :], found, strict=True))
        found.insert(0, (right[row] - known) / rows[row][row])
    return found
