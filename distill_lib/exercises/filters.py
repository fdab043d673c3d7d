"""Self-checks of chapter 2."""

from __future__ import annotations

import numpy as np

from distill_lib.exercises._registry import exercise, require
from distill_lib.kernel import Spectrum, filters, kernels


def _close(got, expected):
    """Whether two arrays agree; a wrong shape counts as different."""
    got = np.asarray(got, float)
    return got.shape == np.shape(expected) and np.allclose(got, expected, rtol=1e-9, atol=1e-12)


@exercise("ex-filters-ridge-by-hand")
def _ridge_by_hand(answer):
    x, y = np.array([0.1, 0.25, 0.5, 0.9]), np.array([1.0, -0.5, 2.0, 0.3])
    K, lam = kernels.SplineGreen()(x), 3e-3
    got, identity = answer(K, y, lam), np.eye(len(y))
    solve = np.linalg.solve
    require(
        np.shape(got) == y.shape,
        f"Return one fitted value a point: shape {y.shape}, not {np.shape(got)}.",
    )
    require(
        not _close(got, solve(K + lam * identity, y)),
        "These are the coefficients c. The fitted values are K c.",
    )
    require(
        not _close(got, K @ solve(K + lam**2 * identity, y)), "It looks as if lam were squared."
    )
    require(
        not _close(got, K @ solve(K + len(y) * lam * identity, y)),
        "It looks as if K were divided by n, or lam multiplied by it. Here K is not divided.",
    )
    require(
        not _close(got, K @ solve(K + lam, y)),
        "`K + lam` adds lam to every entry; the ridge goes on the diagonal only: lam * np.eye(n).",
    )
    require(
        not _close(got, lam * solve(K + lam * identity, y)),
        "These are the residuals y - K c.",
    )
    require(_close(got, K @ solve(K + lam * identity, y)), "Not K (K + lam I)^{-1} y.")


@exercise("ex-filters-spline-eigenvalues")
def _spline_eigenvalues(answer):
    for N in (10, 2, 7):
        x = np.arange(N + 1) / N
        expected = Spectrum.from_gram(kernels.SplineGreen()(x)).eigenvalues[: N - 1]
        got = np.asarray(answer(N), float)
        require(
            got.shape == (N - 1,),
            f"For N = {N} there are {N - 1} positive eigenvalues; you return shape {got.shape}.",
        )
        require(
            not (N > 2 and np.allclose(got[::-1], expected, rtol=1e-6)),
            "Right numbers, but the order is ascending; the largest comes first.",
        )
        require(
            not np.allclose(got * N, expected, rtol=1e-6),
            "You are off by the factor N: the sine vector has squared length N / 2, not 1 / 2.",
        )
        series = N / (np.arange(1, N) * np.pi) ** 4
        require(
            not (N > 2 and np.allclose(got, series, rtol=1e-6)),
            "This is sine m alone. The sines 2 N k + m and 2 N k - m look the same at the points "
            "and add to it.",
        )
        ratio = got / expected
        require(
            not (np.allclose(ratio, ratio[0], rtol=1e-6) and abs(ratio[0] - 1) > 1e-6),
            f"Right up to a constant: for N = {N} your values are {ratio[0]:.4g} times the right "
            "ones. The sine vectors have squared length N / 2.",
        )
        require(
            np.allclose(got, expected, rtol=1e-6),
            f"For N = {N} the first is {expected[0]:.4e}, yours is {got[0]:.4e}.",
        )


@exercise("ex-filters-changing-ridge")
def _changing_ridge(answer):
    d, lams = np.array([5.0, 1.0, 0.2, 0.0]), [0.5, 3.0, 0.1]
    got = answer(d, lams)
    expected = np.prod([filters.ridge(d, lam) for lam in lams], axis=0)
    require(np.shape(got) == d.shape, f"Return one value for each eigenvalue, not {np.shape(got)}.")
    require(
        not _close(got, filters.ridge(d, sum(lams))),
        "A ridge of the sum is one fit; refits multiply their filters.",
    )
    require(
        not _close(got, filters.ridge(d, np.mean(lams)) ** len(lams)),
        "That is one and the same ridge, the mean, in every round.",
    )
    require(
        not _close(got, 1 - np.prod([1 - filters.ridge(d, lam) for lam in lams], axis=0)),
        "This refits the residuals (iterated Tikhonov). Here the fitted values are refitted.",
    )
    require(
        not _close(got, filters.ridge(d, lams[-1])),
        "Only the last ridge is in it; every round multiplies.",
    )
    require(_close(got, expected), "Round i multiplies every component by d / (d + lam_i).")
    require(
        _close(answer(d, lams[:1]), filters.ridge(d, lams[0])),
        "With one ridge it is one ridge fit.",
    )


@exercise("ex-filters-average")
def _average_of_rounds(answer):
    d, lam = np.array([50.0, 4.0, 1.0, 0.01, 0.0]), 0.7
    for rounds in (4, 1, 9):
        got = answer(d, lam, rounds)
        powers = np.array([filters.distilled(d, lam, t) for t in range(1, rounds + 1)])
        require(
            np.shape(got) == d.shape, f"Return one value for each eigenvalue, not {np.shape(got)}."
        )
        require(
            np.isfinite(got).all(),
            "At d = 0 the value is not finite. Use a / (1 - a) = d / lam to get rid of 0 / 0.",
        )
        if rounds > 1:
            require(
                not _close(got, powers.sum(0)),
                "This is the sum of the fits; divide by their number.",
            )
            require(not _close(got, powers[-1]), "This is the last fit, not the average of all.")
            a = filters.ridge(d, lam)
            with_labels = (1 + powers[:-1].sum(0)) / rounds
            require(
                not _close(got, with_labels),
                "Your sum starts at a^0 = 1, the labels themselves. It runs from a^1 to a^rounds.",
            )
            require(
                not _close(got, (a * (1 - a ** (rounds - 1))) / (rounds * (1 - a))),
                "One fit is missing: the exponent in the geometric sum is `rounds`.",
            )
        require(
            _close(got, powers.mean(0)),
            f"For rounds = {rounds} this is not the mean of a, a^2, ..., a^rounds.",
        )


@exercise("ex-filters-twicing")
def _twicing(answer):
    d, lam = np.array([20.0, 2.0, 0.5, 1e-3, 0.0]), 0.4
    a = filters.ridge(d, lam)
    require(_close(answer(d, lam, 1), a), "One fit is ordinary ridge, d / (d + lam); yours is not.")
    for fits in (2, 5):
        got = answer(d, lam, fits)
        require(
            not _close(got, a**fits),
            "a^fits refits the fitted values: that is distillation. Here the residuals are "
            "refitted and added.",
        )
        require(
            not _close(got, (1 - a) ** fits), "This is what is left of the labels, the residual."
        )
        require(
            not _close(got, filters.ridge(d, lam / fits)),
            "A ridge of lam / fits agrees at the weak end only.",
        )
        require(
            not _close(got, 1 - (1 - a) ** (fits + 1)),
            "One fit too many: `fits` counts the first fit as well.",
        )
        residual, fit = np.ones_like(d), np.zeros_like(d)
        for _ in range(fits):
            fit, residual = fit + a * residual, residual - a * residual
        require(_close(got, fit), f"For fits = {fits}: run it by hand on one eigenvalue, d = lam.")
