"""Label noise: labels in, noisy labels out, exactly as many flips as asked for."""

from __future__ import annotations

import numpy as np

from distill_lib import _validation as check

__all__ = ["symmetric"]


def symmetric(labels, rate, *, n_classes, rng):
    r"""Flip a fraction of the labels, each to another class drawn uniformly.

    Exactly ``round(rate * n)`` labels change, and each of them really changes: the new class is
    one of the other ``n_classes - 1``. All flips are drawn from the original labels in one step,
    so no label is flipped twice.

    Parameters
    ----------
    labels : array_like of int, shape (n,)
        Classes, 0 to ``n_classes - 1``.
    rate : float
        Fraction of labels to flip, in [0, 1].
    n_classes : int
        Number of classes, >= 2.
    rng : int or numpy.random.Generator
        Seed, or the source of the randomness.

    Returns
    -------
    ndarray of int, shape (n,)
        A new array of the same type; `labels` is left alone.

    Raises
    ------
    TypeError
        If `labels` or `n_classes` is not whole, or `rng` is neither a seed nor a Generator.
    ValueError
        If an argument is out of range or `labels` is not a non-empty vector.

    Notes
    -----
    Source: chapters 1 and 12. Some papers draw the new class from *all* classes; their rate r
    flips only r (n_classes - 1) / n_classes of the labels.

    Examples
    --------
    >>> import numpy as np
    >>> clean = np.zeros(10, dtype=int)
    >>> int((symmetric(clean, 0.3, n_classes=4, rng=0) != clean).sum())
    3
    """
    n_classes = check.scalar_whole("n_classes", n_classes, minimum=2)
    labels = _classes(labels, n_classes)
    rate = check.single("rate", check.weight("rate", rate))
    rng = _generator(rng)
    flipped = rng.choice(len(labels), size=round(rate * len(labels)), replace=False)
    shift = rng.integers(1, n_classes, size=len(flipped))  # never 0: the class really changes
    noisy = labels.copy()
    noisy[flipped] = (labels[flipped].astype(np.int64) + shift) % n_classes
    return noisy


def _classes(labels, n_classes):
    """Return `labels` as a vector of whole numbers from 0 to n_classes - 1."""
    wide = check.whole("labels", labels, minimum=0)
    if wide.ndim != 1:
        raise ValueError(f"labels must be 1-dimensional, got shape {wide.shape}")
    if wide.max() >= n_classes:
        raise ValueError(f"labels must be < n_classes = {n_classes}, got {wide.max()}")
    return np.asarray(labels)


def _generator(rng):
    """Return a Generator from a seed or a Generator; None would not be reproducible."""
    if isinstance(rng, np.random.Generator):
        return rng
    return np.random.default_rng(check.scalar_whole("rng", rng, minimum=0))
