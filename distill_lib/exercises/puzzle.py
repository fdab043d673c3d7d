"""Self-checks of chapter 1."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from distill_lib import datasets
from distill_lib.exercises._registry import WrongAnswer, exercise, require
from distill_lib.kernel import Spectrum, filters, kernels
from distill_lib.kernel.experiments import truth_errors

GAMMA = 80.0


def _refits(K, K_new, y, lam, rounds):
    """Return the predictions of every round, shape (rounds, m), through the eigenbasis."""
    spectrum = Spectrum.from_gram(K)
    b = filters.distilled(spectrum.eigenvalues, lam, np.arange(1, rounds + 1)[:, None])
    return spectrum.predict(K_new, b, y)


@exercise("ex-puzzle-refit")
def refit(answer):
    """Predictions of every round at new points."""
    sample, k = datasets.sinusoid(grid_size=7), kernels.as_kernel("rbf", gamma=GAMMA)
    x = sample.x[:, None]
    K, K_new = k(x), k(sample.grid[:, None], x)
    for lam, rounds in ((0.2, 4), (3.0, 2), (0.5, 1)):
        y = sample.y.copy()
        try:
            got = np.asarray(answer(K, K_new, y, lam, rounds), dtype=float)
        except ValueError as error:
            raise WrongAnswer(
                "The shapes do not fit. The next targets are the fitted values at the training "
                f"points, K @ weights; did you take those at the new points? ({error})"
            ) from error
        require((y == sample.y).all(), "Your function changes y in place; work on a copy.")
        _judge(got, K, K_new, y, lam, rounds)


def _judge(got, K, K_new, y, lam, rounds):
    """Name what is wrong with the predictions of `rounds` rounds."""
    (m, n), want = K_new.shape, _refits(K, K_new, y, lam, rounds)
    require(
        got.shape != (rounds, n),
        "These are values at the training points. The predictions of a fit are K_new @ c.",
    )
    require(
        got.shape != (rounds + 1, m),
        "There is one row too many: the first row belongs to the first fit.",
    )
    require(
        got.shape == want.shape,
        f"The result must have shape (rounds, m) = {want.shape}, not {got.shape}.",
    )
    require(
        rounds == 1 or not np.allclose(got, want[0]),
        "Every row is the first fit. The targets of the second fit are the fitted values of the "
        "first, not the labels.",
    )
    require(
        not np.allclose(got, _refits(K, K_new, y, lam**2, rounds)),
        "It looks as if lam were squared.",
    )
    require(
        not np.allclose(got, _refits(K, K_new, y, n * lam, rounds)),
        "It looks as if lam were multiplied by n. In this book the ridge is not.",
    )
    require(
        np.allclose(got, want),
        f"For lam = {lam} the rows should begin with {want[:, 0].round(4)}, "
        f"but yours begin with {got[:, 0].round(4)}.",
    )


@exercise("ex-puzzle-limit")
def limit(answer):
    """First fit at which an eigenvector as targets has lost half of its length."""
    for d, lam in ((10.0, 1.0), (3.0, 0.2), (100.0, 0.1), (0.01, 5.0)):
        want, got = int(np.ceil(np.log(2) / np.log1p(lam / d))), float(answer(d, lam))
        require(
            got == round(got),
            "A number of fits is whole: which whole number is the first that is enough?",
        )
        require(
            got == want or got != want - 1,
            f"For d = {d}, lam = {lam} more than half is left after {got:.0f} fits: round up.",
        )
        require(
            got == want or got != np.ceil(np.log(2) / np.log1p(d / lam)),
            "One fit multiplies the length by d / (d + lam), not by lam / (d + lam).",
        )
        require(
            got == want,
            f"For d = {d}, lam = {lam} the answer is not {got:.0f}. Solve a ** tau <= 1/2 for tau, "
            "with a = d / (d + lam); the logarithm of a is negative.",
        )


def _shares(lam, noise, draws=4000):
    """Share of draws in which the second fit is closer to the truth than the first."""
    sample = datasets.sinusoid(grid_size=101)
    rng = np.random.default_rng(0)
    Y = np.sin(2 * np.pi * sample.x)[:, None] + noise * rng.standard_normal((11, draws))
    errors = truth_errors(sample, [lam], [1, 2], y=Y, gamma=GAMMA)[0]
    return float((errors[1] < errors[0]).mean())


@exercise("ex-puzzle-share")
def share(answer):
    """Share of noise draws in which one refit helps."""
    margin = 0.06  # four standard errors of a share of 1,000 draws
    for lam in (0.4, 0.2, 1.0):
        got, want = float(answer(lam, 1000, np.random.default_rng(1))), _shares(lam, 0.5)
        require(0 <= got <= 1, f"A share lies between 0 and 1, got {got}.")
        require(
            lam != 0.4 or got not in (0.0, 1.0),
            "No draw differs from the others. Do you compare with the true curve (not with the "
            "labels), and draw fresh noise each time?",
        )
        require(
            abs(got - _shares(lam, 1.0)) > margin or abs(got - want) < margin,
            "It looks as if the noise had standard deviation 1; here it is one half.",
        )
        require(
            abs(got - (1 - want)) > margin or abs(got - want) < margin,
            "This is the share in which the refit hurts.",
        )
        require(
            abs(got - want) < margin,
            f"At lam = {lam} the share should be about {want:.2f}, but yours is {got:.2f}.",
        )


@exercise("ex-puzzle-threshold")
def threshold(answer):
    """Ridge above which a second fit to the published points hurts."""
    sample = datasets.sinusoid(grid_size=101)

    def gain(lam):
        first, second = truth_errors(sample, [lam], [1, 2], gamma=GAMMA)[0]
        return first - second

    want, got = brentq(gain, 0.1, 1.0), float(answer)
    best = 0.575  # the ridge of the best single fit, to three digits
    require(
        abs(got - best) > 0.02,
        "This is the ridge of the best single fit. There a second fit already hurts: look for "
        "the ridge at which fits 1 and 2 have the same error.",
    )
    require(abs(got - 0.2) > 0.01, "At this ridge the second fit still helps.")
    require(
        abs(got - want) < 0.005,
        f"At lam = {got:.3f} the second fit {'helps' if gain(got) > 0 else 'hurts'}. Go on until "
        "the two errors agree (two decimals are enough).",
    )
