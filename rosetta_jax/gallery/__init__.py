"""The figures of the paper, drawn again from the library's own models, with the numbers that must appear in them.

`PAGES` lists them by name; `draw(name)` gives a `Page`: a figure, a caption, and every number beside the one
found. `rosetta gallery` writes them all into a folder with an index. They need float64.

Source: Castaldo et al., arXiv 2512.10982; the numbers are those of its text, figures and cited works, recomputed
with independent programs where they are not printed.
"""

import jax

from rosetta_jax import _checks
from rosetta_jax.gallery.jansen_rit import jansen_rit
from rosetta_jax.gallery.ladder_map import ladder_map
from rosetta_jax.gallery.laminar import laminar
from rosetta_jax.gallery.master_mass import master_mass
from rosetta_jax.gallery.micro import micro
from rosetta_jax.gallery.page import Entry as Entry
from rosetta_jax.gallery.page import Number as Number
from rosetta_jax.gallery.page import Page as Page
from rosetta_jax.gallery.portraits import portraits
from rosetta_jax.gallery.qif import ing, ping
from rosetta_jax.gallery.stuart_landau import forced, stuart_landau
from rosetta_jax.gallery.synapses import synapses
from rosetta_jax.gallery.wendling import wendling
from rosetta_jax.gallery.wilson_cowan import wilson_cowan

PAGES: dict[str, Entry] = {
    "micro": Entry("1.1", micro),
    "portraits": Entry("1.2", portraits),
    "stuart-landau": Entry("3.1", stuart_landau),
    "forced": Entry("3, appendix", forced),
    "synapses": Entry("4.1", synapses),
    "master-mass": Entry("4.2", master_mass),
    "wilson-cowan": Entry("5.1", wilson_cowan),
    "jansen-rit": Entry("6.2", jansen_rit),
    "wendling": Entry("6.3", wendling),
    "laminar": Entry("6.4", laminar),
    "ing": Entry("7.2", ing),
    "ping": Entry("7.3", ping),
    "map": Entry("8.1", ladder_map),
}


def draw(name: str) -> Page:
    """One page of the gallery. Raises `ValueError` for a name that is not in `PAGES`, and in float32."""
    entry = PAGES[_checks.one_of("name", name, PAGES)]
    if not jax.config.read("jax_enable_x64"):
        raise ValueError(
            "the gallery compares numbers to seven digits, which float32 does not hold: call "
            'jax.config.update("jax_enable_x64", True) first.'
        )
    return entry.draw()
