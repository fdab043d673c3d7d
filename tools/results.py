"""Run what is too long for a notebook, and store what it returns with its provenance.

    .venv/bin/python tools/results.py                   list the runs
    .venv/bin/python tools/results.py mnist_mixing ...  run them and store the results

A run is a function of the library that returns named arrays, and its settings. The result goes to
``results/<name>.json`` in one step, when the run is through: an interrupted run changes nothing.
Notebooks read it with `distill_lib.results.load`. A test compares the settings stored with those
below, so whoever changes them runs them again.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import importlib.metadata
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from distill_lib import datasets

FOLDER = Path(__file__).resolve().parents[1] / "results"
PACKAGES = ("numpy", "scipy", "scikit-learn", "distill-lib")
DIGITS = 9  # significant ones; more would only be rounding
#: The data sets that are read from files, and the sha256 of their decompressed content.
FILES = {"mnist": datasets.MNIST_SHA256}


class Run(NamedTuple):
    """A function by its dotted name, its settings as they go to JSON, and the data it reads."""

    function: str
    settings: dict
    data: str


RUNS = {
    "mnist_mixing": Run(
        "distill_lib.kernel.real_data.against_ridge",
        {
            "data": "mnist",
            "noises": [0.0, 0.2, 0.4],
            "lams": [float(f"{lam:.4g}") for lam in np.logspace(-4, 2, 49)],
            "bandwidths": [0.5, 0.25, 1.0],
            "n_train": 2000,
            "n_test": 2000,
            "splits": 20,
            "seed": 0,
        },
        data="mnist",
    ),
}


def call(run, **changes):
    """Call the function of a run and return its named arrays.

    Parameters
    ----------
    run : Run
    **changes
        Settings to replace, for example ``splits=1``.

    Returns
    -------
    dict of ndarray
    """
    module, _, name = run.function.rpartition(".")
    function = getattr(importlib.import_module(module), name)
    return function(**(run.settings | changes))._asdict()


def about(name, run, seconds):
    """Return the provenance of a result."""
    versions = {package: importlib.metadata.version(package) for package in PACKAGES}
    return {
        "name": name,
        "function": run.function,
        "settings": run.settings,
        "data": {"name": run.data, "sha256 of the decompressed files": FILES[run.data]},
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "seconds": round(seconds),  # of one core
        "versions": {"python": platform.python_version(), **versions},
    }


def as_json(provenance, arrays):
    """Return the text of a result file, with one line an entry."""
    parts = {"about": provenance, "arrays": {key: rounded(a) for key, a in arrays.items()}}
    blocks = []
    for part, entries in parts.items():
        lines = [f'  "{key}": {json.dumps(v, allow_nan=False)}' for key, v in entries.items()]
        blocks.append(f' "{part}": {{\n' + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def rounded(array):
    """Return nested lists of numbers with a few significant digits; NaN becomes None."""
    if np.ndim(array):
        return [rounded(part) for part in array]
    return None if np.isnan(array) else float(f"{array:.{DIGITS}g}")


def store(name, run, folder=FOLDER):
    """Run and store; return the path. The file is replaced in one step, or not at all."""
    start = time.process_time()
    # Two threads that fight for two cores make linear algebra an order of magnitude slower.
    with threadpool_limits(1):
        arrays = call(run)
    text = as_json(about(name, run, time.process_time() - start), arrays)
    path = folder / f"{name}.json"
    with tempfile.TemporaryDirectory(dir=folder) as part:
        written = Path(part) / path.name
        written.write_text(text, "utf8")
        os.replace(written, path)
    return path


def main(arguments=None):
    """Store the named runs, or list all; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="which runs (default: list them)")
    names = parser.parse_args(arguments).names
    if unknown := [name for name in names if name not in RUNS]:
        parser.error(f"unknown run {unknown[0]!r}; there are: {', '.join(RUNS)}")
    if not names:
        print("\n".join(f"{name}: {run.function} on {run.data}" for name, run in RUNS.items()))
    for name in names:
        try:
            print(store(name, RUNS[name]))
        except FileNotFoundError as error:  # the data are missing; the message says what to do
            print(f"{name}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
