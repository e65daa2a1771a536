r"""A linear chain round a cycle, solved without multiplying its links.

.. math::  x_{k+1} = F_k x_k + r_k, \qquad x_N = x_0, \qquad \sum_k w_k^T x_k = \dots

The product of all $F_k$ is the monodromy matrix. About a cycle that passes a saddle it grows without bound, and a
solution by way of it loses all digits. Here each $x_k$ is eliminated by an orthogonal transformation of the two
equations that hold it, which amplifies nothing (Wright 1992), and found again on the way back.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

from rosetta_jax._types import Array, Float


class Chain(NamedTuple):
    """The links `forward`, what is added in each, and rows of weights on all x.

    `rest` has a column for each unknown that moves them all, and for each right side.
    """

    forward: Float[Array, "intervals n n"]
    rest: Float[Array, "intervals n r"]
    rows: Float[Array, "intervals w n"]

    def reduced(self) -> tuple[Float[Array, "n c"], Float[Array, "w c"], Any]:
        """What is left of the chain and of the rows, in columns of the first x and the rest, and the way back."""
        n, r = self.rest.shape[1:]
        w = self.rows.shape[1]
        one = jnp.eye(n, dtype=self.rest.dtype)

        def parted(columns: Array) -> list[Array]:
            return jnp.split(columns, [n, 2 * n], axis=1)

        def step(carry: Any, at: tuple[Array, Array, Array]) -> tuple[Any, Any]:
            # of_first x_0 + of_last x_k + rest = 0, and what the rows say of x_k, x_0 and the rest.
            of_first, of_last, rest, said = carry
            forward, more, row = at
            rotation, upper = jnp.linalg.qr(jnp.concatenate([of_last, forward]), mode="complete")
            others = jnp.concatenate(
                [
                    jnp.concatenate([of_first, jnp.zeros_like(one), rest], axis=1),
                    jnp.concatenate([jnp.zeros_like(one), -one, more], axis=1),
                ]
            )
            turned = rotation.T @ others
            back = -solve_triangular(upper[:n], turned[:n])
            on_first, on_last, on_rest = parted(said[:, :n] @ back)
            said = jnp.concatenate(
                [on_last + row, said[:, n:] + jnp.hstack([on_first, on_rest])], 1
            )
            return (*parted(turned[n:]), said), back

        nothing = jnp.zeros((w, n + r), self.rest.dtype)
        begin = (
            self.forward[0],
            -one,
            self.rest[0],
            jnp.concatenate([self.rows[1], self.rows[0], nothing[:, n:]], axis=1),
        )
        # The last x is the first: no row is on it but that of the first.
        following = jnp.roll(self.rows, -2, axis=0)[:-1].at[-1].set(0.0)
        (of_first, of_last, rest, said), back = jax.lax.scan(
            step, begin, (self.forward[1:], self.rest[1:], following)
        )
        top = jnp.concatenate([of_first + of_last, rest], axis=1)
        bottom = jnp.concatenate([said[:, :n] + said[:, n : 2 * n], said[:, 2 * n :]], axis=1)
        return top, bottom, back

    def places(
        self, back: Array, first: Float[Array, "n k"], weights: Float[Array, "r k"]
    ) -> Float[Array, "intervals n k"]:
        """All x from the first one, and the weights of the rest."""

        def step(last: Array, each: Array) -> tuple[Array, Array]:
            found = each @ jnp.concatenate([first, last, weights])
            return found, found

        _, others = jax.lax.scan(step, first, back, reverse=True)
        return jnp.concatenate([first[None], others])
