"""The same sound, the same model: the same samples as always, and the same bytes in every run."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from build_scripts.evaluate import golden
from percepnet_wasm.constants import DELAY

KEPT = json.loads(golden.GOLDEN.read_text())
REMEDY = "if the change is wanted: python -m build_scripts.evaluate.golden"


def test_the_golden_case_is_the_one_that_was_kept():
    assert hashlib.sha256(golden.model()).hexdigest() == KEPT["model_sha256"]


@pytest.mark.parametrize("block", [1, 2, 12])
def test_output_is_the_golden_one(block):
    """The kernels' are in test_kernel.py and tests/pyodide/test_determinism.py."""
    output = golden.run("numpy", block)
    assert np.abs(output[DELAY:] - golden.sound()[:-DELAY]).max() > 0.05, "nothing was enhanced"
    np.testing.assert_allclose(golden.summary(output), KEPT["samples"], atol=golden.TOLERANCE["numpy"], err_msg=REMEDY)


def test_another_output_would_be_noticed():
    other = golden.summary(golden.run("numpy") * np.float32(1.01))
    assert np.abs(np.array(other) - KEPT["samples"]).max() > golden.TOLERANCE["numpy"]


def test_bytes_are_the_same_in_every_run():
    code = "from build_scripts.evaluate import golden; print(golden.digest(golden.run('numpy')))"
    root = Path(__file__).parents[2]
    run = [sys.executable, "-c", code]
    digests = [subprocess.run(run, cwd=root, capture_output=True, text=True, check=True).stdout for _ in range(2)]
    assert {digests[0].strip(), digests[1].strip()} == {golden.digest(golden.run("numpy"))}
