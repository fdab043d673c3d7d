"""Label noise: labels in, noisy labels out, exactly as many flips as asked for.

All flips are drawn from the original labels in one step, so no label is flipped twice.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from distill_lib import _validation as check

__all__ = [
    "CIFAR10_PAIRS",
    "asymmetric",
    "clustered",
    "pair_transition",
    "symmetric",
    "transition_matrix",
]

#: The usual confusions of CIFAR-10: truck to automobile, bird to airplane, cat to dog and back,
#: deer to horse (Patrini et al. 2017).
CIFAR10_PAIRS = {9: 1, 2: 0, 3: 5, 5: 3, 4: 7}


def symmetric(labels, rate, *, n_classes, rng, redraw=False):
    r"""Flip a fraction of the labels, each to another class drawn uniformly.

    Exactly ``round(rate * n)`` labels change, and each of them really changes: the new class is
    one of the other ``n_classes - 1``.

    With `redraw` exactly ``round(rate * n)`` labels are drawn anew from *all* classes, the true one
    included, as in some papers. Then about

    .. math:: \text{rate}\cdot\frac{C-1}{C}

    of the labels change, with C classes.

    Parameters
    ----------
    labels : array_like of int, shape (n,)
        Classes, 0 to ``n_classes - 1``.
    rate : float
        Fraction of labels to flip, or to draw anew, in [0, 1].
    n_classes : int
        Number of classes, >= 2.
    rng : int or numpy.random.Generator
        Seed, or the source of the randomness.
    redraw : bool, default False
        Draw the new class from all classes.

    Returns
    -------
    ndarray of int, shape (n,)
        A new array of the same type; `labels` is left alone.

    Raises
    ------
    TypeError
        If `labels` or `n_classes` is not whole, `redraw` is not a bool, or `rng` is neither a seed
        nor a Generator.
    ValueError
        If an argument is out of range, `labels` is not a non-empty vector, or its type cannot hold
        all classes.

    Notes
    -----
    Source: chapters 1 and 12.

    Examples
    --------
    >>> import numpy as np
    >>> clean = np.zeros(10, dtype=int)
    >>> int((symmetric(clean, 0.3, n_classes=4, rng=0) != clean).sum())
    3
    """
    n_classes = check.scalar_whole("n_classes", n_classes, minimum=2)
    labels = _classes("labels", labels, n_classes)
    rate = check.single("rate", check.weight("rate", rate))
    if not isinstance(redraw, bool | np.bool_):
        raise TypeError(f"redraw must be True or False, got {redraw!r}")
    rng = _generator(rng)
    flipped = rng.choice(len(labels), size=round(rate * len(labels)), replace=False)
    return _shifted(labels, flipped, n_classes, rng, smallest=0 if redraw else 1)


def clustered(labels, clusters, rates, *, n_classes, rng):
    """Flip a fraction of the labels of each cluster, each to another class drawn uniformly.

    In cluster l, of n_l points, exactly ``round(rates[l] * n_l)`` labels change.

    Parameters
    ----------
    labels : array_like of int, shape (n,)
        Classes, 0 to ``n_classes - 1``.
    clusters : array_like of int, shape (n,)
        Cluster of each label, 0 to k - 1.
    rates : float or array_like, shape (k,)
        Fraction of labels to flip, in [0, 1]: one for all clusters, or one a cluster.
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
        If `labels`, `clusters` or `n_classes` is not whole, or `rng` is neither a seed nor a
        Generator.
    ValueError
        If an argument is out of range or has another shape, or the type of `labels` cannot hold all
        classes.

    Notes
    -----
    Source: chapters 11 and 12; the corrupted labels of Li et al. (2020).

    Examples
    --------
    >>> import numpy as np
    >>> clean, clusters = np.zeros(30, dtype=int), np.repeat([0, 1], [10, 20])
    >>> noisy = clustered(clean, clusters, [0.4, 0.1], n_classes=2, rng=0)
    >>> np.bincount(clusters, weights=noisy).tolist()
    [4.0, 2.0]
    """
    n_classes = check.scalar_whole("n_classes", n_classes, minimum=2)
    labels = _classes("labels", labels, n_classes)
    clusters, rates = _rates(clusters, rates, len(labels))
    rng = _generator(rng)
    sizes = np.bincount(clusters, minlength=len(rates))
    flips = np.rint(rates * sizes).astype(np.int64)
    members = _shuffled_groups(clusters, rng)
    place = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)  # in its cluster
    flipped = members[place < np.repeat(flips, sizes)]
    return _shifted(labels, flipped, n_classes, rng)


def _rates(clusters, rates, n):
    """Return the cluster of each of n labels, and one rate a cluster."""
    clusters = _vector("clusters", check.whole("clusters", clusters, minimum=0))
    if len(clusters) != n:
        raise ValueError(f"clusters must have one entry a label, {n}, got {len(clusters)}")
    rates = check.weight("rates", rates)
    k = int(clusters.max()) + 1
    if rates.ndim == 0:
        return clusters, np.full(k, rates)
    if len(_vector("rates", rates)) < k:
        raise ValueError(f"rates must be one number or one a cluster, {k}, got {len(rates)}")
    return clusters, rates


def asymmetric(labels, transition, *, rng):
    r"""Give the labels of each class noisy classes in fixed shares.

    Of the :math:`n_c` labels of class c, :math:`T_{cj} n_c` become class j. The numbers are made
    whole by largest remainders: all are rounded down, and what is then missing from :math:`n_c`
    goes to the largest remainders, of equal ones to the smaller class. So each count differs from
    :math:`T_{cj} n_c` by less than 1. Which labels become what is random.

    Parameters
    ----------
    labels : array_like of int, shape (n,)
        Classes, 0 to C - 1; some may be empty.
    transition : array_like, shape (C, C)
        T, with C >= 2: row c holds the shares of the noisy classes of class c. Entries >= 0, rows
        that sum to 1 within 1e-8.
    rng : int or numpy.random.Generator
        Seed, or the source of the randomness.

    Returns
    -------
    ndarray of int, shape (n,)
        A new array of the same type; `labels` is left alone.

    Raises
    ------
    TypeError
        If `labels` is not whole, `transition` does not hold numbers, or `rng` is neither a seed nor
        a Generator.
    ValueError
        If `transition` is no such matrix, `labels` is out of range or not a non-empty vector, or
        its type cannot hold all classes.

    Notes
    -----
    Source: chapter 12; the matrix as in Patrini et al. (2017).

    Examples
    --------
    >>> import numpy as np
    >>> clean = np.repeat([0, 1, 2], 10)
    >>> noisy = asymmetric(clean, [[0.7, 0.2, 0.1], [0, 1, 0], [0.25, 0, 0.75]], rng=0)
    >>> np.bincount(noisy[:10]).tolist(), np.bincount(noisy[20:]).tolist()
    ([7, 2, 1], [3, 0, 7])
    """
    transition = _stochastic(transition)
    labels = _classes("labels", labels, len(transition))
    rng = _generator(rng)
    counts = _largest_remainders(transition, np.bincount(labels, minlength=len(transition)))
    targets = np.tile(np.arange(len(transition)), len(transition))
    noisy = labels.copy()
    noisy[_shuffled_groups(labels, rng)] = np.repeat(targets, counts.ravel())
    return noisy


def _stochastic(transition):
    """Return a matrix of shares; rounding is taken out of the sums of its rows."""
    transition = check.finite_array("transition", transition)
    shape = transition.shape
    if transition.ndim != 2 or shape[0] != shape[1] or shape[0] < 2:
        raise ValueError(f"transition must be square, 2 x 2 or larger, got shape {shape}")
    check.non_negative("transition", transition)
    sums = transition.sum(axis=1)
    worst = np.abs(sums - 1).argmax()
    if abs(sums[worst] - 1) > 1e-8:
        raise ValueError(
            f"transition must have rows that sum to 1 (to 1e-8), got {sums[worst]} in row {worst}"
        )
    return transition / sums[:, None]


def _largest_remainders(shares, sizes):
    """Return whole numbers near ``shares * sizes`` whose rows sum to `sizes`."""
    wanted = shares * sizes[:, None]
    counts = np.floor(wanted).astype(np.int64)
    rank = (counts - wanted).argsort(axis=1, kind="stable").argsort(axis=1)
    return counts + (rank < (sizes - counts.sum(axis=1))[:, None])


def pair_transition(n_classes, rate, pairs=None):
    r"""Return the transition matrix that confuses each class with one other class.

    .. math:: T_{cc} = 1 - \text{rate}, \qquad T_{c,\,\text{pairs}[c]} = \text{rate},

    and :math:`T_{cc} = 1` for a class that is in no pair.

    Parameters
    ----------
    n_classes : int
        Number of classes C, >= 2.
    rate : float
        Share of each class that is confused, in [0, 1].
    pairs : dict of int to int, optional
        The class that takes the place of each class; c + 1 modulo C for every c if omitted. See
        `CIFAR10_PAIRS`.

    Returns
    -------
    ndarray, shape (C, C)
        For `asymmetric`.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, or a class is paired with itself.

    Notes
    -----
    Source: chapter 12; Patrini et al. (2017).

    Examples
    --------
    >>> pair_transition(3, 0.25)
    array([[0.75, 0.25, 0.  ],
           [0.  , 0.75, 0.25],
           [0.25, 0.  , 0.75]])
    """
    n_classes = check.scalar_whole("n_classes", n_classes, minimum=2)
    rate = check.single("rate", check.weight("rate", rate))
    if pairs is None:
        pairs = {c: (c + 1) % n_classes for c in range(n_classes)}
    if not isinstance(pairs, Mapping):
        raise TypeError(f"pairs must be a dict from class to class, got {pairs!r:.80}")
    transition = np.eye(n_classes)
    for pair in pairs.items():
        true, given = (check.scalar_whole("pairs", c, minimum=0) for c in pair)
        if true == given or max(true, given) >= n_classes:
            raise ValueError(
                f"pairs must be of different classes below n_classes = {n_classes}, got "
                f"{true} to {given}"
            )
        transition[true, [true, given]] = 1 - rate, rate
    return transition


def transition_matrix(clean, noisy, *, n_classes):
    r"""Return the shares of the noisy classes among the labels of each class.

    .. math:: T_{cj} = \frac{\#\{i : \text{clean}_i = c,\ \text{noisy}_i = j\}}
                            {\#\{i : \text{clean}_i = c\}}

    Parameters
    ----------
    clean : array_like of int, shape (n,)
        True classes, 0 to ``n_classes - 1``, each of them at least once.
    noisy : array_like of int, shape (n,)
        Noisy classes of the same samples.
    n_classes : int
        Number of classes C, >= 2.

    Returns
    -------
    ndarray, shape (C, C)
        Rows sum to 1; row c belongs to the true class c.

    Raises
    ------
    TypeError
        If an argument is not whole.
    ValueError
        If classes are out of range, the vectors differ in length, or a class has no sample.

    Notes
    -----
    Source: chapter 12.

    Examples
    --------
    >>> transition_matrix([0, 0, 1, 1], [0, 1, 1, 1], n_classes=2)
    array([[0.5, 0.5],
           [0. , 1. ]])
    """
    n_classes = check.scalar_whole("n_classes", n_classes, minimum=2)
    clean, noisy = (
        _classes(name, labels, n_classes).astype(np.int64)
        for name, labels in (("clean", clean), ("noisy", noisy))
    )
    if len(clean) != len(noisy):
        raise ValueError(f"noisy must have one entry a clean label, {len(clean)}, got {len(noisy)}")
    pairs = np.bincount(clean * n_classes + noisy, minlength=n_classes**2)
    counts = pairs.reshape(n_classes, n_classes)
    sizes = counts.sum(axis=1)
    if not sizes.all():
        raise ValueError(f"clean must hold every class, got no sample of class {sizes.argmin()}")
    return counts / sizes[:, None]


def _shifted(labels, flipped, n_classes, rng, smallest=1):
    """Move some labels on by a uniform number of classes; if never by 0, they really change."""
    shift = rng.integers(smallest, n_classes, size=len(flipped))
    noisy = labels.copy()
    noisy[flipped] = (labels[flipped].astype(np.int64) + shift) % n_classes
    return noisy


def _shuffled_groups(groups, rng):
    """Return all places, group after group; within a group in random order."""
    order = rng.permutation(len(groups))
    return order[groups[order].argsort(kind="stable")]


def _classes(name, labels, n_classes):
    """Return `labels` as a vector of whole numbers from 0 to n_classes - 1."""
    wide = _vector(name, check.whole(name, labels, minimum=0))
    if wide.max() >= n_classes:
        raise ValueError(f"{name} must be < n_classes = {n_classes}, got {wide.max()}")
    labels = np.asarray(labels)
    if n_classes - 1 > np.iinfo(labels.dtype).max:
        raise ValueError(f"{name} of type {labels.dtype} cannot hold class {n_classes - 1}")
    return labels


def _vector(name, array):
    if array.ndim != 1:
        raise ValueError(f"{name} must be 1-dimensional, got shape {array.shape}")
    return array


def _generator(rng):
    """Return a Generator from a seed or a Generator; None would not be reproducible."""
    if isinstance(rng, np.random.Generator):
        return rng
    return np.random.default_rng(check.scalar_whole("rng", rng, minimum=0))
