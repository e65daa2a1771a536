"""The layers of the design, as a contract: a file imports only from lines below its own."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import rosetta_jax

ROOT = Path(rosetta_jax.__file__).parent
# From the top; parts on one line never import each other.
LAYERS = (
    "cli",
    "gallery",
    "report",
    "plot",
    "stimulation",
    "inference",
    "translation | synthetic | evoked",
    "bifurcation | measures",
    "simulation | linear | sweeps",
    "data | working_points",
    "network",
    "rungs | forcing | observe",
    "system | optimise",
    "parameters | results",
    "regional | edges",
    "priors | _kernel | _identity",
    "_types | _checks | _precision | _holdable | _desikan_killiany | _fingerprint",
)
LINE = {part: line for line, parts in enumerate(LAYERS) for part in parts.split(" | ")}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}


def imports(source: str) -> set[str]:
    """The full names of all that a source imports, at its top or anywhere inside."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def own(source: str) -> set[str]:
    """The modules of the package that a source imports."""
    found = set()
    for name in imports(source):
        while name.startswith("rosetta_jax") and name not in FILES:
            name = name.rpartition(".")[0]
        if name.startswith("rosetta_jax"):
            found.add(name)
    return found


def offences(name: str, source: str) -> list[str]:
    """The imports of a file that its layer does not allow."""
    part = name.split(".")[1]
    wrong = []
    for other in own(source):
        if other == "rosetta_jax":
            wrong.append(other)  # the public face lies above everything
            continue
        target = other.split(".")[1]
        if target != part and LINE[target] <= LINE[part]:
            wrong.append(other)
    return wrong


INNER = [name for name in FILES if name != "rosetta_jax"]


@pytest.mark.parametrize("name", INNER)
def test_every_file_belongs_to_a_layer(name):
    assert name.split(".")[1] in LINE


@pytest.mark.parametrize("name", INNER)
def test_a_file_imports_only_from_layers_below_its_own(name):
    assert offences(name, FILES[name].read_text()) == []


@pytest.mark.parametrize(
    "name, source, wrong",
    [
        ("rosetta_jax.linear.new", "from rosetta_jax.simulation import march", 1),
        ("rosetta_jax.network.new", "def f():\n    import rosetta_jax.linear", 1),
        ("rosetta_jax.network.new", "from rosetta_jax import Network", 1),
        ("rosetta_jax.network.new", "from rosetta_jax import _checks, plot", 1),
        ("rosetta_jax.network.new", "from rosetta_jax.network.coupling import Additive", 0),
    ],
)
def test_the_contract_sees_an_offence(name, source, wrong):
    assert len(offences(name, source)) == wrong


def test_no_module_imports_itself_through_others():
    # A cycle raises.
    order = list(
        TopologicalSorter({n: own(p.read_text()) for n, p in FILES.items()}).static_order()
    )
    assert set(order) == set(FILES)


def test_the_atlas_sits_below_what_is_synthetic():
    assert LINE["_desikan_killiany"] > LINE["synthetic"]
    assert "rosetta_jax._desikan_killiany" in own(FILES["rosetta_jax.synthetic"].read_text())


@pytest.mark.parametrize(
    "library, folder",
    [
        ("matplotlib", "plot"),
        ("jinja2", "report"),
        ("typer", "cli"),
        ("numpyro", "inference"),
        ("arviz", "inference"),
        ("zarr", "sweeps"),
    ],
)
def test_an_extra_is_imported_in_its_own_folder_only(library, folder):
    users = {
        name.split(".")[1]
        for name in INNER
        if any(found.split(".")[0] == library for found in imports(FILES[name].read_text()))
    }
    assert users == {folder}


SCRIPT = """
import sys
import jax
def settings():
    values = jax.config.values
    return dict(values() if callable(values) else values)
before = settings()
import rosetta_jax
assert settings() == before, "importing changes the settings of jax"
print(*{name.split(".")[0] for name in sys.modules})
"""


def test_importing_needs_no_extra_and_changes_no_setting():
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert {"rosetta_jax", "jax"} <= set(run.stdout.split())
    assert not {"matplotlib", "typer", "jinja2", "numpyro", "arviz", "xarray", "zarr"} & set(
        run.stdout.split()
    )


def test_importing_prints_nothing():
    run = subprocess.run(
        [sys.executable, "-c", "import rosetta_jax"], capture_output=True, text=True
    )
    assert run.stdout == "" and run.stderr == ""
