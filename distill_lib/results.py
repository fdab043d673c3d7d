"""Stored results of runs that take too long for a notebook.

``python tools/results.py`` and ``python -m experiments`` make them; each is one JSON file in the
folder ``results`` of the project, and comes along with an installed library. Reading one computes
nothing.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sysconfig
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

__all__ = ["Stored", "load", "read", "versions", "write"]

DIGITS = 9  # significant ones; more would only be rounding


class Stored(NamedTuple):
    """What a run returned, as named `arrays`, and what is known `about` it.

    `about` holds the name, the function with its settings (the seed among them), the data with
    their sha256, the date, the seconds it took and the versions it ran on.
    """

    about: dict
    arrays: dict[str, np.ndarray]


def load(name):
    """Read a stored result.

    Parameters
    ----------
    name : str
        Name of the run, for example ``"mnist_mixing"``.

    Returns
    -------
    Stored

    Raises
    ------
    FileNotFoundError
        If there is no result of this name.

    Notes
    -----
    Source: chapter 8 uses the first of them.

    Examples
    --------
    >>> stored = load("mnist_mixing")
    >>> stored.about["function"]
    'distill_lib.kernel.real_data.against_ridge'
    >>> stored.arrays["error"].shape  # splits, noise levels, regimes, methods
    (20, 3, 4, 4)
    """
    for folder in _folders():
        if (path := folder / f"{name}.json").is_file():
            return read(path)
    raise FileNotFoundError(
        f"there is no stored result {name!r}; 'python tools/results.py' in a checkout of the "
        "project lists the runs and makes them"
    )


def read(path):
    """Read a result from a file that `write` wrote.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Stored

    Notes
    -----
    Source: chapter 8.
    """
    stored = json.loads(Path(path).read_text("utf8"))
    arrays = {key: np.array(value, float) for key, value in stored["arrays"].items()}
    return Stored(stored["about"], arrays)


def write(path, about, arrays):
    """Write a result as JSON, with one line an entry; in one step, or not at all.

    Parameters
    ----------
    path : path-like
        The folder must exist. A file that is there is replaced.
    about : dict
        What is known about the result: plain numbers, text, lists and dictionaries.
    arrays : dict of array_like
        Numbers are rounded to nine significant digits; NaN becomes null.

    Notes
    -----
    Source: chapter 8.
    """
    parts = {"about": about, "arrays": {key: _rounded(a) for key, a in arrays.items()}}
    blocks = []
    for part, entries in parts.items():
        lines = [f'  "{key}": {json.dumps(v, allow_nan=False)}' for key, v in entries.items()]
        blocks.append(f' "{part}": {{\n' + ",\n".join(lines) + "\n }")
    path = Path(path)
    with tempfile.TemporaryDirectory(dir=path.parent) as part:
        written = Path(part) / path.name
        written.write_text("{\n" + ",\n".join(blocks) + "\n}\n", "utf8")
        os.replace(written, path)


def versions(*packages):
    """Return the versions of Python and of installed packages, by name.

    Parameters
    ----------
    *packages : str
        Names of distributions, for example ``"scikit-learn"``.

    Returns
    -------
    dict of str

    Notes
    -----
    Source: chapter 8.
    """
    found = {package: importlib.metadata.version(package) for package in packages}
    return {"python": platform.python_version(), **found}


def _rounded(array):
    """Return nested lists of numbers with a few significant digits; NaN becomes None."""
    if np.ndim(array):
        return [_rounded(part) for part in array]
    return None if np.isnan(array) else float(f"{array:.{DIGITS}g}")


def _folders():
    """Where results may be: in a checkout beside the package, or where pip puts data files."""
    yield Path(__file__).resolve().parents[1] / "results"
    for scheme in (sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user")):
        yield Path(sysconfig.get_path("data", scheme)) / "share" / "distill-lib" / "results"
