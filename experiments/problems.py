"""Data sets with wrong labels, as tensors, and what every data set is trained with."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from distill_lib import datasets, noise
from distill_lib.deep.train import Data

CLASSES = 10

#: Sizes, network and length of training for every data set.
COMMON = {
    "digits": {
        "n_train": 400, "n_validation": 300, "n_test": None, "size": 8,
        "model": ["mlp", 64], "epochs": 100, "batch_size": 50,
    },
    "mnist": {
        "n_train": 10000, "n_validation": 2000, "n_test": 10000, "size": 14,
        "model": ["mlp", 128], "epochs": 40, "batch_size": 100,
    },
    "cifar10": {
        "n_train": 45000, "n_validation": 5000, "n_test": 10000, "size": 32,
        "model": ["resnet20"], "epochs": 75, "batch_size": 128,
    },
    "cifar10n": {
        "n_train": 2500, "n_validation": 300, "n_test": 1200, "size": 16,
        "model": ["cnn", 16, 32], "epochs": 25, "batch_size": 100,
    },
}  # fmt: skip


class Problem(NamedTuple):
    """One split with one kind of wrong labels.

    `data` holds the given labels, wrong ones among them, for training and validation.
    """

    data: Data
    clean: torch.Tensor
    clean_validation: torch.Tensor
    X_test: torch.Tensor
    y_test: torch.Tensor


def load(settings, seed):
    """Return one problem for every noise in the settings, all of the same split.

    A noise is ``["symmetric", rate]``, ``["pairs", rate]`` (each class to the next one) or, for
    CIFAR-10N, ``["human", name]``.
    """
    return [_problem(settings, kind, seed) for kind in settings["noises"]]


def _problem(settings, kind, seed):
    """Draw a split and its wrong labels."""
    name, rate = kind
    wanted = settings["n_train"], settings["n_validation"]
    size = settings["size"]
    if settings["data"] == "cifar10n":
        split = datasets.cifar10n(*wanted, settings["n_test"], labels=rate, seed=seed, size=size)
        given, clean = split[1:5:3], (split.clean_train, split.clean_validation)
    else:
        if settings["data"] == "digits":
            split = datasets.digits(*wanted, seed=seed)
            n = settings["n_test"]  # None for all that are left
            split = split._replace(X_test=split.X_test[:n], y_test=split.y_test[:n])
        else:
            load_images = getattr(datasets, settings["data"])
            split = load_images(*wanted, settings["n_test"], seed=seed, size=size)
        clean = split.y_train, split.y_validation
        rng = np.random.default_rng([seed, 1])
        given = [_wrong(labels, name, rate, rng) for labels in clean]
    shape = _shape(settings)
    parts = split.X_train, split.X_validation, split.X_test
    X, V, T = (_images(part, shape, settings["model"]) for part in parts)
    return Problem(
        Data.from_arrays(X, given[0], validation=(V, given[1])),
        *map(torch.as_tensor, clean),
        torch.as_tensor(T, dtype=torch.float32),
        torch.as_tensor(split.y_test),
    )


def _wrong(labels, name, rate, rng):
    """Return noisy labels."""
    if name == "symmetric":
        return noise.symmetric(labels, rate, n_classes=CLASSES, rng=rng)
    if name == "pairs":
        return noise.asymmetric(labels, noise.pair_transition(CLASSES, rate), rng=rng)
    raise ValueError(f"a noise is ['symmetric', rate] or ['pairs', rate], got {[name, rate]}")


def _shape(settings):
    """Return channels, height and width of an image."""
    channels = 3 if settings["data"].startswith("cifar10") else 1
    return channels, settings["size"], settings["size"]


def _images(X, shape, model):
    """Return rows for a multilayer perceptron, images (n, channels, height, width) for others."""
    if model[0] == "mlp":
        return X
    channels, height, width = shape
    return X.reshape(len(X), height, width, channels).transpose(0, 3, 1, 2)
