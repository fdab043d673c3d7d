r"""Digits with wrong labels, for stacks of networks: the data of chapters 13 and 15.

One network stands for one seed: its own split and its own wrong labels. The labels of the
validation set are as wrong as those of the training set unless a name says *clean*; test labels
are the true ones, and nothing is chosen on them.

Source: chapters 13 and 15.
"""

from __future__ import annotations

import contextlib
from typing import NamedTuple

import numpy as np
import torch

from distill_lib import _validation as check
from distill_lib import datasets, noise
from distill_lib.deep.train import Data

__all__ = ["NOISES", "NoisyDigits", "double_precision", "joined", "noisy_digits"]

CLASSES, PIXELS = 10, 64
N_TRAIN, N_VALIDATION = 400, 300

#: How labels go wrong: to any other class, or each class to the next one.
NOISES = ("symmetric", "pairs")


class NoisyDigits(NamedTuple):
    """Digits for S networks: `data` for training, with the noisy validation set, and what is kept.

    `clean` (S, n) and `clean_validation` (S, m) are the true labels; `X_test` (S, k, 64) and
    `y_test` (S, k) are for the end.
    """

    data: Data
    clean: torch.Tensor
    clean_validation: torch.Tensor
    X_test: torch.Tensor
    y_test: torch.Tensor

    def repeated(self, times):
        """Return the same S data sets `times` times in a row: a stack of times * S networks.

        Parameters
        ----------
        times : int

        Returns
        -------
        NoisyDigits
        """

        def again(tensor):
            return tensor.repeat(times, *[1] * (tensor.ndim - 1))

        X, targets, _, validation = self.data
        data = Data(again(X), again(targets), None, tuple(map(again, validation)))
        return NoisyDigits(data, *map(again, self[1:]))


def noisy_digits(kind, rate, *, seeds, seed=0):
    """Split the digits S times: 400 to train, 300 to validate, 1,097 to test; make labels wrong.

    Parameters
    ----------
    kind : {"symmetric", "pairs"}
        To another class drawn uniformly, or of each class to the next one, of 9 to 0.
    rate : float
        Fraction of wrong labels among the training and among the validation labels, in [0, 1].
    seeds : int
        Number S of data sets, >= 1.
    seed : int, default 0
        Data set s is drawn from the pair (seed, s), whatever `seeds` is.

    Returns
    -------
    NoisyDigits

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    Notes
    -----
    Numbers are of the default type of torch, see `double_precision`. Source: chapters 13 and 15;
    `distill_lib.datasets.digits`, `distill_lib.noise.symmetric` and `distill_lib.noise.asymmetric`.

    Examples
    --------
    >>> digits = noisy_digits("pairs", 0.4, seeds=2)
    >>> wrong = digits.data.targets != digits.clean
    >>> ((digits.clean + wrong.long()) % 10 == digits.data.targets).all()
    tensor(True)
    """
    if kind not in NOISES:
        raise ValueError(f"kind must be one of {NOISES}, got {kind!r}")
    seeds = check.scalar_whole("seeds", seeds, minimum=1)
    columns = [_one_data_set(kind, rate, np.random.default_rng([seed, s])) for s in range(seeds)]
    X, y, clean, V, v, clean_v, T, t = (
        np.stack(column) for column in zip(*columns, strict=True)
    )  # fmt: skip
    dtype = torch.get_default_dtype()
    data = Data.from_arrays(X, y, validation=(V, v), dtype=dtype)
    true = (torch.tensor(labels) for labels in (clean, clean_v))
    return NoisyDigits(data, *true, torch.tensor(T, dtype=dtype), torch.tensor(t))


def _one_data_set(kind, rate, rng):
    X, y, V, v, T, t = datasets.digits(N_TRAIN, N_VALIDATION, seed=rng)
    wrong = [_wrong(labels, kind, rate, rng) for labels in (y, v)]
    return X, wrong[0], y, V, wrong[1], v, T, t


def _wrong(labels, kind, rate, rng):
    if kind == "symmetric":
        return noise.symmetric(labels, rate, n_classes=CLASSES, rng=rng)
    return noise.asymmetric(labels, noise.pair_transition(CLASSES, rate), rng=rng)


def joined(parts):
    """Put data sets side by side, so that all networks train as one stack.

    Parameters
    ----------
    parts : sequence of NoisyDigits
        Of the same sizes; the networks of the first one come first.

    Returns
    -------
    NoisyDigits

    Notes
    -----
    Source: chapter 15.

    Examples
    --------
    >>> both = joined([noisy_digits(kind, 0.4, seeds=2) for kind in NOISES])
    >>> both.y_test.shape
    torch.Size([4, 1097])
    """
    X, targets, V, v = (
        torch.cat(column)
        for column in zip(
            *((p.data.X, p.data.targets, *p.data.validation) for p in parts), strict=True
        )
    )
    rest = (torch.cat(column) for column in zip(*(part[1:] for part in parts), strict=True))
    return NoisyDigits(Data(X, targets, None, (V, v)), *rest)


@contextlib.contextmanager
def double_precision():
    """Let new tensors and networks hold numbers of double precision, in a block or a function.

    In single precision two machines that add up in another order end with different weights, and
    a prediction in a thousand differs. In double precision the weights differ by less than 1e-9,
    and accuracies are the same everywhere.

    Yields
    ------
    None

    Notes
    -----
    Source: chapter 13.

    Examples
    --------
    >>> with double_precision():
    ...     torch.zeros(1).dtype
    torch.float64
    >>> torch.zeros(1).dtype
    torch.float32
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
