r"""The classical Runge-Kutta step of order four, for rhythms without noise that are simulated for many turns.

A rotation by $z = \omega h$ a step runs slow by $z^4/120$ of itself and fades by $z^6/144$ a step, where Heun's
method is off by $z^2/6$ and grows by $z^4/8$: forty steps a turn are better than four hundred of those.

Source: Kutta 1901.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import diffrax
import numpy as np


class RungeKutta(diffrax.AbstractERK):
    """Four stages, order four, no estimate of its error: for fixed steps."""

    tableau: ClassVar[diffrax.ButcherTableau] = diffrax.ButcherTableau(
        a_lower=(np.array([0.5]), np.array([0.0, 0.5]), np.array([0.0, 0.0, 1.0])),
        b_sol=np.array([1 / 6, 1 / 3, 1 / 3, 1 / 6]),
        b_error=np.zeros(4),
        c=np.array([0.5, 0.5, 1.0]),
    )
    interpolation_cls: ClassVar[Callable[..., Any]] = diffrax.LocalLinearInterpolation

    def order(self, terms: Any) -> int:
        """Four."""
        return 4
