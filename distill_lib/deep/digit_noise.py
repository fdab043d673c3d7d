r"""Experiments of chapter 15: digits with wrong labels, and networks that learn from themselves.

Every network is a multilayer perceptron with one hidden layer, and one network stands for one
seed: its own split, its own wrong labels, its own starting weights and order of the data. All
networks of a run are one stack. The labels of the validation set are as wrong as those of the
training set unless a name says *clean*; test labels are the true ones, and nothing is chosen on
them.

Source: chapter 15.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from distill_lib import _validation as check
from distill_lib.deep import losses
from distill_lib.deep.ensemble import Stack, accuracies, fit_stack
from distill_lib.deep.noisy_digits import CLASSES, PIXELS, double_precision, noisy_digits
from distill_lib.deep.self_labels import SequentialTargets, own_labels
from distill_lib.deep.train import Callback
from distill_lib.kernel.self_labels import geometric_weights

__all__ = [
    "METHODS",
    "AgainstDecay",
    "BurnIns",
    "Curves",
    "HardRefits",
    "against_decay",
    "burn_in_grid",
    "chosen",
    "hard_refits",
    "paired",
    "train_digits",
]

#: Methods of `against_decay`: the given labels; a second network on what the first one, with the
#: weight decay that its noisy validation set chooses, says at its end; self-labels whose given
#: labels fade by the first, or by the second, of two factors.
METHODS = ("given labels", "soft refit", "hard refit", "soft", "hard", "hard, slow")


class Curves(NamedTuple):
    """Accuracies after the epochs `epochs` (m,), each of shape (m, S).

    `given` counts the given labels of the training points, `repaired` their true labels;
    `validation` the noisy and `clean_validation` the true labels of the validation set; `test` the
    true labels of the test set. `distance` is the root of the mean over the training points of
    the squared length of probabilities minus true one-hot labels. `outputs` (m, S, n, C) are those
    on the training points, or None if they were not kept.
    """

    epochs: np.ndarray
    given: np.ndarray
    repaired: np.ndarray
    validation: np.ndarray
    clean_validation: np.ndarray
    test: np.ndarray
    distance: np.ndarray
    outputs: torch.Tensor | None = None

    def part(self, rows):
        """Return the curves of some of the networks.

        Parameters
        ----------
        rows : slice or array_like of int
            Which networks.

        Returns
        -------
        Curves
        """
        epochs, *measured, outputs = self
        kept = None if outputs is None else outputs[:, rows]
        return Curves(epochs, *(values[:, rows] for values in measured), kept)


class _Watch(Callback):
    """Measure a stack on everything there is; the training sees nothing of it."""

    def __init__(self, digits, every, keep):
        self.digits, self.every, self.keep, self.rows = digits, every, keep, []

    def epoch_end(self, state):
        done = state.epoch + 1
        if done % self.every and done < state.epochs:
            return
        digits, outputs = self.digits, state.outputs
        held_out = state.model.predict(digits.data.validation[0])
        gap = losses.probabilities(outputs) - torch.nn.functional.one_hot(digits.clean, CLASSES)
        self.rows.append(
            (
                done,
                accuracies(outputs, digits.data.targets),
                accuracies(outputs, digits.clean),
                accuracies(held_out, digits.data.validation[1]),
                accuracies(held_out, digits.clean_validation),
                accuracies(state.model.predict(digits.X_test), digits.y_test),
                gap.square().sum(-1).mean(-1).sqrt().numpy(),
            )
        )
        if self.keep:
            self.rows[-1] += (outputs.detach().clone(),)

    def curves(self):
        """Return what was measured."""
        columns = [*zip(*self.rows, strict=True)]
        kept = torch.stack(columns.pop()) if self.keep else None
        return Curves(*(np.stack(column) for column in columns), kept)


def train_digits(
    digits, *, own=None, targets=None, weight_decay=0.0, hidden=64, epochs=100, batch_size=50,
    lr=0.05, schedule="constant", every=1, keep=False, seed=0,
):  # fmt: skip
    """Train S networks by cross-entropy and watch them.

    Parameters
    ----------
    digits : NoisyDigits
        Of S data sets.
    own : self_labels.SequentialTargets, optional
        Learn from the network of the epoch before.
    targets : torch.Tensor, optional
        Class numbers (S, n) or rows (S, n, C) in the place of the given labels: what a teacher
        says.
    weight_decay : float or sequence of W floats, default 0
        Several give a stack of W * S networks, the S seeds of the first one first.
    hidden, epochs, batch_size : int
        Width of the hidden layer; passes over the data; points a step. Momentum is 0.9.
    lr : float, default 0.05
        Learning rate.
    schedule : str, default "constant"
        As for `train.fit`.
    every : int, default 1
        Measure after every so many epochs, and after the last.
    keep : bool, default False
        Keep the outputs on the training points.
    seed : int, default 0
        Network s has the seed ``seed + s``, for its weights and its order of the data, with every
        weight decay.

    Returns
    -------
    Curves

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    Notes
    -----
    Source: chapter 15.

    Examples
    --------
    >>> found = train_digits(noisy_digits("symmetric", 0.4, seeds=2), epochs=3)
    >>> found.test.shape
    (3, 2)
    """
    every = check.scalar_whole("every", every, minimum=1)
    decays = np.atleast_1d(check.non_negative("weight_decay", weight_decay))
    seeds = seed + np.tile(np.arange(len(digits.clean)), len(decays))
    decays = np.repeat(decays, len(digits.clean))
    times = len(seeds) // len(digits.clean)
    if times > 1:
        digits = digits.repeated(times)
        targets = None if targets is None else targets.repeat(times, *[1] * (targets.ndim - 1))
    data = digits.data._replace(validation=None)
    if targets is not None:
        data = data._replace(targets=targets, labels=data.targets)
    stack, watch = Stack((PIXELS, hidden, CLASSES), seeds=seeds), _Watch(digits, every, keep)
    fit_stack(
        stack, data, losses.cross_entropy, epochs=epochs, batch_size=batch_size, lr=lr,
        weight_decay=decays, schedule=schedule, seeds=seeds,
        callbacks=[watch] if own is None else [watch, own],
    )  # fmt: skip
    return watch.curves()


def chosen(curves, networks, *, clean=False, last=False):
    """Choose epoch and setting for every seed on its validation set; return what was chosen.

    Parameters
    ----------
    curves : Curves
        Of W settings and S seeds, the seeds of the first setting first.
    networks : int
        Number S of seeds.
    clean : bool, default False
        Choose by the true labels of the validation set.
    last : bool, default False
        Choose the setting only, after the last epoch.

    Returns
    -------
    test : ndarray, shape (S,)
        Test accuracies of what was chosen.
    epoch : ndarray of int, shape (S,)
        Which row of the curves; of equal ones the first.
    setting : ndarray of int, shape (S,)
        Which setting; of equal ones the first.

    Raises
    ------
    ValueError
        If the number of networks is not a multiple of S.

    Notes
    -----
    Source: chapter 15.

    Examples
    --------
    >>> found = train_digits(noisy_digits("symmetric", 0.4, seeds=2), epochs=3)
    >>> test, epoch, setting = chosen(found, 2, last=True)
    >>> epoch.tolist(), setting.tolist()
    ([2, 2], [0, 0])
    """
    networks = check.scalar_whole("networks", networks, minimum=1)
    score = curves.clean_validation if clean else curves.validation
    if score.shape[1] % networks:
        raise ValueError(
            f"networks must divide the size of the stack, {score.shape[1]}, got {networks}"
        )
    first = len(score) - 1 if last else 0
    table = score[first:].reshape(-1, networks)  # rows: epoch by epoch, setting by setting
    best = np.nan_to_num(table, nan=-1.0).argmax(axis=0)
    test = curves.test[first:].reshape(-1, networks)[best, np.arange(networks)]
    epoch, setting = np.divmod(best, score.shape[1] // networks)
    return test, first + epoch, setting


def paired(a, b):
    """Compare two methods seed by seed.

    Parameters
    ----------
    a, b : array_like, shape (S,)
        Accuracies on the same S seeds, S >= 2.

    Returns
    -------
    mean : float
        Mean of a - b.
    standard_error : float
        Of this mean.
    better : int
        On how many seeds a > b.

    Notes
    -----
    Source: chapter 15.

    Examples
    --------
    >>> mean, error, better = paired([0.9, 0.8], [0.7, 0.7])
    >>> round(mean, 3), round(error, 3), better
    (0.15, 0.05, 2)
    """
    difference = np.subtract(a, b)
    if difference.ndim != 1 or len(difference) < 2:
        raise ValueError(f"a and b must be vectors of at least 2 seeds, got {difference.shape}")
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    return float(difference.mean()), float(error), int((difference > 0).sum())


class AgainstDecay(NamedTuple):
    """Accuracies over noises (v), methods (m), weight decays (w) and seeds (s).

    `test`, `validation` and `clean_validation` (v, m, w, s) are those of the last epoch.
    `stopped_test` and `stopped_validation` (v, w, s) belong to the given labels, in the epoch that
    the noisy validation set of a network chooses.
    """

    test: np.ndarray
    validation: np.ndarray
    clean_validation: np.ndarray
    stopped_test: np.ndarray
    stopped_validation: np.ndarray

    def tuned(self, noise, method, *, decays=slice(None), clean=False):
        """Return the test accuracies with the weight decays that validation chooses, shape (s,).

        Parameters
        ----------
        noise : int
            Index of the noise.
        method : str
            One of `METHODS`, or "stopped".
        decays : slice or sequence of int, default all
            Which weight decays there are to choose from.
        clean : bool, default False
            Choose by the true labels of the validation set; not for "stopped".

        Returns
        -------
        ndarray, shape (s,)
        """
        if method == "stopped":
            score, test = self.stopped_validation[noise], self.stopped_test[noise]
        else:
            m = METHODS.index(method)
            score = (self.clean_validation if clean else self.validation)[noise, m]
            test = self.test[noise, m]
        best = score[decays].argmax(axis=0)
        return test[decays][best, np.arange(test.shape[1])]


def against_decay(
    *, noises, weight_decays, seeds, burn_in=15, q=0.9, slow=0.97, epochs=100, seed=0
):
    """Compare self-labels and refits with a finely tuned weight decay, on digits.

    All networks train with a learning rate that falls along a cosine.

    Parameters
    ----------
    noises : sequence of (str, float)
        As the first two arguments of `noisy_digits`.
    weight_decays : sequence of W floats
        Each with every method.
    seeds : int
        As for `noisy_digits`.
    burn_in : int
        As for `distill_lib.kernel.self_labels.geometric_weights`, in epochs: the given labels have
        the weight 1 in the epochs 0 to `burn_in`.
    q, slow : float
        Factors of the weight on the given labels in every epoch after that.
    epochs : int
        Of every network.
    seed : int, default 0
        As for `noisy_digits`; the first ones do not depend on how many follow.

    Returns
    -------
    AgainstDecay

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    Notes
    -----
    Numbers are in double precision. Source: chapter 15.

    Examples
    --------
    >>> found = against_decay(noises=[("pairs", 0.4)], weight_decays=[0.001, 0.01], seeds=2,
    ...                       burn_in=1, epochs=3)
    >>> found.test.shape, found.stopped_test.shape
    ((1, 6, 2, 2), (1, 2, 2))
    """
    decays = np.atleast_1d(check.non_negative("weight_decays", weight_decays))
    plan = {
        name: SequentialTargets(geometric_weights(epochs, factor, burn_in=burn_in), target=h)
        for name, factor, h in (("soft", q, "soft"), ("hard", q, "hard"),
                                ("hard, slow", slow, "hard"))
    }  # fmt: skip
    with double_precision():
        rows = [
            _one_noise(noisy_digits(*noise, seeds=seeds, seed=seed), decays, plan, epochs)
            for noise in noises
        ]
    return AgainstDecay(*(np.stack(column) for column in zip(*rows, strict=True)))


def _one_noise(digits, decays, plan, epochs):
    """Return the fields of `AgainstDecay` for one noise."""
    S = len(digits.clean)
    settings = {"weight_decay": decays, "schedule": "cosine", "epochs": epochs}
    first = train_digits(digits, keep=True, **settings)
    best = chosen(first, S, last=True)[2]
    teacher = first.outputs[-1][torch.tensor(best * S + np.arange(S))]
    found = {"given labels": first._replace(outputs=None)}
    for target in ("soft", "hard"):
        labels = own_labels(teacher, target)
        found[f"{target} refit"] = train_digits(
            digits, targets=labels, every=epochs, seed=1000, **settings
        )
    for name, own in plan.items():
        found[name] = train_digits(digits, own=own, every=epochs, **settings)
    shape = len(decays), S
    last = [
        np.stack([getattr(found[name], field)[-1].reshape(shape) for name in METHODS])
        for field in ("test", "validation", "clean_validation")
    ]
    at = first.validation.argmax(axis=0)
    networks = np.arange(len(at))
    stopped = [
        getattr(first, field)[at, networks].reshape(shape) for field in ("test", "validation")
    ]
    return [*last, *stopped]


class HardRefits(NamedTuple):
    """Accuracies of the last epoch over noises (v), trainings (r), weight decays (w), seeds (s).

    `test` and `validation` (v, r, w, s); training 0 is that on the given labels.
    """

    test: np.ndarray
    validation: np.ndarray

    def tuned(self, noise, training):
        """Return the test accuracies with the weight decays that validation chooses, shape (s,).

        Parameters
        ----------
        noise, training : int
            Which ones.

        Returns
        -------
        ndarray, shape (s,)
        """
        test, best = self.test[noise, training], self.validation[noise, training].argmax(axis=0)
        return test[best, np.arange(len(best))]


def hard_refits(*, noises, weight_decays, refits, seeds, epochs=100, seed=0):
    """Train on the hard labels of the network before, again and again, on digits.

    Every network starts from other weights. A teacher is the one whose weight decay the noisy
    validation set chooses, after the last epoch. All learn with a rate that falls along a cosine.

    Parameters
    ----------
    noises, weight_decays : sequence
        As for `against_decay`; so is the first refit.
    refits : int
        Trainings after the first one, >= 1.
    seeds, epochs, seed : int
        As for `against_decay`.

    Returns
    -------
    HardRefits

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    Notes
    -----
    Numbers are in double precision. Source: chapter 15.

    Examples
    --------
    >>> found = hard_refits(noises=[("pairs", 0.4)], weight_decays=[0.001, 0.01], refits=2,
    ...                     seeds=2, epochs=3)
    >>> found.test.shape
    (1, 3, 2, 2)
    """
    decays = np.atleast_1d(check.non_negative("weight_decays", weight_decays))
    refits = check.scalar_whole("refits", refits, minimum=1)
    with double_precision():
        rows = [
            _trainings(noisy_digits(*noise, seeds=seeds, seed=seed), decays, refits, epochs)
            for noise in noises
        ]
    return HardRefits(*np.moveaxis(np.array(rows), 2, 0))


def _trainings(digits, decays, refits, epochs):
    """Return test and validation accuracies of one training after the other, (r, 2, w, s)."""
    S, labels, rows = len(digits.clean), None, []
    for r in range(refits + 1):
        found = train_digits(
            digits, targets=labels, weight_decay=decays, schedule="cosine", epochs=epochs,
            every=epochs, keep=True, seed=1000 * r,
        )  # fmt: skip
        best = chosen(found, S, last=True)[2]
        labels = own_labels(found.outputs[-1][torch.tensor(best * S + np.arange(S))], "hard")
        rows.append([a[-1].reshape(len(decays), S) for a in (found.test, found.validation)])
    return rows


class BurnIns(NamedTuple):
    """Hard self-labels over noises (v), factors (q), burn-ins (b) and seeds (s).

    Of the last epoch, each (v, q, b, s): accuracies `test` and `validation`, `repaired` on the true
    labels of the training points; `as_given`, the share of the wrong predictions on training points
    that are the given label; `commonest`, the share of the class predicted most often there.
    With the given labels alone, in every epoch (v, e, s): `plain_test`, `plain_validation` and
    `plain_repaired`.
    """

    test: np.ndarray
    validation: np.ndarray
    repaired: np.ndarray
    as_given: np.ndarray
    commonest: np.ndarray
    plain_test: np.ndarray
    plain_validation: np.ndarray
    plain_repaired: np.ndarray

    def stopped(self, noise):
        """Return the test accuracies in the epochs that validation chooses, shape (s,).

        Parameters
        ----------
        noise : int

        Returns
        -------
        ndarray, shape (s,)
        """
        best = self.plain_validation[noise].argmax(axis=0)
        return self.plain_test[noise][best, np.arange(len(best))]

    def tuned(self, noise, factors=slice(None)):
        """Return the test accuracies of the factor and burn-in that validation chooses.

        Parameters
        ----------
        noise : int
        factors : slice or sequence of int, default all
            Which factors there are to choose from.

        Returns
        -------
        test : ndarray, shape (s,)
            Of the last epoch.
        burn_in : ndarray of int, shape (s,)
            Index of the burn-in.
        """
        score, test = self.validation[noise][factors], self.test[noise][factors]
        S, burn_ins = score.shape[-1], score.shape[1]
        best = score.reshape(-1, S).argmax(axis=0)
        return test.reshape(-1, S)[best, np.arange(S)], best % burn_ins


def burn_in_grid(*, noises, factors, burn_ins, seeds, epochs=100, seed=0):
    """Try hard self-labels with every factor and burn-in, without weight decay, on digits.

    Parameters
    ----------
    noises : sequence of (str, float)
        As for `against_decay`.
    factors : sequence of float
        Of the weight on the given labels, in every epoch after the burn-in.
    burn_ins : sequence of int
        As for `distill_lib.kernel.self_labels.geometric_weights`, in epochs.
    seeds, epochs, seed : int
        As for `against_decay`; the learning rate is constant.

    Returns
    -------
    BurnIns

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    Notes
    -----
    Numbers are in double precision. Source: chapter 15.

    Examples
    --------
    >>> found = burn_in_grid(noises=[("pairs", 0.4)], factors=[0.5], burn_ins=[1, 2], seeds=2,
    ...                      epochs=3)
    >>> found.test.shape, found.plain_test.shape
    ((1, 1, 2, 2), (1, 3, 2))
    """
    rows = []
    with double_precision():
        for noise in noises:
            digits = noisy_digits(*noise, seeds=seeds, seed=seed)
            plain = train_digits(digits, epochs=epochs)
            ends = [
                [_end(digits, geometric_weights(epochs, q, burn_in=b)) for b in burn_ins]
                for q in factors
            ]
            rows.append(
                [*np.moveaxis(np.array(ends), 2, 0), plain.test, plain.validation, plain.repaired]
            )
    return BurnIns(*(np.stack(column) for column in zip(*rows, strict=True)))


def _end(digits, weights):
    """Return what `BurnIns` keeps of the last epoch of one schedule, (5, s)."""
    own, epochs = SequentialTargets(weights, target="hard"), len(weights)
    found = train_digits(digits, own=own, epochs=epochs, every=epochs, keep=True)
    says = found.outputs[-1].argmax(-1)
    wrong = says != digits.clean
    as_given = (wrong & (says == digits.data.targets)).sum(1) / wrong.sum(1).clamp(min=1)
    commonest = torch.nn.functional.one_hot(says, CLASSES).double().mean(1).amax(1)
    return np.stack([found.test[-1], found.validation[-1], found.repaired[-1], as_given, commonest])
