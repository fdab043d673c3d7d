"""Run an experiment over its seeds, in several processes if wanted, and store what comes out.

Every seed that is through is written to a folder beside the result. Whoever is interrupted calls
again: seeds that are there are not run again, and larger networks go on in the epoch they were in.

The seeds run through ``joblib.Parallel``. With a Dask cluster whose workers are processes of one
thread each (PyTorch's global random numbers are seeded), and a file system that all of them see,
``with joblib.parallel_config("dask"):`` around `run` with ``jobs=None`` sends them there.
"""

from __future__ import annotations

import contextlib
import datetime
import importlib
import os
import platform
import shutil
import time
from pathlib import Path

import joblib
import numpy as np
import torch

from distill_lib import results
from distill_lib.deep import checkpoints
from experiments import problems

NAMES = ("rounds", "alpha", "deviations", "switching", "noisy_labels")
FOLDER = Path(__file__).resolve().parents[1] / "results" / "deep"
PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "joblib", "distill-lib")


def settings_of(name, data, changes=None):
    """Return the settings of an experiment on a data set; refuse names it does not know."""
    if name not in NAMES:
        raise ValueError(f"there is no experiment {name!r}; there are {', '.join(NAMES)}")
    known = importlib.import_module(f"experiments.{name}").SETTINGS
    if data not in known:
        raise ValueError(f"{name} has settings for {', '.join(known)}, not for {data!r}")
    settings = {"data": data, **problems.COMMON[data], **known[data]}
    if unknown := [key for key in changes or {} if key not in settings]:
        raise ValueError(f"{name} has no setting {unknown[0]!r}; it has {', '.join(settings)}")
    return settings | (changes or {})


def run(name, data, *, seeds, out=FOLDER, device="cpu", jobs=1, changes=None):
    """Run what is missing, store the result, and return its path.

    Parameters
    ----------
    name, data : str
        The experiment, and the data set.
    seeds : int
        Seeds 0 to seeds - 1.
    out : path-like
        Folder of the result, ``<name>_<data>.json``.
    device : {"cpu", "cuda", "mps"}
    jobs : int or None
        Processes; None leaves it to ``joblib.parallel_config``.
    changes : dict, optional
        Settings to replace.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    ValueError
        If names or settings are unknown, or parts of a run with other settings are in the way.
    """
    settings = settings_of(name, data, changes)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    path, work = out / f"{name}_{data}.json", out / f"{name}_{data}.parts"
    about = {"name": f"{name}_{data}", "function": f"experiments.{name}.run", "settings": settings}
    about["seeds"] = list(range(seeds))
    if path.exists() and not work.exists():
        there = results.read(path).about
        if not checkpoints.differences(_compared(there), _compared(about)):
            return path
    work.mkdir(exist_ok=True)
    parts = joblib.Parallel(n_jobs=jobs)(
        joblib.delayed(one_seed)(name, settings, seed, device, work) for seed in range(seeds)
    )
    arrays = {key: np.stack([part.arrays[key] for part in parts]) for key in parts[0].arrays}
    about |= {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "seconds": round(sum(part.about["seconds"] for part in parts)),  # of one core
        "hardware": hardware(device),
        "versions": results.versions(*PACKAGES),
    }
    results.write(path, about, arrays)
    shutil.rmtree(work)
    return path


def one_seed(name, settings, seed, device, work):
    """Return what one seed gives; read it if it is there."""
    path = Path(work) / f"seed-{seed}.json"
    if path.exists():
        part = results.read(path)
        different = checkpoints.differences(part.about["settings"], settings)
        if different:
            raise ValueError(
                f"{path} belongs to a run with other settings: {'; '.join(different)}. Remove "
                "the folder, or use the same settings"
            )
        return part
    clock = time.process_time if device == "cpu" else time.perf_counter
    start = clock()
    with one_thread():
        module = importlib.import_module(f"experiments.{name}")
        arrays = module.run(settings, seed, device, Path(work) / f"seed-{seed}")
    seconds = round(clock() - start, 1)
    results.write(path, {"settings": settings, "seed": seed, "seconds": seconds}, arrays)
    shutil.rmtree(Path(work) / f"seed-{seed}", ignore_errors=True)
    return results.read(path)


def hardware(device):
    """Return what a reader needs to judge the seconds."""
    gpu = torch.cuda.get_device_name() if device.startswith("cuda") else None
    found = {"machine": platform.machine(), "cores": os.cpu_count(), "device": device}
    return found | ({"gpu": gpu} if gpu else {})


@contextlib.contextmanager
def one_thread():
    """Use one thread: small products gain nothing from more, and bits stay the same."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _compared(about):
    """Return what must be the same for a stored result to be the one asked for."""
    return {**about["settings"], "seeds": about["seeds"]}
