r"""Experiments of chapter 13: rounds, weights on the labels and weight decay, on digits.

Every network is a multilayer perceptron with one hidden layer, and one network stands for one
seed: its own split, its own wrong labels, its own starting weights and order of the data. Splits
and labels depend on `seed`; network s has the same starting weights and order in every experiment.
All networks of an experiment are one stack. The validation labels are as wrong as the training
labels unless a name says *clean*; test labels are the true ones, and nothing is chosen on them.

All is computed in double precision, see `noisy_digits.double_precision`.

Source: chapter 13.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from distill_lib import _validation as check
from distill_lib.deep import losses, rounds
from distill_lib.deep.ensemble import Stack, accuracies, fit_stack
from distill_lib.deep.noisy_digits import (
    CLASSES,
    PIXELS,
    NoisyDigits,
    double_precision,
    noisy_digits,
)
from distill_lib.deep.train import Callback, Data

__all__ = [
    "LOSSES",
    "AlphaAccuracies",
    "Chain",
    "Memory",
    "RoundAccuracies",
    "StoppedAccuracies",
    "against_weight_decay",
    "alphas_in_settings",
    "alphas_on_digits",
    "chain_on_digits",
    "memory",
    "rounds_on_digits",
    "stopped_on_digits",
    "tuned",
]

#: Name of a loss -> the loss and the learning rate that goes with it.
LOSSES = {
    "squared error": (losses.squared_error, 0.2),
    "cross-entropy": (losses.cross_entropy, 0.05),
}


class RoundAccuracies(NamedTuple):
    """Accuracies over rounds (r), weight decays (w) and seeds (s), each of shape (r, w, s).

    `train` counts the given labels, `validation` the noisy and `clean_validation` the true labels
    of the validation set, `test` the true labels of the test set.
    """

    train: np.ndarray
    validation: np.ndarray
    clean_validation: np.ndarray
    test: np.ndarray


class Chain(NamedTuple):
    """A chain of rounds: its data, a set a network; the rounds; their accuracies."""

    digits: NoisyDigits
    generations: list[rounds.StackRound]
    accuracies: RoundAccuracies


class Memory(NamedTuple):
    """What networks say on their training images, over rounds and networks, each (r, s).

    `true` is the accuracy on the true labels. `right` and `wrong` are the shares of the right and
    of the wrong given labels that the network repeats, NaN where there are none.
    """

    true: np.ndarray
    right: np.ndarray
    wrong: np.ndarray


class StoppedAccuracies(NamedTuple):
    """Test accuracies of the last and of the chosen epoch, (r, w, s), and that epoch, from 1.

    `clean_chosen` and `clean_epoch` are chosen on the true labels of the validation set.
    """

    last: np.ndarray
    chosen: np.ndarray
    epoch: np.ndarray
    clean_chosen: np.ndarray
    clean_epoch: np.ndarray


class AlphaAccuracies(NamedTuple):
    """One student for every weight on the labels (g) and seed (s), and the estimated weight.

    `validation_error` and `clean_validation_error` (g, s) are mean squared errors of probabilities,
    summed over the classes; `test` (g, s) is accuracy. `raw` (s,) is the estimate before clipping;
    `estimated_error` and `estimated_test` (s,) belong to the student with the clipped weight, and
    `teacher_test` (s,) to round 1. `raw_clean` (s,) estimates with the true validation labels.
    """

    validation_error: np.ndarray
    clean_validation_error: np.ndarray
    test: np.ndarray
    raw: np.ndarray
    raw_clean: np.ndarray
    estimated_error: np.ndarray
    estimated_test: np.ndarray
    teacher_test: np.ndarray


@double_precision()
def chain_on_digits(
    *, rate, loss, weight_decays, rounds, seeds, alpha=0.0, hidden=64, epochs=100, batch_size=50,
    seed=0,
):  # fmt: skip
    """Distil S networks for every weight decay, and keep the networks.

    Parameters
    ----------
    rate : float
        As for `noisy_digits`.
    loss : str
        A key of `LOSSES`.
    weight_decays : sequence of W floats
        The same in every round.
    rounds : int
        Number of fits; 1 is the ordinary training.
    seeds : int
        Number S of data sets, as for `noisy_digits.noisy_digits`. Network s has seed s, for every
        weight decay and whatever `seed` is.
    alpha : float or sequence, default 0
        As for `rounds.stacked_self_distill`.
    hidden, epochs, batch_size : int
        Width of the hidden layer; passes over the data; points a step. Momentum is 0.9, and the
        learning rate of `LOSSES` falls along a cosine.
    seed : int, default 0
        As for `noisy_digits.noisy_digits`.

    Returns
    -------
    Chain
        The networks of the first weight decay come first.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    Notes
    -----
    Source: chapter 13.

    Examples
    --------
    >>> chain = chain_on_digits(rate=0.4, loss="squared error", weight_decays=[0.003], rounds=2,
    ...                         seeds=3, epochs=2)
    >>> chain.generations[1].outputs.shape, chain.accuracies.test.shape
    (torch.Size([3, 400, 10]), (2, 1, 3))
    """
    function, lr = _loss(loss)
    decays = np.atleast_1d(check.non_negative("weight_decays", weight_decays))
    digits = noisy_digits("symmetric", rate, seeds=seeds, seed=seed).repeated(len(decays))
    found = _distil(
        (PIXELS, hidden, CLASSES), digits.data, function, rounds=rounds, alpha=alpha,
        seeds=np.tile(np.arange(seeds), len(decays)), epochs=epochs, batch_size=batch_size, lr=lr,
        weight_decay=np.repeat(decays, seeds),
    )  # fmt: skip
    measured = [_accuracies(generation, digits) for generation in found]
    shape = (len(found), len(decays), seeds)
    measured = (np.stack(v).reshape(shape) for v in zip(*measured, strict=True))
    return Chain(digits, found, RoundAccuracies(*measured))


def rounds_on_digits(**settings):
    """Measure the accuracies of `chain_on_digits`, without keeping the networks.

    Parameters
    ----------
    **settings
        Of `chain_on_digits`.

    Returns
    -------
    RoundAccuracies

    Raises
    ------
    TypeError, ValueError
        As `chain_on_digits`.

    Notes
    -----
    Source: chapter 13.

    Examples
    --------
    >>> found = rounds_on_digits(rate=0.4, loss="squared error", weight_decays=[0.003], rounds=2,
    ...                          seeds=3, epochs=2)
    >>> found.test.shape
    (2, 1, 3)
    """
    return chain_on_digits(**settings).accuracies


def memory(chain):
    """Tell what the networks of a chain know of their training images from what they repeat.

    Parameters
    ----------
    chain : Chain

    Returns
    -------
    Memory

    Notes
    -----
    Source: chapter 13.

    Examples
    --------
    >>> chain = chain_on_digits(rate=0.4, loss="squared error", weight_decays=[0.003], rounds=2,
    ...                         seeds=3, epochs=2)
    >>> memory(chain).wrong.shape
    (2, 3)
    """
    given, clean = chain.digits.data.targets, chain.digits.clean
    says = torch.stack([generation.outputs.argmax(-1) for generation in chain.generations])

    def share(agrees, among):
        return ((agrees & among).sum(-1) / among.sum(-1)).numpy()

    right = given == clean
    repeats = says == given
    return Memory(
        share(says == clean, torch.ones_like(right)), share(repeats, right), share(repeats, ~right)
    )


def _loss(name):
    if name not in LOSSES:
        raise ValueError(f"loss must be one of {[*LOSSES]}, got {name!r}")
    return LOSSES[name]


def _distil(sizes, data, loss, *, alpha=0.0, **settings):
    """Distil; without a validation set, measured in every epoch, where it is not needed."""
    if not isinstance(alpha, str):
        data = data._replace(validation=None)
    return rounds.stacked_self_distill(sizes, data, loss, alpha=alpha, **settings)


def _accuracies(generation, digits):
    """Return the four accuracies of one round."""
    validation = generation.stack.predict(digits.data.validation[0])
    return (
        accuracies(generation.outputs, digits.data.targets),
        accuracies(validation, digits.data.validation[1]),
        accuracies(validation, digits.clean_validation),
        accuracies(generation.stack.predict(digits.X_test), digits.y_test),
    )


@double_precision()
def stopped_on_digits(
    *, rate, loss, weight_decays, rounds, seeds, hidden=64, epochs=100, batch_size=50, seed=0
):
    """Distil as `rounds_on_digits`, and stop each network at its best epoch on validation labels.

    Parameters
    ----------
    rate, loss, weight_decays, rounds, seeds, hidden, epochs, batch_size, seed
        As for `chain_on_digits`. Students learn from the last epoch of their teachers.

    Returns
    -------
    StoppedAccuracies

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    Notes
    -----
    Source: chapter 13.

    Examples
    --------
    >>> found = stopped_on_digits(rate=0.4, loss="squared error", weight_decays=[0.0], rounds=1,
    ...                           seeds=2, epochs=3)
    >>> found.epoch.shape
    (1, 1, 2)
    """
    function, lr = _loss(loss)
    decays = np.atleast_1d(check.non_negative("weight_decays", weight_decays))
    digits = noisy_digits("symmetric", rate, seeds=seeds, seed=seed).repeated(len(decays))
    kept = []

    def keep(number):
        kept.append(_BestEpochs(digits))
        return kept[-1:]

    found = _distil(
        (PIXELS, hidden, CLASSES), digits.data, function, rounds=rounds, callbacks=keep,
        seeds=np.tile(np.arange(seeds), len(decays)), epochs=epochs, batch_size=batch_size, lr=lr,
        weight_decay=np.repeat(decays, seeds),
    )  # fmt: skip
    measured = []
    for generation, best in zip(found, kept, strict=True):
        last = accuracies(generation.stack.predict(digits.X_test), digits.y_test)
        measured.append((last, best.test[0], best.epoch[0], best.test[1], best.epoch[1]))
    shape = (len(found), len(decays), seeds)
    return StoppedAccuracies(*(np.stack(v).reshape(shape) for v in zip(*measured, strict=True)))


class _BestEpochs(Callback):
    """Note the first best epoch, from 1, and its test accuracy: by noisy, and by clean labels."""

    def __init__(self, digits):
        self.digits, shape = digits, (2, len(digits.clean))
        self.best, self.epoch, self.test = (np.full(shape, v) for v in (-1.0, 0, 0.0))

    def epoch_end(self, state):
        X, noisy = self.digits.data.validation
        says = state.model.predict(X)
        score = np.stack([accuracies(says, y) for y in (noisy, self.digits.clean_validation)])
        better = score > self.best
        if better.any():
            test = accuracies(state.model.predict(self.digits.X_test), self.digits.y_test)
            self.test = np.where(better, test, self.test)
        self.best = np.where(better, score, self.best)
        self.epoch = np.where(better, state.epoch + 1, self.epoch)


def against_weight_decay(*, cases, rounds, seeds, seed=0):
    """Run `rounds_on_digits` for several cases, each with a grid of weight decays of its own.

    Parameters
    ----------
    cases : sequence of dict
        Each with ``rate``, ``loss`` and ``weight_decays``; all grids have the same length.
    rounds, seeds, seed : int
        As for `chain_on_digits`.

    Returns
    -------
    RoundAccuracies
        Each field of shape (rounds, cases, weight decays, seeds).

    Raises
    ------
    TypeError, ValueError
        As `rounds_on_digits`.

    Notes
    -----
    Source: chapter 13, whose stored result it makes.
    """
    runs = [rounds_on_digits(**case, rounds=rounds, seeds=seeds, seed=seed) for case in cases]
    return RoundAccuracies(*(np.stack(parts, 1) for parts in zip(*runs, strict=True)))


def tuned(validation, test, *, rounds=None, ties="first"):
    """Choose round and weight decay by validation accuracy, and return the test accuracy.

    Parameters
    ----------
    validation, test : ndarray, shape (r, w, s)
        Accuracies over rounds, weight decays and seeds.
    rounds : int, optional
        Choose among the first so many rounds only; 1 is a tuned weight decay without
        distillation.
    ties : {"first", "mean"}, default "first"
        Of equally good pairs take the first one, the earliest round and then the first weight
        decay; or the mean of all.

    Returns
    -------
    ndarray, shape (s,)
        Test accuracy of what each seed has chosen.

    Raises
    ------
    ValueError
        If the shapes differ, or for an unknown rule.

    Notes
    -----
    Source: chapter 13.

    Examples
    --------
    >>> validation = np.array([[[0.7], [0.8]], [[0.9], [0.6]]])  # two rounds, two decays, one seed
    >>> test = np.array([[[0.1], [0.2]], [[0.3], [0.4]]])
    >>> tuned(validation, test), tuned(validation, test, rounds=1)
    (array([0.3]), array([0.2]))
    """
    validation, test = np.asarray(validation), np.asarray(test)
    if validation.shape != test.shape or validation.ndim != 3:
        raise ValueError(
            f"validation and test must have one shape (r, w, s), got {validation.shape} and "
            f"{test.shape}"
        )
    if ties not in ("first", "mean"):
        raise ValueError(f"ties must be 'first' or 'mean', got {ties!r}")
    seeds = test.shape[-1]
    score, test = (v[:rounds].reshape(-1, seeds) for v in (validation, test))
    if ties == "mean":
        return np.mean(test, axis=0, where=score == score.max(0))
    return test[score.argmax(0), np.arange(seeds)]


@double_precision()
def alphas_on_digits(
    *, rate, loss, weight_decay, alphas, seeds, hidden=64, epochs=100, batch_size=50, seed=0
):
    """Train one student of round 2 for every weight on the labels, and one with the estimate.

    Parameters
    ----------
    rate, loss
        As for `chain_on_digits`.
    weight_decay : float
        The same for teacher and students.
    alphas : sequence of G floats
        The grid, in [0, 1].
    seeds, hidden, epochs, batch_size, seed
        As for `chain_on_digits`.

    Returns
    -------
    AlphaAccuracies

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    Notes
    -----
    All students of one seed start from the same weights and see the data in the same order. The
    grid costs G trainings a seed, the estimate two: the student of the teacher alone and the
    student with the estimated weight. Source: chapter 13.

    Examples
    --------
    >>> found = alphas_on_digits(rate=0.2, loss="squared error", weight_decay=0.003,
    ...                          alphas=[0.0, 0.5, 1.0], seeds=2, epochs=2)
    >>> found.test.shape, found.raw.shape
    ((3, 2), (2,))
    """
    function, lr = _loss(loss)
    alphas = np.atleast_1d(check.weight("alphas", alphas))
    digits = noisy_digits("symmetric", rate, seeds=seeds, seed=seed)
    sizes = (PIXELS, hidden, CLASSES)
    settings = {"epochs": epochs, "batch_size": batch_size, "lr": lr, "weight_decay": weight_decay}
    (teacher,) = _distil(
        sizes, digits.data, function, rounds=1, seeds=np.arange(seeds), **settings
    )  # fmt: skip

    def students(weights):
        """Train round 2: `weights` (k, S) on the labels, all in one stack."""
        many = digits.repeated(len(weights))
        own = teacher.probabilities.repeat(len(weights), 1, 1)
        a = torch.tensor(weights.reshape(-1, 1, 1), dtype=own.dtype)
        labels = torch.nn.functional.one_hot(many.data.targets, CLASSES)
        data = Data(many.data.X, a * labels + (1 - a) * own, many.data.targets)
        order = (np.tile(np.arange(seeds), len(weights)) + rounds.SEED_STEP).tolist()
        stack = Stack(sizes, seeds=order)
        fit_stack(stack, data, function, seeds=order, **settings)
        shape = (len(weights), seeds, -1, CLASSES)
        says = [
            losses.probabilities(stack.predict(X)) for X in (many.data.validation[0], many.X_test)
        ]
        return [p.reshape(shape) for p in says]

    grid, grid_test = students(np.broadcast_to(alphas[:, None], (len(alphas), seeds)).copy())
    pure = grid[0] if alphas[0] == 0 else students(np.zeros((1, seeds)))[0][0]
    first = losses.probabilities(teacher.stack.predict(digits.data.validation[0]))
    noisy, clean = digits.data.validation[1], digits.clean_validation

    def estimates(y):
        pairs = [rounds.estimate_alpha(*one) for one in zip(y, first, pure, strict=True)]
        return tuple(np.array(column) for column in zip(*pairs, strict=True))

    raw, clipped = estimates(noisy)
    chosen, chosen_test = students(clipped[None])
    return AlphaAccuracies(
        _brier(grid, noisy), _brier(grid, clean), _right(grid_test, digits.y_test), raw,
        estimates(clean)[0], _brier(chosen, noisy)[0], _right(chosen_test, digits.y_test)[0],
        accuracies(teacher.stack.predict(digits.X_test), digits.y_test),
    )  # fmt: skip


def alphas_in_settings(*, cases, alphas, seeds, seed=0):
    """Run `alphas_on_digits` for several cases.

    Parameters
    ----------
    cases : sequence of dict
        Each with ``rate``, ``loss`` and ``weight_decay``.
    alphas, seeds, seed
        As for `alphas_on_digits`.

    Returns
    -------
    AlphaAccuracies
        Each field with an axis for the cases in front.

    Raises
    ------
    TypeError, ValueError
        As `alphas_on_digits`.

    Notes
    -----
    Source: chapter 13, whose stored result it makes.
    """
    runs = [alphas_on_digits(**case, alphas=alphas, seeds=seeds, seed=seed) for case in cases]
    return AlphaAccuracies(*(np.stack(parts) for parts in zip(*runs, strict=True)))


def _brier(probabilities, y):
    """Mean squared error of probabilities (k, S, m, C) on labels (S, m), summed over classes."""
    rows = torch.nn.functional.one_hot(y, CLASSES)
    return (probabilities - rows).square().sum(-1).mean(-1).numpy()


def _right(probabilities, y):
    """Accuracy of probabilities (k, S, m, C) on labels (S, m)."""
    return (probabilities.argmax(-1) == y).double().mean(-1).numpy()
