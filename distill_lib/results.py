"""Stored results of runs that take too long for a notebook.

``python tools/results.py`` makes them; each is one JSON file in the folder ``results`` of the
project, and comes along with an installed library. Reading one computes nothing.
"""

from __future__ import annotations

import json
import sysconfig
from pathlib import Path
from typing import NamedTuple

import numpy as np

__all__ = ["Stored", "load"]


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
            stored = json.loads(path.read_text("utf8"))
            arrays = {key: np.array(value, float) for key, value in stored["arrays"].items()}
            return Stored(stored["about"], arrays)
    raise FileNotFoundError(
        f"there is no stored result {name!r}; 'python tools/results.py' in a checkout of the "
        "project lists the runs and makes them"
    )


def _folders():
    """Where results may be: in a checkout beside the package, or where pip puts data files."""
    yield Path(__file__).resolve().parents[1] / "results"
    for scheme in (sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user")):
        yield Path(sysconfig.get_path("data", scheme)) / "share" / "distill-lib" / "results"
