"""What the README shows is run."""

import re
from pathlib import Path

import numpy as np
import pytest

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.skipif(not README.exists(), reason="installed without the README")
def test_the_python_of_the_readme_runs_and_finds_what_it_fits(capsys):
    (block,) = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    names = {}
    exec(compile(block, str(README), "exec"), names)
    assert names["solution"].succeeded
    np.testing.assert_allclose(names["result"].values["rung.alpha"], -5.0, rtol=0.05)
    assert "succeeded" in capsys.readouterr().out
