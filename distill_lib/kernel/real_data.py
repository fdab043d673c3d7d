r"""Does distillation beat a tuned ridge on real data? Every setting is chosen by leave-one-out.

For one kernel matrix all leave-one-out predictions of all ridges come from one eigendecomposition
(`selection.loo_refits`), for several noise levels at once, and two fits have a best weight in
closed form (`mixing.optimal_alpha`). So every split can try hundreds of settings, and the test part
only ever scores the few that were chosen.

Source: chapter 8.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import pdist

from distill_lib import _validation as check
from distill_lib import datasets, noise
from distill_lib.kernel import filters, mixing, selection
from distill_lib.kernel.kernels import as_kernel
from distill_lib.kernel.spectrum import Spectrum

__all__ = ["DATA", "METHODS", "REGIMES", "AgainstRidge", "Paired", "against_ridge"]

#: What is compared; the first is the baseline. The last two are two fits with the best weight.
METHODS = ("ridge", "refits", "alpha in [0, 1]", "any alpha")

#: What each method may choose: its ridge; ridge and bandwidth; or nothing, at a wrong ridge.
REGIMES = ("tuned", "bandwidth too", "ridge too small", "ridge too large")

#: The data sets, and whether their targets are classes.
DATA = {"diabetes": False, "digits": True, "mnist": True}

CLASSES = 10
SIZE = 14  # pixels a side of MNIST
_TIE = 1e-12


class Paired(NamedTuple):
    """Differences from the ridge of the same regime and split, arrays (v, regimes, methods).

    `mean` over the splits and its `standard_error`; on how many splits the method is `better` and
    `worse` than the ridge. The others are ties, mostly because it made the same choice.
    """

    mean: np.ndarray
    standard_error: np.ndarray
    better: np.ndarray
    worse: np.ndarray


class AgainstRidge(NamedTuple):
    r"""Scores and choices: arrays over splits (s), noise levels (v), `REGIMES` and `METHODS`.

    `error` is the mean squared error, summed over outputs, expected on test labels with the same
    noise; the noise alone contributes `floor` (v,) to it. `accuracy` counts true labels of the test
    part (NaN for regression). `loo` is the leave-one-out error that chose the setting: `lam`,
    `alpha` (weight on the labels in the last fit; 1 for a single fit), `rounds` and `bandwidth`
    (multiple of the median squared distance).
    """

    error: np.ndarray
    accuracy: np.ndarray
    loo: np.ndarray
    lam: np.ndarray
    alpha: np.ndarray
    rounds: np.ndarray
    bandwidth: np.ndarray
    floor: np.ndarray

    def paired(self, measure="error"):
        """Compare every method with the ridge of its regime, split by split.

        Parameters
        ----------
        measure : {"error", "accuracy"}
            Lower errors and higher accuracies are better.

        Returns
        -------
        Paired

        Raises
        ------
        ValueError
            If `measure` is unknown, or there is only one split.
        """
        if measure not in ("error", "accuracy"):
            raise ValueError(f"measure must be 'error' or 'accuracy', got {measure!r}")
        values = getattr(self, measure)
        if len(values) < 2:
            raise ValueError(f"a standard error needs at least 2 splits, got {len(values)}")
        change = values - values[..., :1]
        gain = -change if measure == "error" else change
        return Paired(
            change.mean(0),
            change.std(0, ddof=1) / np.sqrt(len(change)),
            (gain > _TIE).sum(0),
            (gain < -_TIE).sum(0),
        )

    def repaired(self):
        r"""Share of the damage by a wrong ridge that a method undoes at this ridge.

        .. math:: \frac{E_{\rm wrong\ ridge} - E_{\rm method}}{E_{\rm wrong\ ridge} -
            E_{\rm tuned\ ridge}}

        with errors averaged over the splits: 0 is no help, 1 is as good as the tuned ridge.

        Returns
        -------
        ndarray, shape (v, 2, methods)
            For a ridge that is too small, and one that is too large; NaN where that does no harm.
        """
        error = self.error.mean(0)
        wrong = error[:, 2:]
        damage = wrong[..., :1] - error[:, :1, :1]
        return (wrong[..., :1] - wrong) / np.where(damage > 0, damage, np.nan)


def against_ridge(
    data, noises, lams, bandwidths, *, n_train, n_test=None, splits=20, rounds=4, wrong=30.0, seed
):
    r"""Distillation against ridge on real data: tuned, and at a ridge that is wrong by a factor.

    The kernel is :math:`\exp(-\|x-x'\|^2/(c\,m))` with m the median squared distance between
    training points and c the bandwidth. Targets are centred: real numbers for diabetes, one-hot
    vectors for digits and MNIST.

    In every regime there are four methods, and exact leave-one-out on the *noisy training labels*
    chooses what is free: the `ridge` itself; `refits`, one to `rounds` plain fits (alpha = 0); two
    fits with the best alpha in [0, 1]; and two fits with the best real alpha. Regimes:

    * *tuned*: the ridge is chosen, at the first bandwidth;
    * *bandwidth too*: ridge and bandwidth are chosen;
    * *ridge too small*, *ridge too large*: the ridge is that of the tuned ridge regression, divided
      or multiplied by `wrong`; only weight and rounds are chosen, of up to 2 `rounds` fits.

    Parameters
    ----------
    data : {"diabetes", "digits", "mnist"}
        MNIST is averaged to 14 x 14 pixels, and its files must be there, see
        `distill_lib.datasets.mnist`.
    noises : array_like, shape (v,)
        For diabetes, standard deviations >= 0 of Gaussian noise added to the training targets, in
        units of their own standard deviation; for digits and MNIST, shares in [0, 1] of training
        labels that are wrong.
    lams : array_like, shape (l,)
        Ridges to choose from, > 0.
    bandwidths : array_like, shape (c,)
        Multiples of the median squared distance, > 0. The first is *the* bandwidth, unless the
        bandwidth is chosen too.
    n_train : int
        Number of training points.
    n_test : int, optional
        Number of test images of MNIST; from the other data all that is left is for testing.
    splits : int, default 20
        Number of random splits s, each with its own noise, >= 1.
    rounds : int, default 4
        Largest number of plain refits, >= 2; at a wrong ridge twice as many are tried. The other
        methods have two fits.
    wrong : float, default 30
        Factor by which the ridge is wrong, > 1.
    seed : int
        Source of the splits and of the noise. The first splits do not depend on how many follow.

    Returns
    -------
    AgainstRidge

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.
    FileNotFoundError
        If the files of MNIST are missing.

    Notes
    -----
    The mean of the targets, which is subtracted before the fits, and the median distance are those
    of the whole training part: leave-one-out does not compute them anew.

    One eigendecomposition a split and bandwidth, whatever the number of noise levels.

    Source: chapter 8; the question is that of Borup and Andersen (2021).
    """
    if data not in DATA:
        raise ValueError(f"data must be one of {', '.join(DATA)}, got {data!r}")
    noises = check.non_negative("noises", check.finite_array("noises", noises, ndim=1))
    if DATA[data]:
        check.weight("noises", noises)
    lams = check.positive("lams", check.finite_array("lams", lams, ndim=1))
    bandwidths = check.positive("bandwidths", check.finite_array("bandwidths", bandwidths, ndim=1))
    check.scalar_whole("splits", splits, minimum=1)
    check.scalar_whole("rounds", rounds, minimum=2)
    check.scalar_whole("seed", seed, minimum=0)
    if check.single("wrong", check.positive("wrong", wrong)) <= 1:
        raise ValueError(f"wrong must be > 1, got {wrong}")
    problems = (
        _problem(data, noises, n_train, n_test, rng)
        for rng in np.random.default_rng(seed).spawn(splits)
    )
    scores = np.array([_one_split(p, lams, bandwidths, rounds, wrong) for p in problems])
    return AgainstRidge(*scores.transpose(1, 0, 3, 2, 4), _floor(data, noises))


# ---------------------------------------------------------------------- the problem


class _Problem(NamedTuple):
    """One split at v noise levels: targets (v, n, q) with noise, `expected` ones (v, m, q)."""

    X: np.ndarray
    targets: np.ndarray
    X_test: np.ndarray
    expected: np.ndarray
    classes: np.ndarray | None
    floor: np.ndarray


def _problem(data, noises, n_train, n_test, rng):
    """Draw a split and its noise; every noise level has a source of its own."""
    split = _load(data, n_train, n_test, rng)
    sources = rng.spawn(len(noises))
    y, y_test = split.y_train, split.y_test
    if DATA[data]:
        one_hot = np.eye(CLASSES)
        noisy = [
            one_hot[noise.symmetric(y, rate, n_classes=CLASSES, rng=source)]
            for rate, source in zip(noises, sources, strict=True)
        ]
        other = noises[:, None, None] / (CLASSES - 1)
        expected = other + (1 - CLASSES * other) * one_hot[y_test]
    else:
        noisy = [
            (y + scale * source.standard_normal(len(y)))[:, None]
            for scale, source in zip(noises, sources, strict=True)
        ]
        expected = np.tile(y_test[:, None], (len(noises), 1, 1))
    classes = y_test if DATA[data] else None
    floor = _floor(data, noises)
    return _Problem(split.X_train, np.array(noisy), split.X_test, expected, classes, floor)


def _load(data, n_train, n_test, rng):
    if data == "mnist":
        return datasets.mnist(n_train, 0, n_test, seed=rng, size=SIZE)
    if n_test is not None:
        raise ValueError(f"n_test is for mnist only, got {n_test} with data = {data!r}")
    return getattr(datasets, data)(n_train, seed=rng)


def _floor(data, noises):
    """Squared error that the noise in a test label makes on its own."""
    if DATA[data]:  # |Y|^2 = 1, minus |E Y|^2
        return 1 - (1 - noises) ** 2 - noises**2 / (CLASSES - 1)
    return noises**2


# ------------------------------------------------------------------------- one split


def _one_split(problem, lams, bandwidths, rounds, wrong):
    """Fields of `AgainstRidge` without the floor, array (fields, regimes, v, methods)."""
    first, *others = (
        _one_bandwidth(problem, lams, c, rounds, (1 / wrong, wrong) if k == 0 else ())
        for k, c in enumerate(bandwidths)
    )
    tuned = np.array([scores[:, 0] for scores in (first, *others)])  # (c, fields, v, methods)
    loo = tuned[:, AgainstRidge._fields.index("loo")]
    best = np.take_along_axis(tuned, loo.argmin(0)[None, None], axis=0)[0]
    return np.insert(first, 1, best, axis=1)


def _one_bandwidth(problem, lams, bandwidth, rounds, factors):
    """Fields at one bandwidth for the tuned ridge, and for wrong ridges; see `_one_split`."""
    scale = bandwidth * np.median(pdist(problem.X, "sqeuclidean"))
    kernel = as_kernel("rbf", gamma=1 / scale)
    spectrum, K_test = Spectrum.from_gram(kernel(problem.X)), kernel(problem.X_test, problem.X)
    centres = problem.targets.mean(1, keepdims=True)
    targets = problem.targets - centres
    fields = []
    for v, misses in enumerate(_misses(spectrum, targets, lams, rounds)):
        choices = _choose(misses, lams)
        for factor in factors:
            lam = np.array([factor * choices[0].lam])
            (misses,) = _misses(spectrum, targets[v : v + 1], lam, 2 * rounds)
            choices += _choose(misses, lam)
        scores = _score(_predict(spectrum, K_test, targets[v], choices) + centres[v], problem, v)
        settings = [(c.loo, c.lam, c.weights[0], len(c.weights), bandwidth) for c in choices]
        fields.append(np.vstack([scores, np.transpose(settings)]))
    return np.reshape(fields, (*np.shape(fields)[:2], -1, len(METHODS))).transpose(1, 2, 0, 3)


def _misses(spectrum, targets, lams, rounds):
    """Leave-one-out misses (l, rounds, n, q) of every noise level, from one set of products."""
    levels, n, q = targets.shape
    together = targets.transpose(1, 0, 2).reshape(n, levels * q)
    refits = selection.loo_refits(spectrum, together, lams, rounds)
    refits = refits.reshape(len(lams), rounds, n, levels, q)
    return (y - refits[..., v, :] for v, y in enumerate(targets))


def _score(predictions, problem, v):
    """Return the expected error on noisy test labels and the accuracy on true ones, by model."""
    error = ((predictions - problem.expected[v]) ** 2).sum(-1).mean(-1) + problem.floor[v]
    if problem.classes is None:
        return error, np.full(len(error), np.nan)
    return error, (predictions.argmax(-1) == problem.classes).mean(-1)


# ----------------------------------------------------------------------- the choices


class _Choice(NamedTuple):
    """Ridge, weights of the plain refits in the model (they add up to 1), leave-one-out error."""

    lam: float
    weights: np.ndarray
    loo: float


def _choose(misses, lams):
    """Best setting of each of the `METHODS` by leave-one-out, from misses (l, t, n, q).

    The miss of a mix is the mix of the misses, because the weights add up to 1.
    """
    n = misses.shape[2]
    misses = misses.reshape(*misses.shape[:2], -1)
    losses = (misses**2).sum(-1) / n  # (l, t)
    i = losses[:, 0].argmin()
    j, t = np.unravel_index(losses.argmin(), losses.shape)
    return [
        _Choice(lams[i], np.ones(1), losses[i, 0]),
        _Choice(lams[j], np.eye(t + 1)[t], losses[j, t]),
        _two_fits(misses, lams, n, clip=True),
        _two_fits(misses, lams, n, clip=False),
    ]


def _two_fits(misses, lams, n, *, clip):
    """Best ridge and weight of two fits; the best weight of each ridge is a closed form."""
    zero = np.zeros(misses.shape[-1])
    alphas = np.array([mixing.optimal_alpha(zero, m[0], m[1], clip=clip) for m in misses])
    mixed = alphas[:, None] * misses[:, 0] + (1 - alphas)[:, None] * misses[:, 1]
    losses = (mixed**2).sum(-1) / n
    i = losses.argmin()
    return _Choice(lams[i], np.array([alphas[i], 1 - alphas[i]]), losses[i])


def _predict(spectrum, K_new, y, choices):
    """Predictions (models, m, q) of the chosen models at new points."""
    b = []
    for choice in choices:
        powers = np.arange(1, len(choice.weights) + 1)[:, None]
        b.append(choice.weights @ filters.distilled(spectrum.eigenvalues, choice.lam, powers))
    return K_new @ spectrum.dual(np.array(b), y)
