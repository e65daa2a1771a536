r"""What links do to what is sent: weigh it and, where a connectome has a phase, turn it.

Channels come in pairs, the real and imaginary part of a number, $s_0 + i s_1$, in a link multiplied by
$C_{ij}e^{i\varphi_{ij}}$. A rung that sends harmonics sends a pair for each, and the $k$-th is turned by
$k\varphi_{ij}$. A connectome without phase takes any number of channels, and one matrix serves them all.
"""

from typing import Any

import jax.numpy as jnp

from rosetta_jax._types import Array, Inexact, Pairwise

# One matrix for all channels, or one from each channel (second) to each (first): [..., target, source].
Links = Inexact[Array, "nodes nodes"] | Inexact[Array, "channels channels nodes nodes"]

# What is sent, or the complex amplitude of a mode of it.
Amplitudes = Inexact[Array, "channels nodes"]


def turned(weights: Pairwise, phase: Pairwise | None, channels: int) -> Links:
    """The weights from every channel to every other, `[target, source]` each; without phase the weights."""
    if phase is None:
        return weights
    pairs = channels // 2
    blank = jnp.zeros_like(weights)
    rows = [[blank] * channels for _ in range(channels)]
    for pair in range(pairs):
        real, imaginary = 2 * pair, 2 * pair + 1
        along, across = (weights * wave((pair + 1) * phase) for wave in (jnp.cos, jnp.sin))
        rows[real][real] = rows[imaginary][imaginary] = along
        rows[imaginary][real], rows[real][imaginary] = across, -across
    return jnp.stack([jnp.stack(row) for row in rows])


def rotated(pairs: list[Array], phase: Array) -> list[Array]:
    """What each link carries of each channel, its pairs turned by the phase of the link.

    `phase` has the leading axes of what is carried: times and lanes come after the links.
    """
    phase = phase.reshape(phase.shape + (1,) * (pairs[0].ndim - phase.ndim))
    found = []
    for number in range(0, len(pairs), 2):
        real, imaginary = pairs[number], pairs[number + 1]
        cosine, sine = (wave((number // 2 + 1) * phase) for wave in (jnp.cos, jnp.sin))
        found += [cosine * real - sine * imaginary, sine * real + cosine * imaginary]
    return found


def by_source(links: Links) -> Links:
    """The links as `[..., source, target]`: products with rows are twice as fast so."""
    return links.swapaxes(-1, -2)


def carried_by_source(links: Links, sent: Amplitudes) -> Amplitudes:
    """What arrives of what is sent, at once, by links `[..., source, target]`."""
    if links.ndim == 2:
        return sent @ links
    return jnp.einsum("cdji,dj->ci", links, sent)


def carried(links: Links, sent: Amplitudes) -> Amplitudes:
    """What arrives of what is sent, at once."""
    return carried_by_source(by_source(links), sent)


def delayed_by(links: Links, factor: Any) -> Links:
    """The links multiplied by one factor for each pair of nodes."""
    return links * (factor if links.ndim == 2 else factor[None, None])
