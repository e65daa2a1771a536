"""The page: complete, self-contained, escaped."""

import base64
import importlib
import re
import struct
import sys
from html.parser import HTMLParser
from importlib import resources

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.figure import Figure

from rosetta_jax.report import Picture, Section, Table, page, write_page
from rosetta_jax.report.page import cell

VOID = {"meta", "img", "br", "hr", "link", "input"}


class Reader(HTMLParser):
    """Tags with attributes, the visible text, and whether every tag closes in order."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.open, self.styles = [], "", [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            self.styles += data
        else:
            self.text += data


def figure(width=3.0):
    drawing = Figure(figsize=(width, 2.0))
    drawing.subplots().plot([1, 2, 3])
    return drawing


ROWS = [
    {"symbol": "G", "value": 0.812345, "unit": "1", "meaning": "gain"},
    {"symbol": "v", "value": 9.31, "unit": "m/s", "meaning": "speed"},
    {"symbol": "n", "value": 68, "unit": "1", "meaning": "regions", "extra": -0.5},
]


@pytest.fixture(scope="module")
def html():
    return page(
        "Fit of <b>MEG</b>",
        "It fits.\n\nRead it against\nthe baselines.",
        [
            Section("Parameters & more", "One.\n\nTwo.", [Table(ROWS, "Fitted", "Best of 12.")]),
            Section("Pictures", pictures=[Picture(figure(), "A line.", 'a "line" <up>')]),
            Section("Wide", pictures=[Picture(figure(14.0), "A wide line.")]),
        ],
        facts={"correlation r": 0.8616, "starts": 12},
        provenance={"versions": {"jax": "0.6.0"}, "seed": 3, "nested": {"deep": {"x": 1.5}}},
    )


def test_every_number_and_word_is_there(html):
    text = " ".join(Reader(html).text.split())
    for wanted in (
        *("It fits.", "Read it against the baselines.", "One.", "Two.", "Fitted", "Best of 12."),
        *("0.8123", "9.31", "68", "−0.5", "m/s", "speed", "correlation r", "0.8616", "12"),
        *("versions.jax", "0.6.0", "seed", "nested.deep.x", "1.5", "A line.", "Parameters & more"),
    ):
        assert wanted in text, wanted


def test_nothing_is_fetched(html):
    reader = Reader(html)
    for tag, attributes in reader.tags:
        assert tag not in {"script", "link", "iframe", "object", "embed"}
        for name in ("src", "href", "srcset", "data", "action"):
            value = attributes.get(name, "#")
            assert value.startswith(("#", "data:image/png;base64,")), (tag, name, value[:40])
    assert "url(" not in reader.styles and "@import" not in reader.styles


def test_links_within_the_page_arrive(html):
    tags = Reader(html).tags
    targets = [a["href"][1:] for tag, a in tags if tag == "a"]
    names = [a["id"] for _, a in tags if "id" in a]
    assert len(targets) == 3
    assert set(targets) <= set(names) and len(names) == len(set(names))


def test_tags_close_and_text_is_escaped(html):
    reader = Reader(html)
    assert not reader.open
    assert "<b>" not in html and "&lt;b&gt;MEG&lt;/b&gt;" in html
    images = [attributes for tag, attributes in reader.tags if tag == "img"]
    assert images[0]["alt"] == 'a "line" <up>'
    nasty = page("t", "s", [Section("h", tables=[Table([{"<i>": "<script>alert(1)</script>"}])])])
    assert "<script" not in nasty and "<i>" not in nasty


def test_pictures_are_png_of_their_own_shape_with_alt_texts(html):
    images = [attributes for tag, attributes in Reader(html).tags if tag == "img"]
    assert [image["alt"] for image in images] == ['a "line" <up>', "A wide line."]
    data = base64.b64decode(images[0]["src"].split(",", 1)[1])
    assert data.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", data[16:24])
    assert width / height == pytest.approx(1.5, rel=0.01)
    assert (images[0]["width"], images[0]["height"]) == ("288", "192")
    wide = [a.get("class") for tag, a in Reader(html).tags if tag == "figure"]
    assert wide == [None, "wide"]


def test_tables_hold_every_heading_once_and_a_gap_where_a_row_has_none(html):
    headings = re.findall(r'<th scope="col"( class="right")?>([^<]*)</th>', html)
    assert [name for _, name in headings] == ["symbol", "value", "unit", "meaning", "extra"]
    assert [name for right, name in headings if right] == ["value", "extra"]
    rows = re.findall(r"<tr>((?:<td.*?</td>)+)</tr>", html)
    assert [row.count("<td") for row in rows] == [5, 5, 5]
    assert rows[0].endswith('<td class="right"></td>')


def test_a_column_of_numbers_and_words_is_set_left():
    rows = [{"value": 1.5, "count": 3}, {"value": "free", "count": None}]
    text = page("t", "s", [Section("h", tables=[Table(rows)])])
    assert re.findall(r'<th scope="col"( class="right")?>', text) == ["", ' class="right"']


def test_an_empty_line_parts_paragraphs(html):
    assert "<p>One.</p>\n<p>Two.</p>" in html
    assert "<p>Read it against the baselines.</p>" in html


def test_a_page_needs_no_tables_facts_or_provenance():
    text = page("Title", "Summary.", [Section("Only", "Words.")])
    reader = Reader(text)
    assert not {"nav", "table", "figure", "dl"} & {tag for tag, _ in reader.tags}
    assert reader.tags[0] == ("html", {"lang": "en"})
    assert text.startswith("<!DOCTYPE html>")
    assert "@media print" in reader.styles


@pytest.mark.parametrize(
    "value, text, number",
    [
        (1.23456789e-7, "1.235e-07", True),
        (-2, "−2", True),
        (np.float32(0.5), "0.5", True),
        (float("nan"), "nan", True),
        (True, "yes", False),
        (None, "–", False),
        ("a-b", "a-b", False),
        ([1, 2.5, "x"], "1, 2.5, x", False),
        (np.array(3.14159), "3.142", True),
        (np.array([1, 2, 3, 4, 5, 6]), "1, 2, 3, 4, 5, 6", False),
        (np.array([1.0, -2.0]), "1, −2", False),
        (np.linspace(-1, 1, 5), "median 0 (−1 to 1; 5 values)", False),
        (jnp.array(2.5), "2.5", True),
    ],
)
def test_values_are_written_for_readers(value, text, number):
    found = cell(value)
    assert (found.text, found.number) == (text, number)


def test_a_picture_without_caption_is_refused():
    with pytest.raises(ValueError, match="`caption` of a picture is empty"):
        page("t", "s", [Section("h", pictures=[Picture(figure(), " ")])])


def test_a_page_is_written_whole(tmp_path):
    path = write_page(tmp_path / "report.html", "Tïtle", "Summary.", [], facts={"r": 0.5})
    assert path == tmp_path / "report.html"
    assert path.read_text(encoding="utf-8") == page("Tïtle", "Summary.", [], facts={"r": 0.5})
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_a_failed_page_leaves_the_old_one(tmp_path):
    path = write_page(tmp_path / "report.html", "Old", "Summary.", [])
    with pytest.raises(ValueError):
        write_page(path, "New", "S", [Section("h", pictures=[Picture(figure(), "")])])
    assert "Old" in path.read_text(encoding="utf-8")


def test_the_template_lies_in_the_package():
    assert resources.files("rosetta_jax.report").joinpath("page.html.jinja").is_file()


def test_without_jinja2_the_remedy_is_named(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("rosetta_jax.report")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match=r'pip install "rosetta-jax\[cli\]"'):
        importlib.import_module("rosetta_jax.report")
