"""Reports: one self-contained HTML page of text, tables and pictures."""

from rosetta_jax.report.page import Picture as Picture
from rosetta_jax.report.page import Section as Section
from rosetta_jax.report.page import Table as Table
from rosetta_jax.report.page import page as page
from rosetta_jax.report.page import write_page as write_page
