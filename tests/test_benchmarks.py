"""The benchmarks run, compare equal predictions, and write what they print."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import readme
from benchmarks.measure import assert_same

ROOT = Path(__file__).parents[1]


def test_quick_run(tmp_path):
    output = tmp_path / "results.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--output", str(output)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    lines = [line for line in run.stdout.splitlines() if line.startswith("|")]
    results = json.loads(output.read_text())
    assert len(lines) - 2 == len(results["results"]) == 16
    assert len({line.count("|") for line in lines}) == 1  # a well-formed table
    assert {"date", "processor", "numpy", "scikit-learn"} <= results["machine"].keys()
    for result in results["results"]:
        assert result["value"] > 0
        assert result["seconds"] > 0


def test_routes_that_differ_are_not_compared():
    assert_same(np.array([1.0, 1e-9]), np.array([1.0, 0.0]))
    for other in ([1.0, 1e-7], [1.0, np.nan]):
        with pytest.raises(AssertionError, match="the two routes differ"):
            assert_same(np.array(other), np.array([1.0, 0.0]))


def test_the_readme_quotes_what_was_measured():
    measured = json.loads((ROOT / "benchmarks" / "results.json").read_text())
    page = (ROOT / "README.md").read_text("utf8")
    assert readme.updated(page, measured) == page
    changed = measured | {"results": [r | {"value": 2 * r["value"]} for r in measured["results"]]}
    assert readme.updated(page, changed) != page
