"""Many points, few features: the peak memory of a decomposition, in a process of its own."""

from __future__ import annotations

import resource
import subprocess
import sys
import time

import numpy as np

from benchmarks.measure import Result
from distill_lib.kernel import Spectrum, filters

TARGET = 4  # GiB


def decompose(n, r):
    """Decompose random features, check the fit against the normal equations, print the peak."""
    rng = np.random.default_rng(0)
    Phi, y = rng.standard_normal((n, r)), rng.standard_normal(n)
    start = time.process_time()
    spectrum = Spectrum.from_features(Phi)
    took = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    weights = spectrum.weights(filters.ridge(spectrum.eigenvalues, 1.0), y)
    primal = np.linalg.solve(Phi.T @ Phi + np.eye(r), Phi.T @ y)
    np.testing.assert_allclose(weights, primal, atol=1e-8 * np.abs(primal).max())
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB on Linux
    print(took, peak * unit / 2**30)


def run(n, r):
    command = [
        sys.executable,
        "-c",
        f"from benchmarks.memory import decompose; decompose({n}, {r})",
    ]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    took, peak = map(float, output.split())
    yield Result(
        task=f"`Spectrum.from_features`, {r} features",
        size=f"n = {n:,}",
        seconds=took,
        baseline=f"an n x n matrix: {n**2 * 8 / 2**30:.3g} GiB",
        baseline_seconds=None,
        value=peak,
        spread=None,
        unit="GiB peak",
        target=f"< {TARGET} GiB",
        met=peak < TARGET,
        note=f"a process of its own; the features take {n * r * 8 / 2**30:.2g} GiB",
    )
