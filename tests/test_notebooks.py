"""Every notebook runs from top to bottom and says what its committed outputs say."""

import gc
import re
import sys
import warnings
from pathlib import Path
from typing import ClassVar

import jupyter_client
import nbformat
import numpy as np
import pytest
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LARGEST = 1.5e6  # bytes

NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
# "≈ 0.96" in the text: a number that the cell before it or after it prints.
STATED = re.compile(rf"≈ ({NUMBER})")
# A path of the machine it ran on: a root, and something in it.
LOCAL = re.compile(r"(?<![\w.:/])(?:/(?:home|Users|root|tmp|work|var|opt|mnt)/\w|[A-Z]:\\\\?\w)")


# Fits run for longer than they compile: these are compiled as for a reader, the others in the tests' way.
FITTING = {"06_fitting"}


class ThisPython(KernelSpecManager):
    """The one kernel that is sure to have this environment, registered or not."""

    environment: ClassVar[dict[str, str]] = {}

    def get_kernel_spec(self, kernel_name):
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        environment = self.environment
        return KernelSpec(argv=argv, display_name=kernel_name, language="python", env=environment)


class AsForAReader(ThisPython):
    """The same, compiled without the tests' flags."""

    environment: ClassVar[dict[str, str]] = {"XLA_FLAGS": ""}


class OwnManager(jupyter_client.AsyncKernelManager):
    """Made and shut down by the client: a kernel left running would hold gigabytes until the last test."""

    def _kernel_spec_manager_default(self):
        return ThisPython()


class ReadersManager(OwnManager):
    """Of kernels as for a reader."""

    def _kernel_spec_manager_default(self):
        return AsForAReader()


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def committed(request):
    return request.param, nbformat.read(request.param, as_version=4)


@pytest.fixture(scope="module")
def executed(committed, tmp_path_factory):
    """The notebook run anew in an empty folder; a cell that fails raises here."""
    path, _ = committed
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        kernel_manager_class=ReadersManager if path.stem in FITTING else OwnManager,
        timeout=900,
        resources={"metadata": {"path": str(tmp_path_factory.mktemp(path.stem))}},
    ).execute()
    # Sockets to the kernel that nobody closed: collected here, or another test would be blamed for them.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    return notebook


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(cell):
    """The text that a code cell printed."""
    return "".join(o.text for o in cell.get("outputs", []) if o.output_type == "stream")


def numbers(text):
    return np.array([float(found) for found in re.findall(NUMBER, text)])


def words(text):
    """The text without its numbers and the room they take."""
    return re.sub(r"\s+", " ", re.sub(rf"[+-]?{NUMBER}", "#", text)).strip()


def stated(notebook):
    """Every number that the text states, with its digits, and what the code cells beside it print."""
    cells = notebook.cells
    for at, cell in enumerate(cells):
        if cell.cell_type != "markdown":
            continue
        before = next((c for c in reversed(cells[:at]) if c.cell_type == "code"), None)
        after = next((c for c in cells[at:] if c.cell_type == "code"), None)
        beside = "\n".join(printed(c) for c in (before, after) if c is not None)
        for number in STATED.findall(cell.source):
            yield number, beside


def test_there_is_a_notebook():
    assert FOLDER / "06_fitting.ipynb" in NOTEBOOKS


def test_it_is_valid_and_small(committed):
    path, notebook = committed
    nbformat.validate(notebook)
    assert path.stat().st_size < LARGEST


def test_it_was_run_once_from_top_to_bottom(committed):
    counts = [cell.execution_count for cell in code(committed[1])]
    assert counts == list(range(1, len(counts) + 1))


def test_it_shows_no_errors_and_no_warnings(committed):
    kinds = {(o.output_type, o.get("name")) for c in code(committed[1]) for o in c.outputs}
    assert kinds <= {("stream", "stdout"), ("display_data", None), ("execute_result", None)}


def test_it_names_no_place_on_this_machine(committed):
    path, notebook = committed
    # Pictures are base64, which has slashes.
    pictures = {data for c in code(notebook) for o in c.outputs for data in _pictures(o)}
    text = path.read_text(encoding="utf-8")
    for picture in pictures:
        text = text.replace(picture.strip().replace("\n", "\\n"), "")
    places = {str(Path.home()), sys.prefix, str(FOLDER.parent)} - {"/"}
    assert LOCAL.findall(text) == [] and [place for place in places if place in text] == []


def _pictures(output):
    return [data for kind, data in output.get("data", {}).items() if kind.startswith("image/")]


def test_a_run_prints_what_was_committed(committed, executed):
    for old, new in zip(code(committed[1]), code(executed), strict=True):
        assert words(printed(new)) == words(printed(old))
        np.testing.assert_allclose(
            numbers(printed(new)), numbers(printed(old)), rtol=0.05, atol=0.02
        )


def test_a_run_draws_what_was_committed(committed, executed):
    def drawn(notebook):
        return [sum(len(_pictures(o)) for o in c.outputs) for c in code(notebook)]

    assert drawn(executed) == drawn(committed[1])


def test_the_text_states_what_is_printed_beside_it(committed):
    found = list(stated(committed[1]))
    assert found
    for number, beside in found:
        half = 0.505 * 10.0 ** -len(number.partition(".")[2])
        nearest = np.abs(numbers(beside) - float(number)).min(initial=np.inf)
        assert nearest <= half, f"the text says ≈ {number}, and beside it: {beside}"
