"""`rosetta gallery`: what it writes, what it lists, and when it fails."""

import csv
import json

import pytest
from typer.testing import CliRunner

import rosetta_jax
from rosetta_jax.cli.app import app
from rosetta_jax.gallery import PAGES, Entry, Number, ladder_map


def rosetta(*arguments: str):
    return CliRunner().invoke(app, ["gallery", *arguments], env={"COLUMNS": "200"})


def test_the_list_names_every_figure_and_draws_none():
    found = rosetta("--list")
    assert found.exit_code == 0
    for name, entry in PAGES.items():
        assert name in found.output and entry.label in found.output


def test_chosen_figures_are_written_with_their_numbers_and_an_index(tmp_path):
    found = rosetta("--out", str(tmp_path), "--only", "synapses", "--only", "map", "--quiet")
    assert found.exit_code == 0, found.output
    assert {path.name for path in tmp_path.iterdir()} == {
        *("synapses.png", "map.png", "numbers.json", "numbers.csv", "index.html", "config.toml")
    }
    numbers = json.loads((tmp_path / "numbers.json").read_text())["figures"]
    assert numbers["synapses"][0]["expected"] == 0.1353 and numbers["synapses"][0]["holds"]
    with (tmp_path / "numbers.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["figure"] for row in rows] == ["synapses"] * 4 + ["map"]
    page = (tmp_path / "index.html").read_text()
    assert "4.1  Synapses" in page and "0.1353" in page
    # The picture first, its numbers below.
    assert page.index("<img") < page.index("<table")


def test_all_are_drawn_unless_some_are_chosen(tmp_path, monkeypatch):
    few = {name: PAGES[name] for name in ("map", "synapses")}
    monkeypatch.setattr("rosetta_jax.cli.gallery.PAGES", few)
    assert rosetta("--out", str(tmp_path), "--quiet").exit_code == 0
    assert {path.stem for path in tmp_path.glob("*.png")} == {"map", "synapses"}


def test_the_same_again_from_its_own_settings(tmp_path):
    rosetta("--out", str(tmp_path / "first"), "--only", "map", "--quiet")
    again = rosetta(
        *("--config", str(tmp_path / "first" / "config.toml"), "--out", str(tmp_path / "again"))
    )
    assert again.exit_code == 0 and (tmp_path / "again" / "map.png").exists()
    assert not (tmp_path / "again" / "synapses.png").exists()


def test_a_number_that_does_not_hold_is_named_and_fails(tmp_path, monkeypatch):
    def wrong():
        """A page with a wrong number."""
        page = ladder_map()
        return page._replace(numbers=(Number("answer", 42.0, 41.0), Number("one", 1.0, 1.0)))

    monkeypatch.setitem(PAGES, "map", Entry("8.1", wrong))
    found = rosetta("--out", str(tmp_path), "--only", "map", "--quiet")
    assert found.exit_code == 1 and "map: answer" in found.output
    page = (tmp_path / "index.html").read_text()
    assert "NO" in page and "yes" in page


@pytest.mark.parametrize("name", ["maps", "6.2"])
def test_an_unknown_figure_lists_the_known_ones(name, tmp_path):
    found = rosetta("--out", str(tmp_path / "new"), "--only", name)
    assert found.exit_code == 1 and "jansen-rit" in found.output
    assert not (tmp_path / "new").exists()


def test_the_gallery_is_at_hand():
    assert rosetta_jax.gallery.PAGES is PAGES
