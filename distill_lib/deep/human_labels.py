"""Experiment of chapter 15: CIFAR-10 with labels that people gave, and a convolutional network.

The labels of the training and of the validation set are human, and wrong where the images are hard;
test labels are the true ones, and nothing is chosen on them.

Source: chapter 15; the labels of Wei et al. (2022).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from distill_lib import _validation as check
from distill_lib import datasets
from distill_lib.deep import losses, models
from distill_lib.deep.self_labels import SequentialTargets, own_labels
from distill_lib.deep.train import Callback, Data, accuracy, fit, predict
from distill_lib.kernel.self_labels import geometric_weights

__all__ = ["METHODS", "HumanLabels", "human_labels"]

CLASSES = 10

#: The given labels; a second network on the hard labels of the first, stopped where the noisy
#: validation accuracy is highest; and self-labels after a burn-in.
METHODS = ("given labels", "hard refit", "soft", "hard", "hard, short burn-in")


class HumanLabels(NamedTuple):
    """Accuracies over seeds (s), weight decays (w), methods (m) and epochs (e), (s, w, m, e).

    `given` counts the given and `repaired` the true labels of the training set, `validation` the
    given and `clean_validation` the true labels of the validation set, `test` the true labels of
    the test set. `wrong` (s,) is the share of wrong labels in the training set.
    """

    given: np.ndarray
    repaired: np.ndarray
    validation: np.ndarray
    clean_validation: np.ndarray
    test: np.ndarray
    wrong: np.ndarray


class _Watch(Callback):
    """Measure after every epoch, and keep the outputs on the training set."""

    def __init__(self, split):
        self.split, self.rows, self.outputs = split, [], []

    def epoch_end(self, state):
        given, clean, (V, v), clean_v, T, t = self.split
        held_out = predict(state.model, V)
        self.outputs.append(state.outputs.clone())
        self.rows.append(
            [
                accuracy(state.outputs, given), accuracy(state.outputs, clean),
                accuracy(held_out, v), accuracy(held_out, clean_v),
                accuracy(predict(state.model, T), t),
            ]
        )  # fmt: skip


def human_labels(
    *, labels="worse", n_train=2500, n_validation=300, n_test=1200, size=16, weight_decays=(0.0,),
    epochs=25, burn_in=11, short=4, q=0.8, batch_size=64, lr=0.001, seeds=1, seed=0,
):  # fmt: skip
    """Train a small convolutional network on human labels, in the ways of `METHODS`.

    Parameters
    ----------
    labels : str
        As for `datasets.cifar10n`.
    n_train, n_validation, n_test, size : int
        Images of each part; pixels a side.
    weight_decays : sequence of W floats
        Each with every method.
    epochs : int
        As for `train.fit`.
    burn_in, short : int
        As for `distill_lib.kernel.self_labels.geometric_weights`, in epochs: the given labels have
        the weight 1 in the epochs 0 to `burn_in`, or only to `short`.
    q : float
        Factor of the weight on the given labels in every epoch after that.
    batch_size, lr
        As for `train.fit`, with Adam and a constant rate.
    seeds : int
        Number of splits, >= 1.
    seed : int, default 0
        The first ones do not depend on how many follow.

    Returns
    -------
    HumanLabels

    Raises
    ------
    FileNotFoundError
        If there are no files, see `datasets.cifar10n`.
    TypeError, ValueError
        If an argument is out of range.

    Notes
    -----
    Source: chapter 15.
    """
    seeds = check.scalar_whole("seeds", seeds, minimum=1)
    decays = np.atleast_1d(check.non_negative("weight_decays", weight_decays)).tolist()
    rows, wrong = [], []
    for s in range(seeds):
        draw = int(np.random.default_rng([seed, s]).integers(2**31))
        parts = datasets.cifar10n(
            n_train, n_validation, n_test, labels=labels, seed=draw, size=size
        )
        wrong.append((parts.y_train != parts.clean_train).mean())
        data, split = _tensors(parts, size)
        plans = {
            "soft": _own("soft", epochs, q, burn_in),
            "hard": _own("hard", epochs, q, burn_in),
            "hard, short burn-in": _own("hard", epochs, q, short),
        }
        settings = {"epochs": epochs, "batch_size": batch_size, "lr": lr}
        rows.append([_methods(data, split, plans, decay, s, settings) for decay in decays])
    accuracies = np.moveaxis(np.array(rows), -1, 0)  # (5, s, w, m, e)
    return HumanLabels(*accuracies, np.array(wrong))


def _own(target, epochs, q, burn_in):
    """Return a maker of fresh callbacks: one has the memory of one run."""
    return lambda: SequentialTargets(geometric_weights(epochs, q, burn_in=burn_in), target=target)


def _tensors(parts, size):
    """Return the training data, each channel standardized, and what is to be measured on."""
    n_train, n_validation = len(parts.y_train), len(parts.y_validation)
    X = np.concatenate([parts.X_train, parts.X_validation, parts.X_test])
    X = X.reshape(-1, size, size, 3).transpose(0, 3, 1, 2)
    of_training = X[:n_train]
    X = X - of_training.mean((0, 2, 3), keepdims=True)
    X = torch.tensor(X / of_training.std((0, 2, 3), keepdims=True), dtype=torch.float32)
    X_train, V, T = X.split([n_train, n_validation, len(X) - n_train - n_validation])
    y, clean, v, clean_v, t = (
        torch.tensor(np.asarray(a, dtype=np.int64))
        for a in (
            parts.y_train, parts.clean_train, parts.y_validation, parts.clean_validation,
            parts.y_test,
        )
    )  # fmt: skip
    return Data(X_train, y, y), (y, clean, (V, v), clean_v, T, t)


def _methods(data, split, plans, decay, seed, settings):
    """Train once a method; return (methods, epochs, 5)."""

    def curves(data, seed, callbacks=()):
        watch = _Watch(split)
        model = models.small_cnn(data.X.shape[1:], CLASSES, seed=seed)
        fit(
            model, data, losses.cross_entropy, optimizer="adam", schedule="constant",
            weight_decay=decay, seed=seed, callbacks=[watch, *callbacks], **settings,
        )  # fmt: skip
        return np.array(watch.rows), watch.outputs

    found, outputs = curves(data, seed)
    best = int(found[:, 2].argmax())
    refit = data._replace(targets=own_labels(outputs[best], "hard"))
    rows = [found, curves(refit, seed + 1000)[0]]
    rows += [curves(data, seed, [own()])[0] for own in plans.values()]
    return np.array(rows)
