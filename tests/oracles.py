"""References in plain NumPy that share no code with the package."""

from collections.abc import Callable

import numpy as np

State = np.ndarray  # (components, nodes)


def delayed_heun(
    field: Callable[[float, State, np.ndarray], State],
    send: Callable[[State], np.ndarray],
    past: Callable[[float], State],
    weights: np.ndarray,
    delays: np.ndarray,
    dt: float,
    steps: int,
) -> np.ndarray:
    """States (steps + 1, components, nodes) of a delayed network, by Heun, edge by edge.

    `field(t, x, arriving)`, `arriving[c, i] = sum_j weights[i, j] send(x_j(t - delays[i, j]))[c]`.
    Delayed values are read by linear interpolation between steps, at both stage times; towards the
    stage itself where a delay is below the step. `past(t)` is the state for t <= 0.
    """
    sent = {0: send(past(0.0))}  # by step

    def at_step(n: int) -> np.ndarray:
        if n not in sent:
            assert n < 0, "a value that does not exist yet"
            sent[n] = send(past(n * dt))
        return sent[n]

    def arriving(n: int) -> np.ndarray:
        total = np.zeros_like(sent[0], dtype=float)
        for i, j in np.argwhere(weights != 0):
            position = delays[i, j] / dt
            whole = int(np.floor(position))
            share = position - whole
            value = (1 - share) * at_step(n - whole)[:, j]
            if share > 0:
                value = value + share * at_step(n - whole - 1)[:, j]
            total[:, i] += weights[i, j] * value
        return total

    states = [past(0.0)]
    for n in range(steps):
        x = states[-1]
        sent[n] = send(x)
        first = field(n * dt, x, arriving(n))
        guess = x + dt * first
        sent[n + 1] = send(guess)
        second = field((n + 1) * dt, guess, arriving(n + 1))
        states.append(x + dt / 2 * (first + second))
    return np.array(states)
