"""The commands, gathered."""

import typer

from rosetta_jax.cli.bifurcation import bifurcation
from rosetta_jax.cli.compare import comparison
from rosetta_jax.cli.config import ConfiguredCommand
from rosetta_jax.cli.fit import fit
from rosetta_jax.cli.gallery import gallery
from rosetta_jax.cli.ladder import ladder
from rosetta_jax.cli.simulate import simulate
from rosetta_jax.cli.spectrum import spectrum
from rosetta_jax.cli.sweep import sweep
from rosetta_jax.cli.translate import translation

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Whole-brain networks of neural masses: simulated, linearised exactly, fitted to spectra.",
)
app.command()(ladder)
for command in (simulate, spectrum, bifurcation, fit, sweep, gallery):
    app.command(cls=ConfiguredCommand)(command)
app.command("compare", cls=ConfiguredCommand)(comparison)
app.command("translate", cls=ConfiguredCommand)(translation)
