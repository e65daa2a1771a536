"""What the README shows is run."""

import re
from pathlib import Path

import numpy as np
import pytest

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.skipif(not README.exists(), reason="installed without the README")
def test_the_python_of_the_readme_runs_and_finds_what_it_fits(capsys):
    names = {}
    for block in re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL):
        exec(compile(block, str(README), "exec"), names)
    assert names["solution"].succeeded
    np.testing.assert_allclose(names["result"].values["rung.alpha"], -5.0, rtol=0.05)
    fc = names["found"].reduced["fc"]
    assert fc.shape == (16, 68, 68) and names["found"].succeeded
    np.testing.assert_allclose(np.diagonal(fc, axis1=1, axis2=2), 1.0, rtol=1e-9)
    assert "succeeded" in capsys.readouterr().out
