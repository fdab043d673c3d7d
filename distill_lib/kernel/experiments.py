"""Experiments of the chapters: functions that return arrays, for the figures and tables."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import pdist

from distill_lib import _validation as check
from distill_lib import datasets, noise
from distill_lib.kernel import filters
from distill_lib.kernel.kernels import as_kernel
from distill_lib.kernel.spectrum import Spectrum

__all__ = ["DigitsRounds", "rounds_on_digits", "truth_errors"]

CLASSES = 10


def truth_errors(sample, lams, rounds, *, y=None, kernel="rbf", **params):
    r"""Mean squared error against the truth after repeated ridge fits, for a grid of ridges.

    .. math:: \frac1m \sum_{i=1}^m \bigl(f^{(\tau)}(x_i) - f_\star(x_i)\bigr)^2

    over the m points of the sample's grid; each fit takes the one before as its targets.

    Parameters
    ----------
    sample : distill_lib.datasets.Sinusoid
        Points, targets, grid and truth.
    lams : array_like, shape (l,)
        Ridges, > 0.
    rounds : array_like of int, shape (t,)
        Numbers of fits, >= 1; 1 is the ordinary fit.
    y : array_like, shape (n,) or (n, q), optional
        Targets instead of the sample's own, for example q fresh draws of the noise, one a column.
    kernel, **params
        As in `distill_lib.kernel.kernels.as_kernel`, for example ``gamma=80``.

    Returns
    -------
    ndarray, shape (l, t) or (l, t, q)

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range or a shape does not fit.

    Notes
    -----
    Source: chapter 1.

    Examples
    --------
    >>> from distill_lib import datasets
    >>> sample = datasets.sinusoid(grid_size=101)
    >>> truth_errors(sample, [0.2], [1, 2, 3], gamma=80).round(5)
    array([[0.16477, 0.15076, 0.14915]])
    """
    lams = check.finite_array("lams", lams, ndim=1)
    rounds = np.atleast_1d(check.whole("rounds", rounds, minimum=1))
    k, x = as_kernel(kernel, **params), sample.x[:, None]
    spectrum = Spectrum.from_gram(k(x))
    b = filters.distilled(spectrum.eigenvalues, lams[:, None, None], rounds[:, None])
    targets = sample.y if y is None else y
    fits = spectrum.predict(k(sample.grid[:, None], x), b, targets)  # (l, t, m) or (l, t, m, q)
    truth = sample.truth if fits.ndim == 3 else sample.truth[:, None]
    return ((fits - truth) ** 2).mean(axis=2)


class DigitsRounds(NamedTuple):
    """Repeated fits to digits: arrays over splits (s), ridges (l) and rounds (t).

    `train_accuracy` counts the given (noisy) labels of the training images, `validation_error` is
    the squared error on the given (noisy) labels of the validation images, and `test_accuracy`
    counts the true labels of the test images.
    """

    train_accuracy: np.ndarray
    validation_error: np.ndarray
    test_accuracy: np.ndarray

    def chosen(self, rounds=None):
        """Test accuracy (s,) where each split picks its setting by its own validation error.

        Parameters
        ----------
        rounds : int, optional
            Look only at the first `rounds` rounds: 1 tunes the ridge of a single fit. All if
            omitted.

        Returns
        -------
        ndarray, shape (s,)
        """
        error = self.validation_error[:, :, :rounds].reshape(len(self.validation_error), -1)
        accuracy = self.test_accuracy[:, :, :rounds].reshape(error.shape)
        return np.take_along_axis(accuracy, error.argmin(axis=1)[:, None], axis=1)[:, 0]


def rounds_on_digits(
    rate, lams, rounds, *, n_train=600, n_validation=300, splits=10, bandwidth=0.5, seed
):
    r"""Kernel ridge on handwritten digits with wrong labels, refitted on its own predictions.

    Targets are one-hot vectors, centred; the kernel is
    :math:`\exp(-\|x-x'\|^2/(c\,m))` with m the median squared distance between training images and
    c the `bandwidth`. A share `rate` of the training *and* of the validation labels is wrong; test
    labels are true.

    Parameters
    ----------
    rate : float
        Share of wrong labels, in [0, 1].
    lams : array_like, shape (l,)
        Ridges, > 0.
    rounds : int
        Number of fits t, >= 1.
    n_train, n_validation : int
        Sizes of the first two parts; all other images are for testing.
    splits : int, default 10
        Number of random splits s, each with its own wrong labels.
    bandwidth : float, default 0.5
        Multiple of the median squared distance.
    seed : int
        Source of the splits and of the wrong labels.

    Returns
    -------
    DigitsRounds
        Arrays of shape (s, l, t).

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    Notes
    -----
    Source: chapter 1.
    """
    lams = check.positive("lams", check.finite_array("lams", lams, ndim=1))
    rounds = check.scalar_whole("rounds", rounds, minimum=1)
    check.scalar_whole("n_validation", n_validation, minimum=1)
    check.scalar_whole("splits", splits, minimum=1)
    check.positive("bandwidth", bandwidth)
    scores = [
        _one_split(rate, lams, rounds, n_train, n_validation, bandwidth, rng)
        for rng in np.random.default_rng(seed).spawn(splits)
    ]
    return DigitsRounds(*(np.array(part) for part in zip(*scores, strict=True)))


def _one_split(rate, lams, rounds, n_train, n_validation, bandwidth, rng):
    """Return the three arrays (l, t) of one split."""
    data = datasets.digits(n_train, n_validation, seed=rng)
    train = noise.symmetric(data.y_train, rate, n_classes=CLASSES, rng=rng)
    validation = noise.symmetric(data.y_validation, rate, n_classes=CLASSES, rng=rng)
    scale = bandwidth * np.median(pdist(data.X_train, "sqeuclidean"))
    k = as_kernel("rbf", gamma=1 / scale)
    spectrum = Spectrum.from_gram(k(data.X_train))
    b = filters.distilled(
        spectrum.eigenvalues, lams[:, None, None], np.arange(1, rounds + 1)[:, None]
    )
    one_hot = np.eye(CLASSES)
    centre = one_hot[train].mean(axis=0)
    targets = one_hot[train] - centre

    def outputs(X):
        return spectrum.predict(k(X, data.X_train), b, targets) + centre

    return (
        ((spectrum.apply(b, targets) + centre).argmax(-1) == train).mean(-1),
        ((outputs(data.X_validation) - one_hot[validation]) ** 2).sum(-1).mean(-1),
        (outputs(data.X_test).argmax(-1) == data.y_test).mean(-1),
    )
