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
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from distill_lib import datasets, results

FOLDER = Path(__file__).resolve().parents[1] / "results"
PACKAGES = ("numpy", "scipy", "scikit-learn", "distill-lib")
#: The data sets that are read from files, and the sha256 of their decompressed content.
FILES = {
    "mnist": datasets.MNIST_SHA256,
    "cifar10n": datasets.CIFAR10N_SHA256,
    "digits": {
        "load_digits: X as little-endian float64, then y as int64": (
            "f6d9e39f37dc45d327f6db33428ee58970ccceabb2535a5c179de35886b70443"
        )
    },
}


class Run(NamedTuple):
    """A function by its dotted name, its settings as they go to JSON, and the data it reads."""

    function: str
    settings: dict
    data: str


def _log_grid(low, high, number):
    """Return powers of ten from 10**low to 10**high, to four digits."""
    return [float(f"{value:.4g}") for value in np.logspace(low, high, number)]


def _powers(first, factor, number):
    """Return `number` values that grow by `factor`, to three digits."""
    return [float(f"{first * factor**k:.3g}") for k in range(number)]


def _whole_log_grid(last, number):
    """Return at most `number` whole numbers from 1 to `last`, about evenly spaced in logarithm."""
    return np.unique(np.geomspace(1, last, number).round().astype(int)).tolist()


#: What the comparisons of chapter 12 share.
_SELF_LABELS = {
    "steps": _whole_log_grid(10**5, 61),
    "lams": _log_grid(-3, 3, 61),
    "late_lams": [0.0, 0.03, 0.1, 0.3, 1.0, 3.0],
    "burn_ins": [1, 2, 4, 8, 16, 32],
    "decays": [0.0, 0.5, 0.8, 0.9, 0.95],
    "alphas": [0.1, 0.3],
    "temperatures": [0.1],
    "n_validation": 500,
    "seeds": 10,
    "seed": 0,
}
_MNIST_SELF_LABELS = _SELF_LABELS | {
    "data": "mnist",
    "n_train": 1000,
    "n_test": 2000,
    "size": 14,
    "epochs": 100,
}

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
    "mnist_energy": Run(
        "distill_lib.kernel.noisy_data.informative_energy",
        {
            "data": "mnist",
            "rates": [0.2, 0.4],
            "counts": _whole_log_grid(2000, 41),
            "steps": [0, *_whole_log_grid(10**5.5, 56)],
            "n_train": 2000,
            "n_test": 2000,
            "size": 14,
            "depth": 1,
            "seeds": 10,
            "seed": 0,
        },
        data="mnist",
    ),
    "mnist_energy_pair": Run(
        "distill_lib.kernel.noisy_data.informative_energy",
        {
            "data": "mnist",
            "rates": [0.2, 0.4],
            "counts": _whole_log_grid(2000, 41),
            "steps": [0, *_whole_log_grid(10**5.5, 56)],
            "n_train": 2000,
            "n_test": 1000,
            "size": 14,
            "depth": 1,
            "classes": [3, 8],
            "seeds": 10,
            "seed": 0,
        },
        data="mnist",
    ),
    "mnist_burn_in": Run(
        "distill_lib.kernel.noisy_data.burn_in_map",
        {
            "data": "mnist",
            "noise_name": ["symmetric", 0.4],
            "burn_ins": [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96],
            "decays": [0.0, 0.5, 0.8, 0.9, 0.95, 0.98],
            "n_train": 1000,
            "n_test": 2000,
            "size": 14,
            "depth": 1,
            "updates": 50,
            "epochs": 200,
            "seeds": 10,
            "seed": 0,
        },
        data="mnist",
    ),
    "mnist_self_labels": Run(
        "distill_lib.kernel.noisy_data.self_labels_against_stopping",
        _MNIST_SELF_LABELS
        | {
            "noises": [["symmetric", 0.2], ["symmetric", 0.4], ["pairs", 0.4]],
            "depth": 1,
            "updates": 50,
        },
        data="mnist",
    ),
    "mnist_self_labels_rbf": Run(
        "distill_lib.kernel.noisy_data.self_labels_against_stopping",
        _MNIST_SELF_LABELS | {"noises": [["symmetric", 0.4]], "bandwidth": 0.5, "updates": 4},
        data="mnist",
    ),
    "cifar10n_self_labels": Run(
        "distill_lib.kernel.noisy_data.self_labels_against_stopping",
        _SELF_LABELS
        | {
            "data": "cifar10n",
            "noises": ["worse", "random1"],
            "decays": [0.0, 0.8, 0.9],
            "n_train": 2000,
            "n_test": 1500,
            "size": 8,
            "depth": 3,
            "updates": 200,
            "epochs": 60,
        },
        data="cifar10n",
    ),
    "digits_rounds": Run(
        "distill_lib.deep.digit_rounds.against_weight_decay",
        {
            "cases": [
                {
                    "rate": 0.4,
                    "loss": "squared error",
                    "weight_decays": _powers(0.001, 1.3, 12),
                },
                {
                    "rate": 0.4,
                    "loss": "cross-entropy",
                    "weight_decays": _powers(0.002, 1.3, 12),
                },
            ],
            "rounds": 5,
            "seeds": 20,
            "seed": 13,
        },
        data="digits",
    ),
    "digits_alpha": Run(
        "distill_lib.deep.digit_rounds.alphas_in_settings",
        {
            "cases": [
                {"rate": 0.4, "loss": "squared error", "weight_decay": 0.001},
                {"rate": 0.4, "loss": "squared error", "weight_decay": 0.003},
                {"rate": 0.4, "loss": "squared error", "weight_decay": 0.01},
                {"rate": 0.2, "loss": "squared error", "weight_decay": 0.003},
                {"rate": 0.4, "loss": "cross-entropy", "weight_decay": 0.01},
                {"rate": 0.0, "loss": "squared error", "weight_decay": 0.003},
            ],
            "alphas": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0],
            "seeds": 20,
            "seed": 13,
        },
        data="digits",
    ),
    "digits_long_chains": Run(
        "distill_lib.deep.digit_rounds.rounds_on_digits",
        {
            "rate": 0.4,
            "loss": "squared error",
            "weight_decays": [0.0, 0.001, 0.002, 0.004],
            "rounds": 14,
            "seeds": 20,
            "seed": 1313,
        },
        data="digits",
    ),
    "digits_self_labels": Run(
        "distill_lib.deep.digit_noise.against_decay",
        {
            "noises": [["symmetric", 0.2], ["symmetric", 0.4], ["pairs", 0.4]],
            "weight_decays": [0.002, 0.003, 0.0045, 0.0065, 0.0095, 0.014, 0.02, 0.03, 0.045],
            "burn_in": 15,
            "q": 0.9,
            "slow": 0.97,
            "epochs": 100,
            "seeds": 20,
            "seed": 150,
        },
        data="digits",
    ),
    "digits_refits": Run(
        "distill_lib.deep.digit_noise.hard_refits",
        {
            "noises": [["symmetric", 0.4], ["pairs", 0.4]],
            "weight_decays": [0.002, 0.003, 0.0045, 0.0065, 0.0095, 0.014, 0.02, 0.03, 0.045],
            "refits": 4,
            "epochs": 100,
            "seeds": 20,
            "seed": 150,
        },
        data="digits",
    ),
    "digits_burn_in": Run(
        "distill_lib.deep.digit_noise.burn_in_grid",
        {
            "noises": [["symmetric", 0.4], ["pairs", 0.4]],
            "factors": [0.5, 0.9, 0.97],
            "burn_ins": [1, 3, 7, 15, 25, 40, 80],
            "epochs": 100,
            "seeds": 20,
            "seed": 151,
        },
        data="digits",
    ),
    "cifar10n_networks": Run(
        "distill_lib.deep.human_labels.human_labels",
        {
            "labels": "worse",
            "weight_decays": [0.0, 0.002],
            "n_train": 2500,
            "n_validation": 300,
            "n_test": 1200,
            "size": 16,
            "epochs": 25,
            "burn_in": 11,
            "short": 4,
            "q": 0.8,
            "batch_size": 64,
            "lr": 0.001,
            "seeds": 5,
            "seed": 0,
        },
        data="cifar10n",
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


def packages(run):
    """Return the names of the packages whose versions belong to a result."""
    return (*PACKAGES, "torch") if run.function.startswith("distill_lib.deep.") else PACKAGES


def about(name, run, seconds):
    """Return the provenance of a result."""
    return {
        "name": name,
        "function": run.function,
        "settings": run.settings,
        "data": {"name": run.data, "sha256 of the decompressed files": FILES[run.data]},
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "seconds": round(seconds),  # of one core
        "versions": results.versions(*packages(run)),
    }


def store(name, run, folder=FOLDER):
    """Run and store; return the path. The file is replaced in one step, or not at all."""
    start = time.process_time()
    # Two threads that fight for two cores make linear algebra an order of magnitude slower.
    with threadpool_limits(1):
        arrays = call(run)
    path = folder / f"{name}.json"
    results.write(path, about(name, run, time.process_time() - start), arrays)
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
