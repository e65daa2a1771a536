r"""One transfer function in terms of another of its kind, $S_y(v) = k\,S_x(c\,v + d)$.

NMM1 has one for both populations. Where two differ only in scale, the second is the first with its input, and with
it weights and bias, stretched by $c$ and shifted by $d$, and its gain multiplied by $k$: of two sigmoids $c =
\rho_y/\rho_x$, $d = v_{0x} - c\,v_{0y}$, $k = e_{0y}/e_{0x}$; of QIF neurons with Lorentzian currents $c =
\Delta_x/\Delta_y$, $d = 0$, $k = \sqrt{\Delta_y/\Delta_x}\;\tau_x/\tau_y$.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax.rungs import Logistic, QIFCauchy, Sigmoid, TransferFunction


class Scale(NamedTuple):
    """The factor and shift of the input, and the factor of the rate; () or (nodes,) each."""

    input: Any
    shift: Any
    rate: Any


def scale(of: TransferFunction, by: TransferFunction) -> Scale:
    """What makes `by` the transfer function `of`. Raises `ValueError` where no scale does."""
    blank, one = jnp.zeros(()), jnp.ones(())
    if _same(of, by):
        return Scale(one, blank, one)
    if isinstance(of, QIFCauchy) and isinstance(by, QIFCauchy):
        times = by.membrane_time / of.membrane_time
        return Scale(by.width / of.width, blank, jnp.sqrt(of.width / by.width) * times)
    if _plain(of) and _plain(by):
        of, by = _as_sigmoid(of), _as_sigmoid(by)
        factor = of.steepness / by.steepness
        return Scale(factor, by.threshold - factor * of.threshold, of.half_rate / by.half_rate)
    raise ValueError(
        f"`source` has two transfer functions, {type(by).__name__} for x and {type(of).__name__} for y, of which "
        "neither is the other to another scale, and rj.NMM1 has one for both: give both populations the same."
    )


def _same(one: TransferFunction, other: TransferFunction) -> bool:
    return type(one) is type(other) and all(
        np.array_equal(np.asarray(a), np.asarray(b))
        for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    )


def _plain(function: TransferFunction) -> bool:
    """Whether it is a logistic curve from zero."""
    if isinstance(function, Logistic):
        return not np.asarray(function.subtracted).any()
    return isinstance(function, Sigmoid)


def _as_sigmoid(function: Any) -> Sigmoid:
    return Sigmoid(
        half_rate=function.half_rate,
        threshold=function.threshold,
        steepness=function.steepness,
    )
