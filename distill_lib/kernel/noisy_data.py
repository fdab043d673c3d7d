r"""Wrong labels in the kernel regime: what stopping, ridge and self-labels make of real data.

The kernel is the tangent kernel of a wide ReLU network on images of length one (or, for
comparison, a Gaussian). One
eigendecomposition a split serves every method: descent, ridge, refits and self-labels. Everything
is chosen on a validation part, once by its wrong labels and once by its true ones.

Source: chapters 11 and 12; the question is that of Dong, Hou, Lu and Zhang (2019).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import pdist

from distill_lib import _validation as check
from distill_lib import datasets, noise
from distill_lib.kernel import filters, retrieval, self_labels
from distill_lib.kernel.kernels import ReluNTK, as_kernel
from distill_lib.kernel.spectrum import Spectrum

__all__ = [
    "CHOICES",
    "DATA",
    "METHODS",
    "PATHS",
    "BurnInMap",
    "ErrorPaths",
    "InformativeEnergy",
    "Paired",
    "SelfLabels",
    "burn_in_map",
    "error_paths",
    "informative_energy",
    "self_labels_against_stopping",
]

#: What is compared, see `self_labels_against_stopping`.
METHODS = (
    "to the end",
    "stopped",
    "ridge",
    "hard refit",
    "hard refit, ridge",
    "soft",
    "sharpened",
    "constant",
    "adaptive",
    "geometric",
    "geometric, stopped",
    "geometric, ridge",
)

#: Whose labels on the validation part choose the settings.
CHOICES = ("noisy", "clean")

#: The data sets.
DATA = ("digits", "mnist", "cifar10n")

CLASSES = 10
KINDS = ("symmetric", "pairs")
_TIE = 1e-12


# ---------------------------------------------------------------------- the problems


class _Problem(NamedTuple):
    """One split, decomposed: labels of each part, and a basis for predictions.

    Predictions with coefficients c (r, q) are ``basis @ c``, for training, validation and test
    points in this order. `given` holds one pair of noisy labels (training, validation) a noise.
    """

    spectrum: Spectrum
    basis: np.ndarray
    given: list
    clean: np.ndarray
    clean_validation: np.ndarray
    y_test: np.ndarray
    n_classes: int

    def fitted(self, y):
        """Coefficients (r, q) of targets (n, q) when descent has gone to the end."""
        return np.where(self.spectrum.eigenvalues[:, None] > 0, self.spectrum.expand(y), 0.0)

    def descent(self, steps):
        """Filter values (..., r) of gradient steps of size one over the largest eigenvalue."""
        d = self.spectrum.eigenvalues
        return filters.gradient_descent(d, self.step, np.asarray(steps)[..., None])

    @property
    def step(self):
        return 1 / self.spectrum.eigenvalues[0]

    def targets(self, v):
        """One-hot given labels (n, q) of noise v."""
        return np.eye(self.n_classes)[self.given[v][0]]


def _problem(rng, data, noises, n_train, n_validation, n_test, size, kernel, classes):
    """Draw a split and its noise, and decompose its kernel; every noise has its own source."""
    split, given = _load(rng, data, noises, n_train, n_validation, n_test, size, classes)
    parts = [_directions(X) for X in (split.X_train, split.X_validation, split.X_test)]
    kernel = kernel(parts[0])
    spectrum = Spectrum.from_gram(kernel(parts[0]))
    d = spectrum.eigenvalues
    inverse = np.divide(1.0, d, out=np.zeros_like(d), where=d > 0)
    new = [kernel(X, parts[0]) @ (spectrum.eigenvectors * inverse) for X in parts[1:] if len(X)]
    basis = np.vstack([spectrum.eigenvectors, *new])
    labels = split.y_train, split.y_validation, split.y_test
    return _Problem(spectrum, basis, given, *labels, CLASSES if classes is None else len(classes))


def _kernel(depth, bandwidth=None):
    """Return the function that makes the kernel from the training points."""
    if bandwidth is None:
        tangent = ReluNTK(depth=depth)
        return lambda X: tangent
    check.single("bandwidth", check.positive("bandwidth", bandwidth))
    return lambda X: as_kernel("rbf", gamma=1 / (bandwidth * np.median(pdist(X, "sqeuclidean"))))


def _directions(X):
    """Rows at length one; a blank image would have no direction."""
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    if len(X) and norms.min() == 0:
        raise ValueError("an image is blank, so it has no direction")
    return X / np.where(norms > 0, norms, 1.0)


def _load(rng, data, noises, n_train, n_validation, n_test, size, classes):
    """Return a clean split, and a pair of noisy labels (training, validation) for every noise."""
    draw, *sources = rng.spawn(1 + len(noises))
    if data == "cifar10n":
        return _human(draw, noises, n_train, n_validation, n_test, size)
    split = _images(draw, data, n_train, n_validation, n_test, size, classes)
    n_classes = CLASSES if classes is None else len(classes)
    given = [
        tuple(
            _wrong(labels, *name, n_classes, source)
            for labels in (split.y_train, split.y_validation)
        )
        for name, source in zip(noises, sources, strict=True)
    ]
    return split, given


def _human(rng, names, n_train, n_validation, n_test, size):
    """CIFAR-10N: one split of the images, with one set of human labels a name."""
    seed, size = int(rng.integers(2**31)), 32 if size is None else size
    parts = [
        datasets.cifar10n(n_train, n_validation, n_test, labels=name, seed=seed, size=size)
        for name in names
    ]
    s = parts[0]
    split = datasets.Split(s.X_train, s.clean_train, s.X_validation, s.clean_validation,
                           s.X_test, s.y_test)  # fmt: skip
    return split, [(part.y_train, part.y_validation) for part in parts]


def _images(rng, data, n_train, n_validation, n_test, size, classes):
    """Digits or MNIST, all classes or the named ones, renumbered from 0."""
    if data == "digits":
        if n_test is not None or size is not None or classes is not None:
            raise ValueError("n_test, size and classes are not for digits: leave them out")
        return datasets.digits(n_train, n_validation, seed=rng)
    size = 28 if size is None else size
    if classes is None:
        return datasets.mnist(n_train, n_validation, n_test, seed=rng, size=size)
    more = 2 * CLASSES // len(classes)  # twice as many as are needed on average
    wanted = n_train, n_validation, n_test
    split = datasets.mnist(*(more * n for n in wanted), seed=rng, size=size)
    arrays = []
    for X, y, n in zip(split[::2], split[1::2], wanted, strict=True):
        kept = np.flatnonzero(np.isin(y, classes))[:n]
        if len(kept) < n:
            raise ValueError(
                f"MNIST has too few images of the classes {classes}: {len(kept)} < {n}"
            )
        arrays += [X[kept], np.searchsorted(classes, y[kept])]
    return datasets.Split(*arrays)


def _wrong(labels, kind, rate, n_classes, rng):
    """Noisy labels: `kind` is "symmetric" or "pairs" (each class goes to the next one only)."""
    if not len(labels):
        return labels
    if kind == "symmetric":
        return noise.symmetric(labels, rate, n_classes=n_classes, rng=rng)
    return noise.asymmetric(labels, noise.pair_transition(n_classes, rate), rng=rng)


def _drawing(data, noises, n_train, n_validation, n_test, size, kernel, classes):
    """Check what describes a problem, and return it as the arguments of `_problem`."""
    if data not in DATA:
        raise ValueError(f"data must be one of {', '.join(DATA)}, got {data!r}")
    if not len(noises):
        raise ValueError("noises is empty; at least one is needed")
    for name in noises if data != "cifar10n" else ():
        if isinstance(name, str) or len(name) != 2 or name[0] not in KINDS:
            raise ValueError(f"a noise must be a pair ({' or '.join(KINDS)}, rate), got {name!r}")
    return data, noises, n_train, n_validation, n_test, size, kernel, classes


def _problems(drawing, seeds, seed):
    """Yield one problem a seed; the first do not depend on how many follow."""
    check.scalar_whole("seeds", seeds, minimum=1)
    check.scalar_whole("seed", seed, minimum=0)
    for rng in np.random.default_rng(seed).spawn(seeds):
        yield _problem(rng, *drawing)


# --------------------------------------------------------------------- informative first


class InformativeEnergy(NamedTuple):
    r"""Where labels and noise lie in the eigenbasis, and what descent makes of it.

    Arrays over seeds (s), noise rates (v), numbers of top eigenvectors (k) and of steps (t).
    `eigenvalues` (s, k) are those of the k-th eigenvector. The shares of the energy in the top k,
    of centred one-hot rows: `clean_share` (s, k), and (s, v, k) `given_share`, `noise_share` (given
    minus clean labels) and `fluctuation_share` (given labels minus what is expected of them). Then
    (s, v, t): `train_error` and `distance` to the clean labels on the training points (share of
    wrong classes, root mean square of the rows' distance), the share of given labels that is
    `fitted`, and the `error` on the test part.
    """

    eigenvalues: np.ndarray
    clean_share: np.ndarray
    given_share: np.ndarray
    noise_share: np.ndarray
    fluctuation_share: np.ndarray
    train_error: np.ndarray
    distance: np.ndarray
    fitted: np.ndarray
    error: np.ndarray


def informative_energy(
    data,
    rates,
    counts,
    steps,
    *,
    n_train,
    n_test=None,
    size=None,
    depth=1,
    classes=None,
    seeds=10,
    seed,
):
    r"""Energy of labels and of symmetric noise in the top eigenvectors; errors of descent.

    With centred one-hot labels Y, clean, and Y' given, the share of a matrix M in the top k is
    :math:`\sum_{j\le k}\|v_j^\top M\|^2/\|M\|^2`. Symmetric noise of rate :math:`\rho` in C classes
    shrinks what is expected of the given labels to :math:`sY` with :math:`s = 1-\rho C/(C-1)`. So
    the *noise* :math:`Y'-Y` holds :math:`-(1-s)Y`, which lies where the clean labels lie; only the
    *fluctuation* :math:`Y'-sY` has no direction. Of that about k/n lies in the top k.

    Parameters
    ----------
    data : {"digits", "mnist"}
    rates : array_like, shape (v,)
        Shares of wrong labels, in (0, 1].
    counts : array_like of int, shape (k,)
        Numbers of top eigenvectors, 1 to `n_train`.
    steps : array_like of int, shape (t,)
        Gradient steps of size one over the largest eigenvalue, >= 0.
    n_train : int
        Number of training points.
    n_test : int, optional
        Number of test images of MNIST; of digits all that is left is for testing.
    size : int, optional
        Pixels a side of MNIST.
    depth : int, default 1
        Hidden layers of the network whose tangent kernel it is.
    classes : sequence of int, optional
        Only these classes of MNIST, ascending.
    seeds : int, default 10
        Number s of random splits, each with its own noise.
    seed : int
        Source of the splits and of the noise. The first do not depend on how many follow.

    Returns
    -------
    InformativeEnergy

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.
    FileNotFoundError
        If the files of the data are missing.

    Notes
    -----
    Source: chapter 11; Dong et al. (2019) for the view.
    """
    rates = check.positive("rates", check.finite_array("rates", rates, ndim=1))
    noises = [("symmetric", rate) for rate in check.weight("rates", rates)]
    if data == "cifar10n":
        raise ValueError("symmetric noise is for digits and mnist, got data = 'cifar10n'")
    counts = check.whole("counts", counts, minimum=1)
    if counts.max() > n_train:
        raise ValueError(f"counts must be <= n_train = {n_train}, got {counts.max()}")
    steps = check.whole("steps", steps, minimum=0)
    drawing = _drawing(data, noises, n_train, 0, n_test, size, _kernel(depth), classes)
    runs = [_energy(p, rates, counts, steps) for p in _problems(drawing, seeds, seed)]
    return InformativeEnergy(*(np.array(field) for field in zip(*runs, strict=True)))


def _energy(problem, rates, counts, steps):
    """Fields of `InformativeEnergy` for one split."""
    clean = _centred(np.eye(problem.n_classes)[problem.clean])

    def share(matrix):
        return retrieval.cumulative_share(problem.spectrum, matrix)[counts - 1]

    shares, scores = [], []
    for v, rate in enumerate(rates):
        y = problem.targets(v)
        given = _centred(y)
        expected = (1 - rate * problem.n_classes / (problem.n_classes - 1)) * clean
        shares.append([share(m) for m in (given, given - clean, given - expected)])
        path = problem.descent(steps)[..., None] * problem.spectrum.expand(y)
        scores.append(_scores(problem, v, path))
    scores = [
        np.array([getattr(s, name) for s in scores]) for name in InformativeEnergy._fields[5:]
    ]
    eigenvalues = problem.spectrum.eigenvalues[counts - 1]
    return eigenvalues, share(clean), *np.swapaxes(shares, 0, 1), *scores


def _centred(rows):
    return rows - rows.mean(0)


# ------------------------------------------------------------------------ burn-in and decay


class BurnInMap(NamedTuple):
    """What hard self-labels end at, by burn-in (b) and decay (q), beside descent stopped there.

    Arrays (seeds, b, q): `error` on the test part, `train_error` and `distance` to the clean labels
    on the training points, share of given labels `fitted`. The four that begin with `stopped`,
    (seeds, b), are those of descent at the end of the burn-in.
    """

    error: np.ndarray
    train_error: np.ndarray
    distance: np.ndarray
    fitted: np.ndarray
    stopped_error: np.ndarray
    stopped_train_error: np.ndarray
    stopped_distance: np.ndarray
    stopped_fitted: np.ndarray


def burn_in_map(
    data,
    noise_name,
    burn_ins,
    decays,
    *,
    n_train,
    n_test=None,
    size=None,
    depth=1,
    updates=100,
    epochs=60,
    seeds=10,
    seed,
):
    r"""Hard self-labels with weights :math:`q^t` after the burn-in, for a map of settings.

    As in `self_labels_against_stopping`, where the arguments are explained: after `epochs` epochs
    the target is frozen and fitted to the end. No setting is chosen.

    Parameters
    ----------
    data : {"digits", "mnist", "cifar10n"}
    noise_name : pair of str and float, or str
        One entry of the other function's `noises`.
    burn_ins, decays : array_like
        In epochs, >= 1; and q in [0, 1]. With q = 0 the given labels vanish at one stroke, with
        q = 1 they stay.
    n_train, n_test, size, depth, updates, epochs, seeds, seed
        As there.

    Returns
    -------
    BurnInMap

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.
    FileNotFoundError
        If the files of the data are missing.

    Notes
    -----
    Source: chapter 12.
    """
    burn_ins = check.whole("burn_ins", burn_ins, minimum=1)
    decays = check.weight("decays", check.finite_array("decays", decays, ndim=1))
    clock = _clock(updates, epochs)
    drawing = _drawing(data, [noise_name], n_train, 0, n_test, size, _kernel(depth), None)
    runs = [_map(p, burn_ins, decays, clock) for p in _problems(drawing, seeds, seed)]
    return BurnInMap(*(np.array(field) for field in zip(*runs, strict=True)))


def _map(problem, burn_ins, decays, clock):
    """Fields of `BurnInMap` for one split."""
    y = problem.targets(0)
    ends = [
        problem.fitted(_geometric(problem, y, burn_in, q, clock).target)
        for burn_in in burn_ins
        for q in decays
    ]
    stops = problem.descent(burn_ins * clock.updates)[..., None] * problem.spectrum.expand(y)
    names = BurnInMap._fields[:4]
    last, stopped = (_scores(problem, 0, np.array(c)) for c in (ends, stops))
    shape = len(burn_ins), len(decays)
    return *(getattr(last, n).reshape(shape) for n in names), *(getattr(stopped, n) for n in names)


# ---------------------------------------------------------------------------- along the way


class ErrorPaths(NamedTuple):
    """Errors epoch by epoch, arrays (seeds, `PATHS`, epochs + 1), and the weights.

    `error` on the test part, `train_error` and `distance` to the clean labels on the training
    points, share of given labels `fitted`; `weight` (seeds, `PATHS`, epochs) on the given labels.
    """

    error: np.ndarray
    train_error: np.ndarray
    distance: np.ndarray
    fitted: np.ndarray
    weight: np.ndarray


#: What `error_paths` follows.
PATHS = ("descent", "soft", "constant", "adaptive", "geometric")


def error_paths(
    data,
    noise_name,
    *,
    burn_in,
    decay,
    alpha,
    n_train,
    n_test=None,
    size=None,
    depth=1,
    updates=100,
    epochs=60,
    seeds=3,
    seed,
):
    r"""Follow descent and four kinds of self-labels from start to end at given settings.

    Hard labels with a constant, adaptive or geometric weight after the burn-in, soft ones with the
    geometric weight, and descent on the given labels.

    Parameters
    ----------
    data : {"digits", "mnist", "cifar10n"}
    noise_name : pair of str and float, or str
        One entry of `noises` of `self_labels_against_stopping`.
    burn_in : int
        In epochs, >= 1.
    decay : float
        q of the geometric weights, in [0, 1].
    alpha : float
        The constant weight, in [0, 1].
    n_train, n_test, size, depth, updates
        As there.
    epochs : int, default 60
        All of them, those of the burn-in too.
    seeds, seed
        As there.

    Returns
    -------
    ErrorPaths

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.
    FileNotFoundError
        If the files of the data are missing.

    Notes
    -----
    Source: chapter 12.
    """
    _clock(updates, epochs)
    weights = {
        "descent": np.ones(epochs),
        "soft": self_labels.geometric_weights(epochs, decay, burn_in=burn_in),
        "constant": self_labels.constant_weights(epochs, alpha, burn_in=burn_in),
        "adaptive": self_labels.Adaptive(epochs, burn_in),
        "geometric": self_labels.geometric_weights(epochs, decay, burn_in=burn_in),
    }
    drawing = _drawing(data, [noise_name], n_train, 0, n_test, size, _kernel(depth), None)
    runs = [_paths(p, weights, updates) for p in _problems(drawing, seeds, seed)]
    return ErrorPaths(*(np.array(field) for field in zip(*runs, strict=True)))


def _paths(problem, weights, updates):
    """Fields of `ErrorPaths` for one split."""
    rows = []
    for name in PATHS:
        path = self_labels.run(
            problem.spectrum, problem.targets(0), weights[name], step=problem.step,
            target="soft" if name == "soft" else "hard", updates=updates,
        )  # fmt: skip
        scores = _scores(problem, 0, path.coefficients)
        rows.append([*(getattr(scores, n) for n in ErrorPaths._fields[:4]), path.weights])
    return zip(*rows, strict=True)


# ------------------------------------------------------------------ self-labels against rivals


class Paired(NamedTuple):
    """Differences from a baseline, seed by seed, arrays (v, `CHOICES`, `METHODS`).

    `mean` over the seeds and its `standard_error`; on how many seeds the method is `better` and
    `worse`. The others are ties.
    """

    mean: np.ndarray
    standard_error: np.ndarray
    better: np.ndarray
    worse: np.ndarray


class SelfLabels(NamedTuple):
    """Scores and settings: arrays over seeds (s), noises (v), `CHOICES` and `METHODS`.

    `error` on the test part; `train_error` and `distance` to the clean labels on the training
    points (share of wrong classes, root mean square of the rows' distance); share of given labels
    `fitted`; `validation` is the error by which the setting was chosen. Settings, NaN where a
    method has none: gradient `steps` before the stop; ridge `lam`; `burn_in` in epochs; `decay` q;
    constant weight `alpha`; `temperature`. `wrong` (s, v) is the share of wrong given labels.
    """

    error: np.ndarray
    train_error: np.ndarray
    distance: np.ndarray
    fitted: np.ndarray
    validation: np.ndarray
    steps: np.ndarray
    lam: np.ndarray
    burn_in: np.ndarray
    decay: np.ndarray
    alpha: np.ndarray
    temperature: np.ndarray
    wrong: np.ndarray

    def paired(self, baseline="stopped", measure="error"):
        """Compare every method with a baseline that was chosen by the same labels.

        Parameters
        ----------
        baseline : str, default "stopped"
            One of `METHODS`.
        measure : {"error", "train_error", "distance"}
            Lower is better.

        Returns
        -------
        Paired

        Raises
        ------
        ValueError
            If an argument is unknown, or there is only one seed.
        """
        if baseline not in METHODS:
            raise ValueError(f"baseline must be one of {', '.join(METHODS)}, got {baseline!r}")
        if measure not in ("error", "train_error", "distance"):
            raise ValueError(
                f"measure must be 'error', 'train_error' or 'distance', got {measure!r}"
            )
        values = getattr(self, measure)
        if len(values) < 2:
            raise ValueError(f"a standard error needs at least 2 seeds, got {len(values)}")
        change = values - values[..., METHODS.index(baseline), None]
        return Paired(
            change.mean(0),
            change.std(0, ddof=1) / np.sqrt(len(change)),
            (change < -_TIE).sum(0),
            (change > _TIE).sum(0),
        )


SETTINGS = SelfLabels._fields[5:11]


def self_labels_against_stopping(
    data,
    noises,
    *,
    steps,
    lams,
    late_lams,
    burn_ins,
    decays,
    alphas,
    temperatures,
    n_train,
    n_validation,
    n_test=None,
    size=None,
    depth=1,
    bandwidth=None,
    updates=100,
    epochs=60,
    seeds=10,
    seed,
):
    r"""Compare self-labels with early stopping, ridge and one refit, on images with wrong labels.

    Targets are one-hot rows, images have length one, the kernel is the tangent kernel of a wide
    ReLU network unless there is a `bandwidth`. The step is one over the largest eigenvalue. An
    *epoch* is `updates` steps with one target: labels change once an epoch. `METHODS`:

    * *to the end*: the given labels are interpolated;
    * *stopped*: gradient descent, stopped after one of the `steps`;
    * *ridge*: one of the `lams`;
    * *hard refit*: descent is stopped after one of the `burn_ins`, and a second fit to the end
      learns its hard labels; *hard refit, ridge*: with a ridge for the second fit;
    * *soft*, *sharpened*, *constant*, *adaptive*, *geometric*: self-labels for `epochs` epochs
      after the burn-in, soft (the prediction itself), sharpened, or hard. The weight on the given
      labels is geometric with one of the `decays` (soft, sharpened, geometric), one of the `alphas`
      (constant), or the share of points that disagree (adaptive). Then the target is frozen and
      descent goes on *to the end*: nothing is stopped;
    * *geometric, stopped*: also after 0, 1, 2, 4, ... epochs past the burn-in;
    * *geometric, ridge*: the frozen target is fitted by a ridge.

    What is free has the smallest share of wrong classes on the validation part, by its noisy labels
    or by its clean ones (`CHOICES`); the first of equals, in the order in which the values are
    given, wins. The test part only scores what was chosen.

    Parameters
    ----------
    data : {"digits", "mnist", "cifar10n"}
    noises : list of pairs of str and float, or list of str
        ``("symmetric", rate)``: to any other class; ``("pairs", rate)``: to the next class. For
        cifar10n names of human labels, see `distill_lib.datasets.cifar10n`.
    steps : array_like of int
        Stopping times, >= 1.
    lams : array_like
        Ridges, > 0.
    late_lams : array_like
        Ridges of second fits, >= 0.
    burn_ins : array_like of int
        In epochs, >= 1.
    decays, alphas : array_like
        In [0, 1].
    temperatures : array_like
        Of the softmax, > 0.
    n_train, n_validation : int
        Sizes of the parts.
    n_test : int, optional
        Size of the test part; of digits all that is left is for testing.
    size : int, optional
        Pixels a side of MNIST and CIFAR-10N; digits have 8.
    depth : int, default 1
        Hidden layers of the network.
    bandwidth : float, optional
        c > 0: instead of the tangent kernel take :math:`\exp(-\|x-x'\|^2/(c\,m))`, m the median
        squared distance between training points.
    updates : int, default 100
        Gradient steps an epoch, >= 1.
    epochs : int, default 60
        Epochs after the burn-in, >= 1.
    seeds : int, default 10
        Number of random splits, each with its own noise, >= 1.
    seed : int
        Source of the splits and of the noise. The first do not depend on how many follow.

    Returns
    -------
    SelfLabels

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.
    FileNotFoundError
        If the files of the data are missing.

    Notes
    -----
    Source: chapter 12; the algorithm is that of Dong et al. (2019).
    """
    grids = _Grids(
        check.whole("steps", steps, minimum=1),
        check.positive("lams", lams),
        check.non_negative("late_lams", late_lams),
        check.whole("burn_ins", burn_ins, minimum=1),
        check.weight("decays", decays),
        check.weight("alphas", alphas),
        check.positive("temperatures", temperatures),
        _clock(updates, epochs),
    )
    check.scalar_whole("n_validation", n_validation, minimum=1)
    drawing = _drawing(
        data, noises, n_train, n_validation, n_test, size, _kernel(depth, bandwidth), None
    )
    fields, wrong = [], []
    for problem in _problems(drawing, seeds, seed):
        fields.append([_one_noise(problem, v, grids) for v in range(len(noises))])
        wrong.append([(given != problem.clean).mean() for given, _ in problem.given])
    return SelfLabels(*np.moveaxis(fields, 2, 0), np.array(wrong))


class _Grids(NamedTuple):
    steps: np.ndarray
    lams: np.ndarray
    late_lams: np.ndarray
    burn_ins: np.ndarray
    decays: np.ndarray
    alphas: np.ndarray
    temperatures: np.ndarray
    clock: _Clock


class _Candidates(NamedTuple):
    """Settings of one method: a dict each, and coefficients (g, r, q) of their predictions."""

    settings: list
    coefficients: np.ndarray


def _one_noise(problem, v, grids):
    """Fields of `SelfLabels` for one split and noise, (fields, choices, methods)."""
    y = problem.targets(v)
    candidates = _without_self_labels(problem, y, grids) | _with_self_labels(problem, y, grids)
    columns = [_choose(problem, v, candidates[method]) for method in METHODS]
    return np.stack(columns, axis=-1)


def _choose(problem, v, candidates):
    """Fields (fields, choices) of the candidates that are best on the validation part."""
    scores = _scores(problem, v, candidates.coefficients)
    columns = []
    for validation in (scores.noisy_validation, scores.clean_validation):
        i = validation.argmin()
        values = scores.error, scores.train_error, scores.distance, scores.fitted, validation
        setting = candidates.settings[i]
        columns.append([*(a[i] for a in values), *(setting.get(n, np.nan) for n in SETTINGS)])
    return np.transpose(columns)


def _without_self_labels(problem, y, grids):
    """Candidates of descent, ridge and one refit on hard labels."""
    d, z, fitted = problem.spectrum.eigenvalues, problem.spectrum.expand(y), problem.fitted(y)
    ridge = filters.ridge(d, grids.lams[:, None])[..., None] * z
    teachers = [{"burn_in": b} for b in grids.burn_ins]
    labels = [self_labels.hard(_stopped(problem, y, b, grids.clock)) for b in grids.burn_ins]
    return {
        "to the end": _Candidates([{}], fitted[None]),
        "stopped": _Candidates(
            [{"steps": m} for m in grids.steps], problem.descent(grids.steps)[..., None] * z
        ),
        "ridge": _Candidates([{"lam": lam} for lam in grids.lams], ridge),
        "hard refit": _to_the_end(problem, teachers, labels),
        "hard refit, ridge": _by_ridge(problem, teachers, labels, grids.late_lams),
    }


def _with_self_labels(problem, y, grids):
    """Candidates of every kind of self-labels."""
    burn_ins, clock = grids.burn_ins, grids.clock
    geometric = [{"burn_in": b, "decay": q} for b in burn_ins for q in grids.decays]
    hard = [_geometric(problem, y, *s.values(), clock) for s in geometric]
    soft = [_geometric(problem, y, *s.values(), clock, target="soft") for s in geometric]
    warm = [s | {"temperature": T} for s in geometric for T in grids.temperatures]
    sharp = [
        _geometric(problem, y, b, q, clock, target="sharpened", temperature=T)
        for b, q, T in (s.values() for s in warm)
    ]
    constant = [{"burn_in": b, "alpha": a} for b in burn_ins for a in grids.alphas]
    kept = [
        _labelled(problem, y, b, self_labels.constant_weights(clock.epochs, a), clock)
        for b, a in (s.values() for s in constant)
    ]
    adaptive = [{"burn_in": b} for b in burn_ins]
    agreed = [
        _labelled(problem, y, b, self_labels.Adaptive(clock.epochs, 0), clock) for b in burn_ins
    ]
    families = {
        "soft": (geometric, soft),
        "sharpened": (warm, sharp),
        "constant": (constant, kept),
        "adaptive": (adaptive, agreed),
        "geometric": (geometric, hard),
    }
    ends = {
        name: _to_the_end(problem, settings, [run.target for run in runs])
        for name, (settings, runs) in families.items()
    }
    targets = [run.target for run in hard]
    return ends | {
        "geometric, stopped": _also_stopped(ends["geometric"], geometric, hard, clock),
        "geometric, ridge": _by_ridge(problem, geometric, targets, grids.late_lams),
    }


def _to_the_end(problem, settings, targets):
    return _Candidates(settings, np.array([problem.fitted(target) for target in targets]))


def _by_ridge(problem, settings, targets, lams):
    """Every target with every ridge; a ridge 0 is a fit to the end."""
    d = problem.spectrum.eigenvalues
    b = np.divide(d, d + lams[:, None], out=np.zeros((len(lams), len(d))), where=d > 0)
    coefficients = [b[..., None] * problem.spectrum.expand(target) for target in targets]
    return _Candidates(
        [s | {"lam": lam} for s in settings for lam in lams], np.concatenate(coefficients)
    )


def _also_stopped(ends, settings, runs, clock):
    """Join the fits to the end and the runs at each of the recorded epochs."""
    stopped = [
        s | {"steps": (s["burn_in"] + epoch) * clock.updates}
        for s in settings
        for epoch in clock.stops
    ]
    return _Candidates(
        ends.settings + stopped, np.concatenate([ends.coefficients, *(r.stops for r in runs)])
    )


# ------------------------------------------------------------------------- the self-labels


class _Clock(NamedTuple):
    """Gradient steps an epoch, epochs after the burn-in, and which of these are recorded."""

    updates: int
    epochs: int
    stops: np.ndarray


def _clock(updates, epochs):
    check.scalar_whole("updates", updates, minimum=1)
    check.scalar_whole("epochs", epochs, minimum=1)
    stops = [0, *(2 ** np.arange(int(np.log2(epochs)) + 1)), epochs]
    return _Clock(updates, epochs, np.unique(stops))


class _Labelled(NamedTuple):
    """The frozen target (n, q) and coefficients (stops, r, q) along the way."""

    target: np.ndarray
    stops: np.ndarray


def _stopped(problem, y, burn_in, clock):
    """Predictions (n, q) of descent after the burn-in."""
    return problem.spectrum.apply(problem.descent(burn_in * clock.updates), y)


def _geometric(problem, y, burn_in, q, clock, **target):
    weights = self_labels.geometric_weights(clock.epochs, q, burn_in=0)
    return _labelled(problem, y, burn_in, weights, clock, **target)


def _labelled(problem, y, burn_in, weights, clock, **target):
    """Self-labels after a burn-in by descent; the next target is frozen, with the last weight."""
    path = self_labels.run(
        problem.spectrum, y, weights, step=problem.step, updates=clock.updates,
        record=clock.stops, start=_stopped(problem, y, burn_in, clock), **target,
    )  # fmt: skip
    own = _own_labels(path.predictions[-1], **target)
    alpha = path.weights[-1]
    return _Labelled(alpha * y + (1 - alpha) * own, path.coefficients)


def _own_labels(u, target="hard", temperature=None):
    if target == "sharpened":
        return self_labels.sharpened(u, temperature)
    return getattr(self_labels, target)(u)


# ------------------------------------------------------------------------------ the scores


class _Scores(NamedTuple):
    """Shares of wrong classes, and the distance on training points; arrays (g,)."""

    noisy_validation: np.ndarray
    clean_validation: np.ndarray
    error: np.ndarray
    train_error: np.ndarray
    distance: np.ndarray
    fitted: np.ndarray


def _scores(problem, v, coefficients):
    """Scores of predictions with coefficients (g, r, q)."""
    g, r, q = coefficients.shape
    columns = coefficients.transpose(1, 0, 2).reshape(r, g * q)
    predictions = (problem.basis @ columns).reshape(-1, g, q)
    n, m = len(problem.clean), len(problem.clean_validation)
    train, validation, test = np.split(predictions.argmax(-1), [n, n + m])

    def wrong(classes, labels):
        return (classes != labels[:, None]).mean(0) if len(labels) else np.full(g, np.nan)

    gap = predictions[:n] - np.eye(q)[problem.clean][:, None]
    given, given_validation = problem.given[v]
    return _Scores(
        wrong(validation, given_validation),
        wrong(validation, problem.clean_validation),
        wrong(test, problem.y_test),
        wrong(train, problem.clean),
        np.sqrt((gap**2).sum(-1).mean(0)),
        1 - wrong(train, given),
    )
